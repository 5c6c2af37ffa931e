#include "base/shared_clock.h"

#include <gtest/gtest.h>

namespace carillon::base {
namespace {

constexpr std::int64_t kThen = 1'000'000'000'000;  // far from any machine's clock

std::int64_t ahead_of(const SharedClock& clock, std::int64_t server_ms) {
  return to_ms(clock.now()) - server_ms;
}

TEST(SharedClock, IsTheMachinesUntilItFollowsAServer) {
  SharedClock clock;
  const std::int64_t machine = to_ms(SystemClock().now());
  EXPECT_LE(machine, to_ms(clock.now()));
  EXPECT_LT(to_ms(clock.now()), machine + 10'000);
  EXPECT_EQ(clock.machine_is_ahead_ms(), 0);
}

TEST(SharedClock, GoesOnFromWhatTheServerSaid) {
  SharedClock clock;
  clock.follow(kThen, boot_ms(), 1);
  EXPECT_GE(ahead_of(clock, kThen), 0);
  EXPECT_LT(ahead_of(clock, kThen), 10'000);
  EXPECT_GT(clock.machine_is_ahead_ms(), 700'000'000'000);
  clock.advance(std::chrono::hours(1));
  EXPECT_GE(ahead_of(clock, kThen), 3'600'000);
}

TEST(SharedClock, MovesByWhatIsCertainOnly) {
  SharedClock clock;
  const std::int64_t boot = boot_ms();
  clock.follow(kThen, boot, 1);
  clock.follow(kThen + 40, boot, 50);
  EXPECT_LT(ahead_of(clock, kThen) - (boot_ms() - boot), 40);
  clock.follow(kThen + 60'000, boot, 50);
  EXPECT_GE(ahead_of(clock, kThen), 60'000);
}

}  // namespace
}  // namespace carillon::base
