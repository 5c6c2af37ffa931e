// Accounts of providers: settings, tests, pauses; and what kinds of provider there are.
#include "api/recipient_words.h"
#include "api/router.h"
#include "providers/catalog.h"

namespace carillon::api {
namespace {

constexpr std::size_t kSettingsMax = 256 * 1024;  // bytes of a body: a service account file fits

using Healths = std::vector<pipeline::NodeHealth>;

Failure no_integration(const Call& call) {
  return not_found(fmt::format("integration '{}'", call.args[0].substr(0, 64)));
}

std::string_view state_of(const model::Integration& i) {
  if (!i.enabled) return "disabled";
  return i.paused.empty() ? "ready" : "paused";
}

// Of this process as it is now, of others as they told last. A process that cannot be asked is left out.
Task<Healths> load_healths(Call& call) {
  Healths healths;
  if (call.deps.pipeline == nullptr) co_return healths;
  if (auto own = co_await call.deps.pipeline->integrations().ask_health()) healths.push_back(std::move(*own));
  if (!call.deps.store.is_shared()) co_return healths;
  const auto reports = co_await call.deps.store.telemetry().reports(call.now - pipeline::kHealthKept);
  if (!reports) co_return healths;
  for (const store::NodeReport& report : *reports) {
    auto told = pipeline::decode_health(report.report);
    const bool is_own = !healths.empty() && healths.front().node == report.owner.node;
    if (!told || is_own) continue;
    told->node = report.owner.node;
    told->at = report.at;
    healths.push_back(std::move(*told));
  }
  co_return healths;
}

// Members only, no braces.
void write_account(base::JsonWriter& out, const pipeline::AccountHealth& h) {
  out.field("breaker", pipeline::name(h.breaker)).field_or_null("since", h.since);
  out.field_or_null("retry_at", h.retry_at).field("calls", h.calls).field("errors", h.errors);
  out.key("error_rate");
  if (h.calls > 0) {
    out.value(static_cast<double>(h.errors) / static_cast<double>(h.calls));
  } else {
    out.null();
  }
  out.field_or_null("throttled_until", h.throttled_until).field_or_null("problem", h.problem);
}

// The worst of them, and each.
void write_health(base::JsonWriter& out, const Healths& healths, std::int32_t project,
                  const std::string& key) {
  std::vector<std::pair<const pipeline::NodeHealth*, const pipeline::AccountHealth*>> found;
  std::optional<pipeline::AccountHealth> all;
  for (const pipeline::NodeHealth& node : healths) {
    for (const pipeline::AccountHealth& one : node.accounts) {
      if (one.project != project || one.key != key) continue;
      found.emplace_back(&node, &one);
      all ? pipeline::add_health(*all, one) : static_cast<void>(all = one);
    }
  }
  out.key("health");
  if (!all) {
    out.null();
    return;
  }
  out.object();
  write_account(out, *all);
  out.field("window", pipeline::CallTally::kWindow.count() / 1000).key("nodes").array();
  for (const auto& [node, one] : found) {
    out.object().field("node", static_cast<std::int64_t>(node->node));
    write_account(out, *one);
    out.field("in_flight", one->in_flight).field("at", to_rfc3339(node->at)).end_object();
  }
  out.end_array().end_object();
}

void write_integration(base::JsonWriter& out, const Call& call, const model::Integration& i,
                       const Healths& healths) {
  const auto* const type = providers::find_provider(i.provider);
  out.object().field("key", i.key).field("provider", i.provider);
  if (type != nullptr && !type->is_any_channel) out.field("channel", model::name(type->channel));
  out.key("settings").raw(call.deps.directory.masked_settings(i)).field("enabled", i.enabled);
  out.field_or_null("paused", i.paused);
  out.field_or_null("paused_at", i.paused_at).field_or_null("paused_by", i.paused_by);
  out.field("state", state_of(i)).field("created_at", to_rfc3339(i.created_at));
  write_health(out, healths, call.who.project, i.key);
  out.end_object();
}

// {"set":true}, as a secret reads back.
bool is_mask(base::JsonElement value) {
  bool is_set = false;
  return value.is_object() && value["set"].get_bool().get(is_set) == simdjson::SUCCESS && is_set;
}

// The settings in clear: a secret given as it reads back keeps its stored value.
Result<std::string> unmask(const Call& call, base::JsonElement settings, const model::Integration* stored) {
  base::JsonDocument document;
  std::optional<base::JsonElement> old;
  if (stored != nullptr) {
    CARILLON_TRY(const std::string clear, call.deps.directory.open_settings(call.who.project, *stored));
    CARILLON_TRY(old, document.parse(clear));
  }
  base::JsonWriter out;
  out.object();
  base::JsonObject object;
  if (settings.get_object().get(object) != simdjson::SUCCESS) return "{}";
  for (const auto [key, value] : object) {
    base::JsonElement kept;
    if (!is_mask(value)) {
      out.key(key).element(value);
    } else if (old && (*old)[key].get(kept) == simdjson::SUCCESS) {
      out.key(key).element(kept);
    }
  }
  out.end_object();
  return out.str();
}

// Reads the body; the settings of the result are in clear.
std::expected<model::Integration, Failure> read_integration(const Call& call,
                                                            const model::Integration* stored) {
  if (auto failure = check_key(call.args[0])) return std::unexpected(std::move(*failure));
  base::JsonDocument document;
  auto root = document.parse(call.request.body);
  if (!root) return failed_at("", "not_json", root.error().message);
  base::Problems problems;
  base::ObjectReader reader(*root, "", problems);
  model::Integration integration;
  integration.key = call.args[0];
  if (stored != nullptr) {
    integration.paused = stored->paused;
    integration.paused_by = stored->paused_by;
    integration.paused_at = stored->paused_at;
  }
  std::string key;
  reader.text("key", key, 64);
  reader.require("provider");
  reader.text("provider", integration.provider, 64);
  reader.boolean("enabled", integration.enabled);
  const auto settings = reader.element("settings");
  reader.done();
  if (!key.empty() && key != integration.key) {
    reader.problem("key", "key_mismatch", "leave key out, or give the one of the address");
  }
  const auto* const type = providers::find_provider(integration.provider);
  if (type == nullptr && !integration.provider.empty()) {
    std::string names;
    for (const auto* each : providers::catalog()) names.append(names.empty() ? "" : ", ").append(each->name);
    reader.problem("provider", "unknown_provider",
                   fmt::format("there is no provider '{}'; use one of: {}", integration.provider, names));
  }
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  const bool is_same = stored != nullptr && stored->provider == integration.provider;
  base::JsonDocument own;
  CARILLON_TRY(const auto nothing, own.parse("{}"));
  CARILLON_TRY(integration.settings, unmask(call, settings.value_or(nothing), is_same ? stored : nullptr));
  base::SettingsGroup group("settings");
  type->declare(group);
  CARILLON_TRY(const auto clear, own.parse(integration.settings));
  group.apply(settings && !settings->is_object() ? *settings : clear, "/settings", problems);
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return integration;
}

// Asks the vendor before anything is stored, so that a typing error does not become an outage.
Task<std::optional<Failure>> refuse_untested(Call& call, const model::Integration& integration) {
  base::Problems problems;
  const auto report = co_await call.deps.pipeline->integrations().test_settings(
      call.who.project, integration.provider, integration.settings, problems);
  if (!problems.empty()) co_return Failure(std::move(problems));
  if (report && report->ok) co_return std::nullopt;
  problems.push_back(
      {"/settings", "integration_test_failed", report ? report->detail : report.error().message});
  co_return Failure(std::move(problems));
}

Task<Answer> put_integration(Call& call) {
  const model::Integration* const stored = call.view().find_integration(call.args[0]);
  CARILLON_CO_TRY(model::Integration integration, read_integration(call, stored));
  CARILLON_CO_TRY(const bool wants_test, flag_param(call, "test", true));
  if (wants_test && integration.enabled && call.deps.pipeline != nullptr) {
    if (auto failure = co_await refuse_untested(call, integration))
      co_return std::unexpected(std::move(*failure));
  }
  // Settings that were changed and tested end a pause the system made.
  pipeline::mark_paused(integration, {}, {}, call.now);
  CARILLON_CO_CHECK(
      co_await call.deps.directory.put_integration(call.who.project, integration, call.actor()));
  configuration_changed(call);
  const auto now = call.deps.directory.snapshot();
  const model::Integration* const kept = now->project(call.who.project)->find_integration(call.args[0]);
  if (kept == nullptr) co_return std::unexpected(no_integration(call));
  const Healths healths = co_await load_healths(call);
  base::JsonWriter out(1024);
  write_integration(out, call, *kept, healths);
  co_return json_reply(out, stored == nullptr ? 201 : 200);
}

Task<Answer> get_integration(Call& call) {
  const model::Integration* const stored = call.view().find_integration(call.args[0]);
  if (stored == nullptr) co_return std::unexpected(no_integration(call));
  const Healths healths = co_await load_healths(call);
  base::JsonWriter out(1024);
  write_integration(out, call, *stored, healths);
  co_return json_reply(out);
}

Task<Answer> list_integrations(Call& call) {
  const Healths healths = co_await load_healths(call);
  base::JsonWriter out(2048);
  out.object().key("data").array();
  for (const auto& i : call.view().integrations) write_integration(out, call, i, healths);
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  co_return json_reply(out);
}

Task<Answer> delete_integration(Call& call) {
  if (call.view().find_integration(call.args[0]) == nullptr) co_return std::unexpected(no_integration(call));
  for (const auto& route : call.view().routes) {
    for (const auto& step : route.chain) {
      if (step.integration == call.args[0]) {
        co_return failed(409, "in_use", fmt::format("the route '{}' names this integration", route.key));
      }
    }
  }
  store::RecordKey key{std::string(pipeline::kKindIntegration), call.who.project, call.args[0]};
  CARILLON_CO_CHECK(co_await call.deps.directory.remove(std::move(key), call.actor()));
  configuration_changed(call);
  co_return no_content();
}

Task<Answer> test_integration(Call& call) {
  if (call.view().find_integration(call.args[0]) == nullptr) co_return std::unexpected(no_integration(call));
  if (call.deps.pipeline == nullptr) {
    co_return failed(503, "not_running", "the server is stopped: an integration is tested by a running one");
  }
  std::string key = call.args[0];
  const auto report = co_await call.deps.pipeline->integrations().test(call.who.project, std::move(key));
  base::JsonWriter out;
  out.object().field("ok", report && report->ok);
  out.field("detail", report ? report->detail : report.error().message).end_object();
  co_return json_reply(out);
}

Task<Answer> set_pause(Call& call, std::string why) {
  const model::Integration* const stored = call.view().find_integration(call.args[0]);
  if (stored == nullptr) co_return std::unexpected(no_integration(call));
  model::Integration changed = *stored;
  pipeline::mark_paused(changed, why, call.who.actor(), call.now);
  if (call.deps.pipeline != nullptr) {
    auto& integrations = call.deps.pipeline->integrations();
    if (why.empty()) {
      CARILLON_CO_CHECK(co_await integrations.resume(call.who.project, changed.key, call.actor()));
    } else {
      CARILLON_CO_CHECK(
          co_await integrations.pause(call.who.project, changed.key, std::move(why), call.actor()));
    }
  } else {
    CARILLON_CO_CHECK(co_await call.deps.directory.put_integration(call.who.project, changed, call.actor()));
  }
  configuration_changed(call);
  const Healths healths = co_await load_healths(call);
  base::JsonWriter out(1024);
  write_integration(out, call, changed, healths);
  co_return json_reply(out);
}

Task<Answer> pause_integration(Call& call) {
  std::string reason = "paused by " + call.who.actor();
  if (!call.request.body.empty()) {
    CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
    base::Problems problems;
    base::ObjectReader reader(root, "", problems);
    reader.text("reason", reason, 300);
    reader.done();
    if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  }
  co_return co_await set_pause(call, std::move(reason));
}

Task<Answer> resume_integration(Call& call) { return set_pause(call, {}); }

// The endpoint is the vendor's where nobody names another.
std::string_view default_of(const providers::ProviderType& type, const base::Setting& s) {
  if (s.type == base::SettingType::Secret) return {};  // a secret has no default worth showing
  return s.name == "endpoint" ? type.default_endpoint : std::string_view(s.def);
}

void write_setting(base::JsonWriter& out, const providers::ProviderType& type, const base::Setting& s,
                   bool is_korean) {
  out.object().field("name", s.name).field("type", base::name(s.type)).field("unit", s.unit);
  out.field("default", default_of(type, s));
  out.field("required", s.is_required)
      .field("secret", s.type == base::SettingType::Secret)
      .field("help", is_korean && !s.korean.empty() ? s.korean : s.help);
  if (!s.choices.empty()) {
    out.key("choices").array();
    for (const auto& choice : s.choices) out.value(choice);
    out.end_array();
  }
  out.end_object();
}

Task<Answer> provider_types(Call& call) {
  const std::string_view language = page_language({}, call.request.header("Accept-Language"));
  const bool is_korean = language == "ko";
  base::JsonWriter out(8192);
  out.object().key("data").array();
  for (const auto* const type : providers::catalog()) {
    out.object().field("name", type->name).field("title", type->title);
    out.field("channel", type->is_any_channel ? std::string_view("*") : model::name(type->channel));
    out.key("platforms").array();
    for (const auto platform : type->platforms) out.value(model::name(platform));
    out.end_array().key("settings").array();
    base::SettingsGroup group("settings");
    type->declare(group);
    for (const auto& setting : group.settings()) write_setting(out, *type, setting, is_korean);
    out.end_array().field("receipts", type->has_receipts).end_object();
  }
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  Reply reply = json_reply(out);
  reply.headers = {{"Content-Language", is_korean ? "ko" : "en"}, {"Vary", "Accept-Language"}};
  co_return reply;
}

constexpr Route integration_route(std::string_view method, std::string_view pattern, Handler handler,
                                  std::string_view summary, std::string_view request,
                                  std::string_view response, std::string_view query = {}, int status = 200) {
  return {.method = method,
          .pattern = pattern,
          .access = manage("integrations"),
          .handler = handler,
          .tag = "Integrations",
          .summary = summary,
          .request = request,
          .response = response,
          .status = status,
          .query = query,
          .body_max = kSettingsMax};
}

}  // namespace

std::string Api::providers_markdown() {
  std::string out = "# Providers\n";
  for (const auto* const type : providers::catalog()) {
    out += fmt::format(
        "\n## {} (`{}`)\n\nChannel: {}.{}\n\n| setting | type | default | meaning |\n|---|---|---|---|\n",
        type->title, type->name, type->is_any_channel ? "every one" : model::name(type->channel),
        type->has_receipts ? " Reports deliveries later." : "");
    base::SettingsGroup group("settings");
    type->declare(group);
    for (const auto& s : group.settings()) {
      const std::string_view def = default_of(*type, s);
      out += fmt::format("| `{}`{} | {}{} | {} | {} |\n", s.name, s.is_required ? " (required)" : "",
                         base::name(s.type), s.unit.empty() ? "" : ", " + s.unit,
                         def.empty() ? "" : fmt::format("`{}`", def), s.help);
    }
  }
  return out;
}

std::span<const Route> integration_routes() {
  static const Route kRoutes[] = {
      integration_route("GET", "/v1/integrations", list_integrations,
                        "List integrations in order of creation", {}, "IntegrationList"),
      integration_route("PUT", "/v1/integrations/{key}", put_integration,
                        "Configure an account of a provider; it is tested first unless test=false",
                        "Integration", "Integration", "test"),
      integration_route("GET", "/v1/integrations/{key}", get_integration,
                        "One integration, its secrets masked", {}, "Integration"),
      integration_route("DELETE", "/v1/integrations/{key}", delete_integration, "Remove an integration", {},
                        {}, {}, 204),
      integration_route("POST", "/v1/integrations/{key}/test", test_integration,
                        "Ask the vendor something harmless", {}, "TestReport"),
      with_optional_body(integration_route("POST", "/v1/integrations/{key}/pause", pause_integration,
                                           "Send nothing through it for now", "PauseReason", "Integration")),
      integration_route("POST", "/v1/integrations/{key}/resume", resume_integration, "Send through it again",
                        {}, "Integration"),
      {.method = "GET",
       .pattern = "/v1/provider-types",
       .access = allow(kScopeAny, "integrations"),
       .handler = provider_types,
       .tag = "Integrations",
       .summary = "Kinds of provider and their settings",
       .response = "ProviderTypeList"},
  };
  return kRoutes;
}

}  // namespace carillon::api
