// The time that processes on several machines agree on: that of a server which all of them ask (PIPELINE §6).
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace carillon::base {

// Milliseconds since this machine was started, also while it slept: what no change of its clock moves.
[[nodiscard]] std::int64_t boot_ms() noexcept;

// The machine's clock at first. From the first follow() on the server's, carried on by boot_ms(): whatever
// happens to the machine's clock is of no importance any more. Plus an offset that only tests change.
// Thread-safe.
class SharedClock final : public Clock {
 public:
  [[nodiscard]] Time now() const noexcept override;
  // When boot_ms() was `boot`, the server's clock said `server_ms`, in ms since 1970, give or take
  // `error_ms`.
  void follow(std::int64_t server_ms, std::int64_t boot, std::int64_t error_ms) noexcept;
  // Moves this clock forward by `by` for all threads.
  void advance(Millis by) noexcept { offset_ms_.fetch_add(by.count()); }
  // How far the machine's clock is ahead of the server's, in ms; 0 as long as no server is followed.
  [[nodiscard]] std::int64_t machine_is_ahead_ms() const noexcept;

 private:
  static constexpr std::int64_t kNobody = INT64_MIN;
  std::atomic<std::int64_t> server_ms_{kNobody};  // the server's clock less boot_ms()
  std::atomic<std::int64_t> offset_ms_{0};
};

}  // namespace carillon::base
