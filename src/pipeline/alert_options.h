// When something is worth an alert: the settings of group `alerts`.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/settings.h"
#include "model/channel.h"
#include "model/notification.h"

namespace carillon::pipeline {

struct AlertOptions {
  std::int64_t repeats = 100;  // failures of one kind in the window
  Millis repeat_window{600'000};
  Millis age_critical{60'000}, age_high{300'000}, age_normal{900'000}, age_bulk{7'200'000};
  std::int64_t disk_free = 2LL << 30;  // bytes, above those without which sends are refused
  bool private_addresses = false;      // the webhook may be at one of them, and plain http
  // How long a due delivery of that priority may wait.
  [[nodiscard]] Millis age_limit(model::Priority priority) const noexcept;
};
void describe(base::SettingsGroup& group, AlertOptions& options);

}  // namespace carillon::pipeline
