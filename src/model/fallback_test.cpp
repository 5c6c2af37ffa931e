#include "model/fallback.h"

#include <gtest/gtest.h>

namespace carillon::model {
namespace {

using D = DeliveryStatus;
using P = StepProgress;
using R = ReceiptKind;
using U = FallbackUntil;

TEST(Fallback, IsMetByWhatWasAskedForAndNoLess) {
  EXPECT_EQ(step_progress(U::Accepted, D::Sent, {}), P::Met);
  EXPECT_EQ(step_progress(U::Delivered, D::Sent, {}), P::Begun);
  EXPECT_EQ(step_progress(U::Delivered, D::Delivered, {}), P::Met);
  EXPECT_EQ(step_progress(U::Delivered, D::Sent, R::Opened), P::Met) << "what was opened was delivered";
  EXPECT_EQ(step_progress(U::Opened, D::Delivered, R::Delivered), P::Begun);
  EXPECT_EQ(step_progress(U::Opened, D::Sent, R::Clicked), P::Met);
  EXPECT_EQ(step_progress(U::Opened, D::Sent, R::Complained), P::Begun);
}

TEST(Fallback, GoesOnAtOnceWhenNothingWasSent) {
  for (const D status : {D::Failed, D::Dead, D::Unknown, D::Suppressed, D::Expired}) {
    EXPECT_EQ(step_progress(U::Opened, status, {}), P::Ended) << name(status);
  }
  for (const D status : {D::Pending, D::Held, D::Processing, D::Retrying, D::Cancelled}) {
    EXPECT_EQ(step_progress(U::Accepted, status, {}), P::None) << name(status);
  }
}

TEST(Fallback, ReadsBackFromANote) {
  const std::vector<FallbackStep> steps = {{Channel::Push, U::Opened, Millis(120'000)},
                                           {Channel::Sms, U::Accepted, Millis(0)}};
  const auto read = decode_fallback(encode_fallback(steps));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ((*read)[0].channel, Channel::Push);
  EXPECT_EQ((*read)[0].until, U::Opened);
  EXPECT_EQ((*read)[0].wait, Millis(120'000));
  EXPECT_EQ((*read)[1].channel, Channel::Sms);
  EXPECT_TRUE(decode_fallback("")->empty());
  EXPECT_TRUE(decode_fallback(R"({"check":"x"})")->empty());
  EXPECT_EQ(decode_fallback(R"({"fallback":[{"channel":"smoke"}]})").error().code, Errc::Corruption);
}

}  // namespace
}  // namespace carillon::model
