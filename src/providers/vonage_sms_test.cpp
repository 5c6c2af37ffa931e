#include "providers/vonage_sms.h"

#include <gtest/gtest.h>

#include <map>

#include "providers/fixtures_test.h"
#include "providers/vonage_signature.h"

namespace carillon::providers::vonage_sms_detail {
namespace {

using model::OutcomeKind;
using model::ReceiptKind;
using testing_only::job_of;
using testing_only::message_of;

Options account() {
  Options options;
  options.api_key = "abcd1234";
  options.api_secret = base::Secret("secret");
  options.signature_secret = base::Secret("signature");
  options.from = "Acme";
  return options;
}

std::map<std::string, std::string> form(const Job& job, const Options& options,
                                        const std::string& callback = {}) {
  std::map<std::string, std::string> out;
  for (auto& [name, value] : net::form_decode(form_of(job, options, callback)).value()) {
    EXPECT_TRUE(out.emplace(name, value).second) << name << " is there twice";
  }
  return out;
}

net::HttpResponse answer_of(std::string_view messages) {
  return {200, {}, fmt::format(R"({{"message-count":"1","messages":[{}]}})", messages)};
}

TEST(VonageSms, ReadsEveryRecordedAnswer) {
  testing_only::for_each_fixture("vonage_sms", [](auto answer, auto outcome, const std::string& file) {
    testing_only::expect_outcome(classify(testing_only::response_of(answer), false, from_ms(0)), outcome,
                                 file);
  });
}

TEST(VonageSms, ClassifiesEveryStatus) {
  const std::map<OutcomeKind, std::vector<std::string>> expected = {
      {OutcomeKind::Throttled, {"1", "10"}},
      {OutcomeKind::Misconfigured, {"4", "8", "9", "11", "14", "15", "29", "32"}},
      {OutcomeKind::Temporary, {"5"}},
      {OutcomeKind::InvalidRecipient, {"7", "33"}},
      {OutcomeKind::Permanent, {"2", "3", "6", "12", "22", "23"}},
  };
  std::size_t count = 0;
  for (const auto& [kind, statuses] : expected) {
    for (const auto& status : statuses) {
      ++count;
      const auto answer = answer_of(fmt::format(R"({{"status":"{}","error-text":"x"}})", status));
      const auto outcome = classify(answer, false, from_ms(0));
      EXPECT_EQ(outcome.kind, kind) << status;
      EXPECT_EQ(outcome.code, status);
      EXPECT_TRUE(outcome.detail.ends_with('.')) << status;
      const auto own = classify(answer, true, from_ms(0));
      EXPECT_EQ(own.kind, status == "15" ? OutcomeKind::Permanent : kind) << status;
    }
  }
  EXPECT_EQ(status_rows().size(), count);
  EXPECT_EQ(classify(answer_of(R"({"status":"77"})"), false, from_ms(0)).kind, OutcomeKind::Permanent);
}

TEST(VonageSms, TellsAWrongRecipientFromOtherWrongParameters) {
  const auto kind = [](std::string_view text) {
    return classify(answer_of(fmt::format(R"({{"status":"3","error-text":"{}"}})", text)), false, from_ms(0))
        .kind;
  };
  EXPECT_EQ(kind("to address is not numeric"), OutcomeKind::InvalidRecipient);
  EXPECT_EQ(kind("Invalid to param"), OutcomeKind::InvalidRecipient);
  EXPECT_EQ(kind("Invalid value for parameter: to"), OutcomeKind::InvalidRecipient);
  EXPECT_EQ(kind("Invalid from param"), OutcomeKind::Permanent);
  EXPECT_EQ(kind("Invalid ttl param"), OutcomeKind::Permanent);
}

TEST(VonageSms, JudgesEveryPart) {
  auto outcome = classify(answer_of(R"({"status":"0","message-id":"A1"},{"status":"0","message-id":"A2"})"),
                          false, from_ms(0));
  EXPECT_EQ(outcome.kind, OutcomeKind::Sent);
  EXPECT_EQ(outcome.provider_id, "A1,A2");
  outcome = classify(answer_of(R"({"status":"1"},{"status":"1"})"), false, from_ms(0));
  EXPECT_EQ(outcome.kind, OutcomeKind::Throttled);
  EXPECT_EQ(outcome.retry_after, Millis(1000));
  outcome = classify(answer_of(R"({"status":"0","message-id":"A1"},{"status":"1"},{"status":"1"})"), false,
                     from_ms(0));
  EXPECT_EQ(outcome.kind, OutcomeKind::Ambiguous);
  EXPECT_EQ(outcome.code, "1");
  EXPECT_EQ(outcome.detail, "1 of 3 parts were taken; the rest: Faster than the account may send.");
  for (const std::string_view odd : {"", R"({})", R"({"status":"0"})", R"({"status":0})"}) {
    EXPECT_EQ(classify(answer_of(odd), false, from_ms(0)).kind, OutcomeKind::Ambiguous) << odd;
  }
}

TEST(VonageSms, WritesTheForm) {
  Job job = job_of("+821012345678");
  job.message = message_of("", "Hello & =");
  job.expires_at = job.now + std::chrono::minutes(10);
  const auto fields = form(job, account(), "https://example.com/v1/callbacks/x/y");
  EXPECT_EQ(fields.at("api_key"), "abcd1234");
  EXPECT_EQ(fields.at("api_secret"), "secret");
  EXPECT_EQ(fields.at("to"), "821012345678");
  EXPECT_EQ(fields.at("from"), "Acme");
  EXPECT_EQ(fields.at("text"), "Hello & =");
  EXPECT_EQ(fields.at("type"), "text");
  EXPECT_EQ(fields.at("ttl"), "600000");
  EXPECT_EQ(fields.at("client-ref"), job.delivery_text());
  EXPECT_EQ(fields.at("status-report-req"), "true");
  EXPECT_EQ(fields.at("callback"), "https://example.com/v1/callbacks/x/y");
  EXPECT_FALSE(form(job, account()).contains("callback"));
}

TEST(VonageSms, SaysWhenTheTextIsNotInTheGsmAlphabet) {
  Job job = job_of("+821012345678");
  job.message = message_of("", "Grüße €");
  EXPECT_EQ(form(job, account()).at("type"), "text");
  auto message = message_of("", "안녕");
  message->from_phone = "+447700900001";
  job.message = message;
  EXPECT_EQ(form(job, account()).at("type"), "unicode");
  EXPECT_EQ(form(job, account()).at("from"), "447700900001");
}

TEST(VonageSms, KeepsTheTimeToLiveInVonagesRange) {
  Job job = job_of("+821012345678");
  job.message = message_of("", "x");
  EXPECT_FALSE(form(job, account()).contains("ttl"));
  job.expires_at = job.now - std::chrono::seconds(5);
  EXPECT_EQ(form(job, account()).at("ttl"), "20000");
  job.expires_at = job.now + std::chrono::hours(24 * 30);
  EXPECT_EQ(form(job, account()).at("ttl"), "604800000");
}

// ---- webhooks

constexpr std::int64_t kNowS = 1'790'000'000;  // 2026-09-21 14:13:20

CallbackRequest request_of(CallbackForm fields) {
  fields.emplace_back("timestamp", std::to_string(kNowS));
  fields.emplace_back("sig", vonage_signature(fields, "signature", VonageMethod::Sha256));
  CallbackRequest request;
  request.method = "POST";
  request.url = "https://example.com/v1/callbacks/vonage/main";
  request.body = net::form_encode(fields);
  request.now = from_ms(kNowS * 1000);
  return request;
}
CallbackReading reading_of(CallbackForm fields) {
  auto reading = read_callback(request_of(std::move(fields)), account());
  EXPECT_TRUE(reading) << reading.error().message;
  return reading ? *reading : CallbackReading{};
}
CallbackForm receipt_form(std::string status, std::string code = "0") {
  return {{"msisdn", "821012345678"},
          {"to", "Acme"},
          {"messageId", "A1"},
          {"client-ref", job_of("").delivery_text()},
          {"message-timestamp", "2026-09-21 14:13:00"},
          {"status", std::move(status)},
          {"err-code", std::move(code)}};
}

TEST(VonageSms, KnowsEveryErrorOfAReceipt) {
  const std::map<ReceiptKind, std::vector<std::string>> expected = {
      {ReceiptKind::Bounced, {"3", "4", "12", "14"}},
      {ReceiptKind::Unsubscribed, {"9"}},
      {ReceiptKind::Undelivered,
       {"1", "2", "5", "6", "7", "8", "10", "11", "13", "15", "50", "51", "52", "53", "54", "99"}},
  };
  std::size_t count = 0;
  for (const auto& [kind, codes] : expected) {
    for (const auto& code : codes) {
      ++count;
      const auto receipts = reading_of(receipt_form("failed", code)).receipts;
      ASSERT_EQ(receipts.size(), 1U) << code;
      EXPECT_EQ(receipts[0].kind, kind) << code;
      EXPECT_EQ(receipts[0].code, code);
      EXPECT_TRUE(receipts[0].detail.ends_with('.')) << code;
    }
  }
  EXPECT_EQ(late_rows().size(), count);
}

TEST(VonageSms, ReadsReceipts) {
  const auto delivered = reading_of(receipt_form("delivered")).receipts;
  ASSERT_EQ(delivered.size(), 1U);
  EXPECT_EQ(delivered[0].kind, ReceiptKind::Delivered);
  EXPECT_EQ(delivered[0].delivery, job_of("").delivery);
  EXPECT_EQ(delivered[0].provider_id, "A1");
  EXPECT_EQ(delivered[0].address, "+821012345678");
  EXPECT_EQ(delivered[0].at, from_ms((kNowS - 20) * 1000));
  EXPECT_EQ(reading_of(receipt_form("accepted")).receipts.at(0).kind, ReceiptKind::Sent);
  EXPECT_EQ(reading_of(receipt_form("buffered")).receipts.at(0).kind, ReceiptKind::Sent);
  EXPECT_EQ(reading_of(receipt_form("expired", "0")).receipts.at(0).kind, ReceiptKind::Undelivered);
  EXPECT_EQ(reading_of(receipt_form("rejected", "14")).receipts.at(0).kind, ReceiptKind::Bounced);
  EXPECT_TRUE(reading_of(receipt_form("unknown", "1")).receipts.empty());
  auto later = receipt_form("delivered");
  later[4].second = "2036-01-01 00:00:00";
  EXPECT_EQ(reading_of(later).receipts.at(0).at, from_ms(kNowS * 1000));
}

CallbackForm inbound_form(std::string text) {
  return {{"msisdn", "821012345678"}, {"to", "447700900001"}, {"messageId", "B1"},
          {"text", std::move(text)},  {"type", "text"},       {"message-timestamp", "2026-09-21 14:13:00"}};
}

TEST(VonageSms, TakesStopAndStart) {
  auto receipts = reading_of(inbound_form("Stop.")).receipts;
  ASSERT_EQ(receipts.size(), 1U);
  EXPECT_EQ(receipts[0].kind, ReceiptKind::Unsubscribed);
  EXPECT_EQ(receipts[0].address, "+821012345678");
  EXPECT_EQ(receipts[0].delivery, 0);
  EXPECT_EQ(receipts[0].at, from_ms((kNowS - 20) * 1000));
  EXPECT_EQ(reading_of(inbound_form("START")).receipts.at(0).kind, ReceiptKind::Resubscribed);
  EXPECT_TRUE(reading_of(inbound_form("Stop it, John, where is my order?")).receipts.empty());
  auto odd = inbound_form("STOP");
  odd[0].second = "Acme";
  EXPECT_TRUE(reading_of(odd).receipts.empty());
}

TEST(VonageSms, RefusesWhatNobodySigned) {
  EXPECT_EQ(read_callback(request_of({{"to", "x"}}), account()).error().code, Errc::InvalidArgument);
  auto request = request_of(receipt_form("delivered"));
  request.body = net::form_encode(receipt_form("delivered"));
  EXPECT_EQ(read_callback(request, account()).error().code, Errc::Unauthenticated);
  Options without = account();
  without.signature_secret = {};
  EXPECT_EQ(read_callback(request_of(receipt_form("delivered")), without).error().code,
            Errc::Unauthenticated);
}

}  // namespace
}  // namespace carillon::providers::vonage_sms_detail
