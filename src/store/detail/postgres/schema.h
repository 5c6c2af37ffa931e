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
// The last step that this program knows.
[[nodiscard]] std::int64_t known_postgres_schema() noexcept;
// Of a database that has a schema. Errors: FailedPrecondition (written by a newer program).
Result<void> refuse_newer(Db& db);
// Who changes what a table is made of keeps all others off it, and those who come meanwhile wait behind: so
// it waits this long (ms) for those who were there, and is done again later otherwise.
inline constexpr int kBriefMs = 200;
[[nodiscard]] bool is_busy(const Error& error) noexcept;
// Partitions of the day of `now` and the next ones, where there is none; those of dedup that are older than
// `window` go. Outside of a transaction.
Result<void> make_partitions(Db& db, std::int64_t now_ms, std::int64_t window_ms);
// Partitions of notification, delivery and dedup of these days (since 1970). Outside of a transaction.
Result<void> make_days(Db& db, std::int64_t first, std::int64_t last);

}  // namespace carillon::store::detail
