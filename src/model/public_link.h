// Tokens of links that leave in messages: what a click, an opening and an unsubscription mean, under a MAC.
//
// Stateless: no row is kept for a link. They are for whoever has the message, so they are not secrets, but
// nobody can make one. URL-safe text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/secret.h"
#include "model/channel.h"

namespace carillon::model {

// /t/o: a message was opened.
[[nodiscard]] std::string open_token(std::int64_t delivery, const base::Secret& key);
[[nodiscard]] std::optional<std::int64_t> read_open_token(std::string_view token, const base::Secret& key);

// /t/c?u=URL: the link is in the request, its MAC in the token.
[[nodiscard]] std::string click_token(std::int64_t delivery, std::string_view url, const base::Secret& key);
[[nodiscard]] std::optional<std::int64_t> read_click_token(std::string_view token, std::string_view url,
                                                           const base::Secret& key);

// /t/c without u, for text messages, where each character costs: the link is looked up in what the delivery
// says.
struct ShortLink {
  std::int64_t delivery = 0;
  std::uint32_t url_hash = 0;  // hash_of_url()
};
[[nodiscard]] std::uint32_t hash_of_url(std::string_view url, const base::Secret& key);
[[nodiscard]] std::string short_click_token(const ShortLink& link, const base::Secret& key);
[[nodiscard]] std::optional<ShortLink> read_short_click_token(std::string_view token,
                                                              const base::Secret& key);

// /o: an uploaded object, for a while.
struct ObjectLink {
  std::int64_t object = 0;
  Time expires_at{};  // whole seconds
};
[[nodiscard]] std::string object_token(const ObjectLink& link, const base::Secret& key);
[[nodiscard]] std::optional<ObjectLink> read_object_token(std::string_view token, const base::Secret& key);

// /u: never expires, so it holds all it needs.
struct Unsubscription {
  std::int32_t project = 0;
  std::int64_t delivery = 0;  // in which it was offered
  Channel channel = Channel::Email;
  std::string category;      // key, at most 64 bytes
  std::string user_id;       // or:
  std::string address_hash;  // of a raw address, 16 bytes
  friend bool operator==(const Unsubscription&, const Unsubscription&) = default;
};
[[nodiscard]] std::string unsubscribe_token(const Unsubscription& what, const base::Secret& key);
[[nodiscard]] std::optional<Unsubscription> read_unsubscribe_token(std::string_view token,
                                                                   const base::Secret& key);

// /p: what a person wants and got. Names the user, so it ends; a fresh one goes where this one went.
inline constexpr Millis kPreferenceLinkTtl{30LL * 86'400'000};
struct PreferenceLink {
  std::int32_t project = 0;
  std::string user_id;  // at most 128 bytes
  Time expires_at{};    // kPreferenceLinkTtl after it was made
  // By which it left; nullopt: somebody asked for it, and it left by no message.
  std::optional<Channel> channel{};
  std::int64_t delivery = 0;        // in which it left; 0: not told
  std::uint32_t address_check = 0;  // address_check() of where it went; 0: not told
  friend bool operator==(const PreferenceLink&, const PreferenceLink&) = default;
};
[[nodiscard]] std::string preference_token(const PreferenceLink& link, const base::Secret& key);
// Also of one that has expired.
[[nodiscard]] std::optional<PreferenceLink> read_preference_token(std::string_view token,
                                                                  const base::Secret& key);
// Tells, without naming it, whether an address is still the one a link went to. Never 0.
[[nodiscard]] std::uint32_t address_check(std::string_view address, const base::Secret& key);

}  // namespace carillon::model
