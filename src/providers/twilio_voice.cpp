#include "providers/twilio_voice.h"

#include <fmt/format.h>

#include <algorithm>

#include "providers/catalog.h"
#include "providers/speech.h"
#include "providers/twilio_callback.h"

namespace carillon::providers {
namespace twilio_voice_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;
using model::ReceiptKind;

constexpr std::size_t kInFlightDefault = 10;  // a new account begins one call a second; the rest waits there

constexpr TwilioError kErrors[] = {
    {10004, OutcomeKind::Throttled, "Too many calls at a time."},
    {10005, OutcomeKind::Misconfigured, "Calls are disabled for the account."},
    {13224, OutcomeKind::InvalidRecipient, "Twilio cannot call this number, or it is not valid."},
    {13225, OutcomeKind::Misconfigured, "Twilio blocks calls to this number.", false, true},
    {13227, OutcomeKind::Misconfigured, "Calls to this region are not enabled: check the geo permissions.",
     false, true},
    {21201, OutcomeKind::Permanent, "The call has no recipient."},
    {21202, OutcomeKind::InvalidRecipient, "The number is a premium number."},
    {21203, OutcomeKind::Misconfigured, "International calls are not enabled for the account.", false, true},
    {21205, OutcomeKind::Permanent, "A URL of the call is not valid: check server.public_url."},
    {21206, OutcomeKind::Permanent, "The digits to send are not valid."},
    {21207, OutcomeKind::Permanent, "The machine detection is not valid."},
    {21208, OutcomeKind::Permanent, "The ringing time is not valid."},
    {21209, OutcomeKind::Permanent, "The method is not valid."},
    {21210, OutcomeKind::Misconfigured, "The caller's number is not verified for the account.", true},
    {21211, OutcomeKind::InvalidRecipient, "The phone number is not valid."},
    {21212, OutcomeKind::Misconfigured, "The caller's number is not valid.", true},
    {21213, OutcomeKind::Misconfigured, "A caller's number is required: set from."},
    {21214, OutcomeKind::InvalidRecipient, "The phone number cannot be reached."},
    {21215, OutcomeKind::Misconfigured, "Calls to this region are not enabled: check the geo permissions.",
     false, true},
    {21216, OutcomeKind::Misconfigured, "Twilio blocks calls to this number.", false, true},
    {21217, OutcomeKind::InvalidRecipient, "The phone number does not appear to be valid."},
    {21218, OutcomeKind::Permanent, "The application does not exist."},
    {21219, OutcomeKind::Misconfigured, "A trial account may call verified numbers only.", false, true},
    {21234, OutcomeKind::Permanent, "The machine detection is not valid."},
    {21263, OutcomeKind::Permanent, "The machine detection's parameters are not valid."},
};

class TwilioVoice final : public TwilioProvider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    CARILLON_CHECK(set_endpoint(common, kTwilioEndpoint));
    return std::make_unique<TwilioVoice>(std::move(options), std::move(common), context);
  }
  TwilioVoice(Options options, CommonOptions common, const Context& context)
      : TwilioProvider(options.account, "Calls", std::move(common), context, kInFlightDefault),
        options_(std::move(options)) {}

  Task<Result<CallbackReading>> callback(const CallbackRequest& request, base::Deadline) override {
    co_return read_callback(request, options_);
  }

 private:
  [[nodiscard]] std::expected<net::HttpCall, Outcome> request_for(const Job& job) const override {
    std::string twiml = twiml_of(*job.message, options_);
    if (const std::size_t size = count_characters(twiml); size > kTwimlMax) {
      return std::unexpected(
          Outcome::of(OutcomeKind::Permanent, 0, "too_long",
                      fmt::format("the text with its TwiML is {} characters over the limit of {}",
                                  size - kTwimlMax, kTwimlMax)));
    }
    return post(form_of(job, options_, std::move(twiml), callback_base()));
  }
  [[nodiscard]] Outcome understand(const Job& job, const net::HttpResponse& response) const override {
    return classify(response, !job.message->from_phone.empty(), now());
  }

  const Options options_;
};

struct Ending {
  std::string_view status;
  ReceiptKind kind{};
  std::string_view text;
};
constexpr Ending kEndings[] = {
    {"initiated", ReceiptKind::Sent, {}},
    {"completed", ReceiptKind::Delivered, {}},
    {"busy", ReceiptKind::Undelivered, "The line was busy."},
    {"no-answer", ReceiptKind::Undelivered, "Nobody answered."},
    {"failed", ReceiptKind::Undelivered, "The call could not be made."},
    {"canceled", ReceiptKind::Undelivered, "The call was ended before it was answered."},
};

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  describe(group, options.account);
  group.text("from", options.from)
      .required()
      .help("Caller: a number of the account or one verified for it, in E.164.")
      .korean("발신자: 계정의 번호 또는 계정에 확인된 번호로, E.164 형식입니다.");
  group.text("voice", options.voice)
      .help(
          "Who speaks where the message names nobody: Polly.Joanna, Google.en-GB-Standard-A …; empty: the "
          "language's default.")
      .korean(
          "메시지에 목소리가 없을 때 쓰는 목소리(Polly.Seoyeon 등)입니다. 비워 두면 언어의 기본 목소리를 "
          "씁니다.");
  group.text("language", options.language)
      .help("Language spoken where neither the message nor its locale names one: en-US, ko-KR ….")
      .korean("메시지에도 로캘에도 언어가 없을 때 말하는 언어(ko-KR, en-US 등)입니다.");
  group.choice("machine_detection", options.machine_detection, {"off", "detect", "message_end"})
      .help(
          "Whether Twilio finds out who answered: detect says so in the report, message_end also waits for "
          "the beep before it speaks.")
      .korean(
          "누가 받았는지 Twilio가 알아낼지 정합니다. detect는 보고에 알려 주고, message_end는 삐 소리를 "
          "기다렸다가 말합니다.");
  group.duration("ring_timeout", options.ring_timeout)
      .range(5'000, 600'000)
      .help("How long it rings before the call counts as unanswered.")
      .korean("받지 않은 것으로 셀 때까지 신호가 울리는 시간입니다.");
}

std::span<const TwilioError> error_rows() noexcept { return kErrors; }

std::string twiml_of(const model::Message& message, const Options& options) {
  const bool is_named = !message.voice.empty() && !is_voice_number(message.voice);
  const std::string& voice = is_named ? message.voice : options.voice;
  std::string twiml = "<Response><Say";
  if (!voice.empty()) fmt::format_to(std::back_inserter(twiml), R"( voice="{}")", escape_xml(voice));
  const std::string language = speech_language(message, options.language);
  if (!language.empty()) fmt::format_to(std::back_inserter(twiml), R"( language="{}")", escape_xml(language));
  if (message.repeat > 1) fmt::format_to(std::back_inserter(twiml), R"( loop="{}")", message.repeat);
  twiml.append(">").append(escape_xml(message.body)).append("</Say></Response>");
  return twiml;
}

std::string form_of(const Job& job, const Options& options, std::string twiml,
                    const std::string& callback_base) {
  const std::string& from = job.message->from_phone.empty() ? options.from : job.message->from_phone;
  const auto ring = std::chrono::duration_cast<std::chrono::seconds>(options.ring_timeout).count();
  std::vector<std::pair<std::string, std::string>> form = {{"To", job.target.address},
                                                           {"From", from},
                                                           {"Twiml", std::move(twiml)},
                                                           {"Timeout", std::to_string(ring)}};
  if (options.machine_detection != "off") {
    const bool is_waiting = options.machine_detection == "message_end";
    form.emplace_back("MachineDetection", is_waiting ? "DetectMessageEnd" : "Enable");
  }
  if (!callback_base.empty()) {
    form.emplace_back("StatusCallback", callback_url(callback_base, job.delivery));
    // "initiated" is evidence for a call whose request was never answered.
    form.emplace_back("StatusCallbackEvent", "initiated");
    form.emplace_back("StatusCallbackEvent", "completed");
  }
  return net::form_encode(form);
}

Outcome classify(const net::HttpResponse& response, bool has_own_sender, Time now) {
  return read_twilio_answer(response, kErrors, has_own_sender, now);
}

Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options) {
  CARILLON_TRY(const CallbackForm form, read_twilio_callback(request, options.account.signing_key()));
  const std::string_view status = form_value(form, "CallStatus");
  if (status.empty()) return fail(Errc::InvalidArgument, "CallStatus is missing");
  CallbackReading reading;
  const auto* const ending = std::ranges::find(kEndings, status, &Ending::status);
  if (ending == std::end(kEndings)) return reading;  // queued, ringing, in-progress: nothing to keep
  model::Receipt receipt;
  receipt.kind = ending->kind;
  receipt.delivery = request.delivery();
  receipt.provider_id = form_value(form, "CallSid");
  receipt.address = form_value(form, "To");
  receipt.at = request.now;
  receipt.detail = ending->text;
  if (receipt.kind == ReceiptKind::Undelivered) receipt.code = status;
  // With machine detection.
  const std::string_view answered_by = form_value(form, "AnsweredBy");
  if (receipt.kind == ReceiptKind::Delivered && answered_by.starts_with("machine")) {
    receipt.code = answered_by;
    receipt.detail = "A machine answered.";
  }
  if (receipt.kind == ReceiptKind::Delivered && answered_by == "fax") {
    receipt.kind = ReceiptKind::Undelivered;
    receipt.code = answered_by;
    receipt.detail = "A fax machine answered.";
  }
  reading.receipts.push_back(std::move(receipt));
  return reading;
}

}  // namespace twilio_voice_detail

extern const ProviderType twilio_voice{
    .name = "twilio_voice",
    .title = "Twilio Voice",
    .channel = model::Channel::Voice,
    .platforms = {},
    .service = {},
    .default_endpoint = kTwilioEndpoint,
    .batch_max = 4,
    .in_flight_default = twilio_voice_detail::kInFlightDefault,
    .has_receipts = true,
    .echoes_id = true,
    .declare = declare_as<twilio_voice_detail::Options, twilio_voice_detail::describe_options>,
    .open = open_as<twilio_voice_detail::TwilioVoice, twilio_voice_detail::Options,
                    twilio_voice_detail::describe_options>,
};

}  // namespace carillon::providers
