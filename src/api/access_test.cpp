// Who may call what: every route with every kind of credential.
#include <map>

#include "api/api_fixture_test.h"
#include "api/router.h"

namespace carillon::api {
namespace {

// A path of that pattern which names nothing that exists.
std::string path_of(std::string_view pattern) {
  std::string path;
  bool is_inside = false;
  for (const char c : pattern) {
    if (c == '{') path += 'x';
    is_inside = c == '{' || (is_inside && c != '}');
    if (!is_inside && c != '}') path += c;
  }
  return path;
}

struct Credential {
  std::string header;
  unsigned scopes = 0;  // of an app key
  std::string area{};   // of a management token; "admin" for all
  unsigned client_scopes = 0;
  bool is_publishable = false;
};

bool is_allowed(const Credential& credential, const Access& access) {
  if (access.is_open || access.is_any) return true;
  if (access.is_session) return false;  // access_matrix_test.cpp
  if (access.client_scopes != 0) return (credential.client_scopes & access.client_scopes) != 0;
  return (credential.scopes & access.app_scopes) != 0 || credential.area == "admin" ||
         (!credential.area.empty() &&
          fmt::format(" or {} or ", access.area).contains(" or " + credential.area + " or ")) ||
         (credential.is_publishable && access.is_publishable);
}

constexpr const char* kJwtSecret = "a secret of at least thirty-two bytes";

class AccessTest : public ApiTest {
 protected:
  std::string app_key(unsigned scopes) {
    auto key = run(directory_->add_app_key(pipeline::kDefaultProject, "shop", false, scopes, "test"));
    return key ? basic(*key) : std::string();
  }
  std::string token(const std::string& area) {
    auto made =
        run(directory_->create_management_key("only-" + area, std::vector<std::string>{area}, {}, "test"));
    return made ? "Bearer " + *made : std::string();
  }
  std::string client_token(const std::string& scopes) {
    return "Bearer " + at(as_app("POST", "/v1/users/grace/tokens", "{\"scopes\":" + scopes + "}"), "/token");
  }
  std::string jwt(const std::string& user) {
    const std::int64_t now = to_ms(clock_.now()) / 1000;
    const std::string input =
        base::base64url(R"({"alg":"HS256"})") + "." +
        base::base64url(fmt::format(R"({{"iss":"shop","aud":"carillon","sub":"{}","iat":{},"exp":{}}})", user,
                                    now, now + 600));
    return "Bearer " + input + "." + base::base64url(base::hmac_sha256(kJwtSecret, input));
  }
  std::string publishable() {
    const auto made = as_admin("POST", "/v1/apps/shop/keys", R"({"publishable":true})");
    EXPECT_EQ(at(made, "/app_secret"), "(none)");
    return "Bearer " + at(made, "/app_key");
  }
  // Everything that can ask, and what it may.
  std::map<std::string, Credential> credentials() {
    EXPECT_EQ(as_app("PUT", "/v1/users/grace", "{}").status, 201);
    EXPECT_EQ(as_admin("PATCH", "/v1/settings",
                       fmt::format(R"({{"client_jwt":{{"issuer":"shop","audience":"carillon",)"
                                   R"("keys":[{{"algorithm":"HS256","secret":"{}"}}]}}}})",
                                   kJwtSecret))
                  .status,
              200);
    std::map<std::string, Credential> all{
        {"send", {app_key(kScopeSend), kScopeSend}},
        {"read", {app_key(kScopeRead), kScopeRead}},
        {"people", {app_key(kScopePeople), kScopePeople}},
        {"all", {app_, kScopeAny}},
        {"test", {test_app_, kScopeAny}},
        {"admin", {admin_, 0, "admin"}},
        {"publishable", {publishable(), 0, {}, 0, true}},
        {"jwt", {jwt("grace"), 0, {}, model::kClientScopesAll}},
    };
    for (const auto scope : {model::ClientScope::Devices, model::ClientScope::Preferences,
                             model::ClientScope::Notifications, model::ClientScope::Send}) {
      const std::string name(model::name(scope));
      all.emplace("client " + name,
                  Credential{client_token("[\"" + name + "\"]"), 0, {}, static_cast<unsigned>(scope)});
    }
    for (const std::string area : {"send", "read", "people", "templates", "categories", "integrations",
                                   "routes", "dead_letters", "pauses", "apps", "settings", "audit",
                                   "schedules", "rules", "approvals", "alerts", "objects", "webhooks"}) {
      all.emplace("token " + area, Credential{token(area), 0, area});
    }
    return all;
  }
};

TEST_F(AccessTest, EveryRouteAnswersEveryCredentialAsItsAccessSays) {
  const auto all = credentials();
  for (const Route* route : Router::get().routes()) {
    const std::string path = path_of(route->pattern);
    const std::string name = std::string(route->method) + " " + path;
    for (const auto& [who, credential] : all) {
      ASSERT_FALSE(credential.header.empty()) << who;
      const auto answer = call(std::string(route->method), path, {}, {{"Authorization", credential.header}});
      EXPECT_NE(answer.status, 401) << name << " as " << who;
      EXPECT_EQ(answer.status == 403, !is_allowed(credential, route->access))
          << name << " as " << who << ": " << answer.body;
      EXPECT_NE(answer.status, 500) << name << " as " << who;
    }
    const auto nobody = call(std::string(route->method), path);
    EXPECT_EQ(nobody.status == 401, !route->access.is_open) << name;
    if (nobody.status == 401) EXPECT_FALSE(nobody.header("WWW-Authenticate").empty()) << name;
    const auto control = call(std::string(route->method), path, {}, {}, Entrance::Control);
    EXPECT_NE(control.status, 401) << name;
    EXPECT_EQ(control.status == 403, route->access.client_scopes != 0 || route->access.is_session)
        << name << control.body;
  }
}

// The outside reaches what is for the outside; there the secrets of services are worth nothing.
TEST_F(AccessTest, ThePublicEntranceServesClientsOnly) {
  const auto all = credentials();
  for (const Route* route : Router::get().routes()) {
    const std::string path = path_of(route->pattern);
    const std::string name = std::string(route->method) + " " + path;
    const bool is_outside = route->pattern.starts_with("/v1/me/") || route->pattern == "/v1/track" ||
                            route->access.is_publishable || route->access.is_any;
    if (route->access.is_open && !is_outside) {
      const bool is_link = route->pattern.starts_with("/t/") || route->pattern.starts_with("/u/") ||
                           route->pattern.starts_with("/p/") || route->pattern.starts_with("/o/") ||
                           route->pattern.starts_with("/v1/callbacks/");
      const auto answer = call(std::string(route->method), path, {}, {}, Entrance::Public);
      EXPECT_EQ(answer.body.contains("unknown_path"), !is_link) << name << answer.body;
      continue;
    }
    for (const auto& [who, credential] : all) {
      const auto answer = call(std::string(route->method), path, {}, {{"Authorization", credential.header}},
                               Entrance::Public);
      const bool is_client = credential.client_scopes != 0 || credential.is_publishable;
      if (!is_outside || !is_client) {
        EXPECT_EQ(at(answer, "/code"), "unknown_path") << name << " as " << who;
      } else {
        EXPECT_EQ(answer.status == 403, !is_allowed(credential, route->access)) << name << " as " << who;
        EXPECT_NE(at(answer, "/code"), "unknown_path") << name << " as " << who;
      }
    }
  }
}

TEST_F(AccessTest, WrongSecretsUnknownKeysAndRevokedOnesAre401) {
  const auto status = [&](const std::string& header) {
    return call("GET", "/v1/limits", {}, {{"Authorization", header}}).status;
  };
  EXPECT_EQ(status(app_), 200);
  EXPECT_EQ(status("Basic " + base::base64("ck_live_unknown:secret")), 401);
  EXPECT_EQ(status("Basic !!!"), 401);
  EXPECT_EQ(status("Bearer mt_unknown"), 401);
  EXPECT_EQ(status("Digest x"), 401);
  const std::string extra = app_key(kScopeAny);
  ASSERT_EQ(status(extra), 200);
  const auto plain = base::unbase64(std::string_view(extra).substr(6));
  const std::string key = plain->substr(0, plain->find(':'));
  EXPECT_EQ(as_admin("DELETE", "/v1/apps/shop/keys/" + key).status, 204);
  EXPECT_EQ(status(extra), 401);  // at once, although it had been verified before
  EXPECT_EQ(as_admin("PATCH", "/v1/apps/shop", R"({"disabled":true})").status, 200);
  EXPECT_EQ(status(app_), 403);
}

TEST_F(AccessTest, CredentialsInAUrlAreRefused) {
  const auto answer = call("GET", "/v1/limits?app_secret=x", {}, {{"Authorization", app_}});
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(at(answer, "/code"), "credential_in_query");
}

TEST_F(AccessTest, AnAppSeesOnlyItsOwnNotifications) {
  const auto other = run(directory_->create_app(pipeline::kDefaultProject, "other", "test"));
  const auto sent = as_app("POST", "/v1/notifications", kMail);
  const std::string path = "/v1/notifications/" + at(sent, "/id");
  const net::Headers stranger{{"Authorization", basic(other->live)}};
  EXPECT_EQ(as_app("GET", path).status, 200);
  EXPECT_EQ(as_admin("GET", path).status, 200);
  EXPECT_EQ(call("GET", path, {}, stranger).status, 404);
  EXPECT_EQ(call("GET", path + "/deliveries", {}, stranger).status, 404);
  EXPECT_EQ(call("POST", path + "/cancel", {}, stranger).status, 404);
  EXPECT_EQ(at(call("GET", "/v1/notifications", {}, stranger), "/data"), "[]");
}

TEST_F(AccessTest, APageOfAnotherSiteMayNotWrite) {
  const auto answer =
      call("POST", "/v1/notifications", kMail, {{"Authorization", app_}, {"Sec-Fetch-Site", "cross-site"}});
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(at(answer, "/code"), "cross_site");
}

TEST_F(AccessTest, PathsAndMethodsThatAreNotThereSaySo) {
  EXPECT_EQ(as_app("GET", "/v1/nothing").status, 404);
  const auto wrong = as_app("PATCH", "/v1/notifications");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.header("Allow"), "GET, HEAD, OPTIONS, POST");
  EXPECT_EQ(call("OPTIONS", "/v1/notifications").status, 204);
  EXPECT_EQ(call("HEAD", "/healthz").status, 200);
  EXPECT_EQ(at(as_app("GET", "/v1/users?wat=1"), "/code"), "unknown_parameter");
}

}  // namespace
}  // namespace carillon::api
