#include "providers/webhook.h"

#include <fmt/format.h>

#include <array>

#include "base/ids.h"
#include "model/standard_webhook.h"
#include "net/public_address.h"
#include "providers/catalog.h"
#include "providers/http_provider.h"

namespace carillon::providers {
namespace webhook_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;

constexpr std::size_t kInFlightDefault = 500;  // somebody's slow server is not to hold up the others
constexpr std::size_t kBodyMax = 256 * 1024;   // bytes
constexpr std::size_t kAnswerMax = 64 * 1024;  // bytes read of an answer
constexpr Millis kPause{5'000};                // where a receiver asks for none

// What else a receiver says about this address alone. Another status is its trouble of the moment: a repeat
// has the same webhook-id.
OutcomeKind kind_of(int status) noexcept {
  if (status / 100 == 2) return OutcomeKind::Sent;
  switch (status) {
    case 410: return OutcomeKind::InvalidRecipient;  // it wants no more of it
    case 429: return OutcomeKind::Throttled;
    case 400:
    case 413:
    case 415:
    case 422: return OutcomeKind::Permanent;  // it understood, and does not take this
    default: break;                           // any other number
  }
  return status / 100 == 3 ? OutcomeKind::Permanent : OutcomeKind::Temporary;
}

class WebhookProvider final : public HttpProvider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    if (!options.signing_secret.empty() && !model::webhook_key(options.signing_secret.reveal()))
      return fail(Errc::InvalidArgument, fmt::format("signing_secret: {}", model::kWebhookSecretRule));
    return std::make_unique<WebhookProvider>(std::move(options), std::move(common), context);
  }

  WebhookProvider(Options options, CommonOptions common, const Context& context)
      : HttpProvider(common, context, "webhook", kInFlightDefault),
        options_(std::move(options)),
        common_(std::move(common)),
        has_private_addresses_(context.has_private_addresses) {}

  Task<TestReport> test(base::Deadline) override {
    co_return TestReport{true,
                         options_.signing_secret.empty()
                             ? "Each address is called as it says, signed with its own secret."
                             : "Each address is called as it says, signed with its own secret or this one."};
  }

 private:
  std::expected<net::HttpCall, Outcome> request_for(const Job& job) const override {
    const auto of_address = [](OutcomeKind kind, const char* code, std::string detail) {
      Outcome outcome = Outcome::of(kind, 0, code, std::move(detail));
      outcome.is_of_address = true;
      return std::unexpected(std::move(outcome));
    };
    std::string why =
        net::refuse_url(job.target.address, has_private_addresses_, "webhooks.private_addresses");
    if (!why.empty()) return of_address(OutcomeKind::Permanent, "address_refused", std::move(why));
    std::string body = body_of(job);
    if (body.size() > kBodyMax) return std::unexpected(too_long("the body", body.size(), kBodyMax));
    const base::Secret& secret = job.target.secret.empty() ? options_.signing_secret : job.target.secret;
    const std::span<const base::Secret> secrets(&secret, secret.empty() ? 0 : 1);
    auto headers = model::webhook_headers(job.handle(), body, secrets, now());
    if (!headers) return of_address(OutcomeKind::Permanent, "secret_refused", headers.error().message);
    headers->emplace_back("user-agent", "Carillon");
    net::HttpCall call;
    call.url = job.target.address;
    call.request.method = "POST";
    call.request.headers = std::move(*headers);
    call.request.body = std::move(body);
    call.ca_file = common_.ca_file;
    call.response_body_max = kAnswerMax;
    call.is_public_only = !has_private_addresses_;
    return call;
  }
  Outcome understand(const Job& job, const net::HttpResponse& response) const override {
    return classify(job, response, now());
  }
  Outcome unanswered(const Job& job, const net::TransportError& error) const override {
    Outcome outcome = HttpProvider::unanswered(job, error);
    outcome.is_of_address = true;
    return outcome;
  }

  const Options options_;
  const CommonOptions common_;
  const bool has_private_addresses_;
};

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  group.secret("signing_secret", options.signing_secret)
      .help(
          "Signs what goes to addresses without a secret of their own: whsec_ and the base64 of 24 to 64 "
          "bytes; empty: that is not signed.")
      .korean(
          "자체 시크릿이 없는 주소로 보내는 것에 서명합니다. whsec_ 뒤에 24~64바이트의 base64를 적습니다. "
          "비워 두면 서명하지 않습니다.");
}

std::string body_of(const Job& job) {
  const model::Message& message = *job.message;
  if (!message.data.empty()) return message.data;
  base::JsonWriter out(message.body.size() + 512);
  // Of the notification, so that a repeat says the same.
  out.object().field("type", "notification").field("timestamp", to_rfc3339(base::id_time(job.notification)));
  out.key("data").object().field_if("title", message.title).field_if("body", message.body);
  out.field_if("url", message.url).field_if("image", message.image);
  out.key("carillon").object().field("n", job.notification_text()).field("d", job.delivery_text());
  out.end_object().end_object().end_object();
  return out.str();
}

Outcome classify(const Job& job, const net::HttpResponse& response, Time now) {
  const OutcomeKind kind = kind_of(response.status);
  if (kind == OutcomeKind::Sent) {
    Outcome sent = Outcome::sent(job.handle(), response.status);
    sent.is_of_address = true;
    return sent;
  }
  const bool is_redirect = response.status / 100 == 3;
  Outcome outcome = Outcome::of(kind, response.status, kind == OutcomeKind::InvalidRecipient ? "gone" : "",
                                is_redirect ? "it was answered with a redirect, which is not followed"
                                            : fmt::format("it was answered with {}", response.status));
  outcome.is_of_address = true;
  heed_retry_after(outcome, response, now, kPause);
  return outcome;
}

}  // namespace webhook_detail

extern const ProviderType webhook{
    .name = "webhook",
    .title = "Webhook",
    .channel = model::Channel::Webhook,
    .platforms = {},
    .service = {},
    .default_endpoint = {},
    .batch_max = 16,
    .payload_max = webhook_detail::kBodyMax,
    .in_flight_default = webhook_detail::kInFlightDefault,
    .has_handle = true,
    .declare = declare_as<webhook_detail::Options, webhook_detail::describe_options>,
    .open =
        open_as<webhook_detail::WebhookProvider, webhook_detail::Options, webhook_detail::describe_options>,
};

}  // namespace carillon::providers
