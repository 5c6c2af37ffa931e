#include <gmock/gmock.h>

#include "sim/sim_fixture_test.h"

namespace carillon::sim {
namespace {

using ::testing::HasSubstr;

class JpushTest : public SimTest {
 protected:
  net::TransportResult<net::HttpResponse> ask(std::string path, std::string body = {},
                                              std::string secret = {}, Millis timeout = Millis(10'000)) {
    net::HttpCall c;
    c.url = at("jpush", "endpoint") + path;
    c.user = at("jpush", "app_key");
    c.password = base::Secret(secret.empty() ? at("jpush", "master_secret") : secret);
    c.request.method = body.empty() ? "GET" : "POST";
    c.request.headers = {{"Content-Type", "application/json"}};
    c.request.body = std::move(body);
    return call(std::move(c), timeout);
  }
  std::string cid() {
    const auto response = ask("/v3/push/cid?count=1");
    base::JsonDocument document;
    const auto root = document.parse(response->body);
    return std::string(std::string_view((*root)["cidlist"].at(0)));
  }
  static std::string push(const std::string& device, const std::string& more = {},
                          const std::string& alert = R"("hello")") {
    return fmt::format(
        R"({{{}"platform":["android"],"audience":{{"registration_id":["{}"]}},"notification":{{"android":)"
        R"({{"alert":{},"extras":{{"carillon":{{"n":"ntf_1","d":"dlv_0123456789abc"}}}}}}}}}})",
        more, device, alert);
  }
  std::string error(const std::string& body) {
    const auto response = ask("/v3/push", body);
    return response ? response->body : "";
  }
};

TEST_F(JpushTest, AcceptsAPushAndLogsIt) {
  open();
  const auto response = ask("/v3/push", push("1507bfd3f7c466c355c"));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_THAT(response->body, HasSubstr("msg_id"));
  EXPECT_FALSE(response->header("x-rate-limit-reset").empty());
  EXPECT_THAT(control("GET", "/log?vendor=jpush"),
              HasSubstr(R"("recipient":"1507bfd3f7c466c355c","delivery":"dlv_0123456789abc")"));
}

TEST_F(JpushTest, DoesNotPushTheSameIdTwice) {
  open();
  const std::string id = fmt::format(R"("cid":"{}",)", cid());
  const auto first = ask("/v3/push", push("abc", id));
  const auto second = ask("/v3/push", push("abc", id));
  EXPECT_EQ(first->body, second->body);
  EXPECT_EQ(count("jpush", "accepted"), 1U);
  EXPECT_THAT(error(push("abc", R"("cid":"made-up",)")), HasSubstr("1003"));
}

TEST_F(JpushTest, RefusesWhatJpushRefuses) {
  open();
  EXPECT_EQ(ask("/v3/push", push("abc"), "wrong")->status, 401);
  EXPECT_THAT(ask("/v3/push")->body, HasSubstr("1001"));
  EXPECT_THAT(error("nothing"), HasSubstr("1003"));
  EXPECT_THAT(error(R"({"audience":{"registration_id":["a"]},"notification":{"alert":"x"}})"),
              HasSubstr("1002"));
  EXPECT_THAT(error(push("abc", R"("option":{},)")), HasSubstr("1009"));
  EXPECT_THAT(error(push("abc", R"("options":{"time_to_live":864001},)")), HasSubstr("1003"));
  EXPECT_THAT(error(push("abc", {}, "\"" + std::string(4000, 'x') + "\"")), HasSubstr("1005"));
  EXPECT_THAT(error(push("a b")), HasSubstr("registration_id is invalid"));
  EXPECT_THAT(error(push("test-unregistered")), HasSubstr("1011"));
  EXPECT_THAT(ask("/v3/push/cid?count=1001")->body, HasSubstr("1003"));
  EXPECT_EQ(count("jpush", "accepted"), 0U);
}

TEST_F(JpushTest, ChecksWithoutSending) {
  open();
  EXPECT_EQ(ask("/v3/push/validate", push("abc"))->status, 200);
  EXPECT_EQ(ask("/v3/push/validate", push("a b"))->status, 400);
  EXPECT_EQ(count("jpush", "accepted"), 0U);
}

TEST_F(JpushTest, AnswersEachPushOfABatch) {
  open();
  const std::string good = cid(), gone = cid();
  const std::string item =
      R"({{"platform":["android"],"target":"{}","notification":{{"android":{{"alert":"x"}}}}}})";
  const auto response =
      ask("/v3/push/batch/regid/single",
          fmt::format(R"({{"pushlist":{{"{}":{},"{}":{}}}}})", good, fmt::format(fmt::runtime(item), "abc"),
                      gone, fmt::format(fmt::runtime(item), "test-unregistered")));
  ASSERT_EQ(response->status, 200);
  EXPECT_THAT(response->body, HasSubstr(good + R"(":{"msg_id":)"));
  EXPECT_THAT(response->body, HasSubstr(gone + R"(":{"error":{"code":1011)"));
  EXPECT_EQ(count("jpush", "accepted"), 1U);
}

TEST_F(JpushTest, FaultsAreJpushsOwn) {
  open();
  control("PUT", "/faults", R"({"jpush":{"rate_429":1,"retry_after_s":3}})");
  const auto throttled = ask("/v3/push", push("abc"));
  EXPECT_EQ(throttled->status, 429);
  EXPECT_EQ(throttled->header("x-rate-limit-reset"), "3");
  EXPECT_THAT(throttled->body, HasSubstr("2002"));
  control("PUT", "/faults", R"({"jpush":{"rate_5xx":1,"status_5xx":500}})");
  EXPECT_THAT(error(push("abc")), HasSubstr("1000"));
  control("DELETE", "/faults");
  EXPECT_EQ(ask("/v3/push", push("test-timeout"), {}, Millis(300)).error().failure,
            net::SendFailure::Ambiguous);
  EXPECT_EQ(count("jpush", "unanswered"), 1U);
}

}  // namespace
}  // namespace carillon::sim
