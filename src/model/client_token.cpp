#include "model/client_token.h"

#include <algorithm>

#include "base/crypto.h"
#include "model/profile.h"
#include "model/token_bytes.h"

namespace carillon::model {
namespace {

using detail::is_base64url;
using detail::put_number;
using detail::take_number;

constexpr char kVersion = 1;
constexpr std::size_t kKeyIdBytes = 4, kMacBytes = 32;
constexpr std::size_t kHeadBytes = 1 + kKeyIdBytes + 4 + 8 + 8 + 8 + 1 + 1;
constexpr std::size_t kTokenTextMax = kClientTokenPrefix.size() + (kHeadBytes + kUserIdMax + kMacBytes) * 2;

constexpr std::pair<ClientScope, std::string_view> kNames[] = {{ClientScope::Devices, "devices"},
                                                               {ClientScope::Preferences, "preferences"},
                                                               {ClientScope::Notifications, "notifications"},
                                                               {ClientScope::Send, "send"}};

Time take_time(std::string_view& from) { return from_ms(static_cast<std::int64_t>(take_number(from, 8))); }

std::unexpected<Error> invalid() {
  return fail(Errc::Unauthenticated, "the client token is not one of this server; ask for a new one");
}

}  // namespace

std::string_view name(ClientScope scope) noexcept {
  const auto* const it = std::ranges::find(kNames, scope, &std::pair<ClientScope, std::string_view>::first);
  return it == std::end(kNames) ? std::string_view() : it->second;
}

std::optional<ClientScope> parse_client_scope(std::string_view text) noexcept {
  const auto* const it = std::ranges::find(kNames, text, &std::pair<ClientScope, std::string_view>::second);
  return it == std::end(kNames) ? std::nullopt : std::optional(it->first);
}

std::string write_client_token(const ClientToken& token, std::string_view key_id, const base::Secret& key) {
  const auto id = base::unhex(key_id);
  CARILLON_ASSERT(id && id->size() == kKeyIdBytes);
  CARILLON_ASSERT(!token.user_id.empty() && token.user_id.size() <= kUserIdMax);
  std::string bytes(1, kVersion);
  bytes += *id;
  put_number(bytes, static_cast<std::uint32_t>(token.project), 4);
  put_number(bytes, static_cast<std::uint64_t>(token.app), 8);
  put_number(bytes, static_cast<std::uint64_t>(to_ms(token.issued_at)), 8);
  put_number(bytes, static_cast<std::uint64_t>(to_ms(token.expires_at)), 8);
  put_number(bytes, token.scopes, 1);
  put_number(bytes, token.is_test ? 1 : 0, 1);
  bytes += token.user_id;
  bytes += base::hmac_sha256(key.reveal(), bytes);
  return std::string(kClientTokenPrefix) + base::base64url(bytes);
}

Result<ClientToken> read_client_token(std::string_view text, std::string_view key_id, const base::Secret& key,
                                      Time now) {
  if (!text.starts_with(kClientTokenPrefix) || text.size() > kTokenTextMax) return invalid();
  text.remove_prefix(kClientTokenPrefix.size());
  if (!is_base64url(text)) return invalid();
  const auto bytes = base::unbase64(text);
  if (!bytes || bytes->size() <= kHeadBytes + kMacBytes ||
      bytes->size() > kHeadBytes + kUserIdMax + kMacBytes) {
    return invalid();
  }
  std::string_view rest = *bytes;
  const std::string_view mac = rest.substr(rest.size() - kMacBytes);
  rest.remove_suffix(kMacBytes);
  if (rest.front() != kVersion || base::hex(rest.substr(1, kKeyIdBytes)) != key_id) return invalid();
  if (!base::equal_constant_time(base::hmac_sha256(key.reveal(), rest), mac)) return invalid();
  rest.remove_prefix(1 + kKeyIdBytes);
  ClientToken token;
  token.project = static_cast<std::int32_t>(take_number(rest, 4));
  token.app = static_cast<std::int64_t>(take_number(rest, 8));
  token.issued_at = take_time(rest);
  token.expires_at = take_time(rest);
  token.scopes = static_cast<unsigned>(take_number(rest, 1)) & kClientScopesAll;
  token.is_test = take_number(rest, 1) != 0;
  token.user_id = rest;
  if (token.expires_at <= now) {
    return fail(Errc::Unauthenticated, "the client token has expired; ask for a new one");
  }
  return token;
}

}  // namespace carillon::model
