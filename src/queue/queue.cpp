#include "queue/queue.h"

namespace carillon::queue {

void describe(base::SettingsGroup& group, Options& options) {
  group.text("url", options.url)
      .help(
          "How processes tell each other of work: embedded: (within this one) or "
          "kafka://user@one:9092,two:9092, with TLS kafkas://.");
  group.secret("password", options.password).help("Kafka: the password of the user in the URL.");
  group.choice("sasl", options.sasl, {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})
      .help("Kafka: how user and password are shown to a broker.");
  group.text("ca_file", options.ca_file)
      .help("Kafka: PEM file with the certificates to trust; empty: the system's.");
  group.text("certificate_file", options.certificate_file)
      .help("Kafka: PEM file with the certificate to show, where brokers want one.");
  group.text("key_file", options.key_file).help("Kafka: PEM file with its private key.");
  group.text("prefix", options.prefix).help("Kafka: what names of topics and consumer groups begin with.");
  group.boolean("create_topics", options.create_topics).help("Kafka: make topics that are missing.");
  group.integer("partitions", options.partitions)
      .range(1, 1000)
      .help("Kafka: partitions of a topic that is made; as many processes can share a queue.");
  group.integer("replication", options.replication)
      .range(0, 10)
      .help("Kafka: replicas of a topic that is made; 0 takes three, or as many as there are brokers.");
  group.integer("lane_max", options.lane_max)
      .range(64, 1'000'000)
      .help("Kafka: ids kept in memory for each queue and priority; the store is scanned for what is more.");
}

Result<std::unique_ptr<Queue>> open(const Options& options, std::span<const model::Queue> queues,
                                    base::Metrics& metrics) {
  if (options.url == "embedded:") {
    return make_embedded({.lane_max = static_cast<std::size_t>(options.lane_max)});
  }
  return open_kafka(options, queues, metrics);
}

}  // namespace carillon::queue
