// What says in the files of a store that it is being moved, or was (store/move.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"

namespace carillon::store::detail {

class Db;

struct MoveMark {
  std::int64_t id = 0;           // of the move; 0: none has begun
  std::optional<Time> moved_at;  // it is done
};
Result<MoveMark> read_mark(Db& everything);
// Durable when this returns. An id of 0 takes the mark away. Errors: those of writing the file.
Result<void> write_mark(const std::string& folder, const MoveMark& mark);
// For who opens the files to work with them. Errors: FailedPrecondition, saying what to do instead.
Result<void> refuse_marked(Db& everything, const std::string& folder);

}  // namespace carillon::store::detail
