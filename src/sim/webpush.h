// The push service of a browser as the simulator plays it (RFC 8030, 8291, 8292; PROVIDERS §8).
#pragma once

#include <memory>

#include "sim/context.h"
#include "sim/h2_server.h"

namespace carillon::sim {

struct WebPushOptions {
  std::uint32_t streams_max = 1000;
};

// `context` must outlive the result.
std::unique_ptr<H2Application> make_webpush(Context& context, WebPushOptions options);

}  // namespace carillon::sim
