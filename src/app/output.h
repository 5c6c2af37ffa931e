// What commands print: aligned tables and short sentences for people, the API's own JSON with --json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/options.h"
#include "base/json.h"
#include "net/http.h"

namespace carillon::app {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

// What that means; the end of a sentence.
inline constexpr std::string_view kNoIntegration =
    "what the default project of an embedded store sends ends in the sandbox, all else is held (no_route)";

// One column of a list: what stands above it, and where its values are ("match.channel" looks inside).
struct Column {
  std::string title;
  std::string path;
};

// Rows of text, aligned. Wide characters (East Asian) count two; the last column is not padded.
class Table {
 public:
  explicit Table(std::vector<std::string> titles) : titles_(std::move(titles)) {}
  // A row shorter than the titles is filled up with empty cells.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  // Every line ends with a newline and begins with `indent` spaces. No titles: no head line.
  [[nodiscard]] std::string text(std::size_t indent = 0) const;

 private:
  std::vector<std::string> titles_;
  std::vector<std::vector<std::string>> rows_;
};

// Columns a text takes on a terminal.
std::size_t display_width(std::string_view text) noexcept;
// `text` fit for a terminal: control characters (what a recipient's name may hold) become "?".
std::string printable(std::string_view text);

// One JSON value as a cell: "-" for null, yes and no, lists joined by commas, objects as key=value.
std::string cell(base::JsonElement value);
// The value at a dotted path as a cell; "-" when it is not there.
std::string cell_at(base::JsonElement object, std::string_view path);
// An integer at a dotted path; 0 when it is not there.
std::int64_t integer_at(base::JsonElement object, std::string_view path);

// Columns nobody has a value for are left out. `empty` is printed for a list without entries.
std::string render_list(base::JsonElement rows, const std::vector<Column>& columns, std::string_view empty);
// Every field of an object, lists of objects as tables of their own below it.
std::string render_object(base::JsonElement object);

// A problem (RFC 9457) for a person: its title, then each pointer with its detail, then the request id.
std::string render_problem(const net::HttpResponse& answer);

// Prints to standard output or standard error, everything or nothing.
void print(std::string_view text);
void print_error(std::string_view text);

// An error of our own, printed; its exit status.
int report(const Error& error);

// The percentage and counts of long work on one line of standard error, when that is a terminal.
class ProgressBar {
 public:
  explicit ProgressBar(std::string what);
  ~ProgressBar();  // clears the line
  void show(std::int64_t done, std::int64_t total) { show(what_, done, total); }
  void show(std::string_view what, std::int64_t done, std::int64_t total);
  void clear();  // before something else is printed

 private:
  const std::string what_;
  const bool is_terminal_;
  bool is_shown_ = false;
};
std::string progress_line(std::string_view what, std::int64_t done, std::int64_t total);

}  // namespace carillon::app
