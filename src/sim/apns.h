// Apple's push service as the simulator plays it (PROVIDERS §1).
#pragma once

#include <memory>

#include "sim/context.h"
#include "sim/h2_server.h"

namespace carillon::sim {

struct ApnsOptions {
  std::uint32_t streams_at_first = 1;  // until a valid provider token was seen on the connection
  std::uint32_t streams_max = 1000;
};

// `context` must outlive the result.
std::unique_ptr<H2Application> make_apns(Context& context, ApnsOptions options);

}  // namespace carillon::sim
