// When an account must be left alone: breaker, rate bucket, and the guard against mass invalidation.
// Pure: time is handed in. One thread at a time.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace carillon::pipeline {

enum class BreakerState : std::uint8_t { Closed, HalfOpen, Open };  // the worse, the larger
[[nodiscard]] std::string_view name(BreakerState state) noexcept;   // "closed" "half_open" "open"
[[nodiscard]] std::optional<BreakerState> parse_breaker_state(std::string_view text) noexcept;

// Closed → (≥ 20 calls in 10 s, half of them failures) → Open 30 s, doubling to 10 min → one probe at
// a time (half open) → Closed.
class Breaker {
 public:
  // One that stays closed whatever it is told.
  [[nodiscard]] static Breaker never() {
    Breaker breaker;
    breaker.is_off_ = true;
    return breaker;
  }
  // `vote`: model::breaker_vote() of a call that ended. In the half-open state it is the probe's: 0 lets
  // the next probe go. Votes that come while it is open are of calls begun before; they change nothing.
  void record(int vote, Time now);
  // True: a call may begin; in the half-open state only one until its vote came (or two and a half
  // minutes passed, longer than any call: then the probe was never begun).
  [[nodiscard]] bool allows(Time now);
  // True: allows() would say no. Takes nothing.
  [[nodiscard]] bool is_open(Time now) const;
  // Set while it is not closed.
  [[nodiscard]] std::optional<Time> open_until() const { return open_until_; }
  [[nodiscard]] BreakerState state(Time now) const;
  // Since when; nullopt: always, or nobody said when it was reset.
  [[nodiscard]] std::optional<Time> since(Time now) const;
  // Closes it, as if nothing had happened.
  void reset(std::optional<Time> now = {});
  // Shows whether it is not closed, for a scrape on another thread.
  void show_in(std::shared_ptr<std::atomic<bool>> flag) { flag_ = std::move(flag); }

 private:
  struct Second {
    std::int64_t second = 0;
    int calls = 0, failures = 0;
  };
  void open(Time now);
  void show(bool is_open) const;

  std::deque<Second> window_;
  std::optional<Time> open_until_;
  std::optional<Time> changed_at_;  // when it was opened or closed last
  Millis next_open_{30'000};
  std::optional<Time> probing_since_;
  bool is_off_ = false;
  std::shared_ptr<std::atomic<bool>> flag_;
};

// How many calls there were lately, and how many of them failed; forgets by the half minute.
class CallTally {
 public:
  static constexpr Millis kWindow{300'000};
  void add(bool has_failed, Time now);
  struct Totals {
    std::int64_t calls = 0, errors = 0;
  };
  [[nodiscard]] Totals within(Time now) const;  // the window that ends now

 private:
  static constexpr std::int64_t kSlots = 10;
  struct Slot {
    std::int64_t number = -1;
    Totals totals;
  };
  std::array<Slot, kSlots> slots_{};
};

// Tokens per second with a burst of one second's worth (at least 1).
class RateBucket {
 public:
  explicit RateBucket(double per_second) : rate_(per_second) {}  // 0: unlimited
  // How many of `wanted` may go now; takes them. A fifth of the burst (rounded down) is left for critical
  // ones.
  std::size_t take(std::size_t wanted, bool is_critical, Time now);
  // How many of `wanted` may go now; takes nothing.
  [[nodiscard]] std::size_t allows(std::size_t wanted, bool is_critical, Time now) const;
  [[nodiscard]] double per_second() const noexcept { return rate_; }

 private:
  [[nodiscard]] double tokens_at(Time now) const;
  double rate_;
  double tokens_ = 0;
  std::optional<Time> last_;
};

// PROVIDERS §13.3: when most of a window's answers call tokens bad, it is a configuration fault.
class InvalidationGuard {
 public:
  enum class Verdict { Forget, Keep, Suspect };  // Suspect: pause the integration
  // Of one suspicious InvalidRecipient. Forget only while answers that are good outweigh; Suspect once 20
  // or more bad ones are the majority, after which the count begins anew.
  Verdict suspicious(Time now);
  void good(Time now);

 private:
  void roll(Time now);
  std::int64_t window_start_ms_ = 0;
  std::int64_t good_ = 0, bad_ = 0, good_before_ = 0, bad_before_ = 0;  // two windows of 5 min
};

}  // namespace carillon::pipeline
