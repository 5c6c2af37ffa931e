#include "sim/faults.h"

#include <utility>

#include "base/json.h"

namespace carillon::sim {
namespace {

// SplitMix64: one well-mixed number per (seed, vendor, n), so that draws need no shared generator state.
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

constexpr double to_share(std::uint64_t x) noexcept { return static_cast<double>(x >> 11U) * 0x1.0p-53; }

constexpr std::int64_t kLatencyMaxMs = 600'000;
constexpr std::int64_t kRetryAfterMaxS = 86'400;

void read(base::ObjectReader& reader, FaultRates& rates) {
  reader.number("rate_429", rates.rate_429, 0, 1);
  reader.integer("retry_after_s", rates.retry_after_s, 0, kRetryAfterMaxS);
  reader.number("rate_5xx", rates.rate_5xx, 0, 1);
  reader.integer("status_5xx", rates.status_5xx, 500, 599);
  reader.number("reset_before", rates.reset_before, 0, 1);
  reader.number("reset_after", rates.reset_after, 0, 1);
  reader.number("no_answer", rates.no_answer, 0, 1);
  reader.number("refused_stream", rates.refused_stream, 0, 1);
  reader.number("auth_failure", rates.auth_failure, 0, 1);
  reader.integer("latency_ms", rates.latency_ms, 0, kLatencyMaxMs);
  reader.integer("latency_jitter_ms", rates.latency_jitter_ms, 0, kLatencyMaxMs);
  reader.integer("goaway_every", rates.goaway_every, 0, INT64_MAX);
  reader.boolean("black_hole", rates.black_hole);
  reader.done();
}

void write(base::JsonWriter& out, const FaultRates& rates) {
  out.object()
      .field("rate_429", rates.rate_429)
      .field("retry_after_s", rates.retry_after_s)
      .field("rate_5xx", rates.rate_5xx)
      .field("status_5xx", rates.status_5xx)
      .field("reset_before", rates.reset_before)
      .field("reset_after", rates.reset_after)
      .field("no_answer", rates.no_answer)
      .field("refused_stream", rates.refused_stream)
      .field("auth_failure", rates.auth_failure)
      .field("latency_ms", rates.latency_ms)
      .field("latency_jitter_ms", rates.latency_jitter_ms)
      .field("goaway_every", rates.goaway_every)
      .field("black_hole", rates.black_hole)
      .end_object();
}

}  // namespace

Result<void> Faults::apply(std::string_view json) {
  base::JsonDocument document;
  CARILLON_TRY(const base::JsonElement root, document.parse(json));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  std::array<std::optional<FaultRates>, kVendors.size()> wanted;
  for (const Vendor vendor : kVendors) {
    const auto element = reader.element(name(vendor));
    if (!element) continue;
    FaultRates rates;
    base::ObjectReader inner(*element, reader.pointer(name(vendor)), problems);
    read(inner, rates);
    wanted[index(vendor)] = rates;
  }
  std::int64_t seed = 0;
  const bool has_seed = reader.integer("seed", seed, 0, INT64_MAX);
  reader.done();
  if (!problems.empty()) {
    std::string text;
    for (const auto& problem : problems) {
      text += fmt::format("{}{}: {} ({})", text.empty() ? "" : "; ", problem.pointer, problem.detail,
                          problem.code);
    }
    return fail(Errc::InvalidArgument, "faults: " + text);
  }
  const std::lock_guard lock(mutex_);
  if (has_seed) {
    seed_ = static_cast<std::uint64_t>(seed);
    for (auto& slot : slots_) slot.drawn = 0;
  }
  for (const Vendor vendor : kVendors) {
    if (wanted[index(vendor)]) set_locked(vendor, *wanted[index(vendor)]);
  }
  return {};
}

std::string Faults::json() const {
  const std::lock_guard lock(mutex_);
  base::JsonWriter out;
  out.object().field("seed", seed_);
  for (const Vendor vendor : kVendors) {
    out.key(name(vendor));
    write(out, slots_[index(vendor)].rates);
  }
  out.end_object();
  return out.str();
}

void Faults::clear() {
  const std::lock_guard lock(mutex_);
  for (const Vendor vendor : kVendors) set_locked(vendor, {});
}

void Faults::set(Vendor vendor, const FaultRates& rates) {
  const std::lock_guard lock(mutex_);
  set_locked(vendor, rates);
}

FaultRates Faults::rates(Vendor vendor) const {
  const std::lock_guard lock(mutex_);
  return slots_[index(vendor)].rates;
}

void Faults::set_locked(Vendor vendor, const FaultRates& rates) {
  Slot& slot = slots_[index(vendor)];
  slot.rates = rates;
  slot.drawn = 0;
  slot.goaway_every = rates.goaway_every;
  const bool is_active = rates.rate_429 > 0 || rates.rate_5xx > 0 || rates.reset_before > 0 ||
                         rates.reset_after > 0 || rates.no_answer > 0 || rates.refused_stream > 0 ||
                         rates.auth_failure > 0 || rates.latency_ms > 0 || rates.latency_jitter_ms > 0 ||
                         rates.black_hole;
  slot.is_active = is_active;
}

Draw Faults::draw_active(Vendor vendor) noexcept {
  const std::lock_guard lock(mutex_);
  Slot& slot = slots_[index(vendor)];
  const FaultRates& rates = slot.rates;
  const std::uint64_t number = mix(mix(seed_ ^ (index(vendor) << 56U)) + slot.drawn++);
  Draw draw{.retry_after_s = rates.retry_after_s, .status_5xx = static_cast<int>(rates.status_5xx)};
  draw.latency = Millis(rates.latency_ms);
  if (rates.latency_jitter_ms > 0) {
    draw.latency += Millis(
        static_cast<std::int64_t>(to_share(mix(number)) * static_cast<double>(rates.latency_jitter_ms)));
  }
  if (rates.black_hole) {
    draw.fault = Fault::BlackHole;
    return draw;
  }
  double left = to_share(number);
  const std::pair<double, Fault> shares[] = {
      {rates.rate_429, Fault::Throttle},        {rates.rate_5xx, Fault::ServerError},
      {rates.reset_before, Fault::ResetBefore}, {rates.reset_after, Fault::ResetAfter},
      {rates.no_answer, Fault::NoAnswer},       {rates.refused_stream, Fault::RefusedStream},
      {rates.auth_failure, Fault::AuthFailure}};
  for (const auto& [share, fault] : shares) {
    if (left < share) {
      draw.fault = fault;
      return draw;
    }
    left -= share;
  }
  return draw;
}

}  // namespace carillon::sim
