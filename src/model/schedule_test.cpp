#include "model/schedule.h"

#include <gtest/gtest.h>

#include <string>

namespace carillon::model {
namespace {

constexpr std::string_view kBody =
    R"({"cron":"0 9 * * mon","time_zone":"Asia/Seoul","missed":"skip","enabled":false,)"
    R"("notification":{"to":[{"email":"a@example.com"}],"channels":["email"],"title":"x","body":"y"}})";

struct Read {
  Schedule schedule;
  base::Problems problems;
};

Read read(std::string_view json, Schedule over = {}) {
  base::JsonDocument document;
  Read r{std::move(over), {}};
  const auto root = document.parse(json);
  EXPECT_TRUE(root) << json;
  read_schedule(*root, r.schedule, r.problems);
  return r;
}

Schedule schedule() {
  Schedule made = read(kBody).schedule;
  made.key = "weekly";
  made.enabled = true;
  made.since = *parse_rfc3339("2026-11-25T00:00:00Z");
  return made;
}

TEST(Schedule, IsReadAndStored) {
  Read r = read(kBody);
  ASSERT_TRUE(r.problems.empty()) << r.problems[0].pointer << r.problems[0].detail;
  r.schedule.app = 7;
  r.schedule.is_test = true;
  r.schedule.actor = "app:shop";
  r.schedule.since = from_ms(5);
  const auto stored = decode_schedule(encode(r.schedule));
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(stored->cron, "0 9 * * mon");
  EXPECT_EQ(stored->time_zone, "Asia/Seoul");
  EXPECT_EQ(stored->missed, MissedRuns::Skip);
  EXPECT_FALSE(stored->enabled);
  EXPECT_EQ(stored->app, 7);
  EXPECT_TRUE(stored->is_test);
  EXPECT_EQ(stored->actor, "app:shop");
  EXPECT_EQ(stored->since, from_ms(5));
  EXPECT_EQ(stored->notification, r.schedule.notification);
  EXPECT_FALSE(decode_schedule("{"));
  EXPECT_EQ(decode_schedule(R"({"cron":5})").error().code, Errc::Corruption);
}

TEST(Schedule, AChangeLeavesTheRest) {
  const Read r = read(R"({"enabled":true,"next_run":null,"updated_at":"x"})", read(kBody).schedule);
  ASSERT_TRUE(r.problems.empty()) << r.problems[0].pointer;
  EXPECT_TRUE(r.schedule.enabled);
  EXPECT_EQ(r.schedule.cron, "0 9 * * mon");
  EXPECT_EQ(r.schedule.missed, MissedRuns::Skip);
}

TEST(Schedule, ProblemsHavePointers) {
  const Read r = read(R"({"key":"other","cron":"0 0 30 2 *","time_zone":"x","missed":"y","extra":1,)"
                      R"("notification":{"event_id":"e","to":[],"title":"x"}})",
                      [] {
                        Schedule s;
                        s.key = "mine";
                        return s;
                      }());
  std::string found;
  for (const auto& p : r.problems) found += p.pointer + " " + p.code + "\n";
  for (const char* wanted :
       {"/key key_mismatch", "/cron invalid_cron", "/time_zone invalid_time_zone", "/missed invalid_choice",
        "/extra unknown_field", "/notification/event_id read_only", "/notification/to missing_recipient"}) {
    EXPECT_NE(found.find(wanted), std::string::npos) << wanted << " in\n" << found;
  }
  const Read empty = read("{}");
  ASSERT_EQ(empty.problems.size(), 2U);
  EXPECT_EQ(empty.problems[0].pointer, "/cron");
  EXPECT_EQ(empty.problems[1].pointer, "/notification");
  EXPECT_FALSE(read("[]").problems.empty());
}

TEST(ScheduleState, IsStored) {
  ScheduleState state;
  state.schedule = 3;
  EXPECT_FALSE(decode_schedule_state(encode(state))->handled);
  state.handled = from_ms(10);
  state.last_run = from_ms(9);
  state.last_notification = 77;
  state.last_error = ScheduleFailure{from_ms(10), "unknown_template", std::string(599, 'x') + "\xED\x95\x9C"};
  const auto stored = decode_schedule_state(encode(state));
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(stored->schedule, 3);
  EXPECT_EQ(stored->handled, from_ms(10));
  EXPECT_EQ(stored->last_run, from_ms(9));
  EXPECT_EQ(stored->last_notification, 77);
  ASSERT_TRUE(stored->last_error);
  EXPECT_EQ(stored->last_error->code, "unknown_template");
  EXPECT_EQ(stored->last_error->at, from_ms(10));
}

TEST(ScheduleState, TheNextRunIsAfterWhatIsDoneWith) {
  Schedule s = schedule();
  ScheduleState state;
  EXPECT_EQ(next_run(s, state), parse_rfc3339("2026-11-30T00:00:00Z"));
  state.handled = parse_rfc3339("2026-11-30T00:00:00Z");
  EXPECT_EQ(next_run(s, state), parse_rfc3339("2026-12-07T00:00:00Z"));
  s.since = *parse_rfc3339("2027-01-01T00:00:00Z");  // its times were changed since
  EXPECT_EQ(next_run(s, state), parse_rfc3339("2027-01-04T00:00:00Z"));
  s.enabled = false;
  EXPECT_EQ(next_run(s, state), std::nullopt);
}

TEST(ScheduleState, ARunHasItsEventId) {
  EXPECT_EQ(schedule_event_id("weekly", *parse_rfc3339("2026-11-30T09:00:00+09:00")),
            "schedule/weekly/2026-11-30T00:00:00.000Z");
}

}  // namespace
}  // namespace carillon::model
