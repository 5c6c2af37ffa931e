#include "base/secret.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace carillon::base {
namespace {

static_assert(!fmt::is_formattable<Secret>::value, "a secret must not be formattable");

TEST(Secret, CopiesAndMoves) {
  Secret a(std::string("hunter2"));
  Secret b = a;
  EXPECT_EQ(b.reveal(), "hunter2");
  Secret c = std::move(a);
  EXPECT_EQ(c.reveal(), "hunter2");
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): that is the promise
  b = std::move(c);
  EXPECT_EQ(b.reveal(), "hunter2");
  EXPECT_TRUE(c.empty());  // NOLINT(bugprone-use-after-move)
  auto& self = b;
  b = self;
  EXPECT_EQ(b.reveal(), "hunter2");
}

TEST(Secret, LeavesNothingInAShortMovedFromValue) {
  Secret a(std::string("hunter2"));
  const char* const at = a.reveal().data();  // inside the object: short strings are not on the heap
  const Secret b = std::move(a);
  EXPECT_NE(std::string_view(at, 7), "hunter2");
}

TEST(Secret, MatchesOnlyTheSameText) {
  const Secret a(std::string("hunter2"));
  EXPECT_TRUE(a.matches("hunter2"));
  EXPECT_FALSE(a.matches("hunter3"));
  EXPECT_FALSE(a.matches("hunter"));
  EXPECT_TRUE(Secret().matches(""));
}

}  // namespace
}  // namespace carillon::base
