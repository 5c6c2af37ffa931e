// How long deliveries took, gathered beside their path and told to the store now and then.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "store/store.h"

namespace carillon::pipeline {

// Delivery thread only.
class LatencyTally {
 public:
  void note(std::int32_t project, model::Channel channel, Millis took, Time at);
  // Rows in which something was counted since they were told last, whole.
  [[nodiscard]] std::vector<store::LatencyRow> changed() const;
  // They are stored. Those of slots that are over, at `now`, are forgotten.
  void told(const std::vector<store::LatencyRow>& rows, Time now);

 private:
  struct Entry {
    model::LatencyCounts counts;
    std::int64_t told = 0;  // how many of them were
  };
  std::map<std::tuple<std::int64_t, std::int32_t, model::Channel>, Entry>
      entries_;  // by slot, project, channel
};

}  // namespace carillon::pipeline
