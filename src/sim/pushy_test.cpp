#include <gmock/gmock.h>

#include "sim/sim_fixture_test.h"

namespace carillon::sim {
namespace {

using ::testing::HasSubstr;

class PushyTest : public SimTest {
 protected:
  net::TransportResult<net::HttpResponse> ask(std::string body, std::string key = {},
                                              Millis timeout = Millis(10'000)) {
    net::HttpCall c;
    c.url = at("pushy", "endpoint") + (body.empty() ? "/topics" : "/push") +
            "?api_key=" + (key.empty() ? at("pushy", "api_key") : key);
    c.request.method = body.empty() ? "GET" : "POST";
    c.request.headers = {{"Content-Type", "application/json"}};
    c.request.body = std::move(body);
    return call(std::move(c), timeout);
  }
  static std::string push(const std::string& device, const std::string& more = {}) {
    return fmt::format(R"({{"to":"{}","data":{{"message":"x","carillon":{{"d":"dlv_0123456789abc"}}}}{}}})",
                       device, more);
  }
  std::string error(const std::string& body) { return ask(body)->body; }
};

TEST_F(PushyTest, AcceptsAPushAndLogsIt) {
  open();
  const auto response = ask(push("a6345d0278adc55d3474f5", R"(,"collapse_key":"k","time_to_live":60)"));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_THAT(response->body, HasSubstr(R"("success":true)"));
  EXPECT_THAT(
      control("GET", "/log?vendor=pushy"),
      HasSubstr(R"("recipient":"a6345d0278adc55d3474f5","delivery":"dlv_0123456789abc","collapse":"k")"));
}

TEST_F(PushyTest, RefusesWhatPushyRefuses) {
  open();
  EXPECT_EQ(ask({})->status, 200);
  EXPECT_EQ(ask({}, "wrong")->status, 401);
  EXPECT_THAT(ask(push("abc"), "wrong")->body, HasSubstr("INVALID_API_KEY"));
  EXPECT_THAT(error("nothing"), HasSubstr("INVALID_PARAM"));
  EXPECT_THAT(error(R"({"to":"abc"})"), HasSubstr("INVALID_PARAM"));
  EXPECT_THAT(error(push("abc", R"(,"ttl":5)")), HasSubstr("Unknown field"));
  EXPECT_THAT(error(push("abc", R"(,"time_to_live":31536001)")), HasSubstr("INVALID_PARAM"));
  EXPECT_THAT(error(push("abc", fmt::format(R"(,"collapse_key":"{}")", std::string(33, 'k')))),
              HasSubstr("INVALID_PARAM"));
  EXPECT_THAT(error(fmt::format(R"({{"to":"abc","data":{{"m":"{}"}}}})", std::string(4096, 'x'))),
              HasSubstr("PAYLOAD_LIMIT_EXCEEDED"));
  EXPECT_THAT(error(push("test-unregistered")), HasSubstr("NO_RECIPIENTS"));
  EXPECT_EQ(ask(push("test-429"))->status, 429);
  EXPECT_EQ(count("pushy", "accepted"), 0U);
}

TEST_F(PushyTest, FaultsArePushysOwn) {
  open();
  control("PUT", "/faults", R"({"pushy":{"rate_429":1,"retry_after_s":3}})");
  const auto throttled = ask(push("abc"));
  EXPECT_EQ(throttled->header("retry-after"), "3");
  EXPECT_THAT(throttled->body, HasSubstr("RATE_LIMIT_EXCEEDED"));
  control("PUT", "/faults", R"({"pushy":{"rate_5xx":1,"status_5xx":500}})");
  EXPECT_THAT(error(push("abc")), HasSubstr("INTERNAL_SERVER_ERROR"));
  control("DELETE", "/faults");
  EXPECT_EQ(ask(push("test-timeout"), {}, Millis(300)).error().failure, net::SendFailure::Ambiguous);
  EXPECT_EQ(count("pushy", "unanswered"), 1U);
}

}  // namespace
}  // namespace carillon::sim
