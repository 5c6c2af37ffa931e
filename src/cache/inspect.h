// What a Redis says of itself, for who looks whether it is fit (carillon doctor).
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "cache/cache.h"

namespace carillon::cache {

struct RedisFacts {
  std::string version;
  std::string policy;            // maxmemory-policy
  std::int64_t memory_max = 0;   // bytes; 0: no limit
  std::int64_t memory_used = 0;  // bytes
  bool is_replica = false;
};

// Reads. Blocks: seconds. Errors: those of open() · FailedPrecondition (the user may not ask).
Result<RedisFacts> inspect_redis(const Options& options);

}  // namespace carillon::cache
