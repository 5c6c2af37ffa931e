// A copy of both files as of one moment, made by the writer between its transactions (decision 0014).
//
// SQLite's backup copies pages; what this connection changes on pages that are copied already, it changes in
// the copy too (https://sqlite.org/c3ref/backup_finish.html). Nothing else writes these files, so both copies
// follow them without a snapshot being held, until the last pieces of both are copied in one turn: that is
// the moment they are of. Writer's thread only, from begin() to the destructor.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "store/detail/sqlite.h"

namespace carillon::store::detail {

class Backup {
 public:
  // Makes carillon.db and people.db in `folder`, from the connection that has them as main and people.
  // Errors: AlreadyExists (the folder holds such a file) · Unavailable.
  static Result<std::unique_ptr<Backup>> begin(SqliteDb& source, const std::string& folder);
  ~Backup();
  Backup(const Backup&) = delete;
  Backup& operator=(const Backup&) = delete;

  // Copies a piece of a megabyte, the last one of two; outside of transactions. True: both are whole, and of
  // this moment; they are on the disk only after a sync. Not to be called again after that, or an error.
  // Errors: Unavailable (the target is full or away) · Corruption (of the store).
  Result<bool> step();

  [[nodiscard]] std::int64_t bytes_done() const noexcept;
  [[nodiscard]] std::int64_t bytes_total() const noexcept;

 private:
  struct Part {
    std::string path;
    std::unique_ptr<SqliteDb> copy;
    sqlite3_backup* handle = nullptr;
  };
  Backup() = default;
  static Result<void> open(Part& part, SqliteDb& source, const char* schema, std::string path);
  // SQLite's answer to one step: done or not, or what went wrong.
  static Result<bool> copy(Part& part, int pages);
  static Result<void> finish(Part& part);

  Part everything_, people_;
  std::int64_t turns_ = 0;
};

}  // namespace carillon::store::detail
