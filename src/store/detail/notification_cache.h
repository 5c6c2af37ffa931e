// Recently accepted notifications with their parsed requests, so that a worker that claims what was
// just accepted reads nothing. Oldest out first, bounded in bytes.
//
// Exact: an entry leaves when its last delivery becomes final or anything about it changes, so a cached
// one is always Sending. Thread-safe.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "model/notification.h"

namespace carillon::store::detail {

class NotificationCache {
 public:
  explicit NotificationCache(std::int64_t max_bytes) : max_bytes_(max_bytes) {}

  // `open`: deliveries not final yet; nothing is kept when it is 0.
  void put(std::shared_ptr<const model::Notification> notification, std::int32_t open);
  [[nodiscard]] std::shared_ptr<const model::Notification> get(std::int64_t id) const;
  // `n` deliveries of it became final.
  void finished(std::int64_t id, std::int32_t n = 1);
  void erase(std::int64_t id);

 private:
  struct Entry {
    std::shared_ptr<const model::Notification> value;
    std::int64_t bytes = 0;
    std::int32_t open = 0;
  };
  void drop(std::int64_t id);
  const std::int64_t max_bytes_;
  mutable std::mutex mutex_;
  boost::unordered_flat_map<std::int64_t, Entry> entries_;
  std::deque<std::int64_t> order_;
  std::int64_t bytes_ = 0;
};

}  // namespace carillon::store::detail
