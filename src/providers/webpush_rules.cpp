// Web Push: reading subscriptions, building messages and reading answers. Pure.
#include <fmt/format.h>

#include <algorithm>

#include "base/ids.h"
#include "providers/json_merge.h"
#include "providers/webpush.h"

namespace carillon::providers::webpush_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;

constexpr std::size_t kTopicMax = 32;    // RFC 8030 §5.4
constexpr std::size_t kDetailMax = 250;  // bytes of a vendor's wording
constexpr std::size_t kIdMax = 500;      // bytes of a message's address at the service
constexpr std::string_view kKnownHosts[] = {"fcm.googleapis.com", "updates.push.services.mozilla.com",
                                            "web.push.apple.com"};
constexpr std::string_view kKnownDomains[] = {".push.services.mozilla.com", ".push.apple.com",
                                              ".notify.windows.com"};

constexpr std::string_view kNotOurKey =
    "The subscription was made with another key pair: it has to be renewed.";
constexpr ErrorRow kErrors[] = {
    // Apple
    {"BadTtl", 400, OutcomeKind::Permanent, "The TTL is not valid."},
    {"BadUrgency", 400, OutcomeKind::Permanent, "The urgency is not valid."},
    {"BadWebPushRequest", 400, OutcomeKind::Permanent, "The request or its encryption is not valid."},
    {"BadWebPushTopic", 400, OutcomeKind::Permanent, "The topic is not valid."},
    {"BadAuthorizationHeader", 0, OutcomeKind::Misconfigured, "The authorization header is not valid."},
    {"VapidPkHashMismatch", 0, OutcomeKind::InvalidRecipient, kNotOurKey, true},
    {"BadJwtToken", 403, OutcomeKind::Misconfigured,
     "The token was refused: check the subject, which must be a real mailto: or https: address, and the "
     "clock."},
    {"BadVapidPublicKey", 403, OutcomeKind::Misconfigured, "The public key is not valid."},
    {"BadPath", 404, OutcomeKind::InvalidRecipient, "There is no such subscription."},
    {"PayloadTooLarge", 413, OutcomeKind::Permanent, "The message is too large."},
    {"TooManyRequests", 429, OutcomeKind::Temporary, "Too many messages."},
    // Mozilla
    {"errno 101", 400, OutcomeKind::Permanent, "Missing necessary crypto keys."},
    {"errno 102", 404, OutcomeKind::InvalidRecipient, "Invalid URL endpoint."},
    {"errno 103", 410, OutcomeKind::InvalidRecipient, "Expired URL endpoint."},
    {"errno 104", 413, OutcomeKind::Permanent, "Data payload too large."},
    {"errno 105", 410, OutcomeKind::InvalidRecipient, "Endpoint became unavailable during request."},
    {"errno 106", 410, OutcomeKind::InvalidRecipient, "Invalid subscription."},
    {"errno 108", 400, OutcomeKind::InvalidRecipient, "Router type is invalid: the address is damaged."},
    {"errno 109", 401, OutcomeKind::Misconfigured, "Invalid authentication."},
    {"errno 110", 400, OutcomeKind::Permanent, "Invalid crypto keys specified."},
    {"errno 111", 400, OutcomeKind::Permanent, "Missing required header."},
    {"errno 112", 400, OutcomeKind::Permanent, "Invalid TTL header value."},
    {"errno 113", 400, OutcomeKind::Permanent, "Invalid Topic header value."},
    {"errno 201", 0, OutcomeKind::Temporary, "Use exponential back-off for retries."},
    {"errno 202", 503, OutcomeKind::Temporary, "Immediate retry ok."},
    {"errno 900", 502, OutcomeKind::Temporary, "Internal bridge misconfiguration."},
    {"errno 901", 502, OutcomeKind::Temporary, "The bridge's authentication is not valid."},
    {"errno 902", 502, OutcomeKind::Temporary, "No connection to the bridge."},
    {"errno 903", 502, OutcomeKind::Temporary, "The request to the bridge timed out."},
    {"errno 999", 500, OutcomeKind::Temporary, "Unknown error."},
    // FCM answers in words
    {"UnauthorizedRegistration", 400, OutcomeKind::InvalidRecipient, kNotOurKey, true},
    {"VAPID credentials", 403, OutcomeKind::InvalidRecipient, kNotOurKey, true},
    {"invalid JWT", 0, OutcomeKind::Misconfigured, "The token was refused: check the subject and the clock."},
    // RFC 8030, for all others
    {"", 301, OutcomeKind::InvalidRecipient, "The subscription has moved to another address."},
    {"", 400, OutcomeKind::Permanent, "The request is not valid."},
    {"", 401, OutcomeKind::Misconfigured, "The token or its key was refused."},
    {"", 403, OutcomeKind::InvalidRecipient, kNotOurKey, true},
    {"", 404, OutcomeKind::InvalidRecipient, "There is no such subscription."},
    {"", 406, OutcomeKind::Temporary, "Too many messages."},  // Windows
    {"", 408, OutcomeKind::Temporary, "The request took too long."},
    {"", 410, OutcomeKind::InvalidRecipient, "The subscription has ended."},
    {"", 413, OutcomeKind::Permanent, "The message is too large."},
    {"", 429, OutcomeKind::Temporary, "Too many messages."},
    {"", 500, OutcomeKind::Temporary, "An error inside the push service."},
    {"", 502, OutcomeKind::Temporary, "The push service could not be reached behind its gateway."},
    {"", 503, OutcomeKind::Temporary, "The push service is not available."},
    {"", 504, OutcomeKind::Temporary, "The push service did not answer its gateway."},
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

std::optional<Subscription> read_address(std::string_view endpoint) {
  const auto url = net::parse_url(endpoint);
  const auto origin = push_origin(endpoint);
  if (!url || !origin) return std::nullopt;
  Subscription out;
  out.origin = *origin;
  out.host = lower(url->host);
  out.path = url->path.substr(0, url->path.find('#'));
  return out;
}

// A service keeps the newest of a topic only. Documented alphabets differ: letters and digits are in all.
std::string topic_of(std::string_view key) {
  const bool is_plain = key.size() <= kTopicMax && std::ranges::all_of(key, [](char c) {
                          return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
                        });
  return is_plain ? std::string(key) : base::hex(base::sha256(key)).substr(0, kTopicMax);
}

std::string_view urgency_of(model::Priority priority) noexcept {
  switch (priority) {
    case model::Priority::Critical:
    case model::Priority::High: return "high";
    case model::Priority::Normal: return "normal";
    case model::Priority::Bulk: return "low";
  }
  return "normal";
}

// Not an object: false.
bool append_data(std::string& out, std::string_view data) {
  static thread_local base::JsonDocument document;
  const auto root = document.parse(data);
  if (!root || !root->is_object()) return false;
  out += base::to_json(*root);
  return true;
}

const ErrorRow* find_row(int status, std::string_view body) {
  static thread_local base::JsonDocument document;
  std::string code;
  if (const auto root = document.parse(body.substr(0, 4096)); root && root->is_object()) {
    std::string_view reason;
    std::int64_t number = 0;
    if ((*root)["reason"].get(reason) == simdjson::SUCCESS) code = reason;
    if ((*root)["errno"].get(number) == simdjson::SUCCESS) code = fmt::format("errno {}", number);
  }
  const auto is_it = [&](const ErrorRow& row) {
    if (row.status != 0 && row.status != status) return false;
    if (row.code.empty()) return true;
    return code.empty() ? body.substr(0, 4096).contains(row.code) && !row.code.starts_with("errno")
                        : row.code == code;
  };
  const auto* const row = std::ranges::find_if(kErrors, is_it);
  return row == std::end(kErrors) ? nullptr : row;
}

OutcomeKind kind_of_status(int status) noexcept {
  if (status >= 500) return OutcomeKind::Temporary;
  return OutcomeKind::Permanent;
}

}  // namespace

std::span<const ErrorRow> error_rows() noexcept { return kErrors; }

bool is_known_service(std::string_view host) noexcept {
  if (std::ranges::find(kKnownHosts, host) != std::end(kKnownHosts)) return true;
  return std::ranges::any_of(kKnownDomains, [&](std::string_view domain) {
    return host.size() > domain.size() && host.ends_with(domain);
  });
}

Result<std::string> push_origin(std::string_view text) {
  const auto url = net::parse_url(text);
  if (!url || url->scheme != "https" || url->host.empty() || url->host.contains('@') || !is_visible(text)) {
    return fail(Errc::InvalidArgument, "not an https URL");
  }
  const std::string host = url->host.contains(':') ? "[" + lower(url->host) + "]" : lower(url->host);
  return url->port == 443 ? "https://" + host : fmt::format("https://{}:{}", host, url->port);
}

std::optional<Subscription> read_subscription(std::string_view token) {
  static thread_local base::JsonDocument document;
  const auto root = document.parse(token);
  std::string_view endpoint, public_key, auth;
  if (!root || (*root)["endpoint"].get(endpoint) != simdjson::SUCCESS ||
      (*root)["keys"]["p256dh"].get(public_key) != simdjson::SUCCESS ||
      (*root)["keys"]["auth"].get(auth) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  auto out = read_address(endpoint);
  auto key = base::unbase64(public_key), secret = base::unbase64(auth);
  if (!out || !key || !secret) return std::nullopt;
  out->keys = {std::move(*key), std::move(*secret)};
  return out;
}

Subscription reserved_subscription(const std::string& origin, std::string_view token) {
  static const net::PushKeys kExample{
      base::unbase64(
          "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")
          .value(),
      base::unbase64("BTBZMqHH6r4Tts7J_aSIgg").value()};
  auto out =
      read_address(fmt::format("{}/push/{}", origin, net::percent_encode(token))).value_or(Subscription{});
  out.keys = kExample;
  return out;
}

std::optional<Outcome> build(const Job& job, std::string_view icon, Push& push) {
  const model::Message& m = *job.message;
  std::string& out = push.plain;
  out.clear();
  out += '{';
  MemberWriter shown(out, nullptr);
  shown.text("title", m.title);
  shown.text("body", m.body);
  shown.text("icon", icon);
  shown.text("image", m.image);
  shown.text("url", m.url);
  if (!m.actions.empty()) shown.raw("actions", m.actions);
  if (m.badge) shown.number("badge", *m.badge);
  // Shown again under the same tag, a message replaces itself instead of appearing twice.
  shown.text("tag", job.collapse_key.empty() ? job.handle() : job.collapse_key);
  if (!m.data.empty()) {
    shown.raw("data", "");
    if (!append_data(out, m.data)) {
      return Outcome::of(OutcomeKind::Permanent, 0, "invalid_data",
                         "the push's data block is not a JSON object");
    }
  }
  shown.raw("carillon", R"({"n":")");
  base::append_id(out, base::kNotificationPrefix, job.notification);
  out += R"(","d":")";
  base::append_id(out, base::kDeliveryPrefix, job.delivery);
  out += "\"}}";
  if (out.size() > net::kPushPlainMax) {
    return Outcome::of(OutcomeKind::Permanent, 0, "PayloadTooLarge",
                       fmt::format("the payload is {} bytes over the limit of {}",
                                   out.size() - net::kPushPlainMax, net::kPushPlainMax));
  }
  std::int64_t ttl = kTtlMaxS;
  if (job.expires_at) {
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(*job.expires_at - job.now).count();
    ttl = std::clamp<std::int64_t>(left, 1, kTtlMaxS);
  }
  push.ttl = fmt::format_int(ttl).str();
  push.urgency = urgency_of(job.priority);
  push.topic = job.collapse_key.empty() ? std::string() : topic_of(job.collapse_key);
  return std::nullopt;
}

Outcome classify(const net::Http2Response& response, bool is_trusted, Time now, bool* renew) {
  const int status = response.status;
  if (status >= 200 && status < 300) {
    const std::string_view apple = response.header("apns-id");
    const std::string_view id = apple.empty() ? response.header("location") : apple;
    return Outcome::sent(std::string(id.substr(0, kIdMax)), status);
  }
  const ErrorRow* const row = find_row(status, response.body);
  Outcome outcome = row != nullptr
                        ? Outcome::of(row->kind, status,
                                      row->code.empty() ? std::to_string(status) : std::string(row->code),
                                      std::string(row->text))
                        : Outcome::of(kind_of_status(status), status, std::to_string(status),
                                      "an answer that push services do not document");
  outcome.is_suspicious = row != nullptr && row->is_suspicious;
  if (renew != nullptr) *renew = outcome.kind == OutcomeKind::Misconfigured;
  // A page of anybody's may register an address that answers as it likes: that stops nothing for others.
  if (outcome.kind == OutcomeKind::Misconfigured && !is_trusted) outcome.kind = OutcomeKind::Permanent;
  if (outcome.kind == OutcomeKind::Permanent && is_trusted && !response.body.empty() &&
      response.body.size() <= kDetailMax) {
    outcome.detail = base::to_valid_utf8(response.body);  // says what is wrong
  }
  if (outcome.kind == OutcomeKind::Temporary) {
    const auto asked = net::parse_retry_after(response.header("retry-after"), to_ms(now) / 1000);
    if (asked) outcome.retry_after = std::chrono::seconds(*asked);
    if (!is_trusted) outcome.status = 0;  // its health is not this integration's
  }
  return outcome;
}

Outcome classify(const net::TransportError& error, bool is_trusted) {
  switch (error.failure) {
    case net::SendFailure::NotSent:
      if (is_trusted) return Outcome::not_sent(error.detail);
      return Outcome::of(OutcomeKind::Temporary, 0, "unreachable", error.detail);
    case net::SendFailure::Ambiguous: return Outcome::ambiguous(error.detail);
  }
  return Outcome::ambiguous(error.detail);
}

// ---- who sends

Result<Vapid> Vapid::open(const base::Secret& private_key, std::string subject) {
  Vapid vapid;
  CARILLON_TRY(const base::Bytes point, base::p256_public_key(private_key));
  CARILLON_TRY(vapid.pem_, base::p256_pem(private_key));
  vapid.public_key_ = base::base64url(point);
  vapid.subject_ = std::move(subject);
  return vapid;
}

CredentialValue Vapid::header(const std::string& origin, Time now) {
  Token& token = tokens_[origin];
  if (token.value && now < token.made_at + kTokenUse && now > token.made_at - kTokenLife) return token.value;
  if (tokens_.size() > kOriginsMax) {  // somebody registers addresses by the thousand
    tokens_.clear();
    return header(origin, now);
  }
  base::JsonWriter claims;
  claims.object().field("aud", origin).field("exp", to_ms(now + kTokenLife) / 1000).field("sub", subject_);
  claims.end_object();
  const auto jwt = base::jws_es256(R"({"typ":"JWT","alg":"ES256"})", claims.str(), pem_);
  CARILLON_ASSERT(jwt.has_value());  // open() has looked at the key
  token = {std::make_shared<const std::string>(fmt::format("vapid t={}, k={}", *jwt, public_key_)), now};
  return token.value;
}

bool Vapid::refused(const std::string& origin, const CredentialValue& value, Time now) {
  const auto it = tokens_.find(origin);
  if (it == tokens_.end() || it->second.value != value) return true;  // renewed since
  if (now - it->second.made_at < kTokenFloor) return false;
  tokens_.erase(it);
  return true;
}

}  // namespace carillon::providers::webpush_detail
