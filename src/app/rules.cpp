// carillon rule: what business events become.
#include "app/client.h"

namespace carillon::app {
namespace {

struct RuleOptions {
  std::string key, file, event, rule, app;
};

int put_rule(Client& client, const RuleOptions& o) { return put_keyed(client, o.key, o.file, "/v1/rules/"); }

Result<std::string> test_body(const RuleOptions& o) {
  CARILLON_TRY(const std::string event, read_json(o.event));
  base::JsonWriter body;
  body.object().key("event").raw(event);
  if (!o.rule.empty()) {
    CARILLON_TRY(const std::string rule, read_json(o.rule));
    body.key("rule").raw(rule);
  }
  field_if_given(body, "app", o.app);
  body.end_object();
  return body.str();
}

std::string held(base::JsonElement root, std::string_view path) {
  return cell_at(root, path) == "yes" ? "holds" : "DOES NOT HOLD";
}

std::string render_test(base::JsonElement root) {
  const bool is_match = cell_at(root, "matched") == "yes";
  std::string text =
      fmt::format("The rule {} is{} for this event{}.\n", cell_at(root, "rule"), is_match ? "" : " not",
                  cell_at(root, "enabled") == "yes" ? "" : " (and it is disabled)");
  for (const char* part : {"type", "source"}) {
    text += fmt::format("{:<10} {} ({})\n", part, held(root, fmt::format("{}.holds", part)),
                        cell_at(root, fmt::format("{}.value", part)));
  }
  text += fmt::format("conditions {}\n", held(root, "conditions.holds"));
  base::JsonElement part;
  if (root["conditions"]["checks"].get(part) == simdjson::SUCCESS) {
    text += render_list(part,
                        {{"PATH", "path"},
                         {"OPERATOR", "operator"},
                         {"WANTED", "wanted"},
                         {"VALUE", "value"},
                         {"HOLDS", "holds"},
                         {"WHY", "why"}},
                        "");
  }
  if (root["error"].get(part) == simdjson::SUCCESS && !part.is_null()) {
    text += fmt::format("\nIt would become a dead letter: {}\n", cell_at(part, "detail"));
  }
  if (root["notification"].get(part) == simdjson::SUCCESS && !part.is_null()) {
    text += fmt::format("\nIt would send:\n{}", render_object(part));
  }
  if (root["explain"].get(part) == simdjson::SUCCESS && part.is_array() && is_match) {
    text += "\n" + render_list(part,
                               {{"RECIPIENT", "recipient"},
                                {"CHANNEL", "channel"},
                                {"DECISION", "decision"},
                                {"REASON", "reason"},
                                {"THROUGH", "route.chosen"}},
                               "Nobody would be reached.");
  }
  return text;
}

void add_test(CLI::App& noun, Shell& shell, const std::shared_ptr<RuleOptions>& o) {
  auto& test =
      add_verb(noun, shell, "test", "Say what a rule would make of an event, and send nothing",
               "carillon rule test order-shipped --event event.json", [o](Client& client) {
                 const auto body = test_body(*o);
                 if (!body) return report(body.error());
                 return client.show("POST", path_of("/v1/rules/", o->key, "/test"), *body, render_test);
               });
  test.add_option("KEY", o->key, "The rule")->required();
  test.add_option("--event", o->event, "The event, CloudEvents JSON; - reads standard input")->required();
  test.add_option("--rule", o->rule, "Try the rule in this file instead of the stored one");
  test.add_option("--app", o->app, "As if this app had posted it");
}

}  // namespace

void add_rules(CLI::App& root, Shell& shell) {
  auto& noun = add_noun(root, "rule", "Rules: which business events become which notifications");
  auto o = std::make_shared<RuleOptions>();
  add_list(noun, shell, Paged::No, "List all rules", "carillon rule list", "/v1/rules",
           {{"RULE", "key"},
            {"POSITION", "position"},
            {"ENABLED", "enabled"},
            {"TYPE", "when.type"},
            {"SOURCE", "when.source"},
            {"TEMPLATE", "send.template"},
            {"CATEGORY", "send.category"}},
           "There is no rule yet: carillon rule put FILE");
  auto& get = add_verb(
      noun, shell, "get", "Show a rule", "carillon rule get order-shipped",
      [o](Client& client) { return client.show("GET", path_of("/v1/rules/", o->key), {}, render_object); });
  get.add_option("KEY", o->key, "The rule")->required();
  auto& put = add_verb(noun, shell, "put", "Make or replace a rule", "carillon rule put order-shipped.json",
                       [o](Client& client) { return put_rule(client, *o); });
  put.add_option("FILE", o->file, "JSON; - reads standard input")->required();
  put.add_option("--key", o->key, "Its key, where the file has none");
  auto& remove = add_verb(noun, shell, "delete", "Remove a rule", "carillon rule delete order-shipped",
                          [o](Client& client) {
                            return client.say("DELETE", path_of("/v1/rules/", o->key), {},
                                              fmt::format("Rule {} is removed.", printable(o->key)));
                          });
  remove.add_option("KEY", o->key, "The rule")->required();
  add_test(noun, shell, o);
}

}  // namespace carillon::app
