#include "model/rule.h"

#include <algorithm>
#include <tuple>

#include "base/crypto.h"
#include "model/notification.h"
#include "model/send_recipient.h"

namespace carillon::model {
namespace {

using base::JsonElement;

bool fits(std::string_view pattern, std::string_view text) noexcept {
  if (!pattern.ends_with('*')) return pattern == text;
  return text.starts_with(pattern.substr(0, pattern.size() - 1));
}

bool fits_any(const std::vector<std::string>& patterns, std::string_view text) noexcept {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) { return fits(pattern, text); });
}

// `parent` and `key` say where it stands.
void read_pattern(JsonElement value, std::string_view parent, std::string_view key, std::size_t max,
                  std::vector<std::string>& into, base::Problems& problems) {
  static const std::string kNoPrefix;
  std::string text;
  detail::Complaints complaints(kNoPrefix, problems);
  if (!detail::read_name(value, parent, key, max, text, complaints)) return;
  if (text.find('*') < text.size() - 1) {
    complaints.add(detail::join(parent, key), "invalid_value",
                   "a * stands at the end only: order.* is every type that begins with order.");
    return;
  }
  into.push_back(std::move(text));
}

// One pattern, or a list of them.
void read_patterns(base::ObjectReader& reader, std::string_view key, std::size_t max,
                   std::vector<std::string>& into) {
  const auto value = reader.element(key);
  if (!value) return;
  base::JsonArray items;
  const std::string pointer = reader.pointer(key);
  if (value->get(items) != simdjson::SUCCESS) {
    const std::string_view parent = std::string_view(pointer).substr(0, pointer.size() - key.size() - 1);
    return read_pattern(*value, parent, key, max, into, reader.problems());
  }
  if (items.size() == 0 || items.size() > kRulePatternsMax) {
    return reader.problem(key, items.size() == 0 ? "required" : "too_many",
                          fmt::format("give 1 to {} of them", kRulePatternsMax));
  }
  std::size_t index = 0;
  for (const JsonElement item : items) {
    read_pattern(item, pointer, std::to_string(index++), max, into, reader.problems());
  }
}

void read_when(JsonElement value, Rule& into, base::Problems& problems) {
  base::ObjectReader when(value, "/when", problems);
  if (!when.element("type") && !when.element("source"))
    when.problem("type", "required", "say which events: by type, by source, or by both");
  read_patterns(when, "type", kEventTypeMax, into.types);
  read_patterns(when, "source", kEventSourceMax, into.sources);
  if (const auto conditions = when.element("conditions")) {
    into.conditions = read_conditions(*conditions, "/when/conditions", problems);
  }
  when.done();
  into.when_json = base::to_json(value);
}

void read_event_id(JsonElement value, Rule& into, base::Problems& problems) {
  base::ObjectReader reader(value, "/event_id", problems);
  std::string text;
  reader.require("from");
  if (reader.text("from", text, kEventPathMax)) {
    auto path = EventPath::parse(text, false);
    if (path) {
      into.event_id = std::move(*path);
    } else {
      reader.problem("from", "invalid_event_path", path.error());
    }
  }
  reader.done();
}

// Slashes are what separates the parts of the event id.
std::string escape_slashes(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '/' || c == '%') {
      out += c == '/' ? "%2F" : "%25";
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<std::string> scalar_text(JsonElement value) {
  if (value.is_object() || value.is_array()) return std::nullopt;
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return std::string(text);
  return base::to_json(value);
}

}  // namespace

Rule read_rule(JsonElement body, std::string_view key, base::Problems& problems) {
  Rule rule;
  rule.key = key;
  base::ObjectReader reader(body, "", problems);
  std::string own_key;
  if (reader.text("key", own_key, 64) && own_key != key) {
    reader.problem("key", "key_mismatch", fmt::format("the address says '{}'", key));
  }
  reader.integer("position", rule.position, 0, 1'000'000);
  reader.boolean("enabled", rule.enabled);
  reader.require("when");
  reader.require("send");
  if (const auto when = reader.element("when")) read_when(*when, rule, problems);
  if (const auto send = reader.element("send")) {
    rule.send = read_send_pattern(*send, "/send", problems);
    rule.send_json = base::to_json(*send);
  }
  if (const auto id = reader.element("event_id")) read_event_id(*id, rule, problems);
  reader.done();
  if (rule.when_json.size() + rule.send_json.size() > kRuleMax) {
    reader.problem("send", "too_long", fmt::format("when and send have at most {} bytes together", kRuleMax));
  }
  return rule;
}

void write_rule(base::JsonWriter& out, const Rule& rule) {
  out.object().field("key", rule.key).field("position", rule.position).field("enabled", rule.enabled);
  out.key("when").raw(rule.when_json).key("send").raw(rule.send_json);
  if (rule.event_id) out.key("event_id").object().field("from", rule.event_id->text()).end_object();
  out.end_object();
}

std::string encode(const Rule& rule) {
  base::JsonWriter out(rule.when_json.size() + rule.send_json.size() + 128);
  write_rule(out, rule);
  return out.str();
}

Result<Rule> decode_rule(std::string_view json, std::string_view key) {
  base::JsonDocument document;
  const auto root = document.parse(json);
  if (!root) return fail(Errc::Corruption, "a stored rule is not JSON: " + root.error().message);
  base::Problems problems;
  Rule rule = read_rule(*root, key, problems);
  if (problems.empty()) return rule;
  return fail(Errc::Corruption, fmt::format("the stored rule {} does not read back at {}: {}", key,
                                            problems.front().pointer, problems.front().detail));
}

RuleMatch explain_match(const Rule& rule, const Event& event, Time now) {
  RuleMatch match;
  match.type = rule.types.empty() || fits_any(rule.types, event.type);
  match.source = rule.sources.empty() || fits_any(rule.sources, event.source);
  match.conditions = holds(rule.conditions, event, now, &match.checks);
  return match;
}

std::expected<std::string, base::Problems> rule_event_id(const Rule& rule, const Event& event) {
  std::string id = fmt::format("rule/{}/", rule.key);
  const std::size_t prefix = id.size();
  if (!rule.event_id) {
    id.append(event.source).append("/").append(escape_slashes(event.id));
  } else {
    const auto complain = [&](std::string code, std::string detail) {
      base::Problems problems;
      problems.push_back({rule.event_id->pointer(), std::move(code), std::move(detail)});
      return std::unexpected(std::move(problems));
    };
    const auto value = rule.event_id->find(event);
    if (!value) {
      return complain("missing_field", fmt::format("the rule takes its event id from {}, which is not there",
                                                   rule.event_id->text()));
    }
    const auto text = scalar_text(*value);
    if (!text) return complain("invalid_value", "an event id is made of a text or a number");
    // Any text may be in data: what an event id cannot hold is hashed.
    const bool is_plain = !text->empty() && std::ranges::all_of(*text, [](char c) {
      return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
    });
    id.append(is_plain ? escape_slashes(*text) : "/" + base::hex(base::sha256(*text)));
  }
  if (id.size() <= kEventIdMax) return id;
  const std::string hash = base::hex(base::sha256(std::string_view(id).substr(prefix)));
  id.resize(prefix);
  return id + "/" + hash;
}

std::expected<SendPattern::Filled, base::Problems> build_send(const Rule& rule, const Event& event) {
  const auto id = rule_event_id(rule, event);
  if (!id) return std::unexpected(id.error());
  return rule.send.fill(event, *id);
}

RuleSet::RuleSet(std::vector<Rule> rules) : rules_(std::move(rules)) {
  std::ranges::sort(rules_, [](const Rule& a, const Rule& b) {
    return std::tie(a.position, a.key) < std::tie(b.position, b.key);
  });
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (!rules_[i].enabled) continue;
    const auto index = static_cast<std::uint32_t>(i);
    if (rules_[i].types.empty()) {  // any type: the beginning of each is nothing
      prefixes_[std::string_view()].push_back(index);
      lengths_.push_back(0);
    }
    for (const std::string& type : rules_[i].types) {
      const std::string_view text = type;
      if (text.ends_with('*')) {
        prefixes_[text.substr(0, text.size() - 1)].push_back(index);
        lengths_.push_back(text.size() - 1);
      } else {
        exact_[text].push_back(index);
      }
    }
  }
  std::ranges::sort(lengths_);
  lengths_.erase(std::ranges::unique(lengths_).begin(), lengths_.end());
}

const Rule* RuleSet::find(std::string_view key) const noexcept {
  const auto it = std::ranges::find(rules_, key, &Rule::key);
  return it == rules_.end() ? nullptr : &*it;
}

std::vector<const Rule*> RuleSet::match(const Event& event, Time now) const {
  Indexes candidates;
  const auto add = [&](const std::unordered_map<std::string_view, Indexes>& from, std::string_view text) {
    const auto it = from.find(text);
    if (it != from.end()) candidates.insert(candidates.end(), it->second.begin(), it->second.end());
  };
  const std::string_view type = event.type;
  add(exact_, type);
  for (const std::size_t length : lengths_) {
    if (length > type.size()) break;
    add(prefixes_, type.substr(0, length));
  }
  std::ranges::sort(candidates);
  candidates.erase(std::ranges::unique(candidates).begin(), candidates.end());
  std::vector<const Rule*> found;
  for (const std::uint32_t index : candidates) {
    const Rule& rule = rules_[index];
    if (!rule.sources.empty() && !fits_any(rule.sources, event.source)) continue;
    if (holds(rule.conditions, event, now)) found.push_back(&rule);
  }
  return found;
}

}  // namespace carillon::model
