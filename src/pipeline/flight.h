// A delivery in the hands of this process: claimed, not yet recorded; and the windows that bound them.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "model/category.h"
#include "model/notification.h"
#include "model/profile.h"
#include "pipeline/integrations.h"
#include "providers/provider.h"

namespace carillon::pipeline {

struct Flight {
  model::Delivery delivery;  // as claimed; epoch is the fence
  std::shared_ptr<const model::Notification> notification;
  std::shared_ptr<const model::Profile> profile;
  std::shared_ptr<const model::Category> category;
  Account* account = nullptr;
  std::size_t others_available = 0;  // further accounts that could be asked at once
  bool has_next_endpoint = false;
  providers::Job job;
  SteadyTime prepared{};  // when it was last checked
  SteadyTime begun{};     // when it was handed to the provider
  Time begun_at{};
};
using FlightPtr = std::unique_ptr<Flight>;

// What is claimed, per queue × priority. Delivery thread only.
class Windows {
 public:
  Windows(std::size_t window, std::size_t careful_window)
      : window_(window), careful_window_(careful_window) {}

  [[nodiscard]] std::size_t limit(model::Lane lane) const noexcept {
    switch (lane.queue) {
      case model::Queue::Sms:
      case model::Queue::Voice:
      case model::Queue::Chat: return careful_window_;  // little may be in doubt after a crash
      default: return window_;                          // every other queue
    }
  }
  [[nodiscard]] std::size_t room(model::Lane lane) const noexcept {
    const std::size_t used = open_[lane.index()];
    return used >= limit(lane) ? 0 : limit(lane) - used;
  }
  // Rows being claimed count as open from the moment they are asked for.
  void reserve(model::Lane lane, std::size_t n) noexcept { open_[lane.index()] += n; }
  void release(model::Lane lane, std::size_t n = 1) noexcept { open_[lane.index()] -= n; }

  void add(FlightPtr flight) {
    const model::Lane lane = flight->delivery.lane();
    ready_[lane.index()].push_back(std::move(flight));
  }
  void put_back(FlightPtr flight) {
    const model::Lane lane = flight->delivery.lane();
    ready_[lane.index()].push_front(std::move(flight));
  }
  [[nodiscard]] bool has_ready(model::Queue queue) const noexcept {
    for (std::size_t p = 0; p < model::kPriorityCount; ++p) {
      if (!ready_[index(queue, p)].empty()) return true;
    }
    return false;
  }
  // Up to `count` flights of a queue, priorities served 16:8:4:1 over all calls, however few are taken at a
  // time (a share nobody wants goes to the others, most urgent first).
  std::vector<FlightPtr> take(model::Queue queue, std::size_t count);
  // Everything not begun, for release at the end.
  std::vector<FlightPtr> take_all();
  [[nodiscard]] std::size_t open_total() const noexcept {
    std::size_t sum = 0;
    for (const auto n : open_) sum += n;
    return sum;
  }

 private:
  static std::size_t index(model::Queue queue, std::size_t priority) noexcept {
    return static_cast<std::size_t>(queue) * model::kPriorityCount + priority;
  }
  const std::size_t window_, careful_window_;
  std::array<std::deque<FlightPtr>, model::kLaneCount> ready_;
  std::array<std::size_t, model::kLaneCount> open_{};
  std::array<std::array<int, model::kPriorityCount>, model::kQueueCount> credits_{};
};

}  // namespace carillon::pipeline
