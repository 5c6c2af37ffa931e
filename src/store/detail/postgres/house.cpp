// PostgreSQL's own part of housekeeping: partitions, and one process at a time.
#include "store/detail/postgres/schema.h"
#include "store/detail/postgres/store.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kHouse = 0x63'6172'686fLL;  // number of the lock of who keeps house
constexpr std::int64_t kDayMs = 86'400'000;
constexpr int kAttemptsMax = 20;
constexpr std::int64_t kLookEvery = 1'000;  // messages of the sandbox that this process adds

}  // namespace

Task<Result<bool>> PostgresStore::before_house(Time now) {
  // Outside of a transaction: no lock on the tables is held longer than it takes to add a partition.
  const auto call = [this, now](Txn& txn) -> Result<bool> {
    const std::int64_t day = to_ms(now) / kDayMs;
    if (partitions_day_ == day) return false;
    // Others may be at it, too: each statement is a transaction of its own here.
    Result<void> made = make_partitions(txn.db, to_ms(now), options_.dedup_window.count());
    for (int n = 0; !made && (txn.db.wants_retry() || is_busy(made.error())) && n < kAttemptsMax; ++n)
      made = make_partitions(txn.db, to_ms(now), options_.dedup_window.count());
    // They are made days ahead: there is time.
    if (!made && is_busy(made.error()) && partitions_day_ >= 0) return false;
    CARILLON_CHECK(made);
    partitions_day_ = day;
    return false;
  };
  auto job = std::make_shared<CallJob<bool, decltype(call)>>(call, JobClass::Between, 0);
  co_await others_->run(job);
  co_return std::move(*job->result);
}

Result<SqlStore::House> PostgresStore::keep_house(Txn& txn, Time) {
  Statement s = txn.db.statement("SELECT pg_try_advisory_xact_lock(?1)");
  CARILLON_TRY(const bool has_row, s.bind(1, kHouse).next());
  return House{.others = !has_row || s.integer(0) == 0, .by_days = true};
}

Result<void> PostgresStore::drop_history(Txn& txn, std::int64_t below) {
  Statement s = txn.db.statement(
      "DELETE FROM history_address WHERE (key, notification) IN (SELECT key, notification FROM "
      "history_address WHERE notification < ?1 ORDER BY notification LIMIT 2000)");
  CARILLON_CHECK(s.bind(1, below).run());
  // Of the days go whole partitions.
  Statement rest = txn.db.statement(
      "DELETE FROM history_user_rest WHERE ctid = ANY (ARRAY(SELECT ctid FROM history_user_rest WHERE "
      "notification < ?1 ORDER BY notification LIMIT 2000))");
  return rest.bind(1, below).run();
}

Result<void> PostgresStore::sandbox_changed(Txn& txn, std::int64_t added) {
  if (added <= 0) return {};
  if (sandbox_added_ < kLookEvery) {
    sandbox_added_ += added;
    txn.after_rollback([this, added] { sandbox_added_ -= added; });
    if (sandbox_added_ < kLookEvery) return {};
  }
  Statement s = txn.db.statement(
      "DELETE FROM sandbox_message WHERE id <= (SELECT id FROM sandbox_message ORDER BY id DESC OFFSET "
      "100000 LIMIT 1)");
  CARILLON_CHECK(s.run());
  txn.after_commit([this] { sandbox_added_ = 0; });
  return {};
}

}  // namespace carillon::store::detail
