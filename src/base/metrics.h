// Counters, gauges and histograms that cost a nanosecond on the hot path.
//
// A metric is registered once (at start), which fixes its label sets; the hot path then adds to a
// slot of its own thread's array, without lock or look-up. A scrape sums the arrays of all threads.
// Labels are bounded by construction: channel, priority, integration, outcome; never app, template,
// user.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::base {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Metrics;

// Counters and histogram buckets of one registry together.
inline constexpr std::uint32_t kMaxMetricSlots = 131'072;

// One time series that only grows. Trivially copyable, thread-safe; valid as long as its Metrics. One
// made by the default constructor counts nothing.
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

// Observations in fixed buckets, plus sum (resolution 1e-6) and count. Same rules as Counter.
class Histogram {
 public:
  Histogram() = default;
  // A value of an upper bound belongs to that bound's bucket. Values below 0 and NaN are not observed.
  void observe(double value, std::uint64_t times = 1) const noexcept;

 private:
  friend class Metrics;
  Metrics* metrics_ = nullptr;
  std::uint32_t slot_ = 0;                       // first bucket; then +Inf, then the sum in micro-units
  const std::vector<double>* bounds_ = nullptr;  // the family's
};

// The registry of a process. Registration and scrape take a lock; add() and observe() do not (but for a
// thread's very first one). Thread-safe. What a thread counted stays after it ended. Must outlive the last
// add() of any thread.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Registering the same name and labels twice gives the same series. Asserted: names and label names are
  // valid for Prometheus, a name keeps its kind and bounds, bounds ascend, at most kMaxMetricSlots in use.
  Counter counter(std::string_view name, std::string_view help, Labels labels = {});
  Histogram histogram(std::string_view name, std::string_view help, std::span<const double> bounds,
                      Labels labels = {});
  // Read at scrape time. `read` is called under the registry's lock, from the scraping thread: it may add
  // to counters, but not register. Registered again, the later function is read. What it refers to must
  // outlive the last scrape.
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

// Resident memory in bytes and CPU seconds (user + system) of this process; 0 where the system does
// not tell.
std::uint64_t process_memory_bytes();
double process_cpu_seconds();

}  // namespace carillon::base
