#include "providers/apns.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/crypto.h"
#include "providers/fixtures_test.h"

namespace carillon::providers::apns_detail {
namespace {

using model::OutcomeKind;
using testing_only::job_of;
using testing_only::message_of;

const std::string kKey = testing_only::make_key("EC", "P-256");
const std::string kToken(64, 'a');

std::string header(const PushRequest& request, std::string_view name) {
  for (std::size_t i = 0; i < request.field_count; ++i) {
    if (request.fields[i].name == name) return std::string(request.fields[i].value);
  }
  return {};
}

struct Built {
  std::optional<model::Outcome> refused;
  PushRequest request;
};
// The request's fields point into the rules.
const Rules& production() {
  static const Rules rules("com.example.app", "production");
  return rules;
}
Built build(const Job& job, const Rules& rules = production()) {
  Built built;
  built.refused = rules.build(job, false, built.request);
  return built;
}

TEST(Apns, ReadsEveryRecordedAnswer) {
  const Rules rules("com.example.app", "production");
  testing_only::for_each_fixture("apns", [&](auto answer, auto outcome, const std::string& file) {
    const net::HttpResponse response = testing_only::response_of(answer);
    const net::Http2Response h2{response.status, response.body, response.headers};
    testing_only::expect_outcome(rules.classify(h2, from_ms(0)).outcome, outcome, file);
  });
}

TEST(Apns, ClassifiesEveryReasonOfApplesTable) {
  struct Expected {
    std::string_view reason;
    int status;
    OutcomeKind kind;
    bool is_suspicious = false;
  };
  const Expected expected[] = {
      {"BadCollapseId", 400, OutcomeKind::Permanent},
      {"BadDeviceToken", 400, OutcomeKind::InvalidRecipient, true},
      {"BadExpirationDate", 400, OutcomeKind::Permanent},
      {"BadMessageId", 400, OutcomeKind::Permanent},
      {"BadPriority", 400, OutcomeKind::Permanent},
      {"BadTopic", 400, OutcomeKind::Permanent},
      {"DeviceTokenNotForTopic", 400, OutcomeKind::InvalidRecipient, true},
      {"DuplicateHeaders", 400, OutcomeKind::Permanent},
      {"IdleTimeout", 400, OutcomeKind::Temporary},
      {"InvalidPushType", 400, OutcomeKind::Permanent},
      {"MissingDeviceToken", 400, OutcomeKind::Permanent},
      {"MissingTopic", 400, OutcomeKind::Permanent},
      {"PayloadEmpty", 400, OutcomeKind::Permanent},
      {"TopicDisallowed", 400, OutcomeKind::Misconfigured},
      {"BadCertificate", 403, OutcomeKind::Misconfigured},
      {"BadCertificateEnvironment", 403, OutcomeKind::Misconfigured},
      {"BadEnvironmentKeyIdInToken", 403, OutcomeKind::Misconfigured},
      {"BadEnvironmentKeyInToken", 403, OutcomeKind::Misconfigured},
      {"ExpiredProviderToken", 403, OutcomeKind::Misconfigured},
      {"Forbidden", 403, OutcomeKind::Misconfigured},
      {"InvalidProviderToken", 403, OutcomeKind::Misconfigured},
      {"MissingProviderToken", 403, OutcomeKind::Misconfigured},
      {"UnrelatedKeyIdInToken", 403, OutcomeKind::Temporary},
      {"BadPath", 404, OutcomeKind::Permanent},
      {"MethodNotAllowed", 405, OutcomeKind::Permanent},
      {"ExpiredToken", 410, OutcomeKind::InvalidRecipient},
      {"Unregistered", 410, OutcomeKind::InvalidRecipient},
      {"PayloadTooLarge", 413, OutcomeKind::Permanent},
      {"TooManyProviderTokenUpdates", 429, OutcomeKind::Throttled},
      {"TooManyRequests", 429, OutcomeKind::Temporary},
      {"InternalServerError", 500, OutcomeKind::Temporary},
      {"ServiceUnavailable", 503, OutcomeKind::Temporary},
      {"Shutdown", 503, OutcomeKind::Temporary},
  };
  ASSERT_EQ(reasons().size(), std::size(expected));
  const Rules rules("t", "production");
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    const Reason& row = reasons()[i];
    EXPECT_EQ(row.reason, expected[i].reason);
    EXPECT_EQ(row.status, expected[i].status) << row.reason;
    EXPECT_FALSE(row.text.empty()) << row.reason;
    const std::string body = fmt::format(R"({{"reason":"{}"}})", row.reason);
    const auto outcome = rules.classify({row.status, body, {}}, from_ms(0)).outcome;
    EXPECT_EQ(outcome.kind, expected[i].kind) << row.reason;
    EXPECT_EQ(outcome.is_suspicious, expected[i].is_suspicious) << row.reason;
    EXPECT_EQ(outcome.code, row.reason);
  }
}

TEST(Apns, WritesARequestAsApplePrescribes) {
  Job job = job_of(kToken);
  auto message = message_of("Hi \"you\"", "안녕");
  message->badge = 3;
  message->sound = "default";
  message->url = "https://example.com/a";
  message->data = R"({"order":"7"})";
  job.message = message;
  job.expires_at = from_ms(1'790'000'600'000);
  const Built built = build(job);
  ASSERT_FALSE(built.refused);
  EXPECT_EQ(built.request.path, "/3/device/" + kToken);
  EXPECT_EQ(header(built.request, "apns-topic"), "com.example.app");
  EXPECT_EQ(header(built.request, "apns-push-type"), "alert");
  EXPECT_EQ(header(built.request, "apns-priority"), "10");
  EXPECT_EQ(header(built.request, "apns-expiration"), "1790000600");
  EXPECT_EQ(header(built.request, "apns-collapse-id"), job.handle());
  EXPECT_EQ(header(built.request, "apns-id"), "01234567-89ab-8cde-af00-000000000000");
  EXPECT_EQ(built.request.body,
            R"({"aps":{"alert":{"title":"Hi \"you\"","body":"안녕"},"badge":3,"sound":"default"},)"
            R"("carillon":{"n":")" +
                job.notification_text() + R"(","d":")" + job.delivery_text() +
                R"("},"url":"https://example.com/a","order":"7"})");
}

TEST(Apns, KeepsOurOwnKeysAgainstTheCallersData) {
  Job job = job_of(kToken);
  auto message = message_of("Hi", "");
  message->data = R"({"aps":{"badge":9},"carillon":"x","kept":[1,{"a":null}]})";
  job.message = message;
  const Built built = build(job);
  base::JsonDocument document;  // refuses a key that is there twice
  const auto root = document.parse(built.request.body);
  ASSERT_TRUE(root) << built.request.body;
  EXPECT_EQ(base::to_json((*root)["kept"].value()), R"([1,{"a":null}])");
  EXPECT_EQ(testing_only::text_of((*root)["carillon"].value(), "d"), job.delivery_text());
}

TEST(Apns, MergesTheApnsBlock) {
  Job job = job_of(kToken);
  auto message = message_of("Hi", "there");
  message->sound = "default";
  message->apns =
      R"({"aps":{"thread-id":"t1","sound":{"critical":1,"name":"a","volume":1},"alert":{"subtitle":"s"}},)"
      R"("headers":{"apns-priority":"5"},"extra":true,"carillon":"no"})";
  job.message = message;
  const Built built = build(job);
  ASSERT_FALSE(built.refused);
  EXPECT_EQ(header(built.request, "apns-priority"), "5");
  EXPECT_TRUE(built.request.body.starts_with(
      R"({"aps":{"alert":{"title":"Hi","body":"there","subtitle":"s"},"thread-id":"t1",)"
      R"("sound":{"critical":1,"name":"a","volume":1}},"carillon":{"n":)"))
      << built.request.body;
  EXPECT_TRUE(built.request.body.ends_with(R"(,"extra":true})")) << built.request.body;
}

TEST(Apns, HandsOnEveryFieldOfTheBlock) {
  Job job = job_of(kToken);
  job.expires_at = job.now + std::chrono::hours(1);
  auto message = message_of("", "");
  message->data = R"({"order":"A-17","kept":1})";
  message->apns =
      R"({"aps":{"alert":{"title-loc-key":"T","title-loc-args":["a"],"loc-key":"L","loc-args":["b","c"],)"
      R"("action-loc-key":"OPEN"},"badge":0,"sound":{"critical":1,"name":"alarm","volume":0.5},)"
      R"("category":"ORDER","thread-id":"t","mutable-content":1,"content-available":1,)"
      R"("interruption-level":"time-sensitive","relevance-score":0.5,"target-content-id":"x"},)"
      R"("order":"B-18","headers":{"apns-collapse-id":"mine","apns-expiration":"0","apns-priority":"10",)"
      R"("apns-topic":"com.example.other","apns-push-type":"alert"}})";
  job.message = message;
  const Built built = build(job);
  ASSERT_FALSE(built.refused);
  EXPECT_EQ(header(built.request, "apns-collapse-id"), "mine");
  EXPECT_EQ(header(built.request, "apns-expiration"), "0");
  EXPECT_EQ(header(built.request, "apns-priority"), "10");
  EXPECT_EQ(header(built.request, "apns-topic"), "com.example.other");
  EXPECT_EQ(header(built.request, "apns-push-type"), "alert");
  EXPECT_EQ(
      built.request.body,
      fmt::format(
          R"({{"aps":{{"alert":{{"title-loc-key":"T","title-loc-args":["a"],"loc-key":"L",)"
          R"("loc-args":["b","c"],"action-loc-key":"OPEN"}},)"
          R"("badge":0,"sound":{{"critical":1,"name":"alarm","volume":0.5}},)"
          R"("category":"ORDER","thread-id":"t","mutable-content":1,"content-available":1,)"
          R"("interruption-level":"time-sensitive","relevance-score":0.5,"target-content-id":"x"}},)"
          R"("carillon":{{"n":"{}","d":"{}"}},"order":"B-18","kept":1}})",
          job.notification_text(), job.delivery_text()));
}

TEST(Apns, AMacIsReachedByTheTopicOfItsOwnApp) {
  Job job = job_of(kToken);
  job.target.platform = model::Platform::Macos;
  job.message = message_of("Hi", "there");
  EXPECT_EQ(header(build(job).request, "apns-topic"), "com.example.app");
  job.target.bundle = "com.example.desktop";
  EXPECT_EQ(header(build(job).request, "apns-topic"), "com.example.desktop");
  const Rules without("", "production");
  EXPECT_EQ(header(build(job, without).request, "apns-topic"), "com.example.desktop");
  job.target.bundle.clear();
  EXPECT_EQ(build(job, without).refused->code, "MissingTopic");
}

TEST(Apns, SendsSilentPushesInTheBackground) {
  for (const bool is_by_block : {true, false}) {
    Job job = job_of(kToken);
    auto message = message_of("", "");
    if (is_by_block)
      message->apns = R"({"aps":{"content-available":1}})";
    else
      message->data = R"({"sync":1})";
    job.message = message;
    const Built built = build(job);
    ASSERT_FALSE(built.refused);
    EXPECT_EQ(header(built.request, "apns-push-type"), "background");
    EXPECT_EQ(header(built.request, "apns-priority"), "5");
    EXPECT_TRUE(built.request.body.starts_with(R"({"aps":{"content-available":1},)")) << built.request.body;
  }
}

TEST(Apns, AddsTheTopicSuffixOfThePushType) {
  Job job = job_of(kToken);
  auto message = message_of("Call", "");
  message->apns = R"({"headers":{"apns-push-type":"voip"}})";
  job.message = message;
  job.target.bundle = "com.other.app";
  const Built built = build(job);
  ASSERT_FALSE(built.refused);
  EXPECT_EQ(header(built.request, "apns-topic"), "com.other.app.voip");
  message->apns = R"({"headers":{"apns-push-type":"smoke-signal"}})";
  EXPECT_EQ(build(job).refused->code, "InvalidPushType");
}

TEST(Apns, RefusesAPayloadThatIsTooLargeAndSaysByHowMuch) {
  Job job = job_of(kToken);
  job.message = message_of("", "x");
  const std::size_t frame = build(job).request.body.size() - 1;
  job.message = message_of("", std::string(kPayloadMax - frame, 'x'));
  EXPECT_FALSE(build(job).refused);
  job.message = message_of("", std::string(kPayloadMax - frame + 17, 'x'));
  const auto refused = build(job).refused;
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, OutcomeKind::Permanent);
  EXPECT_EQ(refused->code, "PayloadTooLarge");
  EXPECT_EQ(refused->detail, "the payload is 17 bytes over the limit of 4096");
}

TEST(Apns, RefusesADeviceOfTheOtherEnvironment) {
  Job job = job_of(kToken);
  job.message = message_of("Hi", "");
  job.target.environment = "development";
  EXPECT_EQ(build(job).refused->code, "environment_mismatch");
  EXPECT_FALSE(build(job, Rules("t", "development")).refused);
}

TEST(Apns, SendsNothingToWhatIsNoToken) {
  for (const std::string token : {"", "a/b", "a?b", "a b", "a\r\nx: y"}) {
    Job job = job_of(token);
    job.message = message_of("Hi", "");
    const auto refused = build(job).refused;
    ASSERT_TRUE(refused) << token;
    EXPECT_EQ(refused->kind, OutcomeKind::InvalidRecipient);
  }
}

TEST(Apns, HashesACollapseKeyThatDoesNotFit) {
  Job job = job_of(kToken);
  job.message = message_of("Hi", "");
  job.collapse_key = "order-7";
  EXPECT_EQ(header(build(job).request, "apns-collapse-id"), "order-7");
  for (const std::string& key : {std::string(65, 'k'), std::string("주문"), std::string("a\nb")}) {
    job.collapse_key = key;
    EXPECT_EQ(header(build(job).request, "apns-collapse-id"), base::base64url(base::sha256(key)));
  }
}

TEST(Apns, BulkIsConsiderate) {
  Job job = job_of(kToken);
  job.message = message_of("Hi", "");
  job.priority = model::Priority::Bulk;
  EXPECT_EQ(header(build(job).request, "apns-priority"), "5");
}

RC_GTEST_PROP(Apns, PayloadIsJsonWhateverTheText, (std::string title, std::string body, std::string url)) {
  Job job = job_of(kToken);
  auto message = message_of(std::move(title), std::move(body));
  message->url = std::move(url);
  job.message = message;
  const Built built = build(job);
  base::JsonDocument document;
  RC_ASSERT(built.refused.has_value() || document.parse(built.request.body).has_value());
}

TEST(ApnsToken, IsMadeAnewAfterFortyFiveMinutes) {
  Token token("TEAMID1234", "KEYID12345", base::Secret(kKey));
  const Time start = from_ms(1'790'000'000'000);
  const auto first = token.value(start);
  ASSERT_TRUE(first);
  EXPECT_TRUE((*first)->starts_with("bearer eyJ"));
  EXPECT_EQ(token.value(start + Token::kRenewAfter - Millis(1)).value(), *first);
  EXPECT_NE(token.value(start + Token::kRenewAfter).value(), *first);
}

TEST(ApnsToken, IsNeverMadeAnewWithinTwentyMinutes) {
  Token token("TEAMID1234", "KEYID12345", base::Secret(kKey));
  const Time start = from_ms(1'790'000'000'000);
  const auto first = token.value(start).value();
  EXPECT_FALSE(token.refused(first, start + Token::kRenewFloor - Millis(1)));
  EXPECT_EQ(token.value(start + Token::kRenewFloor - Millis(1)).value(), first);
  EXPECT_TRUE(token.refused(first, start + Token::kRenewFloor));
  const auto second = token.value(start + Token::kRenewFloor).value();
  EXPECT_NE(second, first);
  // Others that still carried the first one find the second in place.
  EXPECT_TRUE(token.refused(first, start + Token::kRenewFloor));
  EXPECT_EQ(token.value(start + Token::kRenewFloor).value(), second);
}

TEST(ApnsToken, IsSharedByAllAccountsOfATeamAndKey) {
  Options options;
  options.team_id = "TEAMID1234";
  options.key_id = "KEYID12345";
  options.private_key = base::Secret(kKey);
  const auto one = Token::shared(options);
  EXPECT_EQ(Token::shared(options), one);
  options.key_id = "OTHERKEY12";
  EXPECT_NE(Token::shared(options), one);
}

TEST(ApnsToken, SaysWhatIsWrongWithAKey) {
  Token token("TEAMID1234", "KEYID12345", base::Secret("not a key"));
  const auto value = token.value(from_ms(0));
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, Errc::InvalidArgument);
  EXPECT_EQ(value.error().message.find("not a key"), std::string::npos);
}

}  // namespace
}  // namespace carillon::providers::apns_detail
