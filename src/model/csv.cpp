#include "model/csv.h"

#include <algorithm>

namespace carillon::model {
namespace {

constexpr std::string_view kTooLong = "the row is longer than 65,536 bytes; is a quote missing its end?";
constexpr std::string_view kUnclosed = "a quoted cell has no end";
constexpr std::string_view kBehindQuote = "there is text behind the closing quote of a cell";
constexpr std::string_view kBareQuote =
    "a quote stands inside a plain cell; put the cell into quotes and double the quote";
constexpr std::string_view kBareReturn = "a carriage return stands alone; end lines with CRLF or LF";
constexpr std::string_view kTooManyCells = "the row has more than 256 cells";

}  // namespace

CsvReader::CsvReader(std::string_view text, TextPlace from) : text_(text), at_(from) {
  if (at_.offset == 0 && text_.starts_with(kByteOrderMark)) at_.offset = kByteOrderMark.size();
}

bool CsvReader::take_line_end(TextPlace& at) const {
  const std::string_view rest = text_.substr(at.offset);
  const std::size_t size = rest.starts_with("\r\n") ? 2 : rest.starts_with('\n') ? 1 : 0;
  at.offset += size;
  if (size > 0) ++at.line;
  return size > 0;
}

std::string_view CsvReader::read_quoted(std::string& cell, TextPlace& at) const {
  const std::size_t end_max = std::min(text_.size(), at_.offset + kRowMax);
  for (++at.offset; at.offset < end_max; ++at.offset) {
    const char c = text_[at.offset];
    if (c == '\n') ++at.line;
    if (c == '"') {
      const bool is_doubled = at.offset + 1 < text_.size() && text_[at.offset + 1] == '"';
      ++at.offset;
      if (!is_doubled) return {};
    }
    cell += c;
  }
  return end_max == text_.size() ? kUnclosed : kTooLong;
}

std::string_view CsvReader::read_plain(std::string& cell, TextPlace& at) const {
  const std::size_t end_max = std::min(text_.size(), at_.offset + kRowMax);
  const std::size_t end = std::min(text_.find_first_of(",\"\r\n", at.offset), text_.size());
  if (end > end_max) return kTooLong;
  if (end < text_.size() && text_[end] == '"') return kBareQuote;
  cell.assign(text_.substr(at.offset, end - at.offset));
  at.offset = end;
  return {};
}

std::string_view CsvReader::read(std::vector<std::string>& cells) {
  TextPlace at = at_;
  for (;;) {
    if (cells.size() == kCellsMax) return kTooManyCells;
    std::string& cell = cells.emplace_back();
    const bool is_quoted = at.offset < text_.size() && text_[at.offset] == '"';
    if (const auto error = is_quoted ? read_quoted(cell, at) : read_plain(cell, at); !error.empty())
      return error;
    if (at.offset == text_.size() || take_line_end(at)) break;
    if (text_[at.offset] != ',') return text_[at.offset] == '\r' ? kBareReturn : kBehindQuote;
    ++at.offset;
  }
  at_ = at;
  return {};
}

void CsvReader::skip_line() {
  at_.offset = std::min(text_.find('\n', at_.offset), text_.size() - 1) + 1;
  ++at_.line;
}

bool CsvReader::next(CsvRecord& record) {
  while (take_line_end(at_)) {}
  record.cells.clear();
  record.error = {};
  record.line = at_.line;
  if (at_.offset >= text_.size()) return false;
  record.error = read(record.cells);
  if (record.error.empty()) return true;
  record.cells.clear();
  skip_line();
  return true;
}

std::string csv_row(std::span<const std::string> cells) {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += ',';
    // A record of one empty cell would be an empty line, and text that begins like a byte order mark one.
    const bool is_quoted = cells[i].find_first_of(",\"\r\n") != std::string::npos ||
                           (cells.size() == 1 && cells[i].empty()) || cells[i].starts_with(kByteOrderMark);
    if (!is_quoted) {
      out += cells[i];
      continue;
    }
    out += '"';
    for (const char c : cells[i]) {
      if (c == '"') out += '"';
      out += c;
    }
    out += '"';
  }
  return out += "\r\n";
}

std::string no_formula(std::string_view text) {
  constexpr std::string_view kBegins[] = {"=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"};
  const bool is_one = std::ranges::any_of(kBegins, [text](auto begin) { return text.starts_with(begin); });
  return (is_one ? "'" : "") + std::string(text);
}

}  // namespace carillon::model
