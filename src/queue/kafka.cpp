// The queue that processes share: Kafka, as a doorbell. Nothing is kept there that the Store does not know.
//
// Two threads: one serves the producer and looks after the brokers (queue-out), one the consumers (queue-in).
// While no broker can be reached hints are refused at once, and lanes say that they overflowed, so that the
// Store is scanned instead.
#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"
#include "net/backoff.h"
#include "queue/hint.h"
#include "queue/kafka_consumers.h"
#include "queue/kafka_producer.h"
#include "queue/lanes.h"
#include "queue/queue.h"

namespace carillon::queue {
namespace {

using namespace std::chrono_literals;

constexpr Millis kServe{100};     // how long the producer is served before anything else is looked at
constexpr auto kOpenMax = 15s;    // of the first look at the brokers, topics made
constexpr auto kProbeEvery = 5s;  // while all is well: a broker that hangs is found by it
constexpr auto kProbeMax = 2s;
constexpr auto kProbeAgainAfter = 1s;  // after messages that were not acknowledged
constexpr auto kSayLostEvery = 1s;     // while away
constexpr auto kSayAgainAfter = 60s;   // the same line in the log
constexpr Millis kFlushMax{2000};      // of what is on its way when the process stops

struct Meters {
  explicit Meters(base::Metrics& metrics, const std::shared_ptr<std::atomic<bool>>& is_up) {
    const auto dropped = [&](const char* reason) {
      return metrics.counter("carillon_queue_dropped_total",
                             "Hints that were lost; the store is scanned for their deliveries.",
                             {{"reason", reason}});
    };
    const auto refused = [&](const char* reason) {
      return metrics.counter("carillon_queue_refused_total", "Hints that could not be published.",
                             {{"reason", reason}});
    };
    published = metrics.counter("carillon_queue_published_total", "Hints handed to the shared queue.");
    received = metrics.counter("carillon_queue_received_total", "Hints that came from the shared queue.");
    full = dropped("lane_full");
    lost = dropped("not_acknowledged");
    malformed =
        metrics.counter("carillon_queue_malformed_total", "Messages of delivery topics that are no hints.");
    away = refused("away");
    buffer = refused("buffer_full");
    renewed = metrics.counter("carillon_queue_producers_renewed_total",
                              "Producers given up after an error they cannot recover from.");
    seconds = metrics.histogram("carillon_queue_publish_seconds",
                                "From publishing a message of hints to its acknowledgement.",
                                base::Metrics::latency_buckets_s());
    metrics.gauge("carillon_queue_up", "1 while brokers of the shared queue can be reached.", {},
                  [is_up] { return is_up->load() ? 1.0 : 0.0; });
  }
  base::Counter published, received, full, lost, malformed, away, buffer, renewed;
  base::Histogram seconds;
};

class Kafka final : public Queue, private ProducerEvents, private ConsumerEvents {
 public:
  Kafka(const Options& options, std::span<const model::Queue> queues, KafkaConfig config,
        base::Metrics& metrics)
      : config_(std::move(config)),
        prefix_(options.prefix),
        queues_(queues.begin(), queues.end()),
        lanes_(static_cast<std::size_t>(std::max<std::int64_t>(options.lane_max, 1))),
        meters_(metrics, is_up_) {
    for (const model::Lane lane : all_lanes()) plan_.names.push_back(topic_of(prefix_, lane));
    plan_.partitions = static_cast<int>(options.partitions);
    plan_.replication = static_cast<int>(options.replication);
    plan_.may_create = options.create_topics;
  }

  ~Kafka() override {
    consumers_.reset();
    is_stopping_ = true;
    if (thread_.joinable()) thread_.join();
    retired_.clear();
    producer_.reset();  // while there is somebody to tell
  }

  Result<void> start() {
    ProducerEvents& events = *this;
    CARILLON_TRY(producer_, KafkaProducer::open(config_, plan_, events));
    auto usable = ensure_topics(producer_->client(), plan_, true, base::Deadline::after(kOpenMax));
    if (!usable) {
      producer_->poll(Millis(0));  // what librdkafka has to say of it
      const std::string more = trouble_.empty() ? "" : " (" + trouble_ + ")";
      return fail(usable.error().code, usable.error().message + more);
    }
    is_up_->store(true);
    ConsumerEvents& heard = *this;
    CARILLON_TRY(consumers_, KafkaConsumers::open(config_, prefix_, queues_, lanes_, heard));
    is_running_ = true;
    thread_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "queue-out");
      run();
    });
    return {};
  }

  Result<void> publish(model::Lane lane, std::span<const std::int64_t> ids) override {
    if (ids.empty() || lane.index() >= model::kLaneCount) return {};
    if (!is_up_->load(std::memory_order_relaxed)) {
      meters_.away.add(ids.size());
      return fail(Errc::Unavailable, "Kafka is away");
    }
    const auto producer = this->producer();
    for (std::size_t at = 0; at < ids.size(); at += kHintIdsMax) {
      const auto some = ids.subspan(at, std::min(kHintIdsMax, ids.size() - at));
      const auto code = producer->send(lane, encode_hint(some));
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        meters_.published.add(some.size());
        continue;
      }
      meters_.buffer.add(ids.size() - at);
      lose(lane);
      return fail(Errc::Unavailable, kafka_text(code));
    }
    return {};
  }

  Batch poll(model::Lane lane, std::size_t limit) override { return lanes_.poll(lane, limit); }
  void commit(model::Lane lane, std::uint64_t token) override { lanes_.commit(lane, token); }
  void on_ready(std::function<void(model::Lane)> wake) override { lanes_.on_ready(std::move(wake)); }
  std::size_t size(model::Lane lane) const override { return lanes_.size(lane); }

  std::string trouble() const override {
    if (is_up_->load(std::memory_order_relaxed)) return {};
    const std::lock_guard lock(said_mutex_);
    return said_;
  }

 private:
  std::shared_ptr<KafkaProducer> producer() const {
    const std::lock_guard lock(producer_mutex_);
    return producer_;
  }

  [[nodiscard]] bool takes(model::Queue queue) const {
    return std::ranges::find(queues_, queue) != queues_.end();
  }
  void lose(model::Lane lane) {
    if (takes(lane.queue)) lanes_.lose(lane);
  }
  void lose_all() {
    for (const model::Lane lane : all_lanes()) lose(lane);
  }

  // ---- the thread of the producer

  void run() {
    auto say_lost_at = SteadyTime::min();
    probe_at_ = std::chrono::steady_clock::now() + kProbeEvery;
    while (!is_stopping_) {
      producer_->poll(kServe);
      if (is_fatal_) renew();
      std::erase_if(retired_, [](const auto& producer) { return producer.use_count() == 1; });
      const auto now = std::chrono::steady_clock::now();
      if (now >= probe_at_) probe();
      if (!is_up_->load() && now >= say_lost_at) {
        lose_all();
        say_lost_at = now + kSayLostEvery;
      }
    }
    if (is_up_->load()) producer_->flush(kFlushMax);
  }

  // Asks the brokers whether they are there, and for the topics: a cluster that was emptied has none.
  void probe() {
    probed_at_ = std::chrono::steady_clock::now();
    const auto usable = ensure_topics(producer_->client(), plan_, false, base::Deadline::after(kProbeMax));
    if (usable) {
      backoff_.reset();
      if (*usable) ++recoveries_;
      set_up();
      probe_at_ = std::chrono::steady_clock::now() + kProbeEvery;
    } else {
      set_away(usable.error().message);
      probe_at_ = std::chrono::steady_clock::now() + backoff_.next();
    }
  }

  void renew() {
    ProducerEvents& events = *this;
    auto next = KafkaProducer::open(config_, plan_, events);
    if (!next) {  // files are gone; tried again by the next turn
      set_away(next.error().message);
      return;
    }
    is_fatal_ = false;
    meters_.renewed.add();
    const std::lock_guard lock(producer_mutex_);
    retired_.push_back(std::exchange(producer_, std::move(*next)));  // goes when nobody is publishing with it
    probe_at_ = {};
  }

  void set_up() {
    if (is_up_->exchange(true)) return;
    ++recoveries_;
    base::log_info("queue: Kafka at {} is back", config_.shown());
    lose_all();  // what others published meanwhile did not come
  }

  void set_away(const std::string& why) {
    const auto now = std::chrono::steady_clock::now();
    const std::string text =
        fmt::format("Kafka at {} is away, the store is scanned for work: {}", config_.shown(), why);
    const bool is_said = text == said_ && now < say_again_at_;
    if (!is_said) {
      const std::lock_guard lock(said_mutex_);
      said_ = text;
    }
    is_up_->store(false);
    if (is_said) return;
    say_again_at_ = now + kSayAgainAfter;
    base::log_warn("queue: {}", text);
  }

  void on_acknowledged(model::Lane, std::chrono::microseconds latency) override {
    meters_.seconds.observe(std::chrono::duration<double>(latency).count());
  }

  void on_lost(model::Lane lane, rd_kafka_resp_err_t why) override {
    meters_.lost.add();
    lose(lane);
    const bool is_ours = why == RD_KAFKA_RESP_ERR__PURGE_QUEUE || why == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    // It may be of an outage that is over: the next look at the brokers tells.
    if (!is_ours) probe_at_ = std::min(probe_at_, probed_at_ + kProbeAgainAfter);
  }

  void on_trouble(const std::string& what, bool is_away, bool is_fatal) override {
    trouble_ = what;
    if (is_fatal) is_fatal_ = true;
    if (!is_away && !is_fatal) return;
    if (is_up_->load()) probe_at_ = {};
    if (is_running_) set_away(what);
  }

  // ---- the thread of the consumers

  std::uint32_t recoveries() const noexcept override { return recoveries_.load(); }
  void on_received(std::size_t ids, bool is_dropped) override {
    meters_.received.add(ids);
    if (is_dropped) meters_.full.add();
  }
  void on_malformed() override { meters_.malformed.add(); }

  const KafkaConfig config_;
  const std::string prefix_;
  const std::vector<model::Queue> queues_;
  TopicPlan plan_;
  Lanes lanes_;
  const std::shared_ptr<std::atomic<bool>> is_up_ = std::make_shared<std::atomic<bool>>(false);
  const Meters meters_;
  mutable std::mutex producer_mutex_;
  std::shared_ptr<KafkaProducer> producer_;  // changed by its thread alone, under the lock
  std::vector<std::shared_ptr<KafkaProducer>> retired_;
  std::unique_ptr<KafkaConsumers> consumers_;
  net::Backoff backoff_{Millis(250), Millis(2000)};
  SteadyTime probe_at_{}, probed_at_{};
  SteadyTime say_again_at_{};
  mutable std::mutex said_mutex_;
  std::string said_;     // when it was away last; written by its thread alone, under said_mutex_
  std::string trouble_;  // the last thing librdkafka said
  bool is_fatal_ = false;
  bool is_running_ = false;  // start() has done its part
  std::atomic<bool> is_stopping_{false};
  std::atomic<std::uint32_t> recoveries_{0};
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Queue>> open_kafka(const Options& options, std::span<const model::Queue> queues,
                                          base::Metrics& metrics) {
  CARILLON_TRY(KafkaConfig config, KafkaConfig::open(options));
  const std::string shown = config.shown();
  auto queue = std::make_unique<Kafka>(options, queues, std::move(config), metrics);
  if (auto started = queue->start(); !started) {
    return fail(started.error().code,
                fmt::format("queue.url: Kafka at {}: {}", shown, started.error().message));
  }
  return queue;
}

}  // namespace carillon::queue
