#include "store/detail/gathering_vfs.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "store/detail/sqlite.h"

namespace carillon::store::detail {
namespace {

// A file of its own, opened as SQLite does it.
class Opened {
 public:
  explicit Opened(int kind = SQLITE_OPEN_WAL) {
    sqlite3_initialize();
    vfs_ = sqlite3_vfs_find(gathering_vfs());
    memory_.resize(static_cast<std::size_t>(vfs_->szOsFile));
    path_ = testing::TempDir() + "gathered";
    std::filesystem::remove(path_);
    int flags = 0;
    EXPECT_EQ(
        vfs_->xOpen(vfs_, path_.c_str(), file(), kind | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &flags),
        SQLITE_OK);
  }
  ~Opened() { close(); }
  int write(const std::string& bytes, sqlite3_int64 at) {
    return file()->pMethods->xWrite(file(), bytes.data(), static_cast<int>(bytes.size()), at);
  }
  std::string read(int count, sqlite3_int64 at) {
    std::string bytes(static_cast<std::size_t>(count), '?');
    const int rc = file()->pMethods->xRead(file(), bytes.data(), count, at);
    EXPECT_TRUE(rc == SQLITE_OK || rc == SQLITE_IOERR_SHORT_READ) << rc;  // short: the rest is zeros
    return bytes;
  }
  int sync() { return file()->pMethods->xSync(file(), SQLITE_SYNC_NORMAL); }
  int truncate(sqlite3_int64 size) { return file()->pMethods->xTruncate(file(), size); }
  sqlite3_int64 size() {
    sqlite3_int64 size = -1;
    EXPECT_EQ(file()->pMethods->xFileSize(file(), &size), SQLITE_OK);
    return size;
  }
  void close() {
    if (file()->pMethods != nullptr) EXPECT_EQ(file()->pMethods->xClose(file()), SQLITE_OK);
    file()->pMethods = nullptr;
  }
  // What others see.
  [[nodiscard]] std::string on_disk() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  sqlite3_file* file() { return reinterpret_cast<sqlite3_file*>(memory_.data()); }
  sqlite3_vfs* vfs_ = nullptr;
  std::vector<std::max_align_t> memory_;  // more than it needs; aligned
  std::string path_;
};

TEST(GatheringVfs, WhatFollowsIsGatheredUntilASync) {
  Opened file;
  EXPECT_EQ(file.write("head", 0), SQLITE_OK);
  EXPECT_EQ(file.write("page", 4), SQLITE_OK);
  EXPECT_EQ(file.on_disk(), "");
  EXPECT_EQ(file.sync(), SQLITE_OK);
  EXPECT_EQ(file.on_disk(), "headpage");
}

TEST(GatheringVfs, WhatIsElsewhereSendsOutWhatWasGathered) {
  Opened file;
  file.write("aaaa", 0);
  file.write("bb", 1);
  EXPECT_EQ(file.on_disk(), "aaaa");
  file.close();
  EXPECT_EQ(file.on_disk(), "abba");
}

// SQLite's own VFS takes 131,071 bytes at a time and calls the disk full beyond.
TEST(GatheringVfs, MoreThanIsWrittenAtATimeIsWrittenInPieces) {
  Opened file;
  std::string wanted;
  for (int i = 0; i < 100; ++i) {
    const std::string page(4096, static_cast<char>('a' + i % 26));
    ASSERT_EQ(file.write(page, static_cast<sqlite3_int64>(wanted.size())), SQLITE_OK) << i;
    wanted += page;
  }
  EXPECT_EQ(file.sync(), SQLITE_OK);
  EXPECT_EQ(file.on_disk(), wanted);
}

// Whatever is done to it in whatever order: it is the file it would be without.
RC_GTEST_PROP(GatheringVfs, IsAsIfEachWriteWentToTheDiskAtOnce, ()) {
  Opened file(*rc::gen::element(SQLITE_OPEN_WAL, SQLITE_OPEN_MAIN_DB));
  std::string model;
  std::size_t end = 0;  // of the last write
  for (int i = *rc::gen::inRange(1, 60); i > 0; --i) {
    const auto place = *rc::gen::inRange<std::size_t>(0, 300);
    switch (*rc::gen::inRange(0, 8)) {
      case 0:
        RC_ASSERT(file.sync() == SQLITE_OK);
        RC_ASSERT(file.on_disk() == model);
        break;
      case 1:  // unixFileSize() calls a file of one byte empty
        RC_ASSERT(file.size() == static_cast<sqlite3_int64>(model.size() == 1 ? 0 : model.size()));
        break;
      case 2: {
        const std::size_t kept = std::min(place, model.size());
        RC_ASSERT(file.truncate(static_cast<sqlite3_int64>(kept)) == SQLITE_OK);
        model.resize(kept);
        break;
      }
      case 3: {
        std::string wanted = place < model.size() ? model.substr(place, 50) : "";
        wanted.resize(50, '\0');
        RC_ASSERT(file.read(50, static_cast<sqlite3_int64>(place)) == wanted);
        break;
      }
      default: {
        const std::size_t at = *rc::gen::arbitrary<bool>() ? end : place;
        const std::string bytes(*rc::gen::inRange<std::size_t>(1, 40), static_cast<char>('a' + i % 26));
        RC_ASSERT(file.write(bytes, static_cast<sqlite3_int64>(at)) == SQLITE_OK);
        if (model.size() < at + bytes.size()) model.resize(at + bytes.size(), '\0');
        model.replace(at, bytes.size(), bytes);
        end = at + bytes.size();
      }
    }
  }
  file.close();
  RC_ASSERT(file.on_disk() == model);
}

TEST(GatheringVfs, AReaderSeesACommitOfAnySizeAndNothingBefore) {
  const std::string path = testing::TempDir() + "gathered.db";
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  auto writer =
      SqliteDb::open(path, DbMode::Writer, 1 << 20).value();  // less than the transaction: it spills
  ASSERT_TRUE(writer->exec("CREATE TABLE t(id INTEGER PRIMARY KEY, bytes BLOB)"));
  auto reader = SqliteDb::open(path, DbMode::Reader, 1 << 20).value();
  for (const std::int64_t rows : {1, 50, 3'000}) {
    const std::int64_t before = reader->scalar("SELECT count(*) FROM t").value();
    ASSERT_TRUE(writer->exec("BEGIN"));
    for (std::int64_t i = 0; i < rows; ++i) {
      ASSERT_TRUE(writer->exec("INSERT INTO t(bytes) VALUES(randomblob(900))"));
    }
    EXPECT_EQ(reader->scalar("SELECT count(*) FROM t").value(), before);
    ASSERT_TRUE(writer->exec("COMMIT"));
    EXPECT_EQ(reader->scalar("SELECT count(*) FROM t").value(), before + rows);
  }
  ASSERT_TRUE(writer->exec("PRAGMA wal_checkpoint(PASSIVE)"));
  EXPECT_EQ(reader->scalar("SELECT count(*) FROM t").value(), 3'051);
  ASSERT_TRUE(reader->prepare_once("PRAGMA integrity_check").value().next());
}

}  // namespace
}  // namespace carillon::store::detail
