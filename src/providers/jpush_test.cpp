#include "providers/jpush.h"

#include <gtest/gtest.h>

#include <map>

#include "base/crypto.h"
#include "providers/fixtures_test.h"

namespace carillon::providers::jpush_detail {
namespace {

using model::OutcomeKind;
using testing_only::job_of;
using testing_only::message_of;

Job job_for(model::Platform platform) {
  Job job = job_of("1507bfd3f7c466c355c");
  job.target.platform = platform;
  auto message = message_of("주문", "A-17 \"left\"");
  message->sound = "bell";
  message->badge = 3;
  message->url = "https://shop.example.test/17";
  message->data = R"({"order":"A-17","carillon":"forged"})";
  job.message = message;
  return job;
}

std::string push_of(const Job& job, const Options& options = {}, const std::string& callback = {}) {
  std::string out = "{";
  const auto refused = append_push(out, job, options, callback);
  EXPECT_FALSE(refused) << refused->detail;
  return out + "}";
}

TEST(Jpush, ReadsEveryRecordedAnswer) {
  testing_only::for_each_fixture("jpush", [](auto answer, auto outcome, const std::string& file) {
    testing_only::expect_outcome(classify(testing_only::response_of(answer), from_ms(0)), outcome, file);
  });
}

TEST(Jpush, ClassifiesEveryCodeOfTheVendorsTable) {
  const std::map<std::int64_t, OutcomeKind> expected = {
      {1000, OutcomeKind::Ambiguous},        {1001, OutcomeKind::Permanent},
      {1002, OutcomeKind::Permanent},        {1003, OutcomeKind::Permanent},
      {1004, OutcomeKind::Misconfigured},    {1005, OutcomeKind::Permanent},
      {1008, OutcomeKind::Misconfigured},    {1009, OutcomeKind::Permanent},
      {1011, OutcomeKind::InvalidRecipient}, {1012, OutcomeKind::Permanent},
      {1020, OutcomeKind::Misconfigured},    {1030, OutcomeKind::Temporary},
      {2002, OutcomeKind::Throttled},        {2003, OutcomeKind::Misconfigured},
      {2004, OutcomeKind::Misconfigured},    {2005, OutcomeKind::Temporary},
      {2006, OutcomeKind::Misconfigured},    {2007, OutcomeKind::Misconfigured},
  };
  EXPECT_EQ(error_rows().size(), expected.size());
  for (const ErrorRow& row : error_rows()) {
    ASSERT_TRUE(expected.contains(row.code)) << row.code;
    const std::string body = fmt::format(R"({{"error":{{"code":{},"message":"m"}}}})", row.code);
    const auto outcome = classify({row.status, {}, body}, from_ms(0));
    EXPECT_EQ(outcome.kind, expected.at(row.code)) << row.code;
    EXPECT_EQ(outcome.code, std::to_string(row.code));
    base::JsonDocument document;
    EXPECT_EQ(classify_one(*document.parse(body)).kind, expected.at(row.code)) << row.code;
  }
}

TEST(Jpush, WritesAnAndroidPush) {
  Job job = job_for(model::Platform::Android);
  job.expires_at = job.now + std::chrono::minutes(10);
  EXPECT_EQ(
      push_of(job, {}, "https://example.test/v1/callbacks/jpush/cn"),
      fmt::format(
          R"({{"platform":["android"],"notification":{{"android":{{"alert":"A-17 \"left\"","title":"주문",)"
          R"("priority":0,"extras":{{"carillon":{{"n":"{1}","d":"{0}"}},)"
          R"("url":"https://shop.example.test/17","order":"A-17"}}}}}},"options":{{"time_to_live":600}},)"
          R"("callback":{{"url":"https://example.test/v1/callbacks/jpush/cn?d={0}",)"
          R"("params":{{"d":"{0}"}},"type":1}}}})",
          job.delivery_text(), job.notification_text()));
}

TEST(Jpush, WritesAnIosPush) {
  Job job = job_for(model::Platform::Ios);
  job.target.environment = "development";
  EXPECT_EQ(
      push_of(job),
      fmt::format(
          R"({{"platform":["ios"],"notification":{{"ios":{{"alert":{{"title":"주문","body":"A-17 \"left\""}},)"
          R"("sound":"bell","badge":3,"extras":{{"carillon":{{"n":"{1}","d":"{0}"}},)"
          R"("url":"https://shop.example.test/17","order":"A-17"}}}}}},)"
          R"("options":{{"apns_production":false,"apns_collapse_id":"{0}-0"}}}})",
          job.delivery_text(), job.notification_text()));
}

TEST(Jpush, WritesAHarmonyPushWithItsCategory) {
  Options options;
  options.harmony_category = "IM";
  const std::string push = push_of(job_for(model::Platform::Harmony), options);
  EXPECT_NE(push.find(R"("hmos":{"alert":"A-17 \"left\"","title":"주문","category":"IM","badge_set_num":3)"),
            std::string::npos)
      << push;
}

TEST(Jpush, SendsDataAloneAsAMessage) {
  Job job = job_of("abc");
  job.target.platform = model::Platform::Android;
  auto message = message_of("", "");
  message->data = R"({"sync":true})";
  job.message = message;
  base::JsonDocument document;
  const auto root = document.parse(push_of(job));
  ASSERT_TRUE(root);
  base::JsonElement shown;
  EXPECT_NE((*root)["notification"].get(shown), simdjson::SUCCESS);
  base::JsonDocument inner;
  const auto content = inner.parse(std::string_view((*root)["message"]["msg_content"]));
  ASSERT_TRUE(content);
  EXPECT_TRUE(bool((*content)["sync"]));
  EXPECT_EQ(std::string_view((*content)["carillon"]["d"]), job.delivery_text());
}

TEST(Jpush, SaysHowFarOverTheLimitAPushIs) {
  for (const model::Platform platform : {model::Platform::Android, model::Platform::Ios}) {
    Job job = job_for(platform);
    const std::size_t max = platform == model::Platform::Ios ? kIosMax : kAndroidMax;
    auto message = message_of("", "x");
    job.message = message;
    std::string out;
    ASSERT_FALSE(append_push(out, job, {}, {}));
    const std::size_t begin =
        platform == model::Platform::Ios ? out.find(R"({"alert")") : out.find(R"("notification")");
    const std::size_t end = out.find(R"(,"options")") - (platform == model::Platform::Ios ? 1 : 0);
    message->body = std::string(1 + max - (end - begin), 'x');
    EXPECT_FALSE(append_push(out, job, {}, {}));
    message->body += "yyy";
    const auto refused = append_push(out, job, {}, {});
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->kind, OutcomeKind::Permanent);
    EXPECT_NE(refused->detail.find(fmt::format("3 bytes over the limit of {}", max)), std::string::npos)
        << refused->detail;
  }
}

TEST(Jpush, RefusesWhatIsNoRegistrationId) {
  Job job = job_for(model::Platform::Android);
  job.target.address = "with space";
  std::string out;
  EXPECT_EQ(append_push(out, job, {}, {})->kind, OutcomeKind::InvalidRecipient);
}

TEST(Jpush, ReadsTheAnswersOfABatch) {
  base::JsonDocument document;
  EXPECT_EQ(classify_one(*document.parse(R"({"msg_id":134123478})")).provider_id, "134123478");
  // Both: it was taken and had nobody to go to.
  EXPECT_EQ(classify_one(*document.parse(R"({"msg_id":1,"error":{"code":1011,"message":"m"}})")).kind,
            OutcomeKind::InvalidRecipient);
  EXPECT_EQ(
      classify_one(*document.parse(R"({"error":{"code":1003,"message":"m","illegal_rids":["a"]}})")).kind,
      OutcomeKind::InvalidRecipient);
  EXPECT_EQ(classify_one(*document.parse("{}")).kind, OutcomeKind::Ambiguous);
}

class JpushCallback : public testing::Test {
 protected:
  JpushCallback() {
    options_.app_key = "key";
    options_.master_secret = base::Secret("secret");
    request_.method = "POST";
    request_.url = "https://example.test/v1/callbacks/jpush/cn?d=dlv_0123456789abc";
    request_.headers = {{"Authorization", "Basic " + base::base64("key:secret")}};
    request_.now = from_ms(1'790'000'000'000);
  }
  auto read(std::string body) {
    request_.body = std::move(body);
    return read_callback(request_, options_);
  }
  Options options_;
  CallbackRequest request_;
};

TEST_F(JpushCallback, ReadsDeliveriesAndClicks) {
  const auto reading = read(
      R"([{"type":1,"msg_id":12,"itime":1789999999,"params":{"d":"dlv_0123456789abd"}},)"
      R"({"type":2,"msg_id":"13"},)"
      R"({"type":8},{"type":99},7])");
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->status, 200);
  ASSERT_EQ(reading->receipts.size(), 3U);
  EXPECT_EQ(reading->receipts[0].kind, model::ReceiptKind::Delivered);
  EXPECT_EQ(reading->receipts[0].provider_id, "12");
  EXPECT_EQ(reading->receipts[0].at, from_ms(1'789'999'999'000));
  EXPECT_EQ(reading->receipts[0].delivery, reading->receipts[1].delivery + 1);
  EXPECT_EQ(reading->receipts[1].kind, model::ReceiptKind::Clicked);
  EXPECT_EQ(reading->receipts[1].at, request_.now);
  EXPECT_EQ(reading->receipts[2].kind, model::ReceiptKind::Sent);
}

TEST_F(JpushCallback, RefusesStrangersAndWhatIsNoJson) {
  EXPECT_EQ(read("nothing").error().code, Errc::InvalidArgument);
  EXPECT_EQ(read("7").error().code, Errc::InvalidArgument);
  request_.headers = {{"Authorization", "Basic " + base::base64("key:other")}};
  EXPECT_EQ(read("{}").error().code, Errc::Unauthenticated);
  request_.headers.clear();
  EXPECT_EQ(read("{}").error().code, Errc::Unauthenticated);
}

TEST_F(JpushCallback, AnswersTheConsolesTest) {
  request_.method = "GET";
  request_.url += "&echostr=571fd1bfaadc";
  const auto reading = read("");
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->body, "571fd1bfaadc");
  request_.url += "%3Cscript%3E";
  EXPECT_FALSE(read(""));
}

}  // namespace
}  // namespace carillon::providers::jpush_detail
