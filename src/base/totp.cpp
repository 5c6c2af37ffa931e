#include "base/totp.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"

namespace carillon::base {
namespace {

constexpr std::uint32_t kCodes = 1'000'000;

// base has no URL functions (net has): letters, digits and -._~ stay (RFC 3986 §2.3).
std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          c == '-' || c == '.' || c == '_' || c == '~';
    out += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace

std::int64_t totp_step(Time t) noexcept { return to_ms(t) / kTotpStep.count(); }

std::string totp_code(std::string_view secret, std::int64_t step) {
  Bytes counter(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) counter[7 - i] = static_cast<char>(step >> (8 * i));
  const Bytes mac = hmac_sha1(secret, counter);
  const auto byte = [&](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(mac[i])}; };
  const std::size_t at = byte(19) & 0xF;  // dynamic truncation, RFC 4226 §5.3
  const std::uint32_t number =
      ((byte(at) & 0x7F) << 24) | (byte(at + 1) << 16) | (byte(at + 2) << 8) | byte(at + 3);
  return fmt::format("{:06}", number % kCodes);
}

std::optional<std::int64_t> match_totp(std::string_view secret, std::string_view code, Time now,
                                       std::int64_t last) {
  std::string digits(code);
  std::erase(digits, ' ');
  const std::int64_t present = totp_step(now);
  std::optional<std::int64_t> found;
  for (std::int64_t step = present - kTotpWindow; step <= present + kTotpWindow; ++step) {
    const bool is_it = equal_constant_time(totp_code(secret, step), digits);
    if (is_it && step > last && !found) found = step;
  }
  return found;
}

std::string base32(std::string_view bytes) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string out;
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : bytes) {
    buffer = (buffer << 8) | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 5; bits -= 5) out += kAlphabet[(buffer >> (bits - 5)) & 31];
    buffer &= (1U << bits) - 1;
  }
  if (bits > 0) out += kAlphabet[(buffer << (5 - bits)) & 31];
  return out;
}

std::string otpauth_url(std::string_view issuer, std::string_view account, std::string_view secret) {
  return fmt::format("otpauth://totp/{0}:{1}?secret={2}&issuer={0}&algorithm=SHA1&digits=6&period={3}",
                     escape(issuer), escape(account), base32(secret), kTotpStep.count() / 1000);
}

}  // namespace carillon::base
