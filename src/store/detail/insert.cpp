#include "store/detail/insert.h"

#include <algorithm>
#include <cstring>

#include "store/detail/rows.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
std::vector<std::int64_t> read_times(std::string_view blob) {
  std::vector<std::int64_t> times(blob.size() / sizeof(std::int64_t));
  std::memcpy(times.data(), blob.data(), times.size() * sizeof(std::int64_t));
  return times;
}

// Takes one token at `at`, or at the first moment after it when one is free. Returns that moment; with
// `drop`, nullopt instead of a later one.
Result<std::optional<Time>> take_token(Txn& txn, std::int64_t key, const CapCharge& cap, Time at) {
  CARILLON_CHECK(txn.db.lock(key));
  std::vector<std::int64_t> times;
  {
    Statement s = txn.db.statement("SELECT times FROM cap WHERE key = ?1");
    CARILLON_TRY(const bool has_row, s.bind(1, key).next());
    if (has_row) times = read_times(s.text(0));
  }
  const std::int64_t wanted = to_ms(at), per = cap.per.count();
  std::erase_if(times, [&](std::int64_t t) { return t <= wanted - per; });
  const auto limit = static_cast<std::size_t>(std::max<std::int64_t>(cap.limit, 1));
  std::int64_t when = wanted;
  if (times.size() >= limit) {
    // Times ascend and include reservations: the token used limit places ago frees after `per`.
    when = std::max(wanted, times[times.size() - limit] + per);
    if (cap.drop && when > wanted) return std::nullopt;
  }
  times.insert(std::ranges::upper_bound(times, when), when);
  const std::string_view blob(reinterpret_cast<const char*>(times.data()),
                              times.size() * sizeof(std::int64_t));
  CARILLON_CHECK(
      txn.db
          .statement(
              "INSERT INTO cap(key, expires_at, times) VALUES(?1, ?2, ?3) "
              "ON CONFLICT(key) DO UPDATE SET expires_at = excluded.expires_at, times = excluded.times")
          .bind(1, key)
          .bind(2, times.back() + per)
          .bind_blob(3, blob)
          .run());
  return from_ms(when);
}

}  // namespace

Result<std::vector<std::size_t>> charge_caps(Txn& txn, const base::KeyedHash& hash,
                                             std::span<const CapCharge> caps,
                                             std::vector<model::Delivery>& deliveries, Time now) {
  std::vector<std::size_t> changed;
  for (const CapCharge& cap : caps) {
    if (cap.delivery >= deliveries.size()) {
      return fail(Errc::InvalidArgument, "a cap charge names a delivery that is not there");
    }
    const model::Delivery& first = deliveries[cap.delivery];
    const Time at = std::max(now, first.due_at.value_or(now));
    const std::int64_t key =
        hash.low63({std::to_string(first.project), first.user_id, cap.cap_key, model::name(first.channel())});
    CARILLON_TRY(const std::optional<Time> when, take_token(txn, key, cap, at));
    if (when == at) continue;
    const std::size_t end = std::min(cap.delivery + cap.count, deliveries.size());
    for (std::size_t i = cap.delivery; i < end; ++i) {
      model::Delivery& d = deliveries[i];
      if (model::is_final(d.status)) continue;
      d.status = when ? model::DeliveryStatus::Held : model::DeliveryStatus::Suppressed;
      d.reason = model::Reason::FrequencyCap;
      d.due_at = when;
      if (!when) d.finished_at = now;
      changed.push_back(i);
    }
  }
  return changed;
}

void roll_up(Txn& txn, const model::Delivery& d, const Origin& origin, std::uint8_t event, Time now) {
  if (d.is_sandbox) return;
  txn.stats[StatKey{.hour = to_ms(now) / kHourMs,
                    .app = origin.app,
                    .project = d.project,
                    .category = origin.category,
                    .template_key = origin.template_key,
                    .integration = txn.words.id(d.integration),
                    .channel = d.channel(),
                    .event = event}] += 1;
}

Result<Origin> load_origin(Txn& txn, std::int64_t notification) {
  Statement s = txn.db.statement("SELECT app, category, template FROM notification WHERE id = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, notification).next());
  if (!has_row) return Origin{};
  return Origin{s.integer(0), s.as<std::uint32_t>(1), s.as<std::uint32_t>(2)};
}

}  // namespace carillon::store::detail
