#include "app/load_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace carillon::app {
namespace {

constexpr double kFirst = 10e-6;  // seconds
constexpr double kGrowth = 1.02;
constexpr std::size_t kBuckets = 820;  // up to 100 s

double bound(std::size_t bucket) { return kFirst * std::pow(kGrowth, static_cast<double>(bucket)); }

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + "\"";
}

}  // namespace

Latencies::Latencies() : buckets_(kBuckets, 0) {}

void Latencies::add(double seconds) noexcept {
  const double place = std::log(std::max(seconds, kFirst) / kFirst) / std::log(kGrowth);
  ++buckets_[std::min(static_cast<std::size_t>(std::ceil(place)), kBuckets - 1)];
  ++count_;
}

double Latencies::quantile(double q) const noexcept {
  if (count_ == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= wanted) return bound(i);
  }
  return bound(kBuckets - 1);
}

std::string LoadReport::json() const {
  const double per_second = seconds > 0 ? static_cast<double>(accepted) / seconds : 0;
  return fmt::format(
      R"({{"requests":{},"accepted":{},"duplicate":{},"refused":{},"errors":{},"late":{},"seconds":{:.3f},)"
      R"("per_second":{:.0f},"cpu_seconds":{:.3f},"p50_ms":{:.3f},"p99_ms":{:.3f},"p999_ms":{:.3f},)"
      R"("first_problem":{}}})",
      requests, accepted, duplicate, refused, errors, late, seconds, per_second, cpu_seconds,
      latencies.quantile(0.5) * 1e3, latencies.quantile(0.99) * 1e3, latencies.quantile(0.999) * 1e3,
      quoted(first_problem));
}

}  // namespace carillon::app
