#include "base/password_hash.h"

#include <argon2.h>
#include <gtest/gtest.h>

#include <chrono>

namespace carillon::base {
namespace {

TEST(PasswordHash, TakesItsPasswordAndNoOther) {
  const auto encoded = hash_password("correct horse battery staple");
  ASSERT_TRUE(encoded);
  EXPECT_TRUE(encoded->starts_with("$argon2id$v=19$m=65536,t=3,p=1$")) << *encoded;
  EXPECT_TRUE(is_password(*encoded, "correct horse battery staple").value());
  EXPECT_FALSE(is_password(*encoded, "correct horse battery stapl").value());
  EXPECT_FALSE(is_password(*encoded, "").value());
}

TEST(PasswordHash, IsAnotherEachTime) {
  EXPECT_NE(hash_password("correct horse").value(), hash_password("correct horse").value());
}

// With the reference implementation's parameters spelled out anew.
TEST(PasswordHash, IsWhatOthersCallArgon2id) {
  std::string encoded(128, '\0');
  ASSERT_EQ(argon2id_hash_encoded(2, 16, 1, "password", 8, "somesalt", 8, 24, encoded.data(), 128),
            ARGON2_OK);
  encoded.resize(encoded.find('\0'));
  EXPECT_TRUE(is_password(encoded, "password").value());
  EXPECT_FALSE(is_password(encoded, "passwort").value());
}

TEST(PasswordHash, OfNobodyIsNeverRightAndCostsAsMuch) {
  using Clock = std::chrono::steady_clock;
  const auto stored = hash_password("correct horse battery staple").value();
  const auto time_of = [](std::string_view encoded) {
    auto best = Clock::duration::max();  // others run on this machine
    for (int i = 0; i < 3; ++i) {
      const auto since = Clock::now();
      EXPECT_FALSE(is_password(encoded, "wrong").value());
      best = std::min(best, Clock::now() - since);
    }
    return best;
  };
  const auto real = time_of(stored);
  for (const char* encoded : {"", "$argon2id$", "$argon2id$v=19$m=65536,t=3,p=1$!!$!!", "x"})
    EXPECT_GT(time_of(encoded) * 2, real) << encoded;
}

}  // namespace
}  // namespace carillon::base
