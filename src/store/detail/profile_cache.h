// Profiles in memory, exact by write-through: this process is the store's only writer.
//
// A reader that missed notes the shard's generation before it reads the database and hands it back with
// the value; a write in between makes put_read() drop it, so an old snapshot never lands here.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/profile.h"
#include "store/store_types.h"
#include "store/store_views.h"

namespace carillon::store::detail {

class ProfileCache {
 public:
  explicit ProfileCache(std::int64_t max_bytes)
      : max_bytes_per_shard_(max_bytes / static_cast<std::int64_t>(kShards)) {}

  struct Lookup {
    std::shared_ptr<const model::Profile> profile;  // null: unknown to the cache
    std::uint64_t generation = 0;                   // for put_read()
  };
  [[nodiscard]] Lookup get(const UserKey& key);
  void put_read(const UserKey& key, std::shared_ptr<const model::Profile> profile, std::uint64_t generation);
  // After the commit of a change (null: deleted), on the writer thread.
  void put_written(const UserKey& key, std::shared_ptr<const model::Profile> profile);

 private:
  static constexpr std::size_t kShards = 16;
  struct Hash {
    std::size_t operator()(const UserKey& k) const noexcept {
      return std::hash<std::string_view>{}(k.user_id) ^
             static_cast<std::size_t>(k.project) * 0x9e3779b97f4a7c15ULL;
    }
  };
  struct Entry {
    std::shared_ptr<const model::Profile> profile;
    std::int64_t bytes = 0;
    bool was_used = false;  // second chance before it goes
    std::list<const UserKey*>::iterator place;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<UserKey, Entry, Hash> entries;
    std::list<const UserKey*> order;  // keys inside `entries`, next to go first
    std::int64_t bytes = 0;
    std::uint64_t generation = 0;
  };
  Shard& shard_of(const UserKey& key) noexcept { return shards_[(Hash{}(key) >> 57) % kShards]; }
  static void put(Shard& shard, const UserKey& key, std::shared_ptr<const model::Profile> profile,
                  std::int64_t max);
  const std::int64_t max_bytes_per_shard_;
  std::array<Shard, kShards> shards_;
};

}  // namespace carillon::store::detail
