#include "pipeline/verdict.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "pipeline/replay_changes.h"

namespace carillon::pipeline {
namespace {

using model::DeliveryStatus;
using model::Outcome;
using model::OutcomeKind;
using model::Reason;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Time kNow = from_ms(1'790'000'000'000);

// One question with everything it needs; random01 0.5 is no jitter.
struct Question {
  Outcome outcome;
  model::Delivery delivery;
  model::Category category = model::general_category();
  Time accepted_at = kNow;
  std::size_t others_available = 0;
  bool has_next_endpoint = false;

  explicit Question(Outcome o, model::Queue queue = model::Queue::Email) : outcome(std::move(o)) {
    delivery.queue = queue;
    delivery.status = DeliveryStatus::Processing;
  }
  [[nodiscard]] Verdict ask() const {
    return verdict(
        {outcome, delivery, category, accepted_at, kNow, 0.5, others_available, has_next_endpoint});
  }
};

Outcome of(OutcomeKind kind, int status = 0) { return Outcome::of(kind, status, "Code", "detail"); }

TEST(Verdict, CallsItSentWhenTheProviderTookIt) {
  const Verdict v = Question(Outcome::sent("id")).ask();
  EXPECT_EQ(v.to, DeliveryStatus::Sent);
  EXPECT_EQ(v.reason, Reason::None);
  EXPECT_FALSE(v.due_at);
  EXPECT_FALSE(v.is_dead_letter);
}

TEST(Verdict, CallsAWebhookDeliveredWhenItIsAnswered) {
  EXPECT_EQ(Question(Outcome::sent("id"), model::Queue::Webhook).ask().to, DeliveryStatus::Delivered);
}

TEST(Verdict, RetriesAfterOneFiveFifteenMinutesAndAnHourAndThenGivesUp) {
  for (const auto kind : {OutcomeKind::NotSent, OutcomeKind::Temporary}) {
    Question question(of(kind, 503));
    const Millis delays[] = {minutes(1), minutes(5), minutes(15), hours(1)};
    for (std::uint16_t attempts = 0; attempts < 4; ++attempts) {
      question.delivery.attempts = attempts;
      const Verdict v = question.ask();
      EXPECT_EQ(v.to, DeliveryStatus::Retrying);
      EXPECT_EQ(v.reason, kind == OutcomeKind::NotSent ? Reason::NotSent : Reason::Temporary);
      EXPECT_EQ(v.due_at, kNow + delays[attempts]);
      EXPECT_TRUE(v.counts);
      EXPECT_FALSE(v.is_dead_letter);
    }
    question.delivery.attempts = 4;
    const Verdict v = question.ask();
    EXPECT_EQ(v.to, DeliveryStatus::Dead);
    EXPECT_EQ(v.reason, Reason::RetriesExhausted);
    EXPECT_TRUE(v.counts);
    EXPECT_TRUE(v.is_dead_letter);
    EXPECT_FALSE(v.due_at);
  }
}

TEST(Verdict, SpreadsRetriesByAFifthToEitherSide) {
  Question question(of(OutcomeKind::NotSent));
  const auto at = [&](double random01) {
    return *verdict({question.outcome, question.delivery, question.category, kNow, kNow, random01, 0, false})
                .due_at;
  };
  EXPECT_EQ(at(0.0), kNow + seconds(48));
  EXPECT_GT(at(0.999), kNow + seconds(71));
  EXPECT_LE(at(0.999), kNow + seconds(72));
}

TEST(Verdict, FollowsTheCategorysOwnSchedule) {
  Question question(of(OutcomeKind::Temporary, 503));
  question.category = model::security_category();
  EXPECT_EQ(question.ask().due_at, kNow + seconds(5));
  question.delivery.attempts = 3;
  EXPECT_EQ(question.ask().to, DeliveryStatus::Dead);
}

TEST(Verdict, WaitsAtLeastAsLongAsTheVendorAskedButNotLongerThanAQuarterOfAnHour) {
  Question question(of(OutcomeKind::Temporary, 503));
  question.outcome.retry_after = minutes(10);
  EXPECT_EQ(question.ask().due_at, kNow + minutes(10));
  question.outcome.retry_after = hours(30);
  EXPECT_EQ(question.ask().due_at, kNow + minutes(15));
}

TEST(Verdict, AsksTheNextIntegrationAtOnceAndThenFollowsTheSchedule) {
  for (const auto kind : {OutcomeKind::NotSent, OutcomeKind::Temporary}) {
    Question question(of(kind, 503));
    question.others_available = 1;
    const Verdict first = question.ask();
    EXPECT_EQ(first.to, DeliveryStatus::Retrying);
    EXPECT_EQ(first.due_at, kNow);
    EXPECT_TRUE(first.counts);
    question.delivery.attempts = 1;
    EXPECT_EQ(question.ask().due_at, kNow + minutes(1));
    question.delivery.attempts = 4;
    EXPECT_EQ(question.ask().due_at, kNow + hours(1));
    question.delivery.attempts = 5;
    EXPECT_EQ(question.ask().to, DeliveryStatus::Dead);
  }
}

TEST(Verdict, CountsNothingWhenThrottled) {
  Question question(of(OutcomeKind::Throttled, 429));
  question.outcome.retry_after = seconds(30);
  question.delivery.attempts = 4;  // would be the last one
  const Verdict v = question.ask();
  EXPECT_EQ(v.to, DeliveryStatus::Retrying);
  EXPECT_EQ(v.reason, Reason::Throttled);
  EXPECT_FALSE(v.counts);
  EXPECT_EQ(v.due_at, kNow + seconds(30));
}

TEST(Verdict, WaitsFiveSecondsWhenThrottledWithoutATimeAndAtMostAQuarterOfAnHour) {
  Question question(of(OutcomeKind::Throttled, 429));
  EXPECT_EQ(question.ask().due_at, kNow + seconds(5));
  question.outcome.retry_after = hours(5);
  EXPECT_EQ(question.ask().due_at, kNow + minutes(15));
  question.outcome.retry_after = Millis(-5);
  EXPECT_EQ(question.ask().due_at, kNow + Millis(100));
}

TEST(Verdict, AsksAnotherIntegrationAtOnceWhenThrottled) {
  Question question(of(OutcomeKind::Throttled, 429));
  question.outcome.retry_after = minutes(5);
  question.others_available = 1;
  EXPECT_EQ(question.ask().due_at, kNow);
}

TEST(Verdict, HoldsWhatAnAccountMayNotReachAndPausesNothing) {
  Question question(of(OutcomeKind::Misconfigured, 400), model::Queue::Sms);
  question.outcome.is_of_address = true;
  const Verdict alone = question.ask();
  EXPECT_EQ(alone.to, DeliveryStatus::Held);
  EXPECT_EQ(alone.reason, Reason::NoRoute);
  EXPECT_FALSE(alone.pause_integration);
  EXPECT_FALSE(alone.counts);
  EXPECT_FALSE(alone.due_at);
  question.delivery.expires_at = kNow + hours(1);
  EXPECT_EQ(question.ask().due_at, kNow + hours(1));
  question.others_available = 1;
  EXPECT_EQ(question.ask().to, DeliveryStatus::Retrying);
  EXPECT_EQ(question.ask().due_at, kNow);
  question.delivery.reason = Reason::NoRoute;
  EXPECT_EQ(question.ask().to, DeliveryStatus::Held) << "the other has said the same";
}

TEST(Verdict, AsksTheNextOnceWhenOnlyTheAddressIsThrottled) {
  Question question(of(OutcomeKind::Throttled, 429), model::Queue::Chat);
  question.outcome.retry_after = minutes(5);
  question.outcome.is_of_address = true;
  question.others_available = 1;
  EXPECT_EQ(question.ask().due_at, kNow);
  question.delivery.reason = Reason::Throttled;
  EXPECT_EQ(question.ask().due_at, kNow + minutes(5)) << "the other has said the same";
  question.outcome.is_of_address = false;  // this account rests, so it is not asked again at once
  EXPECT_EQ(question.ask().due_at, kNow);
}

TEST(Verdict, EndsThrottlingAtTheAgeLimitOfTheKindUnlessATtlDoes) {
  Question question(of(OutcomeKind::Throttled, 429));
  question.accepted_at = kNow - hours(25);
  const Verdict v = question.ask();
  EXPECT_EQ(v.to, DeliveryStatus::Dead);
  EXPECT_EQ(v.reason, Reason::ProviderDown);
  EXPECT_TRUE(v.is_dead_letter);
  EXPECT_FALSE(v.counts);
  question.delivery.expires_at = kNow + hours(1);
  EXPECT_EQ(question.ask().to, DeliveryStatus::Retrying);
  question.delivery.expires_at.reset();
  question.category.kind = model::CategoryKind::Marketing;
  EXPECT_EQ(question.ask().to, DeliveryStatus::Retrying);
}

TEST(Verdict, FailsAndForgetsADeadAddress) {
  const Verdict v = Question(of(OutcomeKind::InvalidRecipient, 410)).ask();
  EXPECT_EQ(v.to, DeliveryStatus::Failed);
  EXPECT_EQ(v.reason, Reason::InvalidRecipient);
  EXPECT_TRUE(v.forget_address);
  EXPECT_FALSE(v.is_dead_letter);
  EXPECT_FALSE(v.due_at);
}

TEST(Verdict, TriesTheNextEndpointOfTheDeviceAtOnceAfterADeadOne) {
  Question question(of(OutcomeKind::InvalidRecipient, 410), model::Queue::PushIos);
  question.has_next_endpoint = true;
  const Verdict v = question.ask();
  EXPECT_EQ(v.to, DeliveryStatus::Retrying);
  EXPECT_EQ(v.due_at, kNow);
  EXPECT_TRUE(v.forget_address);
}

TEST(Verdict, FailsForGoodWhatIsRefusedForGoodWhoeverElseCouldBeAsked) {
  Question question(of(OutcomeKind::Permanent, 400));
  question.others_available = 3;
  const Verdict v = question.ask();
  EXPECT_EQ(v.to, DeliveryStatus::Failed);
  EXPECT_EQ(v.reason, Reason::Rejected);
  EXPECT_FALSE(v.is_dead_letter);
  EXPECT_FALSE(v.forget_address);
}

TEST(Verdict, HoldsAndPausesTheIntegrationWhenItIsMisconfigured) {
  Question question(of(OutcomeKind::Misconfigured, 403));
  const Verdict v = question.ask();
  EXPECT_EQ(v.to, DeliveryStatus::Held);
  EXPECT_EQ(v.reason, Reason::IntegrationPaused);
  EXPECT_TRUE(v.pause_integration);
  EXPECT_FALSE(v.counts);
  EXPECT_FALSE(v.due_at) << "a hold on a condition has no due time";
  question.delivery.expires_at = kNow + hours(1);
  EXPECT_EQ(question.ask().due_at, kNow + hours(1)) << "the ttl ends it all the same";
}

TEST(Verdict, AsksAnotherIntegrationAtOnceWhenOneIsMisconfigured) {
  Question question(of(OutcomeKind::Misconfigured, 403));
  question.others_available = 1;
  const Verdict v = question.ask();
  EXPECT_EQ(v.to, DeliveryStatus::Retrying);
  EXPECT_EQ(v.due_at, kNow);
  EXPECT_FALSE(v.counts);
  EXPECT_TRUE(v.pause_integration);
}

TEST(Verdict, SendsAgainOnTheScheduleWhatRepeatingDoesNotHarm) {
  for (const auto queue : {model::Queue::PushIos, model::Queue::Email, model::Queue::Webhook}) {
    Question question(Outcome::ambiguous("no answer"), queue);
    const Verdict v = question.ask();
    EXPECT_EQ(v.to, DeliveryStatus::Retrying);
    EXPECT_EQ(v.reason, Reason::UnknownOutcome);
    EXPECT_EQ(v.due_at, kNow + minutes(1));
    EXPECT_TRUE(v.counts);
    EXPECT_TRUE(v.is_resend);
  }
}

TEST(Verdict, NeverFailsOverWhenNobodyKnowsWhatHappened) {
  Question question(Outcome::ambiguous("no answer"));
  question.others_available = 5;
  EXPECT_EQ(question.ask().due_at, kNow + minutes(1));
}

TEST(Verdict, HoldsAsUnknownWhatMustNotArriveTwice) {
  for (const auto queue : {model::Queue::Sms, model::Queue::Voice, model::Queue::Chat}) {
    const Verdict v = Question(Outcome::ambiguous("no answer"), queue).ask();
    EXPECT_EQ(v.to, DeliveryStatus::Unknown);
    EXPECT_EQ(v.reason, Reason::UnknownOutcome);
    EXPECT_TRUE(v.counts);
    EXPECT_FALSE(v.is_resend);
    EXPECT_TRUE(v.is_dead_letter);
    EXPECT_FALSE(v.due_at);
  }
}

TEST(Verdict, LetsTheCategoryDecideAboutUnknownOutcomes) {
  Question mail(Outcome::ambiguous("no answer"), model::Queue::Email);
  mail.category.on_unknown = model::UnknownPolicy::Hold;
  EXPECT_EQ(mail.ask().to, DeliveryStatus::Unknown);
  Question text(Outcome::ambiguous("no answer"), model::Queue::Sms);
  text.category.on_unknown = model::UnknownPolicy::Resend;
  EXPECT_EQ(text.ask().to, DeliveryStatus::Retrying);
}

TEST(Verdict, EndsResendsAsUnknownNotAsDead) {
  Question question(Outcome::ambiguous("no answer"));
  question.delivery.attempts = 4;
  const Verdict v = question.ask();
  EXPECT_EQ(v.to, DeliveryStatus::Unknown);
  EXPECT_TRUE(v.is_dead_letter);
  EXPECT_FALSE(v.is_resend);
}

// Whatever the outcome: the row ends in a state the machine allows, waits only when it is open, and a retry
// that counts nothing is never in the past.
TEST(Verdict, AlwaysMakesARowTheStateMachineAllows) {
  EXPECT_TRUE(rc::check([] {
    Question question(of(static_cast<OutcomeKind>(*rc::gen::inRange<int>(0, model::kOutcomeKindCount)),
                         *rc::gen::element(0, 200, 400, 429, 503)),
                      static_cast<model::Queue>(*rc::gen::inRange<int>(0, model::kQueueCount)));
    question.delivery.attempts = static_cast<std::uint16_t>(*rc::gen::inRange(0, 8));
    question.others_available = *rc::gen::inRange<std::size_t>(0, 4);
    question.has_next_endpoint = *rc::gen::arbitrary<bool>();
    question.accepted_at = kNow - Millis(*rc::gen::inRange(0, 400'000'000));
    if (*rc::gen::arbitrary<bool>())
      question.outcome.retry_after = Millis(*rc::gen::inRange(-1000, 10'000'000));
    const Verdict v = question.ask();
    const bool is_open = v.to == DeliveryStatus::Retrying || v.to == DeliveryStatus::Held;
    RC_ASSERT(is_open || model::is_final(v.to));
    RC_ASSERT(!v.due_at || is_open);
    RC_ASSERT(v.to != DeliveryStatus::Retrying || (v.due_at && *v.due_at >= kNow));
    RC_ASSERT(!v.is_dead_letter || v.to == DeliveryStatus::Dead || v.to == DeliveryStatus::Unknown);
    RC_ASSERT(v.pause_integration == (question.outcome.kind == OutcomeKind::Misconfigured));
    if (question.outcome.kind == OutcomeKind::Ambiguous) RC_ASSERT(!v.due_at || *v.due_at > kNow);
  }));
}

// ---- nobody can be asked

TEST(ProviderDown, HoldsForHalfItsAgeBetweenThirtySecondsAndTenMinutes) {
  const model::Delivery delivery;
  const auto category = model::general_category();
  const auto due_after = [&](Millis age) {
    const Verdict v = provider_down(delivery, category, kNow - age, kNow);
    EXPECT_EQ(v.to, DeliveryStatus::Held);
    EXPECT_EQ(v.reason, Reason::ProviderDown);
    EXPECT_FALSE(v.counts);
    return *v.due_at - kNow;
  };
  EXPECT_EQ(due_after(Millis(0)), seconds(30));
  EXPECT_EQ(due_after(minutes(4)), minutes(2));
  EXPECT_EQ(due_after(hours(20)), minutes(10));
}

TEST(ProviderDown, GivesUpAtTheAgeLimitOfTheKind) {
  const std::pair<model::CategoryKind, Millis> limits[] = {{model::CategoryKind::Security, minutes(15)},
                                                           {model::CategoryKind::Transactional, hours(24)},
                                                           {model::CategoryKind::Marketing, hours(72)}};
  for (const auto& [kind, limit] : limits) {
    auto category = model::general_category();
    category.kind = kind;
    EXPECT_EQ(provider_down({}, category, kNow - limit, kNow).to, DeliveryStatus::Held);
    const Verdict v = provider_down({}, category, kNow - limit - Millis(1), kNow);
    EXPECT_EQ(v.to, DeliveryStatus::Dead);
    EXPECT_EQ(v.reason, Reason::ProviderDown);
    EXPECT_TRUE(v.is_dead_letter);
    EXPECT_FALSE(v.counts);
  }
}

TEST(ProviderDown, WaitsNoLongerThanTheTtlAndLeavesTheEndToIt) {
  model::Delivery delivery;
  delivery.expires_at = kNow + seconds(7);
  const Verdict v = provider_down(delivery, model::general_category(), kNow - hours(100), kNow);
  EXPECT_EQ(v.to, DeliveryStatus::Held);
  EXPECT_EQ(v.due_at, kNow + seconds(7));
}

TEST(Verdict, GivesAReplayedDeliveryItsTimeOnceMore) {
  const model::Category category = model::general_category();
  model::Delivery delivery;
  const Time accepted = kNow - hours(100);
  EXPECT_EQ(provider_down(delivery, category, age_began(delivery, accepted), kNow).to, DeliveryStatus::Dead);
  delivery.generation = 1;
  EXPECT_EQ(age_began(delivery, accepted), accepted) << "replayed by an older version";
  delivery.note = R"({"replayed_at":"2026-09-21T14:00:00.000Z","check":"content"})";
  EXPECT_EQ(age_began(delivery, accepted), *parse_rfc3339("2026-09-21T14:00:00Z"));
  EXPECT_EQ(provider_down(delivery, category, age_began(delivery, accepted), kNow).to, DeliveryStatus::Held);
}

}  // namespace
}  // namespace carillon::pipeline
