#include "queue/lanes.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

namespace carillon::queue {
namespace {

using Progress = std::vector<std::pair<std::int32_t, std::int64_t>>;

constexpr model::Lane kLane{model::Queue::Sms, model::Priority::High};
constexpr std::int32_t kPartition = 4;

class LanesTest : public testing::Test {
 protected:
  void add(std::vector<std::int64_t> ids, std::int64_t offset) { lanes_.add(kLane, ids, kPartition, offset); }
  Progress progress() { return lanes_.progress(kLane); }

  Lanes lanes_{8};
};

TEST_F(LanesTest, SettlesAMessageWhenTheBatchOfItsLastIdIsCommitted) {
  lanes_.assign(kLane, kPartition);
  add({1, 2, 3}, 10);
  add({4}, 11);
  const Batch first = lanes_.poll(kLane, 2), second = lanes_.poll(kLane, 1), third = lanes_.poll(kLane, 5);
  EXPECT_EQ(third.ids, std::vector<std::int64_t>{4});
  lanes_.commit(kLane, first.token);
  EXPECT_EQ(progress(), Progress());
  lanes_.commit(kLane, second.token);
  EXPECT_EQ(progress(), (Progress{{kPartition, 11}}));
  EXPECT_EQ(progress(), Progress());
  lanes_.commit(kLane, third.token);
  EXPECT_EQ(progress(), (Progress{{kPartition, 12}}));
}

TEST_F(LanesTest, SettlesWhatWasPolledBeforeWithALaterCommit) {
  lanes_.assign(kLane, kPartition);
  add({1}, 0);
  add({2}, 1);
  lanes_.poll(kLane, 1);
  lanes_.commit(kLane, lanes_.poll(kLane, 1).token);
  EXPECT_EQ(progress(), (Progress{{kPartition, 2}}));
}

TEST_F(LanesTest, NeverStoresBeyondAMessageThatIsNotSettled) {
  lanes_.assign(kLane, kPartition);
  add({1}, 20);
  lanes_.skip(kLane, kPartition, 21);
  lanes_.skip(kLane, kPartition, 25);
  EXPECT_EQ(progress(), Progress());
  lanes_.commit(kLane, lanes_.poll(kLane, 1).token);
  EXPECT_EQ(progress(), (Progress{{kPartition, 26}}));
}

TEST_F(LanesTest, CommitsNothingByTheTokenOfAnEmptyBatch) {
  lanes_.assign(kLane, kPartition);
  const Batch empty = lanes_.poll(kLane, 5);
  add({1}, 0);
  lanes_.poll(kLane, 5);
  lanes_.commit(kLane, empty.token);
  EXPECT_EQ(progress(), Progress());
}

TEST_F(LanesTest, DropsWhatIsTooMuchAndSettlesIt) {
  lanes_.assign(kLane, kPartition);
  EXPECT_TRUE(lanes_.add(kLane, std::vector<std::int64_t>{1, 2, 3, 4, 5, 6}, kPartition, 0));
  EXPECT_FALSE(lanes_.add(kLane, std::vector<std::int64_t>{7, 8, 9, 10}, kPartition, 1));
  EXPECT_FALSE(lanes_.add(kLane, std::vector<std::int64_t>{11}, kPartition, 2));
  EXPECT_EQ(lanes_.size(kLane), 8U);
  const Batch batch = lanes_.poll(kLane, 100);
  EXPECT_EQ(batch.ids, (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_TRUE(batch.overflowed);
  EXPECT_FALSE(lanes_.poll(kLane, 100).overflowed);
  lanes_.commit(kLane, batch.token);
  EXPECT_EQ(progress(), (Progress{{kPartition, 3}}));
}

TEST_F(LanesTest, IgnoresLateCommitsForAPartitionThatWasTakenAwayOrGivenAnew) {
  lanes_.assign(kLane, kPartition);
  add({1}, 100);
  const Batch batch = lanes_.poll(kLane, 1);
  lanes_.assign(kLane, kPartition);
  add({2}, 50);
  lanes_.commit(kLane, batch.token);
  EXPECT_EQ(progress(), Progress());
  lanes_.commit(kLane, lanes_.poll(kLane, 1).token);
  EXPECT_EQ(progress(), (Progress{{kPartition, 51}}));
  add({3}, 51);
  lanes_.revoke(kLane, kPartition);
  lanes_.commit(kLane, lanes_.poll(kLane, 1).token);
  EXPECT_EQ(progress(), Progress());
}

TEST_F(LanesTest, TakesHintsWhoseOffsetsStepBack) {
  lanes_.assign(kLane, kPartition);
  add({1}, 100);
  add({2}, 3);
  EXPECT_EQ(lanes_.poll(kLane, 9).ids, (std::vector<std::int64_t>{1, 2}));
}

TEST_F(LanesTest, WakesForTheFirstIdAndForALossThatNobodyKnowsOf) {
  std::vector<model::Lane> woken;
  lanes_.on_ready([&](model::Lane lane) { woken.push_back(lane); });
  add({1}, 0);
  add({2}, 1);
  lanes_.lose(kLane);
  EXPECT_EQ(woken.size(), 1U);
  EXPECT_TRUE(lanes_.poll(kLane, 9).overflowed);
  lanes_.lose(kLane);
  lanes_.lose(kLane);
  EXPECT_EQ(woken.size(), 2U);
  const Batch batch = lanes_.poll(kLane, 9);
  EXPECT_TRUE(batch.overflowed && batch.ids.empty());
}

// Whatever comes, is taken, dropped and committed: what is stored is never beyond what is not settled, and in
// the end all of it.
TEST_F(LanesTest, StoresInTheEndEverythingAndBeforeThatNoMoreThanIsSettled) {
  EXPECT_TRUE(rc::check([] {
    Lanes lanes(16);
    lanes.assign(kLane, kPartition);
    const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
        rc::gen::pair(rc::gen::inRange(0, 4), rc::gen::inRange(1, 7)));
    std::map<std::int64_t, std::int64_t> offset_of;  // id → offset, of what is neither dropped nor committed
    std::map<std::uint64_t, std::vector<std::int64_t>> open;
    std::int64_t id = 1, offset = 0, stored = 0;
    const auto commit = [&](std::uint64_t token) {
      lanes.commit(kLane, token);
      while (!open.empty() && open.begin()->first <= token) {
        for (const auto each : open.begin()->second) offset_of.erase(each);
        open.erase(open.begin());
      }
    };
    const auto check = [&] {
      for (const auto& [partition, next] : lanes.progress(kLane)) {
        RC_ASSERT(next > stored);
        stored = next;
      }
      for (const auto& [each, of] : offset_of) RC_ASSERT(of >= stored);
    };
    for (const auto& [what, size] : steps) {
      if (what < 2) {
        std::vector<std::int64_t> ids;
        for (int i = 0; i < size; ++i) ids.push_back(id++);
        const std::size_t room = 16 - lanes.size(kLane);
        lanes.add(kLane, ids, kPartition, offset);
        for (std::size_t i = 0; i < std::min(room, ids.size()); ++i) offset_of[ids[i]] = offset;
        offset += 1 + size % 2;
      } else if (what == 2) {
        Batch batch = lanes.poll(kLane, static_cast<std::size_t>(size));
        if (!batch.ids.empty()) open[batch.token] = batch.ids;
      } else if (!open.empty()) {
        commit(open.begin()->first);
      }
      check();
    }
    while (true) {
      const Batch batch = lanes.poll(kLane, 100);
      if (batch.ids.empty()) break;
      open[batch.token] = batch.ids;
      commit(batch.token);
    }
    if (!open.empty()) commit(open.rbegin()->first);
    check();
    RC_ASSERT(offset_of.empty());
    RC_ASSERT(stored == 0 || stored >= offset - 1);
    RC_ASSERT(offset == 0 || stored > 0);
  }));
}

}  // namespace
}  // namespace carillon::queue
