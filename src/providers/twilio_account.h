// What Twilio's providers share: the account, the request, the errors every resource knows.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "providers/http_provider.h"

namespace carillon::providers {

struct TwilioAccount {
  std::string sid, api_key_sid;
  base::Secret auth_token, signing_token;
  // What callbacks are signed with.
  [[nodiscard]] std::string_view signing_key() const {
    return (signing_token.empty() ? auth_token : signing_token).reveal();
  }
};
void describe(base::SettingsGroup& group, TwilioAccount& account);

// One line of Twilio's error dictionary (twilio.com/docs/api/errors).
struct TwilioError {
  int code = 0;
  model::OutcomeKind kind{};
  std::string_view text;
  // It complains of the sender: where the request chose it, the request is wrong and not the account.
  bool is_about_sender = false;
  // It complains of where the message goes: a region or number this account may not reach. Others go on.
  bool is_about_destination = false;
};
// Those of every resource.
std::span<const TwilioError> twilio_account_errors() noexcept;

// What an answer means; `own`: the resource's errors. 200 and 201 with a "sid" are sent.
// `has_own_sender`: the request named its sender.
model::Outcome read_twilio_answer(const net::HttpResponse& response, std::span<const TwilioError> own,
                                  bool has_own_sender, Time now);

class TwilioProvider : public HttpProvider {
 protected:
  // `resource`: "Messages" or "Calls".
  TwilioProvider(TwilioAccount account, std::string resource, CommonOptions common, const Context& context,
                 std::size_t in_flight_default);
  // A post of a form to the resource.
  [[nodiscard]] net::HttpCall post(std::string form) const;
  // Reading one of what was sent sends nothing. API keys may do this, but not read the account itself.
  Task<TestReport> test(base::Deadline deadline) override;
  [[nodiscard]] const TwilioAccount& account() const noexcept { return account_; }

 private:
  [[nodiscard]] net::HttpCall call(std::string_view query) const;
  const TwilioAccount account_;
  const std::string resource_;
};

inline constexpr std::string_view kTwilioEndpoint = "https://api.twilio.com";

}  // namespace carillon::providers
