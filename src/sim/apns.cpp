#include "sim/apns.h"

#include <fmt/format.h>

#include <array>
#include <random>

#include "sim/apns_request.h"

namespace carillon::sim {
namespace {

constexpr std::string_view kPath = "/3/device/";
constexpr std::int64_t kTokenUpdateFloorS = 20 * 60;

// A random lower-case UUID (version 4), without a system call per message.
std::array<char, 36> make_uuid() {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<char, 36> out;
  std::uint64_t bits = random();
  std::size_t digit = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      out[i] = '-';
      continue;
    }
    if (++digit == 17) bits = random();
    out[i] = kDigits[bits & 15U];
    bits >>= 4U;
  }
  out[14] = '4';
  out[19] = "89ab"[bits & 3U];
  return out;
}

class ApnsSession final : public H2Session {
 public:
  ApnsSession(Context& context, const ApnsOptions& options, H2Peer& peer)
      : context_(context), options_(options), peer_(peer) {}

  void on_request(H2Exchange& x) override {
    const Draw draw = context_.faults.draw(Vendor::Apns);
    switch (draw.fault) {
      case Fault::BlackHole: x.leave_unanswered(); break;
      case Fault::RefusedStream: x.refuse(); break;
      case Fault::ResetBefore: peer_.reset(); break;
      case Fault::Throttle: refuse(x, {429, "TooManyRequests"}, draw); break;
      case Fault::ServerError: refuse(x, server_error(draw.status_5xx), draw); break;
      case Fault::AuthFailure: refuse(x, {403, "InvalidProviderToken"}, draw); break;
      case Fault::None:
      case Fault::ResetAfter:
      case Fault::NoAnswer: push(x, draw); break;
    }
    const std::int64_t every = context_.faults.goaway_every(Vendor::Apns);
    if (++requests_; every > 0 && requests_ >= every) peer_.go_away(R"({"reason":"Shutdown"})");
  }

 private:
  static ApnsVerdict server_error(int status) noexcept {
    if (status == 500) return {500, "InternalServerError"};
    return {status, "ServiceUnavailable"};
  }

  void push(H2Exchange& x, const Draw& draw) {
    if (x.method() != "POST") return refuse(x, {405, "MethodNotAllowed"}, draw);
    if (!x.path().starts_with(kPath)) return refuse(x, {404, "BadPath"}, draw);
    const std::string_view token = x.path().substr(kPath.size());
    if (token.empty()) return refuse(x, {400, "MissingDeviceToken"}, draw);
    const ApnsHeaders headers = read_apns_headers(x.fields());
    const Time now = context_.clock.now();
    ApnsVerdict verdict = authorize(headers.authorization, now);
    if (verdict.reason.empty()) verdict = check_apns_push(headers, token, x.body(), x.body_size());
    if (verdict.reason.empty() && token == "test-unregistered") verdict = {410, "Unregistered"};
    if (verdict.reason.empty() && token == "test-429") verdict = {429, "TooManyRequests"};
    if (!verdict.reason.empty()) return refuse(x, verdict, draw);
    accept(x, headers, token, now, draw);
  }

  void accept(H2Exchange& x, const ApnsHeaders& headers, std::string_view token, Time now, const Draw& draw) {
    const std::array<char, 36> made = headers.id.empty() ? make_uuid() : std::array<char, 36>{};
    const std::string_view id = headers.id.empty() ? std::string_view(made.data(), made.size()) : headers.id;
    const bool is_answered = draw.fault == Fault::None && token != "test-timeout";
    context_.log->accepted({.time = now,
                            .vendor = Vendor::Apns,
                            .recipient = token,
                            .delivery = find_delivery(x.body()),
                            .collapse = headers.collapse_id,
                            .message_id = id,
                            .content = x.body(),
                            .is_answered = is_answered});
    if (draw.fault == Fault::ResetAfter) return peer_.reset();
    if (!is_answered) return x.leave_unanswered();
    x.status(200).header("apns-id", id).respond(draw.latency);
  }

  // The reason travels in the body, with the apns-id if one was sent.
  void refuse(H2Exchange& x, ApnsVerdict verdict, const Draw& draw) {
    context_.log->refused(Vendor::Apns, verdict.reason);
    const std::string_view given = read_apns_headers(x.fields()).id;
    x.status(verdict.status);
    if (!given.empty()) x.header("apns-id", given);
    if (verdict.status == 429 && draw.fault == Fault::Throttle && draw.retry_after_s > 0) {
      x.header("retry-after", fmt::format_int(draw.retry_after_s).str());
    }
    if (verdict.status == 410) {
      fmt::format_to(std::back_inserter(x.reply_body()), R"({{"reason":"{}","timestamp":{}}})",
                     verdict.reason, to_ms(context_.clock.now()));
    } else {
      fmt::format_to(std::back_inserter(x.reply_body()), R"({{"reason":"{}"}})", verdict.reason);
    }
    x.respond(draw.latency);
  }

  ApnsVerdict authorize(std::string_view authorization, Time now) {
    constexpr std::size_t kPrefix = 7;
    if (authorization.empty()) return {403, "MissingProviderToken"};
    if (authorization == known_) [[likely]]
      return check_token_age(issued_s_, now);
    if (!authorization.starts_with("bearer ") && !authorization.starts_with("Bearer ")) {
      return {403, "InvalidProviderToken"};
    }
    const ProviderToken token = check_provider_token(authorization.substr(kPrefix), context_.credentials);
    if (!token.verdict.reason.empty()) return token.verdict;
    if (const ApnsVerdict age = check_token_age(token.issued_s, now); !age.reason.empty()) return age;
    if (token.issued_s < issued_s_) return {};  // a straggler with the token before: nothing new
    // A second token on one connection must be at least 20 minutes younger than the first.
    if (!known_.empty() && token.issued_s < issued_s_ + kTokenUpdateFloorS)
      return {429, "TooManyProviderTokenUpdates"};
    if (known_.empty() && options_.streams_max != options_.streams_at_first) {
      peer_.set_streams_max(options_.streams_max);
    }
    known_ = authorization;
    issued_s_ = token.issued_s;
    return {};
  }

  Context& context_;
  const ApnsOptions& options_;
  H2Peer& peer_;
  std::string known_;          // authorization header last found right on this connection
  std::int64_t issued_s_ = 0;  // its iat
  std::int64_t requests_ = 0;
};

class Apns final : public H2Application {
 public:
  Apns(Context& context, ApnsOptions options) : context_(context), options_(options) {}
  std::unique_ptr<H2Session> connected(H2Peer& peer) override {
    return std::make_unique<ApnsSession>(context_, options_, peer);
  }
  void batch_done() override { context_.log->flush(); }
  [[nodiscard]] std::uint32_t streams_at_first() const noexcept override { return options_.streams_at_first; }

 private:
  Context& context_;
  const ApnsOptions options_;
};

}  // namespace

std::unique_ptr<H2Application> make_apns(Context& context, ApnsOptions options) {
  return std::make_unique<Apns>(context, options);
}

}  // namespace carillon::sim
