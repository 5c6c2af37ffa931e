#include "pipeline/flight.h"

#include <algorithm>

namespace carillon::pipeline {

// Smooth weighted round robin: each turn everybody earns their share, the richest is served and pays for all.
// The credits stay from call to call: with few slots at a time the smallest share would never get a turn
// otherwise.
std::vector<FlightPtr> Windows::take(model::Queue queue, std::size_t count) {
  static constexpr std::array<int, model::kPriorityCount> kShare{16, 8, 4, 1};
  static constexpr int kShares = 29;
  auto& credits = credits_[static_cast<std::size_t>(queue)];
  std::vector<FlightPtr> taken;
  taken.reserve(count);
  while (taken.size() < count && has_ready(queue)) {
    for (std::size_t p = 0; p < credits.size(); ++p) credits[p] += kShare[p];
    const auto richest = static_cast<std::size_t>(std::ranges::max_element(credits) - credits.begin());
    credits[richest] -= kShares;
    std::size_t served = richest;
    if (ready_[index(queue, served)].empty()) {
      served = 0;
      while (ready_[index(queue, served)].empty()) ++served;
    }
    auto& ready = ready_[index(queue, served)];
    taken.push_back(std::move(ready.front()));
    ready.pop_front();
  }
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
