// What only a queue on Kafka has to live with: brokers that stop, hang and forget, offsets, other processes,
// topics that somebody else made.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <set>

#include "base/crypto.h"
#include "queue/hint.h"
#include "queue/kafka_producer.h"
#include "queue/queue.h"
#include "tests/conformance/eventually.h"
#include "tests/conformance/kafka_server.h"

namespace carillon::queue {
namespace {

using conformance::eventually;
using conformance::KafkaServer;
using namespace std::chrono_literals;

constexpr model::Lane kLane{model::Queue::Sms, model::Priority::Critical};
constexpr std::array<model::Queue, 1> kQueues{model::Queue::Sms};
constexpr auto kJoinedWithin = 15s;  // of a consumer, once its broker is there

std::vector<std::int64_t> numbers(std::int64_t first, std::int64_t last) {
  std::vector<std::int64_t> ids;
  for (std::int64_t id = first; id <= last; ++id) ids.push_back(id);
  return ids;
}

class KafkaQueue : public testing::Test {
 protected:
  void SetUp() override {
    server_ = server();
    if (server_ == nullptr) GTEST_SKIP() << conformance::kNoKafka;
    options_.url = server_->url();
    options_.prefix = "t" + base::random_text(10) + ".";
    options_.partitions = 2;
  }
  virtual KafkaServer* server() { return KafkaServer::shared(); }

  std::unique_ptr<Queue> open() {
    auto opened = queue::open(options_, kQueues, metrics_);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  Error refused() {
    auto opened = queue::open(options_, kQueues, metrics_);
    EXPECT_FALSE(opened);
    return opened ? Error{} : opened.error();
  }
  // Takes until `ids` have all come; returns what came.
  static std::multiset<std::int64_t> take(Queue& queue, const std::vector<std::int64_t>& ids,
                                          bool commits = true) {
    std::multiset<std::int64_t> got;
    EXPECT_TRUE(eventually([&] {
      const Batch batch = queue.poll(kLane, 100);
      got.insert(batch.ids.begin(), batch.ids.end());
      if (commits) queue.commit(kLane, batch.token);
      return std::ranges::all_of(ids, [&](std::int64_t id) { return got.contains(id); });
    })) << got.size()
        << " of " << ids.size();
    return got;
  }
  // Publishes until it is taken, and waits until the id has come.
  static void publish_until_it_comes(Queue& queue, std::int64_t id) { ASSERT_TRUE(comes(queue, id, 60s)); }
  static bool comes(Queue& queue, std::int64_t id, std::chrono::seconds patience) {
    std::set<std::int64_t> got;
    return eventually(
        [&] {
          static_cast<void>(queue.publish(kLane, {&id, 1}));
          for (const auto each : queue.poll(kLane, 1000).ids) got.insert(each);
          return got.contains(id);
        },
        patience);
  }

  base::Metrics metrics_;
  Options options_;
  KafkaServer* server_ = nullptr;
};

TEST_F(KafkaQueue, GivesAgainWhatWasNotCommittedAndNotWhatWas) {
  auto queue = open();
  ASSERT_TRUE(queue->publish(kLane, numbers(1, 200)));
  take(*queue, numbers(1, 200), false);
  queue.reset();
  queue = open();
  take(*queue, numbers(1, 200), true);
  queue.reset();
  queue = open();
  ASSERT_TRUE(queue->publish(kLane, numbers(900, 900)));
  EXPECT_EQ(take(*queue, numbers(900, 900)), std::multiset<std::int64_t>{900});
}

TEST_F(KafkaQueue, IsSharedByProcessesThatTakeTheSameQueue) {
  options_.partitions = 4;
  const auto one = open(), two = open();
  std::set<std::int64_t> got;
  std::size_t by_one = 0, by_two = 0;
  std::int64_t id = 0;
  bool is_said = false;  // that some may be lost
  EXPECT_TRUE(eventually([&] {
    ++id;
    EXPECT_TRUE(one->publish(kLane, {&id, 1}));
    for (auto [queue, count] : {std::pair{one.get(), &by_one}, std::pair{two.get(), &by_two}}) {
      const Batch batch = queue->poll(kLane, 100);
      is_said |= batch.overflowed;
      queue->commit(kLane, batch.token);
      *count += batch.ids.size();
      got.insert(batch.ids.begin(), batch.ids.end());
    }
    return by_one > 20 && by_two > 20;
  })) << by_one
      << " and " << by_two;
  EXPECT_TRUE(eventually([&] {
    for (auto* queue : {one.get(), two.get()}) {
      const Batch batch = queue->poll(kLane, 100);
      is_said |= batch.overflowed;
      got.insert(batch.ids.begin(), batch.ids.end());
    }
    return got.size() == static_cast<std::size_t>(id);
  })) << got.size()
      << " of " << id << ", said: " << is_said << ", not acknowledged: "
      << metrics_.value("carillon_queue_dropped_total", {{"reason", "not_acknowledged"}}) << ", received "
      << metrics_.value("carillon_queue_received_total");
}

TEST_F(KafkaQueue, HearsOnlyTheQueuesItTakes) {
  const auto queue = open();
  constexpr model::Lane kOther{model::Queue::Email, model::Priority::Critical};
  ASSERT_TRUE(queue->publish(kOther, numbers(1, 10)));
  ASSERT_TRUE(queue->publish(kLane, numbers(1, 10)));
  take(*queue, numbers(1, 10));
  EXPECT_EQ(queue->size(kOther), 0U);
}

TEST_F(KafkaQueue, DropsWhatALaneHasNoRoomForAndSaysSo) {
  options_.lane_max = 64;
  const auto queue = open();
  ASSERT_TRUE(queue->publish(kLane, numbers(1, 1000)));
  ASSERT_TRUE(eventually([&] { return metrics_.value("carillon_queue_received_total") >= 1000; }));
  EXPECT_EQ(queue->size(kLane), 64U);
  EXPECT_TRUE(queue->poll(kLane, 100).overflowed);
  EXPECT_GE(metrics_.value("carillon_queue_dropped_total", {{"reason", "lane_full"}}), 14U);
}

struct Quiet final : ProducerEvents {
  void on_acknowledged(model::Lane, std::chrono::microseconds) override {}
  void on_lost(model::Lane, rd_kafka_resp_err_t) override {}
  void on_trouble(const std::string&, bool, bool) override {}
};

TEST_F(KafkaQueue, PassesOverMessagesThatAreNoHints) {
  const auto queue = open();
  Quiet events;
  TopicPlan plan;
  for (const model::Lane lane : all_lanes()) plan.names.push_back(topic_of(options_.prefix, lane));
  const auto stranger = KafkaProducer::open(KafkaConfig::open(options_).value(), plan, events).value();
  for (const std::string& rubbish :
       {std::string(), std::string("{\"id\": 1}"), std::string(9, '\0'), std::string(60'000, '\1')}) {
    ASSERT_EQ(stranger->send(kLane, rubbish), RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  stranger->flush(Millis(10'000));
  ASSERT_TRUE(queue->publish(kLane, numbers(5, 6)));
  take(*queue, numbers(5, 6));
  EXPECT_TRUE(eventually([&] { return metrics_.value("carillon_queue_malformed_total") == 4; }));
}

// A topic that somebody else made.
void make_topic(const Options& options, const std::string& name,
                const std::vector<std::pair<const char*, const char*>>& settings) {
  Quiet events;
  const auto producer = KafkaProducer::open(KafkaConfig::open(options).value(), {}, events).value();
  std::array<char, 256> why{};
  const NewTopicPtr topic(rd_kafka_NewTopic_new(name.c_str(), 1, 1, why.data(), why.size()));
  for (const auto& [key, value] : settings) rd_kafka_NewTopic_set_config(topic.get(), key, value);
  const KafkaQueuePtr answers(rd_kafka_queue_new(producer->client()));
  rd_kafka_NewTopic_t* raw = topic.get();
  rd_kafka_CreateTopics(producer->client(), &raw, 1, nullptr, answers.get());
  const EventPtr event(rd_kafka_queue_poll(answers.get(), 30'000));
  ASSERT_TRUE(event);
  ASSERT_EQ(rd_kafka_event_error(event.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
}

TEST_F(KafkaQueue, NamesTheTopicAndTheSettingThatAreWrong) {
  const std::string name = topic_of(options_.prefix, kLane);
  make_topic(options_, name, {{"cleanup.policy", "compact"}});
  const Error compact = refused();
  EXPECT_EQ(compact.code, Errc::FailedPrecondition);
  EXPECT_NE(compact.message.find("topic " + name + ": cleanup.policy is compact"), std::string::npos)
      << compact.message;
  options_.prefix = "t" + base::random_text(10) + ".";
  make_topic(options_, topic_of(options_.prefix, kLane), {{"min.insync.replicas", "2"}});
  const Error unwritable = refused();
  EXPECT_NE(unwritable.message.find("min.insync.replicas is 2 and there are 1 replicas"), std::string::npos)
      << unwritable.message;
}

TEST_F(KafkaQueue, NamesATopicThatIsMissingWhereItMayNotMakeOne) {
  options_.create_topics = false;
  const Error missing = refused();
  EXPECT_EQ(missing.code, Errc::FailedPrecondition);
  EXPECT_NE(missing.message.find("topic " + options_.prefix + "delivery.push.ios.critical is missing"),
            std::string::npos)
      << missing.message;
}

// ---- with a broker of its own

class KafkaOutage : public KafkaQueue {
 protected:
  static void TearDownTestSuite() { own().reset(); }
  static std::unique_ptr<KafkaServer>& own() {
    static std::unique_ptr<KafkaServer> server;
    return server;
  }
  KafkaServer* server() override {
    if (!own()) own() = KafkaServer::start();
    return own().get();
  }

  // Publishes until the queue refuses; no call of it may wait for a broker.
  static void publish_until_it_is_refused(Queue& queue) {
    auto longest = 0ns;
    EXPECT_TRUE(eventually([&] {
      const std::int64_t id = 1;
      const auto began = std::chrono::steady_clock::now();
      const auto published = queue.publish(kLane, {&id, 1});
      longest = std::max(longest, std::chrono::nanoseconds(std::chrono::steady_clock::now() - began));
      return !published && published.error().code == Errc::Unavailable;
    }));
    EXPECT_LT(longest, 1s);
  }
};

TEST_F(KafkaOutage, RefusesWhileTheBrokerIsDeadSaysSoToLanesAndComesBack) {
  const auto queue = open();
  publish_until_it_comes(*queue, 7);
  EXPECT_EQ(queue->trouble(), "");
  server_->kill();
  publish_until_it_is_refused(*queue);
  EXPECT_TRUE(queue->trouble().starts_with("Kafka at 127.0.0.1:")) << queue->trouble();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(eventually([&] { return queue->poll(kLane, 1000).overflowed; }));
  }
  std::atomic<int> woken = 0;
  queue->on_ready([&](model::Lane lane) { woken += lane == kLane ? 1 : 0; });
  EXPECT_TRUE(eventually([&] { return queue->poll(kLane, 1000).overflowed && woken > 0; }));
  queue->on_ready(nullptr);
  server_->restart();
  publish_until_it_comes(*queue, 8);
  EXPECT_TRUE(eventually([&] { return queue->trouble().empty(); })) << queue->trouble();
}

TEST_F(KafkaOutage, NeverWaitsForABrokerThatHangs) {
  const auto queue = open();
  publish_until_it_comes(*queue, 7);
  server_->signal(SIGSTOP);
  publish_until_it_is_refused(*queue);
  server_->signal(SIGCONT);
  publish_until_it_comes(*queue, 9);
}

TEST_F(KafkaOutage, MakesItsTopicsAnewWhenTheBrokerForgotEverything) {
  const auto queue = open();
  publish_until_it_comes(*queue, 7);
  server_->wipe();
  publish_until_it_is_refused(*queue);
  server_->restart();
  publish_until_it_comes(*queue, 10);
}

// Its consumers join their groups while there is no topic, and see no change when topics like those they knew
// before are there: a client of librdkafka 2.0.2 stays without partitions then, unless it joins once more.
TEST_F(KafkaOutage, HearsOfTopicsThatAreThereAgainLater) {
  options_.partitions = 1;
  publish_until_it_comes(*open(), 7);  // makes them
  options_.create_topics = false;
  const auto queue = open();
  publish_until_it_comes(*queue, 8);
  server_->wipe();
  publish_until_it_is_refused(*queue);
  server_->restart();
  EXPECT_TRUE(eventually([&] { return queue->trouble().contains(" is missing"); })) << queue->trouble();
  EXPECT_FALSE(comes(*queue, 9, kJoinedWithin));
  for (const model::Lane lane : all_lanes()) make_topic(options_, topic_of(options_.prefix, lane), {});
  publish_until_it_comes(*queue, 10);
}

TEST_F(KafkaOutage, StopsWithoutABrokerInASecondOrSome) {
  auto queue = open();
  publish_until_it_comes(*queue, 7);
  server_->kill();
  const auto began = std::chrono::steady_clock::now();
  queue.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 20s);
  server_->restart();
}

TEST(KafkaProducerErrors, LeadToANewProducer) {
  base::Metrics metrics;
  Options options;
  options.url = KafkaServer::mock()->url();
  options.prefix = "t" + base::random_text(10) + ".";
  KafkaServer::mock()->make_topics(options.prefix, 1);
  KafkaServer::mock()->break_producers(1);
  auto opened = open(options, kQueues, metrics);
  ASSERT_TRUE(opened) << opened.error().message;
  std::set<std::int64_t> got;
  EXPECT_TRUE(eventually([&] {
    const std::int64_t id = 5;
    static_cast<void>((*opened)->publish(kLane, {&id, 1}));
    for (const auto each : (*opened)->poll(kLane, 1000).ids) got.insert(each);
    return got.contains(id);
  }));
  EXPECT_GE(metrics.value("carillon_queue_producers_renewed_total"), 1U);
}

TEST(KafkaSettings, SayWhichOneIsWrongAndNoSecret) {
  base::Metrics metrics;
  const auto said = [&](Options options, Errc code = Errc::InvalidArgument) {
    const auto opened = open(options, kQueues, metrics);
    EXPECT_FALSE(opened);
    EXPECT_EQ(opened.error().code, code) << opened.error().message;
    return opened.error().message;
  };
  const auto of_url = [&](const char* url) {
    Options options;
    options.url = url;
    return said(std::move(options));
  };
  for (const auto* const url :
       {"", "embedded", "redis://h", "kafka://", "kafka://h/x", "kafka://h?x=1", "kafka://h:0"}) {
    EXPECT_TRUE(of_url(url).starts_with("queue.url: ")) << of_url(url);
  }
  EXPECT_TRUE(of_url("kafka://ann@h").starts_with("queue.password: "));
  Options options;
  options.url = "kafka://h";
  options.password = base::Secret("hunter2");
  EXPECT_TRUE(said(options).starts_with("queue.url: "));
  options.password = {};
  options.ca_file = "/x.pem";
  EXPECT_TRUE(said(options).starts_with("queue.ca_file: "));
  options.url = "kafkas://h";
  EXPECT_EQ(said(options), "queue.ca_file: cannot read /x.pem");
  options.ca_file.clear();
  options.url = "kafka://ann:hunter2@127.0.0.1:1";
  const std::string nobody = said(options, Errc::Unavailable);
  EXPECT_TRUE(nobody.starts_with("queue.url: Kafka at 127.0.0.1:1: ")) << nobody;
  EXPECT_EQ(nobody.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace carillon::queue
