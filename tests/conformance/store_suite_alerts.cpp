// What every Store promises about alerts and their notices.
#include <fmt/format.h>

#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using model::AlertEvent;
using model::AlertKey;
using model::AlertKind;
using model::AlertTarget;
using store::AlertChange;
using store::NoticeState;
using Kind = store::AlertChange::Kind;

class Alerts : public StoreSuite {
 protected:
  static AlertChange change(Kind kind, const std::string& subject = "smtp", std::int64_t times = 1,
                            std::vector<AlertTarget> tell = {AlertTarget::Webhook, AlertTarget::Email}) {
    return {kind, AlertKey{1, AlertKind::IntegrationPaused, subject}, kind == Kind::Resolve ? "" : "535 no",
            times, std::move(tell)};
  }
  void apply(std::vector<AlertChange> changes, std::optional<std::int64_t> letters = {}) {
    ASSERT_TRUE(run(store_->alerts().change(std::move(changes), letters, clock_.now())));
  }
  std::vector<model::Alert> list(store::AlertFilter filter = {.project = 1}, store::ListPage page = {}) {
    return run(store_->alerts().list(filter, std::move(page))).value();
  }
  store::NoticeBoard board(Millis back = Millis(60'000)) {
    return run(store_->alerts().board(clock_.now() - back)).value();
  }
  // Ends a delivery as dead, and returns its letter's reason.
  void give_up(const std::string& why, bool is_sandbox = false) {
    auto made = item();
    made.deliveries[0].is_sandbox = is_sandbox;
    accept_one(std::move(made));
    auto claimed = scan(lane_, 1);
    ASSERT_EQ(claimed.size(), 1U);
    store::RecordItem record;
    record.delivery = claimed[0];
    record.to = why.starts_with("unknown") ? model::DeliveryStatus::Unknown : model::DeliveryStatus::Dead;
    record.dead_letter = why;
    ASSERT_TRUE(run(store_->record({record}, owner_, clock_.now())).value().at(0));
  }
  store::NewLetters letters(std::size_t limit = 100) {
    return run(store_->alerts().new_letters(limit)).value();
  }
  void SetUp() override {
    StoreSuite::SetUp();
    lane_ = item().deliveries[0].lane();
  }
  model::Lane lane_;
};

TEST_P(Alerts, AProblemHasOneOpenAlertThatCounts) {
  const Time first = clock_.now();
  apply({change(Kind::Open)});
  clock_.advance(std::chrono::minutes(1));
  apply({change(Kind::Open, "smtp", 2), change(Kind::Repeat, "smtp", 4), change(Kind::Repeat, "other")});
  restart();
  const auto open = run(store_->alerts().open_ones()).value();
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].key, (AlertKey{1, AlertKind::IntegrationPaused, "smtp"}));
  EXPECT_EQ(open[0].detail, "535 no");
  EXPECT_EQ(open[0].count, 7);
  EXPECT_EQ(open[0].first_at, first);
  EXPECT_EQ(open[0].last_at, clock_.now());
  EXPECT_TRUE(open[0].is_open());
  EXPECT_EQ(run(store_->alerts().get(1, open[0].id))->count, 7);
  EXPECT_EQ(run(store_->alerts().get(2, open[0].id)).error().code, Errc::NotFound);
}

TEST_P(Alerts, WhatIsResolvedMayBeOpenedAnew) {
  apply({change(Kind::Open)});
  apply({change(Kind::Resolve)});
  EXPECT_TRUE(run(store_->alerts().open_ones()).value().empty());
  apply({change(Kind::Resolve), change(Kind::Open)});
  const auto all = list();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_TRUE(all[0].is_open());
  EXPECT_EQ(all[1].resolved_at, clock_.now());
  EXPECT_GT(all[0].id, all[1].id);
}

TEST_P(Alerts, AreListedByStateAndKindInPages) {
  for (int i = 0; i < 5; ++i) apply({change(Kind::Open, fmt::format("i{}", i))});
  apply({change(Kind::Resolve, "i2")});
  EXPECT_EQ(list({.project = 1, .kind = {}, .is_open = true}).size(), 4U);
  EXPECT_EQ(list({.project = 1, .kind = {}, .is_open = false}).size(), 1U);
  EXPECT_EQ(list({.project = 1, .kind = AlertKind::IntegrationPaused, .is_open = {}}).size(), 5U);
  EXPECT_TRUE(list({.project = 1, .kind = AlertKind::NoRoute, .is_open = {}}).empty());
  EXPECT_TRUE(list({.project = 2}).empty());
  store::ListPage page;
  page.limit = 2;
  const auto first = list({.project = 1}, page);
  ASSERT_EQ(first.size(), 2U);
  page.after = first[1].id;
  EXPECT_EQ(list({.project = 1}, page).at(0).key.subject, "i2");
}

TEST_P(Alerts, AreAcknowledgedOnceAndAudited) {
  apply({change(Kind::Open)});
  const std::int64_t id = list()[0].id;
  const auto acknowledge = [&](const char* who, std::int32_t project = 1) {
    return run(store_->alerts().acknowledge(project, id, who, clock_.now()));
  };
  EXPECT_EQ(acknowledge("key:ops", 2).error().code, Errc::NotFound);
  EXPECT_EQ(acknowledge("key:ops")->acknowledged_by, "key:ops");
  clock_.advance(Millis(5));
  EXPECT_EQ(acknowledge("key:other")->acknowledged_by, "key:ops");
  EXPECT_EQ(list()[0].acknowledged_at, clock_.now() - Millis(5));
  const auto audit = run(store_->list_audit({.project = 1}, store::ListPage{})).value().rows;
  ASSERT_EQ(audit.size(), 1U);
  EXPECT_EQ(audit[0].action, "alert.acknowledge");
  EXPECT_EQ(audit[0].object, base::id_text(base::kAlertPrefix, id));
}

TEST_P(Alerts, OpeningAndResolutionAreToldToTheSamePlaces) {
  apply({change(Kind::Open, "smtp", 1, {AlertTarget::Webhook}), change(Kind::Open, "quiet", 1, {})});
  apply({change(Kind::Open, "smtp"), change(Kind::Repeat, "smtp")});
  ASSERT_EQ(board().waiting.size(), 1U) << "a repeat is no news";
  EXPECT_EQ(board().waiting[0].notice.event, AlertEvent::Opened);
  EXPECT_EQ(board().waiting[0].alert.key.subject, "smtp");
  apply({change(Kind::Resolve, "smtp"), change(Kind::Resolve, "quiet")});
  restart();
  const auto waiting = board().waiting;
  ASSERT_EQ(waiting.size(), 2U);
  EXPECT_EQ(waiting[1].notice.event, AlertEvent::Resolved);
  EXPECT_EQ(waiting[1].notice.target, AlertTarget::Webhook);
  EXPECT_EQ(waiting[1].notice.message, 0);
}

TEST_P(Alerts, AMessageIsPlannedThenSettledForAllItTells) {
  apply({change(Kind::Open, "a"), change(Kind::Open, "b", 1, {AlertTarget::Webhook})});
  std::vector<std::int64_t> webhooks;
  for (const auto& w : board().waiting) {
    if (w.notice.target == AlertTarget::Webhook) webhooks.push_back(w.notice.id);
  }
  ASSERT_EQ(webhooks.size(), 2U);
  ASSERT_TRUE(run(store_->alerts().plan({webhooks}, clock_.now())));
  restart();
  auto planned = board();
  ASSERT_EQ(planned.lately.size(), 1U);
  EXPECT_EQ(planned.lately[0].n, 1) << "two notices, one message";
  EXPECT_EQ(planned.waiting[0].notice.message, webhooks[0]);
  const std::int64_t message = webhooks[0];
  const Time due = clock_.now() + Millis(5'000);
  ASSERT_TRUE(
      run(store_->alerts().settle({{message, NoticeState::Waiting, due, "no answer"}}, clock_.now())));
  planned = board();
  EXPECT_EQ(planned.waiting[0].notice.tries, 1);
  EXPECT_EQ(planned.waiting[0].notice.due_at, due);
  EXPECT_EQ(planned.waiting[0].notice.error, "no answer");
  ASSERT_TRUE(run(store_->alerts().settle({{message, NoticeState::Told, due, ""}}, clock_.now())));
  const auto left = board().waiting;
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].notice.target, AlertTarget::Email);
  const auto notices = run(store_->alerts().notices_of(left[0].notice.alert)).value();
  ASSERT_EQ(notices.size(), 2U);
  EXPECT_EQ(notices[0].state, NoticeState::Told);
  EXPECT_EQ(notices[0].ended_at, clock_.now());
  clock_.advance(std::chrono::minutes(2));
  EXPECT_TRUE(board().lately.empty());
}

TEST_P(Alerts, DeadLettersAreCountedOnce) {
  give_up("retries_exhausted: temporary 451 later");
  give_up("provider_down");
  give_up("unknown_outcome: ambiguous");
  give_up("retries_exhausted", true);
  const auto found = letters();
  ASSERT_EQ(found.tallies.size(), 1U);
  EXPECT_EQ(found.tallies[0].n, 2);
  EXPECT_EQ(found.tallies[0].project, 1);
  EXPECT_EQ(found.tallies[0].queue, lane_.queue);
  EXPECT_EQ(found.tallies[0].reason, "provider_down");
  EXPECT_FALSE(found.has_more);
  EXPECT_EQ(letters().tallies[0].n, 2) << "until it is told what was seen";
  apply({}, found.seen);
  restart();
  EXPECT_TRUE(letters().tallies.empty());
  EXPECT_FALSE(letters().seen);
  give_up("retries_exhausted: temporary 451 later");
  EXPECT_EQ(letters().tallies.at(0).n, 1);
}

TEST_P(Alerts, EventsAmongThemAreCountedByTheirRule) {
  std::uint8_t next = 0;
  const auto refuse = [&](const std::string& rule, bool is_test = false) {
    store::EventLetter letter;
    letter.project = 1;
    letter.is_test = is_test;
    letter.rule = rule;
    letter.reason = "unknown_user";
    letter.event = "{}";
    letter.hash[0] = ++next;
    ASSERT_TRUE(
        run(store_->put_event_letters({letter, letter}, clock_.now())));  // the same event is one letter
  };
  refuse("big");
  refuse("big");
  refuse("small");
  refuse("big", true);
  give_up("retries_exhausted");
  const auto found = letters();
  ASSERT_EQ(found.tallies.size(), 3U);
  EXPECT_EQ(found.tallies[0].rule, "");
  EXPECT_EQ(found.tallies[1].rule, "big");
  EXPECT_EQ(found.tallies[1].n, 2);
  EXPECT_EQ(found.tallies[1].reason, "unknown_user");
  EXPECT_EQ(found.tallies[2].rule, "small");
  apply({}, found.seen);
  EXPECT_TRUE(letters().tallies.empty());
}

TEST_P(Alerts, DeadLettersAreLookedAtInPieces) {
  for (int i = 0; i < 5; ++i) give_up("retries_exhausted");
  std::int64_t count = 0;
  int pieces = 0;
  for (bool has_more = true; has_more; ++pieces) {
    const auto found = letters(2);
    for (const auto& tally : found.tallies) count += tally.n;
    apply({}, found.seen);
    has_more = found.has_more;
  }
  EXPECT_EQ(count, 5);
  EXPECT_EQ(pieces, 3);
}

TEST_P(Alerts, DeadLettersThatRetentionDroppedAreNotCountedAgain) {
  for (int i = 0; i < 3; ++i) give_up("retries_exhausted");
  apply({}, letters().seen);
  clock_.advance(std::chrono::days(91));
  while (run(store_->housekeeping(store::Retention{}, clock_.now())).value()) {}
  const auto none = letters();
  EXPECT_TRUE(none.tallies.empty());
  ASSERT_EQ(none.seen, 0) << "their ids are given out again";
  apply({}, none.seen);
  give_up("retries_exhausted");
  EXPECT_EQ(letters().tallies.at(0).n, 1);
}

TEST_P(Alerts, ATargetThatCannotBeReachedHoldsUpNoOther) {
  std::vector<AlertChange> many;
  for (std::size_t i = 0; i < store::kWaitingNoticesMax + 5; ++i)
    many.push_back(change(Kind::Open, fmt::format("i{}", i), 1, {AlertTarget::Webhook}));
  many.push_back(change(Kind::Open, "last"));
  many.back().key.project = 2;
  apply(std::move(many));
  const auto waiting = board().waiting;
  ASSERT_EQ(waiting.size(), store::kWaitingNoticesMax + 2);
  EXPECT_EQ(waiting[waiting.size() - 1].notice.project, 2);
  EXPECT_EQ(waiting[waiting.size() - 2].notice.project, 2);
  EXPECT_EQ(waiting[waiting.size() - 3].alert.key.subject, fmt::format("i{}", store::kWaitingNoticesMax - 1));
}

TEST_P(Alerts, GoWhenTheyAreResolvedAndOld) {
  apply({change(Kind::Open, "open"), change(Kind::Open, "old")});
  apply({change(Kind::Resolve, "old")});
  const std::int64_t old = list({.project = 1, .kind = {}, .is_open = false}).at(0).id;
  clock_.advance(std::chrono::days(91));
  while (run(store_->housekeeping(store::Retention{}, clock_.now())).value()) {}
  ASSERT_EQ(list().size(), 1U);
  EXPECT_EQ(list()[0].key.subject, "open");
  EXPECT_TRUE(run(store_->alerts().notices_of(old)).value().empty());
}

INSTANTIATE_TEST_SUITE_P(Stores, Alerts, ::testing::ValuesIn(store_backends()),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace
}  // namespace carillon::conformance
