// Hexadecimal and base64.
#include "base/crypto.h"

namespace carillon::base {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr char kStandard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kUrlSafe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode64(std::string_view bytes, const char* alphabet, bool is_padded) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = bytes.size() - i < 3 ? bytes.size() - i : 3;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      if (k <= have) {
        out += alphabet[group >> (18 - 6 * k) & 63];
      } else if (is_padded) {
        out += '=';
      }
    }
  }
  return out;
}

// Value of each character in either alphabet, or 255.
constexpr std::array<std::uint8_t, 256> make_values64() {
  std::array<std::uint8_t, 256> values{};
  values.fill(255);
  for (std::uint8_t i = 0; i < 64; ++i) {
    values[static_cast<unsigned char>(kStandard[i])] = i;
    values[static_cast<unsigned char>(kUrlSafe[i])] = i;
  }
  return values;
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string hex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto u = static_cast<unsigned char>(c);
    out += kHexDigits[u >> 4];
    out += kHexDigits[u & 15];
  }
  return out;
}

Result<Bytes> unhex(std::string_view text) {
  if (text.size() % 2 != 0) return fail(Errc::InvalidArgument, "hexadecimal text must have an even length");
  Bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]), low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return fail(Errc::InvalidArgument, "hexadecimal text may hold 0-9 and a-f only");
    out += static_cast<char>(high << 4 | low);
  }
  return out;
}

std::string base64(std::string_view bytes) { return encode64(bytes, kStandard, true); }

std::string base64url(std::string_view bytes) { return encode64(bytes, kUrlSafe, false); }

Result<Bytes> unbase64(std::string_view text) {
  static constexpr auto kValues = make_values64();
  const auto invalid = [] { return fail(Errc::InvalidArgument, "the text is not base64"); };
  if (text.ends_with('=')) {
    if (text.size() % 4 != 0) return invalid();
    text.remove_suffix(text.ends_with("==") ? 2 : 1);
    // What is left says how much padding belonged there.
    if (text.size() % 4 < 2) return invalid();
    if (text.ends_with('=')) return invalid();
  }
  if (text.size() % 4 == 1) return invalid();
  Bytes out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const std::uint8_t value = kValues[static_cast<unsigned char>(c)];
    if (value == 255) return invalid();
    group = (group << 6 | value) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(group >> bits & 0xff);
    }
  }
  if ((group & ((1U << bits) - 1)) != 0) return invalid();
  return out;
}

}  // namespace carillon::base
