// SOLAPI as the simulator plays it: Alimtalk messages, the balance, and reports by webhook (PROVIDERS §11.5).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <deque>
#include <mutex>

#include "base/crypto.h"
#include "base/json.h"
#include "sim/h1_vendor.h"
#include "sim/twilio.h"

namespace carillon::sim {
namespace {

constexpr Millis kSkewMax{15 * 60'000};
constexpr std::size_t kSignaturesMax = 10'000;  // remembered, so that none is used twice
constexpr std::size_t kTextMax = 1'000;         // characters
constexpr std::size_t kButtonsMax = 5;
constexpr std::string_view kTemplate = "KA01TP000000000001";

struct Status {
  std::string_view code, text;
};

std::string_view text_at(base::JsonElement object, std::string_view key) {
  std::string_view text;
  return object[key].get(text) == simdjson::SUCCESS ? text : std::string_view{};
}

bool is_phone(std::string_view text) {
  return text.size() >= 8 && text.size() <= 15 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// The value of `name` in "apiKey=…, date=…".
std::string_view part_of(std::string_view header, std::string_view name) {
  const std::string key = fmt::format("{}=", name);
  const std::size_t at = header.find(key);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = header.substr(at + key.size());
  return rest.substr(0, rest.find(','));
}

// Thread-safe.
class Solapi final : public H1Vendor {
 public:
  explicit Solapi(Stage& stage) : context_(stage.context), callbacks_(stage.callbacks) {}

  H1Answer handle(const net::HttpRequest& request, const Draw& draw) override {
    if (const std::string_view why = why_unauthorized(request); !why.empty())
      return {.response = error(403, why)};
    if (request.method == "GET" && request.path() == "/cash/v1/balance")
      return {.response = json_response(200, R"({"balance":100000,"point":0})")};
    if (request.method != "POST" || request.path() != "/messages/v4/send-many/detail")
      return {.response = error(404, "ResourceNotFound")};
    return send(request, draw);
  }

  net::HttpResponse refuse(Trouble trouble, const Draw& draw) override {
    switch (trouble) {
      case Trouble::Throttled: return error(429, "TooManyRequests");
      case Trouble::ServerError:
        return error(draw.status_5xx, draw.status_5xx == 503 ? "ServiceUnavailable" : "InternalError");
      case Trouble::Unauthorized: break;
    }
    return error(403, "SignatureDoesNotMatch");
  }

  void describe(base::JsonWriter& out) const override {
    out.field("api_key", api_key()).field("api_secret", secret()).field("channel_id", channel());
    out.field("template_id", kTemplate)
        .field("from", "+82215005550")
        .field("webhook_secret", webhook_secret());
  }

 private:
  std::string api_key() const { return "NCS" + context_.credentials.made("solapi key", 6); }
  std::string secret() const { return context_.credentials.made("solapi secret"); }
  std::string webhook_secret() const { return context_.credentials.made("solapi webhook"); }
  std::string channel() const { return "KA01PF" + context_.credentials.made("solapi channel", 8); }

  std::string_view why_unauthorized(const net::HttpRequest& request) {
    const std::string_view header = request.header("authorization");
    if (!header.starts_with("HMAC-SHA256 ") || part_of(header, "apiKey") != api_key()) return "InvalidAPIKey";
    const std::string date(part_of(header, "date")), salt(part_of(header, "salt"));
    const auto at = parse_rfc3339(date);
    if (!at || salt.size() < 12 || salt.size() > 64) return "InvalidAPIKey";
    const auto skew = *at - context_.clock.now();
    if (skew > kSkewMax || skew < -kSkewMax) return "RequestTimeTooSkewed";
    const std::string wanted = base::hex(base::hmac_sha256(secret(), date + salt));
    if (!base::equal_constant_time(part_of(header, "signature"), wanted)) return "SignatureDoesNotMatch";
    const std::lock_guard lock(mutex_);
    if (!signatures_.insert(wanted).second) return "DuplicatedSignature";
    order_.push_back(wanted);
    if (order_.size() > kSignaturesMax) {
      signatures_.erase(order_.front());
      order_.pop_front();
    }
    return {};
  }

  Status check(base::JsonElement message) const {
    if (!is_phone(text_at(message, "to"))) return {"1011", "Format Error"};
    if (text_at(message, "type") != "ATA") return {"1025", "잘못된 메시지 타입"};
    if (characters(text_at(message, "text")) > kTextMax) return {"1031", "길이 초과"};
    base::JsonElement options;
    if (message["kakaoOptions"].get(options) != simdjson::SUCCESS) return {"1010", "필수 입력 값 미입력"};
    if (text_at(options, "pfId") != channel()) return {"1041", "유효한 플러스 친구 값이 아닙니다."};
    if (text_at(options, "templateId") != kTemplate) return {"1042", "유효한 템플릿 아이디가 아닙니다."};
    bool is_without_sms = true;
    if (options["disableSms"].get(is_without_sms) != simdjson::SUCCESS) is_without_sms = false;
    if (!is_without_sms && !is_phone(text_at(message, "from"))) return {"1062", "발신번호 미등록"};
    base::JsonArray buttons;
    if (options["buttons"].get(buttons) == simdjson::SUCCESS) {
      if (buttons.size() > kButtonsMax) return {"1050", "버튼은 최대 5개까지 사용 가능합니다."};
      for (const base::JsonElement button : buttons) {
        if (characters(text_at(button, "buttonName")) > 14) return {"1049", "버튼 명은 최대 14자"};
        if (text_at(button, "buttonType") == "WL" && text_at(button, "linkMo").empty())
          return {"1045", "유효한 버튼 URL 값이 아닙니다."};
      }
    }
    return {};
  }

  H1Answer send(const net::HttpRequest& request, const Draw& draw) {
    base::JsonDocument document;
    const auto body = document.parse(request.body);
    base::JsonArray messages;
    if (!body || (*body)["messages"].get(messages) != simdjson::SUCCESS || messages.size() != 1)
      return {.response = error(400, "ValidationError")};
    const base::JsonElement message = messages.at(0).value();
    const std::string to(text_at(message, "to"));
    const Reserved reserved = reserved_phone("+" + to);
    if (reserved == Reserved::TempFail) return {.response = error(503, "ServiceUnavailable")};
    Status status = check(message);
    if (reserved == Reserved::Complaint) status = {"1061", "사용자에 의해 수신거부 됨(080무료수신거부)"};
    const std::string id = "M4V" + base::hex(base::random_bytes(14));
    if (!status.code.empty()) {
      context_.log->refused(Vendor::Solapi, status.code);
      return {.response = json_response(200, list("failedMessageList", id, status))};
    }
    std::string_view delivery;
    base::JsonElement fields;
    if (message["customFields"].get(fields) == simdjson::SUCCESS) delivery = text_at(fields, "d");
    context_.log->accepted({.time = context_.clock.now(),
                            .vendor = Vendor::Solapi,
                            .recipient = to,
                            .delivery = delivery,
                            .collapse = {},
                            .message_id = id,
                            .content = request.body,
                            .is_answered = draw.fault == Fault::None && reserved != Reserved::Unknown});
    report(id, message, reserved);
    H1Answer answer{
        .response = json_response(200, list("messageList", id, {"2000", "정상 접수(이통사로 접수 예정)"}))};
    if (reserved == Reserved::Unknown) answer.kind = H1Answer::Kind::Silent;
    if (reserved == Reserved::Slow) answer.delay = context_.slow;
    return answer;
  }

  static std::string list(std::string_view name, const std::string& id, Status status) {
    base::JsonWriter out;
    const bool is_taken = status.code == "2000";
    out.object().key("groupInfo").object().field("groupId", "G" + id).field("count", 1).end_object();
    if (is_taken) out.key("failedMessageList").array().end_array();
    out.key(name).array().object().field("messageId", id).field("statusCode", status.code);
    out.field("statusMessage", status.text).end_object().end_array().end_object();
    return out.str();
  }

  // In the order in which SOLAPI tells it: handed to Kakao, then the end.
  void report(const std::string& id, base::JsonElement message, Reserved reserved) {
    const std::string url = context_.webhooks.url(Vendor::Solapi);
    if (url.empty()) return;
    const Status end =
        reserved == Reserved::Bounce ? Status{"3104", "카카오톡 미사용자"} : Status{"4000", "수신 완료"};
    std::vector<Callback> steps;
    for (const Status status : {Status{"3000", "이통사로 접수(리포트를 기다리는 중)"}, end}) {
      base::JsonWriter out;
      out.array().object().field("messageId", id).field("groupId", "G" + id).field("type", "ATA");
      out.field("to", text_at(message, "to"))
          .field("statusCode", status.code)
          .field("statusMessage", status.text);
      base::JsonElement fields;
      if (message["customFields"].get(fields) == simdjson::SUCCESS) out.key("customFields").element(fields);
      out.field("dateReported", to_rfc3339(context_.clock.now())).end_object().end_array();
      steps.push_back({.url = url,
                       .headers = {{"Content-Type", "application/json"},
                                   {"X-Solapi-Event-Name", "SINGLE-REPORT"},
                                   {"X-Solapi-Secret", base::hex(base::sha1(webhook_secret()))}},
                       .body = out.str()});
    }
    callbacks_.tell(std::move(steps));
  }

  net::HttpResponse error(int status, std::string_view code) const {
    context_.log->refused(Vendor::Solapi, code);
    return json_response(status, fmt::format(R"({{"errorCode":"{0}","errorMessage":"{0}"}})", code));
  }

  Context& context_;
  Callbacks& callbacks_;
  std::mutex mutex_;
  std::set<std::string> signatures_;
  std::deque<std::string> order_;
};

}  // namespace

std::unique_ptr<H1Vendor> make_solapi(Stage& stage) { return std::make_unique<Solapi>(stage); }

}  // namespace carillon::sim
