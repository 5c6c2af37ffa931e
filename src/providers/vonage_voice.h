// Vonage's Voice API, the pure part: what a request looks like and what an answer means.
// Source: Nexmo/api-specification voice.yml; developer.vonage.com/voice/voice-api/ncco-reference and
// /webhook-reference.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "providers/provider.h"

namespace carillon::providers::vonage_voice_detail {

inline constexpr std::size_t kTextMax = 1500;  // characters of one talk action

struct Options {
  std::string application_id, from;
  base::Secret private_key, signature_secret;
  std::string language = "en-US";
  std::int64_t style = 0;
  bool premium = false;
  std::string machine_detection = "off";  // off continue hangup
  Millis ring_timeout{60'000};
};
void describe_options(base::SettingsGroup& group, Options& options);

// One state of a call in an event webhook; `detail` empty: whatever its detail.
struct EventRow {
  std::string_view status, detail;
  model::ReceiptKind kind{};
  std::string_view text;
};
std::span<const EventRow> event_rows() noexcept;

// The body of one call. `event_url`: where to report; empty: nowhere.
std::string body_of(const Job& job, const Options& options, const std::string& event_url);
// The application's token for one request: RS256, a quarter of an hour. `id`: unique. Errors: InvalidArgument
// (the key is none).
Result<std::string> token_of(const Options& options, std::string_view id, Time now);
// `has_own_sender`: the request named its sender.
model::Outcome classify(const net::HttpResponse& response, bool has_own_sender, Time now);
// Errors: as check_vonage_token() · InvalidArgument (no JSON object).
Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options);

}  // namespace carillon::providers::vonage_voice_detail
