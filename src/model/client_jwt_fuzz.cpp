// Feeds any text to the readers of clients' tokens. Nothing may be taken that was not signed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/crypto.h"
#include "model/client_jwt.h"
#include "model/client_token.h"

namespace {

using namespace carillon;

const model::ClientJwtVerifier& verifier() {
  static const auto kVerifier = [] {
    model::ClientJwt jwt;
    jwt.issuer = "i";
    jwt.audience = "a";
    jwt.keys = {{"", base::JwsAlgorithm::HS256, "", "s", ""}};
    auto opened = model::ClientJwtVerifier::open(jwt, [](const model::ClientJwtKey&) -> Result<base::Secret> {
      return base::Secret(std::string(32, 's'));
    });
    if (!opened) std::abort();
    return std::move(*opened);
  }();
  return kVerifier;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Time now = from_ms(1'800'000'000'000);
  static const base::Secret kKey(std::string(32, 'k'));
  const auto token = model::read_client_token(text, "0123abcd", kKey, now);
  if (token && model::write_client_token(*token, "0123abcd", kKey) != text) std::abort();
  static_cast<void>(verifier().verify(text, now));
  // The same claims signed: what is read after the signature sees any bytes too.
  const std::string input = base::base64url(R"({"alg":"HS256"})") + "." + base::base64url(text);
  const auto claims =
      verifier().verify(input + "." + base::base64url(base::hmac_sha256(std::string(32, 's'), input)), now);
  if (claims && (claims->user_id.empty() || claims->expires_at <= now)) std::abort();
  // And as the setting.
  base::JsonDocument document;
  const auto root = document.parse(text);
  if (!root) return 0;
  base::Problems problems;
  const auto setting = model::read_client_jwt(*root, "", nullptr, problems);
  if (problems.empty() && setting.keys.empty()) std::abort();
  return 0;
}
