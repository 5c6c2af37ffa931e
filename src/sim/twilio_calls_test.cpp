#include "sim/twilio_calls.h"

#include <gmock/gmock.h>

#include "sim/callback_sink_test.h"
#include "sim/sim_fixture_test.h"
#include "sim/twilio.h"

namespace carillon::sim {
namespace {

using ::testing::HasSubstr;

const std::string kTwiml = "<Response><Say language=\"en-US\">The bells &amp; all</Say></Response>";

class TwilioCallsTest : public SimTest {
 protected:
  net::HttpResponse call_with(const Form& more, const std::string& to = "+821012345678",
                              const std::string& from = "+15005550006", const std::string& twiml = kTwiml) {
    Form form = {{"To", to}, {"From", from}, {"Twiml", twiml}};
    form.insert(form.end(), more.begin(), more.end());
    net::HttpCall c;
    c.url = at("twilio", "endpoint") + "/2010-04-01/Accounts/" + at("twilio", "account_sid") + "/Calls.json";
    c.user = at("twilio", "account_sid");
    c.password = base::Secret(at("twilio", "auth_token"));
    c.request.method = "POST";
    c.request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    c.request.body = net::form_encode(form);
    return call(std::move(c)).value_or(net::HttpResponse{});
  }
  std::vector<std::string> reported(const std::string& to, const Form& more = {}) {
    CallbackSink sink(io_);
    const std::string url = sink.url("/v1/callbacks/calls?d=dlv_0123456789abc");
    Form form = {
        {"StatusCallback", url}, {"StatusCallbackEvent", "initiated"}, {"StatusCallbackEvent", "completed"}};
    form.insert(form.end(), more.begin(), more.end());
    EXPECT_EQ(call_with(form, to).status, 201);
    std::vector<std::string> steps;
    for (const auto& request : sink.wait_for(2)) {
      const auto fields = net::form_decode(request.body);
      EXPECT_EQ(request.header("x-twilio-signature"),
                twilio_signature(at("twilio", "auth_token"), url, *fields));
      steps.push_back(std::string(field(*fields, "CallStatus")).append(field(*fields, "AnsweredBy")));
    }
    return steps;
  }
};

TEST_F(TwilioCallsTest, QueuesACallAndTellsHowItEnded) {
  open();
  EXPECT_THAT(call_with({}).body, HasSubstr(R"("status":"queued")"));
  EXPECT_THAT(reported("+821012345678"), ::testing::UnorderedElementsAre("initiated", "completed"));
  EXPECT_THAT(reported("+999000000002"), ::testing::UnorderedElementsAre("initiated", "no-answer"));
  EXPECT_THAT(reported("+821012345678", {{"MachineDetection", "Enable"}}),
              ::testing::UnorderedElementsAre("initiated", "completedhuman"));
  EXPECT_THAT(control("GET", "/log?vendor=twilio"), HasSubstr(R"("delivery":"dlv_0123456789abc")"));
}

TEST_F(TwilioCallsTest, RefusesWhatTwilioRefuses) {
  open();
  EXPECT_THAT(call_with({}, "").body, HasSubstr("21201"));
  EXPECT_THAT(call_with({}, "01012345678").body, HasSubstr("21211"));
  EXPECT_THAT(call_with({}, "+15005550001").body, HasSubstr("21217"));
  EXPECT_THAT(call_with({}, "+15005550003").body, HasSubstr("21215"));
  EXPECT_THAT(call_with({}, "+999000000003").body, HasSubstr("21217"));
  EXPECT_EQ(call_with({}, "+999000000004").status, 503);
  EXPECT_THAT(call_with({}, "+821012345678", "").body, HasSubstr("21213"));
  EXPECT_THAT(call_with({}, "+821012345678", "+15005550007").body, HasSubstr("21210"));
  for (const std::string twiml :
       {"", "Hello", "<Response></Response>", "<Response><Say>a<b></Say></Response>"}) {
    EXPECT_THAT(call_with({}, "+821012345678", "+15005550006", twiml).body, HasSubstr("21205")) << twiml;
  }
  EXPECT_THAT(call_with({{"Timeout", "601"}}).body, HasSubstr("21208"));
  EXPECT_THAT(call_with({{"MachineDetection", "Maybe"}}).body, HasSubstr("21234"));
  EXPECT_EQ(count("twilio", "accepted"), 0U);
}

}  // namespace
}  // namespace carillon::sim
