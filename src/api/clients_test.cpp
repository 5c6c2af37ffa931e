// Phones and browsers: tokens, anonymous devices, what is theirs, pages of other origins.
#include "api/api_fixture_test.h"

namespace carillon::api {
namespace {

class ClientsTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    as_app("PUT", "/v1/users/grace", R"({"email":"ok@sandbox.carillon.test"})");
    as_app("PUT", "/v1/users/alan", R"({"email":"ok@sandbox.carillon.test"})");
    token_ = token_of("grace");
  }
  std::string token_of(const std::string& user, const std::string& body = "{}") {
    return at(as_app("POST", "/v1/users/" + user + "/tokens", body), "/token");
  }
  net::HttpResponse as(const std::string& bearer, std::string method, std::string target,
                       std::string body = {}, net::Headers headers = {}) {
    headers.emplace_back("Authorization", "Bearer " + bearer);
    return call(std::move(method), std::move(target), std::move(body), std::move(headers));
  }
  net::HttpResponse me(std::string method, std::string target, std::string body = {},
                       net::Headers headers = {}) {
    return as(token_, std::move(method), "/v1/me/" + target, std::move(body), std::move(headers));
  }
  std::string token_;
};

TEST_F(ClientsTest, ATokenIsItsUsersUntilItEnds) {
  EXPECT_EQ(me("GET", "devices").status, 200);
  EXPECT_EQ(as(token_, "GET", "/v1/users/alan").status, 403);
  const std::string brief = token_of("grace", R"({"ttl":"1m"})");
  clock_.advance(Millis(59'000));
  EXPECT_EQ(as(brief, "GET", "/v1/me/devices").status, 200);
  clock_.advance(Millis(1'000));
  const auto over = as(brief, "GET", "/v1/me/devices");
  EXPECT_EQ(over.status, 401);
  EXPECT_FALSE(over.header("WWW-Authenticate").empty());
  EXPECT_EQ(as_app("POST", "/v1/users/nobody/tokens", "{}").status, 404);
  EXPECT_EQ(as_app("POST", "/v1/users/grace/tokens", R"({"ttl":"1s"})").status, 422);
  EXPECT_EQ(as_app("POST", "/v1/users/grace/tokens", R"({"scopes":["admin"]})").status, 422);
}

TEST_F(ClientsTest, TokensAreCalledBackAndNewOnesWorkAtOnce) {
  const std::string other = token_of("alan");
  EXPECT_EQ(as_app("DELETE", "/v1/users/grace/tokens").status, 204);
  EXPECT_EQ(me("GET", "devices").status, 401);
  EXPECT_EQ(as(token_of("grace"), "GET", "/v1/me/devices").status, 200);
  EXPECT_EQ(as(other, "GET", "/v1/me/devices").status, 200);
}

TEST_F(ClientsTest, ATokenOfADeletedUserIsNotTheNextOnes) {
  clock_.advance(Millis(1'000));
  EXPECT_EQ(as_app("DELETE", "/v1/users/grace").status, 204);
  EXPECT_EQ(me("GET", "devices").status, 401);
  // Registered again, as somebody who has been with the service for long.
  EXPECT_EQ(as_app("PUT", "/v1/users/grace", R"({"created_at":"2020-01-01T00:00:00Z"})").status, 201);
  EXPECT_EQ(me("GET", "devices").status, 401);
  EXPECT_EQ(as(token_of("grace"), "GET", "/v1/me/devices").status, 200);
}

TEST_F(ClientsTest, ADisabledAppsTokensAreRefused) {
  EXPECT_EQ(as_admin("PATCH", "/v1/apps/shop", R"({"disabled":true})").status, 200);
  EXPECT_EQ(at(me("GET", "devices"), "/code"), "app_disabled");
}

TEST_F(ClientsTest, TheProjectIsTheTokens) {
  EXPECT_EQ(me("GET", "devices", {}, {{"Carillon-Project", "elsewhere"}}).status, 200);
}

TEST_F(ClientsTest, AnAnonymousDeviceIsClaimed) {
  const std::string key = at(as_admin("POST", "/v1/apps/shop/keys", R"({"publishable":true})"), "/app_key");
  const std::string body = R"({"platform":"android","locale":"ko",)"
                           R"("endpoints":[{"service":"fcm","token":"first-token"}]})";
  EXPECT_EQ(as(key, "PUT", "/v1/devices/phone-1", body).status, 201);
  EXPECT_EQ(as(key, "PUT", "/v1/devices/phone-1", body).status, 200);
  EXPECT_EQ(as(key, "GET", "/v1/devices/phone-1").status, 403);
  EXPECT_EQ(as_app("GET", "/v1/devices/phone-1").status, 200);
  EXPECT_EQ(as_app("GET", "/v1/users").body.find("anon_"), std::string::npos);
  // The push service has given the phone another token since.
  EXPECT_EQ(me("PUT", "devices/phone-1",
               R"({"platform":"android","endpoints":[{"service":"fcm","token":"second-token"}]})")
                .status,
            201);
  EXPECT_EQ(as_app("GET", "/v1/devices/phone-1").status, 404);
  EXPECT_EQ(at(me("GET", "devices/phone-1"), "/locale"), "ko");
  EXPECT_EQ(at(as_app("GET", "/v1/users/grace/devices"), "/data/0/endpoints/0/token"), "second-token");
  // What everybody can read out of the app does not take it back; the phone's own token does.
  const auto stolen = as(key, "PUT", "/v1/devices/phone-1",
                         R"({"platform":"android","endpoints":[{"service":"fcm","token":"thief"}]})");
  EXPECT_EQ(at(stolen, "/code"), "device_in_use");
  EXPECT_EQ(as(key, "PUT", "/v1/devices/phone-1",
               R"({"platform":"android","endpoints":[{"service":"fcm","token":"second-token"}]})")
                .status,
            201);
  EXPECT_EQ(me("GET", "devices/phone-1").status, 404);
  EXPECT_EQ(as_app("DELETE", "/v1/devices/phone-1").status, 204);
  EXPECT_EQ(as_app("GET", "/v1/devices/phone-1").status, 404);
}

TEST_F(ClientsTest, OtherPeoplesDevicesAreNotThere) {
  as_app("PUT", "/v1/users/alan/devices/alans", R"({"platform":"android"})");
  EXPECT_EQ(me("GET", "devices/alans").status, 404);
  EXPECT_EQ(me("DELETE", "devices/alans").status, 404);
  EXPECT_EQ(at(me("GET", "devices"), "/data"), "[]");
}

TEST_F(ClientsTest, PreferencesAreThoseOfVisibleCategories) {
  as_admin("PUT", "/v1/categories/news", R"({"name":{"en":"News"}})");
  as_admin("PUT", "/v1/categories/inside", R"({"visible":false})");
  as_app("PATCH", "/v1/users/grace/preferences",
         R"({"preferences":[{"channel":"*","category":"inside","opt_in":false}]})");
  EXPECT_EQ(at(me("GET", "preferences"), "/preferences"), "[]");
  EXPECT_EQ(me("GET", "preferences").body.find("inside"), std::string::npos);
  EXPECT_EQ(at(me("GET", "preferences"), "/categories/1/name/en"), "News");
  const auto pair = [&](const char* category, const char* opt_in) {
    return fmt::format(R"({{"preferences":[{{"channel":"email","category":"{}","opt_in":{}}}]}})", category,
                       opt_in);
  };
  EXPECT_EQ(at(me("PATCH", "preferences", pair("inside", "true")), "/code"), "unknown_category");
  EXPECT_EQ(at(me("PATCH", "preferences", pair("security", "false")), "/code"), "category_mandatory");
  EXPECT_EQ(me("PATCH", "preferences", pair("security", "true")).status, 200);
  EXPECT_EQ(at(me("PUT", "preferences", pair("news", "false")), "/preferences/0/category"), "news");
  // The hidden one is still there, and the log tells who changed what.
  EXPECT_NE(as_app("GET", "/v1/users/grace/preferences").body.find("inside"), std::string::npos);
  EXPECT_EQ(at(as_app("GET", "/v1/users/grace/preferences/log"), "/data/0/source"), "client");
  EXPECT_EQ(at(as_app("GET", "/v1/users/grace/preferences/log"), "/data/0/actor"), "client:grace");
}

TEST_F(ClientsTest, AClientSendsToItselfWhereItMay) {
  const auto send = [&](const std::string& body) { return me("POST", "notifications:send", body); };
  EXPECT_EQ(at(send(R"({"channels":["email"],"title":"Tea","body":"Ready"})"), "/code"),
            "category_not_for_clients");
  const auto refused_first = send(R"({"title":"Tea","body":"Ready"})");  // though it names no channels either
  EXPECT_EQ(refused_first.status, 403);
  EXPECT_EQ(at(refused_first, "/errors/0/pointer"), "/category") << refused_first.body;
  as_admin("PUT", "/v1/categories/reminders", R"({"client_allowed":true,"channels":["email"]})");
  const std::string good = R"("category":"reminders","title":"Tea","body":"Ready"})";
  EXPECT_EQ(send("{" + good).status, 202);
  EXPECT_EQ(send(R"({"to":[{"user_id":"grace"}],)" + good).status, 202);
  EXPECT_EQ(at(send(R"({"to":[{"user_id":"alan"}],)" + good), "/code"), "recipient_not_yourself");
  EXPECT_EQ(at(send(R"({"to":[{"email":"x@example.test"}],)" + good), "/code"), "recipient_not_yourself");
  EXPECT_EQ(at(send(R"({"to":[{"user_id":"grace","email":"x@example.test"}],)" + good), "/code"),
            "ambiguous_recipient");
  EXPECT_EQ(at(send(R"({"email":{"cc":["x@example.test"]},)" + good), "/code"), "not_for_clients");
  EXPECT_EQ(at(send(R"({"from":{"name":"Bank"},)" + good), "/code"), "not_for_clients");
  EXPECT_EQ(at(send(R"({"channels":["sms"],)" + good), "/code"), "channel_not_allowed");
  EXPECT_EQ(send("[]").status, 400);
  int refused = 0;
  for (int i = 0; i < 12; ++i) refused += send("{" + good).status == 429 ? 1 : 0;
  EXPECT_GT(refused, 0);
}

TEST_F(ClientsTest, EventIdsOfUsersDoNotMeet) {
  as_admin("PUT", "/v1/categories/reminders", R"({"client_allowed":true,"channels":["email"]})");
  const auto body = [](const char* title) {
    return fmt::format(R"({{"event_id":"e1","category":"reminders","title":"{}","body":"x"}})", title);
  };
  EXPECT_EQ(me("POST", "notifications:send", body("a")).status, 202);
  EXPECT_EQ(me("POST", "notifications:send", body("a")).status, 200);
  EXPECT_EQ(as(token_of("alan"), "POST", "/v1/me/notifications:send", body("b")).status, 202);
}

TEST_F(ClientsTest, HistoryIsOnesOwnWithoutSecrets) {
  as_admin("PUT", "/v1/templates/code",
           R"({"category":"general","default_locale":"en",)"
           R"("params":[{"name":"code","type":"string","sensitive":true}],)"
           R"("content":{"en":{"title":"Your code","body":"It is {{code}}."}}})");
  const auto sent = as_app("POST", "/v1/notifications",
                           R"({"to":[{"user_id":"grace"}],"channels":["email"],"template":"code",)"
                           R"("params":{"code":"773311"}})");
  ASSERT_EQ(sent.status, 202) << sent.body;
  as_app("POST", "/v1/notifications",
         R"({"to":[{"user_id":"grace"}],"category":"security","channels":["email"],)"
         R"("title":"Login","body":"Paris"})");
  as_app("POST", "/v1/notifications",
         R"({"to":[{"user_id":"alan"}],"channels":["email"],"title":"For Alan","body":"x"})");
  const auto seen = me("GET", "notifications");
  EXPECT_EQ(at(seen, "/data/1/title"), "Your code") << seen.body;
  EXPECT_EQ(at(seen, "/data/0/title"), "null");  // content of a sensitive category
  EXPECT_EQ(at(seen, "/data/2"), "(none)");
  EXPECT_EQ(seen.body.find("773311"), std::string::npos);
  EXPECT_EQ(seen.body.find("Alan"), std::string::npos);
  EXPECT_EQ(seen.body.find("integration"), std::string::npos);
  EXPECT_EQ(at(me("GET", "notifications?channel=push"), "/data"), "[]");
}

TEST_F(ClientsTest, MarketingWaitsForThePublicUrl) {
  as_admin("PUT", "/v1/categories/offers", R"({"kind":"marketing"})");
  const std::string body =
      R"({"to":[{"user_id":"grace"}],"category":"offers","channels":["email"],"title":"Sale","body":"x"})";
  EXPECT_EQ(at(as_app("POST", "/v1/notifications", body), "/code"), "public_url_missing");
  EXPECT_EQ(at(as_app("POST", "/v1/notifications/explain", body), "/code"), "public_url_missing");
}

TEST_F(ClientsTest, PagesOfListedOriginsMayCallWhatIsForClients) {
  const std::string origin = "https://shop.example.com";
  const auto preflight = [&](const std::string& path, const std::string& from) {
    return call("OPTIONS", path, {}, {{"Origin", from}, {"Access-Control-Request-Method", "PUT"}});
  };
  const auto allowed = [](const net::HttpResponse& r) {
    return std::string(r.header("Access-Control-Allow-Origin"));
  };
  EXPECT_EQ(allowed(preflight("/v1/me/devices/x", origin)), "");
  EXPECT_EQ(at(as_admin("PATCH", "/v1/settings", R"({"cors_origins":["https://*"]})"), "/errors/0/pointer"),
            "/cors_origins/0");
  ASSERT_EQ(as_admin("PATCH", "/v1/settings", R"({"cors_origins":["https://shop.example.com"]})").status,
            200);
  const auto answer = preflight("/v1/me/devices/x", origin);
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(allowed(answer), origin);
  EXPECT_EQ(answer.header("Access-Control-Allow-Methods"), "PUT, GET, DELETE");
  EXPECT_EQ(answer.header("Access-Control-Allow-Credentials"), "");
  EXPECT_EQ(preflight("/v1/devices/x", origin).header("Access-Control-Allow-Methods"), "PUT");
  EXPECT_EQ(allowed(preflight("/v1/me/devices/x", "https://other.example.com")), "");
  EXPECT_EQ(allowed(preflight("/v1/users/x", origin)), "");
  const net::Headers from_shop{{"Origin", origin}, {"Sec-Fetch-Site", "cross-site"}};
  const net::Headers from_other{{"Origin", "https://other.example.com"}, {"Sec-Fetch-Site", "cross-site"}};
  const std::string device = R"({"platform":"android"})";
  const auto put = me("PUT", "devices/x", device, from_shop);
  EXPECT_EQ(put.status, 201);
  EXPECT_EQ(allowed(put), origin);
  EXPECT_EQ(at(me("PUT", "devices/x", device, from_other), "/code"), "cross_site");
  EXPECT_EQ(allowed(as("ct_forged", "GET", "/v1/me/devices", {}, from_shop)),
            origin);  // a 401 that can be read
  EXPECT_EQ(allowed(as_app("GET", "/v1/users/grace")), "");
  const auto app = call("PUT", "/v1/devices/y", device, {{"Origin", origin}, {"Authorization", app_}});
  EXPECT_EQ(app.status, 201);
  EXPECT_EQ(allowed(app), "");
}

}  // namespace
}  // namespace carillon::api
