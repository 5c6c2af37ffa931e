// Look-ups of notifications by user, event id or raw address: sorted runs of (key, id), filled a few
// seconds behind in bulk, merged by housekeeping; what is newer is found by an id-range scan.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "store/detail/txn.h"

namespace carillon::store::detail {

class History {
 public:
  explicit History(const base::KeyRing& keys) : keys_(keys) {}

  // The keys a notification is found under.
  [[nodiscard]] std::int64_t user_key(std::int32_t project, std::string_view user_id) const;
  [[nodiscard]] std::int64_t event_key(std::int32_t project, std::string_view event_id) const;

  // Ids of notifications under `key` below `before` (0: from the newest), newest first, at most
  // `limit`. Covers ids up to indexed_to(); newer ones are in the id range above it, which the caller
  // scans by itself (≤ 20,000 rows) and checks against its filter. Any connection.
  static Result<std::vector<std::int64_t>> find(Db& db, std::int64_t key, std::int64_t before, std::size_t limit);
  static Result<std::int64_t> indexed_to(Db& db);

  // Folds up to `limit` notifications into a new run, or merges runs; true when there is more to do.
  Result<bool> fold(Txn& txn, std::size_t limit, Time now) const;
  static Result<bool> merge(Txn& txn, std::size_t limit);
  // Forgets entries of notifications below `id`.
  static Result<bool> trim(Txn& txn, std::int64_t id, std::size_t limit);

 private:
  const base::KeyRing& keys_;
};

}  // namespace carillon::store::detail
