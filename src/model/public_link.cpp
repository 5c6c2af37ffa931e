#include "model/public_link.h"

#include <algorithm>

#include "base/crypto.h"
#include "model/profile.h"
#include "model/token_bytes.h"

namespace carillon::model {
namespace {

using detail::is_base64url;
using detail::put_number;
using detail::take_number;

constexpr std::size_t kMacBytes = 8, kShortMacBytes = 6;
constexpr std::size_t kObjectMacBytes = 16;  // it gives something away
constexpr std::size_t kOwnMacBytes = 16;     // it shows what somebody got
constexpr std::size_t kHashBytes = 16;       // of an address
constexpr std::size_t kTokenTextMax = 512;   // longer ones are nobody's
constexpr unsigned kHasChannel = 1, kHasDelivery = 2, kHasAddress = 4;
enum class Kind : char {
  Open = 'o',
  Click = 'c',
  Short = 's',
  Unsubscribe = 'u',
  Object = 'b',
  Preferences = 'p',
  Address = 'a'
};

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

// Project, end, what follows, then: channel, delivery, check of the address, user. A text message pays for
// each character, so what is not told is not there.
std::string preference_token(const PreferenceLink& link, const base::Secret& key) {
  CARILLON_ASSERT(!link.user_id.empty() && link.user_id.size() <= kUserIdMax);
  std::string bytes;
  put_number(bytes, static_cast<std::uint32_t>(link.project), 4);
  put_number(bytes, static_cast<std::uint64_t>(to_ms(link.expires_at)), 6);
  const unsigned told = (link.channel ? kHasChannel : 0U) | (link.delivery != 0 ? kHasDelivery : 0U) |
                        (link.address_check != 0 ? kHasAddress : 0U);
  put_number(bytes, told, 1);
  if (link.channel) put_number(bytes, static_cast<std::uint64_t>(*link.channel), 1);
  if (link.delivery != 0) put_number(bytes, static_cast<std::uint64_t>(link.delivery), 8);
  if (link.address_check != 0) put_number(bytes, link.address_check, 4);
  bytes += link.user_id;
  return sealed(Kind::Preferences, std::move(bytes), {}, key, kOwnMacBytes);
}

std::optional<PreferenceLink> read_preference_token(std::string_view token, const base::Secret& key) {
  const auto content = opened(Kind::Preferences, token, {}, key, kOwnMacBytes);
  constexpr std::size_t kHead = 4 + 6 + 1;
  if (!content || content->size() <= kHead) return std::nullopt;
  std::string_view rest = *content;
  PreferenceLink link;
  link.project = static_cast<std::int32_t>(take_number(rest, 4));
  link.expires_at = from_ms(static_cast<std::int64_t>(take_number(rest, 6)));
  const auto told = static_cast<unsigned>(take_number(rest, 1));
  const std::size_t size = ((told & kHasChannel) != 0 ? 1U : 0U) + ((told & kHasDelivery) != 0 ? 8U : 0U) +
                           ((told & kHasAddress) != 0 ? 4U : 0U);
  if (rest.size() <= size) return std::nullopt;
  if ((told & kHasChannel) != 0) {
    const std::uint64_t channel = take_number(rest, 1);
    if (channel >= kChannelCount) return std::nullopt;
    link.channel = static_cast<Channel>(channel);
  }
  if ((told & kHasDelivery) != 0) link.delivery = static_cast<std::int64_t>(take_number(rest, 8));
  if ((told & kHasAddress) != 0) link.address_check = static_cast<std::uint32_t>(take_number(rest, 4));
  link.user_id = rest;
  return link;
}

std::uint32_t address_check(std::string_view address, const base::Secret& key) {
  const std::string bytes = mac(Kind::Address, address, {}, key, 4);
  std::string_view rest = bytes;
  return std::max<std::uint32_t>(static_cast<std::uint32_t>(take_number(rest, 4)), 1);
}

}  // namespace carillon::model
