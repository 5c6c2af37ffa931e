#include "providers/twilio_callback.h"

#include <algorithm>

#include "base/crypto.h"

namespace carillon::providers {
namespace {

// The same URL with the scheme's default port, or without any.
std::string with_other_port(std::string_view url) {
  const std::size_t host = url.find("://");
  if (host == std::string_view::npos) return std::string(url);
  const std::size_t end = std::min(url.find_first_of("/?", host + 3), url.size());
  const std::string_view authority = url.substr(0, end);
  const std::size_t colon = authority.rfind(':');
  const bool has_port = colon > host && authority.find(']', colon) == std::string_view::npos;
  if (has_port) return std::string(url.substr(0, colon)).append(url.substr(end));
  return std::string(authority).append(url.starts_with("https") ? ":443" : ":80").append(url.substr(end));
}

}  // namespace

std::string twilio_signature(std::string_view auth_token, std::string_view url, CallbackForm form) {
  std::ranges::sort(form);
  const auto repeated = std::ranges::unique(form);
  form.erase(repeated.begin(), repeated.end());
  std::string message(url);
  for (const auto& [name, value] : form) message.append(name).append(value);
  return base::base64(base::hmac_sha1(auth_token, message));
}

Result<CallbackForm> read_twilio_callback(const CallbackRequest& request, std::string_view auth_token) {
  auto form = net::form_decode(request.body);
  if (!form) return fail(Errc::InvalidArgument, "the body is not a form");
  const std::string_view given = request.header("x-twilio-signature");
  const bool is_right =
      base::equal_constant_time(given, twilio_signature(auth_token, request.url, *form)) ||
      base::equal_constant_time(given, twilio_signature(auth_token, with_other_port(request.url), *form));
  if (!is_right) {
    return fail(Errc::Unauthenticated,
                "X-Twilio-Signature does not fit: check auth_token and server.public_url");
  }
  return std::move(*form);
}

}  // namespace carillon::providers
