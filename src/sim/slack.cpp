// Slack as the simulator plays it: chat.postMessage, auth.test and incoming webhooks (PROVIDERS §11.3).
//
// Channels act by their names: #sandbox-ok, -bounce, -complaint, -tempfail, -slow, -unknown; every id of
// Slack's form exists. An incoming webhook's last part is its channel's name in the same way.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "base/json.h"
#include "sim/h1_vendor.h"

namespace carillon::sim {
namespace {

constexpr std::size_t kTextMax = 40'000;  // characters
constexpr std::size_t kBlocksMax = 50;
constexpr std::string_view kHooks = "/services/";

constexpr std::pair<std::string_view, Reserved> kChannels[] = {{"sandbox-ok", Reserved::Ok},
                                                               {"sandbox-bounce", Reserved::Bounce},
                                                               {"sandbox-complaint", Reserved::Complaint},
                                                               {"sandbox-tempfail", Reserved::TempFail},
                                                               {"sandbox-slow", Reserved::Slow},
                                                               {"sandbox-unknown", Reserved::Unknown}};

Reserved reserved_channel(std::string_view name) {
  if (name.starts_with('#')) name.remove_prefix(1);
  const auto* const it = std::ranges::find(kChannels, name, &std::pair<std::string_view, Reserved>::first);
  return it == std::end(kChannels) ? Reserved::None : it->second;
}

// C0123ABC of channels, D… of direct messages, G… of groups, U… and W… of users; or a name.
bool is_channel(std::string_view text) {
  if (text.starts_with('#')) return text.size() > 1 && text.size() <= 81;
  constexpr std::string_view kFirst = "CDGUW";
  return text.size() >= 2 && text.size() <= 21 && kFirst.contains(text[0]) &&
         std::ranges::all_of(text, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
}

// Thread-safe.
class Slack final : public H1Vendor {
 public:
  explicit Slack(Stage& stage) : context_(stage.context) {}

  H1Answer handle(const net::HttpRequest& request, const Draw& draw) override {
    if (request.method != "POST") return {.response = {.status = 404, .headers = {}, .body = "not found"}};
    if (request.path().starts_with(kHooks)) return hook(request, draw);
    if (request.path() != "/api/chat.postMessage" && request.path() != "/api/auth.test")
      return {.response = error("unknown_method")};
    const std::string_view authorization = request.header("authorization");
    if (authorization.empty()) return {.response = error("not_authed")};
    if (authorization != fmt::format("Bearer {}", token())) return {.response = error("invalid_auth")};
    if (request.path() == "/api/auth.test")
      return {.response = json_response(200, R"({"ok":true,"team":"Bells","user":"carillon"})")};
    return post(request, draw);
  }

  net::HttpResponse refuse(Trouble trouble, const Draw& draw) override {
    switch (trouble) {
      case Trouble::Throttled: return error("ratelimited", 429);
      case Trouble::ServerError: return error("service_unavailable", draw.status_5xx);
      case Trouble::Unauthorized: break;
    }
    return error("invalid_auth");
  }

  void describe(base::JsonWriter& out) const override {
    out.field("bot_token", token()).field("hook", hook_path() + "sandbox-ok").field("channel", "C0123ABCD");
  }

 private:
  std::string token() const { return "xoxb-" + context_.credentials.made("slack bot token"); }
  std::string hook_path() const {
    return fmt::format("{}T0BELLS/B0BELLS/{}/", kHooks, context_.credentials.made("slack hook", 12));
  }

  // What is wrong with the content; empty: nothing.
  static std::string_view fault_of(base::JsonElement body) {
    base::JsonElement blocks;
    base::JsonArray list;
    const bool has_blocks = body["blocks"].get(blocks) == simdjson::SUCCESS;
    if (has_blocks && blocks.get_array().get(list) != simdjson::SUCCESS) return "invalid_blocks_format";
    if (has_blocks && (list.size() == 0 || list.size() > kBlocksMax)) return "invalid_blocks";
    if (has_blocks) {
      for (const base::JsonElement block : list) {
        std::string_view type;
        if (block["type"].get(type) != simdjson::SUCCESS) return "invalid_blocks";
      }
    }
    std::string_view text;
    if (body["text"].get(text) != simdjson::SUCCESS) text = {};
    if (text.empty() && !has_blocks && body["attachments"].error() != simdjson::SUCCESS) return "no_text";
    return characters(text) > kTextMax ? "msg_too_long" : "";
  }

  H1Answer post(const net::HttpRequest& request, const Draw& draw) {
    if (!request.header("content-type").starts_with("application/json"))
      return {.response = error("invalid_post_type")};
    base::JsonDocument document;
    const auto body = document.parse(request.body);
    if (!body) return {.response = error("invalid_json")};
    std::string_view channel;
    if ((*body)["channel"].get(channel) != simdjson::SUCCESS || !is_channel(channel))
      return {.response = error("channel_not_found")};
    if (const std::string_view fault = fault_of(*body); !fault.empty()) return {.response = error(fault)};
    const Reserved reserved = reserved_channel(channel);
    if (reserved == Reserved::Bounce) return {.response = error("channel_not_found")};
    if (reserved == Reserved::Complaint) return {.response = error("is_archived")};
    if (reserved == Reserved::TempFail) return {.response = error("service_unavailable", 503)};
    const std::string ts = accept(request, channel, find_delivery(request.body), draw, reserved);
    base::JsonWriter out;
    out.object().field("ok", true).field("channel", channel).field("ts", ts).end_object();
    return answer_of(json_response(200, out.str()), reserved);
  }

  H1Answer hook(const net::HttpRequest& request, const Draw& draw) {
    const auto plain = [&](int status, std::string_view text) {
      if (status != 200) context_.log->refused(Vendor::Slack, text);
      return net::HttpResponse{
          .status = status, .headers = {{"Content-Type", "text/plain"}}, .body = std::string(text)};
    };
    if (!request.path().starts_with(hook_path())) return {.response = plain(404, "no_service")};
    const std::string_view name = request.path().substr(hook_path().size());
    base::JsonDocument document;
    const auto body = document.parse(request.body);
    if (!body || !body->is_object()) return {.response = plain(400, "invalid_payload")};
    if (const std::string_view fault = fault_of(*body); !fault.empty())
      return {.response = plain(400, fault)};
    const Reserved reserved = reserved_channel(name);
    if (reserved == Reserved::Bounce) return {.response = plain(404, "no_service")};
    if (reserved == Reserved::Complaint) return {.response = plain(410, "channel_is_archived")};
    if (reserved == Reserved::TempFail) return {.response = plain(503, "service_unavailable")};
    accept(request, name, {}, draw, reserved);
    return answer_of(plain(200, "ok"), reserved);
  }

  std::string accept(const net::HttpRequest& request, std::string_view channel, std::string_view delivery,
                     const Draw& draw, Reserved reserved) {
    const Time now = context_.clock.now();
    const std::string ts = fmt::format("{}.{:06}", to_ms(now) / 1000,
                                       sequence_.fetch_add(1, std::memory_order_relaxed) % 1'000'000);
    context_.log->accepted({.time = now,
                            .vendor = Vendor::Slack,
                            .recipient = channel,
                            .delivery = delivery,
                            .collapse = {},
                            .message_id = ts,
                            .content = request.body,
                            .is_answered = draw.fault == Fault::None && reserved != Reserved::Unknown});
    return ts;
  }

  H1Answer answer_of(net::HttpResponse response, Reserved reserved) const {
    H1Answer answer{.response = std::move(response)};
    if (reserved == Reserved::Unknown) answer.kind = H1Answer::Kind::Silent;
    if (reserved == Reserved::Slow) answer.delay = context_.slow;
    return answer;
  }

  // Slack says no with 200, mostly.
  net::HttpResponse error(std::string_view code, int status = 200) const {
    context_.log->refused(Vendor::Slack, code);
    return json_response(status, fmt::format(R"({{"ok":false,"error":"{}"}})", code));
  }

  Context& context_;
  std::atomic<std::uint32_t> sequence_{1};
};

}  // namespace

std::unique_ptr<H1Vendor> make_slack(Stage& stage) { return std::make_unique<Slack>(stage); }

}  // namespace carillon::sim
