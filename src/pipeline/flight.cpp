#include "pipeline/flight.h"

#include <algorithm>

namespace carillon::pipeline {

std::vector<FlightPtr> Windows::take(model::Queue queue, std::size_t count) {
  static constexpr std::array<std::size_t, model::kPriorityCount> kShare{16, 8, 4, 1};
  static constexpr std::size_t kShares = 29;
  std::vector<FlightPtr> taken;
  taken.reserve(count);
  const auto take_from = [&](std::size_t priority, std::size_t most) {
    auto& ready = ready_[index(queue, priority)];
    const std::size_t n = std::min({most, ready.size(), count - taken.size()});
    for (std::size_t i = 0; i < n; ++i) {
      taken.push_back(std::move(ready.front()));
      ready.pop_front();
    }
  };
  for (std::size_t p = 0; p < model::kPriorityCount; ++p) {
    take_from(p, std::max<std::size_t>(1, count * kShare[p] / kShares));
  }
  for (std::size_t p = 0; p < model::kPriorityCount; ++p) take_from(p, count);
  return taken;
}

std::vector<FlightPtr> Windows::take_all() {
  std::vector<FlightPtr> all;
  for (auto& ready : ready_) {
    for (auto& flight : ready) all.push_back(std::move(flight));
    ready.clear();
  }
  return all;
}

}  // namespace carillon::pipeline
