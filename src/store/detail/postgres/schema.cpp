#include "store/detail/postgres/schema.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "store/detail/db.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kFirstStep = 14;  // of SQLite's steps, what the foundation comes to
constexpr std::array kSteps{
#include "store/schema/postgres/0014_foundation.sql"
    ,
#include "store/schema/postgres/0015_webhooks.sql"
    ,
#include "store/schema/postgres/0016_sessions.sql"
    ,
#include "store/schema/postgres/0017_record_letters.sql"
    ,
#include "store/schema/postgres/0018_expansion_parts.sql"
    ,
#include "store/schema/postgres/0019_phone.sql"
    ,
#include "store/schema/postgres/0020_console.sql"
    ,
#include "store/schema/postgres/0021_history_user.sql"
    ,
#include "store/schema/postgres/0022_history_user_fill.sql"
};
constexpr std::int64_t kMigrating = 0x63'6172'696cLL;  // number of the lock; any but ours
constexpr std::int64_t kDayMs = 86'400'000, kDaysAhead = 3;

Result<std::int64_t> found_version(Db& db) {
  CARILLON_CHECK(db.exec("CREATE TABLE IF NOT EXISTS schema_version(version bigint NOT NULL);"));
  return db.scalar("SELECT max(version) FROM schema_version");
}

constexpr std::int64_t kLastStep = kFirstStep - 1 + static_cast<std::int64_t>(kSteps.size());

Result<void> refuse_above_last(std::int64_t found) {
  if (found <= kLastStep) return {};
  return fail(
      Errc::FailedPrecondition,
      fmt::format("the store was written by a newer version (schema {}, this program knows {}); use that "
                  "version or restore a backup",
                  found, kLastStep));
}

Result<bool> migrate_locked(Db& db) {
  CARILLON_TRY(const std::int64_t found, found_version(db));
  CARILLON_CHECK(refuse_above_last(found));
  for (std::int64_t version = found == 0 ? kFirstStep : found + 1; version <= kLastStep; ++version) {
    const std::string sql =
        fmt::format("BEGIN; {}; DELETE FROM schema_version; INSERT INTO schema_version VALUES({}); COMMIT;",
                    kSteps[static_cast<std::size_t>(version - kFirstStep)], version);
    if (Result<void> done = db.exec(sql.c_str()); !done) {
      static_cast<void>(db.exec("ROLLBACK;"));
      return std::unexpected(done.error());
    }
  }
  return found == 0;
}

Result<void> in_brief(Db& db, const std::string& sql) {
  Result<void> done =
      db.exec(fmt::format("BEGIN; SET LOCAL lock_timeout = {}; {} COMMIT;", kBriefMs, sql).c_str());
  if (!done) static_cast<void>(db.exec("ROLLBACK;"));
  return done;
}

// Nothing: one is there.
std::string missing_partition(std::string_view table, std::int64_t day, std::string_view bounds) {
  return fmt::format("CREATE TABLE IF NOT EXISTS {0}_d{1} PARTITION OF {0} FOR VALUES {2};", table, day,
                     bounds);
}

}  // namespace

Result<bool> migrate_postgres(Db& db) {
  CARILLON_CHECK(db.exec(fmt::format("SELECT pg_advisory_lock({});", kMigrating).c_str()));
  Result<bool> done = migrate_locked(db);
  static_cast<void>(db.exec(fmt::format("SELECT pg_advisory_unlock({});", kMigrating).c_str()));
  return done;
}

bool is_busy(const Error& error) noexcept {
  return error.code == Errc::Unavailable && error.message.contains("55P03");
}

std::int64_t known_postgres_schema() noexcept { return kLastStep; }

Result<void> refuse_newer(Db& db) {
  CARILLON_TRY(const std::int64_t found, db.scalar("SELECT max(version) FROM schema_version"));
  return refuse_above_last(found);
}

Result<void> make_days(Db& db, std::int64_t first, std::int64_t last) {
  for (std::int64_t day = first; day <= last; ++day) {
    const std::int64_t from = base::id_floor(from_ms(day * kDayMs)),
                       to = base::id_floor(from_ms((day + 1) * kDayMs));
    if (from >= to) continue;  // before ids begin
    const std::string ids = fmt::format("FROM ({}) TO ({})", from, to);
    for (const std::string& sql :
         {missing_partition("notification", day, ids), missing_partition("delivery", day, ids),
          missing_partition("history_user", day, ids),
          missing_partition("dedup", day, fmt::format("IN ({})", day))}) {
      // Rows of that day are in the rest already: a clock went back. They are as good there.
      if (Result<void> made = in_brief(db, sql); !made && made.error().code != Errc::InvalidArgument)
        return made;
    }
  }
  return {};
}

Result<void> make_partitions(Db& db, std::int64_t now_ms, std::int64_t window_ms) {
  CARILLON_CHECK(make_days(db, now_ms / kDayMs, now_ms / kDayMs + kDaysAhead));
  // One day more than the window: near midnight a key stands in two.
  const std::int64_t oldest = (now_ms - window_ms) / kDayMs - 1;
  std::vector<std::string> old;
  {
    constexpr std::string_view kPrefix = "dedup_d";
    Statement tables = db.statement(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = CAST('dedup' AS regclass)");
    for (;;) {
      CARILLON_TRY(const bool has_row, tables.next());
      if (!has_row) break;
      const std::string_view name = tables.text(0);
      if (!name.starts_with(kPrefix)) continue;
      std::int64_t day = INT64_MAX;
      std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), day);
      if (day < oldest) old.emplace_back(name);
    }
  }
  for (const std::string& table : old) CARILLON_CHECK(in_brief(db, fmt::format("DROP TABLE {};", table)));
  return db.exec(fmt::format("DELETE FROM dedup_rest WHERE day < {};", oldest).c_str());
}

}  // namespace carillon::store::detail
