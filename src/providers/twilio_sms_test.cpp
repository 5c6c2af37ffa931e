#include "providers/twilio_sms.h"

#include <gtest/gtest.h>

#include <map>

#include "providers/fixtures_test.h"
#include "providers/twilio_callback.h"

namespace carillon::providers::twilio_sms_detail {
namespace {

using model::OutcomeKind;
using model::ReceiptKind;
using testing_only::job_of;
using testing_only::message_of;

std::map<std::string, std::string> form(const Job& job, const Options& options,
                                        const std::string& callback = {}) {
  std::map<std::string, std::string> out;
  for (auto& [name, value] : net::form_decode(form_of(job, options, callback)).value()) {
    EXPECT_TRUE(out.emplace(name, value).second) << name << " is there twice";
  }
  return out;
}

TEST(TwilioSms, ReadsEveryRecordedAnswer) {
  testing_only::for_each_fixture("twilio_sms", [](auto answer, auto outcome, const std::string& file) {
    testing_only::expect_outcome(classify(testing_only::response_of(answer), false, from_ms(0)), outcome,
                                 file);
  });
}

OutcomeKind kind_of(int code, bool has_own_sender = false) {
  const net::HttpResponse response{400, {}, fmt::format(R"({{"code":{},"message":"m","status":400}})", code)};
  const auto outcome = classify(response, has_own_sender, from_ms(0));
  EXPECT_EQ(outcome.code, std::to_string(code));
  return outcome.kind;
}

TEST(TwilioSms, ClassifiesEveryCodeOfTheDictionary) {
  const std::map<OutcomeKind, std::vector<int>> expected = {
      {OutcomeKind::Throttled, {14107, 20429, 21611}},
      {OutcomeKind::Misconfigured,
       {10001, 10002, 20003, 20005, 20006, 20008, 20010, 20403, 20404, 21212, 21219, 21408,
        21601, 21603, 21606, 21607, 21608, 21657, 21659, 21701, 21702, 21703, 21704, 21705}},
      {OutcomeKind::Ambiguous, {20500}},
      {OutcomeKind::Temporary, {20503}},
      {OutcomeKind::InvalidRecipient, {21211, 21214, 21217, 21610, 21614}},
      {OutcomeKind::Permanent,
       {20001, 20422, 21602, 21604, 21605, 21609, 21612, 21617, 21618, 21619, 21620, 21621, 21622, 21623,
        21624, 21654, 21655, 21656, 21658}},
  };
  std::size_t count = 0;
  for (const auto& [kind, codes] : expected) {
    count += codes.size();
    for (const int code : codes) EXPECT_EQ(kind_of(code), kind) << code;
  }
  EXPECT_EQ(error_rows().size() + twilio_account_errors().size(), count);
}

TEST(TwilioSms, TellsWhoSaidStopFromWhoIsGone) {
  const auto is_opt_out = [](int code) {
    const std::string body = fmt::format(R"({{"code":{},"message":"m","status":400}})", code);
    return classify(net::HttpResponse{400, {}, body}, false, from_ms(0)).is_opt_out;
  };
  EXPECT_TRUE(is_opt_out(21610));
  EXPECT_FALSE(is_opt_out(21614));
}

TEST(TwilioSms, BlamesTheRequestForASenderItChose) {
  for (const int code : {21212, 21601, 21606, 21607, 21657, 21659}) {
    EXPECT_EQ(kind_of(code, true), OutcomeKind::Permanent) << code;
  }
  EXPECT_EQ(kind_of(20003, true), OutcomeKind::Misconfigured);
  EXPECT_EQ(kind_of(21211, true), OutcomeKind::InvalidRecipient);
}

TEST(TwilioSms, WritesTheForm) {
  Job job = job_of("+821012345678");
  job.message = message_of("", "안녕 & +1");
  job.expires_at = job.now + std::chrono::minutes(10);
  Options options;
  options.from = "+15005550006";
  const auto fields = form(job, options, "https://example.com/v1/callbacks/x/y");
  EXPECT_EQ(fields.at("To"), "+821012345678");
  EXPECT_EQ(fields.at("From"), "+15005550006");
  EXPECT_EQ(fields.at("Body"), "안녕 & +1");
  EXPECT_EQ(fields.at("ValidityPeriod"), "600");
  EXPECT_EQ(fields.at("StatusCallback"), "https://example.com/v1/callbacks/x/y?d=" + job.delivery_text());
  EXPECT_FALSE(fields.contains("MessagingServiceSid"));
}

TEST(TwilioSms, TakesTheSenderTheRequestAsksFor) {
  Job job = job_of("+821012345678");
  auto message = message_of("", "x");
  job.message = message;
  Options options;
  options.messaging_service_sid = "MG1";
  EXPECT_EQ(form(job, options).at("MessagingServiceSid"), "MG1");
  message->from_phone = "+15005550007";
  const auto fields = form(job, options);
  EXPECT_EQ(fields.at("From"), "+15005550007");
  EXPECT_FALSE(fields.contains("MessagingServiceSid"));
}

TEST(TwilioSms, KeepsTheValidityPeriodInTwiliosRange) {
  Job job = job_of("+821012345678");
  job.message = message_of("", "x");
  job.expires_at = job.now - std::chrono::seconds(5);
  EXPECT_EQ(form(job, {}).at("ValidityPeriod"), "1");
  job.expires_at = job.now + std::chrono::hours(48);
  EXPECT_EQ(form(job, {}).at("ValidityPeriod"), "36000");
}

TEST(TwilioSms, SendsThePictureAlongWhenTwilioCanFetchIt) {
  Job job = job_of("+15005550009");
  auto message = message_of("", "x");
  job.message = message;
  EXPECT_FALSE(form(job, {}).contains("MediaUrl"));
  message->image = "https://cdn.example.com/bell.png";
  EXPECT_EQ(form(job, {}).at("MediaUrl"), "https://cdn.example.com/bell.png");
  Options options;
  options.mms = false;
  EXPECT_FALSE(form(job, options).contains("MediaUrl"));
  for (const auto* const image : {"obj_0123456789abc", "http://cdn.example.com/bell.png"}) {
    message->image = image;
    EXPECT_FALSE(form(job, {}).contains("MediaUrl")) << image;
  }
}

// ---- callbacks

constexpr std::string_view kToken = "12345";
const std::string kCallback = "https://example.com/v1/callbacks/twilio_sms/main";

Options account() {
  Options options;
  options.account.auth_token = base::Secret(std::string(kToken));
  return options;
}
CallbackRequest request_of(const CallbackForm& fields, std::string url) {
  CallbackRequest request;
  request.method = "POST";
  request.url = std::move(url);
  request.headers = {{"X-Twilio-Signature", twilio_signature(kToken, request.url, fields)}};
  request.body = net::form_encode(fields);
  request.now = from_ms(1'790'000'000'000);
  return request;
}
CallbackReading reading_of(const CallbackForm& fields) {
  const auto url = callback_url(kCallback, 0x0123456789abcdef);
  auto reading = read_callback(request_of(fields, url), account());
  EXPECT_TRUE(reading) << reading.error().message;
  return reading ? *reading : CallbackReading{};
}
CallbackForm status_form(std::string status, std::string code = {}) {
  CallbackForm fields = {{"MessageSid", "SM1"}, {"MessageStatus", std::move(status)}, {"To", "+15005550009"}};
  if (!code.empty()) fields.emplace_back("ErrorCode", std::move(code));
  return fields;
}

TEST(TwilioSms, KnowsEveryErrorOfAMessagesLaterLife) {
  const std::map<ReceiptKind, std::vector<int>> expected = {
      {ReceiptKind::Unsubscribed, {21610}},
      {ReceiptKind::Bounced, {21614, 30004, 30005, 30006, 63003, 63024, 63033}},
      {ReceiptKind::Undelivered, {30001, 30002, 30003, 30007, 30008, 30010, 30011, 30017, 30018, 30019, 30022,
                                  30023, 30024, 30027, 30032, 30033, 30034, 30035, 30036, 30410, 30450, 63001,
                                  63007, 63008, 63009, 63010, 63012, 63016, 63017, 63018, 63020, 63038}},
  };
  std::size_t count = 0;
  for (const auto& [kind, codes] : expected) {
    for (const int code : codes) {
      ++count;
      for (const auto* const status : {"undelivered", "failed"}) {
        const auto receipts = reading_of(status_form(status, std::to_string(code))).receipts;
        ASSERT_EQ(receipts.size(), 1U) << code;
        EXPECT_EQ(receipts[0].kind, kind) << code;
        EXPECT_EQ(receipts[0].code, std::to_string(code));
        EXPECT_TRUE(receipts[0].detail.ends_with('.')) << code;
        EXPECT_EQ(receipts[0].delivery, 0x0123456789abcdef);
        EXPECT_EQ(receipts[0].provider_id, "SM1");
      }
    }
  }
  EXPECT_EQ(late_rows().size(), count);
  EXPECT_EQ(reading_of(status_form("failed", "39999")).receipts.at(0).kind, ReceiptKind::Undelivered);
}

TEST(TwilioSms, KeepsTheStatesThatSaySomething) {
  EXPECT_EQ(reading_of(status_form("sent")).receipts.at(0).kind, ReceiptKind::Sent);
  EXPECT_EQ(reading_of(status_form("delivered")).receipts.at(0).kind, ReceiptKind::Delivered);
  EXPECT_EQ(reading_of(status_form("read")).receipts.at(0).kind, ReceiptKind::Delivered);
  EXPECT_EQ(reading_of(status_form("canceled")).receipts.at(0).kind, ReceiptKind::Undelivered);
  for (const auto* const status : {"accepted", "scheduled", "queued", "sending", "something new"}) {
    EXPECT_TRUE(reading_of(status_form(status)).receipts.empty()) << status;
  }
}

CallbackForm inbound_form(std::string text, std::string told = {}) {
  CallbackForm fields = {{"MessageSid", "SM2"},  {"SmsStatus", "received"}, {"From", "+821012345678"},
                         {"To", "+15005550006"}, {"Body", std::move(text)}, {"NumMedia", "0"}};
  if (!told.empty()) fields.emplace_back("OptOutType", std::move(told));
  return fields;
}

TEST(TwilioSms, TakesStopAndStart) {
  const struct {
    std::string text, told;
    ReceiptKind kind;
  } cases[] = {{"STOP", "", ReceiptKind::Unsubscribed},
               {" stop. ", "", ReceiptKind::Unsubscribed},
               {"그만", "STOP", ReceiptKind::Unsubscribed},
               {"Unstop", "", ReceiptKind::Resubscribed},
               {"yes", "START", ReceiptKind::Resubscribed}};
  for (const auto& [text, told, kind] : cases) {
    const auto reading = reading_of(inbound_form(text, told));
    ASSERT_EQ(reading.receipts.size(), 1U) << text;
    EXPECT_EQ(reading.receipts[0].kind, kind) << text;
    EXPECT_EQ(reading.receipts[0].address, "+821012345678");
    EXPECT_EQ(reading.receipts[0].delivery, 0);
    EXPECT_EQ(reading.status, 200);
    EXPECT_EQ(reading.content_type, "text/xml");
    EXPECT_EQ(reading.body, "<Response/>");
  }
}

TEST(TwilioSms, AnswersOtherTextsWithSilence) {
  for (const auto& form :
       {inbound_form("Where is my order?"), inbound_form("HELP", "HELP"), inbound_form("yes")}) {
    const auto reading = reading_of(form);
    EXPECT_TRUE(reading.receipts.empty());
    EXPECT_EQ(reading.body, "<Response/>");
  }
  // A channel whose addresses are none of ours.
  auto whatsapp = inbound_form("STOP");
  whatsapp[2].second = "whatsapp:+821012345678";
  EXPECT_TRUE(reading_of(whatsapp).receipts.empty());
}

TEST(TwilioSms, RefusesForgedAndMeaninglessCallbacks) {
  auto request = request_of(inbound_form("STOP"), kCallback);
  request.headers.clear();
  EXPECT_EQ(read_callback(request, account()).error().code, Errc::Unauthenticated);
  EXPECT_EQ(read_callback(request_of({{"MessageSid", "SM1"}}, kCallback), account()).error().code,
            Errc::InvalidArgument);
  // The primary token signs, also when requests use an API key.
  Options options = account();
  options.account.signing_token = base::Secret("another");
  EXPECT_EQ(read_callback(request_of(inbound_form("STOP"), kCallback), options).error().code,
            Errc::Unauthenticated);
}

}  // namespace
}  // namespace carillon::providers::twilio_sms_detail
