// The setting: reading and writing it. Tokens are verified in client_jwt_verify.cpp.
#include "model/client_jwt.h"

#include <algorithm>

namespace carillon::model {
namespace {

using base::JsonElement;
using base::JwsAlgorithm;
using base::JwsKey;
using base::ObjectReader;
using base::Problems;

constexpr std::size_t kTextMax = 512;  // issuer, audience
constexpr std::size_t kNameMax = 128;  // kid, claim
constexpr std::size_t kPemMax = 4096;
constexpr Millis kMaxAgeMin{60'000}, kMaxAgeMax{7LL * 86'400'000};

const ClientJwtKey* find_key(const ClientJwt* jwt, const ClientJwtKey& like) {
  if (jwt == nullptr) return nullptr;
  const auto it = std::ranges::find_if(jwt->keys, [&](const ClientJwtKey& key) {
    return key.kid == like.kid && key.algorithm == like.algorithm;
  });
  return it == jwt->keys.end() ? nullptr : &*it;
}

void read_secret(ObjectReader& reader, const ClientJwt* before, ClientJwtKey& key) {
  const auto element = reader.element("secret");
  if (!element) {
    reader.require("secret");
    return;
  }
  if (element->is_string()) {
    if (!reader.text("secret", key.plain_secret, base::kHs256SecretMax)) return;
    const auto usable = JwsKey::from_secret(base::Secret(key.plain_secret));
    if (!usable) reader.problem("secret", "invalid_value", usable.error().message);
    return;
  }
  bool is_set = false;
  const auto* const old = find_key(before, key);
  if (element->is_object() && element->at_key("set").get(is_set) == simdjson::SUCCESS && is_set &&
      old != nullptr) {
    key.sealed_secret = old->sealed_secret;
    return;
  }
  reader.problem("secret", "wrong_type",
                 R"(give the secret as a string; {"set":true} keeps the one stored under the same kid)");
}

ClientJwtKey read_key(JsonElement body, const std::string& pointer, const ClientJwt* before,
                      Problems& problems) {
  ObjectReader reader(body, pointer, problems);
  ClientJwtKey key;
  reader.text("kid", key.kid, kNameMax);
  std::size_t index = 0;
  reader.require("algorithm");
  if (!reader.one_of("algorithm", index, {"HS256", "RS256", "ES256", "EdDSA"})) return key;
  key.algorithm = static_cast<JwsAlgorithm>(index);
  if (key.algorithm == JwsAlgorithm::HS256) {
    read_secret(reader, before, key);
  } else {
    reader.require("public_key");
    if (reader.text("public_key", key.public_key, kPemMax)) {
      const auto parsed = JwsKey::from_pem(key.algorithm, key.public_key);
      if (parsed) key.public_key = parsed->pem();
      if (!parsed) reader.problem("public_key", "invalid_value", parsed.error().message);
    }
  }
  reader.done();
  return key;
}

// One key of a JWKS. Members for other uses (x5c, key_ops, …) are left aside, as RFC 7517 §4 asks.
ClientJwtKey read_jwk(JsonElement body, const std::string& pointer, Problems& problems) {
  ObjectReader reader(body, pointer, problems);
  ClientJwtKey key;
  std::string kind, curve, algorithm;
  reader.text("kid", key.kid, kNameMax);
  reader.text("crv", curve, kNameMax);
  reader.text("alg", algorithm, kNameMax);
  reader.require("kty");
  if (!reader.text("kty", kind, kNameMax)) return key;
  const auto part = [&](std::string_view member) {
    std::string text;
    reader.require(member);
    reader.text(member, text, kPemMax);
    auto bytes = base::unbase64(text);
    return bytes ? std::move(*bytes) : std::string();
  };
  Result<JwsKey> parsed =
      fail(Errc::InvalidArgument,
           "use RSA, EC with P-256, or OKP with Ed25519; the secret of HS256 goes into keys");
  if (kind == "RSA") {
    const std::string n = part("n");
    parsed = JwsKey::from_rsa(n, part("e"));
  } else if (kind == "EC" && curve == "P-256") {
    const std::string x = part("x");
    parsed = JwsKey::from_p256(x, part("y"));
  } else if (kind == "OKP" && curve == "Ed25519") {
    parsed = JwsKey::from_ed25519(part("x"));
  }
  if (reader.has("d")) parsed = fail(Errc::InvalidArgument, "this is a private key; give the public one");
  if (parsed && !algorithm.empty() && algorithm != base::name(parsed->algorithm())) {
    parsed = fail(Errc::InvalidArgument, "alg is not RS256, ES256 or EdDSA as the kind of key demands");
  }
  if (!parsed) {
    reader.problem("kty", "invalid_value", parsed.error().message);
    return key;
  }
  key.algorithm = parsed->algorithm();
  key.public_key = parsed->pem();
  return key;
}

void check_keys(ObjectReader& reader, const std::vector<ClientJwtKey>& keys) {
  if (keys.empty()) reader.problem("keys", "required", "give at least one key, in keys or in jwks");
  if (keys.size() > kClientJwtKeysMax) {
    reader.problem("keys", "too_many", fmt::format("there are at most {} keys", kClientJwtKeysMax));
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto is_same = [&](const ClientJwtKey& other) {
      return other.kid == keys[i].kid && other.algorithm == keys[i].algorithm;
    };
    if (std::ranges::count_if(keys, is_same) > 1) {
      reader.problem("keys", "invalid_value",
                     "two keys have one kid and algorithm; give each a kid of its own");
      return;
    }
  }
}

void read_policy(ObjectReader& reader, ClientJwt& into) {
  reader.text("issuer", into.issuer, kTextMax);
  reader.text("audience", into.audience, kTextMax);
  reader.text("user_claim", into.user_claim, kNameMax);
  reader.duration("max_age", into.max_age, kMaxAgeMin, kMaxAgeMax);
}

}  // namespace

ClientJwt read_client_jwt(JsonElement body, const std::string& pointer, const ClientJwt* before,
                          Problems& problems) {
  const std::size_t problems_before = problems.size();
  ObjectReader reader(body, pointer, problems);
  ClientJwt jwt;
  reader.require("issuer");
  reader.require("audience");
  read_policy(reader, jwt);
  if (jwt.user_claim.empty())
    reader.problem("user_claim", "required", "name the claim that holds the user_id");
  reader.array("keys", kClientJwtKeysMax, [&](JsonElement item, const std::string& at) {
    jwt.keys.push_back(read_key(item, at, before, problems));
  });
  if (const auto jwks = reader.element("jwks")) {
    ObjectReader set(*jwks, reader.pointer("jwks"), problems);
    set.require("keys");
    set.array("keys", kClientJwtKeysMax, [&](JsonElement item, const std::string& at) {
      jwt.keys.push_back(read_jwk(item, at, problems));
    });
  }
  reader.done();
  if (problems.size() == problems_before) {
    if (jwt.issuer.empty()) reader.problem("issuer", "required", "give the iss of your tokens");
    if (jwt.audience.empty()) reader.problem("audience", "required", "give the aud of your tokens");
    check_keys(reader, jwt.keys);
  }
  return jwt;
}

void write_client_jwt(base::JsonWriter& out, const ClientJwt& jwt, bool with_secrets) {
  out.object().field("issuer", jwt.issuer).field("audience", jwt.audience);
  out.field("user_claim", jwt.user_claim).field("max_age", to_duration_text(jwt.max_age));
  out.key("keys").array();
  for (const ClientJwtKey& key : jwt.keys) {
    out.object().field_if("kid", key.kid).field("algorithm", base::name(key.algorithm));
    out.field_if("public_key", key.public_key);
    if (with_secrets) {
      out.field_if("sealed", key.sealed_secret);
    } else if (key.algorithm == JwsAlgorithm::HS256) {
      out.key("secret").object().field("set", true).end_object();
    }
    out.end_object();
  }
  out.end_array().end_object();
}

ClientJwt decode_client_jwt(JsonElement stored, Problems& problems) {
  ObjectReader reader(stored, "/client_jwt", problems);
  ClientJwt jwt;
  read_policy(reader, jwt);
  reader.array("keys", kClientJwtKeysMax, [&](JsonElement item, const std::string& at) {
    ObjectReader k(item, at, problems);
    ClientJwtKey& key = jwt.keys.emplace_back();
    std::size_t index = 0;
    k.text("kid", key.kid, kNameMax);
    if (k.one_of("algorithm", index, {"HS256", "RS256", "ES256", "EdDSA"}))
      key.algorithm = static_cast<JwsAlgorithm>(index);
    k.text("public_key", key.public_key, kPemMax);
    k.text("sealed", key.sealed_secret, kPemMax);
  });
  return jwt;
}

}  // namespace carillon::model
