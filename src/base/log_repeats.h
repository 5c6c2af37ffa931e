// What fails again and again, such as every try of a store that is away, is said now and then only.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace carillon::base {

inline constexpr Millis kLogAgain{10'000};

// Thread-safe.
class LogRepeats {
 public:
  // Whether to log `text` now: something else was logged before, or this one kLogAgain ago.
  [[nodiscard]] bool is_due(std::string_view text, SteadyTime now = std::chrono::steady_clock::now()) {
    const std::lock_guard lock(mutex_);
    if (text == said_ && now - said_at_ < kLogAgain) return false;
    said_ = text;
    said_at_ = now;
    return true;
  }

 private:
  std::mutex mutex_;
  std::string said_;
  SteadyTime said_at_{};
};

}  // namespace carillon::base
