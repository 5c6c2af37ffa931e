// How long to wait before a connection is tried again: doubling, with jitter, so that what lost one server
// together does not come back together.
#pragma once

#include <algorithm>
#include <chrono>
#include <random>

#include "base/clock.h"

namespace carillon::net {

// Not thread-safe.
class Backoff {
 public:
  explicit Backoff(Millis min = Millis(100), Millis max = Millis(10'000)) : min_(min), max_(max) {}

  // The wait after one more failure: between half and all of min, 2 min, 4 min … max.
  [[nodiscard]] Millis next() {
    failures_ = std::min(failures_ + 1, kDoublingsMax + 1);
    const Millis full = std::min(max_, min_ * (1 << (failures_ - 1)));
    std::uniform_int_distribution<Millis::rep> jitter(full.count() / 2, full.count());
    return Millis(jitter(random_));
  }
  void reset() noexcept { failures_ = 0; }
  [[nodiscard]] bool has_failed() const noexcept { return failures_ > 0; }

 private:
  static constexpr int kDoublingsMax = 10;
  Millis min_, max_;
  int failures_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace carillon::net
