#include "providers/sendgrid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/crypto.h"
#include "providers/fixtures_test.h"
#include "providers/letter.h"

namespace carillon::providers::sendgrid_detail {
namespace {

using model::OutcomeKind;
using model::ReceiptKind;
using testing_only::job_of;
using testing_only::message_of;

// The vector of SendGrid's own libraries.
constexpr std::string_view kPublicKey =
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/"
    "7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8e"
    "NEc6wEA3F+g==";
constexpr std::string_view kSignature =
    "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
constexpr std::string_view kBody =
    R"([{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",)"
    R"("sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",)"
    R"("sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",)"
    R"("smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",)"
    R"("timestamp":1600112492}])"
    "\r\n";

std::optional<base::PublicKey> vendor_key() {
  return base::PublicKey::from_der(base::unbase64(kPublicKey).value()).value();
}

CallbackRequest signed_call() {
  CallbackRequest request;
  request.method = "POST";
  request.headers = {{"x-twilio-email-event-webhook-timestamp", "1600112502"},
                     {"x-twilio-email-event-webhook-signature", std::string(kSignature)}};
  request.body = kBody;
  request.now = from_ms(1'600'112'503'000);
  return request;
}

// A key of the test's own, for events of its own.
class Signer {
 public:
  Signer() : key_(EVP_EC_gen("P-256")) {}
  ~Signer() { EVP_PKEY_free(key_); }
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;

  [[nodiscard]] std::optional<base::PublicKey> key() const {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key_, &der);
    const std::string spki(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return base::PublicKey::from_der(spki).value();
  }
  [[nodiscard]] CallbackRequest call(std::string body, std::int64_t at = 1'790'000'000) const {
    const std::string stamp = std::to_string(at);
    const std::string data = stamp + body;
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    std::string signature(256, '\0');
    std::size_t size = signature.size();
    EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key_);
    EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                   reinterpret_cast<const unsigned char*>(data.data()), data.size());
    EVP_MD_CTX_free(context);
    signature.resize(size);
    CallbackRequest request;
    request.headers = {{"X-Twilio-Email-Event-Webhook-Timestamp", stamp},
                       {"X-Twilio-Email-Event-Webhook-Signature", base::base64(signature)}};
    request.body = std::move(body);
    request.now = from_ms(1'790'000'010'000);
    return request;
  }
  [[nodiscard]] std::vector<model::Receipt> read(const std::string& event) const {
    const auto reading = read_callback(call("[" + event + "]"), key());
    EXPECT_TRUE(reading) << reading.error().message;
    return reading ? reading->receipts : std::vector<model::Receipt>{};
  }

 private:
  EVP_PKEY* key_;
};

Options options() {
  Options o;
  o.from_email = "shop@example.com";
  o.from_name = "가게";
  return o;
}

base::JsonElement parse(base::JsonDocument& document, const std::string& json) {
  const auto root = document.parse(json);
  EXPECT_TRUE(root) << json;
  return *root;
}

TEST(SendgridProvider, ReadsEveryRecordedAnswer) {
  testing_only::for_each_fixture("sendgrid", [](auto answer, auto outcome, const std::string& file) {
    const Answer read = classify(testing_only::response_of(answer), 1, false, from_ms(0));
    testing_only::expect_outcome(read.refused.empty() ? read.outcome : read.refused[0].outcome, outcome,
                                 file);
  });
}

TEST(SendgridProvider, ClassifiesEveryStatus) {
  const std::map<OutcomeKind, std::vector<int>> expected = {
      {OutcomeKind::Permanent, {400, 406, 413, 415}}, {OutcomeKind::Misconfigured, {401, 403, 404, 405}},
      {OutcomeKind::Temporary, {408, 503}},           {OutcomeKind::Throttled, {429}},
      {OutcomeKind::Ambiguous, {500, 502, 504}},
  };
  std::size_t count = 0;
  for (const auto& [kind, statuses] : expected) {
    for (const int status : statuses) {
      ++count;
      EXPECT_EQ(classify({status, {}, ""}, 1, false, from_ms(0)).outcome.kind, kind) << status;
    }
  }
  EXPECT_EQ(status_rows().size(), count);
}

TEST(SendgridProvider, ClassifiesEveryFieldAnErrorNames) {
  const std::map<OutcomeKind, std::vector<std::string>> expected = {
      {OutcomeKind::InvalidRecipient, {"personalizations.0.to", "personalizations.0.to.0.email"}},
      {OutcomeKind::Misconfigured,
       {"from", "from.email", "asm", "asm.group_id", "ip_pool_name", "mail_settings.sandbox_mode",
        "tracking_settings.click_tracking.enable"}},
      {OutcomeKind::Permanent,
       {"personalizations.0.cc.1.email", "personalizations.0.bcc", "personalizations.0.headers",
        "personalizations.0.subject", "personalizations.0.custom_args.x", "personalizations.0",
        "personalizations", "reply_to", "subject", "content.0.value", "attachments.0.content", "template_id",
        "sections", "headers", "categories", "custom_args", "send_at", "batch_id"}},
  };
  for (const auto& [kind, fields] : expected) {
    for (const std::string& field : fields) {
      const auto answer = classify(
          {400, {}, fmt::format(R"({{"errors":[{{"message":"m","field":"{}","help":null}}]}})", field)}, 1,
          false, from_ms(0));
      const auto& outcome = answer.refused.empty() ? answer.outcome : answer.refused[0].outcome;
      EXPECT_EQ(outcome.kind, kind) << field;
      EXPECT_TRUE(std::ranges::find(field_rows(), outcome.code, &FieldRow::field) != field_rows().end())
          << field;
    }
  }
}

TEST(SendgridProvider, TellsWhomABatchWasRefusedFor) {
  const auto answer = classify({400, {}, R"({"errors":[
      {"message":"Does not contain a valid address.","field":"personalizations.2.to.0.email","help":null},
      {"message":"again","field":"personalizations.2.to.0.email","help":null},
      {"message":"m","field":"personalizations.7.headers","help":null},
      {"message":"out of range","field":"personalizations.99.to","help":null}]})"},
                               10, false, from_ms(0));
  ASSERT_EQ(answer.refused.size(), 2U);
  EXPECT_EQ(answer.refused[0].job, 2U);
  EXPECT_EQ(answer.refused[0].outcome.kind, OutcomeKind::InvalidRecipient);
  EXPECT_EQ(answer.refused[1].job, 7U);
  EXPECT_EQ(answer.refused[1].outcome.kind, OutcomeKind::Permanent);
  EXPECT_EQ(answer.outcome.kind, OutcomeKind::Permanent) << "nobody is dead because of somebody else";
}

TEST(SendgridProvider, ASenderTheRequestAskedForDoesNotPauseTheAccount) {
  const net::HttpResponse response{
      403, {}, R"({"errors":[{"message":"not a verified Sender Identity","field":"from","help":null}]})"};
  EXPECT_EQ(classify(response, 1, true, from_ms(0)).outcome.kind, OutcomeKind::Permanent);
  EXPECT_EQ(classify(response, 1, false, from_ms(0)).outcome.kind, OutcomeKind::Misconfigured);
}

TEST(SendgridProvider, WritesOneRequestForManyRecipients) {
  auto message = message_of("", "안녕");
  message->subject = "주문";
  message->html = "<body><p>x</p></body>";
  message->preheader = "first words";
  message->reply_to = "help@example.com";
  message->headers = {
      {"List-Unsubscribe", "<https://example.com/u>"}, {"From", "evil@example.com"}, {"X-Name", "이름"}};
  std::vector<Job> jobs{job_of("a@example.com"), job_of("b@example.com")};
  jobs[1].delivery += 1;
  for (Job& job : jobs) job.message = message;
  Job* const span[] = {&jobs[0], &jobs[1]};
  base::JsonDocument document;
  const auto root = parse(document, body_of(span, options(), "mail.example.com").text().value());
  const auto personalizations = root["personalizations"].get_array().value();
  ASSERT_EQ(personalizations.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto one = personalizations.at(i).value();
    EXPECT_EQ(testing_only::text_of(one["to"].at(0).value(), "email"), jobs[i].target.address);
    EXPECT_EQ(testing_only::text_of(one["custom_args"].value(), "carillon_delivery"),
              jobs[i].delivery_text());
    const auto headers = one["headers"].value();
    EXPECT_EQ(testing_only::text_of(headers, "Message-ID"), "<" + jobs[i].handle() + "@mail.example.com>");
    EXPECT_EQ(testing_only::text_of(headers, "List-Unsubscribe"), "<https://example.com/u>");
    EXPECT_THAT(testing_only::text_of(headers, "X-Name"), testing::StartsWith("=?"));
    EXPECT_EQ(testing_only::text_of(headers, "From"), "");
  }
  EXPECT_EQ(testing_only::text_of(root["from"].value(), "email"), "shop@example.com");
  EXPECT_EQ(testing_only::text_of(root["from"].value(), "name"), "가게");
  EXPECT_EQ(testing_only::text_of(root["reply_to"].value(), "email"), "help@example.com");
  EXPECT_EQ(testing_only::text_of(root, "subject"), "주문");
  EXPECT_EQ(testing_only::text_of(root["content"].at(0).value(), "type"), "text/plain");
  EXPECT_THAT(testing_only::text_of(root["content"].at(1).value(), "value"),
              testing::HasSubstr("first words</div><p>"));
  EXPECT_FALSE(bool(root["tracking_settings"]["click_tracking"]["enable"]));
  EXPECT_NE(root["mail_settings"].error(), simdjson::SUCCESS);
  EXPECT_NE(root["asm"].error(), simdjson::SUCCESS);
}

TEST(SendgridProvider, WritesCopiesOnceAndSettings) {
  auto message = message_of("Title", "x");
  message->cc = {"A@example.com", "c@example.com", "c@example.com"};
  message->bcc = {"c@example.com"};
  message->from_email = "other@example.com";
  Job job = job_of("a@example.com");
  job.message = message;
  Options o = options();
  o.sandbox_mode = o.track_clicks = true;
  o.unsubscribe_group = 7;
  o.ip_pool = "fast";
  Job* const span[] = {&job};
  base::JsonDocument document;
  const auto root = parse(document, body_of(span, o, "").text().value());
  const auto one = root["personalizations"].at(0).value();
  EXPECT_EQ(one["cc"].get_array().value().size(), 1U);
  EXPECT_NE(one["bcc"].error(), simdjson::SUCCESS);
  EXPECT_EQ(testing_only::text_of(one["custom_args"].value(), "carillon_to"),
            recipient_mark("a@example.com"));
  EXPECT_EQ(testing_only::text_of(one["headers"].value(), "Message-ID"),
            "<" + job.handle() + "@example.com>");
  EXPECT_EQ(testing_only::text_of(root["from"].value(), "email"), "other@example.com");
  EXPECT_NE(root["from"]["name"].error(), simdjson::SUCCESS)
      << "not the integration's name for another's address";
  EXPECT_TRUE(bool(root["mail_settings"]["sandbox_mode"]["enable"]));
  EXPECT_TRUE(bool(root["tracking_settings"]["click_tracking"]["enable"]));
  EXPECT_EQ(std::int64_t(root["asm"]["group_id"]), 7);
  EXPECT_EQ(testing_only::text_of(root, "ip_pool_name"), "fast");
}

TEST(SendgridCallback, TakesTheVendorsVector) {
  const auto reading = read_callback(signed_call(), vendor_key());
  ASSERT_TRUE(reading) << reading.error().message;
  ASSERT_EQ(reading->receipts.size(), 1U);
  const model::Receipt& receipt = reading->receipts[0];
  EXPECT_EQ(receipt.kind, ReceiptKind::Bounced);
  EXPECT_EQ(receipt.delivery, 0);
  EXPECT_EQ(receipt.address, "hello@world.com");
  EXPECT_EQ(receipt.detail, "dropped: Bounced Address");
  EXPECT_EQ(receipt.provider_id, "LRzXl_NHStOGhQ4kofSm_A");
  EXPECT_EQ(receipt.at, from_ms(1'600'112'492'000));
}

TEST(SendgridCallback, RefusesForgeriesReplaysAndWhatHasNoKey) {
  const auto code = [](const CallbackRequest& request, const std::optional<base::PublicKey>& key) {
    const auto reading = read_callback(request, key);
    return reading ? Errc::Internal : reading.error().code;
  };
  EXPECT_EQ(code(signed_call(), std::nullopt), Errc::Unauthenticated);
  EXPECT_EQ(code(signed_call(), Signer().key()), Errc::Unauthenticated);
  auto changed = signed_call();
  changed.body.pop_back();
  EXPECT_EQ(code(changed, vendor_key()), Errc::Unauthenticated);
  auto other_time = signed_call();
  other_time.headers[0].second = "1600112503";
  EXPECT_EQ(code(other_time, vendor_key()), Errc::Unauthenticated);
  auto unsigned_call = signed_call();
  unsigned_call.headers.clear();
  EXPECT_EQ(code(unsigned_call, vendor_key()), Errc::Unauthenticated);
  auto late = signed_call();
  late.now += std::chrono::hours(26);
  EXPECT_EQ(code(late, vendor_key()), Errc::Unauthenticated);
  auto early = signed_call();
  early.now -= std::chrono::minutes(10);
  EXPECT_EQ(code(early, vendor_key()), Errc::Unauthenticated);
  const Signer signer;
  EXPECT_EQ(code(signer.call("{}"), signer.key()), Errc::InvalidArgument);
  EXPECT_EQ(code(signer.call("not JSON"), signer.key()), Errc::InvalidArgument);
}

TEST(SendgridCallback, ReadsEveryKindOfEvent) {
  const Signer signer;
  const std::map<std::string, std::optional<ReceiptKind>> expected = {
      {R"("event":"processed")", ReceiptKind::Sent},
      {R"("event":"deferred","response":"400")", std::nullopt},
      {R"("event":"delivered")", ReceiptKind::Delivered},
      {R"("event":"bounce","type":"bounce","status":"5.1.1")", ReceiptKind::Bounced},
      {R"("event":"bounce","type":"blocked","status":"5.7.1")", ReceiptKind::Undelivered},
      {R"("event":"dropped","reason":"Bounced Address")", ReceiptKind::Bounced},
      {R"("event":"dropped","reason":"Invalid")", ReceiptKind::Bounced},
      {R"("event":"dropped","reason":"Unsubscribed Address")", ReceiptKind::Unsubscribed},
      {R"("event":"dropped","reason":"Spam Reporting Address")", ReceiptKind::Complained},
      {R"("event":"dropped","reason":"Invalid SMTPAPI header")", ReceiptKind::Undelivered},
      {R"x("event":"dropped","reason":"Spam Content (if Spam Checker app is enabled)")x",
       ReceiptKind::Undelivered},
      {R"("event":"dropped","reason":"Recipient List over Package Quota")", ReceiptKind::Undelivered},
      {R"("event":"dropped","reason":"something new")", ReceiptKind::Undelivered},
      {R"("event":"open")", ReceiptKind::Opened},
      {R"("event":"open","sg_machine_open":true)", std::nullopt},
      {R"("event":"click","url":"https://example.com")", ReceiptKind::Clicked},
      {R"("event":"spamreport")", ReceiptKind::Complained},
      {R"("event":"unsubscribe")", ReceiptKind::Unsubscribed},
      {R"("event":"group_unsubscribe","asm_group_id":1)", ReceiptKind::Unsubscribed},
      {R"("event":"group_resubscribe","asm_group_id":1)", ReceiptKind::Resubscribed},
      {R"("event":"something_new")", std::nullopt},
  };
  const Job job = job_of("");
  for (const auto& [event, kind] : expected) {
    const auto receipts = signer.read(
        fmt::format(R"({{"email":"a@example.com","timestamp":1789999990,"carillon_delivery":"{}",)"
                    R"("sg_message_id":"id.1.2",{}}})",
                    job.delivery_text(), event));
    ASSERT_EQ(receipts.size(), kind ? 1U : 0U) << event;
    if (!kind) continue;
    EXPECT_EQ(receipts[0].kind, *kind) << event;
    EXPECT_EQ(receipts[0].delivery, job.delivery);
    const bool is_about_address = *kind == ReceiptKind::Bounced || *kind == ReceiptKind::Complained ||
                                  *kind == ReceiptKind::Unsubscribed || *kind == ReceiptKind::Resubscribed;
    EXPECT_EQ(receipts[0].address, is_about_address ? "a@example.com" : "") << event;
    EXPECT_EQ(receipts[0].provider_id, "id");
    EXPECT_FALSE(receipts[0].code.empty());
  }
  EXPECT_EQ(event_rows().size(), expected.size() - 2) << "a row without a line above";
}

TEST(SendgridCallback, TellsTheRecipientFromCopies) {
  const Signer signer;
  const Job job = job_of("ann@example.com");
  const auto event = [&](const std::string& email, const std::string& kind) {
    return fmt::format(
        R"({{"email":"{}","event":"{}","type":"bounce","carillon_delivery":"{}","carillon_to":"{}"}})", email,
        kind, job.delivery_text(), recipient_mark("ann@example.com"));
  };
  EXPECT_EQ(signer.read(event("Ann@example.com", "bounce")).at(0).delivery, job.delivery);
  EXPECT_EQ(signer.read(event("copy@example.com", "bounce")).at(0).delivery, 0);
  EXPECT_EQ(signer.read(event("copy@example.com", "bounce")).at(0).address, "copy@example.com");
  EXPECT_TRUE(signer.read(event("copy@example.com", "delivered")).empty());
}

TEST(SendgridCallback, KeepsOfOtherPeoplesMailOnlyWhatIsAboutAddresses) {
  const Signer signer;
  EXPECT_TRUE(signer.read(R"({"email":"a@example.com","event":"delivered"})").empty());
  EXPECT_TRUE(signer.read(R"({"email":"not an address","event":"spamreport"})").empty());
  EXPECT_TRUE(signer.read(R"({"event":"spamreport"})").empty());
  const auto kept =
      signer.read(R"({"email":"Ann@Example.com","event":"spamreport","timestamp":99999999999})");
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].address, "ann@example.com");
  EXPECT_EQ(kept[0].at, from_ms(1'790'000'010'000)) << "not later than now";
}

}  // namespace
}  // namespace carillon::providers::sendgrid_detail
