#include "pipeline/waiting.h"

#include <gtest/gtest.h>

#include "pipeline/fake_provider_test.h"

namespace carillon::pipeline {
namespace {

using model::Priority;
using model::Queue;

constexpr Time kNow = from_ms(1'790'000'000'000);

class WaitingTest : public testing::Test {
 protected:
  WaitingTest() {
    for (Account* account : {&slow_, &other_}) account->provider = std::make_unique<FakeProvider>(0);
  }
  static void give_slots(Account& account, std::size_t n) {
    static_cast<FakeProvider&>(*account.provider).slots_ = n;
  }
  void add(Account& account, std::size_t count, Priority priority = Priority::Normal) {
    for (std::size_t i = 0; i < count; ++i) {
      auto flight = std::make_unique<Flight>();
      flight->delivery.id = ++last_;
      flight->delivery.queue = Queue::Email;
      flight->delivery.priority = priority;
      flight->account = &account;
      waiting_.add(std::move(flight));
    }
  }
  std::vector<std::int64_t> take(std::size_t limit = 256) {
    std::vector<std::int64_t> ids;
    for (const auto& flight : waiting_.take(Queue::Email, limit, kNow)) ids.push_back(flight->delivery.id);
    return ids;
  }

  Account slow_, other_;
  Waiting waiting_;
  std::int64_t last_ = 0;
};

using Ids = std::vector<std::int64_t>;
constexpr model::Lane kNormal{Queue::Email, Priority::Normal};

TEST_F(WaitingTest, GivesBackAsManyAsTheirIntegrationHasSlots) {
  add(slow_, 3);
  add(other_, 3);
  EXPECT_TRUE(take().empty());
  EXPECT_FALSE(waiting_.is_empty(Queue::Email));
  EXPECT_TRUE(waiting_.is_empty(Queue::Sms));
  EXPECT_EQ(slow_.held(kNormal), 3U) << "they keep their places";
  EXPECT_TRUE(slow_.is_used());
  give_slots(other_, 10);
  EXPECT_EQ(take(), (Ids{4, 5, 6}));
  EXPECT_EQ(other_.held(kNormal), 0U);
  give_slots(slow_, 1);
  EXPECT_EQ(take(), Ids{1});
  EXPECT_EQ(take(), Ids{2});
  EXPECT_EQ(slow_.held(kNormal), 1U);
}

TEST_F(WaitingTest, GivesNoMoreThanAskedFor) {
  give_slots(slow_, 100);
  add(slow_, 10);
  EXPECT_EQ(take(4).size(), 4U);
  EXPECT_EQ(take(4).size(), 4U);
  EXPECT_EQ(take(4).size(), 2U);
  EXPECT_TRUE(waiting_.is_empty(Queue::Email));
}

TEST_F(WaitingTest, LetsThemLookForAnotherWhenTheirsMayNotBeAsked) {
  add(slow_, 5);
  slow_.paused = "wrong key";
  EXPECT_EQ(take().size(), 5U);
  EXPECT_FALSE(slow_.is_used());
}

TEST_F(WaitingTest, WaitsForTokensAndTheEndOfAThrottling) {
  give_slots(slow_, 100);
  slow_.rate = RateBucket(2);
  add(slow_, 5);
  EXPECT_EQ(take(), (Ids{1, 2}));
  slow_.throttled_until = kNow + Millis(500);
  EXPECT_TRUE(take().empty());
}

TEST_F(WaitingTest, ServesPrioritiesByTheirShares) {
  for (std::size_t p = 0; p < model::kPriorityCount; ++p) add(slow_, 100, static_cast<Priority>(p));
  std::array<std::size_t, model::kPriorityCount> counts{};
  give_slots(slow_, 2);  // of which others than critical may have one
  for (int i = 0; i < 58; ++i) {
    for (const auto& flight : waiting_.take(Queue::Email, 1, kNow))
      ++counts[static_cast<std::size_t>(flight->delivery.priority)];
  }
  EXPECT_EQ(counts, (std::array<std::size_t, 4>{32, 16, 8, 2}));
}

TEST_F(WaitingTest, LeavesTheReserveToCriticalOnes) {
  slow_.in_flight = 8;
  give_slots(slow_, 2);  // ten, of which others may have eight
  add(slow_, 3);
  EXPECT_TRUE(take().empty());
  add(slow_, 3, Priority::Critical);
  EXPECT_EQ(take(), (Ids{4, 5}));
}

TEST_F(WaitingTest, HandsOverEverythingAtTheEnd) {
  add(slow_, 3);
  add(other_, 2, Priority::Critical);
  EXPECT_EQ(waiting_.take_all().size(), 5U);
  EXPECT_TRUE(waiting_.is_empty(Queue::Email));
  EXPECT_FALSE(slow_.is_used());
}

}  // namespace
}  // namespace carillon::pipeline
