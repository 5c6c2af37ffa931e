// The schema on PostgreSQL and its migrations: forward only; a newer schema is refused.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace carillon::store::detail {

class Db;

// Brings the database to this program's schema, a transaction per step, while others who start wait; true
// when it was empty before. Steps have the numbers of SQLite's (detail/schema.h), the first is all up to 14.
// Errors: FailedPrecondition (written by a newer program).
Result<bool> migrate_postgres(Db& db);
// Partitions of the day of `now` and the next ones, where there is none; those of dedup that are older than
// `window` go. Outside of a transaction.
Result<void> make_partitions(Db& db, std::int64_t now_ms, std::int64_t window_ms);

}  // namespace carillon::store::detail
