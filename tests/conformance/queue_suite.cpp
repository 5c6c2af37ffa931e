// What every queue promises, the same for all backends.
//
// Kafka is asked for real, and librdkafka's mock cluster beside it, which forgets
// (tests/conformance/kafka_server.h). What is published comes a moment later there, so that the tests wait
// for it.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <numeric>
#include <ostream>

#include "base/clock.h"
#include "base/crypto.h"
#include "queue/queue.h"
#include "tests/conformance/eventually.h"
#include "tests/conformance/kafka_server.h"

namespace carillon::queue {
namespace {

using namespace std::chrono_literals;

struct Backend {
  std::string name;
  // A new and empty one; null: it cannot be had here.
  std::function<std::unique_ptr<Queue>()> make;
  friend void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }
};

class QueueSuite : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    queue_ = GetParam().make();
    if (!queue_) GTEST_SKIP() << conformance::kNoKafka;
  }

  // Waits until a lane holds so many ids.
  void arrive(model::Lane lane, std::size_t count) {
    conformance::eventually([&] { return queue_->size(lane) >= count; });
    EXPECT_EQ(queue_->size(lane), count);
  }

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

  std::unique_ptr<Queue> queue_;
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
  arrive(mail_, 10);
  EXPECT_EQ(drain(mail_, 3), numbers(1, 10));
}

TEST_P(QueueSuite, GivesNothingTwice) {
  ASSERT_TRUE(queue_->publish(mail_, numbers(1, 3)));
  arrive(mail_, 3);
  EXPECT_EQ(queue_->poll(mail_, 10).ids.size(), 3U);
  EXPECT_TRUE(queue_->poll(mail_, 10).ids.empty());
}

TEST_P(QueueSuite, TakesAnIdThatIsPublishedTwice) {
  ASSERT_TRUE(queue_->publish(mail_, numbers(7, 1)));
  ASSERT_TRUE(queue_->publish(mail_, numbers(7, 1)));
  arrive(mail_, 2);
  const auto ids = drain(mail_);
  ASSERT_FALSE(ids.empty());
  EXPECT_EQ(ids, std::vector<std::int64_t>(ids.size(), 7));
}

TEST_P(QueueSuite, KeepsEveryLaneApart) {
  for (std::size_t i = 0; i < model::kLaneCount; ++i) {
    const model::Lane lane{static_cast<model::Queue>(i / model::kPriorityCount),
                           static_cast<model::Priority>(i % model::kPriorityCount)};
    ASSERT_TRUE(queue_->publish(lane, numbers(static_cast<std::int64_t>(i) * 10 + 1, 2)));
  }
  for (std::size_t i = 0; i < model::kLaneCount; ++i) {
    const model::Lane lane{static_cast<model::Queue>(i / model::kPriorityCount),
                           static_cast<model::Priority>(i % model::kPriorityCount)};
    arrive(lane, 2);
    EXPECT_EQ(drain(lane), numbers(static_cast<std::int64_t>(i) * 10 + 1, 2));
    EXPECT_EQ(queue_->size(lane), 0U);
  }
}

TEST_P(QueueSuite, GivesAllOrSaysThatItDroppedSome) {
  constexpr std::size_t kMany = 200'000;
  ASSERT_TRUE(queue_->publish(mail_, numbers(1, kMany)));
  std::size_t got = 0;
  bool overflowed = false;
  const auto deadline = base::Deadline::after(60s);
  while (got < kMany && !overflowed && !deadline.passed()) {
    const Batch batch = queue_->poll(mail_, 1000);
    overflowed |= batch.overflowed;
    got += batch.ids.size();
  }
  EXPECT_TRUE(got == kMany || overflowed) << got;
}

TEST_P(QueueSuite, WakesOnceWhenAnEmptyLaneGetsItsFirstIdAndNeverAfterItWasToldNotTo) {
  std::mutex mutex;
  std::vector<model::Lane> woken;
  const auto wakes = [&] {
    const std::lock_guard lock(mutex);
    return woken.size();
  };
  queue_->on_ready([&](model::Lane lane) {
    const std::lock_guard lock(mutex);
    woken.push_back(lane);
  });
  ASSERT_TRUE(queue_->publish(mail_, {}));
  EXPECT_EQ(wakes(), 0U);
  ASSERT_TRUE(queue_->publish(mail_, numbers(1, 2)));
  ASSERT_TRUE(queue_->publish(mail_, numbers(3, 2)));
  arrive(mail_, 4);
  ASSERT_EQ(wakes(), 1U);
  EXPECT_EQ(woken.front(), mail_);
  drain(mail_);
  ASSERT_TRUE(queue_->publish(mail_, numbers(5, 1)));
  arrive(mail_, 1);
  EXPECT_EQ(wakes(), 2U);
  queue_->on_ready(nullptr);
  drain(mail_);
  ASSERT_TRUE(queue_->publish(mail_, numbers(6, 1)));
  arrive(mail_, 1);
  EXPECT_EQ(wakes(), 2U);
}

// One partition: order is kept within one only.
std::unique_ptr<Queue> make_kafka(conformance::KafkaServer* server) {
  static base::Metrics metrics;
  if (server == nullptr) return nullptr;
  Options options;
  options.url = server->url();
  options.prefix = "t" + base::random_text(10) + ".";
  options.partitions = 1;
  server->make_topics(options.prefix, 1);
  std::vector<model::Queue> queues;
  for (std::size_t q = 0; q < model::kQueueCount; ++q) queues.push_back(static_cast<model::Queue>(q));
  auto queue = open(options, queues, metrics);
  EXPECT_TRUE(queue) << queue.error().message;
  return queue ? std::move(*queue) : nullptr;
}

INSTANTIATE_TEST_SUITE_P(
    Backends, QueueSuite,
    testing::Values(Backend{"embedded", [] { return make_embedded(); }},
                    Backend{"kafka_mock", [] { return make_kafka(conformance::KafkaServer::mock()); }},
                    Backend{"kafka", [] { return make_kafka(conformance::KafkaServer::shared()); }}),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace carillon::queue
