// A connection to the database and its statements, whichever engine it is: what is asked and stored is
// written once, for SQLite and PostgreSQL (decision 0019).
//
// SQL is that of SQLite 3.40 as far as PostgreSQL has it too: `?1` for a parameter, ON CONFLICT with its
// columns, RETURNING, CASE, coalesce(), IS NOT DISTINCT FROM. Each engine leaves out of a text what only the
// other knows: INDEXED BY, NOT INDEXED and the name of an attached file there, FOR UPDATE here. A column is a
// number, a text or bytes; what is true reads as 1.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/error.h"

namespace carillon::store::detail {

// A prepared statement of an engine that is not in this process.
class RemoteStatement {
 public:
  virtual ~RemoteStatement() = default;
  virtual void bind_integer(int i, std::optional<std::int64_t> v) = 0;
  virtual void bind_text(int i, std::optional<std::string_view> v) = 0;
  virtual void bind_bytes(int i, std::string_view v) = 0;
  virtual void bind_null(int i) = 0;  // of no kind: the statement's text tells
  virtual Result<bool> next() = 0;
  virtual Result<void> run() = 0;
  virtual void reset() noexcept = 0;
  [[nodiscard]] virtual std::int64_t integer(int c) const noexcept = 0;
  [[nodiscard]] virtual std::string_view text(int c) const noexcept = 0;
  [[nodiscard]] virtual bool is_null(int c) const noexcept = 0;
};

// A prepared statement in use. Texts and blobs are bound by reference: they must live until the
// statement is reset. The destructor resets it, which also ends its read of the table.
//
// SQLite is called without an indirection between: a delivery's way has some fifty of these calls.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* stmt) noexcept : stmt_(stmt) {}
  explicit Statement(RemoteStatement* remote) noexcept : remote_(remote) {}
  ~Statement() { reset(); }
  Statement(Statement&& other) noexcept
      : stmt_(std::exchange(other.stmt_, nullptr)), remote_(std::exchange(other.remote_, nullptr)) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Parameters count from 1.
  Statement& bind(int i, std::int64_t v) {
    if (is_remote()) {
      remote_->bind_integer(i, v);
    } else {
      sqlite3_bind_int64(stmt_, i, v);
    }
    return *this;
  }
  Statement& bind(int i, std::string_view v) {
    if (is_remote()) {
      remote_->bind_text(i, v);
    } else {
      sqlite3_bind_text(stmt_, i, v.data() == nullptr ? "" : v.data(), static_cast<int>(v.size()),
                        SQLITE_STATIC);
    }
    return *this;
  }
  Statement& bind(int i, Time v) { return bind(i, to_ms(v)); }
  Statement& bind(int i, const std::optional<Time>& v) { return v ? bind(i, *v) : no_integer(i); }
  Statement& bind(int i, const base::Hash128& v) {
    return bind_blob(i, std::string_view(reinterpret_cast<const char*>(v.data()), v.size()));
  }
  Statement& bind_blob(int i, std::string_view v) {
    if (is_remote()) {
      remote_->bind_bytes(i, v);
    } else {
      sqlite3_bind_blob(stmt_, i, v.data() == nullptr ? "" : v.data(), static_cast<int>(v.size()),
                        SQLITE_STATIC);
    }
    return *this;
  }
  Statement& bind_null(int i) {
    if (is_remote()) {
      remote_->bind_null(i);
    } else {
      sqlite3_bind_null(stmt_, i);
    }
    return *this;
  }
  // NULL for the empty text and for zero: defaults take no room in a row.
  Statement& bind_or_null(int i, std::string_view v) {
    if (!v.empty()) return bind(i, v);
    if (!is_remote()) return bind_null(i);
    remote_->bind_text(i, std::nullopt);
    return *this;
  }
  Statement& bind_or_null(int i, std::int64_t v) { return v == 0 ? no_integer(i) : bind(i, v); }

  // The next row. True: there is one; false: done. Errors: see errc_of() of the engine.
  [[nodiscard]] Result<bool> next();
  // Runs to the end; for INSERT, UPDATE, DELETE. Its error may come later, from Db::flush() or the commit.
  [[nodiscard]] Result<void> run();
  void reset() noexcept {
    if (stmt_ != nullptr) sqlite3_reset(stmt_);
    if (remote_ != nullptr) remote_->reset();
  }

  // Columns count from 0. Views are good until the next step.
  [[nodiscard]] std::int64_t integer(int c) const noexcept {
    return is_remote() ? remote_->integer(c) : sqlite3_column_int64(stmt_, c);
  }
  template <class E>
  [[nodiscard]] E as(int c) const noexcept {
    return static_cast<E>(integer(c));
  }
  [[nodiscard]] std::string_view text(int c) const noexcept {
    if (is_remote()) return remote_->text(c);
    const auto* p = static_cast<const char*>(sqlite3_column_blob(stmt_, c));
    return p == nullptr ? std::string_view{}
                        : std::string_view(p, static_cast<std::size_t>(sqlite3_column_bytes(stmt_, c)));
  }
  [[nodiscard]] std::string string(int c) const { return std::string(text(c)); }
  [[nodiscard]] bool is_null(int c) const noexcept {
    return is_remote() ? remote_->is_null(c) : sqlite3_column_type(stmt_, c) == SQLITE_NULL;
  }
  // Not bytes, where the column's type leaves that open.
  [[nodiscard]] bool is_text(int c) const noexcept {
    return is_remote() ? !remote_->is_null(c) : sqlite3_column_type(stmt_, c) == SQLITE_TEXT;
  }
  [[nodiscard]] Time time(int c) const noexcept { return from_ms(integer(c)); }
  [[nodiscard]] std::optional<Time> optional_time(int c) const noexcept {
    return is_null(c) ? std::nullopt : std::optional(time(c));
  }
  [[nodiscard]] base::Hash128 hash(int c) const noexcept;

 private:
  [[nodiscard]] bool is_remote() const noexcept { return remote_ != nullptr; }
  Statement& no_integer(int i) {
    if (!is_remote()) return bind_null(i);
    remote_->bind_integer(i, std::nullopt);
    return *this;
  }
  sqlite3_stmt* stmt_ = nullptr;
  RemoteStatement* remote_ = nullptr;
};

// The first column of all rows that are left.
[[nodiscard]] Result<std::vector<std::int64_t>> first_column(Statement& s);

// Belongs to one thread at a time. Statements are prepared once per connection and found again by the address
// of their text, so `sql` must be a literal.
class Db {
 public:
  Db() = default;
  virtual ~Db() = default;
  Db(const Db&) = delete;
  Db& operator=(const Db&) = delete;

  // The statement of that literal, reset and ready to bind. The same literal may not be in use twice
  // at a time on one connection. SQL of ours that does not compile is our bug.
  [[nodiscard]] virtual Statement statement(const char* sql) = 0;
  // One or more statements without parameters and results.
  virtual Result<void> exec(const char* sql) = 0;
  // Rows that the statement changed that ran last, and the id it gave. Both wait for its answer; 0 when there
  // was an error, which flush() then tells.
  [[nodiscard]] virtual std::int64_t changes() noexcept = 0;
  [[nodiscard]] virtual std::int64_t last_id() noexcept = 0;
  [[nodiscard]] virtual bool in_transaction() const noexcept = 0;
  // First column of the first row of a query without parameters; 0 when there is none.
  Result<std::int64_t> scalar(const char* sql);

  // ---- transactions
  virtual Result<void> begin() = 0;
  // Errors: DeadlineExceeded (nobody knows whether it was) besides those of the engine.
  virtual Result<void> commit() = 0;
  virtual void rollback() noexcept = 0;
  // Waits for what run() has only handed on; the first error since the last call.
  virtual Result<void> flush() { return {}; }
  // The transaction failed because of what others did meanwhile, or the way it met them: the same again may
  // do.
  [[nodiscard]] virtual bool wants_retry() const noexcept { return false; }
  // A view of one moment for what is read until end_read().
  virtual Result<void> begin_read() = 0;
  virtual void end_read() noexcept = 0;

  // ---- where the engines differ
  // The database is another process's, and rows have no number of their own.
  [[nodiscard]] virtual bool is_server() const noexcept { return false; }
  // Others who lock the same number wait until this transaction ends. For what has no row yet.
  virtual Result<void> lock(std::int64_t number) = 0;
  // Likewise, but several who lock it this way do not wait for each other.
  virtual Result<void> lock_shared(std::int64_t number) = 0;
  // While more often said true than false: what is deleted is to be found in no file any more.
  virtual void overwrite_deleted(bool is_on) noexcept = 0;
};

}  // namespace carillon::store::detail
