// CSV as RFC 4180 has it: a strict reader that says in which line a record is broken and goes on behind it.
//
// Records end with CRLF or LF, cells are separated by commas, a cell in double quotes may hold commas, line
// breaks and, doubled, quotes. Nothing is guessed: a quote inside a plain cell, text behind a closing quote
// and a lone CR are errors of their record. Decision 0013.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::model {

inline constexpr std::size_t kRowMax = 64 * 1024;  // bytes of one record, CSV or NDJSON
inline constexpr std::size_t kCellsMax = 256;      // of one record
// Text that begins so is UTF-8; spreadsheet programs take it for the alphabet of their own country otherwise.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

struct CsvRecord {
  std::int64_t line = 0;  // where it begins, from 1
  std::vector<std::string> cells;
  std::string_view error;  // what is wrong with it, static text; empty: nothing. Then there are no cells
};

// Where a reader stands: between two records.
struct TextPlace {
  std::size_t offset = 0;  // bytes from the beginning
  std::int64_t line = 1;
};

// Reads records of a text it does not own. One thread.
class CsvReader {
 public:
  // `from`: a place() of a reader of the same text. A byte order mark at the beginning is skipped.
  explicit CsvReader(std::string_view text, TextPlace from = {});

  // The next record; false: there is no more. Lines without anything in them are skipped. Behind a broken
  // record it goes on at the next line, so that an unclosed quote costs its own line and not the rest of the
  // text.
  bool next(CsvRecord& record);
  [[nodiscard]] TextPlace place() const noexcept { return at_; }

 private:
  // Reads one record from at_ on and moves behind it. Its error; empty: none.
  std::string_view read(std::vector<std::string>& cells);
  std::string_view read_quoted(std::string& cell, TextPlace& at) const;
  std::string_view read_plain(std::string& cell, TextPlace& at) const;
  [[nodiscard]] bool take_line_end(TextPlace& at) const;
  void skip_line();

  std::string_view text_;
  TextPlace at_;
};

// One record with its line end, quoted where that is needed; reads back to the same cells.
[[nodiscard]] std::string csv_row(std::span<const std::string> cells);
// The text as a spreadsheet program shows it: with an apostrophe before what it would take for a formula and
// run, which is what begins with = + - @, one of them in full width, a tab or a carriage return.
[[nodiscard]] std::string no_formula(std::string_view text);

}  // namespace carillon::model
