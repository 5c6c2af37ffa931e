// What a Kafka that carries hints and records says of itself and its topics, for who looks whether they are
// fit (carillon doctor).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "queue/queue.h"

namespace carillon::queue {

struct KafkaFacts {
  struct Topic {
    std::string name;
    std::int64_t partitions = 0, replicas = 0;
    // Of those that matter here; empty when the user may not look at them.
    std::map<std::string, std::string, std::less<>> settings;
  };
  std::int64_t brokers = 0;
  std::vector<Topic> topics;         // those that are there
  std::vector<std::string> missing;  // those that are not
};

// The topics of all lanes, and those of `records`. Reads, and makes nothing. Blocks: a quarter of a minute at
// most. Errors: those of open().
Result<KafkaFacts> inspect_kafka(const Options& options, const std::vector<std::string>& records);

}  // namespace carillon::queue
