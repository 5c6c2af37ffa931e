// Twilio Programmable Voice, the pure part: what a request looks like and what an answer means.
// Source: twilio-oai twilio_api_v2010.json; twilio.com/docs/voice/api/call-resource, /docs/voice/twiml/say.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "providers/provider.h"
#include "providers/twilio_account.h"

namespace carillon::providers::twilio_voice_detail {

inline constexpr std::size_t kTwimlMax = 4000;  // characters

struct Options {
  TwilioAccount account;
  std::string from, voice, language = "en-US";
  std::string machine_detection = "off";  // off detect message_end
  Millis ring_timeout{60'000};
};
void describe_options(base::SettingsGroup& group, Options& options);

// Errors of the answer, beside twilio_account_errors().
std::span<const TwilioError> error_rows() noexcept;

// What is said in the call, as TwiML.
std::string twiml_of(const model::Message& message, const Options& options);
// The form of one call. `callback_base` (Context::callback_url) may be empty.
std::string form_of(const Job& job, const Options& options, std::string twiml,
                    const std::string& callback_base);
// `has_own_sender`: the request named its sender.
model::Outcome classify(const net::HttpResponse& response, bool has_own_sender, Time now);
// Errors: as read_twilio_callback().
Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options);

}  // namespace carillon::providers::twilio_voice_detail
