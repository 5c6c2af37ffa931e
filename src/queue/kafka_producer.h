// The sending half: one idempotent producer (acks=all) that knows the topics of all lanes.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "queue/kafka_handles.h"
#include "queue/kafka_topics.h"

namespace carillon::queue {

// What a producer tells. Called from inside of poll() and close().
class ProducerEvents {
 public:
  virtual ~ProducerEvents() = default;
  // A message of that lane has been acknowledged, `latency` after it was handed over.
  virtual void on_acknowledged(model::Lane lane, std::chrono::microseconds latency) = 0;
  // It may never come: hints of this lane were lost.
  virtual void on_lost(model::Lane lane, rd_kafka_resp_err_t why) = 0;
  // `is_away`: no broker can be reached, or none lets us in. `is_fatal`: this producer is of no use any more.
  virtual void on_trouble(const std::string& what, bool is_away, bool is_fatal) = 0;
};

class KafkaProducer {
 public:
  // `events` outlives it. Nothing is asked of a broker yet. Errors: InvalidArgument (TLS files).
  static Result<std::shared_ptr<KafkaProducer>> open(const KafkaConfig& config, const TopicPlan& plan,
                                                     ProducerEvents& events);
  // Gives up what is not sent. Not from a thread that must not wait.
  ~KafkaProducer();
  KafkaProducer(const KafkaProducer&) = delete;
  KafkaProducer& operator=(const KafkaProducer&) = delete;

  // Never blocks, any thread. RD_KAFKA_RESP_ERR__QUEUE_FULL: too much is on its way.
  rd_kafka_resp_err_t send(model::Lane lane, std::string_view message) noexcept;
  // Serves the events; one thread. Waits up to `timeout` for the first.
  void poll(Millis timeout);
  // Waits until everything is acknowledged or given up, or `timeout` passed.
  void flush(Millis timeout);

  [[nodiscard]] rd_kafka_t* client() const noexcept { return client_.get(); }

 private:
  KafkaProducer() = default;

  ClientPtr client_;
  std::vector<TopicPtr> topics_;  // by Lane::index(); before the client they go
};

}  // namespace carillon::queue
