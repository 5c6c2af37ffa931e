// A month of history, as carillon_seed makes it for what looks back.
#pragma once

#include <cstdint>

#include "store/store.h"

namespace carillon::bench {

struct HistorySize {
  std::int64_t notifications = 0;  // in the thirty days before now, evenly
  std::int64_t users = 0;          // u0 …: whom they were to
};

// Each has one delivery at its end, by one of twenty templates, five categories and three channels, and an
// event id, seed-0 …; one of a hundred is held until tomorrow, and 5,000 more are dead letters. Afterwards
// the store has kept house. Blocks. Errors: those of the store.
Result<void> seed_history(store::Store& store, HistorySize size);

}  // namespace carillon::bench
