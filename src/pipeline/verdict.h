// What follows from an outcome: the table of PIPELINE §4 as one pure function.
#pragma once

#include <optional>

#include "base/clock.h"
#include "model/category.h"
#include "model/notification.h"
#include "model/outcome.h"
#include "model/status.h"

namespace carillon::pipeline {

struct VerdictInput {
  const model::Outcome& outcome;
  const model::Delivery& delivery;  // as claimed
  const model::Category& category;
  Time began_at;  // accepted, or replayed since
  Time now;
  double random01 = 0.5;             // for jitter, in [0, 1)
  std::size_t others_available = 0;  // further integrations that could be asked at once
  bool has_next_endpoint = false;    // the device can be reached through another service
};

struct Verdict {
  model::DeliveryStatus to = model::DeliveryStatus::Sent;
  model::Reason reason = model::Reason::None;
  std::optional<Time> due_at;
  bool counts = false;          // attempts + 1
  bool is_resend = false;       // resent + 1
  bool forget_address = false;  // the address is dead
  bool pause_integration = false;
  bool is_dead_letter = false;
};

[[nodiscard]] Verdict verdict(const VerdictInput& in);

// No integration can be asked right now: wait 30 s → 10 min (growing with the time waited so far), or
// give up when the ttl or the age limit of the category's kind has passed.
[[nodiscard]] Verdict provider_down(const model::Delivery& delivery, const model::Category& category,
                                    Time began_at, Time now);

}  // namespace carillon::pipeline
