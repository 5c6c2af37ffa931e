#include "sim/ses.h"

#include <gmock/gmock.h>

#include "base/signature.h"
#include "net/sigv4.h"
#include "sim/callback_sink_test.h"
#include "sim/sim_fixture_test.h"

namespace carillon::sim {
namespace {

using ::testing::HasSubstr;

class SesTest : public SimTest {
 protected:
  net::TransportResult<net::HttpResponse> post(const std::string& to,
                                               const std::string& from = "shop@example.com",
                                               const std::string& secret = {},
                                               Millis timeout = Millis(10'000)) {
    const std::string mail = fmt::format(
        "From: Shop <{}>\r\nTo: {}\r\nX-Carillon-Delivery: dlv_0123456789abc\r\nSubject: x\r\n\r\nx\r\n",
        from, to);
    net::HttpCall c;
    c.url = at("ses", "endpoint") + "/v2/email/outbound-emails";
    c.request.method = "POST";
    c.request.headers = {{"Content-Type", "application/json"}};
    c.request.body =
        fmt::format(R"({{"Destination":{{"ToAddresses":["{}"]}},"Content":{{"Raw":{{"Data":"{}"}}}},)"
                    R"("EmailTags":[{{"Name":"carillon_delivery","Value":"dlv_0123456789abc"}}]}})",
                    to, base::base64(mail));
    const net::SigV4 signer({at("ses", "access_key_id"),
                             base::Secret(secret.empty() ? at("ses", "secret_access_key") : secret),
                             {}},
                            at("ses", "region"), "ses");
    EXPECT_TRUE(signer.sign(c, std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now())));
    return call(std::move(c), timeout);
  }
  static std::string type(const net::TransportResult<net::HttpResponse>& response) {
    return response ? std::string(response->header("x-amzn-errortype")) : "";
  }
};

TEST_F(SesTest, AcceptsSignedMailAndLogsIt) {
  open();
  const auto response = post("a@example.com");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200) << response->body;
  EXPECT_THAT(response->body, HasSubstr("MessageId"));
  EXPECT_THAT(control("GET", "/log?vendor=ses"),
              HasSubstr(R"("recipient":"a@example.com","delivery":"dlv_0123456789abc")"));
}

TEST_F(SesTest, RefusesWhatSesRefuses) {
  open();
  EXPECT_THAT(type(post("a@example.com", "shop@example.com", "wrong")),
              HasSubstr("InvalidSignatureException"));
  EXPECT_THAT(type(post("a..b@example.com")), HasSubstr("BadRequestException"));
  EXPECT_THAT(type(post("a@example.com", "shop@elsewhere.example")), HasSubstr("MessageRejected"));
  net::HttpCall unsigned_call;
  unsigned_call.url = at("ses", "endpoint") + "/v2/email/account";
  EXPECT_THAT(type(call(unsigned_call)), HasSubstr("MissingAuthenticationToken"));
  control("POST", "/clock", R"({"advance":"1h"})");
  EXPECT_THAT(type(post("a@example.com")), HasSubstr("InvalidSignatureException")) << "an hour ago";
  EXPECT_EQ(count("ses", "accepted"), 0U);
}

TEST_F(SesTest, TellsSignedOnceTheSubscriptionIsConfirmed) {
  open();
  CallbackSink sink(io_);
  control("PUT", "/webhooks", fmt::format(R"({{"ses":"{}"}})", sink.url("/v1/callbacks/ses/main")));
  ASSERT_EQ(post("complaint@sandbox.carillon.test")->status, 200);
  base::JsonDocument document;
  const auto first = document.parse(sink.wait_for(1)[0].body);
  ASSERT_TRUE(first);
  EXPECT_EQ(text_of(*first, "Type"), "SubscriptionConfirmation");
  net::HttpCall confirm;
  confirm.url = text_of(*first, "SubscribeURL");
  EXPECT_EQ(call(confirm)->status, 200);
  net::HttpCall fetch;
  fetch.url = text_of(*first, "SigningCertURL");
  const auto certificate = call(fetch);
  ASSERT_TRUE(certificate);
  const auto key = base::PublicKey::from_certificate(
      certificate->body, std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now()));
  ASSERT_TRUE(key) << key.error().message;
  std::string all;
  for (const auto& request : sink.wait_for(4)) {
    base::JsonDocument one;
    const auto root = one.parse(request.body);
    ASSERT_TRUE(root);
    EXPECT_EQ(request.header("x-amz-sns-message-type"), text_of(*root, "Type"));
    if (text_of(*root, "Type") != "Notification") continue;
    const std::string text =
        fmt::format("Message\n{}\nMessageId\n{}\nTimestamp\n{}\nTopicArn\n{}\nType\nNotification\n",
                    text_of(*root, "Message"), text_of(*root, "MessageId"), text_of(*root, "Timestamp"),
                    text_of(*root, "TopicArn"));
    EXPECT_TRUE(
        key->verify(base::SignatureHash::Sha1, text, base::unbase64(text_of(*root, "Signature")).value()));
    all += text_of(*root, "Message");
  }
  EXPECT_THAT(all, HasSubstr(R"("eventType":"Send")"));
  EXPECT_THAT(all, HasSubstr(R"("eventType":"Delivery")"));
  EXPECT_THAT(all, HasSubstr(R"("eventType":"Complaint")"));
  EXPECT_THAT(all, HasSubstr(R"("carillon_delivery":["dlv_0123456789abc"])"));
}

TEST_F(SesTest, ReservedRecipientsAndFaultsLeaveTheOutcomeOpen) {
  open();
  EXPECT_EQ(post("tempfail@sandbox.carillon.test")->status, 503);
  EXPECT_EQ(post("unknown@sandbox.carillon.test", "shop@example.com", {}, Millis(300)).error().failure,
            net::SendFailure::Ambiguous);
  control("PUT", "/faults", R"({"ses":{"rate_429":1,"retry_after_s":3}})");
  EXPECT_EQ(post("a@example.com")->header("retry-after"), "3");
}

}  // namespace
}  // namespace carillon::sim
