#include "model/address.h"

#include <algorithm>
#include <array>

namespace carillon::model {
namespace {

// 3GPP TS 23.038 §6.2.1, the default alphabet outside ASCII, ascending.
constexpr std::array<char32_t, 39> kGsmBeyondAscii{
    0x00A1, 0x00A3, 0x00A4, 0x00A5, 0x00A7, 0x00BF, 0x00C4, 0x00C5, 0x00C6, 0x00C7, 0x00C9, 0x00D1, 0x00D6,
    0x00D8, 0x00DC, 0x00DF, 0x00E0, 0x00E4, 0x00E5, 0x00E6, 0x00E8, 0x00E9, 0x00EC, 0x00F1, 0x00F2, 0x00F6,
    0x00F8, 0x00F9, 0x00FC, 0x0393, 0x0394, 0x0398, 0x039B, 0x039E, 0x03A0, 0x03A3, 0x03A6, 0x03A8, 0x03A9};
static_assert(std::ranges::is_sorted(kGsmBeyondAscii));

constexpr int kGsmSingle = 160, kGsmPart = 153;  // septets; a part's header takes 7 (TS 23.040 §9.2.3.24.1)
constexpr int kUcs2Single = 70, kUcs2Part = 67;  // UTF-16 units; a part's header takes 3
constexpr char32_t kReplacement = 0xFFFD;

// Septets of a character in the default alphabet and its extension table (§6.2.1.1); 0: not in it.
int gsm_septets(char32_t c) {
  if (c < 0x80) {
    switch (c) {
      case '\f':
      case '^':
      case '{':
      case '}':
      case '\\':
      case '[':
      case '~':
      case ']':
      case '|': return 2;
      case '`': return 0;
      case '\n':
      case '\r': return 1;
      default: return c >= 0x20 && c != 0x7F ? 1 : 0;
    }
  }
  if (c == 0x20AC) return 2;  // €
  return std::ranges::binary_search(kGsmBeyondAscii, c) ? 1 : 0;
}

int utf16_units(char32_t c) { return c > 0xFFFF ? 2 : 1; }

// Takes the next character off `text`; a byte that begins none counts as U+FFFD.
char32_t take_character(std::string_view& text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  std::size_t length = 1;
  char32_t c = first;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
    c = first & 0x1FU;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    c = first & 0x0FU;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    c = first & 0x07U;
  } else if (first >= 0x80) {
    c = kReplacement;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (i >= text.size() || (byte(i) & 0xC0U) != 0x80U) {
      text.remove_prefix(1);
      return kReplacement;
    }
    c = (c << 6U) | (byte(i) & 0x3FU);
  }
  text.remove_prefix(length);
  return c;
}

struct Packed {
  int units = 0;
  int parts = 0;  // when split; a character is never cut in two
};

template <class UnitsOf>
Packed pack(std::string_view text, int part_size, UnitsOf units_of) {
  Packed packed;
  int left = 0;
  while (!text.empty()) {
    const int units = units_of(take_character(text));
    packed.units += units;
    if (units > left) {
      ++packed.parts;
      left = part_size;
    }
    left -= units;
  }
  return packed;
}

}  // namespace

SmsSegments count_segments(std::string_view utf8) {
  SmsSegments result;
  for (std::string_view rest = utf8; !rest.empty() && result.is_gsm7;) {
    result.is_gsm7 = gsm_septets(take_character(rest)) > 0;
  }
  const Packed packed =
      result.is_gsm7 ? pack(utf8, kGsmPart, gsm_septets) : pack(utf8, kUcs2Part, utf16_units);
  const int single = result.is_gsm7 ? kGsmSingle : kUcs2Single;
  result.units = packed.units;
  result.segments = packed.units > single ? packed.parts : (packed.units > 0 ? 1 : 0);
  return result;
}

}  // namespace carillon::model
