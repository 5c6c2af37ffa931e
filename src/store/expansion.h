// The Store's part by which stored requests become deliveries, in chunks, by one process or by several.
//
// A send has one cursor until it is cut; then each part of its members has one, and a process of its own
// (decision 0023). Common errors, executors and `now`: as for the Store (store.h), of which this is a part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/task.h"
#include "store/store_types.h"

namespace carillon::store {

struct ExpandItem {
  std::int64_t notification = 0;
  std::int64_t expected_cursor = 0, next_cursor = 0;
  std::string after;                        // the last user of the groups that this brings; empty: none yet
  bool done = false;                        // of a part: that part
  std::vector<model::Delivery> deliveries;  // ids contiguous
  std::int64_t recipients = 0;              // whose they are
  std::vector<CapCharge> caps;
  std::int64_t part = 0;  // of DueExpansion
  Owner owner;            // who has the part
};

struct DueExpansion {
  std::int64_t notification = 0, cursor = 0;
  std::int64_t moment = 0;  // for MembersQuery; likewise `until`
  std::vector<AudienceGroup> audience;
  std::string after;      // as the last expand() gave it
  std::int64_t left = 0;  // recipients whose deliveries are not there, as far as they are known
  std::int64_t part = 0;  // from 1; 0: it was not cut, and the cursor is the notification's
  std::string until;      // the last user of the part; empty: there is no end
};

class ExpansionStore {
 public:
  virtual ~ExpansionStore() = default;

  // Notifications accepted as Scheduled (due at send_at) or Expanding (due at once) that are neither fully
  // expanded nor cut, with their cursor, oldest due first; they stay due until expand() with `done`.
  virtual Task<Result<std::vector<DueExpansion>>> due(std::size_t limit, Time now) = 0;
  // Takes of those, and of what was cut, what nobody else has whose lease is good: of each at most one part.
  // What the owner has already comes again. `owner` is a registered process.
  virtual Task<Result<std::vector<DueExpansion>>> take(Owner owner, std::size_t limit, Time now) = 0;
  // Adds deliveries by compare-and-set of the cursor, of a part also of its owner; with `done`, when every
  // part is, the notification goes on to Sending (or Completed when nothing is open). Errors: Conflict
  // (somebody else moved the cursor or has the part, or it was cancelled or paused: nothing written).
  virtual Task<Result<void>> expand(ExpandItem item, Time now) = 0;
  // Users that divide the members of the groups above query.after into about `parts` ranges, ascending, each
  // the last of its range; without the end of the last one. Reads the members of the largest group.
  virtual Task<Result<std::vector<std::string>>> cut_points(MembersQuery query, std::size_t parts) = 0;
  // Cuts what is left of the members at these users. Errors: as of expand() · InvalidArgument (not
  // ascending).
  virtual Task<Result<void>> cut(std::int64_t notification, std::int64_t expected_cursor,
                                 std::vector<std::string> points) = 0;
  // nullopt: its deliveries are not made in chunks, or all of them are final.
  virtual Task<Result<std::optional<ExpansionProgress>>> progress(std::int64_t notification) = 0;
};

}  // namespace carillon::store
