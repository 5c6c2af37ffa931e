// The API's bodies and answers for users and preferences; devices are in device_body.cpp.
#include "model/profile.h"

#include "model/address.h"
#include "model/decision.h"
#include "model/standard_webhook.h"

#include <algorithm>
#include <utility>

namespace carillon::model {
namespace {

constexpr std::size_t kNameMax = 200;           // bytes
constexpr std::size_t kPhoneTextMax = 64;       // bytes as given
constexpr std::size_t kCountryMax = 16;         // bytes as given
constexpr std::size_t kLocaleTextMax = 64;      // bytes as given
constexpr std::size_t kZoneMax = 64;            // bytes
constexpr std::size_t kServiceMax = 32;         // bytes
constexpr std::size_t kOtherAddressMax = 2048;  // bytes
constexpr std::size_t kSecretMax = 1024;        // bytes
constexpr int kMinutesPerHour = 60;

bool is_named_null(base::JsonElement body, std::string_view key) {
  base::JsonElement value;
  return body.is_object() && body.at_key(key).get(value) == simdjson::SUCCESS && value.is_null();
}

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// Reads one text member: null clears it, a text `check` refuses is a problem. `check` may rewrite it.
template <class Check>
void read_text(base::JsonElement body, base::ObjectReader& reader, std::string_view key,
               std::size_t max_bytes, std::string& into, Check check) {
  if (is_named_null(body, key)) into.clear();
  std::string text;
  if (!reader.text(key, text, max_bytes)) return;
  if (check(text)) into = std::move(text);
}

void read_email(base::JsonElement body, base::ObjectReader& reader, Profile& into) {
  read_text(body, reader, "email", kEmailGivenMax, into.email, [&reader](std::string& text) {
    auto normalized = normalize_email(text);
    if (!normalized) {
      reader.problem("email", "invalid_email", std::move(normalized.error().message));
      return false;
    }
    text = std::move(*normalized);
    return true;
  });
}

void read_phone(base::JsonElement body, base::ObjectReader& reader, Profile& into) {
  read_text(body, reader, "country_code", kCountryMax, into.country_code, [&reader](std::string& text) {
    for (char& c : text) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    if (is_country_code(text)) return true;
    reader.problem("country_code", "invalid_country", "Use an ISO 3166 code of two letters, as KR.");
    return false;
  });
  read_text(body, reader, "phone_number", kPhoneTextMax, into.phone_number, [&](std::string& text) {
    auto normalized = normalize_phone(text, into.country_code);
    if (!normalized) {
      reader.problem("phone_number", "invalid_phone", std::move(normalized.error().message));
      return false;
    }
    text = std::move(*normalized);
    return true;
  });
}

void read_locale_and_zone(base::JsonElement body, base::ObjectReader& reader, Profile& into) {
  read_text(body, reader, "locale", kLocaleTextMax, into.locale, [&reader](std::string& text) {
    std::ranges::replace(text, '_', '-');  // as phones write it: en_US
    if (is_locale(text)) return true;
    reader.problem("locale", "invalid_locale", "Use a BCP 47 language tag, as en or ko-KR.");
    return false;
  });
  read_text(body, reader, "time_zone", kZoneMax, into.time_zone, [&reader](const std::string& text) {
    if (is_time_zone(text)) return true;
    reader.problem("time_zone", "invalid_time_zone",
                   "Use a name of the IANA time zone database, as Asia/Seoul.");
    return false;
  });
}

// {"set":true} is how a secret reads back: it says "the one you have".
void read_secret(base::ObjectReader& reader, OtherAddress& into, const std::vector<OtherAddress>& old) {
  const auto element = reader.element("secret");
  if (element && element->is_string()) {
    reader.text("secret", into.plain_secret, kSecretMax);
    return;
  }
  bool is_set = false;
  if (element && (element->at_key("set").get(is_set) != simdjson::SUCCESS || !is_set)) {
    reader.problem("secret", "wrong_type", "Give the secret as a string, or leave it out to keep it.");
    return;
  }
  for (const OtherAddress& other : old) {
    if (other.channel == into.channel && other.service == into.service && other.address == into.address) {
      into.sealed_secret = other.sealed_secret;
      into.plain_secret = other.plain_secret;
    }
  }
}

void check_chat(base::ObjectReader& reader, OtherAddress& address) {
  if (address.service != "slack" && address.service != "kakao") {
    reader.problem("service", "invalid_service", "Use slack or kakao.");
  } else if (auto normalized = normalize_chat_address(address.service, address.address)) {
    address.address = std::move(*normalized);
  } else {
    reader.problem("address", "invalid_address", std::move(normalized.error().message));
  }
}

void check_address(base::ObjectReader& reader, OtherAddress& address) {
  if (address.address.empty() || has_control_character(address.address)) {
    reader.problem("address", "invalid_address", "Give an address without control characters.");
  } else if (address.channel == Channel::Webhook && !address.address.starts_with("https://") &&
             !address.address.starts_with("http://")) {
    reader.problem("address", "invalid_address", "The address of a webhook is an http or https URL.");
  } else if (address.channel == Channel::Chat) {
    check_chat(reader, address);
  }
  if (address.channel == Channel::Webhook && !address.plain_secret.empty() &&
      !webhook_key(address.plain_secret)) {
    reader.problem("secret", "invalid_value", std::string(kWebhookSecretRule));
  }
}

OtherAddress read_address(base::JsonElement body, const std::string& pointer,
                          const std::vector<OtherAddress>& old, base::Problems& problems) {
  OtherAddress address;
  const std::size_t problems_before = problems.size();
  base::ObjectReader reader(body, pointer, problems);
  std::size_t index = 0;
  reader.require("channel");
  if (reader.one_of("channel", index, {"chat", "webhook"})) {
    address.channel = index == 0 ? Channel::Chat : Channel::Webhook;
  }
  reader.text("service", address.service, kServiceMax);
  reader.require("address");
  reader.text("address", address.address, kOtherAddressMax);
  read_secret(reader, address, old);
  reader.done();
  if (problems.size() == problems_before) check_address(reader, address);
  return address;
}

void read_addresses(base::JsonElement body, base::ObjectReader& reader, Profile& into,
                    base::Problems& problems) {
  if (is_named_null(body, "addresses")) into.addresses.clear();
  std::vector<OtherAddress> addresses;
  const std::size_t problems_before = problems.size();
  const bool is_array =
      reader.array("addresses", kAddressesMax, [&](base::JsonElement item, const std::string& at) {
        addresses.push_back(read_address(item, at, into.addresses, problems));
      });
  if (is_array && problems.size() == problems_before) into.addresses = std::move(addresses);
}

// ---- preferences

// "*", a channel, or a platform of push as "push.web".
bool is_preference_channel(std::string_view text) {
  if (text == "*" || parse_channel(text)) return true;
  const auto queue = parse_queue(text);
  return queue && channel_of(*queue) == Channel::Push;
}

struct NamedPreference {
  Preference preference;
  bool is_removal = false;  // "opt_in": null
};

NamedPreference read_preference(base::JsonElement body, const std::string& pointer, bool replace,
                                base::Problems& problems) {
  NamedPreference named{.preference = {.channel = "*", .category = "*"}};
  base::ObjectReader reader(body, pointer, problems);
  reader.text("channel", named.preference.channel, 16);
  reader.text("category", named.preference.category, 64);
  if (!is_preference_channel(named.preference.channel)) {
    reader.problem("channel", "invalid_channel", "Use a channel, a platform of push as push.web, or *.");
  }
  if (named.preference.category != "*" && !is_key(named.preference.category)) {
    reader.problem("category", "invalid_key", "Use the key of a category, or *.");
  }
  named.is_removal = !replace && is_named_null(body, "opt_in");
  if (!named.is_removal) reader.require("opt_in");
  reader.boolean("opt_in", named.preference.opt_in);
  reader.done();
  return named;
}

bool is_same_pair(const Preference& a, const Preference& b) {
  return a.channel == b.channel && a.category == b.category;
}

void apply_preference(const NamedPreference& named, std::vector<Preference>& preferences) {
  const auto same = [&named](const Preference& p) { return is_same_pair(p, named.preference); };
  const auto at = std::ranges::find_if(preferences, same);
  if (named.is_removal) {
    if (at != preferences.end()) preferences.erase(at);
  } else if (at != preferences.end()) {
    at->opt_in = named.preference.opt_in;
  } else {
    preferences.push_back(named.preference);
  }
}

// "22:00" as minutes since midnight.
std::optional<int> parse_local_time(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 5 || text[2] != ':' || !is_digit(text[0]) || !is_digit(text[1]) || !is_digit(text[3]) ||
      !is_digit(text[4])) {
    return std::nullopt;
  }
  const int hour = (text[0] - '0') * 10 + (text[1] - '0');
  const int minute = (text[3] - '0') * 10 + (text[4] - '0');
  if (hour > 23 || minute > 59) return std::nullopt;
  return hour * kMinutesPerHour + minute;
}

std::optional<int> read_local_time(base::ObjectReader& reader, std::string_view key) {
  std::string text;
  reader.require(key);
  if (!reader.text(key, text, 16)) return std::nullopt;
  const auto minutes = parse_local_time(text);
  if (!minutes) reader.problem(key, "invalid_time", "Write a local time from 00:00 to 23:59.");
  return minutes;
}

void read_quiet_hours(base::JsonElement body, base::ObjectReader& reader, bool replace, Profile& into,
                      base::Problems& problems) {
  const auto element = reader.element("quiet_hours");
  if (!element) {
    if (replace || is_named_null(body, "quiet_hours")) into.quiet_hours.reset();
    return;
  }
  base::ObjectReader inner(*element, reader.pointer("quiet_hours"), problems);
  const auto from = read_local_time(inner, "from");
  const auto to = read_local_time(inner, "to");
  inner.done();
  if (!from || !to) return;
  if (*from == *to) {
    inner.problem("to", "invalid_value",
                  "The end must differ from the beginning; say no with a preference instead.");
    return;
  }
  into.quiet_hours = QuietHours{*from, *to};
}

// ---- answers

}  // namespace

void read_user(base::JsonElement body, Profile& into, base::Problems& problems) {
  base::ObjectReader reader(body, "", problems);
  std::string user_id;
  if (reader.id_text("user_id", user_id, kUserIdMax) && user_id != into.user_id) {
    reader.problem("user_id", "invalid_value", "The user_id is the one in the URL and cannot be changed.");
  }
  read_text(body, reader, "name", kNameMax, into.name, [&reader](const std::string& text) {
    if (!has_control_character(text)) return true;
    reader.problem("name", "invalid_text", "The name holds a control character.");
    return false;
  });
  read_email(body, reader, into);
  read_phone(body, reader, into);
  read_locale_and_zone(body, reader, into);
  if (is_named_null(body, "attributes")) into.attributes.clear();
  reader.json_object("attributes", into.attributes, kAttributesMax);
  read_addresses(body, reader, into, problems);
  Time created_at = into.created_at;
  if (reader.time("created_at", created_at) && into.version == 0) into.created_at = created_at;
  if (reader.element("devices")) {
    reader.problem("devices", "read_only",
                   "Register devices with PUT /v1/users/{user_id}/devices/{device_id}.");
  }
  reader.done();
}

std::string address_context(std::int32_t project, std::string_view user_id) {
  return fmt::format("address/{}/{}", project, user_id);
}

void seal_secrets(const base::Sealer& sealer, Profile& profile) {
  for (OtherAddress& address : profile.addresses) {
    if (address.plain_secret.empty()) continue;
    address.sealed_secret =
        sealer.seal(address.plain_secret, address_context(profile.project, profile.user_id));
    address.plain_secret.clear();
  }
}

void read_preferences(base::JsonElement body, Profile& into, bool replace, base::Problems& problems) {
  const std::size_t problems_before = problems.size();
  base::ObjectReader reader(body, "", problems);
  std::vector<NamedPreference> named;
  reader.array("preferences", kPreferencesMax, [&](base::JsonElement item, const std::string& at) {
    named.push_back(read_preference(item, at, replace, problems));
    const auto is_same = [&named](const NamedPreference& other) {
      return is_same_pair(other.preference, named.back().preference);
    };
    if (std::find_if(named.begin(), named.end() - 1, is_same) != named.end() - 1) {
      problems.push_back({at, "duplicate_preference", "This pair of channel and category is named twice."});
    }
  });
  read_quiet_hours(body, reader, replace, into, problems);
  reader.done();
  std::vector<Preference> preferences;
  if (!replace) preferences = into.preferences;
  for (const NamedPreference& each : named) apply_preference(each, preferences);
  if (preferences.size() > kPreferencesMax) {
    reader.problem("preferences", "too_many",
                   fmt::format("A user has at most {} preferences.", kPreferencesMax));
  }
  if (problems.size() == problems_before) into.preferences = std::move(preferences);
}

void write_user(base::JsonWriter& out, const Profile& profile) {
  out.object().field("user_id", profile.user_id);
  // Absent contact data is null, so that the answer has one shape.
  out.field_or_null("name", profile.name);
  out.field_or_null("email", profile.email);
  out.field_or_null("country_code", profile.country_code);
  out.field_or_null("phone_number", profile.phone_number);
  out.field_or_null("locale", profile.locale);
  out.field_or_null("time_zone", profile.time_zone);
  out.key("attributes").raw(profile.attributes.empty() ? "{}" : profile.attributes);
  out.key("addresses").array();
  for (const OtherAddress& address : profile.addresses) {
    out.object().field("channel", name(address.channel)).field_if("service", address.service);
    out.field("address", address.address);
    if (!address.sealed_secret.empty() || !address.plain_secret.empty()) {
      out.key("secret").object().field("set", true).end_object();
    }
    out.end_object();
  }
  out.end_array().key("devices").array();
  for (const Device& device : profile.devices) write_device(out, device);
  out.end_array().field("created_at", to_rfc3339(profile.created_at)).end_object();
}

void write_preferences(base::JsonWriter& out, const Profile& profile) {
  out.object().key("preferences").array();
  for (const Preference& preference : profile.preferences) {
    out.object().field("channel", preference.channel).field("category", preference.category);
    out.field("opt_in", preference.opt_in).end_object();
  }
  out.end_array().key("quiet_hours");
  if (profile.quiet_hours) {
    const auto time = [](int minutes) {
      return fmt::format("{:02}:{:02}", minutes / kMinutesPerHour, minutes % kMinutesPerHour);
    };
    out.object()
        .field("from", time(profile.quiet_hours->from_min))
        .field("to", time(profile.quiet_hours->to_min));
    out.end_object();
  } else {
    out.null();
  }
  out.end_object();
}

}  // namespace carillon::model
