#include "pipeline/latency_tally.h"

namespace carillon::pipeline {
namespace {

std::int64_t slot_of(Time t) noexcept { return to_ms(t) / store::kLatencySlot.count(); }

}  // namespace

void LatencyTally::note(std::int32_t project, model::Channel channel, Millis took, Time at) {
  entries_[{slot_of(at), project, channel}].counts.add(took);
}

std::vector<store::LatencyRow> LatencyTally::changed() const {
  std::vector<store::LatencyRow> rows;
  for (const auto& [key, entry] : entries_) {
    if (entry.counts.total() == entry.told) continue;
    const auto& [slot, project, channel] = key;
    rows.push_back({.project = project, .slot = slot, .channel = channel, .counts = entry.counts});
  }
  return rows;
}

void LatencyTally::told(const std::vector<store::LatencyRow>& rows, Time now) {
  for (const store::LatencyRow& row : rows) {
    const auto it = entries_.find({row.slot, row.project, row.channel});
    if (it != entries_.end()) it->second.told = row.counts.total();
  }
  // One slot longer: results of the last are still on their way.
  std::erase_if(entries_, [last = slot_of(now) - 1](const auto& item) {
    return std::get<0>(item.first) < last && item.second.counts.total() == item.second.told;
  });
}

}  // namespace carillon::pipeline
