#include "base/settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace carillon::base {
namespace {

struct ByteUnit {
  std::string_view text;
  std::int64_t bytes;
};
// Binary units first and largest first: to_bytes_text() takes the first that divides.
constexpr std::array<ByteUnit, 10> kByteUnits{{{"TiB", 1LL << 40},
                                               {"GiB", 1LL << 30},
                                               {"MiB", 1LL << 20},
                                               {"KiB", 1LL << 10},
                                               {"", 1},
                                               {"B", 1},
                                               {"KB", 1'000},
                                               {"MB", 1'000'000},
                                               {"GB", 1'000'000'000},
                                               {"TB", 1'000'000'000'000}}};

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end) return std::nullopt;
  return value;
}

std::optional<bool> parse_boolean(std::string_view text) {
  if (text == "true" || text == "1" || text == "yes" || text == "on") return true;
  if (text == "false" || text == "0" || text == "no" || text == "off") return false;
  return std::nullopt;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (const auto item = trim(text.substr(0, comma)); !item.empty()) out.emplace_back(item);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

std::string join(const std::vector<std::string>& items, std::string_view separator) {
  std::string out;
  for (const std::string& item : items) out.append(out.empty() ? std::string_view() : separator).append(item);
  return out;
}

struct Complaint {
  std::string code, detail;
};

std::string amount_text(SettingType type, double value) {
  switch (type) {
    case SettingType::Duration: return to_duration_text(Millis(static_cast<std::int64_t>(value)));
    case SettingType::Bytes: return to_bytes_text(static_cast<std::int64_t>(value));
    case SettingType::Integer: return std::to_string(static_cast<std::int64_t>(value));
    case SettingType::Text:
    case SettingType::Secret:
    case SettingType::Number:
    case SettingType::Boolean:
    case SettingType::Choice:
    case SettingType::TextList: break;
  }
  return fmt::format("{}", value);
}

std::string range_text(const Setting& s) {
  if (s.min && s.max) return amount_text(s.type, *s.min) + " to " + amount_text(s.type, *s.max);
  return {};
}

std::optional<Complaint> check_amount(const Setting& s, std::optional<double> amount, std::string_view code,
                                      std::string_view wanted) {
  if (!amount) return Complaint{std::string(code), std::string("must be ").append(wanted)};
  if ((s.min && *amount < *s.min) || (s.max && *amount > *s.max)) {
    return Complaint{"out_of_range", "must be from " + range_text(s)};
  }
  return std::nullopt;
}

// What is wrong with `text` as the value of `s`. Never repeats the text.
std::optional<Complaint> check(const Setting& s, std::string_view text) {
  const auto amount = [](auto value) {
    return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
  };
  if (text.size() > kMaxSettingBytes) {
    return Complaint{"too_long", fmt::format("must have at most {} bytes", kMaxSettingBytes)};
  }
  switch (s.type) {
    case SettingType::Text:
    case SettingType::Secret: return std::nullopt;
    case SettingType::Integer:
      return check_amount(s, amount(parse_number<std::int64_t>(text)), "wrong_type", "an integer");
    case SettingType::Number: {
      const auto value = parse_number<double>(text);
      return check_amount(s, value && std::isfinite(*value) ? value : std::nullopt, "wrong_type", "a number");
    }
    case SettingType::Boolean:
      if (parse_boolean(text)) return std::nullopt;
      return Complaint{"wrong_type", "must be true or false"};
    case SettingType::Duration: {
      const auto value = parse_duration(text);
      return check_amount(s, value ? amount(std::optional(value->count())) : std::nullopt, "invalid_duration",
                          "a number and a unit (ms, s, m, h or d), such as \"30s\"");
    }
    case SettingType::Bytes:
      return check_amount(s, amount(parse_bytes(text)), "wrong_type", "a size such as \"64MiB\" or \"4096\"");
    case SettingType::Choice:
      if (std::find(s.choices.begin(), s.choices.end(), text) != s.choices.end()) return std::nullopt;
      return Complaint{"invalid_choice", "must be one of: " + join(s.choices, ", ")};
    case SettingType::TextList:
      if (split(text).size() <= kMaxSettingItems) return std::nullopt;
      return Complaint{"too_many", fmt::format("must have at most {} items", kMaxSettingItems)};
  }
  return std::nullopt;
}

// A JSON value as the text that check() reads; nullopt when no setting takes such a value.
std::optional<std::string> text_of(JsonElement value, SettingType type) {
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS) return std::string(text);
  if (value.is_number() || value.is_bool()) {
    // A boolean is no text, and a count written 5.0 is not meant as "5.0".
    if (value.is_bool() != (type == SettingType::Boolean)) return std::nullopt;
    // is_double() would take integers too.
    const bool is_real = value.type() == simdjson::dom::element_type::DOUBLE;
    if (is_real && type != SettingType::Number) return std::nullopt;
    return to_json(value);
  }
  JsonArray items;
  if (type != SettingType::TextList || value.get_array().get(items) != simdjson::SUCCESS) return std::nullopt;
  std::string out;
  for (const JsonElement item : items) {
    if (item.get_string().get(text) != simdjson::SUCCESS || text.find(',') != std::string_view::npos) {
      return std::nullopt;
    }
    out.append(out.empty() ? "" : ",").append(text);
  }
  return out;
}

std::string_view json_form(SettingType type) noexcept {
  switch (type) {
    case SettingType::Text:
    case SettingType::Secret:
    case SettingType::Choice: return "must be a string";
    case SettingType::Integer: return "must be an integer";
    case SettingType::Number: return "must be a number";
    case SettingType::Boolean: return "must be true or false";
    case SettingType::Duration: return "must be a string such as \"30s\"";
    case SettingType::Bytes: return "must be a size such as \"64MiB\" or an integer";
    case SettingType::TextList: return "must be an array of strings without commas";
  }
  return "has a wrong type";
}

}  // namespace

std::string_view name(SettingType type) noexcept {
  switch (type) {
    case SettingType::Text: return "text";
    case SettingType::Secret: return "secret";
    case SettingType::Integer: return "integer";
    case SettingType::Number: return "number";
    case SettingType::Boolean: return "boolean";
    case SettingType::Duration: return "duration";
    case SettingType::Bytes: return "bytes";
    case SettingType::Choice: return "choice";
    case SettingType::TextList: return "text_list";
  }
  return "unknown";
}

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  // from_chars would take a minus sign.
  if (error != std::errc() || text.front() == '-') return std::nullopt;
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  for (const ByteUnit& u : kByteUnits) {
    if (u.text != unit) continue;
    if (count > INT64_MAX / u.bytes) return std::nullopt;
    return count * u.bytes;
  }
  return std::nullopt;
}

std::string to_bytes_text(std::int64_t bytes) {
  if (bytes == 0) return "0";
  for (const ByteUnit& u : kByteUnits) {
    if (bytes % u.bytes == 0) return std::to_string(bytes / u.bytes).append(u.text);
  }
  return std::to_string(bytes);
}

Setting& SettingsGroup::add(std::string name, SettingType type, std::string def) {
  CARILLON_ASSERT(find(name) == nullptr);
  Setting& made = settings_.emplace_back();
  made.name = std::move(name);
  made.type = type;
  made.def = std::move(def);
  return made;
}

SettingRef SettingsGroup::text(std::string name, std::string& field) {
  Setting& s = add(std::move(name), SettingType::Text, field);
  s.store = [&field](std::string_view text) { field = text; };
  return SettingRef(s);
}

SettingRef SettingsGroup::secret(std::string name, Secret& field) {
  // A secret has no default to show.
  Setting& s = add(std::move(name), SettingType::Secret, {});
  s.store = [&field](std::string_view text) { field = Secret(std::string(text)); };
  return SettingRef(s);
}

SettingRef SettingsGroup::integer(std::string name, std::int64_t& field) {
  Setting& s = add(std::move(name), SettingType::Integer, std::to_string(field));
  s.store = [&field](std::string_view text) { field = parse_number<std::int64_t>(text).value(); };
  return SettingRef(s);
}

SettingRef SettingsGroup::number(std::string name, double& field) {
  Setting& s = add(std::move(name), SettingType::Number, fmt::format("{}", field));
  s.store = [&field](std::string_view text) { field = parse_number<double>(text).value(); };
  return SettingRef(s);
}

SettingRef SettingsGroup::boolean(std::string name, bool& field) {
  Setting& s = add(std::move(name), SettingType::Boolean, field ? "true" : "false");
  s.store = [&field](std::string_view text) { field = parse_boolean(text).value(); };
  return SettingRef(s);
}

SettingRef SettingsGroup::duration(std::string name, Millis& field) {
  Setting& s = add(std::move(name), SettingType::Duration, to_duration_text(field));
  s.store = [&field](std::string_view text) { field = parse_duration(text).value(); };
  return SettingRef(s);
}

SettingRef SettingsGroup::bytes(std::string name, std::int64_t& field) {
  Setting& s = add(std::move(name), SettingType::Bytes, to_bytes_text(field));
  s.store = [&field](std::string_view text) { field = parse_bytes(text).value(); };
  return SettingRef(s);
}

SettingRef SettingsGroup::choice(std::string name, std::string& field, std::vector<std::string> choices) {
  CARILLON_ASSERT(std::find(choices.begin(), choices.end(), field) != choices.end());
  Setting& s = add(std::move(name), SettingType::Choice, field);
  s.choices = std::move(choices);
  s.store = [&field](std::string_view text) { field = text; };
  return SettingRef(s);
}

SettingRef SettingsGroup::text_list(std::string name, std::vector<std::string>& field) {
  Setting& s = add(std::move(name), SettingType::TextList, join(field, ","));
  s.store = [&field](std::string_view text) { field = split(text); };
  return SettingRef(s);
}

const Setting* SettingsGroup::find(std::string_view setting) const {
  const auto at =
      std::find_if(settings_.begin(), settings_.end(), [&](const Setting& s) { return s.name == setting; });
  return at == settings_.end() ? nullptr : &*at;
}

void SettingsGroup::apply(JsonElement object, const std::string& pointer, Problems& problems) {
  ObjectReader reader(object, pointer, problems);
  if (!object.is_object()) return;
  for (const Setting& s : settings_) {
    const auto value = reader.element(s.name);
    if (!value) continue;
    const auto text = text_of(*value, s.type);
    if (!text) {
      reader.problem(s.name, "wrong_type", std::string(json_form(s.type)));
    } else if (auto complaint = check(s, *text)) {
      reader.problem(s.name, std::move(complaint->code), std::move(complaint->detail));
    } else {
      s.store(*text);
    }
    given_.insert(s.name);  // also when wrong: one complaint is enough
  }
  for (const std::string& name : missing()) reader.problem(name, "required", "is required");
  reader.done();
}

Result<void> SettingsGroup::set(std::string_view setting, std::string_view text) {
  const Setting* const s = find(setting);
  if (s == nullptr) {
    std::vector<std::string> names;
    for (const Setting& known : settings_) names.push_back(known.name);
    return fail(Errc::NotFound, fmt::format("{} has no setting \"{}\"; it has: {}", name_,
                                            to_valid_utf8(setting.substr(0, 64)), join(names, ", ")));
  }
  if (const auto complaint = check(*s, text)) {
    return fail(Errc::InvalidArgument, fmt::format("{}.{} {}", name_, s->name, complaint->detail));
  }
  s->store(text);
  given_.insert(s->name);
  return {};
}

std::vector<std::string> SettingsGroup::missing() const {
  std::vector<std::string> out;
  for (const Setting& s : settings_) {
    if (s.is_required && !given_.contains(s.name)) out.push_back(s.name);
  }
  return out;
}

SettingsGroup* Settings::find(std::string_view group) const {
  for (const auto& known : groups_) {
    if (known->name() == group) return known.get();
  }
  return nullptr;
}

SettingsGroup& Settings::group(std::string name) {
  CARILLON_ASSERT(name.find('_') == std::string::npos);
  if (SettingsGroup* known = find(name)) return *known;
  return *groups_.emplace_back(std::make_unique<SettingsGroup>(std::move(name)));
}

Result<void> Settings::set(std::string_view dotted, std::string_view text) {
  const std::size_t dot = std::min(dotted.find('.'), dotted.size());
  SettingsGroup* const group = find(dotted.substr(0, dot));
  if (group == nullptr || dot == dotted.size()) {
    std::vector<std::string> names;
    for (const auto& known : groups_) names.push_back(known->name());
    return fail(Errc::NotFound,
                fmt::format("\"{}\" is no setting; write group.name with one of the groups: {}",
                            to_valid_utf8(dotted.substr(0, 64)), join(names, ", ")));
  }
  return group->set(dotted.substr(dot + 1), text);
}

Result<std::vector<std::string>> Settings::load_environment(char** environment) {
  constexpr std::string_view kPrefix = "CARILLON_";
  // Read by the command line and base/failpoint.h; they are no settings.
  constexpr std::array<std::string_view, 5> kOthers{"URL", "TOKEN", "CONFIG", "DATA", "FAILPOINTS"};
  std::vector<std::string> unknown;
  for (char** at = environment; at != nullptr && *at != nullptr; ++at) {
    const std::string_view entry = *at;
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos || !entry.starts_with(kPrefix)) continue;
    const std::string_view variable = entry.substr(0, equals);
    std::string name(variable.substr(kPrefix.size()));
    if (std::find(kOthers.begin(), kOthers.end(), name) != kOthers.end()) continue;
    // Only capitals: two spellings of one setting would leave open which one counts.
    const bool is_upper = std::none_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const std::size_t underscore = name.find('_');
    if (is_upper && underscore != std::string::npos) name[underscore] = '.';
    const auto done = set(name, entry.substr(equals + 1));
    if (done) continue;
    if (done.error().code != Errc::NotFound) {
      return fail(Errc::InvalidArgument, fmt::format("{}: {}", variable, done.error().message));
    }
    unknown.emplace_back(variable);
  }
  return unknown;
}

}  // namespace carillon::base
