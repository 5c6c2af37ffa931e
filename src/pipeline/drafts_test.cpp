#include "pipeline/drafts.h"

#include <gtest/gtest.h>

namespace carillon::pipeline {
namespace {

TEST(Audience, CountsMembersOfGroupsAndEveryOtherEntryOnce) {
  model::SendRequest request;
  request.to.resize(4);
  People people;
  people.groups = {{1, store::Group{.id = 1, .members = 10}}, {3, store::Group{.id = 2, .members = 0}}};
  EXPECT_EQ(audience_of(request, people), 12);
  people.groups.clear();
  EXPECT_EQ(audience_of(request, people), 4);
}

Plan plan_over(std::int64_t limit) {
  auto category = std::make_shared<model::Category>();
  category->approval_over = limit;
  Plan plan;
  plan.category = std::move(category);
  return plan;
}

TEST(Approvals, AreNeededForMoreThanTheCategorySaysAndNotForAsMany) {
  EXPECT_TRUE(needs_approval(plan_over(100), 101));
  EXPECT_FALSE(needs_approval(plan_over(100), 100));
}

TEST(Approvals, WhatNeedsNoneIsCountedAndWhatDoesIsNot) {
  const auto share = share_of(plan_over(100), 60);
  ASSERT_TRUE(share);
  EXPECT_EQ(share->recipients, 60);
  EXPECT_EQ(share->limit, 100);
  EXPECT_FALSE(share_of(plan_over(100), 101));
}

TEST(Approvals, AreNeverAskedOfTestKeysOrWithoutALimit) {
  Plan plan = plan_over(100);
  plan.is_test = true;
  EXPECT_FALSE(needs_approval(plan, 1'000));
  EXPECT_FALSE(share_of(plan, 60));
  EXPECT_FALSE(needs_approval(plan_over(0), 1'000));
  EXPECT_FALSE(share_of(plan_over(0), 60));
}

}  // namespace
}  // namespace carillon::pipeline
