// What all caches share: the arithmetic of a bucket, and the names things are kept under.
//
// The generic cell rate algorithm (ITU-T I.371 annex A): all there is to know of a bucket is the moment it
// will be full again. In nanoseconds, because a bucket of 10,000 per second gets a token each 0.1 ms.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "cache/cache.h"

namespace carillon::cache {

inline constexpr std::int64_t kNsPerMs = 1'000'000;

// A Take, ready to be compared. Every number is below 2^53 and so exact in a double too, which is what a
// script of Redis counts with.
struct Bucket {
  static constexpr std::int64_t kNsMax = std::chrono::nanoseconds(kPeriodMax).count();
  static_assert(kNsMax < (std::int64_t{1} << 53));

  std::int64_t interval = 1;  // one token
  std::int64_t burst = 1;     // the whole bucket
  std::int64_t cost = 0;      // what is to be taken; negative: never to be had

  static Bucket of(const Take& take) noexcept {
    const std::int64_t limit = std::clamp<std::int64_t>(take.limit, 1, kNsMax);
    const std::int64_t per = std::clamp<Millis>(take.per, Millis(1), kPeriodMax).count() * kNsPerMs;
    Bucket bucket;
    bucket.interval = std::max<std::int64_t>(per / limit, 1);
    bucket.burst = bucket.interval * limit;
    const std::int64_t cost = std::max<std::int64_t>(take.cost, 0);
    bucket.cost = take.limit < 1 || cost > limit ? -1 : cost * bucket.interval;
    return bucket;
  }

  [[nodiscard]] bool allows(std::int64_t until_full) const noexcept {
    return cost >= 0 && until_full + cost <= burst;
  }
};

// `until_full`: how long the bucket needs to be full again, after the take.
inline Taken answer(const Take& take, const Bucket& bucket, bool allowed, std::int64_t until_full) noexcept {
  const auto to_millis_up = [](std::int64_t ns) { return Millis((ns + kNsPerMs - 1) / kNsPerMs); };
  Taken taken;
  taken.allowed = allowed;
  if (!allowed) {
    taken.retry_after = bucket.cost < 0 ? take.per : to_millis_up(until_full + bucket.cost - bucket.burst);
  }
  taken.remaining = take.limit < 1 ? 0 : (bucket.burst - until_full) / bucket.interval;
  taken.reset_after = to_millis_up(until_full);
  return taken;
}

// The name of a bucket ('r') or of a mark ('m'). A long one is kept as its hash.
inline std::string stored_key(char kind, std::string_view key) {
  constexpr std::size_t kKeyMax = 256;  // bytes
  std::string stored(1, kind);
  if (key.size() > kKeyMax)
    stored.append(base::sha256(key));
  else
    stored.append(key);
  return stored;
}

}  // namespace carillon::cache
