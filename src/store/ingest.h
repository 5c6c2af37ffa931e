// The Store's part that keeps what came by a topic and could not be taken: records that wait for a user who
// is not registered yet, and dead letters of kind "record".
//
// Common errors, executors and `now`: as for the Store (store.h), of which this is a part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "base/task.h"
#include "store/actor.h"
#include "store/store_views.h"

namespace carillon::store {

struct RecordLetter {
  std::int64_t id = 0;  // given by the store; among those of all dead letters
  std::int32_t project = 0;
  std::int64_t app = 0;
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::string reason, error;  // the problem's code; its words
  std::string record;         // the whole, sealed; empty: it was taken in the end
  base::Hash128 hash{};       // of place and content
  std::int64_t tries = 1;
  std::optional<Time> due_at;  // set: it waits and is tried again then; else it is dead
  std::vector<Naming> named{};
  Time at{};  // of the first try
  bool is_closed = false;
  std::string ended{};            // of one that is closed: "replayed" "discarded" "republished"
  std::int64_t notification = 0;  // what it became; 0: nothing, or an event
};
// What became of another try of one that waits.
struct RecordTry {
  std::int64_t id = 0;
  enum class Kind : std::uint8_t {
    Taken,  // nothing of it is kept
    Again,  // waits until due_at
    Dead,
  } kind = Kind::Taken;
  Time due_at{};
  std::string reason, error;  // Again, Dead
};
struct RecordEnd {
  std::int64_t id = 0;
  std::string ended;              // "replayed" or "republished"
  std::int64_t notification = 0;  // what it became
  bool is_wiped = false;          // nobody needs what it said any more
};

class IngestStore {
 public:
  virtual ~IngestStore() = default;

  // Keeps records; what became of each, in order. One of the same hash takes the reason and the words of the
  // new one while it is open; once it was closed, nothing is written.
  virtual Task<Result<std::vector<KeptLetter>>> keep(std::vector<RecordLetter> letters, Time now) = 0;
  // Errors: NotFound (also for a dead letter of another kind).
  virtual Task<Result<RecordLetter>> get(std::int64_t id) = 0;
  // Takes up to `limit` of those that are due, the longest due first: each is due again after `lease`, in
  // case nobody settles it.
  virtual Task<Result<std::vector<RecordLetter>>> take_due(std::size_t limit, Millis lease, Time now) = 0;
  // Of those that are closed or gone by now nothing is written.
  virtual Task<Result<void>> settle(std::vector<RecordTry> tries, Time now) = 0;
  // Closes one, audited as record.replay or record.republish. False: it was closed.
  virtual Task<Result<bool>> close(RecordEnd end, Actor actor, Time now) = 0;
  // Removes one that names a user who is forgotten. Not finding it is no error.
  virtual Task<Result<void>> erase(std::int64_t id) = 0;
};

}  // namespace carillon::store
