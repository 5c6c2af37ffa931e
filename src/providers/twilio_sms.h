// Twilio Programmable Messaging, the pure part: what a request looks like and what an answer means.
// Source: twilio-oai twilio_api_v2010.json; twilio.com/docs/api/errors.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "providers/provider.h"

namespace carillon::providers::twilio_sms_detail {

struct Options {
  std::string account_sid, api_key_sid;
  base::Secret auth_token, signing_token;
  std::string from, messaging_service_sid;
};
void describe_options(base::SettingsGroup& group, Options& options);

// One line of Twilio's error dictionary.
struct ErrorRow {
  int code = 0;
  model::OutcomeKind kind{};
  std::string_view text;
};
std::span<const ErrorRow> error_rows() noexcept;

// The form of one message. `callback_base` (Context::callback_url) may be empty.
std::string form_of(const Job& job, const Options& options, const std::string& callback_base);
// Errors: as read_twilio_callback().
Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options);
model::Outcome classify(const net::HttpResponse& response, Time now);

}  // namespace carillon::providers::twilio_sms_detail
