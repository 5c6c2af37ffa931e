// Which addresses are out in the world: what a URL that somebody configured may lead to.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <string_view>

namespace carillon::net {

// False for loopback, private, link-local, shared (CGNAT), multicast, documentation, reserved and unspecified
// addresses (the IANA special-purpose registries), and for IPv6 forms that carry an IPv4 address, such as
// mapped, NAT64, 6to4 and Teredo: what is behind them could be any of the former.
[[nodiscard]] bool is_public_address(const boost::asio::ip::address& address) noexcept;

// Why a URL is not to be called, in words; empty: it may be. Only https, and no address that is written in it
// and not public; where a name leads is seen at each call (HttpCall::is_public_only). `setting`: the one that
// allows private addresses and http, and `is_allowed`, its value.
[[nodiscard]] std::string refuse_url(std::string_view url, bool is_allowed, std::string_view setting);

}  // namespace carillon::net
