// Pushy as the simulator plays it (PROVIDERS §10.1): one device a push, and the list of topics that tests a
// key.
#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "sim/h1_vendor.h"

namespace carillon::sim {
namespace {

constexpr std::size_t kDataMax = 4096;  // bytes
constexpr std::int64_t kTtlMaxS = 31'536'000;
constexpr std::size_t kCollapseMax = 32;  // characters
constexpr std::string_view kKeys[] = {"to",           "data",     "time_to_live",    "content_available",
                                      "collapse_key", "schedule", "mutable_content", "notification"};

struct Refusal {
  int status = 0;  // 0: not refused
  std::string_view code;
  std::string message;
};
Refusal bad(std::string message) { return {400, "INVALID_PARAM", std::move(message)}; }

bool is_token(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
}

struct Push {
  std::string device, collapse;
};

Refusal check(base::JsonElement root, Push& out) {
  base::JsonObject object;
  if (root.get(object) != simdjson::SUCCESS) return bad("The body is not an object.");
  for (const auto [key, value] : object) {
    if (std::ranges::find(kKeys, key) == std::end(kKeys)) return bad(fmt::format("Unknown field: {}", key));
  }
  base::JsonElement value;
  std::string_view text;
  if (object["to"].get(text) != simdjson::SUCCESS) return bad("Please provide one device token in \"to\".");
  out.device = text;
  if (object["data"].get(value) != simdjson::SUCCESS || !value.is_object()) {
    return bad("Please provide the \"data\" object.");
  }
  if (base::to_json(value).size() > kDataMax) {
    return {400, "PAYLOAD_LIMIT_EXCEEDED", "The payload exceeds the limit of 4kb."};
  }
  std::int64_t ttl = 1;
  if (object["time_to_live"].get(value) == simdjson::SUCCESS &&
      (value.get(ttl) != simdjson::SUCCESS || ttl < 1 || ttl > kTtlMaxS)) {
    return bad("time_to_live must be 1 to 31536000.");
  }
  if (object["collapse_key"].get(value) == simdjson::SUCCESS) {
    if (value.get(text) != simdjson::SUCCESS || text.size() > kCollapseMax) {
      return bad("collapse_key must be a string of at most 32 characters.");
    }
    out.collapse = text;
  }
  for (const std::string_view flag : {"content_available", "mutable_content"}) {
    if (object[flag].get(value) == simdjson::SUCCESS && !value.is_bool())
      return bad("A flag is not a boolean.");
  }
  if (object["notification"].get(value) == simdjson::SUCCESS && !value.is_object()) {
    return bad("notification must be an object.");
  }
  return {};
}

// Thread-safe.
class Pushy final : public H1Vendor {
 public:
  explicit Pushy(Stage& stage)
      : context_(stage.context), api_key_(context_.credentials.made("pushy api key", 24)) {}

  [[nodiscard]] H1Answer handle(const net::HttpRequest& request, const Draw& draw) override {
    const auto query = net::form_decode(request.query());
    if (!query || field(*query, "api_key") != api_key_) {
      return {.response = refuse(Refusal{401, "INVALID_API_KEY", "Your API key is invalid."})};
    }
    if (request.path() == "/topics" && request.method == "GET") {
      return {.response = json_response(200, R"({"topics":[]})")};
    }
    if (request.path() == "/push" && request.method == "POST") return push(request, draw);
    return {.response = refuse(Refusal{404, "INVALID_PARAM", "There is no such endpoint."})};
  }
  [[nodiscard]] net::HttpResponse refuse(Trouble trouble, const Draw& draw) override {
    switch (trouble) {
      case Trouble::Throttled: return refuse(Refusal{429, "RATE_LIMIT_EXCEEDED", "Too many requests."});
      case Trouble::ServerError:
        if (draw.status_5xx == 500) return refuse(Refusal{500, "INTERNAL_SERVER_ERROR", "Internal error."});
        context_.log->refused(Vendor::Pushy, fmt::format_int(draw.status_5xx).c_str());
        return {
            .status = draw.status_5xx, .headers = {{"Content-Type", "text/html"}}, .body = "<html></html>"};
      case Trouble::Unauthorized: return refuse(Refusal{401, "INVALID_API_KEY", "Your API key is invalid."});
    }
    return refuse(Refusal{500, "INTERNAL_SERVER_ERROR", "Internal error."});
  }
  void describe(base::JsonWriter& out) const override { out.field("api_key", api_key_); }

 private:
  [[nodiscard]] net::HttpResponse refuse(const Refusal& refusal) const {
    context_.log->refused(Vendor::Pushy, refusal.code);
    base::JsonWriter out;
    out.object().field("code", refusal.code).field("error", refusal.message).end_object();
    return json_response(refusal.status, out.str());
  }

  H1Answer push(const net::HttpRequest& request, const Draw& draw) {
    base::JsonDocument document;
    const auto root = document.parse(request.body);
    Push push;
    Refusal wrong = root ? check(*root, push) : bad("The body is not JSON.");
    // Reserved devices (CONTRACT §6).
    const bool is_gone = !is_token(push.device) || push.device == "test-unregistered";
    if (wrong.status == 0 && is_gone) {
      wrong = {400, "NO_RECIPIENTS", "The request did not specify any recipients."};
    }
    if (wrong.status == 0 && push.device == "test-429") {
      wrong = {429, "RATE_LIMIT_EXCEEDED", "Too many requests."};
    }
    if (wrong.status != 0) return {.response = refuse(wrong)};
    const bool is_silent = push.device == "test-timeout";
    const std::string id = base::hex(base::random_bytes(12));
    context_.log->accepted({.time = context_.clock.now(),
                            .vendor = Vendor::Pushy,
                            .recipient = push.device,
                            .delivery = find_delivery(request.body),
                            .collapse = push.collapse,
                            .message_id = id,
                            .content = request.body,
                            .is_answered = draw.fault == Fault::None && !is_silent});
    H1Answer answer{.response = json_response(
                        200, fmt::format(R"({{"success":true,"id":"{}","info":{{"devices":1}}}})", id))};
    if (is_silent) answer.kind = H1Answer::Kind::Silent;
    return answer;
  }

  Context& context_;
  const std::string api_key_;
};

}  // namespace

std::unique_ptr<H1Vendor> make_pushy(Stage& stage) { return std::make_unique<Pushy>(stage); }

}  // namespace carillon::sim
