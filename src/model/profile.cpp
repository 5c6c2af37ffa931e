// The stored form of a profile. Keys are one letter: a million of them are kept in memory.
#include "model/profile.h"

#include <array>
#include <utility>

namespace carillon::model {
namespace {

// ---- writing: only what differs from a default

void number_unless_zero(base::JsonWriter& out, std::string_view key, std::int64_t number) {
  if (number != 0) out.field(key, number);
}

void encode_device(base::JsonWriter& out, const Device& device) {
  out.object().field_if("i", device.device_id).field("p", static_cast<int>(device.platform));
  out.field_if("b", device.bundle).field_if("e", device.environment);
  if (!device.endpoints.empty()) {
    out.key("s").array();
    for (const Endpoint& endpoint : device.endpoints) {
      out.array()
          .value(endpoint.service)
          .value(endpoint.token)
          .value(to_ms(endpoint.registered_at))
          .end_array();
    }
    out.end_array();
  }
  if (!device.enabled) out.field("x", 1);
  out.field_if("l", device.locale).field_if("z", device.time_zone).field_if("v", device.app_version);
  number_unless_zero(out, "t", to_ms(device.last_logged_in_at));
  out.end_object();
}

// ---- reading

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(Errc::Corruption, fmt::format("stored profile: {}", what));
}

bool read_text(base::JsonElement element, std::string& out) {
  std::string_view text;
  if (element.get_string().get(text) != simdjson::SUCCESS) return false;
  out.assign(text);
  return true;
}

bool read_number(base::JsonElement element, std::int64_t& out) {
  return element.get_int64().get(out) == simdjson::SUCCESS;
}

bool read_time(base::JsonElement element, Time& out) {
  std::int64_t ms = 0;
  if (!read_number(element, ms)) return false;
  out = from_ms(ms);
  return true;
}

bool read_flag(base::JsonElement element, bool& out) {
  std::int64_t number = 0;
  if (!read_number(element, number)) return false;
  out = number != 0;
  return true;
}

// Calls `each(index, item)` for the items of an array; false when it is none or any call says so.
template <class Each>
bool read_items(base::JsonElement element, Each each) {
  base::JsonArray items;
  if (element.get_array().get(items) != simdjson::SUCCESS) return false;
  std::size_t index = 0;
  for (const base::JsonElement item : items) {
    if (!each(index++, item)) return false;
  }
  return true;
}

// Appends one value per item of an array, each read by `read(item, value)`.
template <class T, class Read>
bool read_list(base::JsonElement element, std::vector<T>& out, Read read) {
  base::JsonArray items;
  if (element.get_array().get(items) == simdjson::SUCCESS) out.reserve(items.size());
  return read_items(element,
                    [&](std::size_t, base::JsonElement item) { return read(item, out.emplace_back()); });
}

bool decode_endpoint(base::JsonElement element, Endpoint& out) {
  std::size_t found = 0;
  const bool is_read = read_items(element, [&](std::size_t i, base::JsonElement item) {
    ++found;
    if (i == 0) return read_text(item, out.service);
    return i == 1 ? read_text(item, out.token) : read_time(item, out.registered_at);
  });
  return is_read && found == 3;
}

bool decode_platform(base::JsonElement element, Platform& out) {
  std::int64_t number = 0;
  if (!read_number(element, number) || std::cmp_greater_equal(number, kPlatformCount) || number < 0)
    return false;
  out = static_cast<Platform>(number);
  return true;
}

bool decode_device_field(char key, base::JsonElement value, Device& out) {
  switch (key) {
    case 'i': return read_text(value, out.device_id);
    case 'p': return decode_platform(value, out.platform);
    case 'b': return read_text(value, out.bundle);
    case 'e': return read_text(value, out.environment);
    case 's': return read_list(value, out.endpoints, decode_endpoint);
    case 'x': {
      bool is_off = false;
      const bool is_read = read_flag(value, is_off);
      out.enabled = !is_off;
      return is_read;
    }
    case 'l': return read_text(value, out.locale);
    case 'z': return read_text(value, out.time_zone);
    case 'v': return read_text(value, out.app_version);
    case 't': return read_time(value, out.last_logged_in_at);
    default: return true;  // of a newer version: not ours to understand
  }
}

bool decode_device(base::JsonElement element, Device& out) {
  base::JsonObject object;
  if (element.get_object().get(object) != simdjson::SUCCESS) return false;
  for (const auto& [key, value] : object) {
    if (key.size() == 1 && !decode_device_field(key[0], value, out)) return false;
  }
  return true;
}

bool decode_preference(base::JsonElement element, Preference& out) {
  std::size_t found = 0;
  const bool is_read = read_items(element, [&](std::size_t i, base::JsonElement item) {
    ++found;
    if (i == 0) return read_text(item, out.channel);
    return i == 1 ? read_text(item, out.category) : read_flag(item, out.opt_in);
  });
  return is_read && found == 3;
}

bool decode_address(base::JsonElement element, OtherAddress& out) {
  std::size_t found = 0;
  std::int64_t channel = 0;
  const bool is_read = read_items(element, [&](std::size_t i, base::JsonElement item) {
    ++found;
    if (i == 0) return read_number(item, channel) && channel >= 0 && std::cmp_less(channel, kChannelCount);
    if (i == 1) return read_text(item, out.service);
    return read_text(item, i == 2 ? out.address : out.sealed_secret);
  });
  out.channel = static_cast<Channel>(channel);
  return is_read && found == 4;
}

bool decode_quiet_hours(base::JsonElement element, std::optional<QuietHours>& out) {
  std::array<std::int64_t, 2> minutes{-1, -1};
  const bool is_read = read_items(element, [&](std::size_t i, base::JsonElement item) {
    return i < minutes.size() && read_number(item, minutes[i]) && minutes[i] >= 0 && minutes[i] < 24 * 60;
  });
  if (!is_read || minutes[1] < 0) return false;
  out = QuietHours{static_cast<int>(minutes[0]), static_cast<int>(minutes[1])};
  return true;
}

bool decode_field(char key, base::JsonElement value, Profile& out) {
  switch (key) {
    case 'n': return read_text(value, out.name);
    case 'e': return read_text(value, out.email);
    case 'c': return read_text(value, out.country_code);
    case 'p': return read_text(value, out.phone_number);
    case 'l': return read_text(value, out.locale);
    case 'z': return read_text(value, out.time_zone);
    case 'u': return read_text(value, out.attributes);
    case 'a': return read_list(value, out.addresses, decode_address);
    case 'd': return read_list(value, out.devices, decode_device);
    case 'f': return read_list(value, out.preferences, decode_preference);
    case 'q': return decode_quiet_hours(value, out.quiet_hours);
    case 'y': return read_flag(value, out.is_anonymous);
    case 't': return read_time(value, out.created_at);
    case 's': return read_time(value, out.stored_at.emplace());
    case 'k': return read_time(value, out.tokens_after);
    default: return true;  // of a newer version: not ours to understand
  }
}

}  // namespace

bool is_user_id(std::string_view id) noexcept {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return !id.empty() && id.size() <= kUserIdMax && std::ranges::none_of(id, is_control);
}

std::string user_id_rule() {
  return fmt::format("a user_id has 1 to {} bytes without control characters", kUserIdMax);
}

std::string encode(const Profile& profile) {
  base::JsonWriter out(512);
  out.object().field_if("n", profile.name).field_if("e", profile.email).field_if("c", profile.country_code);
  out.field_if("p", profile.phone_number).field_if("l", profile.locale).field_if("z", profile.time_zone);
  out.field_if("u", profile.attributes);
  if (!profile.addresses.empty()) {
    out.key("a").array();
    for (const OtherAddress& address : profile.addresses) {
      out.array().value(static_cast<int>(address.channel)).value(address.service).value(address.address);
      out.value(address.sealed_secret).end_array();
    }
    out.end_array();
  }
  if (!profile.devices.empty()) {
    out.key("d").array();
    for (const Device& device : profile.devices) encode_device(out, device);
    out.end_array();
  }
  if (!profile.preferences.empty()) {
    out.key("f").array();
    for (const Preference& preference : profile.preferences) {
      out.array()
          .value(preference.channel)
          .value(preference.category)
          .value(preference.opt_in ? 1 : 0)
          .end_array();
    }
    out.end_array();
  }
  if (profile.quiet_hours) {
    out.key("q").array().value(profile.quiet_hours->from_min).value(profile.quiet_hours->to_min).end_array();
  }
  if (profile.is_anonymous) out.field("y", 1);
  number_unless_zero(out, "t", to_ms(profile.created_at));
  if (profile.stored_at) out.field("s", to_ms(*profile.stored_at));
  number_unless_zero(out, "k", to_ms(profile.tokens_after));
  return out.end_object().str();
}

Result<void> decode_profile(std::string_view text, Profile& profile) {
  // We wrote it ourselves, so the checks of JsonDocument (depth, duplicate keys) are not paid for here.
  thread_local simdjson::dom::parser parser;
  base::JsonObject object;
  if (parser.parse(text.data(), text.size()).get_object().get(object) != simdjson::SUCCESS) {
    return corrupt("is not a JSON object");
  }
  for (const auto& [key, value] : object) {
    if (key.size() == 1 && !decode_field(key[0], value, profile)) {
      return corrupt(fmt::format("field \"{}\" has the wrong type or range", key));
    }
  }
  return {};
}

}  // namespace carillon::model
