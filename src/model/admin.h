// What administrators set up: apps and their keys, integrations, routes, pauses, project settings.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "model/alert.h"
#include "model/channel.h"
#include "model/client_jwt.h"
#include "model/profile.h"
#include "model/template.h"

namespace carillon::model {

enum class Scope : std::uint8_t { Send = 1, Read = 2, People = 4 };

// One key of an app. The secret itself is shown once; stored is its keyed hash.
struct AppKey {
  std::string key;          // ck_live_…, ck_test_…, pk_live_… or pk_test_…
  std::string secret_hash;  // hex of HMAC-SHA-256 under the credential pepper
  unsigned scopes = 7;      // Scope bits
  Time created_at{};
  bool is_revoked = false;
  [[nodiscard]] bool is_test() const noexcept {
    return key.starts_with("ck_test_") || key.starts_with("pk_test_");
  }
  // pk_live_… or pk_test_…: no secret and no scopes, it registers anonymous devices only.
  [[nodiscard]] bool is_publishable() const noexcept { return key.starts_with("pk_"); }
};

struct App {
  std::int64_t id = 0;  // the record's id; stored with each notification
  std::int32_t project = 1;
  std::string name;  // its key in the API
  bool is_disabled = false;
  std::vector<Channel> channels;        // empty: every channel
  std::vector<std::string> categories;  // empty: every category
  Priority max_priority = Priority::High;
  std::int64_t rate_limit = 0;      // notifications per second; 0: none
  std::int64_t critical_limit = 0;  // critical ones per second; 0: 100
  std::vector<AppKey> keys;
  [[nodiscard]] bool may_use(Channel channel) const noexcept;
  [[nodiscard]] bool may_use_category(std::string_view category) const noexcept;
};
std::string encode(const App& app);
Result<App> decode_app(std::string_view json);
void read_app(base::JsonElement body, App& into, base::Problems& problems);
// As the API shows it: keys without hashes.
void write_app(base::JsonWriter& out, const App& app);

// mt_… tokens for management calls.
struct ManagementKey {
  std::string name;
  std::string token_hash;
  std::vector<std::string> scopes;    // admin, or names of areas: people, templates, integrations, …
  std::vector<std::string> projects;  // their keys; empty: every project, and the installation itself
  bool is_revoked = false;
  Time created_at{};
};
std::string encode(const ManagementKey& key);
Result<ManagementKey> decode_management_key(std::string_view json);

struct Integration {
  std::string key;
  std::string provider;
  std::string settings = "{}";  // JSON; secrets sealed
  bool enabled = true;
  std::string paused;       // why, when the system or a person paused it; empty: it works
  std::string paused_by{};  // an actor
  std::optional<Time> paused_at{};
  Time created_at{};
  std::int64_t position = 0;  // the record's id: order of creation
  // Push: whose devices it serves, as its settings say; empty: they do not. Found when it is read, not
  // stored.
  std::string bundle, environment;
};
std::string encode(const Integration& integration);
Result<Integration> decode_integration(std::string_view json);

struct Route {
  std::string key;
  std::int64_t position = 0;
  // match: an empty field matches everything
  std::optional<Channel> channel;
  std::string platform, country, app, category;
  struct Step {
    std::string integration;
    std::int64_t weight = 1;
  };
  std::vector<Step> chain;
};
std::string encode(const Route& route);
Result<Route> decode_route(std::string_view json);
void read_route(base::JsonElement body, Route& into, base::Problems& problems);
void write_route(base::JsonWriter& out, const Route& route);

// The stop button: what it names is not claimed while it stands.
struct Pause {
  std::string id;
  std::string app, category, template_key, channel, priority;  // empty: any
  std::string reason, by;
  Time at{};
  [[nodiscard]] bool matches(std::string_view app_name, std::string_view category_key,
                             std::string_view template_name, Channel channel_of_delivery,
                             Priority delivery_priority) const noexcept;
};
std::string encode(const Pause& pause);
Result<Pause> decode_pause(std::string_view json);
void read_pause(base::JsonElement body, Pause& into, base::Problems& problems);
void write_pause(base::JsonWriter& out, const Pause& pause);

struct ProjectSettings {
  std::string locale = "en", time_zone = "UTC";
  std::optional<QuietHours> quiet_hours;
  bool unique_email = false;
  std::vector<std::string> cors_origins;  // pages that may call /v1/me and /v1/devices from a browser
  std::optional<ClientJwt> client_jwt;    // tokens the customer signs; none: they are refused
  std::optional<AlertSettings> alerts;    // where alerts go; none: nowhere
  BrandVariables brand;                   // brand.… in templates and layouts
};
std::string encode(const ProjectSettings& settings);  // as stored, secrets sealed
Result<ProjectSettings> decode_project_settings(std::string_view json);
// Changes what the body names; a null takes quiet_hours, client_jwt or alerts away. `before`: the settings
// whose secrets {"set":true} keeps.
void read_project_settings(base::JsonElement body, ProjectSettings& into, const ProjectSettings& before,
                           base::Problems& problems);
// As the API shows it: secrets as {"set":true}.
void write_project_settings(base::JsonWriter& out, const ProjectSettings& settings);

}  // namespace carillon::model
