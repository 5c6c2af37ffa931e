// Business events against 100 rules: reading, matching and building what is sent, on one core.
//
//   ninja -C build/release rule_bench && build/release/bench/rule_bench
//
// Prints nanoseconds per event and events per minute: the best of five rounds.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "model/notification.h"
#include "model/rule.h"

namespace {

using namespace carillon;

constexpr Time kNow = Time(Millis(1'790'000'000'000));
constexpr int kRules = 100;
constexpr int kEvents = 100'000;

template <class Work>
void measure(const char* what, Work&& work) {
  double best = 1e18;
  for (int round = 0; round < 5; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kEvents; ++i) work(i);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count() / kEvents);
  }
  fmt::print("{:<58} {:>8.0f} ns {:>14.0f} events/min\n", what, best, 60e9 / best);
}

std::unique_ptr<const model::RuleSet> make_rules(bool is_one_type) {
  std::vector<model::Rule> rules;
  for (int i = 0; i < kRules; ++i) {
    const std::string json = fmt::format(
        R"({{"position":{0},"when":{{"type":"{1}","source":"/shop/*",
          "conditions":{{"data.order.total":{{"ge":{2}}},
          "any":[{{"data.country":{{"in":["KR","JP"]}}}},{{"data.vip":true}}]}}}},
          "send":{{"template":"shipped","to":[{{"user_id":{{"from":"data.user_id"}}}}],
          "params":{{"item_name":{{"from":"data.items.0.name"}},"total":{{"from":"data.order.total"}}}}}}}})",
        i, is_one_type ? "order.*" : fmt::format("order.{}", i), is_one_type && i > 0 ? 1'000'000 : 10'000);
    auto rule = model::decode_rule(json, fmt::format("rule-{}", i));
    if (!rule) {
      fmt::print("{}\n", rule.error().message);
      return nullptr;
    }
    rules.push_back(std::move(*rule));
  }
  return std::make_unique<const model::RuleSet>(std::move(rules));
}

}  // namespace

int main() {
  const auto by_type = make_rules(false), same_type = make_rules(true);
  if (!by_type || !same_type) return 1;
  std::vector<std::string> events;
  for (int i = 0; i < 1000; ++i) {
    events.push_back(fmt::format(
        R"({{"specversion":"1.0","id":"{0}","source":"/shop/eu","type":"order.{1}",
          "time":"2026-11-20T10:00:00Z",
          "data":{{"user_id":"user-{0}","country":"KR","vip":false,"order":{{"id":"A-{0}","total":75000}},
          "items":[{{"name":"Bluetooth headphones","count":1}},{{"name":"Cable","count":2}}]}}}})",
        i, i % kRules));
  }
  base::JsonDocument document, built_document;
  std::size_t kept = 0;
  const auto read = [&](int i) {
    base::Problems problems;
    return model::read_event(*document.parse(events[static_cast<std::size_t>(i) % events.size()]), "",
                             problems);
  };
  const auto send = [&](const model::RuleSet& rules, int i) {
    const model::Event event = read(i);
    for (const model::Rule* rule : rules.match(event, kNow)) {
      const auto built = model::build_send(*rule, event);
      base::Problems problems;
      kept +=
          model::read_send_request(*built_document.parse(built->body), std::nullopt, {}, problems).to.size();
    }
  };
  measure("parse and read an event", [&](int i) { kept += read(i).id.size(); });
  measure("and match 100 rules of 100 types (1 holds)",
          [&](int i) { kept += by_type->match(read(i), kNow).size(); });
  measure("and match 100 rules of one type (1 holds)",
          [&](int i) { kept += same_type->match(read(i), kNow).size(); });
  measure("and build and read the send, 100 types", [&](int i) { send(*by_type, i); });
  measure("and build and read the send, one type", [&](int i) { send(*same_type, i); });
  return kept == 0 ? 1 : 0;
}
