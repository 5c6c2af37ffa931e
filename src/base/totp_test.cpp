#include "base/totp.h"

#include <gtest/gtest.h>

namespace carillon::base {
namespace {

constexpr std::string_view kSecret = "12345678901234567890";  // of RFC 6238 appendix B

Time at(std::int64_t seconds) { return from_ms(seconds * 1000); }

// Appendix B of RFC 6238 has eight digits; the last six are what six digits give.
TEST(Totp, GivesTheCodesOfTheRfc) {
  const std::pair<std::int64_t, std::string_view> kVectors[] = {{59, "287082"},
                                                                {1'111'111'109, "081804"},
                                                                {1'111'111'111, "050471"},
                                                                {1'234'567'890, "005924"},
                                                                {2'000'000'000, "279037"},
                                                                {20'000'000'000, "353130"}};
  for (const auto& [seconds, code] : kVectors)
    EXPECT_EQ(totp_code(kSecret, totp_step(at(seconds))), code) << seconds;
}

TEST(Totp, TakesACodeOneStepEarlyOrLateAndNoMore) {
  const std::int64_t now = 1'000'000;
  for (const std::int64_t by : {-2, -1, 0, 1, 2}) {
    const auto found = match_totp(kSecret, totp_code(kSecret, now + by), at(now * 30 + 15), 0);
    EXPECT_EQ(found.has_value(), by >= -1 && by <= 1) << by;
    if (found) EXPECT_EQ(*found, now + by);
  }
}

TEST(Totp, TakesACodeOnceAndNoOlderOneAfterIt) {
  const std::int64_t now = 1'000'000;
  const Time t = at(now * 30);
  EXPECT_FALSE(match_totp(kSecret, totp_code(kSecret, now), t, now));
  EXPECT_FALSE(match_totp(kSecret, totp_code(kSecret, now - 1), t, now));
  EXPECT_EQ(match_totp(kSecret, totp_code(kSecret, now + 1), t, now), now + 1);
}

TEST(Totp, PassesOverSpacesAndRefusesWhatIsNoCode) {
  const std::int64_t now = 1'000'000;
  const std::string code = totp_code(kSecret, now);
  EXPECT_TRUE(match_totp(kSecret, code.substr(0, 3) + " " + code.substr(3), at(now * 30), 0));
  for (const std::string& wrong : {std::string(), code.substr(1), code + "0", std::string("abcdef")})
    EXPECT_FALSE(match_totp(kSecret, wrong, at(now * 30), 0)) << wrong;
}

TEST(Totp, WritesBase32AsInTheRfc) {
  const std::pair<std::string_view, std::string_view> kVectors[] = {{"", ""},
                                                                    {"f", "MY"},
                                                                    {"fo", "MZXQ"},
                                                                    {"foo", "MZXW6"},
                                                                    {"foob", "MZXW6YQ"},
                                                                    {"fooba", "MZXW6YTB"},
                                                                    {"foobar", "MZXW6YTBOI"}};
  for (const auto& [plain, text] : kVectors) EXPECT_EQ(base32(plain), text);
}

TEST(Totp, WritesAUrlThatAuthenticatorAppsRead) {
  EXPECT_EQ(
      otpauth_url("Carillon", "ann@example.com", "foobar"),
      "otpauth://totp/Carillon:ann%40example.com?secret=MZXW6YTBOI&issuer=Carillon&algorithm=SHA1&digits=6"
      "&period=30");
}

}  // namespace
}  // namespace carillon::base
