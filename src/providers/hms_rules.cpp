// Huawei Push Kit: building messages, reading answers and receipts (PROVIDERS §10.2). Pure.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/crypto.h"
#include "base/ids.h"
#include "providers/hms.h"
#include "providers/json_merge.h"
#include "providers/push_data.h"

namespace carillon::providers::hms_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;
using model::ReceiptKind;
using Follow = PushVerdict::Follow;

constexpr std::int64_t kTtlMaxS = 1'296'000;  // fifteen days
constexpr std::size_t kTokenMax = 512;        // characters
constexpr std::size_t kTagMax = 64;           // bytes
constexpr std::size_t kStatusesMax = 1000;    // of one callback
constexpr Millis kPause{5'000};               // Huawei names no time
constexpr Millis kReceiptAgeMax{10 * 60'000};

constexpr ResultRow kResults[] = {
    {"80100001", OutcomeKind::Permanent, "Some request parameters are incorrect."},
    {"80100003", OutcomeKind::Permanent, "The structure of the message is incorrect."},
    {"80100004", OutcomeKind::Permanent, "The expiration time of the message is incorrect."},
    {"80100013", OutcomeKind::Permanent, "The collapse_key field is invalid."},
    {"80100016", OutcomeKind::Permanent, "The message contains sensitive information."},
    {"80100017", OutcomeKind::Throttled, "Too many topic-based messages are sent at the same time."},
    {"80100018", OutcomeKind::Permanent, "The target of the message is invalid."},
    {"80200001", OutcomeKind::Misconfigured, "OAuth authentication failed.", Follow::RenewCredential},
    {"80200003", OutcomeKind::Misconfigured, "The OAuth token has expired.", Follow::RenewCredential},
    {"80200005", OutcomeKind::Misconfigured, "The token has expired.", Follow::RenewCredential},
    {"80300002", OutcomeKind::Misconfigured, "The app has no permission to send messages to these tokens."},
    {"80300007", OutcomeKind::InvalidRecipient, "All tokens are invalid.", Follow::None, true},
    {"80300008", OutcomeKind::Permanent, "The message body exceeds the limit."},
    {"80300010", OutcomeKind::Permanent, "The number of tokens exceeds the limit."},
    {"80300011", OutcomeKind::Misconfigured,
     "The app may not send messages of high priority: apply for it or set urgent to false."},
    {"80300013", OutcomeKind::Misconfigured,
     "The receipt address is invalid: check it in AppGallery Connect."},
    {"80600003", OutcomeKind::Misconfigured, "The OAuth service refused: check app_id and app_secret."},
    // An error inside Huawei: the message may have been taken before it.
    {"81000001", OutcomeKind::Ambiguous, "Internal error of Push Kit."},
};

constexpr ReceiptRow kReceipts[] = {
    {0, ReceiptKind::Delivered, ""},
    {2, ReceiptKind::Bounced, "The app was uninstalled."},
    {5, ReceiptKind::Bounced, "The token is not the one of the app on the device."},
    {6, ReceiptKind::Undelivered, "Notifications are switched off on the device."},
    {10, ReceiptKind::Undelivered, "The device has not been online for 30 days."},
    {14, ReceiptKind::Undelivered, "Network trouble inside Push Kit."},
    {15, ReceiptKind::Undelivered, "A newer message took its place before the device came online."},
    {22, ReceiptKind::Undelivered, "Another user is signed in on the device."},
    // On the device, kept until the app runs.
    {27, ReceiptKind::Delivered, "The app was not running."},
    {31, ReceiptKind::Undelivered, "The app has no such page."},
    {51, ReceiptKind::Undelivered, "The device was not unlocked since it was started."},
    {102, ReceiptKind::Undelivered, "Huawei's limit of messages was exceeded."},
    {144, ReceiptKind::Undelivered, "The profile does not exist on the device."},
    {151, ReceiptKind::Undelivered, "The message was not shown."},
    {155, ReceiptKind::Undelivered, "The live view was not updated."},
    {156, ReceiptKind::Undelivered, "The live view is newer already."},
    {158, ReceiptKind::Undelivered, "The live view exists already."},
    {188, ReceiptKind::Undelivered, "The app could not be started."},
    {191, ReceiptKind::Undelivered, "The badge could not be set."},
    {201, ReceiptKind::Bounced, "Huawei blocks messages to this token until the app is installed again."},
    {256, ReceiptKind::Undelivered, "Huawei's limit of messages was exceeded."},
    {259, ReceiptKind::Undelivered, "The message was refused for its content."},
    {264, ReceiptKind::Undelivered, "The user has not subscribed to this."},
};

// The app's home page; Huawei requires one action.
constexpr std::string_view kOpenApp = R"("click_action":{"type":3})";

// What the app gets: JSON in a string.
void append_data(std::string& out, const Job& job) {
  static thread_local std::string data;
  data.clear();
  append_push_data(data, job);
  out += R"("data":)";
  base::append_json_string(out, data);
}

void append_notification(std::string& out, const Job& job) {
  const model::Message& m = *job.message;
  MemberWriter shown(out, nullptr);
  out += R"(,"notification":{)";
  // Huawei refuses a notification without one of the two.
  shown.text("title", m.title.empty() ? m.body : m.title);
  shown.text("body", m.body.empty() ? m.title : m.body);
  shown.text("image", m.image.starts_with("https://") ? m.image : std::string());
  shown.text("tag", collapse_handle(job, kTagMax));
  shown.text("sound", m.sound);
  if (m.badge) {
    shown.separate();
    fmt::format_to(std::back_inserter(out), R"("badge":{{"set_num":{}}})",
                   std::clamp<std::int64_t>(*m.badge, 0, 99));
  }
  if (!m.action_loc_key.empty()) {
    shown.separate();
    out += R"("click_action":{"type":1,"action":)";
    base::append_json_string(out, m.action_loc_key);
    out += '}';
  } else if (m.url.starts_with("https://")) {
    shown.separate();
    out += R"("click_action":{"type":2,"url":)";
    base::append_json_string(out, m.url);
    out += '}';
  } else {
    shown.separate();
    out += kOpenApp;
  }
  out += '}';
}

void append_android(std::string& out, const Job& job, std::string_view category, bool is_urgent) {
  MemberWriter android(out, nullptr);
  out += R"(,"android":{)";
  if (job.expires_at) {
    android.separate();
    fmt::format_to(std::back_inserter(out), R"("ttl":"{}s")",
                   std::max<std::int64_t>(1, seconds_to_live(job, kTtlMaxS)));
  }
  const bool is_high = is_urgent && job.priority <= model::Priority::High;
  android.text("urgency", is_high ? "HIGH" : "NORMAL");
  android.text("category", category);
  android.separate();
  out += R"("bi_tag":")";  // comes back in receipts
  base::append_id(out, base::kDeliveryPrefix, job.delivery);
  out += '"';
  if (shows_something(*job.message)) append_notification(out, job);
  out += '}';
}

OutcomeKind kind_of_status(int status) noexcept {
  if (status == 429) return OutcomeKind::Throttled;
  if (status == 401 || status == 403) return OutcomeKind::Misconfigured;
  if (status == 503 || status == 408) return OutcomeKind::Temporary;  // flow control
  return status >= 500 ? OutcomeKind::Ambiguous : OutcomeKind::Permanent;
}

// "msg" of a partial success is JSON in a string: with the one token there is, either it went or it did not.
bool is_failure(std::string_view message) {
  static thread_local base::JsonDocument document;
  const auto root = document.parse(message);
  std::int64_t failures = 0;
  return root && (*root)["failure"].get(failures) == simdjson::SUCCESS && failures > 0;
}

struct CallbackId {
  std::string_view timestamp, nonce, value;
};

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// "timestamp=…; nonce=…; value=…"
CallbackId read_callback_id(std::string_view header) {
  CallbackId out;
  while (!header.empty()) {
    const std::size_t end = std::min(header.find(';'), header.size());
    const std::string_view part = trimmed(header.substr(0, end));
    header.remove_prefix(std::min(end + 1, header.size()));
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = part.substr(0, equals), value = part.substr(equals + 1);
    if (name == "timestamp") out.timestamp = value;
    if (name == "nonce") out.nonce = value;
    if (name == "value") out.value = value;
  }
  return out;
}

// Milliseconds; older pages show seconds.
std::optional<Time> time_of(std::string_view text) noexcept {
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || value <= 0) return std::nullopt;
  constexpr std::int64_t kMsFrom = 100'000'000'000;
  if (value > kMsFrom * 1000) return std::nullopt;
  return from_ms(value < kMsFrom ? value * 1000 : value);
}

// Keys made by the console are base64 of what signs; older ones sign as they are.
bool is_signed(const CallbackId& id, const Options& options) {
  const std::string_view key = options.receipt_key.reveal();
  const auto signed_with = [&](std::string_view with) {
    return base::equal_constant_time(id.value,
                                     receipt_signature(with, id.timestamp, id.nonce, options.receipt_user));
  };
  const auto decoded = base::unbase64(key);
  const bool is_plain = signed_with(key);
  return (decoded && signed_with(*decoded)) || is_plain;
}

void read_status(base::JsonElement item, Time now, CallbackReading& out) {
  // Version 1 has them at the top, version 2 in deliveryStatus.
  base::JsonElement place = item;
  std::int64_t code = 0, timestamp = 0;
  base::JsonElement inner;
  const bool is_second = item["deliveryStatus"].get(inner) == simdjson::SUCCESS;
  if (is_second) place = inner;
  if (place[is_second ? "result" : "status"].get(code) != simdjson::SUCCESS) return;
  model::Receipt receipt;
  std::string_view text;
  if (item["biTag"].get(text) == simdjson::SUCCESS) {
    receipt.delivery = base::parse_id(base::kDeliveryPrefix, text).value_or(0);
  }
  if (receipt.delivery == 0) return;
  const auto* const row = std::ranges::find(kReceipts, code, &ReceiptRow::code);
  const bool is_known = row != std::end(kReceipts);
  receipt.kind = is_known ? row->kind : ReceiptKind::Undelivered;
  receipt.detail = is_known ? row->text : std::string_view("not delivered");
  if (code != 0) receipt.code = std::to_string(code);
  if (item["requestId"].get(text) == simdjson::SUCCESS) receipt.provider_id = text.substr(0, 64);
  if (receipt.kind == ReceiptKind::Bounced && item["token"].get(text) == simdjson::SUCCESS) {
    receipt.address = text.substr(0, kTokenMax);
  }
  receipt.at = now;
  if (place["timestamp"].get(timestamp) == simdjson::SUCCESS) {
    receipt.at = std::min(now, time_of(std::to_string(timestamp)).value_or(now));
  }
  out.receipts.push_back(std::move(receipt));
}

}  // namespace

std::span<const ResultRow> result_rows() noexcept { return kResults; }
std::span<const ReceiptRow> receipt_rows() noexcept { return kReceipts; }

Rules::Rules(const Options& options)
    : path_("/v1/" + net::percent_encode(options.app_id) + "/messages:send"),
      category_(options.category),
      is_urgent_(options.is_urgent) {}

std::optional<Outcome> Rules::build(const Job& job, bool is_test, PushRequest& request) const {
  const std::string& token = job.target.address;
  const bool is_token = !token.empty() && token.size() <= kTokenMax &&
                        std::ranges::all_of(token, [](char c) { return c > ' ' && c <= '~'; });
  if (!is_token) return Outcome::of(OutcomeKind::InvalidRecipient, 0, "80300007", "not a push token");
  std::string& out = request.body;
  out += is_test ? R"({"validate_only":true,"message":{)" : R"({"validate_only":false,"message":{)";
  append_data(out, job);
  append_android(out, job, category_, is_urgent_);
  const std::size_t payload = out.size() + 2;  // the braces to come
  if (payload > kPayloadMax) return too_large("80300008", "message", payload, kPayloadMax);
  out += R"(,"token":[)";
  base::append_json_string(out, token);
  out += "]}}";
  request.path = path_;
  request.add("content-type", "application/json; charset=UTF-8");
  return std::nullopt;
}

PushVerdict Rules::classify(const net::Http2Response& response, Time now) const {
  static thread_local base::JsonDocument document;
  std::string_view code, message, id;
  const auto root = document.parse(response.body);
  if (!root || (*root)["code"].get(code) != simdjson::SUCCESS) code = {};
  if (!root || (*root)["msg"].get(message) != simdjson::SUCCESS) message = {};
  if (!root || (*root)["requestId"].get(id) != simdjson::SUCCESS) id = {};
  if (code == "80000000" || (code == "80100000" && !is_failure(message))) {
    return {Outcome::sent(std::string(id.substr(0, 64)), response.status), Follow::None};
  }
  PushVerdict verdict;
  const std::string_view looked_up = code == "80100000" ? std::string_view("80300007") : code;
  const auto* const row = std::ranges::find(kResults, looked_up, &ResultRow::code);
  if (response.status == 503) {  // flow control, whatever the body says
    verdict.outcome =
        Outcome::of(OutcomeKind::Temporary, 503, std::string(code.substr(0, 64)), "Flow control.");
  } else if (row != std::end(kResults)) {
    verdict.follow = row->follow;
    verdict.outcome = Outcome::of(row->kind, response.status, std::string(code), std::string(row->text));
    verdict.outcome.is_suspicious = row->is_suspicious;
  } else if (response.status == 200) {
    verdict.outcome = code.empty() ? Outcome::ambiguous("an answer without a code", 200)
                                   : Outcome::of(OutcomeKind::Permanent, 200, std::string(code.substr(0, 64)),
                                                 "a result Huawei does not document");
  } else {
    verdict.outcome = Outcome::of(kind_of_status(response.status), response.status,
                                  std::string(code.substr(0, 64)), "an error Huawei does not document");
    if (response.status == 401) verdict.follow = Follow::RenewCredential;
  }
  Outcome& outcome = verdict.outcome;
  if (outcome.kind == OutcomeKind::Permanent && !message.empty()) {
    outcome.detail = std::string(message.substr(0, 250));  // says which field is wrong
  }
  if (outcome.kind == OutcomeKind::Throttled) outcome.retry_after = kPause;
  const auto asked = net::parse_retry_after(response.header("retry-after"), to_ms(now) / 1000);
  if (asked && (outcome.kind == OutcomeKind::Throttled || outcome.kind == OutcomeKind::Temporary)) {
    outcome.retry_after = std::chrono::seconds(*asked);
  }
  return verdict;
}

std::string receipt_signature(std::string_view key, std::string_view timestamp, std::string_view nonce,
                              std::string_view user) {
  return base::base64(base::hmac_sha256(key, fmt::format("{}{}{}", timestamp, nonce, user)));
}

Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options) {
  if (options.receipt_key.empty() || options.receipt_user.empty()) {
    return fail(
        Errc::Unauthenticated,
        "set receipt_user and receipt_key as in AppGallery Connect: without them anybody could report");
  }
  const CallbackId id = read_callback_id(request.header("x-huawei-callback-id"));
  const auto at = time_of(id.timestamp);
  if (!at || !is_signed(id, options)) {
    return fail(Errc::Unauthenticated,
                "X-HUAWEI-CALLBACK-ID does not fit: check receipt_user and receipt_key");
  }
  if (std::chrono::abs(request.now - *at) > kReceiptAgeMax) {
    return fail(Errc::Unauthenticated, "X-HUAWEI-CALLBACK-ID is more than ten minutes old");
  }
  base::JsonDocument document;
  const auto root = document.parse(request.body);
  base::JsonArray statuses;
  if (!root || (*root)["statuses"].get(statuses) != simdjson::SUCCESS || statuses.size() > kStatusesMax) {
    return fail(Errc::InvalidArgument, "the body has no statuses");
  }
  CallbackReading reading;
  reading.status = 200;
  reading.content_type = "application/json";
  reading.body = R"({"code":"0","message":"success"})";
  for (const base::JsonElement item : statuses) {
    if (item.is_object()) read_status(item, request.now, reading);
  }
  return reading;
}

}  // namespace carillon::providers::hms_detail
