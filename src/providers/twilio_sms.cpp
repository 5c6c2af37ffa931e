#include "providers/twilio_sms.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "providers/catalog.h"
#include "providers/sms_keyword.h"
#include "providers/twilio_callback.h"

namespace carillon::providers {
namespace twilio_sms_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;
using model::ReceiptKind;

constexpr std::size_t kInFlightDefault = 50;
constexpr std::int64_t kValidityMaxS = 36'000;  // Twilio's queue keeps no message longer

constexpr std::string_view kOptedOut = "21610";

constexpr TwilioError kErrors[] = {
    {14107, OutcomeKind::Throttled, "Too many messages between the same two numbers."},
    {21211, OutcomeKind::InvalidRecipient, "The phone number is not valid."},
    {21212, OutcomeKind::Misconfigured, "The sender number is not valid.", true},
    {21214, OutcomeKind::InvalidRecipient, "The phone number cannot be reached."},
    {21217, OutcomeKind::InvalidRecipient, "The phone number does not appear to be valid."},
    {21219, OutcomeKind::Misconfigured, "A trial account may reach verified numbers only.", false, true},
    {21408, OutcomeKind::Misconfigured, "Messages to this region are not enabled for the account.", false,
     true},
    {21601, OutcomeKind::Misconfigured, "The sender number cannot send text messages.", true},
    {21602, OutcomeKind::Permanent, "The message has no body."},
    {21603, OutcomeKind::Misconfigured, "A sender number is required: set from or messaging_service_sid."},
    {21604, OutcomeKind::Permanent, "The message has no recipient."},
    {21605, OutcomeKind::Permanent, "The body is too long."},
    {21606, OutcomeKind::Misconfigured,
     "The sender number is not the account's or cannot send text messages to this destination.", true},
    {21607, OutcomeKind::Misconfigured, "A trial account must send from its own number.", true},
    {21608, OutcomeKind::Misconfigured, "A trial account may reach verified numbers only.", false, true},
    {21609, OutcomeKind::Permanent, "The status callback is not a valid URL: check server.public_url."},
    {21610, OutcomeKind::InvalidRecipient, "The recipient has unsubscribed (STOP)."},
    {21611, OutcomeKind::Throttled, "The sender's queue is full."},
    // Often only this sender cannot: another may reach the number.
    {21612, OutcomeKind::Permanent, "The recipient cannot be reached from this sender."},
    {21614, OutcomeKind::InvalidRecipient, "Not a mobile number."},
    {21617, OutcomeKind::Permanent, "The body exceeds 1600 characters."},
    {21618, OutcomeKind::Permanent, "The content is filtered by all carriers."},
    {21619, OutcomeKind::Permanent, "A body, media or content template is required."},
    {21620, OutcomeKind::Permanent, "A media URL is not valid."},
    {21621, OutcomeKind::Permanent, "The sender cannot send pictures (MMS): set mms to false."},
    {21622, OutcomeKind::Permanent, "The account cannot send pictures (MMS): set mms to false."},
    {21623, OutcomeKind::Permanent, "Too many media files."},
    {21624, OutcomeKind::Permanent, "The validity period is not valid."},
    {21654, OutcomeKind::Permanent, "The content template does not exist."},
    {21655, OutcomeKind::Permanent, "The content template's id is not valid."},
    {21656, OutcomeKind::Permanent, "The content template's variables are not valid."},
    {21657, OutcomeKind::Misconfigured, "The alphanumeric sender id is not valid.", true},
    {21658, OutcomeKind::Permanent, "A parameter is too long."},
    {21659, OutcomeKind::Misconfigured, "The sender is not a number of the account.", true},
    {21701, OutcomeKind::Misconfigured, "The messaging service does not exist."},
    {21702, OutcomeKind::Misconfigured, "The messaging service is not available."},
    {21703, OutcomeKind::Misconfigured, "The messaging service has no sender."},
    {21704, OutcomeKind::Misconfigured, "The messaging service has no sender for this."},
    {21705, OutcomeKind::Misconfigured, "The messaging service's id is not valid."},
};

constexpr LateRow kLateErrors[] = {
    {21610, ReceiptKind::Unsubscribed, "The recipient has unsubscribed (STOP)."},
    {21614, ReceiptKind::Bounced, "Not a mobile number."},
    {30001, ReceiptKind::Undelivered, "Too many messages waited for the sender."},
    {30002, ReceiptKind::Undelivered, "The account was suspended while the message waited."},
    {30003, ReceiptKind::Undelivered, "The handset could not be reached: off, or without signal."},
    {30004, ReceiptKind::Bounced, "The recipient or the carrier blocks the account's messages."},
    {30005, ReceiptKind::Bounced, "The handset is unknown or no longer in service."},
    {30006, ReceiptKind::Bounced, "A landline, or a carrier that cannot be reached."},
    {30007, ReceiptKind::Undelivered, "Twilio or the carrier filtered the message: check its content."},
    {30008, ReceiptKind::Undelivered, "An unknown error of the carrier."},
    {30010, ReceiptKind::Undelivered, "The message costs more than the price allowed for it."},
    {30011, ReceiptKind::Undelivered, "The recipient's phone takes no pictures (MMS)."},
    {30017, ReceiptKind::Undelivered, "The carrier's network is congested."},
    {30018, ReceiptKind::Undelivered, "The carrier wants the sender id registered first."},
    {30019, ReceiptKind::Undelivered, "The picture is larger than the carrier allows."},
    {30022, ReceiptKind::Undelivered, "Faster than the carrier allows (US A2P 10DLC)."},
    {30023, ReceiptKind::Undelivered, "The brand's messages for today are used up (US A2P 10DLC)."},
    {30024, ReceiptKind::Undelivered, "The numeric sender id is not provisioned at the carrier."},
    {30027, ReceiptKind::Undelivered, "The messages for today to this carrier are used up (US A2P 10DLC)."},
    {30032, ReceiptKind::Undelivered, "The toll-free sender number is not verified."},
    {30033, ReceiptKind::Undelivered, "The campaign is suspended (US A2P 10DLC)."},
    {30034, ReceiptKind::Undelivered, "The sender number is not registered (US A2P 10DLC)."},
    {30035, ReceiptKind::Undelivered, "The sender number is still being set up (US A2P 10DLC)."},
    {30036, ReceiptKind::Undelivered, "The message waited longer than it was valid."},
    {30410, ReceiptKind::Undelivered, "The carrier did not answer in time; Twilio sends it once only."},
    {30450, ReceiptKind::Undelivered,
     "Messages to this destination are blocked for now (SMS pumping guard)."},
    {63001, ReceiptKind::Undelivered, "The channel refused Twilio's credentials."},
    {63003, ReceiptKind::Bounced, "The channel does not know the recipient."},
    {63007, ReceiptKind::Undelivered, "The account has no such sender on this channel."},
    {63008, ReceiptKind::Undelivered, "The channel is misconfigured at Twilio."},
    {63009, ReceiptKind::Undelivered, "An error inside the channel."},
    {63010, ReceiptKind::Undelivered, "An error inside Twilio."},
    {63012, ReceiptKind::Undelivered, "An error inside the channel."},
    {63016, ReceiptKind::Undelivered, "Outside the 24 hours in which the channel allows free text."},
    {63017, ReceiptKind::Undelivered, "Faster than the channel allows."},
    {63018, ReceiptKind::Undelivered, "Faster than the channel allows."},
    {63020, ReceiptKind::Undelivered, "The channel's business account refused it."},
    {63024, ReceiptKind::Bounced, "The recipient is not valid on this channel."},
    {63033, ReceiptKind::Bounced, "The channel blocks messages to this recipient."},
    {63038, ReceiptKind::Undelivered, "The account's messages for today are used up."},
};

class TwilioSms final : public TwilioProvider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    if (options.from.empty() && options.messaging_service_sid.empty()) {
      return fail(Errc::InvalidArgument, "from is missing: set it, or messaging_service_sid");
    }
    CARILLON_CHECK(set_endpoint(common, kTwilioEndpoint));
    return std::make_unique<TwilioSms>(std::move(options), std::move(common), context);
  }
  TwilioSms(Options options, CommonOptions common, const Context& context)
      : TwilioProvider(options.account, "Messages", std::move(common), context, kInFlightDefault),
        options_(std::move(options)) {}

  Task<Result<CallbackReading>> callback(const CallbackRequest& request, base::Deadline) override {
    co_return read_callback(request, options_);
  }

 private:
  [[nodiscard]] std::expected<net::HttpCall, Outcome> request_for(const Job& job) const override {
    if (const std::size_t size = count_characters(job.message->body); size > kBodyMax) {
      return std::unexpected(Outcome::of(
          OutcomeKind::Permanent, 0, "21617",
          fmt::format("the text is {} characters over the limit of {}", size - kBodyMax, kBodyMax)));
    }
    return post(form_of(job, options_, callback_base()));
  }
  [[nodiscard]] Outcome understand(const Job& job, const net::HttpResponse& response) const override {
    return classify(response, !job.message->from_phone.empty(), now());
  }

  const Options options_;
};

// What was sent to the account's own number. Twilio wants TwiML for an answer: an empty one says nothing.
CallbackReading read_inbound(const CallbackForm& form, Time now) {
  CallbackReading reading{.receipts = {}, .status = 200, .content_type = "text/xml", .body = "<Response/>"};
  // Messaging services with Advanced Opt-Out say what they took it for.
  const std::string_view told = form_value(form, "OptOutType");
  const std::string_view text = form_value(form, "Body");
  SmsKeyword keyword = read_sms_keyword(text);
  if (!told.empty()) {
    keyword = told == "STOP" ? SmsKeyword::Stop : told == "START" ? SmsKeyword::Start : SmsKeyword::None;
  }
  const std::string_view from = form_value(form, "From");
  if (keyword == SmsKeyword::None || !from.starts_with('+')) return reading;
  model::Receipt receipt;
  const bool is_stop = keyword == SmsKeyword::Stop;
  receipt.kind = is_stop ? ReceiptKind::Unsubscribed : ReceiptKind::Resubscribed;
  receipt.address = from;
  receipt.code = is_stop ? "STOP" : "START";
  receipt.detail = "The recipient wrote so.";
  receipt.provider_id = form_value(form, "MessageSid");
  receipt.at = now;
  reading.receipts.push_back(std::move(receipt));
  return reading;
}

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  describe(group, options.account);
  group.text("from", options.from)
      .help("Sender: a number of the account in E.164, or an alphanumeric sender id.")
      .korean("발신자: 계정의 E.164 번호 또는 영숫자 발신자 ID입니다.");
  group.text("messaging_service_sid", options.messaging_service_sid)
      .help("Messaging service, MG…, that chooses the sender.")
      .korean("발신자를 고르는 메시징 서비스로, MG…로 시작합니다.");
  group.boolean("mms", options.mms)
      .help("Sends a message's image along (MMS, billed as such) when it is an https URL; off: text only.")
      .korean("메시지의 그림이 https URL이면 함께 보냅니다(MMS 요금). 끄면 글만 보냅니다.");
}

std::span<const TwilioError> error_rows() noexcept { return kErrors; }
std::span<const LateRow> late_rows() noexcept { return kLateErrors; }

std::string form_of(const Job& job, const Options& options, const std::string& callback_base) {
  std::vector<std::pair<std::string, std::string>> form;
  form.emplace_back("To", job.target.address);
  const std::string& from = job.message->from_phone.empty() ? options.from : job.message->from_phone;
  if (!from.empty()) form.emplace_back("From", from);
  // With a sender the request asked for, the service would choose another.
  if (!options.messaging_service_sid.empty() && job.message->from_phone.empty()) {
    form.emplace_back("MessagingServiceSid", options.messaging_service_sid);
  }
  form.emplace_back("Body", job.message->body);
  if (options.mms && job.message->image.starts_with("https://")) {
    form.emplace_back("MediaUrl", job.message->image);
  }
  if (!callback_base.empty()) form.emplace_back("StatusCallback", callback_url(callback_base, job.delivery));
  if (job.expires_at) {
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(*job.expires_at - job.now).count();
    form.emplace_back("ValidityPeriod", std::to_string(std::clamp<std::int64_t>(left, 1, kValidityMaxS)));
  }
  return net::form_encode(form);
}

Outcome classify(const net::HttpResponse& response, bool has_own_sender, Time now) {
  Outcome outcome = read_twilio_answer(response, kErrors, has_own_sender, now);
  outcome.is_opt_out = outcome.code == kOptedOut;
  return outcome;
}

Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options) {
  CARILLON_TRY(const CallbackForm form, read_twilio_callback(request, options.account.signing_key()));
  const std::string_view status = form_value(form, "MessageStatus");
  if (status.empty() && form_value(form, "SmsStatus") == "received") return read_inbound(form, request.now);
  if (status.empty()) return fail(Errc::InvalidArgument, "MessageStatus is missing");
  CallbackReading reading;
  model::Receipt receipt;
  receipt.delivery = request.delivery();
  receipt.provider_id = form_value(form, "MessageSid");
  receipt.code = form_value(form, "ErrorCode");
  receipt.address = form_value(form, "To");
  receipt.at = request.now;
  if (status == "sent") {
    receipt.kind = ReceiptKind::Sent;
  } else if (status == "delivered" || status == "read") {
    receipt.kind = ReceiptKind::Delivered;
  } else if (status == "undelivered" || status == "failed" || status == "canceled") {
    std::int64_t code = 0;
    std::from_chars(receipt.code.data(), receipt.code.data() + receipt.code.size(), code);
    const auto* const row = std::ranges::find(kLateErrors, code, &LateRow::code);
    receipt.kind = row == std::end(kLateErrors) ? ReceiptKind::Undelivered : row->kind;
    receipt.detail = row == std::end(kLateErrors) ? "not delivered" : row->text;
  } else {
    return reading;  // accepted, queued, sending: nothing to keep
  }
  reading.receipts.push_back(std::move(receipt));
  return reading;
}

}  // namespace twilio_sms_detail

extern const ProviderType twilio_sms{
    .name = "twilio_sms",
    .title = "Twilio SMS",
    .channel = model::Channel::Sms,
    .platforms = {},
    .service = {},
    .default_endpoint = kTwilioEndpoint,
    .batch_max = 16,
    .in_flight_default = twilio_sms_detail::kInFlightDefault,
    .has_receipts = true,
    .echoes_id = true,
    .declare = declare_as<twilio_sms_detail::Options, twilio_sms_detail::describe_options>,
    .open = open_as<twilio_sms_detail::TwilioSms, twilio_sms_detail::Options,
                    twilio_sms_detail::describe_options>,
};

}  // namespace carillon::providers
