#include "providers/twilio_voice.h"

#include <gtest/gtest.h>

#include <map>

#include "providers/fixtures_test.h"
#include "providers/twilio_callback.h"

namespace carillon::providers::twilio_voice_detail {
namespace {

using model::OutcomeKind;
using model::ReceiptKind;
using testing_only::job_of;
using testing_only::message_of;

CallbackForm form(const Job& job, const Options& options, const std::string& callback = {}) {
  return net::form_decode(form_of(job, options, twiml_of(*job.message, options), callback)).value();
}

TEST(TwilioVoice, ReadsEveryRecordedAnswer) {
  testing_only::for_each_fixture("twilio_voice", [](auto answer, auto outcome, const std::string& file) {
    testing_only::expect_outcome(classify(testing_only::response_of(answer), false, from_ms(0)), outcome,
                                 file);
  });
}

OutcomeKind kind_of(int code, bool has_own_sender = false) {
  const net::HttpResponse response{400, {}, fmt::format(R"({{"code":{},"message":"m","status":400}})", code)};
  const auto outcome = classify(response, has_own_sender, from_ms(0));
  EXPECT_EQ(outcome.code, std::to_string(code));
  EXPECT_TRUE(outcome.detail.ends_with('.')) << code;
  return outcome.kind;
}

TEST(TwilioVoice, ClassifiesEveryCodeOfTheDictionary) {
  const std::map<OutcomeKind, std::vector<int>> expected = {
      {OutcomeKind::Throttled, {10004, 20429}},
      {OutcomeKind::Misconfigured,
       {10001, 10002, 10005, 13225, 13227, 20003, 20005, 20006, 20008, 20010, 20403, 20404, 21203, 21210,
        21212, 21213, 21215, 21216, 21219}},
      {OutcomeKind::Ambiguous, {20500}},
      {OutcomeKind::Temporary, {20503}},
      {OutcomeKind::InvalidRecipient, {13224, 21202, 21211, 21214, 21217}},
      {OutcomeKind::Permanent, {20001, 20422, 21201, 21205, 21206, 21207, 21208, 21209, 21218, 21234, 21263}},
  };
  std::size_t count = 0;
  for (const auto& [kind, codes] : expected) {
    count += codes.size();
    for (const int code : codes) EXPECT_EQ(kind_of(code), kind) << code;
  }
  EXPECT_EQ(error_rows().size() + twilio_account_errors().size(), count);
  EXPECT_EQ(kind_of(21210, true), OutcomeKind::Permanent);
  EXPECT_EQ(kind_of(21212, true), OutcomeKind::Permanent);
}

TEST(TwilioVoice, SaysTheTextInTheLanguageAndVoiceOfTheMessage) {
  auto message = message_of("", "Tom & <b>Jerry</b> \"now\"");
  EXPECT_EQ(twiml_of(*message, {}), R"(<Response><Say language="en-US">)"
                                    R"(Tom &amp; &lt;b&gt;Jerry&lt;/b&gt; &quot;now&quot;</Say></Response>)");
  message->body = "안녕";
  message->locale = "ko";
  message->voice = "Google.ko-KR-A";
  message->repeat = 3;
  EXPECT_EQ(twiml_of(*message, {}),
            R"(<Response><Say voice="Google.ko-KR-A" language="ko-KR" loop="3">안녕</Say></Response>)");
  Options options;
  options.voice = "Polly.Amy";
  message->voice = "2";  // a number is another vendor's
  message->language = "en-GB";
  EXPECT_TRUE(twiml_of(*message, options).contains(R"(voice="Polly.Amy" language="en-GB")"));
}

TEST(TwilioVoice, CannotBeTalkedIntoOtherTwiml) {
  auto message = message_of("", "</Say><Dial>+1900</Dial>");
  message->voice = "\"><Hangup/>";
  const std::string twiml = twiml_of(*message, {});
  EXPECT_FALSE(twiml.contains("<Dial>")) << twiml;
  EXPECT_FALSE(twiml.contains("<Hangup/>")) << twiml;
}

TEST(TwilioVoice, WritesTheForm) {
  Job job = job_of("+821012345678");
  job.message = message_of("", "Hello");
  Options options;
  options.from = "+15005550006";
  const auto plain = form(job, options);
  EXPECT_EQ(form_value(plain, "To"), "+821012345678");
  EXPECT_EQ(form_value(plain, "From"), "+15005550006");
  EXPECT_EQ(form_value(plain, "Timeout"), "60");
  EXPECT_EQ(form_value(plain, "MachineDetection"), "");
  EXPECT_EQ(form_value(plain, "StatusCallback"), "");
  options.machine_detection = "message_end";
  options.ring_timeout = std::chrono::seconds(25);
  const auto told = form(job, options, "https://example.com/v1/callbacks/x/y");
  EXPECT_EQ(form_value(told, "Timeout"), "25");
  EXPECT_EQ(form_value(told, "MachineDetection"), "DetectMessageEnd");
  EXPECT_EQ(form_value(told, "StatusCallback"),
            "https://example.com/v1/callbacks/x/y?d=" + job.delivery_text());
  EXPECT_EQ(
      std::ranges::count(told, std::string_view("StatusCallbackEvent"), &CallbackForm::value_type::first), 2);
  options.machine_detection = "detect";
  EXPECT_EQ(form_value(form(job, options), "MachineDetection"), "Enable");
  auto message = message_of("", "Hello");
  message->from_phone = "+15005550007";
  job.message = message;
  EXPECT_EQ(form_value(form(job, options), "From"), "+15005550007");
}

// ---- callbacks

CallbackReading reading_of(const CallbackForm& fields) {
  Options options;
  options.account.auth_token = base::Secret("12345");
  CallbackRequest request;
  request.method = "POST";
  request.url = callback_url("https://example.com/v1/callbacks/twilio/calls", 0x0123456789abcdef);
  request.headers = {{"X-Twilio-Signature", twilio_signature("12345", request.url, fields)}};
  request.body = net::form_encode(fields);
  request.now = from_ms(1'790'000'000'000);
  auto reading = read_callback(request, options);
  EXPECT_TRUE(reading) << reading.error().message;
  request.headers.clear();
  EXPECT_EQ(read_callback(request, options).error().code, Errc::Unauthenticated);
  return reading ? *reading : CallbackReading{};
}
CallbackForm call_form(std::string status, std::string answered_by = {}) {
  CallbackForm fields = {{"CallSid", "CA1"}, {"CallStatus", std::move(status)}};
  if (!answered_by.empty()) fields.emplace_back("AnsweredBy", std::move(answered_by));
  return fields;
}

TEST(TwilioVoice, ReadsHowACallEnded) {
  const std::pair<std::string, ReceiptKind> expected[] = {
      {"initiated", ReceiptKind::Sent},     {"completed", ReceiptKind::Delivered},
      {"busy", ReceiptKind::Undelivered},   {"no-answer", ReceiptKind::Undelivered},
      {"failed", ReceiptKind::Undelivered}, {"canceled", ReceiptKind::Undelivered},
  };
  for (const auto& [status, kind] : expected) {
    const auto receipts = reading_of(call_form(status)).receipts;
    ASSERT_EQ(receipts.size(), 1U) << status;
    EXPECT_EQ(receipts[0].kind, kind) << status;
    EXPECT_EQ(receipts[0].delivery, 0x0123456789abcdef);
    EXPECT_EQ(receipts[0].provider_id, "CA1");
    EXPECT_EQ(receipts[0].code, kind == ReceiptKind::Undelivered ? status : "");
  }
  for (const auto* const status : {"queued", "ringing", "in-progress"}) {
    EXPECT_TRUE(reading_of(call_form(status)).receipts.empty()) << status;
  }
}

TEST(TwilioVoice, SaysWhenAMachineAnswered) {
  const auto machine = reading_of(call_form("completed", "machine_end_beep")).receipts.at(0);
  EXPECT_EQ(machine.kind, ReceiptKind::Delivered);
  EXPECT_EQ(machine.code, "machine_end_beep");
  EXPECT_EQ(machine.detail, "A machine answered.");
  EXPECT_EQ(reading_of(call_form("completed", "human")).receipts.at(0).code, "");
  EXPECT_EQ(reading_of(call_form("completed", "fax")).receipts.at(0).kind, ReceiptKind::Undelivered);
}

}  // namespace
}  // namespace carillon::providers::twilio_voice_detail
