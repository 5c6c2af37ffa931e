// housekeeping(): folds the history index, completes expanded notifications, drops what is past
// retention. Each call does a bounded piece, so that the writer is never held up for long.
#include <algorithm>

#include "base/ids.h"
#include "store/detail/pieces.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kCompletedMax = 100;   // notifications marked at a time
constexpr std::int64_t kPieceRows = 2'000;    // rows dropped per transaction and table
constexpr std::int64_t kCapsWorthwhile = 10;  // one in so many expired: the next piece is looked at, too
constexpr Millis kJobsKept{30LL * 86'400'000};

// By project, which the table is ordered by: looking for old rows among all would read all.
Result<bool> drop_stats(Txn& txn, Time before) {
  const std::int64_t hour = to_ms(before) / 3'600'000;
  for (std::int64_t project = INT64_MIN;;) {
    {
      Statement s =
          txn.db.statement("SELECT project FROM stats_hourly WHERE project > ?1 ORDER BY project LIMIT 1");
      CARILLON_TRY(const bool has_row, s.bind(1, project).next());
      if (!has_row) return false;
      project = s.integer(0);
    }
    Statement s = txn.db.statement(
        "DELETE FROM stats_hourly WHERE (project, hour, app, category, template, channel, integration, "
        "status) IN (SELECT project, hour, app, category, template, channel, integration, status FROM "
        "stats_hourly WHERE project = ?1 AND hour < ?2 LIMIT ?3)");
    CARILLON_CHECK(s.bind(1, project).bind(2, hour).bind(3, kPieceRows).run());
    if (txn.db.changes() >= kPieceRows) return true;
  }
}

// Looks at a piece of them at a time, round and round: an index by time would cost every charge a row more.
// Keys are hashes, so that each piece has as many expired ones as the whole: it goes on at once as long as a
// tenth is, however fast they come. `after`: the last key looked at.
Result<bool> drop_caps(Txn& txn, Time now, std::int64_t& after) {
  std::vector<std::int64_t> expired;
  std::int64_t examined = 0;
  {
    Statement s = txn.db.statement("SELECT key, expires_at FROM cap WHERE key > ?1 ORDER BY key LIMIT ?2");
    s.bind(1, after).bind(2, kPieceRows);
    for (;; ++examined) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      after = s.integer(0);
      if (s.time(1) <= now) expired.push_back(after);
    }
  }
  if (examined < kPieceRows) after = INT64_MIN;
  for (const std::int64_t key : expired)
    CARILLON_CHECK(txn.db.statement("DELETE FROM cap WHERE key = ?1").bind(1, key).run());
  return static_cast<std::int64_t>(expired.size()) * kCapsWorthwhile >= kPieceRows;
}

}  // namespace

Task<Result<bool>> SqlStore::housekeeping(const Retention& retention, Time now) {
  CARILLON_CO_TRY(const bool has_folds, co_await before_house(now));
  CARILLON_CO_TRY(const bool has_receipts, co_await receipts_->apply_waiting(now));
  auto call = [this, retention, now](Txn& txn) -> Result<bool> {
    CARILLON_TRY(const House house, keep_house(txn, now));
    if (house.others) return false;
    CARILLON_TRY(const bool more_complete, complete_expanded(txn, now));
    CARILLON_TRY(const bool more_approvals, expire_approvals(txn, now));
    CARILLON_TRY(const bool more_sealed, wipe_sealed(txn, wiped_sealed_));
    CARILLON_TRY(const bool more_content, drop_content(txn, now - retention.content));
    CARILLON_TRY(const bool more_expired, drop_expired(txn, retention, house.by_days, now));
    CARILLON_TRY(const bool more_answers, trim_answers(txn, now));
    CARILLON_TRY(const bool more_audit, trim_audit(txn, now - retention.audit));
    CARILLON_TRY(const bool more_members, drop_deleted_groups(txn));
    CARILLON_TRY(const bool more_parts, drop_parts(txn));
    CARILLON_TRY(const bool more_jobs, drop_jobs(txn, now - kJobsKept));
    CARILLON_TRY(const bool more_events, drop_webhook_events(txn, now - retention.webhooks));
    CARILLON_TRY(const bool more_phones, fill_phones(txn));
    CARILLON_TRY(const bool more_telemetry, drop_telemetry(txn, now));
    return more_telemetry || more_phones || more_events || more_jobs || more_parts || more_sealed ||
           house.has_more || more_complete || more_approvals || more_content || more_expired ||
           more_answers || more_audit || more_members;
  };
  CARILLON_CO_TRY(const bool has_more,
                  co_await write(std::move(call), JobClass::Other, static_cast<std::size_t>(kPieceRows)));
  co_return has_folds || has_receipts || has_more;
}

// An expanded notification is marked when all of its deliveries are final; the others derive it.
Result<bool> SqlStore::complete_expanded(Txn& txn, Time now) {
  std::vector<std::int64_t> complete;
  {
    Statement s = txn.db.statement(
        "SELECT notification FROM expansion e WHERE is_done = 1 AND NOT EXISTS (SELECT 1 FROM "
        "notification_count c WHERE c.notification = e.notification AND c.status < 4 GROUP BY c.status "
        "HAVING sum(c.n) > 0) LIMIT ?1");
    s.bind(1, kCompletedMax);
    CARILLON_TRY(complete, first_column(s));
  }
  for (const std::int64_t id : complete) {
    Statement s = txn.db.statement("UPDATE notification SET status = 6 WHERE id = ?1 AND status = 4");
    CARILLON_CHECK(s.bind(1, id).run());
    if (txn.db.changes() == 1) txn.outbox.finished(id, now);
    CARILLON_CHECK(txn.db.statement("DELETE FROM expansion WHERE notification = ?1").bind(1, id).run());
    CARILLON_CHECK(wipe_if_over(txn, id));
    txn.after_commit([this, id] { notification_cache_->erase(id); });
  }
  return static_cast<std::int64_t>(complete.size()) == kCompletedMax;
}

Result<bool> SqlStore::drop_expired(Txn& txn, const Retention& retention, bool by_days, Time now) {
  const Time before = now - retention.notifications;
  // Else a day that only waits for its neighbour would be eaten up meanwhile.
  const auto day = std::chrono::floor<std::chrono::days>(before);
  const std::int64_t below = base::id_floor(by_days ? day - std::chrono::days(1) : before);
  CARILLON_TRY(const bool more_deliveries, drop_deliveries(txn, below));
  // A notification goes after its deliveries.
  bool more_notifications = false;
  if (!more_deliveries) { CARILLON_TRY(more_notifications, drop_notifications(txn, below)); }
  CARILLON_TRY(const bool more_letters, drop_event_letters(txn, now - retention.events));
  CARILLON_TRY(const bool more_records, drop_record_letters(txn, now - retention.events));
  CARILLON_TRY(const bool more_alerts, drop_alerts(txn, before));
  CARILLON_CHECK(drop_history(txn, below));
  CARILLON_TRY(const bool more_caps, drop_caps(txn, now, dropped_caps_));
  CARILLON_TRY(const bool more_stats, drop_stats(txn, now - retention.stats));
  return more_deliveries || more_notifications || more_letters || more_records || more_alerts || more_caps ||
         more_stats;
}

Result<bool> SqlStore::drop_deliveries(Txn& txn, std::int64_t below) {
  std::vector<model::Delivery> rows;
  {
    Statement s = txn.db.statement(
        "SELECT id, project, lane, flags, status FROM delivery WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT "
        "?3");
    s.bind(1, dropped_deliveries_).bind(2, below).bind(3, kPieceRows);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      model::Delivery& d = rows.emplace_back();
      d.id = s.integer(0);
      d.project = s.as<std::int32_t>(1);
      d.queue = lane_at(s.integer(2)).queue;
      d.priority = lane_at(s.integer(2)).priority;
      d.is_sandbox = (s.integer(3) & kFlagSandbox) != 0;
      d.status = s.as<model::DeliveryStatus>(4);
    }
  }
  for (const model::Delivery& d : rows) {
    if (!model::is_final(d.status)) continue;  // stepped over until it is; the scan starts again at the end
    for (const char* sql :
         {"DELETE FROM delivery WHERE id = ?1", "DELETE FROM attempt WHERE delivery = ?1",
          "DELETE FROM dead_letter WHERE delivery = ?1", "DELETE FROM receipt WHERE delivery = ?1"}) {
      CARILLON_CHECK(txn.db.statement(sql).bind(1, d.id).run());
    }
    // What a notification tells of itself stays until it goes: that is not changed.
    txn.count(d, std::nullopt, -1);
    txn.count(d, d.status, -1);
  }
  const bool has_more = static_cast<std::int64_t>(rows.size()) == kPieceRows;
  dropped_deliveries_ = has_more ? rows.back().id : 0;
  return has_more;
}

Result<bool> SqlStore::drop_notifications(Txn& txn, std::int64_t below) {
  std::vector<std::int64_t> ids;
  {
    Statement s =
        txn.db.statement("SELECT id FROM notification WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3");
    s.bind(1, dropped_notifications_).bind(2, below).bind(3, kPieceRows);
    CARILLON_TRY(ids, first_column(s));
  }
  for (const std::int64_t id : ids) {
    CARILLON_CHECK(
        txn.db
            .statement(
                "DELETE FROM chunk WHERE notification = ?1 AND NOT EXISTS "
                "(SELECT 1 FROM delivery d WHERE d.id >= chunk.first AND d.id < chunk.first + chunk.n)")
            .bind(1, id)
            .run());
    // Scheduled and expanding ones stay however old: they have work to do.
    CARILLON_CHECK(
        txn.db
            .statement("DELETE FROM notification WHERE id = ?1 AND status NOT IN (2, 3) AND NOT EXISTS "
                       "(SELECT 1 FROM chunk WHERE notification = ?1) "
                       "AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.id >= notification.first_delivery "
                       "AND d.id < notification.first_delivery + notification.delivery_count)")
            .bind(1, id)
            .run());
    for (const char* sql : {"DELETE FROM notification_count WHERE notification = ?1 AND NOT EXISTS "
                            "(SELECT 1 FROM notification WHERE id = ?1)",
                            "DELETE FROM expansion WHERE notification = ?1 AND NOT EXISTS "
                            "(SELECT 1 FROM notification WHERE id = ?1)",
                            "DELETE FROM approval WHERE notification = ?1 AND NOT EXISTS "
                            "(SELECT 1 FROM notification WHERE id = ?1)",
                            "DELETE FROM named WHERE item = ?1 AND NOT EXISTS "
                            "(SELECT 1 FROM notification WHERE id = ?1)"}) {
      CARILLON_CHECK(txn.db.statement(sql).bind(1, id).run());
    }
    txn.after_commit([this, id] { notification_cache_->erase(id); });
  }
  const bool has_more = static_cast<std::int64_t>(ids.size()) == kPieceRows;
  dropped_notifications_ = has_more ? ids.back() : 0;
  return has_more;
}

}  // namespace carillon::store::detail
