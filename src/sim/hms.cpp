#include "sim/hms.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "base/crypto.h"
#include "sim/h1_vendor.h"
#include "sim/hms_request.h"

namespace carillon::sim {
namespace {

constexpr std::string_view kJson = "application/json;charset=UTF-8";
constexpr std::string_view kBearer = "Bearer ";
constexpr std::int64_t kLifetimeS = 3600;
constexpr std::int64_t kRetryAfterReservedS = 1;
constexpr int kDelivered = 0;

HmsVerdict unauthorized() { return {401, "80200001", "OAuth authentication error"}; }
HmsVerdict expired() { return {401, "80200003", "OAuth Token expired"}; }

class HmsSession final : public H2Session {
 public:
  HmsSession(Context& context, HmsAccount& account, Callbacks& callbacks, H2Peer& peer)
      : context_(context),
        account_(account),
        callbacks_(callbacks),
        peer_(peer),
        send_path_(fmt::format("/v1/{}/messages:send", account.app_id())) {}

  void on_request(H2Exchange& x) override {
    const Draw draw = context_.faults.draw(Vendor::Hms);
    switch (draw.fault) {
      case Fault::BlackHole: x.leave_unanswered(); break;
      case Fault::RefusedStream: x.refuse(); break;
      case Fault::ResetBefore: peer_.reset(); break;
      // Huawei's flow control.
      case Fault::Throttle: refuse(x, {503, "", "flow control"}, draw, draw.retry_after_s); break;
      case Fault::ServerError: refuse(x, {draw.status_5xx, "81000001", "System inner error"}, draw, 0); break;
      case Fault::AuthFailure: refuse(x, unauthorized(), draw, 0); break;
      case Fault::None:
      case Fault::ResetAfter:
      case Fault::NoAnswer: send(x, draw); break;
    }
    const std::int64_t every = context_.faults.goaway_every(Vendor::Hms);
    if (++requests_; every > 0 && requests_ >= every) peer_.go_away("");
  }

 private:
  void send(H2Exchange& x, const Draw& draw) {
    const Time now = context_.clock.now();
    if (x.path() != send_path_) return refuse(x, {404, "", "Not Found"}, draw, 0);
    if (x.method() != "POST") return refuse(x, {405, "", "Method Not Allowed"}, draw, 0);
    if (const HmsVerdict wrong = authorize(x, now); !wrong.is_ok()) return refuse(x, wrong, draw, 0);
    HmsMessage message;
    HmsVerdict wrong = x.body_size() > H2Exchange::kBodyMax
                           ? HmsVerdict{200, "80300008", "The message body is too large"}
                           : check_hms_message(x.body(), message);
    // Reserved tokens (CONTRACT §6).
    if (wrong.is_ok() && message.token == "test-unregistered") {
      wrong = {200, "80300007", R"({"failure":1,"success":0,"illegal_tokens":["test-unregistered"]})"};
    }
    if (wrong.is_ok() && message.token == "test-429") {
      return refuse(x, {503, "", "flow control"}, draw, kRetryAfterReservedS);
    }
    if (!wrong.is_ok()) return refuse(x, wrong, draw, 0);
    accept(x, message, now, draw);
  }

  void accept(H2Exchange& x, const HmsMessage& message, Time now, const Draw& draw) {
    static std::atomic<std::uint64_t> next{1};
    const std::string id =
        fmt::format("{}{:06}", to_ms(now), next.fetch_add(1, std::memory_order_relaxed) % 1'000'000);
    fmt::format_to(std::back_inserter(x.reply_body()),
                   R"({{"code":"80000000","msg":"Success","requestId":"{}"}})", id);
    const bool is_answered = draw.fault == Fault::None && message.token != "test-timeout";
    if (!message.is_validate_only) {
      context_.log->accepted({.time = now,
                              .vendor = Vendor::Hms,
                              .recipient = message.token,
                              .delivery = message.tag,
                              .collapse = message.collapse,
                              .message_id = id,
                              .content = x.body(),
                              .is_answered = is_answered});
      tell(message, id);
    }
    if (draw.fault == Fault::ResetAfter) return peer_.reset();
    if (!is_answered) return x.leave_unanswered();
    x.status(200).header("content-type", kJson).respond(draw.latency);
  }

  void tell(const HmsMessage& message, const std::string& id) {
    const std::string url = context_.webhooks.url(Vendor::Hms);
    if (url.empty() || message.tag.empty()) return;
    callbacks_.tell({account_.receipt(url, message.token, message.tag, id, kDelivered)});
  }

  void refuse(H2Exchange& x, const HmsVerdict& verdict, const Draw& draw, std::int64_t retry_after_s) {
    const std::string status = fmt::format_int(verdict.status).str();
    context_.log->refused(Vendor::Hms, verdict.code.empty() ? std::string_view(status) : verdict.code);
    x.status(verdict.status).header("content-type", kJson);
    if (retry_after_s > 0) x.header("retry-after", fmt::format_int(retry_after_s).str());
    if (!verdict.code.empty()) {
      base::JsonWriter out;
      out.object().field("code", verdict.code).field("msg", verdict.message);
      out.field("requestId", fmt::format("{}", to_ms(context_.clock.now()))).end_object();
      x.reply_body() += out.str();
    }
    x.respond(draw.latency);
  }

  HmsVerdict authorize(const H2Exchange& x, Time now) {
    std::string_view authorization;
    for (const auto& [name, value] : x.fields()) {
      if (name == "authorization") authorization = value;
    }
    if (!authorization.empty() && authorization == known_ && now < known_until_) [[likely]]
      return {};
    if (!authorization.starts_with(kBearer)) return unauthorized();
    const auto expires = account_.find(authorization.substr(kBearer.size()));
    if (!expires) return authorization == known_ ? expired() : unauthorized();
    known_ = authorization;
    known_until_ = *expires;
    return {};
  }

  Context& context_;
  HmsAccount& account_;
  Callbacks& callbacks_;
  H2Peer& peer_;
  const std::string send_path_;
  std::string known_;  // authorization header last found right on this connection
  Time known_until_{};
  std::int64_t requests_ = 0;
};

class Hms final : public H2Application {
 public:
  Hms(Context& context, HmsAccount& account, Callbacks& callbacks, HmsOptions options)
      : context_(context), account_(account), callbacks_(callbacks), options_(options) {}
  std::unique_ptr<H2Session> connected(H2Peer& peer) override {
    return std::make_unique<HmsSession>(context_, account_, callbacks_, peer);
  }
  void batch_done() override { context_.log->flush(); }
  [[nodiscard]] std::uint32_t streams_at_first() const noexcept override { return options_.streams_max; }

 private:
  Context& context_;
  HmsAccount& account_;
  Callbacks& callbacks_;
  const HmsOptions options_;
};

}  // namespace

void HmsAccount::load() {
  app_id_ =
      "1" + std::to_string(10'000'000 + std::stoul(context_.credentials.made("hms app id", 3), nullptr, 16));
  app_secret_ = context_.credentials.made("hms app secret", 32);
  receipt_user_ = "carillon";
  receipt_key_ = context_.credentials.made("hms receipt key", 24);
}

net::HttpResponse HmsAccount::answer(const net::HttpRequest& request) {
  if (request.method != "POST") return json_response(405, R"({"error":1001,"error_description":"method"})");
  const auto form = net::form_decode(request.body);
  if (!form || field(*form, "grant_type") != "client_credentials") {
    return json_response(400,
                         R"({"sub_error":20031,"error":1102,"error_description":"grant_type is invalid"})");
  }
  if (field(*form, "client_id") != app_id_ || field(*form, "client_secret") != app_secret_) {
    return json_response(400, R"({"sub_error":20041,"error":1101,"error_description":"invalid client"})");
  }
  std::string token = base::random_text(64);
  const Time now = context_.clock.now();
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(tokens_, [now](const auto& entry) { return entry.second <= now; });
    if (tokens_.size() >= kTokensMax) {
      tokens_.erase(std::ranges::min_element(tokens_, {}, [](const auto& entry) { return entry.second; }));
    }
    tokens_.emplace(token, now + std::chrono::seconds(kLifetimeS));
  }
  base::JsonWriter out;
  out.object().field("access_token", token).field("expires_in", kLifetimeS).field("token_type", "Bearer");
  out.end_object();
  return json_response(200, out.str());
}

std::optional<Time> HmsAccount::find(std::string_view access_token) const {
  const std::lock_guard lock(mutex_);
  const auto it = tokens_.find(access_token);
  if (it == tokens_.end() || it->second <= context_.clock.now()) return std::nullopt;
  return it->second;
}

void HmsAccount::describe(base::JsonWriter& out) const {
  out.field("app_id", app_id_).field("app_secret", app_secret_);
  out.field("receipt_user", receipt_user_).field("receipt_key", receipt_key_);
}

Callback HmsAccount::receipt(const std::string& url, std::string_view token, std::string_view tag,
                             std::string_view request_id, int status) const {
  const std::int64_t now_ms = to_ms(context_.clock.now());
  const std::string hex = base::hex(base::random_bytes(16));
  const std::string nonce = fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4),
                                        hex.substr(12, 4), hex.substr(16, 4), hex.substr(20));
  const std::string value =
      base::base64(base::hmac_sha256(receipt_key_, fmt::format("{}{}{}", now_ms, nonce, receipt_user_)));
  base::JsonWriter out;
  out.object().key("statuses").array().object();
  out.field("biTag", tag).field("appid", app_id_).field("token", token).field("status", status);
  out.field("timestamp", now_ms).field("requestId", request_id).end_object().end_array().end_object();
  return {.url = url,
          .headers = {{"Content-Type", "application/json"},
                      {"X-HUAWEI-CALLBACK-ID",
                       fmt::format("timestamp={}; nonce={}; value={}", now_ms, nonce, value)}},
          .body = out.str()};
}

std::unique_ptr<H2Application> make_hms(Context& context, HmsAccount& account, Callbacks& callbacks,
                                        HmsOptions options) {
  return std::make_unique<Hms>(context, account, callbacks, options);
}

}  // namespace carillon::sim
