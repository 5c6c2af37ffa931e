#include "model/param_format.h"

#include <gtest/gtest.h>

#include "model/decision.h"

namespace carillon::model::detail {
namespace {

std::string shown(ParamType type, std::string_view json, std::string_view locale, std::string_view zone = {},
                  Reference::Form form = Reference::Form::Shown) {
  base::JsonDocument document;
  std::string out;
  append_formatted(out, type, form, *document.parse(json), {std::string(locale), std::string(locale)}, zone);
  return out;
}

TEST(ParamFormat, TakesTheWordsOfTheTextAndTheCustomsOfTheReader) {
  const auto customs = [](std::string_view text, std::string_view reader) {
    const Customs& found = customs_of(text, reader);
    return found.numbers + " " + found.times;
  };
  EXPECT_EQ(customs("en", "de"), "de-u-nu-latn en-DE");
  EXPECT_EQ(customs("en", "en-GB"), "en-GB en-GB");
  EXPECT_EQ(customs("ko", "ko-KR"), "ko-KR ko-KR");
  EXPECT_EQ(customs("de", ""), "de de");
  EXPECT_EQ(customs("", "fr-CA"), "fr-CA fr-CA");
  EXPECT_EQ(customs("", ""), "en en");
  EXPECT_EQ(customs("zh-Hant", "zh-Hant-TW"), "zh-Hant-TW zh-Hant-TW");
  EXPECT_EQ(customs("zh-Hant", "zh-CN"), "zh-CN-u-nu-latn zh-Hant-CN");
  EXPECT_EQ(customs("pt_BR", "not a locale"), "pt-BR pt-BR");
  EXPECT_EQ(shown(ParamType::Number, "1234.5", customs_of("en", "ar-EG").numbers), "1,234.5");
}

TEST(ParamFormat, ShowsMoneyByTheLocale) {
  const std::string_view euros = R"({"amount":"1234.5","currency":"EUR"})";
  EXPECT_EQ(shown(ParamType::Money, euros, "de-DE"), "1.234,50 €");
  EXPECT_EQ(shown(ParamType::Money, euros, "en-US"), "€1,234.50");
  EXPECT_EQ(shown(ParamType::Money, euros, "de-u-nu-latn"), "1.234,50 €");
  EXPECT_EQ(shown(ParamType::Money, R"({"amount":12000,"currency":"KRW"})", "ko-KR"), "₩12,000");
  EXPECT_EQ(shown(ParamType::Money, R"({"amount":"-3","currency":"USD"})", "en-US"), "-$3.00");
}

TEST(ParamFormat, RoundsNothingAway) {
  EXPECT_EQ(shown(ParamType::Money, R"({"amount":"1.799","currency":"EUR"})", "de"), "1,799 €");
  EXPECT_EQ(shown(ParamType::Money, R"({"amount":"0.5","currency":"KRW"})", "ko"), "₩0.5");
  EXPECT_EQ(shown(ParamType::Money, R"({"amount":"12345678901234567890.12","currency":"USD"})", "en-US"),
            "$12,345,678,901,234,567,890.12");
  EXPECT_EQ(shown(ParamType::Number, "1234567.125", "de"), "1.234.567,125");
  EXPECT_EQ(shown(ParamType::Number, "1234567", "fr"), "1 234 567");
  EXPECT_EQ(shown(ParamType::Number, "0.1", "ko"), "0.1");
}

TEST(ParamFormat, ShowsMomentsByTheReadersClock) {
  const std::string_view at = "\"2026-12-01T23:30:00Z\"";
  EXPECT_EQ(shown(ParamType::DateTime, at, "ko-KR", "Asia/Seoul"), "2026년 12월 2일 오전 8:30");
  EXPECT_EQ(shown(ParamType::DateTime, at, "en-US", "America/New_York"), "December 1, 2026 at 6:30 PM");
  EXPECT_EQ(shown(ParamType::DateTime, at, "de-DE", "Europe/Berlin"), "2. Dezember 2026 um 00:30");
  EXPECT_EQ(shown(ParamType::DateTime, at, "en-US", "Asia/Seoul", Reference::Form::Date), "December 2, 2026");
  EXPECT_EQ(shown(ParamType::DateTime, at, "en-US", "Asia/Seoul", Reference::Form::Time), "8:30 AM");
  EXPECT_EQ(shown(ParamType::DateTime, at, "en-US", "No/Where", Reference::Form::Time), "11:30 PM");
  // A day is a day wherever one is.
  EXPECT_EQ(shown(ParamType::Date, "\"2026-12-01\"", "en-GB", "Pacific/Honolulu"), "1 December 2026");
}

TEST(ParamFormat, SpacesArePlain) {
  for (const auto& text : {shown(ParamType::Number, "1234567", "fr"),
                           shown(ParamType::Money, R"({"amount":1,"currency":"EUR"})", "de"),
                           shown(ParamType::DateTime, "\"2026-12-01T09:00:00Z\"", "en-US")}) {
    EXPECT_EQ(text.find("\xC2\xA0"), std::string::npos) << text;
    EXPECT_EQ(text.find("\xE2\x80\xAF"), std::string::npos) << text;
  }
}

TEST(ParamFormat, AnyLocaleIsMadeTheBestOf) {
  for (const char* locale : {"", "xx", "en-US-u-ca-buddhist", "????", "a-b-c"}) {
    EXPECT_FALSE(shown(ParamType::Number, "1.5", locale).empty()) << locale;
    EXPECT_FALSE(shown(ParamType::Date, "\"2026-12-01\"", locale).empty()) << locale;
  }
}

TEST(UtcOffset, FollowsTheZone) {
  EXPECT_EQ(utc_offset("Asia/Seoul", from_ms(0)), std::chrono::hours(9));
  EXPECT_EQ(utc_offset("Europe/Berlin", *parse_rfc3339("2026-07-01T00:00:00Z")), std::chrono::hours(2));
  EXPECT_EQ(utc_offset("Europe/Berlin", *parse_rfc3339("2026-12-01T00:00:00Z")), std::chrono::hours(1));
  EXPECT_EQ(utc_offset("No/Where", from_ms(0)), Millis(0));
}

}  // namespace
}  // namespace carillon::model::detail
