// Who may call what, written down by hand: every route with every kind of credential. What is expected comes
// from the table below and from nothing of the program; access_test.cpp holds answers to what the routes
// declare.
#include <algorithm>

#include "api/api_fixture_test.h"
#include "api/router.h"
#include "api/session_cookie.h"

namespace carillon::api {
namespace {

// The least a member must be.
enum class By : std::uint8_t { Viewer, Sender, Administrator, Installation, Nobody };

struct Row {
  std::string_view methods;  // separated by spaces; *: all of them
  std::string_view path;     // of the route, or its beginning up to a slash
  std::string_view apps;     // scopes of app keys of which one will do: "send read people"
  std::string_view areas;    // scopes of management tokens likewise, besides admin
  By member = By::Nobody;
  bool is_of_all_apps = false;  // not for who is bound to some apps of the project, or acts as one
};

// The first that fits counts. Areas of management tokens are one for each kind of thing; a viewer looks at
// all but the audit trail; a sender also sends, and changes people, content and schedules; what costs, what
// reaches out and who may what is for administrators.
constexpr Row kRows[] = {
    {"GET", "/v1/users/{user_id}/notifications", "read", "read", By::Viewer},
    {"GET", "/v1/notifications", "read", "read", By::Viewer},
    {"POST", "/v1/notifications/export", "read", "read", By::Viewer},
    {"POST", "/v1/deliveries/export", "read", "read", By::Viewer},
    {"*", "/v1/notifications", "send", "send", By::Sender},
    {"POST", "/v1/push/send", "send", "send", By::Sender},
    {"POST", "/v1/sms/send", "send", "send", By::Sender},
    {"POST", "/v1/email/send", "send", "send", By::Sender},
    {"POST", "/v1/voice/send", "send", "send", By::Sender},
    {"POST", "/v1/events", "send", "send", By::Sender},
    {"GET", "/v1/deliveries", "read", "read", By::Viewer},
    {"GET", "/v1/accountability", "read", "read", By::Viewer},
    {"GET", "/v1/queues", "read", "read", By::Viewer},
    {"GET", "/v1/stream", "", "read", By::Viewer},
    {"GET", "/v1/stats/latency", "read", "read", By::Viewer},
    {"GET", "/v1/stats", "send read people", "read", By::Viewer},
    {"GET", "/v1/limits", "send read people", "read", By::Viewer},
    {"GET", "/v1/sandbox/messages", "send read people", "read", By::Viewer},
    {"GET", "/v1/approvals", "", "approvals", By::Viewer},
    {"POST", "/v1/approvals", "", "approvals", By::Administrator},
    {"GET", "/v1/users", "people", "people", By::Viewer},
    {"*", "/v1/users", "people", "people", By::Sender},
    {"GET", "/v1/suppressions", "people", "people", By::Viewer},
    {"*", "/v1/suppressions", "people", "people", By::Sender},
    {"GET", "/v1/groups", "people", "people", By::Viewer},
    {"*", "/v1/groups", "people", "people", By::Sender},
    {"GET", "/v1/devices", "people", "people", By::Viewer},
    {"*", "/v1/devices", "people", "people", By::Sender},
    {"POST", "/v1/imports", "people", "people", By::Sender},
    {"GET", "/v1/jobs", "read people", "people dead_letters webhooks read", By::Viewer},
    {"POST", "/v1/jobs", "read people", "people dead_letters webhooks read", By::Viewer},
    {"GET", "/v1/templates", "send read people", "templates", By::Viewer},
    {"POST", "/v1/templates/preview", "send read people", "templates", By::Viewer},
    {"POST", "/v1/templates/{key}/preview", "send read people", "templates", By::Viewer},
    {"*", "/v1/templates", "", "templates", By::Sender},
    {"GET", "/v1/layouts", "send read people", "templates", By::Viewer},
    {"POST", "/v1/layouts/preview", "send read people", "templates", By::Viewer},
    {"*", "/v1/layouts", "", "templates", By::Sender, true},
    {"GET", "/v1/categories", "send read people", "categories", By::Viewer},
    {"*", "/v1/categories", "", "categories", By::Administrator},
    {"GET", "/v1/provider-types", "send read people", "integrations", By::Viewer},
    {"GET", "/v1/integrations", "", "integrations", By::Viewer},
    {"*", "/v1/integrations", "", "integrations", By::Administrator},
    {"GET", "/v1/senders", "", "integrations", By::Viewer},
    {"*", "/v1/senders", "", "integrations", By::Administrator},
    {"GET", "/v1/routes", "", "routes", By::Viewer},
    {"*", "/v1/routes", "", "routes", By::Administrator},
    {"GET", "/v1/pauses", "", "pauses", By::Viewer},
    {"*", "/v1/pauses", "", "pauses", By::Sender},
    {"GET", "/v1/settings", "", "settings", By::Viewer},
    {"*", "/v1/settings", "", "settings", By::Administrator},
    {"GET", "/v1/dead-letters", "", "dead_letters", By::Viewer},
    {"POST", "/v1/dead-letters", "", "dead_letters", By::Sender},
    {"GET", "/v1/schedules", "send", "schedules", By::Viewer},
    {"*", "/v1/schedules", "send", "schedules", By::Sender},
    {"GET", "/v1/rules", "", "rules", By::Viewer, true},
    {"*", "/v1/rules", "", "rules", By::Administrator, true},
    {"GET", "/v1/apps", "", "apps", By::Viewer},
    {"*", "/v1/apps", "", "apps", By::Administrator},
    {"GET", "/v1/alerts", "", "alerts", By::Viewer, true},
    {"POST", "/v1/alerts", "", "alerts", By::Administrator, true},
    {"GET", "/v1/webhooks", "", "webhooks", By::Viewer, true},
    {"*", "/v1/webhooks", "", "webhooks", By::Administrator, true},
    {"GET", "/v1/webhook-events", "", "webhooks", By::Viewer, true},
    {"GET", "/v1/audit", "", "audit", By::Administrator},
    {"GET", "/v1/objects", "send read", "objects", By::Viewer},
    {"*", "/v1/objects", "send", "objects", By::Sender},
    {"GET", "/v1/projects", "", "read", By::Viewer},
    {"PUT", "/v1/projects", "", "", By::Installation},
    {"*", "/v1/keys", "", "", By::Installation},
    {"*", "/v1/members", "", "", By::Installation},
    {"POST", "/v1/test/clock", "", "", By::Installation},
};

// Anybody, without a credential.
constexpr std::string_view kOpenPaths[] = {"GET /",
                                           "GET /healthz",
                                           "GET /readyz",
                                           "GET /metrics",
                                           "GET /openapi.json",
                                           "GET /docs",
                                           "GET /docs/errors",
                                           "GET /sandbox",
                                           "GET /sandbox/worker.js",
                                           "GET /t/o/{token}",
                                           "GET /t/c/{token}",
                                           "GET /o/{token}",
                                           "GET /u/{token}",
                                           "POST /u/{token}",
                                           "GET /p/{token}",
                                           "POST /p/{token}",
                                           "GET /p/{token}/history",
                                           "GET /p/{token}/stop",
                                           "POST /p/{token}/stop",
                                           "GET /p/{token}/fresh",
                                           "POST /p/{token}/fresh",
                                           "GET /v1/callbacks/{provider}/{integration}",
                                           "POST /v1/callbacks/{provider}/{integration}",
                                           "POST /v1/session",
                                           "POST /v1/invitations/look",
                                           "POST /v1/invitations/accept"};

// A signed-in user of the customer's, with that scope of the token.
constexpr std::pair<std::string_view, std::string_view> kOfClients[] = {
    {"GET /v1/me/devices", "devices"},
    {"PUT /v1/me/devices/{device_id}", "devices"},
    {"GET /v1/me/devices/{device_id}", "devices"},
    {"DELETE /v1/me/devices/{device_id}", "devices"},
    {"GET /v1/me/preferences", "preferences"},
    {"PUT /v1/me/preferences", "preferences"},
    {"PATCH /v1/me/preferences", "preferences"},
    {"GET /v1/me/notifications", "notifications"},
    {"POST /v1/me/notifications:send", "send"},
    {"POST /v1/track", "notifications"},
    {"POST /v1/me/track", "notifications"}};

// A member who signed in, on what is the member's own.
constexpr std::string_view kOfSessions[] = {
    "GET /v1/session",           "DELETE /v1/session",    "GET /v1/sessions",     "DELETE /v1/sessions/{id}",
    "POST /v1/session/password", "POST /v1/session/totp", "PUT /v1/session/totp", "DELETE /v1/session/totp"};

constexpr std::string_view kOfPublishableKeys = "PUT /v1/devices/{device_id}";
constexpr std::string_view kOfAnyCredential = "GET /v1/webpush/key";

bool has_word(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

template <class List>
bool holds(const List& list, std::string_view name) {
  return std::ranges::find(list, name) != std::end(list);
}

const Row* row_of(const Route& route) {
  for (const Row& row : kRows) {
    if (row.methods != "*" && !has_word(row.methods, route.method)) continue;
    if (!route.pattern.starts_with(row.path)) continue;
    if (route.pattern.size() == row.path.size() || route.pattern[row.path.size()] == '/') return &row;
  }
  return nullptr;
}

struct Caller {
  std::string name;
  net::Headers headers;
  std::string app_scopes{};    // of an app key
  std::string area{};          // of a management token: one scope, or admin
  bool is_of_project = false;  // a management token of one project
  std::string client_scope{};
  bool is_publishable = false;
  By member = By::Nobody;  // what a member is
  bool is_cookie = false, has_csrf = false;
  bool is_bound = false;  // to an app
};

bool is_safe(const Route& route) { return route.method == "GET"; }

// The status of a refusal; 0: none.
int refusal(const Caller& caller, const Route& route) {
  const std::string name = fmt::format("{} {}", route.method, route.pattern);
  if (holds(kOpenPaths, name)) return 0;
  const bool is_nobody = caller.headers.empty();
  if (is_nobody) return 401;
  if (caller.is_cookie && !caller.has_csrf && !is_safe(route)) return 403;
  if (name == kOfAnyCredential) return 0;
  if (holds(kOfSessions, name)) return caller.is_cookie ? 0 : 403;
  const auto* const client = std::ranges::find(kOfClients, std::string_view(name),
                                               &std::pair<std::string_view, std::string_view>::first);
  if (client != std::end(kOfClients)) return caller.client_scope == client->second ? 0 : 403;
  if (caller.is_publishable && name == kOfPublishableKeys) return 0;
  const Row* const row = row_of(route);
  if (row == nullptr) return -1;
  if (caller.is_bound && row->is_of_all_apps) return 403;
  if (caller.member != By::Nobody) return caller.member >= row->member ? 0 : 403;
  if (!caller.area.empty()) {
    if (row->member == By::Installation) return caller.area == "admin" && !caller.is_of_project ? 0 : 403;
    return caller.area == "admin" || has_word(row->areas, caller.area) ? 0 : 403;
  }
  for (const std::string_view scope : {"send", "read", "people"}) {
    if (has_word(caller.app_scopes, scope) && has_word(row->apps, scope)) return 0;
  }
  return 403;
}

class AccessMatrix : public ApiTest {
 protected:
  static Caller bearer(std::string name, const std::string& token) {
    return {.name = std::move(name), .headers = {{"Authorization", "Bearer " + token}}};
  }

  void add_apps() {
    for (const auto& [scopes, bits] :
         {std::pair{"send", kScopeSend}, {"read", kScopeRead}, {"people", kScopePeople}}) {
      const auto key = run(directory_->add_app_key(pipeline::kDefaultProject, "shop", false, bits, "test"));
      ASSERT_TRUE(key);
      callers_.push_back({.name = std::string("app ") + scopes,
                          .headers = {{"Authorization", basic(*key)}},
                          .app_scopes = scopes});
    }
    callers_.push_back(
        {.name = "app", .headers = {{"Authorization", app_}}, .app_scopes = "send read people"});
    callers_.push_back(
        {.name = "test app", .headers = {{"Authorization", test_app_}}, .app_scopes = "send read people"});
    const auto made = as_admin("POST", "/v1/apps/shop/keys", R"({"publishable":true})");
    callers_.push_back(bearer("publishable", at(made, "/app_key")));
    callers_.back().is_publishable = true;
  }

  void add_management() {
    std::set<std::string> areas{"admin"};
    for (const Row& row : kRows) {
      std::string_view rest = row.areas;
      while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        areas.emplace(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
    for (const std::string& area : areas) {
      for (const bool is_of_project : {false, true}) {
        if (is_of_project && area != "admin") continue;
        std::vector<std::string> projects;
        if (is_of_project) projects.emplace_back("default");
        const std::string name = area + (is_of_project ? "-of-default" : "");
        const auto token =
            run(directory_->create_management_key(name, std::vector<std::string>{area}, projects, "test"));
        ASSERT_TRUE(token);
        callers_.push_back(bearer("token " + name, *token));
        callers_.back().area = area;
        callers_.back().is_of_project = is_of_project;
      }
    }
  }

  void add_clients() {
    ASSERT_EQ(as_app("PUT", "/v1/users/grace", "{}").status, 201);
    for (const std::string scope : {"devices", "preferences", "notifications", "send"}) {
      const auto made =
          as_app("POST", "/v1/users/grace/tokens", fmt::format(R"({{"scopes":["{}"]}})", scope));
      ASSERT_EQ(made.status, 201) << made.body;
      callers_.push_back(bearer("client " + scope, at(made, "/token")));
      callers_.back().client_scope = scope;
    }
  }

  // A session as signing in would make it, without the cost of a password.
  std::string session_of(const std::string& member) {
    const std::string token = make_session_token(*keys_);
    store::SessionStart start;
    start.session = {.id = ids_->take(),
                     .hash = keys_->credential_hash(token),
                     .member = member,
                     .created_at = clock_.now(),
                     .seen_at = clock_.now(),
                     .expires_at = clock_.now() + Millis(86'400'000)};
    EXPECT_TRUE(run(store_->sessions().begin(std::move(start), "test", clock_.now())));
    return token;
  }

  void renew(Caller& caller, const std::string& member) {
    const std::string token = session_of(member);
    caller.headers = {{"Cookie", fmt::format("carillon_session={}", token)}};
    if (caller.has_csrf) caller.headers.emplace_back("X-CSRF-Token", csrf_token(token, *keys_));
  }

  void add_members() {
    for (const auto& [key, grants, member] : {std::tuple{"vera", R"({"default":"viewer"})", By::Viewer},
                                              {"sam", R"({"default":"sender"})", By::Sender},
                                              {"bo", R"({"default":"administrator"})", By::Administrator},
                                              {"root", R"({"*":"administrator"})", By::Installation}}) {
      const std::string path = fmt::format("/v1/members/{}", key);
      ASSERT_EQ(as_admin("PUT", path, fmt::format(R"({{"grants":{}}})", grants)).status, 201);
      const auto token = as_admin("POST", path + "/tokens", R"({"name":"laptop"})");
      callers_.push_back(bearer(std::string(key) + " by token", at(token, "/token")));
      callers_.back().member = member;
      for (const bool has_csrf : {true, false}) {
        Caller caller{.name = key, .headers = {}, .member = member, .is_cookie = true, .has_csrf = has_csrf};
        renew(caller, key);
        callers_.push_back(std::move(caller));
      }
    }
  }

  // Members who have one app of the project, and tokens that act as one.
  void add_bound() {
    for (const auto& [key, role, member] :
         {std::tuple{"vic", "viewer", By::Viewer}, {"sid", "sender", By::Sender}}) {
      const std::string path = fmt::format("/v1/members/{}", key);
      const auto put = as_admin(
          "PUT", path, fmt::format(R"({{"grants":{{"default":"{}"}},"apps":{{"default":["shop"]}}}})", role));
      ASSERT_EQ(put.status, 201) << put.body;
      const auto token = as_admin("POST", path + "/tokens", R"({"name":"laptop"})");
      callers_.push_back(bearer(std::string(key) + " of shop", at(token, "/token")));
      callers_.back().member = member;
      callers_.back().is_bound = true;
      Caller caller{.name = key, .headers = {}, .member = member, .is_cookie = true, .has_csrf = true};
      caller.is_bound = true;
      renew(caller, key);
      callers_.push_back(std::move(caller));
    }
    Caller narrowed = bearer("token that acts as shop", admin_.substr(7));
    narrowed.area = "admin";
    narrowed.is_bound = true;
    narrowed.headers.emplace_back("Carillon-App", "shop");
    callers_.push_back(std::move(narrowed));
  }

  static std::string path_of(std::string_view pattern) {
    std::string path;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] != '{') {
        path += pattern[i];
        continue;
      }
      path += 'x';
      i = pattern.find('}', i);
    }
    return path;
  }

  std::vector<Caller> callers_;
};

TEST_F(AccessMatrix, EveryRouteHasARowAndEveryRowARoute) {
  for (const Route* route : Router::get().routes())
    EXPECT_NE(refusal({.name = "x", .headers = {{"x", "x"}}, .app_scopes = "none"}, *route), -1)
        << route->method << " " << route->pattern << ": say in the table who may call it";
  for (const Row& row : kRows) {
    const bool is_used = std::ranges::any_of(Router::get().routes(),
                                             [&](const Route* route) { return row_of(*route) == &row; });
    EXPECT_TRUE(is_used) << row.methods << " " << row.path;
  }
}

TEST_F(AccessMatrix, EveryRouteAnswersEveryCallerAsItIsWrittenHere) {
  callers_.push_back({.name = "nobody", .headers = {}});
  add_apps();
  add_management();
  add_clients();
  add_members();
  add_bound();
  for (const Route* route : Router::get().routes()) {
    const std::string path = path_of(route->pattern);
    for (Caller& caller : callers_) {
      const auto answer = call(std::string(route->method), path, {}, caller.headers);
      const int refused = answer.status == 401 || answer.status == 403 ? answer.status : 0;
      EXPECT_EQ(refused, refusal(caller, *route)) << route->method << " " << route->pattern << " as "
                                                  << caller.name << (caller.is_cookie ? " by cookie" : "")
                                                  << (caller.has_csrf ? " with csrf: " : ": ") << answer.body;
      EXPECT_NE(answer.status, 500) << route->method << " " << route->pattern << " as " << caller.name;
      if (caller.is_cookie && !caller.has_csrf && answer.status == 403 && !is_safe(*route))
        EXPECT_EQ(at(answer, "/code"), "csrf") << route->method << " " << route->pattern;
      // Who has signed out signs in again for the next one.
      if (route->method == "DELETE" && route->pattern == "/v1/session" && answer.status == 204)
        renew(caller, caller.name);
    }
  }
}

// Cookies are worth nothing on the listener for the outside, and on the control socket nobody needs one.
TEST_F(AccessMatrix, CookiesAreTakenByTheConsolesOwnListenerOnly) {
  add_members();
  for (const Route* route : Router::get().routes()) {
    const std::string path = path_of(route->pattern);
    for (const Caller& caller : callers_) {
      if (!caller.is_cookie || !caller.has_csrf) continue;
      const std::string method(route->method);
      const auto with = call(method, path, {}, caller.headers, Entrance::Public);
      const auto without = call(method, path, {}, {}, Entrance::Public);
      EXPECT_EQ(with.status, without.status) << method << " " << path << with.body;
    }
  }
}

}  // namespace
}  // namespace carillon::api
