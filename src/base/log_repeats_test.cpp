#include "base/log_repeats.h"

#include <gtest/gtest.h>

namespace carillon::base {
namespace {

TEST(LogRepeats, SaysTheSameAgainAfterAWhileAndAnythingElseAtOnce) {
  LogRepeats repeats;
  const SteadyTime start{};
  EXPECT_TRUE(repeats.is_due("the store is away", start));
  EXPECT_FALSE(repeats.is_due("the store is away", start));
  EXPECT_FALSE(repeats.is_due("the store is away", start + kLogAgain - Millis(1)));
  EXPECT_TRUE(repeats.is_due("the store is full", start + Millis(1)));
  EXPECT_TRUE(repeats.is_due("the store is away", start + Millis(2)));
  EXPECT_TRUE(repeats.is_due("the store is away", start + Millis(2) + kLogAgain));
}

}  // namespace
}  // namespace carillon::base
