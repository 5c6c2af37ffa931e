#include "store/detail/move/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "base/ids.h"
#include "store/detail/sqlite.h"

namespace carillon::store::detail {
namespace {

// Who ran here and what they had in their hands (nothing is, when a move begins); what the files have for
// their own look-ups: event ids beyond memory, the history index, of which addresses.h carries a part; marks
// of these and of the move. What is left of `meta` is carried by itself.
constexpr std::array<std::string_view, 9> kLeftOut{"process",         "claim_run",   "dedup_run",
                                                   "history",         "history_run", "history_block",
                                                   "history_address", "meta",        "node_report"};
// Number of a row that has a key of its own.
constexpr std::pair<std::string_view, std::string_view> kColumnLeftOut{"profile", "id"};
// Counters are rows of a process there, of which all are summed.
constexpr std::string_view kColumnOfNode = "node";
constexpr std::int64_t kDayMs = 86'400'000;
constexpr int kIdTimeShift = 22;  // base::id_time(): bits of node and sequence

std::string identifier(std::string_view name) { return fmt::format("\"{}\"", name); }

std::string joined(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ", "));
}

// SQL whose text is made here: SqliteDb keeps no statement of it.
Result<std::vector<std::string>> texts(SqliteDb& db, const std::string& sql) {
  std::vector<std::string> found;
  CARILLON_TRY(Statement s, db.prepare_once(sql));
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return found;
    found.push_back(s.string(0));
  }
}

Result<MoveColumn::As> as_of(std::string_view table, std::string_view column, std::string_view type) {
  if (type == "int2" || type == "int4" || type == "int8") return MoveColumn::As::Integer;
  if (type == "text") return MoveColumn::As::Text;
  if (type == "bytea") return MoveColumn::As::Bytes;
  if (type == "uuid") return MoveColumn::As::Uuid;
  return fail(Errc::Internal, fmt::format("move: {}.{} is a {}, which nobody carries", table, column, type));
}

// By table, in their order.
using Columns = std::map<std::string, std::vector<MoveColumn>, std::less<>>;
Result<Columns> columns_there(Db& there) {
  Columns found;
  Statement s = there.statement(
      "SELECT CAST(c.relname AS text), CAST(a.attname AS text), CAST(t.typname AS text) FROM pg_attribute a "
      "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid WHERE c.relnamespace = "
      "CAST(current_schema() AS regnamespace) AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND "
      "a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum");
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return found;
    MoveColumn column;
    column.name = s.string(1);
    CARILLON_TRY(column.as, as_of(s.text(0), s.text(1), s.text(2)));
    found[s.string(0)].push_back(std::move(column));
  }
}

// Where each column comes from. Nothing is left out by accident, on either side.
Result<void> match(MoveTable& table, const std::vector<std::string>& here) {
  const auto is_here = [&](std::string_view name) { return std::ranges::find(here, name) != here.end(); };
  for (MoveColumn& column : table.columns) {
    if (is_here(column.name)) {
      column.from = identifier(column.name);
    } else if (column.name == kColumnOfNode) {
      column.from = "0";
    } else {
      return fail(Errc::Internal, fmt::format("move: the files have no {}.{}", table.name, column.name));
    }
  }
  for (const std::string& name : here) {
    if (std::ranges::any_of(table.columns, [&](const MoveColumn& c) { return c.name == name; })) continue;
    if (std::pair<std::string_view, std::string_view>(table.name, name) == kColumnLeftOut) continue;
    return fail(Errc::Internal, fmt::format("move: PostgreSQL has no {}.{}", table.name, name));
  }
  return {};
}

void write_texts(MoveTable& table) {
  std::vector<std::string> place, key, parameters, names;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    key.push_back(identifier(table.key[i]));
    parameters.push_back(fmt::format("?{}", i + 1));
    place.push_back(
        fmt::format("CASE typeof({0}) WHEN 'integer' THEN 'i' || {0} WHEN 'text' THEN 't' || hex({0}) "
                    "ELSE 'b' || hex({0}) END",
                    key.back()));
  }
  std::vector<std::string> selected{fmt::format("{}", fmt::join(place, " || ',' || "))};
  for (const MoveColumn& column : table.columns) {
    selected.push_back(column.from);
    names.push_back(identifier(column.name));
  }
  const std::string from = identifier(table.name);
  table.first =
      fmt::format("SELECT {} FROM {} ORDER BY {} LIMIT {}", joined(selected), from, joined(key), kMoveRows);
  table.next = fmt::format("SELECT {} FROM {} WHERE ({}) > ({}) ORDER BY {} LIMIT {}", joined(selected), from,
                           joined(key), joined(parameters), joined(key), kMoveRows);
  table.count = fmt::format("SELECT count(*) FROM {}", from);
  table.copy = fmt::format("COPY {}({}) FROM STDIN", from, joined(names));
  table.count_there = table.count;
  table.is_empty = fmt::format("SELECT NOT EXISTS(SELECT 1 FROM {})", from);
}

void write_texts_of_dedup(MoveTable& table) {
  // An event id that came again after its window: the newer one counts.
  table.copy = "COPY pg_temp.aside_dedup(day, hash, notification, fingerprint) FROM STDIN";
  table.insert =
      "INSERT INTO dedup(day, hash, notification, fingerprint) SELECT DISTINCT ON (day, hash) day, hash, "
      "notification, fingerprint FROM pg_temp.aside_dedup ORDER BY day, hash, notification DESC ON "
      "CONFLICT(day, hash) DO UPDATE SET notification = excluded.notification, fingerprint = "
      "excluded.fingerprint WHERE dedup.notification < excluded.notification;";
  table.count =
      fmt::format("SELECT count(*) FROM (SELECT DISTINCT {}, hash FROM dedup)", table.columns[0].from);
}

// What is not a column of the same name.
void write_special(MoveTable& table) {
  if (table.name == "delivery") {
    for (MoveColumn& column : table.columns) {
      // Bytes are room for one that is to come.
      if (column.name == "provider_id")
        column.from = "CASE typeof(provider_id) WHEN 'text' THEN provider_id END";
    }
  }
  write_texts(table);
  if (table.name == "dedup") write_texts_of_dedup(table);
  // The one that says whose key it is comes on top.
  if (table.name == "record") table.count_there += " WHERE kind <> 'cluster'";
}

Result<MoveTable> plan_table(SqliteDb& db, std::string name, bool is_people, Columns& there) {
  MoveTable table;
  table.name = std::move(name);
  table.is_people = is_people;
  const auto it = there.find(table.name);
  if (it == there.end()) {
    return fail(Errc::Internal, fmt::format("move: PostgreSQL has no table {}", table.name));
  }
  table.columns = std::move(it->second);
  CARILLON_TRY(const auto here,
               texts(db, fmt::format("SELECT name FROM pragma_table_info('{}', 'main')", table.name)));
  CARILLON_TRY(table.key,
               texts(db, fmt::format("SELECT name FROM pragma_table_info('{}', 'main') WHERE pk > 0 "
                                     "ORDER BY pk",
                                     table.name)));
  if (table.key.empty()) return fail(Errc::Internal, fmt::format("move: {} has no key", table.name));
  if (table.name == "dedup") {
    // There it is by the day of the notification, here by the order they came in.
    for (MoveColumn& column : table.columns) {
      column.from = column.name == "day" ? fmt::format("(((notification >> {}) + {}) / {})", kIdTimeShift,
                                                       base::kIdEpochMs, kDayMs)
                                         : identifier(column.name);
    }
  } else {
    CARILLON_CHECK(match(table, here));
  }
  write_special(table);
  return table;
}

}  // namespace

Result<std::vector<std::string>> carried_tables(SqliteDb& db) {
  CARILLON_TRY(auto names, texts(db,
                                 "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE "
                                 "'sqlite\\_%' ESCAPE '\\' ORDER BY name"));
  std::erase_if(names,
                [](const std::string& name) { return std::ranges::find(kLeftOut, name) != kLeftOut.end(); });
  return names;
}

Result<std::vector<MoveTable>> plan_move(SqliteDb& everything, SqliteDb& people, Db& there) {
  CARILLON_TRY(Columns columns, columns_there(there));
  std::vector<MoveTable> tables;
  for (SqliteDb* db : {&people, &everything}) {
    CARILLON_TRY(auto names, carried_tables(*db));
    for (std::string& name : names) {
      CARILLON_TRY(MoveTable table, plan_table(*db, std::move(name), db == &people, columns));
      tables.push_back(std::move(table));
    }
  }
  return tables;
}

Result<void> make_aside(Db& there) {
  return there.exec(
      "CREATE TEMP TABLE IF NOT EXISTS aside_dedup(day integer, hash uuid, notification bigint, fingerprint "
      "uuid) ON COMMIT DELETE ROWS; CREATE TEMP TABLE IF NOT EXISTS aside_address(key bigint, notification "
      "bigint) ON COMMIT DELETE ROWS;");
}

}  // namespace carillon::store::detail
