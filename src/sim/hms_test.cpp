#include "sim/hms_request.h"

#include <gmock/gmock.h>

#include "sim/sim_fixture_test.h"

namespace carillon::sim {
namespace {

using ::testing::HasSubstr;

std::string_view code_of(std::string body) {
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  HmsMessage message;
  return check_hms_message(body, message).code;
}

std::string message(const std::string& android, const std::string& more = R"("token":["t"])") {
  return fmt::format(R"({{"message":{{"data":"x","android":{{{}}},{}}}}})", android, more);
}

TEST(HmsRequest, AcceptsWhatHuaweiDocuments) {
  EXPECT_EQ(code_of(message("")), "80000000");
  EXPECT_EQ(
      code_of(message(R"("ttl":"86400s","urgency":"HIGH","bi_tag":"b","collapse_key":-1,)"
                      R"("notification":{"title":"t","body":"b","click_action":{"type":3},"tag":"g"})")),
      "80000000");
}

TEST(HmsRequest, RefusesTheRest) {
  EXPECT_EQ(code_of("nothing"), "80100003");
  EXPECT_EQ(code_of(R"({"massage":{}})"), "80100003");
  EXPECT_EQ(code_of(message("", R"("token":[])")), "80100001");
  EXPECT_EQ(code_of(message(R"("ttl":"20d")")), "80100004");
  EXPECT_EQ(code_of(message(R"("collapse_key":101)")), "80100013");
  EXPECT_EQ(code_of(message(R"("urgency":"high")")), "80100003");
  EXPECT_EQ(code_of(message(R"("notification":{"title":"t","body":"b"})")), "80100003");
  EXPECT_EQ(code_of(message(R"("notification":{"body":"b","click_action":{"type":3}})")), "80100003");
  EXPECT_EQ(
      code_of(message(R"("notification":{"title":"t","body":"b","click_action":{"type":2,"url":"x"}})")),
      "80100003");
  EXPECT_EQ(code_of(fmt::format(R"({{"message":{{"data":"{}","token":["t"]}}}})", std::string(4090, 'x'))),
            "80300008");
}

class HmsTest : public SimTest {
 protected:
  std::string token(const std::string& secret = {}) {
    net::HttpCall c;
    c.url = at("hms", "token_url");
    c.request.method = "POST";
    c.request.body = net::form_encode({{"grant_type", "client_credentials"},
                                       {"client_id", at("hms", "app_id")},
                                       {"client_secret", secret.empty() ? at("hms", "app_secret") : secret}});
    const auto response = call(std::move(c));
    if (!response || response->status != 200) return {};
    base::JsonDocument document;
    const auto root = document.parse(response->body);
    return "Bearer " + std::string(std::string_view((*root)["access_token"]));
  }
  Pushed send(const std::string& authorization, const std::string& device, Millis timeout = Millis(10'000)) {
    return post(at("hms", "endpoint"), "/v1/" + at("hms", "app_id") + "/messages:send",
                {{"authorization", authorization}},
                message(R"("bi_tag":"dlv_0123456789abc")", fmt::format(R"("token":["{}"])", device)), 1,
                timeout)
        .front();
  }
};

TEST_F(HmsTest, AcceptsAMessageAndLogsIt) {
  open();
  const auto pushed = send(token(), "IQAAAACy0OA");
  EXPECT_EQ(pushed.status, 200);
  EXPECT_THAT(pushed.body, HasSubstr(R"("code":"80000000")"));
  EXPECT_THAT(control("GET", "/log?vendor=hms"),
              HasSubstr(R"("recipient":"IQAAAACy0OA","delivery":"dlv_0123456789abc")"));
}

TEST_F(HmsTest, RefusesStrangersAndOldTokens) {
  open();
  EXPECT_EQ(token("wrong"), "");
  EXPECT_EQ(send("Bearer made-up", "t").status, 401);
  const std::string old = token();
  control("POST", "/clock", R"({"advance":"61m"})");
  EXPECT_EQ(send(old, "t").status, 401);
  EXPECT_EQ(send(token(), "t").status, 200);
}

TEST_F(HmsTest, ReservedTokensAndFaults) {
  open();
  const std::string bearer = token();
  EXPECT_THAT(send(bearer, "test-unregistered").body, HasSubstr("80300007"));
  EXPECT_EQ(send(bearer, "test-429").retry_after, "1");
  EXPECT_EQ(send(bearer, "test-timeout", Millis(300)).failure, net::SendFailure::Ambiguous);
  control("PUT", "/faults", R"({"hms":{"rate_429":1,"retry_after_s":3}})");
  const auto limited = send(bearer, "t");
  EXPECT_EQ(limited.status, 503);
  EXPECT_EQ(limited.retry_after, "3");
  control("PUT", "/faults", R"({"hms":{"auth_failure":1}})");
  EXPECT_EQ(send(bearer, "t").status, 401);
}

}  // namespace
}  // namespace carillon::sim
