// The schema and its migrations: forward only; a newer schema is refused.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace carillon::store::detail {

class Db;

// Which of the store's two files (decision 0005). Everything and People are migrated by themselves, People
// first, since a step of Everything may move rows there.
enum class File : std::uint8_t { Everything, People };

// Brings a file to this program's schema, a transaction per step; true when it was empty before.
// Errors: FailedPrecondition (written by a newer program).
Result<bool> migrate(Db& db, File file);
[[nodiscard]] std::int64_t schema_version(File file) noexcept;

}  // namespace carillon::store::detail
