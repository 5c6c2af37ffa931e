// Apps and their keys, and management tokens.
#include <algorithm>

#include "api/router.h"

namespace carillon::api {
namespace {

constexpr std::string_view kAreas[] = {"admin",      "send",         "read",    "people",       "templates",
                                       "categories", "integrations", "routes",  "dead_letters", "pauses",
                                       "apps",       "settings",     "audit",   "rules",        "schedules",
                                       "approvals",  "alerts",       "objects", "webhooks"};
constexpr std::size_t kScopesMax = std::size(kAreas);

Failure no_app(const Call& call) { return not_found(fmt::format("app '{}'", call.args[0].substr(0, 64))); }

store::RecordKey app_key(const Call& call, std::string name) {
  return {std::string(pipeline::kKindApp), call.who.project, std::move(name)};
}

std::shared_ptr<const model::App> find_app(const Call& call, std::string_view name) {
  for (const auto& [id, app] : call.snapshot->apps) {
    if (app->project == call.who.project && app->name == name) return app;
  }
  return nullptr;
}

// The body without the members named, for readers that do not know them.
std::string without(base::JsonElement body, std::string_view member) {
  base::JsonObject object;
  if (body.get_object().get(object) != simdjson::SUCCESS) return "null";
  base::JsonWriter out;
  out.object();
  for (const auto [key, value] : object) {
    if (key != member) out.key(key).element(value);
  }
  out.end_object();
  return out.str();
}

struct NewApp {
  std::string name;
  std::string policy;  // the rest of the body
};

std::expected<NewApp, Failure> read_new_app(const Call& call) {
  const auto root = parse_body(call.request.body);
  if (!root) return std::unexpected(root.error());
  base::Problems problems;
  base::ObjectReader reader(*root, "", problems);
  NewApp made;
  reader.require("name");
  reader.text("name", made.name, 64);
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  if (check_key(made.name)) {
    return failed_at("/name", "invalid_key",
                     "a name has 1 to 64 of a-z 0-9 _ . - and begins with a letter or digit");
  }
  made.policy = without(*root, "name");
  return made;
}

std::optional<Failure> read_policy(const Call& call, std::string_view body, model::App& into) {
  const auto root = parse_body(body);
  if (!root) return root.error();
  base::Problems problems;
  model::read_app(*root, into, problems);
  for (std::size_t i = 0; i < into.categories.size(); ++i) {
    if (call.view().categories.contains(into.categories[i])) continue;
    problems.push_back({fmt::format("/categories/{}", i), "unknown_category",
                        fmt::format("there is no category '{}'", into.categories[i])});
  }
  if (problems.empty()) return std::nullopt;
  return Failure(std::move(problems));
}

// `text` is an object; more members follow.
void write_app_and(base::JsonWriter& out, const model::App& app,
                   std::initializer_list<std::pair<std::string_view, std::string_view>> more) {
  base::JsonWriter whole(512);
  model::write_app(whole, app);
  std::string text = whole.str();
  text.pop_back();
  for (const auto& [name, value] : more) {
    text += ',';
    base::append_json_string(text, name);
    text += ':';
    base::append_json_string(text, value);
  }
  out.raw(text + "}");
}

Task<Result<void>> store_app(Call& call, const model::App& app, std::optional<std::int64_t> version) {
  store::Record record;
  record.key = app_key(call, app.name);
  record.data = model::encode(app);
  CARILLON_CO_CHECK(co_await call.deps.directory.put(std::move(record), version, call.actor()));
  co_return Result<void>{};
}

Task<Answer> post_app(Call& call) {
  CARILLON_CO_TRY(NewApp wanted, read_new_app(call));
  model::App policy;
  if (auto failure = read_policy(call, wanted.policy, policy)) co_return std::unexpected(std::move(*failure));
  CARILLON_CO_TRY(auto made,
                  co_await call.deps.directory.create_app(call.who.project, wanted.name, call.actor()));
  if (wanted.policy != "{}") {
    policy.keys = made.app.keys;
    policy.name = made.app.name;
    policy.id = made.app.id;
    CARILLON_CO_CHECK(co_await store_app(call, policy, std::nullopt));
    made.app = std::move(policy);
  }
  base::JsonWriter out(768);
  write_app_and(out, made.app,
                {{"app_key", made.live.key},
                 {"app_secret", made.live.secret},
                 {"test_app_key", made.test.key},
                 {"test_app_secret", made.test.secret}});
  co_return json_reply(out, 201);
}

bool is_shown(const Call& call, const model::App& app) {
  if (!call.who.acts_as_app()) return true;
  const auto own =
      call.who.member ? call.who.member->apps_in(call.view().name) : std::span<const std::string>();
  return app.id == call.who.app_id() || std::ranges::find(own, app.name) != own.end();
}

Task<Answer> get_app(Call& call) {
  const auto app = find_app(call, call.args[0]);
  if (!app || !is_shown(call, *app)) co_return std::unexpected(no_app(call));
  base::JsonWriter out(512);
  model::write_app(out, *app);
  co_return json_reply(out);
}

// A member who is bound sees all its apps, to choose among them.
Task<Answer> list_apps(Call& call) {
  std::vector<std::shared_ptr<const model::App>> apps;
  for (const auto& [id, app] : call.snapshot->apps) {
    if (app->project == call.who.project && is_shown(call, *app)) apps.push_back(app);
  }
  std::ranges::sort(apps, {}, [](const auto& app) { return std::string_view(app->name); });
  base::JsonWriter out(1024);
  out.object().key("data").array();
  for (const auto& app : apps) model::write_app(out, *app);
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  co_return json_reply(out);
}

// The app as stored now, with the version a change must find.
Task<std::expected<std::pair<model::App, std::int64_t>, Failure>> load_app(Call& call) {
  const auto record = co_await call.deps.store.get_record(app_key(call, call.args[0]));
  if (!record && record.error().code == Errc::NotFound) co_return std::unexpected(no_app(call));
  if (!record) co_return std::unexpected(Failure(record.error()));
  CARILLON_CO_TRY(model::App app, model::decode_app(record->data));
  app.name = call.args[0];
  app.id = record->id;
  app.project = call.who.project;
  co_return std::pair(std::move(app), record->version);
}

Task<Answer> patch_app(Call& call) {
  CARILLON_CO_TRY(auto stored, co_await load_app(call));
  auto& [app, version] = stored;
  if (auto failure = read_policy(call, call.request.body, app))
    co_return std::unexpected(std::move(*failure));
  CARILLON_CO_CHECK(co_await store_app(call, app, version));
  base::JsonWriter out(512);
  model::write_app(out, app);
  co_return json_reply(out);
}

struct NewKey {
  bool is_test = false, is_publishable = false;
  unsigned scopes = kScopeAny;
};

std::expected<NewKey, Failure> read_new_key(const Call& call) {
  const auto root =
      parse_body(call.request.body.empty() ? std::string_view("{}") : std::string_view(call.request.body));
  if (!root) return std::unexpected(root.error());
  base::Problems problems;
  base::ObjectReader reader(*root, "", problems);
  NewKey wanted;
  auto& scopes = wanted.scopes;
  reader.boolean("test", wanted.is_test);
  reader.boolean("publishable", wanted.is_publishable);
  std::vector<std::string> names;
  if (reader.texts("scopes", names, 3, 16)) {
    if (wanted.is_publishable)
      reader.problem("scopes", "conflicting_fields", "a publishable key has no scopes");
    scopes = 0;
    for (const auto& name : names) {
      const unsigned bit = name == "send"     ? kScopeSend
                           : name == "read"   ? kScopeRead
                           : name == "people" ? kScopePeople
                                              : 0;
      if (bit == 0) reader.problem("scopes", "invalid_choice", "use send, read and people");
      scopes |= bit;
    }
    if (names.empty()) reader.problem("scopes", "required", "give at least one scope, or leave scopes out");
  }
  reader.done();
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return wanted;
}

Task<Answer> post_app_key(Call& call) {
  CARILLON_CO_TRY(const auto wanted, read_new_key(call));
  if (!find_app(call, call.args[0])) co_return std::unexpected(no_app(call));
  base::JsonWriter out;
  if (wanted.is_publishable) {
    CARILLON_CO_TRY(const auto key, co_await call.deps.directory.add_publishable_key(
                                        call.who.project, call.args[0], wanted.is_test, call.actor()));
    out.object().field("app_key", key).end_object();
    co_return json_reply(out, 201);
  }
  CARILLON_CO_TRY(const auto made,
                  co_await call.deps.directory.add_app_key(call.who.project, call.args[0], wanted.is_test,
                                                           wanted.scopes, call.actor()));
  out.object().field("app_key", made.key).field("app_secret", made.secret).end_object();
  co_return json_reply(out, 201);
}

Task<Answer> delete_app_key(Call& call) {
  CARILLON_CO_TRY(auto stored, co_await load_app(call));
  auto& [app, version] = stored;
  const auto it = std::ranges::find(app.keys, call.args[1], &model::AppKey::key);
  if (it == app.keys.end()) co_return std::unexpected(not_found("key of that name with this app"));
  it->is_revoked = true;
  CARILLON_CO_CHECK(co_await store_app(call, app, version));
  co_return no_content();
}

// ---- management tokens
void write_projects(base::JsonWriter& out, const std::vector<std::string>& projects) {
  out.key("projects").array();
  for (const auto& project : projects) out.value(project);
  out.end_array();
}

void write_key(base::JsonWriter& out, const model::ManagementKey& key) {
  out.object().field("name", key.name).key("scopes").array();
  for (const auto& scope : key.scopes) out.value(scope);
  out.end_array();
  write_projects(out, key.projects);
  out.field("revoked", key.is_revoked).field("created_at", to_rfc3339(key.created_at)).end_object();
}

Task<Answer> list_keys(Call& call) {
  std::vector<std::shared_ptr<const model::ManagementKey>> keys;
  for (const auto& [hash, key] : call.snapshot->management) keys.push_back(key);
  std::ranges::sort(keys, {}, [](const auto& key) { return std::string_view(key->name); });
  base::JsonWriter out(1024);
  out.object().key("data").array();
  for (const auto& key : keys) write_key(out, *key);
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  co_return json_reply(out);
}

Task<Answer> post_key(Call& call) {
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  std::string name;
  std::vector<std::string> scopes, projects;
  reader.require("name");
  reader.require("scopes");
  reader.text("name", name, 64);
  reader.texts("scopes", scopes, kScopesMax, 32);
  reader.texts("projects", projects, pipeline::kProjectsMax, 64);
  reader.done();
  for (const auto& scope : scopes) {
    if (std::ranges::find(kAreas, scope) == std::end(kAreas)) {
      reader.problem(
          "scopes", "invalid_choice",
          fmt::format("use admin, or areas: {}", fmt::join(std::begin(kAreas) + 1, std::end(kAreas), " ")));
      break;
    }
  }
  for (std::size_t i = 0; i < projects.size(); ++i) {
    if (call.snapshot->project_ids.contains(projects[i])) continue;
    problems.push_back({fmt::format("/projects/{}", i), "unknown_project",
                        fmt::format("there is no project '{}'", projects[i])});
  }
  if (problems.empty() && scopes.empty()) reader.problem("scopes", "required", "give at least one scope");
  if (problems.empty() && check_key(name)) {
    reader.problem("name", "invalid_key",
                   "a name has 1 to 64 of a-z 0-9 _ . - and begins with a letter or digit");
  }
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  base::JsonWriter out;
  out.object().field("name", name).key("scopes").array();
  for (const auto& scope : scopes) out.value(scope);
  out.end_array();
  write_projects(out, projects);
  CARILLON_CO_TRY(const std::string token,
                  co_await call.deps.directory.create_management_key(std::move(name), std::move(scopes),
                                                                     std::move(projects), call.actor()));
  out.field("token", token).end_object();
  co_return json_reply(out, 201);
}

Task<Answer> delete_key(Call& call) {
  store::RecordKey key{std::string(pipeline::kKindManagementKey), 0, call.args[0]};
  auto record = co_await call.deps.store.get_record(key);
  if (!record && record.error().code == Errc::NotFound) {
    co_return std::unexpected(not_found(fmt::format("key '{}'", call.args[0].substr(0, 64))));
  }
  if (!record) co_return std::unexpected(Failure(record.error()));
  CARILLON_CO_TRY(model::ManagementKey stored, model::decode_management_key(record->data));
  stored.is_revoked = true;
  const std::int64_t version = record->version;
  record->data = model::encode(stored);
  CARILLON_CO_CHECK(co_await call.deps.directory.put(std::move(*record), version, call.actor()));
  co_return no_content();
}

constexpr Route admin_route(std::string_view method, std::string_view pattern, Access access, Handler handler,
                            std::string_view summary, std::string_view request, std::string_view response,
                            int status = 200) {
  const std::string_view tag = access.area.empty() ? "Management tokens" : "Apps";
  return administering_route(method, pattern, access, handler, tag, summary, request, response, status);
}

}  // namespace

std::span<const Route> app_routes() {
  static constexpr Access kApps = manage("apps");
  static const Route kRoutes[] = {
      admin_route("GET", "/v1/apps", kApps, list_apps, "List apps", {}, "AppList"),
      admin_route("POST", "/v1/apps", kApps, post_app, "Make an app; its secrets are shown once", "NewApp",
                  "AppSecrets", 201),
      admin_route("GET", "/v1/apps/{name}", kApps, get_app, "One app and its keys", {}, "App"),
      admin_route("PATCH", "/v1/apps/{name}", kApps, patch_app, "Change grants and limits, or disable it",
                  "App", "App"),
      with_optional_body(admin_route("POST", "/v1/apps/{name}/keys", kApps, post_app_key,
                                     "Make another key; its secret is shown once. A publishable one has none",
                                     "NewAppKey", "AppKeySecret", 201)),
      admin_route("DELETE", "/v1/apps/{name}/keys/{app_key}", kApps, delete_app_key,
                  "Refuse this key from now on", {}, {}, 204),
      admin_route("GET", "/v1/keys", kAdmin, list_keys, "List management tokens", {}, "ManagementKeyList"),
      admin_route("POST", "/v1/keys", kAdmin, post_key, "Make a management token; it is shown once",
                  "NewManagementKey", "ManagementToken", 201),
      admin_route("DELETE", "/v1/keys/{name}", kAdmin, delete_key, "Refuse this token from now on", {}, {},
                  204),
  };
  return kRoutes;
}

}  // namespace carillon::api
