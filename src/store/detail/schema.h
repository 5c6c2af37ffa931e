// The schema and its migrations: forward only; a newer schema is refused.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace carillon::store::detail {

class Db;

// Brings the store to this program's schema, one transaction per step; true when it was empty before.
// Errors: FailedPrecondition (written by a newer program).
Result<bool> migrate(Db& db);
[[nodiscard]] std::int64_t schema_version() noexcept;

}  // namespace carillon::store::detail
