#include "base/failpoint.h"

#include <gtest/gtest.h>

namespace carillon::base {
namespace {

TEST(Failpoint, IsSilentWhenNoneIsSet) {
  EXPECT_EQ(set_failpoints(""), 0);
  CARILLON_FAILPOINT("test.place");
}

TEST(Failpoint, TakesSeveralPlacesAndLeavesOutWhatItCannotRead) {
  EXPECT_EQ(set_failpoints("a.b:kill:1,c.d:kill:20"), 2);
  EXPECT_EQ(set_failpoints("a.b,c:kill,d:kill:0,e:kill:x,f:burn:1,:kill:1"), 0);
  EXPECT_FALSE(detail::failpoints_are_set.load());
}

TEST(FailpointDeathTest, KillsAtTheHitAskedFor) {
  EXPECT_EXIT(
      {
        set_failpoints("test.place:kill:3");
        CARILLON_FAILPOINT("test.other");
        CARILLON_FAILPOINT("test.place");
        CARILLON_FAILPOINT("test.place");
        std::fputs("twice passed\n", stderr);
        CARILLON_FAILPOINT("test.place");
        std::fputs("never printed\n", stderr);
      },
      testing::KilledBySignal(SIGKILL), "^twice passed\n$");
}

}  // namespace
}  // namespace carillon::base
