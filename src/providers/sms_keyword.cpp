#include "providers/sms_keyword.h"

#include <algorithm>

namespace carillon::providers {
namespace {

constexpr std::string_view kStop[] = {"STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "CANCEL", "END",
                                      "QUIT", "REVOKE",  "OPTOUT",   "OPT OUT",     "OPT-OUT"};
constexpr std::string_view kStart[] = {"START", "UNSTOP"};
constexpr std::size_t kWordMax = 16;

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
// A byte of a letter beyond ASCII belongs to the text, too.
bool is_around(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x80 && !is_letter(c) && !(c >= '0' && c <= '9');
}
char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

}  // namespace

SmsKeyword read_sms_keyword(std::string_view text) noexcept {
  while (!text.empty() && is_around(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_around(text.back())) text.remove_suffix(1);
  if (text.empty() || text.size() > kWordMax) return SmsKeyword::None;
  const auto is_it = [text](std::string_view word) {
    return std::ranges::equal(text, word, [](char a, char b) { return upper(a) == b; });
  };
  if (std::ranges::any_of(kStop, is_it)) return SmsKeyword::Stop;
  return std::ranges::any_of(kStart, is_it) ? SmsKeyword::Start : SmsKeyword::None;
}

}  // namespace carillon::providers
