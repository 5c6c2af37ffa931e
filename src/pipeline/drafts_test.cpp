#include "pipeline/drafts.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

namespace carillon::pipeline {
namespace {

constexpr std::int32_t kProject = 1;
constexpr Time kNoon{Millis(1'800'000'000'000)};

TEST(Audience, CountsMembersOfGroupsAndEveryOtherEntryOnce) {
  model::SendRequest request;
  request.to.resize(4);
  People people;
  people.groups = {{1, store::Group{.id = 1, .members = 10}}, {3, store::Group{.id = 2, .members = 0}}};
  EXPECT_EQ(audience_of(request, people), 12);
  people.groups.clear();
  EXPECT_EQ(audience_of(request, people), 4);
}

class Approvals : public testing::Test {
 protected:
  Approvals() {
    auto category = std::make_shared<model::Category>();
    category->key = "news";
    category->approval_over = 100;
    plan_.category = std::move(category);
  }
  bool needs(std::int64_t audience, Time now = kNoon) {
    auto asked = boost::asio::co_spawn(io_, needs_approval(*cache_, plan_, kProject, audience, now),
                                       boost::asio::use_future);
    io_.restart();
    io_.run();
    return asked.get();
  }
  void as_app(std::int64_t id) {
    auto app = std::make_shared<model::App>();
    app->id = id;
    plan_.app = std::move(app);
  }
  boost::asio::io_context io_;
  std::unique_ptr<cache::Cache> cache_ = cache::make_memory();
  Plan plan_;
};

TEST_F(Approvals, AreNeededForMoreThanTheCategorySaysAndNotForAsMany) {
  EXPECT_TRUE(needs(101));
  EXPECT_FALSE(needs(100));
}

TEST_F(Approvals, AreNeededOnceTheHourIsSpentByManySmallSends) {
  for (int i = 0; i < 100; ++i) ASSERT_FALSE(needs(1)) << i;
  EXPECT_TRUE(needs(1));
  EXPECT_TRUE(needs(1, kNoon + Millis(1000)));
  EXPECT_FALSE(needs(1, kNoon + Millis(3'600'000)));
}

// What waits is not sent: it must not push others over the limit.
TEST_F(Approvals, WhatNeedsOneIsNotCounted) {
  ASSERT_FALSE(needs(60));
  ASSERT_TRUE(needs(60));
  EXPECT_FALSE(needs(40));
}

TEST_F(Approvals, AppsAreCountedEachForItself) {
  as_app(7);
  ASSERT_FALSE(needs(100));
  as_app(8);
  EXPECT_FALSE(needs(100));
}

TEST_F(Approvals, AreNeverAskedOfTestKeysOrWithoutALimit) {
  plan_.is_test = true;
  EXPECT_FALSE(needs(1'000));
  plan_.is_test = false;
  plan_.category = std::make_shared<model::Category>();
  EXPECT_FALSE(needs(1'000));
}

}  // namespace
}  // namespace carillon::pipeline
