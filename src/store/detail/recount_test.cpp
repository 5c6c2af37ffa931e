#include <gtest/gtest.h>

#include "store/detail/store_fixture_test.h"

namespace carillon::store::detail {
namespace {

class Recount : public StoreFixture {
 protected:
  // Opens, and accepts a notification of three deliveries.
  std::unique_ptr<Store> filled() {
    auto store = open();
    EXPECT_TRUE(store) << store.error().message;
    EXPECT_TRUE(run((*store)->register_process("test", kNow)));
    AcceptItem item;
    item.notification.id = 1000;
    item.notification.project = 1;
    item.notification.body = "{}";
    for (std::int64_t i = 1; i <= 3; ++i) {
      model::Delivery& d = item.deliveries.emplace_back();
      d.id = item.notification.id + i;
      d.notification = item.notification.id;
      d.project = 1;
      d.queue = model::Queue::Email;
      d.user_id = "u";
      d.due_at = kNow;
    }
    std::vector<AcceptItem> items;
    items.push_back(std::move(item));
    EXPECT_TRUE(run((*store)->accept(std::move(items), kNow)).value().at(0));
    return std::move(*store);
  }
  static constexpr Time kNow{Millis(1'800'000'000'000)};
};

TEST_F(Recount, FindsNothingWhereCountersAreRight) {
  auto store = filled();
  EXPECT_TRUE(run(store->recount()).value().empty());
  EXPECT_TRUE(run(store->recount()).value().empty());
  store->close();
}

TEST_F(Recount, FindsWhatCountersDoNotKnowAlthoughTheyAddUp) {
  filled()->close();
  exec("carillon.db", "UPDATE counter SET n = n - 2");
  auto store = open();
  ASSERT_TRUE(store);
  const auto rows = run((*store)->recount()).value();
  ASSERT_EQ(rows.size(), 2U);
  for (const CounterRow& row : rows) {
    EXPECT_EQ(row.project, 1);
    EXPECT_EQ(row.queue, model::Queue::Email);
    EXPECT_EQ(row.n, 2);
  }
  (*store)->close();
}

}  // namespace
}  // namespace carillon::store::detail
