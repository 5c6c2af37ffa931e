// Kafka for tests: real brokers (KRaft, one node, private to this process) and librdkafka's mock cluster.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

namespace carillon::conformance {

inline constexpr const char* kNoKafka =
    "there is no Kafka broker in build/kafka/lib, or no Java: tools/install_dependencies.sh test";

class KafkaServer {
 public:
  virtual ~KafkaServer() = default;

  // A broker of its own, started and ready, without topics; nullptr: its jars or Java are not here. It dies
  // with this process. Takes some seconds.
  static std::unique_ptr<KafkaServer> start();
  // One for all tests that change nothing of the server itself, started by the first; nullptr as above.
  static KafkaServer* shared();
  // Three mock brokers in this process, which keep 5 MiB of a partition and know no admin calls.
  static KafkaServer* mock();

  [[nodiscard]] virtual std::string url() const = 0;  // kafka://127.0.0.1:port
  // Where topics cannot be made through the protocol; else nothing.
  virtual void make_topics(const std::string& prefix, int partitions) = 0;

  // ---- real ones
  virtual void kill() = 0;     // as kill -9
  virtual void restart() = 0;  // on the same port with what it had on disk
  virtual void wipe() = 0;     // kills it and removes all that it had
  virtual void signal(int number) = 0;

  // ---- the mock
  // The next `count` producers that ask for their id get an error they cannot recover from.
  virtual void break_producers(std::size_t count) = 0;
};

}  // namespace carillon::conformance
