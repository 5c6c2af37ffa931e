#include "sim/twilio.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/crypto.h"
#include "base/json.h"

namespace carillon::sim {
namespace {

constexpr std::size_t kBodyMax = 1600;      // characters
constexpr std::size_t kCallbackMax = 4000;  // characters
constexpr std::size_t kMediaMax = 10;
constexpr std::int64_t kValidityMax = 36'000;  // seconds
constexpr std::size_t kPageMax = 1000;
constexpr std::size_t kSidBytes = 16;
constexpr int kUnknownHandset = 30005;

struct Magic {
  std::string_view number;
  int code;
  std::string_view message;
};
// Test credentials' numbers (PROVIDERS §3.11).
constexpr Magic kMagicFrom[] = {
    {"+15005550001", 21212,
     "The 'From' number is not a valid phone number, shortcode, or alphanumeric sender ID."},
    {"+15005550007", 21606,
     "The 'From' phone number provided is not a valid message-capable Twilio phone number."},
    {"+15005550008", 21611, "This 'From' number has exceeded the maximum number of queued messages."},
};
constexpr Magic kMagicTo[] = {
    {"+15005550001", 21211, "The 'To' number is not a valid phone number."},
    {"+15005550002", 21612, "The 'To' phone number is not currently reachable via SMS."},
    {"+15005550003", 21408,
     "Permission to send an SMS has not been enabled for the region indicated by the 'To' number."},
    {"+15005550004", 21610, "Attempt to send to unsubscribed recipient"},
    {"+15005550009", 21614, "'To' number is not a valid mobile number."},
};

bool is_recipient(std::string_view to) noexcept {
  constexpr std::string_view kWhatsapp = "whatsapp:";
  return is_e164(to.starts_with(kWhatsapp) ? to.substr(kWhatsapp.size()) : to);
}

// GSM-7 is taken for what is pure ASCII; everything else counts as UCS-2.
std::size_t segments(std::string_view body) noexcept {
  const bool is_gsm = std::ranges::all_of(body, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  const std::size_t count = characters(body);
  const std::size_t one = is_gsm ? 160 : 70;
  const std::size_t many = is_gsm ? 153 : 67;
  return count <= one ? 1 : (count + many - 1) / many;
}

std::string rfc2822(Time t) {
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} +0000",
                     fmt::gmtime(static_cast<std::time_t>(to_ms(t) / 1000)));
}

}  // namespace

bool is_e164(std::string_view text) noexcept {
  return text.size() >= 8 && text.size() <= 16 && text[0] == '+' && text[1] != '0' &&
         std::ranges::all_of(text.substr(1), [](char c) { return c >= '0' && c <= '9'; });
}

std::string twilio_signature(std::string_view auth_token, std::string_view url, Form form) {
  std::ranges::sort(form);
  const auto repeated = std::ranges::unique(form);
  form.erase(repeated.begin(), repeated.end());
  std::string message(url);
  for (const auto& [name, value] : form) message += name + value;
  return base::base64(base::hmac_sha1(auth_token, message));
}

Reserved reserved_phone(std::string_view phone) noexcept {
  constexpr std::string_view kPrefix = "+99900000000";
  if (phone.size() != kPrefix.size() + 1 || !phone.starts_with(kPrefix)) return Reserved::None;
  switch (phone.back()) {
    case '1': return Reserved::Ok;
    case '2': return Reserved::Bounce;
    case '3': return Reserved::Complaint;
    case '4': return Reserved::TempFail;
    case '5': return Reserved::Slow;
    case '6': return Reserved::Unknown;
    default: return Reserved::None;  // a character, not one of our enums
  }
}

Twilio::Twilio(Stage& stage)
    : context_(stage.context),
      callbacks_(stage.callbacks),
      calls_(stage, [this](const std::string& url, const Form& form) { return signed_post(url, form); }) {}

net::HttpResponse Twilio::refuse(Trouble trouble, const Draw& draw) {
  switch (trouble) {
    case Trouble::Throttled: return refuse({429, 20429, "Too Many Requests"});
    case Trouble::ServerError:
      return refuse({draw.status_5xx, draw.status_5xx == 503 ? 20503 : 20500, "Internal Server Error"});
    case Trouble::Unauthorized: return refuse({401, 20003, "Authenticate"});
  }
  return refuse({500, 20500, "Internal Server Error"});
}

H1Answer Twilio::handle(const net::HttpRequest& request, const Draw& draw) {
  const Refusal unknown{404, 20404, "The requested resource was not found"};
  if (!is_authorized(request)) return {.response = refuse({401, 20003, "Authenticate"})};
  const std::string prefix = fmt::format("/2010-04-01/Accounts/{}/", context_.credentials.twilio_account_sid);
  std::string_view path = request.path();
  if (!path.starts_with(prefix)) return {.response = refuse(unknown)};
  path.remove_prefix(prefix.size());
  if (path == "Messages.json" && request.method == "POST") return create(request, draw);
  if (path == "Messages.json" && request.method == "GET") return {.response = list(request.query())};
  if (path == "Calls.json" && request.method == "GET") return {.response = calls_.list()};
  if (path == "Calls.json" && request.method == "POST") {
    TwilioCalls::Refusal refusal;
    H1Answer answer = calls_.create(request, draw, refusal);
    if (refusal.status != 0) return {.response = refuse({refusal.status, refusal.code, refusal.message})};
    return answer;
  }
  constexpr std::string_view kOne = "Messages/";
  if (request.method == "GET" && path.starts_with(kOne) && path.ends_with(".json")) {
    return {.response = find(path.substr(kOne.size(), path.size() - kOne.size() - 5))};
  }
  return {.response = refuse(unknown)};
}

bool Twilio::is_authorized(const net::HttpRequest& request) const {
  const auto given = basic_credentials(request);
  return given && given->first == context_.credentials.twilio_account_sid &&
         context_.credentials.twilio_auth_token.matches(given->second);
}

void Twilio::describe(base::JsonWriter& out) const {
  const Credentials& c = context_.credentials;
  out.field("account_sid", c.twilio_account_sid).field("auth_token", c.twilio_auth_token.reveal());
  out.field("from", c.twilio_from);
}

// What a message may have besides: pictures, a validity period, a messaging service.
Twilio::Refusal Twilio::check_extras(const Form& form) {
  std::size_t media = 0;
  for (const auto& [name, value] : form) {
    if (name != "MediaUrl") continue;
    if (!net::parse_url(value)) return {400, 21620, "Invalid media URL(s)"};
    if (++media > kMediaMax) return {400, 21623, "Number of media files exceeds allowed limit"};
  }
  const std::string_view service = field(form, "MessagingServiceSid");
  if (!service.empty() && (!service.starts_with("MG") || service.size() != 2 + 2 * kSidBytes)) {
    return {400, 21705, "The Messaging Service Sid is invalid."};
  }
  const std::string_view validity = field(form, "ValidityPeriod");
  std::int64_t seconds = 0;
  const auto read = std::from_chars(validity.data(), validity.data() + validity.size(), seconds);
  const bool is_number = read.ec == std::errc() && read.ptr == validity.data() + validity.size();
  if (!validity.empty() && (!is_number || seconds < 1 || seconds > kValidityMax)) {
    return {400, 21624, "The ValidityPeriod is not within the allowed range."};
  }
  return {};
}

Twilio::Refusal Twilio::check(const Form& form, std::string_view account_number) {
  const std::string_view to = field(form, "To");
  const std::string_view from = field(form, "From");
  const std::string_view body = field(form, "Body");
  const std::string_view callback = field(form, "StatusCallback");
  if (to.empty()) return {400, 21604, "A 'To' phone number is required."};
  if (from.empty() && field(form, "MessagingServiceSid").empty()) {
    return {400, 21603, "A 'From' phone number is required."};
  }
  if (body.empty() && field(form, "MediaUrl").empty() && field(form, "ContentSid").empty()) {
    return {400, 21602, "Message body is required."};
  }
  if (characters(body) > kBodyMax) {
    return {400, 21617, "The concatenated message body exceeds the 1600 character limit"};
  }
  if (const Refusal refusal = check_extras(form); refusal.status != 0) return refusal;
  if (!callback.empty() && (callback.size() > kCallbackMax || !net::parse_url(callback))) {
    return {400, 21609, "The 'StatusCallback' URL is not a valid URL."};
  }
  for (const auto& [number, code, message] : kMagicFrom) {
    if (from == number) return {400, code, message};
  }
  if (from.starts_with('+') && from != account_number) {
    return {400, 21606,
            "The 'From' phone number provided is not a valid message-capable Twilio phone number."};
  }
  for (const auto& [number, code, message] : kMagicTo) {
    if (to == number) return {400, code, message};
  }
  if (!is_recipient(to)) return {400, 21211, "The 'To' number is not a valid phone number."};
  switch (reserved_phone(to)) {
    case Reserved::Complaint: return {400, 21610, "Attempt to send to unsubscribed recipient"};
    case Reserved::TempFail: return {503, 20503, "Service Unavailable"};
    case Reserved::None:
    case Reserved::Ok:
    case Reserved::Bounce:
    case Reserved::Slow:
    case Reserved::Unknown: break;
  }
  return {};
}

H1Answer Twilio::create(const net::HttpRequest& request, const Draw& draw) {
  const auto form = net::form_decode(request.body);
  if (!form) return {.response = refuse({400, 20001, "The body is not a form."})};
  if (const Refusal refusal = check(*form, context_.credentials.twilio_from); refusal.status != 0)
    return {.response = refuse(refusal)};
  Message message;
  message.sid = (field(*form, "MediaUrl").empty() ? "SM" : "MM") + base::hex(base::random_bytes(kSidBytes));
  message.to = field(*form, "To");
  message.from = field(*form, "From");
  message.service = field(*form, "MessagingServiceSid");
  message.body = field(*form, "Body");
  message.callback = field(*form, "StatusCallback");
  message.segments = segments(message.body);
  message.created = context_.clock.now();
  const Reserved reserved = reserved_phone(message.to);
  std::string_view delivery = find_delivery_text(message.callback);
  if (delivery.empty()) delivery = find_delivery_text(message.body);
  context_.log->accepted({.time = message.created,
                          .vendor = Vendor::Twilio,
                          .recipient = message.to,
                          .delivery = delivery,
                          .collapse = {},
                          .message_id = message.sid,
                          .content = request.body,
                          .is_answered = draw.fault == Fault::None && reserved != Reserved::Unknown});
  // What becomes of it is fixed now: GET shows the end at once, callbacks tell the steps.
  Message end = message;
  end.status = reserved == Reserved::Bounce ? "undelivered" : "delivered";
  end.error_code = reserved == Reserved::Bounce ? kUnknownHandset : 0;
  remember(end);
  schedule(end);
  H1Answer answer{.response = json_response(201, json(message))};
  if (reserved == Reserved::Unknown) answer.kind = H1Answer::Kind::Silent;
  if (reserved == Reserved::Slow) answer.delay = context_.slow;
  return answer;
}

void Twilio::remember(const Message& message) {
  const std::lock_guard lock(mutex_);
  order_.push_back(message.sid);
  messages_.emplace(message.sid, message);
  if (order_.size() > kMessagesMax) {
    messages_.erase(order_.front());
    order_.pop_front();
  }
}

void Twilio::schedule(const Message& message) {
  if (message.callback.empty()) return;
  std::vector<Callback> steps;
  for (const std::string_view status : {std::string_view("queued"), std::string_view("sent")}) {
    steps.push_back(callback(message, status, 0));
  }
  steps.push_back(callback(message, message.status, message.error_code));
  callbacks_.tell(std::move(steps));
}

Callback Twilio::callback(const Message& message, std::string_view status, int error_code) const {
  Form form = {{"AccountSid", context_.credentials.twilio_account_sid},
               {"ApiVersion", "2010-04-01"},
               {"From", message.from},
               {"MessageSid", message.sid},
               {"MessageStatus", std::string(status)},
               {"SmsSid", message.sid},
               {"SmsStatus", std::string(status)},
               {"To", message.to}};
  if (!message.service.empty()) form.emplace_back("MessagingServiceSid", message.service);
  if (error_code != 0) form.emplace_back("ErrorCode", std::to_string(error_code));
  if (status == "delivered" || status == "undelivered") {
    const auto when = fmt::gmtime(static_cast<std::time_t>(to_ms(context_.clock.now()) / 1000));
    form.emplace_back("RawDlrDoneDate", fmt::format("{:%y%m%d%H%M}", when));
  }
  return signed_post(message.callback, form);
}

Callback Twilio::signed_post(const std::string& url, const Form& form) const {
  const std::string_view token = context_.credentials.twilio_auth_token.reveal();
  return {.url = url,
          .headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
                      {"User-Agent", "TwilioProxy/1.1"},
                      {"I-Twilio-Idempotency-Token", base::hex(base::random_bytes(16))},
                      {"X-Twilio-Signature", twilio_signature(token, url, form)}},
          .body = net::form_encode(form)};
}

bool Twilio::receive(std::string_view from, std::string_view text) {
  const std::string url = context_.webhooks.url(Vendor::Twilio);
  if (url.empty()) return false;
  const std::string sid = "SM" + base::hex(base::random_bytes(kSidBytes));
  callbacks_.tell({signed_post(url, {{"AccountSid", context_.credentials.twilio_account_sid},
                                     {"ApiVersion", "2010-04-01"},
                                     {"Body", std::string(text)},
                                     {"From", std::string(from)},
                                     {"MessageSid", sid},
                                     {"NumMedia", "0"},
                                     {"NumSegments", "1"},
                                     {"SmsMessageSid", sid},
                                     {"SmsSid", sid},
                                     {"SmsStatus", "received"},
                                     {"To", context_.credentials.twilio_from}})});
  return true;
}

net::HttpResponse Twilio::list(std::string_view query) {
  const auto filters = net::form_decode(query);
  if (!filters) return refuse({400, 20001, "The query is malformed."});
  const std::string_view to = field(*filters, "To");
  const std::string_view from = field(*filters, "From");
  const std::string_view size = field(*filters, "PageSize");
  std::size_t page_size = 50;
  std::from_chars(size.data(), size.data() + size.size(), page_size);
  page_size = std::clamp<std::size_t>(page_size, 1, kPageMax);
  std::string items;
  std::size_t count = 0;
  const std::lock_guard lock(mutex_);
  for (auto sid = order_.rbegin(); sid != order_.rend() && count < page_size; ++sid) {
    const Message& message = messages_.at(*sid);
    if ((!to.empty() && message.to != to) || (!from.empty() && message.from != from)) continue;
    items += (count++ == 0 ? "" : ",") + json(message);
  }
  return json_response(200, fmt::format(R"({{"messages":[{}],"page":0,"page_size":{},"next_page_uri":null}})",
                                        items, page_size));
}

net::HttpResponse Twilio::find(std::string_view sid) {
  const std::lock_guard lock(mutex_);
  const auto it = messages_.find(std::string(sid));
  if (it == messages_.end()) return refuse({404, 20404, "The requested resource was not found"});
  return json_response(200, json(it->second));
}

net::HttpResponse Twilio::refuse(const Refusal& refusal) const {
  context_.log->refused(Vendor::Twilio, fmt::format_int(refusal.code).c_str());
  base::JsonWriter out;
  out.object()
      .field("code", refusal.code)
      .field("message", refusal.message)
      .field("more_info", fmt::format("https://www.twilio.com/docs/errors/{}", refusal.code))
      .field("status", refusal.status)
      .end_object();
  return json_response(refusal.status, out.str());
}

std::string Twilio::json(const Message& m) const {
  const std::string& account = context_.credentials.twilio_account_sid;
  const std::string uri = fmt::format("/2010-04-01/Accounts/{}/Messages/{}.json", account, m.sid);
  base::JsonWriter out;
  out.object().field("sid", m.sid).field("account_sid", account).field("api_version", "2010-04-01");
  out.field("to", m.to).field("body", m.body).field("status", m.status).field("direction", "outbound-api");
  m.from.empty() ? out.key("from").null() : out.field("from", m.from);
  m.service.empty() ? out.key("messaging_service_sid").null() : out.field("messaging_service_sid", m.service);
  m.error_code == 0 ? out.key("error_code").null() : out.field("error_code", m.error_code);
  out.key("error_message").null();
  out.field("num_segments", std::to_string(m.segments)).field("num_media", "0");
  out.key("price").null().field("price_unit", "USD");
  out.field("date_created", rfc2822(m.created)).field("date_updated", rfc2822(m.created));
  m.status == "queued" ? out.key("date_sent").null() : out.field("date_sent", rfc2822(m.created));
  out.field("uri", uri);
  out.key("subresource_uris")
      .object()
      .field("media", fmt::format("/2010-04-01/Accounts/{}/Messages/{}/Media.json", account, m.sid));
  out.end_object().end_object();
  return out.str();
}

std::unique_ptr<H1Vendor> make_twilio(Stage& stage) { return std::make_unique<Twilio>(stage); }

}  // namespace carillon::sim
