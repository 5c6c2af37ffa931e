// Rules turn business events into notifications: which events, under which conditions, and what is sent.
// Pure: parsing, matching and building; pipeline/events.h does the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "model/event.h"
#include "model/rule_condition.h"
#include "model/rule_send.h"

namespace carillon::model {

inline constexpr std::size_t kRulesMax = 1000;       // of a project
inline constexpr std::size_t kRuleMax = 64 * 1024;   // bytes of one
inline constexpr std::size_t kRulePatternsMax = 32;  // types, and sources, of one

struct Rule {
  std::string key;
  std::int64_t position = 0;  // order of what an event's answer lists
  bool enabled = true;
  std::vector<std::string> types;    // exact, or the beginning with a "*" after it; empty: any
  std::vector<std::string> sources;  // likewise; not both are empty
  Condition conditions;
  SendPattern send;
  std::optional<EventPath> event_id;  // where it stands in the event; else the event's source and id
  std::string when_json, send_json;   // as given, compact
};

// Reads the API's body, all of it: what the send names (template, category) is the caller's to check. The
// result is usable only when no problem was added.
Rule read_rule(base::JsonElement body, std::string_view key, base::Problems& problems);
// The API's form; the stored form is the same.
void write_rule(base::JsonWriter& out, const Rule& rule);
std::string encode(const Rule& rule);
// Errors: Corruption.
Result<Rule> decode_rule(std::string_view json, std::string_view key);

// What was looked at to see whether a rule is for an event.
struct RuleMatch {
  bool type = false, source = false, conditions = false;
  std::vector<ConditionCheck> checks;
  [[nodiscard]] bool holds() const noexcept { return type && source && conditions; }
};
// Looks at everything, also behind the first no. Does not ask whether the rule is enabled.
[[nodiscard]] RuleMatch explain_match(const Rule& rule, const Event& event, Time now);

// The event id of the send, under which the rule sends once for one event: rule/KEY/SOURCE/ID, slashes in
// ID as %2F; with event_id rule/KEY/VALUE. One of more than kEventIdMax bytes becomes rule/KEY/ and a hash.
// Problems: missing_field, invalid_value (event_id is no text, number, true or false).
[[nodiscard]] std::expected<std::string, base::Problems> rule_event_id(const Rule& rule, const Event& event);
// The body of the send. Problems: those of rule_event_id() and SendPattern::fill().
[[nodiscard]] std::expected<SendPattern::Filled, base::Problems> build_send(const Rule& rule,
                                                                            const Event& event);

// The rules of a project, ready for matching: looked up by the event's type. Immutable; any thread.
class RuleSet {
 public:
  RuleSet() = default;
  explicit RuleSet(std::vector<Rule> rules);
  RuleSet(const RuleSet&) = delete;  // its look-up tables point into itself
  RuleSet& operator=(const RuleSet&) = delete;

  // In order of position, then key.
  [[nodiscard]] std::span<const Rule> all() const noexcept { return rules_; }
  // nullptr when there is none.
  [[nodiscard]] const Rule* find(std::string_view key) const noexcept;
  // The enabled rules that are for this event, in order.
  [[nodiscard]] std::vector<const Rule*> match(const Event& event, Time now) const;

 private:
  using Indexes = std::vector<std::uint32_t>;  // of rules_
  std::vector<Rule> rules_;
  std::unordered_map<std::string_view, Indexes> exact_;     // views into rules_
  std::unordered_map<std::string_view, Indexes> prefixes_;  // without the "*"
  std::vector<std::size_t> lengths_;                        // of the prefixes, each once
};

}  // namespace carillon::model
