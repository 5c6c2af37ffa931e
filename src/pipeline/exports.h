// Exports: all pages of a list of the history as one CSV file, made by a job and kept for a while.
//
// The file grows in the spool and becomes an object when it is whole; nothing but the job's row leads to that
// object: it is in no list and no send can name it. A run that was interrupted begins anew: rows have changed
// meanwhile, and half a file of then and half of now would be neither.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/metrics.h"
#include "base/task.h"
#include "objects/objects.h"
#include "pipeline/directory.h"
#include "pipeline/spool.h"
#include "store/store.h"

namespace carillon::pipeline {

inline constexpr std::string_view kJobExportNotifications = "export_notifications";
inline constexpr std::string_view kJobExportDeliveries = "export_deliveries";
[[nodiscard]] constexpr bool is_export(std::string_view kind) noexcept {
  return kind == kJobExportNotifications || kind == kJobExportDeliveries;
}

inline constexpr std::int64_t kExportRowsMax = 1'000'000;   // the newest; the job says when there were more
inline constexpr Millis kExportKept{3LL * 24 * 3'600'000};  // after the end of its job
inline constexpr std::size_t kOpenExportsMax = 20;          // that may wait or run; more are refused

// What is kept in StoredJob::spec; the project and the app are the job's.
struct ExportSpec {
  store::HistoryFilter filter;       // without paging; `until` is never later than the job
  std::vector<std::string> columns;  // of export_columns(), in this order
};
std::string encode(const ExportSpec& spec);
Result<ExportSpec> decode_export_spec(std::string_view json);  // Errors: Corruption.

// What there may be of a row, in the order of a file that does not choose.
[[nodiscard]] std::span<const std::string_view> export_columns(std::string_view kind) noexcept;
// The object that holds what a completed job made. Its size is the job's `line`.
[[nodiscard]] std::string export_name(std::int64_t job);

// Makes one file. On one executor.
class Exporter {
 public:
  struct Deps {
    store::Store& store;
    const Directory& directory;
    const base::Clock& clock;
    objects::Objects* objects;  // null: this process keeps none
    const Spool& spool;
    base::Counter rows;
  };
  // `deps` outlives it. `file`: of the spool, nobody else's.
  Exporter(const Deps& deps, store::StoredJob job, std::string file)
      : deps_(deps), job_(std::move(job)), file_(std::move(file)) {}

  // Until the end, or until `is_stopping`. Errors: FailedPrecondition (the job was ended meanwhile) ·
  // ResourceExhausted (no room for the file) · Corruption (spec) · Unavailable (objects) · those of the
  // store.
  Task<Result<void>> run(const bool& is_stopping);

 private:
  // One page of the list, appended to buffer_.
  Task<Result<void>> take_deliveries();
  Task<Result<void>> take_notifications();
  [[nodiscard]] std::string app_name(std::int64_t app) const;
  Result<void> write_out();
  // How far it came, and how many rows more that are. Errors: as run().
  Task<Result<void>> tell(std::int64_t cursor, std::int64_t done);
  Task<Result<void>> step(store::JobStep step);
  Task<Result<void>> keep(const bool& is_stopping);

  const Deps& deps_;
  store::StoredJob job_;
  const std::string file_;
  ExportSpec spec_;
  std::vector<std::size_t> columns_;  // of export_columns()
  base::Descriptor out_;
  std::string buffer_;
  std::vector<std::string> cells_;
  std::int64_t rows_ = 0, told_rows_ = 0, bytes_ = 0;
};

}  // namespace carillon::pipeline
