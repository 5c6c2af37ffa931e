#include "pipeline/flight.h"

#include "pipeline/turns.h"

namespace carillon::pipeline {

std::vector<FlightPtr> Windows::take(model::Queue queue, std::size_t count) {
  auto& credits = credits_[static_cast<std::size_t>(queue)];
  std::vector<FlightPtr> taken;
  taken.reserve(count);
  while (taken.size() < count && has_ready(queue)) {
    const std::size_t served =
        next_turn(credits, [&](std::size_t p) { return ready_[index(queue, p)].empty(); });
    auto& ready = ready_[index(queue, served)];
    taken.push_back(std::move(ready.front()));
    ready.pop_front();
  }
  return taken;
}

std::vector<FlightPtr> Windows::take_critical(model::Queue queue, std::size_t count) {
  auto& ready = ready_[index(queue, 0)];
  std::vector<FlightPtr> taken;
  while (taken.size() < count && !ready.empty()) {
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
