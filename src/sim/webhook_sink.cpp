// Somebody's own server that takes webhooks by Standard Webhooks, as the simulator plays it.
//
// A path that ends in /ok, /bounce, /complaint, /tempfail, /slow or /unknown acts like the reserved recipient
// of that name; every other takes what is signed with the secret of sim.json.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "base/crypto.h"
#include "base/json.h"
#include "sim/h1_vendor.h"

namespace carillon::sim {
namespace {

constexpr std::int64_t kToleranceS = 300;

constexpr std::pair<std::string_view, Reserved> kPaths[] = {{"ok", Reserved::Ok},
                                                            {"bounce", Reserved::Bounce},
                                                            {"complaint", Reserved::Complaint},
                                                            {"tempfail", Reserved::TempFail},
                                                            {"slow", Reserved::Slow},
                                                            {"unknown", Reserved::Unknown}};

Reserved reserved_path(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);
  const auto* const it = std::ranges::find(kPaths, path, &std::pair<std::string_view, Reserved>::first);
  return it == std::end(kPaths) ? Reserved::None : it->second;
}

// Thread-safe.
class WebhookSink final : public H1Vendor {
 public:
  explicit WebhookSink(Stage& stage) : context_(stage.context) {}

  H1Answer handle(const net::HttpRequest& request, const Draw& draw) override {
    if (request.method != "POST") return {.response = answer(405, "method")};
    const std::string_view why = why_refused(request);
    if (!why.empty()) return {.response = answer(why == "signature" || why == "timestamp" ? 401 : 400, why)};
    const Reserved reserved = reserved_path(request.path());
    if (reserved == Reserved::Bounce || reserved == Reserved::Complaint)
      return {.response = answer(410, "gone")};
    if (reserved == Reserved::TempFail) return {.response = answer(503, "unavailable")};
    const std::string_view id = request.header("webhook-id");
    std::string_view delivery = find_delivery(request.body);
    if (delivery.empty()) delivery = find_delivery_text(id);
    context_.log->accepted({.time = context_.clock.now(),
                            .vendor = Vendor::WebhookSink,
                            .recipient = request.target,
                            .delivery = delivery,
                            .collapse = id,
                            .message_id = id,
                            .content = request.body,
                            .is_answered = draw.fault == Fault::None && reserved != Reserved::Unknown});
    H1Answer taken{.response = {.status = 204, .headers = {}, .body = {}}};
    if (reserved == Reserved::Unknown) taken.kind = H1Answer::Kind::Silent;
    if (reserved == Reserved::Slow) taken.delay = context_.slow;
    return taken;
  }

  net::HttpResponse refuse(Trouble trouble, const Draw& draw) override {
    switch (trouble) {
      case Trouble::Throttled: return answer(429, "throttled");
      case Trouble::ServerError: return answer(draw.status_5xx, "unavailable");
      case Trouble::Unauthorized: break;
    }
    return answer(401, "signature");
  }

  void describe(base::JsonWriter& out) const override {
    out.field("secret", "whsec_" + base::base64(key())).field("path", "/hook");
  }

 private:
  std::string key() const { return context_.credentials.made("webhook key", 32); }  // 64 bytes of text

  std::string_view why_refused(const net::HttpRequest& request) const {
    base::JsonDocument document;
    const std::string id(request.header("webhook-id")), timestamp(request.header("webhook-timestamp"));
    if (id.empty()) return "id";
    std::int64_t at = 0;
    const auto read = std::from_chars(timestamp.data(), timestamp.data() + timestamp.size(), at);
    if (timestamp.empty() || read.ptr != timestamp.data() + timestamp.size()) return "timestamp";
    if (std::abs(at - to_ms(context_.clock.now()) / 1000) > kToleranceS) return "timestamp";
    const std::string wanted =
        "v1," + base::base64(base::hmac_sha256(key(), fmt::format("{}.{}.{}", id, timestamp, request.body)));
    if (!is_among(wanted, request.header("webhook-signature"))) return "signature";
    return document.parse(request.body) ? "" : "json";
  }
  static bool is_among(std::string_view wanted, std::string_view list) {
    bool is_there = false;
    while (!list.empty()) {
      const std::size_t end = list.find(' ');
      is_there = is_there || base::equal_constant_time(list.substr(0, end), wanted);
      list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
    }
    return is_there;
  }

  net::HttpResponse answer(int status, std::string_view why) const {
    context_.log->refused(Vendor::WebhookSink, why);
    return json_response(status, fmt::format(R"({{"error":"{}"}})", why));
  }

  Context& context_;
};

}  // namespace

std::unique_ptr<H1Vendor> make_webhook_sink(Stage& stage) { return std::make_unique<WebhookSink>(stage); }

}  // namespace carillon::sim
