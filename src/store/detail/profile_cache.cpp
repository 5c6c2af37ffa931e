#include "store/detail/profile_cache.h"

namespace carillon::store::detail {
namespace {

// What a profile costs in memory, with its entry, its place in the order and the allocator's share.
std::int64_t bytes_of(const model::Profile& p) {
  constexpr std::size_t kAround = 192;
  // A text up to 15 bytes lives inside its std::string.
  const auto text = [](const std::string& s) { return s.size() > 15 ? s.size() + 17 : 0; };
  std::size_t bytes = sizeof(p) + kAround + 2 * text(p.user_id);
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

ProfileCache::Lookup ProfileCache::get(const UserKey& key) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto it = shard.entries.find(key);
  if (it == shard.entries.end()) return {nullptr, shard.generation};
  it->second.was_used = true;
  return {it->second.profile, shard.generation};
}

void ProfileCache::put_read(const UserKey& key, std::shared_ptr<const model::Profile> profile,
                            std::uint64_t generation) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  if (shard.generation == generation) put(shard, key, std::move(profile), max_bytes_per_shard_);
}

void ProfileCache::put_written(const UserKey& key, std::shared_ptr<const model::Profile> profile) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  ++shard.generation;
  put(shard, key, std::move(profile), max_bytes_per_shard_);
}

void ProfileCache::put(Shard& shard, const UserKey& key, std::shared_ptr<const model::Profile> profile,
                       std::int64_t max) {
  if (const auto it = shard.entries.find(key); it != shard.entries.end()) {
    shard.bytes -= it->second.bytes;
    shard.order.erase(it->second.place);
    shard.entries.erase(it);
  }
  if (!profile) return;
  const std::int64_t bytes = bytes_of(*profile);
  if (bytes > max / 4) return;  // one giant is not to drive out all others
  const auto [it, is_new] = shard.entries.try_emplace(key, Entry{std::move(profile), bytes, false, {}});
  it->second.place = shard.order.insert(shard.order.end(), &it->first);
  shard.bytes += bytes;
  while (shard.bytes > max) {
    const auto oldest = shard.entries.find(*shard.order.front());
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
