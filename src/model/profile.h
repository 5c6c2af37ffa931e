// A recipient as one record: contact data, devices, preferences, quiet hours, with one version.
//
// Everything the send path needs to know of a user comes with one read (PIPELINE §4, re-check).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/json.h"
#include "model/channel.h"

namespace carillon::model {

inline constexpr std::size_t kUserIdMax = 128;       // bytes
inline constexpr std::size_t kDevicesMax = 100;      // per user; the longest unused go
inline constexpr std::size_t kAttributesMax = 8192;  // bytes of JSON
inline constexpr std::size_t kTokenMax = 4096;       // bytes
inline constexpr std::size_t kEndpointsMax = 8;      // per device
inline constexpr std::size_t kAddressesMax = 20;     // per user
inline constexpr std::size_t kPreferencesMax = 500;  // per user

// The service a bare token of that platform belongs to (CONTRACT §6, device short form); empty where a
// token alone does not reach it.
std::string_view default_push_service(Platform platform) noexcept;

// Whether a text may be a user_id, and the rule in words.
[[nodiscard]] bool is_user_id(std::string_view id) noexcept;
[[nodiscard]] std::string user_id_rule();

// How one push service reaches a device.
struct Endpoint {
  std::string service;   // apns fcm jpush pushy hms webpush
  std::string token;     // webpush: the subscription as compact JSON {"endpoint","keys":{…}}
  Time registered_at{};  // when this token was last registered: the rule for dead tokens
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct Device {
  std::string device_id;
  Platform platform = Platform::None;
  std::string bundle;       // bundle id, Firebase project, web origin
  std::string environment;  // "production" or "development"
  std::vector<Endpoint> endpoints;
  bool enabled = true;  // the OS permission
  std::string locale, time_zone, app_version;
  Time last_logged_in_at{};
  friend bool operator==(const Device&, const Device&) = default;
};

// user × channel (or platform of push, or all) × category (or all) → yes or no.
struct Preference {
  std::string channel;   // "sms", "push", "push.web", "*"
  std::string category;  // key or "*"
  bool opt_in = true;
  friend bool operator==(const Preference&, const Preference&) = default;
};

// Local times; `from` after `to` spans midnight. Minutes since midnight.
struct QuietHours {
  int from_min = 0, to_min = 0;
  friend bool operator==(const QuietHours&, const QuietHours&) = default;
};

// The chat service whose address is a phone number: the user's own, where no other is given.
inline constexpr std::string_view kPhoneChatService = "kakao";

struct OtherAddress {
  Channel channel = Channel::Chat;  // chat or webhook
  std::string service, address;
  std::string sealed_secret;  // sealed by base::Sealer; empty when none
  // As just read from a body: the caller seals it into sealed_secret and clears it. Never stored:
  // encode() leaves it out.
  std::string plain_secret{};
  friend bool operator==(const OtherAddress&, const OtherAddress&) = default;
};

struct Profile {
  std::int32_t project = 0;
  std::string user_id;
  std::int64_t version = 0;  // +1 with each change; 0: not stored yet
  std::string name, email, country_code, phone_number, locale, time_zone;
  std::string attributes;  // JSON object, or empty
  std::vector<OtherAddress> addresses;
  std::vector<Device> devices;
  std::vector<Preference> preferences;
  std::optional<QuietHours> quiet_hours;
  bool is_anonymous = false;  // stands for one device nobody has claimed yet
  Time created_at{};
  // When it was first stored, where the caller gave an older created_at; set by Store::put_profile().
  std::optional<Time> stored_at{};
  Time tokens_after{};  // client tokens issued before this are refused
  [[nodiscard]] Time since() const noexcept { return stored_at.value_or(created_at); }
  friend bool operator==(const Profile&, const Profile&) = default;
};

// Stored form: compact JSON with short keys; reading it back gives the same value. Any thread.
std::string encode(const Profile& profile);
// Fills a fresh profile; project, user_id and version are columns and not in the text. Errors: Corruption,
// and then it is filled in part. Any thread. About 1 µs for two devices and three preferences: once per user
// on the send path.
Result<void> decode_profile(std::string_view text, Profile& profile);

// Readers of the API's bodies. Each validates (limits, e-mail, E.164, ISO 3166, BCP 47, IANA zone),
// adds what is wrong to `problems` and changes only what the body names; what had a problem keeps its
// old value. Pointers are relative to the body.
//
// PUT and PATCH of a user: a null clears its field. A phone number in national form needs the country.
// `created_at` counts for a user not stored yet; later it is only checked. An address without `secret`
// (or with {"set":true}, as it reads back) keeps the secret it had.
void read_user(base::JsonElement body, Profile& into, base::Problems& problems);
// Seals each plain_secret an address was read with, under the user it belongs to.
void seal_secrets(const base::Sealer& sealer, Profile& profile);
// What the secret of an address is bound to.
std::string address_context(std::int32_t project, std::string_view user_id);
// PUT and PATCH of a device. `into.device_id` is set by the caller. Endpoints left out of a device that
// has none: the short form, whose token is the device id. Tokens named are registered as of `now`.
void read_device(base::JsonElement body, Device& into, Time now, base::Problems& problems);
// `replace`: PUT, the body is all there is. Else PATCH: pairs named change, "opt_in":null takes one away.
// That the categories exist is checked by the caller.
void read_preferences(base::JsonElement body, Profile& into, bool replace, base::Problems& problems);
// The API's answers.
void write_user(base::JsonWriter& out, const Profile& profile);
void write_device(base::JsonWriter& out, const Device& device);
void write_preferences(base::JsonWriter& out, const Profile& profile);

}  // namespace carillon::model
