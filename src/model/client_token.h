// ct_ tokens: a phone or browser acts for one user of one project, until the token expires (CONTRACT §6).
//
// Stateless: what it says is in it, under a MAC; no row is kept. "ct_" and base64url of: version, id of the
// key ring, project, app, times, scopes, flags, user_id, HMAC-SHA-256. It is readable by who holds it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"

namespace carillon::model {

inline constexpr std::string_view kClientTokenPrefix = "ct_";
inline constexpr Millis kClientTtlMin{60'000}, kClientTtlMax{30LL * 86'400'000}, kClientTtlDefault{3'600'000};

// What a client may do under /v1/me.
enum class ClientScope : std::uint8_t { Devices = 1, Preferences = 2, Notifications = 4, Send = 8 };
inline constexpr unsigned kClientScopesAll = 15;
std::string_view name(ClientScope scope) noexcept;
std::optional<ClientScope> parse_client_scope(std::string_view text) noexcept;

struct ClientToken {
  std::int32_t project = 0;
  std::int64_t app = 0;  // record id of the app that asked for it; 0: a management token did
  Time issued_at{}, expires_at{};
  unsigned scopes = kClientScopesAll;  // ClientScope bits
  bool is_test = false;                // made with a test key: what it sends ends in the sandbox
  std::string user_id;                 // 1 to kUserIdMax bytes
  friend bool operator==(const ClientToken&, const ClientToken&) = default;
};

// `key_id`: 8 hexadecimal digits that name the ring `key` is of (base::KeyRing::client_key).
std::string write_client_token(const ClientToken& token, std::string_view key_id, const base::Secret& key);
// Errors: Unauthenticated (malformed, forged, of another key ring, expired at `now`). Any thread.
Result<ClientToken> read_client_token(std::string_view text, std::string_view key_id, const base::Secret& key,
                                      Time now);

}  // namespace carillon::model
