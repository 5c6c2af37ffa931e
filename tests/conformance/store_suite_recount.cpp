// The recount: exact while everything goes on, and read in pieces.
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using model::DeliveryStatus;

class Recount : public StoreSuite {
 protected:
  static constexpr std::size_t kPerItem = 250;

  std::vector<store::AcceptItem> items(std::size_t n) {
    std::vector<store::AcceptItem> made;
    for (std::size_t i = 0; i < n; ++i) made.push_back(item(kPerItem));
    return made;
  }
  // Accepts, claims, records and cancels.
  Task<bool> churn(std::vector<store::AcceptItem> late, std::vector<std::int64_t> old) {
    for (auto& one : late) {
      const std::int64_t notification = one.notification.id;
      std::vector<store::AcceptItem> items;
      items.push_back(std::move(one));
      static_cast<void>(co_await store_->accept(std::move(items), clock_.now()));
      std::vector<store::ClaimRequest> requests(1);
      requests[0].lane = {model::Queue::Email, model::Priority::Normal};
      for (int i = 0; i < 20 && !old.empty(); ++i, old.pop_back()) requests[0].ids.push_back(old.back());
      const auto claimed = co_await store_->claim(std::move(requests), owner_, clock_.now());
      std::vector<store::RecordItem> results;
      for (const auto& d : *claimed) {
        store::RecordItem& result = results.emplace_back();
        result.delivery = d;
        result.to = results.size() % 2 == 0 ? DeliveryStatus::Sent : DeliveryStatus::Failed;
      }
      static_cast<void>(co_await store_->record(std::move(results), owner_, clock_.now()));
      static_cast<void>(co_await store_->cancel(notification, "test", clock_.now()));
      static_cast<void>(co_await store_->cancel_chunk(notification, 0, kPerItem / 2, clock_.now()));
    }
    co_return true;
  }
  Task<Result<std::vector<store::CounterRow>>> recount_under_load(std::vector<store::AcceptItem> late,
                                                                  std::vector<std::int64_t> old) {
    using boost::asio::experimental::awaitable_operators::operator&&;
    auto [rows, is_done] = co_await (store_->recount() && churn(std::move(late), std::move(old)));
    co_return is_done ? std::move(rows) : fail(Errc::Unavailable, "the load did not end");
  }
};

TEST_P(Recount, IsExactWhileEverythingGoesOn) {
  auto late = items(40);  // their ids are below those that are stored already
  std::vector<std::int64_t> old;
  for (int i = 0; i < 10; ++i) {
    auto some = items(16);
    for (const auto& one : some) old.push_back(one.deliveries[static_cast<std::size_t>(i)].id);
    for (const auto& result : accept(std::move(some))) ASSERT_TRUE(result);
  }
  const auto rows = run(recount_under_load(std::move(late), std::move(old)));
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_TRUE(rows->empty());
  expect_accountable();
}

TEST_P(Recount, IsOneAtATime) {
  for (int i = 0; i < 6; ++i) accept(items(16));
  const auto both = [this]() -> Task<bool> {
    using boost::asio::experimental::awaitable_operators::operator&&;
    auto [first, second] = co_await (store_->recount() && store_->recount());
    co_return first && first->empty() && !second && second.error().code == Errc::FailedPrecondition;
  };
  EXPECT_TRUE(run(both()));
  expect_accountable();
}

INSTANTIATE_TEST_SUITE_P(Store, Recount, ::testing::ValuesIn(store_backends()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace carillon::conformance
