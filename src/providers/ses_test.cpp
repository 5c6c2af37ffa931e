#include "providers/ses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/crypto.h"
#include "providers/fixtures_test.h"
#include "providers/letter.h"

namespace carillon::providers::ses_detail {
namespace {

using model::OutcomeKind;
using model::ReceiptKind;
using testing_only::job_of;
using testing_only::message_of;
using testing_only::text_of;

const Time kNow = parse_rfc3339("2026-11-20T12:00:00Z").value();

model::Outcome classify_type(const std::string& type, int status = 400, const std::string& message = "m") {
  return classify(
      {status, {{"x-amzn-ErrorType", type + ":http://x/"}}, fmt::format(R"({{"message":"{}"}})", message)},
      false, from_ms(0));
}

TEST(SesProvider, ReadsEveryRecordedAnswer) {
  testing_only::for_each_fixture("ses", [](auto answer, auto outcome, const std::string& file) {
    testing_only::expect_outcome(classify(testing_only::response_of(answer), false, from_ms(0)), outcome,
                                 file);
  });
}

TEST(SesProvider, ClassifiesEveryType) {
  const std::map<OutcomeKind, std::vector<std::string>> expected = {
      {OutcomeKind::Throttled,
       {"TooManyRequestsException", "LimitExceededException", "Throttling", "ThrottlingException",
        "RequestLimitExceeded"}},
      {OutcomeKind::Misconfigured,
       {"AccountSuspendedException",
        "SendingPausedException",
        "MailFromDomainNotVerifiedException",
        "NotFoundException",
        "AccessDeniedException",
        "AccessDenied",
        "NotAuthorized",
        "OptInRequired",
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "UnknownOperationException",
        "InvalidAction"}},
      {OutcomeKind::Temporary,
       {"ConcurrentModificationException", "ConflictException", "ServiceUnavailable",
        "ServiceUnavailableException"}},
      {OutcomeKind::Ambiguous,
       {"InternalServiceErrorException", "InternalFailure", "InternalServerException"}},
      {OutcomeKind::Permanent,
       {"MessageRejected", "BadRequestException", "ValidationError", "ValidationException",
        "MalformedHttpRequestException", "RequestEntityTooLargeException", "SerializationException"}},
  };
  std::size_t count = 0;
  for (const auto& [kind, types] : expected) {
    for (const std::string& type : types) {
      ++count;
      EXPECT_EQ(classify_type(type).kind, kind) << type;
      EXPECT_EQ(classify_type(type).code, type);
    }
  }
  EXPECT_EQ(error_rows().size(), count);
  EXPECT_EQ(classify_type("SomethingNew", 500).kind, OutcomeKind::Ambiguous);
  EXPECT_EQ(classify_type("SomethingNew", 503).kind, OutcomeKind::Temporary);
  EXPECT_EQ(classify_type("SomethingNew", 429).kind, OutcomeKind::Throttled);
  EXPECT_EQ(classify_type("SomethingNew", 403).kind, OutcomeKind::Misconfigured);
}

TEST(SesProvider, ReadsTheWordsWhereTheTypeSaysTooLittle) {
  for (const WordRow& row : word_rows()) {
    EXPECT_EQ(classify_type(std::string(row.type), 400, fmt::format("a {} z", row.words)).kind, row.kind)
        << row.words;
  }
}

TEST(SesProvider, ASenderTheRequestAskedForDoesNotPauseTheAccount) {
  const net::HttpResponse not_verified{
      400, {{"x-amzn-errortype", "MessageRejected"}}, R"({"message":"Email address is not verified."})"};
  EXPECT_EQ(classify(not_verified, true, from_ms(0)).kind, OutcomeKind::Permanent);
  EXPECT_EQ(classify(not_verified, false, from_ms(0)).kind, OutcomeKind::Misconfigured);
}

TEST(SesProvider, WritesTheRequest) {
  auto message = message_of("Title", "x");
  message->cc = {"c@example.com"};
  message->bcc = {"d@example.com"};
  Job job = job_of("a@example.com");
  job.message = message;
  Options options;
  options.configuration_set = "events";
  base::JsonDocument document;
  const auto root = document.parse(body_of(job, base::base64("From: x"), options));
  ASSERT_TRUE(root);
  const auto to = (*root)["Destination"].value();
  EXPECT_EQ(to["ToAddresses"].at(0).get_string().value(), "a@example.com");
  EXPECT_EQ(to["CcAddresses"].at(0).get_string().value(), "c@example.com");
  EXPECT_EQ(to["BccAddresses"].at(0).get_string().value(), "d@example.com");
  EXPECT_EQ(text_of((*root)["Content"]["Raw"].value(), "Data"), base::base64("From: x"));
  EXPECT_EQ(text_of(*root, "ConfigurationSetName"), "events");
  const auto tags = (*root)["EmailTags"].value();
  EXPECT_EQ(text_of(tags.at(0).value(), "Name"), "carillon_delivery");
  EXPECT_EQ(text_of(tags.at(0).value(), "Value"), job.delivery_text());
  EXPECT_EQ(text_of(tags.at(1).value(), "Value"), recipient_mark("a@example.com"));
}

std::string event(const std::string& name, const std::string& about, const std::string& tags) {
  return fmt::format(
      R"({{"eventType":"{}",{}"mail":{{"messageId":"m","destination":["a@example.com"],"tags":{{{}}}}}}})",
      name, about, tags);
}

TEST(SesEvents, ReadsEveryKind) {
  const Job job = job_of("");
  const std::string tags =
      fmt::format(R"("carillon_delivery":["{}"],"ses:source-ip":["127.0.0.1"])", job.delivery_text());
  const std::string bounced = R"("bouncedRecipients":[{"emailAddress":"a@example.com","status":"5.1.1"}])";
  const std::string when = R"("timestamp":"2026-11-20T11:59:00.000Z")";
  struct Line {
    std::string name, about;
    std::optional<ReceiptKind> kind;
  };
  const std::vector<Line> lines = {
      {"Send", R"("send":{},)", ReceiptKind::Sent},
      {"Delivery", R"("delivery":{"recipients":["a@example.com"],)" + when + "},", ReceiptKind::Delivered},
      {"Bounce",
       R"("bounce":{"bounceType":"Permanent","bounceSubType":"NoEmail",)" + bounced + "," + when + "},",
       ReceiptKind::Bounced},
      {"Bounce", R"("bounce":{"bounceType":"Transient","bounceSubType":"MailboxFull",)" + bounced + "},",
       ReceiptKind::Undelivered},
      {"Bounce", R"("bounce":{"bounceType":"Undetermined","bounceSubType":"Undetermined",)" + bounced + "},",
       ReceiptKind::Undelivered},
      {"Complaint",
       R"("complaint":{"complaintFeedbackType":"abuse",)"
       R"("complainedRecipients":[{"emailAddress":"a@example.com"}]},)",
       ReceiptKind::Complained},
      {"Complaint",
       R"("complaint":{"complaintFeedbackType":"not-spam",)"
       R"("complainedRecipients":[{"emailAddress":"a@example.com"}]},)",
       std::nullopt},
      {"Reject", R"("reject":{"reason":"Bad content"},)", ReceiptKind::Undelivered},
      {"Rendering Failure", R"("failure":{"errorMessage":"x","templateName":"y"},)",
       ReceiptKind::Undelivered},
      {"DeliveryDelay", R"("deliveryDelay":{"delayType":"MailboxFull"},)", std::nullopt},
      {"Open", R"("open":{"ipAddress":"192.0.2.1",)" + when + "},", ReceiptKind::Opened},
      {"Click", R"("click":{"link":"https://example.com"},)", ReceiptKind::Clicked},
      {"Subscription", R"("subscription":{"newTopicPreferences":{"unsubscribeAll":true}},)",
       ReceiptKind::Unsubscribed},
      {"Subscription", R"("subscription":{"newTopicPreferences":{"unsubscribeAll":false}},)", std::nullopt},
      {"SomethingNew", R"("x":{},)", std::nullopt},
  };
  EXPECT_EQ(lines.size(), event_rows().size() + 2) << "a row without a line";
  for (const Line& line : lines) {
    const auto receipts = read_event(event(line.name, line.about, tags), kNow);
    ASSERT_EQ(receipts.size(), line.kind ? 1U : 0U) << line.name << line.about;
    if (!line.kind) continue;
    EXPECT_EQ(receipts[0].kind, *line.kind) << line.about;
    EXPECT_EQ(receipts[0].delivery, job.delivery) << line.about;
    EXPECT_EQ(receipts[0].provider_id, "m");
    EXPECT_EQ(receipts[0].at, line.about.contains("11:59") ? kNow - std::chrono::minutes(1) : kNow)
        << line.about;
  }
  EXPECT_EQ(read_event(event("Bounce", lines[2].about, tags), kNow)[0].detail, "Permanent Bounce: NoEmail");
}

TEST(SesEvents, ReadsNotificationsOfAnIdentity) {
  const Job job = job_of("");
  const auto receipts =
      read_event(fmt::format(R"({{"notificationType":"Delivery","mail":{{"messageId":"m",)"
                             R"("headers":[{{"name":"From","value":"x"}},{{"name":"X-Carillon-Delivery",)"
                             R"("value":"{}"}}]}},"delivery":{{"recipients":["a@example.com"]}}}})",
                             job.delivery_text()),
                 kNow);
  ASSERT_EQ(receipts.size(), 1U);
  EXPECT_EQ(receipts[0].delivery, job.delivery);
}

TEST(SesEvents, TellsRecipientCopiesAndStrangersApart) {
  const Job job = job_of("a@example.com");
  const std::string tags = fmt::format(R"("carillon_delivery":["{}"],"carillon_to":["{}"])",
                                       job.delivery_text(), recipient_mark("a@example.com"));
  const std::string both = R"("bounce":{"bounceType":"Permanent",)"
                           R"("bouncedRecipients":[{"emailAddress":"A@example.com"},)"
                           R"({"emailAddress":"copy@example.com"}]},)";
  const auto receipts = read_event(event("Bounce", both, tags), kNow);
  ASSERT_EQ(receipts.size(), 2U);
  EXPECT_EQ(receipts[0].delivery, job.delivery);
  EXPECT_EQ(receipts[1].delivery, 0);
  EXPECT_EQ(receipts[1].address, "copy@example.com");
  EXPECT_EQ(read_event(event("Bounce", both, ""), kNow).size(), 2U) << "mail somebody else sent";
  EXPECT_TRUE(
      read_event(event("Delivery", R"("delivery":{"recipients":["b@example.com"]},)", ""), kNow).empty());
}

TEST(SesEvents, ReadsNothingOutOfAnythingElse) {
  for (const char* text : {"", "Successfully validated SNS topic for Amazon SES event publishing.", "[]", "1",
                           R"({"mail":1})", R"({"mail":{},"eventType":"Bounce","bounce":1})"}) {
    EXPECT_TRUE(read_event(text, kNow).empty()) << text;
  }
}

}  // namespace
}  // namespace carillon::providers::ses_detail
