#include "model/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "model/address.h"
#include "model/locale_choice.h"
#include "model/param_value.h"
#include "model/send_recipient.h"
#include "model/template_parts.h"

namespace carillon::model {
namespace {

constexpr std::size_t kParamsMax = 64;  // declarations
constexpr std::size_t kLocalesMax = 50;
constexpr std::size_t kKeyMax = 64;            // bytes
constexpr std::size_t kFromMax = 256;          // bytes of "user.attributes.…"
constexpr std::size_t kSampleMax = 16 * 1024;  // bytes of JSON of a default or a sample
constexpr std::int64_t kLengthMax = 65'536;    // characters
constexpr std::string_view kFromPrefix = "user.attributes.";

constexpr std::array<std::pair<ParamType, std::string_view>, 10> kTypes{{{ParamType::String, "string"},
                                                                         {ParamType::Integer, "integer"},
                                                                         {ParamType::Number, "number"},
                                                                         {ParamType::Boolean, "boolean"},
                                                                         {ParamType::Date, "date"},
                                                                         {ParamType::DateTime, "datetime"},
                                                                         {ParamType::Money, "money"},
                                                                         {ParamType::Url, "url"},
                                                                         {ParamType::List, "list"},
                                                                         {ParamType::Object, "object"}}};

// Names that would be read as something else: JSON's literals in brackets, and the recipient.
constexpr std::array<std::string_view, 4> kReservedNames{"true", "false", "null", "user"};

void read_json(base::ObjectReader& reader, std::string_view key, const ParamDeclaration& declared,
               std::string& out) {
  const auto value = reader.element(key);
  if (!value) return;
  if (const auto problem = detail::check_value(declared, *value)) {
    return reader.problem(key, problem->code, problem->detail);
  }
  std::string json = base::to_json(*value);
  if (json.size() > kSampleMax) {
    return reader.problem(key, "too_long", fmt::format("at most {} bytes are allowed", kSampleMax));
  }
  out = std::move(json);
}

void read_declaration(base::ObjectReader& reader, Template& t) {
  ParamDeclaration declared;
  std::size_t type = 0;
  reader.require("name");
  if (reader.text("name", declared.name, detail::kParamNameMax)) {
    const auto is_name = [&](const ParamDeclaration& other) { return other.name == declared.name; };
    if (!detail::is_param_name(declared.name)) {
      reader.problem("name", "invalid_declaration",
                     "a name is letters, digits and '_' and begins with no digit");
    } else if (std::ranges::find(kReservedNames, declared.name) != kReservedNames.end()) {
      reader.problem("name", "invalid_declaration", "true, false, null and user cannot be names");
    } else if (std::ranges::any_of(t.params, is_name)) {
      reader.problem("name", "invalid_declaration", "this name is declared twice");
    }
  }
  if (reader.one_of(
          "type", type,
          {"string", "integer", "number", "boolean", "date", "datetime", "money", "url", "list", "object"})) {
    declared.type = kTypes[type].first;
  }
  reader.boolean("required", declared.required);
  reader.integer("max_length", declared.max_length, 1, kLengthMax);
  reader.boolean("sensitive", declared.sensitive);
  if (reader.text("from", declared.from, kFromMax) &&
      (!declared.from.starts_with(kFromPrefix) || declared.from.size() == kFromPrefix.size() ||
       declared.from.ends_with('.') || declared.from.find("..") != std::string::npos)) {
    reader.problem("from", "invalid_declaration", "write user.attributes. and the attribute's name");
  }
  read_json(reader, "default", declared, declared.default_json);
  read_json(reader, "sample", declared, declared.sample_json);
  reader.done();
  t.has_sensitive = t.has_sensitive || declared.sensitive;
  t.params.push_back(std::move(declared));
}

void read_channels(base::ObjectReader& reader, Template& t) {
  reader.array("channels", kChannelCount, [&](base::JsonElement item, const std::string& pointer) {
    std::string_view text;
    if (item.get(text) != simdjson::SUCCESS) {
      reader.problems().push_back({pointer, "wrong_type", "must be a string"});
    } else if (const auto channel = parse_channel(text); !channel) {
      reader.problems().push_back(
          {pointer, "invalid_channel", "use push, sms, email, voice, chat, webhook or inbox"});
    } else if (std::ranges::find(t.channels, *channel) != t.channels.end()) {
      reader.problems().push_back({pointer, "duplicate_channel", "name each channel once"});
    } else {
      t.channels.push_back(*channel);
    }
  });
}

void read_locales(base::ObjectReader& reader, Template& t) {
  const auto content = reader.element("content");
  if (!content) return;
  base::JsonObject locales;
  if (content->get(locales) != simdjson::SUCCESS) {
    return reader.problem("content", "wrong_type", "must be an object of contents by locale");
  }
  if (locales.size() > kLocalesMax) {
    return reader.problem("content", "too_many", fmt::format("at most {} locales are allowed", kLocalesMax));
  }
  for (const auto member : locales) {
    const std::string pointer = detail::join(reader.pointer("content"), member.key);
    if (!is_locale(member.key)) {
      reader.problems().push_back(
          {pointer, "invalid_locale", "use a BCP 47 language tag such as en or ko-KR"});
      continue;
    }
    base::ObjectReader inner(member.value, pointer, reader.problems());
    read_content(inner, t.content[std::string(member.key)], ContentUse::Template);
    inner.done();
  }
}

// Everything but whether the parts compile.
Template read_shape(base::JsonElement body, std::string_view key, base::Problems& problems) {
  Template t;
  t.key = key;
  base::ObjectReader reader(body, "", problems);
  std::string given_key;
  std::int64_t version = 0;
  std::size_t syntax = 0, status = 0;
  bool shown = false;  // what an answer shows may be sent back
  if (reader.text("key", given_key, kKeyMax) && given_key != key) {
    reader.problem("key", "key_mismatch", "leave key out, or give the one in the address");
  }
  if (reader.integer("version", version, 0, 1'000'000'000)) t.version = static_cast<int>(version);
  if (reader.one_of("status", status, {"draft", "published"})) t.is_published = status == 1;
  reader.boolean("published", shown);
  reader.boolean("archived", shown);
  if (const auto users = reader.element("used_by"))
    base::ObjectReader(*users, reader.pointer("used_by"), problems);
  if (reader.text("category", t.category, kKeyMax) && !t.category.empty() && !is_key(t.category)) {
    reader.problem("category", "invalid_key", "this is not a category's key");
  }
  if (reader.text("layout", t.layout, kKeyMax) && !t.layout.empty() && !is_key(t.layout)) {
    reader.problem("layout", "invalid_key", "this is not a layout's key");
  }
  if (reader.text("default_locale", t.default_locale, 35) && !is_locale(t.default_locale)) {
    reader.problem("default_locale", "invalid_locale", "use a BCP 47 language tag such as en or ko-KR");
  }
  if (reader.one_of("syntax", syntax, {"mustache", "brackets"})) t.syntax = static_cast<Syntax>(syntax);
  read_channels(reader, t);
  reader.array("params", kParamsMax, [&](base::JsonElement item, const std::string& pointer) {
    base::ObjectReader declaration(item, pointer, problems);
    read_declaration(declaration, t);
  });
  if (body.is_object()) reader.require("content");
  read_locales(reader, t);
  reader.done();
  return t;
}

void check_parts(const Template& t, base::Problems& problems) {
  const detail::Names names = detail::names_of(t);
  for (const auto& [locale, content] : t.content) {
    for (const detail::PartText& part : detail::parts_of(content)) {
      const std::string pointer = "/content/" + locale + part.pointer;
      const std::size_t before = problems.size();
      const detail::Part compiled = detail::compile_part(*part.text, part.kind, names, pointer, problems);
      if (t.layout.empty() || problems.size() != before || compiled.ends_in_text) continue;
      problems.push_back({pointer, "invalid_template",
                          "a tag or a script is open at the end: the layout around it would be part of it"});
    }
  }
}

// The object in `json`, or nothing when it is empty.
std::optional<base::JsonObject> parse_object(base::JsonDocument& document, std::string_view json,
                                             const std::string& pointer, base::Problems& problems) {
  if (json.empty()) return std::nullopt;
  const auto root = document.parse(json);
  base::JsonObject object;
  if (root && root->get(object) == simdjson::SUCCESS) return object;
  problems.push_back({pointer, "wrong_type", "must be an object of parameters by name"});
  return std::nullopt;
}

void write_declaration(base::JsonWriter& out, const ParamDeclaration& declared) {
  out.object()
      .field("name", declared.name)
      .field("type", name(declared.type))
      .field("required", declared.required);
  if (!declared.default_json.empty()) out.key("default").raw(declared.default_json);
  if (!declared.sample_json.empty()) out.key("sample").raw(declared.sample_json);
  out.field("max_length", declared.max_length).field("sensitive", declared.sensitive);
  out.field_if("from", declared.from).end_object();
}

}  // namespace

std::string_view name(ParamType type) noexcept { return kTypes[static_cast<std::size_t>(type)].second; }

Template read_template(base::JsonElement body, std::string_view key, base::Problems& problems) {
  const std::size_t before = problems.size();
  Template t = read_shape(body, key, problems);
  if (problems.size() != before) return t;
  if (!t.content.contains(t.default_locale)) {
    problems.push_back({"/content", "missing_default_locale",
                        fmt::format("add content for \"{}\" or set default_locale", t.default_locale)});
  }
  check_parts(t, problems);
  return t;
}

void write_template(base::JsonWriter& out, const Template& t) {
  out.object().field("key", t.key).field("version", t.version);
  out.field("status", t.is_published ? "published" : "draft").field_if("category", t.category);
  if (!t.channels.empty()) {
    out.key("channels").array();
    for (const Channel channel : t.channels) out.value(name(channel));
    out.end_array();
  }
  out.field("default_locale", t.default_locale).field_if("layout", t.layout);
  out.field("syntax", t.syntax == Syntax::Brackets ? "brackets" : "mustache").key("params").array();
  for (const ParamDeclaration& declared : t.params) write_declaration(out, declared);
  out.end_array().key("content").object();
  for (const auto& [locale, content] : t.content) {
    out.key(locale).object();
    write_content(out, content);
    out.end_object();
  }
  out.end_object().end_object();
}

Result<Template> decode_template(std::string_view json) {
  base::JsonDocument document;
  const auto root = document.parse(json);
  if (!root) return fail(Errc::Corruption, "a stored template is not JSON: " + root.error().message);
  std::string_view key;
  if (!root->is_object() || (*root)["key"].get(key) != simdjson::SUCCESS) {
    return fail(Errc::Corruption, "a stored template has no key");
  }
  base::Problems problems;
  Template t = read_shape(*root, key, problems);
  if (problems.empty()) return t;
  return fail(Errc::Corruption, fmt::format("the stored template {} is malformed at {}: {}", key,
                                            problems.front().pointer, problems.front().code));
}

void check_params(const Template& t, std::string_view params_json, std::string_view overrides_json,
                  const std::string& pointer, base::Problems& problems) {
  CARILLON_ASSERT(t.params.size() <= kParamsMax);
  thread_local base::JsonDocument params_document, overrides_document;
  std::array<bool, kParamsMax> is_given{};
  const detail::Names names = detail::names_of(t);
  // An override replaces the parameter whatever it was, so what is replaced need not be right.
  const auto overrides = parse_object(overrides_document, overrides_json, pointer, problems);
  const auto params = parse_object(params_document, params_json, pointer, problems);
  const auto check = [&](const base::JsonObject& object) {
    for (auto it = object.begin(); it != object.end(); ++it) {
      const int index = names.find(it.key());
      if (index < 0) {
        problems.push_back(
            {detail::join(pointer, it.key()), "undeclared_parameter",
             fmt::format("the template {} declares no parameter \"{}\"", t.key, detail::shown(it.key()))});
        continue;
      }
      bool& given = is_given[static_cast<std::size_t>(index)];
      const base::JsonElement value = it.value();
      if (given || value.is_null()) continue;
      given = true;
      if (const auto problem = detail::check_value(t.params[static_cast<std::size_t>(index)], value)) {
        problems.push_back({detail::join(pointer, it.key()), problem->code,
                            fmt::format("parameter \"{}\": {}", detail::shown(it.key()), problem->detail)});
      }
    }
  };
  if (overrides) check(*overrides);
  if (params) check(*params);
  for (std::size_t i = 0; i < t.params.size(); ++i) {
    const ParamDeclaration& declared = t.params[i];
    // One that is fed from the user is known only when the user is.
    if (!declared.required || is_given[i] || !declared.default_json.empty() || !declared.from.empty())
      continue;
    problems.push_back({detail::join(pointer, declared.name), "missing_parameter",
                        fmt::format("the template {} requires the parameter \"{}\"", t.key, declared.name)});
  }
}

bool is_variable_name(std::string_view name) noexcept { return detail::is_param_name(name); }

std::string_view choose_locale(const std::vector<std::string_view>& wanted,
                               const std::map<std::string, Content>& available, std::string_view fallback) {
  std::string_view chosen = fallback;
  detail::look_up_locale(wanted, [&](std::string_view tag) {
    for (const auto& [locale, content] : available) {
      if (!detail::is_same_locale(locale, tag)) continue;
      chosen = locale;
      return true;
    }
    return false;
  });
  return chosen;
}

namespace detail {

std::string_view shorten_locale(std::string_view tag) noexcept {
  const auto cut = tag.find_last_of("-_");
  if (cut == std::string_view::npos) return {};
  tag = tag.substr(0, cut);
  if (tag.size() >= 2 && (tag[tag.size() - 2] == '-' || tag[tag.size() - 2] == '_')) tag.remove_suffix(2);
  return tag;
}

bool is_same_locale(std::string_view a, std::string_view b) noexcept {
  const auto fold = [](char c) {
    return c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return a.size() == b.size() && std::ranges::equal(a, b, {}, fold, fold);
}

}  // namespace detail
}  // namespace carillon::model
