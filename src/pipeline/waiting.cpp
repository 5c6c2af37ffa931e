#include "pipeline/waiting.h"

namespace carillon::pipeline {

using model::Priority;

void Waiting::add(FlightPtr flight) {
  const model::Lane lane = flight->delivery.lane();
  Account* account = flight->account;
  account->wait(lane);
  auto& lines = queues_[static_cast<std::size_t>(lane.queue)][account];
  lines.by_priority[static_cast<std::size_t>(lane.priority)].push_back(std::move(flight));
}

FlightPtr Waiting::pop(std::deque<FlightPtr>& line) {
  FlightPtr flight = std::move(line.front());
  line.pop_front();
  flight->account->stop_waiting(flight->delivery.lane());
  flight->account = nullptr;  // it is chosen anew; this one may be gone by then
  return flight;
}

std::vector<FlightPtr> Waiting::take(model::Queue queue, std::size_t limit, Time now) {
  std::vector<FlightPtr> taken;
  auto& accounts = queues_[static_cast<std::size_t>(queue)];
  for (auto& [account, lines] : accounts) {
    const bool may_be_asked = account->unavailable(now) == model::Reason::None;
    const std::size_t room = may_be_asked ? account->room(limit, Priority::Critical, now) : limit;
    const std::size_t room_of_others = may_be_asked ? account->room(limit, Priority::Normal, now) : limit;
    const auto is_empty = [&own = lines](std::size_t p) { return own.by_priority[p].empty(); };
    for (std::size_t going = 0; going < room && taken.size() < limit && !lines.is_empty(); ++going) {
      const std::size_t p = going < room_of_others ? next_turn(lines.credits, is_empty)
                                                   : static_cast<std::size_t>(Priority::Critical);
      if (is_empty(p)) break;
      taken.push_back(pop(lines.by_priority[p]));
    }
  }
  std::erase_if(accounts, [](const auto& entry) { return entry.second.is_empty(); });
  return taken;
}

std::vector<FlightPtr> Waiting::take_all() {
  std::vector<FlightPtr> all;
  for (auto& accounts : queues_) {
    for (auto& [account, lines] : accounts) {
      for (auto& line : lines.by_priority) {
        while (!line.empty()) all.push_back(pop(line));
      }
    }
    accounts.clear();
  }
  return all;
}

}  // namespace carillon::pipeline
