#include "providers/pushy.h"

#include <fmt/format.h>

#include <algorithm>

#include "providers/catalog.h"
#include "providers/http_provider.h"
#include "providers/json_merge.h"
#include "providers/push_data.h"

namespace carillon::providers {
namespace pushy_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;

constexpr std::string_view kEndpoint = "https://api.pushy.me";
constexpr std::size_t kInFlightDefault = 50;
constexpr std::int64_t kTtlMaxS = 31'536'000;  // 365 days
constexpr std::size_t kCollapseMax = 32;       // characters
constexpr std::size_t kTokenMax = 128;         // characters; Pushy's own have 22 or more
constexpr Millis kPause{5'000};                // Pushy names no time

constexpr ErrorRow kErrors[] = {
    {"NO_RECIPIENTS", OutcomeKind::InvalidRecipient, "No device of this app has the token.", true},
    {"INVALID_PARAM", OutcomeKind::Permanent, "A parameter has an invalid value."},
    {"PAYLOAD_LIMIT_EXCEEDED", OutcomeKind::Permanent, "The payload exceeds 4 KB."},
    {"INVALID_API_KEY", OutcomeKind::Misconfigured, "The Secret API Key is not valid: check api_key."},
    {"AUTH_LIMIT_EXCEEDED", OutcomeKind::Misconfigured, "Too many tries with a wrong Secret API Key."},
    {"ACCOUNT_SUSPENDED", OutcomeKind::Misconfigured, "The account is suspended."},
    {"PAYMENT_REQUIRED", OutcomeKind::Misconfigured, "The account's plan does not cover this."},
    // The key that Pushy uses towards APNs: only iOS is affected.
    {"NO_APNS_AUTH", OutcomeKind::Temporary, "The app has no APNs key in the Pushy dashboard."},
    {"RATE_LIMIT_EXCEEDED", OutcomeKind::Throttled, "Too many requests."},
    // An error inside Pushy: the message may have been taken before it.
    {"INTERNAL_SERVER_ERROR", OutcomeKind::Ambiguous, "Internal error of Pushy."},
};

OutcomeKind kind_of_status(int status) noexcept {
  if (status == 429) return OutcomeKind::Throttled;
  if (status == 401 || status == 402 || status == 403) return OutcomeKind::Misconfigured;
  if (status == 503 || status == 408) return OutcomeKind::Temporary;
  return status >= 500 ? OutcomeKind::Ambiguous : OutcomeKind::Permanent;
}

// What iOS and macOS show themselves; elsewhere the app shows what is in `data`.
void append_notification(std::string& out, const model::Message& m) {
  MemberWriter shown(out, nullptr);
  out += R"(,"notification":{)";
  shown.text("title", m.title);
  shown.text("body", m.body);
  if (m.badge) shown.number("badge", *m.badge);
  shown.text("sound", m.sound);
  out += '}';
}

// The app's own code reads this: `title` and `message` are the names Pushy's samples use.
std::string data_of(const Job& job) {
  const model::Message& m = *job.message;
  std::string data = "{";
  MemberWriter shown(data, nullptr);
  shown.text("title", m.title);
  shown.text("message", m.body);
  std::string ours;
  append_push_data(ours, job);
  shown.separate();
  data.append(std::string_view(ours).substr(1));
  return data;
}

class PushyProvider final : public HttpProvider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    CARILLON_CHECK(set_endpoint(common, kEndpoint));
    return std::make_unique<PushyProvider>(std::move(options), std::move(common), context);
  }

  PushyProvider(Options options, CommonOptions common, const Context& context)
      : HttpProvider(std::move(common), context, "pushy", kInFlightDefault), options_(std::move(options)) {}

  // Reading the app's topics sends nothing.
  Task<TestReport> test(base::Deadline deadline) override {
    return try_out(
        call_of("/topics"), "Pushy", "Pushy accepted the Secret API Key.",
        [](const net::HttpResponse& response, Time now) { return classify(response, {}, now); }, deadline);
  }

 private:
  // The key is part of the URL, which therefore never reaches a log.
  net::HttpCall call_of(std::string_view path) const {
    return call_to(fmt::format("{}?api_key={}", path, net::percent_encode(options_.api_key.reveal())));
  }

  std::expected<net::HttpCall, Outcome> request_for(const Job& job) const override {
    CARILLON_TRY(std::string body, body_of(job));
    net::HttpCall call = call_of("/push");
    call.request.method = "POST";
    call.request.headers.emplace_back("content-type", "application/json");
    call.request.body = std::move(body);
    return call;
  }
  Outcome understand(const Job& job, const net::HttpResponse& response) const override {
    return classify(response, job.target.address, now());
  }

  const Options options_;
};

constexpr model::Platform kPlatforms[] = {model::Platform::Android, model::Platform::Ios,
                                          model::Platform::Web, model::Platform::Macos};

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  group.secret("api_key", options.api_key)
      .required()
      .help("Secret API Key of the app, from the Pushy dashboard, API Authentication.")
      .korean("Pushy 대시보드의 API Authentication에 있는 앱의 Secret API Key입니다.");
}

std::span<const ErrorRow> error_rows() noexcept { return kErrors; }

std::expected<std::string, Outcome> body_of(const Job& job) {
  const Target& target = job.target;
  const bool is_token = !target.address.empty() && target.address.size() <= kTokenMax &&
                        target.address.front() != '/' &&  // would be a topic
                        std::ranges::all_of(target.address, [](char c) { return c > ' ' && c <= '~'; });
  if (!is_token) {
    return std::unexpected(
        Outcome::of(OutcomeKind::InvalidRecipient, 0, "NO_RECIPIENTS", "not a device token"));
  }
  const std::string data = data_of(job);
  if (data.size() > kDataMax) {
    return std::unexpected(too_large("PAYLOAD_LIMIT_EXCEEDED", "payload", data.size(), kDataMax));
  }
  const model::Message& m = *job.message;
  std::string body = R"({"to":)";
  base::append_json_string(body, target.address);
  body += R"(,"data":)";
  body += data;
  MemberWriter rest(body, nullptr, true);
  if (job.expires_at) rest.number("time_to_live", std::max<std::int64_t>(1, seconds_to_live(job, kTtlMaxS)));
  rest.text("collapse_key", collapse_handle(job, kCollapseMax));
  if (target.platform == model::Platform::Ios || target.platform == model::Platform::Macos) {
    if (shows_something(m) || m.badge || !m.sound.empty()) {
      append_notification(body, m);
    } else {
      rest.raw("content_available", "true");
    }
    if (!m.image.empty()) rest.raw("mutable_content", "true");  // the app's extension fetches it
  }
  body += '}';
  return body;
}

Outcome classify(const net::HttpResponse& response, std::string_view token, Time now) {
  base::JsonDocument document;
  const auto root = document.parse(response.body);
  std::string_view code, id, message;
  if (response.status == 200) {
    if (!root || (*root)["id"].get(id) != simdjson::SUCCESS || id.empty()) {
      return Outcome::ambiguous("an answer without an id", response.status);
    }
    base::JsonArray failed;
    if ((*root)["info"]["failed"].get(failed) == simdjson::SUCCESS) {
      for (const base::JsonElement one : failed) {
        std::string_view name;
        if (one.get(name) == simdjson::SUCCESS && name == token) {
          return Outcome::of(OutcomeKind::InvalidRecipient, response.status, "failed",
                             "The device is not known any more.");
        }
      }
    }
    return Outcome::sent(std::string(id.substr(0, 64)), response.status);
  }
  if (!root || (*root)["code"].get(code) != simdjson::SUCCESS) code = {};
  if (!root || (*root)["error"].get(message) != simdjson::SUCCESS) message = {};
  const auto* const row = std::ranges::find(kErrors, code, &ErrorRow::code);
  const bool is_known = row != std::end(kErrors);
  const OutcomeKind kind = response.status == 429 ? OutcomeKind::Throttled
                           : is_known             ? row->kind
                                                  : kind_of_status(response.status);
  std::string text(is_known ? row->text : std::string_view("an error Pushy does not document"));
  if (kind == OutcomeKind::Permanent && !message.empty()) text = message.substr(0, 250);
  Outcome outcome = Outcome::of(kind, response.status, std::string(code.substr(0, 64)), std::move(text));
  outcome.is_suspicious = is_known && row->is_suspicious;
  if (kind == OutcomeKind::Throttled) outcome.retry_after = kPause;
  const auto asked = net::parse_retry_after(response.header("retry-after"), to_ms(now) / 1000);
  if (asked && (kind == OutcomeKind::Throttled || kind == OutcomeKind::Temporary)) {
    outcome.retry_after = std::chrono::seconds(*asked);
  }
  return outcome;
}

}  // namespace pushy_detail

extern const ProviderType pushy{
    .name = "pushy",
    .title = "Pushy",
    .channel = model::Channel::Push,
    .platforms = pushy_detail::kPlatforms,
    .service = "pushy",
    .default_endpoint = pushy_detail::kEndpoint,
    .batch_max = 16,
    .payload_max = pushy_detail::kDataMax,
    .in_flight_default = pushy_detail::kInFlightDefault,
    .declare = declare_as<pushy_detail::Options, pushy_detail::describe_options>,
    .open = open_as<pushy_detail::PushyProvider, pushy_detail::Options, pushy_detail::describe_options>,
};

}  // namespace carillon::providers
