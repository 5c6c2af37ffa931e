#include "model/local_time.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace carillon::model {
namespace {

Time at(std::string_view text) { return parse_rfc3339(text).value(); }

LocalSendTime wanted(IfPast if_past = IfPast::Now, std::string zone = {}) {
  return {2026, 12, 1, 9 * 60, if_past, std::move(zone)};
}
const Time kBefore = at("2026-11-20T00:00:00Z");

TEST(LocalMoment, IsTheTimeOfTheRecipientsClock) {
  EXPECT_EQ(local_moment(wanted(), "Asia/Seoul", kBefore).at, at("2026-12-01T00:00:00Z"));
  EXPECT_EQ(local_moment(wanted(), "America/New_York", kBefore).at, at("2026-12-01T14:00:00Z"));
  EXPECT_EQ(local_moment(wanted(), "Mars/Olympus", kBefore).at, at("2026-12-01T09:00:00Z"));
  EXPECT_EQ(local_moment(wanted(IfPast::Now, "Asia/Seoul"), "America/New_York", kBefore).at,
            at("2026-12-01T00:00:00Z"))
      << "a zone of its own wins";
}

TEST(LocalMoment, SkippedTimesMoveForwardAndRepeatedOnesAreTheFirst) {
  EXPECT_EQ(local_moment({2026, 3, 8, 150, IfPast::Now}, "America/New_York", at("2026-01-01T00:00:00Z")).at,
            at("2026-03-08T07:00:00Z"));
  EXPECT_EQ(local_moment({2026, 11, 1, 90, IfPast::Now}, "America/New_York", at("2026-01-01T00:00:00Z")).at,
            at("2026-11-01T05:30:00Z"));
}

TEST(LocalMoment, ThatHasPassedIsWhatTheCallerSaid) {
  const Time accepted = at("2026-12-01T00:00:00Z");  // in Seoul it is 09:00 that very moment
  EXPECT_EQ(local_moment(wanted(IfPast::Now), "Asia/Seoul", accepted).at, accepted);
  EXPECT_EQ(local_moment(wanted(IfPast::NextDay), "Asia/Seoul", accepted).at, at("2026-12-02T00:00:00Z"));
  EXPECT_TRUE(local_moment(wanted(IfPast::Skip), "Asia/Seoul", accepted).is_skipped);
  EXPECT_FALSE(local_moment(wanted(IfPast::Skip), "Asia/Seoul", accepted - Millis(1)).is_skipped);
  // Long ago: the next time, not the day after.
  EXPECT_EQ(local_moment(wanted(IfPast::NextDay), "Asia/Seoul", at("2027-06-01T05:00:00Z")).at,
            at("2027-06-02T00:00:00Z"));
  EXPECT_EQ(local_moment(wanted(IfPast::NextDay), "Asia/Seoul", at("2027-06-01T23:00:00Z")).at,
            at("2027-06-02T00:00:00Z"));
}

TEST(LocalMoment, TheNextDayOfASkippedTimeMovesForwardToo) {
  const LocalSendTime night{2026, 3, 7, 150, IfPast::NextDay};
  EXPECT_EQ(local_moment(night, "America/New_York", at("2026-03-07T12:00:00Z")).at,
            at("2026-03-08T07:00:00Z"));
}

TEST(LocalMoment, BeginsWhereTheDayBegins) {
  EXPECT_EQ(first_local_moment(wanted(), kBefore), at("2026-11-30T19:00:00Z"));
  EXPECT_EQ(first_local_moment(wanted(), at("2026-11-30T19:00:00Z")), std::nullopt) << "at once";
  EXPECT_EQ(first_local_moment(wanted(IfPast::Now, "Asia/Seoul"), kBefore), at("2026-12-01T00:00:00Z"));
  EXPECT_EQ(first_local_moment(wanted(IfPast::Skip, "Asia/Seoul"), at("2026-12-01T01:00:00Z")), std::nullopt);
}

TEST(LocalMoment, DecidesBetweenNowLaterAndNever) {
  const Time due = at("2026-12-01T00:00:00Z");
  const auto held = apply_local_time(wanted(), "Asia/Seoul", "user", kBefore, due - Millis(1), true);
  EXPECT_EQ(held.kind, DecisionKind::Hold);
  EXPECT_EQ(held.reason, Reason::LocalTime);
  EXPECT_EQ(held.due_at, due);
  ASSERT_EQ(held.checks.size(), 1U);
  EXPECT_EQ(held.checks[0].check, "local_time");
  EXPECT_EQ(held.checks[0].result, "hold");
  EXPECT_EQ(held.checks[0].value, "2026-12-01T09:00 Asia/Seoul");
  EXPECT_EQ(held.checks[0].source, "user");
  EXPECT_EQ(held.checks[0].at, due);
  const auto now = apply_local_time(wanted(), "Asia/Seoul", "user", kBefore, due, false);
  EXPECT_EQ(now.kind, DecisionKind::Send);
  EXPECT_TRUE(now.checks.empty());
  const auto never = apply_local_time(wanted(IfPast::Skip), "Asia/Seoul", "device", due, due, false);
  EXPECT_EQ(never.kind, DecisionKind::Suppress);
  EXPECT_EQ(never.reason, Reason::LocalTime);
  ASSERT_EQ(never.checks.size(), 1U) << "what is suppressed says why";
  EXPECT_EQ(never.checks[0].rule, "if_past:skip");
}

TEST(LocalMoment, AgeIsCountedFromTheEndOfTheCallersWish) {
  Notification n;
  n.accepted_at = kBefore;
  EXPECT_EQ(sending_began(n, kBefore), kBefore);
  n.send_at = at("2026-11-30T19:00:00Z");
  EXPECT_EQ(sending_began(n, at("2026-12-09T00:00:00Z")), n.send_at);
  auto request = std::make_shared<SendRequest>();
  request->send_at_local = wanted();
  n.request = request;
  EXPECT_EQ(sending_began(n, at("2026-12-01T00:00:00Z")), at("2026-12-01T00:00:00Z"));
  EXPECT_EQ(sending_began(n, at("2026-12-09T00:00:00Z")), at("2026-12-01T21:00:00Z"));
}

TEST(WallTimes, AreShownWithTheirOffset) {
  const Time time = at("2026-12-01T14:05:59.900Z");
  EXPECT_EQ(to_local_text("Asia/Seoul", time), "2026-12-01T23:05:59+09:00");
  EXPECT_EQ(to_local_text("America/St_Johns", time), "2026-12-01T10:35:59-03:30");
  EXPECT_EQ(to_local_text("UTC", time), "2026-12-01T14:05:59+00:00");
  EXPECT_EQ(wall_time("Asia/Kathmandu", time).minute, 19 * 60 + 50);
}

TEST(QuietHoursOverChanges, AreDroppedByTheClockOnTheWall) {
  Category category = general_category();
  category.quiet_hours = QuietPolicy::Drop;
  const QuietHours quiet{60 + 30, 2 * 60 + 30};
  const auto kind = [&](std::string_view now) {
    return apply_quiet_hours(category, quiet, "America/New_York", at(now), false).kind;
  };
  // Spring: 01:30 to 01:59 are quiet, then it is 03:00.
  EXPECT_EQ(kind("2026-03-08T06:29:59Z"), DecisionKind::Send);
  EXPECT_EQ(kind("2026-03-08T06:59:59Z"), DecisionKind::Suppress);
  EXPECT_EQ(kind("2026-03-08T07:00:00Z"), DecisionKind::Send);
  // Autumn: 01:30 comes twice, and between them the clock shows 01:00 again.
  EXPECT_EQ(kind("2026-11-01T05:30:00Z"), DecisionKind::Suppress);
  EXPECT_EQ(kind("2026-11-01T06:00:00Z"), DecisionKind::Send);
  EXPECT_EQ(kind("2026-11-01T06:30:00Z"), DecisionKind::Suppress);
  EXPECT_EQ(kind("2026-11-01T07:30:00Z"), DecisionKind::Send);
}

// Whatever the zone: never before the expansion, never after the end, never in the past.
RC_GTEST_PROP(LocalMoment, LiesBetweenTheFirstAndTheLast, ()) {
  const auto if_past = *rc::gen::elementOf(std::vector<IfPast>{IfPast::Now, IfPast::NextDay, IfPast::Skip});
  const LocalSendTime time{2026, *rc::gen::elementOf(std::vector<unsigned>{3, 4, 10, 11}),
                           *rc::gen::inRange(1U, 31U), *rc::gen::inRange(0, 1440), if_past};
  const std::string zone = *rc::gen::elementOf(
      std::vector<std::string>{"Pacific/Kiritimati", "Etc/GMT+12", "Asia/Seoul", "America/New_York",
                               "Australia/Lord_Howe", "Pacific/Chatham", "Europe/London"});
  const Time accepted = at("2026-03-01T00:00:00Z") + std::chrono::minutes(*rc::gen::inRange(0, 300 * 1440));
  const LocalMoment moment = local_moment(time, zone, accepted);
  if (moment.is_skipped) {
    RC_ASSERT(if_past == IfPast::Skip);
    return;
  }
  RC_ASSERT(moment.at >= accepted);
  RC_ASSERT(moment.at >= first_local_moment(time, accepted).value_or(accepted));
  RC_ASSERT(moment.at <= last_local_moment(time, accepted));
}

}  // namespace
}  // namespace carillon::model
