#include "api/session_cookie.h"

#include <fmt/format.h>

namespace carillon::api {
namespace {

constexpr std::size_t kRandom = 43;  // characters of [0-9A-Za-z]: 256 bits
constexpr std::size_t kMac = 22;     // characters: 132 bits

std::string mac(const base::KeyRing& keys, std::string_view purpose, std::string_view text,
                std::size_t size) {
  const std::string input = fmt::format("{}\n{}", purpose, text);
  return base::base64url(base::hmac_sha256(keys.session_key.reveal(), input)).substr(0, size);
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// "https://notify.example.com:8443" → "notify.example.com:8443"; a default port left out, as browsers do.
std::string_view authority_of(std::string_view origin) {
  const std::size_t begin = origin.find("://");
  if (begin == std::string_view::npos) return {};
  const std::string_view rest = origin.substr(begin + 3);
  return rest.substr(0, rest.find('/'));
}

bool is_same(std::string_view a, std::string_view b) {
  if (a.empty() || a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace

std::string make_session_token(const base::KeyRing& keys) {
  const std::string random = base::random_text(kRandom);
  return fmt::format("{}.{}", random, mac(keys, "cookie", random, kMac));
}

bool is_session_token(std::string_view token, const base::KeyRing& keys) {
  if (token.size() != kRandom + 1 + kMac || token[kRandom] != '.') return false;
  return base::equal_constant_time(token.substr(kRandom + 1),
                                   mac(keys, "cookie", token.substr(0, kRandom), kMac));
}

std::string csrf_token(std::string_view session_token, const base::KeyRing& keys) {
  return mac(keys, "csrf", session_token, kRandom);
}

std::string_view session_cookie_name(bool is_secure) noexcept {
  return is_secure ? "__Host-carillon" : "carillon_session";
}

std::string find_session_token(const net::HttpRequest& request, bool is_secure, const base::KeyRing& keys) {
  const std::string_view wanted = session_cookie_name(is_secure);
  for (const auto& [name, value] : request.headers) {
    if (!is_same(name, "cookie")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      const std::string_view pair = trimmed(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      const std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos || pair.substr(0, equals) != wanted) continue;
      // Another page of the host may have set one of that name over plain http: it is passed over.
      const std::string_view token = pair.substr(equals + 1);
      if (is_session_token(token, keys)) return std::string(token);
    }
  }
  return {};
}

std::string session_cookie(std::string_view token, std::int64_t lifetime_s, bool is_secure) {
  return fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}", session_cookie_name(is_secure),
                     token, lifetime_s, is_secure ? "; Secure" : "");
}

std::string no_session_cookie(bool is_secure) { return session_cookie("", 0, is_secure); }

bool is_of_another_origin(const net::HttpRequest& request, std::string_view public_url) {
  const std::string_view site = request.header("Sec-Fetch-Site");
  if (!site.empty() && site != "same-origin" && site != "none") return true;
  const std::string_view origin = request.header("Origin");
  if (origin.empty()) return false;
  const std::string_view authority = authority_of(origin);
  return !is_same(authority, request.header("Host")) && !is_same(authority, authority_of(public_url));
}

}  // namespace carillon::api
