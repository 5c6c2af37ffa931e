#include "pipeline/recount.h"

#include <gtest/gtest.h>

namespace carillon::pipeline {
namespace {

TEST(NextRecount, IsTheHourOfThisDayOrTheNextOne) {
  const auto at = [](const char* text) { return parse_rfc3339(text).value(); };
  EXPECT_EQ(next_recount(at("2026-12-01T02:59:59Z"), 3), at("2026-12-01T03:00:00Z"));
  EXPECT_EQ(next_recount(at("2026-12-01T03:00:00Z"), 3), at("2026-12-02T03:00:00Z"));
  EXPECT_EQ(next_recount(at("2026-12-31T23:59:59Z"), 0), at("2027-01-01T00:00:00Z"));
}

}  // namespace
}  // namespace carillon::pipeline
