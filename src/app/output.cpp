#include "app/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace carillon::app {
namespace {

constexpr std::size_t kGap = 2;             // spaces between two columns
constexpr std::size_t kCellWidthMax = 120;  // columns; longer values are cut in lists
constexpr std::size_t kBarWidth = 24;

// The next code point of valid UTF-8; bytes that are none count as one each.
char32_t next_code_point(std::string_view text, std::size_t& at) noexcept {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned first = byte(at);
  const std::size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
  char32_t point = length == 1 ? first : first & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) point = (point << 6) | (byte(at + i) & 0x3F);
  at += length;
  return point;
}

// East Asian wide and full-width blocks and emoji (Unicode TR 11), combining marks as nothing.
std::size_t width_of(char32_t c) noexcept {
  if ((c >= 0x0300 && c <= 0x036F) || (c >= 0x200B && c <= 0x200F) || (c >= 0xFE00 && c <= 0xFE0F)) return 0;
  const bool is_wide =
      (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) ||
      (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
      (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
  return is_wide ? 2 : 1;
}

std::string shortened(std::string text) {
  if (display_width(text) <= kCellWidthMax) return text;
  std::size_t at = 0;
  std::size_t width = 0;
  while (at < text.size()) {
    std::size_t next = at;
    width += width_of(next_code_point(text, next));
    if (width >= kCellWidthMax) break;
    at = next;
  }
  return text.substr(0, at) + "…";
}

bool is_object_list(base::JsonElement value) {
  base::JsonArray array;
  if (value.get(array) != simdjson::SUCCESS || array.size() == 0) return false;
  return std::ranges::all_of(array, [](base::JsonElement e) { return e.is_object(); });
}

// Where a dotted path leads; false when it leads nowhere. Keys that hold dots themselves are not found.
bool find(base::JsonElement from, std::string_view path, base::JsonElement& found) {
  found = from;
  while (!path.empty()) {
    const auto dot = path.find('.');
    base::JsonObject object;
    if (found.get(object) != simdjson::SUCCESS) return false;
    if (object.at_key(path.substr(0, dot)).get(found) != simdjson::SUCCESS) return false;
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return true;
}

std::string object_cell(const base::JsonObject& object) {
  std::string text;
  for (const auto field : object) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", printable(field.key), cell(field.value));
  }
  return text.empty() ? "-" : text;
}

std::string list_cell(const base::JsonArray& array) {
  std::string text;
  for (const auto entry : array) text += fmt::format("{}{}", text.empty() ? "" : ", ", cell(entry));
  return text.empty() ? "-" : text;
}

// Every key of a list of objects, in the order they are met.
std::vector<Column> columns_of(base::JsonElement rows) {
  std::vector<Column> columns;
  for (const auto row : rows.get_array().value_unsafe()) {
    for (const auto field : row.get_object().value_unsafe()) {
      const auto is_same = [&](const Column& c) { return c.path == field.key; };
      if (std::ranges::none_of(columns, is_same)) {
        columns.push_back({printable(field.key), std::string(field.key)});
      }
    }
  }
  return columns;
}

void write_all(std::FILE* to, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), to);
  std::fflush(to);
}

}  // namespace

std::size_t display_width(std::string_view text) noexcept {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) width += width_of(next_code_point(text, at));
  return width;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t c = next_code_point(text, at);
    const bool is_control =
        c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
    if (c == '\n' || c == '\t')
      out += ' ';
    else if (is_control)
      out += '?';
    else
      out += text.substr(begin, at - begin);
  }
  return out;
}

std::string Table::text(std::size_t indent) const {
  std::vector<std::size_t> widths;
  const auto measure = [&](const std::vector<std::string>& cells) {
    widths.resize(std::max(widths.size(), cells.size()));
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], display_width(cells[i]));
  };
  measure(titles_);
  for (const auto& row : rows_) measure(row);
  std::string out;
  const auto write = [&](const std::vector<std::string>& cells) {
    std::string line(indent, ' ');
    for (std::size_t i = 0; i < cells.size(); ++i) {
      line += cells[i];
      if (i + 1 < cells.size()) line.append(widths[i] - display_width(cells[i]) + kGap, ' ');
    }
    while (line.ends_with(' ')) line.pop_back();
    out += line + '\n';
  };
  if (!titles_.empty()) write(titles_);
  for (const auto& row : rows_) write(row);
  return out;
}

std::string cell(base::JsonElement value) {
  switch (value.type()) {
    case simdjson::dom::element_type::STRING: return printable(value.get_string().value_unsafe());
    case simdjson::dom::element_type::BOOL: return value.get_bool().value_unsafe() ? "yes" : "no";
    case simdjson::dom::element_type::NULL_VALUE: return "-";
    case simdjson::dom::element_type::ARRAY: return list_cell(value.get_array().value_unsafe());
    case simdjson::dom::element_type::OBJECT: return object_cell(value.get_object().value_unsafe());
    case simdjson::dom::element_type::INT64:
    case simdjson::dom::element_type::UINT64:
    case simdjson::dom::element_type::DOUBLE: return base::to_json(value);
  }
  return "-";
}

std::string cell_at(base::JsonElement object, std::string_view path) {
  base::JsonElement found;
  return find(object, path, found) ? cell(found) : "-";
}

std::int64_t integer_at(base::JsonElement object, std::string_view path) {
  base::JsonElement found;
  std::int64_t value = 0;
  if (!find(object, path, found) || found.get(value) != simdjson::SUCCESS) return 0;
  return value;
}

std::string render_list(base::JsonElement rows, const std::vector<Column>& columns, std::string_view empty) {
  base::JsonArray array;
  if (rows.get(array) != simdjson::SUCCESS || array.size() == 0) return fmt::format("{}\n", empty);
  std::vector<Column> used;
  for (const auto& column : columns) {
    const auto has_it = [&](base::JsonElement row) { return cell_at(row, column.path) != "-"; };
    if (std::ranges::any_of(array, has_it)) used.push_back(column);
  }
  std::vector<std::string> titles;
  for (const auto& column : used) titles.push_back(column.title);
  Table table(std::move(titles));
  for (const auto row : array) {
    std::vector<std::string> cells;
    for (const auto& column : used) cells.push_back(shortened(cell_at(row, column.path)));
    table.add(std::move(cells));
  }
  return table.text();
}

std::string render_object(base::JsonElement object) {
  base::JsonObject fields;
  if (object.get(fields) != simdjson::SUCCESS) return cell(object) + "\n";
  Table table({});
  std::string below;
  for (const auto field : fields) {
    if (is_object_list(field.value)) {
      below += fmt::format("\n{}:\n", printable(field.key));
      below += render_list(field.value, columns_of(field.value), "none");
    } else if (const auto text = cell(field.value); text != "-") {
      table.add({printable(field.key), text});
    }
  }
  return table.text() + below;
}

std::string render_problem(const net::HttpResponse& answer) {
  base::JsonDocument document;
  const auto root = document.parse(answer.body);
  if (!root || !root->is_object()) {
    return fmt::format("the server answered {} and no explanation\n", answer.status);
  }
  std::string title = cell_at(*root, "title");
  if (title == "-") title = fmt::format("the server answered {}", answer.status);
  std::string out = title;
  const std::string detail = cell_at(*root, "detail");
  if (detail != "-" && detail != title) out += fmt::format(": {}", detail);
  out += '\n';
  base::JsonElement list;
  base::JsonArray errors;
  if (find(*root, "errors", list) && list.get(errors) == simdjson::SUCCESS) {
    Table table({});
    for (const auto error : errors) {
      const std::string pointer = cell_at(error, "pointer");
      std::string why = cell_at(error, "detail");
      if (why == "-") why = cell_at(error, "code");
      table.add({pointer == "-" || pointer.empty() ? "(body)" : pointer, why});
    }
    out += table.text(2);
  }
  const std::string id = cell_at(*root, "request_id");
  if (id != "-" && answer.status >= 500) out += fmt::format("  request {}\n", id);
  return out;
}

void print(std::string_view text) { write_all(stdout, text); }
void print_error(std::string_view text) { write_all(stderr, text); }

int report(const Error& error) {
  print_error(fmt::format("carillon: {}\n", error.message));
  return error.code == Errc::InvalidArgument ? kExitUsage : kExitFailure;
}

std::string progress_line(std::string_view what, std::int64_t done, std::int64_t total) {
  if (total <= 0 && done > 0) return fmt::format("{}  {}", what, done);  // nobody knows of how many
  const std::int64_t end = std::max<std::int64_t>(total, 0);
  const std::int64_t at = std::clamp<std::int64_t>(done, 0, end);
  const auto share = end == 0 ? 0.0 : static_cast<double>(at) / static_cast<double>(end);
  const auto full = static_cast<std::size_t>(share * kBarWidth);
  return fmt::format("{} [{}{}] {:3.0f} %  {} of {}", what, std::string(full, '#'),
                     std::string(kBarWidth - full, '.'), share * 100, at, end);
}

ProgressBar::ProgressBar(std::string what)
    : what_(std::move(what)), is_terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::clear() {
  if (std::exchange(is_shown_, false)) print_error("\r\x1b[K");
}

void ProgressBar::show(std::string_view what, std::int64_t done, std::int64_t total) {
  if (!is_terminal_) return;
  is_shown_ = true;
  print_error(fmt::format("\r{}\x1b[K", progress_line(what, done, total)));
}

}  // namespace carillon::app
