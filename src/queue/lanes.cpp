#include "queue/lanes.h"

#include <algorithm>

namespace carillon::queue {

Lanes::Lanes(std::size_t lane_max)
    : lane_max_(std::max<std::size_t>(1, lane_max)),
      slots_(std::make_unique<std::array<Slot, model::kLaneCount>>()) {}

Lanes::Slot* Lanes::find(model::Lane lane) const {
  return lane.index() < slots_->size() ? &(*slots_)[lane.index()] : nullptr;
}

void Lanes::Tracker::settle(std::int64_t offset) {
  const auto at = std::ranges::lower_bound(entries, offset, {}, &Entry::offset);
  if (at == entries.end() || at->offset != offset) return;
  at->is_settled = true;
  while (!entries.empty() && entries.front().is_settled) {
    next = entries.front().offset + 1;
    is_new = true;
    entries.pop_front();
  }
}

bool Lanes::add(model::Lane lane, std::span<const std::int64_t> ids, std::int32_t partition,
                std::int64_t offset) {
  Slot* const slot = find(lane);
  if (slot == nullptr || ids.empty()) return true;
  bool was_empty = false;
  std::size_t fits = 0;
  {
    const std::lock_guard lock(slot->mutex);
    was_empty = slot->count == 0;
    fits = std::min(ids.size(), lane_max_ - slot->count);
    slot->has_overflowed |= fits < ids.size();
    const auto found = slot->partitions.find(partition);
    TrackerPtr tracker = found == slot->partitions.end() ? nullptr : found->second;
    // Ascending, or the search for it would fail: after a reset offsets begin anew.
    if (tracker && !tracker->entries.empty() && tracker->entries.back().offset >= offset) tracker = nullptr;
    if (tracker) tracker->entries.push_back({offset, false});
    if (fits > 0) {
      slot->waiting.push_back(
          {{ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(fits)}, 0, tracker, offset, 0});
      slot->count += fits;
    } else if (tracker) {
      tracker->settle(offset);
    }
  }
  if (was_empty && fits > 0) wake(lane);
  return fits == ids.size();
}

void Lanes::skip(model::Lane lane, std::int32_t partition, std::int64_t offset) {
  Slot* const slot = find(lane);
  if (slot == nullptr) return;
  const std::lock_guard lock(slot->mutex);
  const auto found = slot->partitions.find(partition);
  if (found == slot->partitions.end()) return;
  Tracker& tracker = *found->second;
  if (!tracker.entries.empty() && tracker.entries.back().offset >= offset) return;
  tracker.entries.push_back({offset, false});
  tracker.settle(offset);
}

void Lanes::lose(model::Lane lane) {
  Slot* const slot = find(lane);
  if (slot == nullptr) return;
  bool must_wake = false;
  {
    const std::lock_guard lock(slot->mutex);
    // Of a lane that holds ids, or has said so already, somebody knows.
    must_wake = slot->count == 0 && !slot->has_overflowed;
    slot->has_overflowed = true;
  }
  if (must_wake) wake(lane);
}

Batch Lanes::poll(model::Lane lane, std::size_t limit) {
  Batch batch;
  Slot* const slot = find(lane);
  if (slot == nullptr || limit == 0) return batch;
  const std::lock_guard lock(slot->mutex);
  batch.overflowed = std::exchange(slot->has_overflowed, false);
  if (slot->count == 0) return batch;
  batch.token = ++slot->last_token;
  batch.ids.reserve(std::min(limit, slot->count));
  while (!slot->waiting.empty() && batch.ids.size() < limit) {
    Message& message = slot->waiting.front();
    const std::size_t n = std::min(limit - batch.ids.size(), message.ids.size() - message.taken);
    const auto from = message.ids.begin() + static_cast<std::ptrdiff_t>(message.taken);
    batch.ids.insert(batch.ids.end(), from, from + static_cast<std::ptrdiff_t>(n));
    message.taken += n;
    if (message.taken < message.ids.size()) break;
    if (message.tracker) {
      message.token = batch.token;
      message.ids = {};
      slot->polled.push_back(std::move(message));
    }
    slot->waiting.pop_front();
  }
  slot->count -= batch.ids.size();
  return batch;
}

void Lanes::commit(model::Lane lane, std::uint64_t token) {
  Slot* const slot = find(lane);
  if (slot == nullptr) return;
  const std::lock_guard lock(slot->mutex);
  while (!slot->polled.empty() && slot->polled.front().token <= token) {
    slot->polled.front().tracker->settle(slot->polled.front().offset);
    slot->polled.pop_front();
  }
}

void Lanes::on_ready(std::function<void(model::Lane)> wake) {
  const std::lock_guard lock(wake_mutex_);
  wake_ = std::move(wake);
}

// Called under the lock, so that no call is under way any more once on_ready() returned.
void Lanes::wake(model::Lane lane) {
  const std::lock_guard lock(wake_mutex_);
  if (wake_) wake_(lane);
}

std::size_t Lanes::size(model::Lane lane) const {
  const Slot* const slot = find(lane);
  if (slot == nullptr) return 0;
  const std::lock_guard lock(slot->mutex);
  return slot->count;
}

void Lanes::assign(model::Lane lane, std::int32_t partition) {
  Slot* const slot = find(lane);
  if (slot == nullptr) return;
  const std::lock_guard lock(slot->mutex);
  slot->partitions[partition] = std::make_shared<Tracker>();
}

void Lanes::revoke(model::Lane lane, std::int32_t partition) {
  Slot* const slot = find(lane);
  if (slot == nullptr) return;
  const std::lock_guard lock(slot->mutex);
  slot->partitions.erase(partition);
}

std::vector<std::pair<std::int32_t, std::int64_t>> Lanes::progress(model::Lane lane) {
  std::vector<std::pair<std::int32_t, std::int64_t>> further;
  Slot* const slot = find(lane);
  if (slot == nullptr) return further;
  const std::lock_guard lock(slot->mutex);
  for (const auto& [partition, tracker] : slot->partitions) {
    if (std::exchange(tracker->is_new, false)) further.emplace_back(partition, tracker->next);
  }
  return further;
}

}  // namespace carillon::queue
