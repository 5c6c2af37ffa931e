#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <thread>

#include "queue/queue.h"

namespace carillon::queue {
namespace {

constexpr model::Lane kLane{model::Queue::Email, model::Priority::Normal};

std::vector<std::int64_t> numbers(std::int64_t first, std::size_t count) {
  std::vector<std::int64_t> ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

TEST(EmbeddedQueue, KeepsTheOldestOfAFullLaneAndTellsOfTheDropOnce) {
  const auto queue = make_embedded({.lane_max = 4});
  ASSERT_TRUE(queue->publish(kLane, numbers(1, 3)));
  ASSERT_TRUE(queue->publish(kLane, numbers(10, 3)));
  EXPECT_EQ(queue->size(kLane), 4U);
  const Batch first = queue->poll(kLane, 2);
  EXPECT_EQ(first.ids, (std::vector<std::int64_t>{1, 2}));
  EXPECT_TRUE(first.overflowed);
  const Batch second = queue->poll(kLane, 10);
  EXPECT_EQ(second.ids, (std::vector<std::int64_t>{3, 10}));
  EXPECT_FALSE(second.overflowed);
}

TEST(EmbeddedQueue, KeepsTheWordOfAnOverflowWhenNothingMayBeTaken) {
  const auto queue = make_embedded({.lane_max = 1});
  ASSERT_TRUE(queue->publish(kLane, numbers(1, 2)));
  EXPECT_FALSE(queue->poll(kLane, 0).overflowed);
  EXPECT_TRUE(queue->poll(kLane, 1).overflowed);
}

TEST(EmbeddedQueue, BoundsEachLaneByItself) {
  const auto queue = make_embedded({.lane_max = 2});
  const model::Lane other{model::Queue::Email, model::Priority::Critical};
  ASSERT_TRUE(queue->publish(kLane, numbers(1, 2)));
  ASSERT_TRUE(queue->publish(other, numbers(5, 2)));
  EXPECT_EQ(queue->size(other), 2U);
  EXPECT_FALSE(queue->poll(other, 2).overflowed);
}

TEST(EmbeddedQueue, IgnoresHomesOfFinalRows) {
  const auto queue = make_embedded();
  for (const auto home : {model::Queue::None, model::Queue::PushAny}) {
    const model::Lane lane{home, model::Priority::Normal};
    EXPECT_TRUE(queue->publish(lane, numbers(1, 2)));
    EXPECT_EQ(queue->size(lane), 0U);
    EXPECT_TRUE(queue->poll(lane, 2).ids.empty());
  }
}

TEST(EmbeddedQueue, LosesAndRepeatsNothingBetweenThreadsWhileThereIsRoom) {
  constexpr std::size_t kThreads = 4, kEach = 2'000;
  const auto queue = make_embedded({.lane_max = kThreads * kEach});
  std::vector<std::thread> publishers;
  for (std::size_t t = 0; t < kThreads; ++t) {
    publishers.emplace_back([&, t] {
      for (std::size_t i = 0; i < kEach; ++i) {
        const auto id = static_cast<std::int64_t>(t * kEach + i);
        ASSERT_TRUE(queue->publish(kLane, {&id, 1}));
      }
    });
  }
  std::vector<int> seen(kThreads * kEach);
  std::size_t taken = 0;
  while (taken < seen.size()) {
    for (const auto id : queue->poll(kLane, 64).ids) {
      ++seen[static_cast<std::size_t>(id)];
      ++taken;
    }
  }
  for (auto& thread : publishers) thread.join();
  EXPECT_EQ(std::ranges::count(seen, 1), static_cast<std::ptrdiff_t>(seen.size()));
  EXPECT_EQ(queue->size(kLane), 0U);
}

}  // namespace
}  // namespace carillon::queue
