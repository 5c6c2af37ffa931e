// Figures about how long sends took and how many there were, from what processes told of themselves.
#pragma once

#include <functional>
#include <vector>

#include "store/store.h"

namespace carillon::api {

// Deliveries per second in the stretch of time with most of them, of the channels that fit; the stretch under
// way counts by how much of it has passed. 0: there were none.
[[nodiscard]] double busiest_rate(const std::vector<store::LatencyRow>& rows, Time now,
                                  const std::function<bool(model::Channel)>& fits);

}  // namespace carillon::api
