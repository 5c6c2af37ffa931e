// Whether something critical is about.
//
// One thread delivers and one writes: what is critical waits for the step that either is at. Steps are large,
// because that is cheap, as long as nothing critical came in the last moments, and small after that
// (PIPELINE §5: fairness; docs/internals/decisions/0012).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace carillon::base {

// Not thread-safe.
class Urgency {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kLasts{1};

  void note(Clock::time_point now = Clock::now()) noexcept { until_ = now + kLasts; }
  [[nodiscard]] bool is_near(Clock::time_point now = Clock::now()) const noexcept { return now < until_; }
  // How many to do at once: `large`, or no more than `small` while something critical is about.
  [[nodiscard]] std::size_t step(std::size_t large, std::size_t small) const noexcept {
    return is_near() ? std::min(large, small) : large;
  }

 private:
  Clock::time_point until_{};
};

}  // namespace carillon::base
