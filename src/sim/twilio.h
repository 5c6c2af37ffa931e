// Twilio Messaging as the simulator plays it (PROVIDERS §3).
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "net/http.h"
#include "sim/context.h"
#include "sim/h1_server.h"
#include "sim/twilio_callbacks.h"

namespace carillon::sim {

struct TwilioOptions {
  Millis callback_step{50};       // between two status callbacks of a message
  double callback_duplicate = 0;  // share of callbacks sent twice
  double callback_reorder = 0;    // share of messages whose callbacks come last first
  double callback_loss = 0;       // share of callbacks never sent
};

// Thread-safe. `context` and `callbacks` must outlive it.
class Twilio {
 public:
  static constexpr std::size_t kMessagesMax = 10'000;  // kept for GET; older ones are 404

  Twilio(Context& context, TwilioCallbacks& callbacks, TwilioOptions options)
      : context_(context), callbacks_(callbacks), options_(options) {}

  [[nodiscard]] H1Answer handle(const net::HttpRequest& request);

 private:
  struct Message {
    std::string sid, to, from, service, body, callback;
    std::string status = "queued";
    int error_code = 0;
    std::size_t segments = 1;
    Time created{};
  };
  struct Refusal {
    int status = 0;  // 0: not refused
    int code = 0;
    std::string_view message;
  };
  [[nodiscard]] H1Answer route(const net::HttpRequest& request, const Draw& draw);
  [[nodiscard]] bool is_authorized(const net::HttpRequest& request) const;
  [[nodiscard]] H1Answer create(const net::HttpRequest& request, const Draw& draw);
  [[nodiscard]] net::HttpResponse list(std::string_view query);
  [[nodiscard]] net::HttpResponse find(std::string_view sid);
  [[nodiscard]] static Refusal check(const Form& form);
  [[nodiscard]] H1Answer refuse(const Refusal& refusal) const;
  [[nodiscard]] std::string json(const Message& message) const;
  void remember(const Message& message);
  void schedule(const Message& message);
  void call_back(const Message& message, std::string_view status, int error_code, Millis delay);

  Context& context_;
  TwilioCallbacks& callbacks_;
  const TwilioOptions options_;
  std::mutex mutex_;
  std::deque<std::string> order_;  // sids, oldest first
  std::unordered_map<std::string, Message> messages_;
};

// The reserved phone numbers of CONTRACT §6.
[[nodiscard]] Reserved reserved_phone(std::string_view phone) noexcept;

}  // namespace carillon::sim
