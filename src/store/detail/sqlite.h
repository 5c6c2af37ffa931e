// SQLite behind RAII: one connection, its statements, its errors.
//
// A connection belongs to one thread at a time (opened NOMUTEX).
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "store/detail/db.h"

namespace carillon::store::detail {

// Reading a result code: full, I/O, busy, out of memory → Unavailable · corrupt, not a database →
// Corruption · constraint → AlreadyExists · too big → InvalidArgument · else Internal.
[[nodiscard]] Errc errc_of(int rc) noexcept;

enum class DbMode : std::uint8_t {
  Writer,  // makes the file when missing, WAL, synchronous=FULL
  Reader,  // query_only
  Copy,    // makes the file, which is worth nothing until it is whole: no journal, no sync
  Frozen   // a file nobody writes: reads it without a lock, a WAL or anything else beside it
};

class SqliteDb final : public Db {
 public:
  // Errors: Unavailable · Corruption.
  static Result<std::unique_ptr<SqliteDb>> open(const std::string& path, DbMode mode,
                                                std::int64_t cache_bytes);
  // A writer's second file, under `name`. A transaction that writes both is atomic in each of them, not
  // across: after a crash between the two commits, the main file may have it and the other not. Errors as
  // open().
  Result<void> attach(const std::string& path, const std::string& name, std::int64_t cache_bytes);
  ~SqliteDb() override;

  [[nodiscard]] Statement statement(const char* sql) override;
  Result<void> exec(const char* sql) override;
  [[nodiscard]] std::int64_t changes() noexcept override { return sqlite3_changes64(handle_); }
  [[nodiscard]] std::int64_t last_id() noexcept override { return sqlite3_last_insert_rowid(handle_); }
  [[nodiscard]] bool in_transaction() const noexcept override { return sqlite3_get_autocommit(handle_) == 0; }
  Result<void> begin() override;
  Result<void> commit() override;
  void rollback() noexcept override;
  Result<void> begin_read() override { return begin(); }
  void end_read() noexcept override;
  // Nobody else writes.
  Result<void> lock(std::int64_t) override { return {}; }
  Result<void> lock_shared(std::int64_t) override { return {}; }
  void overwrite_deleted(bool is_on) noexcept override;

  // For SQL put together at run time: prepared anew, finalised with the connection's next call of this
  // function.
  [[nodiscard]] Result<Statement> prepare_once(const std::string& sql);
  // The error of the last failed call on this connection.
  [[nodiscard]] Error last_error() const;
  // Limits the file to so many pages (tests of a full disk); 0: no limit.
  void limit_pages(std::int64_t pages);
  // The connection itself, for the parts of SQLite that have no function here (backup).
  [[nodiscard]] sqlite3* handle() noexcept { return handle_; }
  // Ends this connection's running query from another thread (shutdown).
  void interrupt() noexcept { sqlite3_interrupt(handle_); }

 private:
  explicit SqliteDb(sqlite3* handle) noexcept : handle_(handle) {}
  sqlite3* handle_ = nullptr;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
  sqlite3_stmt* once_ = nullptr;
  int overwriting_ = 0;
};

}  // namespace carillon::store::detail
