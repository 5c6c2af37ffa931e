#include "sim/twilio.h"

#include <gmock/gmock.h>

#include "sim/callback_sink_test.h"
#include "sim/sim_fixture_test.h"

namespace carillon::sim {
namespace {

using ::testing::HasSubstr;

class TwilioTest : public SimTest {
 protected:
  net::TransportResult<net::HttpResponse> send(Form form, Millis timeout = Millis(10'000),
                                               const std::string& password = {}) {
    net::HttpCall c;
    c.url =
        at("twilio", "endpoint") + "/2010-04-01/Accounts/" + at("twilio", "account_sid") + "/Messages.json";
    c.user = at("twilio", "account_sid");
    c.password = base::Secret(password.empty() ? at("twilio", "auth_token") : password);
    c.request.method = "POST";
    c.request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    c.request.body = net::form_encode(form);
    return call(std::move(c), timeout);
  }
  std::string error(const std::string& to, const std::string& from = "+15005550006",
                    const std::string& body = "x") {
    const auto response = send({{"To", to}, {"From", from}, {"Body", body}});
    return response ? response->body : "";
  }
};

TEST_F(TwilioTest, AcceptsAMessageAndLogsIt) {
  open();
  const auto response =
      send({{"To", "+821012345678"}, {"From", "+15005550006"}, {"Body", "hello dlv_0123456789abc"}});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 201);
  EXPECT_THAT(response->body, HasSubstr(R"("status":"queued")"));
  EXPECT_THAT(control("GET", "/log?vendor=twilio"),
              HasSubstr(R"("recipient":"+821012345678","delivery":"dlv_0123456789abc")"));
}

TEST_F(TwilioTest, RefusesWhatTwilioRefuses) {
  open();
  EXPECT_EQ(send({}, Millis(10'000), "wrong")->status, 401);
  EXPECT_THAT(error(""), HasSubstr("21604"));
  EXPECT_THAT(error("+821012345678", ""), HasSubstr("21603"));
  EXPECT_THAT(error("+821012345678", "+15005550006", ""), HasSubstr("21602"));
  EXPECT_THAT(error("+821012345678", "+15005550006", std::string(1601, 'x')), HasSubstr("21617"));
  EXPECT_THAT(error("01012345678"), HasSubstr("21211"));
  EXPECT_THAT(error("+15005550001"), HasSubstr("21211"));
  EXPECT_THAT(error("+15005550009"), HasSubstr("21614"));
  EXPECT_THAT(error("+821012345678", "+15005550008"), HasSubstr("21611"));
  EXPECT_THAT(error("+821012345678", "+821012340000"), HasSubstr("21606"));
  EXPECT_THAT(error("+999000000003"), HasSubstr("21610"));
  EXPECT_THAT(error("+999000000004"), HasSubstr(R"("status":503)"));
  EXPECT_EQ(count("twilio", "accepted"), 0U);
}

TEST_F(TwilioTest, CallsBackSignedFromQueuedToDelivered) {
  open();
  CallbackSink sink(io_);
  const std::string target = "/v1/callbacks/twilio_sms/main?d=dlv_0123456789abc";
  ASSERT_EQ(send({{"To", "+999000000001"},
                  {"From", "+15005550006"},
                  {"Body", "x"},
                  {"StatusCallback", sink.url(target)}})
                ->status,
            201);
  std::vector<std::string> steps;
  for (const auto& request : sink.wait_for(3)) {
    EXPECT_EQ(request.target, target);
    const auto form = net::form_decode(request.body);
    ASSERT_TRUE(form);
    EXPECT_EQ(request.header("x-twilio-signature"),
              twilio_signature(at("twilio", "auth_token"), sink.url(target), *form));
    for (const auto& [name, value] : *form) {
      if (name == "MessageStatus") steps.push_back(value);
    }
  }
  EXPECT_THAT(steps, ::testing::UnorderedElementsAre("queued", "sent", "delivered"));
  EXPECT_THAT(control("GET", "/log"), HasSubstr(R"("delivery":"dlv_0123456789abc")"));
}

TEST_F(TwilioTest, RefusesExtrasThatMakeNoSense) {
  open();
  const auto with = [this](std::string name, std::string value) {
    return send({{"To", "+821012345678"},
                 {"From", "+15005550006"},
                 {"Body", "x"},
                 {std::move(name), std::move(value)}})
        ->body;
  };
  EXPECT_THAT(with("ValidityPeriod", "0"), HasSubstr("21624"));
  EXPECT_THAT(with("ValidityPeriod", "36001"), HasSubstr("21624"));
  EXPECT_THAT(with("ValidityPeriod", "ten"), HasSubstr("21624"));
  EXPECT_THAT(with("MediaUrl", "bell.png"), HasSubstr("21620"));
  EXPECT_THAT(with("MessagingServiceSid", "main"), HasSubstr("21705"));
  EXPECT_THAT(with("MediaUrl", "https://example.com/bell.png"), HasSubstr(R"("sid":"MM)"));
  EXPECT_THAT(with("MessagingServiceSid", "MG" + std::string(32, '0')), HasSubstr(R"("status":"queued")"));
}

TEST_F(TwilioTest, PassesOnWhatSomebodyWrites) {
  open();
  const std::string stop = R"({"vendor":"twilio","from":"+821012345678","text":"STOP"})";
  EXPECT_THAT(control("POST", "/inbound", stop), HasSubstr("409"));
  CallbackSink sink(io_);
  const std::string url = sink.url("/v1/callbacks/twilio_sms/main");
  control("PUT", "/webhooks", fmt::format(R"({{"twilio":"{}"}})", url));
  EXPECT_EQ(control("POST", "/inbound", stop), "");
  const auto requests = sink.wait_for(1);
  ASSERT_EQ(requests.size(), 1U);
  const auto form = net::form_decode(requests[0].body);
  ASSERT_TRUE(form);
  EXPECT_EQ(requests[0].header("x-twilio-signature"),
            twilio_signature(at("twilio", "auth_token"), url, *form));
  EXPECT_EQ(field(*form, "From"), "+821012345678");
  EXPECT_EQ(field(*form, "Body"), "STOP");
  EXPECT_EQ(field(*form, "SmsStatus"), "received");
}

TEST_F(TwilioTest, BouncingNumberEndsUndelivered) {
  open();
  CallbackSink sink(io_);
  send({{"To", "+999000000002"},
        {"From", "+15005550006"},
        {"Body", "x"},
        {"StatusCallback", sink.url("/cb")}});
  std::string all;
  for (const auto& request : sink.wait_for(3)) all += request.body + "\n";
  EXPECT_THAT(all, HasSubstr("MessageStatus=undelivered"));
  EXPECT_THAT(all, HasSubstr("ErrorCode=30005"));
}

TEST_F(TwilioTest, UnknownNumberAndFaultsLeaveTheOutcomeOpen) {
  open();
  const Form unknown = {{"To", "+999000000006"}, {"From", "+15005550006"}, {"Body", "x"}};
  const Form plain = {{"To", "+821012345678"}, {"From", "+15005550006"}, {"Body", "x"}};
  EXPECT_EQ(send(unknown, Millis(300)).error().failure, net::SendFailure::Ambiguous);
  control("PUT", "/faults", R"({"twilio":{"reset_after":1}})");
  EXPECT_EQ(send(plain).error().failure, net::SendFailure::Ambiguous);
  EXPECT_EQ(count("twilio", "unanswered"), 2U);
  control("PUT", "/faults", R"({"twilio":{"rate_429":1,"retry_after_s":3}})");
  const auto throttled = send(plain);
  ASSERT_TRUE(throttled);
  EXPECT_EQ(throttled->status, 429);
  EXPECT_EQ(throttled->header("retry-after"), "3");
  EXPECT_EQ(count("twilio", "accepted"), 2U);
}

TEST(TwilioSignature, MatchesThePublishedVectors) {
  const std::string url = "https://mycompany.com/myapp.php?foo=1&bar=2";
  const auto of = [&url](const std::string& number) {
    return twilio_signature("12345", url,
                            {{"To", "+18005551212"},
                             {"From", number},
                             {"Digits", "1234"},
                             {"CallSid", "CA1234567890ABCDE"},
                             {"Caller", number}});
  };
  EXPECT_EQ(of("+14158675309"), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
  EXPECT_EQ(of("+12349013030"), "0/KCTR6DLpKmkAf8muzZqo1nDgQ=");
  EXPECT_EQ(twilio_signature("12345", url,
                             {{"Sid", "CA123"},
                              {"SidAccount", "AC123"},
                              {"Digits", "5678"},
                              {"Digits", "1234"},
                              {"Digits", "1234"}}),
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=");
}

}  // namespace
}  // namespace carillon::sim
