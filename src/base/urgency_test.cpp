#include "base/urgency.h"

#include <gtest/gtest.h>

namespace carillon::base {
namespace {

using namespace std::chrono_literals;

TEST(Urgency, IsNearForASecondAfterTheLastNote) {
  Urgency urgency;
  const Urgency::Clock::time_point start{10min};
  EXPECT_FALSE(urgency.is_near(start));
  urgency.note(start);
  EXPECT_TRUE(urgency.is_near(start + 999ms));
  EXPECT_FALSE(urgency.is_near(start + 1s));
  urgency.note(start + 999ms);
  EXPECT_TRUE(urgency.is_near(start + 1998ms));
}

TEST(Urgency, MakesLargeStepsSmallAndLeavesSmallOnes) {
  Urgency urgency;
  EXPECT_EQ(urgency.step(1024, 32), 1024U);
  urgency.note();
  EXPECT_EQ(urgency.step(1024, 32), 32U);
  EXPECT_EQ(urgency.step(3, 32), 3U);
}

}  // namespace
}  // namespace carillon::base
