// What links report about the message they came in.
#pragma once

#include <cstdint>
#include <string>

#include "api/call.h"
#include "base/task.h"

namespace carillon::api {

// Counts that somebody said no after this delivery, if it was of that category ("*": whatever it was of).
// What goes wrong is a line in the log.
Task<void> note_unsubscribed(Call& call, std::int64_t delivery, std::string category);

}  // namespace carillon::api
