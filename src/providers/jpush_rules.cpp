// JPush: building pushes, reading answers and callbacks (PROVIDERS §9). Pure.
#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/ids.h"
#include "providers/jpush.h"
#include "providers/json_merge.h"
#include "providers/push_data.h"

namespace carillon::providers::jpush_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;
using model::ReceiptKind;

constexpr std::int64_t kTtlMaxS = 864'000;  // ten days
constexpr std::size_t kCollapseMax = 64;    // bytes
constexpr std::size_t kTokenMax = 128;      // characters; JPush's own have 19
constexpr std::size_t kItemsMax = 1000;     // of a callback
constexpr std::size_t kEchoMax = 64;        // bytes
constexpr int kReceived = 1;                // types of callbacks; bits of what is asked for
constexpr int kClicked = 2;
constexpr int kPushed = 8;
constexpr Millis kRatePause{60'000};  // the limit is per minute

constexpr ErrorRow kErrors[] = {
    // The same push id is answered with the first result, so asking again is harmless.
    {1000, 500, OutcomeKind::Ambiguous, "Internal error of JPush."},
    {1001, 405, OutcomeKind::Permanent, "Only the HTTP method POST is supported."},
    {1002, 400, OutcomeKind::Permanent, "A required parameter is missing."},
    {1003, 400, OutcomeKind::Permanent, "A parameter has an invalid value."},
    {1004, 401, OutcomeKind::Misconfigured, "Authentication failed: check app_key and master_secret."},
    {1005, 400, OutcomeKind::Permanent, "The message is too large."},
    {1008, 400, OutcomeKind::Misconfigured, "The app key is invalid."},
    {1009, 400, OutcomeKind::Permanent, "The push has a key that is not supported."},
    {1011, 400, OutcomeKind::InvalidRecipient, "No device has this registration id.", true},
    {1012, 400, OutcomeKind::Permanent, "The limit of timed pushes was exceeded."},
    {1020, 404, OutcomeKind::Misconfigured, "Only HTTPS is supported: check endpoint."},
    {1030, 503, OutcomeKind::Temporary, "Internal service timed out."},
    {2002, 429, OutcomeKind::Throttled, "The app's limit of API calls was exceeded."},
    {2003, 403, OutcomeKind::Misconfigured, "The app key is barred from the API; ask JPush's support."},
    {2004, 403, OutcomeKind::Misconfigured, "This server's IP address is not on the app's list."},
    // Of one recipient, not of the account: the others may go on.
    {2005, 403, OutcomeKind::Temporary, "The recipient got more messages than is reasonable."},
    {2006, 403, OutcomeKind::Misconfigured, "Only VIP accounts may do this: set batch to false."},
    {2007, 403, OutcomeKind::Misconfigured, "The account may not do this; ask JPush's sales."},
};

OutcomeKind kind_of_status(int status) noexcept {
  if (status == 429) return OutcomeKind::Throttled;
  if (status == 401 || status == 403) return OutcomeKind::Misconfigured;
  if (status == 503 || status == 408) return OutcomeKind::Temporary;
  return status >= 500 ? OutcomeKind::Ambiguous : OutcomeKind::Permanent;
}

std::string_view platform_name(model::Platform platform) noexcept {
  switch (platform) {
    case model::Platform::Ios: return "ios";
    case model::Platform::Harmony: return "hmos";
    case model::Platform::Android:
    case model::Platform::Web:
    case model::Platform::Macos:
    case model::Platform::Windows:
    case model::Platform::None: return "android";
  }
  return "android";
}

void append_extras(MemberWriter& out, std::string& text, const Job& job) {
  out.separate();
  text += R"("extras":)";
  append_push_data(text, job);
}

// What iOS shows; JPush hands it on to APNs.
void append_ios(std::string& out, const Job& job) {
  const model::Message& m = *job.message;
  MemberWriter ios(out, nullptr);
  out += R"("ios":{)";
  ios.separate();
  out += R"("alert":{)";
  MemberWriter alert(out, nullptr);
  alert.text("title", m.title);
  alert.text("body", m.body);
  alert.text("action-loc-key", m.action_loc_key);
  out += '}';
  ios.text("sound", m.sound);
  if (m.badge) ios.number("badge", *m.badge);
  if (!m.image.empty()) ios.raw("mutable-content", "true");  // the app's extension fetches it
  append_extras(ios, out, job);
  out += '}';
}

void append_android(std::string& out, const Job& job, std::string_view platform,
                    const std::string& category) {
  const model::Message& m = *job.message;
  MemberWriter android(out, nullptr);
  fmt::format_to(std::back_inserter(out), R"("{}":{{)", platform);
  // An empty alert is not shown: the title is all there is to say then.
  android.text("alert", m.body.empty() ? m.title : m.body);
  if (!m.body.empty()) android.text("title", m.title);
  if (platform == "hmos") {
    android.text("category", category);
    if (m.badge) android.number("badge_set_num", std::min<std::int64_t>(*m.badge, 99));
  } else {
    android.number("priority", job.priority <= model::Priority::High ? 1 : 0);
  }
  append_extras(android, out, job);
  out += '}';
}

// A silent push is JPush's "message": it goes to the app and to nobody else.
void append_silent(std::string& out, const Job& job) {
  std::string data;
  append_push_data(data, job);
  out += R"("message":{"msg_content":)";
  base::append_json_string(out, data);
  out += R"(,"content_type":"application/json","extras":)";
  out += data;
  out += '}';
}

void append_options(std::string& out, const Job& job, model::Platform platform) {
  MemberWriter options(out, nullptr);
  out += R"("options":{)";
  if (job.expires_at) options.number("time_to_live", seconds_to_live(job, kTtlMaxS));
  if (platform == model::Platform::Ios) {
    options.raw("apns_production", job.target.environment == "development" ? "false" : "true");
    options.text("apns_collapse_id", collapse_handle(job, kCollapseMax));
  }
  out += '}';
}

struct ErrorBody {
  std::int64_t code = 0;
  std::string_view message;
  bool names_device = false;
};

// Of {"error":{"code","message","illegal_rids"}}.
std::optional<ErrorBody> read_error(base::JsonElement root) {
  base::JsonElement error;
  if (root["error"].get(error) != simdjson::SUCCESS) return std::nullopt;
  ErrorBody out;
  if (error["code"].get(out.code) != simdjson::SUCCESS) out.code = 0;
  if (error["message"].get(out.message) != simdjson::SUCCESS) out.message = {};
  base::JsonArray illegal;
  out.names_device = error["illegal_rids"].get(illegal) == simdjson::SUCCESS && illegal.size() > 0;
  for (const std::string_view name : {"registration_id", "registrationId", "registration id", "regid"}) {
    out.names_device = out.names_device || out.message.contains(name);
  }
  return out;
}

Outcome outcome_of(const ErrorBody& error, int status) {
  const auto* const row = std::ranges::find(kErrors, error.code, &ErrorRow::code);
  const bool is_known = row != std::end(kErrors);
  OutcomeKind kind = status == 429 ? OutcomeKind::Throttled : is_known ? row->kind : kind_of_status(status);
  std::string text(is_known ? row->text : std::string_view("an error JPush does not document"));
  // One device is asked for at a time: where the value is the device, the message is not to blame.
  if (error.code == 1003 && error.names_device) {
    kind = OutcomeKind::InvalidRecipient;
    text = "The registration id is not valid.";
  } else if (kind == OutcomeKind::Permanent && !error.message.empty()) {
    text = error.message.substr(0, 250);  // says which field is wrong
  }
  Outcome outcome = Outcome::of(kind, status, error.code != 0 ? std::to_string(error.code) : std::string(),
                                std::move(text));
  outcome.is_suspicious = is_known && row->is_suspicious;
  if (kind == OutcomeKind::Throttled) outcome.retry_after = kRatePause;
  return outcome;
}

// An id is text in one answer and a number in another.
std::string id_of(base::JsonElement object, std::string_view key) {
  std::string_view text;
  std::uint64_t number = 0;
  if (object[key].get(text) == simdjson::SUCCESS) return std::string(text.substr(0, 64));
  if (object[key].get(number) == simdjson::SUCCESS) return std::to_string(number);
  return {};
}

// Seconds or milliseconds since the epoch.
Time time_of(base::JsonElement item, Time now) {
  for (const std::string_view key : {"itime", "timestamp", "time"}) {
    std::int64_t value = 0;
    if (item[key].get(value) != simdjson::SUCCESS || value <= 0) continue;
    constexpr std::int64_t kMsFrom = 100'000'000'000;  // seconds would be the year 5138
    const Time at = from_ms(value < kMsFrom ? value * 1000 : value);
    return std::min(at, now);
  }
  return now;
}

void read_item(base::JsonElement item, const CallbackRequest& request, CallbackReading& out) {
  std::int64_t type = kReceived;
  base::JsonElement given;
  if (item["type"].get(given) == simdjson::SUCCESS && given.get(type) != simdjson::SUCCESS) return;
  model::Receipt receipt;
  switch (type) {
    case kReceived: receipt.kind = ReceiptKind::Delivered; break;
    case kClicked: receipt.kind = ReceiptKind::Clicked; break;
    case kPushed: receipt.kind = ReceiptKind::Sent; break;
    default: return;  // a number of the vendor's: geofences and other things we did not ask for
  }
  std::string_view id;
  if (item["params"]["d"].get(id) == simdjson::SUCCESS) {
    receipt.delivery = base::parse_id(base::kDeliveryPrefix, id).value_or(0);
  }
  if (receipt.delivery == 0) receipt.delivery = request.delivery();
  if (receipt.delivery == 0) return;
  receipt.provider_id = id_of(item, "msg_id");
  receipt.at = time_of(item, request.now);
  out.receipts.push_back(std::move(receipt));
}

bool is_echo(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kEchoMax && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

}  // namespace

std::span<const ErrorRow> error_rows() noexcept { return kErrors; }

std::optional<Outcome> append_push(std::string& out, const Job& job, const Options& options,
                                   const std::string& callback_base) {
  const Target& target = job.target;
  const bool is_token = !target.address.empty() && target.address.size() <= kTokenMax &&
                        std::ranges::all_of(target.address, [](char c) { return c > ' ' && c <= '~'; });
  if (!is_token) return Outcome::of(OutcomeKind::InvalidRecipient, 0, "1003", "not a registration id");
  const std::string_view platform = platform_name(target.platform);
  fmt::format_to(std::back_inserter(out), R"("platform":["{}"],)", platform);
  const std::size_t begin = out.size();
  const bool is_shown = shows_something(*job.message);
  if (is_shown) out += R"("notification":{)";
  const std::size_t inner = out.size();
  if (!is_shown) {
    append_silent(out, job);
  } else if (target.platform == model::Platform::Ios) {
    append_ios(out, job);
  } else {
    append_android(out, job, platform, options.harmony_category);
  }
  if (is_shown && target.platform == model::Platform::Ios) {
    const std::size_t bytes = out.size() - inner - std::string_view(R"("ios":)").size();
    if (bytes > kIosMax) return too_large("1005", "notification for iOS", bytes, kIosMax);
  }
  if (is_shown) out += '}';
  if (out.size() - begin > kAndroidMax) return too_large("1005", "payload", out.size() - begin, kAndroidMax);
  out += ',';
  append_options(out, job, target.platform);
  if (!callback_base.empty()) {
    out += R"(,"callback":{"url":)";
    base::append_json_string(out, callback_url(callback_base, job.delivery));
    fmt::format_to(std::back_inserter(out), R"(,"params":{{"d":"{}"}},"type":{}}})", job.delivery_text(),
                   kReceived);
  }
  return std::nullopt;
}

Outcome classify(const net::HttpResponse& response, Time now) {
  base::JsonDocument document;
  const auto root = document.parse(response.body);
  std::optional<ErrorBody> error;
  if (root) error = read_error(*root);
  if (response.status == 200 && !error) {
    std::string id = root ? id_of(*root, "msg_id") : std::string();
    if (id.empty()) return Outcome::ambiguous("an answer without an id", response.status);
    return Outcome::sent(std::move(id), response.status);
  }
  Outcome outcome = outcome_of(error.value_or(ErrorBody{}), response.status);
  const std::int64_t now_s = to_ms(now) / 1000;
  const auto reset = net::parse_retry_after(response.header("x-rate-limit-reset"), now_s);
  const auto asked = net::parse_retry_after(response.header("retry-after"), now_s);
  const bool is_throttled = outcome.kind == OutcomeKind::Throttled;
  if (is_throttled && reset) outcome.retry_after = std::chrono::seconds(*reset);
  if (asked && (is_throttled || outcome.kind == OutcomeKind::Temporary)) {
    outcome.retry_after = std::chrono::seconds(*asked);
  }
  return outcome;
}

Outcome classify_one(base::JsonElement result) {
  if (const auto error = read_error(result)) return outcome_of(*error, 200);
  std::string id = id_of(result, "msg_id");
  if (id.empty()) return Outcome::ambiguous("an answer without an id", 200);
  return Outcome::sent(std::move(id), 200);
}

Result<CallbackReading> read_callback(const CallbackRequest& request, const Options& options) {
  const std::string wanted =
      "Basic " + base::base64(fmt::format("{}:{}", options.app_key, options.master_secret.reveal()));
  if (!base::equal_constant_time(request.header("authorization"), wanted)) {
    return fail(Errc::Unauthenticated, "the callback does not carry the account's app_key and master_secret");
  }
  CallbackReading reading;
  if (request.method == "GET") {  // the console tries the address out
    std::string echo = request.query("echostr");
    if (!is_echo(echo)) return fail(Errc::InvalidArgument, "echostr is missing");
    reading.status = 200;
    reading.content_type = "text/plain";
    reading.body = std::move(echo);
    return reading;
  }
  base::JsonDocument document;
  const auto root = document.parse(request.body);
  if (!root) return fail(Errc::InvalidArgument, "the body is not JSON");
  reading.status = 200;
  base::JsonArray items;
  if (root->get(items) == simdjson::SUCCESS) {
    if (items.size() > kItemsMax) return fail(Errc::InvalidArgument, "too many reports in one callback");
    for (const base::JsonElement item : items) {
      if (item.is_object()) read_item(item, request, reading);
    }
  } else if (root->is_object()) {
    read_item(*root, request, reading);
  } else {
    return fail(Errc::InvalidArgument, "the body is neither an object nor an array");
  }
  return reading;
}

}  // namespace carillon::providers::jpush_detail
