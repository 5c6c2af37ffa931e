#include "providers/mailchimp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "providers/fixtures_test.h"
#include "providers/letter.h"

namespace carillon::providers::mailchimp_detail {
namespace {

using model::OutcomeKind;
using model::ReceiptKind;
using testing_only::job_of;
using testing_only::message_of;
using testing_only::text_of;

constexpr std::string_view kUrl = "https://example.com/v1/callbacks/mailchimp/main";
const base::Secret kKey("TEST_WEBHOOK_KEY");

model::Outcome classify_one(const net::HttpResponse& response, bool asked_sender = false) {
  const std::string_view address[] = {"Ann@example.com"};
  return classify(response, address, asked_sender, from_ms(0)).at(0);
}

Options options() {
  Options o;
  o.api_key = base::Secret("the key");
  o.from_email = "shop@example.com";
  o.from_name = "가게";
  return o;
}

CallbackRequest signed_call(const std::string& events, std::string_view key = kKey.reveal()) {
  CallbackRequest request;
  request.method = "POST";
  request.url = kUrl;
  request.headers = {{"X-Mandrill-Signature", signature_of(key, kUrl, events)}};
  request.body = net::form_encode({{"mandrill_events", events}});
  request.now = from_ms(1'790'000'010'000);
  return request;
}

std::vector<model::Receipt> read(const std::string& event) {
  const auto reading = read_callback(signed_call("[" + event + "]"), kKey);
  EXPECT_TRUE(reading) << event;
  return reading ? reading->receipts : std::vector<model::Receipt>{};
}

TEST(MailchimpProvider, ReadsEveryRecordedAnswer) {
  testing_only::for_each_fixture("mailchimp", [](auto answer, auto outcome, const std::string& file) {
    testing_only::expect_outcome(classify_one(testing_only::response_of(answer)), outcome, file);
  });
}

TEST(MailchimpProvider, ClassifiesEveryNameOfAnError) {
  const std::map<OutcomeKind, std::vector<std::string>> expected = {
      {OutcomeKind::Misconfigured, {"Invalid_Key", "PaymentRequired", "Unknown_Subaccount", "Unknown_Pool"}},
      {OutcomeKind::Permanent,
       {"ValidationError", "Unknown_Template", "Invalid_Template", "Unknown_MetadataField",
        "Invalid_Tag_Name"}},
      {OutcomeKind::Throttled, {"Too_Many_Requests"}},
      {OutcomeKind::Temporary, {"ServiceUnavailable"}},
      {OutcomeKind::Ambiguous, {"GeneralError"}},
  };
  std::size_t count = 0;
  for (const auto& [kind, names] : expected) {
    for (const std::string& name : names) {
      ++count;
      for (const int status : {200, 400, 500}) {
        const std::string body =
            fmt::format(R"({{"status":"error","code":-1,"name":"{}","message":"m"}})", name);
        const auto outcome = classify_one({status, {}, body});
        EXPECT_EQ(outcome.kind, kind) << name;
        EXPECT_EQ(outcome.code, name);
      }
    }
  }
  EXPECT_EQ(error_rows().size(), count);
}

TEST(MailchimpProvider, ClassifiesEveryResult) {
  const std::map<OutcomeKind, std::vector<std::string>> expected = {
      {OutcomeKind::Sent, {"sent", "queued", "scheduled"}},
      {OutcomeKind::InvalidRecipient,
       {"invalid", "rejected hard-bounce", "rejected spam", "rejected unsub", "rejected custom",
        "rejected invalid"}},
      {OutcomeKind::Temporary, {"rejected soft-bounce"}},
      {OutcomeKind::Misconfigured,
       {"rejected invalid-sender", "rejected unsigned", "rejected test-mode-limit"}},
      {OutcomeKind::Permanent, {"rejected rule", "rejected something-new"}},
  };
  std::size_t count = 0;
  for (const auto& [kind, results] : expected) {
    for (const std::string& result : results) {
      ++count;
      const std::size_t space = result.find(' ');
      const std::string reason = space == std::string::npos ? "null" : "\"" + result.substr(space + 1) + "\"";
      const auto outcome = classify_one(
          {200,
           {},
           fmt::format(R"([{{"email":"ann@example.com","status":"{}","reject_reason":{},"_id":"i"}}])",
                       result.substr(0, space), reason)});
      EXPECT_EQ(outcome.kind, kind) << result;
    }
  }
  EXPECT_EQ(result_rows().size(), count);
}

TEST(MailchimpProvider, TellsRecipientsOfABatchApart) {
  const std::string_view addresses[] = {"a@example.com", "B@example.com", "c@example.com"};
  const auto outcomes =
      classify({200, {}, R"([{"email":"b@example.com","status":"rejected","reject_reason":"spam"},
      {"email":"a@example.com","status":"sent","_id":"1"}])"},
               addresses, false, from_ms(0));
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_EQ(outcomes[0].kind, OutcomeKind::Sent);
  EXPECT_EQ(outcomes[1].kind, OutcomeKind::InvalidRecipient);
  EXPECT_EQ(outcomes[2].kind, OutcomeKind::Ambiguous);
}

TEST(MailchimpProvider, ASenderTheRequestAskedForDoesNotPauseTheAccount) {
  const net::HttpResponse response{
      200, {}, R"([{"email":"ann@example.com","status":"rejected","reject_reason":"unsigned","_id":"i"}])"};
  EXPECT_EQ(classify_one(response, true).kind, OutcomeKind::Permanent);
  EXPECT_EQ(classify_one(response, false).kind, OutcomeKind::Misconfigured);
}

TEST(MailchimpProvider, WritesTheRequest) {
  auto message = message_of("", "안녕");
  message->subject = "주문";
  message->html = "<p>x</p>";
  message->preheader = "first words";
  message->reply_to = "help@example.com";
  message->headers = {{"List-Unsubscribe", "<https://example.com/u>"}, {"Reply-To", "x"}};
  std::vector<Job> jobs{job_of("a@example.com"), job_of("b@example.com")};
  jobs[1].delivery += 1;
  for (Job& job : jobs) job.message = message;
  Job* const span[] = {&jobs[0], &jobs[1]};
  base::JsonDocument document;
  const auto root = document.parse(body_of(span, options()).text().value());
  ASSERT_TRUE(root);
  EXPECT_EQ(text_of(*root, "key"), "the key");
  EXPECT_FALSE(bool((*root)["async"]));
  const auto m = (*root)["message"].value();
  EXPECT_EQ(text_of(m, "subject"), "주문");
  EXPECT_EQ(text_of(m, "from_email"), "shop@example.com");
  EXPECT_EQ(text_of(m, "from_name"), "가게");
  EXPECT_EQ(text_of(m, "text"), "안녕");
  EXPECT_THAT(text_of(m, "html"), testing::HasSubstr("first words"));
  EXPECT_EQ(text_of(m["headers"].value(), "Reply-To"), "help@example.com");
  EXPECT_EQ(text_of(m["headers"].value(), "List-Unsubscribe"), "<https://example.com/u>");
  EXPECT_FALSE(bool(m["preserve_recipients"])) << "nobody sees the others";
  EXPECT_EQ(text_of(m["to"].at(1).value(), "email"), "b@example.com");
  EXPECT_EQ(text_of(m["recipient_metadata"].at(1).value(), "rcpt"), "b@example.com");
  EXPECT_EQ(text_of(m["recipient_metadata"].at(1)["values"].value(), "carillon_delivery"),
            jobs[1].delivery_text());
}

TEST(MailchimpProvider, WritesCopies) {
  auto message = message_of("Title", "x");
  message->cc = {"c@example.com"};
  message->bcc = {"d@example.com"};
  Job job = job_of("a@example.com");
  job.message = message;
  Job* const span[] = {&job};
  base::JsonDocument document;
  const auto root = document.parse(body_of(span, options()).text().value());
  ASSERT_TRUE(root);
  const auto m = (*root)["message"].value();
  EXPECT_TRUE(bool(m["preserve_recipients"]));
  EXPECT_EQ(text_of(m["to"].at(1).value(), "type"), "cc");
  EXPECT_EQ(text_of(m["to"].at(2).value(), "type"), "bcc");
  EXPECT_EQ(m["recipient_metadata"].get_array().value().size(), 1U) << "copies are not our delivery";
}

TEST(MailchimpCallback, SignsAsMandrillDoes) {
  EXPECT_EQ(signature_of("TEST_WEBHOOK_KEY", "https://example.com/hook", R"([{"event":"send"}])"),
            "V3yZz4rOdoq2XZ+To3dhBo5kSB8=");
}

TEST(MailchimpCallback, RefusesForgeriesAndWhatHasNoKey) {
  const std::string event = R"([{"event":"send"}])";
  EXPECT_TRUE(read_callback(signed_call(event), kKey));
  EXPECT_EQ(read_callback(signed_call(event), base::Secret()).error().code, Errc::Unauthenticated);
  EXPECT_EQ(read_callback(signed_call(event, "other"), kKey).error().code, Errc::Unauthenticated);
  auto changed = signed_call(event);
  changed.url += "?x=1";
  EXPECT_EQ(read_callback(changed, kKey).error().code, Errc::Unauthenticated);
  changed = signed_call(event);
  changed.body += "&more=1";
  EXPECT_EQ(read_callback(changed, kKey).error().code, Errc::Unauthenticated);
  changed = signed_call(event);
  changed.headers.clear();
  EXPECT_EQ(read_callback(changed, kKey).error().code, Errc::Unauthenticated);
  EXPECT_EQ(read_callback(signed_call("{}"), kKey).error().code, Errc::InvalidArgument);
}

TEST(MailchimpCallback, AnswersTheTrialOfANewWebhook) {
  CallbackRequest head;
  head.method = "HEAD";
  EXPECT_EQ(read_callback(head, kKey)->status, 200);
  EXPECT_TRUE(read_callback(signed_call("[]", "test-webhook"), kKey)->receipts.empty());
  EXPECT_FALSE(read_callback(signed_call(R"([{"event":"send"}])", "test-webhook"), kKey))
      << "the key is public";
}

TEST(MailchimpCallback, ReadsEveryKindOfEvent) {
  const std::map<std::pair<std::string, std::string>, std::optional<ReceiptKind>> expected = {
      {{"send", ""}, ReceiptKind::Sent},
      {{"delivered", ""}, ReceiptKind::Delivered},
      {{"deferral", ""}, std::nullopt},
      {{"hard_bounce", ""}, ReceiptKind::Bounced},
      {{"soft_bounce", ""}, ReceiptKind::Undelivered},
      {{"open", ""}, ReceiptKind::Opened},
      {{"click", ""}, ReceiptKind::Clicked},
      {{"spam", ""}, ReceiptKind::Complained},
      {{"unsub", ""}, ReceiptKind::Unsubscribed},
      {{"reject", "hard-bounce"}, ReceiptKind::Bounced},
      {{"reject", "invalid"}, ReceiptKind::Bounced},
      {{"reject", "spam"}, ReceiptKind::Complained},
      {{"reject", "unsub"}, ReceiptKind::Unsubscribed},
      {{"reject", "rule"}, ReceiptKind::Undelivered},
      {{"inbound", ""}, std::nullopt},
  };
  EXPECT_EQ(event_rows().size(), expected.size());
  const Job job = job_of("");
  for (const auto& [event, kind] : expected) {
    const auto receipts = read(
        fmt::format(R"({{"event":"{}","ts":1789999990,"_id":"i","msg":{{"_id":"m","email":"a@example.com",)"
                    R"("metadata":{{"carillon_delivery":"{}"}},"reject":{{"reason":"{}"}},)"
                    R"("bounce_description":"bad_mailbox","diag":"smtp;550 <a@example.com>"}}}})",
                    event.first, job.delivery_text(), event.second));
    ASSERT_EQ(receipts.size(), kind ? 1U : 0U) << event.first;
    if (!kind) continue;
    EXPECT_EQ(receipts[0].kind, *kind) << event.first;
    EXPECT_EQ(receipts[0].delivery, job.delivery);
    EXPECT_EQ(receipts[0].provider_id, "m");
    EXPECT_EQ(receipts[0].detail, "bad_mailbox");
    EXPECT_EQ(receipts[0].at, from_ms(1'789'999'990'000));
  }
}

TEST(MailchimpCallback, KeepsWhatIsAboutAddresses) {
  // PHP writes an empty object as an array.
  EXPECT_TRUE(read(R"({"event":"send","msg":{"email":"a@example.com","metadata":[]}})").empty());
  EXPECT_EQ(read(R"({"event":"spam","msg":{"email":"A@example.com","metadata":[]}})").at(0).address,
            "a@example.com");
  const auto list = [](const std::string& action, const std::string& reason) {
    return read(fmt::format(R"({{"type":"blacklist","action":"{}","ts":1789999990,)"
                            R"("reject":{{"email":"a@example.com","reason":"{}","detail":"x"}}}})",
                            action, reason));
  };
  EXPECT_EQ(list("add", "hard-bounce").at(0).kind, ReceiptKind::Bounced);
  EXPECT_EQ(list("add", "spam").at(0).kind, ReceiptKind::Complained);
  EXPECT_EQ(list("add", "unsub").at(0).kind, ReceiptKind::Unsubscribed);
  EXPECT_EQ(list("remove", "unsub").at(0).kind, ReceiptKind::Resubscribed);
  EXPECT_TRUE(list("remove", "spam").empty());
  EXPECT_TRUE(list("add", "soft-bounce").empty());
}

}  // namespace
}  // namespace carillon::providers::mailchimp_detail
