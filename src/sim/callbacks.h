// What vendors tell a little after they accepted a message: HTTP requests to URLs a sender named.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "net/http.h"
#include "net/http_client.h"

namespace carillon::sim {

using Form = std::vector<std::pair<std::string, std::string>>;

// One request, signed already.
struct Callback {
  std::string url;
  net::Headers headers;
  std::string body;
  std::string method = "POST";
};

// How callbacks go wrong, and how fast they come.
struct CallbackOptions {
  Millis step{50};       // between two about one message
  double duplicate = 0;  // share sent twice
  double reorder = 0;    // share of messages whose callbacks come last first
  double loss = 0;       // share never sent
  std::string ca_file;   // what to trust behind https; empty: the system's
};

// Makes the requests when they are due. Failed ones are not tried again.
class Callbacks {
 public:
  static constexpr std::size_t kWaitingMax = 200'000;  // further ones are dropped and counted
  static constexpr std::size_t kInFlightMax = 32;

  // Runs on `context`.
  Callbacks(boost::asio::io_context& context, CallbackOptions options);
  ~Callbacks() { stop(); }

  // What one message went through, a step after the other, with the options' faults. Thread-safe.
  void tell(std::vector<Callback> steps);
  // One request as it is. Thread-safe.
  void post(Callback callback, Millis delay);
  // Drops what waits and ends what is under way. Blocks; the context must be running.
  void stop();
  [[nodiscard]] std::uint64_t delivered() const noexcept { return delivered_.load(); }
  [[nodiscard]] std::uint64_t failed() const noexcept { return failed_.load(); }

 private:
  struct Waiting {
    SteadyTime due;
    std::uint64_t number;  // keeps the order of equal times
    std::shared_ptr<const Callback> callback;
    bool operator<(const Waiting& other) const noexcept {
      return due != other.due ? due > other.due : number > other.number;
    }
  };
  Task<void> run();
  Task<void> send(std::shared_ptr<const Callback> callback);

  boost::asio::io_context& context_;
  const CallbackOptions options_;
  base::Signal wake_;
  std::unique_ptr<net::HttpClient> client_;
  std::priority_queue<Waiting> waiting_;
  std::uint64_t next_number_ = 0;
  std::size_t in_flight_ = 0;
  bool is_stopping_ = false;
  std::atomic<std::uint64_t> delivered_{0}, failed_{0};
  base::TaskGate gate_{"callbacks"};
};

}  // namespace carillon::sim
