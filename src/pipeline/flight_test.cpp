#include "pipeline/flight.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace carillon::pipeline {
namespace {

using model::Priority;
using model::Queue;

FlightPtr flight(std::int64_t id, Queue queue, Priority priority) {
  auto made = std::make_unique<Flight>();
  made->delivery.id = id;
  made->delivery.queue = queue;
  made->delivery.priority = priority;
  return made;
}

void fill(Windows& windows, Queue queue, Priority priority, std::size_t count, std::int64_t first = 1) {
  for (std::size_t i = 0; i < count; ++i) {
    windows.add(flight(first + static_cast<std::int64_t>(i), queue, priority));
  }
}

std::array<std::size_t, model::kPriorityCount> by_priority(const std::vector<FlightPtr>& flights) {
  std::array<std::size_t, model::kPriorityCount> counts{};
  for (const auto& f : flights) ++counts[static_cast<std::size_t>(f->delivery.priority)];
  return counts;
}

TEST(Windows, ServesPrioritiesSixteenEightFourOne) {
  Windows windows(1024, 32);
  for (std::size_t p = 0; p < model::kPriorityCount; ++p)
    fill(windows, Queue::Email, static_cast<Priority>(p), 1000);
  EXPECT_EQ(by_priority(windows.take(Queue::Email, 290)), (std::array<std::size_t, 4>{160, 80, 40, 10}));
  EXPECT_EQ(by_priority(windows.take(Queue::Email, 29)), (std::array<std::size_t, 4>{16, 8, 4, 1}));
}

TEST(Windows, GivesSharesNobodyWantsToTheOthersMostUrgentFirst) {
  Windows windows(1024, 32);
  fill(windows, Queue::Email, Priority::High, 100);
  fill(windows, Queue::Email, Priority::Bulk, 100);
  const auto taken = by_priority(windows.take(Queue::Email, 29));
  EXPECT_EQ(taken, (std::array<std::size_t, 4>{0, 28, 0, 1}));
}

TEST(Windows, StarvesNobodyHoweverFewMayGoAtATime) {
  for (std::size_t at_a_time = 1; at_a_time <= 5; ++at_a_time) {
    Windows windows(1024, 32);
    for (std::size_t p = 0; p < model::kPriorityCount; ++p)
      fill(windows, Queue::Sms, static_cast<Priority>(p), 1000);
    std::array<std::size_t, model::kPriorityCount> sum{};
    for (std::size_t taken = 0; taken < 29 * at_a_time; taken += at_a_time) {
      const auto counts = by_priority(windows.take(Queue::Sms, at_a_time));
      for (std::size_t p = 0; p < sum.size(); ++p) sum[p] += counts[p];
    }
    EXPECT_EQ(sum, (std::array<std::size_t, 4>{16 * at_a_time, 8 * at_a_time, 4 * at_a_time, at_a_time}));
  }
}

TEST(Windows, OwesNobodyForTheTimeTheyWantedNothing) {
  Windows windows(1024, 32);
  fill(windows, Queue::Sms, Priority::Critical, 1000);
  EXPECT_EQ(windows.take(Queue::Sms, 500).size(), 500U);
  fill(windows, Queue::Sms, Priority::Bulk, 1000);
  const auto taken = by_priority(windows.take(Queue::Sms, 290));
  EXPECT_EQ(taken, (std::array<std::size_t, 4>{280, 0, 0, 10}));
}

TEST(Windows, KeepsTheOrderWithinAPriorityAndPutsBackInFront) {
  Windows windows(1024, 32);
  fill(windows, Queue::Sms, Priority::Normal, 5);
  auto taken = windows.take(Queue::Sms, 2);
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0]->delivery.id, 1);
  for (auto it = taken.rbegin(); it != taken.rend(); ++it) windows.put_back(std::move(*it));
  taken = windows.take(Queue::Sms, 10);
  ASSERT_EQ(taken.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(taken[i]->delivery.id, static_cast<std::int64_t>(i) + 1);
}

TEST(Windows, KeepsQueuesApart) {
  Windows windows(1024, 32);
  fill(windows, Queue::PushIos, Priority::Critical, 3);
  EXPECT_FALSE(windows.has_ready(Queue::PushAndroid));
  EXPECT_TRUE(windows.has_ready(Queue::PushIos));
  EXPECT_TRUE(windows.take(Queue::PushAndroid, 10).empty());
  EXPECT_EQ(windows.take(Queue::PushIos, 10).size(), 3U);
  EXPECT_FALSE(windows.has_ready(Queue::PushIos));
}

TEST(Windows, BoundsEachLaneAndLittleOfWhatIsInDoubtAfterACrash) {
  Windows windows(100, 8);
  const model::Lane mail{Queue::Email, Priority::Normal}, bulk{Queue::Email, Priority::Bulk};
  EXPECT_EQ(windows.room(mail), 100U);
  for (const auto queue : {Queue::Sms, Queue::Voice, Queue::Chat})
    EXPECT_EQ(windows.room({queue, Priority::Normal}), 8U);
  windows.reserve(mail, 100);
  EXPECT_EQ(windows.room(mail), 0U);
  EXPECT_EQ(windows.room(bulk), 100U) << "bulk has a quota of its own";
  windows.release(mail, 30);
  EXPECT_EQ(windows.room(mail), 30U);
  EXPECT_EQ(windows.open_total(), 70U);
}

TEST(Windows, ClaimsWhenAQuarterIsFreeHoweverLargeTheyAre) {
  for (const std::size_t limit : {std::size_t{1}, std::size_t{100}, std::size_t{65'536}}) {
    Windows windows(limit, 8);
    const model::Lane mail{Queue::Email, Priority::Normal};
    EXPECT_TRUE(windows.is_worth_a_claim(mail)) << limit;
    windows.reserve(mail, limit);
    EXPECT_FALSE(windows.is_worth_a_claim(mail)) << limit;
    windows.release(mail, (limit + 3) / 4);
    EXPECT_TRUE(windows.is_worth_a_claim(mail)) << limit;
  }
}

TEST(Windows, HoldNoMoreThanCouldBeBegunSoonWhenOthersCould) {
  Windows windows(8192, 32);
  const model::Lane push{Queue::PushIos, Priority::Normal}, mail{Queue::Email, Priority::Normal};
  windows.fit(Queue::PushIos, 4000);
  EXPECT_EQ(windows.room(push), 4000U);
  EXPECT_EQ(windows.room(mail), 8192U);
  EXPECT_EQ(windows.limit(push), 8192U) << "what an integration may hold of it stays";
  windows.reserve(push, 3500);
  EXPECT_FALSE(windows.is_worth_a_claim(push));
  windows.release(push, 600);
  EXPECT_TRUE(windows.is_worth_a_claim(push));
  windows.fit(Queue::PushIos, 2000);
  EXPECT_EQ(windows.room(push), 0U) << "it holds more already";
  EXPECT_FALSE(windows.try_reserve(push));
  windows.fit(Queue::PushIos, 100'000);
  EXPECT_EQ(windows.room(push), 8192U - 2900U) << "not more than its setting";
}

TEST(Windows, GivesWhatIsCriticalByItself) {
  Windows windows(1024, 32);
  fill(windows, Queue::Email, Priority::High, 10, 100);
  EXPECT_FALSE(windows.has_critical(Queue::Email));
  EXPECT_TRUE(windows.take_critical(Queue::Email, 5).empty());
  fill(windows, Queue::Email, Priority::Critical, 3);
  EXPECT_TRUE(windows.has_critical(Queue::Email));
  EXPECT_FALSE(windows.has_critical(Queue::Sms));
  const auto taken = windows.take_critical(Queue::Email, 2);
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0]->delivery.id, 1);
  EXPECT_EQ(taken[1]->delivery.id, 2);
  EXPECT_EQ(by_priority(windows.take(Queue::Email, 20)), (std::array<std::size_t, 4>{1, 10, 0, 0}));
}

TEST(Windows, LetsNoMoreInThanTheyHold) {
  Windows windows(2, 1);
  const model::Lane mail{Queue::Email, Priority::Normal};
  EXPECT_TRUE(windows.try_reserve(mail));
  EXPECT_TRUE(windows.try_reserve(mail));
  EXPECT_FALSE(windows.try_reserve(mail));
  windows.release(mail);
  EXPECT_TRUE(windows.try_reserve(mail));
}

TEST(Windows, HandsOverEverythingAtTheEnd) {
  Windows windows(100, 8);
  fill(windows, Queue::Email, Priority::Normal, 3);
  fill(windows, Queue::Sms, Priority::Critical, 2);
  EXPECT_EQ(windows.take_all().size(), 5U);
  EXPECT_FALSE(windows.has_ready(Queue::Email));
  EXPECT_TRUE(windows.take_all().empty());
}

TEST(Windows, TakesNeitherMoreThanAskedNorLessThanThereIs) {
  EXPECT_TRUE(rc::check([] {
    Windows windows(1024, 32);
    std::size_t there = 0;
    for (std::size_t p = 0; p < model::kPriorityCount; ++p) {
      const auto n = *rc::gen::inRange<std::size_t>(0, 50);
      fill(windows, Queue::Email, static_cast<Priority>(p), n);
      there += n;
    }
    const auto asked = *rc::gen::inRange<std::size_t>(0, 300);
    RC_ASSERT(windows.take(Queue::Email, asked).size() == std::min(asked, there));
  }));
}

}  // namespace
}  // namespace carillon::pipeline
