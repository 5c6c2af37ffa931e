// Twilio as the simulator plays it: Messaging here, Voice in twilio_calls.h (PROVIDERS §3).
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "net/http.h"
#include "sim/context.h"
#include "sim/h1_vendor.h"
#include "sim/twilio_calls.h"

namespace carillon::sim {

// X-Twilio-Signature of a form post to exactly this URL (PROVIDERS §3.7). Duplicate names: unique values
// in order, the name before each.
std::string twilio_signature(std::string_view auth_token, std::string_view url, Form form);

// Thread-safe.
class Twilio final : public H1Vendor {
 public:
  static constexpr std::size_t kMessagesMax = 10'000;  // kept for GET; older ones are 404

  explicit Twilio(Stage& stage);

  [[nodiscard]] H1Answer handle(const net::HttpRequest& request, const Draw& draw) override;
  [[nodiscard]] net::HttpResponse refuse(Trouble trouble, const Draw& draw) override;
  [[nodiscard]] bool receive(std::string_view from, std::string_view text) override;
  void describe(base::JsonWriter& out) const override;

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
  [[nodiscard]] bool is_authorized(const net::HttpRequest& request) const;
  [[nodiscard]] H1Answer create(const net::HttpRequest& request, const Draw& draw);
  [[nodiscard]] net::HttpResponse list(std::string_view query);
  [[nodiscard]] net::HttpResponse find(std::string_view sid);
  [[nodiscard]] static Refusal check(const Form& form, std::string_view account_number);
  [[nodiscard]] static Refusal check_extras(const Form& form);
  [[nodiscard]] net::HttpResponse refuse(const Refusal& refusal) const;
  [[nodiscard]] std::string json(const Message& message) const;
  void remember(const Message& message);
  void schedule(const Message& message);
  [[nodiscard]] Callback callback(const Message& message, std::string_view status, int error_code) const;
  [[nodiscard]] Callback signed_post(const std::string& url, const Form& form) const;

  Context& context_;
  Callbacks& callbacks_;
  std::mutex mutex_;
  std::deque<std::string> order_;  // sids, oldest first
  std::unordered_map<std::string, Message> messages_;
  TwilioCalls calls_;
};

[[nodiscard]] bool is_e164(std::string_view text) noexcept;
// The reserved phone numbers of CONTRACT §6.
[[nodiscard]] Reserved reserved_phone(std::string_view phone) noexcept;

}  // namespace carillon::sim
