#include "model/status.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

namespace carillon::model {
namespace {

using D = DeliveryStatus;
using DE = DeliveryEvent;
using N = NotificationStatus;
using NE = NotificationEvent;

template <class Status, std::size_t kEvents, class Event>
std::set<Status> reachable(Status from) {
  std::set<Status> seen{from};
  std::vector<Status> open{from};
  while (!open.empty()) {
    const Status status = open.back();
    open.pop_back();
    for (std::size_t e = 0; e < kEvents; ++e) {
      const auto to = next(status, static_cast<Event>(e));
      if (to && seen.insert(*to).second) open.push_back(*to);
    }
  }
  return seen;
}

template <class Enum, class Parse>
void expect_names_round_trip(std::size_t first, std::size_t count, Parse parse) {
  for (std::size_t i = first; i < count; ++i) {
    const auto value = static_cast<Enum>(i);
    ASSERT_FALSE(name(value).empty()) << i;
    EXPECT_EQ(parse(name(value)), value) << name(value);
  }
  EXPECT_FALSE(parse(""));
  EXPECT_FALSE(parse("no such name"));
  EXPECT_EQ(name(static_cast<Enum>(200)), "") << "a number of a newer version has no name";
}

TEST(Status, EveryNameIsReadBack) {
  expect_names_round_trip<N>(0, kNotificationStatusCount, parse_notification_status);
  expect_names_round_trip<D>(0, kDeliveryStatusCount, parse_delivery_status);
  expect_names_round_trip<Reason>(1, kReasonCount, parse_reason);
  expect_names_round_trip<LogStatus>(1, 5, parse_log_status);
  EXPECT_EQ(name(Reason::NotExpandable), "not_expandable");
  EXPECT_EQ(name(Reason::UnknownOutcome), "unknown_outcome");
  EXPECT_EQ(name(N::ApprovalExpired), "approval_expired");
  EXPECT_EQ(name(D::Retrying), "retrying");
}

TEST(DeliveryStatus, FinalStatesAreLeftByReceiptsEvidenceOrReplayOnly) {
  for (std::size_t i = 0; i < kDeliveryStatusCount * kDeliveryEventCount; ++i) {
    const auto status = static_cast<D>(i / kDeliveryEventCount);
    const auto event = static_cast<DE>(i % kDeliveryEventCount);
    const auto to = next(status, event);
    if (!to) continue;
    const bool is_late = event == DE::ReceiptDelivered || event == DE::ReceiptFailed ||
                         event == DE::EvidenceSent || event == DE::Replay;
    EXPECT_EQ(is_final(status), is_late) << name(status) << " to " << name(*to);
    if (is_late) EXPECT_EQ(is_final(*to), event != DE::Replay) << name(status) << " to " << name(*to);
  }
}

// A walk of random events, refused ones left out: the only way out of an end is an audited replay.
RC_GTEST_PROP(DeliveryStatus, AnyWalkIsOpenAgainAfterAnEndOnlyThroughReplay, ()) {
  D status = D::Pending;
  const auto events =
      *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, kDeliveryEventCount));
  for (const std::size_t event : events) {
    const auto to = next(status, static_cast<DE>(event));
    if (!to) continue;
    if (is_final(status) && !is_final(*to)) {
      RC_ASSERT(static_cast<DE>(event) == DE::Replay);
      RC_ASSERT(*to == D::Pending);
    }
    status = *to;
  }
}

TEST(DeliveryStatus, EveryOpenStateCanReachEveryEnd) {
  for (const D open : {D::Pending, D::Held, D::Processing, D::Retrying}) {
    EXPECT_FALSE(is_final(open));
    EXPECT_EQ((reachable<D, kDeliveryEventCount, DE>(open).size()), kDeliveryStatusCount) << name(open);
  }
}

TEST(DeliveryStatus, EndsWithoutATrialAreNeverReplayed) {
  for (const D end : {D::Suppressed, D::Cancelled, D::Expired, D::Delivered}) {
    EXPECT_EQ((reachable<D, kDeliveryEventCount, DE>(end)), std::set<D>{end}) << name(end);
  }
}

TEST(DeliveryStatus, OnlyAProcessingOneCanBeSent) {
  for (std::size_t i = 0; i < kDeliveryStatusCount; ++i) {
    const auto status = static_cast<D>(i);
    EXPECT_EQ(next(status, DE::Sent).has_value(), status == D::Processing) << name(status);
    EXPECT_EQ(next(status, DE::OutcomeUnknown).has_value(), status == D::Processing) << name(status);
  }
}

TEST(DeliveryStatus, FollowsTheContract) {
  EXPECT_EQ(next(D::Pending, DE::Claim), D::Processing);
  EXPECT_EQ(next(D::Held, DE::Claim), D::Processing);
  EXPECT_EQ(next(D::Retrying, DE::Claim), D::Processing);
  EXPECT_EQ(next(D::Processing, DE::Claim), std::nullopt);
  EXPECT_EQ(next(D::Processing, DE::Release), D::Pending);
  EXPECT_EQ(next(D::Processing, DE::Retry), D::Retrying);
  EXPECT_EQ(next(D::Processing, DE::Exhaust), D::Dead);
  EXPECT_EQ(next(D::Held, DE::Exhaust), D::Dead) << "the age limit ends what waits";
  EXPECT_EQ(next(D::Processing, DE::OutcomeUnknown), D::Unknown);
  EXPECT_EQ(next(D::Sent, DE::ReceiptDelivered), D::Delivered);
  EXPECT_EQ(next(D::Sent, DE::ReceiptFailed), D::Failed);
  EXPECT_EQ(next(D::Delivered, DE::ReceiptFailed), std::nullopt);
  EXPECT_EQ(next(D::Processing, DE::Answered), D::Delivered) << "a webhook's recipient answers itself";
  EXPECT_EQ(next(D::Unknown, DE::EvidenceSent), D::Sent);
  EXPECT_EQ(next(D::Dead, DE::Replay), D::Pending);
  EXPECT_EQ(next(D::Sent, DE::Replay), std::nullopt) << "what was sent is not sent again";
  EXPECT_EQ(next(static_cast<D>(99), DE::Claim), std::nullopt);
}

TEST(LogStatus, IsSuccessOrFailOnlyAtAnEnd) {
  for (std::size_t i = 0; i < kDeliveryStatusCount; ++i) {
    const auto status = static_cast<D>(i);
    const LogStatus log = log_status(status);
    const bool is_open_word = log == LogStatus::Pending || log == LogStatus::Processing;
    EXPECT_EQ(is_open_word, !is_final(status)) << name(status);
  }
  EXPECT_EQ(log_status(D::Processing), LogStatus::Processing);
  EXPECT_EQ(log_status(D::Delivered), LogStatus::Success);
  EXPECT_EQ(log_status(D::Unknown), LogStatus::Fail);
  EXPECT_EQ(log_status(D::Suppressed), LogStatus::None);
}

TEST(NotificationStatus, LeavesAnEndOnlyByReplay) {
  for (std::size_t i = 0; i < kNotificationStatusCount; ++i) {
    const auto status = static_cast<N>(i);
    for (std::size_t e = 0; e < kNotificationEventCount; ++e) {
      if (is_final(status) && next(status, static_cast<NE>(e))) EXPECT_EQ(static_cast<NE>(e), NE::Replay);
    }
    EXPECT_EQ(next(status, NE::Cancel).has_value(), !is_final(status)) << name(status);
  }
}

TEST(NotificationStatus, NothingPassesApprovalWithoutIt) {
  std::set<N> from_approval;
  for (std::size_t e = 0; e < kNotificationEventCount; ++e) {
    if (static_cast<NE>(e) == NE::Approve) continue;
    if (const auto to = next(N::AwaitingApproval, static_cast<NE>(e))) from_approval.insert(*to);
  }
  EXPECT_EQ(from_approval, (std::set<N>{N::AwaitingApproval, N::Cancelled, N::Rejected, N::ApprovalExpired}));
  EXPECT_EQ(next(N::AwaitingApproval, NE::Approve), N::Scheduled);
  EXPECT_EQ(next(N::Rejected, NE::Replay), std::nullopt);
}

TEST(NotificationStatus, EveryOpenStateCanBeCompletedAndCancelled) {
  for (const N open : {N::Draft, N::AwaitingApproval, N::Scheduled, N::Expanding, N::Sending, N::Paused}) {
    const auto seen = reachable<N, kNotificationEventCount, NE>(open);
    EXPECT_TRUE(seen.contains(N::Completed)) << name(open);
    EXPECT_TRUE(seen.contains(N::Cancelled)) << name(open);
  }
}

TEST(NotificationOutcome, LooksAtGoodAndBadEnds) {
  EXPECT_EQ(outcome_of(0, 0), NotificationOutcome::None);
  EXPECT_EQ(outcome_of(3, 0), NotificationOutcome::Success);
  EXPECT_EQ(outcome_of(3, 1), NotificationOutcome::Partial);
  EXPECT_EQ(outcome_of(0, 1), NotificationOutcome::Failed);
  EXPECT_EQ(name(NotificationOutcome::None), "none");
}

TEST(StatesPage, ShowsTheMachinesAsTheyAre) {
  const auto page = std::filesystem::path(__FILE__).parent_path() / "../../docs/concepts/states.md";
  std::ifstream file(page);
  ASSERT_TRUE(file) << page;
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find("```mermaid\n" + delivery_diagram() + "```\n"), std::string::npos)
      << delivery_diagram();
  EXPECT_NE(text.str().find("```mermaid\n" + notification_diagram() + "```\n"), std::string::npos)
      << notification_diagram();
}

}  // namespace
}  // namespace carillon::model
