// Writing one JSON object out of our own fields and the caller's, without a tree and without a key twice.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace carillon::providers {

// Members to be merged into an object, as JSON text by key.
class JsonMembers {
 public:
  void set(std::string_view key, const base::JsonElement& value) {
    members_.emplace_back(key, base::to_json(value));
  }
  // `json`: a value's text, right as it is.
  void set_raw(std::string_view key, std::string json) { members_.emplace_back(key, std::move(json)); }
  void take(const base::JsonObject& object) {
    for (const auto [key, value] : object) set(key, value);
  }
  [[nodiscard]] bool has(std::string_view key) const noexcept {
    for (const auto& member : members_) {
      if (member.first == key) return true;
    }
    return false;
  }
  [[nodiscard]] bool empty() const noexcept { return members_.empty(); }
  // All of them as one JSON object.
  [[nodiscard]] std::string object() const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const noexcept {
    return members_;
  }

 private:
  std::vector<std::pair<std::string, std::string>> members_;
};

// Appends members to an object opened in `out`; those in `over` (may be null) take the place of ours.
class MemberWriter {
 public:
  MemberWriter(std::string& out, const JsonMembers* over, bool needs_comma = false)
      : out_(out), over_(over), needs_comma_(needs_comma) {}

  void separate() {
    if (needs_comma_) out_ += ',';
    needs_comma_ = true;
  }
  // Nothing when `value` is empty.
  void text(std::string_view key, std::string_view value) {
    if (value.empty() || !begin(key)) return;
    base::append_json_string(out_, value);
  }
  void number(std::string_view key, std::int64_t value) {
    if (begin(key)) out_ += fmt::format_int(value).c_str();
  }
  void raw(std::string_view key, std::string_view json) {
    if (begin(key)) out_ += json;
  }
  // The members of `over`.
  void rest() {
    if (over_ == nullptr) return;
    for (const auto& [key, json] : over_->all()) {
      separate();
      base::append_json_string(out_, key);
      out_ += ':';
      out_ += json;
    }
  }

 private:
  // `key` is one of our own names: nothing to escape.
  bool begin(std::string_view key) {
    if (over_ != nullptr && over_->has(key)) return false;
    separate();
    out_ += '"';
    out_ += key;
    out_ += "\":";
    return true;
  }

  std::string& out_;
  const JsonMembers* const over_;
  bool needs_comma_;
};

// Appends ",members" of the JSON object `object` (may be empty: nothing), which must not come first in
// the object being written. Members named in `ours` are left out.
void append_members(std::string& out, std::string_view object, std::span<const std::string_view> ours);

}  // namespace carillon::providers
