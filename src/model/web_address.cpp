#include "model/web_address.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace carillon::model {
namespace {

constexpr std::string_view kHttps = "https://", kHttp = "http://";

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

// Names and IPv4 addresses in lower case, IPv6 in brackets.
bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    return host.size() > 3 && host.ends_with(']') &&
           std::ranges::all_of(host.substr(1, host.size() - 2), [](char c) {
             return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
           });
  }
  const bool is_clean = std::ranges::all_of(
      host, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; });
  return is_clean && !host.empty() && host.size() <= 253 && !host.starts_with('.') &&
         !host.starts_with('-') && host.find("..") == std::string_view::npos;
}

// "" or a number from 1 to 65535 without leading zeros; `port` 0: none.
bool read_port(std::string_view text, std::uint16_t& port) {
  port = 0;
  if (text.empty()) return true;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port != 0 && text.front() != '0';
}

struct Authority {
  std::string_view host;
  std::uint16_t port = 0;
};

bool read_authority(std::string_view text, Authority& into) {
  const std::size_t bracket = text.find(']');
  const std::size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  into.host = text.substr(0, colon);
  if (colon != std::string_view::npos && colon + 1 == text.size()) return false;
  return is_host(into.host) &&
         read_port(colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1), into.port);
}

}  // namespace

bool is_web_origin(std::string_view text) noexcept {
  if (text.size() > kOriginMax) return false;
  Authority authority;
  if (text.starts_with(kHttps)) {
    return read_authority(text.substr(kHttps.size()), authority) && authority.port != 443;
  }
  return text.starts_with(kHttp) && read_authority(text.substr(kHttp.size()), authority) &&
         authority.port != 80 && is_loopback(authority.host);
}

Result<std::string> normalize_public_url(std::string_view text) {
  const auto refused = [] {
    return fail(Errc::InvalidArgument,
                "give an https URL without query, such as https://notify.example.com; http is taken for "
                "localhost only");
  };
  const bool is_https = text.starts_with(kHttps);
  if (text.size() > kPublicUrlMax || (!is_https && !text.starts_with(kHttp))) return refused();
  const std::string_view rest = text.substr(is_https ? kHttps.size() : kHttp.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string host(rest.substr(0, slash));
  for (char& c : host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  Authority authority;
  if (!read_authority(host, authority) || (!is_https && !is_loopback(authority.host))) return refused();
  std::string_view path = rest.substr(slash);
  const bool is_clean = std::ranges::all_of(path, [](char c) {
    return c > ' ' && c < 0x7f && c != '?' && c != '#' && c != '"' && c != '<' && c != '>' && c != '\\';
  });
  if (!is_clean || path.find("//") != std::string_view::npos) return refused();
  while (path.ends_with('/')) path.remove_suffix(1);
  return std::string(is_https ? kHttps : kHttp) + host + std::string(path);
}

}  // namespace carillon::model
