// Who asks, and whether they may.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/failure.h"
#include "model/client_token.h"
#include "pipeline/directory.h"

namespace carillon::api {

enum class Who : std::uint8_t {
  Nobody,       // no credential was given
  App,          // Basic app_key:app_secret
  Management,   // Bearer mt_…
  Member,       // Bearer mt_… of a person, or a session cookie: who has a role in each project
  Control,      // an administrator of this installation
  Client,       // Bearer ct_…, or a JWT the customer signed: one user, on a phone or in a browser
  Publishable,  // Bearer pk_…: an app on a phone before anybody signed in
};

struct Identity {
  Who who = Who::Nobody;
  std::int32_t project = pipeline::kDefaultProject;
  bool is_test = false;  // App, Publishable: a test key; Client: made with one
  unsigned scopes = 0;   // App: model::Scope bits; Client: model::ClientScope bits
  // App, Publishable; Client: who made its token, if an app; Management, Member: as which app it acts, if as
  // one
  std::shared_ptr<const model::App> app;
  std::shared_ptr<const model::ManagementKey> key;  // Management
  std::shared_ptr<const model::Member> member;      // Member
  std::optional<model::Role> role;                  // Member: in `project`
  std::int64_t session_id = 0;                      // Member: signed in with a cookie; 0: by a token
  std::string user_id;                              // Client
  Time issued_at{}, expires_at{};                   // Client
  bool is_own_token = false;                        // Client: a ct_ token, not a JWT

  // Whether a management token, a member or the control socket may act in the project with that key, or be
  // told of it. Apps and clients have one project, by their key or token: false.
  [[nodiscard]] bool is_for(std::string_view project_key) const;
  // May do what is no project's: make projects, members, management tokens.
  [[nodiscard]] bool is_of_installation() const;
  // For audit: "app:shop", "key:ops", "member:ann", "cli", "client:42", "publishable:shop".
  [[nodiscard]] std::string actor() const;
  // The app's record id; 0 for whoever sees every app.
  [[nodiscard]] std::int64_t app_id() const noexcept { return app ? app->id : 0; }
  // A person or a management token that does what one app may, and sees what is that app's.
  [[nodiscard]] bool acts_as_app() const noexcept {
    return app && (who == Who::Management || who == Who::Member);
  }
};

// Who may call a route.
struct Access {
  unsigned app_scopes = 0;  // an app key needs one of these model::Scope bits; 0: no app key may
  std::string_view
      area;  // management scopes of which one suffices besides admin, separated by " or "; empty: none
  bool is_open = false;  // anybody, without a credential
  // Not 0: only a client whose token has one of these model::ClientScope bits, on what is its user's.
  unsigned client_scopes = 0;
  bool is_publishable = false;  // a publishable key too
  bool is_any = false;          // whoever has a credential
  bool is_session = false;      // only a member who signed in, on what is the member's own
  bool is_of_all_apps = false;  // nobody who acts as one app

  // What phones and browsers call: from pages of listed origins, and on the public listener.
  [[nodiscard]] constexpr bool is_for_clients() const noexcept {
    return client_scopes != 0 || is_publishable || is_any;
  }
};

// Finds out who an Authorization header belongs to. Thread-safe. What was found is kept per thread and
// snapshot generation, so that the keyed hash of a secret (3.3 µs) is not computed for each request;
// kept is a hash of the header under a key of this process, never the header.
class Authenticator {
 public:
  // Both outlive it.
  Authenticator(const pipeline::Directory& directory, const base::KeyRing& keys);
  // Nobody for an empty header. Whether a client's user is still there and its token not called back is for
  // refuse_client() to find out. Failures: 401 unauthenticated · 403 app_disabled.
  [[nodiscard]] std::expected<Identity, Failure> identify(std::string_view authorization,
                                                          const pipeline::Snapshot& snapshot, Time now) const;

 private:
  using Found = std::expected<Identity, Failure>;
  [[nodiscard]] Found verify(std::string_view authorization, const pipeline::Snapshot& snapshot,
                             Time now) const;
  [[nodiscard]] Found verify_basic(std::string_view pair, const pipeline::Snapshot& snapshot) const;
  [[nodiscard]] Found verify_client_token(std::string_view token, const pipeline::Snapshot& snapshot,
                                          Time now) const;
  const pipeline::Directory& directory_;
  const base::KeyRing& keys_;
  const std::uint64_t instance_;  // tells the per-thread entries of two objects apart
  const base::KeyedHash hash_;
};

// Whom the identity acts in: the project that is asked for by key, else the one it is given for, else the
// default one. nullopt: chosen. Apps and clients have one and are not asked. Failures: 404 unknown_project,
// also for those that are not for this caller.
[[nodiscard]] std::optional<Failure> choose_project(Identity& identity, const pipeline::Snapshot& snapshot,
                                                    std::string_view asked);

// As which app the identity acts: the one that is asked for by name, else the first of those to which its
// member is bound, else none. nullopt: chosen. Apps and clients are not asked. `is_looking`: what a disabled
// app did may be looked at. Failures: 404 app_not_found, also for those that are not the member's · 403
// app_disabled.
[[nodiscard]] std::optional<Failure> choose_app(Identity& identity, const pipeline::Snapshot& snapshot,
                                                std::string_view asked, bool is_looking);

// `is_looking`: nothing is changed by it. nullopt: allowed. Failures: 401 (a credential is needed) · 403
// missing_scope app_bound.
[[nodiscard]] std::optional<Failure> refuse_access(const Identity& identity, const Access& access,
                                                   bool is_looking);

}  // namespace carillon::api
