// Feeds any body to the readers of Vonage's webhooks, as a form, as JSON and as an event, signed as Vonage
// signs, so that what is read after the signature sees any bytes too. Unsigned, nothing may be taken.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "providers/vonage_signature.h"
#include "providers/vonage_sms.h"
#include "providers/vonage_voice.h"

namespace {

using namespace carillon;
using namespace carillon::providers;

constexpr std::string_view kSecret = "secret";
constexpr std::int64_t kNowS = 1'790'000'000;

CallbackRequest request_of(std::string body, std::string content_type) {
  CallbackRequest request;
  request.method = "POST";
  request.url = "https://example.com/v1/callbacks/x/main?d=dlv_0123456789abc";
  request.headers = {{"content-type", std::move(content_type)}};
  request.body = std::move(body);
  request.now = from_ms(kNowS * 1000);
  return request;
}

void check(const CallbackReading& reading, const CallbackRequest& request) {
  for (const auto& receipt : reading.receipts) {
    if (receipt.at > request.now) std::abort();
    if (!receipt.address.starts_with('+')) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const auto* const type : {"application/x-www-form-urlencoded", "application/json"}) {
    if (read_vonage_fields(request_of(text, type), kSecret, VonageMethod::Sha256)) std::abort();
    // As an event: the body is hashed, not read.
    const std::string input = base::base64url(R"({"alg":"HS256"})") + "." + base::base64url(text);
    auto event = request_of(text, type);
    event.headers.emplace_back("authorization",
                               "Bearer " + input + "." + base::base64url(base::hmac_sha256(kSecret, input)));
    if (check_vonage_token(event, kSecret, "application")) std::abort();  // a body that names its own hash
    event.headers.back().second = "Bearer " + text;
    if (check_vonage_token(event, kSecret, "application")) std::abort();
  }
  vonage_voice_detail::Options voice;
  voice.signature_secret = base::Secret(std::string(kSecret));
  const std::string claims =
      fmt::format(R"({{"iat":{},"payload_hash":"{}"}})", kNowS, base::hex(base::sha256(text)));
  const std::string input = base::base64url(R"({"alg":"HS256"})") + "." + base::base64url(claims);
  auto event = request_of(text, "application/json");
  event.headers.emplace_back("authorization",
                             "Bearer " + input + "." + base::base64url(base::hmac_sha256(kSecret, input)));
  const auto told = vonage_voice_detail::read_callback(event, voice);
  if (told) check(*told, event);
  auto form = net::form_decode(text);
  if (!form) return 0;
  vonage_sms_detail::Options sms;
  sms.signature_secret = base::Secret(std::string(kSecret));
  form->emplace_back("timestamp", std::to_string(kNowS));
  form->emplace_back("sig", vonage_signature(*form, kSecret, VonageMethod::Sha256));
  const auto request = request_of(net::form_encode(*form), "application/x-www-form-urlencoded");
  const auto read = vonage_sms_detail::read_callback(request, sms);
  if (read) check(*read, request);
  return 0;
}
