#include "queue/kafka_consumers.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <ranges>

#include "base/log.h"
#include "queue/hint.h"

namespace carillon::queue {
namespace {

using namespace std::chrono_literals;

constexpr int kTurnMessages = 256;  // of one queue, before the next gets its turn
constexpr auto kIdle = 100ms;  // librdkafka rings when something comes; this is for the case that it does not
constexpr auto kStoreEvery = 200ms;
constexpr auto kJoinsWithin = 8s;  // after an outage, by itself

}  // namespace

// Called from inside of a poll, on the thread of the consumers.
void KafkaConsumers::Consumer::rebalance(rd_kafka_resp_err_t what,
                                         rd_kafka_topic_partition_list_t* partitions) {
  const auto each = [&](auto act) {
    for (int i = 0; i < partitions->cnt; ++i) {
      const auto& partition = partitions->elems[i];
      if (const auto lane = topics.find(std::string_view(partition.topic)); lane != topics.end()) {
        act(lane->second, partition.partition);
      }
    }
  };
  if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    assigned = partitions->cnt;
    each([&](model::Lane lane, std::int32_t partition) { lanes->assign(lane, partition); });
    rd_kafka_assign(client.get(), partitions);
    return;
  }
  // What is stored is committed by librdkafka when it gives the partitions up.
  store();
  assigned = 0;
  each([&](model::Lane lane, std::int32_t partition) { lanes->revoke(lane, partition); });
  rd_kafka_assign(client.get(), nullptr);
}

rd_kafka_resp_err_t KafkaConsumers::Consumer::join() const {
  const std::vector<std::string> names(std::views::keys(topics).begin(), std::views::keys(topics).end());
  return subscribe(client.get(), names);
}

void KafkaConsumers::Consumer::store() {
  PartitionsPtr offsets;
  for (const auto& [topic, lane] : topics) {
    for (const auto& [partition, offset] : lanes->progress(lane)) {
      if (!offsets) offsets.reset(rd_kafka_topic_partition_list_new(8));
      rd_kafka_topic_partition_list_add(offsets.get(), topic.c_str(), partition)->offset = offset;
    }
  }
  // A partition that is not ours any more is refused there, which is right.
  if (offsets) rd_kafka_offsets_store(client.get(), offsets.get());
}

Result<std::unique_ptr<KafkaConsumers>> KafkaConsumers::open(const KafkaConfig& config,
                                                             const std::string& prefix,
                                                             std::span<const model::Queue> queues,
                                                             Lanes& lanes, ConsumerEvents& events) {
  std::unique_ptr<KafkaConsumers> consumers(new KafkaConsumers(lanes, events));
  consumers->recoveries_ = events.recoveries();
  CARILLON_TRY(consumers->bell_, Bell::open());
  for (const model::Queue queue : queues) CARILLON_CHECK(consumers->join(config, prefix, queue));
  consumers->thread_ = std::thread([self = consumers.get()] {
    ::pthread_setname_np(::pthread_self(), "queue-in");
    self->run();
  });
  return consumers;
}

KafkaConsumers::~KafkaConsumers() {
  is_stopping_ = true;
  bell_.ring();
  if (thread_.joinable()) thread_.join();
}

Result<void> KafkaConsumers::join(const KafkaConfig& config, const std::string& prefix, model::Queue queue) {
  auto consumer = std::make_unique<Consumer>();
  consumer->lanes = &lanes_;
  consumer->on_rebalance = [self = consumer.get()](auto what, auto* partitions) {
    self->rebalance(what, partitions);
  };
  CARILLON_TRY(consumer->client, make_consumer(config, group_of(prefix, queue), consumer->on_rebalance));
  for (std::size_t p = 0; p < model::kPriorityCount; ++p) {
    const model::Lane lane{queue, static_cast<model::Priority>(p)};
    consumer->topics.emplace(topic_of(prefix, lane), lane);
  }
  consumer->queue.reset(rd_kafka_queue_get_consumer(consumer->client.get()));
  bell_.listen(consumer->queue.get());
  const auto code = consumer->join();
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(Errc::InvalidArgument, kafka_text(code));
  consumers_.push_back(std::move(consumer));
  return {};
}

void KafkaConsumers::run() {
  bool has_more = false;
  auto store_at = std::chrono::steady_clock::now();
  while (!is_stopping_) {
    bell_.wait(has_more ? 0ms : kIdle);
    has_more = false;
    for (const auto& consumer : consumers_) has_more |= drain(*consumer);
    const auto now = std::chrono::steady_clock::now();
    join_again(now);
    if (now >= store_at) {
      for (const auto& consumer : consumers_) consumer->store();
      store_at = now + kStoreEvery;
    }
  }
  leave();
}

// A broker that lost all of its disk has no topics at first. A client of librdkafka 2.0.2 that joins its
// group then is given no partition; and because the topics that are made soon after are like those it knew
// before, it sees no change and stays without. So who has none a while after an outage joins once more. Those
// that have some are left alone, and where there are more processes than partitions it costs the group a
// moment.
void KafkaConsumers::join_again(SteadyTime now) {
  if (events_.recoveries() != recoveries_) {
    recoveries_ = events_.recoveries();
    if (!join_at_) join_at_ = now + kJoinsWithin;
  }
  if (!join_at_ || now < *join_at_) return;
  join_at_.reset();
  for (const auto& consumer : consumers_) {
    if (consumer->assigned > 0) continue;
    if (const auto code = consumer->join(); code != RD_KAFKA_RESP_ERR_NO_ERROR)
      base::log_warn("queue: a consumer cannot join its group again: {}", kafka_text(code));
  }
}

bool KafkaConsumers::drain(Consumer& consumer) {
  for (int i = 0; i < kTurnMessages; ++i) {
    const MessagePtr message(rd_kafka_consumer_poll(consumer.client.get(), 0));
    if (!message) return false;
    take(consumer, *message);
  }
  return true;
}

void KafkaConsumers::take(Consumer& consumer, const rd_kafka_message_t& message) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    base::log_debug("kafka: {}", printable(rd_kafka_message_errstr(&message)));
    return;
  }
  const auto lane = consumer.topics.find(std::string_view(rd_kafka_topic_name(message.rkt)));
  if (lane == consumer.topics.end()) return;
  const auto ids = decode_hint({static_cast<const char*>(message.payload), message.len});
  if (!ids) {
    events_.on_malformed();
    lanes_.skip(lane->second, message.partition, message.offset);
    return;
  }
  const bool is_whole = lanes_.add(lane->second, *ids, message.partition, message.offset);
  events_.on_received(ids->size(), !is_whole);
}

void KafkaConsumers::leave() {
  std::vector<Leaving> all;
  for (const auto& consumer : consumers_) {
    Bell::silence(consumer->queue.get());
    consumer->store();
    all.push_back({consumer->client.get(), &consumer->on_rebalance});
  }
  leave_groups(all);
  destroy();
}

void KafkaConsumers::destroy() {
  destroy_in_time([consumers = std::exchange(consumers_, {})]() mutable { consumers.clear(); });
}

}  // namespace carillon::queue
