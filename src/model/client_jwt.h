// Tokens the customer signs: a project's `client_jwt` setting says whose are taken, and for how long.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/jws_verify.h"

namespace carillon::model {

inline constexpr std::size_t kClientJwtMax = 8192;    // bytes of a token
inline constexpr std::size_t kClientJwtKeysMax = 10;  // per project
inline constexpr Millis kClientJwtLeeway{60'000};     // for clocks that differ

struct ClientJwtKey {
  std::string kid;  // of the token's header; empty: this key fits a token with any
  base::JwsAlgorithm algorithm = base::JwsAlgorithm::RS256;
  std::string public_key;     // PEM; empty for HS256
  std::string sealed_secret;  // HS256, sealed by base::Sealer
  // As just read from a body: the caller seals it into sealed_secret and clears it. Never stored.
  std::string plain_secret{};
};

struct ClientJwt {
  std::string issuer, audience;
  std::string user_claim = "sub";
  Millis max_age{3'600'000};  // since `iat`
  std::vector<ClientJwtKey> keys;
};

// Reads the setting; what is not named takes its default. Keys come as `keys` and as `jwks` (RFC 7517),
// which is turned into the former. A key with "secret":{"set":true}, as it reads back, keeps the one that
// `before` has under its kid.
ClientJwt read_client_jwt(base::JsonElement body, const std::string& pointer, const ClientJwt* before,
                          base::Problems& problems);
// As the API shows it; `with_secrets`: as it is stored, secrets sealed.
void write_client_jwt(base::JsonWriter& out, const ClientJwt& jwt, bool with_secrets);
// What is stored, read back. Errors show as problems.
ClientJwt decode_client_jwt(base::JsonElement stored, base::Problems& problems);

// Whom a valid token speaks of.
struct ClientClaims {
  std::string user_id;
  Time issued_at{}, expires_at{};  // expires_at: the leeway included
};

// The setting with its keys parsed. Immutable; any thread.
class ClientJwtVerifier {
 public:
  // `unseal` opens the sealed secret of a key. Errors: its own; InvalidArgument (a key that is none).
  static Result<ClientJwtVerifier> open(
      const ClientJwt& settings, const std::function<Result<base::Secret>(const ClientJwtKey&)>& unseal);

  // RFC 7519 and RFC 8725: the algorithm must be that of a configured key, which the token can neither
  // name nor bring along; `iss`, `aud`, `exp`, `iat` and the user's claim are required, `nbf` is obeyed.
  // Errors: Unauthenticated, saying which check failed.
  [[nodiscard]] Result<ClientClaims> verify(std::string_view token, Time now) const;

 private:
  struct Key {
    std::string kid;
    base::JwsKey key;
  };
  ClientJwtVerifier(ClientJwt settings, std::vector<Key> keys)
      : settings_(std::move(settings)), keys_(std::move(keys)) {}
  [[nodiscard]] Result<ClientClaims> check_claims(base::JsonElement claims, Time now) const;
  ClientJwt settings_;  // without its keys
  std::vector<Key> keys_;
};

// True for three parts divided by dots: worth asking a verifier. Nothing is verified.
[[nodiscard]] bool looks_like_jwt(std::string_view token) noexcept;

}  // namespace carillon::model
