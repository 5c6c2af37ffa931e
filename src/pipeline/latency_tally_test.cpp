#include "pipeline/latency_tally.h"

#include <gtest/gtest.h>

namespace carillon::pipeline {
namespace {

using model::Channel;

const Time kStart = from_ms(1'800'000'000'000);

TEST(LatencyTally, TellsWhatChangedSinceItWasTold) {
  LatencyTally tally;
  EXPECT_TRUE(tally.changed().empty());
  tally.note(1, Channel::Email, Millis(10), kStart);
  tally.note(1, Channel::Email, Millis(20), kStart);
  tally.note(1, Channel::Sms, Millis(10), kStart);
  tally.note(2, Channel::Sms, Millis(10), kStart);
  const auto rows = tally.changed();
  ASSERT_EQ(rows.size(), 3U);
  tally.note(1, Channel::Sms, Millis(10), kStart);  // while they are being stored
  tally.told(rows, kStart);
  const auto rest = tally.changed();
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].channel, Channel::Sms);
  EXPECT_EQ(rest[0].counts.total(), 2) << "a row is told whole";
}

TEST(LatencyTally, ForgetsSlotsThatAreOverAndTold) {
  LatencyTally tally;
  tally.note(1, Channel::Email, Millis(10), kStart);
  const auto rows = tally.changed();
  tally.told(rows, kStart);
  const Time later = kStart + store::kLatencySlot * 3;
  tally.told({}, later);
  tally.note(1, Channel::Email, Millis(10), kStart);
  EXPECT_EQ(tally.changed().at(0).counts.total(), 1) << "it was forgotten";
  tally.told({}, later);
  EXPECT_EQ(tally.changed().size(), 1U) << "what was not told stays";
}

}  // namespace
}  // namespace carillon::pipeline
