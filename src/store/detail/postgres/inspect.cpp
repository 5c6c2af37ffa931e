#include "store/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "store/detail/postgres/connection.h"
#include "store/detail/postgres/days.h"
#include "store/detail/postgres/heartbeat.h"
#include "store/detail/postgres/schema.h"

namespace carillon::store {
namespace {

using detail::PgDb;
using detail::Statement;

constexpr std::int64_t kDayMs = 86'400'000;

Result<void> read_server(PgDb& db, PostgresFacts& facts) {
  {
    Statement s = db.statement(
        "SELECT name, setting FROM pg_settings WHERE name IN ('server_version', 'fsync', 'full_page_writes', "
        "'synchronous_commit', 'synchronous_standby_names', 'autovacuum', 'max_connections', "
        "'max_locks_per_transaction')");
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      if (s.text(0) == "server_version") {
        facts.version = s.text(1).substr(0, s.text(1).find(' '));
      } else {
        facts.settings[s.string(0)] = s.string(1);
      }
    }
  }
  CARILLON_TRY(const std::int64_t standby, db.scalar("SELECT CAST(pg_is_in_recovery() AS integer)"));
  facts.is_standby = standby != 0;
  CARILLON_TRY(facts.connections,
               db.scalar("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client "
                         "backend'"));
  CARILLON_TRY(
      const std::int64_t oldest,
      db.scalar("SELECT CAST(extract(epoch FROM max(clock_timestamp() - xact_start)) * 1000 AS bigint) FROM "
                "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"));
  facts.oldest_transaction = Millis(oldest);
  return {};
}

Result<void> read_clock(PgDb& db, PostgresFacts& facts) {
  const base::SystemClock clock;
  const std::int64_t before = to_ms(clock.now());
  CARILLON_TRY(const std::int64_t there, db.scalar("SELECT " CARILLON_SERVER_NOW));
  const std::int64_t after = to_ms(clock.now());
  facts.clock_ahead = Millis(there - (before + after) / 2);
  return {};
}

// A standby knows of others' slots, and of how far the WAL is in other words.
Result<void> read_slots(PgDb& db, PostgresFacts& facts) {
  if (facts.is_standby) return {};
  Statement s = db.statement(
      "SELECT CAST(slot_name AS text), CAST(coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0) "
      "AS bigint) FROM pg_replication_slots WHERE NOT active ORDER BY slot_name");
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return {};
    facts.idle_slots.push_back({s.string(0), s.integer(1)});
  }
}

Result<void> read_processes(PgDb& db, PostgresFacts& facts) {
  Statement s = db.statement(
      "SELECT node, started_at, renewed_at, " CARILLON_SERVER_NOW
      " - renewed_at, (SELECT count(*) FROM delivery d WHERE d.owner >= CAST(p.node AS bigint) * 4294967296 "
      "AND d.owner < CAST(p.node + 1 AS bigint) * 4294967296) FROM process p ORDER BY node");
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) break;
    facts.processes.push_back({.node = s.integer(0),
                               .started_at = s.time(1),
                               .silent = Millis(s.integer(3)),
                               .has_left = s.integer(2) == 0,
                               .in_processing = s.integer(4)});
  }
  Statement leader =
      db.statement("SELECT node, " CARILLON_SERVER_NOW " - renewed_at, renewed_at FROM leader");
  CARILLON_TRY(const bool has_leader, leader.next());
  if (has_leader && leader.integer(2) != 0) {
    facts.leader = leader.integer(0);
    facts.leader_silent = Millis(leader.integer(1));
  }
  return {};
}

Result<void> read_days(PgDb& db, PostgresFacts& facts) {
  CARILLON_TRY(const auto days, detail::days_of(db, detail::DayOf::Delivery));
  const std::int64_t today = to_ms(base::SystemClock().now()) / kDayMs;
  std::int64_t last = today - 1;
  for (const detail::Day& day : days) {
    if (!day.is_attached) continue;
    ++facts.partitions;
    if (day.number == last + 1) last = day.number;
  }
  facts.days_ahead = last - today;
  CARILLON_TRY(const std::int64_t rest,
               db.scalar("SELECT CAST(EXISTS(SELECT 1 FROM delivery_rest) AS integer)"));
  facts.has_rest = rest != 0;
  return {};
}

}  // namespace

Result<PostgresFacts> inspect_postgres(const base::Secret& url) {
  PostgresFacts facts;
  CARILLON_TRY(const auto db, PgDb::open({.url = url, .name = "carillon doctor"}));
  facts.is_local = db->is_local();
  facts.is_encrypted = db->is_encrypted();
  facts.is_verified = db->is_verified();
  CARILLON_CHECK(read_server(*db, facts));
  CARILLON_CHECK(read_clock(*db, facts));
  CARILLON_CHECK(read_slots(*db, facts));
  facts.known_schema = detail::known_postgres_schema();
  CARILLON_TRY(const std::int64_t has_store,
               db->scalar("SELECT count(*) FROM pg_class WHERE relname = 'schema_version' AND relnamespace = "
                          "CAST(current_schema() AS regnamespace)"));
  facts.has_store = has_store != 0;
  if (!facts.has_store) return facts;
  CARILLON_TRY(facts.schema, db->scalar("SELECT max(version) FROM schema_version"));
  if (facts.schema > facts.known_schema) return facts;
  CARILLON_CHECK(read_processes(*db, facts));
  CARILLON_CHECK(read_days(*db, facts));
  return facts;
}

}  // namespace carillon::store
