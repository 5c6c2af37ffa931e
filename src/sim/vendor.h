// The vendors the simulator plays.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace carillon::sim {

enum class Vendor : std::uint8_t { Apns, Fcm, Twilio, Smtp };

inline constexpr std::array<Vendor, 4> kVendors = {Vendor::Apns, Vendor::Fcm, Vendor::Twilio, Vendor::Smtp};

// The name used in the log, in flags and in the control API.
[[nodiscard]] constexpr std::string_view name(Vendor vendor) noexcept {
  switch (vendor) {
    case Vendor::Apns: return "apns";
    case Vendor::Fcm: return "fcm";
    case Vendor::Twilio: return "twilio";
    case Vendor::Smtp: return "smtp";
  }
  return "unknown";
}

[[nodiscard]] constexpr std::optional<Vendor> parse_vendor(std::string_view text) noexcept {
  for (const Vendor vendor : kVendors) {
    if (name(vendor) == text) return vendor;
  }
  return std::nullopt;
}

[[nodiscard]] constexpr std::size_t index(Vendor vendor) noexcept { return static_cast<std::size_t>(vendor); }

}  // namespace carillon::sim
