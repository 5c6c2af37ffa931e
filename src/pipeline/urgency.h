// Whether critical deliveries are on their way.
//
// One thread delivers and one writes: what is critical waits for the step that either is at. Steps are large,
// because that is cheap, as long as nobody critical came in the last moments; small after that, and large
// expansions leave part of the time to others (PIPELINE §5: fairness).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace carillon::pipeline {

// Delivery thread only.
class Urgency {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kLasts{1};
  static constexpr std::size_t kSmallStep = 32;  // deliveries: about a third of a millisecond

  void note(Clock::time_point now = Clock::now()) noexcept { until_ = now + kLasts; }
  [[nodiscard]] bool is_near(Clock::time_point now = Clock::now()) const noexcept { return now < until_; }
  // How many to do at once that could be `large`.
  [[nodiscard]] std::size_t step(std::size_t large) const noexcept {
    return is_near() ? std::min(large, kSmallStep) : large;
  }

 private:
  Clock::time_point until_{};
};

}  // namespace carillon::pipeline
