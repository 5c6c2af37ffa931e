// Vonage's voice API.
#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/json.h"
#include "sim/twilio.h"
#include "sim/vonage.h"

namespace carillon::sim {
namespace {

constexpr std::size_t kTextMax = 1500;  // characters of a talk action
constexpr std::size_t kCallsMax = 100;  // listed
constexpr std::int64_t kTokenMaxS = 86'400;
constexpr std::size_t kUuidBytes = 16;

std::string_view text_of(base::JsonElement element, std::string_view key) {
  std::string_view text;
  return element[key].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

bool is_phone(std::string_view number) noexcept {
  return number.size() >= 7 && number.size() <= 15 &&
         std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
}

std::string random_uuid() { return uuid_of(base::hex(base::random_bytes(kUuidBytes))); }

// The one talk action a call's NCCO has to have here; the name of what is wrong, or empty.
std::string_view check_ncco(base::JsonElement root) {
  base::JsonArray actions;
  if (root["ncco"].get(actions) != simdjson::SUCCESS || actions.size() == 0) return "ncco";
  for (const auto action : actions) {
    if (text_of(action, "action") != "talk") return "ncco.action";
    const std::string_view text = text_of(action, "text");
    if (text.empty() || characters(text) > kTextMax) return "ncco.text";
    if (text_of(action, "language").empty()) return "ncco.language";
    std::int64_t style = 0, loop = 1;
    if (action["style"].get(style) != simdjson::SUCCESS || style < 0) return "ncco.style";
    if (action["loop"].get(loop) != simdjson::SUCCESS || loop < 0) return "ncco.loop";
  }
  return {};
}

}  // namespace

H1Answer Vonage::handle_calls(const net::HttpRequest& request, const Draw& draw) {
  if (!has_token(request)) return {.response = refuse_call(401, "Unauthorized")};
  if (request.method == "GET") return {.response = list_calls()};
  if (request.method == "POST") return call(request, draw);
  return {.response = refuse_call(405, "Method Not Allowed")};
}

bool Vonage::has_token(const net::HttpRequest& request) const {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view header = request.header("authorization");
  if (!header.starts_with(kBearer)) return false;
  const auto jwt = split_jwt(header.substr(kBearer.size()));
  if (!jwt || !context_.credentials.vonage_key.verify_rs256(jwt->signed_part, jwt->signature)) return false;
  base::JsonDocument head_document, claims_document;
  const auto head = head_document.parse(jwt->header);
  const auto claims = claims_document.parse(jwt->claims);
  std::int64_t issued = 0, expires = 0;
  if (!head || !claims || text_of(*head, "alg") != "RS256" || text_of(*claims, "jti").empty() ||
      text_of(*claims, "application_id") != application_id_ ||
      (*claims)["iat"].get(issued) != simdjson::SUCCESS ||
      (*claims)["exp"].get(expires) != simdjson::SUCCESS) {
    return false;
  }
  constexpr std::int64_t kSkewS = 60;
  const std::int64_t now = to_ms(context_.clock.now()) / 1000;
  return issued <= now + kSkewS && expires > now - kSkewS && expires - issued <= kTokenMaxS;
}

H1Answer Vonage::call(const net::HttpRequest& request, const Draw& draw) {
  base::JsonDocument document;
  const auto root = document.parse(request.body);
  base::JsonArray to, urls;
  base::JsonElement from;
  if (!root || !root->is_object()) return {.response = refuse_call(400, "Bad Request", "body")};
  if ((*root)["to"].get(to) != simdjson::SUCCESS || to.size() != 1) {
    return {.response = refuse_call(400, "Bad Request", "to")};
  }
  Call made;
  made.to = text_of(to.at(0).value(), "number");
  if ((*root)["from"].get(from) == simdjson::SUCCESS) made.from = text_of(from, "number");
  const std::string recipient = "+" + made.to;
  const Reserved reserved = reserved_phone(recipient);
  if (!is_phone(made.to) || reserved == Reserved::Complaint) {
    return {.response = refuse_call(400, "Bad Request", "to[0].number")};
  }
  if (!is_phone(made.from)) return {.response = refuse_call(400, "Bad Request", "from.number")};
  if (const auto wrong = check_ncco(*root); !wrong.empty()) {
    return {.response = refuse_call(400, "Bad Request", wrong)};
  }
  if (reserved == Reserved::TempFail) return {.response = refuse_call(503, "Service Unavailable")};
  if ((*root)["event_url"].get(urls) == simdjson::SUCCESS && urls.size() == 1) {
    std::string_view url;
    if (urls.at(0).get(url) == simdjson::SUCCESS) made.event_url = url;
    if (!net::parse_url(made.event_url)) return {.response = refuse_call(400, "Bad Request", "event_url")};
  }
  made.is_detecting = !text_of(*root, "machine_detection").empty();
  made.uuid = random_uuid();
  made.conversation = "CON-" + random_uuid();
  context_.log->accepted({.time = context_.clock.now(),
                          .vendor = Vendor::Vonage,
                          .recipient = recipient,
                          .delivery = find_delivery_text(made.event_url),
                          .collapse = {},
                          .message_id = made.uuid,
                          .content = request.body,
                          .is_answered = draw.fault == Fault::None && reserved != Reserved::Unknown});
  report(made, reserved == Reserved::Bounce);
  base::JsonWriter out;
  out.object().field("uuid", made.uuid).field("status", "started").field("direction", "outbound");
  out.field("conversation_uuid", made.conversation).end_object();
  const std::string json = out.str();
  {
    const std::lock_guard lock(mutex_);
    calls_.push_front(json);
    if (calls_.size() > kCallsMax) calls_.pop_back();
  }
  H1Answer answer{.response = json_response(201, json)};
  if (reserved == Reserved::Unknown) answer.kind = H1Answer::Kind::Silent;
  if (reserved == Reserved::Slow) answer.delay = context_.slow;
  return answer;
}

net::HttpResponse Vonage::refuse_call(int status, std::string_view title, std::string_view parameter) const {
  context_.log->refused(Vendor::Vonage,
                        parameter.empty() ? fmt::format_int(status).str() : std::string(parameter));
  base::JsonWriter out;
  out.object()
      .field("type", fmt::format("https://developer.nexmo.com/api-errors#{}", status))
      .field("title", title);
  out.field("detail", "The request was refused.");
  if (!parameter.empty()) {
    out.key("invalid_parameters").array().object().field("name", parameter);
    out.field("reason", "is not valid").end_object().end_array();
  }
  out.end_object();
  return json_response(status, out.str());
}

void Vonage::report(const Call& call, bool is_bouncing) {
  if (call.event_url.empty()) return;
  std::vector<Callback> steps;
  const auto step = [&](std::string_view status, std::string_view detail) {
    base::JsonWriter out;
    out.object().field("from", call.from).field("to", call.to);
    out.field(status == "human" ? "call_uuid" : "uuid", call.uuid);
    out.field("conversation_uuid", call.conversation).field("status", status);
    if (!detail.empty()) out.field("detail", detail);
    if (status == "completed") out.field("duration", "2").field("price", "0.0045").field("rate", "0.0127");
    out.field("direction", "outbound").field("timestamp", to_rfc3339(context_.clock.now())).end_object();
    steps.push_back(signed_event(call.event_url, out.str()));
  };
  step("started", "");
  step("ringing", "");
  if (is_bouncing) {
    step("failed", "number_out_of_service");
  } else {
    step("answered", "");
    if (call.is_detecting) step("human", "");
    step("completed", "");
  }
  callbacks_.tell(std::move(steps));
}

Callback Vonage::signed_event(const std::string& url, std::string body) const {
  base::JsonWriter claims;
  claims.object().field("iat", to_ms(context_.clock.now()) / 1000).field("jti", random_uuid());
  claims.field("iss", "Vonage").field("payload_hash", base::hex(base::sha256(body)));
  claims.field("api_key", api_key_).field("application_id", application_id_).end_object();
  const std::string input =
      base::base64url(R"({"alg":"HS256","typ":"JWT"})") + "." + base::base64url(claims.str());
  const std::string token = input + "." + base::base64url(base::hmac_sha256(signature_secret_, input));
  return {.url = url,
          .headers = {{"Content-Type", "application/json"}, {"Authorization", "Bearer " + token}},
          .body = std::move(body)};
}

net::HttpResponse Vonage::list_calls() {
  const std::lock_guard lock(mutex_);
  std::string items;
  for (const std::string& call : calls_) items += (items.empty() ? "" : ",") + call;
  return json_response(
      200, fmt::format(R"({{"count":{},"page_size":{},"record_index":0,"_embedded":{{"calls":[{}]}}}})",
                       calls_.size(), kCallsMax, items));
}

}  // namespace carillon::sim
