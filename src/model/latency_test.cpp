#include "model/latency.h"

#include <gtest/gtest.h>

namespace carillon::model {
namespace {

TEST(Latency, IsWithinATenthOfWhatWasCounted) {
  for (const std::int64_t ms : {1, 7, 120, 999, 5'000, 61'000, 3'600'000, 86'400'000}) {
    const double seconds = static_cast<double>(ms) / 1000;
    const double bound = latency_bound_s(latency_bucket(Millis(ms)));
    EXPECT_GE(bound, seconds);
    EXPECT_LE(bound, seconds * 1.1001) << ms;
  }
  EXPECT_EQ(latency_bucket(Millis(-5)), 0U) << "a clock that stepped back";
  EXPECT_EQ(latency_bucket(Millis(INT64_MAX)), kLatencyBuckets - 1);
}

TEST(Latency, SharesAreReadOffTheCounts) {
  LatencyCounts counts;
  EXPECT_FALSE(counts.quantile(0.5));
  for (int i = 0; i < 98; ++i) counts.add(Millis(100));
  counts.add(Millis(1'000));
  counts.add(Millis(10'000));
  EXPECT_EQ(counts.total(), 100);
  EXPECT_NEAR(*counts.quantile(0.5), 0.1, 0.011);
  EXPECT_NEAR(*counts.quantile(0.98), 0.1, 0.011);
  EXPECT_NEAR(*counts.quantile(0.99), 1.0, 0.11);
  EXPECT_NEAR(*counts.quantile(1), 10.0, 1.1);
  EXPECT_NEAR(*counts.quantile(0), 0.1, 0.011);
}

TEST(Latency, WhatSeveralCountedAddsUp) {
  LatencyCounts one, other;
  for (int i = 0; i < 9; ++i) one.add(Millis(10));
  other.add(Millis(2'000));
  one.add(other);
  EXPECT_EQ(one.total(), 10);
  EXPECT_NEAR(*one.quantile(1), 2.0, 0.21);
}

TEST(Latency, ReadsWhatItWrites) {
  LatencyCounts counts;
  EXPECT_EQ(counts.text(), "");
  EXPECT_EQ(LatencyCounts::parse("").value(), counts);
  counts.add(Millis(1));
  counts.add(Millis(1));
  counts.add(Millis(INT64_MAX));
  EXPECT_EQ(counts.text(), "0:2 205:1");
  EXPECT_EQ(LatencyCounts::parse(counts.text()).value(), counts);
  for (const char* damaged : {"x", "1", "1:", "206:1", "1:2,", "1:-2", "-1:2", "1:2 x"})
    EXPECT_EQ(LatencyCounts::parse(damaged).error().code, Errc::Corruption) << damaged;
}

}  // namespace
}  // namespace carillon::model
