// Counters, gauges and histograms that cost a nanosecond on the hot path.
//
// A metric is registered once (at start), which fixes its label sets; the hot path then adds to a
// slot of its own thread's array, without lock or look-up. A scrape sums the arrays of all threads.
// Labels are bounded by construction: channel, priority, integration, outcome; never app, template,
// user.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::base {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Metrics;

// One time series. Trivially copyable; valid as long as its Metrics.
class Counter {
 public:
  Counter() = default;
  void add(std::uint64_t n = 1) const noexcept;

 private:
  friend class Metrics;
  Counter(Metrics* m, std::uint32_t slot) : metrics_(m), slot_(slot) {}
  Metrics* metrics_ = nullptr;
  std::uint32_t slot_ = 0;
};

// Observations in fixed buckets, plus sum and count.
class Histogram {
 public:
  Histogram() = default;
  void observe(double value, std::uint64_t times = 1) const noexcept;

 private:
  friend class Metrics;
  Metrics* metrics_ = nullptr;
  std::uint32_t slot_ = 0;                    // first bucket; then +Inf, sum in micro-units, count
  std::shared_ptr<const std::vector<double>> bounds_;
};

// The registry of a process. Registration and scrape take a lock; add() and observe() do not.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Registering the same name and labels twice gives the same series.
  Counter counter(std::string_view name, std::string_view help, Labels labels = {});
  Histogram histogram(std::string_view name, std::string_view help, std::span<const double> bounds,
                      Labels labels = {});
  // Read at scrape time. `read` is called under the registry's lock, from the scraping thread.
  void gauge(std::string_view name, std::string_view help, Labels labels, std::function<double()> read);
  // A family whose series are only known at scrape time (queue depths).
  using Series = std::vector<std::pair<Labels, double>>;
  void gauges(std::string_view name, std::string_view help, std::function<Series()> read);

  // Prometheus text exposition format 0.0.4.
  [[nodiscard]] std::string text() const;
  // The sum over all threads of one counter series; 0 when unknown. For tests and summaries.
  [[nodiscard]] std::uint64_t value(std::string_view name, const Labels& labels = {}) const;

  static std::span<const double> latency_buckets_s();  // 100 µs … 60 s
  static std::span<const double> size_buckets_bytes(); // 64 B … 256 KiB
  static std::span<const double> count_buckets();      // 1 … 4,096

 private:
  friend class Counter;
  friend class Histogram;
  void add(std::uint32_t slot, std::uint64_t n) noexcept;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Resident memory in bytes and CPU seconds (user + system) of this process, from /proc/self.
std::uint64_t process_memory_bytes();
double process_cpu_seconds();

}  // namespace carillon::base
