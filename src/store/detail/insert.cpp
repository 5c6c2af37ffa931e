#include "store/detail/insert.h"

#include <algorithm>
#include <cstring>

#include "store/detail/rows.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
// A provider's message id is mostly a UUID: its room is taken at insert, so that the row does not grow
// out of its page when the id arrives.
constexpr std::string_view kProviderIdRoom{
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 36};

std::vector<std::int64_t> read_times(std::string_view blob) {
  std::vector<std::int64_t> times(blob.size() / sizeof(std::int64_t));
  std::memcpy(times.data(), blob.data(), times.size() * sizeof(std::int64_t));
  return times;
}

// Takes one token at `at`, or at the first moment after it when one is free. Returns that moment; with
// `drop`, nullopt instead of a later one.
Result<std::optional<Time>> take_token(Txn& txn, std::int64_t key, const CapCharge& cap, Time at) {
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
  CARILLON_CHECK(txn.db.statement("INSERT OR REPLACE INTO cap(key, expires_at, times) VALUES(?1, ?2, ?3)")
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

Result<void> insert_deliveries(Txn& txn, std::span<const model::Delivery> deliveries, const Origin& origin,
                               Time now, std::optional<Owner> owner) {
  Statement s = txn.db.statement(
      "INSERT INTO delivery(id, notification, project, lane, status, reason, flags, epoch, attempts, due_at, "
      "finished_at, expires_at, to_index, generation, integration, user_id, device_id, provider_id, note, "
      "owner) "
      "VALUES(?1,?2,?3,?4,?5,?6,?7,?18,0,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?19)");
  for (const model::Delivery& d : deliveries) {
    const bool is_taken = owner && is_due(d, now);
    const auto status = is_taken ? model::DeliveryStatus::Processing : d.status;
    const bool is_final = model::is_final(d.status);
    s.bind(1, d.id).bind(2, d.notification).bind(3, static_cast<std::int64_t>(d.project));
    s.bind(4, static_cast<std::int64_t>(d.lane().index()));
    s.bind(5, static_cast<std::int64_t>(status)).bind(6, static_cast<std::int64_t>(d.reason));
    s.bind(7, (d.is_sandbox ? kFlagSandbox : 0) | (d.is_counted ? kFlagCounted : 0) |
                  (d.is_fallback ? kFlagFallback : 0));
    s.bind(18, std::int64_t{is_taken ? 1 : 0}).bind_or_null(19, is_taken ? pack(*owner) : 0);
    // A pending one without a time is due now; only held ones may wait for a condition.
    const bool needs_due =
        d.status == model::DeliveryStatus::Pending || d.status == model::DeliveryStatus::Retrying;
    s.bind(8, is_final || is_taken ? std::nullopt
              : needs_due          ? std::optional(d.due_at.value_or(now))
                                   : d.due_at);
    s.bind(9, is_final ? std::optional(d.finished_at.value_or(now)) : std::nullopt);
    s.bind(10, d.expires_at).bind_or_null(11, d.to_index).bind_or_null(12, d.generation);
    s.bind_or_null(13, txn.words.id(d.integration));
    s.bind_or_null(14, d.user_id).bind_or_null(15, d.device_id);
    if (is_final) {
      s.bind_or_null(16, d.provider_id);
    } else {
      s.bind_blob(16, kProviderIdRoom);
    }
    s.bind_or_null(17, d.note);
    CARILLON_CHECK(s.run());
    txn.count(d, std::nullopt, 1);
    txn.count(d, status, 1);
    roll_up(txn, d, origin, model::DeliveryStatus::Pending, now);
    if (!is_final) continue;
    roll_up(txn, d, origin, d.status, now);
    if (!d.is_counted) txn.outbox.finished(d.notification, now);
    CARILLON_CHECK(tell_status(txn, d, now));
  }
  return {};
}

Result<Origin> load_origin(Txn& txn, std::int64_t notification) {
  Statement s = txn.db.statement("SELECT app, category, template FROM notification WHERE id = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, notification).next());
  if (!has_row) return Origin{};
  return Origin{s.integer(0), s.as<std::uint32_t>(1), s.as<std::uint32_t>(2)};
}

}  // namespace carillon::store::detail
