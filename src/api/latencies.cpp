// GET /v1/stats/latency: how long deliveries took from acceptance to the provider's answer.
#include "api/latencies.h"

#include <algorithm>
#include <map>

#include "api/router.h"

namespace carillon::api {
namespace {

using model::LatencyCounts;

constexpr Millis kWindowDefault{3'600'000}, kWindowMax{24LL * 3'600'000};

std::expected<Millis, Failure> window_param(const Call& call) {
  if (!call.has_param("window")) return kWindowDefault;
  const auto window = parse_duration(call.param("window"));
  if (!window) return failed_at("?window", "invalid_duration", "give a duration such as 15m or 6h");
  if (*window < store::kLatencySlot || *window > kWindowMax)
    return failed_at("?window", "out_of_range", "give a duration from 5m to 24h");
  return *window;
}

// Members only, no braces.
void write_figures(base::JsonWriter& out, const LatencyCounts& counts, Millis window) {
  const std::int64_t n = counts.total();
  out.field("n", n);
  for (const auto& [name, q] : {std::pair{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}}) {
    out.key(name);
    const auto seconds = counts.quantile(q);
    seconds ? out.value(*seconds) : out.null();
  }
  out.field("rate", static_cast<double>(n) * 1000.0 / static_cast<double>(window.count()));
}

Task<Answer> latency(Call& call) {
  CARILLON_CO_TRY(const Millis window, window_param(call));
  // Whole slots: the one under way and as many before it as the window has.
  const std::int64_t slot = store::kLatencySlot.count();
  const Time from = from_ms((to_ms(call.now) - window.count()) / slot * slot + slot);
  CARILLON_CO_TRY(const auto rows,
                  co_await call.deps.store.telemetry().latency(call.who.project, from, call.now + Millis(1)));
  std::map<model::Channel, LatencyCounts> channels;
  LatencyCounts total;
  for (const store::LatencyRow& row : rows) {
    channels[row.channel].add(row.counts);
    total.add(row.counts);
  }
  const Millis covered = std::max(Millis(1), call.now - from);
  base::JsonWriter out(1024);
  out.object().field("window", to_duration_text(window)).field("from", to_rfc3339(from));
  out.field("until", to_rfc3339(call.now)).field("slot", slot / 1000).key("data").array();
  for (const auto& [channel, counts] : channels) {
    out.object().field("channel", model::name(channel));
    write_figures(out, counts, covered);
    out.end_object();
  }
  out.end_array().key("total").object();
  write_figures(out, total, covered);
  out.end_object().end_object();
  co_return json_reply(out);
}

}  // namespace

double busiest_rate(const std::vector<store::LatencyRow>& rows, Time now,
                    const std::function<bool(model::Channel)>& fits) {
  std::map<std::int64_t, std::int64_t> slots;
  for (const store::LatencyRow& row : rows) {
    if (fits(row.channel)) slots[row.slot] += row.counts.total();
  }
  double most = 0;
  for (const auto& [slot, n] : slots) {
    // A stretch that has only just begun tells little.
    const Millis passed = now - from_ms(slot * store::kLatencySlot.count());
    const Millis lasted = std::clamp(passed, Millis(60'000), store::kLatencySlot);
    most = std::max(most, static_cast<double>(n) * 1000.0 / static_cast<double>(lasted.count()));
  }
  return most;
}

std::span<const Route> latency_routes() {
  static const Route kRoutes[] = {
      {.method = "GET",
       .pattern = "/v1/stats/latency",
       .access = allow(kScopeRead, "read"),
       .handler = latency,
       .tag = "Looking",
       .summary = "How long deliveries took from acceptance to the provider's answer, by channel",
       .response = "Latency",
       .query = "window"},
  };
  return kRoutes;
}

}  // namespace carillon::api
