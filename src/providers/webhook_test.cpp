#include "providers/webhook.h"

#include <gtest/gtest.h>

#include "base/ids.h"
#include "providers/fixtures_test.h"

namespace carillon::providers::webhook_detail {
namespace {

using model::OutcomeKind;
using testing_only::job_of;
using testing_only::message_of;

Job job_to_hook() { return job_of("https://example.com/hook"); }

TEST(Webhook, ReadsEveryRecordedAnswer) {
  testing_only::for_each_fixture("webhook", [](auto answer, auto outcome, const std::string& file) {
    testing_only::expect_outcome(classify(job_to_hook(), testing_only::response_of(answer), from_ms(0)),
                                 outcome, file);
  });
}

TEST(Webhook, TakesEveryStatusForWhatItIs) {
  for (int status = 100; status < 600; ++status) {
    OutcomeKind expected = OutcomeKind::Temporary;
    if (status / 100 == 2) expected = OutcomeKind::Sent;
    if (status / 100 == 3) expected = OutcomeKind::Permanent;  // redirects are not followed
    if (status == 400 || status == 413 || status == 415 || status == 422) expected = OutcomeKind::Permanent;
    if (status == 410) expected = OutcomeKind::InvalidRecipient;
    if (status == 429) expected = OutcomeKind::Throttled;
    const auto outcome = classify(job_to_hook(), net::HttpResponse{status, {}, ""}, from_ms(0));
    EXPECT_EQ(outcome.kind, expected) << status;
    EXPECT_TRUE(outcome.is_of_address) << "one receiver's trouble is nobody else's: " << status;
  }
}

TEST(Webhook, PostsTheContentsOwnBodyAsItIs) {
  Job job = job_to_hook();
  auto message = message_of("title", "body");
  message->data = R"([1,{"a":2}])";
  job.message = message;
  EXPECT_EQ(body_of(job), R"([1,{"a":2}])");
}

TEST(Webhook, WritesAnEventOfTheBaseFieldsThatARepeatWritesAgain) {
  Job job = job_to_hook();
  job.message = message_of("주문 \"A\"", "left");
  const std::string body = body_of(job);
  base::JsonDocument document;
  const auto root = document.parse(body).value();
  EXPECT_EQ(testing_only::text_of(root, "type"), "notification");
  EXPECT_EQ(testing_only::text_of(root, "timestamp"), to_rfc3339(base::id_time(job.notification)));
  const auto data = root["data"].value();
  EXPECT_EQ(testing_only::text_of(data, "title"), "주문 \"A\"");
  EXPECT_EQ(testing_only::text_of(data["carillon"].value(), "d"), job.delivery_text());
  job.now += std::chrono::minutes(5);
  EXPECT_EQ(body_of(job), body);
}

}  // namespace
}  // namespace carillon::providers::webhook_detail
