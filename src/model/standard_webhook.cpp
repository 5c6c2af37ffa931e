#include "model/standard_webhook.h"

#include <fmt/format.h>

#include "base/crypto.h"

namespace carillon::model {
namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr std::size_t kKeyBytesMin = 24, kKeyBytesMax = 64, kKeyBytes = 32;

}  // namespace

Result<std::string> webhook_key(std::string_view secret) {
  if (secret.starts_with(kPrefix)) {
    auto key = base::unbase64(secret.substr(kPrefix.size()));
    if (key && key->size() >= kKeyBytesMin && key->size() <= kKeyBytesMax) return key;
  }
  return fail(Errc::InvalidArgument, "a webhook's secret is whsec_ and the base64 of 24 to 64 bytes");
}

base::Secret make_webhook_secret() {
  return base::Secret(std::string(kPrefix) + base::base64(base::random_bytes(kKeyBytes)));
}

Result<std::vector<std::pair<std::string, std::string>>> webhook_headers(
    const std::string& id, const std::string& body, std::span<const base::Secret> secrets, Time now) {
  const std::string timestamp = std::to_string(to_ms(now) / 1000);
  std::vector<std::pair<std::string, std::string>> headers{
      {"content-type", "application/json"}, {"webhook-id", id}, {"webhook-timestamp", timestamp}};
  std::string signatures;
  for (const base::Secret& secret : secrets) {
    CARILLON_TRY(const std::string key, webhook_key(secret.reveal()));
    const base::Bytes mac = base::hmac_sha256(key, fmt::format("{}.{}.{}", id, timestamp, body));
    signatures += fmt::format("{}v1,{}", signatures.empty() ? "" : " ", base::base64(mac));
  }
  if (!signatures.empty()) headers.emplace_back("webhook-signature", std::move(signatures));
  return headers;
}

}  // namespace carillon::model
