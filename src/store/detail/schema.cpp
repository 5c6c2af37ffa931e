#include "store/detail/schema.h"

#include <fmt/format.h>

#include <array>
#include <string>

#include "store/detail/sqlite.h"

namespace carillon::store::detail {
namespace {

// Step n brings version n to n + 1. Never changed once released; new ones are added at the end.
constexpr std::array kSteps{
#include "store/schema/sqlite/0001_foundation.sql"
};

}  // namespace

std::int64_t schema_version() noexcept { return static_cast<std::int64_t>(kSteps.size()); }

Result<bool> migrate(Db& db) {
  CARILLON_TRY(const std::int64_t found, db.scalar("PRAGMA user_version"));
  if (found > schema_version()) {
    return fail(
        Errc::FailedPrecondition,
        fmt::format("the store was written by a newer version (schema {}, this program knows {}); use that "
                    "version or restore a backup",
                    found, schema_version()));
  }
  for (std::int64_t step = found; step < schema_version(); ++step) {
    const std::string sql = fmt::format("BEGIN IMMEDIATE; {}; PRAGMA user_version = {}; COMMIT",
                                        kSteps[static_cast<std::size_t>(step)], step + 1);
    if (Result<void> done = db.exec(sql.c_str()); !done) {
      if (db.in_transaction()) static_cast<void>(db.exec("ROLLBACK"));
      return std::unexpected(done.error());
    }
  }
  return found == 0;
}

}  // namespace carillon::store::detail
