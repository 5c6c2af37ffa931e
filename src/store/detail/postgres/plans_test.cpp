// What is asked for each notification is found by key also in a partition of which PostgreSQL knows nothing
// yet, as every day's is at midnight.
#include <fmt/format.h>

#include "base/ids.h"
#include "store/detail/postgres/store_fixture_test.h"

namespace carillon::store {
namespace {

constexpr std::size_t kBatch = 200, kBatches = 10;
constexpr model::Lane kLane{model::Queue::Email, model::Priority::Normal};

class PostgresPlans : public detail::PostgresStoreTest {
 protected:
  PostgresPlans() : PostgresStoreTest("plans") {}
  void SetUp() override {
    PostgresStoreTest::SetUp();
    if (!store_) return;
    owner_ = run(store_->register_process("plans", clock_.now())).value().owner;
    ids_.emplace(clock_, owner_.node, 0);
  }
  void accept(std::size_t batch, Millis ago = Millis(0)) {
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
    const auto accepted = run(store_->accept(std::move(items), clock_.now() - ago));
    ASSERT_TRUE(accepted) << accepted.error().message;
    for (const auto& one : *accepted) {
      ASSERT_TRUE(one) << one.error().message;
      ASSERT_EQ(one->kind, Accepted::New);
    }
  }
  void execute(const std::string& sql) {
    const Result<void> done = connect()->exec(sql.c_str());
    ASSERT_TRUE(done) << done.error().message;
  }
  // Rows read through indexes, of these tables and their partitions, by connections that are closed.
  std::int64_t rows_read(const std::string& tables) {
    const auto db = connect();
    detail::Statement s = db->statement(
        "SELECT coalesce(sum(idx_tup_fetch), 0) FROM pg_stat_user_tables WHERE relname LIKE ?1 || '%'");
    EXPECT_TRUE(*s.bind(1, tables).next());
    return s.integer(0);
  }

  // Entries of the due indexes that were looked at, by connections that are closed.
  std::int64_t due_entries_read() {
    return connect()
        ->number("SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE indexrelname LIKE '%lane_due_at%'")
        .value();
  }

  base::SystemClock clock_;
  const Time began_ = clock_.now();
  Owner owner_;
  std::optional<base::IdGenerator> ids_;
};

TEST_F(PostgresPlans, AnEventIdIsLookedForWithoutReadingTheDaysOthers) {
  for (std::size_t batch = 0; batch < kBatches; ++batch) accept(batch);
  store_->close();
  EXPECT_LT(rows_read("dedup"), std::int64_t{kBatch}) << "nobody had any of them";
}

TEST_F(PostgresPlans, AnEventIdIsLookedForInTheDayBeforeWithoutReadingIt) {
  accept(kBatches, std::chrono::hours(24));
  for (std::size_t batch = 0; batch < kBatches; ++batch) accept(batch);
  store_->close();
  // Each statement looks whether there is something in that day at all.
  EXPECT_LT(rows_read("dedup"), std::int64_t{kBatch}) << "nobody had any of them";
}

// The plans are made while nothing is there.
TEST_F(PostgresPlans, AnAddressIsLookedForWithoutReadingTheProjectsOthers) {
  const auto look = [&](std::size_t round) {
    std::vector<AddressKey> keys;
    for (std::size_t i = 0; i < kBatch; ++i)
      keys.push_back({model::Channel::Email, keys_.lookup_hash({fmt::format("{}-{}", round, i)})});
    for (const auto& found : run(store_->suppressed(1, std::move(keys))).value()) EXPECT_FALSE(found);
  };
  for (std::size_t round = 0; round < kBatches; ++round) look(round);
  execute(
      "INSERT INTO suppression(project, channel, hash, reason, at) SELECT 1, 1, decode(md5(i::text), 'hex'), "
      "'bounce', 0 FROM generate_series(1, 5000) i;");
  for (std::size_t round = 0; round < kBatches; ++round) look(round);
  store_->close();
  EXPECT_LT(rows_read("suppression"), std::int64_t{kBatch}) << "none of them was asked for";
}

TEST_F(PostgresPlans, AUserIsLookedForWithoutReadingTheProjectsOthers) {
  const auto look = [&](std::size_t round) {
    std::vector<UserKey> keys;
    for (std::size_t i = 0; i < kBatch; ++i) keys.push_back({1, fmt::format("nobody-{}-{}", round, i)});
    for (const auto& found : run(store_->profiles(std::move(keys))).value()) EXPECT_EQ(found, nullptr);
  };
  for (std::size_t round = 0; round < kBatches; ++round) look(round);
  execute(
      "INSERT INTO profile(project, user_id, version, data) SELECT 1, 'u' || i, 1, '{}' FROM "
      "generate_series(1, 5000) i;");
  for (std::size_t round = 0; round < kBatches; ++round) look(round);
  store_->close();
  EXPECT_LT(rows_read("profile"), std::int64_t{kBatch}) << "none of them was asked for";
}

TEST_F(PostgresPlans, ANotificationIsLookedForWithoutReadingTheDaysOthers) {
  const auto look = [&] { EXPECT_EQ(run(store_->notifications({5, 6, 7})).value().size(), 3U); };
  for (std::size_t round = 0; round < kBatches; ++round) look();
  for (std::size_t batch = 0; batch < kBatches; ++batch) accept(batch);
  store_->close();
  const std::int64_t before = rows_read("notification") + rows_read("delivery");
  store_ = open();
  for (std::size_t round = 0; round < kBatches; ++round) look();
  store_->close();
  EXPECT_LT(rows_read("notification") + rows_read("delivery") - before, std::int64_t{kBatch});
}

TEST_F(PostgresPlans, WhatLostProcessesHaveIsLookedForWithoutReadingWhatOthersHave) {
  for (std::size_t batch = 0; batch < kBatches; ++batch) accept(batch);
  const ClaimRequest all{.lane = kLane, .ids = {}, .limit = kBatches * kBatch};
  ASSERT_EQ(run(store_->claim({all}, owner_, clock_.now())).value().size(), kBatches * kBatch);
  store_->close();
  const std::int64_t before = rows_read("delivery");
  store_ = open();
  owner_ = run(store_->register_process("plans", clock_.now())).value().owner;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(run(store_->owned_by_lost(0, 1'000)).value().empty());
  store_->close();
  EXPECT_LT(rows_read("delivery") - before, std::int64_t{kBatch}) << "who has them lives";
}

TEST_F(PostgresPlans, TheOldestOfALaneIsLookedForWhereItWasLast) {
  for (std::size_t batch = 0; batch < kBatches; ++batch) accept(batch);
  const auto reader = connect();
  ASSERT_TRUE(reader->exec("BEGIN ISOLATION LEVEL REPEATABLE READ;"));
  ASSERT_EQ(reader->number("SELECT count(*) FROM delivery").value(), kBatches * kBatch);
  const ClaimRequest most{.lane = kLane, .ids = {}, .limit = kBatches * kBatch - 1};
  ASSERT_EQ(run(store_->claim({most}, owner_, clock_.now())).value().size(), kBatches * kBatch - 1);
  const std::int64_t before = due_entries_read();
  const Time looked_since = clock_.now();
  constexpr int kLooks = 50;
  for (int i = 0; i < kLooks; ++i) {
    const auto lanes = run(store_->lane_depths(clock_.now())).value();
    ASSERT_EQ(lanes.size(), 1U);
    EXPECT_EQ(lanes[0].oldest_due, began_ - std::chrono::hours(1) + Millis(kBatches * kBatch - 1));
  }
  store_->close();
  const std::int64_t seconds = std::chrono::ceil<std::chrono::seconds>(clock_.now() - looked_since).count();
  EXPECT_LT(due_entries_read() - before, static_cast<std::int64_t>(kBatches * kBatch) * (seconds / 5 + 3));
  reader->rollback();
}

TEST_F(PostgresPlans, AScanThatGoesOnDoesNotReadWhatWasTakenOnceMore) {
  for (std::size_t batch = 0; batch < kBatches; ++batch) accept(batch);
  // Whoever reads for long, as a backup does, keeps the entries of what was taken.
  const auto reader = connect();
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
