// APNs: building requests and reading answers (PROVIDERS §1.4 to §1.8). Pure.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <vector>

#include "base/crypto.h"
#include "base/ids.h"
#include "providers/apns.h"
#include "providers/json_merge.h"

namespace carillon::providers::apns_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;
using Follow = PushVerdict::Follow;

constexpr std::size_t kCollapseIdMax = 64;  // bytes
constexpr std::size_t kTokenMax = 400;      // characters; Apple: never assume a length

struct PushType {
  std::string_view name, topic_suffix;
  std::string_view priority;  // empty: by the job
  std::size_t payload_max = kPayloadMax;
};
constexpr PushType kPushTypes[] = {
    {"alert", "", ""},
    {"background", "", "5"},  // 10 is an error
    {"voip", ".voip", "", kPayloadVoipMax},
    {"complication", ".complication", ""},
    {"fileprovider", ".pushkit.fileprovider", ""},
    {"liveactivity", ".push-type.liveactivity", ""},
    {"location", ".location-query", ""},
    {"pushtotalk", ".voip-ptt", ""},
    {"widgets", ".push-type.widgets", ""},
    {"controls", ".push-type.controls", ""},
};

constexpr Reason kReasons[] = {
    {"BadCollapseId", 400, OutcomeKind::Permanent,
     "The collapse identifier exceeds the maximum allowed size."},
    {"BadDeviceToken", 400, OutcomeKind::InvalidRecipient,
     "The specified device token is invalid. Verify that the request contains a valid token and that the "
     "token "
     "matches the environment.",
     Follow::None, true},
    {"BadExpirationDate", 400, OutcomeKind::Permanent, "The apns-expiration value is invalid."},
    {"BadMessageId", 400, OutcomeKind::Permanent, "The apns-id value is invalid."},
    {"BadPriority", 400, OutcomeKind::Permanent, "The apns-priority value is invalid."},
    {"BadTopic", 400, OutcomeKind::Permanent, "The apns-topic value is invalid."},
    {"DeviceTokenNotForTopic", 400, OutcomeKind::InvalidRecipient,
     "The device token doesn't match the specified topic.", Follow::None, true},
    {"DuplicateHeaders", 400, OutcomeKind::Permanent, "One or more headers are repeated."},
    {"IdleTimeout", 400, OutcomeKind::Temporary, "Idle timeout.", Follow::NewConnections},
    {"InvalidPushType", 400, OutcomeKind::Permanent, "The apns-push-type value is invalid."},
    {"MissingDeviceToken", 400, OutcomeKind::Permanent,
     "The device token isn't specified in the request path."},
    {"MissingTopic", 400, OutcomeKind::Permanent,
     "The apns-topic header of the request isn't specified and is required."},
    {"PayloadEmpty", 400, OutcomeKind::Permanent, "The message payload is empty."},
    {"TopicDisallowed", 400, OutcomeKind::Misconfigured, "Pushing to this topic is not allowed."},
    {"BadCertificate", 403, OutcomeKind::Misconfigured, "The certificate is invalid."},
    {"BadCertificateEnvironment", 403, OutcomeKind::Misconfigured,
     "The client certificate doesn't match the environment."},
    {"BadEnvironmentKeyIdInToken", 403, OutcomeKind::Misconfigured,
     "The key ID in the provider token doesn't match the environment."},
    {"BadEnvironmentKeyInToken", 403, OutcomeKind::Misconfigured,
     "The key ID in the provider token doesn't match the environment."},
    {"ExpiredProviderToken", 403, OutcomeKind::Misconfigured,
     "The provider token is stale and a new token should be generated. Check this server's clock.",
     Follow::RenewCredential},
    {"Forbidden", 403, OutcomeKind::Misconfigured, "The specified action is not allowed."},
    {"InvalidProviderToken", 403, OutcomeKind::Misconfigured,
     "The provider token is not valid, or the token signature can't be verified."},
    {"MissingProviderToken", 403, OutcomeKind::Misconfigured,
     "No provider certificate was used to connect to APNs, and the authorization header is missing or no "
     "provider "
     "token is specified."},
    {"UnrelatedKeyIdInToken", 403, OutcomeKind::Temporary,
     "The key ID in the provider token isn't related to the key ID of the token used in the first push of "
     "this "
     "connection.",
     Follow::NewConnections},
    {"BadPath", 404, OutcomeKind::Permanent, "The request contained an invalid :path value."},
    {"MethodNotAllowed", 405, OutcomeKind::Permanent, "The specified :method value isn't POST."},
    {"ExpiredToken", 410, OutcomeKind::InvalidRecipient, "The device token has expired."},
    {"Unregistered", 410, OutcomeKind::InvalidRecipient,
     "The device token is inactive for the specified topic."},
    {"PayloadTooLarge", 413, OutcomeKind::Permanent, "The message payload is too large."},
    {"TooManyProviderTokenUpdates", 429, OutcomeKind::Throttled,
     "The provider's authentication token is being updated too often. Update it no more than once every 20 "
     "minutes."},
    // Of one device, not of the account: the others may go on.
    {"TooManyRequests", 429, OutcomeKind::Temporary,
     "Too many requests were made consecutively to the same device token."},
    {"InternalServerError", 500, OutcomeKind::Temporary, "An internal server error occurred."},
    {"ServiceUnavailable", 503, OutcomeKind::Temporary, "The service is unavailable."},
    {"Shutdown", 503, OutcomeKind::Temporary, "The APNs server is shutting down.", Follow::NewConnections},
};

constexpr Millis kTokenUpdatesPause{60'000};

constexpr bool is_token_char(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

// Printable ASCII: what every HTTP/2 peer takes in a field.
bool is_field_text(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

void append_hex(std::string& out, std::uint64_t value, int digits) {
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4)
    out += "0123456789abcdef"[(value >> shift) & 0xF];
}

// A UUID of version 8 (RFC 9562 §5.8) holding delivery and generation: the same for every attempt.
void append_uuid(std::string& out, const Job& job) {
  const auto id = static_cast<std::uint64_t>(job.delivery);
  append_hex(out, id >> 32U, 8);
  out += '-';
  append_hex(out, id >> 16U, 4);
  out += "-8";
  append_hex(out, id >> 4U, 3);
  out += "-a";
  append_hex(out, id, 1);
  out += "00-00000000";
  append_hex(out, job.generation, 4);
}

// Where a piece of `scratch` is; views are taken once it has stopped growing.
struct Piece {
  std::size_t begin = 0, size = 0;
  [[nodiscard]] std::string_view of(const std::string& scratch) const {
    return std::string_view(scratch).substr(begin, size);
  }
};
template <class F>
Piece piece(std::string& scratch, F append) {
  const std::size_t begin = scratch.size();
  append(scratch);
  return {begin, scratch.size() - begin};
}

void append_collapse_id(std::string& out, const Job& job) {
  if (job.collapse_key.empty()) {
    base::append_id(out, base::kDeliveryPrefix, job.delivery);
    out += '-';
    out += fmt::format_int(job.generation).c_str();
  } else if (job.collapse_key.size() <= kCollapseIdMax && is_field_text(job.collapse_key)) {
    out += job.collapse_key;
  } else {
    out += base::base64url(base::sha256(job.collapse_key));  // equal keys still collapse
  }
}

bool is_aps_key(std::string_view key) noexcept {
  static constexpr std::string_view kKeys[] = {"alert",
                                               "badge",
                                               "sound",
                                               "thread-id",
                                               "category",
                                               "content-available",
                                               "mutable-content",
                                               "target-content-id",
                                               "interruption-level",
                                               "relevance-score",
                                               "filter-criteria",
                                               "stale-date",
                                               "content-state",
                                               "timestamp",
                                               "event",
                                               "dismissal-date",
                                               "attributes-type",
                                               "attributes"};
  return std::ranges::find(kKeys, key) != std::end(kKeys);
}

// What message.apns asks for: {"aps":{…}, "headers":{…}, any aps field, any custom field}.
struct Overrides {
  JsonMembers aps, alert, custom;
  std::string push_type, priority, topic, collapse_id, expiration;
  bool is_alert_text = false;
  bool is_silent = false;  // content-available

  void take_header(std::string_view name, base::JsonElement value) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS || !is_field_text(text)) return;
    if (name.starts_with("apns-")) name.remove_prefix(5);
    if (name == "push-type") push_type = text;
    if (name == "priority" && (text == "10" || text == "5" || text == "1")) priority = text;
    if (name == "topic") topic = text;
    if (name == "collapse-id" && text.size() <= kCollapseIdMax) collapse_id = text;
    if (name == "expiration") expiration = text;
  }
  void take_aps(std::string_view key, base::JsonElement value) {
    base::JsonObject object;
    if (key == "alert" && value.get(object) == simdjson::SUCCESS) {
      alert.take(object);
      return;
    }
    if (key == "alert") is_alert_text = true;
    std::int64_t number = 0;
    if (key == "content-available") is_silent = value.get(number) == simdjson::SUCCESS && number == 1;
    aps.set(key, value);
  }
};

bool read_overrides(std::string_view json, Overrides& out) {
  static thread_local base::JsonDocument document;
  const auto root = document.parse(json);
  base::JsonObject object;
  if (!root || root->get(object) != simdjson::SUCCESS) return false;
  for (const auto [key, value] : object) {
    base::JsonObject inner;
    const bool is_object = value.get(inner) == simdjson::SUCCESS;
    if (key == "headers" && is_object) {
      for (const auto [name, text] : inner) out.take_header(name, text);
    } else if (key == "aps" && is_object) {
      for (const auto [name, field] : inner) out.take_aps(name, field);
    } else if (is_aps_key(key)) {
      out.take_aps(key, value);
    } else if (key.starts_with("apns-") || key == "push-type") {
      out.take_header(key, value);
    } else if (key != "carillon") {
      out.custom.set(key, value);
    }
  }
  return true;
}

void append_alert(std::string& out, const model::Message& m, const Overrides* over) {
  MemberWriter alert(out, over != nullptr ? &over->alert : nullptr);
  out += R"("alert":{)";
  alert.text("title", m.title);
  alert.text("body", m.body);
  alert.text("action-loc-key", m.action_loc_key);
  alert.rest();
  out += '}';
}

// Silent: there is nothing to show, only data to hand to the app.
bool is_silent(const model::Message& m) noexcept {
  return m.title.empty() && m.body.empty() && !m.badge && m.sound.empty() && !m.data.empty();
}

void append_aps(std::string& out, const model::Message& m, const Overrides* over) {
  MemberWriter aps(out, over != nullptr ? &over->aps : nullptr);
  out += R"({"aps":{)";
  const bool has_alert = !m.title.empty() || !m.body.empty() || (over != nullptr && !over->alert.empty());
  if (has_alert && !(over != nullptr && over->is_alert_text)) {
    aps.separate();
    append_alert(out, m, over);
  }
  if (m.badge) aps.number("badge", *m.badge);
  aps.text("sound", m.sound);
  if (!m.image.empty()) aps.number("mutable-content", 1);  // the app's extension fetches it
  if (is_silent(m)) aps.number("content-available", 1);
  aps.rest();
  out += '}';
}

void append_payload(std::string& out, const Job& job, const Overrides* over) {
  const model::Message& m = *job.message;
  append_aps(out, m, over);
  out += R"(,"carillon":{"n":")";
  base::append_id(out, base::kNotificationPrefix, job.notification);
  out += R"(","d":")";
  base::append_id(out, base::kDeliveryPrefix, job.delivery);
  out += "\"}";
  MemberWriter custom(out, over != nullptr ? &over->custom : nullptr, true);
  custom.text("url", m.url);
  custom.text("image", m.image);
  if (!m.actions.empty()) custom.raw("actions", m.actions);
  custom.rest();
  static constexpr std::string_view kOurs[] = {"aps", "carillon", "url", "image", "actions"};
  if (over == nullptr || over->custom.empty()) {
    append_members(out, m.data, kOurs);
  } else {  // the block's own keys come before those of the data
    std::vector<std::string_view> taken(std::begin(kOurs), std::end(kOurs));
    for (const auto& [key, json] : over->custom.all()) taken.push_back(key);
    append_members(out, m.data, taken);
  }
  out += '}';
}

// The target, checked before anything is written.
std::optional<Outcome> refuse(const Target& target, const std::string& environment) {
  if (target.address.empty() || target.address.size() > kTokenMax ||
      !std::ranges::all_of(target.address, is_token_char)) {
    return Outcome::of(OutcomeKind::InvalidRecipient, 0, "BadDeviceToken", "not a device token");
  }
  if (!target.environment.empty() && target.environment != environment) {
    return Outcome::of(OutcomeKind::Permanent, 0, "environment_mismatch",
                       fmt::format("the device is registered for {}, this integration sends to {}",
                                   target.environment, environment));
  }
  return std::nullopt;
}

}  // namespace

std::span<const Reason> reasons() noexcept { return kReasons; }

std::optional<Outcome> Rules::build(const Job& job, bool, PushRequest& request) const {
  if (auto refused = refuse(job.target, environment_)) return refused;
  std::optional<Overrides> overrides;
  if (!job.message->apns.empty() && !read_overrides(job.message->apns, overrides.emplace())) {
    return Outcome::of(OutcomeKind::Permanent, 0, "invalid_apns",
                       "the push's apns block is not a JSON object");
  }
  const Overrides* const over = overrides ? &*overrides : nullptr;
  const PushType* type = kPushTypes;
  const model::Message& m = *job.message;
  const bool shows_nothing = m.title.empty() && m.body.empty() && !m.badge && m.sound.empty();
  if (is_silent(m) || (over != nullptr && over->is_silent && shows_nothing && over->alert.empty())) ++type;
  if (over != nullptr && !over->push_type.empty()) {
    const auto* const named = std::ranges::find(kPushTypes, over->push_type, &PushType::name);
    if (named == std::end(kPushTypes)) {
      return Outcome::of(OutcomeKind::Permanent, 0, "InvalidPushType",
                         "the apns block names no push type of APNs");
    }
    type = named;
  }

  append_payload(request.body, job, over);
  if (request.body.size() > type->payload_max) {
    return Outcome::of(OutcomeKind::Permanent, 0, "PayloadTooLarge",
                       fmt::format("the payload is {} bytes over the limit of {}",
                                   request.body.size() - type->payload_max, type->payload_max));
  }
  request.path.append("/3/device/").append(job.target.address);

  std::string& scratch = request.scratch;
  const Piece id = piece(scratch, [&](std::string& out) { append_uuid(out, job); });
  const Piece collapse = piece(scratch, [&](std::string& out) {
    if (over != nullptr && !over->collapse_id.empty()) {
      out += over->collapse_id;
    } else {
      append_collapse_id(out, job);
    }
  });
  const Piece expiration = piece(scratch, [&](std::string& out) {
    if (over != nullptr && !over->expiration.empty()) {
      out += over->expiration;
    } else if (job.expires_at)
      out += fmt::format_int(std::max<std::int64_t>(1, to_ms(*job.expires_at) / 1000)).c_str();
  });
  std::string_view topic = job.target.bundle.empty() ? std::string_view(topic_) : job.target.bundle;
  const Piece long_topic = piece(scratch, [&](std::string& out) {
    const bool is_named = over != nullptr && !over->topic.empty();
    const std::string_view plain = is_named ? std::string_view(over->topic) : topic;
    if (is_named || !plain.ends_with(type->topic_suffix)) out.append(plain);
    if (!plain.ends_with(type->topic_suffix)) out.append(type->topic_suffix);
  });
  if (long_topic.size > 0) topic = long_topic.of(scratch);
  if (topic.empty()) {
    return Outcome::of(OutcomeKind::Permanent, 0, "MissingTopic",
                       "neither the device nor the integration names the app's bundle");
  }
  std::string_view priority = job.priority == model::Priority::Bulk ? "5" : "10";
  if (over != nullptr && over->priority == "10") priority = "10";
  if (over != nullptr && over->priority == "5") priority = "5";
  if (over != nullptr && over->priority == "1") priority = "1";
  if (!type->priority.empty()) priority = type->priority;

  request.add("apns-topic", topic);
  request.add("apns-push-type", type->name);
  request.add("apns-priority", priority);
  request.add("apns-id", id.of(scratch), true);
  request.add("apns-collapse-id", collapse.of(scratch), true);
  if (expiration.size > 0) request.add("apns-expiration", expiration.of(scratch), true);
  return std::nullopt;
}

PushVerdict Rules::classify(const net::Http2Response& response, Time now) const {
  if (response.status == 200) return {Outcome::sent(std::string(response.header("apns-id"))), Follow::None};
  static thread_local base::JsonDocument document;
  std::string_view reason;
  std::int64_t timestamp = 0;
  if (const auto root = document.parse(response.body)) {
    if ((*root)["reason"].get(reason) != simdjson::SUCCESS) reason = {};
    if ((*root)["timestamp"].get(timestamp) != simdjson::SUCCESS) timestamp = 0;
  }
  const auto* const known = std::ranges::find(kReasons, reason, &Reason::reason);
  if (known == std::end(kReasons)) {
    const OutcomeKind kind = response.status == 429   ? OutcomeKind::Temporary
                             : response.status >= 500 ? OutcomeKind::Temporary
                                                      : OutcomeKind::Permanent;
    return {Outcome::of(kind, response.status, std::string(reason), "a reason APNs does not document"),
            Follow::None};
  }
  PushVerdict verdict{
      Outcome::of(known->kind, response.status, std::string(reason), std::string(known->text)),
      known->follow};
  verdict.outcome.is_suspicious = known->is_suspicious;
  if (response.status == 410 && timestamp > 0) verdict.outcome.invalid_since = from_ms(timestamp);
  if (known->kind == OutcomeKind::Throttled) verdict.outcome.retry_after = kTokenUpdatesPause;
  if (response.status == 429 || response.status >= 500) {  // not documented by Apple, heeded where given
    const auto asked = net::parse_retry_after(response.header("retry-after"), to_ms(now) / 1000);
    if (asked) verdict.outcome.retry_after = std::chrono::seconds(*asked);
  }
  return verdict;
}

}  // namespace carillon::providers::apns_detail
