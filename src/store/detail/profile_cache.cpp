#include "store/detail/profile_cache.h"

#include <utility>

namespace carillon::store::detail {
namespace {

// What a profile costs in memory, with its entry, its place in the order and the allocator's share.
std::int64_t bytes_of(const model::Profile& p) {
  constexpr std::size_t kAround = 192;
  // A text up to 15 bytes lives inside its std::string.
  const auto text = [](const std::string& s) { return s.size() > 15 ? s.size() + 17 : 0; };
  std::size_t bytes = sizeof(p) + kAround + text(p.user_id);
  bytes += text(p.name) + text(p.email) + text(p.phone_number) + text(p.locale) + text(p.time_zone) +
           text(p.attributes);
  for (const model::OtherAddress& a : p.addresses) {
    bytes += sizeof(a) + text(a.service) + text(a.address) + text(a.sealed_secret);
  }
  for (const model::Device& d : p.devices) {
    bytes += sizeof(d) + text(d.device_id) + text(d.bundle) + text(d.locale) + text(d.time_zone) +
             text(d.app_version);
    for (const model::Endpoint& e : d.endpoints) bytes += sizeof(e) + text(e.service) + text(e.token);
  }
  for (const model::Preference& q : p.preferences) bytes += sizeof(q) + text(q.channel) + text(q.category);
  return static_cast<std::int64_t>(bytes);
}

}  // namespace

ProfileCache::Lookup ProfileCache::get(std::int64_t id, const UserKey& key) {
  Shard& shard = shard_of(id);
  const std::lock_guard lock(shard.mutex);
  const auto it = shard.entries.find(id);
  if (it == shard.entries.end()) return {nullptr, stamp(id)};
  const model::Profile& found = *it->second.profile;
  if (found.project != key.project || found.user_id != key.user_id) return {nullptr, stamp(id)};
  it->second.was_used = true;
  return {it->second.profile, stamp(id)};
}

bool ProfileCache::has_missed(Shard& shard, std::int64_t id) {
  const auto bits = static_cast<std::uint64_t>(id);
  const auto name = static_cast<std::uint32_t>(bits >> 31) | 1U;  // 0: nobody yet
  std::uint32_t& place = shard.misses[(bits / kShards) % kMissesPerShard];
  return std::exchange(place, name) == name;
}

void ProfileCache::put_read(std::int64_t id, std::shared_ptr<const model::Profile> profile,
                            std::uint64_t read_at) {
  Shard& shard = shard_of(id);
  const std::lock_guard lock(shard.mutex);
  if (stamp(id) == read_at && has_missed(shard, id)) put(shard, id, std::move(profile), max_bytes_per_shard_);
}

void ProfileCache::put_written(std::int64_t id, std::shared_ptr<const model::Profile> profile) {
  Shard& shard = shard_of(id);
  const std::lock_guard lock(shard.mutex);
  stamps_[static_cast<std::size_t>(id) % kStamps].fetch_add(1, std::memory_order_release);
  put(shard, id, std::move(profile), max_bytes_per_shard_);
}

void ProfileCache::put(Shard& shard, std::int64_t id, std::shared_ptr<const model::Profile> profile,
                       std::int64_t max) {
  if (const auto it = shard.entries.find(id); it != shard.entries.end()) {
    shard.bytes -= it->second.bytes;
    shard.order.erase(it->second.place);
    shard.entries.erase(it);
  }
  if (!profile) return;
  const std::int64_t bytes = bytes_of(*profile);
  if (bytes > max / 4) return;  // one giant is not to drive out all others
  const auto place = shard.order.insert(shard.order.end(), id);
  shard.entries.try_emplace(id, Entry{std::move(profile), bytes, false, place});
  shard.bytes += bytes;
  while (shard.bytes > max) {
    const auto oldest = shard.entries.find(shard.order.front());
    if (oldest->second.was_used) {  // second chance
      oldest->second.was_used = false;
      shard.order.splice(shard.order.end(), shard.order, shard.order.begin());
      continue;
    }
    shard.bytes -= oldest->second.bytes;
    shard.order.pop_front();
    shard.entries.erase(oldest);
  }
}

}  // namespace carillon::store::detail
