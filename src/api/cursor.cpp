#include "api/cursor.h"

#include <charconv>

#include "base/crypto.h"

namespace carillon::api {
namespace {

constexpr std::size_t kMacBytes = 16;
constexpr std::size_t kTextMax = 1024;  // bytes of a cursor

base::Bytes mac_of(std::string_view payload, std::string_view scope, const base::Secret& key) {
  std::string signed_text = "cursor\n";
  signed_text.append(scope).append("\n").append(payload);
  return base::hmac_sha256(key.reveal(), signed_text).substr(0, kMacBytes);
}

}  // namespace

std::string write_cursor(const Cursor& cursor, std::string_view scope, const base::Secret& key) {
  const std::string payload = std::to_string(cursor.id) + ":" + cursor.key;
  return base::base64url(mac_of(payload, scope, key) + payload);
}

std::optional<Cursor> read_cursor(std::string_view text, std::string_view scope, const base::Secret& key) {
  if (text.size() > kTextMax) return std::nullopt;
  const auto bytes = base::unbase64(text);
  if (!bytes || bytes->size() < kMacBytes) return std::nullopt;
  const std::string_view payload = std::string_view(*bytes).substr(kMacBytes);
  const std::string_view mac = std::string_view(*bytes).substr(0, kMacBytes);
  if (!base::equal_constant_time(mac, mac_of(payload, scope, key))) return std::nullopt;
  Cursor cursor;
  const auto [end, error] = std::from_chars(payload.data(), payload.data() + payload.size(), cursor.id);
  const auto at = static_cast<std::size_t>(end - payload.data());
  if (error != std::errc{} || at >= payload.size() || payload[at] != ':') return std::nullopt;
  cursor.key = payload.substr(at + 1);
  return cursor;
}

}  // namespace carillon::api
