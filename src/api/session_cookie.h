// The cookie of a signed-in member, and what proves that a page of this console sent it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "net/http.h"

namespace carillon::api {

// 43 random characters, a point, and a MAC under KeyRing::session_key: what this installation never gave out
// is known as such without a look into the store.
[[nodiscard]] std::string make_session_token(const base::KeyRing& keys);
[[nodiscard]] bool is_session_token(std::string_view token, const base::KeyRing& keys);
// What unsafe requests with that cookie have to bring in X-CSRF-Token: a MAC of the token, so that it need
// not be stored, and other pages cannot make it.
[[nodiscard]] std::string csrf_token(std::string_view session_token, const base::KeyRing& keys);

// "__Host-carillon", which browsers take over https only, for this host only and for every path (RFC 6265bis
// §4.1.3.2); "carillon_session" over plain http.
[[nodiscard]] std::string_view session_cookie_name(bool is_secure) noexcept;
// The token of the session cookie of that name, in one of the request's Cookie fields and made here; empty:
// none.
[[nodiscard]] std::string find_session_token(const net::HttpRequest& request, bool is_secure,
                                             const base::KeyRing& keys);
// Values of Set-Cookie. It is for the page itself and not for its scripts, and only when the page is of this
// site.
[[nodiscard]] std::string session_cookie(std::string_view token, std::int64_t lifetime_s, bool is_secure);
[[nodiscard]] std::string no_session_cookie(bool is_secure);

// Whether a browser says that a page of another origin sent the request: by Sec-Fetch-Site, and by Origin,
// which has to be `public_url`'s or that of the Host it was sent to. What is not a browser says neither.
[[nodiscard]] bool is_of_another_origin(const net::HttpRequest& request, std::string_view public_url);

}  // namespace carillon::api
