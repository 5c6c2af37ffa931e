#include "store/detail/postgres/connection.h"

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "store/detail/postgres/cluster_test.h"
#include "store/detail/postgres/copy.h"

namespace carillon::store::detail {
namespace {

TEST(PostgresSql, IsTheSharedSqlInItsOwnWords) {
  EXPECT_EQ(to_postgres("SELECT a FROM b WHERE c = ?1 AND d = ?12"),
            "SELECT a FROM b WHERE c = $1 AND d = $12");
  EXPECT_EQ(to_postgres("SELECT 'a?1 INDEXED BY x' FROM b INDEXED BY b_c WHERE d = ?1"),
            "SELECT 'a?1 INDEXED BY x' FROM b  WHERE d = $1");
  EXPECT_EQ(to_postgres("SELECT 1 FROM a NOT INDEXED CROSS JOIN b ON b.x = a.x"),
            "SELECT 1 FROM a  JOIN b ON b.x = a.x");
  EXPECT_EQ(to_postgres("SELECT NOT x, main.y, people.z FROM people.z"), "SELECT NOT x, y, z FROM z");
  EXPECT_EQ(to_postgres("INSERT OR IGNORE INTO a(b) VALUES(ifnull(?1, 'it''s ?'))"),
            "INSERT INTO a(b) VALUES(coalesce($1, 'it''s ?')) ON CONFLICT DO NOTHING");
}

TEST(PostgresErrors, SayWhetherTryingAgainHelps) {
  EXPECT_EQ(errc_of_state("08006"), Errc::Unavailable);
  EXPECT_EQ(errc_of_state("57P01"), Errc::Unavailable);
  EXPECT_EQ(errc_of_state("53100"), Errc::Unavailable);  // disk full
  EXPECT_EQ(errc_of_state("40001"), Errc::Unavailable);
  EXPECT_EQ(errc_of_state("23505"), Errc::AlreadyExists);
  EXPECT_EQ(errc_of_state("22021"), Errc::InvalidArgument);
  EXPECT_EQ(errc_of_state("XX001"), Errc::Corruption);
  EXPECT_EQ(errc_of_state("28P01"), Errc::FailedPrecondition);
  EXPECT_EQ(errc_of_state("42601"), Errc::Internal);
}

class Postgres : public testing::Test {
 protected:
  void SetUp() override {
    if (!cluster().why_not().empty()) GTEST_SKIP() << cluster().why_not();
    cluster().create(name_);
    db_ = open();
    ASSERT_TRUE(db_->exec("CREATE TABLE t(id bigint PRIMARY KEY, n integer, s text, b bytea);"));
  }
  void TearDown() override {
    if (!db_) return;
    db_.reset();
    cluster().drop(name_);
  }
  static PostgresCluster& cluster() { return PostgresCluster::instance(); }
  std::unique_ptr<PgDb> open(Isolation isolation = Isolation::ReadCommitted) const {
    auto db = PgDb::open(PgOptions{.url = cluster().url(name_), .isolation = isolation});
    EXPECT_TRUE(db) << db.error().message;
    return db ? std::move(*db) : nullptr;
  }
  static Result<void> insert(Db& db, std::int64_t id, std::string_view text = "x") {
    return db.statement("INSERT INTO t(id, n, s) VALUES(?1, 1, ?2)").bind(1, id).bind(2, text).run();
  }
  std::int64_t count() {
    const auto n = open()->scalar("SELECT count(*) FROM t");
    return n.value_or(-1);
  }

  const std::string name_ = "t" + base::hex(base::random_text(6));
  std::unique_ptr<PgDb> db_;
};

TEST_F(Postgres, AnEndedConnectionIsMadeAnewForTheNextTransaction) {
  const std::int64_t id = db_->scalar("SELECT pg_backend_pid()").value();
  auto other = open();
  const std::string end = fmt::format("SELECT pg_terminate_backend({}, 10000);", id);
  ASSERT_TRUE(other->exec(end.c_str()));
  ASSERT_TRUE(db_->begin());
  ASSERT_TRUE(insert(*db_, 1));
  ASSERT_TRUE(db_->commit());
  EXPECT_EQ(count(), 1);
}

TEST_F(Postgres, WhatIsLeftOfALostTransactionDoesNotRunByItself) {
  ASSERT_TRUE(db_->begin());
  ASSERT_TRUE(insert(*db_, 1));
  const std::int64_t id = db_->scalar("SELECT pg_backend_pid()").value();
  auto other = open();
  const std::string end = fmt::format("SELECT pg_terminate_backend({}, 10000);", id);
  ASSERT_TRUE(other->exec(end.c_str()));
  static_cast<void>(insert(*db_, 2));
  EXPECT_FALSE(db_->flush());
  EXPECT_TRUE(db_->wants_retry());
  EXPECT_FALSE(insert(*db_, 3));
  EXPECT_FALSE(db_->commit());
  db_->rollback();
  EXPECT_EQ(count(), 0);
  ASSERT_TRUE(db_->begin());
  ASSERT_TRUE(insert(*db_, 4));
  ASSERT_TRUE(db_->commit());
  EXPECT_EQ(count(), 1);
}

TEST_F(Postgres, GivesBackWhatWasBound) {
  const base::Hash128 hash{1, 0, 255, 4};
  ASSERT_TRUE(db_->begin());
  Statement s = db_->statement("INSERT INTO t(id, n, s, b) VALUES(?1, ?2, ?3, ?4)");
  ASSERT_TRUE(
      s.bind(1, INT64_MIN).bind_or_null(2, std::int64_t{0}).bind(3, "안녕 'quoted'").bind(4, hash).run());
  ASSERT_TRUE(s.bind(1, INT64_MAX).bind(2, std::int64_t{-7}).bind_or_null(3, "").bind_null(4).run());
  EXPECT_EQ(db_->changes(), 1);
  ASSERT_TRUE(db_->commit());
  Statement r = db_->statement("SELECT id, n, s, b, n IS NULL, sum(id) OVER () FROM t ORDER BY id");
  ASSERT_TRUE(r.next().value());
  EXPECT_EQ(r.integer(0), INT64_MIN);
  EXPECT_TRUE(r.is_null(1));
  EXPECT_EQ(r.integer(1), 0);
  EXPECT_EQ(r.text(2), "안녕 'quoted'");
  EXPECT_EQ(r.hash(3), hash);
  EXPECT_EQ(r.integer(4), 1);
  EXPECT_EQ(r.integer(5), -1);
  ASSERT_TRUE(r.next().value());
  EXPECT_EQ(r.integer(1), -7);
  EXPECT_TRUE(r.is_null(2));
  EXPECT_TRUE(r.is_null(3));
  EXPECT_FALSE(r.next().value());
}

TEST_F(Postgres, TakesArraysOfAnyLength) {
  for (const std::int64_t n : {0, 1, 3'000}) {
    PgArray ids, texts(PgArray::Of::Text);
    for (std::int64_t i = 0; i < n; ++i) {
      ids.add(i);
      i % 2 == 0 ? texts.add(std::string_view("even")) : texts.add_null();
    }
    ASSERT_TRUE(db_->exec("DELETE FROM t"));
    PgStatement& s = db_->with_arrays("INSERT INTO t(id, s) SELECT * FROM unnest(?1, ?2)");
    s.bind_array(1, ids);
    s.bind_array(2, texts);
    ASSERT_TRUE(s.run());
    EXPECT_EQ(db_->changes(), n);
    EXPECT_EQ(db_->scalar("SELECT count(s) FROM t").value(), (n + 1) / 2);
  }
}

// The columns of `wide` for COPY; the second row is nulls as far as it may be.
struct WideRows {
  PgArray ids, small, whole, hashes{PgArray::Of::Uuid}, texts{PgArray::Of::Text};
  std::array<PgColumn, 6> columns{PgColumn{&ids},    PgColumn{&small, 2}, PgColumn{&whole, 4},
                                  PgColumn{&hashes}, PgColumn{&texts},    PgColumn{nullptr, 4}};
  explicit WideRows(std::int64_t number) {
    ids.add(INT64_MIN);
    small.add(number);
    whole.add(std::int64_t{INT32_MAX});
    hashes.add(base::Hash128{1, 0, 255, 4});
    texts.add(std::string_view("안녕\n"));
    ids.add(std::int64_t{2});
    for (PgArray* array : {&small, &whole, &hashes, &texts}) array->add_null();
  }
};
constexpr const char* kCopyWide = "COPY wide(id, small, whole, hash, text, zero) FROM STDIN (FORMAT binary)";

TEST_F(Postgres, CopiesRowsAsTheyWouldBeInserted) {
  ASSERT_TRUE(db_->exec(
      "CREATE TABLE wide(id bigint PRIMARY KEY, small smallint, whole integer, hash uuid, text text, zero "
      "integer NOT NULL);"));
  const WideRows rows(-32'768);
  ASSERT_TRUE(db_->begin());
  ASSERT_TRUE(insert(*db_, 1));  // on its way when the copy begins
  ASSERT_TRUE(db_->copy_in(kCopyWide, binary_rows(rows.columns).value()));
  ASSERT_TRUE(insert(*db_, 2));
  ASSERT_TRUE(db_->commit());
  EXPECT_EQ(count(), 2);
  Statement s = db_->statement("SELECT id, small, whole, hash, text, zero FROM wide ORDER BY id");
  ASSERT_TRUE(s.next().value());
  EXPECT_EQ(s.integer(0), INT64_MIN);
  EXPECT_EQ(s.integer(1), -32'768);
  EXPECT_EQ(s.integer(2), INT32_MAX);
  EXPECT_EQ(s.hash(3), (base::Hash128{1, 0, 255, 4}));
  EXPECT_EQ(s.text(4), "안녕\n");
  EXPECT_EQ(s.integer(5), 0);
  ASSERT_TRUE(s.next().value());
  EXPECT_EQ(s.integer(0), 2);
  for (int c = 1; c < 5; ++c) EXPECT_TRUE(s.is_null(c));
  EXPECT_FALSE(s.is_null(5));
  EXPECT_FALSE(s.next().value());
}

TEST_F(Postgres, ACopyThatFailsIsAnErrorOfItsTransaction) {
  ASSERT_TRUE(db_->exec(
      "CREATE TABLE wide(id bigint PRIMARY KEY, small smallint, whole integer, hash uuid, text text, zero "
      "integer NOT NULL);"));
  EXPECT_EQ(binary_rows(WideRows(32'768).columns).error().code, Errc::InvalidArgument);
  const WideRows rows(1);
  const std::string bytes = binary_rows(rows.columns).value();
  ASSERT_TRUE(db_->begin());
  ASSERT_TRUE(db_->copy_in(kCopyWide, bytes));
  const Result<void> again = db_->copy_in(kCopyWide, bytes);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::AlreadyExists);
  db_->rollback();
  EXPECT_EQ(db_->scalar("SELECT count(*) FROM wide").value(), 0);
  ASSERT_TRUE(db_->begin());
  ASSERT_TRUE(insert(*db_, 1));
  ASSERT_TRUE(insert(*db_, 1));  // fails before the copy
  EXPECT_EQ(db_->copy_in(kCopyWide, bytes).error().code, Errc::AlreadyExists);
  db_->rollback();
  EXPECT_EQ(count(), 0);
}

TEST_F(Postgres, StoresWhatIsNoTextAsFarAsItIs) {
  ASSERT_TRUE(insert(*db_, 1, std::string_view("a\xff\0z", 4)));
  ASSERT_TRUE(db_->flush());
  Statement s = db_->statement("SELECT s FROM t");
  ASSERT_TRUE(s.next().value());
  EXPECT_EQ(s.text(0), "a??z");
}

TEST_F(Postgres, TellsAnErrorWhereSomebodyAsks) {
  ASSERT_TRUE(db_->begin());
  ASSERT_TRUE(insert(*db_, 1));
  ASSERT_TRUE(insert(*db_, 1));  // handed on, not answered yet
  EXPECT_EQ(db_->changes(), 0);
  const Result<void> flushed = db_->flush();
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, Errc::AlreadyExists);
  db_->rollback();
  ASSERT_TRUE(db_->begin());
  ASSERT_TRUE(insert(*db_, 2));
  ASSERT_TRUE(insert(*db_, 2));
  const Result<void> committed = db_->commit();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, Errc::AlreadyExists);
  db_->rollback();
  EXPECT_EQ(count(), 0);
}

TEST_F(Postgres, ASavepointUndoesOnlyItsOwn) {
  ASSERT_TRUE(db_->begin());
  ASSERT_TRUE(insert(*db_, 1));
  ASSERT_TRUE(db_->exec("SAVEPOINT item"));
  ASSERT_TRUE(insert(*db_, 1));
  EXPECT_FALSE(db_->flush());
  ASSERT_TRUE(db_->exec("ROLLBACK TO item; RELEASE item"));
  ASSERT_TRUE(insert(*db_, 2));
  ASSERT_TRUE(db_->commit());
  EXPECT_EQ(count(), 2);
}

TEST_F(Postgres, AStatementRefusedOnceCanBePreparedAgain) {
  // Its preparation fails with the transaction, whose pipeline it was in.
  ASSERT_TRUE(db_->begin());
  ASSERT_TRUE(insert(*db_, 1));
  ASSERT_TRUE(insert(*db_, 1));
  ASSERT_TRUE(db_->statement("DELETE FROM t WHERE id = ?1").bind(1, std::int64_t{1}).run());
  EXPECT_FALSE(db_->flush());
  db_->rollback();
  ASSERT_TRUE(db_->statement("DELETE FROM t WHERE id = ?1").bind(1, std::int64_t{1}).run());
  EXPECT_TRUE(db_->flush());
}

TEST_F(Postgres, SaysWhenOthersWereInBetween) {
  ASSERT_TRUE(insert(*db_, 1));
  ASSERT_TRUE(db_->flush());
  const auto other = open(Isolation::Serializable), mine = open(Isolation::Serializable);
  const auto raise = [](Db& db) {
    return db.statement("UPDATE t SET n = n + 1 WHERE id = ?1").bind(1, std::int64_t{1}).run();
  };
  ASSERT_TRUE(mine->begin());
  EXPECT_EQ(mine->scalar("SELECT n FROM t").value(), 1);
  ASSERT_TRUE(other->begin());
  ASSERT_TRUE(raise(*other));
  ASSERT_TRUE(other->commit());
  static_cast<void>(raise(*mine));
  EXPECT_FALSE(mine->flush());
  EXPECT_TRUE(mine->wants_retry());
  mine->rollback();
  ASSERT_TRUE(mine->begin());
  EXPECT_FALSE(mine->wants_retry());
  ASSERT_TRUE(raise(*mine));
  ASSERT_TRUE(mine->commit());
  EXPECT_EQ(open()->scalar("SELECT n FROM t").value(), 3);
}

TEST_F(Postgres, AReadSeesOneMoment) {
  ASSERT_TRUE(db_->begin_read());
  EXPECT_EQ(db_->scalar("SELECT count(*) FROM t").value(), 0);
  const auto other = open();
  ASSERT_TRUE(insert(*other, 1));
  ASSERT_TRUE(other->flush());
  EXPECT_EQ(db_->scalar("SELECT count(*) FROM t").value(), 0);
  EXPECT_FALSE(insert(*db_, 2) && db_->flush());
  db_->end_read();
  ASSERT_TRUE(db_->begin_read());
  EXPECT_EQ(db_->scalar("SELECT count(*) FROM t").value(), count());
  db_->end_read();
}

TEST_F(Postgres, ALostConnectionIsMadeAgainWithTheNextTransaction) {
  const std::string terminate =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = '" +
      name_ + "';";
  ASSERT_TRUE(db_->begin());
  ASSERT_TRUE(insert(*db_, 1));
  ASSERT_TRUE(db_->flush());
  ASSERT_TRUE(open()->exec(terminate.c_str()));
  ASSERT_TRUE(insert(*db_, 2));
  const Result<void> committed = db_->commit();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, Errc::DeadlineExceeded);  // it had been asked to
  EXPECT_FALSE(db_->in_transaction());
  db_->rollback();
  ASSERT_TRUE(db_->begin());
  ASSERT_TRUE(insert(*db_, 3));
  ASSERT_TRUE(db_->commit());
  EXPECT_EQ(count(), 1);
  ASSERT_TRUE(db_->begin());
  ASSERT_TRUE(open()->exec(terminate.c_str()));
  static_cast<void>(insert(*db_, 4));
  const Result<void> flushed = db_->flush();
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, Errc::Unavailable);
}

TEST_F(Postgres, SaysWhatIsWrongWithTheUrlButNotThePassword) {
  const auto refused = PgDb::open(PgOptions{.url = cluster().url("nowhere")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::FailedPrecondition);
  const auto away =
      PgDb::open(PgOptions{.url = base::Secret("postgres://me:geheim@127.0.0.1:1/x?connect_timeout=1")});
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, Errc::Unavailable);
  EXPECT_FALSE(away.error().message.contains("geheim"));
}

}  // namespace
}  // namespace carillon::store::detail
