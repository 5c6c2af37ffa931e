// Has this event id been seen inside the window? One unique index per day; who accepts the same at the same
// time meets there (PIPELINE §1).
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/crypto.h"
#include "store/detail/txn.h"

namespace carillon::store::detail {

struct PgSeen {
  std::int64_t notification = 0;
  base::Hash128 fingerprint{};
};
struct PgEvent {
  base::Hash128 hash{}, fingerprint{};
  std::int64_t notification = 0;
};

// For each event, in order, what has it already; nullopt: nothing had, and now this one's notification. Waits
// for those who are at the same event.
Result<std::vector<std::optional<PgSeen>>> take_events(Txn& txn, std::span<const PgEvent> events,
                                                       Millis window, Time now);
// It was not accepted after all. `now`: of the call that took it.
Result<void> give_event_back(Txn& txn, const PgEvent& event, Time now);

}  // namespace carillon::store::detail
