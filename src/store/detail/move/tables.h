// What a move carries, as the two schemas tell it: every table of the files goes, column by column, into the
// table of that name, so that a new table or column is carried without a line here. What is not the same on
// both sides is named in tables.cpp, and anything else that differs ends the move before it begins.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace carillon::store::detail {

class Db;
class SqliteDb;

struct MoveColumn {
  enum class As : std::uint8_t { Integer, Text, Bytes, Uuid };
  std::string name;  // in PostgreSQL
  std::string from;  // SQL, in the file
  As as = As::Integer;
};

// All texts are SQL. `first` and `next` give the place of each row (rows.h), then `columns`, in the order of
// the key; `next` begins after a place.
struct MoveTable {
  std::string name;
  bool is_people = false;  // in people.db
  std::vector<std::string> key;
  std::vector<MoveColumn> columns;
  std::string first, next, count;                   // of the file
  std::string copy, insert, count_there, is_empty;  // insert: empty, or takes what `copy` put aside
};

// Rows read, and written in one transaction, at a time.
inline constexpr std::int64_t kMoveRows = 5'000;

// Errors: Internal (the schemas do not fit together) · those of reading.
Result<std::vector<MoveTable>> plan_move(SqliteDb& everything, SqliteDb& people, Db& there);
// Tables of a file whose rows are carried. Errors: those of reading.
Result<std::vector<std::string>> carried_tables(SqliteDb& db);
// What `insert` needs, for as long as the connection lives.
Result<void> make_aside(Db& there);

}  // namespace carillon::store::detail
