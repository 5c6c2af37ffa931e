// Settings: each one declared once, with its unit, default, range, secrecy and help.
//
// A module has a plain `Options` struct and a `describe(SettingsGroup&, Options&)` beside it. From
// that one declaration come: reading from file, environment and command line, validation, `--help`,
// the generated reference, the sample file, a provider's console form and `/v1/provider-types`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/secret.h"

namespace carillon::base {

enum class SettingType { Text, Secret, Integer, Number, Boolean, Duration, Bytes, Choice, TextList };
std::string_view name(SettingType type) noexcept;

// What is known about one setting; bound to a field of an Options object.
struct Setting {
  std::string name;     // within its group: "max_in_flight"
  SettingType type{};
  std::string unit;     // "ms", "requests/s"; empty when the type says it
  std::string def;      // default, as text
  bool is_required = false;
  std::string help;     // one sentence, ends with a full stop
  std::string korean{}; // the same in Korean; empty: nobody wrote it
  std::vector<std::string> choices;
  std::optional<double> min, max;  // Duration: in milliseconds; Bytes: in bytes
  std::function<void(std::string_view)> store;  // puts text that was checked into the field
};

// Fluent refinement of the setting just declared; gone with the next declaration.
class SettingRef {
 public:
  explicit SettingRef(Setting& s) : s_(s) {}
  SettingRef& required() { s_.is_required = true; return *this; }
  SettingRef& unit(std::string u) { s_.unit = std::move(u); return *this; }
  // Inclusive; in milliseconds for a duration, in bytes for a size.
  SettingRef& range(double min, double max) { s_.min = min; s_.max = max; return *this; }
  SettingRef& help(std::string h) { s_.help = std::move(h); return *this; }
  SettingRef& korean(std::string h) { s_.korean = std::move(h); return *this; }

 private:
  Setting& s_;
};

// Bytes of one value (a private key or a service account file fits), and entries of a list.
inline constexpr std::size_t kMaxSettingBytes = 64 * 1024;
inline constexpr std::size_t kMaxSettingItems = 256;
inline constexpr std::size_t kMaxSettingsFileBytes = 1024 * 1024;

// One group ("server", "store", or a provider's settings). The Options object given to the
// declarations must outlive the group. Declaring a name twice is asserted against. One thread at a time.
class SettingsGroup {
 public:
  explicit SettingsGroup(std::string name) : name_(std::move(name)) {}

  // The field's present value is the default.
  SettingRef text(std::string name, std::string& field);
  SettingRef secret(std::string name, Secret& field);
  SettingRef integer(std::string name, std::int64_t& field);
  SettingRef number(std::string name, double& field);
  SettingRef boolean(std::string name, bool& field);
  SettingRef duration(std::string name, Millis& field);
  SettingRef bytes(std::string name, std::int64_t& field);  // "64MiB", "1GiB", "4096"
  SettingRef choice(std::string name, std::string& field, std::vector<std::string> choices);
  SettingRef text_list(std::string name, std::vector<std::string>& field);  // comma separated

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::vector<Setting>& settings() const noexcept { return settings_; }

  // Sets every member of a JSON object (a provider's `settings`). Text, numbers, booleans and lists of
  // texts are taken; null counts as absent. Adds to `problems` (pointer below `pointer`): unknown_field,
  // wrong_type, out_of_range, required, too_long, too_many, invalid_choice, invalid_duration.
  void apply(JsonElement object, const std::string& pointer, Problems& problems);
  // Sets one by its name from text. Errors: NotFound (lists the names that exist) · InvalidArgument
  // (says what is wanted, never what was given: it may be a secret in the wrong place).
  Result<void> set(std::string_view setting, std::string_view text);
  // Required settings nobody has set.
  [[nodiscard]] std::vector<std::string> missing() const;

 private:
  const Setting* find(std::string_view setting) const;
  Setting& add(std::string name, SettingType type, std::string def);
  std::string name_;
  std::vector<Setting> settings_;
  std::set<std::string, std::less<>> given_;
};

// All groups of the process.
class Settings {
 public:
  // The group of that name, made when it is new. The name has no underscore (asserted): in an
  // environment variable the first one ends it.
  SettingsGroup& group(std::string name);
  [[nodiscard]] const std::vector<std::unique_ptr<SettingsGroup>>& groups() const { return groups_; }

  // TOML: [group] name = value. Errors: InvalidArgument naming file, line and the fix.
  Result<void> load_file(const std::string& path);
  // CARILLON_GROUP_NAME, in capitals. Returns the CARILLON_* names nobody declared (the caller warns),
  // but not those the command line reads itself: CARILLON_URL, _TOKEN, _CONFIG, _DATA.
  // Errors: InvalidArgument naming the variable. `environment` ends with a null pointer.
  Result<std::vector<std::string>> load_environment(char** environment);
  // "group.name" = text. Errors: NotFound (lists what exists) · InvalidArgument.
  Result<void> set(std::string_view dotted, std::string_view text);

  // Markdown table of every setting (docs/reference/settings.md) and a commented sample file.
  [[nodiscard]] std::string reference_markdown() const;
  [[nodiscard]] std::string sample_toml() const;

 private:
  SettingsGroup* find(std::string_view group) const;
  std::vector<std::unique_ptr<SettingsGroup>> groups_;
};

// "64MiB" → 67108864. Units: none, B, KB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (of 1024);
// nullopt otherwise or beyond 63 bits.
std::optional<std::int64_t> parse_bytes(std::string_view text);
// The shortest form in binary units that parse_bytes() reads back to the same value.
std::string to_bytes_text(std::int64_t bytes);

}  // namespace carillon::base
