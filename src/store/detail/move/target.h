// The database that a move goes into, and how far it is there.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"
#include "store/detail/move/tables.h"
#include "store/detail/postgres/connection.h"

namespace carillon::store::detail {

enum class TargetState : std::uint8_t {
  Empty,    // nothing, or the tables of a store nobody has used
  Other,    // anything else; `what` says what
  Begun,    // a move that goes on; the tables are there
  Checked,  // all is there, and the files may say so by now
  Done      // a store of its own, which a move has filled
};
struct Target {
  TargetState state = TargetState::Empty;
  std::int64_t move = 0;  // its id, unless Empty or Other
  std::string what;
};
// Writes nothing. Errors: FailedPrecondition (of a newer version) · those of reading.
Result<Target> look_at_target(PgDb& db);
// For who opens the database to work with it. Errors: FailedPrecondition (a move into it is not done).
Result<void> refuse_half_moved(Db& db);

// How far one table is, written with its rows.
struct MoveStep {
  std::string name, place;
  std::int64_t n = 0;
  bool is_last = false;
};
// From here on the database is this move's. Errors: those of writing.
Result<void> begin_at_target(PgDb& db, std::int64_t move);
Result<MoveStep> step_at_target(PgDb& db, std::string_view name);
// In a transaction.
Result<void> write_step(PgDb& db, const MoveStep& step);
// All of it is there. `key_note` as in MoveOptions.
Result<void> check_off_target(PgDb& db, std::string_view key_note, std::int64_t now_ms);
// It may be opened from here on.
Result<void> finish_target(PgDb& db);

}  // namespace carillon::store::detail
