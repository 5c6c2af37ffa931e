#include "sim/vonage.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/crypto.h"
#include "base/json.h"
#include "sim/twilio.h"

namespace carillon::sim {
namespace {

constexpr std::string_view kFrom = "447700900001";
constexpr std::size_t kKeyBytes = 4, kSecretBytes = 8, kSignatureBytes = 16, kIdBytes = 8;
constexpr std::size_t kReferenceMax = 40;
constexpr std::size_t kSenderMax = 11;                           // characters of an alphanumeric one
constexpr std::size_t kTextMax = 3200;                           // characters
constexpr std::int64_t kTtlMin = 20'000, kTtlMax = 604'800'000;  // milliseconds

bool is_number(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Pure ASCII is taken for the GSM alphabet.
bool is_gsm(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::size_t parts(std::string_view text, bool is_unicode) noexcept {
  const std::size_t count = characters(text), one = is_unicode ? 70 : 160, many = is_unicode ? 67 : 153;
  return count <= one ? 1 : (count + many - 1) / many;
}

std::string stamp(Time t) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::gmtime(static_cast<std::time_t>(to_ms(t) / 1000)));
}

}  // namespace

std::string uuid_of(std::string_view hex) {
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20, 12));
}

std::string vonage_signature(std::string_view secret, Form form) {
  std::ranges::sort(form);
  std::string text;
  for (auto& [name, value] : form) {
    if (name == "sig") continue;
    std::ranges::replace(value, '&', '_');
    std::ranges::replace(value, '=', '_');
    text += "&" + name + "=" + value;
  }
  return base::hex(base::hmac_sha256(secret, text));
}

Vonage::Vonage(Stage& stage)
    : context_(stage.context),
      callbacks_(stage.callbacks),
      api_key_(context_.credentials.made("vonage api key", kKeyBytes)),
      api_secret_(context_.credentials.made("vonage api secret", kSecretBytes)),
      signature_secret_(context_.credentials.made("vonage signature secret", kSignatureBytes)),
      application_id_(uuid_of(context_.credentials.made("vonage application"))) {}

void Vonage::describe(base::JsonWriter& out) const {
  out.field("api_key", api_key_).field("api_secret", api_secret_).field("from", kFrom);
  out.field("signature_secret", signature_secret_).field("application_id", application_id_);
  out.field("private_key_file", context_.credentials.vonage_key_file);
}

net::HttpResponse Vonage::refuse(Trouble trouble, const Draw& draw) {
  switch (trouble) {
    case Trouble::Throttled: return refuse_sms({}, {"1", "Throughput Rate Exceeded - please wait and retry"});
    case Trouble::Unauthorized: return refuse_sms({}, {"4", "Bad Credentials"});
    case Trouble::ServerError: break;
  }
  context_.log->refused(Vendor::Vonage, fmt::format_int(draw.status_5xx).c_str());
  return {.status = draw.status_5xx, .headers = {{"Content-Type", "text/html"}}, .body = "<h1>Error</h1>"};
}

net::HttpResponse Vonage::refuse_request(const net::HttpRequest& request, Trouble trouble, const Draw& draw) {
  const bool is_sms = request.path().starts_with("/sms/");
  if (is_sms || trouble == Trouble::ServerError) return refuse(trouble, draw);
  return trouble == Trouble::Throttled ? refuse_call(429, "Too Many Requests")
                                       : refuse_call(401, "Unauthorized");
}

H1Answer Vonage::handle(const net::HttpRequest& request, const Draw& draw) {
  const std::string_view path = request.path();
  if (path == "/sms/json" && request.method == "POST") return send(request, draw);
  if (path == "/account/get-balance" && request.method == "GET") return {.response = balance(request)};
  if (path == "/v1/calls" || path == "/v1/calls/") return handle_calls(request, draw);
  return {.response = json_response(404, R"({"error-code":"404","error-code-label":"not found"})")};
}

net::HttpResponse Vonage::balance(const net::HttpRequest& request) const {
  const auto given = basic_credentials(request);
  if (!given || given->first != api_key_ || given->second != api_secret_) {
    return json_response(401, R"({"error-code":"401","error-code-label":"authentication failed"})");
  }
  return json_response(200, R"({"value":10.28,"autoReload":false})");
}

Vonage::Refusal Vonage::check(const Form& form) const {
  if (field(form, "api_key") != api_key_ || field(form, "api_secret") != api_secret_) {
    return {"4", "Bad Credentials"};
  }
  const std::string_view to = field(form, "to"), from = field(form, "from"), text = field(form, "text");
  const std::string_view type = field(form, "type"), ttl = field(form, "ttl");
  if (to.empty()) return {"2", "Missing to param"};
  if (from.empty()) return {"2", "Missing from param"};
  if (text.empty()) return {"2", "Missing text param"};
  if (!is_number(to) || to.size() < 7 || to.size() > 15) return {"3", "to address is not numeric"};
  if (!type.empty() && type != "text" && type != "unicode") return {"3", "Invalid type param"};
  if (is_number(from) ? from != kFrom : from.size() > kSenderMax) return {"15", "Illegal Sender Address"};
  if (field(form, "client-ref").size() > kReferenceMax) return {"3", "Invalid client-ref param"};
  std::int64_t ms = 0;
  const auto read = std::from_chars(ttl.data(), ttl.data() + ttl.size(), ms);
  if (!ttl.empty() && (read.ec != std::errc() || ms < kTtlMin || ms > kTtlMax))
    return {"3", "Invalid ttl param"};
  if (characters(text) > kTextMax) return {"12", "Message too long"};
  const std::string_view callback = field(form, "callback");
  if (!callback.empty() && !net::parse_url(callback)) return {"23", "Invalid callback URL"};
  switch (reserved_phone("+" + std::string(to))) {
    case Reserved::Complaint: return {"7", "Number barred"};
    case Reserved::TempFail: return {"5", "Internal Error"};
    case Reserved::None:
    case Reserved::Ok:
    case Reserved::Bounce:
    case Reserved::Slow:
    case Reserved::Unknown: break;
  }
  return {};
}

H1Answer Vonage::send(const net::HttpRequest& request, const Draw& draw) {
  const auto form = net::form_decode(request.body);
  if (!form) return {.response = refuse_sms({}, {"3", "Invalid parameters"})};
  if (const Refusal refusal = check(*form); !refusal.status.empty()) {
    return {.response = refuse_sms(field(*form, "to"), refusal)};
  }
  Message message;
  message.to = field(*form, "to");
  message.from = field(*form, "from");
  message.text = field(*form, "text");
  message.client_ref = field(*form, "client-ref");
  message.callback = field(*form, "callback");
  if (message.callback.empty()) message.callback = context_.webhooks.url(Vendor::Vonage);
  const bool is_unicode = field(*form, "type") == "unicode";
  if (!is_unicode && !is_gsm(message.text)) {  // what a phone would show
    std::ranges::replace_if(message.text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  }
  for (std::size_t i = parts(message.text, is_unicode); i > 0; --i) {
    message.ids.push_back(base::hex(base::random_bytes(kIdBytes)));
  }
  const std::string recipient = "+" + message.to;
  const Reserved reserved = reserved_phone(recipient);
  context_.log->accepted({.time = context_.clock.now(),
                          .vendor = Vendor::Vonage,
                          .recipient = recipient,
                          .delivery = find_delivery_text(message.client_ref),
                          .collapse = {},
                          .message_id = message.ids.front(),
                          .content = request.body,
                          .is_answered = draw.fault == Fault::None && reserved != Reserved::Unknown});
  report(message, reserved == Reserved::Bounce);
  H1Answer answer{.response = taken(message)};
  if (reserved == Reserved::Unknown) answer.kind = H1Answer::Kind::Silent;
  if (reserved == Reserved::Slow) answer.delay = context_.slow;
  return answer;
}

net::HttpResponse Vonage::taken(const Message& message) const {
  base::JsonWriter out;
  out.object().field("message-count", std::to_string(message.ids.size())).key("messages").array();
  for (const std::string& id : message.ids) {
    out.object().field("to", message.to).field("message-id", id).field("status", "0");
    out.field_if("client-ref", message.client_ref).field("remaining-balance", "10.28");
    out.field("message-price", "0.0333").field("network", "23410").end_object();
  }
  out.end_array().end_object();
  return json_response(200, out.str());
}

// HTTP 200: the status is in the message.
net::HttpResponse Vonage::refuse_sms(std::string_view to, const Refusal& refusal) const {
  context_.log->refused(Vendor::Vonage, std::string(refusal.status));
  base::JsonWriter out;
  out.object().field("message-count", "1").key("messages").array().object();
  if (!to.empty()) out.field("to", to);
  out.field("status", refusal.status).field("error-text", refusal.text);
  out.end_object().end_array().end_object();
  return json_response(200, out.str());
}

// Each part has its own receipts.
void Vonage::report(const Message& message, bool is_bouncing) {
  if (message.callback.empty()) return;
  const auto step = [&](const std::string& id, std::string status, std::string code) {
    const Time now = context_.clock.now();
    Form form = {
        {"msisdn", message.to},
        {"to", message.from},
        {"network-code", "23410"},
        {"messageId", id},
        {"price", "0.0333"},
        {"status", std::move(status)},
        {"scts", fmt::format("{:%y%m%d%H%M}", fmt::gmtime(static_cast<std::time_t>(to_ms(now) / 1000)))},
        {"err-code", std::move(code)},
        {"message-timestamp", stamp(now)}};
    if (!message.client_ref.empty()) form.emplace_back("client-ref", message.client_ref);
    return signed_form(message.callback, std::move(form));
  };
  for (const std::string& id : message.ids) {
    std::vector<Callback> steps;
    steps.push_back(step(id, "accepted", "0"));
    steps.push_back(is_bouncing ? step(id, "failed", "3") : step(id, "delivered", "0"));
    callbacks_.tell(std::move(steps));
  }
}

Callback Vonage::signed_form(const std::string& url, Form form) const {
  form.emplace_back("api-key", api_key_);
  form.emplace_back("timestamp", std::to_string(to_ms(context_.clock.now()) / 1000));
  form.emplace_back("nonce", base::hex(base::random_bytes(kIdBytes)));
  form.emplace_back("sig", vonage_signature(signature_secret_, form));
  return {.url = url,
          .headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                      {"User-Agent", "Nexmo/MessagingHUB/v1.0"}},
          .body = net::form_encode(form)};
}

bool Vonage::receive(std::string_view from, std::string_view text) {
  const std::string url = context_.webhooks.url(Vendor::Vonage);
  if (url.empty()) return false;
  std::string keyword(text.substr(0, text.find(' ')));
  std::ranges::transform(keyword, keyword.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  callbacks_.tell({signed_form(url, {{"msisdn", std::string(from.substr(from.starts_with('+') ? 1 : 0))},
                                     {"to", std::string(kFrom)},
                                     {"messageId", base::hex(base::random_bytes(kIdBytes))},
                                     {"text", std::string(text)},
                                     {"type", "text"},
                                     {"keyword", keyword},
                                     {"message-timestamp", stamp(context_.clock.now())}})});
  return true;
}

std::unique_ptr<H1Vendor> make_vonage(Stage& stage) { return std::make_unique<Vonage>(stage); }

}  // namespace carillon::sim
