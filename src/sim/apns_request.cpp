#include "sim/apns_request.h"

#include <simdjson.h>

#include <algorithm>

#include "base/json.h"

namespace carillon::sim {
namespace {

constexpr std::size_t kPayloadMax = 4096;  // bytes
constexpr std::size_t kPayloadVoipMax = 5120;
constexpr std::size_t kCollapseIdMax = 64;
constexpr std::size_t kTopicMax = 255;
constexpr std::size_t kDeviceTokenMax = 200;  // characters; real ones have 64 and may grow
constexpr std::int64_t kTokenAgeMaxS = 3600;

struct PushType {
  std::string_view name;
  std::string_view topic_suffix;
};
constexpr PushType kPushTypes[] = {
    {"alert", ""},
    {"background", ""},
    {"voip", ".voip"},
    {"complication", ".complication"},
    {"fileprovider", ".pushkit.fileprovider"},
    {"liveactivity", ".push-type.liveactivity"},
    {"location", ".location-query"},
    {"mdm", ""},
    {"pushtotalk", ".voip-ptt"},
    {"widgets", ".push-type.widgets"},
    {"controls", ".push-type.controls"},
};

constexpr bool is_hex(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

constexpr bool is_digits(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

constexpr bool is_uuid(std::string_view text) noexcept {
  if (text.size() != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
    return false;
  return is_hex(text.substr(0, 8)) && is_hex(text.substr(9, 4)) && is_hex(text.substr(14, 4)) &&
         is_hex(text.substr(19, 4)) && is_hex(text.substr(24));
}

// Tokens of CONTRACT §6 are taken though they are not hex. Nobody has the one of zeros: senders check
// their credentials with it.
constexpr bool is_device_token(std::string_view token) noexcept {
  if (token.starts_with("test-")) return true;
  if (token.find_first_not_of('0') == std::string_view::npos) return false;
  return token.size() % 2 == 0 && token.size() <= kDeviceTokenMax && is_hex(token);
}

ApnsVerdict check_payload(std::string_view push_type, std::string_view body, std::size_t body_size) {
  if (body_size == 0) return {400, "PayloadEmpty"};
  if (body_size > (push_type == "voip" ? kPayloadVoipMax : kPayloadMax)) return {413, "PayloadTooLarge"};
  static thread_local simdjson::dom::parser parser;
  simdjson::dom::object root;
  // Apple has no documented reason for this; a sender that makes broken JSON should hear of it all the same.
  if (parser.parse(body.data(), body.size(), false).get_object().get(root) != simdjson::SUCCESS) {
    return {400, "BadPayload"};
  }
  if (push_type == "background") {
    std::int64_t available = 0;
    if (root["aps"]["content-available"].get_int64().get(available) != simdjson::SUCCESS || available != 1) {
      return {400, "InvalidPushType"};
    }
  }
  return {};
}

}  // namespace

ApnsHeaders read_apns_headers(std::span<const H2Field> fields) noexcept {
  ApnsHeaders out;
  const auto take = [&out](std::string_view& target, std::string_view value) {
    if (target.data() != nullptr) out.has_duplicate = true;
    target = value;
  };
  for (const auto& [name, value] : fields) {
    switch (name.size()) {
      case 7:
        if (name == "apns-id") take(out.id, value);
        break;
      case 10:
        if (name == "apns-topic") take(out.topic, value);
        break;
      case 13:
        if (name == "authorization") take(out.authorization, value);
        if (name == "apns-priority") take(out.priority, value);
        break;
      case 14:
        if (name == "apns-push-type") take(out.push_type, value);
        break;
      case 15:
        if (name == "apns-expiration") take(out.expiration, value);
        break;
      case 16:
        if (name == "apns-collapse-id") take(out.collapse_id, value);
        break;
      default: break;  // a number, not one of our enums: other headers are nobody's business
    }
  }
  return out;
}

ProviderToken check_provider_token(std::string_view text, const Credentials& credentials) {
  constexpr ApnsVerdict kInvalid{403, "InvalidProviderToken"};
  const auto jwt = split_jwt(text);
  if (!jwt) return {kInvalid};
  base::JsonDocument header_document;
  base::JsonDocument claims_document;
  const auto header = header_document.parse(jwt->header);
  const auto claims = claims_document.parse(jwt->claims);
  if (!header || !claims) return {kInvalid};
  std::string_view algorithm;
  std::string_view key_id;
  std::string_view team_id;
  std::int64_t issued_s = 0;
  if ((*header)["alg"].get(algorithm) != simdjson::SUCCESS ||
      (*header)["kid"].get(key_id) != simdjson::SUCCESS ||
      (*claims)["iss"].get(team_id) != simdjson::SUCCESS ||
      (*claims)["iat"].get(issued_s) != simdjson::SUCCESS) {
    return {kInvalid};
  }
  if (algorithm != "ES256" || key_id != credentials.apns_key_id || team_id != credentials.apns_team_id ||
      !credentials.apns_key.verify_es256(jwt->signed_part, jwt->signature)) {
    return {kInvalid};
  }
  return {{}, issued_s};
}

ApnsVerdict check_token_age(std::int64_t issued_s, Time now) noexcept {
  const std::int64_t age = to_ms(now) / 1000 - issued_s;
  if (age > kTokenAgeMaxS || age < -kTokenAgeMaxS) return {403, "ExpiredProviderToken"};
  return {};
}

ApnsVerdict check_apns_push(const ApnsHeaders& headers, std::string_view device_token, std::string_view body,
                            std::size_t body_size) {
  if (headers.has_duplicate) return {400, "DuplicateHeaders"};
  if (!headers.id.empty() && !is_uuid(headers.id)) return {400, "BadMessageId"};
  if (!headers.expiration.empty() && (!is_digits(headers.expiration) || headers.expiration.size() > 18)) {
    return {400, "BadExpirationDate"};
  }
  if (!headers.priority.empty() && headers.priority != "10" && headers.priority != "5" &&
      headers.priority != "1") {
    return {400, "BadPriority"};
  }
  if (headers.collapse_id.size() > kCollapseIdMax) return {400, "BadCollapseId"};
  if (headers.topic.empty()) return {400, "MissingTopic"};
  if (headers.topic.size() > kTopicMax || headers.topic.find_first_of(" /\\") != std::string_view::npos) {
    return {400, "BadTopic"};
  }
  if (!headers.push_type.empty()) {
    const auto* type = std::ranges::find(kPushTypes, headers.push_type, &PushType::name);
    if (type == std::end(kPushTypes)) return {400, "InvalidPushType"};
    if (!headers.topic.ends_with(type->topic_suffix)) return {400, "TopicDisallowed"};
    // Omitted means 10, which background pushes may not have.
    if (type->name == "background" && headers.priority != "5") return {400, "BadPriority"};
  }
  if (!is_device_token(device_token)) return {400, "BadDeviceToken"};
  return check_payload(headers.push_type, body, body_size);
}

}  // namespace carillon::sim
