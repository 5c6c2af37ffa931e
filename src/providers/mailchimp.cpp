#include "providers/mailchimp.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/crypto.h"
#include "providers/attachments.h"
#include "providers/catalog.h"
#include "providers/http_provider.h"
#include "providers/letter.h"
#include "providers/mail_batches.h"
#include "providers/mime.h"

namespace carillon::providers {
namespace mailchimp_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;
using model::ReceiptKind;

constexpr std::string_view kEndpoint = "https://mandrillapp.com/api/1.0";
constexpr std::size_t kInFlightDefault = 1000;
constexpr std::int64_t kRequestsDefault = 50;
constexpr double kRequestsMax = 500, kBatchMax = 1000;
constexpr std::size_t kEventsMax = 20'000;  // of one call
constexpr std::size_t kAnswerBytesMax = 4 << 20;
constexpr Millis kPause{5'000};  // Mandrill names no time
// Signs the empty call that tells whether a new webhook's URL answers.
constexpr std::string_view kTrialKey = "test-webhook";

constexpr ErrorRow kErrors[] = {
    {"Invalid_Key", OutcomeKind::Misconfigured, "The API key is not valid."},
    {"PaymentRequired", OutcomeKind::Misconfigured, "The requested feature requires payment."},
    {"Unknown_Subaccount", OutcomeKind::Misconfigured, "The subaccount does not exist: check subaccount."},
    {"Unknown_Pool", OutcomeKind::Misconfigured, "The pool of addresses does not exist: check ip_pool."},
    {"ValidationError", OutcomeKind::Permanent, "The parameters are not valid."},
    {"Unknown_Template", OutcomeKind::Permanent, "The template does not exist."},
    {"Invalid_Template", OutcomeKind::Permanent, "The template is not valid."},
    {"Unknown_MetadataField", OutcomeKind::Permanent, "The metadata field does not exist."},
    {"Invalid_Tag_Name", OutcomeKind::Permanent, "A tag is not valid."},
    {"Too_Many_Requests", OutcomeKind::Throttled, "Too many requests."},
    {"ServiceUnavailable", OutcomeKind::Temporary, "The subsystem is down for maintenance."},
    // The mail may have been queued before it.
    {"GeneralError", OutcomeKind::Ambiguous, "An unexpected error occurred at Mandrill."},
};

constexpr ResultRow kResults[] = {
    {"sent", "", OutcomeKind::Sent, ""},
    {"queued", "", OutcomeKind::Sent, ""},
    {"scheduled", "", OutcomeKind::Sent, ""},
    {"invalid", "", OutcomeKind::InvalidRecipient, "The address is not valid."},
    {"rejected", "hard-bounce", OutcomeKind::InvalidRecipient, "Mail to the address has bounced before."},
    {"rejected", "soft-bounce", OutcomeKind::Temporary, "Mail to the address has bounced softly."},
    {"rejected", "spam", OutcomeKind::InvalidRecipient, "The recipient has complained before."},
    {"rejected", "unsub", OutcomeKind::InvalidRecipient, "The recipient has unsubscribed."},
    {"rejected", "custom", OutcomeKind::InvalidRecipient, "The address is on the account's rejection list."},
    {"rejected", "invalid", OutcomeKind::InvalidRecipient, "The address is not valid."},
    {"rejected", "invalid-sender", OutcomeKind::Misconfigured, "The sender is not valid: check from_email."},
    {"rejected", "unsigned", OutcomeKind::Misconfigured,
     "The sender's domain has no valid DKIM or SPF record."},
    {"rejected", "test-mode-limit", OutcomeKind::Misconfigured, "The limit of test mode is reached."},
    {"rejected", "rule", OutcomeKind::Permanent, "A rule of the account rejected the mail."},
    {"rejected", "", OutcomeKind::Permanent, "Rejected for a reason not documented."},
};

constexpr EventRow kEvents[] = {
    {"send", "", ReceiptKind::Sent},
    {"delivered", "", ReceiptKind::Delivered},
    {"deferral", "", std::nullopt},  // Mandrill goes on trying
    {"hard_bounce", "", ReceiptKind::Bounced},
    {"soft_bounce", "", ReceiptKind::Undelivered},
    {"open", "", ReceiptKind::Opened},
    {"click", "", ReceiptKind::Clicked},
    {"spam", "", ReceiptKind::Complained},
    {"unsub", "", ReceiptKind::Unsubscribed},
    {"reject", "hard-bounce", ReceiptKind::Bounced},
    {"reject", "invalid", ReceiptKind::Bounced},
    {"reject", "spam", ReceiptKind::Complained},
    {"reject", "unsub", ReceiptKind::Unsubscribed},
    {"reject", "", ReceiptKind::Undelivered},
    {"inbound", "", std::nullopt},
};

bool has_copies(const model::Message& message) { return !message.cc.empty() || !message.bcc.empty(); }

void write_to(base::JsonWriter& out, std::string_view email, std::string_view type) {
  out.object().field("email", email).field("type", type).end_object();
}

void write_recipients(base::JsonWriter& out, std::span<Job* const> jobs) {
  const model::Message& m = *jobs.front()->message;
  out.key("to").array();
  for (const Job* job : jobs) write_to(out, job->target.address, "to");
  for (const std::string& copy : m.cc) {
    if (is_plain_mailbox(copy)) write_to(out, copy, "cc");
  }
  for (const std::string& copy : m.bcc) {
    if (is_plain_mailbox(copy)) write_to(out, copy, "bcc");
  }
  // Recipients of a batch do not see each other; copies are meant to be seen.
  out.end_array().field("preserve_recipients", !m.cc.empty()).key("recipient_metadata").array();
  for (const Job* job : jobs) {
    out.object().field("rcpt", job->target.address).key("values").object();
    out.field(kDeliveryTag, job->delivery_text()).end_object().end_object();
  }
  out.end_array();
}

// A picture the HTML names by cid: goes by the name of its content id.
void write_files(base::JsonWriter& out, const model::MailAttachments& attachments, const ContentMarks& marks,
                 bool is_pictures) {
  out.key(is_pictures ? "images" : "attachments").array();
  for (std::size_t i = 0; i < attachments.size(); ++i) {
    const model::MailAttachment& each = attachments[i];
    const bool is_picture = !each.content_id.empty() && each.type.starts_with("image/");
    if (is_picture != is_pictures) continue;
    out.object().field("type", each.type).field("name", is_picture ? each.content_id : each.filename);
    out.field("content", marks.mark(i)).end_object();
  }
  out.end_array();
}

Outcome outcome_of_error(const net::HttpResponse& response, base::JsonElement root, Time now) {
  const std::string_view name = text_at(root, "name");
  const auto* const row = std::ranges::find(kErrors, name, &ErrorRow::name);
  const bool is_known = row != std::end(kErrors);
  const int status = response.status;
  OutcomeKind kind = status >= 500 ? OutcomeKind::Ambiguous : OutcomeKind::Permanent;
  if (is_known) {
    kind = row->kind;
  } else if (status == 429) {
    kind = OutcomeKind::Throttled;
  } else if (status == 401 || status == 403 || status == 404) {
    kind = OutcomeKind::Misconfigured;
  } else if (status == 503 || status == 408) {
    kind = OutcomeKind::Temporary;
  }
  Outcome outcome = Outcome::of(kind, status, is_known ? std::string(row->name) : std::to_string(status),
                                is_known ? std::string(row->text) : "an error not documented");
  if (kind != OutcomeKind::Throttled && kind != OutcomeKind::Temporary) return outcome;
  const auto asked = net::parse_retry_after(response.header("retry-after"), to_ms(now) / 1000);
  if (asked) outcome.retry_after = std::chrono::seconds(*asked);
  if (!asked && kind == OutcomeKind::Throttled) outcome.retry_after = kPause;
  return outcome;
}

Outcome outcome_of_result(base::JsonElement result, int http_status, bool asked_sender) {
  const std::string_view status = text_at(result, "status");
  const std::string_view reason =
      status == "rejected" ? text_at(result, "reject_reason") : std::string_view();
  const auto* const row = std::ranges::find_if(kResults, [&](const ResultRow& r) {
    return r.status == status && (r.reason == reason || r.reason.empty());
  });
  if (row == std::end(kResults)) return Outcome::ambiguous("a status that is not documented", http_status);
  if (row->kind == OutcomeKind::Sent) {
    Outcome outcome = Outcome::sent(std::string(text_at(result, "_id").substr(0, 128)), http_status);
    if (outcome.provider_id.empty()) return Outcome::ambiguous("an answer without an id", http_status);
    // Mandrill keeps what it queued, for whatever reason: never sent again from here.
    const std::string_view waits_for = text_at(result, "queued_reason");
    if (!waits_for.empty()) outcome.detail = fmt::format("queued: {}", waits_for.substr(0, 64));
    return outcome;
  }
  // The caller's own sender says nothing about the account.
  const bool is_senders = row->reason == "invalid-sender" || row->reason == "unsigned";
  const OutcomeKind kind = is_senders && asked_sender ? OutcomeKind::Permanent : row->kind;
  return Outcome::of(kind, http_status, std::string(row->reason.empty() ? row->status : row->reason),
                     std::string(row->text));
}

class MailchimpProvider final : public Provider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    CARILLON_CHECK(set_endpoint(common, kEndpoint));
    if (address_fault(options.from_email, false)) {
      return fail(Errc::InvalidArgument, "from_email is not an address");
    }
    return std::make_unique<MailchimpProvider>(std::move(options), std::move(common), context);
  }

  MailchimpProvider(Options options, CommonOptions common, const Context& context)
      : options_(std::move(options)),
        common_(std::move(common)),
        clock_(*context.clock),
        http_(net::HttpClient::open(context.executor)),
        batches_(context.executor, "mailchimp",
                 MailBatches::limits_of(common_, static_cast<std::size_t>(options_.batch), options_.requests,
                                        kRequestsDefault, kInFlightDefault),
                 same, fits, [this](MailBatch& batch) { return run(batch); }) {}

  void send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) override {
    batches_.add(mailable(jobs, sink, false), sink, deadline);
  }
  [[nodiscard]] std::size_t free_slots() const noexcept override { return batches_.free_slots(); }

  Task<TestReport> test(base::Deadline deadline) override {
    base::JsonWriter body;
    body.object().field("key", options_.api_key.reveal()).end_object();
    const auto response = co_await http_->call(call_of("/users/ping2.json", net::Body(body.str())), deadline);
    if (!response) co_return TestReport{false, "Mandrill could not be reached: " + response.error().detail};
    if (response->status == 200 && response->body.contains("PONG")) {
      co_return TestReport{true, "Mandrill accepted the API key."};
    }
    const std::string_view nobody[] = {""};
    const Outcome outcome = classify(*response, nobody, false, clock_.now()).front();
    co_return TestReport{
        false, fmt::format("Mandrill answered {} {}: {}", response->status, outcome.code, outcome.detail)};
  }
  Task<Result<CallbackReading>> callback(const CallbackRequest& request, base::Deadline) override {
    co_return read_callback(request, options_.webhook_key);
  }
  Task<void> close(base::Deadline) override {
    co_await batches_.close();
    co_await http_->close();
  }

 private:
  static bool same(const model::Message& a, const model::Message& b) { return is_same_letter(a, b, true); }
  // Results and metadata are told apart by address.
  static bool fits(const MailBatch& batch, const Job& job) {
    return !has_copies(*job.message) && std::ranges::none_of(batch.jobs, [&job](const Job* other) {
      return lower(other->target.address) == lower(job.target.address);
    });
  }

  net::HttpCall call_of(std::string_view path, net::Body body) const {
    net::HttpCall call;
    call.url = common_.endpoint + std::string(path);
    call.request.method = "POST";
    call.request.headers = {{"content-type", "application/json"}, {"accept", "application/json"}};
    carry(call, std::move(body));
    call.ca_file = common_.ca_file;
    call.response_body_max = kAnswerBytesMax;
    return call;
  }

  Task<void> run(MailBatch& batch) {
    net::Body body = body_of(batch.jobs, options_);
    if (const auto fault = size_fault(body.size(), kBytesMax)) co_return batches_.finish_all(batch, *fault);
    const auto response =
        co_await http_->call(call_of("/messages/send.json", std::move(body)), batch.deadline);
    if (!response) co_return batches_.finish_all(batch, outcome_of_failure(response.error()));
    const LetterSender sender = sender_of(*batch.first().message, options_.from_email, options_.from_name);
    std::vector<std::string_view> addresses;
    for (const Job* job : batch.jobs) addresses.emplace_back(job->target.address);
    std::vector<Outcome> outcomes = classify(*response, addresses, sender.is_asked, clock_.now());
    for (std::size_t i = 0; i < batch.jobs.size(); ++i) {
      batches_.finish(*batch.sink, *batch.jobs[i], std::move(outcomes[i]));
    }
  }

  const Options options_;
  CommonOptions common_;
  const base::Clock& clock_;
  const std::unique_ptr<net::HttpClient> http_;
  MailBatches batches_;
};

// ---- callbacks

std::optional<model::Receipt> receipt_of_message(base::JsonElement event, Time now) {
  base::JsonElement message;
  if (event["msg"].get(message) != simdjson::SUCCESS) return std::nullopt;
  const std::string_view name = text_at(event, "event");
  base::JsonElement reject;
  const bool has_reject = message["reject"].get(reject) == simdjson::SUCCESS;
  const std::string_view reason =
      name == "reject" && has_reject ? text_at(reject, "reason") : std::string_view();
  const auto* const row = std::ranges::find_if(kEvents, [&](const EventRow& r) {
    return r.event == name && (r.reason == reason || r.reason.empty());
  });
  if (row == std::end(kEvents) || !row->kind) return std::nullopt;
  model::Receipt receipt;
  receipt.kind = *row->kind;
  receipt.code = row->event;
  const std::string_view bounce = text_at(message, "bounce_description");
  const bool is_word = bounce.size() <= 64 && std::ranges::all_of(bounce, [](char c) {
                         return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
                       });
  receipt.detail = !bounce.empty() && is_word ? std::string(bounce)
                   : reason.empty()           ? std::string(row->event)
                                              : fmt::format("{}: {}", row->event, row->reason);
  receipt.provider_id = text_at(message, "_id").substr(0, 128);
  receipt.at = seconds_at(event, "ts", now);
  base::JsonElement metadata;  // an empty array when there is none
  const bool has_metadata = message["metadata"].get(metadata) == simdjson::SUCCESS;
  return attributed(std::move(receipt), has_metadata ? text_at(metadata, kDeliveryTag) : std::string_view(),
                    "", text_at(message, "email"));
}

// The account's rejection list was changed, by Mandrill or by hand.
std::optional<model::Receipt> receipt_of_list(base::JsonElement event, Time now) {
  base::JsonElement reject;
  if (text_at(event, "type") != "blacklist" || event["reject"].get(reject) != simdjson::SUCCESS)
    return std::nullopt;
  const std::string_view action = text_at(event, "action");
  const std::string_view reason = text_at(reject, "reason");
  model::Receipt receipt;
  if (action == "add" && reason == "hard-bounce") {
    receipt.kind = ReceiptKind::Bounced;
  } else if (action == "add" && reason == "spam") {
    receipt.kind = ReceiptKind::Complained;
  } else if (action == "add" && reason == "unsub") {
    receipt.kind = ReceiptKind::Unsubscribed;
  } else if (action == "remove" && reason == "unsub") {
    receipt.kind = ReceiptKind::Resubscribed;
  } else {
    return std::nullopt;
  }
  receipt.code = "blacklist";
  receipt.detail = fmt::format("rejection list: {} {}", action, reason);
  receipt.at = seconds_at(event, "ts", now);
  return attributed(std::move(receipt), "", "", text_at(reject, "email"));
}

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  group.secret("api_key", options.api_key)
      .required()
      .help("API key of Mailchimp Transactional.")
      .korean("Mailchimp Transactional의 API 키입니다.");
  group.text("from_email", options.from_email)
      .required()
      .help("Sender's address where the request names none: of a verified domain.")
      .korean("요청에 발신자가 없을 때 쓰는 발신 주소로, 인증된 도메인이어야 합니다.");
  group.text("from_name", options.from_name)
      .help("Sender's name shown beside the address.")
      .korean("주소와 함께 표시되는 발신자 이름입니다.");
  group.secret("webhook_key", options.webhook_key)
      .help("Key shown with the webhook, which signs its calls; empty: they are refused.")
      .korean("웹훅 화면에 나오는 서명 키입니다. 비워 두면 웹훅 호출을 거절합니다.");
  group.text("subaccount", options.subaccount)
      .help("Subaccount that sends; empty: the account itself.")
      .korean("발송에 쓰는 하위 계정입니다. 비워 두면 계정 자체로 보냅니다.");
  group.text("ip_pool", options.ip_pool)
      .help("Pool of dedicated addresses; empty: the account's.")
      .korean("전용 IP 풀입니다. 비워 두면 계정의 기본 풀을 씁니다.");
  group.boolean("track_opens", options.track_opens)
      .help("Mandrill adds a picture that tells it of openings.")
      .korean("열람을 알 수 있도록 Mandrill이 그림을 넣습니다.");
  group.boolean("track_clicks", options.track_clicks)
      .help("Mandrill rewrites links so that they pass by it.")
      .korean("클릭을 알 수 있도록 Mandrill이 링크를 바꿉니다.");
  group.integer("batch", options.batch)
      .range(1, kBatchMax)
      .help("Recipients of one request with equal content; beyond 10 rejections come by the webhook only.")
      .korean(
          "내용이 같은 메일을 요청 하나로 받는 수신자 수입니다. 10명을 넘으면 거절은 웹훅으로만 알려 "
          "줍니다.");
  group.integer("requests", options.requests)
      .range(0, kRequestsMax)
      .help("Requests under way at a time; 0: 50.")
      .korean("동시에 진행하는 요청의 개수입니다. 0이면 50입니다.");
}

std::span<const ErrorRow> error_rows() noexcept { return kErrors; }
std::span<const ResultRow> result_rows() noexcept { return kResults; }
std::span<const EventRow> event_rows() noexcept { return kEvents; }

net::Body body_of(std::span<Job* const> jobs, const Options& options) {
  constexpr std::size_t kBytesPerRecipient = 160;
  const model::Message& m = *jobs.front()->message;
  const LetterSender sender = sender_of(m, options.from_email, options.from_name);
  const LetterParts parts = parts_of(m);
  base::JsonWriter out(parts.text.size() + parts.html.size() + kBytesPerRecipient * (jobs.size() + 4));
  out.object().field("key", options.api_key.reveal()).key("message").object();
  if (!parts.html.empty()) out.field("html", parts.html);
  if (!parts.text.empty()) out.field("text", parts.text);
  out.field("subject", parts.subject).field("from_email", sender.email);
  if (!sender.name.empty()) out.field("from_name", sender.name);
  out.key("headers").object();
  out.field_if("Reply-To", m.reply_to);
  for (const auto& [name, value] : m.headers) {
    const std::string key = lower(name);
    if (key != "reply-to" && key != "message-id") out.field(name, encode_header(value));
  }
  out.end_object();
  write_recipients(out, jobs);
  out.field("track_opens", options.track_opens).field("track_clicks", options.track_clicks);
  out.field("auto_text", false).field("auto_html", false).field("inline_css", false);
  const ContentMarks marks(m.attachments.get());
  if (!marks.is_empty()) {
    write_files(out, *m.attachments, marks, false);
    write_files(out, *m.attachments, marks, true);
  }
  out.field_if("subaccount", options.subaccount).end_object();
  out.field("async", jobs.size() > kSynchronousMax).field_if("ip_pool", options.ip_pool).end_object();
  return marks.fill_json(out.str());
}

std::vector<Outcome> classify(const net::HttpResponse& response, std::span<const std::string_view> addresses,
                              bool asked_sender, Time now) {
  base::JsonDocument document;
  const auto root = document.parse(response.body.empty() ? std::string_view("{}") : response.body);
  const bool is_error = response.status != 200 || (root && text_at(*root, "status") == "error");
  if (is_error) {
    base::JsonDocument nothing;
    return {addresses.size(), outcome_of_error(response, root ? *root : *nothing.parse("{}"), now)};
  }
  const std::vector<Outcome> silent{
      addresses.size(), Outcome::ambiguous("an answer that does not name the recipient", response.status)};
  base::JsonArray results;
  if (!root || root->get(results) != simdjson::SUCCESS) return silent;
  std::unordered_map<std::string, base::JsonElement> by_address;
  for (const auto result : results) by_address.emplace(lower(text_at(result, "email")), result);
  std::vector<Outcome> outcomes = silent;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto found = by_address.find(lower(addresses[i]));
    if (found != by_address.end()) {
      outcomes[i] = outcome_of_result(found->second, response.status, asked_sender);
    }
  }
  return outcomes;
}

std::string signature_of(std::string_view key, std::string_view url, std::string_view events) {
  return base::base64(base::hmac_sha1(key, fmt::format("{}mandrill_events{}", url, events)));
}

Result<std::vector<model::Receipt>> read_events(std::string_view json, Time now) {
  base::JsonDocument document;
  const auto root = document.parse(json);
  base::JsonArray events;
  if (!root || root->get(events) != simdjson::SUCCESS) {
    return fail(Errc::InvalidArgument, "mandrill_events is not a JSON array");
  }
  if (events.size() > kEventsMax) return fail(Errc::InvalidArgument, "more than 20000 events");
  std::vector<model::Receipt> receipts;
  for (const auto event : events) {
    auto receipt = receipt_of_message(event, now);
    if (!receipt) receipt = receipt_of_list(event, now);
    if (receipt) receipts.push_back(std::move(*receipt));
  }
  return receipts;
}

Result<CallbackReading> read_callback(const CallbackRequest& request, const base::Secret& key) {
  CallbackReading reading;
  reading.status = 200;
  // Does this URL answer?
  if (request.method == "HEAD" || (request.method == "GET" && request.body.empty())) return reading;
  const auto form = net::form_decode(request.body);
  const bool is_one = form && form->size() == 1 && form->front().first == "mandrill_events";
  const std::string_view events = is_one ? std::string_view(form->front().second) : std::string_view();
  const std::string_view given = request.header("x-mandrill-signature");
  const bool is_trial =
      events == "[]" && base::equal_constant_time(given, signature_of(kTrialKey, request.url, events));
  if (is_trial) return reading;
  const bool is_right = is_one && !key.empty() &&
                        base::equal_constant_time(given, signature_of(key.reveal(), request.url, events));
  if (!is_right) {
    return fail(Errc::Unauthenticated,
                "X-Mandrill-Signature does not fit: check webhook_key and server.public_url");
  }
  CARILLON_TRY(reading.receipts, read_events(events, request.now));
  return reading;
}

}  // namespace mailchimp_detail

extern const ProviderType mailchimp{
    .name = "mailchimp",
    .title = "Mailchimp Transactional",
    .channel = model::Channel::Email,
    .platforms = {},
    .service = {},
    .default_endpoint = mailchimp_detail::kEndpoint,
    .batch_max = mailchimp_detail::kSynchronousMax,
    .payload_max = mailchimp_detail::kBytesMax,
    .in_flight_default = mailchimp_detail::kInFlightDefault,
    .has_receipts = true,
    .echoes_id = true,
    .declare = declare_as<mailchimp_detail::Options, mailchimp_detail::describe_options>,
    .open = open_as<mailchimp_detail::MailchimpProvider, mailchimp_detail::Options,
                    mailchimp_detail::describe_options>,
};

}  // namespace carillon::providers
