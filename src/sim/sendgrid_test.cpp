#include "sim/sendgrid.h"

#include <gmock/gmock.h>

#include "base/signature.h"
#include "sim/callback_sink_test.h"
#include "sim/sim_fixture_test.h"

namespace carillon::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SendgridTest : public SimTest {
 protected:
  net::TransportResult<net::HttpResponse> post(std::string body, const std::string& key = {},
                                               Millis timeout = Millis(10'000),
                                               const std::string& type = "application/json") {
    net::HttpCall c;
    c.url = at("sendgrid", "endpoint") + "/v3/mail/send";
    c.request.method = "POST";
    c.request.headers = {{"Authorization", "Bearer " + (key.empty() ? at("sendgrid", "api_key") : key)},
                         {"Content-Type", type}};
    c.request.body = std::move(body);
    return call(std::move(c), timeout);
  }
  static std::string to(const std::string& address, const std::string& more = {}) {
    return fmt::format(
        R"({{"to":[{{"email":"{}"}}],"custom_args":{{"carillon_delivery":"dlv_0123456789abc"}}{}}})", address,
        more);
  }
  static std::string mail(const std::string& personalizations, const std::string& more = {},
                          const std::string& from = "shop@example.com") {
    return fmt::format(R"({{"personalizations":[{}],"from":{{"email":"{}"}},"subject":"s",)"
                       R"("content":[{{"type":"text/plain","value":"x"}}]{}}})",
                       personalizations, from, more);
  }
  int status(const std::string& body) {
    const auto response = post(body);
    return response ? response->status : 0;
  }
  std::string field(const std::string& body) {
    const auto response = post(body);
    EXPECT_TRUE(response && response->status == 400) << body;
    base::JsonDocument document;
    const auto root = document.parse(response ? response->body : "");
    return root ? std::string(text_of((*root)["errors"].at(0).value(), "field")) : "";
  }
};

TEST_F(SendgridTest, AcceptsManyRecipientsAndLogsEach) {
  open();
  const auto response = post(mail(to("a@example.com") + "," + to("b@example.com")));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 202);
  EXPECT_FALSE(response->header("x-message-id").empty());
  EXPECT_EQ(count("sendgrid", "accepted"), 2U);
  const std::string log = control("GET", "/log?vendor=sendgrid");
  EXPECT_THAT(log, HasSubstr(R"("recipient":"b@example.com","delivery":"dlv_0123456789abc")"));
  EXPECT_EQ(status(mail(to("a@example.com"), R"(,"mail_settings":{"sandbox_mode":{"enable":true}})")), 200);
  EXPECT_EQ(count("sendgrid", "accepted"), 2U) << "sandbox mode sends nothing";
}

TEST_F(SendgridTest, RefusesWhatSendgridRefuses) {
  open();
  EXPECT_EQ(post(mail(to("a@example.com")), "SG.wrong")->status, 401);
  EXPECT_EQ(post(mail(to("a@example.com")), {}, Millis(10'000), "text/plain")->status, 415);
  EXPECT_EQ(status(mail(to("a@example.com"), {}, "shop@elsewhere.example")), 403);
  EXPECT_EQ(status("not JSON"), 400);
  EXPECT_EQ(field("{}"), "personalizations");
  EXPECT_EQ(field(mail("")), "personalizations");
  EXPECT_EQ(field(mail(to("a@example.com") + "," + to("b..c@example.com"))), "personalizations.1.to.0.email");
  EXPECT_EQ(field(mail(to("a@example.com", R"(,"cc":[{"email":"A@example.com"}])"))), "personalizations.0");
  EXPECT_EQ(field(mail(to("a@example.com", R"(,"headers":{"Subject":"x"})"))), "personalizations.0.headers");
  const auto attached = [&](const std::string& attachment) {
    return field(mail(to("a@example.com"), fmt::format(R"(,"attachments":[{}])", attachment)));
  };
  EXPECT_EQ(attached(""), "attachments");
  EXPECT_EQ(attached(R"({"content":"not base64!","filename":"a"})"), "attachments.0.content");
  EXPECT_EQ(attached(R"({"content":"eA=="})"), "attachments.0.filename");
  EXPECT_EQ(attached(R"({"content":"eA==","filename":"a","type":"a/b; c"})"), "attachments.0.type");
  EXPECT_EQ(attached(R"({"content":"eA==","filename":"a","disposition":"shown"})"),
            "attachments.0.disposition");
  EXPECT_EQ(field(mail(R"({"to":[{"email":"a@example.com"}],"custom_args":{"n":1}})")),
            "personalizations.0.custom_args");
  EXPECT_EQ(field(mail(to("a@example.com"), {}, "nobody")), "from.email");
  EXPECT_EQ(field(mail(to("a@example.com"), R"(,"reply_to":{"email":"x"})")), "reply_to.email");
  EXPECT_EQ(
      field(R"({"personalizations":[)" + to("a@example.com") + R"(],"from":{"email":"a@example.com"}})"),
      "personalizations.0.subject");
  EXPECT_EQ(field(R"({"personalizations":[)" + to("a@example.com") +
                  R"(],"from":{"email":"a@example.com"},"subject":"s","content":[{"type":"text/plain",)"
                  R"("value":""}]})"),
            "content.0.value");
  EXPECT_EQ(count("sendgrid", "accepted"), 0U);
}

TEST_F(SendgridTest, TellsSignedWhatBecameOfEach) {
  open();
  CallbackSink sink(io_);
  const std::string target = "/v1/callbacks/sendgrid/main";
  control("PUT", "/webhooks", fmt::format(R"({{"sendgrid":"{}"}})", sink.url(target)));
  ASSERT_EQ(status(mail(to("ok@sandbox.carillon.test") + "," + to("bounce@sandbox.carillon.test") + "," +
                        to("complaint@sandbox.carillon.test") + "," + to("tempfail@sandbox.carillon.test") +
                        "," + to("unknown@sandbox.carillon.test"))),
            202);
  const auto key = base::PublicKey::from_der(base::unbase64(at("sendgrid", "webhook_public_key")).value());
  ASSERT_TRUE(key);
  std::map<std::string, std::vector<std::string>> events;
  for (const auto& request : sink.wait_for(3)) {
    EXPECT_EQ(request.target, target);
    const auto signature = base::unbase64(request.header("x-twilio-email-event-webhook-signature"));
    ASSERT_TRUE(signature);
    const std::string stamp(request.header("x-twilio-email-event-webhook-timestamp"));
    EXPECT_TRUE(key->verify(base::SignatureHash::Sha256, stamp + request.body, *signature));
    base::JsonDocument document;
    const auto root = document.parse(request.body);
    ASSERT_TRUE(root);
    for (const auto event : root->get_array().value()) {
      events[std::string(text_of(event, "email"))].emplace_back(text_of(event, "event"));
      EXPECT_EQ(text_of(event, "carillon_delivery"), "dlv_0123456789abc");
    }
  }
  EXPECT_THAT(events["ok@sandbox.carillon.test"], testing::UnorderedElementsAre("processed", "delivered"));
  EXPECT_THAT(events["bounce@sandbox.carillon.test"], testing::UnorderedElementsAre("processed", "bounce"));
  EXPECT_THAT(events["complaint@sandbox.carillon.test"],
              testing::UnorderedElementsAre("processed", "delivered", "spamreport"));
  EXPECT_THAT(events["tempfail@sandbox.carillon.test"],
              testing::UnorderedElementsAre("processed", "deferred"));
  EXPECT_THAT(events["unknown@sandbox.carillon.test"], ElementsAre("processed"));
}

TEST_F(SendgridTest, ReservedRecipientsAndFaultsLeaveTheOutcomeOpen) {
  open();
  EXPECT_EQ(status(mail(to("tempfail@sandbox.carillon.test"))), 503);
  EXPECT_EQ(post(mail(to("unknown@sandbox.carillon.test")), {}, Millis(300)).error().failure,
            net::SendFailure::Ambiguous);
  control("PUT", "/faults", R"({"sendgrid":{"reset_after":1}})");
  EXPECT_EQ(post(mail(to("a@example.com"))).error().failure, net::SendFailure::Ambiguous);
  EXPECT_EQ(count("sendgrid", "unanswered"), 2U);
  control("PUT", "/faults", R"({"sendgrid":{"rate_429":1,"retry_after_s":3}})");
  const auto throttled = post(mail(to("a@example.com")));
  ASSERT_TRUE(throttled);
  EXPECT_EQ(throttled->status, 429);
  EXPECT_EQ(throttled->header("retry-after"), "3");
}

}  // namespace
}  // namespace carillon::sim
