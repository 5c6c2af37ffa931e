#include "pipeline/layouts.h"

#include <gtest/gtest.h>

namespace carillon::pipeline {
namespace {

TEST(LayoutHead, TellsWhichVersionWasInUseWhen) {
  LayoutHead head;
  EXPECT_EQ(head.version_at(from_ms(5)), 0);
  head.publish(1, from_ms(10));
  head.publish(3, from_ms(20));
  head.publish(1, from_ms(30));  // back to the first
  EXPECT_EQ(head.version_at(from_ms(5)), 1) << "before the first it is the first";
  EXPECT_EQ(head.version_at(from_ms(10)), 1);
  EXPECT_EQ(head.version_at(from_ms(19)), 1);
  EXPECT_EQ(head.version_at(from_ms(20)), 3);
  EXPECT_EQ(head.version_at(from_ms(99)), 1);
  EXPECT_EQ(head.published, 1);
}

TEST(LayoutHead, AClockThatStepsBackHidesNothing) {
  LayoutHead head;
  head.publish(1, from_ms(20));
  head.publish(2, from_ms(10));
  EXPECT_EQ(head.version_at(from_ms(20)), 2);
}

TEST(LayoutHead, RemembersTheLastPublications) {
  LayoutHead head;
  for (std::int64_t i = 1; i <= static_cast<std::int64_t>(kPublicationsMax) + 3; ++i)
    head.publish(i, from_ms(i));
  EXPECT_EQ(head.publications.size(), kPublicationsMax);
  EXPECT_EQ(head.version_at(from_ms(1)), 4);
}

TEST(LayoutHead, ReadsBackWhatItWrote) {
  LayoutHead head;
  head.latest = 3;
  head.is_deleted = true;
  head.publish(2, from_ms(7));
  const auto again = decode_layout_head(encode(head));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->latest, 3);
  EXPECT_EQ(again->published, 2);
  EXPECT_TRUE(again->is_deleted);
  EXPECT_EQ(again->publications, head.publications);
  EXPECT_EQ(decode_layout_head(R"({"publications":[1]})").error().code, Errc::Corruption);
}

}  // namespace
}  // namespace carillon::pipeline
