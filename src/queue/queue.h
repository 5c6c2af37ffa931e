// Hints to workers: ids of deliveries that may be due. A doorbell, not a store.
//
// A queue may forget anything: the Store is the truth and refill finds what was lost. Publishing an
// id twice is harmless. Safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/channel.h"

namespace carillon::queue {

struct Batch {
  std::vector<std::int64_t> ids;
  std::uint64_t token = 0;  // to commit() once the claim is durable
  bool overflowed = false;  // hints of this lane were dropped since the last poll: scan the Store
};

class Queue {
 public:
  virtual ~Queue() = default;
  // Hands ids of one lane over. A full lane drops what does not fit and remembers that it did. Never blocks.
  // Ids of Queue::None and PushAny are ignored: their rows are final.
  // Errors: Unavailable (the backend is away; the Store scan covers it).
  virtual Result<void> publish(model::Lane lane, std::span<const std::int64_t> ids) = 0;
  // Takes up to `limit` ids of a lane, oldest first, without waiting. With a `limit` of 0 nothing is taken,
  // also not the word of an overflow.
  virtual Batch poll(model::Lane lane, std::size_t limit) = 0;
  // The ids of that batch are claimed, or known not to be claimable.
  virtual void commit(model::Lane lane, std::uint64_t token) = 0;
  // `wake` is called (from the publishing thread, must only post) when an empty lane got its first id. It
  // replaces the one before, of which no call is under way any more on return; an empty one ends the calls.
  // A lane that is full already woke somebody: a drop wakes nobody.
  virtual void on_ready(std::function<void(model::Lane)> wake) = 0;
  [[nodiscard]] virtual std::size_t size(model::Lane lane) const = 0;
};

struct EmbeddedOptions {
  std::size_t lane_max = 8192;  // ids per lane
};
std::unique_ptr<Queue> make_embedded(EmbeddedOptions options = {});

}  // namespace carillon::queue
