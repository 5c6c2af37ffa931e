// SQLite's own part of housekeeping: the dedup window, the history index, the messages of the sandbox.
#include <algorithm>

#include "base/ids.h"
#include "store/detail/sqlite_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::size_t kRotateRows = 2'000;  // of the dedup window, per transaction
constexpr std::size_t kFoldRows = 20'000;   // rows folded into the history index at a time
constexpr Millis kFoldBehind{5'000};        // ids younger than this may still be on their way
constexpr std::int64_t kSandboxMax = 100'000;
constexpr std::int64_t kTrimFrom = kSandboxMax + 1'000;  // trimming in chunks: a few rows at a time cost more
constexpr std::int64_t kTrimRows = 4'000;

}  // namespace

Task<Result<bool>> SqliteStore::before_house(Time now) {
  const std::int64_t until = base::id_floor(now - kFoldBehind);
  if (until <= history_->high() + 1) co_return false;
  // Reading and sorting happen beside the writer; it only appends.
  CARILLON_CO_TRY(History::Batch batch,
                  co_await read([this, until](Db& db) { return history_->gather(db, until, kFoldRows); }));
  const bool has_more = batch.has_more;
  const std::size_t rows = std::min(batch.entries.size(), kCommitRowsMax);
  auto call = [this, batch = std::move(batch)](Txn& txn) -> Result<bool> {
    CARILLON_CHECK(history_->add(txn, batch));
    return true;
  };
  CARILLON_CO_CHECK(co_await write(std::move(call), JobClass::Other, rows));
  co_return has_more;
}

Result<SqlStore::House> SqliteStore::keep_house(Txn& txn, Time now) {
  CARILLON_TRY(const bool more_dedup, dedup_->rotate(txn, now, kRotateRows));
  CARILLON_TRY(const bool more_history, history_->merge(txn));
  return House{.has_more = more_dedup || more_history};
}

Result<void> SqliteStore::drop_history(Txn& txn, std::int64_t below) {
  return history_->drop_below(txn, below);
}

Result<void> SqliteStore::sandbox_changed(Txn& txn, std::int64_t added) {
  if (sandbox_rows_ < 0) {
    if (added <= 0) return {};
    CARILLON_TRY(sandbox_rows_, txn.db.scalar("SELECT count(*) FROM sandbox_message"));
    sandbox_rows_ -= added;  // they are among them
  }
  std::int64_t removed = 0;
  if (const std::int64_t n = sandbox_rows_ + added; added > 0 && n >= kTrimFrom) {
    Statement s = txn.db.statement(
        "DELETE FROM sandbox_message WHERE id IN (SELECT id FROM sandbox_message ORDER BY id LIMIT ?1)");
    CARILLON_CHECK(s.bind(1, std::min(n - kSandboxMax, std::max(kTrimRows, added))).run());
    removed = txn.db.changes();
  }
  sandbox_rows_ += added - removed;
  txn.after_rollback([this, change = added - removed] { sandbox_rows_ -= change; });
  return {};
}

}  // namespace carillon::store::detail
