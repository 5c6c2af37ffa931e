// Routes, pauses, settings.
#include "api/alerts.h"
#include "api/router.h"
#include "model/address.h"
#include "model/decision.h"
#include "providers/catalog.h"

namespace carillon::api {
namespace {

// ---- routes
Failure no_route(const Call& call) {
  return not_found(fmt::format("route '{}'", call.args[0].substr(0, 64)));
}

const model::Route* find_route(const Call& call) {
  const auto it = std::ranges::find(call.view().routes, call.args[0], &model::Route::key);
  return it == call.view().routes.end() ? nullptr : &*it;
}

// What keeps the integration from ever carrying what the route matches; empty: nothing.
std::string never_asked(const model::Route& route, const model::Integration& integration) {
  const auto* const type = providers::find_provider(integration.provider);
  if (type == nullptr || type->is_any_channel) return {};
  // A platform is one of push.
  const std::optional<model::Channel> channel =
      route.channel || route.platform.empty() ? route.channel : std::optional(model::Channel::Push);
  if (channel && type->channel != *channel) {
    return fmt::format("'{}' carries {}, which is not what the route is for: {}", integration.key,
                       model::name(type->channel), model::name(*channel));
  }
  if (route.platform.empty() || type->platforms.empty()) return {};
  std::string reached;
  for (const auto platform : type->platforms) {
    if (model::name(platform) == route.platform) return {};
    reached.append(reached.empty() ? "" : ", ").append(model::name(platform));
  }
  return fmt::format("'{}' does not reach {}, but {}", integration.key, route.platform, reached);
}

void check_chain(const Call& call, const model::Route& route, base::Problems& problems) {
  if (route.chain.empty()) problems.push_back({"/chain", "required", "name at least one integration"});
  for (std::size_t i = 0; i < route.chain.size(); ++i) {
    const std::string& key = route.chain[i].integration;
    const std::string pointer = fmt::format("/chain/{}/integration", i);
    if (const auto* const integration = call.view().find_integration(key)) {
      std::string why = never_asked(route, *integration);
      if (!why.empty()) problems.push_back({pointer, "leads_nowhere", std::move(why)});
      const auto earlier = route.chain.begin() + static_cast<std::ptrdiff_t>(i);
      const bool is_again = std::any_of(route.chain.begin(), earlier,
                                        [&](const auto& step) { return step.integration == key; });
      if (is_again) problems.push_back({pointer, "leads_nowhere", fmt::format("'{}' was asked before", key)});
      continue;
    }
    const bool is_sandbox = key == providers::sandbox_type().name;
    problems.push_back(
        {pointer, "unknown_integration",
         fmt::format("there is no integration '{}'{}", key.substr(0, 64),
                     is_sandbox ? R"(; make it: PUT /v1/integrations/sandbox {"provider":"sandbox"})" : "")});
  }
}

// What no message can be of would never lead anywhere.
void check_match(const Call& call, const model::Route& route, base::Problems& problems) {
  if (!route.category.empty() && !call.view().categories.contains(route.category)) {
    problems.push_back({"/match/category", "unknown_category",
                        fmt::format("there is no category '{}'", route.category.substr(0, 64))});
  }
  const auto is_it = [&](const auto& app) {
    return app.second->project == call.who.project && app.second->name == route.app;
  };
  if (!route.app.empty() && std::ranges::none_of(call.snapshot->apps, is_it)) {
    problems.push_back(
        {"/match/app", "leads_nowhere", fmt::format("there is no app '{}'", route.app.substr(0, 64))});
  }
}

Task<Answer> put_route(Call& call) {
  if (auto failure = check_key(call.args[0])) co_return std::unexpected(std::move(*failure));
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  model::Route route;
  model::read_route(root, route, problems);
  if (problems.empty()) {
    check_match(call, route, problems);
    check_chain(call, route, problems);
  }
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  route.key = call.args[0];
  const bool is_known = find_route(call) != nullptr;
  store::Record record;
  record.key = {std::string(pipeline::kKindRoute), call.who.project, route.key};
  record.data = model::encode(route);
  CARILLON_CO_CHECK(co_await call.deps.directory.put(std::move(record), std::nullopt, call.actor()));
  configuration_changed(call);
  base::JsonWriter out;
  model::write_route(out, route);
  co_return json_reply(out, is_known ? 200 : 201);
}

Task<Answer> get_route(Call& call) {
  const model::Route* const route = find_route(call);
  if (route == nullptr) co_return std::unexpected(no_route(call));
  base::JsonWriter out;
  model::write_route(out, *route);
  co_return json_reply(out);
}

Task<Answer> list_routes(Call& call) {
  base::JsonWriter out(1024);
  out.object().key("data").array();
  for (const auto& route : call.view().routes) model::write_route(out, route);
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  co_return json_reply(out);
}

Task<Answer> delete_route(Call& call) {
  if (find_route(call) == nullptr) co_return std::unexpected(no_route(call));
  store::RecordKey key{std::string(pipeline::kKindRoute), call.who.project, call.args[0]};
  CARILLON_CO_CHECK(co_await call.deps.directory.remove(std::move(key), call.actor()));
  configuration_changed(call);
  co_return no_content();
}

// ---- pauses
const model::Pause* find_pause(const Call& call) {
  const auto it = std::ranges::find(call.view().pauses, call.args[0], &model::Pause::id);
  return it == call.view().pauses.end() ? nullptr : &*it;
}

// Those of an app, and those of everybody, which stop it too.
bool is_shown(const Call& call, const model::Pause& pause) {
  return !call.who.acts_as_app() || pause.app.empty() || pause.app == call.who.app->name;
}

// Who acts as one app stops and lets go that app's sends alone.
std::optional<Failure> refuse_pause(const Call& call, const model::Pause& pause) {
  if (!call.who.acts_as_app() || pause.app == call.who.app->name) return std::nullopt;
  return Failure(403, "app_bound",
                 fmt::format("you act as '{0}': a pause of yours has the scope {{\"app\":\"{0}\"}}",
                             call.who.app->name));
}

Failure no_pause(const Call& call) {
  return not_found(fmt::format("pause '{}'", call.args[0].substr(0, 40)));
}

// A misspelt name would stop nothing, and nobody would know.
void check_scope(const Call& call, const model::Pause& pause, base::Problems& problems) {
  const auto& view = call.view();
  const bool is_app = std::ranges::any_of(call.snapshot->apps, [&](const auto& entry) {
    return entry.second->project == call.who.project && entry.second->name == pause.app;
  });
  if (!pause.app.empty() && !is_app)
    problems.push_back({"/scope/app", "invalid_value", fmt::format("there is no app '{}'", pause.app)});
  if (!pause.category.empty() && !view.categories.contains(pause.category)) {
    problems.push_back(
        {"/scope/category", "unknown_category", fmt::format("there is no category '{}'", pause.category)});
  }
  if (!pause.template_key.empty() && !view.templates.contains(pause.template_key)) {
    problems.push_back({"/scope/template", "unknown_template",
                        fmt::format("there is no published template '{}'", pause.template_key)});
  }
}

Task<Answer> post_pause(Call& call) {
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  model::Pause pause;
  model::read_pause(root, pause, problems);
  check_scope(call, pause, problems);
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  if (auto failure = refuse_pause(call, pause)) co_return std::unexpected(std::move(*failure));
  pause.id = base::id_text(pipeline::kPausePrefix, call.deps.ids.take());
  pause.by = call.who.actor();
  pause.at = call.now;
  store::Record record;
  record.key = {std::string(pipeline::kKindPause), call.who.project, pause.id};
  record.data = model::encode(pause);
  CARILLON_CO_CHECK(co_await call.deps.directory.put(std::move(record), 0, call.actor()));
  configuration_changed(call);
  base::JsonWriter out;
  model::write_pause(out, pause);
  co_return json_reply(out, 201);
}

Task<Answer> get_pause(Call& call) {
  const model::Pause* const pause = find_pause(call);
  if (pause == nullptr || !is_shown(call, *pause)) co_return std::unexpected(no_pause(call));
  base::JsonWriter out;
  model::write_pause(out, *pause);
  co_return json_reply(out);
}

Task<Answer> list_pauses(Call& call) {
  base::JsonWriter out(1024);
  out.object().key("data").array();
  for (const auto& pause : call.view().pauses) {
    if (is_shown(call, pause)) model::write_pause(out, pause);
  }
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  co_return json_reply(out);
}

Task<Answer> delete_pause(Call& call) {
  const model::Pause* const pause = find_pause(call);
  if (pause == nullptr || !is_shown(call, *pause)) co_return std::unexpected(no_pause(call));
  if (auto failure = refuse_pause(call, *pause)) co_return std::unexpected(std::move(*failure));
  store::RecordKey key{std::string(pipeline::kKindPause), call.who.project, call.args[0]};
  CARILLON_CO_CHECK(co_await call.deps.directory.remove(std::move(key), call.actor()));
  configuration_changed(call);
  co_return no_content();
}

// ---- settings
Reply settings_reply(const model::ProjectSettings& settings) {
  base::JsonWriter out(512);
  model::write_project_settings(out, settings);
  return json_reply(out);
}

void seal_secrets(const Call& call, model::ProjectSettings& settings) {
  if (settings.alerts && !settings.alerts->plain_secret.empty()) {
    auto& alerts = *settings.alerts;
    alerts.sealed_secret =
        call.deps.keys.sealer.seal(alerts.plain_secret, pipeline::alert_webhook_context(call.who.project));
    alerts.plain_secret.clear();
  }
  if (!settings.client_jwt) return;
  for (auto& key : settings.client_jwt->keys) {
    if (key.plain_secret.empty()) continue;
    key.sealed_secret =
        call.deps.keys.sealer.seal(key.plain_secret, pipeline::client_jwt_context(call.who.project, key.kid));
    key.plain_secret.clear();
  }
}

Task<Answer> get_settings(Call& call) { co_return settings_reply(call.view().settings); }

void check_settings(const Call& call, const model::ProjectSettings& settings, base::Problems& problems) {
  if (!model::is_locale(settings.locale)) {
    problems.push_back({"/locale", "invalid_locale", "use a BCP 47 language tag, as en or ko-KR"});
  }
  if (!model::is_time_zone(settings.time_zone)) {
    problems.push_back(
        {"/time_zone", "invalid_time_zone", "use a name of the IANA time zone database, as Asia/Seoul"});
  }
  if (settings.alerts && !settings.alerts->webhook_url.empty()) {
    if (auto why = refuse_webhook(call.options, settings.alerts->webhook_url); !why.empty())
      problems.push_back({"/alerts/webhook/url", "invalid_webhook_url", std::move(why)});
  }
}

// What is stored, and the version a change of it must find.
Task<Result<std::pair<model::ProjectSettings, std::int64_t>>> stored_settings(const Call& call) {
  store::RecordKey key{std::string(pipeline::kKindSettings), call.who.project, "project"};
  const auto record = co_await call.deps.store.get_record(std::move(key));
  if (!record && record.error().code == Errc::NotFound)
    co_return std::pair(model::ProjectSettings(), std::int64_t{0});
  if (!record) co_return std::unexpected(record.error());
  CARILLON_CO_TRY(auto settings, model::decode_project_settings(record->data));
  co_return std::pair(std::move(settings), record->version);
}

// Two who change different settings at the same time both get what they asked for.
template <bool replace>
Task<Answer> write_settings(Call& call) {
  constexpr int kTriesMax = 5;
  for (int tries = 1;; ++tries) {
    CARILLON_CO_TRY(const auto before, co_await stored_settings(call));
    CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
    base::Problems problems;
    model::ProjectSettings settings;
    if (!replace) settings = before.first;
    model::read_project_settings(root, settings, before.first, problems);
    check_settings(call, settings, problems);
    if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
    seal_secrets(call, settings);
    store::Record record;
    record.key = {std::string(pipeline::kKindSettings), call.who.project, "project"};
    record.data = model::encode(settings);
    const auto stored = co_await call.deps.directory.put(std::move(record), before.second, call.actor());
    if (stored) {
      configuration_changed(call);
      co_return settings_reply(settings);
    }
    if (stored.error().code != Errc::Conflict || tries == kTriesMax)
      co_return std::unexpected(Failure(stored.error()));
  }
}

constexpr Route operating_route(std::string_view method, std::string_view pattern, std::string_view area,
                                Handler handler, std::string_view tag, std::string_view summary,
                                std::string_view request, std::string_view response, int status = 200) {
  return administering_route(method, pattern, manage(area), handler, tag, summary, request, response, status);
}

}  // namespace

std::span<const Route> operating_routes() {
  static const Route kRoutes[] = {
      operating_route("GET", "/v1/routes", "routes", list_routes, "Routes",
                      "List routes in order of position", {}, "RouteList"),
      operating_route("PUT", "/v1/routes/{key}", "routes", put_route, "Routes",
                      "Say which integrations serve whom", "Route", "Route"),
      operating_route("GET", "/v1/routes/{key}", "routes", get_route, "Routes", "One route", {}, "Route"),
      operating_route("DELETE", "/v1/routes/{key}", "routes", delete_route, "Routes", "Remove a route", {},
                      {}, 204),
      operating_route("POST", "/v1/pauses", "pauses", post_pause, "Pauses", "Stop what the scope names",
                      "Pause", "Pause", 201),
      operating_route("GET", "/v1/pauses", "pauses", list_pauses, "Pauses", "List pauses", {}, "PauseList"),
      operating_route("GET", "/v1/pauses/{id}", "pauses", get_pause, "Pauses", "One pause", {}, "Pause"),
      operating_route("DELETE", "/v1/pauses/{id}", "pauses", delete_pause, "Pauses", "Let it go on", {}, {},
                      204),
      operating_route("GET", "/v1/settings", "settings", get_settings, "Settings", "The project's settings",
                      {}, "Settings"),
      operating_route("PUT", "/v1/settings", "settings", write_settings<true>, "Settings",
                      "Replace the settings", "Settings", "Settings"),
      operating_route("PATCH", "/v1/settings", "settings", write_settings<false>, "Settings",
                      "Change what the body names", "Settings", "Settings"),
  };
  return kRoutes;
}

}  // namespace carillon::api
