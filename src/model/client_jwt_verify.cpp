#include <algorithm>
#include <cmath>

#include "model/client_jwt.h"
#include "model/profile.h"

namespace carillon::model {
namespace {

using base::JsonElement;

constexpr double kSecondsMax = 1e11;  // year 5138: larger is not seconds

std::unexpected<Error> refused(std::string_view why) {
  return fail(Errc::Unauthenticated, fmt::format("the token is refused: {}", why));
}

// base64url without padding, and nothing else (RFC 7515 §2).
std::optional<std::string> decode_part(std::string_view part) {
  const bool is_clean = std::ranges::all_of(part, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  if (part.empty() || !is_clean) return std::nullopt;
  auto bytes = base::unbase64(part);
  return bytes ? std::optional(std::move(*bytes)) : std::nullopt;
}

struct Parts {
  std::string header, claims, signature;
  std::string_view signed_part;  // points into the token
};

std::optional<Parts> split(std::string_view token) {
  if (token.size() > kClientJwtMax || !looks_like_jwt(token)) return std::nullopt;
  const std::size_t first = token.find('.'), second = token.rfind('.');
  auto header = decode_part(token.substr(0, first));
  auto claims = decode_part(token.substr(first + 1, second - first - 1));
  auto signature = decode_part(token.substr(second + 1));
  if (!header || !claims || !signature) return std::nullopt;
  return Parts{std::move(*header), std::move(*claims), std::move(*signature), token.substr(0, second)};
}

// NumericDate: seconds since 1970, perhaps with a fraction.
std::optional<Time> date(JsonElement claims, std::string_view name) {
  double seconds = 0;
  if (claims.at_key(name).get_double().get(seconds) != simdjson::SUCCESS) return std::nullopt;
  if (!(seconds >= 0 && seconds <= kSecondsMax)) return std::nullopt;
  return from_ms(static_cast<std::int64_t>(std::floor(seconds * 1000)));
}

bool has_audience(JsonElement claims, std::string_view wanted) {
  JsonElement audience;
  if (claims.at_key("aud").get(audience) != simdjson::SUCCESS) return false;
  std::string_view text;
  if (audience.get_string().get(text) == simdjson::SUCCESS) return text == wanted;
  base::JsonArray list;
  if (audience.get_array().get(list) != simdjson::SUCCESS) return false;
  return std::ranges::any_of(list, [&](JsonElement item) {
    return item.get_string().get(text) == simdjson::SUCCESS && text == wanted;
  });
}

struct Header {
  base::JwsAlgorithm algorithm = base::JwsAlgorithm::RS256;
  std::string kid;
};

Result<Header> read_header(const std::string& json) {
  base::JsonDocument document;
  const auto root = document.parse(json);
  if (!root || !root->is_object()) return refused("its header is no JSON object");
  Header header;
  std::string_view text;
  if (root->at_key("alg").get_string().get(text) != simdjson::SUCCESS)
    return refused("its header names no alg");
  const auto algorithm = base::parse_jws_algorithm(text);
  if (!algorithm) return refused("its alg is none of HS256, RS256, ES256 and EdDSA");
  header.algorithm = *algorithm;
  // A header that must be understood is one we do not understand (RFC 7515 §4.1.11).
  if (root->at_key("crit").error() == simdjson::SUCCESS) return refused("its header has crit");
  JsonElement kid;
  if (root->at_key("kid").get(kid) == simdjson::SUCCESS) {
    if (kid.get_string().get(text) != simdjson::SUCCESS) return refused("its kid is no text");
    header.kid = text;
  }
  return header;
}

}  // namespace

bool looks_like_jwt(std::string_view token) noexcept { return std::ranges::count(token, '.') == 2; }

Result<ClientJwtVerifier> ClientJwtVerifier::open(
    const ClientJwt& settings, const std::function<Result<base::Secret>(const ClientJwtKey&)>& unseal) {
  std::vector<Key> keys;
  for (const ClientJwtKey& key : settings.keys) {
    if (key.algorithm == base::JwsAlgorithm::HS256) {
      CARILLON_TRY(base::Secret secret, unseal(key));
      CARILLON_TRY(auto parsed, base::JwsKey::from_secret(std::move(secret)));
      keys.push_back({key.kid, std::move(parsed)});
    } else {
      CARILLON_TRY(auto parsed, base::JwsKey::from_pem(key.algorithm, key.public_key));
      keys.push_back({key.kid, std::move(parsed)});
    }
  }
  ClientJwt policy = settings;
  policy.keys.clear();
  return ClientJwtVerifier(std::move(policy), std::move(keys));
}

Result<ClientClaims> ClientJwtVerifier::verify(std::string_view token, Time now) const {
  const auto parts = split(token);
  if (!parts) return refused("it is no compact JWS of at most 8,192 bytes");
  CARILLON_TRY(const Header header, read_header(parts->header));
  const bool is_signed = std::ranges::any_of(keys_, [&](const Key& each) {
    const bool fits = each.key.algorithm() == header.algorithm &&
                      (each.kid.empty() || header.kid.empty() || each.kid == header.kid);
    return fits && each.key.verify(parts->signed_part, parts->signature);
  });
  if (!is_signed) return refused("its signature is of none of the project's keys");
  base::JsonDocument document;
  const auto claims = document.parse(parts->claims);
  if (!claims || !claims->is_object()) return refused("its claims are no JSON object");
  return check_claims(*claims, now);
}

Result<ClientClaims> ClientJwtVerifier::check_claims(JsonElement claims, Time now) const {
  std::string_view text;
  if (claims.at_key("iss").get_string().get(text) != simdjson::SUCCESS || text != settings_.issuer) {
    return refused("its iss is not the configured issuer");
  }
  if (!has_audience(claims, settings_.audience))
    return refused("its aud does not name the configured audience");
  const auto expires = date(claims, "exp"), issued = date(claims, "iat");
  if (!expires || !issued) return refused("it needs exp and iat in seconds since 1970");
  if (claims.at_key("nbf").error() == simdjson::SUCCESS) {
    const auto not_before = date(claims, "nbf");
    if (!not_before || *not_before > now + kClientJwtLeeway) return refused("its nbf is ahead");
  }
  if (*issued > now + kClientJwtLeeway) return refused("its iat is ahead");
  const Time end = std::min(*expires, *issued + settings_.max_age) + kClientJwtLeeway;
  if (end <= now) return refused("it has expired, or is older than max_age");
  ClientClaims found;
  found.issued_at = *issued;
  found.expires_at = end;
  JsonElement user;
  if (claims.at_key(settings_.user_claim).get(user) != simdjson::SUCCESS) {
    return refused("it lacks the claim that holds the user_id");
  }
  std::int64_t number = 0;
  if (user.get_string().get(text) == simdjson::SUCCESS) {
    found.user_id = text;
  } else if (user.get_int64().get(number) == simdjson::SUCCESS) {
    found.user_id = std::to_string(number);
  }
  if (!is_user_id(found.user_id)) return refused("its user_id is not one");
  return found;
}

}  // namespace carillon::model
