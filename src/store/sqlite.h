// Opening the store that lives in files of this machine.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/metrics.h"

namespace carillon::store {

class Store;

struct SqliteOptions {
  std::string folder;  // the data folder; made when missing
  std::int64_t cache_bytes =
      16 << 20;  // page cache of the writer; readers take a quarter, readers of people three
  std::int64_t profile_cache_bytes = 24 << 20;
  std::int64_t notification_cache_bytes = 16 << 20;  // recently accepted ones, for the workers
  std::int64_t dedup_memory_bytes = 256 << 20;       // PIPELINE §1
  Millis dedup_window{24 * 3'600'000};
  std::int64_t disk_free_min_bytes = 1 << 30;  // accept answers Unavailable below this or 3 %
  const base::KeyRing* keys = nullptr;         // outlives the store
  base::Metrics* metrics = nullptr;            // outlives the store; may be null
};

// Opens or creates the store under `folder` (carillon.db, people.db), takes the folder's lock and migrates.
// Errors: FailedPrecondition (another process has the folder: names its pid; a newer schema) ·
// Unavailable (disk) · Corruption.
Result<std::unique_ptr<Store>> open_sqlite(SqliteOptions options);

}  // namespace carillon::store
