#include "sim/webpush.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>

#include "base/json.h"
#include "net/push_encryption.h"
#include "sim/jwt.h"

namespace carillon::sim {
namespace {

constexpr std::int64_t kTokenLifeMaxS = 24 * 3600;  // RFC 8292 §2
constexpr std::int64_t kTtlMaxS = 2'592'000;
constexpr std::int64_t kSkewS = 60;
constexpr std::size_t kTopicMax = 32;
constexpr std::string_view kPush = "/push/";

// How it says no: as Mozilla's push service does.
struct Refusal {
  int status = 0;  // 0: not refused
  int number = 0;  // errno; 0: answered in words, as FCM does
  std::string_view text;
};
constexpr Refusal kUnauthenticated{401, 109, "Invalid authentication"};
constexpr Refusal kOtherKey{403, 0,
                            "the VAPID credentials in the authorization header do not correspond to the "
                            "credentials used to create the subscriptions.\n"};
constexpr Refusal kGone{410, 106, "Invalid subscription"};
constexpr Refusal kUnknown{404, 102, "Invalid URL endpoint"};
constexpr Refusal kTooLarge{413, 104, "Data payload too large"};
constexpr Refusal kTooMany{429, 201, "Use exponential back-off for retries"};

// The headers it looks at.
struct Fields {
  std::string_view authorization, ttl, encoding, urgency, topic;
};

Fields fields_of(const H2Exchange& x) {
  Fields out;
  for (const auto& [name, value] : x.fields()) {
    if (name == "authorization") out.authorization = value;
    if (name == "ttl") out.ttl = value;
    if (name == "content-encoding") out.encoding = value;
    if (name == "urgency") out.urgency = value;
    if (name == "topic") out.topic = value;
  }
  return out;
}

bool is_topic(std::string_view text) {
  return text.size() <= kTopicMax && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
                  c == '_';
         });
}

Refusal check_headers(const Fields& fields, bool has_body) {
  if (fields.ttl.empty()) return {400, 111, "Missing TTL header"};
  std::int64_t ttl = -1;
  const char* const end = fields.ttl.data() + fields.ttl.size();
  const auto read = std::from_chars(fields.ttl.data(), end, ttl);
  if (read.ec != std::errc() || read.ptr != end || ttl < 0 || ttl > kTtlMaxS) {
    return {400, 112, "Invalid TTL header value"};
  }
  if (!is_topic(fields.topic)) return {400, 113, "Invalid Topic header value"};
  constexpr std::array<std::string_view, 5> kUrgencies{"", "very-low", "low", "normal", "high"};
  if (std::ranges::find(kUrgencies, fields.urgency) == kUrgencies.end()) {
    return {400, 111, "Invalid Urgency header value"};
  }
  if (has_body && fields.encoding != "aes128gcm") return {400, 101, "Missing necessary crypto keys"};
  return {};
}

// What stands between `name=` and the next comma of a vapid header.
std::string_view parameter(std::string_view header, std::string_view name) {
  constexpr std::string_view kScheme = "vapid ";
  if (!header.starts_with(kScheme)) return {};
  header.remove_prefix(kScheme.size());
  while (!header.empty()) {
    const std::size_t comma = header.find(',');
    std::string_view part = header.substr(0, comma);
    part.remove_prefix(std::min(part.find_first_not_of(' '), part.size()));
    if (part.starts_with(name) && part.substr(name.size()).starts_with('='))
      return part.substr(name.size() + 1);
    header.remove_prefix(comma == std::string_view::npos ? header.size() : comma + 1);
  }
  return {};
}

class WebPushSession final : public H2Session {
 public:
  WebPushSession(Context& context, H2Peer& peer) : context_(context), peer_(peer) {}

  void on_request(H2Exchange& x) override {
    if (x.path() == "/subscribe") return subscribe(x);
    const Draw draw = context_.faults.draw(Vendor::WebPush);
    switch (draw.fault) {
      case Fault::BlackHole: x.leave_unanswered(); break;
      case Fault::RefusedStream: x.refuse(); break;
      case Fault::ResetBefore: peer_.reset(); break;
      case Fault::Throttle: refuse(x, kTooMany, draw, draw.retry_after_s); break;
      case Fault::ServerError: refuse(x, {draw.status_5xx, 201, "Server error"}, draw, 0); break;
      case Fault::AuthFailure: refuse(x, kUnauthenticated, draw, 0); break;
      case Fault::None:
      case Fault::ResetAfter:
      case Fault::NoAnswer: push(x, draw); break;
    }
    const std::int64_t every = context_.faults.goaway_every(Vendor::WebPush);
    if (++requests_; every > 0 && requests_ >= every) peer_.go_away("");
  }

 private:
  // From a page, which may be anybody's.
  void subscribe(H2Exchange& x) {
    x.status(204).header("access-control-allow-origin", "*");
    if (x.method() == "OPTIONS") {
      x.header("access-control-allow-headers", "content-type").header("access-control-allow-methods", "POST");
      return x.respond(Millis(0));
    }
    const auto made = context_.subscriptions.make_for(x.body());
    x.status(made ? 201 : 400).header("content-type", "application/json");
    x.reply_body() += made ? *made : std::string("{}");
    x.respond(Millis(0));
  }

  void push(H2Exchange& x, const Draw& draw) {
    constexpr std::int64_t kRetryAfterReservedS = 1;
    if (!x.path().starts_with(kPush) || x.method() != "POST") return refuse(x, kUnknown, draw, 0);
    const std::string_view id = x.path().substr(kPush.size());
    const Fields fields = fields_of(x);
    if (!is_authorized(fields.authorization)) return refuse(x, kUnauthenticated, draw, 0);
    const auto subscriber = context_.subscriptions.find(id);
    if (!subscriber) return refuse(x, kUnknown, draw, 0);
    if (subscriber->has_ended || id == "test-unregistered") return refuse(x, kGone, draw, 0);
    if (!subscriber->application_key.empty() && subscriber->application_key != known_key_) {
      return refuse(x, kOtherKey, draw, 0);
    }
    if (id == "test-429") return refuse(x, kTooMany, draw, kRetryAfterReservedS);
    if (x.body_size() > net::kPushBodyMax) return refuse(x, kTooLarge, draw, 0);
    if (const Refusal wrong = check_headers(fields, x.body_size() > 0); wrong.status != 0) {
      return refuse(x, wrong, draw, 0);
    }
    std::string plain;
    if (x.body_size() > 0) {
      auto read = net::decrypt_push(subscriber->private_key, subscriber->auth, x.body());
      // A push service cannot tell; this one says what the browser would find out.
      if (!read) return refuse(x, {400, 110, "Invalid crypto keys specified"}, draw, 0);
      plain = std::move(*read);
    }
    accept(x, id, fields, plain, draw);
  }

  void accept(H2Exchange& x, std::string_view id, const Fields& fields, const std::string& plain,
              const Draw& draw) {
    static std::atomic<std::uint64_t> next{1};
    const bool is_answered = draw.fault == Fault::None && id != "test-timeout";
    const std::string place =
        fmt::format("{}/message/{:016x}", origin_, next.fetch_add(1, std::memory_order_relaxed));
    context_.log->accepted({.time = context_.clock.now(),
                            .vendor = Vendor::WebPush,
                            .recipient = id,
                            .delivery = find_delivery(plain),
                            .collapse = fields.topic,
                            .message_id = place,
                            .content = plain,
                            .is_answered = is_answered});
    if (draw.fault == Fault::ResetAfter) return peer_.reset();
    if (!is_answered) return x.leave_unanswered();
    x.status(201).header("location", place).header("ttl", fields.ttl).respond(draw.latency);
  }

  void refuse(H2Exchange& x, const Refusal& refusal, const Draw& draw, std::int64_t retry_after_s) {
    context_.log->refused(Vendor::WebPush, refusal.number != 0 ? fmt::format("errno {}", refusal.number)
                                                               : fmt::format("{}", refusal.status));
    x.status(refusal.status).header("content-type", refusal.number != 0 ? "application/json" : "text/plain");
    if (retry_after_s > 0) x.header("retry-after", fmt::format_int(retry_after_s).str());
    if (refusal.number == 0) {
      x.reply_body() += refusal.text;
    } else {
      base::JsonWriter out;
      out.object()
          .field("code", refusal.status)
          .field("errno", refusal.number)
          .field("message", refusal.text);
      out.end_object();
      x.reply_body() += out.str();
    }
    x.respond(draw.latency);
  }

  // RFC 8292. What was found right on this connection is not looked at again until it expires.
  bool is_authorized(std::string_view header) {
    const std::int64_t now_s = to_ms(context_.clock.now()) / 1000;
    if (!header.empty() && header == known_ && now_s < known_until_s_) [[likely]]
      return true;
    origin_ = context_.subscriptions.origin();
    const auto point = base::unbase64(parameter(header, "k"));
    const auto jwt = split_jwt(parameter(header, "t"));
    if (!point || !jwt) return false;
    const auto key = VerifyKey::from_p256_point(*point);
    if (!key || !key->verify_es256(jwt->signed_part, jwt->signature)) return false;
    base::JsonDocument head, body;
    const auto header_json = head.parse(jwt->header), claims = body.parse(jwt->claims);
    std::string_view algorithm, audience, subject;
    std::int64_t expires_s = 0;
    if (!header_json || (*header_json)["alg"].get(algorithm) != simdjson::SUCCESS || algorithm != "ES256" ||
        !claims || (*claims)["aud"].get(audience) != simdjson::SUCCESS ||
        (*claims)["exp"].get(expires_s) != simdjson::SUCCESS ||
        (*claims)["sub"].get(subject) != simdjson::SUCCESS) {
      return false;
    }
    const bool has_contact = subject.starts_with("mailto:") || subject.starts_with("https://");
    if (audience != origin_ || !has_contact || expires_s <= now_s ||
        expires_s > now_s + kTokenLifeMaxS + kSkewS) {
      return false;
    }
    known_ = header;
    known_until_s_ = expires_s;
    known_key_ = base::base64url(*point);
    return true;
  }

  Context& context_;
  H2Peer& peer_;
  std::string origin_;
  std::string known_, known_key_;  // the authorization header last found right on this connection
  std::int64_t known_until_s_ = 0;
  std::int64_t requests_ = 0;
};

class WebPush final : public H2Application {
 public:
  WebPush(Context& context, WebPushOptions options) : context_(context), options_(options) {}
  std::unique_ptr<H2Session> connected(H2Peer& peer) override {
    return std::make_unique<WebPushSession>(context_, peer);
  }
  void batch_done() override { context_.log->flush(); }
  [[nodiscard]] std::uint32_t streams_at_first() const noexcept override { return options_.streams_max; }

 private:
  Context& context_;
  const WebPushOptions options_;
};

}  // namespace

std::unique_ptr<H2Application> make_webpush(Context& context, WebPushOptions options) {
  return std::make_unique<WebPush>(context, options);
}

}  // namespace carillon::sim
