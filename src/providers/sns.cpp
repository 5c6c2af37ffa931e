#include "providers/sns.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "providers/letter.h"

namespace carillon::providers {
namespace {

constexpr std::string_view kNotification = "Notification";
constexpr std::string_view kSubscribe = "SubscriptionConfirmation";
constexpr std::string_view kUnsubscribe = "UnsubscribeConfirmation";
constexpr std::size_t kFetchedMax = 64 * 1024;
constexpr std::size_t kCertificatesMax = 8;  // Amazon has one per region and renews it yearly
constexpr auto kCertificateLife = std::chrono::hours(24);
// SNS repeats what was not taken, with the first signature; to a URL for hours.
constexpr auto kAgeMax = std::chrono::hours(25);
constexpr auto kAheadMax = std::chrono::minutes(5);

// The time it was published is signed.
Result<void> check_time(const SnsMessage& message, Time now) {
  const auto at = parse_rfc3339(message.timestamp);
  if (at && *at >= now - kAgeMax && *at <= now + kAheadMax) return {};
  return fail(Errc::Unauthenticated, "the signed Timestamp is too long ago, or ahead of us");
}

}  // namespace

bool is_aws_region(std::string_view text) noexcept {
  constexpr std::size_t kMax = 32;
  return !text.empty() && text.size() <= kMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

Result<SnsMessage> read_sns_message(std::string_view body) {
  base::JsonDocument document;
  const auto root = document.parse(body);
  if (!root || !root->is_object()) {
    return fail(Errc::Unauthenticated, "the body is not a message of SNS; raw message delivery must be off");
  }
  SnsMessage message;
  const std::pair<std::string_view, std::string*> fields[] = {
      {"Type", &message.type},
      {"Message", &message.message},
      {"MessageId", &message.message_id},
      {"Subject", &message.subject},
      {"Timestamp", &message.timestamp},
      {"TopicArn", &message.topic_arn},
      {"Token", &message.token},
      {"SubscribeURL", &message.subscribe_url},
      {"SignatureVersion", &message.signature_version},
      {"Signature", &message.signature},
      {"SigningCertURL", &message.signing_cert_url}};
  for (const auto& [name, target] : fields) *target = text_at(*root, name);
  std::string_view subject;
  message.has_subject = (*root)["Subject"].get(subject) == simdjson::SUCCESS;
  return message;
}

std::string sns_signed_text(const SnsMessage& m) {
  std::string text = fmt::format("Message\n{}\nMessageId\n{}\n", m.message, m.message_id);
  if (m.type == kNotification) {
    if (m.has_subject) text += fmt::format("Subject\n{}\n", m.subject);
  } else {
    text += fmt::format("SubscribeURL\n{}\n", m.subscribe_url);
  }
  text += fmt::format("Timestamp\n{}\n", m.timestamp);
  if (m.type != kNotification) text += fmt::format("Token\n{}\n", m.token);
  return text + fmt::format("TopicArn\n{}\nType\n{}\n", m.topic_arn, m.type);
}

bool is_sns_url(std::string_view url, std::string_view origin) {
  const auto parsed = net::parse_url(url);
  if (!parsed) return false;
  if (!origin.empty()) {
    const auto wanted = net::parse_url(origin);
    if (wanted && parsed->origin() == wanted->origin()) return true;
  }
  constexpr std::string_view kPrefix = "https://sns.";
  if (!url.starts_with(kPrefix) || parsed->scheme != "https" || parsed->port != 443) return false;
  std::string_view host = parsed->host;
  for (const std::string_view domain :
       {std::string_view(".amazonaws.com"), std::string_view(".amazonaws.com.cn")}) {
    if (!host.ends_with(domain)) continue;
    const std::string_view rest = host.substr(0, host.size() - domain.size());
    return rest.starts_with("sns.") && is_aws_region(rest.substr(4));
  }
  return false;
}

Task<Result<std::string>> SnsReceiver::fetch(std::string url, base::Deadline deadline) {
  net::HttpCall call;
  call.url = std::move(url);
  call.response_body_max = kFetchedMax;
  call.ca_file = options_.ca_file;
  call.is_public_only = options_.origin.empty();
  const auto response = co_await http_->call(std::move(call), deadline);
  if (!response)
    co_return fail(Errc::Unavailable, "Amazon SNS could not be asked: " + response.error().detail);
  if (response->status != 200) {
    co_return fail(Errc::Unavailable, fmt::format("Amazon SNS answered {}", response->status));
  }
  co_return response->body;
}

Task<Result<base::PublicKey>> SnsReceiver::key_of(std::string url, Time now, base::Deadline deadline) {
  if (!is_sns_url(url, options_.origin)) {
    co_return fail(Errc::Unauthenticated, "SigningCertURL is not a URL of Amazon SNS");
  }
  const auto known = certificates_.find(url);
  if (known != certificates_.end() && known->second.until > now) co_return known->second.key;
  CARILLON_CO_TRY(const std::string pem, co_await fetch(url, deadline));
  auto key = base::PublicKey::from_certificate(pem, now);
  if (!key)
    co_return fail(Errc::Unavailable, "what is at SigningCertURL cannot be used: " + key.error().message);
  if (certificates_.size() >= kCertificatesMax) certificates_.clear();
  certificates_.insert_or_assign(std::move(url), Certificate{*key, now + kCertificateLife});
  co_return *key;
}

Task<Result<std::string>> SnsReceiver::receive(const CallbackRequest& request, base::Deadline deadline) {
  CARILLON_CO_TRY(const SnsMessage message, read_sns_message(request.body));
  const bool is_confirmation = message.type == kSubscribe || message.type == kUnsubscribe;
  if (message.type != kNotification && !is_confirmation) {
    co_return fail(Errc::Unauthenticated, "Type is none that SNS sends");
  }
  if (request.header("x-amz-sns-message-type") != message.type) {
    co_return fail(Errc::Unauthenticated, "the header x-amz-sns-message-type is missing or another");
  }
  // Anybody can have a topic, and Amazon signs for all of them.
  if (options_.topic_arn.empty() || message.topic_arn != options_.topic_arn) {
    co_return fail(Errc::Unauthenticated, "TopicArn is not the integration's topic_arn");
  }
  const bool is_sha1 = message.signature_version == "1";
  if (!is_sha1 && message.signature_version != "2") {
    co_return fail(Errc::Unauthenticated, "SignatureVersion is neither 1 nor 2");
  }
  const auto signature = base::unbase64(message.signature);
  if (!signature || signature->empty()) co_return fail(Errc::Unauthenticated, "Signature is not base64");
  CARILLON_CO_TRY(const base::PublicKey key,
                  co_await key_of(message.signing_cert_url, request.now, deadline));
  const auto hash = is_sha1 ? base::SignatureHash::Sha1 : base::SignatureHash::Sha256;
  if (!key.verify(hash, sns_signed_text(message), *signature)) {
    co_return fail(Errc::Unauthenticated, "Signature does not fit the message");
  }
  CARILLON_CO_CHECK(check_time(message, request.now));
  if (message.type == kNotification) co_return message.message;
  if (message.type == kSubscribe) {
    if (!is_sns_url(message.subscribe_url, options_.origin)) {
      co_return fail(Errc::Unauthenticated, "SubscribeURL is not a URL of Amazon SNS");
    }
    CARILLON_CO_TRY(const std::string confirmed, co_await fetch(message.subscribe_url, deadline));
    static_cast<void>(confirmed);
  }
  co_return std::string();
}

}  // namespace carillon::providers
