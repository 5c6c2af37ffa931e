#include "base/error.h"

#include <gtest/gtest.h>

namespace carillon {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(Errc::InvalidArgument, "must be even");
  return n / 2;
}

Result<int> quarter(int n) {
  CARILLON_TRY(const int once, half(n));
  CARILLON_CHECK(half(once));
  return once / 2;
}

TEST(Result, TryReturnsTheFirstErrorWithItsPlace) {
  EXPECT_EQ(quarter(8), 2);
  const auto failed = quarter(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::InvalidArgument);
  EXPECT_EQ(failed.error().message, "must be even");
  EXPECT_EQ(std::string_view(failed.error().where.function_name()).find("quarter"), std::string_view::npos);
}

TEST(Errc, HasANameInLogs) {
  EXPECT_EQ(name(Errc::InvalidArgument), "invalid_argument");
  EXPECT_EQ(name(Errc::Internal), "internal");
}

TEST(AssertDeathTest, SaysWhatAndWhere) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(CARILLON_ASSERT(1 + 1 == 3), "error_test.cpp.*assertion failed: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace carillon
