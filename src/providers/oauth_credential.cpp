#include "providers/oauth_credential.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace carillon::providers {
namespace {

using model::Outcome;
using model::OutcomeKind;

constexpr Millis kRenewEarly{5 * 60'000};
constexpr Millis kRenewFloor{5'000};  // a service that refuses every token is not asked for one per message
constexpr std::int64_t kLifeMaxS = 86'400;

// RFC 6749 §5.2 has a word; Huawei has a number.
std::string error_of(base::JsonElement root) {
  std::string_view word;
  std::int64_t number = 0;
  if (root["error"].get(word) == simdjson::SUCCESS) return std::string(word.substr(0, 64));
  return root["error"].get(number) == simdjson::SUCCESS ? std::to_string(number) : std::string();
}

}  // namespace

OauthCredential::OauthCredential(Options options, const Context& context)
    : options_(std::move(options)), clock_(*context.clock), http_(net::HttpClient::open(context.executor)) {}

OauthCredential::~OauthCredential() = default;

bool OauthCredential::refused(const CredentialValue& value) {
  if (value != value_) return true;  // renewed since
  if (clock_.now() - obtained_at_ < kRenewFloor) return false;
  value_.reset();
  return true;
}

Task<std::optional<Outcome>> OauthCredential::obtain(base::Deadline deadline) {
  const Time now = clock_.now();
  auto form = options_.form(now);
  if (!form) co_return Outcome::of(OutcomeKind::Misconfigured, 0, "invalid_key", form.error().message);
  net::HttpCall call;
  call.url = options_.url;
  call.ca_file = options_.ca_file;
  call.request.method = "POST";
  call.request.headers.emplace_back("content-type", "application/x-www-form-urlencoded");
  call.request.body = std::move(*form);
  const auto response = co_await http_->call(std::move(call), deadline);
  // Whatever became of the token's request, the message itself was not sent.
  if (!response) co_return Outcome::not_sent("no access token: " + response.error().detail);
  co_return take(*response, now);
}

std::optional<Outcome> OauthCredential::take(const net::HttpResponse& response, Time now) {
  base::JsonDocument document;
  const auto root = document.parse(response.body);
  std::string_view token;
  std::int64_t expires_in = 0;
  if (response.status >= 400 && response.status < 500 && response.status != 429 && response.status != 408) {
    return Outcome::of(OutcomeKind::Misconfigured, response.status, root ? error_of(*root) : std::string(),
                       options_.refused);
  }
  if (response.status != 200 || !root || (*root)["access_token"].get(token) != simdjson::SUCCESS ||
      (*root)["expires_in"].get(expires_in) != simdjson::SUCCESS) {
    return Outcome::not_sent(fmt::format("no access token: the token endpoint answered {}", response.status));
  }
  value_ = std::make_shared<const std::string>(fmt::format("Bearer {}", token));
  obtained_at_ = now;
  const Millis life = std::chrono::seconds(std::clamp<std::int64_t>(expires_in, 1, kLifeMaxS));
  renew_at_ = now + std::max(life - kRenewEarly, life / 2);
  return std::nullopt;
}

Task<void> OauthCredential::close() { return http_->close(); }

}  // namespace carillon::providers
