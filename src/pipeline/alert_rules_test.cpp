#include "pipeline/alert_rules.h"

#include <gtest/gtest.h>

namespace carillon::pipeline {
namespace {

using model::AlertKind;
using model::DeliveryStatus;
using Kind = store::AlertChange::Kind;
using namespace std::chrono_literals;

constexpr Time kStart = from_ms(1'790'000'000'000);

// A world that can be made to go wrong, and a book that looks at it.
class AlertRules : public testing::Test {
 protected:
  AlertRules() { world_.health.disk_free_bytes = 100LL << 30; }

  // Looks once, and the Store takes what changed. "open integration_paused smtp 1"
  std::vector<std::string> look(bool is_stored = true) {
    world_.now = now_;
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->generation = generation_;
    snapshot->projects.emplace(1, std::make_shared<ProjectView>(view_));
    world_.snapshot = std::move(snapshot);
    const auto changes = book_.look(world_);
    if (is_stored) book_.done(changes, now_);
    world_.letters.clear();
    world_.no_route.clear();
    world_.failures.clear();
    std::vector<std::string> told;
    for (const auto& c : changes) {
      constexpr const char* kWords[] = {"open", "repeat", "resolve"};
      told.push_back(fmt::format("{} {} {} {}", kWords[static_cast<std::size_t>(c.kind)], name(c.key.kind),
                                 c.key.subject, c.times));
      last_detail_ = c.detail;
    }
    return told;
  }
  // The first thing that changes in so many looks; empty: nothing.
  std::vector<std::string> look_until(int looks) {
    std::vector<std::string> told;
    for (int i = 0; i < looks && told.empty(); ++i) told = look();
    return told;
  }
  void pause(const std::string& why) {
    view_.integrations.resize(1);
    view_.integrations[0].key = "smtp";
    view_.integrations[0].paused = why;
    ++generation_;
  }
  void count(std::optional<DeliveryStatus> status, std::int64_t n, model::Queue queue = model::Queue::Email) {
    store::CounterRow row;
    row.project = 1;
    row.queue = queue;
    row.status = status;
    row.n = n;
    world_.counters.push_back(row);
  }
  void letters(std::int64_t n) {
    world_.letters.push_back({1, model::Queue::Email, n, "retries_exhausted", "451 later", {}});
  }

  using Told = std::vector<std::string>;
  AlertOptions options_;
  AlertBook book_{options_};
  Observed world_;
  ProjectView view_;
  Time now_ = kStart;
  std::uint64_t generation_ = 1;
  std::string last_detail_;
};

TEST_F(AlertRules, NothingIsWrongAtFirst) { EXPECT_EQ(look_until(20), Told{}); }

TEST_F(AlertRules, APausedIntegrationOpensOnceAndResolvesAtOnce) {
  pause("535 wrong password");
  EXPECT_EQ(look(), Told{"open integration_paused smtp 1"});
  EXPECT_EQ(last_detail_, "535 wrong password");
  EXPECT_EQ(look_until(20), Told{});
  pause("");
  EXPECT_EQ(look(), Told{"resolve integration_paused smtp 0"});
  EXPECT_EQ(look_until(20), Told{});
}

TEST_F(AlertRules, ADisabledIntegrationIsNobodysProblem) {
  pause("535");
  view_.integrations[0].enabled = false;
  EXPECT_EQ(look_until(5), Told{});
}

TEST_F(AlertRules, WhatWasOpenBeforeARestartIsNotOpenedAgain) {
  model::Alert alert;
  alert.key = {1, AlertKind::IntegrationPaused, "smtp"};
  alert.last_at = now_;
  book_.load({alert});
  pause("535");
  EXPECT_EQ(look_until(5), Told{});
  pause("");
  EXPECT_EQ(look(), Told{"resolve integration_paused smtp 0"});
}

TEST_F(AlertRules, WhatGoesOnIsStoredAsItIsOnceAMinute) {
  pause("535 wrong password");
  EXPECT_EQ(look(), Told{"open integration_paused smtp 1"});
  pause("a new reason");
  now_ += 59s;
  EXPECT_EQ(look_until(5), Told{});
  now_ += 1s;
  EXPECT_EQ(look(), Told{"repeat integration_paused smtp 0"});
  EXPECT_EQ(last_detail_, "a new reason");
  EXPECT_EQ(look_until(5), Told{});
  letters(3);
  count(std::nullopt, 3);
  count(DeliveryStatus::Dead, 3);
  look();
  now_ += 2min;
  EXPECT_EQ(look(), Told{"repeat integration_paused smtp 0"}) << "dead letters are no news by being there";
}

TEST_F(AlertRules, WhatCouldNotBeStoredIsGivenAgain) {
  pause("535");
  EXPECT_EQ(look(false), Told{"open integration_paused smtp 1"});
  EXPECT_EQ(look(true), Told{"open integration_paused smtp 1"});
  letters(3);
  EXPECT_EQ(look(false), Told{"open retries_exhausted email 3"});
  EXPECT_EQ(look(true), Told{"open retries_exhausted email 3"}) << "what happened is not forgotten";
}

TEST_F(AlertRules, AFloodOfDeadLettersIsOneAlertThatCounts) {
  count(std::nullopt, 500);
  count(DeliveryStatus::Dead, 500);
  letters(200);
  EXPECT_EQ(look(), Told{"open retries_exhausted email 200"});
  EXPECT_EQ(last_detail_, "the last one: 451 later");
  letters(300);
  EXPECT_EQ(look(), Told{"repeat retries_exhausted email 300"});
  EXPECT_EQ(look_until(10), Told{});
  now_ += 61min;
  EXPECT_EQ(look_until(5), Told{"resolve retries_exhausted email 0"});
}

TEST_F(AlertRules, DeadLettersThatWereAllReplayedAreNoProblemAnyMore) {
  letters(2);
  count(std::nullopt, 2);
  count(DeliveryStatus::Dead, 2);
  EXPECT_EQ(look(), Told{"open retries_exhausted email 2"});
  EXPECT_EQ(look_until(10), Told{});
  world_.counters[1].status = DeliveryStatus::Sent;
  EXPECT_EQ(look_until(5), Told{"resolve retries_exhausted email 0"});
}

TEST_F(AlertRules, EventsThatARuleCannotSendAreOneAlertUntilThereIsNoOtherForAnHour) {
  const auto refuse = [this](std::int64_t n) {
    world_.letters.push_back(
        {1, model::Queue::None, n, "unknown_user", "/to/0: there is no user 'ann'", "big"});
  };
  refuse(2);
  EXPECT_EQ(look(), Told{"open retries_exhausted rule big 2"});
  EXPECT_EQ(last_detail_, "the last one: unknown_user");
  refuse(3);
  EXPECT_EQ(look(), Told{"repeat retries_exhausted rule big 3"});
  now_ += 59min;
  EXPECT_EQ(look_until(10), Told{});
  now_ += 2min;
  EXPECT_EQ(look_until(5), Told{"resolve retries_exhausted rule big 0"});
}

TEST_F(AlertRules, CountersThatARecountFoundToBeOffAreAnAlertUntilTheNextOne) {
  world_.recounted = {{1, 4}};
  EXPECT_EQ(look_until(3), Told{"open accountability recount 1"});
  EXPECT_EQ(look_until(10), Told{});
  world_.recounted.clear();
  EXPECT_EQ(look_until(5), Told{"resolve accountability recount 0"});
}

TEST_F(AlertRules, ARecipientIsNotNamed) {
  world_.letters.push_back(
      {1, model::Queue::Email, 1, "x", "451 <ann@example.test>\r\nlater, call +82101234567", {}});
  look();
  EXPECT_EQ(last_detail_, "the last one: 451 …  later, call …");
}

TEST_F(AlertRules, AQueueIsOldAfterThreeLooks) {
  store::LaneDepth lane;
  lane.lane = {model::Queue::Email, model::Priority::Normal};
  lane.ready = 7;
  lane.oldest_due = now_ - 16min;
  world_.lanes = {lane};
  EXPECT_EQ(look(), Told{});
  EXPECT_EQ(look(), Told{});
  EXPECT_EQ(look(), Told{"open oldest_age email/normal 1"});
  EXPECT_EQ(last_detail_, "the oldest has been due for 16m, the limit is 15m; 7 are ready");
  world_.lanes[0].oldest_due = now_ - 10min;
  EXPECT_EQ(look_until(10), Told{}) << "better, but not good yet";
  world_.lanes[0].oldest_due = now_ - 1min;
  EXPECT_EQ(look_until(3), Told{"resolve oldest_age email/normal 0"});
}

TEST_F(AlertRules, AQueueThatIsOldForAMomentIsNoAlert) {
  store::LaneDepth lane;
  lane.lane = {model::Queue::Sms, model::Priority::Critical};
  for (int i = 0; i < 5; ++i) {
    lane.oldest_due = now_ - 2min;
    world_.lanes = {lane};
    EXPECT_EQ(look(), Told{});
    EXPECT_EQ(look(), Told{});
    world_.lanes.clear();
    EXPECT_EQ(look(), Told{});
  }
}

TEST_F(AlertRules, AcceptedIsTheSumOfAllStates) {
  count(std::nullopt, 10);
  count(DeliveryStatus::Sent, 7);
  count(DeliveryStatus::Held, 3);
  EXPECT_EQ(look_until(5), Told{});
  world_.counters[2].n = 2;
  EXPECT_EQ(look_until(3), Told{"open accountability deliveries 1"});
  EXPECT_EQ(last_detail_, "10 were accepted, the states sum up to 9");
  world_.counters[2].n = 3;
  EXPECT_EQ(look_until(3), Told{"resolve accountability deliveries 0"});
}

TEST_F(AlertRules, NoRouteLastsUntilTheConfigurationHelps) {
  count(std::nullopt, 4, model::Queue::Sms);
  count(DeliveryStatus::Held, 4, model::Queue::Sms);
  world_.no_route = {{1, model::Channel::Sms, 4}};
  EXPECT_EQ(look(), Told{"open no_route sms 4"});
  EXPECT_EQ(look_until(50), Told{});
  ++generation_;  // it was looked at again, in vain
  world_.no_route = {{1, model::Channel::Sms, 4}};
  EXPECT_EQ(look(), Told{"repeat no_route sms 4"});
  EXPECT_EQ(look_until(50), Told{});
  ++generation_;  // others are held for other reasons
  EXPECT_EQ(look_until(20), Told{"resolve no_route sms 0"});
}

TEST_F(AlertRules, NoRouteEndsWithTheLastThatIsHeld) {
  count(std::nullopt, 1, model::Queue::Sms);
  count(DeliveryStatus::Held, 1, model::Queue::Sms);
  world_.no_route = {{1, model::Channel::Sms, 1}};
  look();
  world_.counters[1].status = DeliveryStatus::Cancelled;
  EXPECT_EQ(look_until(3), Told{"resolve no_route sms 0"});
}

TEST_F(AlertRules, TheDiskIsLowAndThenWellAboveItsLimit) {
  world_.health.disk_free_bytes = 1LL << 30;
  EXPECT_EQ(look(), Told{"open disk_low disk 1"});
  EXPECT_EQ(last_detail_, "1024 MiB are free; below 0 MiB sends are refused");
  world_.health.disk_free_bytes = options_.disk_free + 1;
  EXPECT_EQ(look_until(10), Told{});
  world_.health.disk_free_bytes = options_.disk_free * 2;
  EXPECT_EQ(look_until(59), Told{}) << "it might come back";
  EXPECT_EQ(look(), Told{"resolve disk_low disk 0"});
  world_.health.disk_needed_bytes = options_.disk_free * 2;  // of a large disk
  EXPECT_EQ(look(), Told{"open disk_low disk 1"});
  EXPECT_EQ(last_detail_, "4096 MiB are free; below 4096 MiB sends are refused");
}

TEST_F(AlertRules, AFailureThatRepeatsIsCounted) {
  AlertTally tally(options_.repeat_window);
  const auto fail_times = [&](int n) {
    for (int i = 0; i < n; ++i) tally.failure(1, "smtp", "451", "try later", now_);
    world_.failures = tally.take_failures(now_);
  };
  fail_times(99);
  EXPECT_EQ(look(), Told{});
  fail_times(1);
  EXPECT_EQ(look(), Told{"open repeating_problem smtp 451 100"});
  EXPECT_EQ(last_detail_, "100 times within 10m: try later");
  fail_times(5);
  EXPECT_EQ(look(), Told{"repeat repeating_problem smtp 451 5"});
  now_ += 11min;
  fail_times(0);
  EXPECT_TRUE(world_.failures.empty());
  EXPECT_EQ(look_until(3), Told{"resolve repeating_problem smtp 451 0"});
}

TEST(AlertTally, ForgetsWhatLeftTheWindowPieceByPiece) {
  AlertTally tally(10min);
  Time now = kStart;
  for (int i = 0; i < 10; ++i, now += 1min) tally.failure(1, "smtp", "451", "x", now);
  now -= 1min;
  EXPECT_EQ(tally.take_failures(now).at(0).in_window, 10);
  EXPECT_EQ(tally.take_failures(now).at(0).fresh, 0);
  EXPECT_EQ(tally.take_failures(now + 5min).at(0).in_window, 5);
  tally.failure(1, "smtp", "451", "x", now);  // a clock that stepped back
  EXPECT_EQ(tally.take_failures(now).at(0).in_window, 6);
  EXPECT_TRUE(tally.take_failures(now + 1h).empty());
}

TEST(AlertTally, IsBounded) {
  AlertTally tally(10min);
  for (std::size_t i = 0; i < AlertTally::kKeysMax + 10; ++i)
    tally.failure(1, "smtp", std::to_string(i), "x", kStart);
  EXPECT_EQ(tally.take_failures(kStart).size(), AlertTally::kKeysMax);
}

TEST(AlertTally, GivesHeldDeliveriesOnce) {
  AlertTally tally(10min);
  tally.no_route(1, model::Channel::Sms, 2);
  tally.no_route(1, model::Channel::Sms, 3);
  const auto met = tally.take_no_route();
  ASSERT_EQ(met.size(), 1U);
  EXPECT_EQ(met[0].n, 5);
  EXPECT_TRUE(tally.take_no_route().empty());
}

}  // namespace
}  // namespace carillon::pipeline
