#include "providers/ses.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "net/sigv4.h"
#include "providers/attachments.h"
#include "providers/catalog.h"
#include "providers/http_provider.h"
#include "providers/letter.h"
#include "providers/sns.h"

namespace carillon::providers {
namespace ses_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;
using model::ReceiptKind;

constexpr std::size_t kInFlightDefault = 50;
constexpr std::size_t kAnswerBytesMax = 64 * 1024;
constexpr Millis kPause{1'000};  // SES counts by the second and names no time
constexpr std::size_t kRecipientsOfEventMax = 100;
constexpr std::size_t kMarkSize = 24;  // characters

constexpr ErrorRow kErrors[] = {
    // SendEmail
    {"TooManyRequestsException", OutcomeKind::Throttled, "Too many requests."},
    {"LimitExceededException", OutcomeKind::Throttled, "The sending quota is used up."},
    {"AccountSuspendedException", OutcomeKind::Misconfigured, "The account may not send any more."},
    {"SendingPausedException", OutcomeKind::Misconfigured, "Sending is paused for the account."},
    {"MessageRejected", OutcomeKind::Permanent, "The message holds content that is not valid."},
    {"MailFromDomainNotVerifiedException", OutcomeKind::Misconfigured, "The sending domain is not verified."},
    {"NotFoundException", OutcomeKind::Misconfigured, "Not found: check configuration_set."},
    {"BadRequestException", OutcomeKind::Permanent, "The input is not valid."},
    // The API
    {"ConcurrentModificationException", OutcomeKind::Temporary, "The resource is being changed."},
    {"ConflictException", OutcomeKind::Temporary, "The resource is being changed."},
    {"InternalServiceErrorException", OutcomeKind::Ambiguous, "An internal error of SES."},
    // AWS
    {"Throttling", OutcomeKind::Throttled, "Too many requests."},
    {"ThrottlingException", OutcomeKind::Throttled, "Too many requests."},
    {"RequestLimitExceeded", OutcomeKind::Throttled, "Too many requests."},
    {"ServiceUnavailable", OutcomeKind::Temporary, "The service is not available."},
    {"ServiceUnavailableException", OutcomeKind::Temporary, "The service is not available."},
    {"InternalFailure", OutcomeKind::Ambiguous, "An internal error of AWS."},
    {"InternalServerException", OutcomeKind::Ambiguous, "An internal error of AWS."},
    {"AccessDeniedException", OutcomeKind::Misconfigured, "The key may not do this: allow ses:SendEmail."},
    {"AccessDenied", OutcomeKind::Misconfigured, "The key may not do this: allow ses:SendEmail."},
    {"NotAuthorized", OutcomeKind::Misconfigured, "The key may not do this."},
    {"OptInRequired", OutcomeKind::Misconfigured, "The account has no subscription to SES."},
    {"ExpiredToken", OutcomeKind::Misconfigured, "The session token has expired."},
    {"ExpiredTokenException", OutcomeKind::Misconfigured, "The session token has expired."},
    {"RequestExpired", OutcomeKind::Misconfigured, "The request's time is off: check this machine's clock."},
    {"RequestTimeTooSkewed", OutcomeKind::Misconfigured,
     "The request's time is off: check this machine's clock."},
    {"InvalidClientTokenId", OutcomeKind::Misconfigured, "The access key does not exist."},
    {"UnrecognizedClientException", OutcomeKind::Misconfigured,
     "The access key or session token is not valid."},
    {"InvalidSignatureException", OutcomeKind::Misconfigured,
     "The signature is wrong: check secret_access_key."},
    {"SignatureDoesNotMatch", OutcomeKind::Misconfigured, "The signature is wrong: check secret_access_key."},
    {"IncompleteSignature", OutcomeKind::Misconfigured, "The signature is not complete."},
    {"MissingAuthenticationToken", OutcomeKind::Misconfigured, "The request was not signed."},
    {"MissingAuthenticationTokenException", OutcomeKind::Misconfigured, "The request was not signed."},
    {"UnknownOperationException", OutcomeKind::Misconfigured, "There is no such call: check endpoint."},
    {"InvalidAction", OutcomeKind::Misconfigured, "There is no such call: check endpoint."},
    {"ValidationError", OutcomeKind::Permanent, "The input is not valid."},
    {"ValidationException", OutcomeKind::Permanent, "The input is not valid."},
    {"MalformedHttpRequestException", OutcomeKind::Permanent, "The request is malformed."},
    {"RequestEntityTooLargeException", OutcomeKind::Permanent, "The message is too large."},
    {"SerializationException", OutcomeKind::Permanent, "The request cannot be read."},
};

constexpr WordRow kWords[] = {
    // Of the sender, and of the recipient while the account is in the sandbox.
    {"MessageRejected", "not verified", OutcomeKind::Misconfigured,
     "An address is not verified: verify the sender, or have the account taken out of the sandbox."},
    {"BadRequestException", "Missing final '@domain'", OutcomeKind::InvalidRecipient,
     "The address has no domain."},
    {"BadRequestException", "Illegal address", OutcomeKind::InvalidRecipient, "The address is not valid."},
    {"BadRequestException", "Local address", OutcomeKind::InvalidRecipient, "The address is not valid."},
    {"BadRequestException", "Domain", OutcomeKind::InvalidRecipient, "The address's domain is not valid."},
    {"BadRequestException", "Configuration set", OutcomeKind::Misconfigured, "Check configuration_set."},
};

constexpr EventRow kEvents[] = {
    {"Send", "", ReceiptKind::Sent},
    {"Delivery", "", ReceiptKind::Delivered},
    {"Bounce", "Permanent", ReceiptKind::Bounced},
    {"Bounce", "Transient", ReceiptKind::Undelivered},
    {"Bounce", "", ReceiptKind::Undelivered},  // Undetermined
    {"Complaint", "not-spam", std::nullopt},   // the recipient took it back
    {"Complaint", "", ReceiptKind::Complained},
    {"Reject", "", ReceiptKind::Undelivered},  // a virus
    {"Rendering Failure", "", ReceiptKind::Undelivered},
    {"DeliveryDelay", "", std::nullopt},  // SES goes on trying
    {"Open", "", ReceiptKind::Opened},
    {"Click", "", ReceiptKind::Clicked},
    {"Subscription", "", ReceiptKind::Unsubscribed},
};

OutcomeKind kind_of_status(int status) noexcept {
  if (status == 429) return OutcomeKind::Throttled;
  if (status == 401 || status == 403 || status == 404) return OutcomeKind::Misconfigured;
  if (status == 503 || status == 408) return OutcomeKind::Temporary;
  return status >= 500 ? OutcomeKind::Ambiguous : OutcomeKind::Permanent;
}

// "MessageRejected:http://…" in the header, "com.amazonaws…#MessageRejected" or "code" in the body.
std::string type_of(const net::HttpResponse& response, base::JsonElement root) {
  std::string_view type = response.header("x-amzn-errortype");
  if (type.empty()) type = text_at(root, "__type");
  if (type.empty()) type = text_at(root, "code");
  type = type.substr(0, type.find(':'));
  if (const std::size_t hash = type.rfind('#'); hash != std::string_view::npos) type.remove_prefix(hash + 1);
  return std::string(type.substr(0, 64));
}

std::string_view message_of(base::JsonElement root) noexcept {
  const std::string_view text = text_at(root, "message");
  return text.empty() ? text_at(root, "Message") : text;
}

std::string endpoint_of(const std::string& region) {
  return fmt::format("https://email.{}.amazonaws.com{}", region, region.starts_with("cn-") ? ".cn" : "");
}

class SesProvider final : public HttpProvider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    if (!is_aws_region(options.region)) return fail(Errc::InvalidArgument, "region must be like eu-west-1");
    CARILLON_CHECK(set_endpoint(common, endpoint_of(options.region)));
    if (address_fault(options.from_email, true)) {
      return fail(Errc::InvalidArgument, "from_email is not an address SES takes");
    }
    if (!options.sns_origin.empty() && !net::parse_url(options.sns_origin)) {
      return fail(Errc::InvalidArgument, "sns_origin is not a URL");
    }
    return std::make_unique<SesProvider>(std::move(options), common, context);
  }

  SesProvider(Options options, const CommonOptions& common, const Context& context)
      : HttpProvider(common, context, "ses", kInFlightDefault),
        options_(std::move(options)),
        host_(context.hello_name),
        signer_({options_.access_key_id, options_.secret_access_key, options_.session_token}, options_.region,
                "ses"),
        sns_(context.executor, {options_.topic_arn, options_.sns_origin, common.ca_file}) {}

  Task<TestReport> test(base::Deadline deadline) override {
    net::HttpCall call = call_of("GET", "/v2/email/account", {});
    if (const auto signed_one = signer_.sign(call, now()); !signed_one) {
      co_return TestReport{false, signed_one.error().message};
    }
    const auto response = co_await ask(std::move(call), deadline);
    if (!response) co_return TestReport{false, "SES could not be reached: " + response.error().detail};
    if (response->status != 200) {
      const Outcome outcome = classify(*response, false, now());
      if (outcome.code.starts_with("AccessDenied")) {
        co_return TestReport{
            true,
            "AWS knows the key. It may not read the account (ses:GetAccount), so nothing more "
            "was tried."};
      }
      co_return TestReport{
          false, fmt::format("SES answered {} {}: {}", response->status, outcome.code, outcome.detail)};
    }
    base::JsonDocument document;
    const auto root = document.parse(response->body);
    bool is_enabled = false;
    bool is_in_production = false;
    if (!root || (*root)["SendingEnabled"].get(is_enabled) != simdjson::SUCCESS) {
      co_return TestReport{false, "What answers at endpoint is not SES."};
    }
    if (!is_enabled) co_return TestReport{false, "Sending is disabled for the account."};
    if ((*root)["ProductionAccessEnabled"].get(is_in_production) != simdjson::SUCCESS || !is_in_production) {
      co_return TestReport{
          true, "SES accepted the key. The account is in the sandbox: it reaches verified addresses only."};
    }
    co_return TestReport{true, "SES accepted the key, and the account may send."};
  }
  Task<Result<CallbackReading>> callback(const CallbackRequest& request, base::Deadline deadline) override {
    CARILLON_CO_TRY(const std::string message, co_await sns_.receive(request, deadline));
    CallbackReading reading;
    reading.status = 200;
    reading.receipts = read_event(message, request.now);
    co_return reading;
  }
  Task<void> close(base::Deadline deadline) override {
    co_await HttpProvider::close(deadline);
    co_await sns_.close();
  }

 private:
  net::HttpCall call_of(std::string method, std::string_view path, std::string body) const {
    net::HttpCall call = call_to(path);
    call.request.method = std::move(method);
    if (!body.empty()) call.request.headers = {{"content-type", "application/json"}};
    call.request.body = std::move(body);
    call.response_body_max = kAnswerBytesMax;
    return call;
  }

  // What can be said without asking SES.
  [[nodiscard]] static std::optional<Outcome> fault_of(const Job& job) {
    if (auto fault = address_fault(job.target.address, true)) return fault;
    if (1 + job.message->cc.size() + job.message->bcc.size() > kRecipientsMax) {
      return Outcome::of(OutcomeKind::Permanent, 0, "too_many_recipients",
                         "SES takes 50 recipients of a mail, copies included");
    }
    return std::nullopt;
  }

  std::expected<net::HttpCall, Outcome> request_for(const Job& job) const override {
    if (auto fault = fault_of(job)) return std::unexpected(std::move(*fault));
    const LetterSender sender = sender_of(*job.message, options_.from_email, options_.from_name);
    WrittenMail written = write_mail(mail_of(job, sender, host_));
    net::Body mail(std::move(written.begin));
    if (written.rest) mail.add(*written.rest);
    net::Body data;
    data.add_base64(std::move(mail), net::Body::Lines::One);
    if (auto fault = size_fault(data.size(), kBytesMax)) return std::unexpected(std::move(*fault));
    net::HttpCall call = call_of("POST", "/v2/email/outbound-emails", {});
    call.request.headers = {{"content-type", "application/json"}};
    const std::string mark = base::random_text(kMarkSize);
    carry(call, fill_one(body_of(job, mark, options_), mark, data));
    if (const auto signed_one = signer_.sign(call, now()); !signed_one) {
      return std::unexpected(Outcome::not_sent(signed_one.error().message));
    }
    return call;
  }
  Outcome understand(const Job& job, const net::HttpResponse& response) const override {
    const LetterSender sender = sender_of(*job.message, options_.from_email, options_.from_name);
    return classify(response, sender.is_asked, now());
  }

  const Options options_;
  const std::string host_;
  const net::SigV4 signer_;
  SnsReceiver sns_;
};

// ---- events

std::string_view first_tag(base::JsonElement mail, std::string_view name) noexcept {
  std::string_view out;
  base::JsonArray values;
  if (mail["tags"][name].get(values) != simdjson::SUCCESS || values.size() == 0) return {};
  return values.at(0).get(out) == simdjson::SUCCESS ? out : std::string_view();
}

// Notifications of an identity have no tags, but the headers where that is switched on.
std::string_view header_of(base::JsonElement mail, std::string_view wanted) noexcept {
  base::JsonArray headers;
  if (mail["headers"].get(headers) != simdjson::SUCCESS) return {};
  for (const auto header : headers) {
    if (text_at(header, "name") == wanted) return text_at(header, "value");
  }
  return {};
}

// Whom an event is about: objects with `emailAddress`, or texts; empty when it does not say.
std::vector<std::string_view> recipients_of(base::JsonElement about) {
  std::vector<std::string_view> out;
  base::JsonArray list;
  for (const std::string_view key :
       {std::string_view("bouncedRecipients"), std::string_view("complainedRecipients"),
        std::string_view("recipients")}) {
    if (about[key].get(list) != simdjson::SUCCESS) continue;
    for (const auto one : list) {
      std::string_view address;
      if (one.get(address) != simdjson::SUCCESS) address = text_at(one, "emailAddress");
      if (out.size() < kRecipientsOfEventMax) out.push_back(address);
    }
  }
  return out;
}

// The object with an event's own fields: "bounce" of a Bounce.
base::JsonElement about_of(base::JsonElement root, std::string_view event) {
  std::string key = lower(event);
  if (event == "Rendering Failure") key = "failure";
  if (event == "DeliveryDelay") key = "deliveryDelay";
  base::JsonElement about;
  return root[key].get(about) == simdjson::SUCCESS ? about : root;
}

std::string_view detail_of(base::JsonElement about, std::string_view event) {
  if (event == "Bounce") return text_at(about, "bounceType");
  return event == "Complaint" ? text_at(about, "complaintFeedbackType") : std::string_view();
}

bool is_word(std::string_view text) noexcept {
  constexpr std::size_t kMax = 64;
  return !text.empty() && text.size() <= kMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

model::Receipt receipt_of(base::JsonElement about, const EventRow& row, Time now) {
  model::Receipt receipt;
  receipt.kind = *row.kind;
  receipt.code = row.event;
  receipt.detail = row.event;
  const std::string_view part =
      row.event == "Bounce" ? text_at(about, "bounceSubType") : detail_of(about, row.event);
  if (row.event == "Bounce" && !row.detail.empty())
    receipt.detail = fmt::format("{} {}", row.detail, row.event);
  if (is_word(part)) receipt.detail += fmt::format(": {}", part);
  const auto at = parse_rfc3339(text_at(about, "timestamp"));
  receipt.at = at ? std::min(*at, now) : now;
  return receipt;
}

// Unsubscribed only when from everything.
bool is_unsubscribe_all(base::JsonElement about) noexcept {
  bool is_all = false;
  return about["newTopicPreferences"]["unsubscribeAll"].get(is_all) == simdjson::SUCCESS && is_all;
}

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  group.text("region", options.region)
      .required()
      .help("Region of SES, such as eu-west-1.")
      .korean("ap-northeast-2 같은 SES의 리전입니다.");
  group.text("access_key_id", options.access_key_id)
      .required()
      .help("Access key, AKIA…, that may ses:SendEmail.")
      .korean("ses:SendEmail이 허용된 액세스 키로, AKIA…로 시작합니다.");
  group.secret("secret_access_key", options.secret_access_key)
      .required()
      .help("The access key's secret.")
      .korean("액세스 키의 시크릿입니다.");
  group.secret("session_token", options.session_token)
      .help("Session token of a temporary key; empty: none.")
      .korean("임시 키의 세션 토큰입니다. 비워 두면 쓰지 않습니다.");
  group.text("from_email", options.from_email)
      .required()
      .help("Sender's address where the request names none: of a verified identity.")
      .korean("요청에 발신자가 없을 때 쓰는 발신 주소로, 확인된 자격 증명이어야 합니다.");
  group.text("from_name", options.from_name)
      .help("Sender's name shown beside the address.")
      .korean("주소와 함께 표시되는 발신자 이름입니다.");
  group.text("configuration_set", options.configuration_set)
      .help("Configuration set of all mail, which publishes its events; empty: the identity's.")
      .korean("모든 메일에 쓰는 구성 세트로, 이벤트를 게시합니다. 비워 두면 자격 증명의 것을 씁니다.");
  group.text("topic_arn", options.topic_arn)
      .help("SNS topic that events are published to, arn:aws:sns:…; empty: calls are refused.")
      .korean("이벤트가 게시되는 SNS 주제(arn:aws:sns:…)입니다. 비워 두면 호출을 거절합니다.");
  group.text("sns_origin", options.sns_origin)
      .help("For tests: where SNS certificates and confirmations may come from besides Amazon's hosts.")
      .korean("시험용: Amazon의 호스트 외에 SNS 인증서와 확인을 받아도 되는 주소입니다.");
}

std::span<const ErrorRow> error_rows() noexcept { return kErrors; }
std::span<const WordRow> word_rows() noexcept { return kWords; }
std::span<const EventRow> event_rows() noexcept { return kEvents; }

std::string body_of(const Job& job, std::string_view mail, const Options& options) {
  const model::Message& m = *job.message;
  base::JsonWriter out(mail.size() + 1024);
  out.object().key("Destination").object();
  out.key("ToAddresses").array().value(job.target.address).end_array();
  const auto write_copies = [&out](std::string_view key, const std::vector<std::string>& copies) {
    if (copies.empty()) return;
    out.key(key).array();
    for (const std::string& copy : copies) {
      if (!address_fault(copy, true)) out.value(copy);
    }
    out.end_array();
  };
  write_copies("CcAddresses", m.cc);
  write_copies("BccAddresses", m.bcc);
  out.end_object();
  out.key("Content").object().key("Raw").object().field("Data", mail).end_object().end_object();
  out.field_if("ConfigurationSetName", options.configuration_set);
  out.key("EmailTags").array();
  out.object().field("Name", kDeliveryTag).field("Value", job.delivery_text()).end_object();
  if (!m.cc.empty() || !m.bcc.empty()) {
    out.object().field("Name", kRecipientTag).field("Value", recipient_mark(job.target.address)).end_object();
  }
  out.end_array().end_object();
  return out.str();
}

Outcome classify(const net::HttpResponse& response, bool asked_sender, Time now) {
  base::JsonDocument document;
  base::JsonDocument nothing;
  const auto parsed = document.parse(response.body);
  const base::JsonElement root = parsed ? *parsed : *nothing.parse("{}");
  if (response.status == 200) {
    const std::string_view id = text_at(root, "MessageId");
    if (id.empty()) return Outcome::ambiguous("an answer without an id", response.status);
    return Outcome::sent(std::string(id.substr(0, 128)), response.status);
  }
  const std::string type = type_of(response, root);
  const std::string_view message = message_of(root);
  const auto* const row = std::ranges::find(kErrors, type, &ErrorRow::type);
  const auto* const word = std::ranges::find_if(
      kWords, [&](const WordRow& w) { return w.type == type && message.contains(w.words); });
  OutcomeKind kind = row != std::end(kErrors) ? row->kind : kind_of_status(response.status);
  std::string_view text = row != std::end(kErrors) ? row->text : "an error not documented";
  if (word != std::end(kWords)) {
    kind = word->kind;
    text = word->text;
    // The caller's own sender says nothing about the account.
    if (kind == OutcomeKind::Misconfigured && type == "MessageRejected" && asked_sender)
      kind = OutcomeKind::Permanent;
  }
  if (type == "MailFromDomainNotVerifiedException" && asked_sender) kind = OutcomeKind::Permanent;
  Outcome outcome = Outcome::of(kind, response.status, type.empty() ? std::to_string(response.status) : type,
                                std::string(text));
  if (kind != OutcomeKind::Throttled && kind != OutcomeKind::Temporary) return outcome;
  const auto asked = net::parse_retry_after(response.header("retry-after"), to_ms(now) / 1000);
  if (asked) outcome.retry_after = std::chrono::seconds(*asked);
  if (!asked && kind == OutcomeKind::Throttled) outcome.retry_after = kPause;
  return outcome;
}

std::vector<model::Receipt> read_event(std::string_view message, Time now) {
  base::JsonDocument document;
  const auto root = document.parse(message);
  base::JsonElement mail;
  // "Successfully validated SNS topic for Amazon SES event publishing."
  if (!root || !root->is_object() || (*root)["mail"].get(mail) != simdjson::SUCCESS) return {};
  std::string_view event = text_at(*root, "eventType");
  if (event.empty()) event = text_at(*root, "notificationType");
  const base::JsonElement about = about_of(*root, event);
  const std::string_view detail = detail_of(about, event);
  const auto* const row = std::ranges::find_if(kEvents, [&](const EventRow& r) {
    return r.event == event && (r.detail == detail || r.detail.empty());
  });
  if (row == std::end(kEvents) || !row->kind) return {};
  if (row->event == "Subscription" && !is_unsubscribe_all(about)) return {};
  std::string_view delivery = first_tag(mail, kDeliveryTag);
  if (delivery.empty()) delivery = header_of(mail, "X-Carillon-Delivery");
  const std::string_view mark = first_tag(mail, kRecipientTag);
  model::Receipt one = receipt_of(about, *row, now);
  one.provider_id = text_at(mail, "messageId").substr(0, 128);
  std::vector<model::Receipt> receipts;
  const std::vector<std::string_view> whom = recipients_of(about);
  for (const std::string_view address : whom) {
    if (auto receipt = attributed(one, delivery, mark, address)) receipts.push_back(std::move(*receipt));
  }
  // Of the mail as a whole.
  if (whom.empty()) {
    if (auto receipt = attributed(one, delivery, "", "")) receipts.push_back(std::move(*receipt));
  }
  return receipts;
}

}  // namespace ses_detail

extern const ProviderType ses{
    .name = "ses",
    .title = "Amazon SES",
    .channel = model::Channel::Email,
    .platforms = {},
    .service = {},
    .default_endpoint = {},
    .batch_max = 16,
    .payload_max = ses_detail::kBytesMax,
    .in_flight_default = ses_detail::kInFlightDefault,
    .has_receipts = true,
    .echoes_id = true,
    .declare = declare_as<ses_detail::Options, ses_detail::describe_options>,
    .open = open_as<ses_detail::SesProvider, ses_detail::Options, ses_detail::describe_options>,
};

}  // namespace carillon::providers
