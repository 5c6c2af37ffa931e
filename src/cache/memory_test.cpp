#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <algorithm>
#include <atomic>
#include <thread>

#include "cache/cache.h"

namespace carillon::cache {
namespace {

constexpr Time kStart = from_ms(1'790'000'000'000);

template <class T>
T run(Task<T> task) {
  boost::asio::io_context context;
  auto future = boost::asio::co_spawn(context, std::move(task), boost::asio::use_future);
  context.run();
  return future.get();
}

Taken take(Cache& cache, Take wanted, Time now) {
  auto result = run(cache.take({std::move(wanted)}, now));
  return result->front();
}

TEST(MemoryCache, ForgetsTheLeastRecentlyUsedFirst) {
  const auto cache = make_memory({.entries_max = 3});
  ASSERT_TRUE(run(cache->mark_sent({"a", "b", "c"}, Millis(60'000), kStart)));
  EXPECT_EQ(*run(cache->were_sent({"a"}, kStart)), std::vector<bool>{true});
  ASSERT_TRUE(run(cache->mark_sent({"d"}, Millis(60'000), kStart)));
  const std::vector<bool> expected{false, true, true, true};
  EXPECT_EQ(*run(cache->were_sent({"b", "a", "c", "d"}, kStart)), expected);
}

TEST(MemoryCache, StaysWithinItsBoundWhateverTheKeys) {
  const auto cache = make_memory({.entries_max = 200});
  std::vector<std::string> keys;
  for (int i = 0; i < 5'000; ++i) keys.push_back(std::to_string(i));
  ASSERT_TRUE(run(cache->mark_sent(keys, Millis(60'000), kStart)));
  const auto left = *run(cache->were_sent(keys, kStart));
  EXPECT_LE(std::ranges::count(left, true), 200);
  EXPECT_TRUE(left.back());
}

TEST(MemoryCache, NeverAllowsMoreThanBurstAndRefillWhateverTheOrderOfCalls) {
  EXPECT_TRUE(rc::check([] {
    const auto limit = *rc::gen::inRange<std::int64_t>(1, 50);
    const auto per = Millis(*rc::gen::inRange(1, 5'000));
    const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
        rc::gen::pair(rc::gen::inRange(0, 400), rc::gen::inRange(1, 4)));
    const auto cache = make_memory();
    Time now = kStart;
    std::int64_t allowed = 0;
    for (const auto& [wait, cost] : steps) {
      now += Millis(wait);
      const Taken taken = take(*cache, {"k", cost, limit, per}, now);
      if (taken.allowed) allowed += cost;
      RC_ASSERT(taken.remaining >= 0 && taken.remaining <= limit);
      if (!taken.allowed && cost <= limit) {
        // What it says about the wait is true: not a millisecond earlier.
        RC_ASSERT(taken.retry_after > Millis(0));
        RC_ASSERT(taken.remaining < cost);
      }
    }
    const double refilled = static_cast<double>((now - kStart).count()) * static_cast<double>(limit) /
                            static_cast<double>(per.count());
    RC_ASSERT(static_cast<double>(allowed) <= static_cast<double>(limit) + refilled + 1e-3 * refilled + 1e-6);
  }));
}

TEST(MemoryCache, GivesAwayEachTokenOnceBetweenThreads) {
  const auto cache = make_memory();
  std::atomic<int> allowed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        if (take(*cache, {"k", 1, 100, std::chrono::hours(1)}, kStart).allowed) ++allowed;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(allowed, 100);
}

}  // namespace
}  // namespace carillon::cache
