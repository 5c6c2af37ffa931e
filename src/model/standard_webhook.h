// Standard Webhooks (github.com/standard-webhooks): how a request that we make to somebody's URL is signed.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"

namespace carillon::model {

// The key of a secret: "whsec_" and the base64 of 24 to 64 bytes. Errors: InvalidArgument.
Result<std::string> webhook_key(std::string_view secret);
inline constexpr std::size_t kWebhookSecretMax = 128;  // bytes of whsec_…
// What to write instead of one that is none.
inline constexpr std::string_view kWebhookSecretRule =
    "write whsec_ and the base64 of 24 to 64 random bytes, as openssl rand -base64 32 gives";
// A new one of 32 random bytes.
base::Secret make_webhook_secret();

// The headers of a request: the time of this try, and a signature by each secret over id, time and body.
// Without a secret it is not signed. Errors: InvalidArgument (a secret is no whsec_…).
Result<std::vector<std::pair<std::string, std::string>>> webhook_headers(
    const std::string& id, const std::string& body, std::span<const base::Secret> secrets, Time now);

}  // namespace carillon::model
