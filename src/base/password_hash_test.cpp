#include "base/password_hash.h"

#include <argon2.h>
#include <gtest/gtest.h>

#include <ctime>

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
  const auto stored = hash_password("correct horse battery staple").value();
  const auto time_of = [](std::string_view encoded) {
    const std::clock_t since = std::clock();  // of the processor: others run on this machine
    EXPECT_FALSE(is_password(encoded, "wrong").value());
    return std::clock() - since;
  };
  const auto real = time_of(stored);
  for (const char* encoded : {"", "$argon2id$", "$argon2id$v=19$m=65536,t=3,p=1$!!$!!", "x"})
    EXPECT_GT(time_of(encoded) * 4, real) << encoded;
}

}  // namespace
}  // namespace carillon::base
