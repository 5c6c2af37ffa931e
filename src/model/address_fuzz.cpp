// libFuzzer: whatever is typed as an e-mail address, a phone number, a locale or a text message is
// refused or normalised, and what was normalised once stays as it is.
#include "model/address.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  if (size == 0) return 0;
  static constexpr std::string_view kCountries[] = {"", "KR", "US", "GB", "CN", "DE", "BR", "XX"};
  const std::string_view country = kCountries[data[0] % 8];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);

  if (const auto email = model::normalize_email(text)) {
    CARILLON_ASSERT(model::normalize_email(*email) == *email);
    CARILLON_ASSERT(email->find_first_of("\r\n") == std::string::npos);
  }
  if (const auto phone = model::normalize_phone(text, country)) {
    CARILLON_ASSERT(phone->starts_with('+') && phone->size() <= 16);
    CARILLON_ASSERT(phone->find_first_not_of("0123456789", 1) == std::string::npos);
  }
  const model::SmsSegments segments = model::count_segments(text);
  CARILLON_ASSERT(segments.units >= segments.segments && (text.empty() || segments.segments > 0));
  if (model::is_locale(text)) CARILLON_ASSERT(text.size() <= 35);
  static_cast<void>(model::is_key(text));
  static_cast<void>(model::reserved_recipient(text));
  return 0;
}
