#include "providers/hms.h"

#include <gtest/gtest.h>

#include <map>

#include "base/crypto.h"
#include "providers/fixtures_test.h"

namespace carillon::providers::hms_detail {
namespace {

using model::OutcomeKind;
using model::ReceiptKind;
using testing_only::job_of;
using testing_only::message_of;

Options options_of() {
  Options options;
  options.app_id = "10123456";
  options.receipt_user = "carillon";
  options.receipt_key = base::Secret("c2VjcmV0");  // "secret"
  return options;
}

PushVerdict verdict_of(const net::HttpResponse& response) {
  return Rules(options_of()).classify({response.status, response.body, response.headers}, from_ms(0));
}

TEST(Hms, ReadsEveryRecordedAnswer) {
  testing_only::for_each_fixture("hms", [](auto answer, auto outcome, const std::string& file) {
    testing_only::expect_outcome(verdict_of(testing_only::response_of(answer)).outcome, outcome, file);
  });
}

TEST(Hms, ClassifiesEveryResultCode) {
  const std::map<OutcomeKind, std::vector<std::string_view>> expected = {
      {OutcomeKind::Permanent,
       {"80100001", "80100003", "80100004", "80100013", "80100016", "80100018", "80300008", "80300010"}},
      {OutcomeKind::Misconfigured,
       {"80200001", "80200003", "80200005", "80300002", "80300011", "80300013", "80600003"}},
      {OutcomeKind::Throttled, {"80100017"}},
      {OutcomeKind::InvalidRecipient, {"80300007"}},
      {OutcomeKind::Ambiguous, {"81000001"}},
  };
  std::size_t count = 0;
  for (const auto& [kind, codes] : expected) {
    for (const std::string_view code : codes) {
      ++count;
      const auto verdict =
          verdict_of({200, {}, fmt::format(R"({{"code":"{}","msg":"m","requestId":"1"}})", code)});
      EXPECT_EQ(verdict.outcome.kind, kind) << code;
      EXPECT_EQ(verdict.outcome.code, code);
      EXPECT_EQ(verdict.follow == PushVerdict::Follow::RenewCredential, code.starts_with("80200")) << code;
    }
  }
  EXPECT_EQ(result_rows().size(), count);
}

TEST(Hms, WritesAMessage) {
  Job job = job_of("IQAAAACy0OA");
  job.expires_at = job.now + std::chrono::minutes(10);
  auto message = message_of("주문", "A-17 left");
  message->badge = 3;
  message->sound = "bell";
  message->data = R"({"order":"A-17"})";
  job.message = message;
  Options options = options_of();
  options.category = "IM";
  PushRequest request;
  ASSERT_FALSE(Rules(options).build(job, false, request));
  EXPECT_EQ(request.path, "/v1/10123456/messages:send");
  EXPECT_EQ(
      request.body,
      fmt::format(
          R"({{"validate_only":false,"message":{{"data":"{{\"carillon\":{{\"n\":\"{1}\",\"d\":\"{0}\"}},)"
          R"(\"order\":\"A-17\"}}","android":{{"ttl":"600s","urgency":"NORMAL","category":"IM",)"
          R"("bi_tag":"{0}","notification":{{"title":"주문","body":"A-17 left","tag":"{0}-0",)"
          R"("sound":"bell","badge":{{"set_num":3}},"click_action":{{"type":3}}}}}},)"
          R"("token":["IQAAAACy0OA"]}}}})",
          job.delivery_text(), job.notification_text()));
}

TEST(Hms, OpensWhatTheMessageNames) {
  Job job = job_of("IQAAAACy0OA");
  auto message = message_of("", "x");
  message->url = "https://shop.example.test/17";
  job.message = message;
  PushRequest request;
  ASSERT_FALSE(Rules(options_of()).build(job, true, request));
  EXPECT_NE(request.body.find(R"("click_action":{"type":2,"url":"https://shop.example.test/17"})"),
            std::string::npos);
  EXPECT_NE(request.body.find(R"("title":"x","body":"x")"), std::string::npos);
  EXPECT_NE(request.body.find(R"("validate_only":true)"), std::string::npos);
  message->action_loc_key = "com.example.OPEN";
  request.clear();
  ASSERT_FALSE(Rules(options_of()).build(job, false, request));
  EXPECT_NE(request.body.find(R"("click_action":{"type":1,"action":"com.example.OPEN"})"), std::string::npos);
}

TEST(Hms, IsUrgentOnlyWhereTheAppMayBe) {
  Job job = job_of("IQAAAACy0OA");
  job.message = message_of("", "");
  job.priority = model::Priority::High;
  Options options = options_of();
  PushRequest request;
  ASSERT_FALSE(Rules(options).build(job, false, request));
  EXPECT_NE(request.body.find(R"("urgency":"NORMAL")"), std::string::npos);
  EXPECT_EQ(request.body.find("notification"), std::string::npos);
  options.is_urgent = true;
  request.clear();
  ASSERT_FALSE(Rules(options).build(job, false, request));
  EXPECT_NE(request.body.find(R"("urgency":"HIGH")"), std::string::npos);
}

TEST(Hms, SaysHowFarOverTheLimitAMessageIs) {
  Job job = job_of("IQAAAACy0OA");
  auto message = message_of("t", "x");
  job.message = message;
  PushRequest request;
  ASSERT_FALSE(Rules(options_of()).build(job, false, request));
  const std::size_t used = request.body.size() - std::string_view(R"(,"token":["IQAAAACy0OA"])").size();
  message->body = std::string(1 + kPayloadMax - used, 'x');
  request.clear();
  EXPECT_FALSE(Rules(options_of()).build(job, false, request));
  message->body += "yyy";
  request.clear();
  const auto refused = Rules(options_of()).build(job, false, request);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->detail, "the message is 3 bytes over the limit of 4096");
}

class HmsReceipt : public testing::Test {
 protected:
  HmsReceipt() {
    request_.method = "POST";
    request_.url = "https://example.test/v1/callbacks/hms/huawei";
    request_.now = from_ms(1'790'000'000'000);
    sign("1790000000000", "secret");
  }
  void sign(const std::string& timestamp, const std::string& key) {
    request_.headers = {{"X-HUAWEI-CALLBACK-ID",
                         fmt::format("timestamp={}; nonce=a07bfa17; value={}", timestamp,
                                     receipt_signature(key, timestamp, "a07bfa17", options_.receipt_user))}};
  }
  auto read(std::string body) {
    request_.body = std::move(body);
    return read_callback(request_, options_);
  }
  Options options_ = options_of();
  CallbackRequest request_;
};

constexpr std::string_view kFirst =
    R"({"statuses":[{"biTag":"dlv_0123456789abc","appid":"1","token":"t","status":0,)"
    R"("timestamp":1789999999000,"requestId":"157"}]})";

TEST_F(HmsReceipt, ReadsBothVersions) {
  const auto first = read(std::string(kFirst));
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->body, R"({"code":"0","message":"success"})");
  ASSERT_EQ(first->receipts.size(), 1U);
  EXPECT_EQ(first->receipts[0].kind, ReceiptKind::Delivered);
  EXPECT_EQ(first->receipts[0].provider_id, "157");
  EXPECT_EQ(first->receipts[0].at, from_ms(1'789'999'999'000));
  const auto second = read(
      R"({"statuses":[{"biTag":"dlv_0123456789abc","pushType":0,"token":"t","requestId":"158",)"
      R"("deliveryStatus":{"result":2,"timestamp":1999999999000}},)"
      R"({"biTag":"another","deliveryStatus":{"result":0}},7]})");
  ASSERT_TRUE(second);
  ASSERT_EQ(second->receipts.size(), 1U);
  EXPECT_EQ(second->receipts[0].kind, ReceiptKind::Bounced);
  EXPECT_EQ(second->receipts[0].code, "2");
  EXPECT_EQ(second->receipts[0].address, "t");
  EXPECT_EQ(second->receipts[0].at, request_.now);
}

TEST_F(HmsReceipt, KnowsEveryCode) {
  const std::map<ReceiptKind, std::vector<std::int64_t>> expected = {
      {ReceiptKind::Delivered, {0, 27}},
      {ReceiptKind::Bounced, {2, 5, 201}},
      {ReceiptKind::Undelivered,
       {6, 10, 14, 15, 22, 31, 51, 102, 144, 151, 155, 156, 158, 188, 191, 256, 259, 264, 9999}},
  };
  std::size_t count = 0;
  for (const auto& [kind, codes] : expected) {
    for (const std::int64_t code : codes) {
      ++count;
      const auto reading =
          read(fmt::format(R"({{"statuses":[{{"biTag":"dlv_0123456789abc","status":{}}}]}})", code));
      ASSERT_TRUE(reading);
      EXPECT_EQ(reading->receipts.at(0).kind, kind) << code;
    }
  }
  EXPECT_EQ(receipt_rows().size(), count - 1);  // 9999 is none of them
}

TEST_F(HmsReceipt, TakesOldAndNewKeys) {
  sign("1790000000000", "c2VjcmV0");  // an old key signs as it is
  EXPECT_TRUE(read(std::string(kFirst)));
  sign("1790000000", "secret");  // seconds
  EXPECT_TRUE(read(std::string(kFirst)));
}

TEST_F(HmsReceipt, RefusesForgeriesAndWhatIsOld) {
  sign("1790000000000", "other");
  EXPECT_EQ(read(std::string(kFirst)).error().code, Errc::Unauthenticated);
  sign("1789999000000", "secret");
  EXPECT_EQ(read(std::string(kFirst)).error().code, Errc::Unauthenticated);
  request_.headers.clear();
  EXPECT_EQ(read(std::string(kFirst)).error().code, Errc::Unauthenticated);
  sign("1790000000000", "secret");
  EXPECT_EQ(read("{}").error().code, Errc::InvalidArgument);
  options_.receipt_key = base::Secret();
  EXPECT_EQ(read(std::string(kFirst)).error().code, Errc::Unauthenticated);
}

}  // namespace
}  // namespace carillon::providers::hms_detail
