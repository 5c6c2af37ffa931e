// Twilio's status callbacks: signed form posts, a little after the message was accepted.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "base/task.h"
#include "net/http_client.h"

namespace carillon::sim {

using Form = std::vector<std::pair<std::string, std::string>>;

// X-Twilio-Signature of a form post to exactly this URL (PROVIDERS §3.7). Duplicate names: unique values
// in order, the name before each.
std::string twilio_signature(std::string_view auth_token, std::string_view url, Form form);

struct Callback {
  std::string url;
  Form form;
};

// Posts callbacks when they are due. Failed ones are not tried again, like Twilio's by default.
class TwilioCallbacks {
 public:
  static constexpr std::size_t kWaitingMax = 200'000;  // further ones are dropped and counted
  static constexpr std::size_t kInFlightMax = 32;

  // Runs on `context`. `ca_file`: what to trust behind https; empty: the system's.
  TwilioCallbacks(boost::asio::io_context& context, base::Secret auth_token, std::string ca_file);
  ~TwilioCallbacks() { stop(); }

  // Thread-safe.
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
  const base::Secret auth_token_;
  const std::string ca_file_;
  base::Signal wake_;
  std::unique_ptr<net::HttpClient> client_;
  std::priority_queue<Waiting> waiting_;
  std::uint64_t next_number_ = 0;
  std::size_t in_flight_ = 0;
  bool is_stopping_ = false;
  std::atomic<std::uint64_t> delivered_{0}, failed_{0};
  base::TaskGate gate_{"twilio callbacks"};
};

}  // namespace carillon::sim
