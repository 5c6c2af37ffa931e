#include "store/detail/move/target.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "store/detail/postgres/schema.h"

namespace carillon::store::detail {
namespace {

// The first step of a schema is a transaction that makes `meta`, too: without it a process died while it made
// one.
Result<bool> has_store(PgDb& db) {
  CARILLON_TRY(const std::int64_t n,
               db.scalar("SELECT count(*) FROM pg_class WHERE relname = 'meta' AND relnamespace = "
                         "CAST(current_schema() AS regnamespace)"));
  return n > 0;
}

// Tables that are not partitions, in the schema that ours are made in.
Result<std::vector<std::string>> table_names(PgDb& db) {
  std::vector<std::string> names;
  Statement s = db.statement(
      "SELECT CAST(relname AS text) FROM pg_class WHERE relnamespace = CAST(current_schema() AS "
      "regnamespace) AND relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT relispartition ORDER BY relname");
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return names;
    names.push_back(s.string(0));
  }
}

// What a store has that nobody has used yet.
bool is_there_from_the_start(std::string_view table) {
  return table == "schema_version" || table == "meta" || table == "leader" || table == "member_seq";
}

Result<std::optional<std::string>> first_used(PgDb& db) {
  CARILLON_TRY(const auto names, table_names(db));
  for (const std::string& name : names) {
    if (is_there_from_the_start(name)) continue;
    CARILLON_TRY(const std::int64_t is_used,
                 db.number(fmt::format("SELECT CAST(EXISTS(SELECT 1 FROM \"{}\") AS integer)", name)));
    if (is_used != 0) return name;
  }
  return std::nullopt;
}

}  // namespace

Result<Target> look_at_target(PgDb& db) {
  Target target;
  CARILLON_TRY(const bool is_store, has_store(db));
  if (!is_store) {
    CARILLON_TRY(auto names, table_names(db));
    std::erase(names, "schema_version");
    if (!names.empty()) {
      target.state = TargetState::Other;
      target.what = fmt::format("the table {}, which is not of Carillon", names.front());
    }
    return target;
  }
  CARILLON_CHECK(refuse_newer(db));
  std::int64_t is_checked = 0, done = 0;
  {
    Statement s = db.statement("SELECT key, value FROM meta WHERE key IN ('move', 'move_checked', 'moved')");
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      (s.text(0) == "move" ? target.move : s.text(0) == "moved" ? done : is_checked) = s.integer(1);
    }
  }
  if (target.move != 0) {
    target.state = is_checked != 0 ? TargetState::Checked : TargetState::Begun;
    return target;
  }
  if (done != 0) {
    target.state = TargetState::Done;
    target.move = done;
    return target;
  }
  CARILLON_TRY(auto used, first_used(db));
  if (used) {
    target.state = TargetState::Other;
    target.what = fmt::format("a store that is in use (rows in {})", *used);
  }
  return target;
}

Result<void> refuse_half_moved(Db& db) {
  CARILLON_TRY(const std::int64_t move, db.scalar("SELECT value FROM meta WHERE key = 'move'"));
  if (move == 0) return {};
  return fail(
      Errc::FailedPrecondition,
      "store.url: a move into this database is not done; run the same carillon migrate again, which goes on "
      "where it was");
}

Result<void> begin_at_target(PgDb& db, std::int64_t move) {
  // `moving`: how far each table is; member_seq has a row from the start, and gets that of the files.
  return db.exec(
      fmt::format(
          "BEGIN; DROP TABLE IF EXISTS moving; CREATE TABLE moving(name text PRIMARY KEY, place text NOT "
          "NULL, n bigint NOT NULL, is_last integer NOT NULL); DELETE FROM member_seq; INSERT INTO meta(key, "
          "value) VALUES('move', {}); COMMIT;",
          move)
          .c_str());
}

Result<MoveStep> step_at_target(PgDb& db, std::string_view name) {
  MoveStep step;
  step.name = name;
  Statement s = db.statement("SELECT place, n, is_last FROM moving WHERE name = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, name).next());
  if (!has_row) return step;
  step.place = s.string(0);
  step.n = s.integer(1);
  step.is_last = s.integer(2) != 0;
  return step;
}

Result<void> write_step(PgDb& db, const MoveStep& step) {
  Statement s = db.statement(
      "INSERT INTO moving(name, place, n, is_last) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(name) DO UPDATE SET "
      "place = excluded.place, n = excluded.n, is_last = excluded.is_last");
  s.bind(1, std::string_view(step.name)).bind(2, std::string_view(step.place)).bind(3, step.n);
  return s.bind(4, std::int64_t{step.is_last}).run();
}

Result<void> check_off_target(PgDb& db, std::string_view key_note, std::int64_t now_ms) {
  CARILLON_CHECK(db.begin());
  Statement note = db.statement(
      "INSERT INTO record(kind, project, key, version, data, created_at, updated_at) VALUES('cluster', 0, "
      "'key_id', 1, ?1, ?2, ?2) ON CONFLICT DO NOTHING");
  CARILLON_CHECK(note.bind(1, key_note).bind(2, now_ms).run());
  CARILLON_CHECK(
      db.statement("INSERT INTO meta(key, value) VALUES('move_checked', 1) ON CONFLICT DO NOTHING").run());
  return db.commit();
}

Result<void> finish_target(PgDb& db) {
  return db.exec(
      "BEGIN; DROP TABLE IF EXISTS moving; DELETE FROM meta WHERE key = 'move_checked'; INSERT INTO "
      "meta(key, value) SELECT 'moved', value FROM meta WHERE key = 'move' ON CONFLICT(key) DO UPDATE SET "
      "value = excluded.value; DELETE FROM meta WHERE key = 'move'; COMMIT;");
}

}  // namespace carillon::store::detail
