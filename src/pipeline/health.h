// How the configured accounts are: what one process knows of it, as it tells the others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "model/admin.h"
#include "pipeline/breaker.h"

namespace carillon::pipeline {

inline constexpr Millis kHealthKept{60'000};  // told longer ago, a process is taken for gone

struct AccountHealth {
  std::int32_t project = 0;
  std::string key;  // of the integration
  BreakerState breaker = BreakerState::Closed;
  std::optional<Time> since{}, retry_at{};  // of the breaker; retry_at: while it is not closed
  std::int64_t calls = 0, errors = 0;       // within CallTally::kWindow
  std::optional<Time> throttled_until{};
  std::string problem{};  // why it cannot be used with its settings
  std::int64_t in_flight = 0;
};
struct NodeHealth {
  std::uint32_t node = 0;
  Time at{};
  std::vector<AccountHealth> accounts;
};
// The same account in another process: the worse state, and the sums.
void add_health(AccountHealth& into, const AccountHealth& other);

// Without node and time, which go with it.
std::string encode_health(const NodeHealth& health);
Result<NodeHealth> decode_health(std::string_view json);  // Errors: Corruption

// Pauses the configuration, or lets it go on (`why` empty).
void mark_paused(model::Integration& integration, std::string why, std::string by, Time now);

}  // namespace carillon::pipeline
