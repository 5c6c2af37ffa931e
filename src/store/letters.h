// The Store's part that looks at dead letters of every kind, and gives up those that nobody needs.
//
// Common errors, executors and `now`: as for the Store (store.h), of which this is a part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/task.h"
#include "model/notification.h"
#include "store/actor.h"
#include "store/ingest.h"
#include "store/store_views.h"

namespace carillon::store {

struct LetterFilter {
  std::int32_t project = 0;
  std::int64_t app = 0;  // whose notification, event or record it is; 0: anybody's
  std::optional<bool> is_closed{};
  std::string kind{}, reason{};  // whole; empty: any
  std::string integration{};     // that the delivery was with last
  std::string rule{}, topic{};   // of events, of records
  std::optional<model::Channel> channel{};
  std::optional<Time> from{}, until{};  // until: before
};

struct Discard {
  std::int32_t project = 0;
  std::int64_t app = 0;  // only letters of that app; 0: anybody's
  std::vector<std::int64_t> letters;
  std::string reason;  // why they are given up; may be empty
  Actor actor;
};
struct Discarded {
  std::int64_t letter = 0;
  bool is_done = false;
  std::string why{};  // it was not, in words
};

// What a dead letter is about, by its kind: "delivery", "event" or "record". Nothing: it is gone.
using LetterSubject = std::variant<std::monostate, model::Delivery, EventLetter, RecordLetter>;

class LetterStore {
 public:
  virtual ~LetterStore() = default;

  // Errors: NotFound, also for one of another project.
  virtual Task<Result<DeadLetter>> find(std::int32_t project, std::int64_t id) = 0;
  // Newest first; examines at most 20,000 rows and may return a short page with `next` set.
  virtual Task<Result<DeadLetterPage>> list(LetterFilter filter, ListPage page) = 0;
  // Of each, in order; a few look-ups for all of them.
  virtual Task<Result<std::vector<LetterSubject>>> subjects(std::vector<DeadLetter> letters) = 0;
  // How many open ones fit, of those below `below`; reads all that are open.
  virtual Task<Result<std::int64_t>> count_open(LetterFilter filter, std::int64_t below) = 0;
  // Closes those that are open, each audited as delivery.discard, event.discard or record.discard. A delivery
  // stays what it is: its state, and what is counted, do not change. What became of each, in order.
  virtual Task<Result<std::vector<Discarded>>> discard(Discard what, Time now) = 0;
};

}  // namespace carillon::store
