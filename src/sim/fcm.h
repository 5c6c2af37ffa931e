// Firebase Cloud Messaging, HTTP v1, as the simulator plays it (PROVIDERS §2).
#pragma once

#include <memory>

#include "sim/context.h"
#include "sim/h2_server.h"
#include "sim/oauth.h"

namespace carillon::sim {

struct FcmOptions {
  std::uint32_t streams_max = 1000;
};

// `context` and `tokens` must outlive the result.
std::unique_ptr<H2Application> make_fcm(Context& context, const TokenIssuer& tokens, FcmOptions options);

}  // namespace carillon::sim
