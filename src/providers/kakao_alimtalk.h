// KakaoTalk Alimtalk through SOLAPI, the pure part: what a request looks like, what an answer means and what
// its reports say. Source: github.com/solapi/documents (message-status-codes, api-key, messages v4) and
// solapi/solapi-nodejs.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "providers/provider.h"

namespace carillon::providers::kakao_alimtalk_detail {

struct Options {
  std::string api_key, channel_id, from, template_id;
  base::Secret api_secret, webhook_secret;
  bool sms_fallback = false;
};
void describe_options(base::SettingsGroup& group, Options& options);

// One line of SOLAPI's status codes: what it means when a message is taken, and in a report afterwards.
struct StatusRow {
  int code = 0;
  model::OutcomeKind kind{};
  model::ReceiptKind late{};
  std::string_view text;
};
std::span<const StatusRow> status_rows() noexcept;

// One word of the API's own errors, which come with another HTTP status than 200.
struct ErrorRow {
  std::string_view code;
  model::OutcomeKind kind{};
  std::string_view text;
};
std::span<const ErrorRow> error_rows() noexcept;

// HMAC-SHA256 over date and salt, as hexadecimal digits.
std::string signature(std::string_view secret, std::string_view date, std::string_view salt);
// A number as SOLAPI takes it: Korean ones in national form.
std::string phone_of(std::string_view e164);
// The body of a request, or why the content is no Alimtalk.
std::expected<std::string, model::Outcome> body_of(const Job& job, const Options& options);
model::Outcome classify(const net::HttpResponse& response, Time now);
// Errors: as Provider::callback().
Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options);

}  // namespace carillon::providers::kakao_alimtalk_detail
