#include "sim/mailchimp.h"

#include <gmock/gmock.h>

#include <map>

#include "sim/callback_sink_test.h"
#include "sim/sim_fixture_test.h"

namespace carillon::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class MailchimpTest : public SimTest {
 protected:
  net::TransportResult<net::HttpResponse> post(const std::string& message, const std::string& key = {},
                                               Millis timeout = Millis(10'000)) {
    net::HttpCall c;
    c.url = at("mailchimp", "endpoint") + "/api/1.0/messages/send.json";
    c.request.method = "POST";
    c.request.headers = {{"Content-Type", "application/json"}};
    c.request.body = fmt::format(R"({{"key":"{}","message":{}}})",
                                 key.empty() ? at("mailchimp", "api_key") : key, message);
    return call(std::move(c), timeout);
  }
  static std::string mail(const std::vector<std::string>& addresses,
                          const std::string& from = "shop@example.com") {
    std::string to;
    std::string metadata;
    for (const std::string& address : addresses) {
      to += fmt::format(R"({}{{"email":"{}","type":"to"}})", to.empty() ? "" : ",", address);
      metadata += fmt::format(R"({}{{"rcpt":"{}","values":{{"carillon_delivery":"dlv_0123456789abc"}}}})",
                              metadata.empty() ? "" : ",", address);
    }
    return fmt::format(
        R"({{"to":[{}],"recipient_metadata":[{}],"from_email":"{}","subject":"s","text":"x"}})", to, metadata,
        from);
  }
  std::string body(const std::string& message) {
    const auto response = post(message);
    return response ? response->body : "";
  }
};

TEST_F(MailchimpTest, AnswersForEachRecipient) {
  open();
  const std::string one = body(mail({"a@example.com", "b..c@example.com"}));
  EXPECT_THAT(one, HasSubstr(R"("status":"sent")"));
  EXPECT_THAT(one, HasSubstr(R"("status":"invalid")"));
  EXPECT_EQ(count("mailchimp", "accepted"), 1U);
  EXPECT_THAT(control("GET", "/log?vendor=mailchimp"),
              HasSubstr(R"("recipient":"a@example.com","delivery":"dlv_0123456789abc")"));
  const std::vector<std::string> many(11, "a@example.com");
  EXPECT_THAT(body(mail(many)), HasSubstr(R"("status":"queued")"));
  EXPECT_THAT(body(mail({"a@example.com"}, "a@elsewhere.example")),
              HasSubstr(R"("reject_reason":"unsigned")"));
}

TEST_F(MailchimpTest, RefusesWhatMandrillRefuses) {
  open();
  EXPECT_THAT(post(mail({"a@example.com"}), "wrong")->body, HasSubstr("Invalid_Key"));
  EXPECT_THAT(body("1"), HasSubstr("ValidationError"));
  EXPECT_THAT(body(R"({"to":[]})"), HasSubstr("ValidationError"));
  EXPECT_THAT(body(mail({"a@example.com"}, "nobody")), HasSubstr("from_email"));
  EXPECT_THAT(body(R"({"to":[{"email":"a@example.com"}],"from_email":"a@example.com"})"), HasSubstr("text"));
  const auto attached = [&](const std::string& files) {
    std::string message = mail({"a@example.com"});
    message.insert(message.size() - 1, "," + files);
    return body(message);
  };
  EXPECT_THAT(attached(R"("attachments":[{"type":"a/b","name":"a","content":"?"}])"),
              HasSubstr("attachments"));
  EXPECT_THAT(attached(R"("attachments":[{"type":"a/b","content":"eA=="}])"), HasSubstr("attachments"));
  EXPECT_THAT(attached(R"("images":[{"type":"a/b","name":"a","content":"eA=="}])"), HasSubstr("images"));
  EXPECT_EQ(count("mailchimp", "accepted"), 0U);
}

TEST_F(MailchimpTest, TellsSignedWhatBecameOfEach) {
  open();
  CallbackSink sink(io_);
  const std::string url = sink.url("/v1/callbacks/mailchimp/main");
  control("PUT", "/webhooks", fmt::format(R"({{"mailchimp":"{}"}})", url));
  ASSERT_EQ(post(mail({"ok@sandbox.carillon.test", "bounce@sandbox.carillon.test",
                       "complaint@sandbox.carillon.test"}))
                ->status,
            200);
  std::map<std::string, std::vector<std::string>> events;
  for (const auto& request : sink.wait_for(3)) {
    const auto form = net::form_decode(request.body);
    ASSERT_TRUE(form && form->size() == 1);
    EXPECT_EQ(request.header("x-mandrill-signature"),
              mandrill_signature(at("mailchimp", "webhook_key"), url, form->front().second));
    base::JsonDocument document;
    const auto root = document.parse(form->front().second);
    ASSERT_TRUE(root);
    for (const auto event : root->get_array().value()) {
      const auto message = event["msg"].value();
      events[std::string(text_of(message, "email"))].emplace_back(text_of(event, "event"));
      EXPECT_EQ(text_of(message["metadata"].value(), "carillon_delivery"), "dlv_0123456789abc");
    }
  }
  EXPECT_THAT(events["ok@sandbox.carillon.test"], UnorderedElementsAre("send", "delivered"));
  EXPECT_THAT(events["bounce@sandbox.carillon.test"], UnorderedElementsAre("send", "hard_bounce"));
  EXPECT_THAT(events["complaint@sandbox.carillon.test"], UnorderedElementsAre("send", "delivered", "spam"));
}

TEST_F(MailchimpTest, ReservedRecipientsAndFaultsLeaveTheOutcomeOpen) {
  open();
  EXPECT_EQ(post(mail({"tempfail@sandbox.carillon.test"}))->status, 503);
  EXPECT_EQ(post(mail({"unknown@sandbox.carillon.test"}), {}, Millis(300)).error().failure,
            net::SendFailure::Ambiguous);
  control("PUT", "/faults", R"({"mailchimp":{"rate_429":1,"retry_after_s":3}})");
  EXPECT_EQ(post(mail({"a@example.com"}))->header("retry-after"), "3");
}

TEST(MandrillSignature, MatchesTheKnownVector) {
  EXPECT_EQ(mandrill_signature("TEST_WEBHOOK_KEY", "https://example.com/hook", R"([{"event":"send"}])"),
            "V3yZz4rOdoq2XZ+To3dhBo5kSB8=");
}

}  // namespace
}  // namespace carillon::sim
