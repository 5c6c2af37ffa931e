#include "pipeline/breaker.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <vector>

namespace carillon::pipeline {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
constexpr Time kStart = from_ms(1'790'000'000'000);

void fail_times(Breaker& breaker, int count, Time now) {
  for (int i = 0; i < count; ++i) breaker.record(-1, now);
}

TEST(Breaker, StaysClosedBelowTwentyCalls) {
  Breaker breaker;
  fail_times(breaker, 19, kStart);
  EXPECT_FALSE(breaker.is_open(kStart));
  EXPECT_TRUE(breaker.allows(kStart));
}

TEST(Breaker, OpensForThirtySecondsWhenHalfOfTwentyCallsFail) {
  Breaker breaker;
  for (int i = 0; i < 10; ++i) breaker.record(1, kStart);
  fail_times(breaker, 9, kStart);
  EXPECT_FALSE(breaker.is_open(kStart));
  breaker.record(-1, kStart);
  EXPECT_TRUE(breaker.is_open(kStart));
  EXPECT_EQ(breaker.open_until(), kStart + seconds(30));
  EXPECT_FALSE(breaker.allows(kStart + Millis(29'999)));
  EXPECT_TRUE(breaker.allows(kStart + seconds(30)));
}

TEST(Breaker, StaysClosedWhileMoreThanHalfSucceed) {
  Breaker breaker;
  for (int i = 0; i < 500; ++i) {
    breaker.record(1, kStart);
    breaker.record(1, kStart);
    breaker.record(-1, kStart);
  }
  EXPECT_FALSE(breaker.is_open(kStart));
}

TEST(Breaker, ForgetsCallsOlderThanTenSeconds) {
  Breaker breaker;
  fail_times(breaker, 19, kStart);
  breaker.record(-1, kStart + seconds(10));
  EXPECT_FALSE(breaker.is_open(kStart + seconds(10)));
  fail_times(breaker, 19, kStart + seconds(19));
  EXPECT_TRUE(breaker.is_open(kStart + seconds(19)));
}

TEST(Breaker, SaysInWhichStateItIsAndSinceWhen) {
  Breaker breaker;
  EXPECT_EQ(breaker.state(kStart), BreakerState::Closed);
  EXPECT_FALSE(breaker.since(kStart));
  fail_times(breaker, 20, kStart + seconds(1));
  EXPECT_EQ(breaker.state(kStart + seconds(2)), BreakerState::Open);
  EXPECT_EQ(breaker.since(kStart + seconds(2)), kStart + seconds(1));
  const Time probe = kStart + seconds(40);
  EXPECT_EQ(breaker.state(probe), BreakerState::HalfOpen);
  EXPECT_EQ(breaker.since(probe), kStart + seconds(31));
  ASSERT_TRUE(breaker.allows(probe));
  breaker.record(1, probe + seconds(1));
  EXPECT_EQ(breaker.state(probe + seconds(2)), BreakerState::Closed);
  EXPECT_EQ(breaker.since(probe + seconds(2)), probe + seconds(1));
  for (const auto state : {BreakerState::Closed, BreakerState::HalfOpen, BreakerState::Open})
    EXPECT_EQ(parse_breaker_state(name(state)), state);
  EXPECT_FALSE(parse_breaker_state("ajar"));
}

TEST(CallTally, ForgetsWhatIsOlderThanItsWindow) {
  CallTally tally;
  tally.add(true, kStart);
  tally.add(false, kStart + seconds(200));
  EXPECT_EQ(tally.within(kStart + seconds(200)).calls, 2);
  EXPECT_EQ(tally.within(kStart + seconds(200)).errors, 1);
  EXPECT_EQ(tally.within(kStart + seconds(400)).calls, 1);
  EXPECT_EQ(tally.within(kStart + seconds(400)).errors, 0);
  EXPECT_EQ(tally.within(kStart + seconds(900)).calls, 0);
  tally.add(true, kStart + seconds(900));
  EXPECT_EQ(tally.within(kStart + seconds(900)).calls, 1) << "a slot that is used again begins anew";
  EXPECT_EQ(tally.within(kStart).calls, 0) << "a clock that stepped back sees nothing of what came after";
}

TEST(Breaker, CountsNoCallThatSaysNothing) {
  Breaker breaker;
  fail_times(breaker, 19, kStart);
  for (int i = 0; i < 100; ++i) breaker.record(0, kStart);
  EXPECT_FALSE(breaker.is_open(kStart));
}

TEST(Breaker, LetsOneProbeGoAndClosesWhenItSucceeds) {
  Breaker breaker;
  fail_times(breaker, 20, kStart);
  const Time later = kStart + seconds(30);
  EXPECT_FALSE(breaker.is_open(later));
  EXPECT_TRUE(breaker.allows(later));
  EXPECT_TRUE(breaker.is_open(later));
  EXPECT_FALSE(breaker.allows(later));
  breaker.record(1, later + seconds(1));
  EXPECT_FALSE(breaker.open_until());
  EXPECT_TRUE(breaker.allows(later + seconds(1)));
  EXPECT_TRUE(breaker.allows(later + seconds(1)));
  fail_times(breaker, 19, later + seconds(2));
  EXPECT_FALSE(breaker.is_open(later + seconds(2))) << "what was before the break counts no more";
}

TEST(Breaker, DoublesItsTimeToTenMinutesWithEachProbeThatFailsAndBeginsAnewAfterOneThatSucceeds) {
  Breaker breaker;
  fail_times(breaker, 20, kStart);
  Time now = kStart;
  for (const int expected : {30, 60, 120, 240, 480, 600, 600}) {
    ASSERT_EQ(breaker.open_until(), now + seconds(expected));
    now = *breaker.open_until();
    ASSERT_TRUE(breaker.allows(now));
    breaker.record(-1, now);
  }
  now = *breaker.open_until();
  ASSERT_TRUE(breaker.allows(now));
  breaker.record(1, now);
  fail_times(breaker, 20, now);
  EXPECT_EQ(breaker.open_until(), now + seconds(30));
}

TEST(Breaker, LetsTheNextProbeGoWhenOneSaidNothing) {
  Breaker breaker;
  fail_times(breaker, 20, kStart);
  const Time later = kStart + seconds(30);
  ASSERT_TRUE(breaker.allows(later));
  breaker.record(0, later);
  EXPECT_TRUE(breaker.allows(later));
}

TEST(Breaker, LetsTheNextProbeGoWhenOneIsLost) {
  Breaker breaker;
  fail_times(breaker, 20, kStart);
  const Time later = kStart + seconds(30);
  ASSERT_TRUE(breaker.allows(later));
  EXPECT_FALSE(breaker.allows(later + seconds(149)));
  EXPECT_TRUE(breaker.allows(later + seconds(150)));
}

TEST(Breaker, HearsNoVotesOfCallsBegunBeforeItOpened) {
  Breaker breaker;
  fail_times(breaker, 20, kStart);
  breaker.record(1, kStart + seconds(5));
  EXPECT_TRUE(breaker.is_open(kStart + seconds(5)));
  fail_times(breaker, 50, kStart + seconds(6));
  EXPECT_EQ(breaker.open_until(), kStart + seconds(30));
}

TEST(Breaker, DoesNotStayOpenForAClockThatSteppedBack) {
  Breaker breaker;
  fail_times(breaker, 20, kStart);
  EXPECT_FALSE(breaker.is_open(kStart - minutes(60)));
}

TEST(Breaker, ShowsWhetherItIsNotClosed) {
  Breaker breaker;
  const auto flag = std::make_shared<std::atomic<bool>>(false);
  breaker.show_in(flag);
  fail_times(breaker, 20, kStart);
  EXPECT_TRUE(*flag);
  breaker.reset();
  EXPECT_FALSE(*flag);
  EXPECT_TRUE(breaker.allows(kStart));
}

TEST(Breaker, NeverOpensWhenItIsToldNotTo) {
  Breaker breaker = Breaker::never();
  fail_times(breaker, 1000, kStart);
  EXPECT_TRUE(breaker.allows(kStart));
}

// Whatever the votes and the time between them: it is open at most ten minutes, and then exactly one call
// goes.
TEST(Breaker, AlwaysComesToAProbe) {
  EXPECT_TRUE(rc::check([](const std::vector<std::pair<std::int8_t, std::uint16_t>>& steps) {
    Breaker breaker;
    Time now = kStart;
    for (const auto& [vote, wait] : steps) {
      now += Millis(wait);
      if (breaker.allows(now)) breaker.record(vote % 2, now);
    }
    now += minutes(10);
    RC_ASSERT(breaker.allows(now));
    RC_ASSERT(breaker.allows(now) == !breaker.open_until().has_value());
  }));
}

TEST(RateBucket, TellsWithoutTakingAnything) {
  RateBucket bucket(10);
  const Time now = from_ms(1'790'000'000'000);
  EXPECT_EQ(bucket.allows(100, true, now), 10U);
  EXPECT_EQ(bucket.allows(100, false, now), 8U);
  EXPECT_EQ(bucket.take(6, true, now), 6U);
  EXPECT_EQ(bucket.allows(100, true, now), 4U);
  EXPECT_EQ(bucket.allows(100, true, now + Millis(200)), 6U);
  EXPECT_EQ(RateBucket(0).allows(100, false, now), 100U);
}

TEST(RateBucket, LetsEverythingGoWithoutALimit) {
  RateBucket bucket(0);
  EXPECT_EQ(bucket.take(100'000, false, kStart), 100'000U);
  EXPECT_EQ(bucket.take(100'000, false, kStart), 100'000U);
}

TEST(RateBucket, StartsWithOneSecondsWorthAndRefillsEvenly) {
  RateBucket bucket(10);
  EXPECT_EQ(bucket.take(50, true, kStart), 10U);
  EXPECT_EQ(bucket.take(50, true, kStart), 0U);
  EXPECT_EQ(bucket.take(50, true, kStart + Millis(100)), 1U);
  EXPECT_EQ(bucket.take(50, true, kStart + seconds(60)), 10U);
}

TEST(RateBucket, LetsOneGoAtATimeBelowOnePerSecond) {
  RateBucket bucket(0.1);
  EXPECT_EQ(bucket.take(5, false, kStart), 1U);
  EXPECT_EQ(bucket.take(5, false, kStart + Millis(9'900)), 0U);
  EXPECT_EQ(bucket.take(5, false, kStart + Millis(10'000)), 1U);
}

TEST(RateBucket, LeavesAFifthToCriticalOnes) {
  RateBucket bucket(10);
  EXPECT_EQ(bucket.take(50, false, kStart), 8U);
  EXPECT_EQ(bucket.take(50, false, kStart), 0U);
  EXPECT_EQ(bucket.take(50, true, kStart), 2U);
}

TEST(RateBucket, GivesOthersTheWholeRateWhileNothingCriticalComes) {
  RateBucket bucket(10);
  std::size_t sum = 0;
  for (int i = 0; i <= 100; ++i) sum += bucket.take(10, false, kStart + Millis(100 * i));
  EXPECT_EQ(sum, 8U + 100U);
}

TEST(RateBucket, NeverGivesMoreThanBurstAndRefill) {
  EXPECT_TRUE(rc::check([] {
    const double rate = static_cast<double>(*rc::gen::inRange(1, 10'000)) / 10.0;
    const auto steps = *rc::gen::container<std::vector<std::tuple<int, int, bool>>>(
        rc::gen::tuple(rc::gen::inRange(-50, 300), rc::gen::inRange(0, 200), rc::gen::arbitrary<bool>()));
    RateBucket bucket(rate);
    Time now = kStart, latest = kStart;
    std::size_t sum = 0;
    double seconds_forward = 0;
    for (const auto& [wait, wanted, is_critical] : steps) {
      now += Millis(wait);
      if (wait > 0) seconds_forward += wait / 1000.0;
      latest = std::max(latest, now);
      const std::size_t taken = bucket.take(static_cast<std::size_t>(wanted), is_critical, now);
      RC_ASSERT(taken <= static_cast<std::size_t>(wanted));
      sum += taken;
    }
    RC_ASSERT(static_cast<double>(sum) <= std::max(1.0, rate) + rate * seconds_forward + 1e-3);
  }));
}

TEST(InvalidationGuard, ForgetsWhileGoodAnswersOutweigh) {
  InvalidationGuard guard;
  for (int i = 0; i < 3; ++i) guard.good(kStart);
  EXPECT_EQ(guard.suspicious(kStart), InvalidationGuard::Verdict::Forget);
  EXPECT_EQ(guard.suspicious(kStart), InvalidationGuard::Verdict::Forget);
  EXPECT_EQ(guard.suspicious(kStart), InvalidationGuard::Verdict::Keep);
}

TEST(InvalidationGuard, KeepsTheFirstTokensWhenNothingGoodWasSeen) {
  InvalidationGuard guard;
  for (int i = 0; i < 19; ++i) EXPECT_EQ(guard.suspicious(kStart), InvalidationGuard::Verdict::Keep);
}

TEST(InvalidationGuard, SuspectsTheConfigurationAtTwentyBadOnesOncePerTwenty) {
  InvalidationGuard guard;
  for (int i = 0; i < 5; ++i) guard.good(kStart);
  int suspected = 0, kept = 0, forgotten = 0;
  for (int i = 0; i < 40; ++i) {
    switch (guard.suspicious(kStart + Millis(i))) {
      case InvalidationGuard::Verdict::Suspect: ++suspected; break;
      case InvalidationGuard::Verdict::Keep: ++kept; break;
      case InvalidationGuard::Verdict::Forget: ++forgotten; break;
    }
  }
  EXPECT_EQ(suspected, 2);
  EXPECT_EQ(forgotten, 4);
  EXPECT_EQ(kept, 34);
}

TEST(InvalidationGuard, RemembersFiveToTenMinutes) {
  InvalidationGuard guard;
  for (int i = 0; i < 100; ++i) guard.good(kStart);
  EXPECT_EQ(guard.suspicious(kStart + minutes(5)), InvalidationGuard::Verdict::Forget);
  EXPECT_EQ(guard.suspicious(kStart + minutes(15)), InvalidationGuard::Verdict::Keep);
}

}  // namespace
}  // namespace carillon::pipeline
