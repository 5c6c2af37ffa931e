// The listening half: a consumer for each queue, all on one thread, filling the lanes.
//
// Within the limits of librdkafka 2.0.2 (RELIABILITY §1.2): one message at a time and never the batch calls,
// the range assignor, no pausing. What a lane has no room for is dropped, so that a slow lane holds up
// nobody.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "queue/kafka_consumer.h"
#include "queue/lanes.h"

namespace carillon::queue {

// Counts what came, and says what the other half knows of the brokers. Called on the consumers' thread.
class ConsumerEvents {
 public:
  virtual ~ConsumerEvents() = default;
  // How often all topics were there again after they had not been, or nobody could be asked for them.
  [[nodiscard]] virtual std::uint32_t recoveries() const noexcept = 0;
  virtual void on_received(std::size_t ids, bool is_dropped) = 0;
  virtual void on_malformed() = 0;
};

class KafkaConsumers {
 public:
  // Joins the group of each queue. `lanes` and `events` outlive it. Errors: InvalidArgument (TLS files).
  static Result<std::unique_ptr<KafkaConsumers>> open(const KafkaConfig& config, const std::string& prefix,
                                                      std::span<const model::Queue> queues, Lanes& lanes,
                                                      ConsumerEvents& events);
  // Stores what is settled and leaves the groups; a broker that is away is not waited for.
  ~KafkaConsumers();
  KafkaConsumers(const KafkaConsumers&) = delete;
  KafkaConsumers& operator=(const KafkaConsumers&) = delete;

 private:
  struct Consumer {
    Lanes* lanes = nullptr;
    std::map<std::string, model::Lane, std::less<>> topics;
    Rebalance on_rebalance;  // for the client
    ClientPtr client;
    KafkaQueuePtr queue;
    int assigned = 0;  // partitions of all its topics
    [[nodiscard]] rd_kafka_resp_err_t join() const;
    void rebalance(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions);
    void store();
  };

  KafkaConsumers(Lanes& lanes, ConsumerEvents& events) : lanes_(lanes), events_(events) {}
  Result<void> join(const KafkaConfig& config, const std::string& prefix, model::Queue queue);
  void run();
  void join_again(SteadyTime now);
  // True when there may be more.
  bool drain(Consumer& consumer);
  void take(Consumer& consumer, const rd_kafka_message_t& message);
  void leave();
  void destroy();

  Lanes& lanes_;
  ConsumerEvents& events_;
  Bell bell_;
  std::vector<std::unique_ptr<Consumer>> consumers_;
  std::uint32_t recoveries_ = 0;       // that were seen
  std::optional<SteadyTime> join_at_;  // who has no partition then joins once more
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

}  // namespace carillon::queue
