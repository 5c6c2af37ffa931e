#include "sim/webpush.h"

#include <gmock/gmock.h>

#include "net/push_encryption.h"
#include "sim/sim_fixture_test.h"

namespace carillon::sim {
namespace {

using ::testing::HasSubstr;

class WebPushTest : public SimTest {
 protected:
  // What a browser would have been given.
  struct Browser {
    std::string path;
    net::PushKeys keys;
  };
  Browser subscribe(const std::string& body = {}) {
    base::JsonDocument document;
    const auto root = document.parse(control("POST", "/webpush/subscribe", body));
    EXPECT_TRUE(root);
    const std::string endpoint{std::string_view((*root)["endpoint"])};
    EXPECT_TRUE(endpoint.starts_with(at("webpush", "endpoint") + "/push/"));
    return {endpoint.substr(at("webpush", "endpoint").size()),
            {base::unbase64(std::string_view((*root)["keys"]["p256dh"])).value(),
             base::unbase64(std::string_view((*root)["keys"]["auth"])).value()}};
  }
  std::string vapid(const std::string& audience = {}, std::int64_t life_s = 3600,
                    const std::string& subject = "mailto:ops@example.com") const {
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    const auto jwt = base::jws_es256(
        R"({"typ":"JWT","alg":"ES256"})",
        fmt::format(R"({{"aud":"{}","exp":{},"sub":"{}"}})",
                    audience.empty() ? at("webpush", "endpoint") : audience, now + life_s, subject),
        base::p256_pem(pair_.private_key).value());
    return fmt::format("vapid t={}, k={}", jwt.value_or(""), base::base64url(pair_.public_key));
  }
  Pushed push(const std::string& path, const std::string& body, const std::string& authorization,
              std::string_view ttl = "60", std::string_view topic = {},
              std::string_view encoding = "aes128gcm", Millis timeout = Millis(10'000)) {
    std::vector<Field> headers{{"authorization", authorization}};
    if (!ttl.empty()) headers.push_back({"ttl", ttl});
    if (!topic.empty()) headers.push_back({"topic", topic});
    if (!encoding.empty()) headers.push_back({"content-encoding", encoding});
    return post(at("webpush", "endpoint"), path, std::move(headers), body, 1, timeout).front();
  }
  static std::string sealed(const Browser& browser, std::string_view plain) {
    return net::encrypt_push(browser.keys, plain).value();
  }
  const base::P256Pair pair_ = base::make_p256_pair();
};

constexpr std::string_view kMessage = R"({"title":"Hi","carillon":{"n":"ntf_1","d":"dlv_0123456789abc"}})";

TEST_F(WebPushTest, TakesAMessageAndReadsIt) {
  open();
  const Browser browser = subscribe();
  EXPECT_EQ(push(browser.path, sealed(browser, kMessage), vapid(), "60", "t1").status, 201);
  const std::string last = control("GET", "/messages/last?vendor=webpush");
  EXPECT_THAT(last, HasSubstr(R"("delivery":"dlv_0123456789abc","collapse":"t1")"));
  EXPECT_THAT(last, HasSubstr(R"(\"title\":\"Hi\")"));
  EXPECT_EQ(count("webpush", "accepted"), 1U);
}

TEST_F(WebPushTest, WantsAGoodToken) {
  open();
  const Browser browser = subscribe();
  const std::string body = sealed(browser, kMessage);
  EXPECT_EQ(push(browser.path, body, vapid("https://other.test")).status, 401);
  EXPECT_EQ(push(browser.path, body, vapid({}, -10)).status, 401);
  EXPECT_EQ(push(browser.path, body, vapid({}, 90'000)).status, 401);
  EXPECT_EQ(push(browser.path, body, vapid({}, 60, "me")).status, 401);
  EXPECT_EQ(push(browser.path, body, "Bearer x").status, 401);
  std::string forged = vapid();
  forged[forged.find(", k=") - 3] = forged[forged.find(", k=") - 3] == 'A' ? 'B' : 'A';
  EXPECT_EQ(push(browser.path, body, forged).status, 401);
  EXPECT_EQ(count("webpush", "accepted"), 0U);
}

TEST_F(WebPushTest, BindsASubscriptionToItsKey) {
  open();
  const Browser ours =
      subscribe(fmt::format(R"({{"applicationServerKey":"{}"}})", base::base64url(pair_.public_key)));
  const Browser others = subscribe(
      fmt::format(R"({{"applicationServerKey":"{}"}})", base::base64url(base::make_p256_pair().public_key)));
  EXPECT_EQ(push(ours.path, sealed(ours, kMessage), vapid()).status, 201);
  const Pushed refused = push(others.path, sealed(others, kMessage), vapid());
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("do not correspond to the credentials"));
  EXPECT_THAT(control("POST", "/webpush/subscribe", R"({"applicationServerKey":"x"})"), HasSubstr("400"));
}

TEST_F(WebPushTest, ChecksWhatTheStandardsAsk) {
  open();
  const Browser browser = subscribe(), other = subscribe();
  const std::string body = sealed(browser, kMessage);
  EXPECT_THAT(push(browser.path, body, vapid(), "").body, HasSubstr(R"("errno":111)"));
  EXPECT_THAT(push(browser.path, body, vapid(), "-1").body, HasSubstr(R"("errno":112)"));
  EXPECT_THAT(push(browser.path, body, vapid(), "2592001").body, HasSubstr(R"("errno":112)"));
  EXPECT_THAT(push(browser.path, body, vapid(), "60", "no space").body, HasSubstr(R"("errno":113)"));
  EXPECT_THAT(push(browser.path, body, vapid(), "60", std::string(33, 'a')).body,
              HasSubstr(R"("errno":113)"));
  EXPECT_THAT(push(browser.path, body, vapid(), "60", {}, "aesgcm").body, HasSubstr(R"("errno":101)"));
  EXPECT_THAT(push(browser.path, sealed(other, kMessage), vapid()).body, HasSubstr(R"("errno":110)"));
  EXPECT_EQ(push(browser.path, std::string(4097, 'x'), vapid()).status, 413);
  EXPECT_EQ(push("/push/nobody", body, vapid()).status, 404);
  EXPECT_EQ(push("/elsewhere", body, vapid()).status, 404);
}

TEST_F(WebPushTest, EndsASubscription) {
  open();
  const Browser browser = subscribe();
  EXPECT_EQ(control("DELETE", "/webpush/subscriptions/" + browser.path.substr(6)), "");
  EXPECT_EQ(push(browser.path, sealed(browser, kMessage), vapid()).status, 410);
  EXPECT_THAT(control("DELETE", "/webpush/subscriptions/nobody"), HasSubstr("404"));
}

TEST_F(WebPushTest, PlaysTheReservedOnes) {
  open();
  const Browser reserved{
      "",
      {base::unbase64(
           "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")
           .value(),
       base::unbase64("BTBZMqHH6r4Tts7J_aSIgg").value()}};
  const std::string body = sealed(reserved, kMessage);
  EXPECT_EQ(push("/push/test-ok", body, vapid()).status, 201);
  EXPECT_EQ(push("/push/test-unregistered", body, vapid()).status, 410);
  const Pushed busy = push("/push/test-429", body, vapid());
  EXPECT_EQ(busy.status, 429);
  EXPECT_EQ(busy.retry_after, "1");
  const Pushed silent = push("/push/test-timeout", body, vapid(), "60", {}, "aes128gcm", Millis(300));
  EXPECT_EQ(silent.failure, net::SendFailure::Ambiguous);
  EXPECT_EQ(count("webpush", "accepted"), 2U);
  EXPECT_EQ(count("webpush", "unanswered"), 1U);
}

TEST_F(WebPushTest, LetsAPageSubscribe) {
  open();
  const Pushed made = post(at("webpush", "endpoint"), "/subscribe", {}, "{}", 1).front();
  EXPECT_EQ(made.status, 201);
  EXPECT_THAT(made.body, HasSubstr("/push/"));
}

TEST_F(WebPushTest, FailsOnRequest) {
  open();
  control("PUT", "/faults", R"({"webpush":{"rate_5xx":1,"status_5xx":502}})");
  EXPECT_EQ(push("/push/test-ok", "x", vapid()).status, 502);
  control("PUT", "/faults", R"({"webpush":{"rate_429":1,"retry_after_s":9}})");
  EXPECT_EQ(push("/push/test-ok", "x", vapid()).retry_after, "9");
}

}  // namespace
}  // namespace carillon::sim
