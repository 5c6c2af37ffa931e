#include "providers/vonage_sms.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ids.h"
#include "base/json.h"
#include "model/address.h"
#include "providers/catalog.h"
#include "providers/http_provider.h"
#include "providers/sms_keyword.h"
#include "providers/vonage_signature.h"

namespace carillon::providers {
namespace vonage_sms_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;
using model::ReceiptKind;

constexpr std::string_view kEndpoint = "https://rest.nexmo.com";
constexpr std::size_t kInFlightDefault = 30;  // a new account may send 30 messages a second
constexpr std::int64_t kTtlMinMs = 20'000, kTtlMaxMs = 604'800'000;
constexpr Millis kPause{1'000};       // Vonage names no time; its limits are per second
constexpr std::size_t kIdsMax = 240;  // bytes of message ids kept

constexpr StatusRow kStatuses[] = {
    {"1", OutcomeKind::Throttled, "Faster than the account may send."},
    {"2", OutcomeKind::Permanent, "A parameter is missing."},
    {"3", OutcomeKind::Permanent, "A parameter is not valid."},
    {"4", OutcomeKind::Misconfigured, "Authentication failed: check api_key and api_secret."},
    {"5", OutcomeKind::Temporary, "An error inside Vonage; the message was not taken."},
    {"6", OutcomeKind::Permanent, "Vonage cannot process the message, for example for the number's prefix."},
    {"7", OutcomeKind::InvalidRecipient, "The number is barred: it takes no messages."},
    {"8", OutcomeKind::Misconfigured, "The account is suspended."},
    {"9", OutcomeKind::Misconfigured, "The account has no credit left."},
    {"10", OutcomeKind::Throttled, "Too many connections of the account."},
    {"11", OutcomeKind::Misconfigured, "The account is not enabled for HTTP."},
    {"12", OutcomeKind::Permanent, "The message is too long."},
    {"14", OutcomeKind::Misconfigured, "The signature of the request is not valid."},
    {"15", OutcomeKind::Misconfigured, "The sender is not allowed in this country: check from.", true, true},
    {"22", OutcomeKind::Permanent, "The network code is not valid."},
    {"23", OutcomeKind::Permanent, "The callback URL is not valid: check server.public_url."},
    {"29", OutcomeKind::Misconfigured, "A trial account may reach the numbers on its list only.", false,
     true},
    {"32", OutcomeKind::Misconfigured, "The account wants signed requests, or a secret alone."},
    {"33", OutcomeKind::InvalidRecipient, "The number is de-activated."},
};

constexpr LateRow kLateErrors[] = {
    {"1", ReceiptKind::Undelivered, "An unknown error of the carrier."},
    {"2", ReceiptKind::Undelivered, "The phone was off or out of reach."},
    {"3", ReceiptKind::Bounced, "The number is no longer in service."},
    {"4", ReceiptKind::Bounced, "The recipient has barred such messages."},
    {"5", ReceiptKind::Undelivered, "The number was moved to another carrier just now."},
    {"6", ReceiptKind::Undelivered, "The carrier took it for spam: check its content."},
    {"7", ReceiptKind::Undelivered, "The phone was busy."},
    {"8", ReceiptKind::Undelivered, "An error of the carrier's network."},
    {"9", ReceiptKind::Unsubscribed, "The recipient has opted out of such messages."},
    {"10", ReceiptKind::Undelivered, "The carrier refused the message: check its content and sender."},
    {"11", ReceiptKind::Undelivered, "Vonage has no route to this number."},
    {"12", ReceiptKind::Bounced, "The number cannot be reached."},
    {"13", ReceiptKind::Undelivered, "The recipient is too young for this content."},
    {"14", ReceiptKind::Bounced, "The carrier blocks the number."},
    {"15", ReceiptKind::Undelivered, "The recipient's prepaid card has no credit left."},
    {"50", ReceiptKind::Undelivered, "A rule of the carrier: entity id."},
    {"51", ReceiptKind::Undelivered, "A rule of the carrier: header, the sender id."},
    {"52", ReceiptKind::Undelivered, "A rule of the carrier: the content."},
    {"53", ReceiptKind::Undelivered, "A rule of the carrier: consent."},
    {"54", ReceiptKind::Undelivered, "A regulation was not met."},
    {"99", ReceiptKind::Undelivered, "A general error of the carrier."},
};

bool is_phone(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 15 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}
// Vonage writes numbers without the plus sign.
std::string_view without_plus(std::string_view number) noexcept {
  return number.starts_with('+') ? number.substr(1) : number;
}

// "Invalid to param", "to address is not numeric": the recipient is what is wrong.
bool is_about_recipient(std::string_view text) {
  return text.starts_with("to ") || text.contains("`to`") || text.contains(" to param") ||
         text.contains("parameter: to");
}

Outcome outcome_of(std::string_view status, std::string_view text, bool has_own_sender) {
  const auto* const row = std::ranges::find(kStatuses, status, &StatusRow::status);
  if (row == std::end(kStatuses)) {
    return Outcome::of(OutcomeKind::Permanent, 200, std::string(status), "an error not documented");
  }
  OutcomeKind kind = row->kind;
  std::string_view detail = row->text;
  if (has_own_sender && row->is_about_sender) kind = OutcomeKind::Permanent;
  if (status == "3" && is_about_recipient(text)) {
    kind = OutcomeKind::InvalidRecipient;
    detail = "The phone number is not valid.";
  }
  Outcome outcome = Outcome::of(kind, 200, std::string(status), std::string(detail));
  outcome.is_of_address = row->is_about_destination;
  return outcome;
}

Outcome read_balance(const net::HttpResponse& response, Time now) { return classify(response, false, now); }

class VonageSms final : public HttpProvider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    CARILLON_CHECK(set_endpoint(common, kEndpoint));
    return std::make_unique<VonageSms>(std::move(options), std::move(common), context);
  }
  VonageSms(Options options, CommonOptions common, const Context& context)
      : HttpProvider(std::move(common), context, "vonage", kInFlightDefault), options_(std::move(options)) {}

  Task<TestReport> test(base::Deadline deadline) override {
    net::HttpCall call = call_to("/account/get-balance");
    call.user = options_.api_key;
    call.password = options_.api_secret;
    return try_out(std::move(call), "Vonage", "Vonage accepted the credentials.", read_balance, deadline);
  }
  Task<Result<CallbackReading>> callback(const CallbackRequest& request, base::Deadline) override {
    co_return read_callback(request, options_);
  }

 private:
  [[nodiscard]] std::expected<net::HttpCall, Outcome> request_for(const Job& job) const override {
    if (const std::size_t size = count_characters(job.message->body); size > kTextMax) {
      return std::unexpected(Outcome::of(
          OutcomeKind::Permanent, 0, "12",
          fmt::format("the text is {} characters over the limit of {}", size - kTextMax, kTextMax)));
    }
    // Reports that nobody could check are not asked for.
    const bool is_signed = !options_.signature_secret.empty();
    net::HttpCall call = call_to("/sms/json");
    call.request.method = "POST";
    call.request.headers.emplace_back("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    call.request.body = form_of(job, options_, is_signed ? callback_base() : std::string());
    return call;
  }
  [[nodiscard]] Outcome understand(const Job& job, const net::HttpResponse& response) const override {
    return classify(response, !job.message->from_phone.empty(), now());
  }

  const Options options_;
};

// "2026-11-26 08:30:00", UTC; the time of the request where it is missing or ahead.
Time time_of(std::string_view stamp, Time now) {
  std::string text(stamp);
  std::ranges::replace(text, ' ', 'T');
  return std::min(parse_rfc3339(text + "Z").value_or(now), now);
}

// What was sent to one of the account's numbers.
void read_inbound(const CallbackForm& fields, Time now, CallbackReading& reading) {
  const bool has_text = !form_value(fields, "text").empty();
  const SmsKeyword keyword = read_sms_keyword(form_value(fields, has_text ? "text" : "keyword"));
  const std::string_view from = without_plus(form_value(fields, "msisdn"));
  if (keyword == SmsKeyword::None || !is_phone(from)) return;
  const bool is_stop = keyword == SmsKeyword::Stop;
  model::Receipt receipt;
  receipt.kind = is_stop ? ReceiptKind::Unsubscribed : ReceiptKind::Resubscribed;
  receipt.address = std::string("+").append(from);
  receipt.code = is_stop ? "STOP" : "START";
  receipt.detail = "The recipient wrote so.";
  receipt.provider_id = form_value(fields, "messageId");
  receipt.at = time_of(form_value(fields, "message-timestamp"), now);
  reading.receipts.push_back(std::move(receipt));
}

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  group.text("api_key", options.api_key)
      .required()
      .help("API key of the account, 8 characters.")
      .korean("계정의 API 키(8자)입니다.");
  group.secret("api_secret", options.api_secret)
      .required()
      .help("API secret of the account.")
      .korean("계정의 API 시크릿입니다.");
  group.text("from", options.from)
      .required()
      .help("Sender: a number of the account, or an alphanumeric sender id of up to 11 characters.")
      .korean("발신자: 계정의 번호 또는 11자 이하의 영숫자 발신자 ID입니다.");
  group.secret("signature_secret", options.signature_secret)
      .help("Signature secret of the account, which signs webhooks; empty: no delivery reports.")
      .korean("웹훅에 서명하는 계정의 서명 시크릿입니다. 비워 두면 수신 보고를 받지 않습니다.");
  group.choice("signature_method", options.signature_method, {"md5hash", "md5", "sha1", "sha256", "sha512"})
      .help("The account's signature method; all but md5hash are HMACs.")
      .korean("계정의 서명 방식입니다. md5hash 외에는 모두 HMAC입니다.");
}

std::span<const StatusRow> status_rows() noexcept { return kStatuses; }
std::span<const LateRow> late_rows() noexcept { return kLateErrors; }

std::string form_of(const Job& job, const Options& options, const std::string& callback) {
  const model::Message& message = *job.message;
  const std::string& from = message.from_phone.empty() ? options.from : message.from_phone;
  std::vector<std::pair<std::string, std::string>> form = {
      {"api_key", options.api_key},
      {"api_secret", std::string(options.api_secret.reveal())},
      {"from", std::string(without_plus(from))},
      {"to", std::string(without_plus(job.target.address))},
      {"text", message.body},
      // What is not in the GSM alphabet would arrive as question marks.
      {"type", model::count_segments(message.body).is_gsm7 ? "text" : "unicode"},
      {"client-ref", job.delivery_text()}};
  if (!callback.empty()) {
    form.emplace_back("status-report-req", "true");
    form.emplace_back("callback", callback);
  }
  if (job.expires_at) {
    const std::int64_t left = to_ms(*job.expires_at) - to_ms(job.now);
    form.emplace_back("ttl", std::to_string(std::clamp(left, kTtlMinMs, kTtlMaxMs)));
  }
  return net::form_encode(form);
}

Outcome classify(const net::HttpResponse& response, bool has_own_sender, Time now) {
  if (response.status != 200) {
    const OutcomeKind kind = kind_of_status(response.status);
    Outcome outcome = Outcome::of(kind, response.status, {},
                                  kind == OutcomeKind::Misconfigured
                                      ? "Authentication failed: check api_key and api_secret."
                                      : "an error not documented");
    heed_retry_after(outcome, response, now, kPause);
    return outcome;
  }
  base::JsonDocument document;
  const auto root = document.parse(response.body);
  base::JsonArray parts;
  if (!root || (*root)["messages"].get(parts) != simdjson::SUCCESS) {
    return Outcome::ambiguous("an answer without messages", response.status);
  }
  std::size_t count = 0, taken = 0;
  std::string ids;
  std::optional<Outcome> refused;  // the first
  for (const auto part : parts) {
    ++count;
    std::string_view status, id, text;
    if (part["status"].get(status) != simdjson::SUCCESS) {
      return Outcome::ambiguous("an answer without a status", response.status);
    }
    if (part["error-text"].get(text) != simdjson::SUCCESS) text = {};
    if (status != "0") {
      if (!refused) refused = outcome_of(status, text, has_own_sender);
      continue;
    }
    ++taken;
    const bool has_id = part["message-id"].get(id) == simdjson::SUCCESS;
    if (has_id && ids.size() + id.size() < kIdsMax) ids.append(ids.empty() ? "" : ",").append(id);
  }
  if (count > 0 && taken == count && !ids.empty()) return Outcome::sent(std::move(ids), response.status);
  if (refused && taken == 0) {
    heed_retry_after(*refused, response, now, kPause);
    return std::move(*refused);
  }
  if (!refused) return Outcome::ambiguous("an answer without an id", response.status);
  Outcome partly = Outcome::ambiguous(
      fmt::format("{} of {} parts were taken; the rest: {}", taken, count, refused->detail), response.status);
  partly.code = refused->code;
  partly.provider_id = std::move(ids);
  return partly;
}

Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options) {
  const auto method = parse_vonage_method(options.signature_method).value_or(VonageMethod::Sha256);
  CARILLON_TRY(const CallbackForm fields,
               read_vonage_fields(request, options.signature_secret.reveal(), method));
  CallbackReading reading;
  const std::string_view status = form_value(fields, "status");
  if (status.empty()) {
    if (form_value(fields, "msisdn").empty()) return fail(Errc::InvalidArgument, "msisdn is missing");
    read_inbound(fields, request.now, reading);
    return reading;
  }
  model::Receipt receipt;
  // Signed, unlike what stands in the URL.
  receipt.delivery = base::parse_id(base::kDeliveryPrefix, form_value(fields, "client-ref")).value_or(0);
  receipt.provider_id = form_value(fields, "messageId");
  receipt.address = std::string("+").append(without_plus(form_value(fields, "msisdn")));
  receipt.at = time_of(form_value(fields, "message-timestamp"), request.now);
  if (status == "accepted" || status == "buffered") {
    receipt.kind = ReceiptKind::Sent;
  } else if (status == "delivered") {
    receipt.kind = ReceiptKind::Delivered;
  } else if (status == "failed" || status == "rejected" || status == "expired") {
    receipt.code = form_value(fields, "err-code");
    const auto* const row = std::ranges::find(kLateErrors, receipt.code, &LateRow::code);
    const bool is_known = row != std::end(kLateErrors);
    receipt.kind = is_known ? row->kind : ReceiptKind::Undelivered;
    receipt.detail = is_known              ? row->text
                     : status == "expired" ? "The message waited longer than it was valid."
                                           : "not delivered";
  } else {
    return reading;  // unknown: the carrier does not say
  }
  reading.receipts.push_back(std::move(receipt));
  return reading;
}

}  // namespace vonage_sms_detail

extern const ProviderType vonage_sms{
    .name = "vonage_sms",
    .title = "Vonage SMS",
    .channel = model::Channel::Sms,
    .platforms = {},
    .service = {},
    .default_endpoint = vonage_sms_detail::kEndpoint,
    .batch_max = 16,
    .in_flight_default = vonage_sms_detail::kInFlightDefault,
    .has_receipts = true,
    .echoes_id = true,
    .declare = declare_as<vonage_sms_detail::Options, vonage_sms_detail::describe_options>,
    .open = open_as<vonage_sms_detail::VonageSms, vonage_sms_detail::Options,
                    vonage_sms_detail::describe_options>,
};

}  // namespace carillon::providers
