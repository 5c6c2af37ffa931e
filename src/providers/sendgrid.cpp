#include "providers/sendgrid.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/crypto.h"
#include "providers/attachments.h"
#include "providers/catalog.h"
#include "providers/http_provider.h"
#include "providers/letter.h"
#include "providers/mail_batches.h"
#include "providers/mime.h"

namespace carillon::providers {
namespace sendgrid_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;
using model::ReceiptKind;

constexpr std::string_view kEndpoint = "https://api.sendgrid.com";
constexpr std::size_t kInFlightDefault = 4000;
constexpr std::int64_t kRequestsDefault = 50;
constexpr double kRequestsMax = 500;
constexpr Millis kPause{1'100};             // what SendGrid's own client waits when no time is named
constexpr std::size_t kEventsMax = 20'000;  // of one call; SendGrid posts 768 KB at most
constexpr std::size_t kAnswerBytesMax = 1 << 20;
// SendGrid repeats a call for a day and does not say that it signs anew.
constexpr auto kCallbackAgeMax = std::chrono::hours(25);
constexpr auto kCallbackAhead = std::chrono::minutes(5);

constexpr StatusRow kStatuses[] = {
    {400, OutcomeKind::Permanent, "The request is not valid."},
    {401, OutcomeKind::Misconfigured, "The API key is not valid, or the account has no credits left."},
    {403, OutcomeKind::Misconfigured, "The API key may not send mail, or the sender is not verified."},
    {404, OutcomeKind::Misconfigured, "There is no such call: check endpoint."},
    {405, OutcomeKind::Misconfigured, "The call takes another method: check endpoint."},
    {406, OutcomeKind::Permanent, "The Accept header is missing."},
    {408, OutcomeKind::Temporary, "The request came too slowly."},
    {413, OutcomeKind::Permanent, "The message is too large."},
    {415, OutcomeKind::Permanent, "The media type is not supported."},
    {429, OutcomeKind::Throttled, "Too many requests."},
    // An error inside SendGrid: the mail may have been queued before it.
    {500, OutcomeKind::Ambiguous, "An error occurred on a SendGrid server."},
    {502, OutcomeKind::Ambiguous, "A gateway of SendGrid failed."},
    {503, OutcomeKind::Temporary, "The Web API is not available."},
    {504, OutcomeKind::Ambiguous, "A gateway of SendGrid had no answer."},
};

constexpr FieldRow kFields[] = {
    {"personalizations.to", OutcomeKind::InvalidRecipient, "The recipient is not a valid address."},
    {"personalizations.cc", OutcomeKind::Permanent, "An address in cc is not valid or there twice."},
    {"personalizations.bcc", OutcomeKind::Permanent, "An address in bcc is not valid or there twice."},
    {"personalizations.headers", OutcomeKind::Permanent, "A header is not allowed."},
    {"personalizations.subject", OutcomeKind::Permanent, "The subject is missing."},
    {"personalizations.custom_args", OutcomeKind::Permanent, "The custom arguments are not valid."},
    {"personalizations", OutcomeKind::Permanent, "The recipients are not valid, too many or there twice."},
    {"from", OutcomeKind::Misconfigured, "The sender is not valid: check from_email."},
    {"reply_to", OutcomeKind::Permanent, "The reply address is not valid."},
    {"subject", OutcomeKind::Permanent, "The subject is missing."},
    {"content", OutcomeKind::Permanent, "The content is missing or not valid."},
    {"attachments", OutcomeKind::Permanent, "An attachment is not valid."},
    {"template_id", OutcomeKind::Permanent, "The template is not valid."},
    {"sections", OutcomeKind::Permanent, "A section is not valid."},
    {"headers", OutcomeKind::Permanent, "A header is not allowed."},
    {"categories", OutcomeKind::Permanent, "The categories are not valid or too many."},
    {"custom_args", OutcomeKind::Permanent, "The custom arguments are not valid."},
    {"send_at", OutcomeKind::Permanent, "The time to send at is not valid."},
    {"batch_id", OutcomeKind::Permanent, "The batch is not valid."},
    {"asm", OutcomeKind::Misconfigured, "The unsubscribe group is not valid: check unsubscribe_group."},
    {"ip_pool_name", OutcomeKind::Misconfigured, "The pool of addresses is not valid: check ip_pool."},
    {"mail_settings", OutcomeKind::Misconfigured, "The mail settings are not valid."},
    {"tracking_settings", OutcomeKind::Misconfigured, "The tracking settings are not valid."},
};

constexpr EventRow kEvents[] = {
    {"processed", "", ReceiptKind::Sent},
    {"deferred", "", std::nullopt},  // SendGrid goes on trying
    {"delivered", "", ReceiptKind::Delivered},
    // Blocked: by the receiver's policy or for our reputation; the address may be good.
    {"bounce", "blocked", ReceiptKind::Undelivered},
    {"bounce", "", ReceiptKind::Bounced},
    {"dropped", "Bounced Address", ReceiptKind::Bounced},
    {"dropped", "Unsubscribed Address", ReceiptKind::Unsubscribed},
    {"dropped", "Spam Reporting Address", ReceiptKind::Complained},
    {"dropped", "Invalid SMTPAPI header", ReceiptKind::Undelivered},
    {"dropped", "Spam Content", ReceiptKind::Undelivered},
    {"dropped", "Recipient List over Package Quota", ReceiptKind::Undelivered},
    {"dropped", "Invalid", ReceiptKind::Bounced},
    {"dropped", "", ReceiptKind::Undelivered},
    {"open", "", ReceiptKind::Opened},
    {"click", "", ReceiptKind::Clicked},
    {"spamreport", "", ReceiptKind::Complained},
    {"unsubscribe", "", ReceiptKind::Unsubscribed},
    {"group_unsubscribe", "", ReceiptKind::Unsubscribed},
    {"group_resubscribe", "", ReceiptKind::Resubscribed},
};

// Headers a request may not hold, and what Carillon writes itself.
constexpr std::array<std::string_view, 13> kReserved = {
    "x-sg-id",   "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding",
    "to",        "from",     "subject",  "reply-to",       "cc",           "bcc",
    "message-id"};

bool is_reserved(std::string_view name) {
  return std::ranges::find(kReserved, lower(name)) != kReserved.end();
}

// Copies, each address once in the whole personalization: SendGrid refuses repetitions.
void write_copies(base::JsonWriter& out, std::string_view key, const std::vector<std::string>& copies,
                  std::vector<std::string>& seen) {
  bool is_open = false;
  for (const std::string& copy : copies) {
    std::string folded = lower(copy);
    if (address_fault(copy, true) || std::ranges::find(seen, folded) != seen.end()) continue;
    seen.push_back(std::move(folded));
    if (!std::exchange(is_open, true)) out.key(key).array();
    out.object().field("email", copy).end_object();
  }
  if (is_open) out.end_array();
}

void write_recipient(base::JsonWriter& out, const Job& job, std::string_view host, std::string_view sender) {
  const model::Message& m = *job.message;
  out.object().key("to").array().object().field("email", job.target.address).end_object().end_array();
  if (!m.cc.empty() || !m.bcc.empty()) {
    std::vector<std::string> seen{lower(job.target.address)};
    write_copies(out, "cc", m.cc, seen);
    write_copies(out, "bcc", m.bcc, seen);
  }
  out.key("headers").object();
  out.field("Message-ID", fmt::format("<{}>", message_id_of(job, host, sender)));
  for (const auto& [name, value] : m.headers) {
    if (!is_reserved(name)) out.field(name, encode_header(value));
  }
  out.end_object();
  out.key("custom_args").object().field(kDeliveryTag, job.delivery_text());
  if (!m.cc.empty() || !m.bcc.empty()) out.field(kRecipientTag, recipient_mark(job.target.address));
  out.end_object().end_object();
}

void write_attachments(base::JsonWriter& out, const model::MailAttachments& attachments,
                       const ContentMarks& marks) {
  out.key("attachments").array();
  for (std::size_t i = 0; i < attachments.size(); ++i) {
    const model::MailAttachment& each = attachments[i];
    out.object().field("content", marks.mark(i)).field("type", each.type).field("filename", each.filename);
    out.field("disposition", each.is_inline ? "inline" : "attachment");
    out.field_if("content_id", each.content_id).end_object();
  }
  out.end_array();
}

void write_settings(base::JsonWriter& out, const Options& options) {
  out.field_if("ip_pool_name", options.ip_pool);
  if (options.unsubscribe_group > 0) {
    out.key("asm").object().field("group_id", options.unsubscribe_group).end_object();
  }
  if (options.sandbox_mode) {
    out.key("mail_settings").object().key("sandbox_mode").object().field("enable", true);
    out.end_object().end_object();
  }
  out.key("tracking_settings").object();
  out.key("click_tracking").object().field("enable", options.track_clicks);
  out.field("enable_text", options.track_clicks).end_object();
  out.key("open_tracking").object().field("enable", options.track_opens).end_object().end_object();
}

const StatusRow* find_status(int status) noexcept {
  const auto* const row = std::ranges::find(kStatuses, status, &StatusRow::status);
  return row == std::end(kStatuses) ? nullptr : row;
}

// What an error names: the row of its field, and the personalization in it.
struct Named {
  const FieldRow* row = nullptr;
  std::optional<std::size_t> job;
};
Named find_field(std::string_view field) {
  Named named;
  std::string plain;
  for (std::size_t at = 0; at <= field.size();) {
    const std::size_t end = std::min(field.find('.', at), field.size());
    const std::string_view part = field.substr(at, end - at);
    std::size_t number = 0;
    const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (error == std::errc{} && stop == part.data() + part.size()) {
      if (plain == "personalizations" && !named.job) named.job = number;
    } else {
      plain.append(plain.empty() ? "" : ".").append(part);
    }
    at = end + 1;
  }
  for (const FieldRow& row : kFields) {
    const bool is_below = plain.starts_with(row.field) && plain.substr(row.field.size()).starts_with('.');
    if (plain == row.field || is_below) {
      named.row = &row;
      break;
    }
  }
  return named;
}

Outcome outcome_of(const FieldRow& row, int status) {
  return Outcome::of(row.kind, status, std::string(row.field), std::string(row.text));
}

std::optional<Millis> pause_of(const net::HttpResponse& response, Time now) {
  if (const auto asked = net::parse_retry_after(response.header("retry-after"), to_ms(now) / 1000)) {
    return std::chrono::seconds(*asked);
  }
  const std::string_view reset = response.header("x-ratelimit-reset");
  std::int64_t at = 0;
  const auto [stop, error] = std::from_chars(reset.data(), reset.data() + reset.size(), at);
  constexpr std::int64_t kAtMax = 32'503'680'000;  // the year 3000
  if (error != std::errc{} || stop != reset.data() + reset.size() || at < 0 || at > kAtMax)
    return std::nullopt;
  return std::clamp(Millis(at * 1000 - to_ms(now)), Millis(0), Millis(std::chrono::hours(1)));
}

// What every error of a 400 says together, and whom it names.
Answer read_errors(base::JsonElement root, std::size_t jobs, bool asked_sender, int status,
                   Outcome otherwise) {
  Answer answer{.outcome = std::move(otherwise), .refused = {}};
  base::JsonArray errors;
  if (root["errors"].get(errors) != simdjson::SUCCESS) return answer;
  bool is_decided = false;
  for (const auto error : errors) {
    std::string_view field;
    if (error["field"].get(field) != simdjson::SUCCESS) continue;
    const Named named = find_field(field);
    if (named.row == nullptr) continue;
    Outcome outcome = outcome_of(*named.row, status);
    // The caller's own sender says nothing about the account.
    if (named.row->field == "from" && asked_sender) outcome.kind = OutcomeKind::Permanent;
    if (named.job && *named.job < jobs) {
      if (std::ranges::find(answer.refused, *named.job, &Answer::Refused::job) == answer.refused.end()) {
        answer.refused.push_back({*named.job, std::move(outcome)});
      }
    } else if (!is_decided && named.row->kind != OutcomeKind::InvalidRecipient) {
      answer.outcome = std::move(outcome);
      is_decided = true;
    }
  }
  return answer;
}

class SendgridProvider final : public Provider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    CARILLON_CHECK(set_endpoint(common, kEndpoint));
    if (address_fault(options.from_email, true)) {
      return fail(Errc::InvalidArgument, "from_email is not an address SendGrid takes");
    }
    std::optional<base::PublicKey> key;
    if (!options.webhook_public_key.empty()) {
      const auto der = base::unbase64(options.webhook_public_key);
      auto read =
          der ? base::PublicKey::from_der(*der) : Result<base::PublicKey>(std::unexpected(der.error()));
      if (!read || !read->is_ec()) {
        return fail(Errc::InvalidArgument,
                    "webhook_public_key must be the verification key shown with the Event Webhook");
      }
      key = std::move(*read);
    }
    return std::make_unique<SendgridProvider>(std::move(options), std::move(common), context, std::move(key));
  }

  SendgridProvider(Options options, CommonOptions common, const Context& context,
                   std::optional<base::PublicKey> key)
      : options_(std::move(options)),
        common_(std::move(common)),
        clock_(*context.clock),
        host_(context.hello_name),
        key_(std::move(key)),
        http_(net::HttpClient::open(context.executor)),
        batches_(context.executor, "sendgrid",
                 MailBatches::limits_of(common_, kRecipientsMax, options_.requests, kRequestsDefault,
                                        kInFlightDefault),
                 same, fits, [this](MailBatch& batch) { return run(batch); }) {}

  void send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) override {
    batches_.add(mailable(jobs, sink, true), sink, deadline);
  }
  [[nodiscard]] std::size_t free_slots() const noexcept override { return batches_.free_slots(); }

  // An API key may ask what it may do, whatever that is.
  Task<TestReport> test(base::Deadline deadline) override {
    const auto response = co_await http_->call(call_of("GET", "/v3/scopes"), deadline);
    if (!response) co_return TestReport{false, "SendGrid could not be reached: " + response.error().detail};
    if (response->status != 200) {
      const Outcome outcome = classify(*response, 1, false, clock_.now()).outcome;
      co_return TestReport{false, fmt::format("SendGrid answered {}: {}", response->status, outcome.detail)};
    }
    base::JsonDocument document;
    const auto root = document.parse(response->body);
    base::JsonArray scopes;
    if (!root || (*root)["scopes"].get(scopes) != simdjson::SUCCESS) {
      co_return TestReport{false, "What answers at endpoint is not SendGrid."};
    }
    for (const auto scope : scopes) {
      std::string_view name;
      if (scope.get(name) == simdjson::SUCCESS && name == "mail.send") {
        co_return TestReport{true, "SendGrid accepted the API key, which may send mail."};
      }
    }
    co_return TestReport{false, "The API key may not send mail: give it the permission Mail Send."};
  }
  Task<Result<CallbackReading>> callback(const CallbackRequest& request, base::Deadline) override {
    co_return read_callback(request, key_);
  }
  Task<void> close(base::Deadline) override {
    co_await batches_.close();
    co_await http_->close();
  }

 private:
  // Headers stand with each recipient.
  static bool same(const model::Message& a, const model::Message& b) { return is_same_letter(a, b, false); }
  static bool fits(const MailBatch& batch, const Job& job) {
    const std::size_t each = 1 + job.message->cc.size() + job.message->bcc.size();
    return (batch.jobs.size() + 1) * each <= kRecipientsMax;
  }

  net::HttpCall call_of(std::string method, std::string_view path) const {
    net::HttpCall call;
    call.url = common_.endpoint + std::string(path);
    call.request.method = std::move(method);
    call.request.headers = {{"authorization", fmt::format("Bearer {}", options_.api_key.reveal())},
                            {"accept", "application/json"}};
    call.ca_file = common_.ca_file;
    call.response_body_max = kAnswerBytesMax;
    return call;
  }

  // SendGrid takes all of a request or nothing: when it names recipients, the others go without them.
  Task<void> run(MailBatch& batch) {
    while (!batch.jobs.empty()) {
      net::HttpCall call = call_of("POST", "/v3/mail/send");
      call.request.headers.emplace_back("content-type", "application/json");
      net::Body body = body_of(batch.jobs, options_, host_);
      if (const auto fault = size_fault(body.size(), kBytesMax)) {
        if (batch.jobs.size() == 1 || fault_of_letter(batch)) co_return batches_.finish_all(batch, *fault);
        co_return co_await run_halves(batch);
      }
      carry(call, std::move(body));
      const auto response = co_await http_->call(std::move(call), batch.deadline);
      if (!response) co_return batches_.finish_all(batch, outcome_of_failure(response.error()));
      if (response->status == 200 && !options_.sandbox_mode) {
        co_return batches_.finish_all(batch, Outcome::of(OutcomeKind::Misconfigured, 200, "200",
                                                         "what answers at endpoint is not SendGrid"));
      }
      const LetterSender sender = sender_of(*batch.first().message, options_.from_email, options_.from_name);
      Answer answer = classify(*response, batch.jobs.size(), sender.is_asked, clock_.now());
      if (answer.refused.empty()) {
        if (answer.outcome.kind == OutcomeKind::Sent && answer.outcome.provider_id.empty()) {
          answer.outcome.provider_id = batch.first().handle();
        }
        co_return batches_.finish_all(batch, answer.outcome);
      }
      drop(batch, answer.refused);
    }
  }
  // Each half is small enough, or one recipient at last.
  Task<void> run_halves(MailBatch& batch) {
    MailBatch rest = batch;
    const auto middle = static_cast<std::ptrdiff_t>(batch.jobs.size() / 2);
    rest.jobs.assign(batch.jobs.begin() + middle, batch.jobs.end());
    batch.jobs.resize(static_cast<std::size_t>(middle));
    co_await run(batch);
    co_await run(rest);
  }
  [[nodiscard]] bool fault_of_letter(const MailBatch& batch) const {
    Job* const one[] = {batch.jobs.front()};
    return body_of(one, options_, host_).size() > kBytesMax;
  }
  void drop(MailBatch& batch, std::vector<Answer::Refused>& refused) {
    for (auto& [index, outcome] : refused) {
      batches_.finish(*batch.sink, *batch.jobs[index], std::move(outcome));
      batch.jobs[index] = nullptr;
    }
    std::erase(batch.jobs, nullptr);
  }

  const Options options_;
  CommonOptions common_;
  const base::Clock& clock_;
  const std::string host_;
  const std::optional<base::PublicKey> key_;
  const std::unique_ptr<net::HttpClient> http_;
  MailBatches batches_;
};

// ---- callbacks

const EventRow* find_event(base::JsonElement event) {
  const std::string_view name = text_at(event, "event");
  const std::string_view detail = name == "bounce" ? text_at(event, "type") : text_at(event, "reason");
  const auto* const row = std::ranges::find_if(kEvents, [&](const EventRow& r) {
    return r.event == name && (r.detail.empty() || detail.starts_with(r.detail));
  });
  return row == std::end(kEvents) ? nullptr : row;
}

std::optional<model::Receipt> receipt_of(base::JsonElement event, Time now) {
  const EventRow* const row = find_event(event);
  if (row == nullptr || !row->kind) return std::nullopt;
  // A mail program that loads pictures before anybody looks.
  bool is_machine = false;
  if (row->event == "open" && event["sg_machine_open"].get(is_machine) == simdjson::SUCCESS && is_machine) {
    return std::nullopt;
  }
  model::Receipt receipt;
  receipt.kind = *row->kind;
  const std::string_view status = text_at(event, "status");
  const bool is_status = !status.empty() && status.size() <= 12 &&
                         status.find_first_not_of("0123456789.") == std::string_view::npos;
  receipt.code = is_status ? std::string(status) : std::string(row->event);
  receipt.detail =
      row->detail.empty() ? std::string(row->event) : fmt::format("{}: {}", row->event, row->detail);
  const std::string_view id = text_at(event, "sg_message_id");
  receipt.provider_id = id.substr(0, std::min<std::size_t>(id.find('.'), 128));
  receipt.at = seconds_at(event, "timestamp", now);
  return attributed(std::move(receipt), text_at(event, kDeliveryTag), text_at(event, kRecipientTag),
                    text_at(event, "email"));
}

Result<void> check_signature(const CallbackRequest& request, const std::optional<base::PublicKey>& key) {
  if (!key) {
    return fail(Errc::Unauthenticated,
                "the integration has no webhook_public_key, so nobody can tell who sent this");
  }
  const std::string_view stamp = request.header("x-twilio-email-event-webhook-timestamp");
  const auto signature = base::unbase64(request.header("x-twilio-email-event-webhook-signature"));
  const bool is_right =
      signature && !signature->empty() &&
      key->verify(base::SignatureHash::Sha256, std::string(stamp) + request.body, *signature);
  if (!is_right) {
    return fail(Errc::Unauthenticated,
                "X-Twilio-Email-Event-Webhook-Signature does not fit: check webhook_public_key");
  }
  std::int64_t at = 0;
  const auto [stop, error] = std::from_chars(stamp.data(), stamp.data() + stamp.size(), at);
  const std::int64_t now = to_ms(request.now) / 1000;
  const bool is_now = error == std::errc{} && stop == stamp.data() + stamp.size() && at > 0 &&
                      at >= now - std::chrono::seconds(kCallbackAgeMax).count() &&
                      at <= now + std::chrono::seconds(kCallbackAhead).count();
  if (!is_now) return fail(Errc::Unauthenticated, "the signed time is too long ago, or ahead of us");
  return {};
}

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  group.secret("api_key", options.api_key)
      .required()
      .help("API key, SG.…, with the permission Mail Send.")
      .korean("Mail Send 권한이 있는 API 키로, SG.…로 시작합니다.");
  group.text("from_email", options.from_email)
      .required()
      .help("Sender's address where the request names none: of a verified sender or domain.")
      .korean("요청에 발신자가 없을 때 쓰는 발신 주소로, 인증된 발신자나 도메인이어야 합니다.");
  group.text("from_name", options.from_name)
      .help("Sender's name shown beside the address.")
      .korean("주소와 함께 표시되는 발신자 이름입니다.");
  group.text("webhook_public_key", options.webhook_public_key)
      .help("Verification key of the signed Event Webhook; empty: its calls are refused.")
      .korean("서명된 Event Webhook의 검증 키입니다. 비워 두면 호출을 거절합니다.");
  group.text("ip_pool", options.ip_pool)
      .help("Pool of addresses to send from; empty: the account's.")
      .korean("발송에 쓰는 IP 풀입니다. 비워 두면 계정의 기본 풀을 씁니다.");
  group.integer("unsubscribe_group", options.unsubscribe_group)
      .range(0, 9e9)
      .help("Unsubscribe group of all mail; 0: none.")
      .korean("모든 메일에 적용하는 수신 거부 그룹입니다. 0이면 없습니다.");
  group.boolean("sandbox_mode", options.sandbox_mode)
      .help("SendGrid checks every mail and sends none; it counts as sent here.")
      .korean("SendGrid가 메일을 검사만 하고 보내지는 않습니다. 여기서는 보낸 것으로 셉니다.");
  group.boolean("track_opens", options.track_opens)
      .help("SendGrid adds a picture that tells it of openings.")
      .korean("열람을 알 수 있도록 SendGrid가 그림을 넣습니다.");
  group.boolean("track_clicks", options.track_clicks)
      .help("SendGrid rewrites links so that they pass by it.")
      .korean("클릭을 알 수 있도록 SendGrid가 링크를 바꿉니다.");
  group.integer("requests", options.requests)
      .range(0, kRequestsMax)
      .help("Requests under way at a time, each with up to 1000 recipients; 0: 50.")
      .korean("동시에 진행하는 요청의 개수로, 요청마다 수신자가 1000명까지입니다. 0이면 50입니다.");
}

std::span<const StatusRow> status_rows() noexcept { return kStatuses; }
std::span<const FieldRow> field_rows() noexcept { return kFields; }
std::span<const EventRow> event_rows() noexcept { return kEvents; }

net::Body body_of(std::span<Job* const> jobs, const Options& options, std::string_view host) {
  constexpr std::size_t kBytesPerRecipient = 224;
  const model::Message& m = *jobs.front()->message;
  const LetterSender sender = sender_of(m, options.from_email, options.from_name);
  const LetterParts parts = parts_of(m);
  base::JsonWriter out(parts.text.size() + parts.html.size() + kBytesPerRecipient * (jobs.size() + 2));
  out.object().key("personalizations").array();
  for (const Job* job : jobs) write_recipient(out, *job, host, sender.email);
  out.end_array().key("from").object().field("email", sender.email);
  if (!sender.name.empty()) out.field("name", sender.name);
  out.end_object();
  if (!m.reply_to.empty()) out.key("reply_to").object().field("email", m.reply_to).end_object();
  out.field("subject", parts.subject).key("content").array();
  // The order is the vendor's rule.
  if (!parts.text.empty()) out.object().field("type", "text/plain").field("value", parts.text).end_object();
  if (!parts.html.empty()) out.object().field("type", "text/html").field("value", parts.html).end_object();
  out.end_array();
  write_settings(out, options);
  const ContentMarks marks(m.attachments.get());
  if (!marks.is_empty()) write_attachments(out, *m.attachments, marks);
  return marks.fill_json(out.end_object().str());
}

Answer classify(const net::HttpResponse& response, std::size_t jobs, bool asked_sender, Time now) {
  const int status = response.status;
  // 200: sandbox mode.
  if (status == 202 || status == 200) {
    return {.outcome = Outcome::sent(std::string(response.header("x-message-id")), status), .refused = {}};
  }
  const StatusRow* const row = find_status(status);
  OutcomeKind kind = status >= 500 ? OutcomeKind::Ambiguous : OutcomeKind::Permanent;
  if (row != nullptr) kind = row->kind;
  Outcome outcome = Outcome::of(kind, status, std::to_string(status),
                                row != nullptr ? std::string(row->text) : "an answer not documented");
  if (kind == OutcomeKind::Throttled || kind == OutcomeKind::Temporary) {
    outcome.retry_after = pause_of(response, now);
    if (!outcome.retry_after && kind == OutcomeKind::Throttled) outcome.retry_after = kPause;
  }
  if (status != 400 && status != 403) return {.outcome = std::move(outcome), .refused = {}};
  base::JsonDocument document;
  const auto root = document.parse(response.body);
  if (!root) return {.outcome = std::move(outcome), .refused = {}};
  return read_errors(*root, jobs, asked_sender, status, std::move(outcome));
}

Result<std::vector<model::Receipt>> read_events(std::string_view json, Time now) {
  base::JsonDocument document;
  const auto root = document.parse(json);
  base::JsonArray events;
  if (!root || root->get(events) != simdjson::SUCCESS) {
    return fail(Errc::InvalidArgument, "the body is not a JSON array of events");
  }
  if (events.size() > kEventsMax) return fail(Errc::InvalidArgument, "more than 20000 events");
  std::vector<model::Receipt> receipts;
  for (const auto event : events) {
    if (auto receipt = receipt_of(event, now)) receipts.push_back(std::move(*receipt));
  }
  return receipts;
}

Result<CallbackReading> read_callback(const CallbackRequest& request,
                                      const std::optional<base::PublicKey>& key) {
  CARILLON_CHECK(check_signature(request, key));
  CallbackReading reading;
  CARILLON_TRY(reading.receipts, read_events(request.body, request.now));
  return reading;
}

}  // namespace sendgrid_detail

extern const ProviderType sendgrid{
    .name = "sendgrid",
    .title = "SendGrid",
    .channel = model::Channel::Email,
    .platforms = {},
    .service = {},
    .default_endpoint = sendgrid_detail::kEndpoint,
    .batch_max = sendgrid_detail::kRecipientsMax,
    .payload_max = sendgrid_detail::kBytesMax,
    .in_flight_default = sendgrid_detail::kInFlightDefault,
    .has_receipts = true,
    .echoes_id = true,
    .declare = declare_as<sendgrid_detail::Options, sendgrid_detail::describe_options>,
    .open = open_as<sendgrid_detail::SendgridProvider, sendgrid_detail::Options,
                    sendgrid_detail::describe_options>,
};

}  // namespace carillon::providers
