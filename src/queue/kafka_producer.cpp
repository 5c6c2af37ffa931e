#include "queue/kafka_producer.h"

#include <array>

namespace carillon::queue {
namespace {

// A lane as librdkafka hands it back with the report of a message.
void* opaque_of(model::Lane lane) { return reinterpret_cast<void*>(lane.index()); }
model::Lane lane_of(const void* opaque) {
  const auto index = reinterpret_cast<std::size_t>(opaque);
  return {static_cast<model::Queue>(index / model::kPriorityCount),
          static_cast<model::Priority>(index % model::kPriorityCount)};
}

void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto& events = *static_cast<ProducerEvents*>(opaque);
  const model::Lane lane = lane_of(message->_private);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return events.on_lost(lane, message->err);
  events.on_acknowledged(lane, std::chrono::microseconds(rd_kafka_message_latency(message)));
}

void on_error(rd_kafka_t* client, int error, const char* reason, void* opaque) {
  auto& events = *static_cast<ProducerEvents*>(opaque);
  const auto code = static_cast<rd_kafka_resp_err_t>(error);
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    std::array<char, 256> text{};
    rd_kafka_fatal_error(client, text.data(), text.size());
    return events.on_trouble(printable(text.data()), false, true);
  }
  const bool is_away =
      code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__AUTHENTICATION;
  events.on_trouble(printable(reason), is_away, false);
}

}  // namespace

Result<std::shared_ptr<KafkaProducer>> KafkaProducer::open(const KafkaConfig& config, const TopicPlan& plan,
                                                           ProducerEvents& events) {
  ConfPtr conf = config.make({
      {"enable.idempotence", "true"},
      {"acks", "all"},
      {"linger.ms", "1"},
      // A hint that waited longer is of no use: the Store has been scanned.
      {"message.timeout.ms", "5000"},
      {"request.timeout.ms", "5000"},
      // 64 ids each.
      {"queue.buffering.max.messages", "20000"},
      {"queue.buffering.max.kbytes", "16384"},
      {"message.max.bytes", "65536"},
  });
  rd_kafka_conf_set_opaque(conf.get(), &events);
  rd_kafka_conf_set_dr_msg_cb(conf.get(), on_report);
  rd_kafka_conf_set_error_cb(conf.get(), on_error);
  std::shared_ptr<KafkaProducer> producer(new KafkaProducer());
  std::array<char, 256> why{};
  producer->client_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why.data(), why.size()));
  if (!producer->client_) return fail(Errc::InvalidArgument, printable(why.data()));
  static_cast<void>(conf.release());  // the client's now
  for (const std::string& name : plan.names) {
    producer->topics_.emplace_back(rd_kafka_topic_new(producer->client(), name.c_str(), nullptr));
    CARILLON_ASSERT(producer->topics_.back() != nullptr);
  }
  return producer;
}

KafkaProducer::~KafkaProducer() {
  if (!client_) return;
  rd_kafka_purge(client(),
                 RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
  poll(Millis(0));
  topics_.clear();
}

rd_kafka_resp_err_t KafkaProducer::send(model::Lane lane, std::string_view message) noexcept {
  const int result =
      rd_kafka_produce(topics_[lane.index()].get(), RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                       const_cast<char*>(message.data()), message.size(), nullptr, 0, opaque_of(lane));
  return result == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error();
}

void KafkaProducer::poll(Millis timeout) { rd_kafka_poll(client(), static_cast<int>(timeout.count())); }

void KafkaProducer::flush(Millis timeout) { rd_kafka_flush(client(), static_cast<int>(timeout.count())); }

}  // namespace carillon::queue
