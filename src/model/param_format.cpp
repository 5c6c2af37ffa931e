#include "model/param_format.h"

#include <fmt/format.h>
#include <unicode/datefmt.h>
#include <unicode/localebuilder.h>
#include <unicode/numberformatter.h>
#include <unicode/timezone.h>
#include <unicode/ucurr.h>

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include "model/decision.h"
#include "model/param_value.h"

namespace carillon::model::detail {
namespace {

constexpr std::size_t kFormattersKept = 256;  // of each kind, per thread
constexpr std::size_t kLocalesKept = 1024;    // pairs of locales, per thread

// A cache that forgets everything when it is full: makers of keys are recipients, so it has to end.
template <class T, class Make>
const T& kept(std::unordered_map<std::string, T>& cache, std::size_t max, std::string key, Make&& make) {
  if (const auto found = cache.find(key); found != cache.end()) return found->second;
  if (cache.size() >= max) cache.clear();
  return cache.emplace(std::move(key), make()).first->second;
}

icu::Locale locale_of(std::string_view tag) {
  std::string text(tag);
  std::ranges::replace(text, '_', '-');
  UErrorCode status = U_ZERO_ERROR;
  const icu::Locale locale = icu::Locale::forLanguageTag(text, status);
  return U_SUCCESS(status) && *locale.getLanguage() != '\0' ? locale : icu::Locale::getRoot();
}

std::string tag_of(const icu::Locale& locale) {
  UErrorCode status = U_ZERO_ERROR;
  std::string tag = locale.toLanguageTag<std::string>(status);
  return U_SUCCESS(status) ? tag : std::string("en");
}

Customs combine(std::string_view text_tag, std::string_view recipient_tag) {
  const icu::Locale text = locale_of(text_tag), recipient = locale_of(recipient_tag);
  const bool has_text = text != icu::Locale::getRoot(), has_recipient = recipient != icu::Locale::getRoot();
  const std::string text_only = has_text ? tag_of(text) : "en";
  if (!has_recipient) return {text_only, text_only};
  UErrorCode status = U_ZERO_ERROR;
  icu::Locale full_text = text, full = recipient;
  full_text.addLikelySubtags(status);
  full.addLikelySubtags(status);
  const auto is_same = [](const char* a, const char* b) { return std::string_view(a) == b; };
  const bool is_one_language = is_same(full_text.getLanguage(), full.getLanguage()) &&
                               is_same(full_text.getScript(), full.getScript());
  if (!has_text || is_one_language) return {tag_of(recipient), tag_of(recipient)};
  const icu::Locale times = icu::LocaleBuilder().setLocale(text).setRegion(full.getCountry()).build(status);
  const icu::Locale numbers =
      icu::LocaleBuilder().setLocale(recipient).setUnicodeLocaleKeyword("nu", "latn").build(status);
  if (U_FAILURE(status)) return {text_only, text_only};
  return {tag_of(numbers), tag_of(times)};
}

// No-break spaces become plain ones.
void append_plain(std::string& out, const icu::UnicodeString& text) {
  icu::UnicodeString plain(text);
  plain.findAndReplace(icu::UnicodeString(char16_t{0x00A0}), icu::UnicodeString(u' '));
  plain.findAndReplace(icu::UnicodeString(char16_t{0x202F}), icu::UnicodeString(u' '));
  plain.toUTF8String(out);
}

bool append_decimal(std::string& out, const icu::number::LocalizedNumberFormatter& formatter,
                    std::string_view decimal) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::StringPiece digits(decimal.data(), static_cast<int32_t>(decimal.size()));
  const icu::UnicodeString text = formatter.formatDecimal(digits, status).toString(status);
  if (U_FAILURE(status)) return false;
  append_plain(out, text);
  return true;
}

std::string decimal_text(base::JsonElement value) {
  std::string text;
  append_value_text(text, ParamType::Number, value);
  return text;
}

bool append_number(std::string& out, base::JsonElement value, std::string_view locale) {
  using icu::number::LocalizedNumberFormatter;
  thread_local std::unordered_map<std::string, LocalizedNumberFormatter> formatters;
  const auto& formatter = kept(formatters, kFormattersKept, std::string(locale), [&] {
    return icu::number::NumberFormatter::withLocale(locale_of(locale))
        .precision(icu::number::Precision::unlimited());
  });
  return append_decimal(out, formatter, decimal_text(value));
}

// As many fraction digits as the currency has, and more where more were given: nothing is rounded away.
bool append_money(std::string& out, base::JsonElement value, std::string_view locale) {
  using icu::number::LocalizedNumberFormatter;
  thread_local std::unordered_map<std::string, LocalizedNumberFormatter> formatters;
  const std::string amount = decimal_text(value["amount"].value_unsafe());
  const std::string_view code = value["currency"].get_string().value_unsafe();
  const auto dot = amount.find('.');
  const auto given = dot == std::string::npos ? 0 : static_cast<int32_t>(amount.size() - dot - 1);
  UErrorCode status = U_ZERO_ERROR;
  icu::UnicodeString iso =
      icu::UnicodeString::fromUTF8(icu::StringPiece(code.data(), static_cast<int32_t>(code.size())));
  const int32_t usual = ucurr_getDefaultFractionDigits(iso.getTerminatedBuffer(), &status);
  const icu::CurrencyUnit unit(iso.getTerminatedBuffer(), status);
  if (U_FAILURE(status)) return false;
  const auto make = [&](int32_t most) {
    return icu::number::NumberFormatter::withLocale(locale_of(locale))
        .unit(unit)
        .precision(icu::number::Precision::minMaxFraction(usual, most));
  };
  if (given > usual) return append_decimal(out, make(given), amount);
  const auto& formatter =
      kept(formatters, kFormattersKept, fmt::format("{} {}", code, locale), [&] { return make(usual); });
  return append_decimal(out, formatter, amount);
}

enum class Shape : std::uint8_t { Date, Time, Both };

// Formats what a wall clock shows: the offset is ours, so that all of Carillon knows the same time zones.
bool append_clock(std::string& out, Shape shape, Time wall, std::string_view locale) {
  thread_local std::unordered_map<std::string, std::unique_ptr<icu::DateFormat>> formatters;
  const auto& formatter =
      kept(formatters, kFormattersKept, fmt::format("{} {}", static_cast<int>(shape), locale), [&] {
        const icu::Locale where = locale_of(locale);
        using icu::DateFormat;
        std::unique_ptr<DateFormat> made(
            shape == Shape::Date ? DateFormat::createDateInstance(DateFormat::kLong, where)
            : shape == Shape::Time
                ? DateFormat::createTimeInstance(DateFormat::kShort, where)
                : DateFormat::createDateTimeInstance(DateFormat::kLong, DateFormat::kShort, where));
        if (made) made->setTimeZone(*icu::TimeZone::getGMT());
        return made;
      });
  if (!formatter) return false;
  icu::UnicodeString text;
  formatter->format(static_cast<UDate>(to_ms(wall)), text);
  append_plain(out, text);
  return true;
}

bool append_time(std::string& out, ParamType type, Reference::Form form, std::string_view value,
                 std::string_view locale, std::string_view time_zone) {
  if (type == ParamType::Date) {
    const auto day = parse_rfc3339(std::string(value) + "T00:00:00Z");
    return day && append_clock(out, Shape::Date, *day, locale);
  }
  const auto at = parse_rfc3339(value);
  if (!at) return false;
  const Shape shape = form == Reference::Form::Date   ? Shape::Date
                      : form == Reference::Form::Time ? Shape::Time
                                                      : Shape::Both;
  return append_clock(out, shape, *at + utc_offset(time_zone, *at), locale);
}

}  // namespace

const Customs& customs_of(std::string_view text_locale, std::string_view recipient_locale) {
  thread_local std::unordered_map<std::string, Customs> known;
  return kept(known, kLocalesKept, fmt::format("{} {}", text_locale, recipient_locale),
              [&] { return combine(text_locale, recipient_locale); });
}

bool has_formats(ParamType type) noexcept {
  return type == ParamType::Number || type == ParamType::Money || type == ParamType::Date ||
         type == ParamType::DateTime;
}

void append_formatted(std::string& out, ParamType type, Reference::Form form, base::JsonElement value,
                      const Customs& customs, std::string_view time_zone) {
  const std::size_t before = out.size();
  bool is_done = false;
  std::string_view text;
  if (type == ParamType::Number) {
    is_done = append_number(out, value, customs.numbers);
  } else if (type == ParamType::Money) {
    is_done = append_money(out, value, customs.numbers);
  } else if (value.get(text) == simdjson::SUCCESS) {
    is_done = append_time(out, type, form, text, customs.times, time_zone);
  }
  if (is_done) return;
  out.resize(before);
  append_value_text(out, type, value);
}

}  // namespace carillon::model::detail
