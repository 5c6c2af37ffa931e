// The written forms of the settings: the file that is read, the reference and the sample that are printed.
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <fstream>
#include <sstream>

#include "base/settings.h"

namespace carillon::base {
namespace {

std::string place(const std::string& path, const toml::node& node) {
  return fmt::format("{}:{}: ", path, node.source().begin.line);
}

// A TOML value as the text that SettingsGroup::set() reads; nullopt when no setting takes such a value.
std::optional<std::string> text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return std::to_string(integer->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  const toml::array* const items = node.as_array();
  if (items == nullptr) return std::nullopt;
  std::string out;
  for (const toml::node& item : *items) {
    const auto* const text = item.as_string();
    if (text == nullptr || text->get().find(',') != std::string::npos) return std::nullopt;
    out.append(out.empty() ? "" : ",").append(text->get());
  }
  return out;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxSettingsFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.eof() && file.fail())
    return fail(Errc::InvalidArgument, path + ": cannot be read; check --config");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxSettingsFileBytes) {
    return fail(Errc::InvalidArgument,
                fmt::format("{}: is larger than {} bytes", path, kMaxSettingsFileBytes));
  }
  return text;
}

Result<toml::table> parse_toml(const std::string& path, std::string_view text) {
  try {
    return toml::parse(text, path);
  } catch (const toml::parse_error& e) {
    return fail(Errc::InvalidArgument,
                fmt::format("{}:{}: is not TOML: {}", path, e.source().begin.line, e.description()));
  }
}

std::string variable_name(const SettingsGroup& group, const Setting& s) {
  std::string out = "CARILLON_" + group.name() + "_" + s.name;
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

std::string range_text(const Setting& s) {
  const auto text = [&](double value) {
    const auto whole = static_cast<std::int64_t>(value);
    if (s.type == SettingType::Duration) return to_duration_text(Millis(whole));
    if (s.type == SettingType::Bytes) return to_bytes_text(whole);
    return s.type == SettingType::Integer ? std::to_string(whole) : fmt::format("{}", value);
  };
  std::string out;
  if (s.min && s.max) out = text(*s.min) + " to " + text(*s.max);
  for (const std::string& choice : s.choices) out.append(out.empty() ? "" : ", ").append(choice);
  return out;
}

std::string type_text(const Setting& s) {
  return std::string(name(s.type)).append(s.unit.empty() ? "" : ", " + s.unit);
}

std::string markdown_cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

// The default as TOML. JSON's escapes are a subset of TOML's.
std::string toml_value(const Setting& s) {
  std::string out;
  switch (s.type) {
    case SettingType::Integer:
    case SettingType::Number:
    case SettingType::Boolean: return s.def;
    case SettingType::Text:
    case SettingType::Secret:
    case SettingType::Duration:
    case SettingType::Bytes:
    case SettingType::Choice: append_json_string(out, s.def); return out;
    case SettingType::TextList: break;
  }
  std::istringstream items(s.def);
  for (std::string item; std::getline(items, item, ',');) {
    out += out.empty() ? "[" : ", ";
    append_json_string(out, item);
  }
  return out.empty() ? "[]" : out + "]";
}

}  // namespace

Result<void> Settings::load_file(const std::string& path) {
  CARILLON_TRY(const std::string text, read_file(path));
  CARILLON_TRY(const toml::table root, parse_toml(path, text));
  for (const auto& [group, members] : root) {
    const toml::table* const table = members.as_table();
    if (table == nullptr) {
      return fail(Errc::InvalidArgument,
                  fmt::format("{}\"{}\" stands outside a group; put it below a line [group]",
                              place(path, members), group.str()));
    }
    for (const auto& [setting, node] : *table) {
      const std::string dotted = fmt::format("{}.{}", group.str(), setting.str());
      const auto value = text_of(node);
      if (!value) {
        return fail(
            Errc::InvalidArgument,
            fmt::format("{}{} must be a string, a number, a boolean or an array of strings without commas",
                        place(path, node), dotted));
      }
      if (const auto done = set(dotted, *value); !done) {
        return fail(Errc::InvalidArgument, place(path, node) + done.error().message);
      }
    }
  }
  return {};
}

std::string Settings::reference_markdown() const {
  std::string out;
  for (const auto& group : groups_) {
    out += fmt::format(
        "## `[{}]`\n\n| setting | type | default | range | meaning | environment |\n"
        "|---|---|---|---|---|---|\n",
        group->name());
    for (const Setting& s : group->settings()) {
      const std::string def = s.is_required ? "required" : s.def.empty() ? "" : "`" + s.def + "`";
      out += fmt::format("| `{}.{}` | {} | {} | {} | {} | `{}` |\n", group->name(), s.name,
                         markdown_cell(type_text(s)), markdown_cell(def), markdown_cell(range_text(s)),
                         markdown_cell(s.help), variable_name(*group, s));
    }
    out += '\n';
  }
  return out;
}

std::string Settings::sample_toml() const {
  std::string out;
  for (const auto& group : groups_) {
    out += fmt::format("[{}]\n", group->name());
    for (const Setting& s : group->settings()) {
      const std::string range = range_text(s);
      out +=
          fmt::format("# {} ({}{}{})\n# {} = {}\n", s.help, type_text(s), range.empty() ? "" : "; " + range,
                      s.is_required ? "; required" : "", s.name, toml_value(s));
    }
    out += '\n';
  }
  return out;
}

}  // namespace carillon::base
