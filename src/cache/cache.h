// Short-lived shared facts: rate buckets and sent-marks. Losing them all costs nothing but time.
//
// Fails open: a caller treats Unavailable as "allowed" and "not marked", and counts it. Safe from any
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"

namespace carillon::cache {

// A bucket of `limit` tokens that refills evenly over `per` (GCRA).
struct Take {
  std::string key;
  std::int64_t cost = 1;
  std::int64_t limit = 0;   // ≥ 1
  Millis per{1000};
};
struct Taken {
  bool allowed = true;
  std::int64_t remaining = 0;  // tokens left
  Millis retry_after{0};       // when not allowed: until `cost` tokens are there
  Millis reset_after{0};       // until the bucket is full again
};

class Cache {
 public:
  virtual ~Cache() = default;
  // All or nothing per entry, in order of `takes`. A cost of 0 only looks. A cost above the limit is never
  // allowed (retry_after is then `per`). A clock that stepped back costs a bucket at most one `per`.
  // Errors: Unavailable (the backend is away).
  virtual Task<Result<std::vector<Taken>>> take(std::vector<Take> takes, Time now) = 0;
  // Remembers for `ttl` that these deliveries (id and generation as text) were sent; a later end stays.
  // Errors: Unavailable.
  virtual Task<Result<void>> mark_sent(std::vector<std::string> keys, Millis ttl, Time now) = 0;
  virtual Task<Result<std::vector<bool>>> were_sent(std::vector<std::string> keys, Time now) = 0;
};

struct MemoryOptions {
  std::size_t entries_max = 200'000;  // the least recently used go
};
std::unique_ptr<Cache> make_memory(MemoryOptions options = {});

}  // namespace carillon::cache
