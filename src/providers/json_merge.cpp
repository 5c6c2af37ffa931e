#include "providers/json_merge.h"

#include <algorithm>

namespace carillon::providers {

std::string JsonMembers::object() const {
  std::string out = "{";
  MemberWriter members(out, this);
  members.rest();
  out += '}';
  return out;
}

void append_members(std::string& out, std::string_view object, std::span<const std::string_view> ours) {
  const std::size_t open = object.find('{');
  const std::size_t close = object.rfind('}');
  if (open == std::string_view::npos || close == std::string_view::npos || close <= open + 1) return;
  const std::string_view inner = object.substr(open + 1, close - open - 1);
  if (inner.find_first_not_of(" \t\r\n") == std::string_view::npos) return;
  // A key can only be ours when its text occurs; a backslash could hide it.
  const bool may_clash = inner.contains('\\') ||
                         std::ranges::any_of(ours, [&](std::string_view key) { return inner.contains(key); });
  if (!may_clash) {
    out += ',';
    out += inner;
    return;
  }
  static thread_local base::JsonDocument document;
  const auto root = document.parse(object);
  base::JsonObject members;
  if (!root || root->get(members) != simdjson::SUCCESS) return;
  for (const auto [key, value] : members) {
    if (std::ranges::find(ours, key) != ours.end()) continue;
    out += ',';
    base::append_json_string(out, key);
    out += ':';
    out += base::to_json(value);
  }
}

}  // namespace carillon::providers
