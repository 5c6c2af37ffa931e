#include "sim/ses.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/crypto.h"
#include "net/sigv4.h"
#include "sim/signing.h"
#include "sim/smtp_server.h"

namespace carillon::sim {
namespace {

constexpr std::string_view kRegion = "eu-west-1";
constexpr std::string_view kTopic = "arn:aws:sns:eu-west-1:000000000000:carillon-sim";
constexpr std::string_view kCertificatePath = "/sns/SimpleNotificationService-sim.pem";
constexpr std::string_view kConfirmPath = "/sns/";
constexpr std::size_t kRecipientsMax = 50;
constexpr std::size_t kRawMax = 40'000'000;  // bytes of base64
constexpr auto kSkewMax = std::chrono::minutes(15);

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

// The text between `before` and the next of ", "; empty when it is not there.
std::string_view part(std::string_view text, std::string_view before) noexcept {
  const std::size_t at = text.find(before);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + before.size());
  return text.substr(0, text.find(','));
}

// "20150830T123600Z" as RFC 3339.
std::optional<Time> time_of(std::string_view stamp) {
  if (stamp.size() != 16) return std::nullopt;
  return parse_rfc3339(fmt::format("{}-{}-{}T{}:{}:{}Z", stamp.substr(0, 4), stamp.substr(4, 2),
                                   stamp.substr(6, 2), stamp.substr(9, 2), stamp.substr(11, 2),
                                   stamp.substr(13, 2)));
}

// The headers a signature names, with their values; nullopt: one is not there.
std::optional<net::Headers> signed_headers(const net::HttpRequest& request, std::string_view names) {
  net::Headers out;
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(';'), names.size());
    const std::string_view name = names.substr(0, end);
    const std::string_view value = request.header(name);
    if (value.empty()) return std::nullopt;
    out.emplace_back(std::string(name), std::string(value));
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return out;
}

std::string header_of_mail(std::string_view mail, std::string_view name) {
  const std::string wanted = fmt::format("\n{}: ", name);
  const std::string_view head = mail.substr(0, mail.find("\r\n\r\n"));
  const std::size_t at = head.find(wanted);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = head.substr(at + wanted.size());
  return std::string(rest.substr(0, rest.find('\r')));
}

// The address in "Name <a@b>" or "a@b".
std::string_view address_in(std::string_view mailbox) noexcept {
  const std::size_t open = mailbox.rfind('<');
  if (open == std::string_view::npos) return mailbox;
  mailbox.remove_prefix(open + 1);
  return mailbox.substr(0, mailbox.find('>'));
}

bool is_tag(std::string_view text) noexcept {
  constexpr std::size_t kMax = 256;
  return !text.empty() && text.size() <= kMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// {"name":["value"]}; nullopt: one is not allowed.
std::optional<std::string> tags_of(base::JsonElement root) {
  base::JsonWriter out;
  out.object();
  base::JsonArray tags;
  if (root["EmailTags"].get(tags) == simdjson::SUCCESS) {
    for (const auto tag : tags) {
      const std::string_view name = text_of(tag, "Name");
      const std::string_view value = text_of(tag, "Value");
      if (!is_tag(name) || !is_tag(value)) return std::nullopt;
      out.key(name).array().value(value).end_array();
    }
  }
  return out.end_object().str();
}

std::string about(const Mailed& mail, std::string_view key, const std::string& now) {
  base::JsonWriter out;
  if (key == "bounce") {
    out.object().field("bounceType", "Permanent").field("bounceSubType", "General").field("timestamp", now);
    out.key("bouncedRecipients")
        .array()
        .object()
        .field("emailAddress", mail.recipient)
        .field("status", "5.1.1");
    out.field("action", "failed").field("diagnosticCode", "smtp; 550 5.1.1 user unknown");
    out.end_object().end_array();
  } else if (key == "complaint") {
    out.object().field("complaintFeedbackType", "abuse").field("timestamp", now);
    out.key("complainedRecipients")
        .array()
        .object()
        .field("emailAddress", mail.recipient)
        .end_object()
        .end_array();
  } else if (key == "delivery") {
    out.object().field("timestamp", now).key("recipients").array().value(mail.recipient).end_array();
    out.field("smtpResponse", "250 2.0.0 OK");
  } else {
    out.object();
  }
  return out.end_object().str();
}

}  // namespace

Ses::Ses(Stage& stage)
    : context_(stage.context),
      callbacks_(stage.callbacks),
      access_key_id_("AKIA" + upper(context_.credentials.made("ses access key id", 8))),
      secret_access_key_(context_.credentials.made("ses secret access key", 20)) {}

H1Answer Ses::handle(const net::HttpRequest& request, const Draw& draw) {
  const std::string_view path = request.path();
  if (path == kCertificatePath) {
    return {.response = {.status = 200,
                         .headers = {{"Content-Type", "application/x-pem-file"}},
                         .body = context_.credentials.webhook_certificate}};
  }
  if (path == kConfirmPath) return {.response = confirm(request.query())};
  if (const Refusal refusal = check_signature(request); refusal.status != 0)
    return {.response = refuse(refusal)};
  if (path == "/v2/email/account" && request.method == "GET") {
    return {.response = json_response(
                200, R"({"SendingEnabled":true,"ProductionAccessEnabled":true,"SendQuota":{}})")};
  }
  if (path == "/v2/email/outbound-emails" && request.method == "POST") return send(request, draw);
  return {.response = refuse(Refusal{404, "UnknownOperationException", "Unknown operation"})};
}

net::HttpResponse Ses::refuse(Trouble trouble, const Draw& draw) {
  switch (trouble) {
    case Trouble::Throttled:
      return refuse(Refusal{429, "TooManyRequestsException", "Maximum sending rate exceeded."});
    case Trouble::ServerError:
      return draw.status_5xx == 503 ? refuse(Refusal{503, "ServiceUnavailable", "Service Unavailable"})
                                    : refuse(Refusal{draw.status_5xx, "InternalFailure", "Internal Failure"});
    case Trouble::Unauthorized:
      return refuse(Refusal{403, "UnrecognizedClientException", "The security token is invalid."});
  }
  return refuse(Refusal{500, "InternalFailure", "Internal Failure"});
}

void Ses::describe(base::JsonWriter& out) const {
  out.field("region", kRegion).field("access_key_id", access_key_id_);
  out.field("secret_access_key", secret_access_key_.reveal()).field("topic_arn", kTopic);
}

Ses::Refusal Ses::check_signature(const net::HttpRequest& request) const {
  const std::string_view given = request.header("authorization");
  const std::string_view stamp = request.header("x-amz-date");
  if (!given.starts_with("AWS4-HMAC-SHA256 ")) {
    return {403, "MissingAuthenticationTokenException", "Missing Authentication Token"};
  }
  const auto at = time_of(stamp);
  const Time now = context_.clock.now();
  if (!at || *at < now - kSkewMax || *at > now + kSkewMax) {
    return {403, "InvalidSignatureException", "Signature expired or not yet current"};
  }
  const std::string scope =
      fmt::format("{}/{}/{}/ses/aws4_request", access_key_id_, stamp.substr(0, 8), kRegion);
  if (part(given, "Credential=") != scope) {
    return {403, "UnrecognizedClientException", "The security token included in the request is invalid."};
  }
  const std::string_view names = part(given, "SignedHeaders=");
  const auto headers = signed_headers(request, names);
  const bool has_needed = fmt::format(";{};", names).contains(";host;") && names.contains("x-amz-date");
  if (!headers || !has_needed)
    return {403, "InvalidSignatureException", "'Host' and 'X-Amz-Date' must be signed"};
  const std::string hash = base::hex(base::sha256(request.body));
  const net::SigV4Request what{.method = request.method,
                               .path = request.path(),
                               .query = request.query(),
                               .stamp = stamp,
                               .payload_hash = hash,
                               .headers = *headers};
  if (part(given, "Signature=") != net::sigv4_signature(what, secret_access_key_, kRegion, "ses")) {
    return {403, "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided."};
  }
  return {};
}

H1Answer Ses::send(const net::HttpRequest& request, const Draw& draw) {
  static thread_local base::JsonDocument document;
  const auto root = document.parse(request.body);
  const auto bad = [this](std::string_view message) -> H1Answer {
    return {.response = refuse(Refusal{400, "BadRequestException", message})};
  };
  if (!root) return {.response = refuse(Refusal{400, "SerializationException", "The body is not JSON"})};
  std::vector<std::string_view> all;
  for (const std::string_view kind :
       {std::string_view("ToAddresses"), std::string_view("CcAddresses"), std::string_view("BccAddresses")}) {
    base::JsonArray list;
    if ((*root)["Destination"][kind].get(list) != simdjson::SUCCESS) continue;
    for (const auto one : list) {
      std::string_view address;
      if (one.get(address) != simdjson::SUCCESS || !address.contains('@'))
        return bad("Missing final '@domain'");
      if (!is_mail_address(address)) return bad("Local address contains dot in an illegal place");
      all.push_back(address);
    }
  }
  if (all.empty()) return bad("No recipients specified");
  if (all.size() > kRecipientsMax) return bad("Recipient count exceeds 50.");
  std::string_view data;
  if ((*root)["Content"]["Raw"]["Data"].get(data) != simdjson::SUCCESS) return bad("Content is required");
  if (data.size() > kRawMax) return bad("Message length is more than the limit");
  const auto raw = base::unbase64(data);
  if (!raw) return {.response = refuse(Refusal{400, "SerializationException", "Data is not base64"})};
  const auto tags = tags_of(*root);
  if (!tags) return bad("Invalid tag");
  if (!is_verified_sender(address_in(header_of_mail("\n" + *raw, "From")))) {
    return {.response =
                refuse(Refusal{400, "MessageRejected",
                               "Email address is not verified. The following identities failed the check"})};
  }
  Mailed mail;
  mail.recipient = all.front();
  mail.delivery = header_of_mail("\n" + *raw, "X-Carillon-Delivery");
  mail.id = fmt::format("0102{}-000000", base::hex(base::random_bytes(14)));
  mail.reserved = reserved_address(mail.recipient);
  if (mail.reserved == Reserved::TempFail) {
    return {.response = refuse(Refusal{503, "ServiceUnavailable", "Service Unavailable"})};
  }
  context_.log->accepted({.time = context_.clock.now(),
                          .vendor = Vendor::Ses,
                          .recipient = mail.recipient,
                          .delivery = mail.delivery,
                          .collapse = {},
                          .message_id = mail.id,
                          .content = *raw,
                          .is_answered = draw.fault == Fault::None && mail.reserved != Reserved::Unknown});
  tell(mail, *tags, fmt::format("http://{}", request.header("host")));
  H1Answer answer{.response = json_response(200, fmt::format(R"({{"MessageId":"{}"}})", mail.id))};
  if (mail.reserved == Reserved::Unknown) answer.kind = H1Answer::Kind::Silent;
  if (mail.reserved == Reserved::Slow) answer.delay = context_.slow;
  return answer;
}

void Ses::tell(const Mailed& mail, std::string_view tags, const std::string& origin) {
  const std::string url = context_.webhooks.url(Vendor::Ses);
  if (url.empty()) return;
  const std::string now = to_rfc3339(context_.clock.now());
  std::vector<Callback> steps;
  const auto add = [&](std::string_view event, std::string_view key) {
    base::JsonWriter out;
    out.object().field("eventType", event).key("mail").object();
    out.field("timestamp", now).field("messageId", mail.id).key("destination").array().value(mail.recipient);
    out.end_array().key("tags").raw(tags).end_object();
    out.key(key).raw(about(mail, key, now)).end_object();
    steps.push_back(sns(url, "Notification", out.str(), origin, {}));
  };
  add("Send", "send");
  if (mail.reserved == Reserved::Bounce) {
    add("Bounce", "bounce");
  } else if (mail.reserved != Reserved::Unknown) {
    add("Delivery", "delivery");
    if (mail.reserved == Reserved::Complaint) add("Complaint", "complaint");
  }
  const std::lock_guard lock(mutex_);
  auto [entry, is_new] = subscriptions_.try_emplace(url);
  Subscription& subscription = entry->second;
  if (subscription.is_confirmed) {
    callbacks_.tell(std::move(steps));
    return;
  }
  if (is_new) {
    subscription.token = base::hex(base::random_bytes(32));
    callbacks_.post(
        sns(url, "SubscriptionConfirmation",
            "You have chosen to subscribe to the topic. To confirm the subscription, visit the SubscribeURL.",
            origin, subscription.token),
        Millis(0));
  }
  if (subscription.pending.size() < kPendingMax) subscription.pending.push_back(std::move(steps));
}

net::HttpResponse Ses::confirm(std::string_view query) {
  const auto fields = net::form_decode(query);
  const std::string_view token = fields ? field(*fields, "Token") : std::string_view();
  const std::lock_guard lock(mutex_);
  for (auto& [url, subscription] : subscriptions_) {
    if (token.empty() || subscription.token != token) continue;
    subscription.is_confirmed = true;
    for (auto& steps : std::exchange(subscription.pending, {})) callbacks_.tell(std::move(steps));
    return {.status = 200,
            .headers = {{"Content-Type", "text/xml"}},
            .body = "<ConfirmSubscriptionResponse></ConfirmSubscriptionResponse>"};
  }
  return {.status = 400,
          .headers = {},
          .body = "<ErrorResponse><Error><Code>InvalidParameter</Code></Error></ErrorResponse>"};
}

// Signed as topics are by default: version 1, SHA-1.
Callback Ses::sns(const std::string& url, std::string_view type, const std::string& message,
                  const std::string& origin, const std::string& token) const {
  const std::string id = base::hex(base::random_bytes(16));
  const std::string now = to_rfc3339(context_.clock.now());
  const std::string subscribe = token.empty()
                                    ? std::string()
                                    : fmt::format("{}{}?Action=ConfirmSubscription&TopicArn={}&Token={}",
                                                  origin, kConfirmPath, net::percent_encode(kTopic), token);
  std::string text = fmt::format("Message\n{}\nMessageId\n{}\n", message, id);
  if (!token.empty()) text += fmt::format("SubscribeURL\n{}\n", subscribe);
  text += fmt::format("Timestamp\n{}\n", now);
  if (!token.empty()) text += fmt::format("Token\n{}\n", token);
  text += fmt::format("TopicArn\n{}\nType\n{}\n", kTopic, type);
  base::JsonWriter out;
  out.object().field("Type", type).field("MessageId", id).field_if("Token", token).field("TopicArn", kTopic);
  out.field("Message", message).field_if("SubscribeURL", subscribe).field("Timestamp", now);
  out.field("SignatureVersion", "1");
  out.field("Signature", base::base64(sign_sha1(context_.credentials.webhook_rsa_key.reveal(), text)));
  out.field("SigningCertURL", origin + std::string(kCertificatePath)).end_object();
  return {.url = url,
          .headers = {{"Content-Type", "text/plain; charset=UTF-8"},
                      {"User-Agent", "Amazon Simple Notification Service Agent"},
                      {"x-amz-sns-message-type", std::string(type)},
                      {"x-amz-sns-message-id", id},
                      {"x-amz-sns-topic-arn", std::string(kTopic)}},
          .body = out.str()};
}

net::HttpResponse Ses::refuse(const Refusal& refusal) const {
  context_.log->refused(Vendor::Ses, refusal.type);
  base::JsonWriter out;
  out.object().field("message", refusal.message).end_object();
  net::HttpResponse response = json_response(refusal.status, out.str());
  response.headers.emplace_back("x-amzn-ErrorType",
                                fmt::format("{}:http://internal.amazon.com/coral/", refusal.type));
  return response;
}

std::unique_ptr<H1Vendor> make_ses(Stage& stage) { return std::make_unique<Ses>(stage); }

}  // namespace carillon::sim
