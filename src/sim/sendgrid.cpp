#include "sim/sendgrid.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/crypto.h"
#include "sim/signing.h"
#include "sim/smtp_server.h"

namespace carillon::sim {
namespace {

constexpr std::size_t kRecipientsMax = 1000;
constexpr std::size_t kBytesMax = 30'000'000;
constexpr std::size_t kArgumentsMax = 10'000;  // bytes of all custom arguments
constexpr std::array<std::string_view, 12> kReservedHeaders = {
    "x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding",
    "to",      "from",     "subject",  "reply-to",       "cc",           "bcc"};

struct Flaw {
  std::string message, field;
};
using Check = std::optional<Flaw>;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool has(base::JsonElement element, std::string_view key) {
  return element[key].error() == simdjson::SUCCESS;
}

// A list of {"email","name"}; adds the addresses to `seen`, which has none of them.
Check check_list(base::JsonElement of, const std::string& place, std::string_view key,
                 std::vector<std::string>& seen) {
  base::JsonArray list;
  const std::string field = fmt::format("{}.{}", place, key);
  if (of[key].get(list) != simdjson::SUCCESS || list.size() == 0) {
    return Flaw{fmt::format("The {} parameter is required and must be an array of at least one.", key),
                field};
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string_view email = text_of(list.at(i).value(), "email");
    if (!is_mail_address(email)) {
      return Flaw{"Does not contain a valid address.", fmt::format("{}.{}.email", field, i)};
    }
    if (std::ranges::find(seen, lower(email)) != seen.end()) {
      return Flaw{"Each email address in the personalization block should be unique between to, cc, and bcc.",
                  place};
    }
    seen.push_back(lower(email));
  }
  return {};
}

Check check_headers(base::JsonElement of, const std::string& place) {
  base::JsonObject headers;
  if (!has(of, "headers")) return {};
  const std::string field = place + "headers";
  if (of["headers"].get(headers) != simdjson::SUCCESS) return Flaw{"The headers must be an object.", field};
  for (const auto [name, value] : headers) {
    std::string_view text;
    if (std::ranges::find(kReservedHeaders, lower(name)) != kReservedHeaders.end()) {
      return Flaw{"The following reserved headers are not allowed.", field};
    }
    if (value.get(text) != simdjson::SUCCESS || std::ranges::any_of(text, [](char c) {
          return static_cast<unsigned char>(c) >= 0x80 || c == '\n';
        })) {
      return Flaw{"The header values must be strings.", field};
    }
  }
  return {};
}

Check check_arguments(base::JsonElement of, const std::string& place) {
  base::JsonObject arguments;
  if (!has(of, "custom_args")) return {};
  std::size_t bytes = 0;
  bool is_good = of["custom_args"].get(arguments) == simdjson::SUCCESS;
  for (const auto [name, value] : arguments) {
    std::string_view text;
    is_good = is_good && value.get(text) == simdjson::SUCCESS;
    bytes += name.size() + text.size();
  }
  if (is_good && bytes < kArgumentsMax) return {};
  return Flaw{"The custom_args must be strings of less than 10000 bytes together.", place + "custom_args"};
}

// Counts the recipients and adds the first of each personalization to `mails`.
Check check_personalization(base::JsonElement one, std::size_t index, bool has_subject,
                            std::vector<Mailed>& mails, std::size_t& recipients) {
  const std::string place = fmt::format("personalizations.{}", index);
  std::vector<std::string> seen;
  if (auto flaw = check_list(one, place, "to", seen)) return flaw;
  for (const std::string_view key : {std::string_view("cc"), std::string_view("bcc")}) {
    if (!has(one, key)) continue;
    if (auto flaw = check_list(one, place, key, seen)) return flaw;
  }
  recipients += seen.size();
  if (!has_subject && text_of(one, "subject").empty()) {
    return Flaw{"The subject is required.", place + ".subject"};
  }
  if (auto flaw = check_headers(one, place + ".")) return flaw;
  if (auto flaw = check_arguments(one, place + ".")) return flaw;
  Mailed mail;
  mail.recipient = text_of(one["to"].at(0).value(), "email");
  base::JsonElement arguments;
  if (one["custom_args"].get(arguments) == simdjson::SUCCESS) {
    mail.delivery = text_of(arguments, "carillon_delivery");
  }
  mail.reserved = reserved_address(mail.recipient);
  mails.push_back(std::move(mail));
  return {};
}

Check check_content(base::JsonElement root) {
  base::JsonArray content;
  if (root["content"].get(content) != simdjson::SUCCESS || content.size() == 0) {
    return Flaw{"Unless a valid template_id is provided, the content parameter is required.", "content"};
  }
  std::string_view before;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const std::string_view type = text_of(content.at(i).value(), "type");
    if (text_of(content.at(i).value(), "value").empty()) {
      return Flaw{"The content value must be a string at least one character in length.",
                  fmt::format("content.{}.value", i)};
    }
    if (type.empty() || type == before || (type == "text/plain" && i > 0)) {
      return Flaw{"If present, text/plain and text/html may only be provided once, and in this order.",
                  "content"};
    }
    before = type;
  }
  return {};
}

Check check_attachments(base::JsonElement root) {
  base::JsonArray attachments;
  if (!has(root, "attachments")) return {};
  if (root["attachments"].get(attachments) != simdjson::SUCCESS || attachments.size() == 0) {
    return Flaw{"The attachments must be a list of one at least.", "attachments"};
  }
  for (std::size_t i = 0; i < attachments.size(); ++i) {
    const base::JsonElement one = attachments.at(i).value();
    const std::string place = fmt::format("attachments.{}.", i);
    if (!is_file_content(text_of(one, "content"))) {
      return Flaw{"The attachment content must be base64 encoded.", place + "content"};
    }
    const std::string_view name = text_of(one, "filename"), type = text_of(one, "type");
    if (name.empty()) return Flaw{"The attachment filename is required.", place + "filename"};
    if (has(one, "type") && (!type.contains('/') || type.find_first_of(";\r\n") != std::string_view::npos)) {
      return Flaw{"The attachment type cannot contain ';', or CRLF characters.", place + "type"};
    }
    const std::string_view shown = text_of(one, "disposition");
    if (!shown.empty() && shown != "inline" && shown != "attachment") {
      return Flaw{"The attachment disposition must be inline or attachment.", place + "disposition"};
    }
  }
  return {};
}

}  // namespace

Sendgrid::Sendgrid(Stage& stage)
    : context_(stage.context),
      callbacks_(stage.callbacks),
      api_key_(fmt::format("SG.{}.{}", context_.credentials.made("sendgrid api key id", 11),
                           context_.credentials.made("sendgrid api key", 21))),
      webhook_key_(context_.credentials.webhook_ec_key.reveal()) {}

H1Answer Sendgrid::handle(const net::HttpRequest& request, const Draw& draw) {
  const std::string_view authorization = request.header("authorization");
  if (authorization != "Bearer " + api_key_) {
    return {.response =
                refuse(Refusal{401, "The provided authorization grant is invalid, expired, or revoked", {}})};
  }
  if (request.path() == "/v3/scopes" && request.method == "GET") {
    return {.response = json_response(200, R"({"scopes":["mail.send","user.profile.read"]})")};
  }
  if (request.path() != "/v3/mail/send") return {.response = refuse(Refusal{404, "not found", {}})};
  if (request.method != "POST") return {.response = refuse(Refusal{405, "method not allowed", {}})};
  if (!request.header("content-type").starts_with("application/json")) {
    return {.response = refuse(Refusal{415, "Content-Type must be application/json.", {}})};
  }
  if (request.body.size() > kBytesMax) {
    return {.response = refuse(Refusal{413, "The total size of the message is too large.", {}})};
  }
  return send(request, draw);
}

net::HttpResponse Sendgrid::refuse(Trouble trouble, const Draw& draw) {
  switch (trouble) {
    case Trouble::Throttled: return refuse(Refusal{429, "too many requests", {}});
    case Trouble::ServerError: return refuse(Refusal{draw.status_5xx, "Internal Server Error", {}});
    case Trouble::Unauthorized:
      return refuse(Refusal{401, "The provided authorization grant is invalid, expired, or revoked", {}});
  }
  return refuse(Refusal{500, "Internal Server Error", {}});
}

void Sendgrid::describe(base::JsonWriter& out) const {
  out.field("api_key", api_key_).field("webhook_public_key", public_key_base64(webhook_key_));
}

Sendgrid::Refusal Sendgrid::check(base::JsonElement root, std::vector<Mailed>& mails) {
  const auto refusal = [](Flaw flaw) { return Refusal{400, std::move(flaw.message), std::move(flaw.field)}; };
  base::JsonArray personalizations;
  if (root["personalizations"].get(personalizations) != simdjson::SUCCESS || personalizations.size() == 0) {
    return refusal({"You must have at least one personalization.", "personalizations"});
  }
  if (personalizations.size() > kRecipientsMax) {
    return refusal({"The personalization block is limited to 1000 personalizations per API request.",
                    "personalizations"});
  }
  const bool has_subject = !text_of(root, "subject").empty();
  std::size_t recipients = 0;
  for (std::size_t i = 0; const auto one : personalizations) {
    if (auto flaw = check_personalization(one, i++, has_subject, mails, recipients)) return refusal(*flaw);
  }
  if (recipients > kRecipientsMax) {
    return refusal(
        {"There is a limit of 1000 total recipients (to + cc + bcc) per request.", "personalizations"});
  }
  base::JsonElement from;
  if (root["from"].get(from) != simdjson::SUCCESS || !is_mail_address(text_of(from, "email"))) {
    return refusal({"The from email does not contain a valid address.", "from.email"});
  }
  base::JsonElement reply_to;
  if (root["reply_to"].get(reply_to) == simdjson::SUCCESS && !is_mail_address(text_of(reply_to, "email"))) {
    return refusal({"The reply_to email does not contain a valid address.", "reply_to.email"});
  }
  if (has(root, "reply_to") && has(root, "reply_to_list")) {
    return refusal({"Only one of reply_to and reply_to_list may be given.", "reply_to"});
  }
  if (auto flaw = check_content(root)) return refusal(*flaw);
  if (auto flaw = check_attachments(root)) return refusal(*flaw);
  if (auto flaw = check_headers(root, "")) return refusal(*flaw);
  if (auto flaw = check_arguments(root, "")) return refusal(*flaw);
  if (!is_verified_sender(text_of(from, "email"))) {
    return {
        403,
        "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is "
        "resolved.",
        "from"};
  }
  return {};
}

H1Answer Sendgrid::send(const net::HttpRequest& request, const Draw& draw) {
  static thread_local base::JsonDocument document;
  const auto root = document.parse(request.body);
  if (!root) return {.response = refuse(Refusal{400, "Bad Request", {}})};
  std::vector<Mailed> mails;
  if (const Refusal refusal = check(*root, mails); refusal.status != 0) return {.response = refuse(refusal)};
  base::JsonElement settings;
  bool is_sandbox = false;
  if ((*root)["mail_settings"].get(settings) == simdjson::SUCCESS) {
    is_sandbox = settings["sandbox_mode"]["enable"].get(is_sandbox) == simdjson::SUCCESS && is_sandbox;
  }
  if (is_sandbox) return {.response = {.status = 200, .headers = {}, .body = {}}};
  const Reserved reserved = played(mails);
  if (reserved == Reserved::TempFail) return {.response = refuse(Refusal{503, "Service Unavailable", {}})};
  const std::string id = base::random_text(22);
  for (Mailed& mail : mails) mail.id = id;
  log_mails(context_, Vendor::Sendgrid, request.body, mails,
            draw.fault == Fault::None && reserved != Reserved::Unknown);
  tell(mails);
  H1Answer answer{.response = {.status = 202, .headers = {{"X-Message-Id", id}}, .body = {}}};
  if (reserved == Reserved::Unknown) answer.kind = H1Answer::Kind::Silent;
  if (reserved == Reserved::Slow) answer.delay = context_.slow;
  return answer;
}

// Three posts of events, as SendGrid gathers them: taken, the end of each, and complaints.
void Sendgrid::tell(const std::vector<Mailed>& mails) {
  const std::string url = context_.webhooks.url(Vendor::Sendgrid);
  if (url.empty()) return;
  const std::int64_t now = to_ms(context_.clock.now()) / 1000;
  std::array<std::string, 3> posts;
  const auto add = [&](std::size_t post, const Mailed& mail, std::string_view event, std::string_view more) {
    base::JsonWriter out;
    out.object().field("email", mail.recipient).field("event", event).field("timestamp", now);
    out.field("sg_event_id", base::random_text(22)).field("sg_message_id", mail.id + ".filter0001.1.2-0");
    out.field("smtp-id", fmt::format("<{}@ismtpd0001p1sim1.sendgrid.net>", mail.id));
    if (!mail.delivery.empty()) out.field("carillon_delivery", mail.delivery);
    std::string text = out.end_object().str();
    if (!more.empty()) text.insert(text.size() - 1, more);
    posts.at(post) += (posts.at(post).empty() ? "" : ",") + text;
  };
  for (const Mailed& mail : mails) {
    add(0, mail, "processed", "");
    switch (mail.reserved) {
      case Reserved::Bounce:
        add(1, mail, "bounce",
            R"(,"type":"bounce","status":"5.1.1","reason":"550 5.1.1 The mailbox does not exist")");
        break;
      case Reserved::TempFail:
        add(1, mail, "deferred", R"(,"response":"451 4.3.0 Try again later","attempt":"1")");
        break;
      case Reserved::Unknown: break;
      case Reserved::Complaint:
        add(1, mail, "delivered", R"(,"response":"250 OK")");
        add(2, mail, "spamreport", "");
        break;
      case Reserved::None:
      case Reserved::Ok:
      case Reserved::Slow: add(1, mail, "delivered", R"(,"response":"250 OK","tls":1)"); break;
    }
  }
  std::vector<Callback> steps;
  for (const std::string& events : posts) {
    if (!events.empty()) steps.push_back(callback(url, "[" + events + "]\r\n"));
  }
  callbacks_.tell(std::move(steps));
}

Callback Sendgrid::callback(const std::string& url, const std::string& events) const {
  const std::string stamp = std::to_string(to_ms(context_.clock.now()) / 1000);
  return {.url = url,
          .headers = {{"Content-Type", "application/json"},
                      {"User-Agent", "SendGrid Event API"},
                      {"X-Twilio-Email-Event-Webhook-Timestamp", stamp},
                      {"X-Twilio-Email-Event-Webhook-Signature",
                       base::base64(sign_sha256(webhook_key_, stamp + events))}},
          .body = events};
}

net::HttpResponse Sendgrid::refuse(const Refusal& refusal) const {
  context_.log->refused(Vendor::Sendgrid, fmt::format_int(refusal.status).c_str());
  base::JsonWriter out;
  out.object().key("errors").array().object().field("message", refusal.message);
  out.field_or_null("field", std::string_view(refusal.field)).key("help").null();
  out.end_object().end_array().end_object();
  return json_response(refusal.status, out.str());
}

std::unique_ptr<H1Vendor> make_sendgrid(Stage& stage) { return std::make_unique<Sendgrid>(stage); }

}  // namespace carillon::sim
