// Slack, SOLAPI and somebody's webhook as the simulator plays them.
#include <gmock/gmock.h>

#include "sim/sim_fixture_test.h"

namespace carillon::sim {
namespace {

using ::testing::HasSubstr;

class ChatTest : public SimTest {
 protected:
  net::HttpResponse post(std::string url, net::Headers headers, std::string body) {
    net::HttpCall c;
    c.url = std::move(url);
    c.request.method = "POST";
    c.request.headers = std::move(headers);
    c.request.body = std::move(body);
    auto response = call(std::move(c));
    EXPECT_TRUE(response);
    return response ? *response : net::HttpResponse{};
  }
  std::string slack(const std::string& body, const std::string& token = {}) {
    return post(at("slack", "endpoint") + "/api/chat.postMessage",
                {{"Content-Type", "application/json"},
                 {"Authorization", "Bearer " + (token.empty() ? at("slack", "bot_token") : token)}},
                body)
        .body;
  }
  net::HttpResponse solapi(const std::string& message, std::int64_t age_s = 0, std::string salt = {}) {
    const auto now = std::chrono::system_clock::now() - std::chrono::seconds(age_s);
    const std::string date =
        to_rfc3339(from_ms(std::chrono::duration_cast<Millis>(now.time_since_epoch()).count()));
    if (salt.empty()) salt = base::random_text(32);
    const std::string signature = base::hex(base::hmac_sha256(at("solapi", "api_secret"), date + salt));
    return post(at("solapi", "endpoint") + "/messages/v4/send-many/detail",
                {{"Content-Type", "application/json"},
                 {"Authorization", fmt::format("HMAC-SHA256 apiKey={}, date={}, salt={}, signature={}",
                                               at("solapi", "api_key"), date, salt, signature)}},
                R"({"messages":[)" + message + "]}");
  }
  std::string alimtalk(const std::string& to, const std::string& more = {}) {
    return fmt::format(
        R"({{"to":"{}","type":"ATA","kakaoOptions":{{"pfId":"{}","templateId":"{}","disableSms":true{}}},)"
        R"("customFields":{{"d":"dlv_0123456789abc"}}}})",
        to, at("solapi", "channel_id"), at("solapi", "template_id"), more);
  }
  int hook(const std::string& path, std::int64_t age_s = 0, const std::string& body = R"({"a":1})") {
    const std::string key = base::unbase64(at("webhook_sink", "secret").substr(6)).value();
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    const std::string time = std::to_string(now.count() - age_s);
    const std::string signature =
        "v1," + base::base64(base::hmac_sha256(key, "id." + time + "." + R"({"a":1})"));
    return post(at("webhook_sink", "endpoint") + path,
                {{"webhook-id", "id"},
                 {"webhook-timestamp", time},
                 {"webhook-signature", "v1,x " + signature}},
                body)
        .status;
  }
};

TEST_F(ChatTest, SlackTakesAMessageAndRefusesWhatSlackRefuses) {
  open();
  EXPECT_THAT(slack(R"({"channel":"C0123ABCD","text":"x","metadata":{"event_type":"carillon",)"
                    R"("event_payload":{"d":"dlv_0123456789abc"}}})"),
              HasSubstr(R"("ok":true)"));
  EXPECT_THAT(control("GET", "/log?vendor=slack"), HasSubstr(R"("delivery":"dlv_0123456789abc")"));
  EXPECT_THAT(slack(R"({"channel":"C1","text":"x"})", "xoxb-wrong"), HasSubstr("invalid_auth"));
  EXPECT_THAT(slack(R"({"channel":"nowhere","text":"x"})"), HasSubstr("channel_not_found"));
  EXPECT_THAT(slack(R"({"channel":"#sandbox-complaint","text":"x"})"), HasSubstr("is_archived"));
  EXPECT_THAT(slack(R"({"channel":"C1"})"), HasSubstr("no_text"));
  EXPECT_THAT(slack(R"({"channel":"C1","blocks":[{}]})"), HasSubstr("invalid_blocks"));
  EXPECT_THAT(slack(R"({"channel":"C1","text":")" + std::string(40'001, 'x') + "\"}"),
              HasSubstr("msg_too_long"));
  EXPECT_THAT(slack("no json"), HasSubstr("invalid_json"));
  EXPECT_EQ(count("slack", "accepted"), 1U);
}

TEST_F(ChatTest, SlacksIncomingWebhookAnswersInPlainText) {
  open();
  const std::string url = at("slack", "endpoint") + at("slack", "hook");
  EXPECT_EQ(post(url, {}, R"({"text":"x"})").body, "ok");
  EXPECT_EQ(post(url, {}, "x").body, "invalid_payload");
  EXPECT_EQ(post(at("slack", "endpoint") + "/services/T/B/x", {}, R"({"text":"x"})").status, 404);
}

TEST_F(ChatTest, SolapiTakesAnAlimtalkAndRefusesWhatSolapiRefuses) {
  open();
  EXPECT_THAT(solapi(alimtalk("01012345678")).body, HasSubstr(R"("statusCode":"2000")"));
  EXPECT_THAT(control("GET", "/log?vendor=solapi"), HasSubstr(R"("delivery":"dlv_0123456789abc")"));
  EXPECT_THAT(solapi(alimtalk("+8210")).body, HasSubstr(R"("statusCode":"1011")"));
  EXPECT_THAT(solapi(alimtalk("999000000003")).body, HasSubstr(R"("statusCode":"1061")"));
  EXPECT_THAT(solapi(R"({"to":"01012345678","type":"ATA"})").body, HasSubstr(R"("statusCode":"1010")"));
  EXPECT_THAT(solapi(alimtalk("01012345678", R"(,"buttons":[{"buttonName":"x","buttonType":"WL"}])")).body,
              HasSubstr(R"("statusCode":"1045")"));
  EXPECT_THAT(solapi(alimtalk("01012345678"), 16 * 60).body, HasSubstr("RequestTimeTooSkewed"));
  const std::string salt(32, 's');
  static_cast<void>(solapi(alimtalk("01012345678"), 1, salt));
  EXPECT_EQ(count("solapi", "accepted"), 2U);
}

TEST_F(ChatTest, TheSinkTakesWhatIsSigned) {
  open();
  EXPECT_EQ(hook("/hook"), 204);
  EXPECT_EQ(hook("/hook", 301), 401) << "too old";
  EXPECT_EQ(hook("/hook", 0, R"({"a":2})"), 401) << "changed on the way";
  EXPECT_EQ(hook("/hook/bounce"), 410);
  EXPECT_EQ(hook("/hook/tempfail"), 503);
  EXPECT_EQ(count("webhook_sink", "accepted"), 1U);
}

}  // namespace
}  // namespace carillon::sim
