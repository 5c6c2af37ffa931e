// What librdkafka hands out, each given back once: a list that leaks keeps a consumer from ever closing.
#pragma once

#include <librdkafka/rdkafka.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "model/channel.h"
#include "queue/queue.h"

namespace carillon::queue {

template <auto kDestroy>
struct KafkaDeleter {
  template <class T>
  void operator()(T* handle) const noexcept {
    kDestroy(handle);
  }
};
using ConfPtr = std::unique_ptr<rd_kafka_conf_t, KafkaDeleter<rd_kafka_conf_destroy>>;
using TopicPtr = std::unique_ptr<rd_kafka_topic_t, KafkaDeleter<rd_kafka_topic_destroy>>;
using PartitionsPtr =
    std::unique_ptr<rd_kafka_topic_partition_list_t, KafkaDeleter<rd_kafka_topic_partition_list_destroy>>;
using MessagePtr = std::unique_ptr<rd_kafka_message_t, KafkaDeleter<rd_kafka_message_destroy>>;
using KafkaQueuePtr = std::unique_ptr<rd_kafka_queue_t, KafkaDeleter<rd_kafka_queue_destroy>>;
using EventPtr = std::unique_ptr<rd_kafka_event_t, KafkaDeleter<rd_kafka_event_destroy>>;
using MetadataPtr = std::unique_ptr<const struct rd_kafka_metadata, KafkaDeleter<rd_kafka_metadata_destroy>>;
using NewTopicPtr = std::unique_ptr<rd_kafka_NewTopic_t, KafkaDeleter<rd_kafka_NewTopic_destroy>>;
using ConfigResourcePtr =
    std::unique_ptr<rd_kafka_ConfigResource_t, KafkaDeleter<rd_kafka_ConfigResource_destroy>>;
using AdminOptionsPtr = std::unique_ptr<rd_kafka_AdminOptions_t, KafkaDeleter<rd_kafka_AdminOptions_destroy>>;
using KafkaErrorPtr = std::unique_ptr<rd_kafka_error_t, KafkaDeleter<rd_kafka_error_destroy>>;
// A client. A consumer is closed before (kafka_consumers.cpp); what did not close in time is not waited for.
inline void destroy_client(rd_kafka_t* client) noexcept {
  rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}
using ClientPtr = std::unique_ptr<rd_kafka_t, KafkaDeleter<destroy_client>>;

// A server of ours in words: librdkafka's, and of what a peer sent only what can be printed.
[[nodiscard]] std::string kafka_text(rd_kafka_resp_err_t code);
[[nodiscard]] std::string printable(const char* text);

// The configuration of all clients of one Options: addresses, security, time-outs.
class KafkaConfig {
 public:
  // Errors: InvalidArgument naming the setting.
  static Result<KafkaConfig> open(const Options& options);

  // With the properties given on top, which are ours and so known to be good.
  using Properties = std::vector<std::pair<std::string, std::string>>;
  [[nodiscard]] ConfPtr make(const Properties& more) const;
  [[nodiscard]] const std::string& shown() const noexcept { return shown_; }  // the servers, for logs

 private:
  Properties properties_;
  base::Secret password_;
  std::string shown_;
};

// Runs `destroy`, which ends clients, and waits for it: no longer than a few seconds. librdkafka 2.0.2 waits
// for ever in its destructor when a partition was removed from the cluster while it was read (its issue 4724,
// mended in 2.5): then its threads stay until the process ends, which is about to.
void destroy_in_time(std::move_only_function<void()> destroy);

// All lanes, in the order of Lane::index().
[[nodiscard]] std::vector<model::Lane> all_lanes();

}  // namespace carillon::queue
