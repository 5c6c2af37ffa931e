// What is asked for each notification is found by key also in a partition of which PostgreSQL knows nothing
// yet, as every day's is at midnight.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>

#include "base/crypto.h"
#include "base/ids.h"
#include "store/detail/postgres/cluster_test.h"
#include "store/postgres.h"
#include "store/store.h"

namespace carillon::store {
namespace {

constexpr std::size_t kBatch = 200, kBatches = 10;
constexpr model::Lane kLane{model::Queue::Email, model::Priority::Normal};

class PostgresPlans : public testing::Test {
 protected:
  void SetUp() override {
    if (!cluster().why_not().empty()) GTEST_SKIP() << cluster().why_not();
    cluster().create(kDatabase);
    store_ = open();
    owner_ = run(store_->register_process("plans", clock_.now())).value().owner;
    ids_.emplace(clock_, owner_.node, 0);
  }
  void TearDown() override {
    if (store_) store_->close();
    store_.reset();
    cluster().drop(kDatabase);
  }
  static detail::PostgresCluster& cluster() { return detail::PostgresCluster::instance(); }
  std::unique_ptr<Store> open() {
    PostgresOptions options;
    options.url = cluster().url(kDatabase);
    options.keys = &keys_;
    auto store = open_postgres(std::move(options));
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  template <class T>
  T run(Task<T> task) {
    std::optional<T> value;
    boost::asio::co_spawn(io_, std::move(task), [&](std::exception_ptr e, T v) {
      if (e) std::rethrow_exception(e);
      value = std::move(v);
    });
    io_.restart();
    io_.run();
    return std::move(*value);
  }
  void accept(std::size_t batch) {
    std::vector<AcceptItem> items;
    for (std::size_t i = 0; i < kBatch; ++i) {
      AcceptItem& item = items.emplace_back();
      const std::int64_t id = ids_->take(2);
      item.notification.id = id;
      item.notification.project = 1;
      item.notification.app = 1;
      item.notification.status = model::NotificationStatus::Sending;
      item.notification.first_delivery = id + 1;
      item.notification.body = "{}";
      item.event = keys_.lookup_hash({fmt::format("event-{}-{}", batch, i)});
      model::Delivery& d = item.deliveries.emplace_back();
      d.id = id + 1;
      d.notification = id;
      d.project = 1;
      d.queue = kLane.queue;
      d.user_id = fmt::format("u{}", i);
      d.due_at = began_ - std::chrono::hours(1) + Millis(batch * kBatch + i);
    }
    const auto accepted = run(store_->accept(std::move(items), clock_.now()));
    ASSERT_TRUE(accepted) << accepted.error().message;
    for (const auto& one : *accepted) {
      ASSERT_TRUE(one) << one.error().message;
      ASSERT_EQ(one->kind, Accepted::New);
    }
  }
  // Rows read through indexes, of these tables and their partitions, by connections that are closed.
  std::int64_t rows_read(const std::string& tables) {
    const auto db = detail::PgDb::open({.url = cluster().url(kDatabase), .name = "carillon tests"}).value();
    detail::Statement s = db->statement(
        "SELECT coalesce(sum(idx_tup_fetch), 0) FROM pg_stat_user_tables WHERE relname LIKE ?1 || '%'");
    EXPECT_TRUE(*s.bind(1, tables).next());
    return s.integer(0);
  }

  // Entries of the due indexes that were looked at, by connections that are closed.
  std::int64_t due_entries_read() {
    const auto db = detail::PgDb::open({.url = cluster().url(kDatabase), .name = "carillon tests"}).value();
    return db
        ->number("SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE indexrelname LIKE '%lane_due_at%'")
        .value();
  }

  static constexpr const char* kDatabase = "plans";
  base::KeyRing keys_ = base::KeyRing::derive(base::Secret(std::string(32, 'k'))).value();
  base::SystemClock clock_;
  const Time began_ = clock_.now();
  boost::asio::io_context io_{1};
  Owner owner_;
  std::optional<base::IdGenerator> ids_;
  std::unique_ptr<Store> store_;
};

TEST_F(PostgresPlans, AnEventIdIsLookedForWithoutReadingTheDaysOthers) {
  for (std::size_t batch = 0; batch < kBatches; ++batch) accept(batch);
  store_->close();
  EXPECT_LT(rows_read("dedup"), std::int64_t{kBatch}) << "nobody had any of them";
}

TEST_F(PostgresPlans, WhatLostProcessesHaveIsLookedForAmongWhatIsTaken) {
  for (std::size_t batch = 0; batch < kBatches; ++batch) accept(batch);
  store_->close();
  const std::int64_t before = rows_read("delivery");
  store_ = open();
  owner_ = run(store_->register_process("plans", clock_.now())).value().owner;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(run(store_->owned_by_lost(0, 1'000)).value().empty());
  store_->close();
  EXPECT_LT(rows_read("delivery") - before, std::int64_t{kBatch}) << "nothing was taken";
}

TEST_F(PostgresPlans, AScanThatGoesOnDoesNotReadWhatWasTakenOnceMore) {
  for (std::size_t batch = 0; batch < kBatches; ++batch) accept(batch);
  // Whoever reads for long, as a backup does, keeps the entries of what was taken.
  const auto reader = detail::PgDb::open({.url = cluster().url(kDatabase), .name = "carillon tests"}).value();
  ASSERT_TRUE(reader->exec("BEGIN ISOLATION LEVEL REPEATABLE READ;"));
  ASSERT_EQ(reader->number("SELECT count(*) FROM delivery").value(), kBatches * kBatch);
  const std::int64_t before = due_entries_read();
  const Time claimed_since = clock_.now();
  constexpr std::size_t kClaims = 20, kEach = kBatches * kBatch / kClaims;
  const ClaimRequest request{.lane = kLane, .ids = {}, .limit = kEach};
  for (std::size_t n = 0; n < kClaims; ++n) {
    const auto claimed = run(store_->claim({request}, owner_, clock_.now()));
    ASSERT_TRUE(claimed) << claimed.error().message;
    ASSERT_EQ(claimed->size(), kEach);
  }
  EXPECT_TRUE(run(store_->claim({request}, owner_, clock_.now())).value().empty());
  store_->close();
  // Once each, and all of them once a second.
  const std::int64_t seconds = std::chrono::ceil<std::chrono::seconds>(clock_.now() - claimed_since).count();
  EXPECT_LT(due_entries_read() - before, static_cast<std::int64_t>(kBatches * kBatch) * (seconds + 2));
  reader->rollback();
}

}  // namespace
}  // namespace carillon::store
