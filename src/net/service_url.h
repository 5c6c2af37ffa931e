// The address of a service that Carillon uses, as an operator writes it in a setting:
// scheme://[user[:password]@]host[:port][,host[:port]]…[/path][?name=value&…]
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/secret.h"

namespace carillon::net {

struct ServiceUrl {
  struct Host {
    std::string name;  // without brackets
    std::uint16_t port = 0;
  };
  std::string scheme;  // lower case
  std::string user;    // decoded; empty: none
  base::Secret password;
  std::vector<Host> hosts;  // at least one
  std::string path;         // decoded, without the '/' it begins with
  std::vector<std::pair<std::string, std::string>> query;

  // "host:port,host:port": what may be shown.
  [[nodiscard]] std::string shown_hosts() const;
};

// `default_port` (≥ 1) is of each host that names none. Errors: InvalidArgument, which never repeats what was
// given: it may hold a password.
Result<ServiceUrl> parse_service_url(std::string_view text, std::uint16_t default_port);

}  // namespace carillon::net
