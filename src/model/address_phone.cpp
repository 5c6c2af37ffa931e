#include "model/address.h"

// The only file that sees libphonenumber: its headers are heavy and bring protobuf along.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#include <phonenumbers/phonenumberutil.h>
#pragma clang diagnostic pop

namespace carillon::model {
namespace {

namespace phones = i18n::phonenumbers;

constexpr std::size_t kPhoneTextMax = 40;  // bytes as typed: 15 digits and their punctuation
constexpr std::size_t kE164Max = 16;       // bytes: the plus and 15 digits (ITU-T E.164 §6)

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Digits with their leading plus, without punctuation; empty when `text` holds anything else. Letters
// ("1-800-FLOWERS") and extensions are refused: no provider dials them.
std::string without_punctuation(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_digit(c) || (c == '+' && out.empty())) {
      out += c;
    } else if (std::string_view(" -.()/").find(c) == std::string_view::npos) {
      return {};
    }
  }
  return out;
}

}  // namespace

Result<std::string> normalize_phone(std::string_view text, std::string_view country) {
  if (text.size() > kPhoneTextMax) {
    return fail(Errc::InvalidArgument, "The phone number is longer than 40 characters.");
  }
  std::string digits = without_punctuation(text);
  if (digits.empty() || digits == "+") {
    return fail(Errc::InvalidArgument, "Write the phone number with digits, as +821012345678.");
  }
  if (reserved_recipient(digits) != ReservedRecipient::None) return digits;
  const bool is_international = digits.front() == '+';
  if (!is_international && country.empty()) {
    return fail(Errc::InvalidArgument,
                "Write the phone number as +821012345678, or give its country too, as country_code KR.");
  }
  if (!country.empty() && !is_country_code(country)) {
    return fail(Errc::InvalidArgument, "The country must be an ISO 3166 code of two capital letters, as KR.");
  }
  const phones::PhoneNumberUtil& util = *phones::PhoneNumberUtil::GetInstance();
  phones::PhoneNumber number;
  const std::string region(is_international ? "ZZ" : country);  // ZZ: no region; the text says it
  if (util.Parse(digits, region, &number) != phones::PhoneNumberUtil::NO_PARSING_ERROR) {
    return fail(Errc::InvalidArgument, "This is no phone number; write it as +821012345678.");
  }
  if (!util.IsValidNumber(number)) {
    return fail(Errc::InvalidArgument, "No such phone number can exist in its country's numbering plan.");
  }
  std::string e164;
  util.Format(number, phones::PhoneNumberUtil::E164, &e164);
  // Some numbering plans (Germany's) allow more inside the country than E.164 allows in all.
  if (e164.size() > kE164Max) return fail(Errc::InvalidArgument, "The phone number has more than 15 digits.");
  return e164;
}

}  // namespace carillon::model
