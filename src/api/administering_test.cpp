// People, content and operating, each call with its status and shape.
#include "api/api_fixture_test.h"

namespace carillon::api {
namespace {

using AdministeringTest = ApiTest;

TEST_F(AdministeringTest, AUserIsRegisteredChangedAndRemoved) {
  const auto made = as_app("PUT", "/v1/users/u%2F1", R"({"name":"A","email":"A@Example.COM","locale":"ko"})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(at(made, "/user_id"), "u/1");
  const auto patched = as_app("PATCH", "/v1/users/u%2F1", R"({"name":"B"})");
  EXPECT_EQ(at(patched, "/name"), "B");
  EXPECT_EQ(at(patched, "/locale"), "ko");
  const auto replaced = as_app("PUT", "/v1/users/u%2F1", R"({"name":"C"})");
  EXPECT_EQ(replaced.status, 200);
  EXPECT_EQ(at(replaced, "/email"), "null");
  EXPECT_EQ(at(as_app("GET", "/v1/users"), "/data/0/user_id"), "u/1");
  EXPECT_EQ(as_app("DELETE", "/v1/users/u%2F1").status, 204);
  EXPECT_EQ(as_app("GET", "/v1/users/u%2F1").status, 404);
  EXPECT_EQ(as_app("PATCH", "/v1/users/u%2F1", "{}").status, 404);
}

TEST_F(AdministeringTest, AnETagGuardsAgainstLostChanges) {
  const std::string tag(as_app("PUT", "/v1/users/u1", R"({"name":"A"})").header("ETag"));
  as_app("PATCH", "/v1/users/u1", R"({"name":"B"})");
  const auto late =
      call("PATCH", "/v1/users/u1", R"({"name":"C"})", {{"Authorization", app_}, {"If-Match", tag}});
  EXPECT_EQ(late.status, 412);
  EXPECT_EQ(at(as_app("GET", "/v1/users/u1"), "/name"), "B");
}

TEST_F(AdministeringTest, ADeviceMovesToWhoeverRegistersItsTokenLast) {
  as_app("PUT", "/v1/users/u1", "{}");
  as_app("PUT", "/v1/users/u2", "{}");
  const std::string body = R"({"platform":"android","endpoints":[{"service":"fcm","token":"test-ok"}]})";
  EXPECT_EQ(as_app("PUT", "/v1/users/u1/devices/d1", body).status, 201);
  EXPECT_EQ(as_app("PUT", "/v1/users/u1/devices/d1", body).status, 200);
  EXPECT_EQ(as_app("PUT", "/v1/users/u2/devices/d1", body).status, 201);
  EXPECT_EQ(at(as_app("GET", "/v1/users/u1"), "/devices"), "[]");
  EXPECT_EQ(at(as_app("GET", "/v1/users/u2/devices/d1"), "/platform"), "android");
  EXPECT_EQ(as_app("DELETE", "/v1/users/u2/devices/d1").status, 204);
  EXPECT_EQ(as_app("GET", "/v1/users/u2/devices/d1").status, 404);
  EXPECT_EQ(as_app("PUT", "/v1/users/nobody/devices/d1", body).status, 404);
  EXPECT_EQ(as_app("PUT", "/v1/users/u1/devices/d1", R"({"platform":"fridge"})").status, 422);
}

TEST_F(AdministeringTest, ADeviceInTheShortFormBelongsToTheOnlyApp) {
  as_app("PUT", "/v1/users/u1", "{}");
  const auto put = [&](std::string_view body) {
    return as_app("PUT", "/v1/users/u1/devices/abcdef0123", std::string(body));
  };
  const auto configure = [&](std::string_view key, std::string_view topic, bool is_enabled = true) {
    const auto made = as_admin(
        "PUT", fmt::format("/v1/integrations/{}?test=false", key),
        fmt::format(
            R"({{"provider":"apns","enabled":{},"settings":{{"team_id":"ABCDE12345","key_id":"FGHIJ67890",)"
            R"("private_key":"none","topic":"{}"}}}})",
            is_enabled, topic));
    ASSERT_LT(made.status, 300) << made.body;
  };
  const std::string_view ios = R"({"platform":"ios"})";
  EXPECT_EQ(at(put(ios), "/bundle"), "(none)") << "nobody says what it could be";
  configure("a", "com.example.a");
  EXPECT_EQ(at(put(ios), "/bundle"), "com.example.a");
  EXPECT_EQ(at(put(R"({"platform":"macos","bundle":"com.example.own"})"), "/bundle"), "com.example.own");
  EXPECT_EQ(at(put(R"({"platform":"android"})"), "/bundle"), "(none)") << "another service";
  EXPECT_EQ(at(put(R"({"platform":"ios","endpoints":[{"service":"apns","token":"aa"}]})"), "/bundle"),
            "(none)");
  configure("a_development", "com.example.a");
  EXPECT_EQ(at(put(ios), "/bundle"), "com.example.a") << "two accounts of one app";
  configure("b", "com.example.b");
  const auto refused = put(ios);
  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_EQ(at(refused, "/errors/0/pointer"), "/bundle");
  EXPECT_EQ(at(refused, "/errors/0/code"), "required");
  EXPECT_NE(at(refused, "/errors/0/detail").find("com.example.a, com.example.b"), std::string::npos);
  EXPECT_EQ(as_app("PATCH", "/v1/users/u1/devices/abcdef0123", R"({"enabled":false})").status, 200);
  configure("b", "com.example.b", false);
  EXPECT_EQ(at(put(ios), "/bundle"), "com.example.a");
}

TEST_F(AdministeringTest, PreferencesAreReplacedPatchedAndLogged) {
  as_app("PUT", "/v1/users/u1", "{}");
  const auto put = as_app("PUT", "/v1/users/u1/preferences",
                          R"({"preferences":[{"channel":"sms","category":"*","opt_in":false}]})");
  EXPECT_EQ(at(put, "/preferences/0/opt_in"), "false") << put.body;
  const auto patch = as_app("PATCH", "/v1/users/u1/preferences",
                            R"({"preferences":[{"channel":"email","category":"general","opt_in":false}]})");
  EXPECT_EQ(at(patch, "/preferences/1/channel"), "email") << patch.body;
  const auto bad = as_app("PATCH", "/v1/users/u1/preferences",
                          R"({"preferences":[{"channel":"email","category":"nope","opt_in":false}]})");
  EXPECT_EQ(at(bad, "/errors/0/pointer"), "/preferences/0/category");
  const auto log = as_app("GET", "/v1/users/u1/preferences/log?limit=1");
  EXPECT_EQ(at(log, "/data/0/actor"), "app:shop") << log.body;
  const auto next = as_app("GET", "/v1/users/u1/preferences/log?limit=1&after=" + at(log, "/page/next"));
  EXPECT_EQ(at(next, "/data/0/change/preferences/0/channel"), "sms") << next.body;
  ASSERT_EQ(as_app("DELETE", "/v1/users/u1").status, 204);
  EXPECT_EQ(at(as_app("GET", "/v1/users/u1/preferences/log"), "/data/0/change/preferences/0/channel"),
            "email");
  EXPECT_EQ(as_app("GET", "/v1/users/nobody/preferences/log").status, 404);
}

TEST_F(AdministeringTest, ASuppressedAddressIsNotContactedUntilItIsAllowedAgain) {
  const auto made =
      as_app("POST", "/v1/suppressions", R"({"channel":"email","address":"ok@sandbox.carillon.test"})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(at(made, "/address"), "o…@sandbox.carillon.test");
  const auto sent = as_app("POST", "/v1/notifications", kMail);
  EXPECT_EQ(at(sent, "/deliveries/suppressed"), "1") << sent.body;
  EXPECT_EQ(
      at(as_app("GET", "/v1/suppressions?channel=email&address=ok@sandbox.carillon.test"), "/data/0/reason"),
      "manual");
  EXPECT_EQ(as_app("DELETE", "/v1/suppressions/email/ok%40sandbox.carillon.test").status, 204);
  EXPECT_EQ(as_app("DELETE", "/v1/suppressions?channel=email&address=ok%40sandbox.carillon.test").status,
            404);
  EXPECT_EQ(at(as_app("POST", "/v1/notifications", kMail), "/deliveries/pending"), "1");
}

TEST_F(AdministeringTest, ListsArePagedByCursorsThatCannotBeMadeUp) {
  for (int i = 0; i < 3; ++i) as_app("POST", "/v1/notifications", kMail);
  const auto first = as_app("GET", "/v1/notifications?limit=2");
  EXPECT_NE(at(first, "/data/1/id"), "(none)");
  const std::string next = at(first, "/page/next");
  const auto second = as_app("GET", "/v1/notifications?limit=2&after=" + next);
  EXPECT_EQ(at(second, "/data/1/id"), "(none)") << second.body;
  EXPECT_NE(at(second, "/data/0/id"), at(first, "/data/1/id"));
  EXPECT_EQ(at(as_app("GET", "/v1/notifications?after=AAAA"), "/code"), "invalid_cursor");
  EXPECT_EQ(at(as_app("GET", "/v1/deliveries?after=" + next), "/code"), "invalid_cursor");
  EXPECT_EQ(at(as_admin("GET", "/v1/notifications?after=" + next), "/code"), "invalid_cursor");
  EXPECT_EQ(at(as_app("GET", "/v1/notifications?limit=201"), "/code"), "out_of_range");
}

TEST_F(AdministeringTest, FiltersChooseNotifications) {
  as_app("PUT", "/v1/users/u1", R"({"email":"ok@sandbox.carillon.test"})");
  const auto wanted =
      as_app("POST", "/v1/notifications",
             R"({"event_id":"e9","to":[{"user_id":"u1"}],"channels":["email"],"title":"Hi","body":"y"})");
  as_app("POST", "/v1/notifications", kMail);
  const std::string id = at(wanted, "/id");
  for (const std::string filter : {"event_id=e9", "user_id=u1"}) {
    const auto list = as_app("GET", "/v1/notifications?" + filter);
    EXPECT_EQ(at(list, "/data/0/id"), id) << filter << list.body;
    EXPECT_EQ(at(list, "/data/1/id"), "(none)") << filter;
  }
  EXPECT_EQ(at(as_app("GET", "/v1/users/u1/notifications"), "/data/0/id"), id);
  EXPECT_EQ(at(as_app("GET", "/v1/notifications?status=nonsense"), "/errors/0/pointer"), "?status");
  EXPECT_EQ(at(as_app("GET", "/v1/notifications?from=yesterday"), "/code"), "invalid_time");
}

TEST_F(AdministeringTest, TemplatesHaveVersionsAndPreviews) {
  const std::string body = R"({"params":[{"name":"name","type":"string","required":true}],)"
                           R"("content":{"en":{"title":"Hello {{name}}","body":"Welcome"}}})";
  ASSERT_EQ(as_admin("PUT", "/v1/templates/welcome", body).status, 201);
  const auto draft = as_admin("PUT", "/v1/templates/welcome?publish=false", body);
  EXPECT_EQ(at(draft, "/version"), "2") << draft.body;
  EXPECT_EQ(at(draft, "/published"), "false");
  EXPECT_EQ(at(as_app("GET", "/v1/templates/welcome"), "/version"), "1");
  EXPECT_EQ(as_admin("POST", "/v1/templates/welcome/versions/2/publish").status, 200);
  EXPECT_EQ(at(as_app("GET", "/v1/templates/welcome"), "/version"), "2");
  EXPECT_EQ(at(as_app("GET", "/v1/templates"), "/data/0/published"), "2");
  const auto preview =
      as_app("POST", "/v1/templates/welcome/preview", R"({"channel":"push","params":{"name":"Kim"}})");
  EXPECT_EQ(at(preview, "/content/push/title"), "Hello Kim") << preview.body;
  const auto missing = as_app("POST", "/v1/templates/welcome/preview", "{}");
  EXPECT_EQ(at(missing, "/code"), "missing_parameter");
  EXPECT_EQ(as_admin("DELETE", "/v1/templates/welcome").status, 204);
  EXPECT_EQ(as_app("GET", "/v1/templates/welcome").status, 404);
  EXPECT_EQ(at(as_admin("PUT", "/v1/templates/welcome", body), "/version"), "3");
  const auto broken = as_admin("PUT", "/v1/templates/bad", R"({"content":{"en":{"title":"{{nope}}"}}})");
  EXPECT_EQ(broken.status, 422) << broken.body;
}

TEST_F(AdministeringTest, CategoriesAreMadeChangedAndReset) {
  const auto made =
      as_admin("PUT", "/v1/categories/orders", R"({"channels":["email"],"cap":{"limit":3,"per":"24h"}})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(at(as_app("GET", "/v1/categories/orders"), "/channels/0"), "email");
  EXPECT_EQ(at(as_admin("PATCH", "/v1/categories/orders", R"({"kind":"marketing"})"), "/channels/0"),
            "email");
  EXPECT_EQ(as_admin("DELETE", "/v1/categories/orders").status, 204);
  EXPECT_EQ(as_app("GET", "/v1/categories/orders").status, 404);
  EXPECT_EQ(as_admin("DELETE", "/v1/categories/general").status, 204);
  EXPECT_EQ(as_app("GET", "/v1/categories/general").status, 200);
}

TEST_F(AdministeringTest, CategoriesThatShareACountAgreeOnIt) {
  const auto put = [&](std::string_view key, std::string_view cap) {
    return as_admin("PUT", fmt::format("/v1/categories/{}", key), fmt::format(R"({{"cap":{}}})", cap));
  };
  ASSERT_EQ(put("orders", R"({"limit":3,"per":"24h"})").status, 201);
  EXPECT_EQ(put("same", R"({"key":"orders","limit":3,"per":"1d","on_exceed":"drop"})").status, 201);
  const auto limit = put("other", R"({"key":"orders","limit":4,"per":"24h"})");
  EXPECT_EQ(limit.status, 422);
  EXPECT_EQ(at(limit, "/code"), "cap_mismatch") << limit.body;
  EXPECT_EQ(at(limit, "/errors/0/pointer"), "/cap/limit");
  EXPECT_EQ(at(limit, "/errors/1"), "(none)");
  EXPECT_NE(at(limit, "/errors/0/detail").find("'orders'"), std::string::npos) << limit.body;
  const auto both = put("other", R"({"key":"orders","limit":4,"per":"1h"})");
  EXPECT_EQ(at(both, "/errors/1/pointer"), "/cap/per") << both.body;
  EXPECT_EQ(as_app("GET", "/v1/categories/other").status, 404) << "nothing is stored of what is refused";
  const auto patch = as_admin("PATCH", "/v1/categories/orders", R"({"cap":{"limit":5,"per":"24h"}})");
  EXPECT_EQ(at(patch, "/code"), "cap_mismatch") << patch.body;
  EXPECT_NE(at(patch, "/errors/0/detail").find("'same'"), std::string::npos) << patch.body;
  EXPECT_EQ(put("other", R"({"key":"others","limit":4,"per":"24h"})").status, 201);
  ASSERT_EQ(put("security", R"({"limit":10,"per":"1h"})").status, 200);
  EXPECT_EQ(at(put("codes", R"({"key":"security","limit":10,"per":"2h"})"), "/errors/0/pointer"), "/cap/per")
      << "built-in ones are compared too";
  EXPECT_EQ(as_admin("DELETE", "/v1/categories/same").status, 204);
  EXPECT_EQ(as_admin("PATCH", "/v1/categories/orders", R"({"cap":{"limit":5,"per":"24h"}})").status, 200);
}

TEST_F(AdministeringTest, IntegrationsAndRoutesDependOnEachOther) {
  const auto made = as_admin("PUT", "/v1/integrations/box", R"({"provider":"sandbox","settings":{}})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(at(made, "/state"), "ready");
  EXPECT_EQ(at(as_admin("PUT", "/v1/integrations/x", R"({"provider":"none"})"), "/errors/0/code"),
            "unknown_provider");
  EXPECT_EQ(at(as_admin("PUT", "/v1/integrations/x", R"({"provider":"sandbox","settings":{"wat":1}})"),
               "/errors/0/pointer"),
            "/settings/wat");
  EXPECT_EQ(at(as_admin("POST", "/v1/integrations/box/test"), "/ok"), "true");
  EXPECT_EQ(at(as_admin("POST", "/v1/integrations/box/pause", R"({"reason":"moving"})"), "/paused"),
            "moving");
  EXPECT_EQ(at(as_admin("GET", "/v1/integrations/box"), "/state"), "paused");
  EXPECT_EQ(at(as_admin("POST", "/v1/integrations/box/resume"), "/state"), "ready");
  const std::string route = R"({"position":1,"match":{"channel":"email"},"chain":[{"integration":"box"}]})";
  EXPECT_EQ(as_admin("PUT", "/v1/routes/mail", route).status, 201);
  EXPECT_EQ(at(as_admin("GET", "/v1/routes"), "/data/0/key"), "mail");
  EXPECT_EQ(at(as_admin("DELETE", "/v1/integrations/box"), "/code"), "in_use");
  EXPECT_EQ(
      at(as_admin("PUT", "/v1/routes/other", R"({"chain":[{"integration":"none"}]})"), "/errors/0/pointer"),
      "/chain/0/integration");
  EXPECT_EQ(as_admin("DELETE", "/v1/routes/mail").status, 204);
  EXPECT_EQ(as_admin("DELETE", "/v1/integrations/box").status, 204);
  EXPECT_NE(at(as_app("GET", "/v1/provider-types"), "/data/0/settings/0/name"), "(none)");
}

TEST_F(AdministeringTest, APauseHoldsAndItsEndReleases) {
  const auto pause = as_admin("POST", "/v1/pauses", R"({"scope":{"channel":"email"},"reason":"wrong text"})");
  ASSERT_EQ(pause.status, 201) << pause.body;
  EXPECT_EQ(at(pause, "/by"), "key:first");
  const std::string id = at(as_app("POST", "/v1/notifications", kMail), "/id");
  EXPECT_EQ(await("/v1/notifications/" + id + "/deliveries", "/data/0/reason", "paused"), "paused");
  EXPECT_EQ(as_admin("DELETE", "/v1/pauses/" + at(pause, "/id")).status, 204);
  EXPECT_EQ(await("/v1/notifications/" + id, "/status", "completed"), "completed");
}

TEST_F(AdministeringTest, CancelStopsWhatIsHeld) {
  as_admin("POST", "/v1/pauses", R"({"scope":{"channel":"email"}})");
  const std::string id = at(as_app("POST", "/v1/notifications", kMail), "/id");
  const auto cancelled = as_app("POST", "/v1/notifications/" + id + "/cancel");
  EXPECT_EQ(cancelled.status, 200) << cancelled.body;
  EXPECT_EQ(await("/v1/notifications/" + id + "/deliveries", "/data/0/status", "cancelled"), "cancelled");
  EXPECT_EQ(as_app("POST", "/v1/notifications/" + id + "/cancel").status, 200);
}

TEST_F(AdministeringTest, WhatFailedIsReplayedToAnotherAddress) {
  const auto sent = as_app(
      "POST", "/v1/notifications",
      R"({"to":[{"email":"bounce@sandbox.carillon.test"}],"channels":["email"],"title":"Hi","body":"y"})");
  const std::string list = "/v1/notifications/" + at(sent, "/id") + "/deliveries";
  ASSERT_EQ(await(list, "/data/0/status", "failed"), "failed");
  const std::string delivery = at(as_app("GET", list), "/data/0/id");
  const auto job =
      as_admin("POST", "/v1/dead-letters/replay",
               R"({"ids":[")" + delivery +
                   R"(","dlv_0000000000000"],"changes":{"address":"ok@sandbox.carillon.test"}})");
  ASSERT_EQ(job.status, 202) << job.body;
  EXPECT_EQ(at(job, "/done"), "1") << job.body;
  EXPECT_EQ(at(job, "/total"), "2");
  EXPECT_EQ(at(job, "/errors/0/id"), "dlv_0000000000000");
  EXPECT_EQ(as_admin("GET", "/v1/jobs/" + at(job, "/id")).body, job.body);
  EXPECT_EQ(await(list, "/data/0/status", "sent"), "sent");
  EXPECT_EQ(at(as_app("GET", list), "/data/0/generation"), "1");
}

TEST_F(AdministeringTest, AppsAreMadeOnceAndTheirKeysRevoked) {
  const net::Headers headers{{"Authorization", admin_}, {"Idempotency-Key", "k"}};
  const auto made = call("POST", "/v1/apps", R"({"name":"new","max_priority":"critical"})", headers);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_TRUE(at(made, "/app_key").starts_with("ck_live_"));
  EXPECT_TRUE(at(made, "/test_app_key").starts_with("ck_test_"));
  EXPECT_EQ(at(made, "/max_priority"), "critical");
  const auto again = call("POST", "/v1/apps", R"({"name":"new","max_priority":"critical"})", headers);
  EXPECT_EQ(again.body, made.body);
  EXPECT_EQ(again.header("Idempotency-Replayed"), "true");
  EXPECT_EQ(at(call("POST", "/v1/apps", R"({"name":"x"})", headers), "/code"), "idempotency_key_reused");
  EXPECT_EQ(at(as_admin("POST", "/v1/apps", R"({"name":"new"})"), "/code"), "already_exists");
  const auto key = as_admin("POST", "/v1/apps/new/keys", R"({"scopes":["read"]})");
  EXPECT_EQ(key.status, 201) << key.body;
  EXPECT_EQ(as_admin("GET", "/v1/apps/new").body.find(at(made, "/app_secret")), std::string::npos);
  const auto token = as_admin("POST", "/v1/keys", R"({"name":"ops","scopes":["audit"]})");
  ASSERT_EQ(token.status, 201) << token.body;
  const net::Headers ops{{"Authorization", "Bearer " + at(token, "/token")}};
  EXPECT_EQ(call("GET", "/v1/audit?installation=true", {}, ops).status, 200);
  EXPECT_EQ(call("GET", "/v1/apps", {}, ops).status, 403);
  EXPECT_EQ(as_admin("DELETE", "/v1/keys/ops").status, 204);
  EXPECT_EQ(call("GET", "/v1/audit", {}, ops).status, 401);
}

TEST_F(AdministeringTest, SettingsAreKeptAndChangesAudited) {
  const auto put = as_admin("PUT", "/v1/settings",
                            R"({"time_zone":"Asia/Seoul","quiet_hours":{"from":"22:00","to":"08:00"}})");
  EXPECT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(at(as_admin("PATCH", "/v1/settings", R"({"locale":"ko"})"), "/quiet_hours/from"), "22:00");
  const auto wrong = as_admin("PATCH", "/v1/settings", R"({"quiet_hours":{"from":"22:00","to":"25:00"}})");
  EXPECT_EQ(at(wrong, "/errors/0/pointer"), "/quiet_hours/to");
  const auto never = as_admin("PATCH", "/v1/settings", R"({"quiet_hours":{"from":"00:00","to":"00:00"}})");
  EXPECT_EQ(at(never, "/errors/0/pointer"), "/quiet_hours/to");
  EXPECT_EQ(at(as_admin("GET", "/v1/settings"), "/time_zone"), "Asia/Seoul");
  EXPECT_EQ(at(as_admin("PUT", "/v1/settings", R"({"time_zone":"Moon"})"), "/code"), "invalid_time_zone");
  const auto audit = as_admin("GET", "/v1/audit");
  EXPECT_EQ(at(audit, "/data/0/actor"), "key:first") << audit.body;
  EXPECT_EQ(at(audit, "/data/0/action"), "settings.update");
  EXPECT_EQ(at(audit, "/data/0/detail/changes/0/pointer"), "/locale") << audit.body;
  EXPECT_EQ(at(audit, "/data/0/detail/changes/0/before"), "en");
  EXPECT_EQ(at(audit, "/data/0/detail/changes/0/after"), "ko");
  EXPECT_EQ(as_app("GET", "/v1/stats").status, 200);
  EXPECT_EQ(as_app("GET", "/v1/queues").status, 200);
  EXPECT_EQ(at(as_app("GET", "/v1/limits"), "/counts/batch_items"), "1000");
}

TEST_F(AdministeringTest, TheAuditNamesTheRequestAndIsFiltered) {
  const net::Headers traced{{"Authorization", admin_}, {"X-Request-Id", "deploy-7"}};
  ASSERT_EQ(call("PATCH", "/v1/apps/shop", R"({"rate_limit":50})", traced).status, 200);
  ASSERT_EQ(as_admin("PATCH", "/v1/settings", R"({"locale":"ko"})").status, 200);
  const auto by_request = as_admin("GET", "/v1/audit?request_id=deploy-7");
  EXPECT_EQ(at(by_request, "/data/0/action"), "app.update") << by_request.body;
  EXPECT_EQ(at(by_request, "/data/0/object"), "shop");
  EXPECT_EQ(at(by_request, "/data/0/request_id"), "deploy-7");
  EXPECT_EQ(at(by_request, "/data/0/detail/changes/0/pointer"), "/rate_limit");
  EXPECT_EQ(at(by_request, "/data/1/action"), "(none)");
  EXPECT_EQ(at(by_request, "/data/0/origin"), "127.0.0.1");
  EXPECT_EQ(at(as_admin("GET", "/v1/audit?action=settings"), "/data/0/object"), "project");
  EXPECT_EQ(at(as_admin("GET", "/v1/audit?action=sett"), "/data/0/object"), "(none)");
  EXPECT_EQ(at(as_admin("GET", "/v1/audit?object=shop&action=app.update&actor=key:first"), "/data/0/object"),
            "shop");
  EXPECT_EQ(at(as_admin("GET", "/v1/audit?actor=key:nobody"), "/data/0/object"), "(none)");
  EXPECT_EQ(at(as_admin("GET", "/v1/audit?from=yesterday"), "/errors/0/pointer"), "?from");
  EXPECT_EQ(at(as_admin("GET", "/v1/audit?actor=" + std::string(600, 'x')), "/errors/0/code"), "too_long");
}

}  // namespace
}  // namespace carillon::api
