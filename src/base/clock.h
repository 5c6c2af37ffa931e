// Time: wall time for everything stored or shown, steady time for everything waited for.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

using Millis = std::chrono::milliseconds;
using Time = std::chrono::sys_time<Millis>;  // wall time, UTC, millisecond resolution
using SteadyTime = std::chrono::steady_clock::time_point;

[[nodiscard]] constexpr std::int64_t to_ms(Time t) noexcept { return t.time_since_epoch().count(); }
[[nodiscard]] constexpr Time from_ms(std::int64_t ms) noexcept { return Time(Millis(ms)); }

// RFC 3339 in UTC with milliseconds: "2026-11-20T16:49:03.120Z". Years outside 1970 to 9999 are
// shown as the nearest moment inside.
std::string to_rfc3339(Time t);
// Reads RFC 3339 with any offset; nullopt when it is not one. Range: years 1970 to 9999. Fractions
// are cut off after the millisecond; a leap second becomes the first second of the next day.
std::optional<Time> parse_rfc3339(std::string_view text);
// Reads "150ms", "30s", "5m", "24h", "7d" or "0s"; nullopt otherwise or beyond 10 years.
std::optional<Millis> parse_duration(std::string_view text);
// Writes the shortest form parse_duration() reads back to the same value. A negative duration is
// written with a minus sign, which parse_duration() refuses.
std::string to_duration_text(Millis duration);

namespace base {

// Where a process takes its time from. Thread-safe. Store calls are handed `now()`, so a test moves
// time by moving the clock.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time. May step; nothing may be ordered by it alone.
  [[nodiscard]] virtual Time now() const noexcept = 0;
};

// The machine's clock plus an offset that only tests and `--test-clock` change.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Time now() const noexcept override {
    return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now()) +
           Millis(offset_ms_.load(std::memory_order_relaxed));
  }
  // Moves this clock forward by `by` for all threads.
  void advance(Millis by) noexcept { offset_ms_.fetch_add(by.count(), std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> offset_ms_{0};
};

// A clock that moves only when told to.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Time start = from_ms(1'790'000'000'000)) : now_ms_(to_ms(start)) {}
  [[nodiscard]] Time now() const noexcept override { return from_ms(now_ms_.load()); }
  void advance(Millis by) noexcept { now_ms_.fetch_add(by.count()); }
  void set(Time t) noexcept { now_ms_.store(to_ms(t)); }

 private:
  std::atomic<std::int64_t> now_ms_;
};

// The moment after which nobody waits any longer. Copyable, cheap.
class Deadline {
 public:
  [[nodiscard]] static Deadline after(std::chrono::steady_clock::duration d) {
    return Deadline(std::chrono::steady_clock::now() + d);
  }
  [[nodiscard]] static Deadline never() { return Deadline(SteadyTime::max()); }
  explicit Deadline(SteadyTime at) : at_(at) {}
  [[nodiscard]] SteadyTime at() const noexcept { return at_; }
  [[nodiscard]] bool passed() const { return std::chrono::steady_clock::now() >= at_; }

 private:
  SteadyTime at_;
};

}  // namespace base
}  // namespace carillon
