// Hints that were heard and not yet taken, and how far into each partition of a topic everything is settled.
//
// Bounded: what a full lane has no room for is dropped, and the lane says that it overflowed. An offset is
// settled when all ids of its message were taken and the batches they went into committed, or dropped; what
// may be stored is the first offset of which that is not true. Offsets may have gaps.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "queue/queue.h"

namespace carillon::queue {

// Thread-safe.
class Lanes {
 public:
  explicit Lanes(std::size_t lane_max);

  // A message has come. False: it was dropped whole or in part. Of a partition that is not assigned nothing
  // is remembered but the ids.
  bool add(model::Lane lane, std::span<const std::int64_t> ids, std::int32_t partition, std::int64_t offset);
  // A message that holds nothing for us is settled.
  void skip(model::Lane lane, std::int32_t partition, std::int64_t offset);
  // Some hints of this lane were lost before they came here, or may have been.
  void lose(model::Lane lane);

  // As of Queue. A commit settles the batches of its lane polled before, too.
  Batch poll(model::Lane lane, std::size_t limit);
  void commit(model::Lane lane, std::uint64_t token);
  void on_ready(std::function<void(model::Lane)> wake);
  [[nodiscard]] std::size_t size(model::Lane lane) const;

  // Begins a partition anew: a commit for what came from it before changes nothing.
  void assign(model::Lane lane, std::int32_t partition);
  void revoke(model::Lane lane, std::int32_t partition);
  // Partitions that got further since the last call, each with the offset to store.
  std::vector<std::pair<std::int32_t, std::int64_t>> progress(model::Lane lane);

 private:
  // The offsets of one assigned partition that came and are not settled, in order.
  struct Tracker {
    struct Entry {
      std::int64_t offset;
      bool is_settled;
    };
    std::deque<Entry> entries;
    std::int64_t next = -1;  // to be stored; -1: nothing yet
    bool is_new = false;     // `next` was not asked for
    void settle(std::int64_t offset);
  };
  using TrackerPtr = std::shared_ptr<Tracker>;  // of its partition; a revoked one lives on in messages

  struct Message {
    std::vector<std::int64_t> ids;
    std::size_t taken = 0;
    TrackerPtr tracker;
    std::int64_t offset = 0;
    std::uint64_t token = 0;  // of the batch that took its last id
  };
  struct Slot {
    mutable std::mutex mutex;
    std::deque<Message> waiting;
    std::size_t count = 0;       // ids in them
    std::deque<Message> polled;  // all ids taken, not yet committed; ascending by token
    std::uint64_t last_token = 0;
    bool has_overflowed = false;
    std::map<std::int32_t, TrackerPtr> partitions;
  };

  // nullptr: a home of final rows, which nobody takes work from.
  [[nodiscard]] Slot* find(model::Lane lane) const;
  void wake(model::Lane lane);

  const std::size_t lane_max_;
  const std::unique_ptr<std::array<Slot, model::kLaneCount>> slots_;
  std::mutex wake_mutex_;
  std::function<void(model::Lane)> wake_;
};

}  // namespace carillon::queue
