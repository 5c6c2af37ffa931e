#include "store/detail/move/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "base/crypto.h"
#include "store/detail/postgres/connection.h"
#include "store/detail/sqlite.h"

namespace carillon::store::detail {
namespace {

void append_escaped(std::string& rows, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '\\': rows += "\\\\"; break;
      case '\t': rows += "\\t"; break;
      case '\n': rows += "\\n"; break;
      case '\r': rows += "\\r"; break;
      default: rows += c;
    }
  }
}

std::unexpected<Error> bad_place(std::string_view place) {
  return fail(Errc::Corruption, fmt::format("move: '{}' is no place in a table", place));
}

}  // namespace

void append_copied(std::string& rows, std::int64_t value) {
  fmt::format_to(std::back_inserter(rows), "{}", value);
}

void append_copied(std::string& rows, const Statement& row, int column, MoveColumn::As as) {
  if (row.is_null(column)) {
    rows += "\\N";
    return;
  }
  switch (as) {
    case MoveColumn::As::Integer: append_copied(rows, row.integer(column)); return;
    case MoveColumn::As::Text: {
      const std::string_view text = row.text(column);
      if (is_storable(text)) {
        append_escaped(rows, text);
      } else {
        append_escaped(rows, mended(text));
      }
      return;
    }
    case MoveColumn::As::Bytes: rows += "\\\\x"; [[fallthrough]];
    case MoveColumn::As::Uuid: rows += base::hex(row.text(column)); return;
  }
}

Result<void> bind_place(Statement& statement, std::string_view place, std::vector<std::string>& room) {
  room.clear();
  room.reserve(static_cast<std::size_t>(std::ranges::count(place, ',')) +
               1);  // what is bound stays where it is
  std::string_view rest = place;
  for (int i = 1; !rest.empty(); ++i) {
    const std::string_view value = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(value.size() + 1, rest.size()));
    if (value.empty()) return bad_place(place);
    if (value.front() == 'i') {
      std::int64_t number = 0;
      const auto [end, ec] = std::from_chars(value.data() + 1, value.data() + value.size(), number);
      if (ec != std::errc{} || end != value.data() + value.size()) return bad_place(place);
      statement.bind(i, number);
      continue;
    }
    auto bytes = base::unhex(value.substr(1));
    if (!bytes || (value.front() != 't' && value.front() != 'b')) return bad_place(place);
    room.push_back(std::move(*bytes));
    if (value.front() == 't') {
      statement.bind(i, std::string_view(room.back()));
    } else {
      statement.bind_blob(i, room.back());
    }
  }
  return {};
}

Result<MoveBatch> read_batch(SqliteDb& db, const MoveTable& table, const std::string& place) {
  MoveBatch batch;
  batch.place = place;
  std::vector<std::string> room;
  CARILLON_TRY(Statement s, db.prepare_once(place.empty() ? table.first : table.next));
  CARILLON_CHECK(bind_place(s, place, room));
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) break;
    int c = 1;
    for (const MoveColumn& column : table.columns) {
      if (c > 1) batch.rows += '\t';
      append_copied(batch.rows, s, c++, column.as);
    }
    batch.rows += '\n';
    ++batch.n;
    batch.place = s.string(0);
    if (batch.rows.size() >= kMoveBytes) return batch;
  }
  batch.is_last = batch.n < kMoveRows;
  return batch;
}

}  // namespace carillon::store::detail
