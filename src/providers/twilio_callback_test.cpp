#include "providers/twilio_callback.h"

#include <gtest/gtest.h>

namespace carillon::providers {
namespace {

constexpr std::string_view kUrl = "https://mycompany.com/myapp.php?foo=1&bar=2";

CallbackForm call_form(std::string from) {
  return {{"To", "+18005551212"},
          {"CallSid", "CA1234567890ABCDE"},
          {"From", from},
          {"Digits", "1234"},
          {"Caller", from}};
}

CallbackRequest signed_request(std::string_view signature, std::string_view url = kUrl) {
  CallbackRequest request;
  request.method = "POST";
  request.url = url;
  request.headers = {{"x-twilio-signature", std::string(signature)}};
  request.body = net::form_encode(call_form("+14158675309"));
  return request;
}

// The vectors of Twilio's own libraries.
TEST(TwilioCallback, SignsAsTwilioDoes) {
  EXPECT_EQ(twilio_signature("12345", kUrl, call_form("+14158675309")), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
  EXPECT_EQ(twilio_signature("12345", kUrl, call_form("+12349013030")), "0/KCTR6DLpKmkAf8muzZqo1nDgQ=");
  EXPECT_EQ(twilio_signature("12345", kUrl,
                             {{"Sid", "CA123"},
                              {"SidAccount", "AC123"},
                              {"Digits", "5678"},
                              {"Digits", "1234"},
                              {"Digits", "1234"}}),
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=");
}

TEST(TwilioCallback, TakesTheUrlWithAndWithoutTheDefaultPort) {
  const auto form = read_twilio_callback(signed_request("RSOYDt4T1cUTdK1PDd93/VVr8B8="), "12345");
  ASSERT_TRUE(form);
  EXPECT_EQ(form_value(*form, "Digits"), "1234");
  const auto with_port =
      signed_request("RSOYDt4T1cUTdK1PDd93/VVr8B8=", "https://mycompany.com:443/myapp.php?foo=1&bar=2");
  EXPECT_TRUE(read_twilio_callback(with_port, "12345"));
}

TEST(TwilioCallback, RefusesWhatIsForged) {
  EXPECT_EQ(read_twilio_callback(signed_request("RSOYDt4T1cUTdK1PDd93/VVr8B8="), "other").error().code,
            Errc::Unauthenticated);
  EXPECT_EQ(read_twilio_callback(signed_request(""), "12345").error().code, Errc::Unauthenticated);
  auto changed = signed_request("RSOYDt4T1cUTdK1PDd93/VVr8B8=");
  changed.body += "&Extra=1";
  EXPECT_EQ(read_twilio_callback(changed, "12345").error().code, Errc::Unauthenticated);
}

}  // namespace
}  // namespace carillon::providers
