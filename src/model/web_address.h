// Addresses of web places that administrators configure: origins of pages, and the server's own URL.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace carillon::model {

inline constexpr std::size_t kOriginMax = 255;      // bytes
inline constexpr std::size_t kOriginsMax = 50;      // per project
inline constexpr std::size_t kPublicUrlMax = 1024;  // bytes

// An origin exactly as browsers send it: https, a host in lower case, a port only where it is not 443; http
// is taken for this machine (localhost, 127.0.0.1, [::1]). No path, no wildcard.
[[nodiscard]] bool is_web_origin(std::string_view text) noexcept;

// "https://notify.example.com/base/" → without the last slashes. The path may be there; credentials, query
// and fragment may not. http is taken for this machine only. Errors: InvalidArgument.
Result<std::string> normalize_public_url(std::string_view text);

}  // namespace carillon::model
