// Feeds any text to the CSV reader and to the rows of an import: they come to the end, always moving on, and
// what is read without an error is written and read back as it was.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/csv.h"
#include "model/import_rows.h"

namespace {

void check_rows(std::string_view text, carillon::model::ImportFormat format) {
  using namespace carillon::model;
  for (const ImportKind kind : {ImportKind::Users, ImportKind::Members}) {
    auto rows = ImportRows::open(text, format, kind);
    if (!rows) {
      if (rows.error().empty()) std::abort();
      continue;
    }
    std::size_t before = rows->place().offset;
    for (ImportRow row; rows->next(row);) {
      if (rows->place().offset <= before) std::abort();
      before = rows->place().offset;
      if (row.json.empty() == row.problems.empty()) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon::model;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CsvReader reader(text);
  CsvRecord record;
  std::size_t before = reader.place().offset;
  while (reader.next(record)) {
    if (reader.place().offset <= before && before != 0) std::abort();
    before = reader.place().offset;
    if (!record.error.empty()) continue;
    const std::string written = csv_row(record.cells);
    if (written.size() > kRowMax) continue;
    CsvReader again(written);
    CsvRecord same;
    if (!again.next(same) || same.cells != record.cells) std::abort();
  }
  check_rows(text, ImportFormat::Csv);
  check_rows(text, ImportFormat::Ndjson);
  return 0;
}
