#include "model/public_link.h"

#include <algorithm>

#include "base/crypto.h"
#include "model/token_bytes.h"

namespace carillon::model {
namespace {

using detail::is_base64url;
using detail::put_number;
using detail::take_number;

constexpr std::size_t kMacBytes = 8, kShortMacBytes = 6;
constexpr std::size_t kObjectMacBytes = 16;  // it gives something away
constexpr std::size_t kHashBytes = 16;      // of an address
constexpr std::size_t kTokenTextMax = 512;  // longer ones are nobody's
enum class Kind : char { Open = 'o', Click = 'c', Short = 's', Unsubscribe = 'u', Object = 'b' };

std::string mac(Kind kind, std::string_view bytes, std::string_view url, const base::Secret& key,
                std::size_t size) {
  std::string message = "link/";
  message.push_back(static_cast<char>(kind));
  message.append(bytes).append(url);
  return base::hmac_sha256(key.reveal(), message).substr(0, size);
}

std::string sealed(Kind kind, std::string bytes, std::string_view url, const base::Secret& key,
                   std::size_t mac_bytes) {
  bytes += mac(kind, bytes, url, key, mac_bytes);
  return base::base64url(bytes);
}

// What a token holds; nullopt: none of ours.
std::optional<std::string> opened(Kind kind, std::string_view token, std::string_view url,
                                  const base::Secret& key, std::size_t mac_bytes) {
  if (token.empty() || token.size() > kTokenTextMax || !is_base64url(token)) return std::nullopt;
  const auto bytes = base::unbase64(token);
  if (!bytes || bytes->size() <= mac_bytes) return std::nullopt;
  const std::string_view all = *bytes;
  const std::string_view content = all.substr(0, all.size() - mac_bytes);
  if (!base::equal_constant_time(mac(kind, content, url, key, mac_bytes), all.substr(content.size()))) {
    return std::nullopt;
  }
  return std::string(content);
}

std::string delivery_bytes(std::int64_t delivery) {
  std::string bytes;
  put_number(bytes, static_cast<std::uint64_t>(delivery), 8);
  return bytes;
}

std::optional<std::int64_t> delivery_in(const std::optional<std::string>& content) {
  if (!content || content->size() != 8) return std::nullopt;
  std::string_view rest = *content;
  return static_cast<std::int64_t>(take_number(rest, 8));
}

}  // namespace

std::string open_token(std::int64_t delivery, const base::Secret& key) {
  return sealed(Kind::Open, delivery_bytes(delivery), {}, key, kMacBytes);
}

std::optional<std::int64_t> read_open_token(std::string_view token, const base::Secret& key) {
  return delivery_in(opened(Kind::Open, token, {}, key, kMacBytes));
}

std::string click_token(std::int64_t delivery, std::string_view url, const base::Secret& key) {
  return sealed(Kind::Click, delivery_bytes(delivery), url, key, kMacBytes);
}

std::optional<std::int64_t> read_click_token(std::string_view token, std::string_view url,
                                             const base::Secret& key) {
  return delivery_in(opened(Kind::Click, token, url, key, kMacBytes));
}

std::uint32_t hash_of_url(std::string_view url, const base::Secret& key) {
  const std::string bytes = mac(Kind::Short, {}, url, key, 4);
  std::string_view rest = bytes;
  return static_cast<std::uint32_t>(take_number(rest, 4));
}

std::string short_click_token(const ShortLink& link, const base::Secret& key) {
  std::string bytes = delivery_bytes(link.delivery);
  put_number(bytes, link.url_hash, 4);
  return sealed(Kind::Short, std::move(bytes), {}, key, kShortMacBytes);
}

std::optional<ShortLink> read_short_click_token(std::string_view token, const base::Secret& key) {
  const auto content = opened(Kind::Short, token, {}, key, kShortMacBytes);
  if (!content || content->size() != 12) return std::nullopt;
  std::string_view rest = *content;
  ShortLink link;
  link.delivery = static_cast<std::int64_t>(take_number(rest, 8));
  link.url_hash = static_cast<std::uint32_t>(take_number(rest, 4));
  return link;
}

std::string object_token(const ObjectLink& link, const base::Secret& key) {
  std::string bytes;
  put_number(bytes, static_cast<std::uint64_t>(link.object), 8);
  put_number(bytes, static_cast<std::uint64_t>(to_ms(link.expires_at) / 1000), 5);
  return sealed(Kind::Object, std::move(bytes), {}, key, kObjectMacBytes);
}

std::optional<ObjectLink> read_object_token(std::string_view token, const base::Secret& key) {
  const auto content = opened(Kind::Object, token, {}, key, kObjectMacBytes);
  if (!content || content->size() != 13) return std::nullopt;
  std::string_view rest = *content;
  ObjectLink link;
  link.object = static_cast<std::int64_t>(take_number(rest, 8));
  link.expires_at = from_ms(static_cast<std::int64_t>(take_number(rest, 5)) * 1000);
  return link;
}

std::string unsubscribe_token(const Unsubscription& what, const base::Secret& key) {
  CARILLON_ASSERT(what.user_id.empty() != what.address_hash.empty());
  CARILLON_ASSERT(what.address_hash.empty() || what.address_hash.size() == kHashBytes);
  std::string bytes;
  put_number(bytes, static_cast<std::uint32_t>(what.project), 4);
  put_number(bytes, static_cast<std::uint64_t>(what.delivery), 8);
  put_number(bytes, static_cast<std::uint64_t>(what.channel), 1);
  put_number(bytes, what.category.size(), 1);
  bytes += what.category;
  bytes.push_back(what.user_id.empty() ? 'h' : 'u');
  bytes += what.user_id.empty() ? what.address_hash : what.user_id;
  return sealed(Kind::Unsubscribe, std::move(bytes), {}, key, kMacBytes);
}

std::optional<Unsubscription> read_unsubscribe_token(std::string_view token, const base::Secret& key) {
  const auto content = opened(Kind::Unsubscribe, token, {}, key, kMacBytes);
  constexpr std::size_t kHead = 4 + 8 + 1 + 1;
  if (!content || content->size() <= kHead) return std::nullopt;
  std::string_view rest = *content;
  Unsubscription what;
  what.project = static_cast<std::int32_t>(take_number(rest, 4));
  what.delivery = static_cast<std::int64_t>(take_number(rest, 8));
  what.channel = static_cast<Channel>(take_number(rest, 1));
  const std::size_t category = take_number(rest, 1);
  if (rest.size() < category + 2) return std::nullopt;
  what.category = rest.substr(0, category);
  const char subject = rest[category];
  (subject == 'u' ? what.user_id : what.address_hash) = rest.substr(category + 1);
  return what;
}

}  // namespace carillon::model
