// A delivery in the hands of this process: claimed, not yet recorded; and the windows that bound them.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
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

// Holds that end by a change of configuration, not by time.
inline constexpr std::array kConfigurationHolds{model::Reason::Paused, model::Reason::NoRoute,
                                                model::Reason::IntegrationPaused};
[[nodiscard]] inline bool waits_for_configuration(model::DeliveryStatus status, model::Reason reason) {
  return status == model::DeliveryStatus::Held &&
         std::ranges::find(kConfigurationHolds, reason) != kConfigurationHolds.end();
}

struct Flight {
  model::Delivery delivery;  // as claimed; epoch is the fence
  std::uint64_t lapses = 0;  // Store::lapses() before it was claimed
  std::shared_ptr<const model::Notification> notification;
  std::shared_ptr<const model::Profile> profile;
  std::uint64_t profile_stamp = 0;  // Store::profile_stamp() before it was read
  std::shared_ptr<const model::Category> category;
  std::vector<model::Attachment> attachments{};  // of an e-mail, as its request names them
  Account* account = nullptr;
  std::size_t others_available = 0;  // further accounts that could be asked at once
  bool has_next_endpoint = false;    // the device has one for another service
  bool has_later_endpoint = false;   // … that comes later in the route
  std::uint64_t configuration = 0;   // generation of the snapshot it was checked against
  providers::Job job;
  SteadyTime prepared{};  // when it was last checked
  SteadyTime begun{};     // when it was handed to the provider
  Time begun_at{};
};
using FlightPtr = std::unique_ptr<Flight>;

// A delivery that was taken while it was stored, and its user as routing saw them.
struct Taken {
  model::Delivery delivery;
  std::uint64_t lapses = 0;  // Store::lapses() before it was stored
  std::shared_ptr<const model::Profile> profile;
  std::uint64_t profile_stamp = 0;
};

// How many deliveries are handled at once while something critical is about: a third of a millisecond's work.
inline constexpr std::size_t kUrgentStep = 32;
// How many are claimed, recorded or expanded at once then, where what is critical has a connection to the
// database of its own and does not wait for the end of that: a few milliseconds of the database's.
inline constexpr std::size_t kUrgentRows = 128;
[[nodiscard]] constexpr std::size_t urgent_rows(bool is_shared) noexcept {
  return is_shared ? kUrgentRows : kUrgentStep;
}

// What is claimed, per queue × priority. Delivery thread only, but for try_reserve() and release().
class Windows {
 public:
  Windows(std::size_t window, std::size_t careful_window) : window_(window), careful_window_(careful_window) {
    for (auto& places : places_) places.store(SIZE_MAX, std::memory_order_relaxed);
  }

  // What the settings give a lane.
  [[nodiscard]] std::size_t limit(model::Lane lane) const noexcept {
    switch (lane.queue) {
      case model::Queue::Sms:
      case model::Queue::Voice:
      case model::Queue::Chat: return careful_window_;  // little may be in doubt after a crash
      default: return window_;                          // every other queue
    }
  }
  // Of those, no more than so many: other processes could begin the rest sooner.
  void fit(model::Queue queue, std::size_t places) noexcept {
    places_[static_cast<std::size_t>(queue)].store(places, std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t places(model::Lane lane) const noexcept {
    return std::min(limit(lane),
                    places_[static_cast<std::size_t>(lane.queue)].load(std::memory_order_relaxed));
  }
  [[nodiscard]] std::size_t room(model::Lane lane) const noexcept {
    const std::size_t used = open_[lane.index()].load(std::memory_order_relaxed);
    const std::size_t all = places(lane);
    return used >= all ? 0 : all - used;
  }
  // Enough room that what is claimed pays for its commit.
  [[nodiscard]] bool is_worth_a_claim(model::Lane lane) const noexcept {
    return room(lane) > 0 && room(lane) >= places(lane) / 4;
  }
  // Rows being claimed count as open from the moment they are asked for.
  void reserve(model::Lane lane, std::size_t n) noexcept { open_[lane.index()].fetch_add(n); }
  void release(model::Lane lane, std::size_t n = 1) noexcept { open_[lane.index()].fetch_sub(n); }
  // A place for a row that is taken while it is stored; false when the window is full. Any thread.
  [[nodiscard]] bool try_reserve(model::Lane lane) noexcept {
    auto& open = open_[lane.index()];
    std::size_t used = open.load(std::memory_order_relaxed);
    while (used < places(lane)) {
      if (open.compare_exchange_weak(used, used + 1)) return true;
    }
    return false;
  }

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
  [[nodiscard]] bool has_critical(model::Queue queue) const noexcept {
    return !ready_[index(queue, 0)].empty();
  }
  // Up to `count` of the critical ones alone.
  std::vector<FlightPtr> take_critical(model::Queue queue, std::size_t count);
  // Up to `count` flights of a queue, priorities served 16:8:4:1 over all calls, however few are taken at a
  // time (a share nobody wants goes to the others, most urgent first).
  std::vector<FlightPtr> take(model::Queue queue, std::size_t count);
  // Everything not begun, for release at the end.
  std::vector<FlightPtr> take_all();
  [[nodiscard]] std::size_t open_total() const noexcept {
    std::size_t sum = 0;
    for (const auto& n : open_) sum += n.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  static std::size_t index(model::Queue queue, std::size_t priority) noexcept {
    return static_cast<std::size_t>(queue) * model::kPriorityCount + priority;
  }
  const std::size_t window_, careful_window_;
  std::array<std::deque<FlightPtr>, model::kLaneCount> ready_;
  std::array<std::atomic<std::size_t>, model::kLaneCount> open_{};
  std::array<std::atomic<std::size_t>, model::kQueueCount> places_;
  std::array<std::array<int, model::kPriorityCount>, model::kQueueCount> credits_{};
};

}  // namespace carillon::pipeline
