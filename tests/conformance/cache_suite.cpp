// What every cache promises, the same for all backends.
//
// Redis is asked for real: tests/conformance/redis_server.h starts one.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <functional>
#include <ostream>
#include <tuple>

#include "base/crypto.h"
#include "cache/cache.h"
#include "tests/conformance/redis_server.h"

namespace carillon::cache {
namespace {

using namespace std::string_literals;

struct Backend {
  std::string name;
  // A new and empty one; null: it cannot be had here.
  std::function<std::unique_ptr<Cache>()> make;
  friend void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }
};

class CacheSuite : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    cache_ = GetParam().make();
    if (!cache_) GTEST_SKIP() << conformance::kNoRedis;
  }

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
  std::unique_ptr<Cache> cache_;
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

TEST_P(CacheSuite, TellsLongKeysApart) {
  const std::string common(10'000, 'k');
  ASSERT_TRUE(run(cache_->mark_sent({common + "a"}, Millis(5000), start_)));
  EXPECT_EQ(*run(cache_->were_sent({common + "a", common + "b"}, start_)), (std::vector<bool>{true, false}));
}

TEST_P(CacheSuite, TakesEveryByteInAKey) {
  const std::string odd = "a\r\n\0b {x} \xff"s;
  ASSERT_TRUE(run(cache_->mark_sent({odd}, Millis(5000), start_)));
  EXPECT_EQ(*run(cache_->were_sent({odd, "a", ""}, start_)), (std::vector<bool>{true, false, false}));
}

TEST_P(CacheSuite, AnswersAnEmptyCall) {
  EXPECT_TRUE(run(cache_->take({}, start_))->empty());
  EXPECT_TRUE(run(cache_->mark_sent({}, Millis(1000), start_)));
  EXPECT_TRUE(run(cache_->were_sent({}, start_))->empty());
}

TEST_P(CacheSuite, AnswersThousandsAtOnce) {
  std::vector<Take> takes;
  std::vector<std::string> marks;
  for (int i = 0; i < 5'000; ++i) {
    takes.push_back({std::to_string(i), 1, 2 + i % 3, Millis(1000)});
    marks.push_back(std::to_string(i) + "/0");
  }
  const auto taken = take(takes, Millis(0));
  ASSERT_EQ(taken.size(), takes.size());
  for (std::size_t i = 0; i < taken.size(); ++i) {
    ASSERT_TRUE(taken[i].allowed);
    ASSERT_EQ(taken[i].remaining, takes[i].limit - 1);
  }
  ASSERT_TRUE(run(cache_->mark_sent(marks, Millis(5000), start_)));
  marks.push_back("none");
  std::vector<bool> expected(5'000, true);
  expected.push_back(false);
  EXPECT_EQ(*run(cache_->were_sent(marks, start_)), expected);
}

TEST_P(CacheSuite, RecoversWithinOnePeriodFromAClockThatSteppedBack) {
  ASSERT_TRUE(take_one(1, 2, Millis(1000), std::chrono::hours(5)).allowed);
  EXPECT_FALSE(take_one(1, 2, Millis(1000), Millis(0)).allowed);
  EXPECT_TRUE(take_one(1, 2, Millis(1000), Millis(500)).allowed);
}

TEST_P(CacheSuite, TakesALongPeriodForTheLongestThatItKnows) {
  const Millis year = std::chrono::days(365);
  ASSERT_TRUE(take_one(2, 2, year, Millis(0)).allowed);
  EXPECT_FALSE(take_one(1, 2, year, kPeriodMax / 2 - Millis(1)).allowed);
  EXPECT_TRUE(take_one(1, 2, year, kPeriodMax / 2).allowed);
}

// The embedded one is the model: a script that counts otherwise by a nanosecond is found here.
TEST_P(CacheSuite, CountsExactlyAsTheEmbeddedOneWhateverTheOrderOfCalls) {
  EXPECT_TRUE(rc::check([this] {
    const auto model = make_memory();
    const auto prefix = base::random_text(8);
    const auto steps = *rc::gen::container<std::vector<std::tuple<int, int, int, int>>>(
        rc::gen::tuple(rc::gen::inRange(-300, 2'000), rc::gen::inRange(0, 3), rc::gen::inRange(0, 6),
                       rc::gen::inRange(0, 4)));
    Time now = start_;
    std::vector<Take> takes;
    for (const auto& [wait, key, cost, kind] : steps) {
      constexpr std::array<std::pair<std::int64_t, int>, 4> kKinds{
          {{3, 1000}, {7, 777}, {9'999, 1}, {0, 50}}};
      takes.push_back({prefix + std::to_string(key), cost, kKinds[static_cast<std::size_t>(kind)].first,
                       Millis(kKinds[static_cast<std::size_t>(kind)].second)});
      if (takes.size() < 4) continue;
      now += Millis(wait);
      const auto expected = *run(model->take(takes, now));
      const auto taken = run(cache_->take(std::exchange(takes, {}), now));
      RC_ASSERT(taken.has_value());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        RC_ASSERT((*taken)[i].allowed == expected[i].allowed);
        RC_ASSERT((*taken)[i].remaining == expected[i].remaining);
        RC_ASSERT((*taken)[i].retry_after == expected[i].retry_after);
        RC_ASSERT((*taken)[i].reset_after == expected[i].reset_after);
      }
    }
  }));
}

std::unique_ptr<Cache> make_redis() {
  static base::Metrics metrics;
  const auto* const server = conformance::RedisServer::shared();
  if (server == nullptr) return nullptr;
  Options options;
  options.url = server->url();
  options.prefix = base::random_text(12) + ":";
  options.timeout = std::chrono::seconds(20);
  auto cache = open(options, metrics);
  EXPECT_TRUE(cache) << cache.error().message;
  return cache ? std::move(*cache) : nullptr;
}

INSTANTIATE_TEST_SUITE_P(Backends, CacheSuite,
                         testing::Values(Backend{"memory", [] { return make_memory(); }},
                                         Backend{"redis", make_redis}),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace carillon::cache
