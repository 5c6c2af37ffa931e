#include "model/import_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/profile.h"

namespace carillon::model {
namespace {

constexpr std::string_view kAttributePrefix = "attributes.";
constexpr std::size_t kNameShown = 64;  // bytes of a column's name in a problem

constexpr std::string_view kUserColumns[] = {"user_id",      "name",         "email",
                                             "phone_number", "country_code", "locale",
                                             "time_zone",    "created_at",   "attributes"};

bool is_attribute(std::string_view column) {
  return column.starts_with(kAttributePrefix) && column.size() > kAttributePrefix.size();
}

bool is_known(std::string_view column, ImportKind kind) {
  if (kind == ImportKind::Members) return column == "user_id";
  return is_attribute(column) || std::ranges::find(kUserColumns, column) != std::end(kUserColumns);
}

std::string known_columns(ImportKind kind) {
  if (kind == ImportKind::Members) return "user_id";
  return fmt::format("{} and attributes.NAME", fmt::join(kUserColumns, ", "));
}

}  // namespace

std::expected<ImportRows, base::Problems> ImportRows::open(std::string_view text, ImportFormat format,
                                                           ImportKind kind) {
  ImportRows rows(text);
  rows.is_csv_ = format == ImportFormat::Csv;
  if (!rows.is_csv_) {
    if (text.starts_with(kByteOrderMark)) rows.at_.offset = kByteOrderMark.size();
    return rows;
  }
  base::Problems problems;
  CsvRecord names;
  if (!rows.csv_.next(names)) {
    problems.push_back(
        {"/columns", "required", "the first line has the names of the columns, such as user_id,email"});
  } else if (!names.error.empty()) {
    problems.push_back({"/columns", "invalid_csv", std::string(names.error)});
  } else {
    rows.read_names(names, kind, problems);
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return rows;
}

void ImportRows::read_names(const CsvRecord& names, ImportKind kind, base::Problems& problems) {
  columns_ = names.cells;
  const auto has = [this](std::string_view name) {
    return std::ranges::find(columns_, name) != columns_.end();
  };
  for (std::size_t i = 0; i < columns_.size() && problems.size() < base::kMaxProblems; ++i) {
    const std::string& name = columns_[i];
    const std::string pointer = fmt::format("/columns/{}", i);
    const auto shown = base::to_valid_utf8(std::string_view(name).substr(0, kNameShown));
    if (!is_known(name, kind) || !simdjson::validate_utf8(name)) {
      problems.push_back({pointer, "unknown_column",
                          fmt::format("the column '{}' is not known; use {}", shown, known_columns(kind))});
    } else if (std::find(columns_.begin(), columns_.begin() + static_cast<std::ptrdiff_t>(i), name) !=
               columns_.begin() + static_cast<std::ptrdiff_t>(i)) {
      problems.push_back({pointer, "duplicate_column", fmt::format("the column '{}' is there twice", shown)});
    }
  }
  if (!has("user_id")) problems.push_back({"/columns", "required", "a column user_id is needed"});
  has_attributes_ = std::ranges::any_of(columns_, is_attribute);
  if (has_attributes_ && has("attributes")) {
    problems.push_back({"/columns", "conflicting_fields",
                        "give the column attributes, or columns attributes.NAME, not both"});
  }
}

bool ImportRows::next(ImportRow& row) {
  row.json.clear();
  row.problems.clear();
  if (!is_csv_) return next_line(row);
  CsvRecord record;
  if (!csv_.next(record)) return false;
  row.line = record.line;
  if (!record.error.empty()) {
    row.problems.push_back({"", "invalid_csv", std::string(record.error)});
  } else if (record.cells.size() != columns_.size()) {
    row.problems.push_back(
        {"", "invalid_csv",
         fmt::format("the row has {} cells and there are {} columns", record.cells.size(), columns_.size())});
  } else {
    write_row(record, row);
  }
  return true;
}

std::int64_t ImportRows::count() const {
  ImportRows rest = *this;
  std::int64_t n = 0;
  if (is_csv_) {
    for (CsvRecord record; rest.csv_.next(record);) ++n;
  } else {
    for (std::int64_t line = 0; rest.take_line(line);) ++n;
  }
  return n;
}

std::optional<std::string_view> ImportRows::take_line(std::int64_t& number) {
  while (at_.offset < text_.size()) {
    const std::size_t end = std::min(text_.find('\n', at_.offset), text_.size());
    std::string_view line = text_.substr(at_.offset, end - at_.offset);
    number = at_.line++;
    at_.offset = std::min(end + 1, text_.size());
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") != std::string_view::npos) return line;
  }
  return std::nullopt;
}

bool ImportRows::next_line(ImportRow& row) {
  const auto line = take_line(row.line);
  if (!line) return false;
  if (line->size() > kRowMax) {
    row.problems.push_back({"", "too_long", fmt::format("a row has at most {} bytes", kRowMax)});
  } else {
    row.json = *line;
  }
  return true;
}

void ImportRows::write_row(const CsvRecord& record, ImportRow& row) {
  base::JsonWriter out;
  base::JsonDocument document;
  out.object();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::string& cell = record.cells[i];
    if (!simdjson::validate_utf8(cell)) {
      row.problems.push_back({"/" + columns_[i], "invalid_text", "the cell is not UTF-8"});
    } else if (is_attribute(columns_[i])) {
      continue;
    } else if (cell.empty()) {
      out.key(columns_[i]).null();
    } else if (columns_[i] != "attributes") {
      out.field(columns_[i], cell);
    } else if (const auto value = document.parse(cell)) {
      out.key("attributes").element(*value);
    } else {
      row.problems.push_back({"/attributes", "not_json", value.error().message});
    }
  }
  if (has_attributes_) write_attributes(record, out);
  if (!row.problems.empty()) return;
  out.end_object();
  row.json = out.str();
}

void ImportRows::write_attributes(const CsvRecord& record, base::JsonWriter& out) const {
  out.key("attributes").object();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!is_attribute(columns_[i]) || record.cells[i].empty()) continue;
    out.field(std::string_view(columns_[i]).substr(kAttributePrefix.size()), record.cells[i]);
  }
  out.end_object();
}

TextPlace ImportRows::place() const noexcept { return is_csv_ ? csv_.place() : at_; }

void ImportRows::seek(TextPlace place) {
  at_ = place;
  csv_ = CsvReader(text_, place);
}

namespace {

std::optional<std::string> read_user_of(base::ObjectReader& reader, base::Problems& problems) {
  std::string user_id;
  reader.require("user_id");
  if (!reader.id_text("user_id", user_id, kUserIdMax)) return std::nullopt;
  if (is_user_id(user_id)) return user_id;
  problems.push_back({"/user_id", "invalid_user_id", user_id_rule()});
  return std::nullopt;
}

}  // namespace

std::optional<std::string> read_row_user(base::JsonElement row, base::Problems& problems) {
  base::ObjectReader reader(row, "", problems);
  return read_user_of(reader, problems);
}

std::optional<std::string> read_member(base::JsonElement row, base::Problems& problems) {
  base::ObjectReader reader(row, "", problems);
  auto user_id = read_user_of(reader, problems);
  reader.done();
  return problems.empty() ? std::move(user_id) : std::nullopt;
}

}  // namespace carillon::model
