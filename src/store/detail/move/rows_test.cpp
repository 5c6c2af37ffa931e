#include "store/detail/move/rows.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/crypto.h"
#include "store/detail/postgres/cluster_test.h"
#include "store/detail/sqlite.h"

namespace carillon::store::detail {
namespace {

using As = MoveColumn::As;

class MoveRows : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "carillon_move_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    auto db = SqliteDb::open(folder_ + "/x.db", DbMode::Writer, 1 << 20);
    ASSERT_TRUE(db) << db.error().message;
    db_ = std::move(*db);
  }
  void TearDown() override {
    db_.reset();
    std::filesystem::remove_all(folder_);
  }
  void exec(const std::string& sql) {
    const auto done = db_->exec(sql.c_str());
    ASSERT_TRUE(done) << done.error().message;
  }

  std::string folder_;
  std::unique_ptr<SqliteDb> db_;
};

MoveTable table_of(std::string place, std::string order, std::string where) {
  MoveTable table;
  table.name = "t";
  const std::string select = "SELECT " + place + ", n, text, bytes, id FROM t ";
  table.columns = {{"n", "n", As::Integer},
                   {"text", "text", As::Text},
                   {"bytes", "bytes", As::Bytes},
                   {"id", "id", As::Uuid}};
  table.first = fmt::format("{}ORDER BY {} LIMIT {}", select, order, kMoveRows);
  table.next = fmt::format("{}WHERE {} ORDER BY {} LIMIT {}", select, where, order, kMoveRows);
  return table;
}

TEST_F(MoveRows, ArriveAsTheyAre) {
  PostgresCluster& cluster = PostgresCluster::instance();
  if (!cluster.why_not().empty()) GTEST_SKIP() << cluster.why_not();
  cluster.drop("move_rows");
  cluster.create("move_rows");
  auto there = PgDb::open({.url = cluster.url("move_rows")});
  ASSERT_TRUE(there) << there.error().message;
  ASSERT_TRUE((*there)->exec("CREATE TABLE t(k integer, n bigint, text text, bytes bytea, id uuid);"));

  exec("CREATE TABLE t(k INTEGER PRIMARY KEY, n INTEGER, text TEXT, bytes BLOB, id BLOB)");
  std::string every_byte;
  for (int c = 0; c < 256; ++c) every_byte += static_cast<char>(c);
  const std::vector<std::pair<std::string, std::string>> texts{// as it is, and as it arrives
                                                               {"", ""},
                                                               {"\\N", "\\N"},
                                                               {"a\tb\nc\rd\\e", "a\tb\nc\rd\\e"},
                                                               {"종이 울린다", "종이 울린다"},
                                                               {std::string("a\0b", 3), "a?b"},
                                                               {"\xff\xfe", "??"}};
  const std::int64_t numbers[] = {0, -1, INT64_MAX, INT64_MIN, 42, 7};
  std::int64_t key = 0;
  for (const auto& [text, arrives] : texts) {
    Statement s = db_->statement("INSERT INTO t(k, n, text, bytes, id) VALUES(?1, ?2, ?3, ?4, ?5)");
    s.bind(1, key).bind(2, numbers[key]).bind(3, std::string_view(text)).bind_blob(4, every_byte);
    s.bind_blob(5, std::string_view(every_byte).substr(0, 16));
    ASSERT_TRUE(s.run());
    ++key;
  }
  exec("INSERT INTO t(k) VALUES(99)");
  MoveTable table = table_of("'i' || k", "k", "k > ?1");
  table.columns.insert(table.columns.begin(), {"k", "k", As::Integer});
  table.first.replace(0, std::string("SELECT 'i' || k").size(), "SELECT 'i' || k, k");
  const auto batch = read_batch(*db_, table, "");
  ASSERT_TRUE(batch) << batch.error().message;
  EXPECT_EQ(batch->n, 7);
  EXPECT_TRUE(batch->is_last);
  EXPECT_EQ(batch->place, "i99");
  const auto copied = (*there)->copy_in("COPY t(k, n, text, bytes, id) FROM STDIN", batch->rows);
  ASSERT_TRUE(copied) << copied.error().message;

  Statement s = (*there)->statement("SELECT n, text, bytes, id FROM t ORDER BY k");
  for (std::size_t i = 0; i < texts.size(); ++i) {
    ASSERT_TRUE(s.next().value_or(false));
    EXPECT_EQ(s.integer(0), numbers[i]);
    EXPECT_EQ(s.text(1), texts[i].second);
    EXPECT_EQ(s.text(2), every_byte);
    EXPECT_EQ(s.text(3), std::string_view(every_byte).substr(0, 16));
  }
  ASSERT_TRUE(s.next().value_or(false));
  for (int c = 0; c < 4; ++c) EXPECT_TRUE(s.is_null(c)) << c;
  s.reset();
  const auto refused = (*there)->copy_in("COPY t(k) FROM STDIN", "no number\n");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::InvalidArgument);
  EXPECT_EQ((*there)->number("SELECT count(*) FROM t").value_or(0), 7) << "the connection goes on";
}

TEST_F(MoveRows, AreEachReadOnceWhateverTheKeyIs) {
  exec(
      "CREATE TABLE t(a TEXT, b BLOB, n INTEGER, text TEXT, bytes BLOB, id BLOB, PRIMARY KEY(a, b)) WITHOUT "
      "ROWID");
  exec(
      "WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 12002) INSERT INTO t(a, b, "
      "n) SELECT 'k' || (i % 7) || ',' || char(39), randomblob(9), i FROM c");
  const MoveTable table = table_of("'t' || hex(a) || ',b' || hex(b)", "a, b", "(a, b) > (?1, ?2)");
  std::set<std::string> seen;
  std::string place;
  std::int64_t rows = 0;
  for (int batches = 1;; ++batches) {
    const auto batch = read_batch(*db_, table, place);
    ASSERT_TRUE(batch) << batch.error().message;
    rows += batch->n;
    for (std::string_view rest = batch->rows; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1))
      seen.emplace(rest.substr(0, rest.find('\t')));
    place = batch->place;
    if (!batch->is_last) continue;
    EXPECT_EQ(batches, 3);
    break;
  }
  EXPECT_EQ(rows, 12'003);
  EXPECT_EQ(seen.size(), 12'003U);
  const auto after = read_batch(*db_, table, place);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->n, 0);
  EXPECT_EQ(after->place, place);
}

TEST_F(MoveRows, AreFewerWhenTheyAreLong) {
  exec("CREATE TABLE t(k INTEGER PRIMARY KEY, n INTEGER, text TEXT, bytes BLOB, id BLOB)");
  exec("INSERT INTO t(k, bytes) VALUES(1, zeroblob(3000000)), (2, zeroblob(3000000)), (3, x'00')");
  const MoveTable table = table_of("'i' || k", "k", "k > ?1");
  const auto first = read_batch(*db_, table, "");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->n, 2);
  EXPECT_FALSE(first->is_last);
  const auto second = read_batch(*db_, table, first->place);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->n, 1);
  EXPECT_TRUE(second->is_last);
}

TEST_F(MoveRows, DoNotBeginAtWhatIsNoPlace) {
  exec("CREATE TABLE t(k INTEGER PRIMARY KEY, n INTEGER, text TEXT, bytes BLOB, id BLOB)");
  const MoveTable table = table_of("'i' || k", "k", "k > ?1");
  for (const char* place : {"17", "i", "i1x", "tXY", "t123", "x61", "i1,,i2", ","}) {
    const auto batch = read_batch(*db_, table, place);
    ASSERT_FALSE(batch) << place;
    EXPECT_EQ(batch.error().code, Errc::Corruption) << place;
  }
}

}  // namespace
}  // namespace carillon::store::detail
