#include "providers/kakao_alimtalk.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/crypto.h"
#include "base/ids.h"
#include "providers/catalog.h"
#include "providers/http_provider.h"

namespace carillon::providers {
namespace kakao_alimtalk_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;
using model::ReceiptKind;

constexpr std::string_view kEndpoint = "https://api.solapi.com";
constexpr std::size_t kInFlightDefault = 50;
constexpr std::size_t kTextMax = 1'000;  // characters of an Alimtalk
constexpr std::size_t kButtonsMax = 5;
constexpr std::size_t kButtonNameMax = 14;  // characters
constexpr std::size_t kVariablesMax = 100;
constexpr std::size_t kReportsMax = 1'000;  // of one callback
constexpr std::size_t kSaltBytes = 32;      // characters
constexpr Millis kPause{5'000};             // where SOLAPI names no time
constexpr std::string_view kTaken = "2000";

// Those of 3xxx come in reports only; what they would mean in an answer stands beside them all the same.
constexpr StatusRow kStatuses[] = {
    {1010, OutcomeKind::Permanent, ReceiptKind::Undelivered, "A required field is missing."},
    {1011, OutcomeKind::Permanent, ReceiptKind::Undelivered, "Format error."},
    {1013, OutcomeKind::Permanent, ReceiptKind::Undelivered, "An SMS has no subject."},
    {1014, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The subject is longer than 40 bytes."},
    {1020, OutcomeKind::Misconfigured, ReceiptKind::Undelivered, "Unknown account or wrong password."},
    {1021, OutcomeKind::Permanent, ReceiptKind::Undelivered, "There is no such message."},
    {1022, OutcomeKind::Permanent, ReceiptKind::Undelivered, "There is no such group."},
    {1023, OutcomeKind::Permanent, ReceiptKind::Undelivered, "There is no such image."},
    // Taken or not, it does not say.
    {1024, OutcomeKind::Ambiguous, ReceiptKind::Undelivered, "Server error."},
    {1025, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The type of the message is not valid."},
    {1026, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The recipient is named twice."},
    {1027, OutcomeKind::Permanent, ReceiptKind::Undelivered, "Only UTF-8 can be sent."},
    {1028, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The text holds non-printable characters."},
    {1029, OutcomeKind::Permanent, ReceiptKind::Undelivered, "A text message takes EUC-KR characters only."},
    {1030, OutcomeKind::Misconfigured, ReceiptKind::Undelivered, "The balance is too low."},
    {1031, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The text is too long."},
    {1032, OutcomeKind::Permanent, ReceiptKind::Undelivered, "A custom field is not valid."},
    {1033, OutcomeKind::Permanent, ReceiptKind::Undelivered, "kakaoOptions goes with ATA and CTA only."},
    {1034, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The image does not exist."},
    {1041, OutcomeKind::Misconfigured, ReceiptKind::Undelivered,
     "The channel is not valid: check channel_id."},
    {1042, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The template id is not valid."},
    {1043, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The text differs from the template."},
    {1044, OutcomeKind::Permanent, ReceiptKind::Undelivered, "A button is not valid."},
    {1045, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The URL of a button is not valid."},
    {1046, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The template has buttons: give them."},
    {1047, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The template has no buttons: leave them out."},
    {1048, OutcomeKind::Permanent, ReceiptKind::Undelivered, "A button's URL has more than 100 characters."},
    {1049, OutcomeKind::Permanent, ReceiptKind::Undelivered, "A button's name has more than 14 characters."},
    {1050, OutcomeKind::Permanent, ReceiptKind::Undelivered, "There are more than 5 buttons."},
    {1051, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The image is not registered."},
    {1052, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The buttons are in another order."},
    {1053, OutcomeKind::Permanent, ReceiptKind::Undelivered, "That button is not for this kind of message."},
    {1058, OutcomeKind::Permanent, ReceiptKind::Undelivered, "There is no route."},
    {1060, OutcomeKind::InvalidRecipient, ReceiptKind::Undelivered, "The recipient's number is blocked."},
    {1061, OutcomeKind::InvalidRecipient, ReceiptKind::Unsubscribed, "The recipient has opted out (080)."},
    {1062, OutcomeKind::Misconfigured, ReceiptKind::Undelivered, "The sender's number is not registered."},
    {1064, OutcomeKind::Misconfigured, ReceiptKind::Undelivered, "Blocked after a report to KISA."},
    {2011, OutcomeKind::Permanent, ReceiptKind::Undelivered, "Format error."},
    {2024, OutcomeKind::Ambiguous, ReceiptKind::Undelivered, "Server error."},
    {2060, OutcomeKind::InvalidRecipient, ReceiptKind::Undelivered, "The recipient's number is blocked."},
    {2061, OutcomeKind::InvalidRecipient, ReceiptKind::Unsubscribed, "The recipient has opted out (080)."},
    {2062, OutcomeKind::Misconfigured, ReceiptKind::Undelivered, "The sender's number is not registered."},
    {2063, OutcomeKind::Misconfigured, ReceiptKind::Undelivered, "The account is blocked."},
    {2064, OutcomeKind::Misconfigured, ReceiptKind::Undelivered, "Blocked after a report to KISA."},
    {2230, OutcomeKind::Misconfigured, ReceiptKind::Undelivered, "The balance is too low."},
    {2254, OutcomeKind::Permanent, ReceiptKind::Undelivered, "Taken for spam by the platform."},
    {3010, OutcomeKind::InvalidRecipient, ReceiptKind::Bounced, "The number has the wrong form."},
    {3011, OutcomeKind::Permanent, ReceiptKind::Undelivered, "Format error."},
    {3012, OutcomeKind::Temporary, ReceiptKind::Undelivered, "Error of a connected server."},
    {3013, OutcomeKind::Misconfigured, ReceiptKind::Undelivered, "The sender's number has the wrong form."},
    {3014, OutcomeKind::Ambiguous, ReceiptKind::Undelivered, "Unknown state."},
    {3024, OutcomeKind::Ambiguous, ReceiptKind::Undelivered, "Server error."},
    {3031, OutcomeKind::Permanent, ReceiptKind::Undelivered, "It cannot be sent."},
    {3032, OutcomeKind::InvalidRecipient, ReceiptKind::Bounced, "Not a subscriber."},
    {3040, OutcomeKind::Temporary, ReceiptKind::Undelivered, "It took too long."},
    {3041, OutcomeKind::Temporary, ReceiptKind::Undelivered, "The phone is busy."},
    {3042, OutcomeKind::Temporary, ReceiptKind::Undelivered, "The phone has no reception."},
    {3043, OutcomeKind::Temporary, ReceiptKind::Undelivered, "The phone is switched off."},
    {3044, OutcomeKind::Temporary, ReceiptKind::Undelivered, "The phone's memory is full."},
    {3045, OutcomeKind::Temporary, ReceiptKind::Undelivered, "The phone's service is suspended."},
    {3046, OutcomeKind::Temporary, ReceiptKind::Undelivered, "Another problem of the phone."},
    {3047, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The recipient refused it."},
    {3048, OutcomeKind::Permanent, ReceiptKind::Undelivered, "Unknown code."},
    {3050, OutcomeKind::InvalidRecipient, ReceiptKind::Bounced, "The phone takes no text messages."},
    {3051, OutcomeKind::Temporary, ReceiptKind::Undelivered, "The recipient cannot be reached."},
    {3052, OutcomeKind::Permanent, ReceiptKind::Undelivered, "Deleted by the carrier."},
    {3053, OutcomeKind::Temporary, ReceiptKind::Undelivered, "The server's queue is full."},
    {3054, OutcomeKind::Permanent, ReceiptKind::Undelivered, "Spam."},
    {3055, OutcomeKind::Permanent, ReceiptKind::Undelivered, "Spam: registered with nospam.or.kr."},
    {3056, OutcomeKind::Temporary, ReceiptKind::Undelivered, "Failed in the radio network."},
    {3057, OutcomeKind::Temporary, ReceiptKind::Undelivered, "Failed between radio network and phone."},
    {3058, OutcomeKind::Permanent, ReceiptKind::Undelivered, "There is no route."},
    {3059, OutcomeKind::Misconfigured, ReceiptKind::Undelivered, "The sender's number was forged."},
    {3060, OutcomeKind::Permanent, ReceiptKind::Undelivered, "Age verification failed."},
    {3101, OutcomeKind::Misconfigured, ReceiptKind::Undelivered, "The sender profile's key is not valid."},
    {3102, OutcomeKind::Permanent, ReceiptKind::Undelivered, "Not a friend of the channel."},
    {3103, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The text differs from the template."},
    {3104, OutcomeKind::InvalidRecipient, ReceiptKind::Bounced, "The number does not use KakaoTalk."},
    {3105, OutcomeKind::Permanent, ReceiptKind::Undelivered, "The template is not registered."},
    {3106, OutcomeKind::Misconfigured, ReceiptKind::Undelivered, "The channel is not valid."},
    {3107, OutcomeKind::Permanent, ReceiptKind::Undelivered,
     "KakaoTalk not used within 72 hours, or Alimtalk blocked by the recipient."},
    {3108, OutcomeKind::Permanent, ReceiptKind::Undelivered, "Only between 08:00 and 20:00."},
};

constexpr ErrorRow kErrors[] = {
    {"InvalidAPIKey", OutcomeKind::Misconfigured, "The API key is not valid: check api_key."},
    {"SignatureDoesNotMatch", OutcomeKind::Misconfigured, "The signature is wrong: check api_secret."},
    {"RequestTimeTooSkewed", OutcomeKind::Misconfigured, "This server's clock is 15 minutes off, or more."},
    {"DuplicatedSignature", OutcomeKind::Temporary, "A signature can be used once."},
    {"Unauthorized", OutcomeKind::Misconfigured, "The API key may not do this."},
    {"Forbidden", OutcomeKind::Misconfigured, "The API key may not do this."},
    {"NotEnoughBalance", OutcomeKind::Misconfigured, "The balance is too low."},
    {"ValidationError", OutcomeKind::Permanent, "A field is not valid."},
    {"BadRequest", OutcomeKind::Permanent, "The request is not valid."},
    {"TooManyRequests", OutcomeKind::Throttled, "Too many requests."},
    {"ServiceUnavailable", OutcomeKind::Temporary, "The service is unavailable."},
    {"InternalError", OutcomeKind::Ambiguous, "An internal error."},
};

const StatusRow* find_status(std::string_view text) {
  int code = 0;
  std::from_chars(text.data(), text.data() + text.size(), code);
  const auto* const row = std::ranges::find(kStatuses, code, &StatusRow::code);
  return row == std::end(kStatuses) ? nullptr : row;
}

std::string_view text_at(base::JsonElement object, std::string_view key) {
  std::string_view text;
  return object[key].get(text) == simdjson::SUCCESS ? text : std::string_view{};
}

std::unexpected<Outcome> refuse(std::string detail) {
  return std::unexpected(Outcome::of(OutcomeKind::Permanent, 0, "invalid_content", std::move(detail)));
}

// Reads `kakao` of the content and writes SOLAPI's kakaoOptions.
class KakaoWriter {
 public:
  KakaoWriter(base::JsonWriter& out, const Options& options) : out_(out), options_(options) {}

  std::expected<void, Outcome> write(base::JsonElement kakao) {
    base::Problems problems;
    base::ObjectReader reader(kakao, "/chat/kakao", problems);
    std::string template_id = options_.template_id;
    reader.text("template_id", template_id, 64);
    if (template_id.empty())
      return refuse(
          "an Alimtalk needs a template: set chat.kakao.template_id, or template_id of the integration");
    out_.object().field("pfId", options_.channel_id).field("templateId", template_id);
    out_.field("disableSms", !options_.sms_fallback);
    if (const auto variables = reader.element("variables")) write_variables(*variables, problems);
    if (reader.has("buttons")) {
      out_.key("buttons").array();
      reader.array("buttons", kButtonsMax, [&](base::JsonElement button, const std::string& at) {
        write_button(button, at, problems);
      });
      out_.end_array();
    }
    reader.done();
    out_.end_object();
    if (!problems.empty())
      return refuse(fmt::format("{}: {}", problems.front().pointer, problems.front().detail));
    return {};
  }

 private:
  // "#{name}" is how a template writes them; the name alone means the same.
  void write_variables(base::JsonElement variables, base::Problems& problems) {
    base::JsonObject object;
    if (variables.get_object().get(object) != simdjson::SUCCESS || object.size() > kVariablesMax) {
      problems.push_back({"/chat/kakao/variables", "wrong_type", "give an object of at most 100 texts"});
      return;
    }
    out_.key("variables").object();
    for (const auto [key, value] : object) {
      std::string text;
      std::string_view given;
      if (value.get(given) == simdjson::SUCCESS) {
        text = given;
      } else if (value.is_number()) {
        text = base::to_json(value);
      } else {
        problems.push_back({fmt::format("/chat/kakao/variables/{}", key), "wrong_type", "give a text"});
      }
      out_.field(key.starts_with("#{") ? std::string(key) : fmt::format("#{{{}}}", key), text);
    }
    out_.end_object();
  }

  void write_button(base::JsonElement button, const std::string& at, base::Problems& problems) {
    base::ObjectReader reader(button, at, problems);
    std::string name;
    std::size_t type = 0;
    static constexpr std::initializer_list<std::string_view> kTypes{"WL", "AL", "BK", "MD",
                                                                    "DS", "BC", "BT", "AC"};
    reader.require("buttonName");
    reader.require("buttonType");
    reader.text("buttonName", name, 4 * kButtonNameMax);
    reader.one_of("buttonType", type, kTypes);
    if (count_characters(name) > kButtonNameMax)
      reader.problem("buttonName", "too_long", "the name of a button has at most 14 characters");
    out_.object().field("buttonName", name).field("buttonType", kTypes.begin()[type]);
    for (const std::string_view link : {"linkMo", "linkPc", "linkAnd", "linkIos"}) {
      std::string url;
      if (reader.text(link, url, 1024)) out_.field(link, url);
    }
    out_.end_object();
    reader.done();
  }

  base::JsonWriter& out_;
  const Options& options_;
};

Outcome of_status(std::string_view code, std::string_view message, int status) {
  const StatusRow* const row = find_status(code);
  const auto kind = row != nullptr ? row->kind : OutcomeKind::Permanent;
  const std::string_view words = message.empty() ? "an error not documented" : message;
  return Outcome::of(kind, status, std::string(code), std::string(row != nullptr ? row->text : words));
}

Outcome of_error(const net::HttpResponse& response, std::string_view code) {
  const auto* const row = std::ranges::find(kErrors, code, &ErrorRow::code);
  const bool is_known = row != std::end(kErrors);
  const int status = response.status;
  OutcomeKind kind = is_known ? row->kind : OutcomeKind::Permanent;
  if (!is_known && (status == 401 || status == 402 || status == 403)) kind = OutcomeKind::Misconfigured;
  if (!is_known && status >= 500) kind = status == 503 ? OutcomeKind::Temporary : OutcomeKind::Ambiguous;
  if (status == 429) kind = OutcomeKind::Throttled;  // never processed, whatever it says
  return Outcome::of(kind, status, std::string(code.substr(0, 64)),
                     is_known ? std::string(row->text) : std::string("an error not documented"));
}

class AlimtalkProvider final : public HttpProvider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    if (options.sms_fallback && options.from.empty())
      return fail(Errc::InvalidArgument, "set from: a text message needs a sender");
    CARILLON_CHECK(set_endpoint(common, kEndpoint));
    return std::make_unique<AlimtalkProvider>(std::move(options), std::move(common), context);
  }

  AlimtalkProvider(Options options, CommonOptions common, const Context& context)
      : HttpProvider(std::move(common), context, "kakao_alimtalk", kInFlightDefault),
        options_(std::move(options)) {}

  // Asking for the balance sends nothing.
  Task<TestReport> test(base::Deadline deadline) override {
    return try_out(call_of("/cash/v1/balance"), "SOLAPI", "SOLAPI accepted the key.", classify, deadline);
  }
  Task<Result<CallbackReading>> callback(const CallbackRequest& request, base::Deadline) override {
    co_return read_callback(request, options_);
  }

 private:
  net::HttpCall call_of(std::string_view path) const {
    const std::string date = to_rfc3339(now());
    const std::string salt = base::random_text(kSaltBytes);
    net::HttpCall call = call_to(path);
    call.request.headers = {
        {"authorization",
         fmt::format("HMAC-SHA256 apiKey={}, date={}, salt={}, signature={}", options_.api_key, date, salt,
                     signature(options_.api_secret.reveal(), date, salt))}};
    return call;
  }
  std::expected<net::HttpCall, Outcome> request_for(const Job& job) const override {
    auto body = body_of(job, options_);
    if (!body) return std::unexpected(std::move(body.error()));
    net::HttpCall call = call_of("/messages/v4/send-many/detail");
    call.request.method = "POST";
    call.request.headers.emplace_back("content-type", "application/json");
    call.request.body = std::move(*body);
    return call;
  }
  Outcome understand(const Job&, const net::HttpResponse& response) const override {
    return classify(response, now());
  }

  const Options options_;
};

// The reverse of phone_of(); empty for what is no number.
std::string e164_of(std::string_view phone) {
  const bool is_number = phone.size() >= 8 && phone.size() <= 15 &&
                         std::ranges::all_of(phone, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) return {};
  return phone.starts_with('0') ? fmt::format("+82{}", phone.substr(1)) : fmt::format("+{}", phone);
}

// What one report says; nothing when it is not the end, or not about something of ours.
std::optional<model::Receipt> read_report(base::JsonElement report, const Options& options, Time now) {
  base::JsonElement inner;
  if (report["data"].get(inner) == simdjson::SUCCESS && inner.is_object()) report = inner;
  const std::string_view code = text_at(report, "statusCode");
  model::Receipt receipt;
  base::JsonElement fields;
  if (report["customFields"].get(fields) == simdjson::SUCCESS && fields.is_object())
    receipt.delivery = base::parse_id(base::kDeliveryPrefix, text_at(fields, "d")).value_or(0);
  if (receipt.delivery == 0 || code == kTaken || code == "3000") return std::nullopt;
  receipt.provider_id = text_at(report, "messageId").substr(0, 64);
  receipt.at = now;
  if (code == "4000") {
    receipt.kind = ReceiptKind::Delivered;
    return receipt;
  }
  // A text message takes its place, and has a report of its own.
  if (options.sms_fallback && text_at(report, "type") == "ATA") return std::nullopt;
  const StatusRow* const row = find_status(code);
  receipt.kind = row != nullptr ? row->late : ReceiptKind::Undelivered;
  receipt.code = code.substr(0, 16);
  receipt.detail = row != nullptr ? row->text : "not delivered";
  if (receipt.kind != ReceiptKind::Undelivered) receipt.address = e164_of(text_at(report, "to"));
  return receipt;
}

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  group.text("api_key", options.api_key)
      .required()
      .help("API key of SOLAPI.")
      .korean("SOLAPI의 API 키입니다.");
  group.secret("api_secret", options.api_secret)
      .required()
      .help("Its secret.")
      .korean("API 키의 시크릿입니다.");
  group.text("channel_id", options.channel_id)
      .required()
      .help("The KakaoTalk channel as SOLAPI knows it (pfId), KA01PF….")
      .korean("SOLAPI에 연동된 카카오톡 채널의 ID(pfId)로, KA01PF…로 시작합니다.");
  group.text("template_id", options.template_id)
      .help("Template of messages that name none in chat.kakao.template_id.")
      .korean("chat.kakao.template_id를 적지 않은 메시지에 쓰는 템플릿입니다.");
  group.text("from", options.from)
      .help("Sender's number, registered with SOLAPI; for text messages.")
      .korean("SOLAPI에 등록한 발신번호로, 문자 메시지에 씁니다.");
  group.boolean("sms_fallback", options.sms_fallback)
      .help("Has SOLAPI send a text message to who cannot be reached by Alimtalk.")
      .korean("알림톡을 받을 수 없는 사람에게는 SOLAPI가 문자로 대신 보냅니다.");
  group.secret("webhook_secret", options.webhook_secret)
      .help("Secret of the webhook SINGLE-REPORT in SOLAPI's console; empty: reports are refused.")
      .korean("SOLAPI 콘솔의 SINGLE-REPORT 웹훅 시크릿입니다. 비워 두면 결과 보고를 받지 않습니다.");
}

std::span<const StatusRow> status_rows() noexcept { return kStatuses; }
std::span<const ErrorRow> error_rows() noexcept { return kErrors; }

std::string signature(std::string_view secret, std::string_view date, std::string_view salt) {
  return base::hex(base::hmac_sha256(secret, fmt::format("{}{}", date, salt)));
}

std::string phone_of(std::string_view e164) {
  constexpr std::string_view kKorea = "+82";
  if (e164.starts_with(kKorea)) return fmt::format("0{}", e164.substr(kKorea.size()));
  return std::string(e164.starts_with('+') ? e164.substr(1) : e164);
}

std::expected<std::string, Outcome> body_of(const Job& job, const Options& options) {
  const model::Message& message = *job.message;
  const std::size_t length = count_characters(message.body);
  if (length > kTextMax) return std::unexpected(too_long("the text", length, kTextMax, "characters"));
  base::JsonDocument document;
  const auto kakao = document.parse(message.kakao.empty() ? "{}" : message.kakao);
  if (!kakao) return refuse("chat.kakao is no JSON");
  base::JsonWriter out(1024);
  out.object().key("messages").array().object().field("to", phone_of(job.target.address));
  if (!options.from.empty()) out.field("from", phone_of(options.from));
  out.field("type", "ATA").field_if("text", message.body).key("kakaoOptions");
  if (auto written = KakaoWriter(out, options).write(*kakao); !written)
    return std::unexpected(std::move(written.error()));
  out.key("customFields").object().field("d", job.delivery_text()).field("n", job.notification_text());
  out.end_object().end_object().end_array().field("showMessageList", true).end_object();
  return out.str();
}

Outcome classify(const net::HttpResponse& response, Time now) {
  base::JsonDocument document;
  const auto root = document.parse(response.body);
  if (response.status != 200) {
    Outcome outcome = of_error(response, root ? text_at(*root, "errorCode") : std::string_view{});
    heed_retry_after(outcome, response, now, kPause);
    return outcome;
  }
  if (!root) return Outcome::ambiguous("an answer that makes no sense", 200);
  for (const std::string_view list : {"failedMessageList", "messageList"}) {
    base::JsonArray messages;
    if ((*root)[list].get(messages) != simdjson::SUCCESS || messages.size() == 0) continue;
    const base::JsonElement message = messages.at(0).value();
    const std::string_view code = text_at(message, "statusCode");
    const std::string_view id = text_at(message, "messageId");
    if (code == kTaken && !id.empty()) return Outcome::sent(std::string(id), 200);
    if (!code.empty() && code != kTaken) {
      Outcome outcome = of_status(code, text_at(message, "statusMessage"), 200);
      heed_retry_after(outcome, response, now, kPause);
      return outcome;
    }
  }
  return Outcome::ambiguous("an answer without a message", 200);
}

Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options) {
  // The secret itself is what a request shows: it does not cover the body.
  if (options.webhook_secret.empty())
    return fail(Errc::Unauthenticated, "set webhook_secret of the integration");
  const std::string expected = base::hex(base::sha1(options.webhook_secret.reveal()));
  if (!base::equal_constant_time(request.header("x-solapi-secret"), expected))
    return fail(Errc::Unauthenticated, "X-Solapi-Secret is missing or wrong");
  CallbackReading reading;
  if (request.header("x-solapi-event-name") != "SINGLE-REPORT") return reading;
  base::JsonDocument document;
  CARILLON_TRY(const base::JsonElement root, document.parse(request.body));
  base::JsonArray reports;
  if (root.get_array().get(reports) != simdjson::SUCCESS)
    return fail(Errc::InvalidArgument, "the reports are no array");
  if (reports.size() > kReportsMax) return fail(Errc::InvalidArgument, "there are too many reports");
  for (const base::JsonElement report : reports) {
    if (!report.is_object()) return fail(Errc::InvalidArgument, "a report is no object");
    if (auto receipt = read_report(report, options, request.now))
      reading.receipts.push_back(std::move(*receipt));
  }
  return reading;
}

}  // namespace kakao_alimtalk_detail

extern const ProviderType kakao_alimtalk{
    .name = "kakao_alimtalk",
    .title = "KakaoTalk Alimtalk (SOLAPI)",
    .channel = model::Channel::Chat,
    .platforms = {},
    .service = "kakao",
    .default_endpoint = kakao_alimtalk_detail::kEndpoint,
    .batch_max = 16,
    .in_flight_default = kakao_alimtalk_detail::kInFlightDefault,
    .has_receipts = true,
    .echoes_id = true,
    .declare = declare_as<kakao_alimtalk_detail::Options, kakao_alimtalk_detail::describe_options>,
    .open = open_as<kakao_alimtalk_detail::AlimtalkProvider, kakao_alimtalk_detail::Options,
                    kakao_alimtalk_detail::describe_options>,
};

}  // namespace carillon::providers
