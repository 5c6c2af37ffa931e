#include "store/detail/sqlite.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/log.h"
#include "store/detail/gathering_vfs.h"

namespace carillon::store::detail {
namespace {

// SQLite is compiled without its own look at every call whether this was done.
void initialize_library() {
  static std::once_flag once;
  std::call_once(once, [] { sqlite3_initialize(); });
}

std::int64_t cache_kib(std::int64_t bytes) { return std::max<std::int64_t>(bytes / 1024, 512); }

// A checkpoint every 64 MB by the writer itself keeps the WAL small; a second thread doing it let it grow
// without end (PIPELINE §5).
std::string durable(std::string_view schema) {
  return fmt::format(
      "PRAGMA {0}.journal_mode=WAL; PRAGMA {0}.synchronous=FULL; PRAGMA {0}.journal_size_limit=67108864;"
      "PRAGMA wal_autocheckpoint=16384",
      schema);
}

// `path` as a URI that says nobody changes the file: the three characters that mean something in one are
// escaped.
std::string frozen_uri(std::string_view path) {
  // Two slashes more, or a path that begins with two would name a host.
  std::string uri = path.starts_with('/') ? "file://" : "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02x}", static_cast<unsigned>(c));
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

int open_flags(DbMode mode) {
  constexpr int kAlways = SQLITE_OPEN_NOMUTEX;
  switch (mode) {
    case DbMode::Writer:
    case DbMode::Copy: return kAlways | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    case DbMode::Reader: return kAlways | SQLITE_OPEN_READWRITE;
    case DbMode::Frozen: return kAlways | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
  }
  return kAlways;
}

Error error_of(sqlite3* handle, int rc) {
  return Error{errc_of(rc), fmt::format("store: {} ({})", sqlite3_errmsg(handle), sqlite3_errstr(rc))};
}

// The one writer has every row to itself.
std::string_view without_row_lock(std::string_view sql) {
  constexpr std::string_view kRowLock = " FOR UPDATE";
  return sql.ends_with(kRowLock) ? sql.substr(0, sql.size() - kRowLock.size()) : sql;
}

}  // namespace

Errc errc_of(int rc) noexcept {
  switch (rc & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PROTOCOL: return Errc::Unavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Errc::Corruption;
    case SQLITE_CONSTRAINT: return Errc::AlreadyExists;
    case SQLITE_TOOBIG: return Errc::InvalidArgument;
    case SQLITE_INTERRUPT: return Errc::Cancelled;
    default: return Errc::Internal;
  }
}

Result<bool> Statement::next() {
  if (is_remote()) return remote_->next();
  const int rc = sqlite3_step(stmt_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  return std::unexpected(error_of(sqlite3_db_handle(stmt_), rc));
}

Result<void> Statement::run() {
  if (is_remote()) return remote_->run();
  for (;;) {
    const int rc = sqlite3_step(stmt_);
    if (rc == SQLITE_ROW) continue;
    if (rc == SQLITE_DONE) {
      sqlite3_reset(stmt_);
      return {};
    }
    return std::unexpected(error_of(sqlite3_db_handle(stmt_), rc));
  }
}

Result<std::unique_ptr<SqliteDb>> SqliteDb::open(const std::string& path, DbMode mode,
                                                 std::int64_t cache_bytes) {
  initialize_library();
  sqlite3* handle = nullptr;
  const std::string name = mode == DbMode::Frozen ? frozen_uri(path) : path;
  const int rc = sqlite3_open_v2(name.c_str(), &handle, open_flags(mode),
                                 mode == DbMode::Writer ? gathering_vfs() : nullptr);
  std::unique_ptr<SqliteDb> db(new SqliteDb(handle));
  if (rc != SQLITE_OK) return fail(errc_of(rc), fmt::format("cannot open {}: {}", path, sqlite3_errstr(rc)));
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, 5'000);
  CARILLON_CHECK(db->exec(fmt::format("PRAGMA main.cache_size=-{}", cache_kib(cache_bytes)).c_str()));
  CARILLON_CHECK(db->exec(
      "PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=OFF; PRAGMA trusted_schema=OFF;"
      // Zeros over what is freed inside of a page, which costs no I/O: an old row is not left behind.
      "PRAGMA secure_delete=FAST"));
  if (mode == DbMode::Reader) CARILLON_CHECK(db->exec("PRAGMA query_only=ON"));
  if (mode == DbMode::Writer) CARILLON_CHECK(db->exec(durable("main").c_str()));
  if (mode == DbMode::Copy) {
    CARILLON_CHECK(
        db->exec("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE"));
  }
  return db;
}

Result<void> SqliteDb::attach(const std::string& path, const std::string& name, std::int64_t cache_bytes) {
  {
    CARILLON_TRY(Statement s, prepare_once("ATTACH ?1 AS " + name));
    CARILLON_CHECK(s.bind(1, path).run());
  }
  CARILLON_CHECK(exec(fmt::format("PRAGMA {}.cache_size=-{}", name, cache_kib(cache_bytes)).c_str()));
  return exec(durable(name).c_str());
}

SqliteDb::~SqliteDb() {
  for (const auto& [sql, stmt] : statements_) sqlite3_finalize(stmt);
  sqlite3_finalize(once_);
  sqlite3_close_v2(handle_);
}

Statement SqliteDb::statement(const char* sql) {
  auto [it, is_new] = statements_.try_emplace(sql, nullptr);
  if (is_new) {
    const std::string_view text = without_row_lock(sql);
    const int rc = sqlite3_prepare_v3(handle_, text.data(), static_cast<int>(text.size()),
                                      SQLITE_PREPARE_PERSISTENT, &it->second, nullptr);
    if (rc != SQLITE_OK) {
      base::log_error("store: {} in: {}", sqlite3_errmsg(handle_), sql);
      CARILLON_ASSERT(rc == SQLITE_OK);
    }
  }
  return Statement(it->second);
}

Result<Statement> SqliteDb::prepare_once(const std::string& sql) {
  sqlite3_finalize(std::exchange(once_, nullptr));
  const int rc = sqlite3_prepare_v3(handle_, sql.c_str(), static_cast<int>(sql.size()), 0, &once_, nullptr);
  if (rc != SQLITE_OK) return std::unexpected(error_of(handle_, rc));
  return Statement(once_);
}

Result<void> SqliteDb::begin() {
  // Deferred: the files it does not write are not locked. Nobody else writes, so no upgrade can fail.
  return statement("BEGIN").run();
}

Result<void> SqliteDb::commit() { return statement("COMMIT").run(); }

void SqliteDb::rollback() noexcept {
  // After a full disk or an I/O error SQLite has rolled back by itself.
  if (in_transaction()) static_cast<void>(statement("ROLLBACK").run());
}

void SqliteDb::end_read() noexcept { static_cast<void>(statement("COMMIT").run()); }

void SqliteDb::overwrite_deleted(bool is_on) noexcept {
  // A flag: setting it cannot fail.
  if (is_on && overwriting_++ == 0) static_cast<void>(exec("PRAGMA secure_delete=ON"));
  if (!is_on && --overwriting_ == 0) static_cast<void>(exec("PRAGMA secure_delete=FAST"));
}

Result<void> SqliteDb::exec(const char* sql) {
  const int rc = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) return std::unexpected(error_of(handle_, rc));
  return {};
}

Error SqliteDb::last_error() const { return error_of(handle_, sqlite3_extended_errcode(handle_)); }

void SqliteDb::limit_pages(std::int64_t pages) {
  const std::int64_t limit = pages == 0 ? 1'073'741'823 : pages;
  static_cast<void>(exec(fmt::format("PRAGMA max_page_count={}", limit).c_str()));
}

}  // namespace carillon::store::detail
