#include "api/auth.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <span>
#include <unordered_map>

#include "model/client_jwt.h"

namespace carillon::api {
namespace {

constexpr std::size_t kKeptMax = 1024;  // verified headers per thread
constexpr std::string_view kDefaultKey = "default";

std::uint64_t next_instance() {
  static std::atomic<std::uint64_t> count{0};
  return ++count;
}

struct HashOfHash {
  std::size_t operator()(const base::Hash128& h) const noexcept {
    std::size_t n = 0;
    std::memcpy(&n, h.data(), sizeof n);
    return n;
  }
};

// What this thread has verified, for one snapshot of one directory.
struct Kept {
  std::uint64_t instance = 0, generation = 0;
  std::unordered_map<base::Hash128, Identity, HashOfHash> entries;
};

Failure unauthenticated(std::string detail) {
  Failure failure(401, "unauthenticated", std::move(detail));
  failure.headers.emplace_back("WWW-Authenticate", R"(Basic realm="carillon", charset="UTF-8")");
  failure.headers.emplace_back("WWW-Authenticate", R"(Bearer realm="carillon")");
  return failure;
}

// "Basic abc" → {"basic", "abc"}.
bool is_scheme(std::string_view header, std::string_view scheme, std::string_view& rest) {
  if (header.size() <= scheme.size() || header[scheme.size()] != ' ') return false;
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    if ((header[i] | 0x20) != scheme[i]) return false;
  }
  rest = header.substr(scheme.size() + 1);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  return true;
}

// A key is used until it is replaced, so that what was verified is worth keeping. Client tokens are many,
// short-lived and as quick to verify as to find; those with a public-key signature are not.
bool is_worth_keeping(const Identity& identity) { return !identity.is_own_token; }

std::unexpected<Failure> refused(const Error& error) {
  if (error.code == Errc::PermissionDenied) return failed(403, "app_disabled", error.message);
  return std::unexpected(unauthenticated(error.message));
}

std::expected<Identity, Failure> publishable(std::string_view key, const pipeline::Snapshot& snapshot) {
  const auto view = pipeline::Directory::check_publishable_key(snapshot, key);
  if (!view) return refused(view.error());
  Identity identity;
  identity.who = Who::Publishable;
  identity.app = view->app;
  identity.project = view->app->project;
  identity.is_test = view->key->is_test();
  return identity;
}

std::expected<Identity, Failure> member_identity(std::shared_ptr<const model::Member> member) {
  if (member->is_disabled)
    return failed(403, "member_disabled", fmt::format("the member '{}' is disabled", member->key));
  Identity identity;
  identity.who = Who::Member;
  identity.member = std::move(member);
  return identity;
}

// Of the projects a credential is for: the one asked for; without a wish the default one, else the first.
std::optional<Failure> choose_among(Identity& identity, const pipeline::Snapshot& snapshot,
                                    std::string_view asked) {
  std::vector<std::string_view> found;
  for (const auto& [key, id] : snapshot.project_ids) {
    if ((asked.empty() || asked == key) && identity.is_for(key)) found.push_back(key);
  }
  if (found.empty()) {
    return Failure(
        404, "unknown_project",
        asked.empty() ? "this credential is for no project that is there" : "there is no such project");
  }
  const std::string_view fallback = *std::ranges::min_element(found);
  const bool has_default = std::ranges::find(found, kDefaultKey) != found.end();
  identity.project = snapshot.project_ids.at(std::string(has_default ? kDefaultKey : fallback));
  return std::nullopt;
}

// "jobs or people": whether one of them will do.
bool is_one_of(std::string_view areas, const std::function<bool(std::string_view)>& will_do) {
  constexpr std::string_view kOr = " or ";
  while (!areas.empty()) {
    const std::size_t end = std::min(areas.find(kOr), areas.size());
    if (will_do(areas.substr(0, end))) return true;
    areas.remove_prefix(std::min(end + kOr.size(), areas.size()));
  }
  return false;
}

Failure outside_of_projects() {
  return Failure(403, "missing_scope", "this is for administrators of the whole installation");
}

// A JWT names its project by issuer, audience and signature: the first that takes it has it.
std::expected<Identity, Failure> jwt_client(std::string_view token, const pipeline::Snapshot& snapshot,
                                            Time now) {
  std::vector<const pipeline::ProjectView*> views;
  for (const auto& [id, view] : snapshot.projects) {
    if (view->client_jwt) views.push_back(view.get());
  }
  std::ranges::sort(views, {}, &pipeline::ProjectView::id);
  std::string why = "no project takes tokens signed elsewhere; set client_jwt in /v1/settings";
  for (const auto* view : views) {
    auto claims = view->client_jwt->verify(token, now);
    if (!claims) {
      why = claims.error().message;
      continue;
    }
    Identity identity;
    identity.who = Who::Client;
    identity.project = view->id;
    identity.scopes = model::kClientScopesAll;
    identity.user_id = std::move(claims->user_id);
    identity.issued_at = claims->issued_at;
    identity.expires_at = claims->expires_at;
    return identity;
  }
  return std::unexpected(unauthenticated(std::move(why)));
}

}  // namespace

std::string Identity::actor() const {
  switch (who) {
    case Who::App: return "app:" + app->name;
    case Who::Management: return "key:" + key->name;
    case Who::Member: return "member:" + member->key;
    case Who::Control: return "cli";
    case Who::Client: return "client:" + user_id;
    case Who::Publishable: return "publishable:" + app->name;
    case Who::Nobody: return "nobody";
  }
  return {};
}

bool Identity::is_for(std::string_view project_key) const {
  switch (who) {
    case Who::Control: return true;
    case Who::Management:
      return key->projects.empty() || std::ranges::find(key->projects, project_key) != key->projects.end();
    case Who::Member: return member->role_in(project_key).has_value();
    case Who::Nobody:
    case Who::App:
    case Who::Client:
    case Who::Publishable: return false;
  }
  return false;
}

bool Identity::is_of_installation() const {
  switch (who) {
    case Who::Control: return true;
    case Who::Management: return key->projects.empty();
    case Who::Member: return member->is_of_installation();
    case Who::Nobody:
    case Who::App:
    case Who::Client:
    case Who::Publishable: return false;
  }
  return false;
}

Authenticator::Authenticator(const pipeline::Directory& directory, const base::KeyRing& keys)
    : directory_(directory), keys_(keys), instance_(next_instance()), hash_(base::random_bytes(16)) {}

std::expected<Identity, Failure> Authenticator::identify(std::string_view authorization,
                                                         const pipeline::Snapshot& snapshot, Time now) const {
  if (authorization.empty()) return Identity{};
  static thread_local Kept kept;
  if (kept.instance != instance_ || kept.generation != snapshot.generation ||
      kept.entries.size() > kKeptMax) {
    kept.entries.clear();
    kept.instance = instance_;
    kept.generation = snapshot.generation;
  }
  const base::Hash128 hash = hash_({authorization});
  if (const auto it = kept.entries.find(hash); it != kept.entries.end()) {
    const bool is_valid = it->second.who != Who::Client || now < it->second.expires_at;
    if (is_valid) return it->second;
    kept.entries.erase(it);
  }
  auto identity = verify(authorization, snapshot, now);
  if (identity && is_worth_keeping(*identity)) kept.entries.emplace(hash, *identity);
  return identity;
}

Authenticator::Found Authenticator::verify_basic(std::string_view pair,
                                                 const pipeline::Snapshot& snapshot) const {
  const auto plain = base::unbase64(pair);
  const std::size_t colon = plain ? plain->find(':') : std::string::npos;
  if (colon == std::string::npos) {
    return std::unexpected(unauthenticated("the Basic credential is not base64 of app_key:app_secret"));
  }
  const auto view = directory_.check_app_key(snapshot, std::string_view(*plain).substr(0, colon),
                                             std::string_view(*plain).substr(colon + 1));
  if (!view) return refused(view.error());
  Identity identity;
  identity.who = Who::App;
  identity.app = view->app;
  identity.project = view->app->project;
  identity.scopes = view->key->scopes;
  identity.is_test = view->key->is_test();
  return identity;
}

Authenticator::Found Authenticator::verify_client_token(std::string_view token,
                                                        const pipeline::Snapshot& snapshot, Time now) const {
  const auto read = model::read_client_token(token, keys_.sealer.key_id(), keys_.client_key, now);
  if (!read) return refused(read.error());
  Identity identity;
  if (read->app != 0) {
    const auto it = snapshot.apps.find(read->app);
    if (it == snapshot.apps.end() || it->second->project != read->project) {
      return std::unexpected(unauthenticated("the app that made this token is gone"));
    }
    if (it->second->is_disabled) {
      return failed(403, "app_disabled", fmt::format("the app '{}' is disabled", it->second->name));
    }
    identity.app = it->second;
  }
  if (snapshot.project(read->project) == nullptr) {
    return std::unexpected(unauthenticated("the project of this token is gone"));
  }
  identity.who = Who::Client;
  identity.project = read->project;
  identity.is_test = read->is_test;
  identity.scopes = read->scopes;
  identity.user_id = read->user_id;
  identity.issued_at = read->issued_at;
  identity.expires_at = read->expires_at;
  identity.is_own_token = true;
  return identity;
}

Authenticator::Found Authenticator::verify(std::string_view authorization, const pipeline::Snapshot& snapshot,
                                           Time now) const {
  std::string_view rest;
  if (is_scheme(authorization, "basic", rest)) return verify_basic(rest, snapshot);
  if (is_scheme(authorization, "bearer", rest)) {
    if (rest.starts_with(model::kClientTokenPrefix)) return verify_client_token(rest, snapshot, now);
    if (rest.starts_with("pk_")) return publishable(rest, snapshot);
    if (model::looks_like_jwt(rest)) return jwt_client(rest, snapshot, now);
    if (auto member = directory_.find_member(snapshot, rest)) return member_identity(std::move(member));
    const auto key = directory_.check_management_token(snapshot, rest);
    if (!key) return std::unexpected(unauthenticated(key.error().message));
    Identity identity;
    identity.who = Who::Management;
    identity.key = *key;
    return identity;
  }
  return std::unexpected(unauthenticated("use Basic app_key:app_secret, or Bearer with a token"));
}

std::optional<Failure> choose_project(Identity& identity, const pipeline::Snapshot& snapshot,
                                      std::string_view asked) {
  switch (identity.who) {
    case Who::Nobody:
    case Who::App:
    case Who::Client:
    case Who::Publishable: return std::nullopt;
    case Who::Control:
    case Who::Management: return choose_among(identity, snapshot, asked);
    case Who::Member:
      if (auto failure = choose_among(identity, snapshot, asked)) return failure;
      identity.role = identity.member->role_in(snapshot.project(identity.project)->name);
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Failure> choose_app(Identity& identity, const pipeline::Snapshot& snapshot,
                                  std::string_view asked, bool is_looking) {
  if (identity.who != Who::Management && identity.who != Who::Member) return std::nullopt;
  const auto* const project = snapshot.project(identity.project);
  std::span<const std::string> own;
  if (identity.member && project != nullptr) own = identity.member->apps_in(project->name);
  if (asked.empty() && own.empty()) return std::nullopt;
  const bool is_own = own.empty() || std::ranges::find(own, asked) != own.end();
  std::shared_ptr<const model::App> found;
  for (const auto& [id, app] : snapshot.apps) {
    if (app->project != identity.project) continue;
    if (asked.empty()) {
      const bool is_first = !found || app->name < found->name;
      if (is_first && std::ranges::find(own, app->name) != own.end()) found = app;
    } else if (is_own && app->name == asked) {
      found = app;
    }
  }
  if (!found) {
    return Failure(404, "app_not_found",
                   asked.empty() ? "none of the apps of this member is there" : "there is no such app");
  }
  if (found->is_disabled && !is_looking)
    return Failure(403, "app_disabled", fmt::format("the app '{}' is disabled", found->name));
  identity.app = std::move(found);
  return std::nullopt;
}

std::optional<Failure> refuse_access(const Identity& identity, const Access& access, bool is_looking) {
  if (access.is_open) return std::nullopt;
  if (access.is_any && identity.who != Who::Nobody) return std::nullopt;
  if (access.client_scopes != 0) {
    if (identity.who == Who::Nobody) return unauthenticated("this call needs a client's token: Bearer ct_…");
    if (identity.who != Who::Client)
      return Failure(403, "not_a_client", "this is for a signed-in client; use /v1/users/{user_id} instead");
    if ((identity.scopes & access.client_scopes) != 0) return std::nullopt;
    return Failure(403, "missing_scope", "this client token lacks the scope for it");
  }
  if (access.is_session) {
    if (identity.session_id != 0) return std::nullopt;
    if (identity.who == Who::Nobody) return unauthenticated("nobody is signed in; POST /v1/session");
    return Failure(403, "not_a_session", "this is for a member who signed in with a password");
  }
  if (access.is_of_all_apps && identity.acts_as_app()) {
    return Failure(
        403, "app_bound",
        fmt::format("this is for all apps of the project, and you act as '{}'", identity.app->name));
  }
  switch (identity.who) {
    case Who::Control: return std::nullopt;
    case Who::Nobody:
      return unauthenticated("this call needs a credential: Basic app_key:app_secret, or Bearer mt_…");
    case Who::Client: return Failure(403, "missing_scope", "client tokens reach /v1/me only");
    case Who::Publishable:
      if (access.is_publishable) return std::nullopt;
      return Failure(403, "missing_scope", "publishable keys register anonymous devices only");
    case Who::App:
      if ((identity.scopes & access.app_scopes) != 0) return std::nullopt;
      return Failure(403, "missing_scope",
                     access.app_scopes == 0 ? "app keys may not do this; use a management token"
                                            : "this app key lacks the scope for it");
    case Who::Member:
      if (access.area.empty())
        return identity.is_of_installation() ? std::nullopt : std::optional(outside_of_projects());
      if (identity.role && is_one_of(access.area, [&](std::string_view area) {
            return model::may(*identity.role, area, is_looking);
          })) {
        return std::nullopt;
      }
      return Failure(403, "missing_scope",
                     fmt::format("as {} in this project you may not do this; ask an administrator",
                                 identity.role ? model::name(*identity.role) : "nobody"));
    case Who::Management: {
      const auto& scopes = identity.key->scopes;
      const auto has = [&](std::string_view scope) {
        return std::ranges::find(scopes, scope) != scopes.end();
      };
      if (access.area.empty() && has("admin") && !identity.is_of_installation()) return outside_of_projects();
      if (has("admin") || is_one_of(access.area, has)) return std::nullopt;
      return Failure(
          403, "missing_scope",
          fmt::format("this token needs the scope {}", access.area.empty() ? "admin" : access.area));
    }
  }
  return Failure(403, "forbidden", "this is not allowed");
}

}  // namespace carillon::api
