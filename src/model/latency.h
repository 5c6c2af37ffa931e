// How long things took, in buckets that can be stored and added up.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace carillon::model {

// Upper bounds grow by a tenth, from 1 ms to about three days; what took longer is in the last one. Bounds
// are stored by their number: never change them.
inline constexpr std::size_t kLatencyBuckets = 206;
[[nodiscard]] std::size_t latency_bucket(Millis took) noexcept;  // below 0: as 0
[[nodiscard]] double latency_bound_s(std::size_t bucket) noexcept;

class LatencyCounts {
 public:
  void add(Millis took) noexcept { ++counts_[latency_bucket(took)]; }
  void add(const LatencyCounts& more) noexcept;
  [[nodiscard]] std::int64_t total() const noexcept;
  // The bound of the bucket in which the share `q` (0 to 1) of all is reached, in seconds; nullopt: of
  // nothing.
  [[nodiscard]] std::optional<double> quantile(double q) const noexcept;

  // "12:340 13:2", as it is stored; empty: nothing was counted.
  [[nodiscard]] std::string text() const;
  // Errors: Corruption.
  static Result<LatencyCounts> parse(std::string_view text);
  friend bool operator==(const LatencyCounts&, const LatencyCounts&) = default;

 private:
  std::array<std::int64_t, kLatencyBuckets> counts_{};
};

}  // namespace carillon::model
