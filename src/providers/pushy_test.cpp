#include "providers/pushy.h"

#include <gtest/gtest.h>

#include <map>

#include "providers/fixtures_test.h"

namespace carillon::providers::pushy_detail {
namespace {

using model::OutcomeKind;
using testing_only::job_of;
using testing_only::message_of;

TEST(Pushy, ReadsEveryRecordedAnswer) {
  testing_only::for_each_fixture("pushy", [](auto answer, auto outcome, const std::string& file) {
    testing_only::expect_outcome(
        classify(testing_only::response_of(answer), "a6345d0278adc55d3474f5", from_ms(0)), outcome, file);
  });
}

TEST(Pushy, ClassifiesEveryCode) {
  const std::map<std::string_view, OutcomeKind> expected = {
      {"NO_RECIPIENTS", OutcomeKind::InvalidRecipient},    {"INVALID_PARAM", OutcomeKind::Permanent},
      {"PAYLOAD_LIMIT_EXCEEDED", OutcomeKind::Permanent},  {"INVALID_API_KEY", OutcomeKind::Misconfigured},
      {"AUTH_LIMIT_EXCEEDED", OutcomeKind::Misconfigured}, {"ACCOUNT_SUSPENDED", OutcomeKind::Misconfigured},
      {"PAYMENT_REQUIRED", OutcomeKind::Misconfigured},    {"NO_APNS_AUTH", OutcomeKind::Temporary},
      {"RATE_LIMIT_EXCEEDED", OutcomeKind::Throttled},     {"INTERNAL_SERVER_ERROR", OutcomeKind::Ambiguous},
  };
  EXPECT_EQ(error_rows().size(), expected.size());
  for (const ErrorRow& row : error_rows()) {
    ASSERT_TRUE(expected.contains(row.code)) << row.code;
    const auto outcome =
        classify({400, {}, fmt::format(R"({{"code":"{}","error":"m"}})", row.code)}, "t", from_ms(0));
    EXPECT_EQ(outcome.kind, expected.at(row.code)) << row.code;
    EXPECT_EQ(outcome.code, row.code);
  }
}

TEST(Pushy, WritesWhatTheAppReads) {
  Job job = job_of("a6345d0278adc55d3474f5");
  job.target.platform = model::Platform::Android;
  job.expires_at = job.now + std::chrono::minutes(10);
  auto message = message_of("주문", "A-17 left");
  message->data = R"({"order":"A-17"})";
  job.message = message;
  EXPECT_EQ(body_of(job).value(),
            fmt::format(R"({{"to":"a6345d0278adc55d3474f5","data":{{"title":"주문","message":"A-17 left",)"
                        R"("carillon":{{"n":"{}","d":"{}"}},"order":"A-17"}},"time_to_live":600,)"
                        R"("collapse_key":"{}"}})",
                        job.notification_text(), job.delivery_text(), job.handle()));
}

TEST(Pushy, WritesWhatIosShows) {
  Job job = job_of("a6345d0278adc55d3474f5");
  job.target.platform = model::Platform::Ios;
  auto message = message_of("Order", "A-17 left");
  message->badge = 2;
  message->sound = "bell";
  message->image = "https://example.test/a.png";
  job.message = message;
  const std::string body = body_of(job).value();
  EXPECT_NE(body.find(R"("notification":{"title":"Order","body":"A-17 left","badge":2,"sound":"bell"})"),
            std::string::npos)
      << body;
  EXPECT_NE(body.find(R"("mutable_content":true)"), std::string::npos);
  job.message = message_of("", "");
  EXPECT_NE(body_of(job).value().find(R"("content_available":true)"), std::string::npos);
}

TEST(Pushy, HashesALongCollapseKey) {
  Job job = job_of("a6345d0278adc55d3474f5");
  job.message = message_of("", "x");
  job.collapse_key = std::string(33, 'k');
  const std::string one = body_of(job).value();
  job.collapse_key.back() = 'l';
  EXPECT_NE(one, body_of(job).value());
  base::JsonDocument document;
  EXPECT_EQ(std::string_view((*document.parse(one))["collapse_key"]).size(), 32U);
}

TEST(Pushy, SaysHowFarOverTheLimitAPushIs) {
  Job job = job_of("a6345d0278adc55d3474f5");
  auto message = message_of("", "x");
  job.message = message;
  base::JsonDocument document;
  const std::size_t used = base::to_json((*document.parse(body_of(job).value()))["data"].value()).size();
  message->body = std::string(kDataMax - used + 1, 'x');
  EXPECT_TRUE(body_of(job));
  message->body += "yyyyy";
  const auto refused = body_of(job);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, "the payload is 5 bytes over the limit of 4096");
}

TEST(Pushy, RefusesWhatIsNoToken) {
  for (const std::string address : {"", "/topics/news", "a b"}) {
    Job job = job_of(address);
    job.message = message_of("", "x");
    EXPECT_EQ(body_of(job).error().kind, OutcomeKind::InvalidRecipient) << address;
  }
}

}  // namespace
}  // namespace carillon::providers::pushy_detail
