// Ingest topics in, within the limits of librdkafka 2.0.2 (RELIABILITY §1.2): one message at a time, the
// range assignor, no pausing.
//
// Each partition has a queue of its own in librdkafka, which stops to fetch when that is full: a topic whose
// batch is not settled holds up neither the others nor the rebalances, which come by the consumer's own.
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <span>
#include <thread>
#include <utility>

#include "base/log.h"
#include "queue/kafka_consumer.h"
#include "queue/kafka_topics.h"
#include "queue/records.h"

namespace carillon::queue {
namespace {

using namespace std::chrono_literals;

constexpr auto kIdle = 100ms;  // librdkafka rings when something comes; this is for the case that it does not
constexpr int kTurnEvents = 256;
constexpr auto kMeasureEvery = 1s;
constexpr auto kSettleMax = 2s;  // that a rebalance waits for a batch, so that nobody has to read it again
constexpr auto kOpenMax = 15s;
constexpr auto kMakeMax = 2s;
constexpr auto kMakeEvery = 10s;
constexpr auto kSayAgainAfter = 60s;

model::KafkaRecord record_of(const std::string& topic, const rd_kafka_message_t& message) {
  model::KafkaRecord record;
  record.topic = topic;
  record.partition = message.partition;
  record.offset = message.offset;
  rd_kafka_timestamp_type_t kind{};
  if (const auto ms = rd_kafka_message_timestamp(&message, &kind); ms > 0) record.at = from_ms(ms);
  if (message.key != nullptr) record.key.assign(static_cast<const char*>(message.key), message.key_len);
  if (message.payload != nullptr)
    record.value.emplace(static_cast<const char*>(message.payload), message.len);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return record;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       i < model::kRecordHeadersMax &&
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    record.headers.emplace_back(
        name, value == nullptr ? std::string() : std::string(static_cast<const char*>(value), size));
  }
  return record;
}

std::size_t size_of(const model::KafkaRecord& record) {
  std::size_t bytes = record.key.size() + record.value.value_or("").size();
  for (const auto& [name, value] : record.headers) bytes += name.size() + value.size();
  return bytes;
}

class KafkaReader final : public RecordReader {
 public:
  KafkaReader(const Options& options, ReaderOptions reader, KafkaConfig config, base::Metrics& metrics)
      : config_(std::move(config)), group_(std::move(reader.group)) {
    plan_.names = reader.topics;
    plan_.partitions = static_cast<int>(options.partitions);
    plan_.replication = static_cast<int>(options.replication);
    plan_.may_create = options.create_topics;
    plan_.use = TopicUse::Intake;
    for (std::string& name : reader.topics) {
      auto lag = std::make_shared<std::atomic<std::int64_t>>(0);
      metrics.gauge("carillon_ingest_lag_records",
                    "Records of the partitions this process reads that are not stored yet.",
                    {{"topic", name}}, [lag] { return static_cast<double>(lag->load()); });
      Topic& topic = topics_.emplace_back();
      topic.name = std::move(name);
      topic.lag = std::move(lag);
    }
  }

  ~KafkaReader() override {
    on_ready({});
    is_stopping_ = true;
    bell_.ring();
    settled_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Result<void> start() {
    CARILLON_TRY(bell_, Bell::open());
    CARILLON_CHECK(open_admin());
    // Without the right to make them they are waited for.
    if (plan_.may_create)
      CARILLON_CHECK(ensure_topics(admin_.get(), plan_, true, base::Deadline::after(kOpenMax)));
    CARILLON_CHECK(join());
    thread_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "records-in");
      run();
    });
    return {};
  }

  std::vector<model::KafkaRecord> take(std::size_t number) override {
    const std::lock_guard lock(mutex_);
    Topic& topic = topics_[number];
    if (topic.is_out || topic.gathered.empty()) return {};
    topic.is_out = true;
    for (const auto& record : topic.gathered) {
      auto& end = topic.ends[record.partition];
      end = std::max(end, record.offset + 1);
    }
    topic.bytes = 0;
    bell_.ring();  // there is room again
    return std::exchange(topic.gathered, {});
  }

  void settle(std::size_t number) override {
    {
      const std::lock_guard lock(mutex_);
      Topic& topic = topics_[number];
      topic.is_out = false;
      for (const auto& [partition, end] : topic.ends) topic.settled[partition] = end;
      topic.ends.clear();
    }
    settled_.notify_all();
    bell_.ring();
  }

  void on_ready(std::function<void(std::size_t)> wake) override {
    const std::lock_guard lock(wake_mutex_);
    wake_ = std::move(wake);
  }

  std::string trouble() const override {
    const std::lock_guard lock(mutex_);
    return trouble_;
  }

 private:
  struct Partition {
    KafkaQueuePtr queue;
    std::int64_t stored = -1;  // what the group is told
  };
  struct Topic {
    std::string name;
    std::shared_ptr<std::atomic<std::int64_t>> lag;
    std::map<std::int32_t, Partition> partitions;  // those that are ours; the thread's alone
    // ---- under mutex_
    std::vector<model::KafkaRecord> gathered;
    std::size_t bytes = 0;                         // of gathered
    bool is_out = false;                           // a batch is
    std::map<std::int32_t, std::int64_t> ends;     // of that batch
    std::map<std::int32_t, std::int64_t> settled;  // not told yet
  };

  Topic* find(const char* name) {
    const auto it = std::ranges::find(topics_, std::string_view(name), &Topic::name);
    return it == topics_.end() ? nullptr : &*it;
  }

  Result<void> open_admin() {
    std::array<char, 256> why{};
    ConfPtr conf = config_.make({});
    admin_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why.data(), why.size()));
    if (!admin_) return fail(Errc::InvalidArgument, printable(why.data()));
    static_cast<void>(conf.release());  // the client's now
    for (const auto& name : plan_.names)
      admin_topics_.emplace_back(rd_kafka_topic_new(admin_.get(), name.c_str(), nullptr));
    return {};
  }

  Result<void> join() {
    rebalance_ = [this](auto what, auto* partitions) { rebalance(what, partitions); };
    CARILLON_TRY(client_, make_consumer(config_, group_, rebalance_));
    queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
    bell_.listen(queue_.get());
    const auto code = subscribe(client_.get(), plan_.names);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(Errc::InvalidArgument, kafka_text(code));
    return {};
  }

  // ---- its thread
  void run() {
    bool has_more = false;
    auto measure_at = std::chrono::steady_clock::now();
    while (!is_stopping_) {
      bell_.wait(has_more ? 0ms : kIdle);
      serve();
      has_more = false;
      for (std::size_t i = 0; i < topics_.size(); ++i) has_more |= gather(i);
      store();
      if (const auto now = std::chrono::steady_clock::now(); now >= measure_at) {
        measure();
        measure_at = now + kMeasureEvery;
      }
      if (is_missing_ && plan_.may_create) make_again();
    }
    leave();
  }

  // Rebalances and errors; a message comes here only between the assignment and the split of its queue.
  void serve() {
    for (int i = 0; i < kTurnEvents; ++i) {
      const MessagePtr message(rd_kafka_consumer_poll(client_.get(), 0));
      if (!message) return;
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        on_error(*message);
      } else if (Topic* const topic = find(rd_kafka_topic_name(message->rkt))) {
        add(*topic, *message);
      }
    }
  }

  void on_error(const rd_kafka_message_t& message) {
    const std::string text = printable(rd_kafka_message_errstr(&message));
    base::log_debug("kafka: {}", text);
    const char* const name = message.rkt == nullptr ? "" : rd_kafka_topic_name(message.rkt);
    switch (message.err) {
      case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        is_missing_ = true;
        return say(fmt::format("kafka.topics: the topic {} is missing; it is read once it is there", name));
      case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return say(fmt::format("kafka.topics: this user may not read the topic {}", name));
      case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return say(fmt::format("kafka.group: this user may not join the group {}", group_));
      default: return;
    }
  }

  void say(std::string why) {
    const auto now = std::chrono::steady_clock::now();
    const bool is_said = why == trouble_ && now < say_again_at_;
    if (!is_said) {
      base::log_warn("ingest: {}", why);
      say_again_at_ = now + kSayAgainAfter;
    }
    const std::lock_guard lock(mutex_);
    trouble_ = std::move(why);
  }

  // A cluster that was emptied.
  void make_again() {
    const auto now = std::chrono::steady_clock::now();
    if (now < make_at_) return;
    make_at_ = now + kMakeEvery;
    if (ensure_topics(admin_.get(), plan_, false, base::Deadline::after(kMakeMax))) is_missing_ = false;
  }

  // True when there may be more.
  bool gather(std::size_t number) {
    Topic& topic = topics_[number];
    bool has_more = false, is_full = false;
    for (auto& [_, partition] : topic.partitions) {
      is_full = !has_room(topic);
      for (int i = 0; i < kTurnEvents && !is_full; ++i) {
        const MessagePtr message(rd_kafka_consume_queue(partition.queue.get(), 0));
        if (!message) break;
        has_more = i + 1 == kTurnEvents || has_more;
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
          on_error(*message);
        } else {
          is_full = !add(topic, *message);
        }
      }
      if (is_full) break;
    }
    bool can_take = false;
    {
      const std::lock_guard lock(mutex_);
      can_take = !topic.is_out && !topic.gathered.empty();
    }
    if (can_take) {
      const std::lock_guard lock(wake_mutex_);
      if (wake_) wake_(number);
    }
    return has_more && !is_full;
  }

  [[nodiscard]] static bool is_below(const Topic& topic) noexcept {
    return topic.gathered.size() < kBatchRecords && topic.bytes < kBatchBytes;
  }
  bool has_room(const Topic& topic) {
    const std::lock_guard lock(mutex_);
    return is_below(topic);
  }
  // True while there is room for more.
  bool add(Topic& topic, const rd_kafka_message_t& message) {
    const auto partition = topic.partitions.find(message.partition);
    if (partition == topic.partitions.end()) return true;  // another's by now
    if (partition->second.stored < 0) partition->second.stored = message.offset;
    model::KafkaRecord record = record_of(topic.name, message);
    const std::size_t bytes = size_of(record);
    const std::lock_guard lock(mutex_);
    topic.gathered.push_back(std::move(record));
    topic.bytes += bytes;
    return is_below(topic);
  }

  void store() {
    PartitionsPtr offsets;
    const std::lock_guard lock(mutex_);
    for (Topic& topic : topics_) {
      for (const auto& [number, end] : topic.settled) {
        // What is not ours any more is another's to say.
        const auto partition = topic.partitions.find(number);
        if (partition == topic.partitions.end()) continue;
        partition->second.stored = std::max(partition->second.stored, end);
        if (!offsets) offsets.reset(rd_kafka_topic_partition_list_new(8));
        rd_kafka_topic_partition_list_add(offsets.get(), topic.name.c_str(), number)->offset = end;
      }
      topic.settled.clear();
    }
    if (offsets) rd_kafka_offsets_store(client_.get(), offsets.get());
  }

  void measure() {
    for (Topic& topic : topics_) {
      std::int64_t sum = 0;
      for (const auto& [number, partition] : topic.partitions) {
        std::int64_t low = 0, high = 0;
        const auto code =
            rd_kafka_get_watermark_offsets(client_.get(), topic.name.c_str(), number, &low, &high);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 && partition.stored >= 0)
          sum += std::max<std::int64_t>(high - partition.stored, 0);
      }
      topic.lag->store(sum);
    }
  }

  // Called from inside of serve() and leave().
  void rebalance(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions) {
    const std::span all(partitions->elems, static_cast<std::size_t>(partitions->cnt));
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
      for (const auto& one : all) {
        Topic* const topic = find(one.topic);
        if (topic == nullptr) continue;
        auto& partition = topic->partitions[one.partition];
        partition = {KafkaQueuePtr(rd_kafka_queue_get_partition(client_.get(), one.topic, one.partition)),
                     -1};
        rd_kafka_queue_forward(partition.queue.get(), nullptr);
        bell_.listen(partition.queue.get());
      }
      if (!all.empty()) {
        const std::lock_guard lock(mutex_);
        trouble_.clear();
      }
      rd_kafka_assign(client_.get(), partitions);
      return;
    }
    wait_settled();
    store();  // committed by librdkafka when it gives the partitions up
    for (const auto& one : all) {
      Topic* const topic = find(one.topic);
      if (topic == nullptr) continue;
      const auto partition = topic->partitions.find(one.partition);
      if (partition == topic->partitions.end()) continue;
      Bell::silence(partition->second.queue.get());
      topic->partitions.erase(partition);
      const std::lock_guard lock(mutex_);
      std::erase_if(topic->gathered, [&](const auto& record) { return record.partition == one.partition; });
      topic->bytes = 0;
      for (const auto& record : topic->gathered) topic->bytes += size_of(record);
      topic->settled.erase(one.partition);
    }
    rd_kafka_assign(client_.get(), nullptr);
  }

  // A batch that is about to be stored is waited for.
  void wait_settled() {
    std::unique_lock lock(mutex_);
    settled_.wait_for(lock, kSettleMax,
                      [this] { return is_stopping_ || std::ranges::none_of(topics_, &Topic::is_out); });
  }

  void leave() {
    Bell::silence(queue_.get());
    store();
    leave_groups(std::array{Leaving{client_.get(), &rebalance_}});
    queue_.reset();
    for (Topic& topic : topics_) topic.partitions.clear();
    admin_topics_.clear();
    destroy_in_time([client = std::move(client_), admin = std::move(admin_)]() mutable {
      client.reset();
      admin.reset();
    });
  }

  const KafkaConfig config_;
  const std::string group_;
  TopicPlan plan_;
  Bell bell_;
  Rebalance rebalance_;
  ClientPtr admin_;
  std::vector<TopicPtr> admin_topics_;  // before the client they go
  ClientPtr client_;
  KafkaQueuePtr queue_;
  std::deque<Topic> topics_;
  SteadyTime make_at_{}, say_again_at_{};
  bool is_missing_ = false;
  mutable std::mutex mutex_;
  std::condition_variable settled_;
  std::string trouble_;  // written by its thread alone, under mutex_
  std::mutex wake_mutex_;
  std::function<void(std::size_t)> wake_;
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<RecordReader>> open_reader(const Options& options, ReaderOptions reader,
                                                  base::Metrics& metrics) {
  CARILLON_TRY(KafkaConfig config, KafkaConfig::open(options));
  const std::string shown = config.shown();
  auto made = std::make_unique<KafkaReader>(options, std::move(reader), std::move(config), metrics);
  if (auto started = made->start(); !started) {
    return fail(started.error().code,
                fmt::format("kafka.topics: Kafka at {}: {}", shown, started.error().message));
  }
  return made;
}

}  // namespace carillon::queue
