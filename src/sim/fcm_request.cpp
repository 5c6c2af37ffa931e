#include "sim/fcm_request.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <initializer_list>
#include <optional>

#include "base/json.h"

namespace carillon::sim {
namespace {

using Element = simdjson::dom::element;
using Object = simdjson::dom::object;

constexpr std::size_t kPayloadMax = 4096;  // bytes of keys and values
constexpr std::size_t kPayloadTopicMax = 2048;
constexpr std::size_t kTokenMax = 4096;       // characters
constexpr std::int64_t kTtlMaxS = 2'419'200;  // four weeks

FcmVerdict bad_field(std::string field, std::string message) {
  return {400, "INVALID_ARGUMENT", "", std::move(field), std::move(message)};
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> names) noexcept {
  return std::ranges::find(names, text) != names.end();
}

// Protobuf JSON takes both spellings.
bool is_named(std::string_view key, std::string_view snake, std::string_view camel) noexcept {
  return key == snake || key == camel;
}

bool is_token(std::string_view text) noexcept {
  return text.size() <= kTokenMax && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                  c == '_' || c == ':' || c == '.';
         });
}

// "3.5s": digits, up to nine decimals, 's'; four weeks at most.
bool is_ttl(std::string_view text) noexcept {
  if (text.size() < 2 || text.size() > 20 || text.back() != 's') return false;
  text.remove_suffix(1);
  std::int64_t seconds = 0;
  std::size_t i = 0;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    seconds = seconds * 10 + (text[i] - '0');
    if (seconds > kTtlMaxS) return false;
  }
  if (i == 0) return false;
  if (i == text.size()) return true;
  const std::string_view decimals = text.substr(i + 1);
  return text[i] == '.' && !decimals.empty() && decimals.size() <= 9 &&
         std::ranges::all_of(decimals, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_reserved_key(std::string_view key) noexcept {
  return key == "from" || key == "message_type" || key.starts_with("google") || key.starts_with("gcm");
}

FcmVerdict check_data(Element element, const std::string& where, std::size_t& size) {
  Object data;
  if (element.get(data) != simdjson::SUCCESS)
    return bad_field(where, "Invalid value at '" + where + "' (Map)");
  for (const auto [key, value] : data) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) {
      return bad_field(fmt::format("{}[0].value", where),
                       fmt::format("Invalid value at '{}[0].value' (TYPE_STRING), key '{}'", where, key));
    }
    if (is_reserved_key(key)) return bad_field(where, fmt::format("Invalid data payload key: {}", key));
    size += key.size() + text.size();
  }
  return {};
}

FcmVerdict check_notification(Element element, std::size_t& size) {
  Object notification;
  if (element.get(notification) != simdjson::SUCCESS) {
    return bad_field("message.notification", "Invalid value at 'message.notification'");
  }
  for (const auto [key, value] : notification) {
    const std::string where = fmt::format("message.notification.{}", key);
    std::string_view text;
    if (!is_one_of(key, {"title", "body", "image"})) {
      return bad_field(where,
                       fmt::format("Unknown name \"{}\" at 'message.notification': Cannot find field.", key));
    }
    if (value.get(text) != simdjson::SUCCESS)
      return bad_field(where, "Invalid value at '" + where + "' (TYPE_STRING)");
    size += key.size() + text.size();
  }
  return {};
}

FcmVerdict check_android(Element element, std::size_t& size, FcmMessage& out) {
  Object android;
  if (element.get(android) != simdjson::SUCCESS)
    return bad_field("message.android", "Invalid value at 'message.android'");
  for (const auto [key, value] : android) {
    std::string_view text;
    if (key == "ttl") {
      if (value.get(text) != simdjson::SUCCESS || !is_ttl(text)) {
        return bad_field(
            "message.android.ttl",
            "Invalid value at 'message.android.ttl' (type.googleapis.com/google.protobuf.Duration), Illegal "
            "duration format; duration must end with 's'");
      }
    } else if (key == "priority") {
      if (value.get(text) != simdjson::SUCCESS || !is_one_of(text, {"NORMAL", "HIGH", "normal", "high"})) {
        return bad_field("message.android.priority", "Invalid value at 'message.android.priority'");
      }
    } else if (is_named(key, "collapse_key", "collapseKey")) {
      if (value.get(text) != simdjson::SUCCESS) {
        return bad_field("message.android.collapse_key",
                         "Invalid value at 'message.android.collapse_key' (TYPE_STRING)");
      }
      out.collapse = text;
    } else if (key == "data") {
      if (auto wrong = check_data(value, "message.android.data", size); wrong.status != 200) return wrong;
    } else if (key == "notification") {
      if (out.collapse.empty() && value["tag"].get(text) == simdjson::SUCCESS) out.collapse = text;
    } else if (!is_one_of(key,
                          {"restricted_package_name", "restrictedPackageName", "fcm_options", "fcmOptions",
                           "direct_boot_ok", "directBootOk", "bandwidth_constrained_ok",
                           "bandwidthConstrainedOk", "restricted_satellite_ok", "restrictedSatelliteOk"})) {
      return bad_field(fmt::format("message.android.{}", key),
                       fmt::format("Unknown name \"{}\" at 'message.android': Cannot find field.", key));
    }
  }
  return {};
}

// `headers` of the apns and webpush blocks: strings only, whatever they mean.
FcmVerdict check_headers(Element block, const std::string& where, std::string_view collapse_name,
                         FcmMessage& out) {
  Object fields;
  if (block.get(fields) != simdjson::SUCCESS) return bad_field(where, "Invalid value at '" + where + "'");
  Object headers;
  if (fields["headers"].get(headers) != simdjson::SUCCESS) return {};
  for (const auto [key, value] : headers) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) {
      return bad_field(where + ".headers", "Invalid value at '" + where + ".headers[0].value' (TYPE_STRING)");
    }
    if (out.collapse.empty() && key == collapse_name) out.collapse = text;
  }
  return {};
}

FcmVerdict take_target(Element value, FcmMessage::Target target, std::string_view key, int& targets,
                       FcmMessage& out) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) {
    return bad_field(fmt::format("message.{}", key),
                     fmt::format("Invalid value at 'message.{}' (TYPE_STRING)", key));
  }
  ++targets;
  out.target = target;
  out.recipient = text;
  return {};
}

FcmVerdict check_field(std::string_view key, Element value, int& targets, std::size_t& size,
                       FcmMessage& out) {
  if (key == "token") return take_target(value, FcmMessage::Target::Token, key, targets, out);
  if (key == "topic") return take_target(value, FcmMessage::Target::Topic, key, targets, out);
  if (key == "condition") return take_target(value, FcmMessage::Target::Condition, key, targets, out);
  if (key == "fid") return take_target(value, FcmMessage::Target::Installation, key, targets, out);
  if (key == "notification") return check_notification(value, size);
  if (key == "data") return check_data(value, "message.data", size);
  if (key == "android") return check_android(value, size, out);
  if (key == "apns") return check_headers(value, "message.apns", "apns-collapse-id", out);
  if (key == "webpush") return check_headers(value, "message.webpush", "Topic", out);
  if (is_named(key, "fcm_options", "fcmOptions") || key == "name") return {};
  return bad_field(fmt::format("message.{}", key),
                   fmt::format("Unknown name \"{}\" at 'message': Cannot find field.", key));
}

}  // namespace

FcmVerdict check_fcm_message(std::string_view body, FcmMessage& out) {
  static thread_local simdjson::dom::parser parser;
  Object root;
  if (parser.parse(body.data(), body.size(), false).get_object().get(root) != simdjson::SUCCESS) {
    return {400, "INVALID_ARGUMENT", "", "", "Invalid JSON payload received."};
  }
  Object message;
  bool has_message = false;
  for (const auto [key, value] : root) {
    if (key == "message") {
      has_message = value.get(message) == simdjson::SUCCESS;
    } else if (!is_named(key, "validate_only", "validateOnly") ||
               value.get(out.is_validate_only) != simdjson::SUCCESS) {
      return bad_field(
          std::string(key),
          fmt::format("Invalid JSON payload received. Unknown name \"{}\": Cannot find field.", key));
    }
  }
  if (!has_message) return bad_field("message", "The request must contain a message.");
  int targets = 0;
  std::size_t size = 0;
  for (const auto [key, value] : message) {
    if (auto wrong = check_field(key, value, targets, size, out); wrong.status != 200) return wrong;
  }
  if (targets > 1)
    return bad_field("message", "Invalid value at 'message' (oneof), oneof field 'target' is already set.");
  if (targets == 0 || out.recipient.empty()) {
    return bad_field("message", "Recipient of the message is not set.");
  }
  if (size > (out.target == FcmMessage::Target::Topic ? kPayloadTopicMax : kPayloadMax)) {
    return bad_field("message", "Android message is too big");
  }
  if (out.target == FcmMessage::Target::Topic && out.recipient.starts_with("/topics/")) {
    return bad_field("message.topic", "Invalid topic name");
  }
  if (out.target == FcmMessage::Target::Token && !is_token(out.recipient)) {
    return {400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "",
            "The registration token is not a valid FCM registration token"};
  }
  return {};
}

void write_fcm_error(std::string& out, const FcmVerdict& verdict, std::string_view project_id) {
  base::JsonWriter json;
  json.object().key("error").object();
  json.field("code", verdict.status).field("message", verdict.message).field("status", verdict.grpc_status);
  if (!verdict.error_code.empty() || !verdict.field.empty()) {
    json.key("details").array();
    if (!verdict.error_code.empty()) {
      json.object()
          .field("@type", "type.googleapis.com/google.firebase.fcm.v1.FcmError")
          .field("errorCode", verdict.error_code)
          .end_object();
    }
    if (verdict.error_code == "QUOTA_EXCEEDED") {
      json.object().field("@type", "type.googleapis.com/google.rpc.QuotaFailure").key("violations").array();
      json.object()
          .field("subject", fmt::format("project:{}", project_id))
          .field("description", "Message rate exceeded.")
          .end_object()
          .end_array()
          .end_object();
    }
    if (!verdict.field.empty()) {
      json.object()
          .field("@type", "type.googleapis.com/google.rpc.BadRequest")
          .key("fieldViolations")
          .array();
      json.object().field("field", verdict.field).field("description", verdict.message).end_object();
      json.end_array().end_object();
    }
    json.end_array();
  }
  json.end_object().end_object();
  out += json.str();
}

}  // namespace carillon::sim
