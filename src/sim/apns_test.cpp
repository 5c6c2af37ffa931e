#include "sim/apns.h"

#include <gmock/gmock.h>

#include "sim/apns_request.h"
#include "sim/sim_fixture_test.h"

namespace carillon::sim {
namespace {

using ::testing::HasSubstr;

class ApnsTest : public SimTest {};

TEST_F(ApnsTest, AcceptsARightPushAndLogsIt) {
  open();
  const Pushed result = push_one(kDevice);
  EXPECT_EQ(result.status, 200);
  EXPECT_EQ(result.apns_id.size(), 36U);
  const std::string log = control("GET", "/log?vendor=apns");
  EXPECT_THAT(
      log, HasSubstr(R"("recipient":")" + kDevice + R"(","delivery":"dlv_0123456789abc","collapse":"c1")"));
  EXPECT_THAT(log, HasSubstr(result.apns_id));
  EXPECT_THAT(control("GET", "/messages/last?vendor=apns"), HasSubstr(R"(hello)"));
}

TEST_F(ApnsTest, AnswersEveryOneOfManyPushes) {
  auto o = options();
  o.threads = 2;
  open(o);
  constexpr std::size_t kCount = 5000;
  const auto results = push(kDevice, provider_token(), kCount);
  for (const Pushed& result : results) ASSERT_EQ(result.status, 200);
  EXPECT_EQ(count("apns", "accepted"), kCount);
}

TEST_F(ApnsTest, RefusesTokensThatAreMissingForgedOrOld) {
  open();
  const auto reason = [this](const std::string& authorization) {
    return push(kDevice, authorization).front();
  };
  std::string forged = provider_token();
  forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
  EXPECT_THAT(reason(forged).body, HasSubstr("InvalidProviderToken"));
  EXPECT_THAT(reason(provider_token(3700)).body, HasSubstr("ExpiredProviderToken"));
  EXPECT_THAT(reason("").body, HasSubstr("MissingProviderToken"));
  EXPECT_EQ(reason(forged).status, 403);
  EXPECT_EQ(count("apns", "accepted"), 0U);
}

TEST_F(ApnsTest, TokenExpiresWhenTheClockIsMoved) {
  open();
  const std::string token = provider_token();
  EXPECT_EQ(push(kDevice, token).front().status, 200);
  control("POST", "/clock", R"({"advance":"61m"})");
  EXPECT_THAT(push(kDevice, token).front().body, HasSubstr("ExpiredProviderToken"));
}

TEST_F(ApnsTest, ReservedTokensActAsTheContractSays) {
  open();
  EXPECT_EQ(push_one("test-ok").status, 200);
  const Pushed gone = push_one("test-unregistered");
  EXPECT_EQ(gone.status, 410);
  EXPECT_THAT(gone.body, HasSubstr(R"("reason":"Unregistered","timestamp":1)"));
  EXPECT_EQ(push_one("test-429").status, 429);
  const Pushed silent = push("test-timeout", provider_token(), 1, Millis(300)).front();
  EXPECT_EQ(silent.failure, net::SendFailure::Ambiguous);
  EXPECT_EQ(count("apns", "unanswered"), 1U);
}

TEST_F(ApnsTest, FaultsAreToldApartByTheClient) {
  open();
  control("PUT", "/faults", R"({"apns":{"rate_429":1,"retry_after_s":7}})");
  const Pushed throttled = push_one(kDevice);
  EXPECT_EQ(throttled.status, 429);
  EXPECT_EQ(throttled.retry_after, "7");
  control("PUT", "/faults", R"({"apns":{"rate_5xx":1,"status_5xx":500}})");
  EXPECT_THAT(push_one(kDevice).body, HasSubstr("InternalServerError"));
  control("PUT", "/faults", R"({"apns":{"auth_failure":1}})");
  EXPECT_EQ(push_one(kDevice).status, 403);
  control("PUT", "/faults", R"({"apns":{"refused_stream":1}})");
  EXPECT_EQ(push(kDevice, provider_token(), 1, Millis(500)).front().failure, net::SendFailure::NotSent);
  control("PUT", "/faults", R"({"apns":{"reset_before":1}})");
  EXPECT_EQ(push_one(kDevice).failure, net::SendFailure::Ambiguous);
  control("PUT", "/faults", R"({"apns":{"black_hole":true}})");
  EXPECT_EQ(push(kDevice, provider_token(), 1, Millis(300)).front().failure, net::SendFailure::Ambiguous);
  EXPECT_EQ(count("apns", "accepted"), 0U);
}

TEST_F(ApnsTest, ResetAfterAcceptingIsLoggedAsUnanswered) {
  open();
  control("PUT", "/faults", R"({"apns":{"reset_after":1}})");
  EXPECT_EQ(push_one(kDevice).failure, net::SendFailure::Ambiguous);
  EXPECT_EQ(count("apns", "unanswered"), 1U);
  EXPECT_THAT(control("GET", "/log"), HasSubstr(R"("answered":false)"));
}

TEST_F(ApnsTest, GoawayLosesNothing) {
  open();
  control("PUT", "/faults", R"({"apns":{"goaway_every":10}})");
  constexpr std::size_t kCount = 95;
  std::uint64_t sent = 0;
  std::uint64_t not_sent = 0;
  for (const Pushed& result : push(kDevice, provider_token(), kCount)) {
    if (result.status == 200) ++sent;
    if (result.failure == net::SendFailure::NotSent) ++not_sent;
  }
  EXPECT_EQ(sent + not_sent, kCount);
  EXPECT_GE(sent, 10U);
  EXPECT_EQ(count("apns", "accepted"), sent);
}

TEST_F(ApnsTest, LatencyDelaysTheAnswerNotTheAcceptance) {
  open();
  control("PUT", "/faults", R"({"apns":{"latency_ms":150}})");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(push_one(kDevice).status, 200);
  EXPECT_GE(std::chrono::steady_clock::now() - start, Millis(150));
}

// ---- the pure checks

std::string_view reason(ApnsHeaders headers, std::string_view token, std::string body) {
  const std::size_t size = body.size();
  body.reserve(size + simdjson::SIMDJSON_PADDING);
  return check_apns_push(headers, token, body, size).reason;
}

TEST(ApnsRequest, HeadersAreCheckedAsApplePrescribes) {
  const ApnsHeaders good{.authorization = {},
                         .topic = "com.example.app",
                         .push_type = "alert",
                         .id = {},
                         .expiration = {},
                         .priority = {},
                         .collapse_id = {}};
  const auto with = [&good](auto change) {
    ApnsHeaders headers = good;
    change(headers);
    return reason(headers, "aabb", R"({"aps":{}})");
  };
  const std::string long_id(65, 'x');
  EXPECT_EQ(with([](auto&) {}), "");
  EXPECT_EQ(with([](auto& h) { h.topic = ""; }), "MissingTopic");
  EXPECT_EQ(with([](auto& h) { h.topic = "a b"; }), "BadTopic");
  EXPECT_EQ(with([](auto& h) { h.push_type = "shout"; }), "InvalidPushType");
  EXPECT_EQ(with([](auto& h) { h.push_type = "voip"; }), "TopicDisallowed");
  EXPECT_EQ(with([](auto& h) { h.priority = "7"; }), "BadPriority");
  EXPECT_EQ(with([](auto& h) { h.push_type = "background"; }), "BadPriority");
  EXPECT_EQ(with([](auto& h) { h.id = "123"; }), "BadMessageId");
  EXPECT_EQ(with([](auto& h) { h.id = "88023919-fd94-441e-86a3-01e625d2e065"; }), "");
  EXPECT_EQ(with([](auto& h) { h.expiration = "soon"; }), "BadExpirationDate");
  EXPECT_EQ(with([&long_id](auto& h) { h.collapse_id = long_id; }), "BadCollapseId");
  EXPECT_EQ(with([](auto& h) { h.has_duplicate = true; }), "DuplicateHeaders");
}

TEST(ApnsRequest, PayloadAndDeviceTokenAreChecked) {
  const ApnsHeaders good{.authorization = {},
                         .topic = "com.example.app",
                         .push_type = "alert",
                         .id = {},
                         .expiration = {},
                         .priority = {},
                         .collapse_id = {}};
  EXPECT_EQ(reason(good, "xyz", R"({"aps":{}})"), "BadDeviceToken");
  EXPECT_EQ(reason(good, "abc", R"({"aps":{}})"), "BadDeviceToken");
  EXPECT_EQ(reason(good, "aabb", ""), "PayloadEmpty");
  EXPECT_EQ(reason(good, "aabb", "[1]"), "BadPayload");
  EXPECT_EQ(reason(good, "aabb", R"({"aps":"}" )"), "BadPayload");
  const std::string most = R"({"a":")" + std::string(4096 - 8, 'x') + R"("})";
  EXPECT_EQ(reason(good, "aabb", most), "");
  EXPECT_EQ(reason(good, "aabb", most + " "), "PayloadTooLarge");
  ApnsHeaders background = good;
  background.push_type = "background";
  background.priority = "5";
  EXPECT_EQ(reason(background, "aabb", R"({"aps":{"alert":"x"}})"), "InvalidPushType");
  EXPECT_EQ(reason(background, "aabb", R"({"aps":{"content-available":1}})"), "");
}

TEST(ApnsRequest, RepeatedHeadersAreNoticed) {
  const H2Field fields[] = {{"apns-topic", "a"}, {"apns-topic", "b"}};
  EXPECT_TRUE(read_apns_headers(fields).has_duplicate);
}

}  // namespace
}  // namespace carillon::sim
