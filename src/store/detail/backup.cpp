#include "store/detail/backup.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/failpoint.h"
#include "store/backup.h"
#include "store/detail/schema.h"
#include "store/detail/sqlite_store.h"

namespace carillon::store::detail {
namespace {

constexpr int kPiecePages = 256;                   // about a millisecond from the page cache
constexpr std::int64_t kCopyCacheBytes = 1 << 20;  // of a copy: what is full goes to its file
constexpr std::int64_t kPageBytes = 4096;          // SQLite's default, which nobody changes here
// Copied by one piece per commit it could be overtaken only by commits that add a megabyte each. Then the
// rest is copied in one turn, however long that holds up the writer: a backup ends.
constexpr std::int64_t kTurnsMaxFactor = 4, kTurnsMaxMore = 1'000;

Error copy_error(const std::string& path, int rc) {
  return Error{errc_of(rc), fmt::format("cannot copy the store to {}: {}", path, sqlite3_errstr(rc))};
}

}  // namespace

Result<void> Backup::open(Part& part, SqliteDb& source, const char* schema, std::string path) {
  part.path = std::move(path);
  std::error_code ec;
  if (std::filesystem::exists(part.path, ec)) {
    return fail(Errc::AlreadyExists, fmt::format("{} is there already", part.path));
  }
  CARILLON_TRY(part.copy, SqliteDb::open(part.path, DbMode::Copy, kCopyCacheBytes));
  ::chmod(part.path.c_str(), 0600);
  part.handle = sqlite3_backup_init(part.copy->handle(), "main", source.handle(), schema);
  if (part.handle == nullptr) return std::unexpected(part.copy->last_error());
  return {};
}

Result<std::unique_ptr<Backup>> Backup::begin(SqliteDb& source, const std::string& folder) {
  std::unique_ptr<Backup> backup(new Backup());
  CARILLON_CHECK(open(backup->everything_, source, "main", folder + "/carillon.db"));
  CARILLON_CHECK(open(backup->people_, source, "people", folder + "/people.db"));
  // No page yet: they learn how many there are.
  CARILLON_CHECK(copy(backup->everything_, 0));
  CARILLON_CHECK(copy(backup->people_, 0));
  return backup;
}

Backup::~Backup() {
  for (Part* part : {&everything_, &people_}) {
    if (part->handle != nullptr) sqlite3_backup_finish(part->handle);
  }
}

Result<bool> Backup::copy(Part& part, int pages) {
  const int rc = sqlite3_backup_step(part.handle, pages);
  if (rc == SQLITE_OK) return false;
  if (rc == SQLITE_DONE) return true;
  return std::unexpected(copy_error(part.path, rc));
}

Result<void> Backup::finish(Part& part) {
  const int rc = sqlite3_backup_finish(std::exchange(part.handle, nullptr));
  if (rc != SQLITE_OK) return std::unexpected(copy_error(part.path, rc));
  part.copy.reset();
  return {};
}

Result<bool> Backup::step() {
  const std::int64_t turns_max = bytes_total() / (kPageBytes * kPiecePages) * kTurnsMaxFactor + kTurnsMaxMore;
  if (++turns_ < turns_max) {
    // One file is never finished before the other: it would be of another moment.
    for (Part* part : {&everything_, &people_}) {
      // No page: how much is left is known as of the last step, and a rollback since has it begin anew.
      CARILLON_CHECK(copy(*part, 0));
      if (sqlite3_backup_remaining(part->handle) <= kPiecePages) continue;
      CARILLON_CHECK(copy(*part, kPiecePages));
      return false;
    }
  }
  for (Part* part : {&everything_, &people_}) {
    CARILLON_TRY(const bool is_done, copy(*part, -1));
    CARILLON_ASSERT(is_done);
  }
  for (Part* part : {&everything_, &people_}) CARILLON_CHECK(finish(*part));
  return true;
}

std::int64_t Backup::bytes_total() const noexcept {
  std::int64_t pages = 0;
  for (const Part* part : {&everything_, &people_}) {
    if (part->handle != nullptr) pages += sqlite3_backup_pagecount(part->handle);
  }
  return pages * kPageBytes;
}

std::int64_t Backup::bytes_done() const noexcept {
  std::int64_t pages = 0;
  for (const Part* part : {&everything_, &people_}) {
    if (part->handle != nullptr) pages += sqlite3_backup_remaining(part->handle);
  }
  return bytes_total() - pages * kPageBytes;
}

Task<Result<Time>> SqliteStore::copy_to(std::string folder, const base::Clock& clock,
                                        std::shared_ptr<CopyProgress> progress) {
  auto begin = [this, folder = std::move(folder)](Txn& txn) -> Result<bool> {
    if (backup_) return fail(Errc::FailedPrecondition, "the store is being copied already");
    CARILLON_TRY(backup_, Backup::begin(static_cast<SqliteDb&>(txn.db), folder));
    return true;
  };
  CARILLON_CO_CHECK(co_await write(std::move(begin), JobClass::Between, 0));
  // The moment, once it is done.
  const auto step = [this, progress, &clock](Txn& txn) -> Result<std::optional<Time>> {
    CARILLON_ASSERT(!txn.db.in_transaction());
    progress->total.store(backup_->bytes_total());
    progress->done.store(backup_->bytes_done());
    // Read before: what is answered up to then was committed in an earlier turn of this thread.
    const Time now = clock.now();
    Result<bool> is_done = fail(Errc::Cancelled, "the copy was stopped");
    if (!progress->stop.stop_requested()) is_done = backup_->step();
    CARILLON_FAILPOINT("backup.copying");
    if (is_done && !*is_done) return std::nullopt;
    backup_.reset();
    CARILLON_CHECK(is_done);
    progress->done.store(progress->total.load());
    return now;
  };
  while (true) {
    CARILLON_CO_TRY(const auto moment, co_await write(step, JobClass::Between, 0));
    if (moment) co_return *moment;
  }
}

}  // namespace carillon::store::detail

namespace carillon::store {

SchemaVersions known_schema() noexcept {
  return {detail::schema_version(detail::File::Everything), detail::schema_version(detail::File::People)};
}

namespace {

// The schema of a file that is whole.
Result<std::int64_t> check_file(const std::string& path, const std::stop_token& stop) {
  auto db = detail::SqliteDb::open(path, detail::DbMode::Frozen, 2 << 20);
  if (!db) return fail(Errc::Corruption, fmt::format("{} is no database: {}", path, db.error().message));
  {
    const std::stop_callback interrupt(stop, [&db] { (*db)->interrupt(); });
    auto s = (*db)->prepare_once("PRAGMA quick_check(1)");
    if (!s) return fail(Errc::Corruption, fmt::format("{}: {}", path, s.error().message));
    const auto has_row = s->next();
    if (stop.stop_requested()) return fail(Errc::Cancelled, "the check was stopped");
    if (!has_row) return fail(Errc::Corruption, fmt::format("{}: {}", path, has_row.error().message));
    if (!*has_row || s->text(0) != "ok") {
      return fail(Errc::Corruption, fmt::format("{} is damaged: {}", path, *has_row ? s->text(0) : ""));
    }
  }
  return (*db)->scalar("PRAGMA user_version");
}

}  // namespace

Result<SchemaVersions> check_files(const std::string& folder, const std::stop_token& stop) {
  SchemaVersions found;
  CARILLON_TRY(found.everything, check_file(folder + "/carillon.db", stop));
  CARILLON_TRY(found.people, check_file(folder + "/people.db", stop));
  return found;
}

}  // namespace carillon::store
