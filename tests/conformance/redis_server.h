// Real Redis servers for tests, private to this process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/redis_protocol.h"

namespace carillon::conformance {

inline constexpr const char* kNoRedis = "redis-server is not installed: tools/install_dependencies.sh test";

struct RedisSetup {
  bool has_tls = false;  // with the certificate of this process (net/tls_certificate_test.h)
  std::vector<std::string> arguments = {};  // "--requirepass", "secret"
};

class RedisServer {
 public:
  // Started and ready; nullptr: redis-server is not installed. It dies with this process.
  static std::unique_ptr<RedisServer> start(RedisSetup setup = {});
  // One for all tests that change nothing of the server itself; nullptr as above.
  static RedisServer* shared();
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const;  // redis://127.0.0.1:port, or rediss://
  void signal(int number) const;
  void kill();     // as kill -9
  void restart();  // on the same port
  // A command over a connection of its own, plain.
  net::RedisReply ask(const std::vector<std::string>& words) const;

 private:
  explicit RedisServer(RedisSetup setup) : setup_(std::move(setup)) {}
  bool run(std::uint16_t port);

  RedisSetup setup_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace carillon::conformance
