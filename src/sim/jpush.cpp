// JPush as the simulator plays it (PROVIDERS §9): pushes one by one and in batches, push ids, checks without
// sending, callbacks.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <mutex>
#include <span>
#include <unordered_map>

#include "base/crypto.h"
#include "sim/h1_vendor.h"

namespace carillon::sim {
namespace {

constexpr std::size_t kAndroidMax = 4000;  // bytes of notification and message
constexpr std::size_t kIosMax = 2000;      // bytes of notification.ios
constexpr std::size_t kBatchMax = 1000;
constexpr std::size_t kCidsMax = 100'000;  // kept; the oldest go
constexpr std::int64_t kTtlMaxS = 864'000;
constexpr std::size_t kCollapseMax = 64;  // bytes
constexpr Millis kCidLife{24 * 60 * 60'000};
constexpr int kReceived = 1, kPushed = 8;  // types of callbacks
constexpr std::int64_t kQuota = 600;       // calls a minute

struct Refusal {
  int status = 0;  // 0: not refused
  int code = 0;
  std::string message;
};

Refusal bad(std::string message) { return {400, 1003, std::move(message)}; }

bool is_registration_id(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
}

// Keys a part of a push may have; others are answered 1009.
constexpr std::string_view kPushKeys[] = {"cid",     "platform",    "audience", "target",  "notification",
                                          "message", "sms_message", "options",  "callback"};
constexpr std::string_view kAndroidKeys[] = {"alert",    "title",      "builder_id",    "channel_id",
                                             "priority", "category",   "style",         "big_text",
                                             "inbox",    "alert_type", "big_pic_path",  "large_icon",
                                             "intent",   "extras",     "badge_add_num", "badge_set_num"};
constexpr std::string_view kIosKeys[] = {
    "alert",           "sound",     "badge",  "content-available", "category",
    "mutable-content", "thread-id", "extras", "interruption-level"};
constexpr std::string_view kHarmonyKeys[] = {"alert",  "title",         "category",      "large_icon",
                                             "intent", "badge_add_num", "badge_set_num", "extras",
                                             "style",  "inbox",         "push_type",     "receipt_id"};
constexpr std::string_view kOptionKeys[] = {"sendno",          "time_to_live",     "override_msg_id",
                                            "apns_production", "apns_collapse_id", "big_push_duration"};

Refusal check_keys(base::JsonObject object, std::span<const std::string_view> known, std::string_view where) {
  for (const auto [key, value] : object) {
    if (std::ranges::find(known, key) == known.end()) {
      return {400, 1009, fmt::format("{} has a key that is not supported: {}", where, key)};
    }
  }
  return {};
}

// What a push says, once it was found right.
struct Push {
  std::string device, collapse, callback_url, callback_params;
  std::int64_t callback_type = 0;
};

Refusal check_notification(base::JsonElement notification) {
  base::JsonObject object;
  if (notification.get(object) != simdjson::SUCCESS) return bad("notification is not an object");
  for (const auto [key, value] : object) {
    if (key == "alert") continue;
    base::JsonObject inner;
    const bool is_ios = key == "ios";
    const bool is_known = is_ios || key == "android" || key == "hmos";
    if (!is_known) return {400, 1009, fmt::format("notification has a key that is not supported: {}", key)};
    if (value.get(inner) != simdjson::SUCCESS) return bad(fmt::format("{} is not an object", key));
    std::span<const std::string_view> keys = kHarmonyKeys;
    if (is_ios) keys = kIosKeys;
    if (key == "android") keys = kAndroidKeys;
    if (auto wrong = check_keys(inner, keys, key); wrong.status != 0) return wrong;
    base::JsonElement alert;
    const bool has_alert = inner["alert"].get(alert) == simdjson::SUCCESS &&
                           (alert.is_string() || (is_ios && alert.is_object()));
    if (!has_alert) return {400, 1002, fmt::format("{} has no alert", key)};
    if (is_ios && base::to_json(value).size() > kIosMax)
      return {400, 1005, "The ios notification is too large"};
  }
  return {};
}

Refusal check_options(base::JsonElement root, Push& out) {
  base::JsonElement options;
  if (root["options"].get(options) != simdjson::SUCCESS) return {};
  base::JsonObject object;
  if (options.get(object) != simdjson::SUCCESS) return bad("options is not an object");
  if (auto wrong = check_keys(object, kOptionKeys, "options"); wrong.status != 0) return wrong;
  base::JsonElement value;
  std::int64_t ttl = 0;
  if (object["time_to_live"].get(value) == simdjson::SUCCESS &&
      (value.get(ttl) != simdjson::SUCCESS || ttl < 0 || ttl > kTtlMaxS)) {
    return bad("time_to_live must be 0 to 864000");
  }
  bool is_production = true;
  if (object["apns_production"].get(value) == simdjson::SUCCESS &&
      value.get(is_production) != simdjson::SUCCESS) {
    return bad("apns_production must be a boolean");
  }
  std::string_view collapse;
  if (object["apns_collapse_id"].get(value) == simdjson::SUCCESS) {
    if (value.get(collapse) != simdjson::SUCCESS || collapse.size() > kCollapseMax) {
      return bad("apns_collapse_id must be a text of at most 64 bytes");
    }
    out.collapse = collapse;
  }
  return {};
}

Refusal check_callback(base::JsonElement root, Push& out) {
  base::JsonElement callback;
  if (root["callback"].get(callback) != simdjson::SUCCESS) return {};
  std::string_view url;
  if (callback["url"].get(url) != simdjson::SUCCESS || !net::parse_url(url)) {
    return bad("callback.url is not a URL");
  }
  out.callback_url = url;
  out.callback_type = kReceived;
  base::JsonElement value;
  if (callback["type"].get(value) == simdjson::SUCCESS &&
      (value.get(out.callback_type) != simdjson::SUCCESS || out.callback_type < 1 ||
       out.callback_type > 11)) {
    return bad("callback.type must be 1, 2, 3 or 8 to 11");
  }
  if (callback["params"].get(value) == simdjson::SUCCESS) out.callback_params = base::to_json(value);
  return {};
}

Refusal check_platform(base::JsonElement root) {
  base::JsonElement platform;
  if (root["platform"].get(platform) != simdjson::SUCCESS) return {400, 1002, "platform is missing"};
  std::string_view text;
  if (platform.get(text) == simdjson::SUCCESS) {
    return text == "all" ? Refusal{} : bad("platform must be all or an array");
  }
  base::JsonArray names;
  if (platform.get(names) != simdjson::SUCCESS || names.size() == 0)
    return bad("platform must be all or an array");
  for (const base::JsonElement name : names) {
    const bool is_known = name.get(text) == simdjson::SUCCESS &&
                          (text == "android" || text == "ios" || text == "hmos" || text == "quickapp");
    if (!is_known) return bad("platform has an unknown name");
  }
  return {};
}

// The one device; batches name it as `target`.
Refusal find_device(base::JsonElement root, bool is_batch, Push& out) {
  std::string_view device;
  if (is_batch) {
    if (root["target"].get(device) != simdjson::SUCCESS) return {400, 1002, "target is missing"};
  } else {
    base::JsonElement audience;
    if (root["audience"].get(audience) != simdjson::SUCCESS) return {400, 1002, "audience is missing"};
    base::JsonArray ids;
    if (audience["registration_id"].get(ids) != simdjson::SUCCESS) {
      return bad("the simulator knows audiences of registration_id only");
    }
    if (ids.size() != 1 || ids.at(0).get(device) != simdjson::SUCCESS) {
      return bad("the simulator takes one registration_id a push");
    }
  }
  if (!is_registration_id(device)) return bad("registration_id is invalid");
  out.device = device;
  return {};
}

Refusal check(base::JsonElement root, bool is_batch, Push& out) {
  base::JsonObject object;
  if (root.get(object) != simdjson::SUCCESS) return bad("the push is not an object");
  if (auto wrong = check_keys(object, kPushKeys, "the push"); wrong.status != 0) return wrong;
  if (auto wrong = check_platform(root); wrong.status != 0) return wrong;
  if (auto wrong = find_device(root, is_batch, out); wrong.status != 0) return wrong;
  base::JsonElement notification, message;
  std::size_t size = 0;
  const bool has_notification = root["notification"].get(notification) == simdjson::SUCCESS;
  const bool has_message = root["message"].get(message) == simdjson::SUCCESS;
  if (!has_notification && !has_message) return {400, 1002, "neither notification nor message"};
  if (has_notification) {
    if (auto wrong = check_notification(notification); wrong.status != 0) return wrong;
    size += base::to_json(notification).size();
  }
  if (has_message) {
    std::string_view content;
    if (message["msg_content"].get(content) != simdjson::SUCCESS)
      return {400, 1002, "msg_content is missing"};
    size += base::to_json(message).size();
  }
  if (size > kAndroidMax) return {400, 1005, "The message is too large"};
  if (auto wrong = check_options(root, out); wrong.status != 0) return wrong;
  return check_callback(root, out);
}

// Thread-safe.
class Jpush final : public H1Vendor {
 public:
  explicit Jpush(Stage& stage)
      : context_(stage.context),
        callbacks_(stage.callbacks),
        app_key_(context_.credentials.made("jpush app key", 12)),
        secret_(context_.credentials.made("jpush master secret", 12)) {}

  [[nodiscard]] H1Answer handle(const net::HttpRequest& request, const Draw& draw) override {
    const auto given = basic_credentials(request);
    if (!given || given->first != app_key_ || given->second != secret_) {
      return {.response = refuse(Refusal{401, 1004, "Authen failed"})};
    }
    const std::string_view path = request.path();
    if (path == "/v3/push/cid" && request.method == "GET") return {.response = make_cids(request.query())};
    if (request.method != "POST") return {.response = refuse(Refusal{405, 1001, "Only POST is supported"})};
    if (path == "/v3/push") return push(request, draw);
    if (path == "/v3/push/validate") return {.response = validate(request)};
    if (path == "/v3/push/batch/regid/single") return push_batch(request, draw);
    return {.response = refuse(Refusal{404, 1020, "There is no such resource"})};
  }
  [[nodiscard]] net::HttpResponse refuse(Trouble trouble, const Draw& draw) override {
    switch (trouble) {
      case Trouble::Throttled: return throttle(draw.retry_after_s > 0 ? draw.retry_after_s : 60);
      case Trouble::ServerError:
        if (draw.status_5xx == 500) return refuse(Refusal{500, 1000, "System internal error"});
        if (draw.status_5xx == 503) return refuse(Refusal{503, 1030, "Internal service timeout"});
        context_.log->refused(Vendor::Jpush, fmt::format_int(draw.status_5xx).c_str());
        return {
            .status = draw.status_5xx, .headers = {{"Content-Type", "text/html"}}, .body = "<html></html>"};
      case Trouble::Unauthorized: return refuse(Refusal{401, 1004, "Authen failed"});
    }
    return refuse(Refusal{500, 1000, "System internal error"});
  }
  void describe(base::JsonWriter& out) const override {
    out.field("app_key", app_key_).field("master_secret", secret_);
  }

 private:
  struct Cid {
    Time made{};
    std::string msg_id;  // of the push it was used for; empty: none yet
  };

  [[nodiscard]] net::HttpResponse refuse(const Refusal& refusal) const {
    context_.log->refused(Vendor::Jpush, fmt::format_int(refusal.code).c_str());
    return with_quota(json_response(refusal.status, error_json(refusal)), 60);
  }
  [[nodiscard]] net::HttpResponse throttle(std::int64_t seconds) const {
    const Refusal refusal{429, 2002, "Rate limit exceeded"};
    context_.log->refused(Vendor::Jpush, "2002");
    return with_quota(json_response(429, error_json(refusal)), seconds);
  }
  static net::HttpResponse with_quota(net::HttpResponse response, std::int64_t reset_s) {
    response.headers.emplace_back("X-Rate-Limit-Quota", fmt::format_int(kQuota).str());
    response.headers.emplace_back("X-Rate-Limit-Remaining", response.status == 429 ? "0" : "599");
    response.headers.emplace_back("X-Rate-Limit-Reset", fmt::format_int(reset_s).str());
    return response;
  }
  static std::string error_json(const Refusal& refusal) {
    base::JsonWriter out;
    out.object().key("error").object().field("code", refusal.code).field("message", refusal.message);
    out.end_object().end_object();
    return out.str();
  }

  net::HttpResponse make_cids(std::string_view query) {
    const auto fields = net::form_decode(query);
    std::int64_t count = 1;
    if (fields) {
      const std::string_view text = field(*fields, "count");
      if (!text.empty()) {
        const auto read = std::from_chars(text.data(), text.data() + text.size(), count);
        if (read.ec != std::errc() || read.ptr != text.data() + text.size()) count = 0;
      }
      const std::string_view type = field(*fields, "type");
      if (!type.empty() && type != "push" && type != "schedule") count = 0;
    }
    if (!fields || count < 1 || count > 1000)
      return refuse(bad("count must be 1 to 1000, type push or schedule"));
    base::JsonWriter out;
    out.object().key("cidlist").array();
    const std::lock_guard lock(mutex_);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::string hex = base::hex(base::random_bytes(16));
      std::string cid = fmt::format("{}-{}-{}-{}-{}-{}", app_key_, hex.substr(0, 8), hex.substr(8, 4),
                                    hex.substr(12, 4), hex.substr(16, 4), hex.substr(20));
      out.value(cid);
      cids_.emplace(cid, Cid{context_.clock.now(), {}});
      order_.push_back(std::move(cid));
      if (order_.size() > kCidsMax) {
        cids_.erase(order_.front());
        order_.pop_front();
      }
    }
    out.end_array().end_object();
    return with_quota(json_response(200, out.str()), 60);
  }

  net::HttpResponse validate(const net::HttpRequest& request) {
    base::JsonDocument document;
    const auto root = document.parse(request.body);
    Push push;
    Refusal wrong = root ? check(*root, false, push) : bad("the body is not JSON");
    if (wrong.status != 0) return refuse(wrong);
    return json_response(200, R"({"sendno":"0","msg_id":"0"})");
  }

  // Reserved devices (CONTRACT §6).
  static Refusal reserved(std::string_view device) {
    if (device == "test-unregistered") return {400, 1011, "cannot find user by this audience"};
    if (device == "test-429") return {429, 2002, "Rate limit exceeded"};
    return {};
  }

  // Takes a push for good, or hands back what the same cid was answered before.
  std::string take(const std::string& cid, const Push& push, std::string_view content, bool is_answered) {
    const Time now = context_.clock.now();
    std::string id;
    {
      const std::lock_guard lock(mutex_);
      const auto known = cids_.find(cid);
      if (known != cids_.end() && !known->second.msg_id.empty()) return known->second.msg_id;
      id = std::to_string(next_id_++);
      if (known != cids_.end()) known->second.msg_id = id;
    }
    context_.log->accepted({.time = now,
                            .vendor = Vendor::Jpush,
                            .recipient = push.device,
                            .delivery = find_delivery(content),
                            .collapse = push.collapse,
                            .message_id = id,
                            .content = content,
                            .is_answered = is_answered});
    schedule(push, id);
    return id;
  }

  Refusal check_cid(const std::string& cid) {
    const std::lock_guard lock(mutex_);
    const auto known = cids_.find(cid);
    if (known == cids_.end() || context_.clock.now() - known->second.made > kCidLife) {
      return bad("cid is invalid or has expired");
    }
    return {};
  }

  H1Answer push(const net::HttpRequest& request, const Draw& draw) {
    base::JsonDocument document;
    const auto root = document.parse(request.body);
    Push push;
    Refusal wrong = root ? check(*root, false, push) : bad("the body is not JSON");
    std::string_view cid;
    if (wrong.status == 0 && (*root)["cid"].get(cid) == simdjson::SUCCESS)
      wrong = check_cid(std::string(cid));
    if (wrong.status == 0) wrong = reserved(push.device);
    if (wrong.status == 429) return {.response = throttle(1)};
    if (wrong.status != 0) return {.response = refuse(wrong)};
    const bool is_silent = push.device == "test-timeout";
    const std::string id =
        take(std::string(cid), push, request.body, draw.fault == Fault::None && !is_silent);
    H1Answer answer{
        .response = with_quota(json_response(200, fmt::format(R"({{"sendno":"0","msg_id":"{}"}})", id)), 60)};
    if (is_silent) answer.kind = H1Answer::Kind::Silent;
    return answer;
  }

  H1Answer push_batch(const net::HttpRequest& request, const Draw& draw) {
    base::JsonDocument document;
    const auto root = document.parse(request.body);
    base::JsonObject list;
    if (!root || (*root)["pushlist"].get(list) != simdjson::SUCCESS || list.size() == 0 ||
        list.size() > kBatchMax) {
      return {.response = refuse(bad("pushlist must have 1 to 1000 pushes"))};
    }
    base::JsonWriter out;
    out.object();
    for (const auto [cid, item] : list) {
      Push push;
      Refusal wrong = check_cid(std::string(cid));
      if (wrong.status == 0) wrong = check(item, true, push);
      if (wrong.status == 0) wrong = reserved(push.device);
      out.key(cid);
      if (wrong.status != 0) {
        context_.log->refused(Vendor::Jpush, fmt::format_int(wrong.code).c_str());
        out.raw(error_json(wrong));
        continue;
      }
      const std::string id = take(std::string(cid), push, base::to_json(item), draw.fault == Fault::None);
      std::uint64_t number = 0;
      std::from_chars(id.data(), id.data() + id.size(), number);
      out.object().field("msg_id", number).end_object();
    }
    out.end_object();
    return {.response = with_quota(json_response(200, out.str()), 60)};
  }

  void schedule(const Push& push, const std::string& id) {
    if (push.callback_url.empty()) return;
    std::vector<Callback> steps;
    for (const int type : {kPushed, kReceived}) {
      if ((push.callback_type & type) == 0) continue;
      base::JsonWriter out;
      out.object().field("type", type).field("msg_id", id).field("registration_id", push.device);
      out.field("itime", to_ms(context_.clock.now()) / 1000);
      if (!push.callback_params.empty()) out.key("params").raw(push.callback_params);
      out.end_object();
      steps.push_back({.url = push.callback_url,
                       .headers = {{"Content-Type", "application/json"},
                                   {"Authorization", "Basic " + base::base64(app_key_ + ":" + secret_)}},
                       .body = out.str()});
    }
    callbacks_.tell(std::move(steps));
  }

  Context& context_;
  Callbacks& callbacks_;
  const std::string app_key_, secret_;
  std::mutex mutex_;
  std::uint64_t next_id_ = 1'828'256'757;
  std::deque<std::string> order_;  // of cids_, oldest first
  std::unordered_map<std::string, Cid> cids_;
};

}  // namespace

std::unique_ptr<H1Vendor> make_jpush(Stage& stage) { return std::make_unique<Jpush>(stage); }

}  // namespace carillon::sim
