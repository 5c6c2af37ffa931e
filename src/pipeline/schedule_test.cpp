// The pure parts of the scheduler; what it does with a store is told in tests/scenarios/test_schedules.py.
#include "pipeline/schedule.h"

#include <gtest/gtest.h>

namespace carillon::pipeline {
namespace {

model::Schedule schedule() {
  model::Schedule s;
  s.key = "weekly";
  s.actor = "app:shop";
  s.notification = R"({"to":[{"email":"a@example.com"}],"channels":["email"],"title":"x","body":"y"})";
  return s;
}

TEST(ScheduleCaller, IsWhoeverWroteIt) {
  Snapshot snapshot;
  auto app = std::make_shared<model::App>();
  app->id = 7;
  snapshot.apps.emplace(7, app);
  model::Schedule s = schedule();
  const auto manager = schedule_caller(snapshot, 3, s);
  ASSERT_TRUE(manager);
  EXPECT_EQ(manager->app, nullptr);
  EXPECT_EQ(manager->project, 3);
  s.app = 7;
  s.is_test = true;
  const auto caller = schedule_caller(snapshot, 3, s);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->app, app);
  EXPECT_TRUE(caller->is_test);
  EXPECT_EQ(caller->actor, "app:shop");
  app->is_disabled = true;
  EXPECT_EQ(schedule_caller(snapshot, 3, s).error().code, "app_disabled");
  s.app = 8;
  EXPECT_EQ(schedule_caller(snapshot, 3, s).error().status, 403);
}

TEST(ScheduleItem, IsTheSendWithItsEventId) {
  model::Schedule s = schedule();
  const auto item = schedule_item(s, "schedule/weekly/x");
  ASSERT_TRUE(item) << item.error().message;
  EXPECT_EQ(item->body, s.notification);
  EXPECT_EQ(item->request->event_id, "schedule/weekly/x");
  EXPECT_EQ(item->request->to.front().id, "a@example.com");
  EXPECT_EQ(item->fingerprint, base::Hash128{});
  s.notification = R"({"to":[]})";
  EXPECT_EQ(schedule_item(s, "x").error().code, Errc::Corruption);
}

TEST(ScheduleRuns, KeepThePlaceOfWhatWasRefused) {
  Refusal refusal;
  refusal.code = "unknown_template";
  refusal.detail = "there is no published template 'x'";
  EXPECT_EQ(refused_run(from_ms(5), refusal).error.detail, refusal.detail);
  refusal.problems.push_back({"/template", "unknown_template", refusal.detail});
  const ScheduleRun run = refused_run(from_ms(5), refusal);
  EXPECT_EQ(run.notification, 0);
  EXPECT_EQ(run.error.code, "unknown_template");
  EXPECT_EQ(run.error.detail, "/notification/template: there is no published template 'x'");
  EXPECT_EQ(run.error.at, from_ms(5));
}

}  // namespace
}  // namespace carillon::pipeline
