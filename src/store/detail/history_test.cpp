#include "store/detail/history.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <set>

#include "store/detail/schema.h"
#include "store/detail/sqlite.h"

namespace carillon::store::detail {
namespace {

// The index alone, on a store file of its own, and what it should hold.
class Index {
 public:
  Index() {
    std::filesystem::create_directories(folder_);
    const auto make = [this](const char* name) {
      return std::move(*SqliteDb::open(folder_ + name, DbMode::Writer, 1 << 20));
    };
    EXPECT_TRUE(migrate(*make("/people.db"), File::People));
    db_ = make("/carillon.db");
    EXPECT_TRUE(db_->attach(folder_ + "/people.db", "people", 1 << 20));
    EXPECT_TRUE(migrate(*db_, File::Everything));
    txn_ = std::make_unique<Txn>(*db_, words_, counters_, outbox_);
  }
  ~Index() {
    txn_.reset();
    db_.reset();
    std::filesystem::remove_all(folder_);
  }

  template <class Work>
  auto in_transaction(Work work) {
    EXPECT_TRUE(txn_->begin());
    auto result = work(*txn_);
    EXPECT_TRUE(txn_->commit());
    return result;
  }
  // Entries as fold would add them: ids above those before.
  void add(History::Entries entries) {
    History::Batch batch;
    for (const auto& [key, id] : entries) batch.high = std::max(batch.high, id);
    expected_.insert(entries.begin(), entries.end());
    std::ranges::sort(entries);
    batch.entries = std::move(entries);
    EXPECT_TRUE(in_transaction([&](Txn& txn) { return history_->add(txn, batch); }));
  }
  void add_late(std::int64_t key, std::int64_t id) {
    expected_.emplace(key, id);
    EXPECT_TRUE(in_transaction([&](Txn& txn) { return history_->add_late(txn, key, id); }));
  }
  bool merge() {
    return in_transaction([&](Txn& txn) { return history_->merge(txn); }).value_or(false);
  }
  void merge_all() {
    while (merge()) continue;
  }
  // A new process on the same file.
  void restart() {
    history_.emplace(keys_);
    EXPECT_TRUE(history_->load(*db_));
  }
  std::int64_t number(const char* sql) { return db_->scalar(sql).value_or(-1); }

  [[nodiscard]] std::vector<std::int64_t> found(std::int64_t key, std::int64_t before, std::size_t limit) {
    return History::find(*db_, key, before, limit).value_or(std::vector<std::int64_t>{-1});
  }
  [[nodiscard]] std::vector<std::int64_t> expected(std::int64_t key, std::int64_t before,
                                                   std::size_t limit) const {
    std::vector<std::int64_t> ids;
    auto it = expected_.lower_bound({key, before == 0 ? INT64_MAX : before});
    while (ids.size() < limit && it != expected_.begin() && (--it)->first == key) ids.push_back(it->second);
    return ids;
  }

 private:
  const std::string folder_ = testing::TempDir() + "carillon-history-" + base::random_text(12);
  base::KeyRing keys_ = base::KeyRing::derive(base::Secret(std::string(32, 'k'))).value();
  Words words_;
  Counters counters_;
  Subscribers subscribers_;
  WebhookOutbox outbox_{subscribers_};
  std::unique_ptr<SqliteDb> db_;
  std::unique_ptr<Txn> txn_;
  std::optional<History> history_{std::in_place, keys_};
  std::set<std::pair<std::int64_t, std::int64_t>> expected_;
};

RC_GTEST_PROP(HistoryIndex, FindsEverythingAtEveryStageOfItsMerges, ()) {
  Index index;
  std::int64_t id = 100;
  const auto keys = *rc::gen::inRange<std::int64_t>(1, 6);
  const auto some_key = [&] { return *rc::gen::inRange<std::int64_t>(0, keys) * (INT64_MAX / 5); };
  const auto check = [&] {
    const auto key = some_key();
    const auto before = *rc::gen::element<std::int64_t>(0, id / 2, id);
    const auto limit = *rc::gen::element<std::size_t>(1, 20, 5'000);
    RC_ASSERT(index.found(key, before, limit) == index.expected(key, before, limit));
  };
  for (auto runs = *rc::gen::inRange(1, 20); runs > 0; --runs) {
    History::Entries entries;
    for (auto n = *rc::gen::inRange(1, 600); n > 0; --n) {
      id += 2;
      entries.emplace_back(id / 2 % keys * (INT64_MAX / 5), id);
    }
    index.add(std::move(entries));
    if (*rc::gen::inRange(0, 4) == 0) index.add_late(some_key(), *rc::gen::inRange<std::int64_t>(1, id) | 1);
    if (*rc::gen::inRange(0, 3) == 0) index.merge();
    if (*rc::gen::inRange(0, 9) == 0) index.restart();
    check();
  }
  index.merge_all();
  check();
}

TEST(HistoryIndex, MergesOverSeveralLevelsAndDropsWhatItMerged) {
  Index index;
  std::mt19937_64 random(7);
  std::vector<std::int64_t> keys;
  std::int64_t id = 0;
  for (int run = 0; run < 70; ++run) {
    History::Entries entries;
    for (int n = 0; n < 10'000; ++n) entries.emplace_back(static_cast<std::int64_t>(random() >> 1), ++id);
    keys.push_back(entries.front().first);
    index.add(std::move(entries));
    index.merge_all();
  }
  EXPECT_LT(index.number("SELECT count(*) FROM history_run"), 16);
  EXPECT_GT(index.number("SELECT max(n) FROM history_run"), 500'000)
      << "runs of the second level were merged";
  const auto blocks = index.number("SELECT count(*) FROM history_block");
  EXPECT_LT(blocks, 700'000 / 248 * 5 / 4) << "blocks are full, and nothing of the merged runs is left";
  for (const std::int64_t key : keys) EXPECT_EQ(index.found(key, 0, 10), index.expected(key, 0, 10));
}

TEST(HistoryIndex, OfAnOlderVersionIsReadAndPackedByItsNextMerge) {
  Index index;
  index.add({{1, 10}, {2, 20}});
  for (std::int64_t id = 3; id < 9; ++id) index.add({{5, id * 10}});
  index.add_late(1, 5);
  index.add_late(9, 7);
  EXPECT_EQ(index.number("SELECT count(*) FROM history"), 2);
  EXPECT_EQ(index.found(1, 0, 10), (std::vector<std::int64_t>{10, 5}));
  index.add({{5, 90}});
  index.merge_all();
  EXPECT_EQ(index.number("SELECT count(*) FROM history"), 0);
  EXPECT_EQ(index.number("SELECT count(*) FROM history_run"), 1);
  EXPECT_EQ(index.found(1, 0, 10), (std::vector<std::int64_t>{10, 5}));
  EXPECT_EQ(index.found(9, 0, 10), (std::vector<std::int64_t>{7}));
  EXPECT_EQ(index.found(5, 0, 10), index.expected(5, 0, 10));
}

}  // namespace
}  // namespace carillon::store::detail
