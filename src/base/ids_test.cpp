#include "base/ids.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace carillon::base {
namespace {

constexpr Time kNow = from_ms(kIdEpochMs + 1'000'000);

TEST(IdGenerator, PutsTimeNodeAndSequenceInTheirPlaces) {
  ManualClock clock(kNow);
  IdGenerator ids(clock, 5, 0);
  EXPECT_EQ(ids.take(), (1'000'000LL << 22) | (5 << 12));
  EXPECT_EQ(ids.take(), (1'000'000LL << 22) | (5 << 12) | 1);
  clock.advance(Millis(1));
  const auto next = ids.take();
  EXPECT_EQ(next, (1'000'001LL << 22) | (5 << 12));
  EXPECT_EQ(id_time(next), kNow + Millis(1));
}

TEST(IdGenerator, StartsARunThatDoesNotFitAtTheNextMillisecond) {
  ManualClock clock(kNow);
  IdGenerator ids(clock, 0, 0);
  EXPECT_EQ(ids.take(4000), 1'000'000LL << 22);
  EXPECT_EQ(ids.take(97), 1'000'001LL << 22);
  EXPECT_EQ(ids.take(3999), (1'000'001LL << 22) + 97);
  EXPECT_EQ(ids.take(1), 1'000'002LL << 22);
  EXPECT_EQ(ids.take(kIdPerMs), 1'000'003LL << 22);
}

TEST(IdGenerator, NeverGoesBackWithTheClock) {
  ManualClock clock(kNow);
  IdGenerator ids(clock, 0, 0);
  const auto before = ids.take();
  clock.set(kNow - std::chrono::hours(1));
  EXPECT_EQ(ids.take(), before + 1);
}

TEST(IdGenerator, StartsAfterTheMillisecondOfItsFloor) {
  ManualClock clock(kNow);
  const std::int64_t floor = id_floor(kNow + Millis(500)) + 77;
  IdGenerator ids(clock, 0, floor);
  EXPECT_EQ(id_time(ids.take()), kNow + Millis(501));
}

TEST(IdGenerator, IsUniqueAndAscendingAcrossThreads) {
  ManualClock clock(kNow);
  IdGenerator ids(clock, 1, 0);
  std::vector<std::vector<std::int64_t>> taken(4);
  std::vector<std::thread> threads;
  for (auto& mine : taken) {
    threads.emplace_back([&mine, &ids] {
      for (int i = 0; i < 5000; ++i) mine.push_back(ids.take());
    });
  }
  for (auto& thread : threads) thread.join();
  std::vector<std::int64_t> all;
  for (const auto& mine : taken) {
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

TEST(IdGeneratorDeathTest, RefusesARunLongerThanAMillisecond) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  ManualClock clock(kNow);
  IdGenerator ids(clock, 0, 0);
  EXPECT_DEATH((void)ids.take(kIdPerMs + 1), "assertion failed");
}

TEST(IdText, IsPrefixAndThirteenCharacters) {
  EXPECT_EQ(id_text(kNotificationPrefix, 0), "ntf_0000000000000");
  EXPECT_EQ(id_text(kDeliveryPrefix, 33), "dlv_0000000000011");
  EXPECT_EQ(id_text(kJobPrefix, INT64_MAX), "job_7zzzzzzzzzzzz");
}

TEST(IdText, RefusesWhatIsNotExactlyAnId) {
  EXPECT_EQ(parse_id("ntf_", "ntf_7zzzzzzzzzzzz"), INT64_MAX);
  for (const char* text : {"", "ntf_", "dlv_0000000000000", "ntf_000000000000", "ntf_00000000000000",
                           "ntf_8000000000000", "ntf_zzzzzzzzzzzzz", "ntf_000000000000l", "ntf_000000000000Z",
                           "ntf_00000000000-1", "NTF_0000000000000"}) {
    EXPECT_EQ(parse_id("ntf_", text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_id("ntf_", std::string_view("ntf_000000000000\0", 17)), std::nullopt);
}

RC_GTEST_PROP(IdText, ReadsBackAndSortsLikeTheNumber, ()) {
  const auto gen = rc::gen::map(rc::gen::arbitrary<std::uint64_t>(),
                                [](std::uint64_t v) { return static_cast<std::int64_t>(v >> 1); });
  const std::int64_t a = *gen, b = *gen;
  RC_ASSERT(parse_id("dl_", id_text("dl_", a)) == a);
  RC_ASSERT((id_text("dl_", a) < id_text("dl_", b)) == (a < b));
}

TEST(IdFloor, BoundsTheMillisecond) {
  ManualClock clock(kNow);
  IdGenerator ids(clock, kIdNodeMax, 0);
  const auto id = ids.take();
  EXPECT_LE(id_floor(kNow), id);
  EXPECT_GT(id_floor(kNow + Millis(1)), id);
  EXPECT_EQ(id_floor(from_ms(0)), 0);
}

}  // namespace
}  // namespace carillon::base
