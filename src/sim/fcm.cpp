#include "sim/fcm.h"

#include <fmt/format.h>

#include <atomic>

#include "sim/fcm_request.h"

namespace carillon::sim {
namespace {

constexpr std::string_view kJson = "application/json; charset=UTF-8";
constexpr std::string_view kBearer = "Bearer ";

FcmVerdict unauthenticated() {
  return {401, "UNAUTHENTICATED", "", "",
          "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
          "other valid "
          "authentication credential."};
}

FcmVerdict server_error(int status) {
  if (status == 500) return {500, "INTERNAL", "INTERNAL", "", "Internal error encountered."};
  return {status, "UNAVAILABLE", "UNAVAILABLE", "", "The service is currently unavailable."};
}

FcmVerdict quota_exceeded() {
  return {429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "",
          "Quota exceeded for quota metric 'Messages sent'."};
}

FcmVerdict unregistered() {
  return {404, "NOT_FOUND", "UNREGISTERED", "", "Requested entity was not found."};
}

class FcmSession final : public H2Session {
 public:
  FcmSession(Context& context, const TokenIssuer& tokens, H2Peer& peer)
      : context_(context),
        tokens_(tokens),
        peer_(peer),
        send_path_(fmt::format("/v1/projects/{}/messages:send", context.credentials.fcm_project_id)),
        name_prefix_(fmt::format(R"({{"name":"projects/{}/messages/)", context.credentials.fcm_project_id)) {}

  void on_request(H2Exchange& x) override {
    const Draw draw = context_.faults.draw(Vendor::Fcm);
    switch (draw.fault) {
      case Fault::BlackHole: x.leave_unanswered(); break;
      case Fault::RefusedStream: x.refuse(); break;
      case Fault::ResetBefore: peer_.reset(); break;
      case Fault::Throttle: refuse(x, quota_exceeded(), draw, draw.retry_after_s); break;
      case Fault::ServerError: refuse(x, server_error(draw.status_5xx), draw, 0); break;
      case Fault::AuthFailure: refuse(x, unauthenticated(), draw, 0); break;
      case Fault::None:
      case Fault::ResetAfter:
      case Fault::NoAnswer: send(x, draw); break;
    }
    const std::int64_t every = context_.faults.goaway_every(Vendor::Fcm);
    if (++requests_; every > 0 && requests_ >= every) peer_.go_away("");
  }

 private:
  static constexpr std::int64_t kRetryAfterReservedS = 1;

  void send(H2Exchange& x, const Draw& draw) {
    const Time now = context_.clock.now();
    if (x.path() != send_path_ || x.method() != "POST") {
      return refuse(x, {404, "NOT_FOUND", "", "", "Requested entity was not found."}, draw, 0);
    }
    if (!is_authorized(x, now)) return refuse(x, unauthenticated(), draw, 0);
    if (x.body_size() > H2Exchange::kBodyMax) {
      return refuse(x, {400, "INVALID_ARGUMENT", "", "message", "Request payload size exceeds the limit."},
                    draw, 0);
    }
    FcmMessage message;
    if (const FcmVerdict wrong = check_fcm_message(x.body(), message); wrong.status != 200) {
      return refuse(x, wrong, draw, 0);
    }
    if (message.recipient == "test-unregistered") return refuse(x, unregistered(), draw, 0);
    if (message.recipient == "test-429") return refuse(x, quota_exceeded(), draw, kRetryAfterReservedS);
    accept(x, message, now, draw);
  }

  void accept(H2Exchange& x, const FcmMessage& message, Time now, const Draw& draw) {
    static std::atomic<std::uint64_t> next{1};
    const std::uint64_t number = next.fetch_add(1, std::memory_order_relaxed);
    std::string& body = x.reply_body();
    body += name_prefix_;
    const std::size_t id_start = body.size();
    if (message.is_validate_only) {
      body += "fake_message_id";
    } else {
      fmt::format_to(std::back_inserter(body), "0:{}%{:016x}", to_ms(now), number);
    }
    const std::size_t id_size = body.size() - id_start;
    body += "\"}";
    const bool is_answered = draw.fault == Fault::None && message.recipient != "test-timeout";
    if (!message.is_validate_only) log(x, message, {body.data() + id_start, id_size}, now, is_answered);
    if (draw.fault == Fault::ResetAfter) return peer_.reset();
    if (!is_answered) return x.leave_unanswered();
    x.status(200).header("content-type", kJson).respond(draw.latency);
  }

  void log(const H2Exchange& x, const FcmMessage& message, std::string_view id, Time now, bool is_answered) {
    std::string prefixed;
    std::string_view recipient = message.recipient;
    if (message.target != FcmMessage::Target::Token) {
      prefixed = message.target == FcmMessage::Target::Topic       ? "topic:"
                 : message.target == FcmMessage::Target::Condition ? "condition:"
                                                                   : "fid:";
      recipient = prefixed.append(message.recipient);
    }
    context_.log->accepted({.time = now,
                            .vendor = Vendor::Fcm,
                            .recipient = recipient,
                            .delivery = find_delivery(x.body()),
                            .collapse = message.collapse,
                            .message_id = id,
                            .content = x.body(),
                            .is_answered = is_answered});
  }

  void refuse(H2Exchange& x, const FcmVerdict& verdict, const Draw& draw, std::int64_t retry_after_s) {
    context_.log->refused(Vendor::Fcm, verdict.error_code.empty() ? verdict.grpc_status : verdict.error_code);
    x.status(verdict.status).header("content-type", kJson);
    if (retry_after_s > 0) x.header("retry-after", fmt::format_int(retry_after_s).str());
    write_fcm_error(x.reply_body(), verdict, context_.credentials.fcm_project_id);
    x.respond(draw.latency);
  }

  bool is_authorized(const H2Exchange& x, Time now) {
    std::string_view authorization;
    for (const auto& [name, value] : x.fields()) {
      if (name == "authorization") authorization = value;
    }
    if (authorization.empty()) return false;
    if (authorization == known_ && now < known_until_) [[likely]]
      return true;
    if (!authorization.starts_with(kBearer)) return false;
    const auto expires = tokens_.find(authorization.substr(kBearer.size()));
    if (!expires) return false;
    known_ = authorization;
    known_until_ = *expires;
    return true;
  }

  Context& context_;
  const TokenIssuer& tokens_;
  H2Peer& peer_;
  const std::string send_path_;
  const std::string name_prefix_;
  std::string known_;  // authorization header last found right on this connection
  Time known_until_{};
  std::int64_t requests_ = 0;
};

class Fcm final : public H2Application {
 public:
  Fcm(Context& context, const TokenIssuer& tokens, FcmOptions options)
      : context_(context), tokens_(tokens), options_(options) {}
  std::unique_ptr<H2Session> connected(H2Peer& peer) override {
    return std::make_unique<FcmSession>(context_, tokens_, peer);
  }
  void batch_done() override { context_.log->flush(); }
  [[nodiscard]] std::uint32_t streams_at_first() const noexcept override { return options_.streams_max; }

 private:
  Context& context_;
  const TokenIssuer& tokens_;
  const FcmOptions options_;
};

}  // namespace

std::unique_ptr<H2Application> make_fcm(Context& context, const TokenIssuer& tokens, FcmOptions options) {
  return std::make_unique<Fcm>(context, tokens, options);
}

}  // namespace carillon::sim
