#include "model/password.h"

#include <gtest/gtest.h>

namespace carillon::model {
namespace {

Member ann() {
  Member member;
  member.key = "ann.kim.of.the.shop";
  member.name = "Ann Kim of the Shop";
  member.email = "ann.kim.with.a.long.name@example.com";
  return member;
}

TEST(Password, IsTwelveCharactersOrMoreWhateverTheirBytes) {
  EXPECT_TRUE(password_problem("elevenchars", ann()));
  EXPECT_FALSE(password_problem("twelve-chars", ann()));
  EXPECT_FALSE(password_problem("비밀번호는열두글자입니다", ann()));
  EXPECT_TRUE(password_problem("비밀번호는열한글자이다", ann()));
  std::string longest;
  while (longest.size() < kPasswordMax) longest += "abcdefgh";
  EXPECT_FALSE(password_problem(longest, ann()));
  EXPECT_TRUE(password_problem(longest + "i", ann()));
}

TEST(Password, IsNotTheMembersNameOrAddress) {
  for (const char* name : {"ann.kim.of.the.shop", "ANN KIM OF THE SHOP",
                           "ann.kim.with.a.long.name@example.com", "Ann.Kim.With.A.Long.Name"})
    EXPECT_TRUE(password_problem(name, ann())) << name;
  EXPECT_FALSE(password_problem("ann.kim.of.the.shop and more", ann()));
  EXPECT_FALSE(password_problem("some other words", Member{})) << "nothing is known of this one";
}

TEST(Password, IsMoreThanARepeatedFew) {
  EXPECT_TRUE(password_problem("aaaaaaaaaaaa", ann()));
  EXPECT_TRUE(password_problem("121212121212", ann()));
  EXPECT_FALSE(password_problem("abcdeabcdeab", ann()));
}

TEST(Password, IsTheSameHoweverItIsTyped) {
  // One letter, or a letter and an accent; Hangul in syllables or in letters; wide and narrow.
  EXPECT_EQ(normal_password("\xC3\xA9"), normal_password("e\xCC\x81"));
  EXPECT_EQ(normal_password("\xEA\xB0\x80"), normal_password("\xE1\x84\x80\xE1\x85\xA1"));
  EXPECT_EQ(normal_password("\xEF\xBC\xA1"), "A");
  EXPECT_EQ(normal_password("correct horse"), "correct horse");
}

TEST(Password, IsNothingWhenItIsNoText) {
  EXPECT_EQ(normal_password("\xFF\xFE"), "");
  EXPECT_EQ(normal_password(std::string(kPasswordBytesMax + 1, 'a')), "");
  // One character that becomes eighteen.
  std::string grows;
  while (grows.size() + 3 <= kPasswordBytesMax) grows += "\xEF\xB7\xBA";
  EXPECT_EQ(normal_password(grows), "");
}

}  // namespace
}  // namespace carillon::model
