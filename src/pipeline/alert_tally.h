// Counts of what goes wrong, gathered beside the path of deliveries and read by the alerts. Nothing here is
// touched by a delivery that is sent at the first try.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "model/channel.h"
#include "model/notification.h"

namespace carillon::pipeline {

// Thread-safe. Bounded: of more than kKeysMax different failures in a window, the latest are not counted.
class AlertTally {
 public:
  static constexpr std::size_t kKeysMax = 1024;

  // `window`: of repeated failures.
  explicit AlertTally(Millis window) : window_(window) {}

  // Deliveries are held because nothing carries their channel.
  void no_route(std::int32_t project, model::Channel channel, std::int64_t n);
  // `n` failures with `code` of `subject`: an integration, or what was to be said.
  void failure(std::int32_t project, std::string_view subject, std::string_view code, std::string_view detail,
               Time now, std::int64_t n = 1);

  struct NoRoute {
    std::int32_t project = 0;
    model::Channel channel = model::Channel::Push;
    std::int64_t n = 0;
  };
  // Those since the last call.
  [[nodiscard]] std::vector<NoRoute> take_no_route();

  struct Failures {
    std::int32_t project = 0;
    std::string subject, code;
    std::string detail;          // of the first
    std::int64_t in_window = 0;  // within the window that ends at `now`
    std::int64_t fresh = 0;      // since the last call
  };
  // Those with any in the window.
  [[nodiscard]] std::vector<Failures> take_failures(Time now);

 private:
  static constexpr std::int64_t kSlots = 10;  // the window moves on by a tenth
  struct Key {
    std::int32_t project = 0;
    std::string subject, code;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Count {
    std::array<std::int64_t, kSlots> slots{};
    std::int64_t newest = 0;  // number of the slot that was counted in last
    std::int64_t fresh = 0;
    std::string detail;
    void move_to(std::int64_t slot) noexcept;
  };
  [[nodiscard]] std::int64_t slot_of(Time now) const noexcept;

  const Millis window_;
  std::mutex mutex_;
  std::map<std::pair<std::int32_t, model::Channel>, std::int64_t> no_route_;
  std::map<Key, Count> failures_;
};

}  // namespace carillon::pipeline
