#include "pipeline/alert_tally.h"

#include <algorithm>
#include <numeric>

#include "base/json.h"

namespace carillon::pipeline {
namespace {

constexpr std::size_t kCodeMax = 64;     // bytes
constexpr std::size_t kDetailMax = 300;  // bytes

std::string cut(std::string_view text, std::size_t bytes_max) {
  std::string out = base::to_valid_utf8(base::first_characters(text, bytes_max));
  std::ranges::replace_if(out, [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }, ' ');
  return out;
}

}  // namespace

void AlertTally::no_route(std::int32_t project, model::Channel channel, std::int64_t n) {
  const std::lock_guard lock(mutex_);
  no_route_[{project, channel}] += n;
}

std::vector<AlertTally::NoRoute> AlertTally::take_no_route() {
  const std::lock_guard lock(mutex_);
  std::vector<NoRoute> found;
  for (const auto& [key, n] : no_route_) found.push_back({key.first, key.second, n});
  no_route_.clear();
  return found;
}

std::int64_t AlertTally::slot_of(Time now) const noexcept {
  const std::int64_t slot_ms = window_.count() / kSlots;
  return to_ms(now) / std::max<std::int64_t>(slot_ms, 1);
}

// What leaves the window is forgotten. A clock that steps back counts on in the newest slot.
void AlertTally::Count::move_to(std::int64_t slot) noexcept {
  if (slot <= newest) return;
  const std::int64_t passed = std::min<std::int64_t>(slot - newest, kSlots);
  for (std::int64_t i = 1; i <= passed; ++i)
    slots[static_cast<std::size_t>((slot - passed + i) % kSlots)] = 0;
  newest = slot;
}

void AlertTally::failure(std::int32_t project, std::string_view subject, std::string_view code,
                         std::string_view detail, Time now, std::int64_t n) {
  Key key{project, std::string(subject), cut(code, kCodeMax)};
  const std::lock_guard lock(mutex_);
  auto it = failures_.find(key);
  if (it == failures_.end()) {
    if (failures_.size() >= kKeysMax) return;
    it = failures_.emplace(std::move(key), Count{}).first;
    it->second.detail = cut(detail, kDetailMax);
  }
  Count& count = it->second;
  count.move_to(slot_of(now));
  count.slots[static_cast<std::size_t>(count.newest % kSlots)] += n;
  count.fresh += n;
}

std::vector<AlertTally::Failures> AlertTally::take_failures(Time now) {
  const std::lock_guard lock(mutex_);
  std::vector<Failures> found;
  const std::int64_t slot = slot_of(now);
  for (auto it = failures_.begin(); it != failures_.end();) {
    auto& [key, count] = *it;
    count.move_to(slot);
    const auto sum = std::accumulate(count.slots.begin(), count.slots.end(), std::int64_t{0});
    if (sum == 0) {
      it = failures_.erase(it);
      continue;
    }
    found.push_back({key.project, key.subject, key.code, count.detail, sum, std::exchange(count.fresh, 0)});
    ++it;
  }
  return found;
}

}  // namespace carillon::pipeline
