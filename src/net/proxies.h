// Who is behind a reverse proxy: the proxies that are believed, and what they say (X-Forwarded-For).
#pragma once

#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/http.h"

namespace carillon::net {

// Immutable after it was made; any thread.
class Proxies {
 public:
  Proxies() = default;  // none: nobody is believed
  // Addresses and networks: "127.0.0.1", "10.0.0.0/8", "fd00::/8". Errors: InvalidArgument naming the entry.
  static Result<Proxies> parse(const std::vector<std::string>& entries);

  // The address a request came from: `peer`, or, when that is a proxy, what the proxy says; when that is a
  // proxy too, what is said before it, and so on. What is left of an address that is no proxy, anybody may
  // have written. Text that is no address ends the search.
  [[nodiscard]] std::string client_of(std::string_view peer, const Headers& headers) const;

 private:
  [[nodiscard]] bool contains(std::string_view address) const;
  std::vector<boost::asio::ip::network_v4> v4_;
  std::vector<boost::asio::ip::network_v6> v6_;
};

}  // namespace carillon::net
