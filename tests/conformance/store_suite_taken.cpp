// Deliveries that are taken while they are stored (AcceptItem::take_for).
#include "tests/conformance/store_suite.h"

namespace carillon::conformance {

using model::DeliveryStatus;
using store::Accepted;

TEST_P(StoreSuite, TakesWhatIsDueWhileItStoresIt) {
  auto item = this->item(2);
  item.deliveries[1].status = DeliveryStatus::Held;
  item.deliveries[1].reason = model::Reason::QuietHours;
  item.deliveries[1].due_at = clock_.now() + Millis(60'000);
  const auto first = item.deliveries[0].id, second = item.deliveries[1].id;
  item.take_for = owner_;
  const auto result = accept_one(std::move(item));
  ASSERT_EQ(result.taken.size(), 1U);
  EXPECT_EQ(result.taken[0].id, first);
  EXPECT_EQ(result.taken[0].status, DeliveryStatus::Processing);
  EXPECT_EQ(result.taken[0].epoch, 1U);
  EXPECT_EQ(stored(first).status, DeliveryStatus::Processing);
  EXPECT_EQ(stored(second).status, DeliveryStatus::Held);
  EXPECT_TRUE(claim({first}).empty()) << "nobody can take it again";
  expect_accountable();
  EXPECT_TRUE(record(result.taken[0], DeliveryStatus::Sent));
  EXPECT_FALSE(record(result.taken[0], DeliveryStatus::Failed)) << "recorded once";
  EXPECT_EQ(stored(first).status, DeliveryStatus::Sent);
  expect_accountable();
}

TEST_P(StoreSuite, TakesNothingOfARepeat) {
  auto one = item_with_event("e"), two = item_with_event("e");
  one.take_for = two.take_for = owner_;
  std::vector<store::AcceptItem> items;
  items.push_back(std::move(one));
  items.push_back(std::move(two));
  const auto results = accept(std::move(items));
  ASSERT_TRUE(results[0] && results[1]);
  EXPECT_EQ(results[0]->taken.size(), 1U);
  EXPECT_EQ(results[1]->kind, Accepted::Duplicate);
  EXPECT_TRUE(results[1]->taken.empty());
}

TEST_P(StoreSuite, FindsWhatWasTakenAtOnceAfterARestart) {
  auto item = this->item();
  item.take_for = owner_;
  const auto taken = accept_one(std::move(item)).taken;
  ASSERT_EQ(taken.size(), 1U);
  restart();
  const auto rows = run(store_->owned_before(owner_, 0, 10));
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->front().delivery.id, taken[0].id);
  EXPECT_EQ(rows->front().delivery.epoch, 1U);
}

TEST_P(StoreSuite, DoesNotTakeWhatACapMayStillChange) {
  auto item = this->item();
  item.take_for = owner_;
  item.caps.push_back({.delivery = 0, .count = 1, .cap_key = "k", .limit = 1, .per = Millis(1000)});
  std::vector<store::AcceptItem> items;
  items.push_back(std::move(item));
  items.push_back(this->item());
  const auto results = accept(std::move(items));
  ASSERT_EQ(results.size(), 2U);
  ASSERT_FALSE(results[0]);
  EXPECT_EQ(results[0].error().code, Errc::InvalidArgument);
  EXPECT_TRUE(results[1]) << "the others do not suffer";
  expect_accountable();
}

}  // namespace carillon::conformance
