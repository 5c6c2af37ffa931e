// What is critical is accepted, claimed and recorded while a transaction of others stands still.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/ids.h"
#include "store/detail/postgres/store_fixture_test.h"

namespace carillon::store {
namespace {

using model::Priority;

class PostgresCritical : public detail::PostgresStoreTest {
 protected:
  PostgresCritical() : PostgresStoreTest("critical") {}
  void SetUp() override {
    PostgresStoreTest::SetUp();
    if (!store_) return;
    owner_ = run(store_->register_process("critical", clock_.now())).value().owner;
    ids_.emplace(clock_, owner_.node, 0);
  }
  static model::Lane lane(Priority priority) { return {model::Queue::Email, priority}; }
  std::int64_t accept(Priority priority) {
    AcceptItem item;
    const std::int64_t id = ids_->take(2);
    item.notification.id = id;
    item.notification.project = 1;
    item.notification.app = 1;
    item.notification.status = model::NotificationStatus::Sending;
    item.notification.priority = priority;
    item.notification.first_delivery = id + 1;
    item.notification.body = "{}";
    model::Delivery& d = item.deliveries.emplace_back();
    d.id = id + 1;
    d.notification = id;
    d.project = 1;
    d.queue = model::Queue::Email;
    d.priority = priority;
    d.user_id = "u";
    std::vector<AcceptItem> items;
    items.push_back(std::move(item));
    const auto accepted = answer(store_->accept(std::move(items), clock_.now()));
    EXPECT_TRUE(accepted && accepted->front());
    return id + 1;
  }
  std::vector<model::Delivery> claim(Priority priority, std::int64_t id) {
    auto claimed = answer(store_->claim({{.lane = lane(priority), .ids = {id}}}, owner_, clock_.now()));
    EXPECT_TRUE(claimed) << claimed.error().message;
    return claimed ? std::move(*claimed) : std::vector<model::Delivery>{};
  }
  static std::shared_ptr<const std::vector<RecordItem>> sent(std::vector<model::Delivery> rows) {
    std::vector<RecordItem> items;
    for (model::Delivery& d : rows) {
      RecordItem& item = items.emplace_back();
      item.delivery = std::move(d);
      item.to = model::DeliveryStatus::Sent;
    }
    return std::make_shared<const std::vector<RecordItem>>(std::move(items));
  }

  base::SystemClock clock_;
  Owner owner_;
  std::optional<base::IdGenerator> ids_;
};

TEST_F(PostgresCritical, DoesNotWaitForATransactionOfOthers) {
  const std::int64_t bulk = accept(Priority::Bulk);
  const auto taken = claim(Priority::Bulk, bulk);
  ASSERT_EQ(taken.size(), 1U);
  // Somebody else is at that row: the transaction of its result waits.
  const auto other = connect();
  ASSERT_TRUE(other->begin());
  ASSERT_EQ(other->number(fmt::format("SELECT id FROM delivery WHERE id = {} FOR UPDATE", bulk)).value(),
            bulk);
  std::optional<Result<std::vector<bool>>> bulk_recorded;
  begin(store_->record(sent(taken), owner_, clock_.now()), bulk_recorded);

  const std::int64_t urgent = accept(Priority::Critical);
  const auto claimed = claim(Priority::Critical, urgent);
  ASSERT_EQ(claimed.size(), 1U);
  const auto recorded = answer(store_->record(sent(claimed), owner_, clock_.now()));
  ASSERT_TRUE(recorded) << recorded.error().message;
  EXPECT_EQ(*recorded, std::vector<bool>{true});
  EXPECT_FALSE(bulk_recorded) << "it still stands there";

  other->rollback();
  wait_for(bulk_recorded);
  ASSERT_TRUE(*bulk_recorded) << bulk_recorded->error().message;
  EXPECT_EQ(**bulk_recorded, std::vector<bool>{true});
  for (const CounterRow& row : answer(store_->counters()).value()) {
    if (row.status == model::DeliveryStatus::Sent) EXPECT_EQ(row.n, 1);
  }
  EXPECT_TRUE(answer(store_->recount()).value().empty()) << "the counters of all writers together are right";
}

}  // namespace
}  // namespace carillon::store
