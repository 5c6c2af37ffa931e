#include "net/service_url.h"

#include <algorithm>
#include <charconv>

#include "net/http.h"

namespace carillon::net {
namespace {

constexpr std::size_t kUrlMax = 4096;
constexpr std::size_t kHostsMax = 64;
constexpr std::size_t kHostBytesMax = 253;  // RFC 1035 §2.3.4

std::unexpected<Error> bad(std::string_view what) { return fail(Errc::InvalidArgument, std::string(what)); }

// Cuts `rest` behind the first `mark` and returns what stood before it; all of it where there is none.
std::string_view take_until(std::string_view& rest, char mark) {
  const auto at = std::min(rest.find(mark), rest.size());
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return taken;
}

bool is_host_name(std::string_view name) {
  return !name.empty() && name.size() <= kHostBytesMax && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

bool is_ipv6(std::string_view name) {
  return name.contains(':') && name.size() < 64 &&
         name.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
}

Result<ServiceUrl::Host> parse_host(std::string_view text, std::uint16_t default_port) {
  ServiceUrl::Host host{.name = {}, .port = default_port};
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return bad("close the '[' of the IPv6 address");
    host.name = text.substr(1, end - 1);
    if (!is_ipv6(host.name)) return bad("write an IPv6 address between '[' and ']'");
    text.remove_prefix(end + 1);
  } else {
    const auto end = std::min(text.find(':'), text.size());
    host.name = text.substr(0, end);
    if (!is_host_name(host.name)) return bad("name a host, as in host.example.com:1234");
    text.remove_prefix(end);
  }
  if (text.empty()) return host;
  const char* const first = text.data() + 1;
  const char* const last = text.data() + text.size();
  const auto [end, ec] = std::from_chars(first, last, host.port);
  if (!text.starts_with(':') || ec != std::errc{} || end != last || host.port == 0) {
    return bad("give a port from 1 to 65535 behind the ':'");
  }
  return host;
}

Result<void> parse_user(std::string_view text, ServiceUrl& url) {
  auto user = percent_decode(take_until(text, ':'));
  auto password = percent_decode(text);
  if (!user || !password) return bad("percent-encode the user and the password");
  url.user = std::move(*user);
  url.password = base::Secret(std::move(*password));
  return {};
}

}  // namespace

std::string ServiceUrl::shown_hosts() const {
  std::string out;
  for (const Host& host : hosts) {
    if (!out.empty()) out += ',';
    out += host.name.contains(':') ? "[" + host.name + "]" : host.name;
    out += ':' + std::to_string(host.port);
  }
  return out;
}

Result<ServiceUrl> parse_service_url(std::string_view text, std::uint16_t default_port) {
  if (text.size() > kUrlMax) return bad("shorten it to 4096 bytes");
  if (!std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; })) {
    return bad("percent-encode spaces, control and non-ASCII characters");
  }
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos || scheme_end == 0) return bad("write scheme://host:port");
  ServiceUrl url;
  url.scheme = text.substr(0, scheme_end);
  std::ranges::transform(url.scheme, url.scheme.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  std::string_view rest = text.substr(scheme_end + 3);
  std::string_view place = take_until(rest, '?');
  auto query = form_decode(rest);
  if (!query) return bad("mend the percent escape behind the '?'");
  url.query = std::move(*query);
  std::string_view authority = take_until(place, '/');
  auto path = percent_decode(place);
  if (!path) return bad("mend the percent escape of the path");
  url.path = std::move(*path);
  // A password may hold an '@' that nobody encoded: the last one ends it.
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    CARILLON_CHECK(parse_user(authority.substr(0, at), url));
    authority.remove_prefix(at + 1);
  }
  do {
    if (url.hosts.size() == kHostsMax) return bad("name at most 64 hosts");
    CARILLON_TRY(auto host, parse_host(take_until(authority, ','), default_port));
    url.hosts.push_back(std::move(host));
  } while (!authority.empty());
  return url;
}

}  // namespace carillon::net
