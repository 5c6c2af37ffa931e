// Recovery: what earlier runs of this process left claimed, decided by the outcome journal.
#pragma once

#include <string>

#include "pipeline/pipeline.h"

namespace carillon::pipeline {

struct Recovered {
  std::size_t replayed = 0;   // an outcome was in the journal
  std::size_t ambiguous = 0;  // begun, no outcome
  std::size_t released = 0;   // not begun: pending again
};

// Runs before anything is claimed (RELIABILITY §2.13, rows 13 to 18): a journalled outcome is recorded
// as if it had just come; a start without outcome follows the unknown policy; no start means not sent.
// After a reboot the journal proves nothing and every row is ambiguous. Errors: the Store's, the
// journal folder's.
Task<Result<Recovered>> recover(const Pipeline::Deps& deps, std::string journal_folder);

// Takes over what processes on other machines have in processing that are gone: their journals are there, so
// all of it may have been sent. How many. Any number of processes at a time. Errors: the Store's.
Task<Result<std::size_t>> reap(const Pipeline::Deps& deps);

}  // namespace carillon::pipeline
