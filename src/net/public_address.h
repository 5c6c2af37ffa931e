// Which addresses are out in the world: what a URL that somebody configured may lead to.
#pragma once

#include <boost/asio/ip/address.hpp>

namespace carillon::net {

// False for loopback, private, link-local, shared (CGNAT), multicast, documentation, reserved and unspecified
// addresses (the IANA special-purpose registries), and for IPv6 forms that carry an IPv4 address, such as
// mapped, NAT64, 6to4 and Teredo: what is behind them could be any of the former.
[[nodiscard]] bool is_public_address(const boost::asio::ip::address& address) noexcept;

}  // namespace carillon::net
