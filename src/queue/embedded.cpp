// The queue of a process that runs alone: one bounded ring of ids per lane.
#include <algorithm>
#include <array>
#include <deque>
#include <mutex>
#include <utility>

#include "queue/queue.h"

namespace carillon::queue {
namespace {

class Embedded final : public Queue {
 public:
  explicit Embedded(EmbeddedOptions options) : lane_max_(std::max<std::size_t>(1, options.lane_max)) {}

  Result<void> publish(model::Lane lane, std::span<const std::int64_t> ids) override {
    Slot* slot = find(lane);
    if (slot == nullptr || ids.empty()) return {};
    bool was_empty = false;
    {
      const std::lock_guard lock(slot->mutex);
      was_empty = slot->ids.empty();
      const std::size_t fits = std::min(ids.size(), lane_max_ - slot->ids.size());
      slot->ids.insert(slot->ids.end(), ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(fits));
      if (fits < ids.size()) slot->overflowed = true;
    }
    if (was_empty) wake(lane);
    return {};
  }

  Batch poll(model::Lane lane, std::size_t limit) override {
    Batch batch;
    Slot* slot = find(lane);
    if (slot == nullptr || limit == 0) return batch;
    const std::lock_guard lock(slot->mutex);
    const auto end = slot->ids.begin() + static_cast<std::ptrdiff_t>(std::min(limit, slot->ids.size()));
    batch.ids.assign(slot->ids.begin(), end);
    slot->ids.erase(slot->ids.begin(), end);
    batch.overflowed = std::exchange(slot->overflowed, false);
    return batch;
  }

  // Nothing outlives the process: what was polled is forgotten already.
  void commit(model::Lane, std::uint64_t) override {}

  void on_ready(std::function<void(model::Lane)> wake) override {
    const std::lock_guard lock(wake_mutex_);
    wake_ = std::move(wake);
  }

  std::size_t size(model::Lane lane) const override {
    const Slot* slot = find(lane);
    if (slot == nullptr) return 0;
    const std::lock_guard lock(slot->mutex);
    return slot->ids.size();
  }

  std::string trouble() const override { return {}; }

 private:
  struct Slot {
    mutable std::mutex mutex;
    std::deque<std::int64_t> ids;
    bool overflowed = false;
  };

  // nullptr: a home of final rows, which nobody takes work from.
  [[nodiscard]] const Slot* find(model::Lane lane) const {
    return lane.index() < slots_.size() ? &slots_[lane.index()] : nullptr;
  }
  [[nodiscard]] Slot* find(model::Lane lane) { return const_cast<Slot*>(std::as_const(*this).find(lane)); }

  // Called under the lock, so that no call is under way any more once on_ready() returned.
  void wake(model::Lane lane) {
    const std::lock_guard lock(wake_mutex_);
    if (wake_) wake_(lane);
  }

  const std::size_t lane_max_;
  std::array<Slot, model::kLaneCount> slots_;
  std::mutex wake_mutex_;
  std::function<void(model::Lane)> wake_;
};

}  // namespace

std::unique_ptr<Queue> make_embedded(EmbeddedOptions options) { return std::make_unique<Embedded>(options); }

}  // namespace carillon::queue
