// What every cache promises, the same for all backends.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <functional>
#include <ostream>

#include "cache/cache.h"

namespace carillon::cache {
namespace {

struct Backend {
  std::string name;
  std::function<std::unique_ptr<Cache>()> make;
  friend void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }
};

class CacheSuite : public testing::TestWithParam<Backend> {
 protected:
  template <class T>
  T run(Task<T> task) {
    context_.restart();
    auto future = boost::asio::co_spawn(context_, std::move(task), boost::asio::use_future);
    context_.run();
    return future.get();
  }
  std::vector<Taken> take(std::vector<Take> takes, Millis after) {
    auto taken = run(cache_->take(std::move(takes), start_ + after));
    EXPECT_TRUE(taken) << taken.error().message;
    return taken ? *taken : std::vector<Taken>{};
  }
  Taken take_one(std::int64_t cost, std::int64_t limit, Millis per, Millis after) {
    return take({Take{"key", cost, limit, per}}, after).at(0);
  }

  boost::asio::io_context context_;
  const std::unique_ptr<Cache> cache_ = GetParam().make();
  const Time start_ = from_ms(1'790'000'000'000);
};

TEST_P(CacheSuite, GivesTheWholeLimitAtOnceAndNoTokenMore) {
  for (int i = 0; i < 5; ++i) {
    const Taken taken = take_one(1, 5, Millis(1000), Millis(0));
    EXPECT_TRUE(taken.allowed);
    EXPECT_EQ(taken.remaining, 4 - i);
    EXPECT_EQ(taken.reset_after, Millis(200 * (i + 1)));
  }
  const Taken over = take_one(1, 5, Millis(1000), Millis(0));
  EXPECT_FALSE(over.allowed);
  EXPECT_EQ(over.remaining, 0);
  EXPECT_EQ(over.retry_after, Millis(200));
}

TEST_P(CacheSuite, RefillsEvenly) {
  ASSERT_TRUE(take_one(5, 5, Millis(1000), Millis(0)).allowed);
  EXPECT_FALSE(take_one(1, 5, Millis(1000), Millis(199)).allowed);
  EXPECT_TRUE(take_one(1, 5, Millis(1000), Millis(200)).allowed);
  EXPECT_FALSE(take_one(1, 5, Millis(1000), Millis(201)).allowed);
  EXPECT_TRUE(take_one(3, 5, Millis(1000), Millis(800)).allowed);
}

TEST_P(CacheSuite, NeverHoldsMoreThanTheLimit) {
  ASSERT_TRUE(take_one(1, 3, Millis(1000), Millis(0)).allowed);
  const Taken taken = take_one(1, 3, Millis(1000), std::chrono::hours(10));
  EXPECT_EQ(taken.remaining, 2);
}

TEST_P(CacheSuite, TakesAllOfACostOrNothing) {
  ASSERT_TRUE(take_one(3, 5, Millis(1000), Millis(0)).allowed);
  const Taken refused = take_one(3, 5, Millis(1000), Millis(0));
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.remaining, 2);
  EXPECT_EQ(refused.retry_after, Millis(200));
  EXPECT_TRUE(take_one(2, 5, Millis(1000), Millis(0)).allowed);
}

TEST_P(CacheSuite, LooksWithoutTakingWhenTheCostIsZero) {
  ASSERT_TRUE(take_one(2, 2, Millis(1000), Millis(0)).allowed);
  const Taken looked = take_one(0, 2, Millis(1000), Millis(0));
  EXPECT_TRUE(looked.allowed);
  EXPECT_EQ(looked.remaining, 0);
}

TEST_P(CacheSuite, RefusesACostAboveTheLimitAndTakesNothingForIt) {
  EXPECT_FALSE(take_one(6, 5, Millis(1000), Millis(0)).allowed);
  EXPECT_TRUE(take_one(5, 5, Millis(1000), Millis(0)).allowed);
}

TEST_P(CacheSuite, KeepsBucketsApartAndAnswersInOrder) {
  const Take a{"a", 1, 1, Millis(1000)}, b{"b", 1, 1, Millis(1000)};
  const auto taken = take({a, b, a}, Millis(0));
  ASSERT_EQ(taken.size(), 3U);
  EXPECT_TRUE(taken[0].allowed);
  EXPECT_TRUE(taken[1].allowed);
  EXPECT_FALSE(taken[2].allowed);
}

TEST_P(CacheSuite, CountsRatesAboveOnePerMillisecond) {
  ASSERT_TRUE(take_one(10'000, 10'000, Millis(1000), Millis(0)).allowed);
  EXPECT_TRUE(take_one(10, 10'000, Millis(1000), Millis(1)).allowed);
  EXPECT_FALSE(take_one(1, 10'000, Millis(1000), Millis(1)).allowed);
}

TEST_P(CacheSuite, RemembersWhatWasSentForItsTime) {
  ASSERT_TRUE(run(cache_->mark_sent({"7/0", "8/1"}, Millis(1000), start_)));
  const auto ask = [&](Millis after) {
    return *run(cache_->were_sent({"7/0", "7/1", "8/1"}, start_ + after));
  };
  EXPECT_EQ(ask(Millis(999)), (std::vector<bool>{true, false, true}));
  EXPECT_EQ(ask(Millis(1000)), (std::vector<bool>{false, false, false}));
}

TEST_P(CacheSuite, KeepsTheLaterEndOfAMark) {
  ASSERT_TRUE(run(cache_->mark_sent({"7/0"}, Millis(5000), start_)));
  ASSERT_TRUE(run(cache_->mark_sent({"7/0"}, Millis(1000), start_)));
  EXPECT_EQ(*run(cache_->were_sent({"7/0"}, start_ + Millis(4000))), std::vector<bool>{true});
}

TEST_P(CacheSuite, KeepsMarksAndBucketsOfOneNameApart) {
  ASSERT_TRUE(run(cache_->mark_sent({"key"}, Millis(5000), start_)));
  EXPECT_TRUE(take_one(1, 1, Millis(1000), Millis(0)).allowed);
}

INSTANTIATE_TEST_SUITE_P(Backends, CacheSuite,
                         testing::Values(Backend{"memory", [] { return make_memory(); }}),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace carillon::cache
