// The cache of a process that runs alone: sharded maps that forget the least recently used.
#include <algorithm>
#include <functional>
#include <list>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "cache/bucket.h"
#include "cache/cache.h"

namespace carillon::cache {
namespace {

constexpr std::size_t kShardsMax = 16;
constexpr std::size_t kShardEntriesMin = 64;  // smaller ones would forget long before all are full

// Nanoseconds since 1970.
std::int64_t to_ns(Time t) { return to_ms(t) * kNsPerMs; }

// A value and the moment it means nothing any more. Not thread-safe.
class Shard {
 public:
  explicit Shard(std::size_t entries_max) : entries_max_(entries_max) {}

  std::mutex mutex;

  // The entry of that key, made with 0 when there is none; it is now the most recently used.
  std::int64_t& touch(std::string_view key) {
    if (auto* found = find(key)) return *found;
    if (index_.size() >= entries_max_) {
      index_.erase(std::string_view(entries_.back().key));
      entries_.pop_back();
    }
    entries_.push_front({std::string(key), 0});
    index_.emplace(entries_.front().key, entries_.begin());
    return entries_.front().value;
  }

  // nullptr: none. A found one is now the most recently used.
  std::int64_t* find(std::string_view key) {
    const auto it = index_.find(key);
    if (it == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, it->second);
    return &it->second->value;
  }

 private:
  struct Entry {
    std::string key;  // index_ points into it
    std::int64_t value;
  };
  const std::size_t entries_max_;
  std::list<Entry> entries_;
  std::unordered_map<std::string_view, std::list<Entry>::iterator> index_;
};

// `full_at`: the moment the bucket will be full again.
Taken take_from(std::int64_t& full_at, const Take& take, std::int64_t now) {
  const Bucket bucket = Bucket::of(take);
  std::int64_t until_full = std::max<std::int64_t>(full_at - now, 0);
  // Only when the clock stepped back or the limit was lowered: then the bucket is empty.
  bool is_changed = until_full > bucket.burst;
  if (is_changed) until_full = bucket.burst;
  const bool allowed = bucket.allows(until_full);
  if (allowed && bucket.cost > 0) {
    until_full += bucket.cost;
    is_changed = true;
  }
  if (is_changed) full_at = now + until_full;
  return answer(take, bucket, allowed, until_full);
}

class Memory final : public Cache {
 public:
  explicit Memory(MemoryOptions options) {
    const std::size_t entries = std::max<std::size_t>(options.entries_max, 1);
    const std::size_t count = std::clamp<std::size_t>(entries / kShardEntriesMin, 1, kShardsMax);
    for (std::size_t i = 0; i < count; ++i) shards_.push_back(std::make_unique<Shard>(entries / count));
  }

  Task<Result<std::vector<Taken>>> take(std::vector<Take> takes, Time now) override {
    std::vector<Taken> result;
    result.reserve(takes.size());
    for (const Take& take : takes) {
      const std::string key = stored_key('r', take.key);
      Shard& shard = shard_of(key);
      const std::lock_guard lock(shard.mutex);
      result.push_back(take_from(shard.touch(key), take, to_ns(now)));
    }
    co_return result;
  }

  Task<Result<void>> mark_sent(std::vector<std::string> keys, Millis ttl, Time now) override {
    for (const std::string& mark : keys) {
      const std::string key = stored_key('m', mark);
      Shard& shard = shard_of(key);
      const std::lock_guard lock(shard.mutex);
      std::int64_t& until = shard.touch(key);
      until = std::max(until, to_ms(now + ttl));
    }
    co_return Result<void>{};
  }

  Task<Result<std::vector<bool>>> were_sent(std::vector<std::string> keys, Time now) override {
    std::vector<bool> result;
    result.reserve(keys.size());
    for (const std::string& mark : keys) {
      const std::string key = stored_key('m', mark);
      Shard& shard = shard_of(key);
      const std::lock_guard lock(shard.mutex);
      const std::int64_t* until = shard.find(key);
      result.push_back(until != nullptr && *until > to_ms(now));
    }
    co_return result;
  }

  bool is_shared() const noexcept override { return false; }
  std::string trouble() const override { return {}; }

 private:
  Shard& shard_of(std::string_view key) {
    // The high bits: the map inside uses the low ones.
    return *shards_[(std::hash<std::string_view>{}(key) >> 40U) % shards_.size()];
  }

  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace

std::unique_ptr<Cache> make_memory(MemoryOptions options) { return std::make_unique<Memory>(options); }

}  // namespace carillon::cache
