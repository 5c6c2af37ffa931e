#include "providers/fcm.h"

#include <gtest/gtest.h>

#include "providers/catalog.h"
#include "providers/fixtures_test.h"

namespace carillon::providers::fcm_detail {
namespace {

using model::OutcomeKind;
using testing_only::job_of;
using testing_only::message_of;
using testing_only::text_of;

struct Built {
  std::optional<model::Outcome> refused;
  PushRequest request;
};
Built build(const Job& job, bool is_test = false) {
  static const Rules rules("shop");  // the request's fields point into it
  Built built;
  built.refused = rules.build(job, is_test, built.request);
  return built;
}

TEST(Fcm, ReadsEveryRecordedAnswer) {
  const Rules rules("shop");
  testing_only::for_each_fixture("fcm", [&](auto answer, auto outcome, const std::string& file) {
    const net::HttpResponse response = testing_only::response_of(answer);
    testing_only::expect_outcome(
        rules.classify({response.status, response.body, response.headers}, from_ms(0)).outcome, outcome,
        file);
  });
}

TEST(Fcm, ClassifiesEveryCodeOfGooglesTable) {
  struct Expected {
    std::string_view code;
    int status;
    bool is_fcm;
    OutcomeKind kind;
    bool is_renewed = false;
  };
  const Expected expected[] = {
      {"UNREGISTERED", 404, true, OutcomeKind::InvalidRecipient},
      {"SENDER_ID_MISMATCH", 403, true, OutcomeKind::InvalidRecipient},
      {"INVALID_ARGUMENT", 400, true, OutcomeKind::Permanent},
      {"QUOTA_EXCEEDED", 429, true, OutcomeKind::Throttled},
      {"THIRD_PARTY_AUTH_ERROR", 401, true, OutcomeKind::Temporary},
      {"APNS_AUTH_ERROR", 401, true, OutcomeKind::Temporary},
      {"INTERNAL", 500, true, OutcomeKind::Temporary},
      {"UNAVAILABLE", 503, true, OutcomeKind::Temporary},
      {"UNSPECIFIED_ERROR", 500, true, OutcomeKind::Temporary},
      {"INVALID_ARGUMENT", 400, false, OutcomeKind::Permanent},
      {"UNAUTHENTICATED", 401, false, OutcomeKind::Misconfigured, true},
      {"PERMISSION_DENIED", 403, false, OutcomeKind::Misconfigured},
      {"NOT_FOUND", 404, false, OutcomeKind::Misconfigured},
      {"RESOURCE_EXHAUSTED", 429, false, OutcomeKind::Throttled},
      {"INTERNAL", 500, false, OutcomeKind::Temporary},
      {"UNAVAILABLE", 503, false, OutcomeKind::Temporary},
  };
  ASSERT_EQ(error_rows().size(), std::size(expected));
  const Rules rules("shop");
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    const Expected& want = expected[i];
    EXPECT_EQ(error_rows()[i].code, want.code);
    EXPECT_EQ(error_rows()[i].status, want.status) << want.code;
    const std::string detail = fmt::format(
        R"({{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"{}"}})", want.code);
    const std::string body = fmt::format(R"({{"error":{{"status":"{}","message":"m","details":[{}]}}}})",
                                         want.is_fcm ? "OTHER" : want.code, want.is_fcm ? detail : "");
    const auto verdict = rules.classify({want.status, body, {}}, from_ms(0));
    EXPECT_EQ(verdict.outcome.kind, want.kind) << want.code;
    EXPECT_EQ(verdict.follow == PushVerdict::Follow::RenewCredential, want.is_renewed) << want.code;
  }
}

TEST(Fcm, DoesNotRestForTheLimitOfOneDevice) {
  const Rules rules("shop");
  const auto kind_of = [&](std::string_view message, std::string_view subject) {
    const std::string body = fmt::format(
        R"({{"error":{{"status":"RESOURCE_EXHAUSTED","message":"{}","details":[)"
        R"({{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"QUOTA_EXCEEDED"}},)"
        R"({{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{{"subject":"{}",)"
        R"("description":"m"}}]}}]}}}})",
        message, subject);
    return rules.classify({429, body, {}}, from_ms(0)).outcome.kind;
  };
  EXPECT_EQ(kind_of("Message rate exceeded.", "project:1"), OutcomeKind::Throttled);
  EXPECT_EQ(kind_of("Message rate exceeded.", "device:abc"), OutcomeKind::Temporary);
  EXPECT_EQ(kind_of("Device message rate exceeded.", "project:1"), OutcomeKind::Temporary);
  EXPECT_EQ(kind_of("The device message rate was exceeded.", ""), OutcomeKind::Temporary);
}

TEST(Fcm, WritesARequestAsGooglePrescribes) {
  Job job = job_of("token-1");
  auto message = message_of("Hi", "there");
  message->image = "https://example.com/i.png";
  message->data = R"({"order":7,"nested":{"a":true},"text":"t"})";
  job.message = message;
  job.expires_at = job.now + std::chrono::seconds(90);
  const Built built = build(job);
  ASSERT_FALSE(built.refused);
  EXPECT_EQ(built.request.path, "/v1/projects/shop/messages:send");
  base::JsonDocument document;
  const auto root = document.parse(built.request.body);
  ASSERT_TRUE(root) << built.request.body;
  const auto m = (*root)["message"].value();
  EXPECT_EQ(text_of(m, "token"), "token-1");
  EXPECT_EQ(base::to_json(m["notification"].value()),
            R"({"title":"Hi","body":"there","image":"https://example.com/i.png"})");
  const auto data = m["data"].value();
  EXPECT_EQ(text_of(data, "order"), "7");  // strings, all of them
  EXPECT_EQ(text_of(data, "nested"), R"({"a":true})");
  EXPECT_EQ(text_of(data, "carillon"),
            fmt::format(R"({{"n":"{}","d":"{}"}})", job.notification_text(), job.delivery_text()));
  const auto android = m["android"].value();
  EXPECT_EQ(text_of(android, "priority"), "HIGH");
  EXPECT_EQ(text_of(android, "ttl"), "90s");
  EXPECT_EQ(text_of(android["notification"].value(), "tag"), job.handle());
  EXPECT_EQ(text_of(android, "collapse_key"), "");
}

TEST(Fcm, UsesTheCallersCollapseKeyForBothPlatforms) {
  Job job = job_of("token-1");
  job.message = message_of("Hi", "");
  job.collapse_key = "order-7";
  job.target.platform = model::Platform::Ios;
  base::JsonDocument document;
  const Built built = build(job);
  const auto m = (*document.parse(built.request.body))["message"].value();
  EXPECT_EQ(text_of(m["android"].value(), "collapse_key"), "order-7");
  EXPECT_EQ(text_of(m["android"]["notification"].value(), "tag"), "order-7");
  EXPECT_EQ(text_of(m["apns"]["headers"].value(), "apns-collapse-id"), "order-7");
}

TEST(Fcm, MergesTheFcmBlock) {
  Job job = job_of("token-1");
  auto message = message_of("Hi", "there");
  message->fcm = R"({"android":{"priority":"NORMAL","notification":{"channel_id":"orders"}},)"
                 R"("data":{"carillon":"x","a":"b"},)"
                 R"("fcm_options":{"analytics_label":"l"},"token":"someone-else"})";
  job.message = message;
  base::JsonDocument document;
  const Built built = build(job);
  const auto root = document.parse(built.request.body);
  ASSERT_TRUE(root) << built.request.body;  // duplicate keys are refused
  const auto m = (*root)["message"].value();
  EXPECT_EQ(text_of(m, "token"), "token-1");
  EXPECT_EQ(text_of(m["android"].value(), "priority"), "NORMAL");
  EXPECT_EQ(text_of(m["android"]["notification"].value(), "channel_id"), "orders");
  EXPECT_EQ(text_of(m["android"]["notification"].value(), "tag"), job.handle());
  EXPECT_EQ(text_of(m["fcm_options"].value(), "analytics_label"), "l");
  EXPECT_NE(text_of(m["data"].value(), "carillon"), "x");
  EXPECT_EQ(text_of(m["data"].value(), "a"), "b");
}

TEST(Fcm, HandsOnEveryFieldOfTheBlock) {
  Job job = job_of("token-1");
  job.expires_at = job.now + std::chrono::hours(1);
  auto message = message_of("Hi", "there");
  message->fcm =
      R"({"data":{"n":7,"deep":{"a":1}},"notification":{"title":"Own"},"android":{"collapseKey":"k",)"
      R"("ttl":"60s","priority":"normal","restricted_package_name":"p","direct_boot_ok":true,"data":{"x":1},)"
      R"("notification":{"bodyLocKey":"L","bodyLocArgs":["a"],"notification_count":5},)"
      R"("fcm_options":{"analytics_label":"a"}},"fcmOptions":{"analytics_label":"l"},)"
      R"("apns":{"headers":{"apns-priority":"5"}},"webpush":{"headers":{"TTL":"1"}}})";
  message->badge = 1;
  job.message = message;
  base::JsonDocument document;
  const Built built = build(job);
  const auto root = document.parse(built.request.body);
  ASSERT_TRUE(root) << built.request.body;  // duplicate keys are refused
  const auto m = (*root)["message"].value();
  EXPECT_EQ(text_of(m["data"].value(), "n"), "7");
  EXPECT_EQ(text_of(m["data"].value(), "deep"), R"({"a":1})");
  EXPECT_EQ(base::to_json(m["notification"].value()), R"({"body":"there","title":"Own"})");
  EXPECT_EQ(base::to_json(m["android"].value()),
            fmt::format(R"({{"notification":{{"tag":"{}","body_loc_key":"L","body_loc_args":["a"],)"
                        R"("notification_count":5}},"collapse_key":"k","ttl":"60s","priority":"normal",)"
                        R"("restricted_package_name":"p","direct_boot_ok":true,"data":{{"x":"1"}},)"
                        R"("fcm_options":{{"analytics_label":"a"}}}})",
                        job.handle()));
  EXPECT_EQ(text_of(m["fcm_options"].value(), "analytics_label"), "l");
  base::JsonElement other;
  EXPECT_NE(m["apns"].get(other), simdjson::SUCCESS);  // of no use to an Android phone
  EXPECT_NE(m["webpush"].get(other), simdjson::SUCCESS);
}

TEST(Fcm, MergesTheAppleBlockWithOurs) {
  Job job = job_of("token-1");
  job.target.platform = model::Platform::Ios;
  job.expires_at = job.now + std::chrono::hours(1);
  auto message = message_of("Hi", "there");
  message->sound = "bell";
  message->badge = 2;
  message->fcm =
      R"({"apns":{"headers":{"apns-priority":"5","apns-collapse-id":"mine"},"payload":{"aps":{"badge":9,)"
      R"("category":"C","interruption-level":"active"},"own":{"a":1}},"fcmOptions":{"image":"i"}}})";
  job.message = message;
  base::JsonDocument document;
  const auto root = document.parse(build(job).request.body);
  ASSERT_TRUE(root);
  EXPECT_EQ(
      base::to_json((*root)["message"]["apns"].value()),
      fmt::format(R"({{"headers":{{"apns-expiration":"{}","apns-priority":"5","apns-collapse-id":"mine"}},)"
                  R"("payload":{{"aps":{{"sound":"bell","badge":9,"category":"C",)"
                  R"("interruption-level":"active"}},"own":{{"a":1}}}},"fcm_options":{{"image":"i"}}}})",
                  to_ms(*job.expires_at) / 1000));
}

TEST(Fcm, TellsABrowserHowLongAndWhereTo) {
  Job job = job_of("token-1");
  job.target.platform = model::Platform::Web;
  job.expires_at = job.now + std::chrono::seconds(90);
  auto message = message_of("Hi", "there");
  message->url = "https://shop.example.test/17";
  message->fcm = R"({"webpush":{"headers":{"Urgency":"low"},"notification":{"icon":"i"},"data":{"a":1}}})";
  job.message = message;
  base::JsonDocument document;
  const auto root = document.parse(build(job).request.body);
  ASSERT_TRUE(root);
  EXPECT_EQ(
      base::to_json((*root)["message"]["webpush"].value()),
      R"({"headers":{"TTL":"90","Urgency":"low"},"fcm_options":{"link":"https://shop.example.test/17"},)"
      R"("notification":{"icon":"i"},"data":{"a":"1"}})");
}

TEST(Fcm, RefusesKeysThatFcmKeepsForItself) {
  Job job = job_of("token-1");
  auto message = message_of("Hi", "");
  message->data = R"({"google.sent":1})";
  job.message = message;
  const auto refused = build(job).refused;
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, "invalid_data");
  EXPECT_NE(refused->detail.find("google.sent"), std::string::npos);
}

TEST(Fcm, SaysHowFarOverTheLimitEachBlockIs) {
  for (const auto& [platform, block] :
       {std::pair{model::Platform::Android, std::string(R"({"android":{"notification":{"ticker":"%"}}})")},
        {model::Platform::Ios, std::string(R"({"apns":{"payload":{"own":"%"}}})")}}) {
    Job job = job_of("token-1");
    job.target.platform = platform;
    auto message = message_of("Hi", "");
    message->fcm = block;
    message->fcm.replace(message->fcm.find('%'), 1, std::string(4000, 'x'));
    job.message = message;
    const auto refused = build(job).refused;
    ASSERT_TRUE(refused) << block;
    EXPECT_EQ(refused->code, "PayloadTooLarge");
    EXPECT_NE(refused->detail.find("bytes over the limit of 4096"), std::string::npos) << refused->detail;
  }
}

TEST(Fcm, RefusesAPayloadThatIsTooLarge) {
  Job job = job_of("token-1");
  job.message = message_of("", std::string(kPayloadMax, 'x'));
  const auto refused = build(job).refused;
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, "PayloadTooLarge");
  EXPECT_EQ(refused->kind, OutcomeKind::Permanent);
}

TEST(Fcm, ATestIsOnlyValidated) {
  Job job = job_of("token-1");
  job.message = message_of("Hi", "");
  EXPECT_TRUE(build(job, true).request.body.starts_with(R"({"validate_only":true,"message":)"));
}

TEST(FcmAccount, NamesTheFieldThatIsMissing) {
  const auto account =
      ServiceAccount::read(base::Secret(R"({"client_email":"a@b.c","private_key":"secret-words"})"));
  ASSERT_FALSE(account);
  EXPECT_TRUE(account.error().message.contains("private_key_id")) << account.error().message;
  EXPECT_FALSE(account.error().message.contains("secret-words"));
  EXPECT_FALSE(ServiceAccount::read(base::Secret("not json")));
}

TEST(FcmAccount, NamesTheProjectItsDevicesBelongTo) {
  const auto bundle = [](std::string_view settings) {
    base::JsonDocument document;
    return find_provider("fcm")->bundle(*document.parse(settings));
  };
  const std::string account = R"({"client_email":"a@b.c","private_key":"k","private_key_id":"i",)"
                              R"("token_uri":"https://example.com/token","project_id":"shop"})";
  base::JsonWriter settings;
  settings.object().field("service_account", account).end_object();
  EXPECT_EQ(bundle(settings.str()), "shop");
  EXPECT_EQ(bundle(R"({"service_account":"{}"})"), "");
  EXPECT_EQ(bundle("{}"), "");
}

}  // namespace
}  // namespace carillon::providers::fcm_detail
