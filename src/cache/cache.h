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
#include "base/metrics.h"
#include "base/secret.h"
#include "base/settings.h"
#include "base/task.h"

namespace carillon::cache {

inline constexpr Millis kPeriodMax = std::chrono::days(100);

// A bucket of `limit` tokens that refills evenly over `per` (GCRA).
struct Take {
  std::string key;
  std::int64_t cost = 1;
  std::int64_t limit = 0;  // ≥ 1
  Millis per{1000};        // a longer one than kPeriodMax counts as that
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
  // Errors: Unavailable; some may be remembered then.
  virtual Task<Result<void>> mark_sent(std::vector<std::string> keys, Millis ttl, Time now) = 0;
  virtual Task<Result<std::vector<bool>>> were_sent(std::vector<std::string> keys, Time now) = 0;
  // Whether it outlives this process: a mark is worth making only where somebody else may read it.
  [[nodiscard]] virtual bool is_shared() const noexcept = 0;
  // Why it cannot be asked at this moment, and what is done without it; empty: it can be. For people: names
  // the server, never a password.
  [[nodiscard]] virtual std::string trouble() const = 0;
};

struct Options {
  std::string url = "memory:";  // or redis[s]://[user[:password]@]host[:port][/database]
  base::Secret password;        // instead of the one in the URL
  std::string ca_file;          // PEM roots for rediss://; empty: the system's
  std::string prefix = "carillon:";
  Millis timeout{50};
  std::int64_t connections = 2;
};
void describe(base::SettingsGroup& group, Options& options);

// Opens what `options.url` names; a server is asked before this returns, and while it is away each process
// counts its buckets by itself (with_local_limits). Blocks. `metrics` outlives it. No
// call may be under way when it goes. Errors, each naming the setting: InvalidArgument (what is written) ·
// Unavailable · DeadlineExceeded (nobody answers there) · FailedPrecondition (credentials, database) ·
// Corruption (not Redis).
Result<std::unique_ptr<Cache>> open(const Options& options, base::Metrics& metrics);

// ---- backends
struct MemoryOptions {
  std::size_t entries_max = 200'000;  // the least recently used go
};
std::unique_ptr<Cache> make_memory(MemoryOptions options = {});

// A Redis of version 7 or newer, on a thread of its own. What cannot be answered within `timeout` is
// Unavailable, and while nobody answers everything is, at once. Errors: those of open().
Result<std::unique_ptr<Cache>> open_redis(const Options& options, base::Metrics& metrics);

// `shared`, and buckets of this process for the takes that it does not answer: who guesses passwords would
// wait for the moment at which nobody counts. They are full at first, and forgotten as those of make_memory()
// are. take() has no errors then; marks have those of `shared`.
std::unique_ptr<Cache> with_local_limits(std::unique_ptr<Cache> shared);

}  // namespace carillon::cache
