#include "net/public_address.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "net/http.h"

namespace carillon::net {
namespace {

struct Block4 {
  std::uint32_t network = 0;
  unsigned bits = 0;
};
constexpr std::uint32_t ip4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}
// IANA IPv4 Special-Purpose Address Registry, multicast and class E.
constexpr Block4 kNotPublic4[] = {
    {ip4(0, 0, 0, 0), 8},      {ip4(10, 0, 0, 0), 8},     {ip4(100, 64, 0, 0), 10},
    {ip4(127, 0, 0, 0), 8},    {ip4(169, 254, 0, 0), 16}, {ip4(172, 16, 0, 0), 12},
    {ip4(192, 0, 0, 0), 24},   {ip4(192, 0, 2, 0), 24},   {ip4(192, 88, 99, 0), 24},
    {ip4(192, 168, 0, 0), 16}, {ip4(198, 18, 0, 0), 15},  {ip4(198, 51, 100, 0), 24},
    {ip4(203, 0, 113, 0), 24}, {ip4(224, 0, 0, 0), 4},    {ip4(240, 0, 0, 0), 4},
};

struct Block6 {
  std::array<std::uint8_t, 4> network{};  // its first 32 bits
  unsigned bits = 0;                      // at most 32
};
// Inside of 2000::/3, which is all that is given out: IETF assignments with Teredo, documentation, 6to4.
constexpr Block6 kNotPublic6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23},
    {{0x20, 0x01, 0x0d, 0xb8}, 32},
    {{0x20, 0x02, 0x00, 0x00}, 16},
    {{0x3f, 0xff, 0x00, 0x00}, 20},
};

std::uint32_t first_32(const std::uint8_t* bytes) { return ip4(bytes[0], bytes[1], bytes[2], bytes[3]); }

bool is_inside(std::uint32_t address, std::uint32_t network, unsigned bits) {
  return (address ^ network) >> (32 - bits) == 0;
}

}  // namespace

bool is_public_address(const boost::asio::ip::address& address) noexcept {
  if (address.is_v4()) {
    const std::uint32_t value = address.to_v4().to_uint();
    return std::ranges::none_of(kNotPublic4,
                                [&](const Block4& b) { return is_inside(value, b.network, b.bits); });
  }
  const auto bytes = address.to_v6().to_bytes();
  if (bytes[0] >> 5 != 1) return false;  // outside of 2000::/3
  const std::uint32_t value = first_32(bytes.data());
  return std::ranges::none_of(
      kNotPublic6, [&](const Block6& b) { return is_inside(value, first_32(b.network.data()), b.bits); });
}

std::string refuse_url(std::string_view url, bool is_allowed, std::string_view setting) {
  const auto parsed = parse_url(url);
  if (!parsed) return parsed.error().message;
  if (parsed->scheme != "https" && !(parsed->scheme == "http" && is_allowed)) return "give an https URL";
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(parsed->host, error);
  if (!error && !is_allowed && !is_public_address(address))
    return fmt::format("this address is private or reserved; {} allows it", setting);
  return {};
}

}  // namespace carillon::net
