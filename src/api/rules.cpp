// Rules: what business events become.
#include <algorithm>

#include "api/router.h"
#include "pipeline/events.h"
#include "pipeline/route.h"

namespace carillon::api {
namespace {

Failure no_rule(const Call& call) { return not_found(fmt::format("rule '{}'", call.args[0].substr(0, 64))); }

Reply rule_reply(const model::Rule& rule, int status) {
  base::JsonWriter out(1024);
  model::write_rule(out, rule);
  return json_reply(out, status);
}

// Of a sample: a group that a field of the event names is not one in it.
Task<Result<void>> check_groups(Call& call, const model::SendRequest& request, base::Problems& problems) {
  std::vector<std::size_t> entries;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < request.to.size(); ++i) {
    if (request.to[i].kind != model::RecipientKind::Group) continue;
    entries.push_back(i);
    keys.push_back(request.to[i].id);
  }
  if (keys.empty()) co_return Result<void>{};
  CARILLON_CO_TRY(const auto groups, co_await call.deps.store.groups(call.who.project, std::move(keys)));
  for (std::size_t k = 0; k < groups.size(); ++k) {
    if (groups[k].id != 0) continue;
    const std::size_t i = entries[k];
    problems.push_back({fmt::format("/to/{}/group", i), "unknown_group",
                        fmt::format("there is no group '{}'", request.to[i].id)});
  }
  co_return Result<void>{};
}

// What the send names must be there, and its parameters must fit: asked of the code that will decide, with
// likely values in the places the event fills.
Task<Result<base::Problems>> check_send(Call& call, const model::Rule& rule) {
  const auto& view = call.view();
  const model::SendNode& root = rule.send.root();
  base::Problems problems;
  base::JsonDocument document;
  const std::string plain = rule.send.sample(nullptr);
  const auto parsed = document.parse(plain);
  CARILLON_ASSERT(parsed && root.kind == model::SendNode::Kind::Object);  // it was read without problems
  const auto named = model::read_send_request(*parsed, std::nullopt, "", problems);
  std::shared_ptr<const model::Template> tmpl;
  if (!named.template_key.empty()) {
    if (named.template_version != 0) {
      auto found = co_await call.deps.directory.template_version(call.who.project, named.template_key,
                                                                 named.template_version);
      if (found) tmpl = std::move(*found);
    } else if (const auto it = view.templates.find(named.template_key); it != view.templates.end()) {
      tmpl = it->second;
    }
  }
  const std::string sample = rule.send.sample(tmpl.get());
  const auto typed = document.parse(sample);
  CARILLON_ASSERT(typed);
  const auto request = model::read_send_request(*typed, std::nullopt, "", problems);
  if (problems.empty()) {
    auto pinned = named.template_version != 0 ? tmpl : nullptr;
    auto plan = pipeline::make_plan(view, nullptr, false, request, std::move(pinned), call.now);
    if (!plan) problems = std::move(plan.error().problems);
  }
  if (problems.empty()) CARILLON_CO_CHECK(co_await check_groups(call, request, problems));
  for (auto& problem : problems) problem.pointer.insert(0, "/send");
  co_return problems;
}

Task<Answer> put_rule(Call& call) {
  if (auto failure = check_key(call.args[0])) co_return std::unexpected(std::move(*failure));
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  const model::Rule rule = model::read_rule(root, call.args[0], problems);
  if (problems.empty()) { CARILLON_CO_TRY(problems, co_await check_send(call, rule)); }
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  const auto& rules = *call.view().rules;
  const bool is_known = rules.find(rule.key) != nullptr;
  if (!is_known && rules.all().size() >= model::kRulesMax) {
    co_return failed(422, "limit_reached", fmt::format("a project has at most {} rules", model::kRulesMax));
  }
  store::Record record;
  record.key = {std::string(pipeline::kKindRule), call.who.project, rule.key};
  record.data = model::encode(rule);
  CARILLON_CO_CHECK(co_await call.deps.directory.put(std::move(record), std::nullopt, call.actor()));
  co_return rule_reply(rule, is_known ? 200 : 201);
}

Task<Answer> get_rule(Call& call) {
  const model::Rule* const rule = call.view().rules->find(call.args[0]);
  if (rule == nullptr) co_return std::unexpected(no_rule(call));
  co_return rule_reply(*rule, 200);
}

Task<Answer> list_rules(Call& call) {
  base::JsonWriter out(4096);
  out.object().key("data").array();
  for (const model::Rule& rule : call.view().rules->all()) model::write_rule(out, rule);
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  co_return json_reply(out);
}

Task<Answer> delete_rule(Call& call) {
  if (call.view().rules->find(call.args[0]) == nullptr) co_return std::unexpected(no_rule(call));
  store::RecordKey key{std::string(pipeline::kKindRule), call.who.project, call.args[0]};
  CARILLON_CO_CHECK(co_await call.deps.directory.remove(std::move(key), call.actor()));
  co_return no_content();
}

// ---- the dry run
struct RuleTest {
  std::shared_ptr<const model::RuleSet> stored;  // keeps `rule`, when it is one of them
  std::optional<model::Rule> given;
  const model::Rule* rule = nullptr;
  model::Event event;
  std::shared_ptr<const model::App> app;
};

void read_app(const Call& call, base::ObjectReader& reader, RuleTest& test) {
  std::string name;
  if (!reader.text("app", name, 64)) return;
  for (const auto& [id, app] : call.snapshot->apps) {
    if (app->project == call.who.project && app->name == name) test.app = app;
  }
  if (!test.app) reader.problem("app", "invalid_value", fmt::format("there is no app '{}'", name));
}

// `document` keeps what the event points into.
std::expected<void, Failure> read_test(const Call& call, base::JsonDocument& document, RuleTest& test) {
  const auto root = document.parse(call.request.body);
  if (!root) return failed_at("", "not_json", root.error().message);
  base::Problems problems;
  base::ObjectReader reader(*root, "", problems);
  reader.require("event");
  if (const auto event = reader.element("event")) test.event = model::read_event(*event, "/event", problems);
  if (const auto rule = reader.element("rule")) {
    base::Problems inner;
    test.given = model::read_rule(*rule, call.args[0], inner);
    for (auto& problem : inner) {
      problem.pointer.insert(0, "/rule");
      problems.push_back(std::move(problem));
    }
  }
  read_app(call, reader, test);
  reader.done();
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  test.stored = call.view().rules;
  test.rule = test.given ? &*test.given : test.stored->find(call.args[0]);
  if (test.rule == nullptr) return std::unexpected(no_rule(call));
  return {};
}

void write_match(base::JsonWriter& out, const RuleTest& test, const model::RuleMatch& match) {
  const auto patterns = [&](std::string_view key, const std::vector<std::string>& wanted,
                            const std::string& value, bool is_held) {
    out.key(key).object().key("wanted").array();
    for (const auto& pattern : wanted) out.value(pattern);
    out.end_array().field("value", value).field("holds", is_held).end_object();
  };
  out.field("rule", test.rule->key).field("enabled", test.rule->enabled).field("matched", match.holds());
  patterns("type", test.rule->types, test.event.type, match.type);
  patterns("source", test.rule->sources, test.event.source, match.source);
  out.key("conditions").object().field("holds", match.conditions).key("checks").array();
  for (const auto& check : match.checks) model::write_check(out, check);
  out.end_array().end_object();
}

// Writes error and explain of a send that would be made.
Task<void> write_explain(Call& call, base::JsonWriter& out, const RuleTest& test, pipeline::SendItem item) {
  std::optional<Failure> failure;
  std::vector<model::Explain> explains;
  if (call.deps.pipeline == nullptr) {
    out.key("error").null().key("explain").null();
    co_return;
  }
  pipeline::Caller caller = call.caller();
  caller.app = test.app;
  auto explained = co_await call.deps.pipeline->explain(std::move(caller), std::move(item));
  if (explained) {
    explains = std::move(explained->decisions);
  } else {
    failure = Failure(std::move(explained.error()));
  }
  out.key("error");
  if (failure) {
    write_problem(out, *failure, {});
  } else {
    out.null();
  }
  out.key("explain").array();
  for (const auto& e : explains) model::write_explain(out, e);
  out.end_array();
}

Task<Answer> test_rule(Call& call) {
  base::JsonDocument document;
  RuleTest test;
  if (auto read = read_test(call, document, test); !read) co_return std::unexpected(std::move(read.error()));
  if (test.given) {
    CARILLON_CO_TRY(auto problems, co_await check_send(call, *test.given));
    for (auto& problem : problems) problem.pointer.insert(0, "/rule");
    if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  }
  const auto match = model::explain_match(*test.rule, test.event, call.now);
  base::JsonWriter out(2048);
  out.object();
  write_match(out, test, match);
  out.key("notification");
  auto prepared = pipeline::prepare_send(*test.rule, test.event, call.now);
  if (!match.holds() || (prepared && prepared->recipients == 0)) {
    out.null().key("error").null().key("explain").array().end_array();
  } else if (!prepared) {
    out.null().key("error");
    write_problem(out, Failure(std::move(prepared.error())), {});
    out.key("explain").array().end_array();
  } else {
    out.raw(prepared->item.body);
    co_await write_explain(call, out, test, std::move(prepared->item));
  }
  out.end_object();
  co_return json_reply(out);
}

constexpr Route rule_route(std::string_view method, std::string_view pattern, Handler handler,
                           std::string_view summary, std::string_view request, std::string_view response,
                           int status = 200) {
  return {.method = method,
          .pattern = pattern,
          .access = of_all_apps(manage("rules")),
          .handler = handler,
          .tag = "Rules",
          .summary = summary,
          .request = request,
          .response = response,
          .status = status};
}

}  // namespace

std::span<const Route> rule_routes() {
  static const Route kRoutes[] = {
      rule_route("GET", "/v1/rules", list_rules, "List rules in order of position", {}, "RuleList"),
      rule_route("PUT", "/v1/rules/{key}", put_rule, "Make or replace a rule: which events become what",
                 "Rule", "Rule"),
      rule_route("GET", "/v1/rules/{key}", get_rule, "One rule", {}, "Rule"),
      rule_route("DELETE", "/v1/rules/{key}", delete_rule, "Remove a rule", {}, {}, 204),
      rule_route("POST", "/v1/rules/{key}/test", test_rule,
                 "Say what a rule, stored or given, would make of an event, without doing it", "RuleTest",
                 "RuleTestAnswer"),
  };
  return kRoutes;
}

}  // namespace carillon::api
