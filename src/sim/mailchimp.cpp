#include "sim/mailchimp.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "base/crypto.h"
#include "sim/smtp_server.h"

namespace carillon::sim {
namespace {

constexpr std::size_t kIdBytes = 15;
constexpr std::size_t kSynchronousMax = 10;  // recipients; with more all are queued
constexpr std::string_view kBase = "/api/1.";

// The call after the version, without ".json": "messages/send"; empty when it is none.
std::string_view call_of(std::string_view path) noexcept {
  if (!path.starts_with(kBase)) return {};
  path.remove_prefix(kBase.size());
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return {};
  path.remove_prefix(slash + 1);
  if (path.ends_with(".json")) path.remove_suffix(5);
  return path;
}

// What is wrong with a message, in Mandrill's words; nullopt: nothing.
std::optional<std::string> validate(base::JsonElement root) {
  base::JsonElement message;
  if (root["message"].get(message) != simdjson::SUCCESS || !message.is_object()) {
    return "You must specify a message value";
  }
  base::JsonArray to;
  if (message["to"].get(to) != simdjson::SUCCESS || to.size() == 0) {
    return R"(Validation error: {"message":{"to":"Please enter an array"}})";
  }
  for (const auto one : to) {
    const std::string_view type = text_of(one, "type");
    if (text_of(one, "email").empty() || (!type.empty() && type != "to" && type != "cc" && type != "bcc")) {
      return R"(Validation error: {"message":{"to":[{"email":"An email address must contain a single @"}]}})";
    }
  }
  if (!is_mail_address(text_of(message, "from_email"))) {
    return R"(Validation error: {"message":{"from_email":"An email address must contain a single @"}})";
  }
  if (text_of(message, "html").empty() && text_of(message, "text").empty()) {
    return R"(Validation error: {"message":{"text":"Please enter a value"}})";
  }
  for (const std::string_view list : {std::string_view("attachments"), std::string_view("images")}) {
    base::JsonArray files;
    if (message[list].get(files) != simdjson::SUCCESS) continue;
    for (const auto file : files) {
      const std::string_view type = text_of(file, "type");
      const bool is_good = type.contains('/') && !text_of(file, "name").empty() &&
                           is_file_content(text_of(file, "content")) &&
                           (list != "images" || type.starts_with("image/"));
      if (!is_good)
        return fmt::format(R"(Validation error: {{"message":{{"{}":"Please enter a value"}}}})", list);
    }
  }
  return std::nullopt;
}

std::string delivery_of(base::JsonElement message, std::string_view address) {
  base::JsonArray all;
  if (message["recipient_metadata"].get(all) != simdjson::SUCCESS) return {};
  for (const auto one : all) {
    base::JsonElement values;
    if (text_of(one, "rcpt") == address && one["values"].get(values) == simdjson::SUCCESS) {
      return std::string(text_of(values, "carillon_delivery"));
    }
  }
  return {};
}

}  // namespace

std::string mandrill_signature(std::string_view webhook_key, std::string_view url, std::string_view events) {
  return base::base64(base::hmac_sha1(webhook_key, fmt::format("{}mandrill_events{}", url, events)));
}

Mailchimp::Mailchimp(Stage& stage)
    : context_(stage.context),
      callbacks_(stage.callbacks),
      api_key_(context_.credentials.made("mailchimp api key", 11)),
      webhook_key_(context_.credentials.made("mailchimp webhook key", 11)) {}

H1Answer Mailchimp::handle(const net::HttpRequest& request, const Draw& draw) {
  const std::string_view call = call_of(request.path());
  if (request.method != "POST" || call.empty())
    return {.response = refuse(404, -1, "Unknown_Method", "Unknown method")};
  static thread_local base::JsonDocument document;
  const auto root = document.parse(request.body);
  if (!root || !root->is_object()) {
    return {.response = refuse(500, -2, "ValidationError", "The body is not a JSON object")};
  }
  if (text_of(*root, "key") != api_key_)
    return {.response = refuse(500, -1, "Invalid_Key", "Invalid API key")};
  if (call == "users/ping2") return {.response = json_response(200, R"({"PING":"PONG!"})")};
  if (call == "messages/send") return send(request, *root, draw);
  return {.response = refuse(404, -1, "Unknown_Method", "Unknown method")};
}

net::HttpResponse Mailchimp::refuse(Trouble trouble, const Draw& draw) {
  switch (trouble) {
    case Trouble::Throttled: return refuse(429, -1, "Too_Many_Requests", "Too many requests");
    case Trouble::ServerError:
      return draw.status_5xx == 503
                 ? refuse(503, -3, "ServiceUnavailable", "Down for maintenance")
                 : refuse(draw.status_5xx, -99, "GeneralError", "An unexpected error occurred");
    case Trouble::Unauthorized: return refuse(500, -1, "Invalid_Key", "Invalid API key");
  }
  return refuse(500, -99, "GeneralError", "An unexpected error occurred");
}

void Mailchimp::describe(base::JsonWriter& out) const {
  out.field("api_key", api_key_).field("webhook_key", webhook_key_);
}

H1Answer Mailchimp::send(const net::HttpRequest& request, base::JsonElement root, const Draw& draw) {
  if (const auto problem = validate(root)) return {.response = refuse(500, -2, "ValidationError", *problem)};
  const base::JsonElement message = root["message"].value();
  const base::JsonArray to = message["to"].get_array().value();
  bool is_async = false;
  if (root["async"].get(is_async) != simdjson::SUCCESS) is_async = false;
  is_async = is_async || to.size() > kSynchronousMax;
  const bool is_signed = is_verified_sender(text_of(message, "from_email"));
  std::vector<Mailed> mails;
  base::JsonWriter out;
  out.array();
  for (const auto one : to) {
    Mailed mail;
    mail.recipient = text_of(one, "email");
    mail.delivery = delivery_of(message, mail.recipient);
    mail.id = base::hex(base::random_bytes(kIdBytes));
    mail.reserved = reserved_address(mail.recipient);
    const bool is_valid = is_mail_address(mail.recipient);
    out.object().field("email", mail.recipient).field("_id", mail.id);
    out.field("status", !is_valid ? "invalid" : !is_signed ? "rejected" : is_async ? "queued" : "sent");
    out.field_or_null("reject_reason", std::string_view(is_valid && !is_signed ? "unsigned" : ""));
    out.field_or_null("queued_reason",
                      std::string_view(is_valid && is_signed && is_async ? "multiple-recipients" : ""));
    out.end_object();
    if (is_valid && is_signed) mails.push_back(std::move(mail));
  }
  const Reserved reserved = to.size() == 1 ? played(mails) : Reserved::None;
  if (reserved == Reserved::TempFail) {
    return {.response = refuse(503, -3, "ServiceUnavailable", "Down for maintenance")};
  }
  log_mails(context_, Vendor::Mailchimp, request.body, mails,
            draw.fault == Fault::None && reserved != Reserved::Unknown);
  tell(mails);
  H1Answer answer{.response = json_response(200, out.end_array().str())};
  if (reserved == Reserved::Unknown) answer.kind = H1Answer::Kind::Silent;
  if (reserved == Reserved::Slow) answer.delay = context_.slow;
  return answer;
}

// Three posts of events: taken, the end of each, and complaints.
void Mailchimp::tell(const std::vector<Mailed>& mails) {
  const std::string url = context_.webhooks.url(Vendor::Mailchimp);
  if (url.empty()) return;
  const std::int64_t now = to_ms(context_.clock.now()) / 1000;
  std::array<std::string, 3> posts;
  const auto add = [&](std::size_t post, const Mailed& mail, std::string_view event, std::string_view state) {
    base::JsonWriter out;
    out.object().field("event", event).field("ts", now).field("_id", mail.id).key("msg").object();
    out.field("_id", mail.id).field("ts", now).field("email", mail.recipient).field("state", state);
    // PHP writes an empty object as an array.
    out.key("tags").array().end_array().key("metadata");
    if (mail.delivery.empty()) {
      out.array().end_array();
    } else {
      out.object().field("carillon_delivery", mail.delivery).end_object();
    }
    if (event == "hard_bounce") {
      out.field("bounce_description", "bad_mailbox")
          .field("diag", "smtp;550 5.1.1 The mailbox does not exist");
    }
    posts.at(post) += (posts.at(post).empty() ? "" : ",") + out.end_object().end_object().str();
  };
  for (const Mailed& mail : mails) {
    add(0, mail, "send", "sent");
    switch (mail.reserved) {
      case Reserved::Bounce: add(1, mail, "hard_bounce", "bounced"); break;
      case Reserved::TempFail: add(1, mail, "deferral", "deferred"); break;
      case Reserved::Unknown: break;
      case Reserved::Complaint:
        add(1, mail, "delivered", "sent");
        add(2, mail, "spam", "spam");
        break;
      case Reserved::None:
      case Reserved::Ok:
      case Reserved::Slow: add(1, mail, "delivered", "sent"); break;
    }
  }
  std::vector<Callback> steps;
  for (const std::string& post : posts) {
    if (post.empty()) continue;
    const std::string events = "[" + post + "]";
    steps.push_back({.url = url,
                     .headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                                 {"User-Agent", "Mandrill-Webhook/1.0"},
                                 {"X-Mandrill-Signature", mandrill_signature(webhook_key_, url, events)}},
                     .body = net::form_encode({{"mandrill_events", events}})});
  }
  callbacks_.tell(std::move(steps));
}

net::HttpResponse Mailchimp::refuse(int status, int code, std::string_view name,
                                    std::string_view message) const {
  context_.log->refused(Vendor::Mailchimp, name);
  base::JsonWriter out;
  out.object().field("status", "error").field("code", code).field("name", name).field("message", message);
  return json_response(status, out.end_object().str());
}

std::unique_ptr<H1Vendor> make_mailchimp(Stage& stage) { return std::make_unique<Mailchimp>(stage); }

}  // namespace carillon::sim
