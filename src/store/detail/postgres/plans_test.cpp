// What is asked for each notification is found by key also in a partition of which PostgreSQL knows nothing
// yet, as every day's is at midnight.
#include <fmt/format.h>

#include "base/ids.h"
#include "store/detail/postgres/store_fixture_test.h"

namespace carillon::store {
namespace {

constexpr std::size_t kBatch = 200, kBatches = 10;
constexpr model::Lane kLane{model::Queue::Email, model::Priority::Normal};

class PostgresPlans : public detail::PostgresStoreTest {
 protected:
  PostgresPlans() : PostgresStoreTest("plans") {}
  void SetUp() override {
    PostgresStoreTest::SetUp();
    if (!store_) return;
    owner_ = run(store_->register_process("plans", clock_.now())).value().owner;
    ids_.emplace(clock_, owner_.node, 0);
  }
  void accept(std::size_t batch) {
    std::vector<AcceptItem> items;
    for (std::size_t i = 0; i < kBatch; ++i) {
      AcceptItem& item = items.emplace_back();
      const std::int64_t id = ids_->take(2);
      item.notification.id = id;
      item.notification.project = 1;
      item.notification.app = 1;
      item.notification.status = model::NotificationStatus::Sending;
      item.notification.first_delivery = id + 1;
      item.notification.body = "{}";
      item.event = keys_.lookup_hash({fmt::format("event-{}-{}", batch, i)});
      model::Delivery& d = item.deliveries.emplace_back();
      d.id = id + 1;
      d.notification = id;
      d.project = 1;
      d.queue = kLane.queue;
      d.user_id = fmt::format("u{}", i);
    }
    const auto accepted = run(store_->accept(std::move(items), clock_.now()));
    ASSERT_TRUE(accepted) << accepted.error().message;
    for (const auto& one : *accepted) {
      ASSERT_TRUE(one) << one.error().message;
      ASSERT_EQ(one->kind, Accepted::New);
    }
  }
  // Rows read through indexes, of these tables and their partitions, by connections that are closed.
  std::int64_t rows_read(const std::string& tables) {
    const auto db = connect();
    detail::Statement s = db->statement(
        "SELECT coalesce(sum(idx_tup_fetch), 0) FROM pg_stat_user_tables WHERE relname LIKE ?1 || '%'");
    EXPECT_TRUE(*s.bind(1, tables).next());
    return s.integer(0);
  }

  base::SystemClock clock_;
  Owner owner_;
  std::optional<base::IdGenerator> ids_;
};

TEST_F(PostgresPlans, AnEventIdIsLookedForWithoutReadingTheDaysOthers) {
  for (std::size_t batch = 0; batch < kBatches; ++batch) accept(batch);
  store_->close();
  EXPECT_LT(rows_read("dedup"), std::int64_t{kBatch}) << "nobody had any of them";
}

TEST_F(PostgresPlans, WhatLostProcessesHaveIsLookedForAmongWhatIsTaken) {
  for (std::size_t batch = 0; batch < kBatches; ++batch) accept(batch);
  store_->close();
  const std::int64_t before = rows_read("delivery");
  store_ = open();
  owner_ = run(store_->register_process("plans", clock_.now())).value().owner;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(run(store_->owned_by_lost(0, 1'000)).value().empty());
  store_->close();
  EXPECT_LT(rows_read("delivery") - before, std::int64_t{kBatch}) << "nothing was taken";
}

}  // namespace
}  // namespace carillon::store
