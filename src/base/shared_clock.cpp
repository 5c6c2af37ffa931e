#include "base/shared_clock.h"

#include <time.h>

#include <cstdlib>

namespace carillon::base {
namespace {

std::int64_t read_ms(clockid_t clock) noexcept {
  timespec t{};
  ::clock_gettime(clock, &t);
  return std::int64_t{t.tv_sec} * 1'000 + t.tv_nsec / 1'000'000;
}

}  // namespace

std::int64_t boot_ms() noexcept { return read_ms(CLOCK_BOOTTIME); }

Time SharedClock::now() const noexcept {
  const std::int64_t server = server_ms_.load(std::memory_order_relaxed);
  const std::int64_t ms = server == kNobody ? read_ms(CLOCK_REALTIME) : boot_ms() + server;
  return from_ms(ms + offset_ms_.load(std::memory_order_relaxed));
}

void SharedClock::follow(std::int64_t server_ms, std::int64_t boot, std::int64_t error_ms) noexcept {
  const std::int64_t server = server_ms - boot;
  const std::int64_t before = server_ms_.load();
  // What the answer's way may explain moves nothing: time does not tremble with the network.
  if (before != kNobody && std::abs(server - before) <= error_ms) return;
  server_ms_.store(server);
}

std::int64_t SharedClock::machine_is_ahead_ms() const noexcept {
  const std::int64_t server = server_ms_.load();
  return server == kNobody ? 0 : read_ms(CLOCK_REALTIME) - boot_ms() - server;
}

}  // namespace carillon::base
