#include "pipeline/directory.h"

#include <algorithm>
#include <tuple>

#include "base/log.h"
#include "pipeline/project_record.h"
#include "providers/catalog.h"

namespace carillon::pipeline {
namespace {

using store::Record;
using store::RecordKey;

constexpr std::size_t kKeysPerAppMax = 10;
constexpr std::size_t kVersionsCached = 1000;

std::string version_key(std::string_view key, int version) { return fmt::format("{}@{:06}", key, version); }

std::string seal_context(std::int32_t project, std::string_view integration, std::string_view setting) {
  return fmt::format("integration/{}/{}/{}", project, integration, setting);
}

// Which settings of a provider type are secret.
std::vector<std::string> secret_settings(std::string_view provider) {
  std::vector<std::string> names;
  const auto* type = providers::find_provider(provider);
  if (type == nullptr) return names;
  base::SettingsGroup group("settings");
  type->declare(group);
  for (const auto& setting : group.settings()) {
    if (setting.type == base::SettingType::Secret) names.push_back(setting.name);
  }
  return names;
}

// Copies a settings object, passing each secret string through `change`.
template <class F>
Result<std::string> map_secrets(std::string_view settings, std::string_view provider, F change) {
  const auto secrets = secret_settings(provider);
  base::JsonDocument document;
  CARILLON_TRY(const base::JsonElement root, document.parse(settings));
  base::JsonObject object;
  if (root.get_object().get(object) != simdjson::SUCCESS) {
    return fail(Errc::InvalidArgument, "settings must be a JSON object");
  }
  base::JsonWriter out;
  out.object();
  for (const auto [key, value] : object) {
    out.key(key);
    std::string_view text;
    if (std::ranges::find(secrets, key) != secrets.end() &&
        value.get_string().get(text) == simdjson::SUCCESS) {
      CARILLON_CHECK(change(out, key, text));
    } else {
      out.element(value);
    }
  }
  out.end_object();
  return out.str();
}

// Reads one project's records into a view.
class ViewBuilder {
 public:
  ViewBuilder(store::Store& store, std::int32_t id) : store_(store), view_(std::make_shared<ProjectView>()) {
    view_->id = id;
  }

  Task<Result<std::shared_ptr<ProjectView>>> build() {
    CARILLON_CO_CHECK(co_await read_categories());
    CARILLON_CO_CHECK(co_await read_templates());
    CARILLON_CO_CHECK(co_await read_layouts());
    CARILLON_CO_CHECK(co_await read_integrations());
    CARILLON_CO_CHECK(co_await read_rules());
    CARILLON_CO_CHECK(co_await read_rest());
    co_return view_;
  }

 private:
  void add(model::Category category) {
    std::string key = category.key;
    view_->categories.insert_or_assign(std::move(key),
                                       std::make_shared<const model::Category>(std::move(category)));
  }

  Task<Result<void>> read_categories() {
    add(model::general_category());
    add(model::security_category());
    CARILLON_CO_TRY(auto records, co_await all_records(store_, std::string(kKindCategory), view_->id));
    for (const Record& record : records) {
      base::JsonDocument document;
      CARILLON_CO_TRY(const auto root, document.parse(record.data));
      base::Problems problems;
      const bool is_security = record.key.key == "security";
      const auto base = is_security ? model::security_category() : model::general_category();
      add(model::read_category(root, record.key.key, base, problems));
    }
    co_return Result<void>{};
  }

  Task<Result<void>> read_templates() {
    CARILLON_CO_TRY(auto records, co_await all_records(store_, std::string(kKindTemplate), view_->id));
    for (const Record& record : records) {
      CARILLON_CO_TRY(const TemplateHead head, decode_template_head(record));
      const auto version = static_cast<int>(head.published);
      if (head.is_archived) view_->archived.insert(record.key.key);
      if (version == 0) continue;
      RecordKey key{std::string(kKindTemplateVersion), view_->id, version_key(record.key.key, version)};
      CARILLON_CO_TRY(const Record stored, co_await store_.get_record(std::move(key)));
      CARILLON_CO_TRY(model::Template t, model::decode_template(stored.data));
      t.key = record.key.key;
      t.version = version;
      t.is_published = true;
      view_->templates.emplace(record.key.key, std::make_shared<const model::Template>(std::move(t)));
    }
    co_return Result<void>{};
  }

  Task<Result<void>> read_layouts() {
    CARILLON_CO_TRY(auto records, co_await all_records(store_, std::string(kKindLayout), view_->id));
    for (const Record& record : records) {
      CARILLON_CO_TRY(LayoutHead head, decode_layout_head(record.data));
      view_->layouts.emplace(record.key.key, std::move(head));
    }
    co_return Result<void>{};
  }

  Task<Result<void>> read_integrations() {
    CARILLON_CO_TRY(auto records, co_await all_records(store_, std::string(kKindIntegration), view_->id));
    for (const Record& record : records) {
      CARILLON_CO_TRY(model::Integration integration, model::decode_integration(record.data));
      integration.key = record.key.key;
      integration.created_at = record.created_at;
      integration.position = record.id;
      view_->integrations.push_back(std::move(integration));
    }
    std::ranges::sort(view_->integrations, {}, &model::Integration::position);
    co_return Result<void>{};
  }

  Task<Result<void>> read_rules() {
    CARILLON_CO_TRY(auto records, co_await all_records(store_, std::string(kKindRule), view_->id));
    std::vector<model::Rule> rules;
    rules.reserve(records.size());
    for (const Record& record : records) {
      CARILLON_CO_TRY(model::Rule rule, model::decode_rule(record.data, record.key.key));
      rules.push_back(std::move(rule));
    }
    view_->rules = std::make_shared<const model::RuleSet>(std::move(rules));
    co_return Result<void>{};
  }

  Task<Result<void>> read_rest() {
    CARILLON_CO_TRY(auto routes, co_await all_records(store_, std::string(kKindRoute), view_->id));
    for (const Record& record : routes) {
      CARILLON_CO_TRY(model::Route route, model::decode_route(record.data));
      route.key = record.key.key;
      view_->routes.push_back(std::move(route));
    }
    std::ranges::sort(view_->routes, [](const model::Route& a, const model::Route& b) {
      return std::tie(a.position, a.key) < std::tie(b.position, b.key);
    });
    CARILLON_CO_TRY(auto senders, co_await all_records(store_, std::string(kKindSender), view_->id));
    for (const Record& record : senders) {
      CARILLON_CO_TRY(model::Sender sender, model::decode_sender(record.data));
      sender.key = record.key.key;
      view_->senders.push_back(std::move(sender));
    }
    CARILLON_CO_TRY(auto pauses, co_await all_records(store_, std::string(kKindPause), view_->id));
    for (const Record& record : pauses) {
      CARILLON_CO_TRY(model::Pause pause, model::decode_pause(record.data));
      pause.id = record.key.key;
      view_->pauses.push_back(std::move(pause));
    }
    CARILLON_CO_TRY(auto settings, co_await all_records(store_, std::string(kKindSettings), view_->id));
    for (const Record& record : settings) {
      CARILLON_CO_TRY(view_->settings, model::decode_project_settings(record.data));
    }
    co_return Result<void>{};
  }

  store::Store& store_;
  std::shared_ptr<ProjectView> view_;
};

// A setting sealed with another key verifies nothing, but must not keep the server from starting.
std::shared_ptr<const model::ClientJwtVerifier> make_verifier(const ProjectView& view,
                                                              const base::KeyRing& keys) {
  if (!view.settings.client_jwt) return nullptr;
  auto verifier =
      model::ClientJwtVerifier::open(*view.settings.client_jwt, [&](const model::ClientJwtKey& key) {
        return keys.sealer.open(key.sealed_secret, client_jwt_context(view.id, key.kid));
      });
  if (verifier) return std::make_shared<const model::ClientJwtVerifier>(std::move(*verifier));
  base::log_error("client_jwt of project '{}' is not usable: {}", view.name, verifier.error().message);
  return nullptr;
}

// Settings sealed with another key say nothing; they are complained of where the account is opened.
void find_whom_it_serves(const Directory& directory, std::int32_t project, model::Integration& integration) {
  const auto* const type = providers::find_provider(integration.provider);
  if (type == nullptr || (type->bundle == nullptr && type->environment == nullptr)) return;
  const auto settings = directory.open_settings(project, integration);
  if (!settings) return;
  base::JsonDocument document;
  const auto root = document.parse(*settings);
  if (!root) return;
  if (type->bundle != nullptr) integration.bundle = type->bundle(*root);
  if (type->environment != nullptr) integration.environment = type->environment(*root);
}

}  // namespace

std::string client_jwt_context(std::int32_t project, std::string_view kid) {
  return fmt::format("client_jwt/{}/{}", project, kid);
}

std::string alert_webhook_context(std::int32_t project) { return fmt::format("alerts/{}/webhook", project); }

const model::Integration* ProjectView::find_integration(std::string_view key) const {
  const auto it = std::ranges::find(integrations, key, &model::Integration::key);
  return it == integrations.end() ? nullptr : &*it;
}

std::expected<std::shared_ptr<const model::App>, std::string_view> Snapshot::usable_app(
    std::int64_t id) const {
  const auto it = apps.find(id);
  if (it == apps.end()) return std::unexpected("gone");
  if (it->second->is_disabled) return std::unexpected("disabled");
  return it->second;
}

Result<TemplateHead> decode_template_head(const store::Record& record) {
  TemplateHead head;
  head.record_version = record.version;
  base::JsonDocument document;
  CARILLON_TRY(const auto root, document.parse(record.data));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  reader.integer("latest", head.latest, 0, kVersionsMax);
  reader.integer("published", head.published, 0, kVersionsMax);
  reader.boolean("deleted", head.is_deleted);
  reader.boolean("archived", head.is_archived);
  return head;
}

const ProjectView* Snapshot::project(std::int32_t id) const {
  const auto it = projects.find(id);
  return it == projects.end() ? nullptr : it->second.get();
}

std::vector<const model::Pause*> Snapshot::restored_pauses() const {
  std::vector<const model::Pause*> found;
  for (const auto& [id, view] : projects) {
    for (const auto& pause : view->pauses) {
      if (pause.by == kRestoreActor) found.push_back(&pause);
    }
  }
  return found;
}

Directory::Directory(store::Store& store, const base::KeyRing& keys, const base::Clock& clock)
    : store_(store), keys_(keys), clock_(clock), current_(std::make_shared<Snapshot>()) {}

Task<Result<std::unique_ptr<Directory>>> Directory::open(store::Store& store, const base::KeyRing& keys,
                                                         const base::Clock& clock) {
  std::unique_ptr<Directory> directory(new Directory(store, keys, clock));
  RecordKey key{std::string(kKindProject), 0, "default"};
  const auto found = co_await store.get_record(key);
  if (!found && found.error().code != Errc::NotFound) co_return std::unexpected(found.error());
  if (!found) {
    Record record;
    record.key = std::move(key);
    record.data = encode_project({"default", !store.is_shared(), {}});
    const auto stored = co_await store.put_record(std::move(record), 0, "system", clock.now());
    if (!stored && stored.error().code != Errc::Conflict) co_return std::unexpected(stored.error());
  }
  CARILLON_CO_CHECK(co_await directory->reload());
  co_return directory;
}

std::shared_ptr<const Snapshot> Directory::snapshot() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

Task<Result<void>> Directory::reload() {
  auto next = std::make_shared<Snapshot>();
  const std::uint64_t read = ++reads_;
  CARILLON_CO_TRY(auto projects, co_await all_records(store_, std::string(kKindProject), 0));
  for (std::size_t i = 0; i < projects.size(); ++i) {
    const ProjectRecord project = decode_project(projects[i].data);
    const auto id =
        projects[i].key.key == "default" ? kDefaultProject : static_cast<std::int32_t>(projects[i].id);
    ViewBuilder builder(store_, id);
    CARILLON_CO_TRY(auto view, co_await builder.build());
    view->name = projects[i].key.key;
    view->title = project.title;
    view->created_at = projects[i].created_at;
    // A store of files that moved into PostgreSQL is a cluster's from then on: there nothing ends in the
    // sandbox by itself.
    view->sandbox_is_default = project.sandbox_default && !store_.is_shared();
    view->client_jwt = make_verifier(*view, keys_);
    for (auto& integration : view->integrations) find_whom_it_serves(*this, id, integration);
    CARILLON_CO_TRY(view->push_key, co_await obtain_push_key(store_, keys_.sealer, id, clock_.now()));
    next->project_ids.emplace(view->name, id);
    next->projects.emplace(id, view);
    CARILLON_CO_TRY(auto apps, co_await all_records(store_, std::string(kKindApp), id));
    for (const Record& record : apps) {
      CARILLON_CO_TRY(model::App app, model::decode_app(record.data));
      app.id = record.id;
      app.project = id;
      app.name = record.key.key;
      auto shared = std::make_shared<const model::App>(std::move(app));
      next->apps.emplace(shared->id, shared);
      for (const auto& k : shared->keys) next->app_keys.emplace(k.key, CredentialView{shared, &k});
    }
  }
  CARILLON_CO_TRY(auto keys, co_await all_records(store_, std::string(kKindManagementKey), 0));
  for (const Record& record : keys) {
    CARILLON_CO_TRY(model::ManagementKey k, model::decode_management_key(record.data));
    std::string hash = k.token_hash;
    next->management.emplace(std::move(hash), std::make_shared<const model::ManagementKey>(std::move(k)));
  }
  CARILLON_CO_CHECK(co_await read_members(*next));
  const std::lock_guard lock(mutex_);
  // One that was begun later, and knows more, may be done already.
  if (read < current_read_) co_return Result<void>{};
  current_read_ = read;
  next->generation = current_->generation + 1;
  current_ = std::move(next);
  co_return Result<void>{};
}

Task<Result<void>> Directory::follow() {
  const std::uint64_t revision = store_.revision().records;
  if (revision == followed_) co_return Result<void>{};
  CARILLON_CO_CHECK(co_await reload());
  followed_ = revision;
  co_return Result<void>{};
}

Task<Result<Record>> Directory::put(Record record, std::optional<std::int64_t> expected_version,
                                    store::Actor actor) {
  CARILLON_CO_TRY(Record stored, co_await store_.put_record(std::move(record), expected_version,
                                                            std::move(actor), clock_.now()));
  CARILLON_CO_CHECK(co_await reload());
  co_return stored;
}

Task<Result<void>> Directory::remove(RecordKey key, store::Actor actor) {
  CARILLON_CO_CHECK(co_await store_.delete_record(std::move(key), std::move(actor), clock_.now()));
  co_return co_await reload();
}

namespace {

Directory::NewKey make_key(bool is_test) {
  return {fmt::format("ck_{}_{}", is_test ? "test" : "live", base::random_text(20)), base::random_text(43)};
}

model::AppKey stored_key(const Directory::NewKey& key, const base::KeyRing& keys, unsigned scopes, Time now) {
  model::AppKey stored;
  stored.key = key.key;
  stored.secret_hash = keys.credential_hash(key.secret);
  stored.scopes = scopes;
  stored.created_at = now;
  return stored;
}

}  // namespace

Task<Result<Directory::NewApp>> Directory::create_app(std::int32_t project, std::string name,
                                                      store::Actor actor) {
  NewApp made{{}, make_key(false), make_key(true)};
  made.app.name = name;
  made.app.project = project;
  made.app.keys.push_back(stored_key(made.live, keys_, 7, clock_.now()));
  made.app.keys.push_back(stored_key(made.test, keys_, 7, clock_.now()));
  Record record;
  record.key = RecordKey{std::string(kKindApp), project, std::move(name)};
  record.data = model::encode(made.app);
  auto stored = co_await put(std::move(record), 0, std::move(actor));
  if (!stored) {
    if (stored.error().code == Errc::Conflict) {
      co_return fail(Errc::AlreadyExists,
                     fmt::format("an app named '{}' exists; choose another name, or add a key "
                                 "to it with 'carillon app key'",
                                 made.app.name));
    }
    co_return std::unexpected(stored.error());
  }
  made.app.id = stored->id;
  co_return made;
}

Task<Result<Directory::NewKey>> Directory::add_app_key(std::int32_t project, std::string name, bool is_test,
                                                       unsigned scopes, store::Actor actor) {
  NewKey made = make_key(is_test);
  CARILLON_CO_CHECK(co_await add_key(project, std::move(name), stored_key(made, keys_, scopes, clock_.now()),
                                     std::move(actor)));
  co_return made;
}

Task<Result<std::string>> Directory::add_publishable_key(std::int32_t project, std::string name, bool is_test,
                                                         store::Actor actor) {
  model::AppKey key;
  key.key = fmt::format("pk_{}_{}", is_test ? "test" : "live", base::random_text(24));
  key.scopes = 0;
  key.created_at = clock_.now();
  CARILLON_CO_CHECK(co_await add_key(project, std::move(name), key, std::move(actor)));
  co_return key.key;
}

Task<Result<void>> Directory::add_key(std::int32_t project, std::string name, model::AppKey new_key,
                                      store::Actor actor) {
  RecordKey key{std::string(kKindApp), project, std::move(name)};
  CARILLON_CO_TRY(Record record, co_await store_.get_record(std::move(key)));
  CARILLON_CO_TRY(model::App app, model::decode_app(record.data));
  const auto live = std::ranges::count(app.keys, false, &model::AppKey::is_revoked);
  if (live >= static_cast<std::ptrdiff_t>(kKeysPerAppMax)) {
    co_return fail(Errc::ResourceExhausted, "an app has at most ten keys; revoke one first");
  }
  app.keys.push_back(std::move(new_key));
  record.data = model::encode(app);
  const auto version = record.version;
  CARILLON_CO_CHECK(co_await put(std::move(record), version, std::move(actor)));
  co_return Result<void>{};
}

Task<Result<std::string>> Directory::create_management_key(std::string name, std::vector<std::string> scopes,
                                                           std::vector<std::string> projects,
                                                           store::Actor actor) {
  std::string token = "mt_" + base::random_text(43);
  model::ManagementKey key;
  key.name = name;
  key.token_hash = keys_.credential_hash(token);
  key.scopes = std::move(scopes);
  key.projects = std::move(projects);
  key.created_at = clock_.now();
  Record record;
  record.key = RecordKey{std::string(kKindManagementKey), 0, std::move(name)};
  record.data = model::encode(key);
  auto stored = co_await put(std::move(record), 0, std::move(actor));
  if (!stored) {
    if (stored.error().code == Errc::Conflict) {
      co_return fail(Errc::AlreadyExists,
                     fmt::format("a key named '{}' exists; choose another name", key.name));
    }
    co_return std::unexpected(stored.error());
  }
  co_return token;
}

Result<CredentialView> Directory::check_app_key(const Snapshot& snapshot, std::string_view key,
                                                std::string_view secret) const {
  const auto it = snapshot.app_keys.find(key);
  const auto hash = keys_.credential_hash(secret);
  if (it == snapshot.app_keys.end() || it->second.key->is_revoked || it->second.key->is_publishable() ||
      !base::equal_constant_time(hash, it->second.key->secret_hash)) {
    return fail(Errc::Unauthenticated, "the app key or its secret is wrong");
  }
  if (it->second.app->is_disabled) {
    return fail(Errc::PermissionDenied, fmt::format("the app '{}' is disabled", it->second.app->name));
  }
  return it->second;
}

Result<CredentialView> Directory::check_publishable_key(const Snapshot& snapshot, std::string_view key) {
  const auto it = snapshot.app_keys.find(key);
  if (it == snapshot.app_keys.end() || it->second.key->is_revoked || !it->second.key->is_publishable()) {
    return fail(Errc::Unauthenticated, "the publishable key is unknown or revoked");
  }
  if (it->second.app->is_disabled) {
    return fail(Errc::PermissionDenied, fmt::format("the app '{}' is disabled", it->second.app->name));
  }
  return it->second;
}

Result<std::shared_ptr<const model::ManagementKey>> Directory::check_management_token(
    const Snapshot& snapshot, std::string_view token) const {
  const auto hash = keys_.credential_hash(token);
  const auto it = snapshot.management.find(std::string_view(hash));
  if (it == snapshot.management.end() || it->second->is_revoked) {
    return fail(Errc::Unauthenticated, "the management token is unknown or revoked");
  }
  return it->second;
}

Task<Result<std::shared_ptr<const model::Template>>> Directory::template_version(std::int32_t project,
                                                                                 std::string key,
                                                                                 int version) {
  const auto current = snapshot();
  if (const auto* view = current->project(project)) {
    const auto it = view->templates.find(key);
    if (it != view->templates.end() && it->second->version == version) co_return it->second;
  }
  const std::string name = version_key(key, version);
  const std::string cache_key = fmt::format("{}/{}", project, name);
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = versions_.find(cache_key); it != versions_.end()) co_return it->second;
  }
  RecordKey record_key{std::string(kKindTemplateVersion), project, name};
  CARILLON_CO_TRY(const Record record, co_await store_.get_record(std::move(record_key)));
  CARILLON_CO_TRY(model::Template t, model::decode_template(record.data));
  t.key = std::move(key);
  t.version = version;
  auto shared = std::make_shared<const model::Template>(std::move(t));
  const std::lock_guard lock(mutex_);
  if (versions_.size() >= kVersionsCached) versions_.clear();
  versions_.insert_or_assign(cache_key, shared);
  co_return shared;
}

Task<Result<void>> Directory::put_template_head(std::int32_t project, std::string key, TemplateHead head,
                                                store::Actor actor) {
  base::JsonWriter out;
  out.object().field("latest", head.latest).field("published", head.published);
  if (head.is_deleted) out.field("deleted", true);
  if (head.is_archived) out.field("archived", true);
  out.end_object();
  Record record;
  record.key = RecordKey{std::string(kKindTemplate), project, std::move(key)};
  record.data = out.str();
  CARILLON_CO_CHECK(co_await put(std::move(record), head.record_version, std::move(actor)));
  co_return Result<void>{};
}

Task<Result<int>> Directory::put_template(std::int32_t project, model::Template draft, bool publish,
                                          store::Actor actor) {
  RecordKey key{std::string(kKindTemplate), project, draft.key};
  auto head = co_await store_.get_record(key);
  if (!head && head.error().code != Errc::NotFound) co_return std::unexpected(head.error());
  TemplateHead known;
  if (head) { CARILLON_CO_TRY(known, decode_template_head(*head)); }
  draft.version = static_cast<int>(++known.latest);
  draft.is_published = publish;
  base::JsonWriter content;
  model::write_template(content, draft);
  Record version;
  version.key = RecordKey{std::string(kKindTemplateVersion), project, version_key(draft.key, draft.version)};
  version.data = content.str();
  CARILLON_CO_CHECK(co_await store_.put_record(std::move(version), 0, actor, clock_.now()));
  if (publish) known.published = known.latest;
  known.is_deleted = false;
  CARILLON_CO_CHECK(co_await put_template_head(project, std::move(key.key), known, std::move(actor)));
  co_return draft.version;
}

Task<Result<void>> Directory::put_integration(std::int32_t project, model::Integration integration,
                                              store::Actor actor) {
  const auto seal = [&](base::JsonWriter& out, std::string_view setting,
                        std::string_view text) -> Result<void> {
    const auto context = seal_context(project, integration.key, setting);
    // A value this installation sealed for this very setting is kept: settings read from the store.
    if (text.starts_with("v1:") && keys_.sealer.open(text, context)) {
      out.value(text);
    } else {
      out.value(keys_.sealer.seal(text, context));
    }
    return {};
  };
  CARILLON_CO_TRY(integration.settings, map_secrets(integration.settings, integration.provider, seal));
  const auto current = snapshot();
  const auto* view = current->project(project);
  if (view == nullptr) co_return fail(Errc::NotFound, "there is no such project");
  const bool ends_sandbox =
      view->sandbox_is_default && integration.provider != providers::sandbox_type().name;
  if (ends_sandbox) {
    Record record;
    record.key = RecordKey{std::string(kKindProject), 0, view->name};
    record.data = encode_project({view->name, false, view->title});
    CARILLON_CO_CHECK(co_await store_.put_record(std::move(record), std::nullopt, actor, clock_.now()));
  }
  Record record;
  record.key = RecordKey{std::string(kKindIntegration), project, integration.key};
  record.data = model::encode(integration);
  CARILLON_CO_CHECK(co_await put(std::move(record), std::nullopt, std::move(actor)));
  co_return Result<void>{};
}

Result<std::string> Directory::open_settings(std::int32_t project, const model::Integration& i) const {
  return map_secrets(
      i.settings, i.provider,
      [&](base::JsonWriter& out, std::string_view setting, std::string_view text) -> Result<void> {
        CARILLON_TRY(const base::Secret secret,
                     keys_.sealer.open(text, seal_context(project, i.key, setting)));
        out.value(secret.reveal());
        return {};
      });
}

std::string Directory::masked_settings(const model::Integration& i) const {
  auto masked = map_secrets(i.settings, i.provider,
                            [](base::JsonWriter& out, std::string_view, std::string_view) -> Result<void> {
                              out.object().field("set", true).end_object();
                              return {};
                            });
  return masked ? std::move(*masked) : "{}";
}

}  // namespace carillon::pipeline
