#include "model/push_block.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

namespace carillon::model {
namespace {

constexpr std::size_t kTextMax = 4096;        // bytes: no push is larger
constexpr std::size_t kCollapseMax = 64;      // bytes
constexpr std::size_t kItemsMax = 64;         // of a list
constexpr double kSecondsMax = 4e9;           // of a date: the year 2096
constexpr std::int64_t kTtlMaxS = 2'419'200;  // four weeks

struct Shape;

enum class Kind : std::uint8_t {
  Text,
  Flag,
  Integer,
  Number,
  Texts,         // a list of texts
  TextMap,       // an object of texts
  Object,        // any object
  Data,          // an object whose keys FCM does not keep for itself
  Nested,        // an object with a shape
  TextOrNested,  // … or a text
  Duration,      // "3600s"
  Digits,        // "0", "1790000000"
  Link,          // https://…
  Color,         // #rrggbb
  Ours,          // set by the server
};

using Choices = std::span<const std::string_view>;

struct Field {
  std::string_view name;
  Kind kind = Kind::Text;
  double max = 0;  // Text: bytes, 0: kTextMax; Integer, Number: the largest
  Choices choices{};
  const Shape* shape = nullptr;
  std::string_view why{};  // Ours: what to use instead
};

struct Shape {
  std::span<const Field> fields{};
  bool is_strict = false;  // other fields are problems
  bool has_two_spellings = false;
};

// ---- APNs (Apple, "Generating a remote notification", "Sending notification requests to APNs")

constexpr Field kAlertFields[] = {
    {.name = "title"},
    {.name = "subtitle"},
    {.name = "body"},
    {.name = "launch-image"},
    {.name = "loc-key"},
    {.name = "loc-args", .kind = Kind::Texts},
    {.name = "title-loc-key"},
    {.name = "title-loc-args", .kind = Kind::Texts},
    {.name = "subtitle-loc-key"},
    {.name = "subtitle-loc-args", .kind = Kind::Texts},
    {.name = "action-loc-key"},
    {.name = "action"},
    {.name = "summary-arg"},
    {.name = "summary-arg-count", .kind = Kind::Integer, .max = 1e6},
};
constexpr Shape kAlert{.fields = kAlertFields};

constexpr Field kSoundFields[] = {
    {.name = "critical", .kind = Kind::Integer, .max = 1},
    {.name = "name"},
    {.name = "volume", .kind = Kind::Number, .max = 1},
};
constexpr Shape kSound{.fields = kSoundFields, .is_strict = true};

constexpr std::string_view kInterruptions[] = {"passive", "active", "time-sensitive", "critical"};
constexpr std::string_view kEvents[] = {"start", "update", "end"};

constexpr Field kApsFields[] = {
    {.name = "alert", .kind = Kind::TextOrNested, .shape = &kAlert},
    {.name = "badge", .kind = Kind::Integer, .max = 99'999},
    {.name = "sound", .kind = Kind::TextOrNested, .shape = &kSound},
    {.name = "thread-id"},
    {.name = "category"},
    {.name = "content-available", .kind = Kind::Integer, .max = 1},
    {.name = "mutable-content", .kind = Kind::Integer, .max = 1},
    {.name = "target-content-id"},
    {.name = "interruption-level", .choices = kInterruptions},
    {.name = "relevance-score", .kind = Kind::Number, .max = 100},  // Live Activities; else up to 1
    {.name = "filter-criteria"},
    {.name = "timestamp", .kind = Kind::Integer, .max = kSecondsMax},
    {.name = "stale-date", .kind = Kind::Integer, .max = kSecondsMax},
    {.name = "dismissal-date", .kind = Kind::Integer, .max = kSecondsMax},
    {.name = "event", .choices = kEvents},
    {.name = "content-state", .kind = Kind::Object},
    {.name = "attributes-type"},
    {.name = "attributes", .kind = Kind::Object},
};
constexpr Shape kAps{.fields = kApsFields};

constexpr std::string_view kPriorities[] = {"10", "5", "1"};
constexpr std::string_view kPushTypes[] = {"alert",        "background",   "voip",     "complication",
                                           "fileprovider", "liveactivity", "location", "pushtotalk",
                                           "widgets",      "controls"};

constexpr Field kHeaderFields[] = {
    {.name = "apns-priority", .choices = kPriorities},
    {.name = "apns-push-type", .choices = kPushTypes},
    {.name = "apns-topic", .max = 255},
    {.name = "apns-collapse-id", .max = kCollapseMax},
    {.name = "apns-expiration", .kind = Kind::Digits},
    {.name = "apns-id", .kind = Kind::Ours, .why = "it is made from the delivery's id"},
    {.name = "authorization", .kind = Kind::Ours, .why = "it comes from the integration"},
};
constexpr Shape kHeaders{.fields = kHeaderFields, .is_strict = true};

// ---- FCM (Google, "REST Resource: projects.messages")

constexpr Field kShownFields[] = {{.name = "title"}, {.name = "body"}, {.name = "image"}};
constexpr Shape kShown{.fields = kShownFields, .is_strict = true, .has_two_spellings = true};

constexpr Field kOptionFields[] = {{.name = "analytics_label", .max = 50}};
constexpr Shape kOptions{.fields = kOptionFields, .is_strict = true, .has_two_spellings = true};

constexpr std::string_view kAndroidPriorities[] = {"NORMAL", "HIGH", "normal", "high"};
constexpr std::string_view kNoticePriorities[] = {"PRIORITY_UNSPECIFIED", "PRIORITY_MIN",  "PRIORITY_LOW",
                                                  "PRIORITY_DEFAULT",     "PRIORITY_HIGH", "PRIORITY_MAX"};
constexpr std::string_view kVisibilities[] = {"VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"};
constexpr std::string_view kProxies[] = {"PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"};

constexpr Field kAndroidShownFields[] = {
    {.name = "title"},
    {.name = "body"},
    {.name = "icon"},
    {.name = "color", .kind = Kind::Color},
    {.name = "sound"},
    {.name = "tag"},
    {.name = "click_action"},
    {.name = "body_loc_key"},
    {.name = "body_loc_args", .kind = Kind::Texts},
    {.name = "title_loc_key"},
    {.name = "title_loc_args", .kind = Kind::Texts},
    {.name = "channel_id"},
    {.name = "ticker"},
    {.name = "sticky", .kind = Kind::Flag},
    {.name = "event_time"},
    {.name = "local_only", .kind = Kind::Flag},
    {.name = "notification_priority", .choices = kNoticePriorities},
    {.name = "default_sound", .kind = Kind::Flag},
    {.name = "default_vibrate_timings", .kind = Kind::Flag},
    {.name = "default_light_settings", .kind = Kind::Flag},
    {.name = "vibrate_timings", .kind = Kind::Texts},
    {.name = "visibility", .choices = kVisibilities},
    {.name = "notification_count", .kind = Kind::Integer, .max = 99'999},
    {.name = "light_settings", .kind = Kind::Object},
    {.name = "image"},
    {.name = "bypass_proxy_notification", .kind = Kind::Flag},
    {.name = "proxy", .choices = kProxies},
};
constexpr Shape kAndroidShown{.fields = kAndroidShownFields, .is_strict = true, .has_two_spellings = true};

constexpr Field kAndroidFields[] = {
    {.name = "collapse_key"},
    {.name = "priority", .choices = kAndroidPriorities},
    {.name = "ttl", .kind = Kind::Duration},
    {.name = "restricted_package_name"},
    {.name = "data", .kind = Kind::Data},
    {.name = "notification", .kind = Kind::Nested, .shape = &kAndroidShown},
    {.name = "fcm_options", .kind = Kind::Nested, .shape = &kOptions},
    {.name = "direct_boot_ok", .kind = Kind::Flag},
    {.name = "bandwidth_constrained_ok", .kind = Kind::Flag},
    {.name = "restricted_satellite_ok", .kind = Kind::Flag},
};
constexpr Shape kAndroid{.fields = kAndroidFields, .is_strict = true, .has_two_spellings = true};

constexpr Field kWebOptionFields[] = {{.name = "link", .kind = Kind::Link},
                                      {.name = "analytics_label", .max = 50}};
constexpr Shape kWebOptions{.fields = kWebOptionFields, .is_strict = true, .has_two_spellings = true};
constexpr Field kWebFields[] = {
    {.name = "headers", .kind = Kind::TextMap},
    {.name = "data", .kind = Kind::Data},
    {.name = "notification", .kind = Kind::Object},
    {.name = "fcm_options", .kind = Kind::Nested, .shape = &kWebOptions},
};
constexpr Shape kWeb{.fields = kWebFields, .is_strict = true, .has_two_spellings = true};

constexpr Field kPayloadFields[] = {{.name = "aps", .kind = Kind::Nested, .shape = &kAps}};
constexpr Shape kPayload{.fields = kPayloadFields};
constexpr Field kAppleOptionFields[] = {{.name = "analytics_label", .max = 50}, {.name = "image"}};
constexpr Shape kAppleOptions{.fields = kAppleOptionFields, .is_strict = true, .has_two_spellings = true};
constexpr Field kAppleFields[] = {
    {.name = "headers", .kind = Kind::TextMap},
    {.name = "payload", .kind = Kind::Nested, .shape = &kPayload},
    {.name = "fcm_options", .kind = Kind::Nested, .shape = &kAppleOptions},
    {.name = "live_activity_token"},
};
constexpr Shape kApple{.fields = kAppleFields, .is_strict = true, .has_two_spellings = true};

constexpr std::string_view kTarget = "name the recipient in to";
constexpr Field kMessageFields[] = {
    {.name = "data", .kind = Kind::Data},
    {.name = "notification", .kind = Kind::Nested, .shape = &kShown},
    {.name = "android", .kind = Kind::Nested, .shape = &kAndroid},
    {.name = "webpush", .kind = Kind::Nested, .shape = &kWeb},
    {.name = "apns", .kind = Kind::Nested, .shape = &kApple},
    {.name = "fcm_options", .kind = Kind::Nested, .shape = &kOptions},
    {.name = "token", .kind = Kind::Ours, .why = kTarget},
    {.name = "topic", .kind = Kind::Ours, .why = kTarget},
    {.name = "condition", .kind = Kind::Ours, .why = kTarget},
    {.name = "fid", .kind = Kind::Ours, .why = kTarget},
    {.name = "name", .kind = Kind::Ours, .why = "FCM makes it"},
};
constexpr Shape kMessage{.fields = kMessageFields, .is_strict = true, .has_two_spellings = true};

// "3600s", "3.5s": up to four weeks.
bool is_duration(std::string_view text) noexcept {
  if (text.size() < 2 || text.size() > 20 || text.back() != 's') return false;
  text.remove_suffix(1);
  std::int64_t seconds = 0;
  std::size_t i = 0;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    seconds = seconds * 10 + (text[i] - '0');
    if (seconds > kTtlMaxS) return false;
  }
  if (i == 0 || i == text.size()) return i > 0;
  const std::string_view decimals = text.substr(i + 1);
  return text[i] == '.' && !decimals.empty() && decimals.size() <= 9 &&
         std::ranges::all_of(decimals, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_digits(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 10 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_color(std::string_view text) noexcept {
  return text.size() == 7 && text[0] == '#' && std::ranges::all_of(text.substr(1), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

class Checker {
 public:
  Checker(bool is_template, base::Problems& problems) : is_template_(is_template), problems_(problems) {}

  void check(base::JsonElement value, const std::string& pointer, const Shape& shape) {
    base::ObjectReader reader(value, pointer, problems_);
    base::JsonObject object;
    if (value.get(object) != simdjson::SUCCESS) return;
    for (const auto [key, field] : object) {
      const std::string name = shape.has_two_spellings ? to_snake_case(key) : std::string(key);
      const auto known = std::ranges::find(shape.fields, name, &Field::name);
      if (known != shape.fields.end()) {
        if (!field.is_null()) check_field(reader, key, field, *known);
      } else if (shape.is_strict) {
        reader.problem(key, "unknown_field", "there is no such field; see the vendor's reference");
      }
    }
  }

  void check_field(base::ObjectReader& at, std::string_view key, base::JsonElement value,
                   const Field& field) {
    switch (field.kind) {
      case Kind::Text:
      case Kind::Duration:
      case Kind::Digits:
      case Kind::Link:
      case Kind::Color: return check_text(at, key, value, field);
      case Kind::Flag:
        if (!value.is_bool()) at.problem(key, "wrong_type", "must be true or false");
        return;
      case Kind::Integer:
      case Kind::Number: return check_number(at, key, value, field);
      case Kind::Texts: return check_texts(at, key, value);
      case Kind::TextMap: return check_map(at, key, value, true);
      case Kind::Data: return check_map(at, key, value, false);
      case Kind::Object:
        if (!value.is_object()) at.problem(key, "wrong_type", "must be an object");
        return;
      case Kind::TextOrNested:
        if (value.is_string()) return check_text(at, key, value, field);
        if (!value.is_object()) return at.problem(key, "wrong_type", "must be a string or an object");
        return check(value, at.pointer(key), *field.shape);
      case Kind::Nested: return check(value, at.pointer(key), *field.shape);
      case Kind::Ours: return at.problem(key, "read_only", fmt::format("cannot be set here: {}", field.why));
    }
  }

 private:
  void check_text(base::ObjectReader& at, std::string_view key, base::JsonElement value, const Field& field) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return at.problem(key, "wrong_type", "must be a string");
    const std::size_t max = field.max > 0 ? static_cast<std::size_t>(field.max) : kTextMax;
    if (text.size() > max) {
      return at.problem(key, "too_long", fmt::format("must have at most {} bytes, has {}", max, text.size()));
    }
    if (is_template_) return;  // it may be a tag
    if (!field.choices.empty() && std::ranges::find(field.choices, text) == field.choices.end()) {
      return at.problem(key, "invalid_choice",
                        fmt::format("must be one of {}", fmt::join(field.choices, ", ")));
    }
    if (field.kind == Kind::Duration && !is_duration(text)) {
      at.problem(key, "invalid_value", "must be seconds with an s, such as 3600s, at most 2419200s");
    } else if (field.kind == Kind::Digits && !is_digits(text)) {
      at.problem(key, "invalid_value", "must be seconds since 1970 as a text, or 0 to try once only");
    } else if (field.kind == Kind::Link && !text.starts_with("https://")) {
      at.problem(key, "invalid_url", "must begin with https://");
    } else if (field.kind == Kind::Color && !is_color(text)) {
      at.problem(key, "invalid_value", "must be a colour such as #1a2b3c");
    }
  }

  static void check_number(base::ObjectReader& at, std::string_view key, base::JsonElement value,
                           const Field& field) {
    const bool is_integer = field.kind == Kind::Integer;
    double number = 0;
    if (is_integer ? !(value.is_int64() || value.is_uint64()) : !value.is_number()) {
      return at.problem(key, "wrong_type", is_integer ? "must be an integer" : "must be a number");
    }
    if (value.get_double().get(number) != simdjson::SUCCESS || number < 0 || number > field.max) {
      at.problem(key, "out_of_range", fmt::format("must be from 0 to {:.0f}", field.max));
    }
  }

  static void check_texts(base::ObjectReader& at, std::string_view key, base::JsonElement value) {
    base::JsonArray items;
    if (value.get(items) != simdjson::SUCCESS)
      return at.problem(key, "wrong_type", "must be a list of strings");
    if (items.size() > kItemsMax) {
      return at.problem(key, "too_many", fmt::format("at most {} entries are allowed", kItemsMax));
    }
    for (const base::JsonElement item : items) {
      if (!item.is_string()) return at.problem(key, "wrong_type", "must be a list of strings");
    }
  }

  void check_map(base::ObjectReader& at, std::string_view key, base::JsonElement value, bool is_text_only) {
    base::JsonObject object;
    if (value.get(object) != simdjson::SUCCESS) return at.problem(key, "wrong_type", "must be an object");
    base::ObjectReader inner(value, at.pointer(key), problems_);
    for (const auto [name, text] : object) {
      if (is_text_only && !text.is_string()) inner.problem(name, "wrong_type", "must be a string");
      if (!is_text_only && is_fcm_reserved_key(name)) {
        inner.problem(name, "invalid_value", "FCM keeps this key for itself; use another name");
      }
    }
  }

  const bool is_template_;
  base::Problems& problems_;
};

}  // namespace

bool is_fcm_reserved_key(std::string_view key) noexcept {
  return key == "from" || key == "message_type" || key.starts_with("google") || key.starts_with("gcm");
}

std::string to_snake_case(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') {
      out += '_';
      out += static_cast<char>(c - 'A' + 'a');
    } else {
      out += c;
    }
  }
  return out;
}

void check_apns_block(base::JsonElement block, const std::string& pointer, bool is_template,
                      base::Problems& problems) {
  Checker checker(is_template, problems);
  base::ObjectReader reader(block, pointer, problems);
  base::JsonObject object;
  if (block.get(object) != simdjson::SUCCESS) return;
  for (const auto [key, value] : object) {
    if (value.is_null()) continue;
    const std::string header = key.starts_with("apns-") ? std::string(key) : fmt::format("apns-{}", key);
    const bool is_header = key.starts_with("apns-") || key == "push-type";
    const Shape& shape = is_header ? kHeaders : kAps;
    const auto field =
        std::ranges::find(shape.fields, is_header ? std::string_view(header) : key, &Field::name);
    if (key == "aps") {
      checker.check(value, reader.pointer(key), kAps);
    } else if (key == "headers") {
      checker.check(value, reader.pointer(key), kHeaders);
    } else if (field != shape.fields.end()) {
      checker.check_field(reader, key, value, *field);
    } else if (is_header) {
      reader.problem(key, "unknown_field", "APNs has no such header");
    } else if (key == "carillon") {
      reader.problem(key, "read_only", "cannot be set here: it carries the ids of the message");
    }
  }
}

void check_fcm_block(base::JsonElement block, const std::string& pointer, bool is_template,
                     base::Problems& problems) {
  Checker(is_template, problems).check(block, pointer, kMessage);
}

}  // namespace carillon::model
