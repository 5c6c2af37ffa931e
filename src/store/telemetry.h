// The Store's part in which processes tell of themselves now and then, so that any of them can answer for
// all.
//
// What was not told when a process dies is lost: these are figures for people, nothing is decided by them.
// Common errors, executors and `now`: as for the Store (store.h), of which this is a part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/task.h"
#include "model/latency.h"
#include "store/store_types.h"

namespace carillon::store {

inline constexpr Millis kLatencySlot{300'000};

// What took how long in one stretch of time.
struct LatencyRow {
  std::int32_t project = 0;
  std::int64_t slot = 0;  // kLatencySlot since 1970
  model::Channel channel = model::Channel::Push;
  model::LatencyCounts counts{};
};
struct NodeReport {
  Owner owner;
  Time at{};           // when it was told
  std::string report;  // JSON, in the teller's own terms
};
// The delivery that is first in line in a state, or has been in it longest.
struct OldestDeliveries {
  std::optional<std::int64_t> pending{}, held{}, processing{}, retrying{};
  std::optional<std::int64_t> dead{};  // whose dead letter is open
};

class TelemetryStore {
 public:
  virtual ~TelemetryStore() = default;

  // Takes the place of what the same process told before: the report, and the rows of the same slot and
  // channel. An empty report leaves the one before.
  virtual Task<Result<void>> tell(Owner owner, std::string report, std::vector<LatencyRow> rows,
                                  Time now) = 0;
  // Summed over all processes, by slot and channel, in slots from `from` on and before `until`.
  virtual Task<Result<std::vector<LatencyRow>>> latency(std::int32_t project, Time from, Time until) = 0;
  // Those told since, by owner.
  virtual Task<Result<std::vector<NodeReport>>> reports(Time since) = 0;
  // Looks at a few rows of each queue: in a backlog of others there may be one that is not found.
  virtual Task<Result<OldestDeliveries>> oldest(std::int32_t project) = 0;
};

}  // namespace carillon::store
