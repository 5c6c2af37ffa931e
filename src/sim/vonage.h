// Vonage as the simulator plays it: the SMS API with signed delivery receipts, the voice API with the
// application's tokens and signed events (PROVIDERS §4). One address for both.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <string_view>

#include "net/http.h"
#include "sim/context.h"
#include "sim/h1_vendor.h"

namespace carillon::sim {

// The account's signature of a form: HMAC-SHA-256 of "&name=value…" by name, in hexadecimal; in the values
// '&' and '=' become '_'.
std::string vonage_signature(std::string_view secret, Form form);

// 32 hexadecimal digits as a UUID.
std::string uuid_of(std::string_view hex);

// Thread-safe.
class Vonage final : public H1Vendor {
 public:
  explicit Vonage(Stage& stage);

  [[nodiscard]] H1Answer handle(const net::HttpRequest& request, const Draw& draw) override;
  [[nodiscard]] net::HttpResponse refuse(Trouble trouble, const Draw& draw) override;
  [[nodiscard]] net::HttpResponse refuse_request(const net::HttpRequest& request, Trouble trouble,
                                                 const Draw& draw) override;
  [[nodiscard]] bool receive(std::string_view from, std::string_view text) override;
  void describe(base::JsonWriter& out) const override;

 private:
  struct Message {
    std::string to, from, text, client_ref, callback;
    std::vector<std::string> ids;  // one per part
  };
  struct Call {
    std::string uuid, conversation, to, from, event_url;
    bool is_detecting = false;
  };
  // "status" and "error-text" of the answer.
  struct Refusal {
    std::string_view status;  // empty: not refused
    std::string_view text;
  };
  [[nodiscard]] H1Answer send(const net::HttpRequest& request, const Draw& draw);
  [[nodiscard]] Refusal check(const Form& form) const;
  [[nodiscard]] net::HttpResponse refuse_sms(std::string_view to, const Refusal& refusal) const;
  [[nodiscard]] net::HttpResponse taken(const Message& message) const;
  void report(const Message& message, bool is_bouncing);
  [[nodiscard]] Callback signed_form(const std::string& url, Form form) const;
  [[nodiscard]] net::HttpResponse balance(const net::HttpRequest& request) const;

  // vonage_calls.cpp
  [[nodiscard]] H1Answer handle_calls(const net::HttpRequest& request, const Draw& draw);
  [[nodiscard]] bool has_token(const net::HttpRequest& request) const;
  [[nodiscard]] H1Answer call(const net::HttpRequest& request, const Draw& draw);
  [[nodiscard]] net::HttpResponse refuse_call(int status, std::string_view title,
                                              std::string_view parameter = {}) const;
  void report(const Call& call, bool is_bouncing);
  [[nodiscard]] Callback signed_event(const std::string& url, std::string body) const;
  [[nodiscard]] net::HttpResponse list_calls();

  Context& context_;
  Callbacks& callbacks_;
  const std::string api_key_, api_secret_, signature_secret_, application_id_;
  std::mutex mutex_;
  std::deque<std::string> calls_;  // as JSON, newest first
};

}  // namespace carillon::sim
