#include "model/outcome.h"

#include <gtest/gtest.h>

#include <string>

namespace carillon::model {
namespace {

TEST(Outcome, AmbiguousNeverFailsOverBecauseTheMessageMayHaveLeft) {
  EXPECT_FALSE(may_fail_over(OutcomeKind::Ambiguous));
  EXPECT_TRUE(counts_as_attempt(OutcomeKind::Ambiguous));
  EXPECT_EQ(breaker_vote(OutcomeKind::Ambiguous, 0), -1);
}

TEST(Outcome, FollowsTheTableOfThePipeline) {
  struct Expected {
    OutcomeKind kind;
    bool counts;
    int vote;
    bool fail_over;
  };
  const Expected table[] = {{OutcomeKind::Sent, false, 1, false},
                            {OutcomeKind::NotSent, true, -1, true},
                            {OutcomeKind::Throttled, false, 0, true},
                            {OutcomeKind::Temporary, true, -1, true},
                            {OutcomeKind::InvalidRecipient, false, 1, false},
                            {OutcomeKind::Permanent, false, 1, false},
                            {OutcomeKind::Misconfigured, false, 0, true},
                            {OutcomeKind::Ambiguous, true, -1, false}};
  for (const auto& [kind, counts, vote, fail_over] : table) {
    EXPECT_EQ(counts_as_attempt(kind), counts) << name(kind);
    EXPECT_EQ(breaker_vote(kind, 503), vote) << name(kind);
    EXPECT_EQ(may_fail_over(kind), fail_over) << name(kind);
  }
}

TEST(Outcome, TemporarySpeaksAgainstTheProviderOnlyFrom500On) {
  EXPECT_EQ(breaker_vote(OutcomeKind::Temporary, 499), 0);
  EXPECT_EQ(breaker_vote(OutcomeKind::Temporary, 500), -1);
}

TEST(Outcome, KeepsAtMost300BytesOfDetailAndNoHalfCharacter) {
  std::string detail(299, 'a');
  detail += "\xED\x95\x9C";  // one three-byte character across the limit
  const Outcome outcome = Outcome::not_sent(detail);
  EXPECT_EQ(outcome.detail, std::string(299, 'a'));
  EXPECT_EQ(Outcome::not_sent(std::string(300, 'b')).detail.size(), 300U);
}

}  // namespace
}  // namespace carillon::model
