#include "model/latency.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace carillon::model {
namespace {

constexpr double kGrowth = 1.1;

// In milliseconds.
const std::array<double, kLatencyBuckets>& bounds() {
  static const auto kBounds = [] {
    std::array<double, kLatencyBuckets> made{};
    double bound = 1;
    for (double& b : made) {
      b = bound;
      bound *= kGrowth;
    }
    return made;
  }();
  return kBounds;
}

// Takes a number off the front.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || n < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return n;
}

}  // namespace

std::size_t latency_bucket(Millis took) noexcept {
  const auto& all = bounds();
  const auto it = std::ranges::lower_bound(all, static_cast<double>(took.count()));
  return std::min<std::size_t>(static_cast<std::size_t>(it - all.begin()), kLatencyBuckets - 1);
}

double latency_bound_s(std::size_t bucket) noexcept {
  return bounds()[std::min(bucket, kLatencyBuckets - 1)] / 1000.0;
}

void LatencyCounts::add(const LatencyCounts& more) noexcept {
  for (std::size_t i = 0; i < kLatencyBuckets; ++i) counts_[i] += more.counts_[i];
}

std::int64_t LatencyCounts::total() const noexcept {
  std::int64_t n = 0;
  for (const std::int64_t each : counts_) n += each;
  return n;
}

std::optional<double> LatencyCounts::quantile(double q) const noexcept {
  const std::int64_t n = total();
  if (n == 0) return std::nullopt;
  const auto rank =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(q * static_cast<double>(n))));
  std::int64_t seen = 0;
  for (std::size_t i = 0; i < kLatencyBuckets; ++i) {
    seen += counts_[i];
    if (seen >= rank) return latency_bound_s(i);
  }
  return latency_bound_s(kLatencyBuckets - 1);
}

std::string LatencyCounts::text() const {
  std::string out;
  for (std::size_t i = 0; i < kLatencyBuckets; ++i) {
    if (counts_[i] != 0) out += fmt::format("{}{}:{}", out.empty() ? "" : " ", i, counts_[i]);
  }
  return out;
}

Result<LatencyCounts> LatencyCounts::parse(std::string_view text) {
  LatencyCounts counts;
  while (!text.empty()) {
    const auto bucket = take_number(text);
    if (!bucket || *bucket >= static_cast<std::int64_t>(kLatencyBuckets) || !text.starts_with(':'))
      return fail(Errc::Corruption, "the stored counts of a latency are damaged");
    text.remove_prefix(1);
    const auto n = take_number(text);
    if (!n || (!text.empty() && !text.starts_with(' ')))
      return fail(Errc::Corruption, "the stored counts of a latency are damaged");
    if (!text.empty()) text.remove_prefix(1);
    counts.counts_[static_cast<std::size_t>(*bucket)] += *n;
  }
  return counts;
}

}  // namespace carillon::model
