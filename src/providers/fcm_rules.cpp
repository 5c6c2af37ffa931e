// FCM: building requests and reading answers (PROVIDERS §2.2 to §2.4). Pure.
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "base/ids.h"
#include "model/push_block.h"
#include "providers/fcm.h"
#include "providers/json_merge.h"
#include "providers/push_data.h"

namespace carillon::providers::fcm_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;
using Follow = PushVerdict::Follow;

constexpr std::int64_t kTtlMaxS = 2'419'200;  // four weeks
constexpr std::size_t kTokenMax = 4096;       // bytes

constexpr ErrorRow kErrors[] = {
    {"UNREGISTERED", 404, true, OutcomeKind::InvalidRecipient, "The app instance was unregistered from FCM."},
    {"SENDER_ID_MISMATCH", 403, true, OutcomeKind::InvalidRecipient,
     "The registration token belongs to another Firebase project.", Follow::None, true},
    {"INVALID_ARGUMENT", 400, true, OutcomeKind::Permanent, "Request parameters were invalid."},
    {"QUOTA_EXCEEDED", 429, true, OutcomeKind::Throttled, "The sending limit was exceeded for the project."},
    // The key that Firebase uses towards another push service: only that platform is affected.
    {"THIRD_PARTY_AUTH_ERROR", 401, true, OutcomeKind::Temporary,
     "The APNs certificate or web push key in the Firebase project is invalid or missing."},
    {"APNS_AUTH_ERROR", 401, true, OutcomeKind::Temporary,
     "The APNs certificate or web push key in the Firebase project is invalid or missing."},
    {"INTERNAL", 500, true, OutcomeKind::Temporary, "An unknown internal error occurred."},
    {"UNAVAILABLE", 503, true, OutcomeKind::Temporary, "The server is overloaded."},
    {"UNSPECIFIED_ERROR", 500, true, OutcomeKind::Temporary,
     "No more information is available about this error."},
    {"INVALID_ARGUMENT", 400, false, OutcomeKind::Permanent, "Request parameters were invalid."},
    {"UNAUTHENTICATED", 401, false, OutcomeKind::Misconfigured, "The access token was refused.",
     Follow::RenewCredential},
    {"PERMISSION_DENIED", 403, false, OutcomeKind::Misconfigured,
     "The service account lacks the role, or the API is disabled."},
    {"NOT_FOUND", 404, false, OutcomeKind::Misconfigured, "There is no such Firebase project."},
    {"RESOURCE_EXHAUSTED", 429, false, OutcomeKind::Throttled,
     "The sending limit was exceeded for the project."},
    {"INTERNAL", 500, false, OutcomeKind::Temporary, "An unknown internal error occurred."},
    {"UNAVAILABLE", 503, false, OutcomeKind::Temporary, "The server is overloaded."},
};

// What message.fcm asks for: fields of FCM's Message, in either spelling. Each object is merged with ours,
// its fields first.
struct Overrides {
  JsonMembers message, notification, data;
  JsonMembers android, android_notification;
  JsonMembers apple, apple_headers, apple_payload, aps;
  JsonMembers web, web_headers, web_options;
};

// FCM wants texts: what is none becomes its JSON.
void take_data(const base::JsonObject& object, JsonMembers& into) {
  for (const auto [name, value] : object) {
    if (name == "carillon") continue;
    if (value.is_string()) {
      into.set(name, value);
    } else {
      std::string text;
      base::append_json_string(text, base::to_json(value));
      into.set_raw(name, std::move(text));
    }
  }
}

// Objects named in `parts` go there, `data` becomes texts, the rest stays with `own`.
struct Part {
  std::string_view name;
  JsonMembers* into = nullptr;
  bool is_header = false;  // the names of its members are not FCM's
};
void take_block(const base::JsonObject& object, JsonMembers& own, std::initializer_list<Part> parts) {
  for (const auto [key, value] : object) {
    const std::string name = model::to_snake_case(key);
    base::JsonObject inner;
    const bool is_object = value.get(inner) == simdjson::SUCCESS;
    const auto* const part = std::ranges::find(parts, name, &Part::name);
    if (is_object && part != parts.end()) {
      for (const auto [field, text] : inner) {
        part->into->set(part->is_header ? std::string(field) : model::to_snake_case(field), text);
      }
    } else if (is_object && name == "data") {
      JsonMembers texts;
      take_data(inner, texts);
      own.set_raw(name, texts.object());
    } else {
      own.set(name, value);
    }
  }
}

void take_payload(const base::JsonObject& payload, Overrides& out) {
  for (const auto [key, value] : payload) {
    base::JsonObject aps;
    if (key == "aps" && value.get(aps) == simdjson::SUCCESS) {
      out.aps.take(aps);
    } else {
      out.apple_payload.set(key, value);
    }
  }
}

void take_apple(const base::JsonObject& object, Overrides& out) {
  for (const auto [key, value] : object) {
    const std::string name = model::to_snake_case(key);
    base::JsonObject inner;
    const bool is_object = value.get(inner) == simdjson::SUCCESS;
    if (is_object && name == "headers") {
      out.apple_headers.take(inner);
    } else if (is_object && name == "payload") {
      take_payload(inner, out);
    } else {
      out.apple.set(name, value);
    }
  }
}

bool read_overrides(std::string_view json, Overrides& out) {
  static thread_local base::JsonDocument document;
  const auto root = document.parse(json);
  base::JsonObject object;
  if (!root || root->get(object) != simdjson::SUCCESS) return false;
  for (const auto [key, value] : object) {
    const std::string name = model::to_snake_case(key);
    base::JsonObject inner;
    const bool is_object = value.get(inner) == simdjson::SUCCESS;
    if (name == "android" && is_object) {
      take_block(inner, out.android, {{"notification", &out.android_notification}});
    } else if (name == "apns" && is_object) {
      take_apple(inner, out);
    } else if (name == "webpush" && is_object) {
      take_block(inner, out.web, {{"headers", &out.web_headers, true}, {"fcm_options", &out.web_options}});
    } else if (name == "notification" && is_object) {
      out.notification.take(inner);
    } else if (name == "data" && is_object) {
      take_data(inner, out.data);
    } else if (name != "token" && name != "topic" && name != "condition" && name != "fid") {
      out.message.set(name, value);
    }
  }
  return true;
}

// Every value must be a string: others are written as their JSON text. Empty: all is well, else what is
// wrong.
std::string append_data(std::string& out, const Job& job, const JsonMembers* over) {
  const model::Message& m = *job.message;
  std::string ids = R"({"n":")";
  base::append_id(ids, base::kNotificationPrefix, job.notification);
  ids += R"(","d":")";
  base::append_id(ids, base::kDeliveryPrefix, job.delivery);
  ids += "\"}";
  MemberWriter data(out, over, true);
  out += R"("data":{"carillon":)";
  base::append_json_string(out, ids);
  data.text("url", m.url);
  data.text("actions", m.actions);
  data.rest();
  if (!m.data.empty()) {
    static thread_local base::JsonDocument document;
    const auto root = document.parse(m.data);
    base::JsonObject members;
    if (!root || root->get(members) != simdjson::SUCCESS) return "the push's data block is not a JSON object";
    for (const auto [key, value] : members) {
      if (model::is_fcm_reserved_key(key)) {
        return fmt::format("FCM keeps the key {} of data for itself; use another name", key.substr(0, 64));
      }
      if (key == "carillon" || key == "url" || key == "actions" || (over != nullptr && over->has(key)))
        continue;
      data.separate();
      base::append_json_string(out, key);
      out += ':';
      std::string_view text;
      if (value.get(text) == simdjson::SUCCESS)
        base::append_json_string(out, text);
      else
        base::append_json_string(out, base::to_json(value));
    }
  }
  out += '}';
  return {};
}

void append_notification(std::string& out, const model::Message& m, const JsonMembers* over) {
  MemberWriter shown(out, over);
  out += R"("notification":{)";
  shown.text("title", m.title);
  shown.text("body", m.body);
  shown.text("image", m.image);
  shown.rest();
  out += "},";
}

std::string tag_of(const Job& job) { return job.collapse_key.empty() ? job.handle() : job.collapse_key; }

void append_android(std::string& out, const Job& job, const Overrides* over) {
  const model::Message& m = *job.message;
  MemberWriter android(out, over != nullptr ? &over->android : nullptr);
  out += R"(,"android":{)";
  // Google lowers apps whose urgent messages show nothing.
  const bool is_urgent =
      shows_something(m) ? job.priority != model::Priority::Bulk : job.priority <= model::Priority::High;
  android.text("priority", is_urgent ? "HIGH" : "NORMAL");
  if (job.expires_at) {
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(*job.expires_at - job.now).count();
    android.text("ttl", fmt::format("{}s", std::clamp<std::int64_t>(left, 0, kTtlMaxS)));
  }
  // A device stores messages of four different keys at most: not spent on our own handle.
  android.text("collapse_key", job.collapse_key);
  if (shows_something(m) || (over != nullptr && !over->android_notification.empty())) {
    android.separate();
    MemberWriter shown(out, over != nullptr ? &over->android_notification : nullptr);
    out += R"("notification":{)";
    shown.text("tag", tag_of(job));
    shown.text("sound", m.sound);
    shown.text("click_action", m.action_loc_key);
    if (m.badge) shown.number("notification_count", *m.badge);
    shown.rest();
    out += '}';
  }
  android.rest();
  out += '}';
}

// iOS behind FCM: the same collapse handle, and what only APNs knows. Hands back the bytes of its payload.
std::size_t append_apple(std::string& out, const Job& job, const Overrides* over) {
  const model::Message& m = *job.message;
  const std::string tag = tag_of(job);
  MemberWriter headers(out, over != nullptr ? &over->apple_headers : nullptr);
  out += R"(,"apns":{"headers":{)";
  headers.text("apns-collapse-id", std::string_view(tag).substr(0, 64));
  if (job.expires_at) headers.text("apns-expiration", fmt::format("{}", to_ms(*job.expires_at) / 1000));
  headers.rest();
  out += R"(},"payload":)";
  const std::size_t payload_begin = out.size();
  MemberWriter aps(out, over != nullptr ? &over->aps : nullptr);
  out += R"({"aps":{)";
  aps.text("sound", m.sound);
  if (m.badge) aps.number("badge", *m.badge);
  if (!m.image.empty()) aps.number("mutable-content", 1);
  if (!shows_something(m) && (over == nullptr || over->notification.empty()))
    aps.number("content-available", 1);
  aps.rest();
  out += '}';
  MemberWriter payload(out, over != nullptr ? &over->apple_payload : nullptr, true);
  payload.rest();
  out += '}';
  const std::size_t payload_size = out.size() - payload_begin;
  MemberWriter apple(out, over != nullptr ? &over->apple : nullptr, true);
  apple.rest();
  out += '}';
  return payload_size;
}

// A browser behind FCM: how long it may wait, what it replaces, and where a click leads.
void append_web(std::string& out, const Job& job, const Overrides* over) {
  const model::Message& m = *job.message;
  MemberWriter web(out, over != nullptr ? &over->web : nullptr);
  out += R"(,"webpush":{)";
  web.separate();
  MemberWriter headers(out, over != nullptr ? &over->web_headers : nullptr);
  out += R"("headers":{)";
  if (job.expires_at) headers.text("TTL", fmt::format("{}", seconds_to_live(job, kTtlMaxS)));
  headers.text("Urgency", job.priority <= model::Priority::High ? "high" : "normal");
  headers.rest();
  out += '}';
  web.separate();
  MemberWriter options(out, over != nullptr ? &over->web_options : nullptr);
  out += R"("fcm_options":{)";
  options.text("link", m.url.starts_with("https://") ? std::string_view(m.url) : std::string_view());
  options.rest();
  out += '}';
  web.rest();
  out += '}';
}

struct ErrorBody {
  std::string_view fcm_code, status, message;
  bool is_token_field = false;
  bool is_of_device = false;  // the limit that was exceeded is one device's
};

bool speaks_of_device(std::string_view text) noexcept {
  return text.contains("device") || text.contains("Device") || text.contains("DEVICE");
}

// Views into `document`.
ErrorBody read_error(base::JsonDocument& document, std::string_view body) {
  ErrorBody out;
  const auto root = document.parse(body);
  base::JsonObject error;
  if (!root || (*root)["error"].get(error) != simdjson::SUCCESS) return out;
  if (error["status"].get(out.status) != simdjson::SUCCESS) out.status = {};
  if (error["message"].get(out.message) != simdjson::SUCCESS) out.message = {};
  out.is_of_device = speaks_of_device(out.message);
  base::JsonArray details;
  if (error["details"].get(details) != simdjson::SUCCESS) return out;
  for (const base::JsonElement detail : details) {
    std::string_view type;
    if (detail["@type"].get(type) != simdjson::SUCCESS) continue;
    if (type.ends_with("fcm.v1.FcmError") && detail["errorCode"].get(out.fcm_code) != simdjson::SUCCESS) {
      out.fcm_code = {};
    }
    base::JsonArray violations;
    if (detail["violations"].get(violations) == simdjson::SUCCESS) {  // of QuotaFailure
      for (const base::JsonElement violation : violations) {
        for (const std::string_view key : {"subject", "description"}) {
          std::string_view text;
          if (violation[key].get(text) == simdjson::SUCCESS) out.is_of_device |= speaks_of_device(text);
        }
      }
    }
    if (detail["fieldViolations"].get(violations) != simdjson::SUCCESS) continue;
    for (const base::JsonElement violation : violations) {
      std::string_view field;
      if (violation["field"].get(field) == simdjson::SUCCESS) out.is_token_field |= field == "message.token";
    }
  }
  return out;
}

OutcomeKind kind_of_status(int status) noexcept {
  if (status == 429) return OutcomeKind::Throttled;
  if (status == 401 || status == 403) return OutcomeKind::Misconfigured;
  return status >= 500 || status == 408 ? OutcomeKind::Temporary : OutcomeKind::Permanent;
}

const ErrorRow* find_row(const ErrorBody& error) noexcept {
  const auto is_it = [&](const ErrorRow& row) {
    return row.is_fcm_error ? row.code == error.fcm_code : error.fcm_code.empty() && row.code == error.status;
  };
  const auto* const row = std::ranges::find_if(kErrors, is_it);
  return row == std::end(kErrors) ? nullptr : row;
}

}  // namespace

std::span<const ErrorRow> error_rows() noexcept { return kErrors; }

std::optional<Outcome> Rules::build(const Job& job, bool is_test, PushRequest& request) const {
  const model::Message& m = *job.message;
  if (job.target.address.empty() || job.target.address.size() > kTokenMax) {
    return Outcome::of(OutcomeKind::InvalidRecipient, 0, "INVALID_ARGUMENT", "not a registration token");
  }
  std::optional<Overrides> overrides;
  if (!m.fcm.empty() && !read_overrides(m.fcm, overrides.emplace())) {
    return Outcome::of(OutcomeKind::Permanent, 0, "invalid_fcm", "the push's fcm block is not a JSON object");
  }
  const Overrides* const over = overrides ? &*overrides : nullptr;
  std::string& out = request.body;
  out += is_test ? R"({"validate_only":true,"message":{"token":)" : R"({"message":{"token":)";
  base::append_json_string(out, job.target.address);
  out += ',';
  const std::size_t payload_begin = out.size();
  if (shows_something(m) || (over != nullptr && !over->notification.empty())) {
    append_notification(out, m, over != nullptr ? &over->notification : nullptr);
  }
  if (std::string wrong = append_data(out, job, over != nullptr ? &over->data : nullptr); !wrong.empty()) {
    return Outcome::of(OutcomeKind::Permanent, 0, "invalid_data", std::move(wrong));
  }
  // The limit is of keys and values; the punctuation between them makes ours a little stricter.
  const std::size_t payload = out.size() - payload_begin;
  if (payload > kPayloadMax) return too_large("PayloadTooLarge", "payload", payload, kPayloadMax);
  const std::size_t android_begin = out.size();
  append_android(out, job, over);
  const bool is_larger =
      over != nullptr && (!over->android_notification.empty() || over->android.has("data"));
  const std::size_t android = payload + (is_larger ? out.size() - android_begin : 0);
  if (android > kPayloadMax) return too_large("PayloadTooLarge", "payload for Android", android, kPayloadMax);
  const bool is_apple =
      job.target.platform == model::Platform::Ios || job.target.platform == model::Platform::Macos;
  if (is_apple) {
    const std::size_t apple = append_apple(out, job, over) + payload;
    if (apple > kPayloadMax) return too_large("PayloadTooLarge", "payload for Apple", apple, kPayloadMax);
  }
  if (job.target.platform == model::Platform::Web) append_web(out, job, over);
  MemberWriter rest(out, over != nullptr ? &over->message : nullptr, true);
  rest.rest();
  out += "}}";
  request.path = path_;
  request.add("content-type", "application/json; charset=UTF-8");
  return std::nullopt;
}

PushVerdict Rules::classify(const net::Http2Response& response, Time now) const {
  static thread_local base::JsonDocument document;
  if (response.status == 200) {
    std::string_view name;
    const auto root = document.parse(response.body);
    if (!root || (*root)["name"].get(name) != simdjson::SUCCESS) name = {};
    return {Outcome::sent(std::string(name)), Follow::None};
  }
  const ErrorBody error = read_error(document, response.body);
  const ErrorRow* const row = find_row(error);
  PushVerdict verdict;
  if (row != nullptr) {
    verdict.follow = row->follow;
    verdict.outcome = Outcome::of(row->kind, response.status, std::string(row->code), std::string(row->text));
    verdict.outcome.is_suspicious = row->is_suspicious;
  } else {
    const std::string_view code = error.fcm_code.empty() ? error.status : error.fcm_code;
    verdict.outcome = Outcome::of(kind_of_status(response.status), response.status, std::string(code),
                                  "an error FCM does not document");
    if (response.status == 401) verdict.follow = Follow::RenewCredential;
  }
  model::Outcome& outcome = verdict.outcome;
  const bool names_token = error.is_token_field || error.message.contains("registration token");
  if (outcome.code == "INVALID_ARGUMENT" && names_token) {
    outcome.kind = OutcomeKind::InvalidRecipient;
    outcome.detail = "The registration token is not valid.";
  } else if (outcome.kind == OutcomeKind::Permanent) {
    outcome.detail = std::string(error.message.substr(0, 250));  // says which field is wrong
  }
  // One device's limit says nothing about the others.
  if (outcome.kind == OutcomeKind::Throttled && error.is_of_device) { outcome.kind = OutcomeKind::Temporary; }
  if (outcome.kind == OutcomeKind::Throttled) outcome.retry_after = kQuotaPause;
  const auto asked = net::parse_retry_after(response.header("retry-after"), to_ms(now) / 1000);
  if (asked && (outcome.kind == OutcomeKind::Throttled || outcome.kind == OutcomeKind::Temporary)) {
    outcome.retry_after = std::chrono::seconds(*asked);
  }
  return verdict;
}

}  // namespace carillon::providers::fcm_detail
