// The rows of an imported file, each as the JSON body the API would take for it. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/csv.h"

namespace carillon::model {

enum class ImportFormat : std::uint8_t { Csv, Ndjson };
enum class ImportKind : std::uint8_t { Users, Members };

struct ImportRow {
  std::int64_t line = 0;    // where it begins, from 1
  std::string json;         // an object; NDJSON as it stands there, not looked into. Empty: see problems
  base::Problems problems;  // pointers as of the object, "/email"
};

// Reads rows one after the other from a text it does not own; can be put to any place it was at before. One
// thread.
//
// CSV begins with a line of column names. Users: user_id and any of name, email, phone_number, country_code,
// locale, time_zone, created_at, attributes (a JSON object), attributes.NAME (a text of it); members:
// user_id. An empty cell is null, which clears the field. NDJSON: an object in each line.
class ImportRows {
 public:
  // Problems of the line of names, with pointers "/columns/0": required, unknown_column, duplicate_column,
  // conflicting_fields, invalid_csv.
  static std::expected<ImportRows, base::Problems> open(std::string_view text, ImportFormat format,
                                                        ImportKind kind);
  // The next row; false: there is no more. Empty lines are skipped.
  bool next(ImportRow& row);
  // How many there are from here on. Nothing is read of them but where they end.
  [[nodiscard]] std::int64_t count() const;
  [[nodiscard]] TextPlace place() const noexcept;
  void seek(TextPlace place);

 private:
  explicit ImportRows(std::string_view text) : text_(text), csv_(text) {}
  void read_names(const CsvRecord& names, ImportKind kind, base::Problems& problems);
  // The next line that is not empty, and its number; nullopt: there is no more.
  std::optional<std::string_view> take_line(std::int64_t& number);
  bool next_line(ImportRow& row);
  void write_row(const CsvRecord& record, ImportRow& row);
  void write_attributes(const CsvRecord& record, base::JsonWriter& out) const;

  std::string_view text_;
  bool is_csv_ = false;
  CsvReader csv_;
  TextPlace at_;  // of NDJSON
  std::vector<std::string> columns_;
  bool has_attributes_ = false;  // columns attributes.NAME
};

// The user_id of a row; nullopt: a problem was added. An integer is taken as its decimal text.
[[nodiscard]] std::optional<std::string> read_row_user(base::JsonElement row, base::Problems& problems);
// The same for a row that has nothing else.
[[nodiscard]] std::optional<std::string> read_member(base::JsonElement row, base::Problems& problems);

}  // namespace carillon::model
