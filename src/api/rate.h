// How much an app may send per second.
#pragma once

#include <cstdint>
#include <optional>

#include "api/call.h"
#include "base/task.h"

namespace carillon::api {

// The limit of the caller in notifications per second; 0: none.
[[nodiscard]] std::int64_t rate_limit_of(const Call& call) noexcept;

// Takes `cost` tokens of the caller's app and puts RateLimit and RateLimit-Policy into `call.extra`
// (draft-ietf-httpapi-ratelimit-headers). A batch larger than the limit takes all there is: it could
// never pass otherwise. To be awaited only when rate_limit_of() is not 0. With the cache away everything
// is allowed. Failures: 429 rate_limited with Retry-After.
Task<std::optional<Failure>> take_rate(Call& call, std::int64_t cost);

// Takes from any bucket; no headers but Retry-After. With the cache away everything is allowed.
// Failures: 429 rate_limited with `detail`.
Task<std::optional<Failure>> take_tokens(Call& call, cache::Take take, std::string detail);

}  // namespace carillon::api
