// What browsers and proxies say in headers: cookies, origins, encodings, ETags, forwarded addresses.
#include <cstdint>
#include <string_view>

#include "api/console.h"
#include "api/session_cookie.h"
#include "net/proxies.h"

using namespace carillon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const base::KeyRing keys = *base::KeyRing::derive(base::Secret(std::string(32, 'k')));
  static const net::Proxies proxies = *net::Proxies::parse({"10.0.0.0/8", "fd00::/8"});
  static constexpr api::ConsoleFile kFile{"/", "text/html", "abc", "plain", "gz", "br", false};
  const std::string text(reinterpret_cast<const char*>(data), size);
  net::HttpRequest request{"POST", "/v1/session", {}, {}};
  for (const char* name :
       {"Cookie", "Origin", "Host", "Sec-Fetch-Site", "Accept-Encoding", "If-None-Match", "X-Forwarded-For"})
    request.headers.emplace_back(name, text);
  // Nobody knows the key: no token can be in it.
  CARILLON_ASSERT(api::find_session_token(request, false, keys).empty());
  CARILLON_ASSERT(!api::is_session_token(text, keys));
  static_cast<void>(api::is_of_another_origin(request, text));
  const api::Reply reply = api::console_reply(kFile, request, false);
  CARILLON_ASSERT(reply.status == 200 || (reply.status == 304 && reply.body.empty()));
  CARILLON_ASSERT(!proxies.client_of("10.0.0.7", request.headers).empty());
  return 0;
}
