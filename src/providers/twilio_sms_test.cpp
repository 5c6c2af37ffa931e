#include "providers/twilio_sms.h"

#include <gtest/gtest.h>

#include <map>

#include "providers/fixtures_test.h"

namespace carillon::providers::twilio_sms_detail {
namespace {

using model::OutcomeKind;
using testing_only::job_of;
using testing_only::message_of;

std::map<std::string, std::string> form(const Job& job, const Options& options,
                                        const std::string& callback = {}) {
  std::map<std::string, std::string> out;
  for (auto& [name, value] : net::form_decode(form_of(job, options, callback)).value()) {
    EXPECT_TRUE(out.emplace(name, value).second) << name << " is there twice";
  }
  return out;
}

TEST(TwilioSms, ReadsEveryRecordedAnswer) {
  testing_only::for_each_fixture("twilio_sms", [](auto answer, auto outcome, const std::string& file) {
    testing_only::expect_outcome(classify(testing_only::response_of(answer), from_ms(0)), outcome, file);
  });
}

TEST(TwilioSms, ClassifiesEveryCodeOfTheDictionary) {
  const std::map<OutcomeKind, std::vector<int>> expected = {
      {OutcomeKind::Throttled, {14107, 20429, 21611}},
      {OutcomeKind::Misconfigured,
       {20003, 20005, 20006, 20008, 20010, 20403, 20404, 21212, 21219, 21408, 21601,
        21603, 21606, 21607, 21608, 21659, 21701, 21702, 21703, 21704, 21705}},
      {OutcomeKind::Ambiguous, {20500}},
      {OutcomeKind::Temporary, {20503}},
      {OutcomeKind::InvalidRecipient, {21211, 21214, 21217, 21610, 21612, 21614}},
      {OutcomeKind::Permanent,
       {21602, 21604, 21605, 21609, 21617, 21618, 21619, 21620, 21623, 21624, 21654, 21655, 21656, 21658}},
  };
  std::size_t count = 0;
  for (const auto& [kind, codes] : expected) {
    for (const int code : codes) {
      ++count;
      const net::HttpResponse response{
          400, {}, fmt::format(R"({{"code":{},"message":"m","status":400}})", code)};
      const auto outcome = classify(response, from_ms(0));
      EXPECT_EQ(outcome.kind, kind) << code;
      EXPECT_EQ(outcome.code, std::to_string(code));
    }
  }
  EXPECT_EQ(error_rows().size(), count);
}

TEST(TwilioSms, WritesTheForm) {
  Job job = job_of("+821012345678");
  job.message = message_of("", "안녕 & +1");
  job.expires_at = job.now + std::chrono::minutes(10);
  Options options;
  options.from = "+15005550006";
  const auto fields = form(job, options, "https://example.com/v1/callbacks/x/y");
  EXPECT_EQ(fields.at("To"), "+821012345678");
  EXPECT_EQ(fields.at("From"), "+15005550006");
  EXPECT_EQ(fields.at("Body"), "안녕 & +1");
  EXPECT_EQ(fields.at("ValidityPeriod"), "600");
  EXPECT_EQ(fields.at("StatusCallback"), "https://example.com/v1/callbacks/x/y?d=" + job.delivery_text());
  EXPECT_FALSE(fields.contains("MessagingServiceSid"));
}

TEST(TwilioSms, TakesTheSenderTheRequestAsksFor) {
  Job job = job_of("+821012345678");
  auto message = message_of("", "x");
  job.message = message;
  Options options;
  options.messaging_service_sid = "MG1";
  EXPECT_EQ(form(job, options).at("MessagingServiceSid"), "MG1");
  message->from_phone = "+15005550007";
  const auto fields = form(job, options);
  EXPECT_EQ(fields.at("From"), "+15005550007");
  EXPECT_FALSE(fields.contains("MessagingServiceSid"));
}

TEST(TwilioSms, KeepsTheValidityPeriodInTwiliosRange) {
  Job job = job_of("+821012345678");
  job.message = message_of("", "x");
  job.expires_at = job.now - std::chrono::seconds(5);
  EXPECT_EQ(form(job, {}).at("ValidityPeriod"), "1");
  job.expires_at = job.now + std::chrono::hours(48);
  EXPECT_EQ(form(job, {}).at("ValidityPeriod"), "36000");
}

}  // namespace
}  // namespace carillon::providers::twilio_sms_detail
