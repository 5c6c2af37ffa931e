// Deliveries as they were just inserted, so that the claim that follows reads nothing.
//
// Needs no invalidation: a row with epoch 0 in `pending` is as it was inserted, and the claim's own
// UPDATE checks that. Writer thread only; the oldest go first.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "model/notification.h"

namespace carillon::store::detail {

class FreshRows {
 public:
  void put(model::Delivery delivery) {
    const std::int64_t id = delivery.id;
    if (rows_.insert_or_assign(id, std::move(delivery)).second) order_.push_back(id);
    while (order_.size() > kRowsMax) {
      rows_.erase(order_.front());
      order_.pop_front();
    }
  }
  [[nodiscard]] std::optional<model::Delivery> take(std::int64_t id) {
    const auto it = rows_.find(id);
    if (it == rows_.end()) return std::nullopt;
    std::optional<model::Delivery> row(std::move(it->second));
    rows_.erase(it);
    return row;
  }

 private:
  static constexpr std::size_t kRowsMax = 16'384;  // ids remembered, about 6 MB of rows at most
  boost::unordered_flat_map<std::int64_t, model::Delivery> rows_;
  std::deque<std::int64_t> order_;
};

}  // namespace carillon::store::detail
