#include "providers/vonage_voice.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/crypto.h"
#include "base/json.h"
#include "providers/catalog.h"
#include "providers/http_provider.h"
#include "providers/speech.h"
#include "providers/vonage_signature.h"

namespace carillon::providers {
namespace vonage_voice_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;
using model::ReceiptKind;

constexpr std::string_view kEndpoint = "https://api.nexmo.com";
constexpr std::size_t kInFlightDefault = 6;
constexpr std::int64_t kTokenS = 900;  // Vonage's own default
constexpr std::size_t kIdBytes = 16;
constexpr Millis kPause{1'000};  // its limit is per second

// The first row that fits counts.
constexpr EventRow kEvents[] = {
    {"started", "", ReceiptKind::Sent, {}},
    {"completed", "", ReceiptKind::Delivered, {}},
    {"busy", "", ReceiptKind::Undelivered, "The line was busy."},
    {"unanswered", "", ReceiptKind::Undelivered, "Nobody answered."},
    {"timeout", "", ReceiptKind::Undelivered, "Nobody answered in time."},
    {"cancelled", "", ReceiptKind::Undelivered, "The call was ended before it was answered."},
    {"rejected", "invalid_number", ReceiptKind::Bounced, "The number is not valid."},
    {"rejected", "restricted", ReceiptKind::Undelivered, "The carrier refused the call."},
    {"rejected", "declined", ReceiptKind::Undelivered, "The recipient declined the call."},
    {"rejected", "", ReceiptKind::Undelivered, "The call was rejected."},
    {"failed", "number_out_of_service", ReceiptKind::Bounced, "The number is out of service."},
    {"failed", "cannot_route", ReceiptKind::Undelivered,
     "Vonage has no route to this number: check its region."},
    {"failed", "internal_error", ReceiptKind::Undelivered, "An error inside Vonage."},
    {"failed", "", ReceiptKind::Undelivered, "The call could not be made."},
};

class VonageVoice final : public HttpProvider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    CARILLON_CHECK(set_endpoint(common, kEndpoint));
    CARILLON_CHECK(token_of(options, "try", context.clock->now()));
    return std::make_unique<VonageVoice>(std::move(options), std::move(common), context);
  }
  VonageVoice(Options options, CommonOptions common, const Context& context)
      : HttpProvider(std::move(common), context, "vonage", kInFlightDefault), options_(std::move(options)) {}

  // Listing calls begins none.
  Task<TestReport> test(base::Deadline deadline) override {
    auto call = authorized("/v1/calls?page_size=1");
    if (!call) co_return TestReport{false, call.error().message};
    const auto read = [](const net::HttpResponse& response, Time now) {
      return classify(response, false, now);
    };
    co_return co_await try_out(std::move(*call), "Vonage", "Vonage accepted the application's key.", read,
                               deadline);
  }
  Task<Result<CallbackReading>> callback(const CallbackRequest& request, base::Deadline) override {
    co_return read_callback(request, options_);
  }

 private:
  [[nodiscard]] Result<net::HttpCall> authorized(std::string_view tail) const {
    CARILLON_TRY(const std::string token, token_of(options_, base::hex(base::random_bytes(kIdBytes)), now()));
    net::HttpCall call = call_to(tail);
    call.request.headers.emplace_back("authorization", "Bearer " + token);
    return call;
  }
  [[nodiscard]] std::expected<net::HttpCall, Outcome> request_for(const Job& job) const override {
    if (const std::size_t size = count_characters(job.message->body); size > kTextMax) {
      return std::unexpected(Outcome::of(
          OutcomeKind::Permanent, 0, "too_long",
          fmt::format("the text is {} characters over the limit of {}", size - kTextMax, kTextMax)));
    }
    auto call = authorized("/v1/calls");
    if (!call) {
      return std::unexpected(Outcome::of(OutcomeKind::Misconfigured, 0, "invalid_key", call.error().message));
    }
    // Reports that nobody could check are not asked for.
    const bool is_told = !callback_base().empty() && !options_.signature_secret.empty();
    call->request.method = "POST";
    call->request.headers.emplace_back("content-type", "application/json");
    call->request.body =
        body_of(job, options_, is_told ? callback_url(callback_base(), job.delivery) : std::string());
    return std::move(*call);
  }
  [[nodiscard]] Outcome understand(const Job& job, const net::HttpResponse& response) const override {
    return classify(response, !job.message->from_phone.empty(), now());
  }

  const Options options_;
};

// Vonage writes numbers without the plus sign.
std::string_view without_plus(std::string_view number) noexcept {
  return number.starts_with('+') ? number.substr(1) : number;
}

void write_number(base::JsonWriter& out, std::string_view number) {
  out.object().field("type", "phone").field("number", without_plus(number)).end_object();
}

// The parameter that a refusal of 400 or 422 complains of: an array of {"name"}, or an object.
enum class Complaint : std::uint8_t { None, Recipient, Sender };
Complaint complaint_of(base::JsonElement root) {
  const auto about = [](std::string_view name) {
    if (name == "to" || name.starts_with("to.") || name.starts_with("to[")) return Complaint::Recipient;
    return name == "from" || name.starts_with("from.") ? Complaint::Sender : Complaint::None;
  };
  base::JsonArray list;
  base::JsonObject object;
  if (root["invalid_parameters"].get(list) == simdjson::SUCCESS) {
    for (const auto entry : list) {
      std::string_view name;
      if (entry["name"].get(name) == simdjson::SUCCESS && about(name) != Complaint::None) return about(name);
    }
  } else if (root["invalid_parameters"].get(object) == simdjson::SUCCESS) {
    for (const auto member : object) {
      if (about(member.key) != Complaint::None) return about(member.key);
    }
  }
  return Complaint::None;
}

std::string_view text_of(base::JsonElement root, std::string_view key) {
  std::string_view text;
  return root[key].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

struct Refusal {
  OutcomeKind kind{};
  std::string_view code, text;
};

Refusal refusal_of(int status, Complaint complaint, bool has_own_sender) {
  if (status == 400 || status == 422) {
    if (complaint == Complaint::Recipient) {
      return {OutcomeKind::InvalidRecipient, "invalid_to", "The phone number is not valid."};
    }
    if (complaint == Complaint::Sender) {
      return {has_own_sender ? OutcomeKind::Permanent : OutcomeKind::Misconfigured, "invalid_from",
              "The caller's number is not valid: check from."};
    }
    return {OutcomeKind::Permanent, "invalid_parameters", "A parameter is not valid."};
  }
  switch (status) {
    case 401:
      return {OutcomeKind::Misconfigured, "unauthorized",
              "Authentication failed: check application_id and private_key."};
    case 402: return {OutcomeKind::Misconfigured, "low_balance", "The account has no credit left."};
    case 403: return {OutcomeKind::Misconfigured, "forbidden", "The application may not do this."};
    case 404:
      return {OutcomeKind::Misconfigured, "not_found", "Not found: has the application voice enabled?"};
    case 429: return {OutcomeKind::Throttled, "throttled", "Faster than the account may call."};
    default: return {kind_of_status(status), {}, "an error not documented"};
  }
}

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  group.text("application_id", options.application_id)
      .required()
      .help("ID of the voice application, a UUID.")
      .korean("음성 애플리케이션의 ID(UUID)입니다.");
  group.secret("private_key", options.private_key)
      .required()
      .help("Content of the application's private.key, including its first and last line.")
      .korean("애플리케이션의 private.key 내용 전체로, 첫 줄과 마지막 줄도 포함합니다.");
  group.text("from", options.from)
      .required()
      .help("Caller: a number linked to the application.")
      .korean("발신자: 애플리케이션에 연결된 번호입니다.");
  group.secret("signature_secret", options.signature_secret)
      .help("Signature secret of the account, which signs webhooks; empty: no reports about calls.")
      .korean("웹훅에 서명하는 계정의 서명 시크릿입니다. 비워 두면 통화 보고를 받지 않습니다.");
  group.text("language", options.language)
      .help("Language spoken where neither the message nor its locale names one: en-US, ko-KR ….")
      .korean("메시지에도 로캘에도 언어가 없을 때 말하는 언어(ko-KR, en-US 등)입니다.");
  group.integer("style", options.style)
      .range(0, 99)
      .help("Who speaks where the message's voice is no number: a voice of the language, from 0.")
      .korean("메시지의 voice가 숫자가 아닐 때 쓰는 목소리로, 언어마다 0부터 번호가 있습니다.");
  group.boolean("premium", options.premium)
      .help("Uses the premium voices of the language.")
      .korean("언어의 프리미엄 목소리를 씁니다.");
  group.choice("machine_detection", options.machine_detection, {"off", "continue", "hangup"})
      .help("What happens when a machine answers: continue speaks to it, hangup ends the call undelivered.")
      .korean(
          "자동 응답기가 받았을 때의 동작입니다. continue는 그대로 말하고, hangup은 전하지 못한 것으로 "
          "끊습니다.");
  group.duration("ring_timeout", options.ring_timeout)
      .range(1'000, 120'000)
      .help("How long it rings before the call counts as unanswered.")
      .korean("받지 않은 것으로 셀 때까지 신호가 울리는 시간입니다.");
}

std::span<const EventRow> event_rows() noexcept { return kEvents; }

std::string body_of(const Job& job, const Options& options, const std::string& event_url) {
  const model::Message& message = *job.message;
  std::int64_t style = options.style;
  if (is_voice_number(message.voice)) {
    std::from_chars(message.voice.data(), message.voice.data() + message.voice.size(), style);
  }
  base::JsonWriter out;
  out.object().key("to").array();
  write_number(out, job.target.address);
  out.end_array().key("from");
  write_number(out, message.from_phone.empty() ? options.from : message.from_phone);
  out.key("ncco").array().object().field("action", "talk").field("text", message.body);
  out.field("language", speech_language(message, options.language)).field("style", style);
  if (options.premium) out.field("premium", true);
  out.field("loop", message.repeat).end_object().end_array();
  if (!event_url.empty()) {
    out.key("event_url").array().value(event_url).end_array().field("event_method", "POST");
  }
  if (options.machine_detection != "off") out.field("machine_detection", options.machine_detection);
  out.field("ringing_timer", options.ring_timeout.count() / 1000).end_object();
  return out.str();
}

Result<std::string> token_of(const Options& options, std::string_view id, Time now) {
  const std::int64_t now_s = to_ms(now) / 1000;
  base::JsonWriter claims;
  claims.object().field("application_id", options.application_id).field("iat", now_s);
  claims.field("exp", now_s + kTokenS).field("jti", id).end_object();
  auto token = base::jws_rs256(R"({"alg":"RS256","typ":"JWT"})", claims.str(), options.private_key);
  if (!token) {
    return fail(Errc::InvalidArgument, "private_key is not an RSA key; paste the whole private.key");
  }
  return token;
}

Outcome classify(const net::HttpResponse& response, bool has_own_sender, Time now) {
  base::JsonDocument document;
  const auto root = document.parse(response.body);
  if (response.status == 200 || response.status == 201) {
    const std::string_view id = root ? text_of(*root, "uuid") : std::string_view();
    if (id.empty()) return Outcome::ambiguous("an answer without an id", response.status);
    return Outcome::sent(std::string(id), response.status);
  }
  const Refusal refusal =
      refusal_of(response.status, root ? complaint_of(*root) : Complaint::None, has_own_sender);
  Outcome outcome =
      Outcome::of(refusal.kind, response.status, std::string(refusal.code), std::string(refusal.text));
  heed_retry_after(outcome, response, now, kPause);
  return outcome;
}

Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options) {
  CARILLON_CHECK(check_vonage_token(request, options.signature_secret.reveal(), options.application_id));
  base::JsonDocument document;
  const auto root = document.parse(request.body);
  if (!root || !root->is_object()) return fail(Errc::InvalidArgument, "the body is no JSON object");
  CallbackReading reading;
  const std::string_view status = text_of(*root, "status"), detail = text_of(*root, "detail");
  model::Receipt receipt;
  // With "hangup" a call that a machine answered is completed too: who answered is what counts.
  const bool is_hanging_up = options.machine_detection == "hangup";
  if (is_hanging_up && (status == "human" || status == "machine")) {
    receipt.kind = status == "human" ? ReceiptKind::Delivered : ReceiptKind::Undelivered;
    receipt.detail = status == "human" ? "" : "A machine answered; the call was ended.";
  } else {
    const auto* const row = std::ranges::find_if(kEvents, [&](const EventRow& event) {
      return event.status == status && (event.detail.empty() || event.detail == detail);
    });
    if (row == std::end(kEvents) || (is_hanging_up && status == "completed")) return reading;
    receipt.kind = row->kind;
    receipt.detail = row->text;
  }
  receipt.delivery = request.delivery();
  receipt.address = std::string("+").append(without_plus(text_of(*root, "to")));
  if (receipt.kind == ReceiptKind::Undelivered || receipt.kind == ReceiptKind::Bounced) {
    receipt.code = detail.empty() ? std::string(status) : fmt::format("{}:{}", status, detail);
  }
  receipt.provider_id = text_of(*root, "uuid");
  if (receipt.provider_id.empty()) receipt.provider_id = text_of(*root, "call_uuid");
  receipt.at = std::min(parse_rfc3339(text_of(*root, "timestamp")).value_or(request.now), request.now);
  reading.receipts.push_back(std::move(receipt));
  return reading;
}

}  // namespace vonage_voice_detail

extern const ProviderType vonage_voice{
    .name = "vonage_voice",
    .title = "Vonage Voice",
    .channel = model::Channel::Voice,
    .platforms = {},
    .service = {},
    .default_endpoint = vonage_voice_detail::kEndpoint,
    .batch_max = 4,
    .in_flight_default = vonage_voice_detail::kInFlightDefault,
    .has_receipts = true,
    .echoes_id = true,
    .declare = declare_as<vonage_voice_detail::Options, vonage_voice_detail::describe_options>,
    .open = open_as<vonage_voice_detail::VonageVoice, vonage_voice_detail::Options,
                    vonage_voice_detail::describe_options>,
};

}  // namespace carillon::providers
