#include "net/backoff.h"

#include <gtest/gtest.h>

namespace carillon::net {
namespace {

TEST(Backoff, DoublesFromTheLeastToTheMostWithJitter) {
  Backoff backoff(Millis(100), Millis(1000));
  EXPECT_FALSE(backoff.has_failed());
  for (const int full : {100, 200, 400, 800, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000}) {
    const Millis wait = backoff.next();
    EXPECT_GE(wait, Millis(full / 2));
    EXPECT_LE(wait, Millis(full));
  }
  EXPECT_TRUE(backoff.has_failed());
  backoff.reset();
  EXPECT_FALSE(backoff.has_failed());
  EXPECT_LE(backoff.next(), Millis(100));
}

}  // namespace
}  // namespace carillon::net
