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
  std::string area;     // of a management token; "admin" for all
};

class AccessTest : public ApiTest {
 protected:
  std::string app_key(unsigned scopes) {
    auto key = run(directory_->add_app_key(pipeline::kDefaultProject, "shop", false, scopes, "test"));
    return key ? basic(*key) : std::string();
  }
  std::string token(const std::string& area) {
    auto made =
        run(directory_->create_management_key("only-" + area, std::vector<std::string>{area}, "test"));
    return made ? "Bearer " + *made : std::string();
  }
};

TEST_F(AccessTest, EveryRouteAnswersEveryCredentialAsItsAccessSays) {
  std::map<std::string, Credential> credentials{
      {"send", {app_key(kScopeSend), kScopeSend, {}}},
      {"read", {app_key(kScopeRead), kScopeRead, {}}},
      {"people", {app_key(kScopePeople), kScopePeople, {}}},
      {"all", {app_, kScopeAny, {}}},
      {"test", {test_app_, kScopeAny, {}}},
      {"admin", {admin_, 0, "admin"}},
  };
  for (const std::string area : {"send", "read", "people", "templates", "categories", "integrations",
                                 "routes", "dead_letters", "pauses", "apps", "settings", "audit", "rules"}) {
    credentials.emplace("token " + area, Credential{token(area), 0, area});
  }
  for (const Route* route : Router::get().routes()) {
    const std::string path = path_of(route->pattern);
    const std::string name = std::string(route->method) + " " + path;
    for (const auto& [who, credential] : credentials) {
      ASSERT_FALSE(credential.header.empty()) << who;
      const auto answer = call(std::string(route->method), path, {}, {{"Authorization", credential.header}});
      const bool is_allowed = route->access.is_open || (credential.scopes & route->access.app_scopes) != 0 ||
                              credential.area == "admin" ||
                              (!credential.area.empty() && credential.area == route->access.area);
      EXPECT_NE(answer.status, 401) << name << " as " << who;
      EXPECT_EQ(answer.status == 403, !is_allowed) << name << " as " << who << ": " << answer.body;
      EXPECT_NE(answer.status, 500) << name << " as " << who;
    }
    const auto nobody = call(std::string(route->method), path);
    EXPECT_EQ(nobody.status == 401, !route->access.is_open) << name;
    if (nobody.status == 401) EXPECT_FALSE(nobody.header("WWW-Authenticate").empty()) << name;
    const auto control = call(std::string(route->method), path, {}, {}, Entrance::Control);
    EXPECT_TRUE(control.status != 401 && control.status != 403) << name << control.body;
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
