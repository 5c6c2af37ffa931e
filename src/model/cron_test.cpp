#include "model/cron.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "model/decision.h"
#include "model/local_time.h"

namespace carillon::model {
namespace {

Time at(std::string_view text) { return parse_rfc3339(text).value(); }

Cron cron(std::string_view text) {
  auto parsed = Cron::parse(text);
  EXPECT_TRUE(parsed) << text << ": " << (parsed ? "" : parsed.error().message);
  return parsed ? *parsed : *Cron::parse("* * * * *");
}

std::vector<std::string> next(std::string_view text, std::string_view zone, std::string_view from,
                              int count) {
  const Cron parsed = cron(text);
  std::vector<std::string> found;
  Time now = at(from);
  for (int i = 0; i < count; ++i) {
    const auto fires = parsed.next(zone, now);
    if (!fires) break;
    found.push_back(to_rfc3339(*fires).substr(0, 16));
    now = *fires;
  }
  return found;
}

using Times = std::vector<std::string>;

TEST(Cron, FiresAtTheMinutesItNames) {
  EXPECT_EQ(next("*/20 9,17 * * *", "UTC", "2026-11-25T08:00:00Z", 4),
            (Times{"2026-11-25T09:00", "2026-11-25T09:20", "2026-11-25T09:40", "2026-11-25T17:00"}));
  EXPECT_EQ(next("5-15/5,59 0 1 jan,JUL *", "UTC", "2026-01-01T00:00:00Z", 5),
            (Times{"2026-01-01T00:05", "2026-01-01T00:10", "2026-01-01T00:15", "2026-01-01T00:59",
                   "2026-07-01T00:05"}));
  EXPECT_EQ(next("50/5 0 * * *", "UTC", "2026-01-01T00:00:00Z", 2),
            (Times{"2026-01-01T00:50", "2026-01-01T00:55"}));
}

TEST(Cron, FiresAfterAMomentNeverAtIt) {
  EXPECT_EQ(next("0 9 * * *", "UTC", "2026-11-25T09:00:00Z", 1), Times{"2026-11-26T09:00"});
  EXPECT_EQ(next("0 9 * * *", "UTC", "2026-11-25T08:59:59.999Z", 1), Times{"2026-11-25T09:00"});
}

TEST(Cron, KnowsTheShortNames) {
  const std::string from = "2026-11-25T10:30:00Z";  // a Wednesday
  EXPECT_EQ(next("@hourly", "UTC", from, 1), Times{"2026-11-25T11:00"});
  EXPECT_EQ(next("@daily", "UTC", from, 1), Times{"2026-11-26T00:00"});
  EXPECT_EQ(next("@midnight", "UTC", from, 1), Times{"2026-11-26T00:00"});
  EXPECT_EQ(next("@Weekly", "UTC", from, 1), Times{"2026-11-29T00:00"});
  EXPECT_EQ(next("@monthly", "UTC", from, 1), Times{"2026-12-01T00:00"});
  EXPECT_EQ(next("@yearly", "UTC", from, 1), Times{"2027-01-01T00:00"});
  EXPECT_EQ(next(" @annually\t", "UTC", from, 1), Times{"2027-01-01T00:00"});
}

TEST(Cron, SundayIsZeroAndSeven) {
  const Times sundays{"2026-11-29T00:00", "2026-12-06T00:00"};
  for (const char* day : {"0", "7", "sun", "SUN", "0,7", "7-7"}) {
    EXPECT_EQ(next(std::string("0 0 * * ") + day, "UTC", "2026-11-25T00:00:00Z", 2), sundays) << day;
  }
  const Times weekend{"2026-11-27T00:00", "2026-11-28T00:00", "2026-11-29T00:00", "2026-12-04T00:00"};
  for (const char* days : {"5-7", "fri-sun", "5-0", "fri,sat,sun"}) {
    EXPECT_EQ(next(std::string("0 0 * * ") + days, "UTC", "2026-11-25T00:00:00Z", 4), weekend) << days;
  }
}

TEST(Cron, EitherFieldOfDaysSufficesWhenBothAreRestricted) {
  EXPECT_EQ(next("0 0 13 * fri", "UTC", "2026-11-01T00:00:00Z", 4),
            (Times{"2026-11-06T00:00", "2026-11-13T00:00", "2026-11-20T00:00", "2026-11-27T00:00"}));
  EXPECT_EQ(next("0 0 15 * fri", "UTC", "2026-11-07T00:00:00Z", 2),
            (Times{"2026-11-13T00:00", "2026-11-15T00:00"}));
  // A field that allows everything restricts nothing, however it is written.
  EXPECT_EQ(next("0 0 15 * 0-6", "UTC", "2026-11-07T00:00:00Z", 2),
            (Times{"2026-11-15T00:00", "2026-12-15T00:00"}));
  EXPECT_EQ(next("0 0 1-31 * fri", "UTC", "2026-11-07T00:00:00Z", 1), Times{"2026-11-13T00:00"});
}

TEST(Cron, FindsTheLeapDay) {
  EXPECT_EQ(next("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 2),
            (Times{"2028-02-29T00:00", "2032-02-29T00:00"}));
  EXPECT_EQ(next("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", 1), Times{"2104-02-29T00:00"});
  EXPECT_TRUE(next("0 0 29 2 *", "UTC", "9999-01-01T00:00:00Z", 1).empty());
}

TEST(Cron, RefusalsNameTheFieldAndTheFix) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"", "five fields"},
      {"* * * *", "five fields"},
      {"0 * * * * *", "no seconds"},
      {"@reboot", "@daily"},
      {"60 * * * *", "minute '60': 60 is out of range; use 0 to 59"},
      {"* 24 * * *", "hour '24'"},
      {"* * 0 * *", "day of month '0': 0 is out of range; use 1 to 31"},
      {"* * * 13 *", "month '13'"},
      {"* * * * 8", "day of week '8'"},
      {"* * * foo *", "'foo' is no month; use 1 to 12 or jan to dec"},
      {"* * * * monday", "'monday' is no day of week"},
      {"mon * * * *", "minute 'mon'"},
      {"*/0 * * * *", "number from 1"},
      {"*/90 * * * *", "wider than the field"},
      {"*/x * * * *", "number from 1"},
      {"1,,2 * * * *", "comma"},
      {"1, * * * *", "comma"},
      {"* 22-2 * * *", "write 22-23,0-2"},
      {"1-2-3 * * * *", "minute"},
      {"-5 * * * *", "minute"},
      {"+5 * * * *", "minute"},
      {"99999999999999999999 * * * *", "use 0 to 59"},
      {"* * ? * *", "write * for any"},
      {"* * L * *", "of other crons"},
      {"* * * * fri#2", "of other crons"},
      {"0 0 30 2 *", "never fires"},
      {"0 0 31 4,6,9,11 *", "never fires"},
      {std::string(kCronMax + 1, '*'), "256 bytes"},
  };
  for (const auto& [text, why] : wrong) {
    const auto parsed = Cron::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Errc::InvalidArgument);
    EXPECT_NE(parsed.error().message.find(why), std::string::npos) << text << ": " << parsed.error().message;
  }
  EXPECT_TRUE(Cron::parse("0 0 30 2 mon")) << "Mondays of February";
  EXPECT_TRUE(Cron::parse("0 0 31 2,3 *"));
}

// ---- time zones

TEST(Cron, FollowsTheClockOfTheZone) {
  EXPECT_EQ(next("0 9 * * *", "Asia/Seoul", "2026-11-25T00:00:00Z", 1), Times{"2026-11-26T00:00"});
  EXPECT_EQ(next("30 8 * * *", "Asia/Kathmandu", "2026-11-25T00:00:00Z", 1), Times{"2026-11-25T02:45"});
  EXPECT_EQ(next("0 9 * * *", "Mars/Olympus", "2026-11-25T00:00:00Z", 1), Times{"2026-11-25T09:00"});
}

TEST(Cron, ASkippedTimeMovesForward) {
  // New York, 8 March 2026: after 01:59 comes 03:00.
  EXPECT_EQ(next("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 2),
            (Times{"2026-03-08T07:00", "2026-03-09T06:30"}));
  // All of the skipped hour, and 03:00 itself, is one moment.
  EXPECT_EQ(next("*/15 2-3 * * *", "America/New_York", "2026-03-08T05:00:00Z", 3),
            (Times{"2026-03-08T07:00", "2026-03-08T07:15", "2026-03-08T07:30"}));
  // Samoa had no 30 December 2011.
  EXPECT_EQ(next("0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z", 1), Times{"2011-12-30T10:00"});
}

TEST(Cron, ARepeatedTimeFiresOnce) {
  // New York, 1 November 2026: 01:00 to 01:59 come twice.
  EXPECT_EQ(next("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2),
            (Times{"2026-11-01T05:30", "2026-11-02T06:30"}));
  EXPECT_EQ(next("*/30 0-2 1 11 *", "America/New_York", "2026-11-01T00:00:00Z", 6),
            (Times{"2026-11-01T04:00", "2026-11-01T04:30", "2026-11-01T05:00", "2026-11-01T05:30",
                   "2026-11-01T07:00", "2026-11-01T07:30"}));
  // Asked in the middle of the second hour.
  EXPECT_EQ(next("15,45 1,2 1 11 *", "America/New_York", "2026-11-01T06:20:00Z", 1),
            Times{"2026-11-01T07:15"});
}

TEST(Cron, TheNewestIsTheLastOfThoseThatPassed) {
  const Cron daily = cron("0 9 * * *");
  const Time now = at("2026-11-25T09:00:00Z");
  EXPECT_EQ(daily.newest("UTC", at("2026-01-01T00:00:00Z"), now), now);
  EXPECT_EQ(daily.newest("UTC", at("2026-01-01T00:00:00Z"), now - Millis(1)), now - std::chrono::hours(24));
  EXPECT_EQ(daily.newest("UTC", now - std::chrono::hours(24), now - Millis(1)), std::nullopt);
  EXPECT_EQ(daily.newest("UTC", now, now), std::nullopt);
  EXPECT_EQ(daily.newest("UTC", now, now - Millis(5)), std::nullopt);
  EXPECT_EQ(cron("* * * * *").newest("UTC", from_ms(0), now + std::chrono::seconds(59)), now);
  EXPECT_EQ(cron("0 0 29 2 *").newest("UTC", from_ms(0), now), at("2024-02-29T00:00:00Z"));
}

// ---- properties

rc::Gen<std::string> any_field(int min, int max) {
  return rc::gen::exec([min, max]() -> std::string {
    const int a = *rc::gen::inRange(min, max + 1), b = *rc::gen::inRange(min, max + 1);
    switch (*rc::gen::inRange(0, 5)) {
      case 0: return "*";
      case 1: return fmt::format("*/{}", *rc::gen::inRange(1, max - min + 1));
      case 2: return fmt::format("{}-{}", std::min(a, b), std::max(a, b));
      case 3: return fmt::format("{},{}", a, b);
      default: return fmt::format("{}", a);
    }
  });
}

// The definition, minute by minute: a local time the expression names fires at the first moment at which
// a clock shows it or, in a gap, something later.
RC_GTEST_PROP(Cron, FiresWhenTheDefinitionSays, ()) {
  const std::string text = *any_field(0, 59) + " " + *any_field(0, 23) + " " + *any_field(1, 28) + " " +
                           *any_field(1, 12) + " " + *any_field(0, 6);
  const std::string zone = *rc::gen::elementOf(std::vector<std::string>{"America/New_York", "Europe/London",
                                                                        "Asia/Seoul", "Australia/Lord_Howe",
                                                                        "Pacific/Apia", "Africa/Casablanca"});
  const Time base = *rc::gen::elementOf(
      std::vector<Time>{at("2026-03-07T12:00:00Z"), at("2026-10-31T12:00:00Z"), at("2026-03-28T12:00:00Z"),
                        at("2026-04-04T00:00:00Z"), at("2011-12-29T00:00:00Z"), at("2026-02-14T12:00:00Z")});
  const Time from = base + Millis(*rc::gen::inRange(0, 36 * 3'600'000));
  const auto parsed = Cron::parse(text);
  RC_ASSERT(parsed.has_value());
  const auto fires = parsed->next(zone, from);
  RC_ASSERT(fires.has_value());
  RC_ASSERT(*fires > from);
  // What it says depends on the moment it is asked for only as far as that goes.
  RC_ASSERT(parsed->next(zone, *fires - Millis(1)) == fires);
  RC_ASSERT(parsed->next(zone, from + (*fires - from) / 2) == fires);
  RC_ASSERT(parsed->newest(zone, from, *fires) == fires);
  RC_ASSERT(parsed->newest(zone, from, *fires - Millis(1)) == std::nullopt);
  // The same expression in UTC says which local times are named; each of them is that moment at the earliest.
  const WallTime shown = wall_time(zone, *fires);
  const Time as_utc(shown.day.time_since_epoch() + std::chrono::minutes(shown.minute));
  const auto named = parsed->newest("UTC", as_utc - std::chrono::hours(26), as_utc);
  RC_ASSERT(named.has_value());
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(*named));
  const auto minute = (*named - std::chrono::floor<std::chrono::days>(*named)) / std::chrono::minutes(1);
  RC_ASSERT(local_to_utc(zone, static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                         static_cast<unsigned>(date.day()), static_cast<int>(minute)) == fires);
}

}  // namespace
}  // namespace carillon::model
