// Look-ups of notifications by user, event id or raw address: sorted runs of (key, id), filled a few
// seconds behind in bulk, merged by housekeeping; what is newer is found by an id-range scan.
//
// A run is packed into blocks of a page each (table history_block), so that writing, merging and dropping it
// costs a statement per 248 entries. Entries that come late are rows beside them (table history) until the
// next merge.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/crypto.h"
#include "store/detail/txn.h"

namespace carillon::store::detail {

class History {
 public:
  using Entries = std::vector<std::pair<std::int64_t, std::int64_t>>;  // (key, notification)

  explicit History(const base::KeyRing& keys) : keys_(keys) {}
  Result<void> load(Db& db);

  // The keys a notification is found under. Raw addresses have keys of the caller's making.
  [[nodiscard]] std::int64_t user_key(std::int32_t project, std::string_view user_id) const;
  [[nodiscard]] std::int64_t event_key(std::int32_t project, std::string_view event_id) const;

  // Ids of notifications under `key` below `before` (0: from the newest), newest first, at most
  // `limit`. Covers ids up to indexed_to(); newer ones are in the id range above it, which the caller
  // scans by itself (≤ 20,000 rows) and checks against its filter. Any connection.
  static Result<std::vector<std::int64_t>> find(Db& db, std::int64_t key, std::int64_t before,
                                                std::size_t limit);
  static Result<std::int64_t> indexed_to(Db& db);

  // One step of folding: gather() on a reader what was accepted before `until`, at most `limit` rows,
  // then add() it as a run in a transaction.
  struct Batch {
    Entries entries;        // sorted
    std::int64_t high = 0;  // everything up to this id is covered
    bool has_more = false;
  };
  Result<Batch> gather(Db& db, std::int64_t until, std::size_t limit) const;
  Result<void> add(Txn& txn, const Batch& batch);
  // Merges a piece of runs of like size, or clears away a piece of a merged one; true: more to do.
  Result<bool> merge(Txn& txn);
  // Unregisters runs that hold only notifications below `id`.
  Result<void> drop_below(Txn& txn, std::int64_t id);
  // Highest id covered by runs. An accept that commits below it (it waited long) must add_late().
  [[nodiscard]] std::int64_t high() const noexcept { return high_.load(std::memory_order_relaxed); }
  Result<void> add_late(Txn& txn, std::int64_t key, std::int64_t notification);

 private:
  struct Merge {
    std::vector<std::int64_t> sources;
    std::int64_t target = 0, low = 0, high = 0, rows = 0;
    std::int64_t next_key = 0, step = 0;
    bool is_done = false;
  };
  Result<std::optional<Merge>> plan(Db& db);
  Result<void> merge_piece(Txn& txn);
  // What the run has from key `from` up to and without `to` (INT64_MAX: with it), sorted.
  static Result<Entries> read_slice(Db& db, std::int64_t run, std::int64_t from, std::int64_t to);
  static Result<void> write_blocks(Db& db, std::int64_t run, const Entries& entries);
  static Result<bool> clear_piece(Txn& txn);
  static Result<std::int64_t> new_run(Db& db);

  const base::KeyRing& keys_;
  std::atomic<std::int64_t> high_{0};
  std::optional<Merge> merge_;  // writer thread; forgotten by a restart, its target is then cleared away
};

}  // namespace carillon::store::detail
