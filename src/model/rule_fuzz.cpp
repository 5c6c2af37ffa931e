// Feeds any JSON to the reader of rules and to the reader of events, and each rule to each event: the input
// is a rule, a line break and an event.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/notification.h"
#include "model/rule.h"

namespace {

using namespace carillon;

constexpr Time kNow = Time(Millis(1'790'000'000'000));

void run(const model::Rule& rule, const model::Event& event) {
  const auto match = model::explain_match(rule, event, kNow);
  if (match.conditions != model::holds(rule.conditions, event, kNow)) std::abort();
  const auto id = model::rule_event_id(rule, event);
  if (id && (id->empty() || id->size() > model::kEventIdMax)) std::abort();
  const auto built = model::build_send(rule, event);
  if (!built) {
    if (built.error().empty() || built.error().size() > base::kMaxProblems) std::abort();
    return;
  }
  // What is built is JSON unless the event's own nesting makes it too deep.
  base::JsonDocument document;
  const auto root = document.parse(built->body);
  if (!root) return;
  base::Problems problems;
  const auto request = model::read_send_request(*root, std::nullopt, "", problems);
  if (problems.empty() && (request.event_id != *id || request.to.size() != built->recipients)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto split = input.find('\n');
  base::JsonDocument rule_document, event_document;
  const auto root = rule_document.parse(input.substr(0, split));
  if (!root) return 0;
  base::Problems problems;
  const model::Rule rule = model::read_rule(*root, "r", problems);
  if (problems.size() > base::kMaxProblems) std::abort();
  if (!problems.empty()) return 0;
  // What is accepted can be stored and read back.
  const std::string stored = model::encode(rule);
  const auto again = model::decode_rule(stored, "r");
  if (!again || model::encode(*again) != stored) std::abort();
  if (split == std::string_view::npos) return 0;
  const auto body = event_document.parse(input.substr(split + 1));
  if (!body) return 0;
  const model::Event event = model::read_event(*body, "", problems);
  if (!problems.empty()) return 0;
  run(rule, event);
  std::vector<model::Rule> rules;
  rules.push_back(rule);
  const model::RuleSet set(std::move(rules));
  const bool is_matched = !set.match(event, kNow).empty();
  if (is_matched != (rule.enabled && model::explain_match(rule, event, kNow).holds())) std::abort();
  return 0;
}
