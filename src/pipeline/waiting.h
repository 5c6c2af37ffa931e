// Deliveries that wait for a slot or a token of the integration chosen for them, aside of their window's
// order: those behind them may be for integrations that have room.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <vector>

#include "pipeline/flight.h"
#include "pipeline/turns.h"

namespace carillon::pipeline {

// They keep their places in the window. Delivery thread only.
class Waiting {
 public:
  // For `flight->account`, which counts it as held until it is taken.
  void add(FlightPtr flight);
  // Up to `limit` of a queue: of each integration as many as Account::room() allows, priorities
  // served 16:8:4:1, each in the order they came. Also those whose integration may not be asked any more:
  // they are to look for another.
  [[nodiscard]] std::vector<FlightPtr> take(model::Queue queue, std::size_t limit, Time now);
  // Everything, for release at the end.
  [[nodiscard]] std::vector<FlightPtr> take_all();
  [[nodiscard]] bool is_empty(model::Queue queue) const noexcept {
    return queues_[static_cast<std::size_t>(queue)].empty();
  }

 private:
  struct Lines {
    std::array<std::deque<FlightPtr>, model::kPriorityCount> by_priority;
    Credits credits{};
    [[nodiscard]] bool is_empty() const noexcept {
      return std::ranges::all_of(by_priority, [](const auto& line) { return line.empty(); });
    }
  };
  static FlightPtr pop(std::deque<FlightPtr>& line);

  std::array<std::map<Account*, Lines>, model::kQueueCount> queues_;
};

}  // namespace carillon::pipeline
