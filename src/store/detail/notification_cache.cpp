#include "store/detail/notification_cache.h"

namespace carillon::store::detail {
namespace {

// What a notification costs in memory: its body, the request parsed from it, the objects around.
std::int64_t bytes_of(const model::Notification& n) {
  return static_cast<std::int64_t>(n.body.size() * (n.request ? 3 : 1) + 768);
}

}  // namespace

void NotificationCache::put(std::shared_ptr<const model::Notification> notification, std::int32_t open) {
  if (open <= 0) return;
  const std::int64_t bytes = bytes_of(*notification);
  if (bytes > max_bytes_ / 4) return;
  const std::int64_t id = notification->id;
  const std::lock_guard lock(mutex_);
  if (!entries_.try_emplace(id, Entry{std::move(notification), bytes, open}).second) return;
  order_.push_back(id);
  bytes_ += bytes;
  while (!order_.empty() && (bytes_ > max_bytes_ || order_.size() > 4 * entries_.size() + 1024)) {
    drop(order_.front());
    order_.pop_front();
  }
}

std::shared_ptr<const model::Notification> NotificationCache::get(std::int64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(id);
  return it == entries_.end() ? nullptr : it->second.value;
}

void NotificationCache::finished(std::int64_t id, std::int32_t n) {
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  if ((it->second.open -= n) <= 0) drop(id);
}

void NotificationCache::erase(std::int64_t id) {
  const std::lock_guard lock(mutex_);
  drop(id);
}

void NotificationCache::drop(std::int64_t id) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  bytes_ -= it->second.bytes;
  entries_.erase(it);
}

}  // namespace carillon::store::detail
