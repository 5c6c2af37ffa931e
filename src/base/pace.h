// How much of what can wait is begun while something critical is about.
//
// Where processes share a database and, maybe, a machine, small steps of each are not enough: all together
// they leave nothing idle, and what is critical waits for its turn at every hand-over. So what can wait has a
// rate, and the rate finds itself: it grows as long as what is measured takes about as long as in the best
// moments of the last minute, and shrinks when it takes longer (the idea of RFC 6817, for transfers that give
// way to others). Where there is room for all, it soon bounds nothing (docs/internals/decisions/0030).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace carillon::base {

// Not thread-safe. Times handed in do not go backwards.
class Pace {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr double kMost = 1e6;                    // a second
  static constexpr std::chrono::milliseconds kLook{100};  // how often the rate changes, with
  static constexpr std::size_t kEnough = 8;               // so many measured, or after
  static constexpr std::chrono::seconds kLongLook{1};     // with what there is
  static constexpr std::chrono::seconds kBestOf{30};      // … of the last one or two of these

  // The rate it begins with, and never falls below; a second.
  Pace(double first, double least) noexcept : rate_(first), least_(least) {}

  // Something that ought to be quick took so long.
  void note(Clock::duration took, Clock::time_point now = Clock::now()) noexcept {
    look(now);
    sum_ += std::chrono::duration<double>(took).count();
    ++count_;
  }
  // How many of `wanted` may be begun now; they are taken. Rather none than a handful: each step costs a
  // commit.
  [[nodiscard]] std::size_t take(std::size_t wanted, Clock::time_point now = Clock::now()) noexcept {
    look(now);
    refill(now);
    const auto free = static_cast<std::size_t>(tokens_);
    if (free < std::min(wanted, handful())) return 0;
    const std::size_t taken = std::min(wanted, free);
    tokens_ -= static_cast<double>(taken);
    used_ += static_cast<double>(taken);
    return taken;
  }
  // Taken, and not begun after all.
  void give_back(std::size_t n) noexcept {
    tokens_ = std::min(tokens_ + static_cast<double>(n), burst());
    used_ = std::max(used_ - static_cast<double>(n), 0.0);
  }
  // How long until take() gives something.
  [[nodiscard]] Clock::duration until_next(Clock::time_point now = Clock::now()) noexcept {
    refill(now);
    const double missing = static_cast<double>(handful()) - tokens_;
    if (missing <= 0) return Clock::duration::zero();
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(missing / rate_));
  }
  [[nodiscard]] double per_second() const noexcept { return rate_; }

 private:
  // What may come at once: of a low rate more, up to so many, or each handful were a commit.
  static constexpr double kBurstS = 0.05, kLongBurstS = 0.2, kLongBurstMax = 128;
  static constexpr double kTolerance = 1.2, kSlackS = 0.0003;  // above the best that is not counted as longer
  static constexpr double kShrinks = 0.8, kGrows = 1.01, kGrowsBy = 30;

  [[nodiscard]] double burst() const noexcept {
    return std::max({rate_ * kBurstS, std::min(rate_ * kLongBurstS, kLongBurstMax), 2.0});
  }
  [[nodiscard]] std::size_t handful() const noexcept { return static_cast<std::size_t>(burst() / 2); }

  void refill(Clock::time_point now) noexcept {
    if (refilled_at_ != Clock::time_point{} && now > refilled_at_) {
      tokens_ += std::chrono::duration<double>(now - refilled_at_).count() * rate_;
    }
    tokens_ = std::min(tokens_, burst());
    refilled_at_ = std::max(refilled_at_, now);
  }

  void look(Clock::time_point now) noexcept {
    if (looked_at_ == Clock::time_point{}) looked_at_ = now;
    const Clock::duration since = now - looked_at_;
    if (since < kLook || (count_ > 0 && count_ < kEnough && since < kLongLook)) return;
    looked_at_ = now;
    if (count_ > 0 && is_longer_than_best(sum_ / static_cast<double>(count_), now)) {
      rate_ = std::max(rate_ * kShrinks, least_);
    } else if (used_ >= rate_ * std::chrono::duration<double>(since).count() / 2) {
      rate_ = std::min(std::max(rate_ * kGrows, rate_ + kGrowsBy), kMost);
    }  // else it was not used, and nobody knows what more would do
    sum_ = used_ = 0;
    count_ = 0;
  }

  // The means of moments are compared, not single cases: the best case is a matter of luck.
  [[nodiscard]] bool is_longer_than_best(double mean, Clock::time_point now) noexcept {
    if (now >= best_until_) {
      best_before_ = best_;
      best_ = mean;
      best_until_ = now + kBestOf;
    }
    best_ = std::min(best_, mean);
    return mean > std::min(best_, best_before_) * kTolerance + kSlackS;
  }

  double rate_, tokens_ = 0;
  const double least_;
  double used_ = 0, sum_ = 0;  // since the last look
  std::size_t count_ = 0;
  static constexpr double kNever = 1e9;
  double best_ = kNever, best_before_ = kNever;  // s
  Clock::time_point refilled_at_{}, looked_at_{}, best_until_{};
};

}  // namespace carillon::base
