// Rows of a file as PostgreSQL's COPY reads them, and the place in a table where the next ones begin.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/detail/move/tables.h"

namespace carillon::store::detail {

class Statement;

// One value of COPY's text format. Tabs, newlines and backslashes of a text are escaped; what is no text is
// mended (PgStatement does likewise).
void append_copied(std::string& rows, const Statement& row, int column, MoveColumn::As as);
void append_copied(std::string& rows, std::int64_t value);

// Binds a place, which is the key of a row in words ("i17,t6D696E61": integers as they are, texts and bytes
// in hexadecimal), as the parameters from 1 on. `room` holds what is bound: it must live until the statement
// is reset. Errors: Corruption (it is none).
Result<void> bind_place(Statement& statement, std::string_view place, std::vector<std::string>& room);

struct MoveBatch {
  std::string rows;   // for COPY
  std::string place;  // of the last one; as it was when there is none
  std::int64_t n = 0;
  bool is_last = false;
};
// The rows after `place` (empty: from the first), kMoveRows at most, and no more once they are kMoveBytes.
Result<MoveBatch> read_batch(SqliteDb& db, const MoveTable& table, const std::string& place);
inline constexpr std::size_t kMoveBytes = 8 << 20;

}  // namespace carillon::store::detail
