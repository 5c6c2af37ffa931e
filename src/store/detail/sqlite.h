// SQLite behind RAII: one connection, its statements, its errors. The only file that names sqlite3.
//
// A Db and its statements belong to one thread at a time (opened NOMUTEX). Statements are prepared
// once per connection and found again by the address of their text, so `sql` must be a literal.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/error.h"

namespace carillon::store::detail {

// Reading a result code: full, I/O, busy, out of memory → Unavailable · corrupt, not a database →
// Corruption · constraint → AlreadyExists · too big → InvalidArgument · else Internal.
[[nodiscard]] Errc errc_of(int rc) noexcept;

// A prepared statement in use. Texts and blobs are bound by reference: they must live until the
// statement is reset. The destructor resets it, which also ends its read of the table.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* stmt) noexcept : stmt_(stmt) {}
  ~Statement() {
    if (stmt_ != nullptr) sqlite3_reset(stmt_);
  }
  Statement(Statement&& other) noexcept : stmt_(std::exchange(other.stmt_, nullptr)) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Parameters count from 1.
  Statement& bind(int i, std::int64_t v) noexcept {
    sqlite3_bind_int64(stmt_, i, v);
    return *this;
  }
  Statement& bind(int i, std::string_view v) noexcept {
    sqlite3_bind_text(stmt_, i, v.data() == nullptr ? "" : v.data(), static_cast<int>(v.size()),
                      SQLITE_STATIC);
    return *this;
  }
  Statement& bind(int i, Time v) noexcept { return bind(i, to_ms(v)); }
  Statement& bind(int i, const std::optional<Time>& v) noexcept { return v ? bind(i, *v) : bind_null(i); }
  Statement& bind(int i, const base::Hash128& v) noexcept {
    sqlite3_bind_blob(stmt_, i, v.data(), static_cast<int>(v.size()), SQLITE_STATIC);
    return *this;
  }
  Statement& bind_blob(int i, std::string_view v) noexcept {
    sqlite3_bind_blob(stmt_, i, v.data(), static_cast<int>(v.size()), SQLITE_STATIC);
    return *this;
  }
  Statement& bind_null(int i) noexcept {
    sqlite3_bind_null(stmt_, i);
    return *this;
  }
  // NULL for the empty text and for zero: defaults take no room in a row.
  Statement& bind_or_null(int i, std::string_view v) noexcept {
    return v.empty() ? bind_null(i) : bind(i, v);
  }
  Statement& bind_or_null(int i, std::int64_t v) noexcept { return v == 0 ? bind_null(i) : bind(i, v); }

  // The next row. True: there is one; false: done. Errors: see errc_of().
  [[nodiscard]] Result<bool> next();
  // Runs to the end; for INSERT, UPDATE, DELETE.
  [[nodiscard]] Result<void> run();
  // The same without the text of an error, for the hot path: SQLITE_ROW, SQLITE_DONE or an error.
  [[nodiscard]] int step() noexcept { return sqlite3_step(stmt_); }
  void reset() noexcept { sqlite3_reset(stmt_); }

  // Columns count from 0. Views are good until the next step.
  [[nodiscard]] std::int64_t integer(int c) const noexcept { return sqlite3_column_int64(stmt_, c); }
  template <class E>
  [[nodiscard]] E as(int c) const noexcept {
    return static_cast<E>(sqlite3_column_int64(stmt_, c));
  }
  [[nodiscard]] std::string_view text(int c) const noexcept {
    const auto* p = static_cast<const char*>(sqlite3_column_blob(stmt_, c));
    return p == nullptr ? std::string_view{}
                        : std::string_view(p, static_cast<std::size_t>(sqlite3_column_bytes(stmt_, c)));
  }
  [[nodiscard]] std::string string(int c) const { return std::string(text(c)); }
  [[nodiscard]] bool is_null(int c) const noexcept { return sqlite3_column_type(stmt_, c) == SQLITE_NULL; }
  [[nodiscard]] bool is_text(int c) const noexcept { return sqlite3_column_type(stmt_, c) == SQLITE_TEXT; }
  [[nodiscard]] Time time(int c) const noexcept { return from_ms(integer(c)); }
  [[nodiscard]] std::optional<Time> optional_time(int c) const noexcept {
    return is_null(c) ? std::nullopt : std::optional(time(c));
  }
  [[nodiscard]] base::Hash128 hash(int c) const noexcept;

 private:
  sqlite3_stmt* stmt_ = nullptr;
};

// The first column of all rows that are left.
[[nodiscard]] Result<std::vector<std::int64_t>> first_column(Statement& s);

enum class DbMode : std::uint8_t {
  Writer,  // makes the file when missing, WAL, synchronous=FULL
  Reader,  // query_only
  Copy,    // makes the file, which is worth nothing until it is whole: no journal, no sync
  Frozen   // a file nobody writes: reads it without a lock, a WAL or anything else beside it
};

class Db {
 public:
  // Errors: Unavailable · Corruption.
  static Result<std::unique_ptr<Db>> open(const std::string& path, DbMode mode, std::int64_t cache_bytes);
  // A writer's second file, under `name`. A transaction that writes both is atomic in each of them, not
  // across: after a crash between the two commits, the main file may have it and the other not. Errors as
  // open().
  Result<void> attach(const std::string& path, const std::string& name, std::int64_t cache_bytes);
  ~Db();
  Db(const Db&) = delete;
  Db& operator=(const Db&) = delete;

  // The statement of that literal, reset and ready to bind. The same literal may not be in use twice
  // at a time on one connection.
  // Asserts that the text compiles: SQL of ours that does not is our bug.
  [[nodiscard]] Statement statement(const char* sql);
  // For SQL put together at run time (filters): prepared anew, finalised with the connection's next
  // call of this function.
  [[nodiscard]] Result<Statement> prepare_once(const std::string& sql);
  // One or more statements without results.
  Result<void> exec(const char* sql);
  [[nodiscard]] std::int64_t changes() const noexcept { return sqlite3_changes64(handle_); }
  [[nodiscard]] std::int64_t last_id() const noexcept { return sqlite3_last_insert_rowid(handle_); }
  [[nodiscard]] bool in_transaction() const noexcept { return sqlite3_get_autocommit(handle_) == 0; }
  // The error of the last failed call on this connection.
  [[nodiscard]] Error last_error() const;
  // First column of the first row of a query without parameters; 0 when there is none.
  Result<std::int64_t> scalar(const char* sql);
  // Limits the file to so many pages (tests of a full disk); 0: no limit.
  void limit_pages(std::int64_t pages);
  // The connection itself, for the parts of SQLite that have no function here (backup).
  [[nodiscard]] sqlite3* handle() noexcept { return handle_; }
  // Ends this connection's running query from another thread (shutdown).
  void interrupt() noexcept { sqlite3_interrupt(handle_); }

 private:
  explicit Db(sqlite3* handle) noexcept : handle_(handle) {}
  sqlite3* handle_ = nullptr;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
  sqlite3_stmt* once_ = nullptr;
};

}  // namespace carillon::store::detail
