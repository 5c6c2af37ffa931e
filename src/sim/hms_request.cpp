#include "sim/hms_request.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <span>

#include "base/json.h"

namespace carillon::sim {
namespace {

using Element = simdjson::dom::element;
using Object = simdjson::dom::object;

constexpr std::size_t kPayloadMax = 4096;  // bytes without the tokens
constexpr std::int64_t kTtlMaxS = 1'296'000;
constexpr std::int64_t kCollapseMax = 100;

constexpr std::string_view kMessageKeys[] = {"data",    "notification", "android", "apns",
                                             "webpush", "token",        "topic",   "condition"};
constexpr std::string_view kAndroidKeys[] = {"collapse_key", "urgency",         "category",        "ttl",
                                             "bi_tag",       "receipt_id",      "fast_app_target", "data",
                                             "notification", "target_user_type"};
constexpr std::string_view kShownKeys[] = {"title",
                                           "body",
                                           "icon",
                                           "color",
                                           "sound",
                                           "default_sound",
                                           "tag",
                                           "click_action",
                                           "body_loc_key",
                                           "body_loc_args",
                                           "title_loc_key",
                                           "title_loc_args",
                                           "channel_id",
                                           "notify_summary",
                                           "image",
                                           "style",
                                           "big_title",
                                           "big_body",
                                           "auto_clear",
                                           "notify_id",
                                           "group",
                                           "badge",
                                           "ticker",
                                           "when",
                                           "importance",
                                           "use_default_vibrate",
                                           "use_default_light",
                                           "visibility",
                                           "foreground_show"};

HmsVerdict bad(std::string message) { return {200, "80100003", std::move(message)}; }

HmsVerdict check_keys(Object object, std::span<const std::string_view> known, std::string_view where) {
  for (const auto [key, value] : object) {
    if (std::ranges::find(known, key) == known.end()) {
      return bad(fmt::format("Illegal payload, unknown field {}.{}", where, key));
    }
  }
  return {};
}

bool is_ttl(std::string_view text) noexcept {
  if (text.size() < 2 || text.size() > 9 || text.back() != 's') return false;
  text.remove_suffix(1);
  std::int64_t seconds = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    seconds = seconds * 10 + (c - '0');
  }
  return seconds >= 1 && seconds <= kTtlMaxS;
}

HmsVerdict check_click(Element notification) {
  std::int64_t type = 0;
  Object click;
  if (notification["click_action"].get(click) != simdjson::SUCCESS) return bad("click_action is missing");
  if (click["type"].get(type) != simdjson::SUCCESS || type < 1 || type > 4) {
    return bad("click_action.type must be 1 to 4");
  }
  std::string_view text;
  const bool has_intent =
      click["intent"].get(text) == simdjson::SUCCESS || click["action"].get(text) == simdjson::SUCCESS;
  if (type == 1 && !has_intent) return bad("click_action needs intent or action");
  if (type == 2 && (click["url"].get(text) != simdjson::SUCCESS || !text.starts_with("https://"))) {
    return bad("click_action.url must begin with https://");
  }
  return {};
}

HmsVerdict check_shown(Element element, Element message, HmsMessage& out) {
  Object shown;
  if (element.get(shown) != simdjson::SUCCESS) return bad("android.notification is not an object");
  if (auto wrong = check_keys(shown, kShownKeys, "android.notification"); !wrong.is_ok()) return wrong;
  for (const std::string_view key : {"title", "body"}) {
    std::string_view text;
    const bool is_here = shown[key].get(text) == simdjson::SUCCESS && !text.empty();
    if (!is_here && (message["notification"][key].get(text) != simdjson::SUCCESS || text.empty())) {
      return bad(fmt::format("{} is missing", key));
    }
  }
  Element value;
  if (shown["tag"].get(value) == simdjson::SUCCESS && value.get(out.collapse) != simdjson::SUCCESS) {
    return bad("tag is not a string");
  }
  std::int64_t number = 0;
  if (shown["badge"].get(value) == simdjson::SUCCESS && value["set_num"].get(number) == simdjson::SUCCESS &&
      (number < 0 || number > 99)) {
    return bad("badge.set_num must be 0 to 99");
  }
  return check_click(element);
}

HmsVerdict check_android(Element element, Element message, HmsMessage& out) {
  Object android;
  if (element.get(android) != simdjson::SUCCESS) return bad("android is not an object");
  if (auto wrong = check_keys(android, kAndroidKeys, "android"); !wrong.is_ok()) return wrong;
  Element value;
  std::string_view text;
  std::int64_t number = 0;
  if (android["ttl"].get(value) == simdjson::SUCCESS &&
      (value.get(text) != simdjson::SUCCESS || !is_ttl(text))) {
    return {200, "80100004", "The ttl is illegal"};
  }
  if (android["urgency"].get(value) == simdjson::SUCCESS &&
      (value.get(text) != simdjson::SUCCESS || (text != "HIGH" && text != "NORMAL"))) {
    return bad("urgency must be HIGH or NORMAL");
  }
  if (android["collapse_key"].get(value) == simdjson::SUCCESS &&
      (value.get(number) != simdjson::SUCCESS || number < -1 || number > kCollapseMax)) {
    return {200, "80100013", "collapse_key must be -1 to 100"};
  }
  for (const std::string_view key : {"category", "bi_tag", "receipt_id", "data"}) {
    if (android[key].get(value) == simdjson::SUCCESS && !value.is_string()) {
      return bad(fmt::format("{} is not a string", key));
    }
  }
  if (android["bi_tag"].get(out.tag) != simdjson::SUCCESS) out.tag = {};
  if (android["notification"].get(value) == simdjson::SUCCESS) return check_shown(value, message, out);
  return {};
}

}  // namespace

HmsVerdict check_hms_message(std::string_view body, HmsMessage& out) {
  static thread_local simdjson::dom::parser parser;
  Object root;
  if (parser.parse(body.data(), body.size(), false).get_object().get(root) != simdjson::SUCCESS) {
    return bad("Illegal payload");
  }
  Element message, value;
  for (const auto [key, field] : root) {
    if (key == "message") continue;
    if (key != "validate_only" || field.get(out.is_validate_only) != simdjson::SUCCESS) {
      return bad(fmt::format("Illegal payload, unknown field {}", key));
    }
  }
  Object object;
  if (root["message"].get(message) != simdjson::SUCCESS || message.get(object) != simdjson::SUCCESS) {
    return bad("message is missing");
  }
  if (auto wrong = check_keys(object, kMessageKeys, "message"); !wrong.is_ok()) return wrong;
  simdjson::dom::array tokens;
  if (object["token"].get(tokens) != simdjson::SUCCESS || tokens.size() != 1 ||
      tokens.at(0).get(out.token) != simdjson::SUCCESS) {
    return {200, "80100001", "the simulator takes one token a message"};
  }
  const std::size_t size = base::to_json(message).size() - base::to_json(tokens.at(0).value()).size();
  constexpr std::size_t kTokenField = std::string_view(R"(,"token":[])").size();
  if (size - kTokenField > kPayloadMax) return {200, "80300008", "The message body is too large"};
  if (object["data"].get(value) == simdjson::SUCCESS && !value.is_string())
    return bad("data is not a string");
  if (object["android"].get(value) == simdjson::SUCCESS) return check_android(value, message, out);
  if (object["data"].get(value) != simdjson::SUCCESS) return bad("the message says nothing");
  return {};
}

}  // namespace carillon::sim
