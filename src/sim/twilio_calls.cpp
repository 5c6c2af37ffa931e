#include "sim/twilio_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/crypto.h"
#include "base/json.h"
#include "sim/twilio.h"

namespace carillon::sim {
namespace {

constexpr std::size_t kTwimlMax = 4000;  // characters
constexpr std::size_t kSidBytes = 16;
constexpr std::size_t kCallsMax = 100;  // listed
constexpr int kRingMax = 600;           // seconds

struct Magic {
  std::string_view number;
  int code;
  std::string_view message;
};
// Test credentials' numbers (PROVIDERS §3.11).
constexpr Magic kMagicTo[] = {
    {"+15005550001", 21217, "Phone number does not appear to be valid"},
    {"+15005550002", 21214, "'To' phone number cannot be reached"},
    {"+15005550003", 21215, "Geo Permission configuration is not permitting call"},
    {"+15005550004", 21216, "API: Call blocked by Twilio blocklist"},
};

// One Say inside a Response, its text without markup: all that a notification says.
bool is_twiml(std::string_view text) {
  constexpr std::string_view kStart = "<Response><Say", kEnd = "</Say></Response>";
  if (!text.starts_with(kStart) || !text.ends_with(kEnd)) return false;
  const std::size_t open = text.find('>', kStart.size());
  if (open == std::string_view::npos || open + 1 > text.size() - kEnd.size()) return false;
  const std::string_view said = text.substr(open + 1, text.size() - kEnd.size() - open - 1);
  return !said.empty() && !said.contains('<');
}

}  // namespace

TwilioCalls::Refusal TwilioCalls::check(const Form& form) const {
  const std::string_view to = field(form, "To"), from = field(form, "From"), twiml = field(form, "Twiml");
  const std::string_view callback = field(form, "StatusCallback"), ring = field(form, "Timeout");
  const std::string_view detection = field(form, "MachineDetection");
  if (to.empty()) return {400, 21201, "No Called number specified"};
  if (from.empty()) return {400, 21213, "Caller phone number is required"};
  if (twiml.empty() || !is_twiml(twiml)) return {400, 21205, "Url parameter or a valid Twiml is required."};
  if (characters(twiml) > kTwimlMax) return {400, 21205, "Twiml is longer than 4000 characters."};
  if (!callback.empty() && !net::parse_url(callback))
    return {400, 21205, "StatusCallback is not a valid URL."};
  int seconds = 0;
  const auto read = std::from_chars(ring.data(), ring.data() + ring.size(), seconds);
  if (!ring.empty() && (read.ec != std::errc() || seconds < 1 || seconds > kRingMax)) {
    return {400, 21208, "Invalid Timeout"};
  }
  if (!detection.empty() && detection != "Enable" && detection != "DetectMessageEnd") {
    return {400, 21234, "Invalid Machine Detection configuration value"};
  }
  if (from == "+15005550001") return {400, 21212, "Invalid From Number (caller ID)"};
  if (from != context_.credentials.twilio_from) return {400, 21210, "'From' phone number not verified"};
  for (const auto& [number, code, message] : kMagicTo) {
    if (to == number) return {400, code, message};
  }
  if (!is_e164(to)) return {400, 21211, "Invalid 'To' Phone Number"};
  switch (reserved_phone(to)) {
    case Reserved::Complaint: return {400, 21217, "Phone number does not appear to be valid"};
    case Reserved::TempFail: return {503, 20503, "Service Unavailable"};
    case Reserved::None:
    case Reserved::Ok:
    case Reserved::Bounce:
    case Reserved::Slow:
    case Reserved::Unknown: break;
  }
  return {};
}

H1Answer TwilioCalls::create(const net::HttpRequest& request, const Draw& draw, Refusal& refusal) {
  const auto form = net::form_decode(request.body);
  refusal = form ? check(*form) : Refusal{400, 20001, "The body is not a form."};
  if (refusal.status != 0) return {};
  Call call;
  call.sid = "CA" + base::hex(base::random_bytes(kSidBytes));
  call.to = field(*form, "To");
  call.from = field(*form, "From");
  call.callback = field(*form, "StatusCallback");
  call.is_detecting = !field(*form, "MachineDetection").empty();
  for (const auto& [name, value] : *form) {
    if (name == "StatusCallbackEvent") call.events.push_back(value);
  }
  if (call.events.empty()) call.events.emplace_back("completed");
  const Reserved reserved = reserved_phone(call.to);
  context_.log->accepted({.time = context_.clock.now(),
                          .vendor = Vendor::Twilio,
                          .recipient = call.to,
                          .delivery = find_delivery_text(call.callback),
                          .collapse = {},
                          .message_id = call.sid,
                          .content = request.body,
                          .is_answered = draw.fault == Fault::None && reserved != Reserved::Unknown});
  report(call, reserved == Reserved::Bounce);
  const std::string made = json(call);
  {
    const std::lock_guard lock(mutex_);
    calls_.push_front(made);
    if (calls_.size() > kCallsMax) calls_.pop_back();
  }
  H1Answer answer{.response = json_response(201, made)};
  if (reserved == Reserved::Unknown) answer.kind = H1Answer::Kind::Silent;
  if (reserved == Reserved::Slow) answer.delay = context_.slow;
  return answer;
}

// The steps that were asked for. Whoever bounces does not answer.
void TwilioCalls::report(const Call& call, bool is_bouncing) {
  if (call.callback.empty()) return;
  std::vector<Callback> steps;
  const auto step = [&](std::string_view event, std::string_view status) {
    if (std::ranges::find(call.events, event) == call.events.end()) return;
    Form form = {{"AccountSid", context_.credentials.twilio_account_sid},
                 {"ApiVersion", "2010-04-01"},
                 {"CallSid", call.sid},
                 {"CallStatus", std::string(status)},
                 {"CallbackSource", "call-progress-events"},
                 {"Direction", "outbound-api"},
                 {"From", call.from},
                 {"SequenceNumber", std::to_string(steps.size())},
                 {"To", call.to}};
    if (status == "completed") form.emplace_back("CallDuration", "7");
    if (status == "completed" && call.is_detecting) form.emplace_back("AnsweredBy", "human");
    steps.push_back(sign_(call.callback, form));
  };
  step("initiated", "initiated");
  step("ringing", "ringing");
  if (!is_bouncing) step("answered", "in-progress");
  step("completed", is_bouncing ? "no-answer" : "completed");
  callbacks_.tell(std::move(steps));
}

std::string TwilioCalls::json(const Call& call) const {
  const std::string& account = context_.credentials.twilio_account_sid;
  base::JsonWriter out;
  out.object().field("sid", call.sid).field("account_sid", account).field("api_version", "2010-04-01");
  out.field("to", call.to).field("from", call.from).field("status", "queued");
  out.field("direction", "outbound-api").key("answered_by").null().key("duration").null();
  out.field("uri", fmt::format("/2010-04-01/Accounts/{}/Calls/{}.json", account, call.sid)).end_object();
  return out.str();
}

net::HttpResponse TwilioCalls::list() {
  const std::lock_guard lock(mutex_);
  std::string items;
  for (const std::string& call : calls_) items += (items.empty() ? "" : ",") + call;
  return json_response(
      200, fmt::format(R"({{"calls":[{}],"page":0,"page_size":{},"next_page_uri":null}})", items, kCallsMax));
}

}  // namespace carillon::sim
