#include "model/address.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace carillon::model {
namespace {

std::string email(std::string_view text) { return normalize_email(text).value_or("refused"); }
std::string phone(std::string_view text, std::string_view country = {}) {
  return normalize_phone(text, country).value_or("refused");
}

TEST(Email, KeepsTheLocalPartAndLowersTheDomain) {
  EXPECT_EQ(email("John.Smith+tag@Mail.EXAMPLE.com"), "John.Smith+tag@mail.example.com");
  EXPECT_EQ(email("\"a b\\\"@\"@example.com"), "\"a b\\\"@\"@example.com");
  EXPECT_EQ(email("사용자@example.com"), "사용자@example.com");
  EXPECT_EQ(email("a@xn--bcher-kva.example"), "a@xn--bcher-kva.example");
  EXPECT_EQ(email("!#$%&'*+-/=?^_`{|}~@a-b.c0.d"), "!#$%&'*+-/=?^_`{|}~@a-b.c0.d");
}

TEST(Email, RefusesWhatNoServerTakes) {
  for (const std::string_view text : {"",
                                      "@",
                                      "a",
                                      "a@",
                                      "@example.com",
                                      "a@b",
                                      "a@@example.com",
                                      ".a@example.com",
                                      "a.@example.com",
                                      "a..b@example.com",
                                      "a b@example.com",
                                      "a@exam ple.com",
                                      "a@-x.com",
                                      "a@x-.com",
                                      "a@x..com",
                                      "a@.com",
                                      "a@x.com.",
                                      "a@[192.0.2.1]",
                                      "a@192.0.2.1",
                                      "\"\"@example.com",
                                      "\"a@example.com",
                                      "\"a\"b\"@example.com",
                                      "\"a\\\"@example.com",
                                      "a@example.com ",
                                      " a@example.com",
                                      "a,b@example.com",
                                      "A <a@example.com>",
                                      "a@ex_ample.com"}) {
    EXPECT_EQ(email(text), "refused") << text;
  }
}

TEST(Email, KeepsInternationalisedDomainsInTheirAsciiForm) {
  EXPECT_EQ(email("ann@bücher.example"), "ann@xn--bcher-kva.example");
  EXPECT_EQ(email("Ann@BÜCHER.example"), "Ann@xn--bcher-kva.example");
  EXPECT_EQ(email("a@bu\u0308cher.example"), "a@xn--bcher-kva.example") << "composed first";
  EXPECT_EQ(email("a@straße.example"), "a@xn--strae-oqa.example");
  EXPECT_EQ(email("김@한국。example"), "김@xn--3e0b707e.example") << "the full stop of East Asia";
  EXPECT_EQ(email("a@例え.テスト"), "a@xn--r8jz45g.xn--zckzah");
  EXPECT_EQ(email("a@ｅｘａｍｐｌｅ.com"), "a@example.com");
  for (const std::string_view text :
       {"a@bücher", "a@.bücher.example", "a@-bücher.example", "a@bü cher.example", "a@bü\u202Echer.example",
        "a@bücher.１２", "a@[bücher]", "a@bü_cher.example"}) {
    EXPECT_EQ(email(text), "refused") << text;
  }
  std::string label;
  for (int i = 0; i < 60; ++i) label += "ü";
  EXPECT_EQ(email("a@" + label + ".example"), "refused") << "64 bytes as ASCII";
}

TEST(Email, RefusesWhatCouldEndAHeaderLine) {
  EXPECT_EQ(email("a@example.com\r\nBcc: b@example.com"), "refused");
  EXPECT_EQ(email("\"a\rb\"@example.com"), "refused");
  EXPECT_EQ(email(std::string_view("a\0b@example.com", 15)), "refused");
  EXPECT_EQ(email("a\xC2\x85@example.com"), "refused") << "NEL";
  EXPECT_EQ(email("a\xFF@example.com"), "refused") << "not UTF-8";
}

TEST(Email, HasTheLimitsOfRfc5321) {
  EXPECT_NE(email(std::string(64, 'a') + "@example.com"), "refused");
  EXPECT_EQ(email(std::string(65, 'a') + "@example.com"), "refused");
  EXPECT_NE(email("a@" + std::string(63, 'b') + ".com"), "refused");
  EXPECT_EQ(email("a@" + std::string(64, 'b') + ".com"), "refused");
  std::string domain;
  while (domain.size() < 248) domain += "abc.";
  EXPECT_NE(email("ab@" + domain + "com"), "refused") << "254 bytes";
  EXPECT_EQ(email("abc@" + domain + "com"), "refused") << "255 bytes";
}

TEST(Email, SaysWhatToChange) {
  const auto result = normalize_email("a@localhost");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::InvalidArgument);
  EXPECT_NE(result.error().message.find("needs a dot"), std::string::npos);
}

RC_GTEST_PROP(Email, NormalisingAgainChangesNothing, ()) {
  const auto atom =
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::elementOf(std::string("aZ9_+-"))));
  const auto label =
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::elementOf(std::string("aZ9xY0"))));
  std::string text =
      *atom + *rc::gen::elementOf(std::vector<std::string>{"", ".a", "..", "\"", " "}) + "@" + *label;
  text += *rc::gen::elementOf(std::vector<std::string>{".Com", ".co.UK", "-x.com", "-.com", ".9"});
  const auto once = normalize_email(text);
  RC_CLASSIFY(once.has_value());
  if (once) RC_ASSERT(normalize_email(*once).value_or("") == *once);
}

TEST(Phone, BecomesE164) {
  EXPECT_EQ(phone("+82 10-1234-5678"), "+821012345678");
  EXPECT_EQ(phone("010-1234-5678", "KR"), "+821012345678");
  EXPECT_EQ(phone("(212) 555-2368", "US"), "+12125552368");
  EXPECT_EQ(phone("+44 20 7946 0958", "KR"), "+442079460958") << "the plus wins over the country";
}

TEST(Phone, RefusesWhatNobodyCanDial) {
  for (const std::string_view text :
       {"", "+", "12", "+821", "+82101234567890123", "phone", "+1-800-FLOWERS", "+82 10 1234 5678 ext. 5",
        "+999123456789", "+821012345678\n", "++821012345678", "+0001012345678"}) {
    EXPECT_EQ(phone(text, "KR"), "refused") << text;
  }
  EXPECT_EQ(phone("40154015401540", "DE"), "refused") << "16 digits: possible in Germany, not in E.164";
  EXPECT_EQ(phone("010-1234-5678"), "refused") << "national form needs its country";
  EXPECT_EQ(phone("010-1234-5678", "XX"), "refused");
  EXPECT_EQ(phone(std::string(41, '1'), "KR"), "refused");
}

TEST(Phone, ReservedNumbersPassAsTheyAre) {
  EXPECT_EQ(phone("+999000000001"), "+999000000001");
  EXPECT_EQ(phone("+999 000 000 006"), "+999000000006");
  EXPECT_EQ(phone("+999000000007"), "refused");
}

TEST(CountryCode, IsAnAssignedOne) {
  int count = 0;
  for (char a = 'A'; a <= 'Z'; ++a) {
    for (char b = 'A'; b <= 'Z'; ++b) count += is_country_code(std::string{a, b}) ? 1 : 0;
  }
  EXPECT_EQ(count, 249);
  EXPECT_TRUE(is_country_code("KR"));
  EXPECT_TRUE(is_country_code("AD"));
  EXPECT_TRUE(is_country_code("ZW"));
  for (const std::string_view text : {"", "K", "kr", "KOR", "XX", "UK", "D ", " A"})
    EXPECT_FALSE(is_country_code(text)) << text;
}

TEST(Locale, IsAWellFormedLanguageTag) {
  for (const std::string_view text :
       {"en", "ko-KR", "zh-Hant-TW", "es-419", "sl-rozaj-biske-1994", "de-CH-1901", "zh-cmn-Hans-CN",
        "en-a-myext-b-another", "de-x-private-1", "haw", "EN-us"}) {
    EXPECT_TRUE(is_locale(text)) << text;
  }
  for (const std::string_view text : {"", "e", "en_US", "-en", "en-", "en--US", "en-U", "en-USA1x2y3z", "e1",
                                      "123", "en-a", "en-x", "en-US-GB", "a very long text", "en-US\n"}) {
    EXPECT_FALSE(is_locale(text)) << text;
  }
  EXPECT_FALSE(is_locale("en-abcdefgh-abcdefgh-abcdefgh-abcdefgh")) << "longer than 35 bytes";
}

TEST(Key, IsShortAndPlain) {
  for (const std::string_view text : {"a", "0", "order_updates", "a.b-c_d"})
    EXPECT_TRUE(is_key(text)) << text;
  EXPECT_TRUE(is_key(std::string(64, 'a')));
  EXPECT_FALSE(is_key(std::string(65, 'a')));
  for (const std::string_view text : {"", "A", "_a", ".a", "-a", "a b", "a/b", "é"})
    EXPECT_FALSE(is_key(text)) << text;
}

TEST(ReservedRecipient, ActsAsItsNameOrPlaceSays) {
  using R = ReservedRecipient;
  EXPECT_EQ(reserved_recipient("ok@sandbox.carillon.test"), R::Ok);
  EXPECT_EQ(reserved_recipient("tempfail@sandbox.carillon.test"), R::TempFail);
  EXPECT_EQ(reserved_recipient("+999000000002"), R::Bounce);
  EXPECT_EQ(reserved_recipient("+999000000006"), R::Unknown);
  EXPECT_EQ(reserved_recipient("test-unregistered"), R::Bounce);
  EXPECT_EQ(reserved_recipient("test-429"), R::TempFail);
  EXPECT_EQ(reserved_recipient("test-timeout"), R::Unknown);
  EXPECT_EQ(reserved_recipient("someone@sandbox.carillon.test"), R::None);
  EXPECT_EQ(reserved_recipient("ok@example.com"), R::None);
  EXPECT_EQ(reserved_recipient(""), R::None);
}

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

void expect_segments(std::string_view text, bool is_gsm7, int units, int segments) {
  const SmsSegments counted = count_segments(text);
  EXPECT_EQ(counted.is_gsm7, is_gsm7) << text;
  EXPECT_EQ(counted.units, units) << text;
  EXPECT_EQ(counted.segments, segments) << text;
}

TEST(SmsSegments, HoldOneHundredSixtySeptetsOr153WhenSplit) {
  expect_segments("", true, 0, 0);
  expect_segments(repeated("a", 160), true, 160, 1);
  expect_segments(repeated("a", 161), true, 161, 2);
  expect_segments(repeated("a", 306), true, 306, 2);
  expect_segments(repeated("a", 307), true, 307, 3);
}

TEST(SmsSegments, HoldSeventyUtf16UnitsOr67WhenSplit) {
  expect_segments(repeated("한", 70), false, 70, 1);
  expect_segments(repeated("한", 71), false, 71, 2);
  expect_segments(repeated("한", 134), false, 134, 2);
  expect_segments(repeated("한", 135), false, 135, 3);
}

TEST(SmsSegments, KnowTheWholeDefaultAlphabet) {
  constexpr std::string_view kBasic =
      "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
      "abcdefghijklmnopqrstuvwxyzäöñüà";
  expect_segments(kBasic, true, 127, 1);  // 128 places, one of which is the escape
  expect_segments("\f^{}\\[~]|€", true, 20, 1);
  for (const std::string_view text : {"`", "ç", "á", "ê", "“", "\t", "–", "α", "\xFF"}) {
    EXPECT_FALSE(count_segments(text).is_gsm7) << text;
  }
}

TEST(SmsSegments, NeverSplitAnEscapePair) {
  // 152 septets, then a pair that does not fit into the last place of the first part.
  expect_segments(repeated("a", 152) + "€" + repeated("a", 151), true, 305, 2);
  expect_segments(repeated("a", 152) + "€" + repeated("a", 152), true, 306, 3);
  expect_segments(repeated("€", 80), true, 160, 1);
}

TEST(SmsSegments, NeverSplitASurrogatePair) {
  expect_segments("😀", false, 2, 1);
  expect_segments(repeated("😀", 35), false, 70, 1);
  expect_segments(repeated("😀", 66), false, 132, 2);  // 33 pairs a part: the 67th unit stays free
  expect_segments(repeated("😀", 67), false, 134, 3);
}

RC_GTEST_PROP(SmsSegments, CoverTheTextAndWasteAtMostOneUnitAPart, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(
      rc::gen::elementOf(std::vector<std::string>{"a", "€", "é", "한", "😀", "{"}));
  std::string text;
  for (const auto& piece : pieces) text += piece;
  const SmsSegments counted = count_segments(text);
  const int part = counted.is_gsm7 ? 153 : 67;
  if (counted.segments > 1) {
    RC_ASSERT(counted.segments * part >= counted.units);
    RC_ASSERT((counted.segments - 1) * (part - 1) < counted.units);
  } else {
    RC_ASSERT(counted.units <= (counted.is_gsm7 ? 160 : 70));
  }
}

}  // namespace
}  // namespace carillon::model
