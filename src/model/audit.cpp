#include "model/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "model/send_recipient.h"

namespace carillon::model {
namespace {

using base::JsonElement;
using base::JsonWriter;

constexpr std::size_t kItemsMax = 50;  // told of one object or list

// Members of stored records that nobody is to read here, wherever they stand.
constexpr std::string_view kSecrets[] = {"hash", "password", "private_key", "secret", "token", "token_hash"};
// Whom a stored send goes to, and what it says to them. Only texts, lists and objects: "email" is also the
// name of a channel, and of a switch.
constexpr std::string_view kPersonal[] = {"address", "bcc",   "cc",     "email",        "emails",
                                          "params",  "phone", "phones", "phone_number", "to"};

bool is_hidden(std::string_view name, JsonElement value) {
  if (std::ranges::find(kSecrets, name) != std::end(kSecrets)) return true;
  if (std::ranges::find(kPersonal, name) == std::end(kPersonal)) return false;
  if (name == "email") return !value.is_object() && !value.is_bool();  // else a block of content
  return value.is_string() || value.is_array() || value.is_object();
}

bool is_sealed(JsonElement value) {
  std::string_view text;
  return value.get(text) == simdjson::SUCCESS && text.starts_with("v1:");
}

std::string cut(std::string_view text, std::size_t max) {
  const std::string_view kept = base::first_characters(text, max);
  return kept.size() == text.size() ? std::string(text) : std::string(kept) + "…";
}

bool is_container(JsonElement value) { return value.is_object() || value.is_array(); }

class Telling {
 public:
  explicit Telling(JsonWriter& out) : out_(out), begin_(out.size()) {}

  void compare(JsonElement before, JsonElement after, const std::string& pointer, std::string_view name) {
    base::JsonObject old_members, members;
    if (before.get(old_members) == simdjson::SUCCESS && after.get(members) == simdjson::SUCCESS &&
        !is_hidden(name, after)) {
      return objects(old_members, members, pointer);
    }
    base::JsonArray old_items, items;
    if (before.get(old_items) == simdjson::SUCCESS && after.get(items) == simdjson::SUCCESS &&
        !is_hidden(name, after) && std::ranges::all_of(items, is_container) &&
        std::ranges::all_of(old_items, is_container)) {
      return lists(old_items, items, pointer);
    }
    if (base::to_json(before) != base::to_json(after)) add(pointer, name, before, after);
  }

  void add(const std::string& pointer, std::string_view name, std::optional<JsonElement> before,
           std::optional<JsonElement> after) {
    if (told_ == kAuditChangesMax || is_full()) {
      ++more_;
      return;
    }
    ++told_;
    out_.object().field("pointer", pointer);
    if (before) write(out_.key("before"), name, *before);
    if (after) write(out_.key("after"), name, *after);
    out_.end_object();
  }

  [[nodiscard]] std::size_t more() const noexcept { return more_; }

 private:
  [[nodiscard]] bool is_full() const noexcept { return out_.size() - begin_ > kAuditBytesMax; }

  void objects(base::JsonObject before, base::JsonObject after, const std::string& pointer) {
    for (const auto member : after) {
      JsonElement old;
      const std::string at = detail::join(pointer, member.key);
      if (before.at_key(member.key).get(old) == simdjson::SUCCESS) {
        compare(old, member.value, at, member.key);
      } else {
        add(at, member.key, std::nullopt, member.value);
      }
    }
    for (const auto member : before) {
      JsonElement now;
      if (after.at_key(member.key).get(now) == simdjson::SUCCESS) continue;
      add(detail::join(pointer, member.key), member.key, member.value, std::nullopt);
    }
  }

  void lists(base::JsonArray before, base::JsonArray after, const std::string& pointer) {
    std::size_t index = 0;
    auto old = before.begin();
    for (const JsonElement item : after) {
      const std::string at = fmt::format("{}/{}", pointer, index++);
      if (old != before.end()) {
        compare(*old, item, at, {});
        ++old;
      } else {
        add(at, {}, std::nullopt, item);
      }
    }
    for (; old != before.end(); ++old) add(fmt::format("{}/{}", pointer, index++), {}, *old, std::nullopt);
  }

  void write(JsonWriter& out, std::string_view name, JsonElement value) {
    std::string_view text;
    base::JsonObject members;
    base::JsonArray items;
    if (is_hidden(name, value) || is_sealed(value)) {
      out.object().field("set", true).end_object();
    } else if (is_full()) {
      out.value("…");
    } else if (value.get(text) == simdjson::SUCCESS) {
      out.value(cut(text, kAuditTextMax));
    } else if (value.get(members) == simdjson::SUCCESS) {
      write_members(out, members);
    } else if (value.get(items) == simdjson::SUCCESS) {
      write_items(out, items);
    } else {
      out.element(value);
    }
  }

  void write_members(JsonWriter& out, base::JsonObject members) {
    out.object();
    std::size_t n = 0;
    for (const auto member : members) {
      if (++n > kItemsMax) continue;
      write(out.key(cut(member.key, kAuditTextMax)), member.key, member.value);
    }
    if (n > kItemsMax) out.field("…", static_cast<std::uint64_t>(n - kItemsMax));
    out.end_object();
  }

  void write_items(JsonWriter& out, base::JsonArray items) {
    out.array();
    std::size_t n = 0;
    for (const JsonElement item : items) {
      if (++n <= kItemsMax) write(out, {}, item);
    }
    if (n > kItemsMax) out.value(fmt::format("… {} more", n - kItemsMax));
    out.end_array();
  }

  JsonWriter& out_;
  const std::size_t begin_;
  std::size_t told_ = 0, more_ = 0;
};

// What is there now, or what was: each member of it.
void tell_members(Telling& telling, JsonElement whole, bool is_new) {
  base::JsonObject members;
  if (whole.get(members) != simdjson::SUCCESS) return;
  for (const auto member : members) {
    const std::optional<JsonElement> value(member.value);
    telling.add(detail::join({}, member.key), member.key, is_new ? std::nullopt : value,
                is_new ? value : std::nullopt);
  }
}

}  // namespace

void write_audit_changes(JsonWriter& out, std::string_view before, std::string_view after) {
  base::JsonDocument old_document, document;
  std::optional<JsonElement> old, now;
  if (!before.empty()) {
    const auto root = old_document.parse(before);
    if (!root) return;
    old = *root;
  }
  if (!after.empty()) {
    const auto root = document.parse(after);
    if (!root) return;
    now = *root;
  }
  out.key("changes").array();
  Telling telling(out);
  if (old && now) {
    telling.compare(*old, *now, {}, {});
  } else if (old || now) {
    tell_members(telling, old ? *old : *now, now.has_value());
  }
  out.end_array();
  if (telling.more() > 0) out.field("more", static_cast<std::uint64_t>(telling.more()));
}

}  // namespace carillon::model
