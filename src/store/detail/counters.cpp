#include "store/detail/counters.h"

#include <boost/container_hash/hash.hpp>
#include <utility>

#include "store/detail/rows.h"
#include "store/detail/db.h"

namespace carillon::store::detail {

std::size_t hash_value(const StatKey& k) noexcept {
  std::size_t seed = static_cast<std::size_t>(k.hour);
  boost::hash_combine(seed, k.app);
  boost::hash_combine(seed, k.project);
  boost::hash_combine(seed, static_cast<std::uint64_t>(k.category) << 32 | k.template_key);
  boost::hash_combine(seed, static_cast<std::uint64_t>(k.integration) << 16 |
                                static_cast<std::uint64_t>(k.channel) << 8 | std::uint64_t{k.event});
  return seed;
}

CounterRow counter_row(CounterKey key, std::int64_t n) {
  CounterRow row;
  row.project = static_cast<std::int32_t>(key >> 32);
  const model::Lane lane = lane_at(static_cast<std::int64_t>(key >> 16 & 0xffff));
  row.queue = lane.queue;
  row.priority = lane.priority;
  row.is_sandbox = (key >> 8 & 0xff) != 0;
  if (const std::uint64_t status = key & 0xff; status != 0)
    row.status = static_cast<model::DeliveryStatus>(status - 1);
  row.n = n;
  return row;
}

std::vector<LaneDepth> depths_of(const std::vector<CounterRow>& rows) {
  std::vector<LaneDepth> lanes(model::kLaneCount);
  for (const CounterRow& row : rows) {
    const model::Lane lane{row.queue, row.priority};
    if (!row.status || lane.index() >= lanes.size()) continue;
    LaneDepth& depth = lanes[lane.index()];
    switch (*row.status) {
      case model::DeliveryStatus::Pending: depth.ready += row.n; break;
      case model::DeliveryStatus::Retrying: depth.retrying += row.n; break;
      case model::DeliveryStatus::Held: depth.held += row.n; break;
      case model::DeliveryStatus::Processing: depth.in_flight += row.n; break;
      case model::DeliveryStatus::Dead: depth.dead += row.n; break;
      case model::DeliveryStatus::Sent:
      case model::DeliveryStatus::Delivered:
      case model::DeliveryStatus::Failed:
      case model::DeliveryStatus::Unknown:
      case model::DeliveryStatus::Suppressed:
      case model::DeliveryStatus::Cancelled:
      case model::DeliveryStatus::Expired: break;
    }
  }
  for (std::size_t i = 0; i < lanes.size(); ++i) lanes[i].lane = lane_at(static_cast<std::int64_t>(i));
  return lanes;
}

Result<void> Counters::load(Db& db) {
  const std::lock_guard lock(mutex_);
  Statement s = db.statement("SELECT project, lane, sandbox, status, n FROM counter");
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return {};
    const std::int64_t status = s.integer(3);
    totals_[counter_key(
        s.as<std::int32_t>(0), lane_at(s.integer(1)), s.integer(2) != 0,
        status < 0 ? std::nullopt : std::optional(static_cast<model::DeliveryStatus>(status)))] =
        s.integer(4);
  }
}

Result<void> Counters::write(Db& db, const CounterDeltas& deltas) const {
  for (const auto& [key, delta] : deltas) {
    if (delta == 0) continue;
    // The writer is the only one that changes totals_, so it may read it without the lock.
    const auto it = totals_.find(key);
    const std::int64_t n = (it == totals_.end() ? 0 : it->second) + delta;
    CARILLON_CHECK(
        db.statement(
              "INSERT OR REPLACE INTO counter(project, lane, sandbox, status, n) VALUES(?1,?2,?3,?4,?5)")
            .bind(1, static_cast<std::int64_t>(static_cast<std::int32_t>(key >> 32)))
            .bind(2, static_cast<std::int64_t>(key >> 16 & 0xffff))
            .bind(3, static_cast<std::int64_t>(key >> 8 & 0xff))
            .bind(4, static_cast<std::int64_t>(key & 0xff) - 1)
            .bind(5, n)
            .run());
  }
  return {};
}

void Counters::apply(const CounterDeltas& deltas) {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, delta] : deltas) totals_[key] += delta;
}

std::vector<CounterRow> Counters::rows() const {
  const std::lock_guard lock(mutex_);
  std::vector<CounterRow> rows;
  rows.reserve(totals_.size());
  for (const auto& [key, n] : totals_) rows.push_back(counter_row(key, n));
  return rows;
}

void Counters::apply_recounted(const CounterDeltas& deltas) {
  for (const auto& [key, delta] : deltas) recounted_[key] += delta;
}

bool Counters::begin_recount() noexcept { return !std::exchange(is_recounting_, true); }

Result<bool> Counters::recount_piece(Db& db, std::int64_t rows) {
  Statement s = db.statement(
      "SELECT id, project, lane, flags & 1, status FROM delivery WHERE id > ?1 ORDER BY id LIMIT ?2");
  s.bind(1, recounted_to_).bind(2, rows);
  for (std::int64_t n = 0;; ++n) {
    const Result<bool> has_row = s.next();
    if (!has_row) static_cast<void>(end_recount());
    CARILLON_TRY(const bool is_there, has_row);
    if (!is_there) return n < rows;
    const auto project = s.as<std::int32_t>(1);
    const model::Lane lane = lane_at(s.integer(2));
    const bool is_sandbox = s.integer(3) != 0;
    ++recounted_[counter_key(project, lane, is_sandbox, s.as<model::DeliveryStatus>(4))];
    ++recounted_[counter_key(project, lane, is_sandbox, std::nullopt)];
    recounted_to_ = s.integer(0);
  }
}

std::vector<CounterRow> Counters::end_recount() {
  CounterDeltas difference = std::exchange(recounted_, {});
  recounted_to_ = 0;
  is_recounting_ = false;
  for (const auto& [key, n] : totals_) difference[key] -= n;
  std::vector<CounterRow> rows;
  for (const auto& [key, n] : difference) {
    if (n != 0) rows.push_back(counter_row(key, n));
  }
  return rows;
}

Result<void> Counters::write_stats(Db& db, const StatDeltas& deltas) const {
  for (const auto& [key, delta] : deltas) {
    CARILLON_CHECK(
        db.statement("INSERT INTO stats_hourly(project, hour, app, category, template, channel, integration, "
                     "status, n) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9) "
                     "ON CONFLICT(project, hour, app, category, template, channel, integration, status) "
                     "DO UPDATE SET n = stats_hourly.n + excluded.n")
            .bind(1, static_cast<std::int64_t>(key.project))
            .bind(2, key.hour)
            .bind(3, key.app)
            .bind(4, static_cast<std::int64_t>(key.category))
            .bind(5, static_cast<std::int64_t>(key.template_key))
            .bind(6, static_cast<std::int64_t>(key.channel))
            .bind(7, static_cast<std::int64_t>(key.integration))
            .bind(8, std::int64_t{key.event})
            .bind(9, delta)
            .run());
  }
  return {};
}

Result<void> Counters::write_of_notifications(Db& db, const NotificationDeltas& deltas) const {
  for (const auto& [key, delta] : deltas) {
    if (delta == 0) continue;
    CARILLON_CHECK(
        db.statement("INSERT INTO notification_count(notification, status, n) VALUES(?1, ?2, ?3) "
                     "ON CONFLICT(notification, status) DO UPDATE SET n = notification_count.n + excluded.n")
            .bind(1, key.first)
            .bind(2, static_cast<std::int64_t>(key.second))
            .bind(3, delta)
            .run());
  }
  return {};
}

}  // namespace carillon::store::detail
