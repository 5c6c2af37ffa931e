// The vendors the simulator plays.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace carillon::sim {

#define H1_VENDOR(enumerator, name, port) VENDOR(enumerator, name)

#define VENDOR(enumerator, name) enumerator,
enum class Vendor : std::uint8_t {
#include "sim/vendors.def"
};
#undef VENDOR

#define VENDOR(enumerator, name) Vendor::enumerator,
inline constexpr std::array kVendors = {
#include "sim/vendors.def"
};
#undef VENDOR

#define VENDOR(enumerator, name) #name,
inline constexpr std::array<std::string_view, kVendors.size()> kVendorNames = {
#include "sim/vendors.def"
};
#undef VENDOR
#undef H1_VENDOR

[[nodiscard]] constexpr std::size_t index(Vendor vendor) noexcept { return static_cast<std::size_t>(vendor); }

// The name used in the log, in flags and in the control API.
[[nodiscard]] constexpr std::string_view name(Vendor vendor) noexcept { return kVendorNames[index(vendor)]; }

[[nodiscard]] constexpr std::optional<Vendor> parse_vendor(std::string_view text) noexcept {
  for (const Vendor vendor : kVendors) {
    if (name(vendor) == text) return vendor;
  }
  return std::nullopt;
}

}  // namespace carillon::sim
