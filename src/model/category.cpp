#include "model/category.h"

#include <algorithm>
#include <chrono>

#include "model/address.h"

namespace carillon::model {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t kNamesMax = 50;    // locales of the shown name
constexpr std::size_t kNameMax = 200;    // bytes of one shown name
constexpr std::size_t kRetriesMax = 20;  // delays of a retry schedule
constexpr Millis kRetryMin = seconds(1);
constexpr Millis kRetryMax = hours(24 * 7);
constexpr Millis kTtlMin = seconds(1);
constexpr Millis kTtlMax = hours(24 * 30);
constexpr std::int64_t kCapLimitMax = 1000;  // messages
constexpr Millis kCapPerMin = minutes(1);
constexpr Millis kCapPerMax = hours(24 * 30);
constexpr std::int64_t kApprovalOverMax = 1'000'000'000;  // recipients
constexpr double kJitter = 0.2;                           // of the delay, to either side

// PATCH: null takes a value away that may be absent; the reader itself treats null as "not named".
bool is_named_null(base::JsonElement body, std::string_view key) {
  simdjson::dom::element value;
  return body.is_object() && body.at_key(key).get(value) == simdjson::SUCCESS && value.is_null();
}

template <class T>
void clear_if_null(base::JsonElement body, std::string_view key, std::optional<T>& value) {
  if (is_named_null(body, key)) value.reset();
}

void read_names(base::ObjectReader& reader, Category& into, base::Problems& problems) {
  const auto element = reader.element("name");
  if (!element) return;
  if (!element->is_object()) {
    reader.problem("name", "wrong_type", "Give an object of locale and shown name, as {\"en\":\"News\"}.");
    return;
  }
  std::map<std::string, std::string> names;
  base::ObjectReader inner(*element, reader.pointer("name"), problems);
  for (const auto& [locale, unused] : base::JsonObject(*element)) {
    std::string shown;
    const bool is_read = inner.text(locale, shown, kNameMax);
    if (!is_locale(locale)) {
      inner.problem(locale, "invalid_locale", "Use a BCP 47 language tag, as en or ko-KR.");
    } else if (is_read) {
      names.emplace(locale, std::move(shown));
    }
  }
  if (names.size() > kNamesMax) {
    reader.problem("name", "too_many", fmt::format("Name at most {} locales.", kNamesMax));
    return;
  }
  into.names = std::move(names);
}

void read_channels(base::ObjectReader& reader, Category& into) {
  std::vector<std::string> texts;
  if (!reader.texts("channels", texts, kChannelCount, 16)) return;
  std::vector<Channel> channels;
  for (const std::string& text : texts) {
    const auto channel = parse_channel(text);
    if (!channel) {
      reader.problem(
          "channels", "invalid_channel",
          fmt::format("{} is no channel; use push, sms, email, voice, chat, webhook or inbox.", text));
      return;
    }
    if (std::ranges::find(channels, *channel) == channels.end()) channels.push_back(*channel);
  }
  into.channels = std::move(channels);
}

void read_default_opt_in(base::ObjectReader& reader, Category& into, base::Problems& problems) {
  const auto element = reader.element("default_opt_in");
  if (!element) return;
  base::ObjectReader inner(*element, reader.pointer("default_opt_in"), problems);
  for (std::size_t i = 0; i < kChannelCount; ++i) {
    inner.boolean(name(static_cast<Channel>(i)), into.default_opt_in[i]);
  }
  inner.done();
}

void read_priorities(base::ObjectReader& reader, Category& into) {
  std::size_t index = 0;
  if (reader.one_of("priority", index, {"critical", "high", "normal", "bulk"})) {
    into.priority = static_cast<Priority>(index);
  }
  if (reader.one_of("max_priority", index, {"critical", "high", "normal", "bulk"})) {
    into.max_priority = static_cast<Priority>(index);
  }
  if (into.priority < into.max_priority) {
    reader.problem("priority", "priority_above_max",
                   fmt::format("Raise max_priority to {} or lower priority to {}.", name(into.priority),
                               name(into.max_priority)));
  }
}

void read_retry(base::ObjectReader& reader, Category& into) {
  std::vector<Millis> delays;
  bool is_valid = true;
  const bool is_array = reader.array("retry", kRetriesMax, [&](base::JsonElement item, const std::string&) {
    std::string_view text;
    const auto delay = item.get(text) == simdjson::SUCCESS ? parse_duration(text) : std::nullopt;
    if (delay && *delay >= kRetryMin && *delay <= kRetryMax) {
      delays.push_back(*delay);
    } else {
      is_valid = false;
    }
  });
  if (!is_valid) {
    reader.problem("retry", "invalid_duration",
                   "Give delays from 1s to 7d, as [\"1m\",\"5m\",\"15m\",\"1h\"].");
  } else if (is_array) {
    into.retry = std::move(delays);
  }
}

void read_cap(base::JsonElement body, base::ObjectReader& reader, Category& into, base::Problems& problems) {
  clear_if_null(body, "cap", into.cap);
  const auto element = reader.element("cap");
  if (!element) return;
  FrequencyCap cap = into.cap.value_or(FrequencyCap{.key = into.key});
  base::ObjectReader inner(*element, reader.pointer("cap"), problems);
  inner.text("key", cap.key, 64);
  inner.integer("limit", cap.limit, 1, kCapLimitMax);
  inner.duration("per", cap.per, kCapPerMin, kCapPerMax);
  std::size_t index = 0;
  if (inner.one_of("on_exceed", index, {"defer", "drop"})) cap.on_exceed = static_cast<CapPolicy>(index);
  if (!into.cap) {
    inner.require("limit");
    inner.require("per");
  }
  if (!is_key(cap.key))
    inner.problem("key", "invalid_key", "Use 1 to 64 of a-z 0-9 _ . - after a letter or digit.");
  inner.done();
  into.cap = std::move(cap);
}

void read_tracking(base::ObjectReader& reader, Category& into, base::Problems& problems) {
  const auto element = reader.element("tracking");
  if (!element) return;
  base::ObjectReader inner(*element, reader.pointer("tracking"), problems);
  inner.boolean("opens", into.track_opens);
  inner.boolean("clicks", into.track_clicks);
  inner.done();
}

void read_ttl_and_unknown(base::JsonElement body, base::ObjectReader& reader, Category& into) {
  clear_if_null(body, "ttl", into.ttl);
  Millis ttl{0};
  if (reader.duration("ttl", ttl, kTtlMin, kTtlMax)) into.ttl = ttl;
  clear_if_null(body, "on_unknown", into.on_unknown);
  std::size_t index = 0;
  if (reader.one_of("on_unknown", index, {"resend", "hold"})) {
    into.on_unknown = static_cast<UnknownPolicy>(index);
  }
}

}  // namespace

std::string_view name(CategoryKind kind) noexcept {
  switch (kind) {
    case CategoryKind::Transactional: return "transactional";
    case CategoryKind::Marketing: return "marketing";
    case CategoryKind::Security: return "security";
  }
  return "transactional";
}

std::string_view name(QuietPolicy policy) noexcept {
  switch (policy) {
    case QuietPolicy::Ignore: return "ignore";
    case QuietPolicy::Defer: return "defer";
    case QuietPolicy::Drop: return "drop";
  }
  return "ignore";
}

Category general_category() {
  Category category;
  category.key = "general";
  category.names = {{"en", "General"}, {"ko", "일반"}};
  category.retry = {minutes(1), minutes(5), minutes(15), hours(1)};
  return category;
}

Category security_category() {
  Category category;
  category.key = "security";
  category.names = {{"en", "Security"}, {"ko", "보안"}};
  category.kind = CategoryKind::Security;
  category.mandatory = true;
  category.priority = Priority::High;
  category.max_priority = Priority::Critical;
  category.ttl = minutes(10);
  category.retry = {seconds(5), seconds(20), seconds(60)};
  category.on_unknown = UnknownPolicy::Resend;
  category.sensitive = true;
  return category;
}

Category read_category(base::JsonElement body, std::string_view key, const Category& base_category,
                       base::Problems& problems) {
  Category category = base_category;
  // A new category does not inherit what names another one.
  if (category.key != key) category.names.clear();
  if (category.cap && category.cap->key == category.key) category.cap->key = std::string(key);
  category.key = std::string(key);
  base::ObjectReader reader(body, "", problems);
  std::string given_key(key);
  if (!is_key(key) || (reader.text("key", given_key, 64) && given_key != key)) {
    reader.problem("key", "invalid_key",
                   "The key comes from the URL: 1 to 64 of a-z 0-9 _ . - after a letter or digit.");
  }
  read_names(reader, category, problems);
  std::size_t index = 0;
  if (reader.one_of("kind", index, {"transactional", "marketing", "security"})) {
    category.kind = static_cast<CategoryKind>(index);
  }
  reader.boolean("mandatory", category.mandatory);
  read_channels(reader, category);
  read_default_opt_in(reader, category, problems);
  read_priorities(reader, category);
  read_ttl_and_unknown(body, reader, category);
  read_retry(reader, category);
  reader.boolean("sensitive", category.sensitive);
  if (reader.one_of("quiet_hours", index, {"ignore", "defer", "drop"})) {
    category.quiet_hours = static_cast<QuietPolicy>(index);
  }
  read_cap(body, reader, category, problems);
  read_tracking(reader, category, problems);
  reader.integer("approval_over", category.approval_over, 0, kApprovalOverMax);
  reader.boolean("client_allowed", category.client_allowed);
  reader.boolean("visible", category.visible);
  reader.done();
  if (category.kind == CategoryKind::Marketing && category.mandatory) {
    reader.problem("mandatory", "invalid_value",
                   "Marketing cannot be mandatory: everybody may say no to it.");
  }
  return category;
}

void write_category(base::JsonWriter& out, const Category& category) {
  out.object().field("key", category.key).key("name").object();
  for (const auto& [locale, shown] : category.names) out.field(locale, shown);
  out.end_object().field("kind", name(category.kind)).field("mandatory", category.mandatory);
  out.key("channels").array();
  for (const Channel channel : category.channels) out.value(name(channel));
  out.end_array().key("default_opt_in").object();
  for (std::size_t i = 0; i < kChannelCount; ++i) {
    out.field(name(static_cast<Channel>(i)), category.default_opt_in[i]);
  }
  out.end_object()
      .field("priority", name(category.priority))
      .field("max_priority", name(category.max_priority));
  if (category.ttl) out.field("ttl", to_duration_text(*category.ttl));
  out.key("retry").array();
  for (const Millis delay : category.retry) out.value(to_duration_text(delay));
  out.end_array();
  if (category.on_unknown) {
    out.field("on_unknown", *category.on_unknown == UnknownPolicy::Resend ? "resend" : "hold");
  }
  out.field("sensitive", category.sensitive).field("quiet_hours", name(category.quiet_hours));
  if (category.cap) {
    out.key("cap").object().field("key", category.cap->key).field("limit", category.cap->limit);
    out.field("per", to_duration_text(category.cap->per));
    out.field("on_exceed", category.cap->on_exceed == CapPolicy::Defer ? "defer" : "drop").end_object();
  }
  out.key("tracking").object().field("opens", category.track_opens).field("clicks", category.track_clicks);
  out.end_object().field("approval_over", category.approval_over);
  out.field("client_allowed", category.client_allowed).field("visible", category.visible).end_object();
}

Millis age_limit(CategoryKind kind) noexcept {
  switch (kind) {
    case CategoryKind::Security: return minutes(15);
    case CategoryKind::Transactional: return hours(24);
    case CategoryKind::Marketing: return hours(72);
  }
  return hours(24);
}

std::optional<Millis> retry_delay(const std::vector<Millis>& delays, int attempts, double random01,
                                  Millis vendor_wait) {
  const auto index = static_cast<std::size_t>(std::max(attempts, 1) - 1);
  if (index >= delays.size()) return std::nullopt;
  const double factor = 1.0 - kJitter + 2.0 * kJitter * std::clamp(random01, 0.0, 1.0);
  const auto jittered = Millis(static_cast<Millis::rep>(static_cast<double>(delays[index].count()) * factor));
  return std::max(jittered, vendor_wait);
}

}  // namespace carillon::model
