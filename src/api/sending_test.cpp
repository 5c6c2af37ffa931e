#include "api/api_fixture_test.h"

namespace carillon::api {
namespace {

std::string mail_with(std::string_view member) {
  return R"({"to":[{"email":"ok@sandbox.carillon.test"}],"channels":["email"],"title":"Hello",)"
         R"("body":"Text",)" +
         std::string(member) + "}";
}

TEST_F(ApiTest, ASendIsAnsweredAsTheContractSays) {
  const auto answer = as_app("POST", "/v1/notifications", mail_with(R"("event_id":"e1")"));
  ASSERT_EQ(answer.status, 202) << answer.body;
  EXPECT_TRUE(base::parse_id("ntf_", at(answer, "/id"))) << answer.body;
  EXPECT_EQ(at(answer, "/event_id"), "e1");
  EXPECT_EQ(at(answer, "/status"), "sending");
  EXPECT_EQ(at(answer, "/duplicate"), "false");
  EXPECT_TRUE(parse_rfc3339(at(answer, "/dedup_until"))) << answer.body;
  EXPECT_EQ(at(answer, "/recipients"), R"({"total":1,"reached":1,"suppressed":0})");
  EXPECT_EQ(at(answer, "/deliveries"), R"({"pending":1,"held":0,"suppressed":0})");
  EXPECT_EQ(at(answer, "/warnings"), "[]");
  EXPECT_FALSE(answer.header("X-Request-Id").empty());
}

TEST_F(ApiTest, ARepeatIsAnswered200WithTheFirstId) {
  const std::string body = mail_with(R"("event_id":"e1")");
  const auto first = as_app("POST", "/v1/notifications", body);
  const auto again = as_app("POST", "/v1/notifications", body);
  ASSERT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(at(again, "/id"), at(first, "/id"));
  EXPECT_EQ(at(again, "/duplicate"), "true");
}

TEST_F(ApiTest, AnEventIdWithAnotherBodyIsRefusedWithThePointer) {
  as_app("POST", "/v1/notifications", mail_with(R"("event_id":"e1","url":"https://example.com/1")"));
  const auto other =
      as_app("POST", "/v1/notifications", mail_with(R"("event_id":"e1","url":"https://example.com/2")"));
  ASSERT_EQ(other.status, 422) << other.body;
  EXPECT_EQ(at(other, "/code"), "event_id_reused");
  EXPECT_EQ(at(other, "/errors/0/pointer"), "/url");
}

TEST_F(ApiTest, IdempotencyKeyIsTheAliasOfEventId) {
  const net::Headers headers{{"Authorization", app_}, {"Idempotency-Key", "\"k1\""}};
  const auto first = call("POST", "/v1/notifications", kMail, headers);
  const auto again = call("POST", "/v1/notifications", kMail, headers);
  EXPECT_EQ(first.status, 202);
  EXPECT_EQ(at(first, "/event_id"), "k1");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(at(again, "/id"), at(first, "/id"));
  const auto both = call("POST", "/v1/notifications", mail_with(R"("event_id":"other")"), headers);
  EXPECT_EQ(at(both, "/errors/0/code"), "conflicting_fields");
}

TEST_F(ApiTest, ChannelCallsFixTheirChannel) {
  const auto fits = as_app("POST", "/v1/email/send",
                           R"({"to":[{"email":"ok@sandbox.carillon.test"}],"title":"Hi","body":"y"})");
  EXPECT_EQ(fits.status, 202) << fits.body;
  const auto other = as_app("POST", "/v1/sms/send", kMail);
  EXPECT_EQ(other.status, 422);
  EXPECT_EQ(at(other, "/code"), "channel_mismatch");
}

TEST_F(ApiTest, ExplainWritesNothing) {
  const auto answer = as_app("POST", "/v1/notifications/explain", kMail);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(at(answer, "/data/0/decision"), "send");
  EXPECT_EQ(at(as_app("GET", "/v1/notifications"), "/data"), "[]");
}

struct BadInput {
  const char* body;
  int status;
  const char* code;
  const char* pointer;
};

TEST_F(ApiTest, BadInputIsAProblemWithAPointer) {
  const BadInput table[] = {
      {"", 400, "not_json", ""},
      {"{", 400, "not_json", ""},
      {R"({"to":[],"to":[]})", 400, "not_json", ""},
      {"[]", 400, "wrong_type", ""},
      {R"({"to":7,"title":"x","channels":["email"]})", 400, "wrong_type", "/to"},
      {R"({"to":[{"email":"a@example.com"}],"titel":"x","title":"x","channels":["email"]})", 400,
       "unknown_field", "/titel"},
      {R"({"title":"x","channels":["email"]})", 422, "missing_recipient", "/to"},
      {R"({"to":[{"email":"nobody"}],"title":"x","channels":["email"]})", 422, "invalid_email",
       "/to/0/email"},
      {R"({"to":[{"phone":"12"}],"body":"x","channels":["sms"]})", 422, "invalid_phone", "/to/0/phone"},
      {R"({"to":[{"email":"a@example.com"}],"title":"x","channels":["fax"]})", 422, "invalid_channel",
       "/channels/0"},
      {R"({"to":[{"email":"a@example.com"}],"title":"x","body":"y"})", 422, "no_channels", "/channels"},
      {R"({"to":[{"user_id":"nobody"}],"title":"x","body":"y","channels":["email"]})", 422, "unknown_user",
       "/to/0/user_id"},
      {R"({"to":[{"email":"a@example.com"}],"template":"none","channels":["email"]})", 422,
       "unknown_template", "/template"},
      {R"({"to":[{"email":"a@example.com"}],"title":"x","body":"y","channels":["email"],"category":"none"})",
       422, "unknown_category", "/category"},
  };
  for (const BadInput& bad : table) {
    const auto answer = as_app("POST", "/v1/notifications", bad.body);
    EXPECT_EQ(answer.status, bad.status) << bad.body << answer.body;
    EXPECT_EQ(at(answer, "/code"), bad.code) << bad.body;
    EXPECT_EQ(at(answer, "/errors/0/pointer"), bad.pointer) << bad.body << answer.body;
    EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
    EXPECT_EQ(at(answer, "/type"), std::string("/docs/errors#") + bad.code);
    EXPECT_EQ(at(answer, "/request_id"), answer.header("X-Request-Id"));
  }
}

TEST_F(ApiTest, OneBadItemOfABatchHarmsOnlyItself) {
  const std::string good(kMail);
  const std::string body = R"({"notifications":[)" + good +
                           R"(,{"to":[{"email":"nobody"}],"title":"x","channels":["email"]},7,)" + good +
                           "]}";
  const auto answer = as_app("POST", "/v1/notifications/batch", body);
  ASSERT_EQ(answer.status, 202) << answer.body;
  EXPECT_EQ(at(answer, "/summary"), R"({"accepted":2,"duplicate":0,"refused":2})");
  EXPECT_EQ(at(answer, "/results/0/status"), "accepted");
  EXPECT_EQ(at(answer, "/results/1/error/code"), "invalid_email");
  EXPECT_EQ(at(answer, "/results/1/error/errors/0/pointer"), "/to/0/email");
  EXPECT_EQ(at(answer, "/results/2/error/code"), "wrong_type");
  EXPECT_EQ(at(answer, "/results/3/index"), "3");
  const auto stored = as_app("GET", "/v1/notifications/" + at(answer, "/results/3/id"));
  EXPECT_EQ(stored.status, 200);
}

TEST_F(ApiTest, ABatchMayBeABareArrayAndRepeatsAreCounted) {
  const std::string item = mail_with(R"("event_id":"e1")");
  const auto answer = as_app("POST", "/v1/notifications/batch", "[" + item + "," + item + "]");
  ASSERT_EQ(answer.status, 202) << answer.body;
  EXPECT_EQ(at(answer, "/summary"), R"({"accepted":1,"duplicate":1,"refused":0})");
  EXPECT_EQ(at(answer, "/results/0/id"), at(answer, "/results/1/id"));
}

TEST_F(ApiTest, ABatchHasLimits) {
  EXPECT_EQ(as_app("POST", "/v1/notifications/batch", "[]").status, 422);
  std::string many = "[";
  for (std::size_t i = 0; i <= model::kBatchItemsMax; ++i) many += i == 0 ? "{}" : ",{}";
  const auto answer = as_app("POST", "/v1/notifications/batch", many + "]");
  EXPECT_EQ(at(answer, "/code"), "too_many");
  const std::string large =
      "[" + mail_with(R"("metadata":{"x":")" + std::string(model::kRequestMax, 'x') + "\"}") + "]";
  EXPECT_EQ(at(as_app("POST", "/v1/notifications/batch", large), "/results/0/error/code"), "body_too_large");
  EXPECT_EQ(Api::body_limit("POST", "/v1/notifications/batch"), model::kBatchBytesMax);
  EXPECT_EQ(Api::body_limit("POST", "/v1/notifications"), model::kRequestMax);
}

TEST_F(ApiTest, AnAppOverItsRateIsTold429) {
  ASSERT_EQ(as_admin("PATCH", "/v1/apps/shop", R"({"rate_limit":2})").status, 200);
  const auto first = as_app("POST", "/v1/notifications", kMail);
  EXPECT_EQ(first.header("RateLimit-Policy"), "\"app\";q=2;w=1");
  net::HttpResponse last;
  for (int i = 0; i < 50 && last.status != 429; ++i) last = as_app("POST", "/v1/notifications", kMail);
  EXPECT_EQ(last.status, 429);
  EXPECT_EQ(at(last, "/code"), "rate_limited");
  EXPECT_FALSE(last.header("Retry-After").empty());
}

TEST_F(ApiTest, WhatIsSentArrivesInTheSandboxAndTheCountsAddUp) {
  const auto sent = as_app("POST", "/v1/notifications", kMail);
  const std::string id = at(sent, "/id");
  EXPECT_EQ(await("/v1/notifications/" + id, "/status", "completed"), "completed");
  const auto notification = as_app("GET", "/v1/notifications/" + id);
  EXPECT_EQ(at(notification, "/counts"), R"({"sent":1})") << notification.body;
  EXPECT_EQ(at(notification, "/outcome"), "success");
  EXPECT_EQ(at(notification, "/log_status"), "SUCCESS");
  EXPECT_EQ(at(notification, "/app"), "shop");
  const auto messages = as_app("GET", "/v1/sandbox/messages");
  EXPECT_EQ(at(messages, "/data/0/notification_id"), id) << messages.body;
  EXPECT_EQ(at(messages, "/data/0/to"), "ok@sandbox.carillon.test");
  EXPECT_EQ(at(messages, "/data/0/channel"), "email");
  const auto account = as_app("GET", "/v1/accountability");
  EXPECT_EQ(at(account, "/accepted"), "1") << account.body;
  EXPECT_EQ(at(account, "/sum"), "1");
  EXPECT_EQ(at(account, "/exact"), "true");
  const auto delivery = as_app("GET", "/v1/deliveries/" + at(messages, "/data/0/delivery_id"));
  EXPECT_EQ(at(delivery, "/status"), "sent") << delivery.body;
  EXPECT_EQ(at(delivery, "/timeline/0/event"), "accepted");
  EXPECT_EQ(at(delivery, "/explain/channel"), "email");
  EXPECT_EQ(at(delivery, "/content/subject"), "Hello") << delivery.body;
}

TEST_F(ApiTest, AStoppedServerIsAdministeredButDoesNotSend) {
  open_api(false);
  const auto sent = as_app("POST", "/v1/notifications", kMail);
  EXPECT_EQ(sent.status, 503);
  EXPECT_EQ(at(sent, "/code"), "not_running");
  EXPECT_EQ(call("GET", "/readyz").status, 503);
  EXPECT_EQ(call("GET", "/v1/apps", {}, {}, Entrance::Control).status, 200);
}

}  // namespace
}  // namespace carillon::api
