// What a load run counted, and how it is printed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace carillon::app {

// Latencies in buckets of 2 % from 10 µs to 100 s: quantiles without keeping every value.
class Latencies {
 public:
  Latencies();
  void add(double seconds) noexcept;
  // Upper bound of the bucket that holds the quantile, in seconds; 0 when nothing was added.
  [[nodiscard]] double quantile(double q) const noexcept;

 private:
  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
};

struct LoadReport {
  std::uint64_t requests = 0;  // answered
  std::uint64_t accepted = 0;  // notifications
  std::uint64_t duplicate = 0;
  std::uint64_t refused = 0;  // with a definite problem
  std::uint64_t errors = 0;   // 5xx, 429, broken connections
  std::uint64_t late = 0;     // rate mode: begun more than 5 ms after their time
  double seconds = 0;         // first request to last answer
  double cpu_seconds = 0;     // of this load generator
  std::string first_problem;  // body of the first answer that was neither 200 nor 202
  Latencies latencies;

  [[nodiscard]] std::string json() const;
};

}  // namespace carillon::app
