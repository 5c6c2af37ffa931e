// Has this event id been seen inside the window? (PIPELINE §1)
//
// The truth is the append-only table `dedup`, written in the accept transaction. In memory: a sharded
// open-addressing table of 8-byte slots (32 bits of the hash, 32 bits of the ordinal); a hit is
// verified on disk. Writer thread only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "store/detail/txn.h"

namespace carillon::store::detail {

class Dedup {
 public:
  struct Seen {
    std::int64_t notification = 0;
    base::Hash128 fingerprint{};
  };
  Dedup(Millis window, std::int64_t memory_bytes) : window_(window), memory_bytes_(memory_bytes) {}

  // Reads the window's tail of the table, with the help of the snapshot at `path` if there is a good one.
  Result<void> load(Db& db, const std::string& path);
  // Writes the snapshot; without it the next start only takes longer. After the last commit.
  void save(Db& db, const std::string& path) const;
  // The first notification with that event inside the window, or nullopt. Also sees what this
  // transaction added.
  Result<std::optional<Seen>> find(Db& db, const base::Hash128& event, Time now);
  // Appends; the caller undoes with undo_to(mark) when its transaction or savepoint is rolled back.
  Result<void> add(Db& db, const base::Hash128& event, std::int64_t notification,
                   const base::Hash128& fingerprint);
  [[nodiscard]] std::int64_t mark() const noexcept { return next_; }
  void undo_to(std::int64_t mark);
  void settle() noexcept { pending_.clear(); }  // after the commit

  // Deletes rows older than the window, moves what does not fit into memory out; bounded work. True:
  // more to do. Inside a transaction.
  Result<bool> rotate(Txn& txn, Time now, std::size_t limit);

  [[nodiscard]] Time until(std::int64_t notification) const noexcept;  // end of its window
  [[nodiscard]] std::size_t memory_bytes() const noexcept;
  [[nodiscard]] std::int64_t size() const noexcept { return next_ - floor_; }

 private:
  // tag << 32 | low 32 bits of the ordinal; 0: free, 1: removed.
  using Slot = std::uint64_t;
  struct Shard {
    std::vector<Slot> slots;
    std::size_t used = 0;  // with removed ones
  };
  static constexpr std::size_t kShards = 64;

  // A sorted run on disk of entries that did not fit into memory, behind a Bloom filter.
  struct Run {
    std::int64_t id = 0, high = 0;  // high: its last ordinal
    std::vector<std::uint64_t> filter;
    [[nodiscard]] bool may_have(std::uint64_t tag) const noexcept;
    void note(std::uint64_t tag) noexcept;
  };
  // What a run is sorted by: shard and tag of the hash.
  static std::int64_t run_tag(const base::Hash128& event) noexcept;
  // Moves a part of the oldest entries in memory into a run, when memory is short.
  Result<bool> move_out(Txn& txn);
  Result<bool> trim_runs(Txn& txn, std::size_t limit);
  Result<void> load_runs(Db& db);
  // The ordinal up to which the shards were filled from the snapshot; 0: not at all.
  Result<std::int64_t> load_snapshot(Db& db, const std::string& path);

  void insert(const base::Hash128& event, std::int64_t ordinal);
  void insert_tag(Shard& shard, std::uint32_t tag, std::int64_t ordinal);
  void make_room(Shard& shard);
  void remove(const base::Hash128& event, std::int64_t ordinal);
  [[nodiscard]] std::int64_t ordinal_of(Slot slot) const noexcept;
  Result<std::optional<Seen>> verify(Db& db, std::int64_t ordinal, const base::Hash128& event, Time now);
  Result<std::optional<Seen>> find_in_runs(Db& db, const base::Hash128& event, Time now);

  const Millis window_;
  const std::int64_t memory_bytes_;
  std::array<Shard, kShards> shards_;
  std::int64_t floor_ = 1;      // ordinals below are past the window
  std::int64_t in_memory_ = 1;  // ordinals from here on are in the shards, older ones in runs
  std::int64_t next_ = 1;
  std::vector<Run> runs_;
  std::vector<base::Hash128> pending_;  // of ordinals next_ - size … next_ - 1, not committed yet
};

}  // namespace carillon::store::detail
