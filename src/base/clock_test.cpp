#include "base/clock.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace carillon {
namespace {

TEST(Rfc3339, WritesUtcWithMilliseconds) {
  EXPECT_EQ(to_rfc3339(from_ms(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(from_ms(1'709'210'096'007)), "2024-02-29T12:34:56.007Z");
  EXPECT_EQ(to_rfc3339(from_ms(253'402'300'799'999)), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(to_rfc3339(Time::max()), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(to_rfc3339(Time::min()), "1970-01-01T00:00:00.000Z");
}

TEST(Rfc3339, ReadsTheExamplesOfTheRfc) {  // RFC 3339 §5.8
  EXPECT_EQ(parse_rfc3339("1985-04-12T23:20:50.52Z"), from_ms(482'196'050'520));
  EXPECT_EQ(parse_rfc3339("1996-12-19T16:39:57-08:00"), from_ms(851'042'397'000));
  EXPECT_EQ(parse_rfc3339("1990-12-31T23:59:60Z"), from_ms(662'688'000'000));
  EXPECT_EQ(parse_rfc3339("1990-12-31T15:59:60-08:00"), from_ms(662'688'000'000));
  EXPECT_EQ(parse_rfc3339("2026-11-20t16:49:03.1239999z"), parse_rfc3339("2026-11-20T16:49:03.123Z"));
}

TEST(Rfc3339, RefusesEverythingElse) {
  for (const char* text :
       {"", "2026-11-20", "2026-11-20T16:49:03", "2026-11-20 16:49:03Z", "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T16:60:00Z", "2026-11-20T16:49:61Z",
        "2026-11-20T16:49:60Z", "2026-11-20T16:49:03.Z", "2026-11-20T16:49:03+0100",
        "2026-11-20T16:49:03+24:00", "2026-11-20T16:49:03Zx", "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59-01:00", "26-11-20T16:49:03Z", "2026-1-20T16:49:03Z"}) {
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  }
}

RC_GTEST_PROP(Rfc3339, ReadsBackWhatItWrote, ()) {
  const Time t = from_ms(*rc::gen::inRange<std::int64_t>(0, 253'402'300'800'000));
  RC_ASSERT(parse_rfc3339(to_rfc3339(t)) == t);
}

TEST(Duration, ReadsEachUnit) {
  EXPECT_EQ(parse_duration("150ms"), Millis(150));
  EXPECT_EQ(parse_duration("30s"), Millis(30'000));
  EXPECT_EQ(parse_duration("5m"), Millis(300'000));
  EXPECT_EQ(parse_duration("24h"), Millis(86'400'000));
  EXPECT_EQ(parse_duration("7d"), Millis(604'800'000));
  EXPECT_EQ(parse_duration("0s"), Millis(0));
  EXPECT_EQ(parse_duration("3650d"), Millis(315'360'000'000));
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"", "s", "5", "-5s", "+5s", "5 s", "1.5s", "5S", "5w", "3651d", "1h30m", "5s ",
                           "99999999999999999999s", "9223372036854775807d"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Duration, IsWrittenInItsLargestWholeUnit) {
  EXPECT_EQ(to_duration_text(Millis(0)), "0s");
  EXPECT_EQ(to_duration_text(Millis(1500)), "1500ms");
  EXPECT_EQ(to_duration_text(Millis(90'000)), "90s");
  EXPECT_EQ(to_duration_text(Millis(86'400'000)), "1d");
  EXPECT_EQ(to_duration_text(Millis(-5000)), "-5s");
}

RC_GTEST_PROP(Duration, ReadsBackWhatItWrote, ()) {
  const Millis d(*rc::gen::inRange<std::int64_t>(0, 315'360'000'001));
  RC_ASSERT(parse_duration(to_duration_text(d)) == d);
}

TEST(Clocks, MoveWhenTold) {
  base::ManualClock manual(from_ms(1000));
  manual.advance(Millis(5));
  EXPECT_EQ(manual.now(), from_ms(1005));
  base::SystemClock system;
  const Time before = system.now();
  system.advance(std::chrono::hours(1));
  EXPECT_GE(system.now(), before + std::chrono::hours(1));
}

TEST(Deadline, NeverIsNotPassed) {
  EXPECT_FALSE(base::Deadline::never().passed());
  EXPECT_TRUE(base::Deadline::after(std::chrono::nanoseconds(-1)).passed());
}

}  // namespace
}  // namespace carillon
