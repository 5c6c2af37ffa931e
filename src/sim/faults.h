// What goes wrong on purpose: per vendor, by flag or by the control API, repeatable with a seed.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "sim/vendor.h"

namespace carillon::sim {

// Shares are 0 to 1 and are tried in this order of one draw per request, so they add up.
struct FaultRates {
  double rate_429 = 0;                 // told to slow down, with Retry-After (SMTP: 450 4.7.1)
  std::int64_t retry_after_s = 1;      // what that answer says; 0 leaves the header out
  double rate_5xx = 0;                 // refused with status_5xx (SMTP: 451 4.3.0), not accepted
  std::int64_t status_5xx = 503;       // 500 to 599
  double reset_before = 0;             // the connection is reset, the message not accepted
  double reset_after = 0;              // accepted and logged as unanswered, then the connection is reset
  double no_answer = 0;                // accepted and logged as unanswered, the connection stays open
  double refused_stream = 0;           // RST_STREAM(REFUSED_STREAM); HTTP/1.1: closed unread; SMTP: 421
  double auth_failure = 0;             // the credential is refused though it is right
  std::int64_t latency_ms = 0;         // every answer is this late; the message is accepted at once
  std::int64_t latency_jitter_ms = 0;  // plus up to this much
  std::int64_t goaway_every = 0;       // GOAWAY (SMTP: 421) after that many requests of a connection; 0 never
  bool black_hole = false;             // takes everything, accepts nothing, never answers
};

enum class Fault : std::uint8_t {
  None,
  Throttle,
  ServerError,
  ResetBefore,
  ResetAfter,
  NoAnswer,
  RefusedStream,
  AuthFailure,
  BlackHole
};

// What happens to one request.
struct Draw {
  Fault fault = Fault::None;
  Millis latency{0};
  std::int64_t retry_after_s = 0;
  int status_5xx = 503;
};

// The faults in force. Thread-safe. The n-th request of a vendor after a change of seed or rates meets
// the same fate in every run.
class Faults {
 public:
  explicit Faults(std::uint64_t seed) : seed_(seed) {}

  // {"apns":{"rate_429":0.01}, "seed": 7}: replaces the rates of every vendor named (fields left out
  // are 0) and starts their sequence again. Errors: InvalidArgument with every problem; nothing changed.
  Result<void> apply(std::string_view json);
  // The same document with all vendors and fields.
  [[nodiscard]] std::string json() const;
  void clear();

  // Cheap when the vendor has no faults: one relaxed load.
  [[nodiscard]] Draw draw(Vendor vendor) noexcept {
    if (!slots_[index(vendor)].is_active.load(std::memory_order_relaxed)) [[likely]]
      return {};
    return draw_active(vendor);
  }
  // 0: never.
  [[nodiscard]] std::int64_t goaway_every(Vendor vendor) const noexcept {
    return slots_[index(vendor)].goaway_every.load(std::memory_order_relaxed);
  }
  void set(Vendor vendor, const FaultRates& rates);
  [[nodiscard]] FaultRates rates(Vendor vendor) const;

 private:
  struct Slot {
    std::atomic<bool> is_active{false};
    std::atomic<std::int64_t> goaway_every{0};
    FaultRates rates;         // under mutex_
    std::uint64_t drawn = 0;  // under mutex_
  };
  [[nodiscard]] Draw draw_active(Vendor vendor) noexcept;
  void set_locked(Vendor vendor, const FaultRates& rates);

  mutable std::mutex mutex_;
  std::uint64_t seed_;
  std::array<Slot, kVendors.size()> slots_;
};

}  // namespace carillon::sim
