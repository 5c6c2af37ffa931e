#include "providers/webpush.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "providers/catalog.h"
#include "providers/fixtures_test.h"

namespace carillon::providers::webpush_detail {
namespace {

using model::OutcomeKind;
using testing_only::job_of;
using testing_only::message_of;
using testing_only::text_of;

constexpr std::string_view kPoint =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";

std::string token_of(std::string_view endpoint) {
  return fmt::format(R"({{"endpoint":"{}","keys":{{"p256dh":"{}","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}}})",
                     endpoint, kPoint);
}

TEST(WebPush, ReadsEveryRecordedAnswer) {
  testing_only::for_each_fixture("webpush", [&](auto answer, auto outcome, const std::string& file) {
    const net::HttpResponse r = testing_only::response_of(answer);
    testing_only::expect_outcome(classify({r.status, r.body, r.headers}, true, from_ms(0)), outcome, file);
  });
}

struct Expected {
  std::string_view code;
  int status;
  OutcomeKind kind;
  bool is_suspicious = false;
};
constexpr Expected kExpected[] = {
    {"BadTtl", 400, OutcomeKind::Permanent},
    {"BadUrgency", 400, OutcomeKind::Permanent},
    {"BadWebPushRequest", 400, OutcomeKind::Permanent},
    {"BadWebPushTopic", 400, OutcomeKind::Permanent},
    {"BadAuthorizationHeader", 400, OutcomeKind::Misconfigured},
    {"VapidPkHashMismatch", 403, OutcomeKind::InvalidRecipient, true},
    {"BadJwtToken", 403, OutcomeKind::Misconfigured},
    {"BadVapidPublicKey", 403, OutcomeKind::Misconfigured},
    {"BadPath", 404, OutcomeKind::InvalidRecipient},
    {"PayloadTooLarge", 413, OutcomeKind::Permanent},
    {"TooManyRequests", 429, OutcomeKind::Temporary},
    {"errno 101", 400, OutcomeKind::Permanent},
    {"errno 102", 404, OutcomeKind::InvalidRecipient},
    {"errno 103", 410, OutcomeKind::InvalidRecipient},
    {"errno 104", 413, OutcomeKind::Permanent},
    {"errno 105", 410, OutcomeKind::InvalidRecipient},
    {"errno 106", 410, OutcomeKind::InvalidRecipient},
    {"errno 108", 400, OutcomeKind::InvalidRecipient},
    {"errno 109", 401, OutcomeKind::Misconfigured},
    {"errno 110", 400, OutcomeKind::Permanent},
    {"errno 111", 400, OutcomeKind::Permanent},
    {"errno 112", 400, OutcomeKind::Permanent},
    {"errno 113", 400, OutcomeKind::Permanent},
    {"errno 201", 503, OutcomeKind::Temporary},
    {"errno 202", 503, OutcomeKind::Temporary},
    {"errno 900", 502, OutcomeKind::Temporary},
    {"errno 901", 502, OutcomeKind::Temporary},
    {"errno 902", 502, OutcomeKind::Temporary},
    {"errno 903", 502, OutcomeKind::Temporary},
    {"errno 999", 500, OutcomeKind::Temporary},
    {"UnauthorizedRegistration", 400, OutcomeKind::InvalidRecipient, true},
    {"VAPID credentials", 403, OutcomeKind::InvalidRecipient, true},
    {"invalid JWT", 403, OutcomeKind::Misconfigured},
    {"", 301, OutcomeKind::InvalidRecipient},
    {"", 400, OutcomeKind::Permanent},
    {"", 401, OutcomeKind::Misconfigured},
    {"", 403, OutcomeKind::InvalidRecipient, true},
    {"", 404, OutcomeKind::InvalidRecipient},
    {"", 406, OutcomeKind::Temporary},
    {"", 408, OutcomeKind::Temporary},
    {"", 410, OutcomeKind::InvalidRecipient},
    {"", 413, OutcomeKind::Permanent},
    {"", 429, OutcomeKind::Temporary},
    {"", 500, OutcomeKind::Temporary},
    {"", 502, OutcomeKind::Temporary},
    {"", 503, OutcomeKind::Temporary},
    {"", 504, OutcomeKind::Temporary},
};

TEST(WebPush, ClassifiesEveryRowOfItsTable) {
  ASSERT_EQ(error_rows().size(), std::size(kExpected));
  for (std::size_t i = 0; i < std::size(kExpected); ++i) {
    const Expected& want = kExpected[i];
    const std::string where = fmt::format("{} {}", want.status, want.code);
    EXPECT_EQ(error_rows()[i].code, want.code) << where;
    std::string body(want.code);  // FCM's words
    if (want.code.starts_with("errno ")) {
      body = fmt::format(R"({{"errno":{}}})", want.code.substr(6));
    } else if (i < 11) {
      body = fmt::format(R"({{"reason":"{}"}})", want.code);
    }
    const auto outcome = classify({want.status, body, {}}, true, from_ms(0));
    EXPECT_EQ(outcome.kind, want.kind) << where;
    EXPECT_EQ(outcome.is_suspicious, want.is_suspicious) << where;
    EXPECT_EQ(outcome.code, want.code.empty() ? std::to_string(want.status) : want.code);
    EXPECT_FALSE(outcome.detail.empty());
  }
}

// Whoever can register an address of their own must not be able to stop the messages of all others.
TEST(WebPush, BelievesAStrangeServiceAboutItsOwnSubscriptionOnly) {
  EXPECT_EQ(classify({410, "", {}}, false, from_ms(0)).kind, OutcomeKind::InvalidRecipient);
  EXPECT_EQ(classify({201, "", {}}, false, from_ms(0)).kind, OutcomeKind::Sent);
  for (int status = 300; status < 600; ++status) {
    const auto outcome = classify({status, "", {}}, false, from_ms(0));
    EXPECT_NE(outcome.kind, OutcomeKind::Misconfigured) << status;
    EXPECT_NE(outcome.kind, OutcomeKind::Throttled) << status;
    EXPECT_EQ(model::breaker_vote(outcome.kind, outcome.status) < 0, false) << status;
  }
  const net::TransportError lost{net::SendFailure::NotSent, "connect failed"};
  EXPECT_EQ(classify(lost, false).kind, OutcomeKind::Temporary);
  EXPECT_EQ(classify(lost, true).kind, OutcomeKind::NotSent);
  EXPECT_EQ(classify({net::SendFailure::Ambiguous, "reset"}, false).kind, OutcomeKind::Ambiguous);
}

TEST(WebPush, KnowsTheServicesOfTheBrowsers) {
  for (const std::string_view host : {"fcm.googleapis.com", "updates.push.services.mozilla.com",
                                      "web.push.apple.com", "wns2-par02p.notify.windows.com"}) {
    EXPECT_TRUE(is_known_service(host)) << host;
  }
  for (const std::string_view host :
       {"googleapis.com", "evil-fcm.googleapis.com", "notify.windows.com.evil.test", "xpush.apple.com", "",
        "localhost", ".notify.windows.com"}) {
    EXPECT_FALSE(is_known_service(host)) << host;
  }
}

TEST(WebPush, ReadsASubscription) {
  const auto read = read_subscription(token_of("https://Push.Example.com/a/b?c=d#e"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->origin, "https://push.example.com");
  EXPECT_EQ(read->path, "/a/b?c=d");
  EXPECT_EQ(base::base64url(read->keys.public_key), kPoint);
  EXPECT_EQ(read_subscription(token_of("https://127.0.0.1:9442/push/1"))->origin, "https://127.0.0.1:9442");
  EXPECT_EQ(read_subscription(token_of("https://[2001:DB8::1]:444/x"))->origin, "https://[2001:db8::1]:444");
  for (const char* bad : {"http://push.example.com/x", "https://", "https://user:pw@push.example.com/x",
                          "push", "file:///etc/passwd"}) {
    EXPECT_FALSE(read_subscription(token_of(bad))) << bad;
  }
  EXPECT_FALSE(read_subscription("test-ok"));
  EXPECT_FALSE(read_subscription(R"({"endpoint":"https://x.test/"})"));
  EXPECT_FALSE(read_subscription(""));
}

TEST(WebPush, WritesWhatAServiceWorkerShows) {
  Job job = job_of("");
  auto message = message_of("Hi", "there \"you\"");
  message->url = "https://shop.example.com/1";
  message->image = "https://shop.example.com/1.png";
  message->actions = R"([{"action":"open","title":"Open"}])";
  message->data = R"({"order":7,"nested":{"a":[1]}})";
  message->badge = 3;
  job.message = message;
  job.expires_at = job.now + std::chrono::seconds(90);
  job.priority = model::Priority::High;
  Push push;
  ASSERT_FALSE(build(job, "https://shop.example.com/icon.png", push));
  EXPECT_EQ(push.plain,
            fmt::format(R"({{"title":"Hi","body":"there \"you\"","icon":"https://shop.example.com/icon.png",)"
                        R"("image":"https://shop.example.com/1.png","url":"https://shop.example.com/1",)"
                        R"("actions":[{{"action":"open","title":"Open"}}],"badge":3,"tag":"{}",)"
                        R"("data":{{"order":7,"nested":{{"a":[1]}}}},"carillon":{{"n":"{}","d":"{}"}}}})",
                        job.handle(), job.notification_text(), job.delivery_text()));
  EXPECT_EQ(push.ttl, "90");
  EXPECT_EQ(push.urgency, "high");
  EXPECT_EQ(push.topic, "");
}

TEST(WebPush, NamesUrgencyTtlAndTopic) {
  Job job = job_of("");
  job.message = message_of("Hi", "");
  Push push;
  const auto urgency = [&](model::Priority priority) {
    job.priority = priority;
    EXPECT_FALSE(build(job, {}, push));
    return std::string(push.urgency);
  };
  EXPECT_EQ(urgency(model::Priority::Critical), "high");
  EXPECT_EQ(urgency(model::Priority::Normal), "normal");
  EXPECT_EQ(urgency(model::Priority::Bulk), "low");
  EXPECT_EQ(push.ttl, "2419200");
  job.expires_at = job.now - std::chrono::hours(1);
  static_cast<void>(urgency(model::Priority::Normal));
  EXPECT_EQ(push.ttl, "1");  // Apple takes none of 0
  job.collapse_key = "score7";
  static_cast<void>(urgency(model::Priority::Normal));
  EXPECT_EQ(push.topic, "score7");
  for (const char* key : {"a key/with anything, in it", "점수", "0123456789012345678901234567890123"}) {
    job.collapse_key = key;
    static_cast<void>(urgency(model::Priority::Normal));
    EXPECT_EQ(push.topic.size(), 32U) << key;
    EXPECT_TRUE(push.plain.contains(R"("tag":)"));
  }
}

TEST(WebPush, SaysHowManyBytesAreTooMany) {
  Job job = job_of("");
  job.message = message_of("", "");
  Push push;
  ASSERT_FALSE(build(job, {}, push));
  const std::size_t room = net::kPushPlainMax - push.plain.size() - std::string_view(R"("body":"",)").size();
  job.message = message_of("", std::string(room, 'x'));
  ASSERT_FALSE(build(job, {}, push));
  EXPECT_EQ(push.plain.size(), net::kPushPlainMax);
  job.message = message_of("", std::string(room + 5, 'x'));
  const auto refused = build(job, {}, push);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, OutcomeKind::Permanent);
  EXPECT_EQ(refused->detail, "the payload is 5 bytes over the limit of 3993");
}

TEST(WebPush, SignsOnceForEachServiceAndAgainInTime) {
  const auto pair = base::make_p256_pair();
  auto vapid = Vapid::open(pair.private_key, "mailto:ops@example.com").value();
  EXPECT_EQ(vapid.public_key(), base::base64url(pair.public_key));
  const Time now = from_ms(1'790'000'000'000);
  const CredentialValue one = vapid.header("https://a.test", now);
  EXPECT_EQ(vapid.header("https://a.test", now + kTokenUse - Millis(1)), one);
  EXPECT_NE(vapid.header("https://b.test", now), one);
  EXPECT_NE(vapid.header("https://a.test", now + kTokenUse), one);
  ASSERT_TRUE(one->starts_with("vapid t=")) << *one;
  EXPECT_TRUE(one->ends_with(", k=" + vapid.public_key()));
  const std::size_t dot = one->find('.');
  const std::string claims = base::unbase64(one->substr(dot + 1, one->find('.', dot + 1) - dot - 1)).value();
  EXPECT_EQ(claims, R"({"aud":"https://a.test","exp":1790043200,"sub":"mailto:ops@example.com"})");
}

TEST(WebPush, RenewsARefusedTokenOnceAnHourAtMost) {
  auto vapid = Vapid::open(base::make_p256_pair().private_key, "mailto:ops@example.com").value();
  const Time now = from_ms(1'790'000'000'000);
  const CredentialValue one = vapid.header("https://a.test", now);
  EXPECT_FALSE(vapid.refused("https://a.test", one, now + kTokenFloor - Millis(1)));
  EXPECT_TRUE(vapid.refused("https://a.test", one, now + kTokenFloor));
  const CredentialValue other = vapid.header("https://a.test", now + kTokenFloor);
  EXPECT_NE(other, one);
  EXPECT_TRUE(vapid.refused("https://a.test", one, now + kTokenFloor));  // renewed since
  EXPECT_EQ(vapid.header("https://a.test", now + kTokenFloor), other);
}

TEST(WebPush, ForgetsTokensOfTooManyServices) {
  auto vapid = Vapid::open(base::make_p256_pair().private_key, "mailto:ops@example.com").value();
  const Time now = from_ms(1'790'000'000'000);
  const CredentialValue one = vapid.header("https://a.test", now);
  for (std::size_t i = 0; i < Vapid::kOriginsMax; ++i) {
    ASSERT_TRUE(vapid.header(fmt::format("https://{}.test", i), now));
  }
  EXPECT_NE(vapid.header("https://a.test", now), one);
}

TEST(WebPush, NamesTheKeyOfItsOwnPair) {
  const auto key = [](const std::string& settings) {
    base::JsonDocument document;
    return find_provider("webpush")->push_key(*document.parse(settings));
  };
  const auto pair = base::make_p256_pair();
  EXPECT_EQ(key(fmt::format(R"({{"private_key":"{}"}})", base::base64url(pair.private_key.reveal()))),
            base::base64url(pair.public_key));
  EXPECT_EQ(key("{}"), "");
  EXPECT_EQ(key(R"({"private_key":"nonsense"})"), "");
}

TEST(WebPush, RefusesSettingsThatCannotWork) {
  boost::asio::io_context io;
  base::SystemClock clock;
  const auto open = [&](const std::string& settings, bool has_project_key) -> std::string {
    Context context;
    context.executor = io.get_executor();
    context.clock = &clock;
    if (has_project_key) context.push_key = base::make_p256_pair().private_key;
    base::JsonDocument document;
    base::Problems problems;
    auto opened = find_provider("webpush")->open(*document.parse(settings), problems, context, {});
    if (opened) return "open";
    return problems.empty() ? opened.error().message : problems[0].pointer + " " + problems[0].code;
  };
  EXPECT_EQ(open("{}", true), "/settings/subject required");
  const auto refused = [](const std::string& name) {
    return "/settings/" + name + " integration_test_failed";
  };
  EXPECT_EQ(open(R"({"subject":"ops@example.com"})", true), refused("subject"));
  EXPECT_EQ(open(R"({"subject":"mailto:<ops@example.com>"})", true), refused("subject"));
  EXPECT_EQ(open(R"({"subject":"mailto:a@b.c","private_key":"x"})", true), refused("private_key"));
  EXPECT_EQ(open(R"({"subject":"mailto:a@b.c"})", false), refused("private_key"));
  EXPECT_EQ(open(R"({"subject":"mailto:a@b.c","endpoint":"http://x.test"})", true), refused("endpoint"));
  EXPECT_EQ(open(R"({"subject":"mailto:a@b.c","icon":"http://x.test/i.png"})", true), refused("icon"));
}

}  // namespace
}  // namespace carillon::providers::webpush_detail
