#include "providers/twilio_account.h"

#include <fmt/format.h>

#include <algorithm>

namespace carillon::providers {
namespace {

using model::Outcome;
using model::OutcomeKind;

constexpr Millis kPause{5'000};  // Twilio names no time

constexpr TwilioError kErrors[] = {
    {10001, OutcomeKind::Misconfigured, "The account is not active."},
    {10002, OutcomeKind::Misconfigured, "A trial account may not do this."},
    {20001, OutcomeKind::Permanent, "A parameter is not known."},
    {20003, OutcomeKind::Misconfigured, "Authentication failed: check account_sid and auth_token."},
    {20005, OutcomeKind::Misconfigured, "The account is not active."},
    {20006, OutcomeKind::Misconfigured, "Access denied."},
    {20008, OutcomeKind::Misconfigured, "Test credentials cannot be used for this."},
    {20010, OutcomeKind::Misconfigured, "The account is suspended."},
    {20403, OutcomeKind::Misconfigured, "The account may not do this."},
    {20404, OutcomeKind::Misconfigured, "Not found: check account_sid."},
    {20422, OutcomeKind::Permanent, "A parameter is not valid."},
    {20429, OutcomeKind::Throttled, "Too many concurrent requests."},
    // An error inside Twilio: the message may have been queued before it.
    {20500, OutcomeKind::Ambiguous, "Internal server error."},
    {20503, OutcomeKind::Temporary, "Service unavailable."},
};

Outcome read_listing(const net::HttpResponse& response, Time now) {
  return read_twilio_answer(response, {}, false, now);
}

}  // namespace

void describe(base::SettingsGroup& group, TwilioAccount& account) {
  group.text("account_sid", account.sid)
      .required()
      .help("Account SID, AC….")
      .korean("AC…로 시작하는 계정 SID입니다.");
  group.text("api_key_sid", account.api_key_sid)
      .help("SID of an API key, SK…, when auth_token is its secret; empty: the account itself.")
      .korean("auth_token이 API 키의 시크릿일 때 그 키의 SID(SK…)입니다. 비워 두면 계정 자체를 씁니다.");
  group.secret("auth_token", account.auth_token)
      .required()
      .help("The account's auth token, or the API key's secret.")
      .korean("계정의 인증 토큰 또는 API 키의 시크릿입니다.");
  group.secret("signing_token", account.signing_token)
      .help("The account's primary auth token, which signs callbacks; empty: auth_token.")
      .korean("콜백에 서명하는 계정의 기본 인증 토큰입니다. 비워 두면 auth_token을 씁니다.");
}

std::span<const TwilioError> twilio_account_errors() noexcept { return kErrors; }

Outcome read_twilio_answer(const net::HttpResponse& response, std::span<const TwilioError> own,
                           bool has_own_sender, Time now) {
  base::JsonDocument document;
  const auto root = document.parse(response.body);
  std::string_view sid;
  std::int64_t code = 0;
  if (response.status == 200 || response.status == 201) {
    if (!root || (*root)["sid"].get(sid) != simdjson::SUCCESS) {
      return Outcome::ambiguous("an answer without an id", response.status);
    }
    return Outcome::sent(std::string(sid), response.status);
  }
  if (!root || (*root)["code"].get(code) != simdjson::SUCCESS) code = 0;
  const TwilioError* row = nullptr;
  for (const auto rows : {own, std::span<const TwilioError>(kErrors)}) {
    const auto found = std::ranges::find(rows, code, &TwilioError::code);
    if (row == nullptr && found != rows.end()) row = &*found;
  }
  // A 429 was never processed, whatever its code.
  OutcomeKind kind = response.status == 429 ? OutcomeKind::Throttled
                     : row != nullptr       ? row->kind
                                            : kind_of_status(response.status);
  if (has_own_sender && row != nullptr && row->is_about_sender) kind = OutcomeKind::Permanent;
  Outcome outcome = Outcome::of(kind, response.status, code != 0 ? std::to_string(code) : std::string(),
                                std::string(row != nullptr ? row->text : "an error not documented"));
  outcome.is_of_address = row != nullptr && row->is_about_destination;
  heed_retry_after(outcome, response, now, kPause);
  return outcome;
}

TwilioProvider::TwilioProvider(TwilioAccount account, std::string resource, CommonOptions common,
                               const Context& context, std::size_t in_flight_default)
    : HttpProvider(std::move(common), context, "twilio", in_flight_default),
      account_(std::move(account)),
      resource_(std::move(resource)) {}

net::HttpCall TwilioProvider::call(std::string_view query) const {
  net::HttpCall call = call_to(
      fmt::format("/2010-04-01/Accounts/{}/{}.json{}", net::percent_encode(account_.sid), resource_, query));
  call.user = account_.api_key_sid.empty() ? account_.sid : account_.api_key_sid;
  call.password = account_.auth_token;
  return call;
}

net::HttpCall TwilioProvider::post(std::string form) const {
  net::HttpCall request = call("");
  request.request.method = "POST";
  request.request.headers.emplace_back("content-type", "application/x-www-form-urlencoded; charset=utf-8");
  request.request.body = std::move(form);
  return request;
}

Task<TestReport> TwilioProvider::test(base::Deadline deadline) {
  return try_out(call("?PageSize=1"), "Twilio", "Twilio accepted the credentials.", read_listing, deadline);
}

}  // namespace carillon::providers
