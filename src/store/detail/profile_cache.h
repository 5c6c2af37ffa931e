// Profiles in memory, exact by write-through: this process is the store's only writer.
//
// A reader that missed notes the stamp before it reads the database and hands it back with the value; a
// write in between makes put_read() drop it, so an old snapshot never lands here. What is read once in a
// while is not kept: a campaign to everybody would drive out those who are written to all day.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "model/profile.h"
#include "store/store_types.h"

namespace carillon::store::detail {

// Any thread. `id` is profile_id() of the user; two users may share one, of whom one at a time is kept.
class ProfileCache {
 public:
  explicit ProfileCache(std::int64_t max_bytes)
      : max_bytes_per_shard_(max_bytes / static_cast<std::int64_t>(kShards)) {}

  struct Lookup {
    std::shared_ptr<const model::Profile> profile;  // null: unknown to the cache
    std::uint64_t stamp = 0;                        // for put_read()
  };
  [[nodiscard]] Lookup get(std::int64_t id, const UserKey& key);
  // Keeps it when it was asked for not long ago and not found.
  void put_read(std::int64_t id, std::shared_ptr<const model::Profile> profile, std::uint64_t stamp);
  // After the commit of a change (null: deleted), on the writer thread.
  void put_written(std::int64_t id, std::shared_ptr<const model::Profile> profile);
  // Moves on with each put_written() of that id, or of one that shares the place. Never 0.
  [[nodiscard]] std::uint64_t stamp(std::int64_t id) const noexcept {
    return stamps_[static_cast<std::size_t>(id) % kStamps].load(std::memory_order_acquire) + 1;
  }

 private:
  static constexpr std::size_t kShards = 16, kStamps = 1024, kMissesPerShard = 4096;
  static_assert(kStamps % kShards == 0, "a stamp belongs to one shard");
  struct Entry {
    std::shared_ptr<const model::Profile> profile;
    std::int64_t bytes = 0;
    bool was_used = false;  // second chance before it goes
    std::list<std::int64_t>::iterator place;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::int64_t, Entry> entries;
    std::list<std::int64_t> order;  // next to go first
    std::int64_t bytes = 0;
    std::vector<std::uint32_t> misses = std::vector<std::uint32_t>(kMissesPerShard);
  };
  Shard& shard_of(std::int64_t id) noexcept { return shards_[static_cast<std::size_t>(id) % kShards]; }
  // Whether the last miss noted in this id's place was its own; notes this one.
  static bool has_missed(Shard& shard, std::int64_t id);
  static void put(Shard& shard, std::int64_t id, std::shared_ptr<const model::Profile> profile,
                  std::int64_t max);
  const std::int64_t max_bytes_per_shard_;
  std::array<Shard, kShards> shards_;
  std::array<std::atomic<std::uint64_t>, kStamps> stamps_{};
};

}  // namespace carillon::store::detail
