// Drafts, approvals, and notifications that stand still for a while.
#include <algorithm>

#include "tests/conformance/store_suite.h"

namespace carillon::conformance {
namespace {

using model::DeliveryStatus;
using model::NotificationStatus;
using store::Approval;
using store::ApprovalStatus;

constexpr std::int32_t kProject = 1;
constexpr Millis kHour{3'600'000};

class Drafts : public StoreSuite {
 protected:
  Approval approval_of(const model::Notification& n) {
    Approval a;
    a.id = ids_->take(1);
    a.notification = n.id;
    a.project = n.project;
    a.audience = 5;
    a.submitted_by = "app:shop";
    a.submitted_at = clock_.now();
    a.expires_at = clock_.now() + kHour;
    return a;
  }
  model::Notification accepted(NotificationStatus status) {
    store::AcceptItem one = item(0);
    one.notification.status = status;
    one.notification.first_delivery = 0;
    one.notification.body = R"({"title":"a"})";
    if (status == NotificationStatus::AwaitingApproval) one.approval = approval_of(one.notification);
    accept_one(one);
    return one.notification;
  }
  NotificationStatus status(std::int64_t notification) {
    return run(store_->notifications({notification})).value().front()->status;
  }
  std::vector<Approval> open() {
    return run(store_->list_approvals({.project = kProject, .status = ApprovalStatus::Open}, {})).value();
  }
  // One send to so many in a category of which 100 an hour go without a word.
  store::Accepted send(std::int64_t recipients, std::int64_t app = 7, const std::string& event = {}) {
    store::AcceptItem one = event.empty() ? item(1) : item_with_event(event);
    one.notification.app = app;
    one.share = {.recipients = recipients, .limit = 100};
    return accept_one(std::move(one)).kind;
  }
  Result<bool> rewrite(const model::Notification& before, NotificationStatus to, const std::string& body,
                       std::optional<store::ApprovalShare> share = {}) {
    store::Rewrite change;
    change.notification = before;
    change.notification.status = to;
    change.notification.body = body;
    change.expected_body = before.body;
    change.share = share;
    if (to == NotificationStatus::AwaitingApproval) change.approval = approval_of(before);
    change.actor = "app:shop";
    change.action = "notification.update";
    return run(store_->rewrite(std::move(change), clock_.now()));
  }
  Result<Approval> decide(std::int64_t id, bool is_approved, std::int32_t project = kProject) {
    store::ApprovalDecision decision;
    decision.approval = id;
    decision.project = project;
    decision.is_approved = is_approved;
    decision.actor = "key:boss";
    decision.reason = "because";
    decision.send_at = clock_.now();
    return run(store_->decide(std::move(decision), clock_.now()));
  }
  bool is_due(std::int64_t notification) {
    const auto due = run(store_->expansions().due(100, clock_.now())).value();
    return std::ranges::any_of(due, [&](const auto& d) { return d.notification == notification; });
  }
  void housekeep() {
    while (run(store_->housekeeping({}, clock_.now())).value()) continue;
  }
};

TEST_P(Drafts, ApprovalsAreNewsToWhoWatches) {
  std::uint64_t before = store_->news();
  const auto is_news = [&] { return std::exchange(before, store_->news()) != before; };
  accepted(NotificationStatus::Sending);
  EXPECT_FALSE(is_news()) << "no approval";
  const model::Notification waiting = accepted(NotificationStatus::AwaitingApproval);
  EXPECT_TRUE(is_news());
  const auto again = open();
  EXPECT_FALSE(is_news()) << "only looked at";
  ASSERT_EQ(again.size(), 1U);
  store::ApprovalDecision no;
  no.approval = again.front().id;
  no.project = kProject;
  no.actor = "member:ann";
  ASSERT_TRUE(run(store_->decide(std::move(no), clock_.now())));
  EXPECT_TRUE(is_news());
  accepted(NotificationStatus::AwaitingApproval);
  EXPECT_TRUE(is_news());
  clock_.advance(kHour * 2);
  while (run(store_->housekeeping(store::Retention{}, clock_.now())).value()) {}
  EXPECT_TRUE(is_news()) << "expired";
}

TEST_P(Drafts, ADraftIsNotDueUntilItIsSubmitted) {
  const auto draft = accepted(NotificationStatus::Draft);
  EXPECT_FALSE(is_due(draft.id));
  ASSERT_TRUE(rewrite(draft, NotificationStatus::Draft, R"({"title":"b"})"));
  EXPECT_EQ(run(store_->notifications({draft.id})).value().front()->body, R"({"title":"b"})");
  auto changed = draft;
  changed.body = R"({"title":"b"})";
  ASSERT_TRUE(rewrite(changed, NotificationStatus::Scheduled, changed.body));
  restart();
  EXPECT_TRUE(is_due(draft.id));
  EXPECT_EQ(status(draft.id), NotificationStatus::Scheduled);
}

TEST_P(Drafts, WhoReadAnOlderBodyChangesNothing) {
  const auto draft = accepted(NotificationStatus::Draft);
  ASSERT_TRUE(rewrite(draft, NotificationStatus::Draft, R"({"title":"b"})"));
  EXPECT_EQ(rewrite(draft, NotificationStatus::Scheduled, draft.body).error().code, Errc::Conflict);
  EXPECT_EQ(status(draft.id), NotificationStatus::Draft);
}

TEST_P(Drafts, AnApprovalIsDecidedOnce) {
  const auto n = accepted(NotificationStatus::AwaitingApproval);
  EXPECT_FALSE(is_due(n.id));
  ASSERT_EQ(open().size(), 1U);
  const Approval asked = open().front();
  EXPECT_EQ(asked.notification, n.id);
  EXPECT_EQ(asked.audience, 5);
  EXPECT_EQ(asked.submitted_by, "app:shop");
  EXPECT_EQ(decide(asked.id, true, 2).error().code, Errc::NotFound);  // of another project
  const auto decided = decide(asked.id, true);
  ASSERT_TRUE(decided);
  EXPECT_EQ(decided->status, ApprovalStatus::Approved);
  EXPECT_EQ(decide(asked.id, false).error().code, Errc::Conflict);
  restart();
  EXPECT_TRUE(is_due(n.id));
  const Approval kept = run(store_->approval(kProject, asked.id)).value();
  EXPECT_EQ(kept.status, ApprovalStatus::Approved);
  EXPECT_EQ(kept.decided_by, "key:boss");
  EXPECT_EQ(kept.reason, "because");
  EXPECT_EQ(kept.decided_at, clock_.now());
}

TEST_P(Drafts, AnHourIsSpentByManySmallSendsAlsoOverARestart) {
  for (int i = 0; i < 50; ++i) ASSERT_EQ(send(1), store::Accepted::New) << i;
  clock_.advance(kHour / 2);
  restart();
  for (int i = 0; i < 50; ++i) ASSERT_EQ(send(1), store::Accepted::New) << i;
  EXPECT_EQ(send(1), store::Accepted::NeedsApproval);
  EXPECT_EQ(send(1, 8), store::Accepted::New);  // each app for itself
  const std::string category = item().notification.category;
  EXPECT_EQ(run(store_->hour_spent({kProject, 7, category}, clock_.now())).value(), 100);
  EXPECT_EQ(run(store_->hour_spent({kProject, 8, category}, clock_.now())).value(), 1);
  EXPECT_EQ(run(store_->hour_spent({kProject, 7, "another"}, clock_.now())).value(), 0);
  clock_.advance(kHour / 2);  // the first fifty are of an earlier hour
  EXPECT_EQ(send(50), store::Accepted::New);
  EXPECT_EQ(send(1), store::Accepted::NeedsApproval);
  expect_accountable();
}

TEST_P(Drafts, WhatDoesNotFitIntoTheHourIsNeitherStoredNorCounted) {
  ASSERT_EQ(send(60), store::Accepted::New);
  ASSERT_EQ(send(60, 7, "e1"), store::Accepted::NeedsApproval);
  EXPECT_EQ(send(40, 7, "e1"), store::Accepted::New);
  store::HistoryFilter all;
  all.project = kProject;
  EXPECT_EQ(run(store_->list_notifications(std::move(all))).value().rows.size(), 2U);
}

TEST_P(Drafts, ARepeatTakesNothingFromTheHour) {
  ASSERT_EQ(send(60, 7, "e1"), store::Accepted::New);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(send(60, 7, "e1"), store::Accepted::Duplicate);
  EXPECT_EQ(send(40), store::Accepted::New);
}

TEST_P(Drafts, ASubmittedOneTakesItsShareOfTheHour) {
  const auto draft = accepted(NotificationStatus::Draft);
  ASSERT_EQ(send(60), store::Accepted::New);
  store::ApprovalShare share{.recipients = 60, .limit = 100};
  EXPECT_FALSE(rewrite(draft, NotificationStatus::Scheduled, draft.body, share).value());
  EXPECT_EQ(status(draft.id), NotificationStatus::Draft);
  share.recipients = 40;
  EXPECT_TRUE(rewrite(draft, NotificationStatus::Scheduled, draft.body, share).value());
  EXPECT_EQ(send(1), store::Accepted::NeedsApproval);
}

TEST_P(Drafts, ARejectedOneIsNeverDue) {
  const auto n = accepted(NotificationStatus::AwaitingApproval);
  ASSERT_TRUE(decide(open().front().id, false));
  EXPECT_EQ(status(n.id), NotificationStatus::Rejected);
  EXPECT_FALSE(is_due(n.id));
}

TEST_P(Drafts, AChangeVoidsWhatWasAskedForAndGiven) {
  const auto n = accepted(NotificationStatus::AwaitingApproval);
  const std::int64_t first = open().front().id;
  ASSERT_TRUE(rewrite(n, NotificationStatus::AwaitingApproval, R"({"title":"b"})"));
  ASSERT_EQ(open().size(), 1U);
  const std::int64_t second = open().front().id;
  EXPECT_NE(first, second);
  EXPECT_EQ(decide(first, true).error().code, Errc::Conflict);
  ASSERT_TRUE(decide(second, true));
  auto changed = n;
  changed.body = R"({"title":"b"})";
  ASSERT_TRUE(rewrite(changed, NotificationStatus::AwaitingApproval, R"({"title":"c"})"));
  EXPECT_FALSE(is_due(n.id));
  EXPECT_EQ(status(n.id), NotificationStatus::AwaitingApproval);
  store::ApprovalFilter of_it;
  of_it.project = kProject;
  of_it.notification = n.id;
  const auto all = run(store_->list_approvals(of_it, {})).value();
  EXPECT_EQ(all.size(), 3U);
}

TEST_P(Drafts, NobodyDecidesInTime) {
  const auto n = accepted(NotificationStatus::AwaitingApproval);
  const std::int64_t id = open().front().id;
  clock_.advance(kHour - Millis(1));
  housekeep();
  EXPECT_EQ(status(n.id), NotificationStatus::AwaitingApproval);
  clock_.advance(Millis(1));
  EXPECT_EQ(decide(id, true).error().code, Errc::Conflict);  // before anybody has cleaned up
  housekeep();
  EXPECT_EQ(status(n.id), NotificationStatus::ApprovalExpired);
  EXPECT_EQ(run(store_->approval(kProject, id)).value().status, ApprovalStatus::Expired);
  EXPECT_TRUE(open().empty());
}

TEST_P(Drafts, CancellingClosesTheApproval) {
  const auto n = accepted(NotificationStatus::AwaitingApproval);
  const std::int64_t id = open().front().id;
  ASSERT_TRUE(run(store_->cancel(n.id, "key:ops", clock_.now())));
  EXPECT_TRUE(open().empty());
  EXPECT_EQ(decide(id, true).error().code, Errc::Conflict);
  EXPECT_EQ(status(n.id), NotificationStatus::Cancelled);
}

TEST_P(Drafts, WhatHasBegunIsNotChanged) {
  const auto n = accepted(NotificationStatus::Expanding);
  EXPECT_EQ(rewrite(n, NotificationStatus::Draft, "{}").error().code, Errc::Conflict);
  const auto sending = item(1);
  accept_one(sending);
  EXPECT_EQ(rewrite(sending.notification, NotificationStatus::Draft, "{}").error().code, Errc::Conflict);
}

TEST_P(Drafts, APausedExpansionIsNotDueAndGoesOnWhereItWas) {
  const auto n = accepted(NotificationStatus::Expanding);
  ASSERT_TRUE(run(store_->pause(n.id, "app:shop", clock_.now())));
  ASSERT_TRUE(run(store_->pause(n.id, "app:shop", clock_.now())));
  EXPECT_FALSE(is_due(n.id));
  restart();
  EXPECT_EQ(status(n.id), NotificationStatus::Paused);
  ASSERT_TRUE(run(store_->resume(n.id, "app:shop", clock_.now())));
  EXPECT_EQ(status(n.id), NotificationStatus::Expanding);
  EXPECT_TRUE(is_due(n.id));
  EXPECT_EQ(run(store_->pause(1, "x", clock_.now())).error().code, Errc::NotFound);
}

TEST_P(Drafts, WhatAPauseHeldIsPendingAgainAndNothingElse) {
  auto one = item(3);
  accept_one(one);
  const auto& rows = one.deliveries;
  ASSERT_TRUE(run(store_->pause(one.notification.id, "app:shop", clock_.now())));
  auto taken = claim({rows[0].id, rows[1].id});
  ASSERT_EQ(taken.size(), 2U);
  taken[0].reason = model::Reason::NotificationPaused;
  taken[1].reason = model::Reason::NoRoute;
  for (auto& d : taken) ASSERT_TRUE(record(d, DeliveryStatus::Held));
  ASSERT_TRUE(run(store_->resume(one.notification.id, "app:shop", clock_.now())));
  const auto chunk = run(store_->resume_chunk(one.notification.id, 0, 100, clock_.now())).value();
  ASSERT_EQ(chunk.hints.size(), 1U);
  EXPECT_EQ(chunk.hints[0].id, rows[0].id);
  EXPECT_EQ(chunk.next, 0);
  EXPECT_EQ(stored(rows[0].id).status, DeliveryStatus::Pending);
  EXPECT_EQ(stored(rows[1].id).status, DeliveryStatus::Held);
  expect_accountable();
}

// A worker that looked before the resume says so after it: nobody would release that row any more.
TEST_P(Drafts, AHoldThatComesAfterTheResumeIsNone) {
  auto one = item(1);
  accept_one(one);
  auto taken = claim({one.deliveries[0].id});
  ASSERT_EQ(taken.size(), 1U);
  taken[0].reason = model::Reason::NotificationPaused;
  ASSERT_TRUE(record(taken[0], DeliveryStatus::Held));
  const auto row = stored(one.deliveries[0].id);
  EXPECT_EQ(row.status, DeliveryStatus::Pending);
  EXPECT_EQ(row.reason, model::Reason::None);
  EXPECT_EQ(row.due_at, clock_.now());
  expect_accountable();
}

TEST_P(Drafts, WhatHasEndedIsNotPaused) {
  auto one = item(1);
  accept_one(one);
  auto taken = claim({one.deliveries[0].id});
  ASSERT_TRUE(record(taken[0], DeliveryStatus::Sent));
  EXPECT_EQ(run(store_->pause(one.notification.id, "x", clock_.now())).error().code, Errc::Conflict);
  EXPECT_EQ(run(store_->resume(one.notification.id, "x", clock_.now())).error().code, Errc::Conflict);
}

INSTANTIATE_TEST_SUITE_P(Store, Drafts, ::testing::ValuesIn(store_backends()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace carillon::conformance
