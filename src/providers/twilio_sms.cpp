#include "providers/twilio_sms.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "providers/calls.h"
#include "providers/catalog.h"
#include "providers/twilio_callback.h"

namespace carillon::providers {
namespace twilio_sms_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;

constexpr std::string_view kEndpoint = "https://api.twilio.com";
constexpr std::size_t kInFlightDefault = 50;
constexpr std::int64_t kValidityMaxS = 36'000;  // Twilio's queue keeps no message longer

constexpr ErrorRow kErrors[] = {
    {14107, OutcomeKind::Throttled, "Too many messages between the same two numbers."},
    {20003, OutcomeKind::Misconfigured, "Authentication failed: check account_sid and auth_token."},
    {20005, OutcomeKind::Misconfigured, "The account is not active."},
    {20006, OutcomeKind::Misconfigured, "Access denied."},
    {20008, OutcomeKind::Misconfigured, "Test credentials cannot be used for this."},
    {20010, OutcomeKind::Misconfigured, "The account is suspended."},
    {20403, OutcomeKind::Misconfigured, "The account may not do this."},
    {20404, OutcomeKind::Misconfigured, "Not found: check account_sid."},
    {20429, OutcomeKind::Throttled, "Too many concurrent requests."},
    // An error inside Twilio: the message may have been queued before it.
    {20500, OutcomeKind::Ambiguous, "Internal server error."},
    {20503, OutcomeKind::Temporary, "Service unavailable."},
    {21211, OutcomeKind::InvalidRecipient, "The phone number is not valid."},
    {21212, OutcomeKind::Misconfigured, "The sender number is not valid."},
    {21214, OutcomeKind::InvalidRecipient, "The phone number cannot be reached."},
    {21217, OutcomeKind::InvalidRecipient, "The phone number does not appear to be valid."},
    {21219, OutcomeKind::Misconfigured, "A trial account may reach verified numbers only."},
    {21408, OutcomeKind::Misconfigured, "Messages to this region are not enabled for the account."},
    {21601, OutcomeKind::Misconfigured, "The sender number cannot send text messages."},
    {21602, OutcomeKind::Permanent, "The message has no body."},
    {21603, OutcomeKind::Misconfigured, "A sender number is required: set from or messaging_service_sid."},
    {21604, OutcomeKind::Permanent, "The message has no recipient."},
    {21605, OutcomeKind::Permanent, "The body is too long."},
    {21606, OutcomeKind::Misconfigured,
     "The sender number is not the account's or cannot send text messages."},
    {21607, OutcomeKind::Misconfigured, "A trial account must send from its own number."},
    {21608, OutcomeKind::Misconfigured, "A trial account may reach verified numbers only."},
    {21609, OutcomeKind::Permanent, "The status callback is not a valid URL."},
    {21610, OutcomeKind::InvalidRecipient, "The recipient has unsubscribed (STOP)."},
    {21611, OutcomeKind::Throttled, "The sender's queue is full."},
    {21612, OutcomeKind::InvalidRecipient, "The recipient cannot be reached from this sender."},
    {21614, OutcomeKind::InvalidRecipient, "Not a mobile number."},
    {21617, OutcomeKind::Permanent, "The body exceeds 1600 characters."},
    {21618, OutcomeKind::Permanent, "The content is filtered by all carriers."},
    {21619, OutcomeKind::Permanent, "A body, media or content template is required."},
    {21620, OutcomeKind::Permanent, "A media URL is not valid."},
    {21623, OutcomeKind::Permanent, "Too many media files."},
    {21624, OutcomeKind::Permanent, "The validity period is not valid."},
    {21654, OutcomeKind::Permanent, "The content template does not exist."},
    {21655, OutcomeKind::Permanent, "The content template's id is not valid."},
    {21656, OutcomeKind::Permanent, "The content template's variables are not valid."},
    {21658, OutcomeKind::Permanent, "A parameter is too long."},
    {21659, OutcomeKind::Misconfigured, "The sender is not a number of the account."},
    {21701, OutcomeKind::Misconfigured, "The messaging service does not exist."},
    {21702, OutcomeKind::Misconfigured, "The messaging service is not available."},
    {21703, OutcomeKind::Misconfigured, "The messaging service has no sender."},
    {21704, OutcomeKind::Misconfigured, "The messaging service has no sender for this."},
    {21705, OutcomeKind::Misconfigured, "The messaging service's id is not valid."},
};

using model::ReceiptKind;

// Errors of a message's later life (PROVIDERS §3.5). Others say nothing about the number.
struct LateRow {
  std::int64_t code = 0;
  ReceiptKind kind{};
  std::string_view text;
};
constexpr LateRow kLateErrors[] = {
    {21610, ReceiptKind::Unsubscribed, "The recipient has unsubscribed (STOP)."},
    {21614, ReceiptKind::Bounced, "Not a mobile number."},
    {30003, ReceiptKind::Undelivered, "The handset could not be reached."},
    {30004, ReceiptKind::Undelivered, "The message was blocked by the recipient or the carrier."},
    {30005, ReceiptKind::Bounced, "The handset is unknown or no longer in service."},
    {30006, ReceiptKind::Bounced, "A landline, or a carrier that cannot be reached."},
    {30007, ReceiptKind::Undelivered, "The carrier filtered the message."},
    {30008, ReceiptKind::Undelivered, "An unknown error of the carrier."},
};

constexpr Millis kPause{5'000};  // Twilio names no time

OutcomeKind kind_of_status(int status) noexcept {
  if (status == 429) return OutcomeKind::Throttled;
  if (status == 401 || status == 403) return OutcomeKind::Misconfigured;
  if (status == 503 || status == 408) return OutcomeKind::Temporary;
  return status >= 500 ? OutcomeKind::Ambiguous : OutcomeKind::Permanent;
}

class TwilioProvider final : public Provider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    if (options.from.empty() && options.messaging_service_sid.empty()) {
      return fail(Errc::InvalidArgument, "set from or messaging_service_sid");
    }
    if (common.endpoint.empty()) common.endpoint = kEndpoint;
    if (!net::parse_url(common.endpoint)) return fail(Errc::InvalidArgument, "endpoint is not a URL");
    while (common.endpoint.ends_with('/')) common.endpoint.pop_back();
    return std::make_unique<TwilioProvider>(std::move(options), std::move(common), context);
  }

  TwilioProvider(Options options, CommonOptions common, const Context& context)
      : options_(std::move(options)),
        common_(std::move(common)),
        clock_(*context.clock),
        callback_url_(context.callback_url),
        http_(net::HttpClient::open(context.executor)),
        calls_(
            context.executor, "twilio",
            common_.max_in_flight > 0 ? static_cast<std::size_t>(common_.max_in_flight) : kInFlightDefault) {}

  void send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) override {
    for (Job* job : jobs) {
      if (calls_.begin([this, job, &sink, deadline] { return run(*job, sink, deadline); })) continue;
      sink.finished(*job, Outcome::not_sent("the integration is closing"));
    }
  }
  [[nodiscard]] std::size_t free_slots() const noexcept override { return calls_.free(); }

  // Reading one sent message sends nothing. API keys may do this, but not read the account itself.
  Task<TestReport> test(base::Deadline deadline) override {
    net::HttpCall call = call_of("/Messages.json?PageSize=1");
    const auto response = co_await http_->call(std::move(call), deadline);
    if (!response) co_return TestReport{false, "Twilio could not be reached: " + response.error().detail};
    if (response->status == 200) co_return TestReport{true, "Twilio accepted the credentials."};
    const Outcome outcome = classify(*response, clock_.now());
    co_return TestReport{
        false, fmt::format("Twilio answered {} {}: {}", response->status, outcome.code, outcome.detail)};
  }
  Task<Result<CallbackReading>> callback(const CallbackRequest& request, base::Deadline) override {
    co_return read_callback(request, options_);
  }
  Task<void> close(base::Deadline) override {
    co_await calls_.close();
    co_await http_->close();
  }

 private:
  net::HttpCall call_of(std::string_view tail) const {
    net::HttpCall call;
    call.url = fmt::format("{}/2010-04-01/Accounts/{}{}", common_.endpoint,
                           net::percent_encode(options_.account_sid), tail);
    call.user = options_.api_key_sid.empty() ? options_.account_sid : options_.api_key_sid;
    call.password = options_.auth_token;
    call.ca_file = common_.ca_file;
    return call;
  }

  Task<void> run(Job& job, JobSink& sink, base::Deadline deadline) {
    net::HttpCall call = call_of("/Messages.json");
    call.request.method = "POST";
    call.request.headers.emplace_back("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    call.request.body = form_of(job, options_, callback_url_);
    const auto response = co_await http_->call(std::move(call), deadline);
    sink.finished(job, response ? classify(*response, clock_.now()) : outcome_of(response.error()));
  }

  static Outcome outcome_of(const net::TransportError& error) {
    switch (error.failure) {
      case net::SendFailure::NotSent: return Outcome::not_sent(error.detail);
      case net::SendFailure::Ambiguous: return Outcome::ambiguous(error.detail);
    }
    return Outcome::ambiguous(error.detail);
  }

  const Options options_;
  CommonOptions common_;
  const base::Clock& clock_;
  const std::string callback_url_;
  const std::unique_ptr<net::HttpClient> http_;
  Calls calls_;
};

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  group.text("account_sid", options.account_sid).required().help("Account SID, AC….");
  group.text("api_key_sid", options.api_key_sid)
      .help("SID of an API key, SK…, when auth_token is its secret; empty: the account itself.");
  group.secret("auth_token", options.auth_token)
      .required()
      .help("The account's auth token, or the API key's secret.");
  group.secret("signing_token", options.signing_token)
      .help("The account's primary auth token, which signs callbacks; empty: auth_token.");
  group.text("from", options.from)
      .help("Sender: a number of the account in E.164, or an alphanumeric sender id.");
  group.text("messaging_service_sid", options.messaging_service_sid)
      .help("Messaging service, MG…, that chooses the sender.");
}

std::span<const ErrorRow> error_rows() noexcept { return kErrors; }

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
  if (!callback_base.empty()) form.emplace_back("StatusCallback", callback_url(callback_base, job.delivery));
  if (job.expires_at) {
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(*job.expires_at - job.now).count();
    form.emplace_back("ValidityPeriod", std::to_string(std::clamp<std::int64_t>(left, 1, kValidityMaxS)));
  }
  return net::form_encode(form);
}

model::Outcome classify(const net::HttpResponse& response, Time now) {
  base::JsonDocument document;
  const auto root = document.parse(response.body);
  std::string_view sid;
  std::int64_t code = 0;
  if (response.status == 200 || response.status == 201) {
    if (!root || (*root)["sid"].get(sid) != simdjson::SUCCESS) {
      return Outcome::ambiguous("an answer without an id", response.status);
    }
    return Outcome::sent(std::string(sid), response.status);
  }
  if (!root || (*root)["code"].get(code) != simdjson::SUCCESS) code = 0;
  const auto* const row = std::ranges::find(kErrors, code, &ErrorRow::code);
  const bool is_known = row != std::end(kErrors);
  // A 429 was never processed, whatever its code.
  const OutcomeKind kind = response.status == 429 ? OutcomeKind::Throttled
                           : is_known             ? row->kind
                                                  : kind_of_status(response.status);
  Outcome outcome = Outcome::of(kind, response.status, code != 0 ? std::to_string(code) : std::string(),
                                is_known ? std::string(row->text) : std::string("an error not documented"));
  const auto asked = net::parse_retry_after(response.header("retry-after"), to_ms(now) / 1000);
  if (kind == OutcomeKind::Throttled) outcome.retry_after = kPause;
  if (asked && (kind == OutcomeKind::Throttled || kind == OutcomeKind::Temporary)) {
    outcome.retry_after = std::chrono::seconds(*asked);
  }
  return outcome;
}

Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options) {
  const base::Secret& token = options.signing_token.empty() ? options.auth_token : options.signing_token;
  CARILLON_TRY(const CallbackForm form, read_twilio_callback(request, token.reveal()));
  CallbackReading reading;
  model::Receipt receipt;
  receipt.delivery = request.delivery();
  receipt.provider_id = form_value(form, "MessageSid");
  receipt.code = form_value(form, "ErrorCode");
  receipt.address = form_value(form, "To");
  receipt.at = request.now;
  const std::string_view status = form_value(form, "MessageStatus");
  if (status.empty()) return fail(Errc::InvalidArgument, "MessageStatus is missing");
  if (status == "sent") {
    receipt.kind = ReceiptKind::Sent;
  } else if (status == "delivered" || status == "read") {
    receipt.kind = ReceiptKind::Delivered;
  } else if (status == "undelivered" || status == "failed") {
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
    .default_endpoint = twilio_sms_detail::kEndpoint,
    .batch_max = 16,
    .in_flight_default = twilio_sms_detail::kInFlightDefault,
    .has_receipts = true,
    .echoes_id = true,
    .declare = declare_as<twilio_sms_detail::Options, twilio_sms_detail::describe_options>,
    .open = open_as<twilio_sms_detail::TwilioProvider, twilio_sms_detail::Options,
                    twilio_sms_detail::describe_options>,
};

}  // namespace carillon::providers
