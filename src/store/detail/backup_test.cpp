#include "store/detail/backup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "store/backup.h"
#include "store/detail/store_fixture_test.h"

namespace carillon::store::detail {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOneMore =
    "BEGIN; UPDATE main.t SET n = n + 1; UPDATE people.t SET n = n + 1;"
    "INSERT INTO main.t SELECT n, zeroblob(1000) FROM main.t LIMIT 50; COMMIT";

class StoreCopy : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    to_ = folder_ + "/to";
    fs::create_directories(to_);
  }

  // Two files of some 800 pages each, as the writer has them.
  std::unique_ptr<SqliteDb> make_files() const {
    auto db = std::move(*SqliteDb::open(folder_ + "/carillon.db", DbMode::Writer, 512 << 10));
    EXPECT_TRUE(db->attach(folder_ + "/people.db", "people", 512 << 10));
    const auto made = db->exec(
        "CREATE TABLE main.t(n, pad); CREATE TABLE people.t(n, pad);"
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 2400)"
        "INSERT INTO main.t SELECT 0, zeroblob(1000) FROM c;"
        "INSERT INTO people.t SELECT 0, zeroblob(1000) FROM main.t");
    EXPECT_TRUE(made) << made.error().message;
    return db;
  }
  // Steps to the end, with `between` after each; how many there were.
  static int copy(Backup& backup, const std::function<void()>& between) {
    for (int steps = 1;; ++steps) {
      const auto done = backup.step();
      EXPECT_TRUE(done) << done.error().message;
      if (!done || *done) return steps;
      between();
    }
  }
  // Of the copy.
  std::int64_t number(const std::string& file, const char* sql) const {
    auto db = SqliteDb::open(to_ + "/" + file, DbMode::Frozen, 1 << 20);
    return db ? (*db)->scalar(sql).value_or(-1) : -1;
  }

  std::string to_;
};

TEST_F(StoreCopy, IsOfTheMomentItEndsAtInBothFiles) {
  const auto db = make_files();
  auto backup = Backup::begin(*db, to_);
  ASSERT_TRUE(backup) << backup.error().message;
  EXPECT_GT((*backup)->bytes_total(), 4 << 20);
  int changes = 0;
  const int steps = copy(**backup, [&] {
    ASSERT_TRUE(db->exec(kOneMore));
    ++changes;
  });
  EXPECT_GE(steps, 5);
  ASSERT_TRUE(check_files(to_));
  EXPECT_EQ(number("carillon.db", "SELECT count(*) FROM t"), 2400 + 50 * changes);
  for (const char* file : {"carillon.db", "people.db"}) {
    EXPECT_EQ(number(file, "SELECT max(n) FROM t"), changes) << file;
  }
  EXPECT_EQ(number("people.db", "SELECT min(n) FROM t"), changes);
  // It opens as what it was, in WAL mode.
  std::ifstream in(to_ + "/carillon.db", std::ios::binary);
  std::string head(20, '\0');
  in.read(head.data(), 20);
  EXPECT_EQ(head[18], 2);
}

TEST_F(StoreCopy, DoesNotHoldWhatWasRolledBack) {
  const auto db = make_files();
  auto backup = Backup::begin(*db, to_);
  ASSERT_TRUE(backup);
  int tries = 0;
  // More than the cache holds: it is in the WAL, and in the copy, before it is taken back.
  copy(**backup, [&] {
    if (++tries >= 6) return;
    ASSERT_TRUE(db->exec("BEGIN; UPDATE main.t SET n = -1; UPDATE people.t SET n = -1; ROLLBACK"));
  });
  ASSERT_TRUE(check_files(to_));
  EXPECT_EQ(number("carillon.db", "SELECT min(n) FROM t"), 0);
  EXPECT_EQ(number("people.db", "SELECT min(n) FROM t"), 0);
}

TEST_F(StoreCopy, BeginsAnewInPiecesWhenSomethingIsRolledBackNearTheEnd) {
  const auto db = make_files();
  auto backup = Backup::begin(*db, to_);
  ASSERT_TRUE(backup);
  const auto left = [&] { return (*backup)->bytes_total() - (*backup)->bytes_done(); };
  while (left() > 2 << 20) ASSERT_FALSE((*backup)->step().value());
  ASSERT_TRUE(db->exec("BEGIN; UPDATE main.t SET n = -1; UPDATE people.t SET n = -1; ROLLBACK"));
  EXPECT_GE(copy(**backup, [] {}), 5) << "what was left looked like little";
  ASSERT_TRUE(check_files(to_));
  EXPECT_EQ(number("carillon.db", "SELECT min(n) FROM t"), 0);
}

TEST_F(StoreCopy, LeavesTheStoreAloneWhenItIsGivenUp) {
  const auto db = make_files();
  {
    auto backup = Backup::begin(*db, to_);
    ASSERT_TRUE(backup);
    ASSERT_TRUE((*backup)->step());
    ASSERT_TRUE(db->exec(kOneMore));
  }
  ASSERT_TRUE(db->exec(kOneMore));
  EXPECT_EQ(db->scalar("SELECT max(n) FROM main.t").value(), 2);
}

TEST_F(StoreCopy, IsNotWrittenOverSomething) {
  const auto db = make_files();
  std::ofstream(to_ + "/people.db") << "mine";
  const auto backup = Backup::begin(*db, to_);
  ASSERT_FALSE(backup);
  EXPECT_EQ(backup.error().code, Errc::AlreadyExists);
}

TEST_F(StoreCopy, IsNotReadThroughForNobody) {
  const auto db = make_files();
  auto backup = Backup::begin(*db, to_);
  ASSERT_TRUE(backup);
  copy(**backup, [] {});
  std::stop_source stop;
  stop.request_stop();
  const auto found = check_files(to_, stop.get_token());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::Cancelled);
}

TEST_F(StoreCopy, ThatIsDamagedIsFound) {
  const auto db = make_files();
  auto backup = Backup::begin(*db, to_);
  ASSERT_TRUE(backup);
  copy(**backup, [] {});
  {
    std::fstream file(to_ + "/people.db", std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(3 * 4096);
    file << std::string(4096, '\xff');
  }
  const auto found = check_files(to_);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::Corruption);
  EXPECT_NE(found.error().message.find("people.db"), std::string::npos);
}

// The same through the Store, while it is written to.
class CopyOfAStore : public StoreCopy {
 protected:
  static Result<Record> put(Store& store, const std::string& key) {
    Record record;
    record.key = {"test", 1, key};
    record.data = "{}";
    return run(store.put_record(std::move(record), std::nullopt, "test", from_ms(1)));
  }
};

TEST_F(CopyOfAStore, OpensAsTheStoreItWas) {
  auto store = open(folder_);
  ASSERT_TRUE(store);
  ASSERT_TRUE(put(**store, "before"));
  const auto progress = std::make_shared<CopyProgress>();
  const base::ManualClock clock(from_ms(7));
  const auto copied = run((*store)->copy_to(to_, clock, progress));
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(*copied, from_ms(7));
  EXPECT_GT(progress->total.load(), 0);
  EXPECT_EQ(progress->done.load(), progress->total.load());
  ASSERT_TRUE(put(**store, "after"));
  EXPECT_EQ(check_files(to_).value(), known_schema());
  auto copy = open(to_);
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_TRUE(run((*copy)->get_record({"test", 1, "before"})));
  EXPECT_FALSE(run((*copy)->get_record({"test", 1, "after"})));
}

TEST_F(CopyOfAStore, EndsWhenNobodyWantsItAnyMore) {
  auto store = open(folder_);
  ASSERT_TRUE(store);
  const auto progress = std::make_shared<CopyProgress>();
  progress->stop.request_stop();
  const base::ManualClock clock;
  const auto copied = run((*store)->copy_to(to_, clock, progress));
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, Errc::Cancelled);
  // The next one is not in its way.
  fs::remove_all(to_);
  fs::create_directories(to_);
  EXPECT_TRUE(run((*store)->copy_to(to_, clock, std::make_shared<CopyProgress>())));
}

TEST_F(CopyOfAStore, IsNotMadeTwiceInOnePlace) {
  auto store = open(folder_);
  ASSERT_TRUE(store);
  const base::ManualClock clock;
  ASSERT_TRUE(run((*store)->copy_to(to_, clock, std::make_shared<CopyProgress>())));
  const auto again = run((*store)->copy_to(to_, clock, std::make_shared<CopyProgress>()));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::AlreadyExists);
  EXPECT_TRUE(check_files(to_)) << "and what was there is as it was";
}

}  // namespace
}  // namespace carillon::store::detail
