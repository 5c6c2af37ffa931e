#include "base/pace.h"

#include <gtest/gtest.h>

namespace carillon::base {
namespace {

using namespace std::chrono_literals;

class PaceTest : public testing::Test {
 protected:
  // `seconds` in which every 10 ms something takes `took`, and all that may be begun is; how much that was.
  std::size_t run(std::chrono::milliseconds seconds, Pace::Clock::duration took) {
    std::size_t begun = 0;
    for (const auto end = now_ + seconds; now_ < end; now_ += 10ms) {
      pace_.note(took, now_);
      begun += pace_.take(1'000'000, now_);
    }
    return begun;
  }
  static constexpr double kFirst = 4'000, kLeast = 500;
  Pace pace_{kFirst, kLeast};
  Pace::Clock::time_point now_ = Pace::Clock::time_point{} + 1h;
};

TEST_F(PaceTest, BeginsWithAModestRateInEvenSteps) {
  EXPECT_EQ(pace_.take(1'000, now_), 0U) << "nothing has come together yet";
  EXPECT_GT(pace_.until_next(now_), 0ms);
  EXPECT_LE(pace_.until_next(now_), 25ms);
  now_ += 25ms;
  EXPECT_EQ(pace_.take(1'000, now_), 100U);
  EXPECT_EQ(pace_.take(1'000, now_), 0U);
  now_ += 10s;
  EXPECT_EQ(pace_.take(50, now_), 50U) << "no more than wanted";
  EXPECT_LE(pace_.take(100'000, now_), 210U)
      << "what was not taken is lost but for a twentieth of a second's";
}

TEST_F(PaceTest, WhatWasNotBegunIsThereForTheNext) {
  now_ += 1s;
  static_cast<void>(pace_.take(1, now_));
  now_ += 1s;
  const std::size_t taken = pace_.take(1'000'000, now_);
  EXPECT_EQ(pace_.take(taken, now_), 0U);
  pace_.give_back(taken);
  EXPECT_EQ(pace_.take(taken, now_), taken);
}

TEST_F(PaceTest, GrowsWhileAllIsAsQuickAsEver) {
  const std::size_t first = run(1s, 4ms), later = run(60s, 4ms) / 60, last = run(1s, 5ms);
  EXPECT_GT(first, std::size_t{3'000});
  EXPECT_GT(later, 3 * first);
  EXPECT_GT(last, later) << "a little longer is no matter";
}

TEST_F(PaceTest, ShrinksToALittleWhenItTakesLongerAndComesBack) {
  run(30s, 4ms);
  const double before = pace_.per_second();
  run(1s, 20ms);
  EXPECT_LT(pace_.per_second(), before / 5);
  run(10s, 20ms);
  EXPECT_EQ(pace_.per_second(), kLeast);
  EXPECT_GT(run(1s, 20ms), std::size_t{400}) << "nothing is starved";
  run(40s, 4ms);
  EXPECT_GT(pace_.per_second(), before / 2);
}

TEST_F(PaceTest, FindsTheRateAtWhichNothingTakesLonger) {
  // Above 9,000 a second all takes four times as long.
  for (int i = 0; i < 6'000; ++i, now_ += 10ms) {
    static_cast<void>(pace_.take(1'000'000, now_));
    pace_.note(pace_.per_second() > 9'000 ? 16ms : 4ms, now_);
    if (i > 1'000) {
      EXPECT_GT(pace_.per_second(), 6'000) << i;
      EXPECT_LT(pace_.per_second(), 9'400) << i;
    }
  }
}

TEST_F(PaceTest, WhatIsSlowForGoodIsTheNewMeasureAfterAMinute) {
  run(30s, 4ms);
  run(20s, 40ms);
  EXPECT_EQ(pace_.per_second(), kLeast);
  run(70s, 40ms);
  EXPECT_GT(pace_.per_second(), 2 * kLeast) << "a database farther away does not stop bulk for ever";
}

TEST_F(PaceTest, AFewSingleCasesAreNoMeasure) {
  run(30s, 4ms);
  const double before = pace_.per_second();
  // One in a hundred is slow; a moment's mean is not.
  for (int i = 0; i < 1'000; ++i, now_ += 2ms) {
    pace_.note(i % 100 == 0 ? 20ms : 4ms, now_);
    static_cast<void>(pace_.take(1'000'000, now_));
  }
  EXPECT_GT(pace_.per_second(), before);
}

TEST_F(PaceTest, DoesNotGrowWhileNobodyAsksForMore) {
  for (int i = 0; i < 100; ++i, now_ += 100ms) {
    static_cast<void>(pace_.take(100, now_));
    pace_.note(4ms, now_);
  }
  EXPECT_EQ(pace_.per_second(), kFirst) << "nothing says that more would do no harm";
  for (int i = 0; i < 100; ++i, now_ += 100ms) pace_.give_back(pace_.take(100'000, now_));
  EXPECT_EQ(pace_.per_second(), kFirst) << "none was begun";
}

TEST_F(PaceTest, GrowsWhereNothingIsMeasured) {
  for (int i = 0; i < 2'000; ++i, now_ += 10ms) static_cast<void>(pace_.take(1'000'000, now_));
  EXPECT_GT(pace_.per_second(), 2 * kFirst);
}

TEST_F(PaceTest, OfALowRateMoreComesAtOnce) {
  Pace low(400, 300);
  std::size_t steps = 0, begun = 0;
  for (int i = 0; i < 100; ++i, now_ += 10ms) {
    const std::size_t taken = low.take(1'000, now_);
    steps += taken > 0 ? 1 : 0;
    begun += taken;
  }
  EXPECT_GT(begun, 300U);
  EXPECT_LE(steps, 11U) << "each step is a commit";
}

}  // namespace
}  // namespace carillon::base
