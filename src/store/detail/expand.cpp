// Acting on what is stored: expansion, cancel, release of holds, replay.
#include <algorithm>

#include "store/detail/insert.h"
#include "store/detail/sqlite_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::size_t kUnholdExaminedMax = 20'000;

struct Range {
  std::int64_t first = 0, n = 0;
};

// The runs of contiguous delivery ids of a notification.
Result<std::vector<Range>> ranges_of(Db& db, std::int64_t notification) {
  std::vector<Range> ranges;
  Statement s = db.statement(
      "SELECT first_delivery, delivery_count FROM notification WHERE id = ?1 AND first_delivery > 0 "
      "UNION ALL SELECT first, n FROM chunk WHERE notification = ?1");
  s.bind(1, notification);
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return ranges;
    ranges.push_back(Range{s.integer(0), s.integer(1)});
  }
}

Result<Origin> origin_of(Db& db, std::int64_t notification) {
  Statement s = db.statement("SELECT app, category, template FROM notification WHERE id = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, notification).next());
  if (!has_row) return Origin{};
  return Origin{
      .app = s.integer(0), .category = s.as<std::uint32_t>(1), .template_key = s.as<std::uint32_t>(2)};
}

// Moves an open, unclaimed row to another state. `d` is as read; status and reason are the new ones.
Result<void> move_row(Txn& txn, const model::Delivery& d, model::DeliveryStatus from, Time now) {
  Statement s = txn.db.statement(
      "UPDATE delivery SET status = ?2, reason = ?3, due_at = ?4, finished_at = ?5, "
      "attempts = ?6, generation = ?7, claims_lost = ?8, note = ?9, integration = ?10 WHERE id = ?1");
  const bool is_final = model::is_final(d.status);
  s.bind(1, d.id).bind(2, static_cast<std::int64_t>(d.status)).bind(3, static_cast<std::int64_t>(d.reason));
  s.bind(4, is_final ? std::nullopt : d.due_at).bind(5, is_final ? std::optional(now) : std::nullopt);
  s.bind(6, static_cast<std::int64_t>(d.attempts))
      .bind_or_null(7, d.generation)
      .bind_or_null(8, d.claims_lost);
  s.bind_or_null(9, d.note).bind_or_null(10, txn.words.id(d.integration));
  CARILLON_CHECK(s.run());
  txn.count(d.project, d.lane(), d.is_sandbox, from, -1);
  txn.count(d.project, d.lane(), d.is_sandbox, d.status, 1);
  return {};
}

}  // namespace

Task<Result<void>> SqliteStore::expand(ExpandItem item, Time now) {
  const std::size_t rows = item.deliveries.size() + 2;
  auto call = [this, item = std::move(item), now](Txn& txn) -> Result<void> {
    Statement s = txn.db.statement(
        "SELECT status, flags, cursor, app, category, template FROM notification WHERE id = ?1");
    CARILLON_TRY(const bool has_row, s.bind(1, item.notification).next());
    if (!has_row) return fail(Errc::NotFound, "no such notification");
    const auto status = s.as<model::NotificationStatus>(0);
    const bool is_waiting =
        status == model::NotificationStatus::Scheduled || status == model::NotificationStatus::Expanding;
    if (!is_waiting || (s.integer(1) & kFlagCancelled) != 0 || s.integer(2) != item.expected_cursor) {
      return fail(Errc::Conflict, "the expansion was moved on by somebody else, or cancelled");
    }
    const Origin origin{
        .app = s.integer(3), .category = s.as<std::uint32_t>(4), .template_key = s.as<std::uint32_t>(5)};
    std::vector<model::Delivery> deliveries = item.deliveries;
    CARILLON_CHECK(charge_caps(txn, options_.keys->lookup_hash, item.caps, deliveries, now));
    CARILLON_CHECK(insert_deliveries(txn, deliveries, origin, now));
    for (const model::Delivery& d : deliveries) {
      // The history index has passed this id already (the call waited long): it is added at once.
      if (d.id > history_->high() || d.user_id.empty()) continue;
      CARILLON_CHECK(history_->add_late(txn, history_->user_key(d.project, d.user_id), item.notification));
    }
    if (!deliveries.empty()) {
      CARILLON_CHECK(txn.db.statement("INSERT INTO chunk(notification, first, n) VALUES(?1, ?2, ?3)")
                         .bind(1, item.notification)
                         .bind(2, deliveries.front().id)
                         .bind(3, static_cast<std::int64_t>(deliveries.size()))
                         .run());
    }
    const auto next = item.done ? model::NotificationStatus::Sending : model::NotificationStatus::Expanding;
    CARILLON_CHECK(txn.db.statement("UPDATE notification SET status = ?2, cursor = ?3 WHERE id = ?1")
                       .bind(1, item.notification)
                       .bind(2, static_cast<std::int64_t>(next))
                       .bind(3, item.next_cursor)
                       .run());
    txn.after_commit([this, id = item.notification] { notification_cache_->erase(id); });
    return {};
  };
  co_return co_await write(std::move(call), JobClass::Expand, rows);
}

Task<Result<std::vector<DueExpansion>>> SqliteStore::due_expansions(std::size_t limit, Time now) {
  co_return co_await read([limit, now](Db& db) -> Result<std::vector<DueExpansion>> {
    std::vector<DueExpansion> due;
    Statement s = db.statement(
        "SELECT id, cursor FROM notification INDEXED BY notification_waiting "
        "WHERE status IN (2, 3) AND ifnull(send_at, 0) <= ?1 ORDER BY ifnull(send_at, 0), id LIMIT ?2");
    s.bind(1, now).bind(2, static_cast<std::int64_t>(limit));
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return due;
      due.push_back(DueExpansion{s.integer(0), s.integer(1)});
    }
  });
}

Task<Result<CancelResult>> SqliteStore::cancel(std::int64_t notification, Time now) {
  static_cast<void>(now);
  co_return co_await write([this, notification](Txn& txn) -> Result<CancelResult> {
    // Draft to paused may be cancelled; sending too, as long as anything is open. A final one stays.
    CARILLON_CHECK(txn.db
                       .statement("UPDATE notification SET flags = flags | 2, status = CASE WHEN status < 6 "
                                  "THEN 7 ELSE status END "
                                  "WHERE id = ?1")
                       .bind(1, notification)
                       .run());
    if (txn.db.changes() == 0) return fail(Errc::NotFound, "no such notification");
    txn.after_commit([this, notification] { notification_cache_->erase(notification); });
    CancelResult result;
    CARILLON_TRY(const std::vector<Range> ranges, ranges_of(txn.db, notification));
    for (const Range& range : ranges) {
      Statement s = txn.db.statement(
          "SELECT status, count(*) FROM delivery WHERE id >= ?1 AND id < ?2 GROUP BY status");
      s.bind(1, range.first).bind(2, range.first + range.n);
      for (;;) {
        CARILLON_TRY(const bool has_row, s.next());
        if (!has_row) break;
        const auto n = static_cast<std::size_t>(s.integer(1));
        switch (s.as<model::DeliveryStatus>(0)) {
          case model::DeliveryStatus::Pending:
          case model::DeliveryStatus::Held:
          case model::DeliveryStatus::Retrying:
          case model::DeliveryStatus::Cancelled: result.cancelled += n; break;
          case model::DeliveryStatus::Processing: result.in_flight += n; break;
          case model::DeliveryStatus::Sent:
          case model::DeliveryStatus::Delivered:
          case model::DeliveryStatus::Unknown: result.already_sent += n; break;
          case model::DeliveryStatus::Failed:
          case model::DeliveryStatus::Dead:
          case model::DeliveryStatus::Suppressed:
          case model::DeliveryStatus::Expired: break;
        }
      }
    }
    return result;
  });
}

Task<Result<std::size_t>> SqliteStore::cancel_chunk(std::int64_t notification, std::size_t limit, Time now) {
  auto call = [this, notification, limit, now](Txn& txn) -> Result<std::size_t> {
    std::vector<model::Delivery> open;
    CARILLON_TRY(const std::vector<Range> ranges, ranges_of(txn.db, notification));
    for (const Range& range : ranges) {
      if (open.size() >= limit) break;
      Statement s =
          txn.db.statement("SELECT " CARILLON_DELIVERY_COLUMNS
                           " FROM delivery "
                           "WHERE id >= ?1 AND id < ?2 AND status IN (0, 1, 3) ORDER BY id LIMIT ?3");
      s.bind(1, range.first)
          .bind(2, range.first + range.n)
          .bind(3, static_cast<std::int64_t>(limit - open.size()));
      for (;;) {
        CARILLON_TRY(const bool has_row, s.next());
        if (!has_row) break;
        open.push_back(read_delivery(s, words_));
      }
    }
    if (open.empty()) return std::size_t{0};
    CARILLON_TRY(const Origin origin, origin_of(txn.db, notification));
    for (model::Delivery& d : open) {
      const model::DeliveryStatus from = std::exchange(d.status, model::DeliveryStatus::Cancelled);
      d.reason = model::Reason::CancelledByCaller;
      CARILLON_CHECK(move_row(txn, d, from, now));
      roll_up(txn, d, origin, d.status, now);
    }
    return open.size();
  };
  co_return co_await write(std::move(call), JobClass::Other, limit);
}

Task<Result<std::vector<Hint>>> SqliteStore::unhold(HoldFilter filter, std::size_t limit, Time now) {
  auto call = [this, filter = std::move(filter), limit, now](Txn& txn) -> Result<std::vector<Hint>> {
    std::vector<model::Delivery> held;
    const std::int64_t integration = words_.find(filter.integration);
    {
      Statement s = txn.db.statement("SELECT " CARILLON_DELIVERY_COLUMNS
                                     " FROM delivery INDEXED BY delivery_trouble "
                                     "WHERE (status = 1 OR status BETWEEN 6 AND 8) AND status = 1 AND reason "
                                     "= ?1 AND (?2 = 0 OR project = ?2) AND (?3 = 0 OR integration = ?3) "
                                     "AND (?4 < 0 OR lane / 4 = ?4) ORDER BY id LIMIT ?5");
      s.bind(1, static_cast<std::int64_t>(filter.reason)).bind(2, static_cast<std::int64_t>(filter.project));
      // An integration nobody ever used has nothing held.
      s.bind(3, filter.integration.empty() ? 0 : integration == 0 ? -1 : integration);
      s.bind(4, filter.queue ? static_cast<std::int64_t>(*filter.queue) : -1);
      s.bind(5, static_cast<std::int64_t>(std::min(limit, kUnholdExaminedMax)));
      for (;;) {
        CARILLON_TRY(const bool has_row, s.next());
        if (!has_row) break;
        held.push_back(read_delivery(s, words_));
      }
    }
    std::vector<Hint> hints;
    for (model::Delivery& d : held) {
      d.status = model::DeliveryStatus::Pending;
      d.reason = model::Reason::None;
      d.due_at = now;
      CARILLON_CHECK(move_row(txn, d, model::DeliveryStatus::Held, now));
      hints.push_back(Hint{d.id, d.lane()});
    }
    return hints;
  };
  co_return co_await write(std::move(call), JobClass::Other, limit);
}

}  // namespace carillon::store::detail
