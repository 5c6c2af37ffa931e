// Twilio Programmable Messaging, the pure part: what a request looks like and what an answer means.
// Source: twilio-oai twilio_api_v2010.json; twilio.com/docs/api/errors.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "providers/provider.h"
#include "providers/twilio_account.h"

namespace carillon::providers::twilio_sms_detail {

inline constexpr std::size_t kBodyMax = 1600;  // characters of a text, all its parts together

struct Options {
  TwilioAccount account;
  std::string from, messaging_service_sid;
  bool mms = true;
};
void describe_options(base::SettingsGroup& group, Options& options);

// Errors of the answer, beside twilio_account_errors().
std::span<const TwilioError> error_rows() noexcept;

// Errors of a message's later life. Those without "the address is dead" say nothing about the number.
struct LateRow {
  std::int64_t code = 0;
  model::ReceiptKind kind{};
  std::string_view text;
};
std::span<const LateRow> late_rows() noexcept;

// The form of one message. `callback_base` (Context::callback_url) may be empty.
std::string form_of(const Job& job, const Options& options, const std::string& callback_base);
// Errors: as read_twilio_callback().
Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options);
// `has_own_sender`: the request named its sender.
model::Outcome classify(const net::HttpResponse& response, bool has_own_sender, Time now);

}  // namespace carillon::providers::twilio_sms_detail
