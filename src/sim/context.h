// What all simulated vendors share, and the few things they all look for in a message.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "sim/credentials.h"
#include "sim/faults.h"
#include "sim/push_subscriptions.h"
#include "sim/truth_log.h"
#include "sim/vendor.h"

namespace carillon::sim {

// Where vendors report to whose webhook is set in their console and not in the request. Thread-safe.
class Webhooks {
 public:
  void set(Vendor vendor, std::string url) {
    const std::lock_guard lock(mutex_);
    urls_[index(vendor)] = std::move(url);
  }
  // Empty: nowhere.
  [[nodiscard]] std::string url(Vendor vendor) const {
    const std::lock_guard lock(mutex_);
    return urls_[index(vendor)];
  }

 private:
  mutable std::mutex mutex_;
  std::array<std::string, kVendors.size()> urls_;
};

// Owned by Sim; outlives the vendors. All members are thread-safe or constant while vendors run.
struct Context {
  base::SystemClock clock;  // moved by the control API, so that tokens can be made to expire
  Credentials credentials;
  Faults faults{0};
  Webhooks webhooks;  // set by the control API
  PushSubscriptions subscriptions;
  TruthLog* log = nullptr;
  Millis slow{3000};  // how late the "slow" recipients are answered
};

// Reserved recipients (CONTRACT §6), which act alike in sandbox and simulator.
enum class Reserved : std::uint8_t { None, Ok, Bounce, Complaint, TempFail, Slow, Unknown };

// Carillon's delivery id in compact JSON: the value of "d" inside "carillon", which may itself be JSON in a
// string (FCM's data), or of "carillon.d"; empty when there is none. A plain search from the end, where
// custom keys are, since it runs for every message.
[[nodiscard]] inline std::string_view find_delivery(std::string_view json) noexcept {
  constexpr std::string_view kName = "\"carillon";
  constexpr std::size_t kNear = 80;  // bytes between the two names
  constexpr std::size_t kIdMax = 64;
  for (std::size_t place = json.rfind(kName); place != std::string_view::npos;
       place = place == 0 ? std::string_view::npos : json.rfind(kName, place - 1)) {
    const std::string_view near = json.substr(place + kName.size(), kNear);
    constexpr std::string_view kInString = R"(\"d\":\")";
    std::size_t start = place + kName.size();
    if (near.starts_with(".d\":\"")) {
      start += near.find(":\"") + 2;
    } else if (const std::size_t plain = near.find("\"d\":\""); plain != std::string_view::npos) {
      start += plain + kInString.size() - 3;
    } else if (const std::size_t quoted = near.find(kInString); quoted != std::string_view::npos) {
      start += quoted + kInString.size();
    } else {
      continue;
    }
    const std::string_view id = json.substr(start, kIdMax);
    return id.substr(0, id.find_first_of("\"\\"));
  }
  return {};
}

// The first delivery id ("dlv_" and what belongs to it) in a URL or a header; empty when none.
[[nodiscard]] inline std::string_view find_delivery_text(std::string_view text) noexcept {
  const std::size_t at = text.find("dlv_");
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at);
  return rest.substr(0, rest.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz_"));
}

}  // namespace carillon::sim
