#include "api/api_fixture_test.h"

namespace carillon::api {
namespace {

constexpr const char* kBody = R"({"url":"https://shop.example.com/hooks","events":["delivery.*"]})";

class WebhookApi : public ApiTest {};

TEST_F(WebhookApi, ANewOneShowsItsSecretOnce) {
  const auto made = as_admin("PUT", "/v1/webhooks/shop", kBody);
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_TRUE(at(made, "/secret").starts_with("whsec_"));
  EXPECT_EQ(at(made, "/state"), "ready");
  for (const char* target : {"/v1/webhooks/shop", "/v1/webhooks", "/v1/audit"})
    EXPECT_EQ(as_admin("GET", target).body.find("whsec_"), std::string::npos) << target;
  const auto changed =
      as_admin("PUT", "/v1/webhooks/shop", R"({"url":"https://b.example.com/","events":["*"]})");
  EXPECT_EQ(changed.status, 200);
  EXPECT_EQ(at(changed, "/secret"), R"({"set":true})");
  EXPECT_EQ(at(changed, "/url"), "https://b.example.com/");
}

TEST_F(WebhookApi, TakesASecretOfOnesOwnAndRotatesIt) {
  const std::string own = "whsec_" + base::base64(std::string(32, 'x'));
  const auto made = as_admin("PUT", "/v1/webhooks/shop",
                             R"({"url":"https://a.example.com/","events":["*"],"secret":")" + own + R"("})");
  EXPECT_EQ(at(made, "/secret"), own);
  const auto rotated = as_admin("POST", "/v1/webhooks/shop/rotate");
  EXPECT_EQ(rotated.status, 200) << rotated.body;
  EXPECT_NE(at(rotated, "/secret"), own);
  EXPECT_NE(at(rotated, "/previous_secret_until"), "null");
  EXPECT_EQ(
      at(as_admin("POST", "/v1/webhooks/shop/rotate", R"({"keep_previous":"0s"})"), "/previous_secret_until"),
      "null");
  EXPECT_EQ(as_admin("POST", "/v1/webhooks/shop/rotate", R"({"keep_previous":"30d"})").status, 422);
  EXPECT_EQ(as_admin("POST", "/v1/webhooks/shop/rotate", R"({"secret":"short"})").status, 422);
}

TEST_F(WebhookApi, WhereItMayNotBeIsRefused) {
  for (const char* url :
       {"http://shop.example.com/", "https://127.0.0.1/", "https://[fd00::1]/", "https://"}) {
    const auto refused =
        as_admin("PUT", "/v1/webhooks/shop", fmt::format(R"({{"url":"{}","events":["*"]}})", url));
    EXPECT_EQ(refused.status, 422) << url;
    EXPECT_EQ(at(refused, "/errors/0/pointer"), "/url");
    EXPECT_EQ(at(refused, "/errors/0/code"), "invalid_webhook_url");
  }
}

TEST_F(WebhookApi, PausesResumesAndGoes) {
  as_admin("PUT", "/v1/webhooks/shop", kBody);
  const auto paused = as_admin("POST", "/v1/webhooks/shop/pause", R"({"reason":"moving"})");
  EXPECT_EQ(at(paused, "/state") + at(paused, "/paused"), "pausedmoving");
  EXPECT_EQ(at(as_admin("PUT", "/v1/webhooks/shop", kBody), "/paused"), "moving");
  EXPECT_EQ(at(as_admin("POST", "/v1/webhooks/shop/resume"), "/state"), "ready");
  EXPECT_EQ(as_admin("DELETE", "/v1/webhooks/shop").status, 204);
  EXPECT_EQ(as_admin("GET", "/v1/webhooks/shop").status, 404);
}

TEST_F(WebhookApi, ShowsWhatItWasTold) {
  as_admin("PUT", "/v1/webhooks/shop", kBody);
  const auto sent =
      as_app("POST", "/v1/notifications",
             R"({"to":[{"email":"ok@sandbox.carillon.test"}],"channels":["email"],"title":"x","body":"y"})");
  ASSERT_EQ(sent.status, 202) << sent.body;
  ASSERT_EQ(await("/v1/notifications/" + at(sent, "/id"), "/status", "completed"), "completed");
  const auto told = as_admin("GET", "/v1/webhooks/shop/deliveries?status=waiting&type=delivery.sent");
  EXPECT_EQ(at(told, "/data/0/type"), "delivery.sent");
  EXPECT_EQ(at(told, "/data/1"), "(none)");
  const std::string id = at(told, "/data/0/id");
  const auto one = as_admin("GET", "/v1/webhooks/shop/deliveries/" + id);
  EXPECT_EQ(at(one, "/event/data/app"), "shop");
  EXPECT_EQ(at(one, "/event/id"), id);
  EXPECT_EQ(at(one, "/attempts"), "[]");
  EXPECT_EQ(at(as_admin("GET", "/v1/webhooks/shop"), "/backlog/waiting"), "1");
  EXPECT_EQ(as_admin("POST", "/v1/webhooks/shop/test").status, 503);  // nothing is posted here
  EXPECT_EQ(as_admin("POST", "/v1/webhooks/shop/replay", R"({"status":"all"})").status, 503);
  const auto job = as_admin("POST", "/v1/webhooks/shop/replay", R"({"ids":[")" + id + R"("]})");
  EXPECT_EQ(job.status, 202);
  EXPECT_EQ(at(job, "/done"), "1");
}

}  // namespace
}  // namespace carillon::api
