#include "providers/kakao_alimtalk.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/crypto.h"
#include "providers/fixtures_test.h"

namespace carillon::providers::kakao_alimtalk_detail {
namespace {

using model::OutcomeKind;
using model::ReceiptKind;
using testing_only::job_of;
using testing_only::message_of;
using testing_only::text_of;

Options account() {
  Options options;
  options.api_key = "NCSKEY";
  options.channel_id = "KA01PF1";
  options.template_id = "KA01TP1";
  options.webhook_secret = base::Secret("hook-secret");
  return options;
}

Job job_with(std::string kakao, std::string body = "") {
  Job job = job_of("+821012345678");
  auto message = message_of("", std::move(body));
  message->kakao = std::move(kakao);
  job.message = message;
  return job;
}

TEST(KakaoAlimtalk, ReadsEveryRecordedAnswer) {
  testing_only::for_each_fixture("kakao_alimtalk", [](auto answer, auto outcome, const std::string& file) {
    testing_only::expect_outcome(classify(testing_only::response_of(answer), from_ms(0)), outcome, file);
  });
}

TEST(KakaoAlimtalk, SignsDateAndSalt) {
  EXPECT_EQ(signature("SECRET", "2026-01-01T00:00:00+09:00", "abcdefghijklmnopqrstuvwxyz012345"),
            "9fda6fb85ed92db375296011be3ce5c23f75696e627a61152602d4c87c4beafd");
}

TEST(KakaoAlimtalk, ClassifiesEveryStatusCode) {
  const std::map<OutcomeKind, std::set<int>> expected = {
      {OutcomeKind::Misconfigured,
       {1020, 1030, 1041, 1062, 1064, 2062, 2063, 2064, 2230, 3013, 3059, 3101, 3106}},
      {OutcomeKind::Ambiguous, {1024, 2024, 3014, 3024}},
      {OutcomeKind::InvalidRecipient, {1060, 1061, 2060, 2061, 3010, 3032, 3050, 3104}},
      {OutcomeKind::Temporary, {3012, 3040, 3041, 3042, 3043, 3044, 3045, 3046, 3051, 3053, 3056, 3057}},
  };
  const std::map<ReceiptKind, std::set<int>> late = {{ReceiptKind::Unsubscribed, {1061, 2061}},
                                                     {ReceiptKind::Bounced, {3010, 3032, 3050, 3104}}};
  std::set<int> seen;
  for (const StatusRow& row : status_rows()) {
    EXPECT_TRUE(seen.insert(row.code).second) << row.code << " is there twice";
    OutcomeKind kind = OutcomeKind::Permanent;
    for (const auto& [of_kind, codes] : expected) {
      if (codes.contains(row.code)) kind = of_kind;
    }
    const auto outcome = classify(
        {200,
         {},
         fmt::format(R"({{"failedMessageList":[{{"messageId":"M1","statusCode":"{}"}}]}})", row.code)},
        from_ms(0));
    EXPECT_EQ(outcome.kind, kind) << row.code;
    EXPECT_EQ(outcome.code, std::to_string(row.code));
    ReceiptKind end = ReceiptKind::Undelivered;
    for (const auto& [of_kind, codes] : late) {
      if (codes.contains(row.code)) end = of_kind;
    }
    EXPECT_EQ(row.late, end) << row.code;
  }
  EXPECT_EQ(seen.size(), 82U);
}

TEST(KakaoAlimtalk, ClassifiesEveryWordOfTheApi) {
  const std::map<std::string_view, OutcomeKind> expected = {
      {"InvalidAPIKey", OutcomeKind::Misconfigured},
      {"SignatureDoesNotMatch", OutcomeKind::Misconfigured},
      {"RequestTimeTooSkewed", OutcomeKind::Misconfigured},
      {"DuplicatedSignature", OutcomeKind::Temporary},
      {"Unauthorized", OutcomeKind::Misconfigured},
      {"Forbidden", OutcomeKind::Misconfigured},
      {"NotEnoughBalance", OutcomeKind::Misconfigured},
      {"ValidationError", OutcomeKind::Permanent},
      {"BadRequest", OutcomeKind::Permanent},
      {"TooManyRequests", OutcomeKind::Throttled},
      {"ServiceUnavailable", OutcomeKind::Temporary},
      {"InternalError", OutcomeKind::Ambiguous}};
  EXPECT_EQ(error_rows().size(), expected.size());
  for (const ErrorRow& row : error_rows()) {
    const auto outcome = classify({400, {}, fmt::format(R"({{"errorCode":"{}"}})", row.code)}, from_ms(0));
    EXPECT_EQ(outcome.kind, expected.at(row.code)) << row.code;
    EXPECT_EQ(outcome.code, row.code);
  }
}

TEST(KakaoAlimtalk, WritesTemplateVariablesAndButtons) {
  const Job job = job_with(R"({"template_id":"KA01TP9","variables":{"name":"철수","#{n}":3},
      "buttons":[{"buttonName":"보기","buttonType":"WL","linkMo":"https://m.example"}]})");
  base::JsonDocument document;
  const auto root = document.parse(body_of(job, account()).value()).value();
  const auto message = root["messages"].at(0).value();
  EXPECT_EQ(text_of(message, "to"), "01012345678");
  EXPECT_EQ(text_of(message, "type"), "ATA");
  EXPECT_EQ(
      base::to_json(message["kakaoOptions"].value()),
      R"({"pfId":"KA01PF1","templateId":"KA01TP9","disableSms":true,"variables":{"#{name}":"철수","#{n}":"3"},)"
      R"("buttons":[{"buttonName":"보기","buttonType":"WL","linkMo":"https://m.example"}]})");
  EXPECT_EQ(text_of(message["customFields"].value(), "d"), job.delivery_text());
}

TEST(KakaoAlimtalk, RefusesContentThatIsNone) {
  Options options = account();
  options.template_id.clear();
  EXPECT_EQ(body_of(job_with(""), options).error().kind, OutcomeKind::Permanent);
  for (const char* kakao :
       {R"({"variables":[]})", R"({"variables":{"a":true}})", R"({"buttons":[{}]})",
        R"({"buttons":[{"buttonName":"x","buttonType":"ZZ"}]})", R"({"colour":1})",
        R"({"buttons":[{"buttonName":"열다섯글자를넘는버튼의이름입니다","buttonType":"DS"}]})"}) {
    const auto body = body_of(job_with(kakao), account());
    ASSERT_FALSE(body) << kakao;
    EXPECT_EQ(body.error().kind, OutcomeKind::Permanent);
    EXPECT_NE(body.error().detail.find("/chat/kakao"), std::string::npos) << body.error().detail;
  }
  std::string text;
  for (int i = 0; i < 1003; ++i) text += "가";
  EXPECT_EQ(body_of(job_with("", text), account()).error().detail,
            "the text is 3 characters too long: 1000 are allowed");
}

CallbackRequest report(std::string body, std::string secret = "hook-secret") {
  return {.method = "POST",
          .url = "https://c.example/v1/callbacks/kakao_alimtalk/main",
          .headers = {{"x-solapi-event-name", "SINGLE-REPORT"},
                      {"x-solapi-secret", base::hex(base::sha1(secret))}},
          .body = std::move(body),
          .now = from_ms(1'790'000'000'000)};
}

std::string item(const std::string& code, const std::string& more = {}) {
  return fmt::format(R"({{"messageId":"M1","type":"ATA","statusCode":"{}","customFields":{{"d":"{}"}}{}}})",
                     code, job_of("").delivery_text(), more);
}

TEST(KakaoAlimtalkCallback, TellsTheEndOfAMessage) {
  const auto reading =
      read_callback(report("[" + item("3000") + "," + item("4000") + "," + item("3104") + "]"), account());
  ASSERT_TRUE(reading);
  ASSERT_EQ(reading->receipts.size(), 2U);
  EXPECT_EQ(reading->receipts[0].kind, ReceiptKind::Delivered);
  EXPECT_EQ(reading->receipts[0].delivery, job_of("").delivery);
  EXPECT_EQ(reading->receipts[0].provider_id, "M1");
  EXPECT_EQ(reading->receipts[1].kind, ReceiptKind::Bounced);
  EXPECT_EQ(reading->receipts[1].code, "3104");
  EXPECT_EQ(reading->receipts[1].address, "") << "the report names nobody";
  const auto named = read_callback(report("[" + item("1061", R"(,"to":"01012345678")") + "]"), account());
  EXPECT_EQ(named->receipts.at(0).kind, ReceiptKind::Unsubscribed);
  EXPECT_EQ(named->receipts.at(0).address, "+821012345678");
}

TEST(KakaoAlimtalkCallback, LeavesToTheTextMessageWhatItStandsInFor) {
  Options options = account();
  options.sms_fallback = true;
  EXPECT_TRUE(read_callback(report("[" + item("3104") + "]"), options)->receipts.empty());
  EXPECT_EQ(read_callback(report("[" + item("4000") + "]"), options)->receipts.size(), 1U);
}

TEST(KakaoAlimtalkCallback, RefusesWhatIsNotSolapis) {
  EXPECT_EQ(read_callback(report("[]", "other"), account()).error().code, Errc::Unauthenticated);
  CallbackRequest unsigned_one = report("[]");
  unsigned_one.headers.pop_back();
  EXPECT_EQ(read_callback(unsigned_one, account()).error().code, Errc::Unauthenticated);
  Options without = account();
  without.webhook_secret = {};
  EXPECT_EQ(read_callback(report("[]"), without).error().code, Errc::Unauthenticated);
  EXPECT_EQ(read_callback(report("{}"), account()).error().code, Errc::InvalidArgument);
  EXPECT_EQ(read_callback(report("[1]"), account()).error().code, Errc::InvalidArgument);
  EXPECT_FALSE(read_callback(report("["), account()));
  EXPECT_TRUE(read_callback(report(R"([{"statusCode":"4000"}])"), account())->receipts.empty()) << "not ours";
}

}  // namespace
}  // namespace carillon::providers::kakao_alimtalk_detail
