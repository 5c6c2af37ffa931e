// Who asks, and whether they may.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/failure.h"
#include "pipeline/directory.h"

namespace carillon::api {

enum class Who : std::uint8_t {
  Nobody,      // no credential was given
  App,         // Basic app_key:app_secret
  Management,  // Bearer mt_…
  Control,     // an administrator of this installation
};

struct Identity {
  Who who = Who::Nobody;
  std::int32_t project = pipeline::kDefaultProject;
  bool is_test = false;                             // App: a ck_test_ key
  unsigned scopes = 0;                              // App: model::Scope bits
  std::shared_ptr<const model::App> app;            // App
  std::shared_ptr<const model::ManagementKey> key;  // Management

  [[nodiscard]] std::string actor() const;  // for audit: "app:shop", "key:ops", "cli"
  // The app's record id; 0 for whoever sees every app.
  [[nodiscard]] std::int64_t app_id() const noexcept { return app ? app->id : 0; }
};

// Who may call a route.
struct Access {
  unsigned app_scopes = 0;  // an app key needs one of these model::Scope bits; 0: no app key may
  std::string_view area;    // the management scope that suffices besides admin; empty: admin only
  bool is_open = false;     // anybody, without a credential
};

// Finds out who an Authorization header belongs to. Thread-safe. What was found is kept per thread and
// snapshot generation, so that the keyed hash of a secret (3.3 µs) is not computed for each request;
// kept is a hash of the header under a key of this process, never the header.
class Authenticator {
 public:
  explicit Authenticator(const pipeline::Directory& directory);
  // Nobody for an empty header. Failures: 401 unauthenticated · 403 app_disabled.
  [[nodiscard]] std::expected<Identity, Failure> identify(std::string_view authorization,
                                                          const pipeline::Snapshot& snapshot) const;

 private:
  [[nodiscard]] std::expected<Identity, Failure> verify(std::string_view authorization,
                                                        const pipeline::Snapshot& snapshot) const;
  const pipeline::Directory& directory_;
  const std::uint64_t instance_;  // tells the per-thread entries of two objects apart
  const base::KeyedHash hash_;
};

// nullopt: allowed. Failures: 401 (a credential is needed) · 403 missing_scope.
[[nodiscard]] std::optional<Failure> refuse_access(const Identity& identity, const Access& access);

}  // namespace carillon::api
