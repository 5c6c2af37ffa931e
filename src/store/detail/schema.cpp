#include "store/detail/schema.h"

#include <fmt/format.h>

#include <array>
#include <span>
#include <string>

#include "store/detail/sqlite.h"

namespace carillon::store::detail {
namespace {

// Step n brings version n to n + 1. Never changed once released; new ones are added at the end.
constexpr std::array kSteps{
#include "store/schema/sqlite/0001_foundation.sql"
    ,
#include "store/schema/sqlite/0002_people.sql"
    ,
#include "store/schema/sqlite/0003_outage.sql"
    ,
#include "store/schema/sqlite/0004_history_blocks.sql"
    ,
#include "store/schema/sqlite/0005_expansion.sql"
    ,
#include "store/schema/sqlite/0006_event_letters.sql"
    ,
#include "store/schema/sqlite/0007_approval.sql"
    ,
#include "store/schema/sqlite/0008_alerts.sql"
    ,
#include "store/schema/sqlite/0009_audit.sql"
    ,
#include "store/schema/sqlite/0010_receipts.sql"
    ,
#include "store/schema/sqlite/0011_approval_hour.sql"
    ,
#include "store/schema/sqlite/0012_progress.sql"
    ,
#include "store/schema/sqlite/0013_sensitive.sql"
    ,
#include "store/schema/sqlite/0014_objects.sql"
    ,
#include "store/schema/sqlite/0015_webhooks.sql"
    ,
#include "store/schema/sqlite/0016_sessions.sql"
    ,
#include "store/schema/sqlite/0017_record_letters.sql"
    ,
#include "store/schema/sqlite/0018_expansion_parts.sql"
    ,
#include "store/schema/sqlite/0019_console.sql"
};
constexpr std::array kPeopleSteps{
#include "store/schema/sqlite/people/0001_people.sql"
    ,
#include "store/schema/sqlite/people/0002_groups.sql"
    ,
#include "store/schema/sqlite/people/0003_jobs.sql"
    ,
#include "store/schema/sqlite/people/0004_job_request.sql"
    ,
#include "store/schema/sqlite/people/0005_phone.sql"
};

std::span<const char* const> steps_of(File file) {
  return file == File::People ? std::span<const char* const>(kPeopleSteps) : kSteps;
}

}  // namespace

std::int64_t schema_version(File file) noexcept { return static_cast<std::int64_t>(steps_of(file).size()); }

Result<bool> migrate(Db& db, File file) {
  const auto steps = steps_of(file);
  const std::int64_t last = schema_version(file);
  CARILLON_TRY(const std::int64_t found, db.scalar("PRAGMA main.user_version"));
  if (found > last) {
    return fail(
        Errc::FailedPrecondition,
        fmt::format("the store was written by a newer version (schema {}, this program knows {}); use that "
                    "version or restore a backup",
                    found, last));
  }
  for (std::int64_t step = found; step < last; ++step) {
    const std::string sql = fmt::format("BEGIN; {}; PRAGMA main.user_version = {}; COMMIT",
                                        steps[static_cast<std::size_t>(step)], step + 1);
    if (Result<void> done = db.exec(sql.c_str()); !done) {
      if (db.in_transaction()) static_cast<void>(db.exec("ROLLBACK"));
      return std::unexpected(done.error());
    }
  }
  return found == 0;
}

}  // namespace carillon::store::detail
