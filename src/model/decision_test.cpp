#include "model/decision.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace carillon::model {
namespace {

using namespace std::chrono_literals;

Time at(std::string_view text) { return parse_rfc3339(text).value(); }

Category marketing() {
  Category category = general_category();
  category.key = "news";
  category.kind = CategoryKind::Marketing;
  category.quiet_hours = QuietPolicy::Defer;
  return category;
}

bool opted_in(const Category& category, const std::vector<Preference>& preferences, Channel channel,
              Platform platform = Platform::None) {
  return is_opted_in(category, preferences, channel, platform, nullptr);
}

TEST(Preferences, AnyExplicitNoWins) {
  const Category category = marketing();
  const Preference yes{"email", "news", true};
  for (const Preference& no : {Preference{"*", "*", false}, Preference{"email", "*", false},
                               Preference{"*", "news", false}, Preference{"email", "news", false}}) {
    EXPECT_FALSE(opted_in(category, {no}, Channel::Email)) << no.channel << ":" << no.category;
    if (no.channel == "email" && no.category == "news") continue;  // the very pair the yes names
    EXPECT_FALSE(opted_in(category, {yes, no}, Channel::Email)) << no.channel << ":" << no.category;
    EXPECT_FALSE(opted_in(category, {no, yes}, Channel::Email)) << no.channel << ":" << no.category;
  }
  EXPECT_TRUE(opted_in(category, {{"sms", "*", false}, {"*", "other", false}}, Channel::Email));
}

TEST(Preferences, AnExplicitYesBeatsTheDefault) {
  Category category = marketing();
  category.default_opt_in[static_cast<std::size_t>(Channel::Sms)] = false;
  EXPECT_FALSE(opted_in(category, {}, Channel::Sms));
  EXPECT_TRUE(opted_in(category, {{"sms", "news", true}}, Channel::Sms));
  EXPECT_TRUE(opted_in(category, {{"*", "news", true}}, Channel::Sms));
  EXPECT_TRUE(opted_in(category, {}, Channel::Email));
}

TEST(Preferences, MandatoryBeatsEveryNo) {
  EXPECT_TRUE(opted_in(security_category(), {{"*", "*", false}, {"sms", "security", false}}, Channel::Sms));
}

TEST(Preferences, APlatformOfPushIsItsOwnMatter) {
  const std::vector<Preference> no_web{{"push.web", "*", false}};
  EXPECT_FALSE(opted_in(marketing(), no_web, Channel::Push, Platform::Web));
  EXPECT_TRUE(opted_in(marketing(), no_web, Channel::Push, Platform::Ios));
  EXPECT_FALSE(opted_in(marketing(), {{"push", "*", false}}, Channel::Push, Platform::Web));
}

TEST(Preferences, SayWhichRuleDecided) {
  std::vector<Check> checks;
  EXPECT_FALSE(is_opted_in(marketing(), {{"sms", "*", false}}, Channel::Sms, Platform::None, &checks));
  EXPECT_TRUE(is_opted_in(marketing(), {}, Channel::Sms, Platform::None, &checks));
  EXPECT_TRUE(is_opted_in(security_category(), {}, Channel::Sms, Platform::None, &checks));
  ASSERT_EQ(checks.size(), 3U);
  EXPECT_EQ(checks[0].check, "preference");
  EXPECT_EQ(checks[0].result, "stop");
  EXPECT_EQ(checks[0].rule, "user:sms:*");
  EXPECT_EQ(checks[0].source, "user");
  EXPECT_EQ(checks[1].rule, "category_default");
  EXPECT_EQ(checks[1].result, "pass");
  EXPECT_EQ(checks[2].rule, "mandatory");
}

rc::Gen<std::vector<Preference>> some_preferences() {
  const auto channel = rc::gen::elementOf(std::vector<std::string>{"*", "sms", "push", "push.web", "email"});
  const auto category = rc::gen::elementOf(std::vector<std::string>{"*", "news", "other"});
  return rc::gen::container<std::vector<Preference>>(rc::gen::build<Preference>(
      rc::gen::set(&Preference::channel, channel), rc::gen::set(&Preference::category, category),
      rc::gen::set(&Preference::opt_in)));
}

RC_GTEST_PROP(Preferences, OneMoreNoNeverMakesAYes, ()) {
  auto preferences = *some_preferences();
  const bool before = opted_in(marketing(), preferences, Channel::Push, Platform::Web);
  preferences.push_back(
      {*rc::gen::elementOf(std::vector<std::string>{"*", "sms", "push.web"}), "news", false});
  RC_ASSERT(before || !opted_in(marketing(), preferences, Channel::Push, Platform::Web));
}

RC_GTEST_PROP(Preferences, TheirOrderDoesNotMatter, ()) {
  const auto preferences = *some_preferences();
  const std::vector<Preference> reversed(preferences.rbegin(), preferences.rend());
  RC_ASSERT(opted_in(marketing(), preferences, Channel::Push, Platform::Web) ==
            opted_in(marketing(), reversed, Channel::Push, Platform::Web));
}

// ---- local time

TEST(LocalTime, KnowsTheZonesOfTheDatabase) {
  EXPECT_TRUE(is_time_zone("Asia/Seoul"));
  EXPECT_TRUE(is_time_zone("UTC"));
  for (const std::string_view zone :
       {"", "Mars/Olympus", "../../etc/passwd", "Asia/Seoul\n", "asia/seoul!"}) {
    EXPECT_FALSE(is_time_zone(zone)) << zone;
  }
}

TEST(LocalTime, BecomesUtc) {
  EXPECT_EQ(local_to_utc("Asia/Seoul", 2026, 12, 1, 9 * 60), at("2026-12-01T00:00:00Z"));
  EXPECT_EQ(local_to_utc("America/New_York", 2026, 7, 1, 0), at("2026-07-01T04:00:00Z"));
  EXPECT_EQ(local_to_utc("Mars/Olympus", 2026, 7, 1, 0), std::nullopt);
  EXPECT_EQ(local_to_utc("UTC", 2026, 2, 29, 0), std::nullopt) << "no such day";
  EXPECT_EQ(local_to_utc("UTC", 2026, 2, 28, 1440), std::nullopt);
}

TEST(LocalTime, SkippedBySummerTimeMovesForwardToTheFirstInstant) {
  // New York, 8 March 2026: after 01:59 comes 03:00.
  const auto first = at("2026-03-08T07:00:00Z");
  EXPECT_EQ(local_to_utc("America/New_York", 2026, 3, 8, 2 * 60), first);
  EXPECT_EQ(local_to_utc("America/New_York", 2026, 3, 8, 2 * 60 + 59), first);
  EXPECT_EQ(local_to_utc("America/New_York", 2026, 3, 8, 3 * 60), first);
  // Samoa had no 30 December 2011 at all.
  EXPECT_EQ(local_to_utc("Pacific/Apia", 2011, 12, 30, 12 * 60), at("2011-12-30T10:00:00Z"));
}

TEST(LocalTime, RepeatedByWinterTimeIsTheFirst) {
  // New York, 1 November 2026: 01:00 to 01:59 come twice.
  EXPECT_EQ(local_to_utc("America/New_York", 2026, 11, 1, 90), at("2026-11-01T05:30:00Z"));
}

// ---- quiet hours

const QuietHours kNight{22 * 60, 8 * 60};

TEST(QuietHours, DeferToTheirEnd) {
  // 23:00 in Seoul.
  const Decision decision =
      apply_quiet_hours(marketing(), kNight, "Asia/Seoul", at("2026-12-01T14:00:00Z"), false);
  EXPECT_EQ(decision.kind, DecisionKind::Hold);
  EXPECT_EQ(decision.reason, Reason::QuietHours);
  EXPECT_EQ(decision.due_at, at("2026-12-01T23:00:00Z"));
  EXPECT_TRUE(decision.checks.empty());
}

TEST(QuietHours, BeginAtTheirFirstMinuteAndEndBeforeTheirLast) {
  const auto kind = [](std::string_view time) {
    return apply_quiet_hours(marketing(), kNight, "UTC", at(time), false).kind;
  };
  EXPECT_EQ(kind("2026-12-01T21:59:59.999Z"), DecisionKind::Send);
  EXPECT_EQ(kind("2026-12-01T22:00:00Z"), DecisionKind::Hold);
  EXPECT_EQ(kind("2026-12-02T07:59:59.999Z"), DecisionKind::Hold);
  EXPECT_EQ(kind("2026-12-02T08:00:00Z"), DecisionKind::Send);
}

TEST(QuietHours, ObeyTheCategory) {
  const Time night = at("2026-12-01T23:00:00Z");
  Category category = marketing();
  category.quiet_hours = QuietPolicy::Drop;
  const Decision dropped = apply_quiet_hours(category, kNight, "UTC", night, false);
  EXPECT_EQ(dropped.kind, DecisionKind::Suppress);
  EXPECT_EQ(dropped.reason, Reason::QuietHours);
  EXPECT_FALSE(dropped.due_at);
  category.mandatory = true;
  EXPECT_EQ(apply_quiet_hours(category, kNight, "UTC", night, false).kind, DecisionKind::Send);
  EXPECT_EQ(apply_quiet_hours(general_category(), kNight, "UTC", night, false).kind, DecisionKind::Send);
  EXPECT_EQ(apply_quiet_hours(marketing(), std::nullopt, "UTC", night, false).kind, DecisionKind::Send);
}

TEST(QuietHours, TakeAnUnknownZoneForUtc) {
  const Decision decision =
      apply_quiet_hours(marketing(), kNight, "Mars/Olympus", at("2026-12-01T23:00:00Z"), false);
  EXPECT_EQ(decision.due_at, at("2026-12-02T08:00:00Z"));
}

TEST(QuietHours, EndAfterTheGapWhenTheirEndIsSkipped) {
  const QuietHours quiet{22 * 60, 2 * 60 + 30};
  const Decision decision =
      apply_quiet_hours(marketing(), quiet, "America/New_York", at("2026-03-08T06:00:00Z"), false);
  EXPECT_EQ(decision.due_at, at("2026-03-08T07:00:00Z"));
}

TEST(QuietHours, EndOnceWhenTheirEndComesTwice) {
  const QuietHours quiet{22 * 60, 60 + 30};
  const auto due = [&quiet](std::string_view now) {
    return apply_quiet_hours(marketing(), quiet, "America/New_York", at(now), false).due_at;
  };
  EXPECT_EQ(due("2026-11-01T04:30:00Z"), at("2026-11-01T05:30:00Z"));
  // The clock shows 01:10 for the second time: what would go now waits for the second 01:30.
  EXPECT_EQ(due("2026-11-01T06:10:00Z"), at("2026-11-01T06:30:00Z"));
}

TEST(QuietHours, ExplainWhatTheyFound) {
  const Decision held =
      apply_quiet_hours(marketing(), kNight, "Asia/Seoul", at("2026-12-01T14:05:00Z"), true);
  ASSERT_EQ(held.checks.size(), 1U);
  EXPECT_EQ(held.checks[0].check, "quiet_hours");
  EXPECT_EQ(held.checks[0].result, "hold");
  EXPECT_EQ(held.checks[0].rule, "defer");
  EXPECT_EQ(held.checks[0].value, "22:00 to 08:00, now 23:05 Asia/Seoul");
  EXPECT_EQ(held.checks[0].at, held.due_at);
}

RC_GTEST_PROP(QuietHours, TheResultIsLaterAndNeverInsideThem, ()) {
  const QuietHours quiet{*rc::gen::inRange(0, 1440), *rc::gen::inRange(0, 1440)};
  RC_PRE(quiet.from_min != quiet.to_min);
  const std::string zone =
      *rc::gen::elementOf(std::vector<std::string>{"America/New_York", "Europe/London", "Asia/Seoul",
                                                   "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"});
  // Around the changes of summer time of 2026 as often as on any other day.
  const Time base = *rc::gen::elementOf(
      std::vector<Time>{at("2026-03-08T00:00:00Z"), at("2026-11-01T00:00:00Z"), at("2026-04-04T00:00:00Z"),
                        at("2026-06-01T00:00:00Z"), at("2011-12-29T00:00:00Z")});
  const Time now = base + std::chrono::minutes(*rc::gen::inRange(0, 3 * 1440));
  const Decision decision = apply_quiet_hours(marketing(), quiet, zone, now, false);
  if (decision.kind == DecisionKind::Send) {
    RC_ASSERT(!decision.due_at);
    return;
  }
  RC_ASSERT(decision.due_at.has_value());
  RC_ASSERT(*decision.due_at > now);
  RC_ASSERT(*decision.due_at <= now + std::chrono::hours(72));
  RC_ASSERT(apply_quiet_hours(marketing(), quiet, zone, *decision.due_at, false).kind == DecisionKind::Send);
}

// ---- explain

TEST(Explain, HasTheShapeOfTheContract) {
  Explain explain;
  explain.recipient = "user:u1";
  explain.channel = Channel::Sms;
  explain.decision.kind = DecisionKind::Suppress;
  explain.decision.reason = Reason::OptedOut;
  explain.decision.checks.push_back(
      {"preference", "stop", "user:sms:*", "opt_out", "user", at("2026-11-20T10:00:00Z")});
  explain.content = {"order_shipped", 3, "ko", 1};
  explain.route.rule = "default";
  explain.route.chain = {"a", "b"};
  explain.route.chosen = "b";
  explain.route.skipped = {{"a", "paused"}};
  base::JsonWriter out;
  write_explain(out, explain);
  EXPECT_EQ(
      out.str(),
      R"({"recipient":"user:u1","channel":"sms","device_id":null,"decision":"suppress","reason":"opted_out",)"
      R"("checks":[{"check":"preference","result":"stop","rule":"user:sms:*",)"
      R"("value":"opt_out","source":"user",)"
      R"("at":"2026-11-20T10:00:00.000Z"}],)"
      R"("content":{"template":"order_shipped","version":3,"locale":"ko","segments":1},)"
      R"("route":{"rule":"default","chain":["a","b"],"chosen":"b",)"
      R"("skipped":[{"integration":"a","why":"paused"}]}})");
}

TEST(Explain, ShowsNullForWhatIsNotKnownYet) {
  base::JsonWriter out;
  Explain explain;
  explain.recipient = "email";
  write_explain(out, explain);
  EXPECT_EQ(
      out.str(),
      R"({"recipient":"email","channel":"push","device_id":null,"decision":"send","reason":null,"checks":[],)"
      R"("content":{"template":null,"version":null,"locale":null,"segments":null},)"
      R"("route":{"rule":null,"chain":[],"chosen":null,"skipped":[]}})");
}

}  // namespace
}  // namespace carillon::model
