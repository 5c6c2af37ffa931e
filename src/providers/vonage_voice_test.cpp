#include "providers/vonage_voice.h"

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "providers/fixtures_test.h"

namespace carillon::providers::vonage_voice_detail {
namespace {

using model::OutcomeKind;
using model::ReceiptKind;
using testing_only::job_of;
using testing_only::message_of;

const std::string kApplication = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab";
constexpr std::int64_t kNowS = 1'790'000'000;  // 2026-09-21T14:13:20Z

Options account() {
  Options options;
  options.application_id = kApplication;
  options.from = "+447700900001";
  options.signature_secret = base::Secret("signature");
  return options;
}

TEST(VonageVoice, ReadsEveryRecordedAnswer) {
  testing_only::for_each_fixture("vonage_voice", [](auto answer, auto outcome, const std::string& file) {
    testing_only::expect_outcome(classify(testing_only::response_of(answer), false, from_ms(0)), outcome,
                                 file);
  });
}

TEST(VonageVoice, ClassifiesEveryStatus) {
  const std::pair<int, OutcomeKind> expected[] = {
      {400, OutcomeKind::Permanent},     {401, OutcomeKind::Misconfigured}, {402, OutcomeKind::Misconfigured},
      {403, OutcomeKind::Misconfigured}, {404, OutcomeKind::Misconfigured}, {408, OutcomeKind::Temporary},
      {413, OutcomeKind::Permanent},     {422, OutcomeKind::Permanent},     {429, OutcomeKind::Throttled},
      {500, OutcomeKind::Ambiguous},     {502, OutcomeKind::Ambiguous},     {503, OutcomeKind::Temporary},
      {504, OutcomeKind::Ambiguous}};
  for (const auto& [status, kind] : expected) {
    EXPECT_EQ(classify({status, {}, "{}"}, false, from_ms(0)).kind, kind) << status;
  }
  const net::HttpResponse sender{400, {}, R"({"invalid_parameters":[{"name":"from.number"}]})"};
  EXPECT_EQ(classify(sender, false, from_ms(0)).kind, OutcomeKind::Misconfigured);
  EXPECT_EQ(classify(sender, true, from_ms(0)).kind, OutcomeKind::Permanent);
}

TEST(VonageVoice, WritesTheCall) {
  Job job = job_of("+821012345678");
  auto message = message_of("", "Hello \"you\"");
  message->repeat = 2;
  message->language = "en-GB";
  job.message = message;
  EXPECT_EQ(
      body_of(job, account(), ""),
      R"({"to":[{"type":"phone","number":"821012345678"}],"from":{"type":"phone","number":"447700900001"},)"
      R"("ncco":[{"action":"talk","text":"Hello \"you\"","language":"en-GB","style":0,"loop":2}],)"
      R"("ringing_timer":60})");
  message->voice = "3";
  message->language.clear();
  message->locale = "ko";
  message->from_phone = "+447700900002";
  Options options = account();
  options.premium = true;
  options.machine_detection = "hangup";
  options.ring_timeout = std::chrono::seconds(20);
  EXPECT_EQ(
      body_of(job, options, "https://example.com/cb"),
      R"({"to":[{"type":"phone","number":"821012345678"}],"from":{"type":"phone","number":"447700900002"},)"
      R"("ncco":[{"action":"talk","text":"Hello \"you\"","language":"ko-KR","style":3,)"
      R"("premium":true,"loop":2}],)"
      R"("event_url":["https://example.com/cb"],"event_method":"POST","machine_detection":"hangup",)"
      R"("ringing_timer":20})");
  options.style = 5;
  message->voice = "Polly.Joanna";  // a name is another vendor's
  EXPECT_TRUE(body_of(job, options, "").contains(R"("style":5)"));
}

TEST(VonageVoice, MakesATokenOfTheApplication) {
  Options options = account();
  options.private_key = base::Secret(testing_only::make_key("RSA", "2048"));
  const auto token = token_of(options, "unique", from_ms(kNowS * 1000));
  ASSERT_TRUE(token);
  const std::size_t first = token->find('.'), second = token->rfind('.');
  EXPECT_EQ(base::unbase64(std::string_view(*token).substr(0, first)).value_or(""),
            R"({"alg":"RS256","typ":"JWT"})");
  EXPECT_EQ(base::unbase64(std::string_view(*token).substr(first + 1, second - first - 1)).value_or(""),
            R"({"application_id":"aaaaaaaa-bbbb-cccc-dddd-0123456789ab","iat":1790000000,"exp":1790000900,)"
            R"("jti":"unique"})");
  options.private_key = base::Secret("no key");
  EXPECT_EQ(token_of(options, "x", from_ms(0)).error().code, Errc::InvalidArgument);
}

// ---- webhooks

CallbackRequest request_of(std::string body) {
  const std::string claims =
      fmt::format(R"({{"iat":{},"jti":"1","iss":"Vonage","payload_hash":"{}","application_id":"{}"}})", kNowS,
                  base::hex(base::sha256(body)), kApplication);
  const std::string input = base::base64url(R"({"alg":"HS256"})") + "." + base::base64url(claims);
  CallbackRequest request;
  request.method = "POST";
  request.url = callback_url("https://example.com/v1/callbacks/vonage/calls", 0x0123456789abcdef);
  request.headers = {
      {"Authorization", "Bearer " + input + "." + base::base64url(base::hmac_sha256("signature", input))}};
  request.body = std::move(body);
  request.now = from_ms(kNowS * 1000);
  return request;
}
CallbackReading reading_of(std::string_view status, std::string_view detail = {},
                           const std::string& machine_detection = "off") {
  Options options = account();
  options.machine_detection = machine_detection;
  base::JsonWriter out;
  out.object()
      .field("uuid", "U1")
      .field("to", "821012345678")
      .field("status", status)
      .field_if("detail", std::string(detail));
  out.field("timestamp", "2026-09-21T14:13:00.000Z").end_object();
  auto reading = read_callback(request_of(out.str()), options);
  EXPECT_TRUE(reading) << reading.error().message;
  return reading ? *reading : CallbackReading{};
}

TEST(VonageVoice, ReadsEveryEventThatSaysHowItEnded) {
  const struct {
    std::string_view status, detail;
    ReceiptKind kind;
  } expected[] = {{"started", "", ReceiptKind::Sent},
                  {"completed", "", ReceiptKind::Delivered},
                  {"busy", "", ReceiptKind::Undelivered},
                  {"unanswered", "", ReceiptKind::Undelivered},
                  {"timeout", "", ReceiptKind::Undelivered},
                  {"cancelled", "", ReceiptKind::Undelivered},
                  {"rejected", "invalid_number", ReceiptKind::Bounced},
                  {"rejected", "restricted", ReceiptKind::Undelivered},
                  {"rejected", "declined", ReceiptKind::Undelivered},
                  {"rejected", "", ReceiptKind::Undelivered},
                  {"failed", "number_out_of_service", ReceiptKind::Bounced},
                  {"failed", "cannot_route", ReceiptKind::Undelivered},
                  {"failed", "internal_error", ReceiptKind::Undelivered},
                  {"failed", "", ReceiptKind::Undelivered}};
  EXPECT_EQ(event_rows().size(), std::size(expected));
  for (const auto& [status, detail, kind] : expected) {
    const auto receipts = reading_of(status, detail).receipts;
    ASSERT_EQ(receipts.size(), 1U) << status;
    EXPECT_EQ(receipts[0].kind, kind) << status << " " << detail;
    EXPECT_EQ(receipts[0].delivery, 0x0123456789abcdef);
    EXPECT_EQ(receipts[0].provider_id, "U1");
    EXPECT_EQ(receipts[0].address, "+821012345678");
    EXPECT_EQ(receipts[0].at, from_ms((kNowS - 20) * 1000));
  }
  EXPECT_EQ(reading_of("unanswered", "timeout").receipts.at(0).code, "unanswered:timeout");
  EXPECT_EQ(reading_of("busy").receipts.at(0).code, "busy");
  for (const auto* const status : {"ringing", "answered", "human", "machine", "disconnected", "new"}) {
    EXPECT_TRUE(reading_of(status).receipts.empty()) << status;
  }
}

TEST(VonageVoice, WithHangupItCountsWhoAnswered) {
  EXPECT_EQ(reading_of("human", "", "hangup").receipts.at(0).kind, ReceiptKind::Delivered);
  EXPECT_EQ(reading_of("machine", "", "hangup").receipts.at(0).kind, ReceiptKind::Undelivered);
  EXPECT_TRUE(reading_of("completed", "", "hangup").receipts.empty());
  EXPECT_EQ(reading_of("busy", "", "hangup").receipts.at(0).kind, ReceiptKind::Undelivered);
  EXPECT_EQ(reading_of("completed", "", "continue").receipts.at(0).kind, ReceiptKind::Delivered);
  EXPECT_TRUE(reading_of("human", "", "continue").receipts.empty());
}

TEST(VonageVoice, RefusesWhatNobodySigned) {
  auto request = request_of(R"({"status":"completed","uuid":"U1"})");
  EXPECT_TRUE(read_callback(request, account()));
  auto changed = request;
  changed.body = R"({"status":"busy","uuid":"U1"})";
  EXPECT_EQ(read_callback(changed, account()).error().code, Errc::Unauthenticated);
  request.headers.clear();
  EXPECT_EQ(read_callback(request, account()).error().code, Errc::Unauthenticated);
  EXPECT_EQ(read_callback(request_of("[]"), account()).error().code, Errc::InvalidArgument);
}

}  // namespace
}  // namespace carillon::providers::vonage_voice_detail
