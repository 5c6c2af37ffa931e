// What every queue promises, the same for all backends.
#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <ostream>

#include "queue/queue.h"

namespace carillon::queue {
namespace {

struct Backend {
  std::string name;
  std::function<std::unique_ptr<Queue>()> make;
  friend void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }
};

class QueueSuite : public testing::TestWithParam<Backend> {
 protected:
  // Everything a lane holds, in batches of `limit`.
  std::vector<std::int64_t> drain(model::Lane lane, std::size_t limit = 100) {
    std::vector<std::int64_t> all;
    while (true) {
      const Batch batch = queue_->poll(lane, limit);
      EXPECT_LE(batch.ids.size(), limit);
      queue_->commit(lane, batch.token);
      if (batch.ids.empty()) return all;
      all.insert(all.end(), batch.ids.begin(), batch.ids.end());
    }
  }

  const std::unique_ptr<Queue> queue_ = GetParam().make();
  const model::Lane mail_{model::Queue::Email, model::Priority::Normal};
};

std::vector<std::int64_t> numbers(std::int64_t first, std::size_t count) {
  std::vector<std::int64_t> ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

TEST_P(QueueSuite, GivesTheIdsOfALaneOldestFirst) {
  ASSERT_TRUE(queue_->publish(mail_, numbers(1, 5)));
  ASSERT_TRUE(queue_->publish(mail_, numbers(6, 5)));
  EXPECT_EQ(drain(mail_, 3), numbers(1, 10));
}

TEST_P(QueueSuite, GivesNothingTwice) {
  ASSERT_TRUE(queue_->publish(mail_, numbers(1, 3)));
  EXPECT_EQ(queue_->poll(mail_, 10).ids.size(), 3U);
  EXPECT_TRUE(queue_->poll(mail_, 10).ids.empty());
}

TEST_P(QueueSuite, TakesAnIdThatIsPublishedTwice) {
  ASSERT_TRUE(queue_->publish(mail_, numbers(7, 1)));
  ASSERT_TRUE(queue_->publish(mail_, numbers(7, 1)));
  const auto ids = drain(mail_);
  ASSERT_FALSE(ids.empty());
  EXPECT_EQ(ids, std::vector<std::int64_t>(ids.size(), 7));
}

TEST_P(QueueSuite, KeepsEveryLaneApart) {
  for (std::size_t i = 0; i < model::kLaneCount; ++i) {
    const model::Lane lane{static_cast<model::Queue>(i / model::kPriorityCount),
                           static_cast<model::Priority>(i % model::kPriorityCount)};
    ASSERT_TRUE(queue_->publish(lane, numbers(static_cast<std::int64_t>(i) * 10, 2)));
  }
  for (std::size_t i = 0; i < model::kLaneCount; ++i) {
    const model::Lane lane{static_cast<model::Queue>(i / model::kPriorityCount),
                           static_cast<model::Priority>(i % model::kPriorityCount)};
    EXPECT_EQ(queue_->size(lane), 2U);
    EXPECT_EQ(drain(lane), numbers(static_cast<std::int64_t>(i) * 10, 2));
    EXPECT_EQ(queue_->size(lane), 0U);
  }
}

TEST_P(QueueSuite, GivesAllOrSaysThatItDroppedSome) {
  constexpr std::size_t kMany = 200'000;
  ASSERT_TRUE(queue_->publish(mail_, numbers(1, kMany)));
  std::size_t got = 0;
  bool overflowed = false;
  while (true) {
    const Batch batch = queue_->poll(mail_, 1000);
    overflowed |= batch.overflowed;
    if (batch.ids.empty()) break;
    got += batch.ids.size();
  }
  EXPECT_TRUE(got == kMany || overflowed) << got;
}

TEST_P(QueueSuite, WakesOnceWhenAnEmptyLaneGetsItsFirstIdAndNeverAfterItWasToldNotTo) {
  std::vector<model::Lane> woken;
  queue_->on_ready([&](model::Lane lane) { woken.push_back(lane); });
  ASSERT_TRUE(queue_->publish(mail_, {}));
  EXPECT_TRUE(woken.empty());
  ASSERT_TRUE(queue_->publish(mail_, numbers(1, 2)));
  ASSERT_TRUE(queue_->publish(mail_, numbers(3, 2)));
  ASSERT_EQ(woken.size(), 1U);
  EXPECT_EQ(woken.front(), mail_);
  drain(mail_);
  ASSERT_TRUE(queue_->publish(mail_, numbers(5, 1)));
  EXPECT_EQ(woken.size(), 2U);
  queue_->on_ready(nullptr);
  drain(mail_);
  ASSERT_TRUE(queue_->publish(mail_, numbers(6, 1)));
  EXPECT_EQ(woken.size(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Backends, QueueSuite,
                         testing::Values(Backend{"embedded", [] { return make_embedded(); }}),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace carillon::queue
