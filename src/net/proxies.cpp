#include "net/proxies.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <optional>

namespace carillon::net {
namespace {

namespace ip = boost::asio::ip;

std::optional<ip::address> parse_address(std::string_view text) {
  boost::system::error_code ec;
  const auto address = ip::make_address(std::string(text), ec);
  if (ec) return std::nullopt;
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  return address;
}

bool is_forwarded_for(std::string_view name) {
  constexpr std::string_view kName = "x-forwarded-for";
  return std::ranges::equal(name, kName, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
  });
}

// All entries, the last one first.
std::vector<std::string_view> hops_of(const Headers& headers) {
  std::vector<std::string_view> hops;
  for (const auto& [name, value] : headers) {
    if (!is_forwarded_for(name)) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      std::string_view hop = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      while (hop.starts_with(' ')) hop.remove_prefix(1);
      while (hop.ends_with(' ')) hop.remove_suffix(1);
      hops.push_back(hop);
    }
  }
  std::ranges::reverse(hops);
  return hops;
}

}  // namespace

Result<Proxies> Proxies::parse(const std::vector<std::string>& entries) {
  Proxies proxies;
  for (const std::string& entry : entries) {
    const bool is_network = entry.find('/') != std::string::npos;
    const bool is_v6 = entry.find(':') != std::string::npos;
    boost::system::error_code ec;
    if (is_v6) {
      proxies.v6_.push_back(ip::make_network_v6(is_network ? entry : entry + "/128", ec).canonical());
    } else {
      proxies.v4_.push_back(ip::make_network_v4(is_network ? entry : entry + "/32", ec).canonical());
    }
    if (ec) {
      return fail(
          Errc::InvalidArgument,
          fmt::format("'{}' is no address; give those of your proxies, such as 10.0.0.7 or 10.0.0.0/8",
                      entry));
    }
  }
  return proxies;
}

bool Proxies::contains(std::string_view text) const {
  const auto address = parse_address(text);
  if (!address) return false;
  if (address->is_v4()) {
    return std::ranges::any_of(v4_, [&](const ip::network_v4& net) {
      return ip::network_v4(address->to_v4(), net.prefix_length()).canonical() == net;
    });
  }
  return std::ranges::any_of(v6_, [&](const ip::network_v6& net) {
    return ip::network_v6(address->to_v6(), net.prefix_length()).canonical() == net;
  });
}

std::string Proxies::client_of(std::string_view peer, const Headers& headers) const {
  std::string client(peer);
  if (v4_.empty() && v6_.empty()) return client;
  for (const std::string_view hop : hops_of(headers)) {
    if (!contains(client)) break;
    const auto address = parse_address(hop);
    if (!address) break;
    client = address->to_string();
  }
  return client;
}

}  // namespace carillon::net
