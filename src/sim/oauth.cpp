#include "sim/oauth.h"

#include "base/crypto.h"
#include "base/json.h"

namespace carillon::sim {
namespace {

constexpr std::string_view kGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr std::string_view kScopes[] = {"https://www.googleapis.com/auth/firebase.messaging",
                                        "https://www.googleapis.com/auth/cloud-platform"};
constexpr std::int64_t kLifetimeS = 3599;
constexpr std::int64_t kAssertionMaxS = 3600;
constexpr std::int64_t kSkewS = 300;

net::HttpResponse json(int status, std::string body) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json; charset=utf-8"}},
          .body = std::move(body)};
}

net::HttpResponse refuse(std::string_view error, std::string_view description) {
  base::JsonWriter out;
  out.object().field("error", error).field("error_description", description).end_object();
  return json(400, out.str());
}

std::string_view field(const std::vector<std::pair<std::string, std::string>>& form, std::string_view key) {
  for (const auto& [name, value] : form) {
    if (name == key) return value;
  }
  return {};
}

}  // namespace

net::HttpResponse TokenIssuer::answer(const net::HttpRequest& request) {
  if (request.path() != "/token") return json(404, R"({"error":"not_found"})");
  if (request.method != "POST") return json(405, R"({"error":"invalid_request"})");
  const auto form = net::form_decode(request.body);
  if (!form) return refuse("invalid_request", "The body is not a form.");
  if (field(*form, "grant_type") != kGrant) return refuse("unsupported_grant_type", "Invalid grant_type.");
  if (const std::string wrong = check(field(*form, "assertion")); !wrong.empty())
    return refuse("invalid_grant", wrong);
  base::JsonWriter out;
  out.object()
      .field("access_token", issue())
      .field("expires_in", kLifetimeS)
      .field("token_type", "Bearer")
      .end_object();
  return json(200, out.str());
}

std::string TokenIssuer::check(std::string_view assertion) const {
  const auto jwt = split_jwt(assertion);
  if (!jwt) return "Bad Request";
  base::JsonDocument header_document;
  base::JsonDocument claims_document;
  const auto header = header_document.parse(jwt->header);
  const auto claims = claims_document.parse(jwt->claims);
  if (!header || !claims) return "Invalid JWT: not JSON.";
  std::string_view algorithm;
  std::string_view issuer;
  std::string_view audience;
  std::string_view scope;
  std::int64_t issued = 0;
  std::int64_t expires = 0;
  if ((*header)["alg"].get(algorithm) != simdjson::SUCCESS || algorithm != "RS256")
    return "Invalid JWT: alg.";
  if (!context_.credentials.fcm_key.verify_rs256(jwt->signed_part, jwt->signature))
    return "Invalid JWT Signature.";
  if ((*claims)["iss"].get(issuer) != simdjson::SUCCESS || issuer != context_.credentials.fcm_client_email) {
    return "Invalid grant: account not found";
  }
  if ((*claims)["aud"].get(audience) != simdjson::SUCCESS || audience != token_uri_) {
    return "Invalid JWT: Failed audience check.";
  }
  const std::int64_t now = to_ms(context_.clock.now()) / 1000;
  if ((*claims)["iat"].get(issued) != simdjson::SUCCESS ||
      (*claims)["exp"].get(expires) != simdjson::SUCCESS || expires - issued > kAssertionMaxS ||
      expires + kSkewS < now || issued - kSkewS > now) {
    return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.";
  }
  if ((*claims)["scope"].get(scope) != simdjson::SUCCESS)
    return "Invalid OAuth scope or ID token audience provided.";
  for (const std::string_view wanted : kScopes) {
    if (scope.find(wanted) != std::string_view::npos) return {};
  }
  return "Invalid OAuth scope or ID token audience provided.";
}

std::string TokenIssuer::issue() {
  std::string token = "ya29.sim-" + base::random_text(48);
  const Time now = context_.clock.now();
  const std::lock_guard lock(mutex_);
  std::erase_if(tokens_, [now](const auto& entry) { return entry.second <= now; });
  if (tokens_.size() >= kTokensMax) {
    tokens_.erase(std::ranges::min_element(tokens_, {}, [](const auto& entry) { return entry.second; }));
  }
  tokens_.emplace(token, now + std::chrono::seconds(kLifetimeS));
  return token;
}

std::optional<Time> TokenIssuer::find(std::string_view access_token) const {
  const std::lock_guard lock(mutex_);
  const auto it = tokens_.find(access_token);
  if (it == tokens_.end() || it->second <= context_.clock.now()) return std::nullopt;
  return it->second;
}

}  // namespace carillon::sim
