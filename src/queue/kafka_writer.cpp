// Records out: one idempotent producer (acks=all), served by a thread of its own.
#include <pthread.h>

#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"
#include "queue/kafka_handles.h"
#include "queue/kafka_topics.h"
#include "queue/records.h"

namespace carillon::queue {
namespace {

using namespace std::chrono_literals;

constexpr int kServeMs = 100;
constexpr auto kOpenMax = 15s;
constexpr int kFlushMs = 2000;  // of what is on its way when the process stops

// One write(): who waits for how many records yet. Deleted by the last of them.
struct Write {
  std::atomic<std::size_t> left{0};
  std::atomic<rd_kafka_resp_err_t> failed{RD_KAFKA_RESP_ERR_NO_ERROR};
  std::move_only_function<void(Result<void>)> done;

  void settle(rd_kafka_resp_err_t code) {
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) failed = code;
    if (left.fetch_sub(1) != 1) return;
    const auto why = failed.load();
    if (why == RD_KAFKA_RESP_ERR_NO_ERROR) {
      done({});
    } else {
      done(fail(Errc::Unavailable, kafka_text(why)));
    }
    delete this;
  }
};

void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  static_cast<Write*>(message->_private)->settle(message->err);
}

class KafkaWriter final : public RecordWriter {
 public:
  KafkaWriter(const Options& options, std::vector<std::string> topics, KafkaConfig config,
              base::Metrics& metrics)
      : config_(std::move(config)),
        renewed_(metrics.counter("carillon_queue_producers_renewed_total",
                                 "Producers given up after an error they cannot recover from.")) {
    plan_.names = std::move(topics);
    plan_.partitions = static_cast<int>(options.partitions);
    plan_.replication = static_cast<int>(options.replication);
    plan_.may_create = options.create_topics;
    plan_.use = TopicUse::Records;
  }

  ~KafkaWriter() override {
    is_stopping_ = true;
    if (thread_.joinable()) thread_.join();
    if (!client_) return;
    rd_kafka_flush(client_.get(), kFlushMs);
    end(std::exchange(client_, nullptr));
  }

  Result<void> start() {
    CARILLON_TRY(client_, open());
    if (!plan_.names.empty()) {
      std::vector<TopicPtr> topics;  // metadata tells of those the client knows
      for (const auto& name : plan_.names)
        topics.emplace_back(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr));
      CARILLON_CHECK(ensure_topics(client_.get(), plan_, true, base::Deadline::after(kOpenMax)));
    }
    thread_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "records-out");
      run();
    });
    return {};
  }

  void write(std::vector<OutRecord> records, std::move_only_function<void(Result<void>)> done) override {
    // One more than there are: nothing is told before all are handed over.
    auto* const write = new Write;
    write->left = records.size() + 1;
    write->done = std::move(done);
    const auto client = this->client();
    for (const OutRecord& record : records) {
      if (const auto code = produce(client.get(), record, write); code != RD_KAFKA_RESP_ERR_NO_ERROR)
        write->settle(code);
    }
    write->settle(RD_KAFKA_RESP_ERR_NO_ERROR);
  }

 private:
  using SharedClient = std::shared_ptr<rd_kafka_t>;

  static rd_kafka_resp_err_t produce(rd_kafka_t* client, const OutRecord& record, Write* write) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size());
    for (const auto& [name, value] : record.headers)
      rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                          static_cast<ssize_t>(value.size()));
    const void* const value = record.value ? record.value->data() : nullptr;
    const std::size_t size = record.value ? record.value->size() : 0;
    const void* const key = record.key.empty() ? nullptr : record.key.data();
    const auto code = rd_kafka_producev(
        client, RD_KAFKA_V_TOPIC(record.topic.c_str()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE(const_cast<void*>(value), size), RD_KAFKA_V_KEY(key, record.key.size()),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(write), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(headers);  // else the message's
    return code;
  }

  Result<SharedClient> open() {
    ConfPtr conf = config_.make({
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"linger.ms", "5"},
        {"message.timeout.ms", "10000"},
        {"request.timeout.ms", "5000"},
        {"queue.buffering.max.messages", "20000"},
        {"queue.buffering.max.kbytes", "65536"},
        {"message.max.bytes", "2097152"},
        // As Java's clients and Debezium: records of one key go where theirs go.
        {"partitioner", "murmur2_random"},
    });
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf.get(), on_report);
    rd_kafka_conf_set_error_cb(conf.get(), [](rd_kafka_t*, int error, const char*, void* opaque) {
      if (error == RD_KAFKA_RESP_ERR__FATAL) static_cast<KafkaWriter*>(opaque)->is_fatal_ = true;
    });
    std::array<char, 256> why{};
    rd_kafka_t* const client = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why.data(), why.size());
    if (client == nullptr) return fail(Errc::InvalidArgument, printable(why.data()));
    static_cast<void>(conf.release());  // the client's now
    return SharedClient(client, destroy_client);
  }

  [[nodiscard]] SharedClient client() const {
    const std::lock_guard lock(mutex_);
    return client_;
  }

  void run() {
    while (!is_stopping_) {
      rd_kafka_poll(client_.get(), kServeMs);
      for (auto& old : retired_) rd_kafka_poll(old.get(), 0);
      std::erase_if(retired_, [](const auto& old) {
        return old.use_count() == 1 && rd_kafka_outq_len(old.get()) == 0;
      });
      if (is_fatal_.exchange(false)) renew();
    }
    for (auto& old : retired_) end(std::move(old));
    retired_.clear();
  }

  void renew() {
    auto next = open();
    if (!next) {
      is_fatal_ = true;
      return;
    }
    renewed_.add();
    base::log_warn("queue: a Kafka producer is of no use any more; another one writes");
    SharedClient old;
    {
      const std::lock_guard lock(mutex_);
      old = std::exchange(client_, std::move(*next));
    }
    purge(old.get());
    retired_.push_back(std::move(old));
  }

  static void purge(rd_kafka_t* client) {
    rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  }
  // Whoever waits is told.
  static void end(SharedClient client) {
    purge(client.get());
    rd_kafka_flush(client.get(), kFlushMs);
  }

  const KafkaConfig config_;
  const base::Counter renewed_;
  TopicPlan plan_;
  mutable std::mutex mutex_;
  SharedClient client_;  // changed by its thread alone, under the lock
  std::vector<SharedClient> retired_;
  std::atomic<bool> is_fatal_{false}, is_stopping_{false};
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<RecordWriter>> open_writer(const Options& options, std::vector<std::string> topics,
                                                  base::Metrics& metrics) {
  CARILLON_TRY(KafkaConfig config, KafkaConfig::open(options));
  const std::string shown = config.shown();
  auto made = std::make_unique<KafkaWriter>(options, std::move(topics), std::move(config), metrics);
  if (auto started = made->start(); !started) {
    return fail(started.error().code,
                fmt::format("queue.url: Kafka at {}: {}", shown, started.error().message));
  }
  return made;
}

}  // namespace carillon::queue
