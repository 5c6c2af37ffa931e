// Acting on what is stored: cancel, pause, release of holds.
#include <algorithm>

#include "base/ids.h"
#include "store/detail/insert.h"
#include "store/detail/pieces.h"
#include "store/detail/rows.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::size_t kUnholdExaminedMax = 20'000;

struct Range {
  std::int64_t first = 0, n = 0;
};

// The runs of contiguous delivery ids of a notification that end above `from`, ascending.
Result<std::vector<Range>> ranges_of(Db& db, std::int64_t notification, std::int64_t from) {
  std::vector<Range> ranges;
  Statement s = db.statement(
      "SELECT first_delivery AS first, delivery_count AS n FROM notification WHERE id = ?1 AND "
      "first_delivery > 0 UNION ALL SELECT first, n FROM chunk WHERE notification = ?1 AND first + n > ?2 "
      "ORDER BY 1");
  s.bind(1, notification).bind(2, from);
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return ranges;
    ranges.push_back(Range{s.integer(0), s.integer(1)});
  }
}

Result<StatusCounts> kept_counts(Db& db, std::int64_t notification) {
  StatusCounts counts{};
  Statement s =
      db.statement("SELECT status, sum(n) FROM notification_count WHERE notification = ?1 GROUP BY status");
  s.bind(1, notification);
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return counts;
    counts[s.as<std::size_t>(0) % counts.size()] = s.integer(1);
  }
}

struct Picked {
  std::vector<model::Delivery> rows;
  std::int64_t next = 0;  // where the next piece begins; 0: there is no more
};
// Of up to `limit` delivery ids of a notification from `from` on, those that `sql` (between ?1 and ?2) finds.
Result<Picked> pick_rows(Db& db, const Words& words, std::int64_t notification, std::int64_t from,
                         std::size_t limit, const char* sql) {
  Picked picked;
  CARILLON_TRY(const std::vector<Range> ranges, ranges_of(db, notification, from));
  for (std::size_t seen = 0; const Range& range : ranges) {
    if (seen >= limit) {
      picked.next = range.first;
      break;
    }
    const std::int64_t first = std::max(range.first, from);
    const std::int64_t end = std::min(range.first + range.n, first + static_cast<std::int64_t>(limit - seen));
    Statement s = db.statement(sql);
    s.bind(1, first).bind(2, end);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      picked.rows.push_back(read_delivery(s, words));
    }
    seen += static_cast<std::size_t>(end - first);
    picked.next = end < range.first + range.n ? end : 0;
    if (picked.next != 0) break;
  }
  return picked;
}

}  // namespace

// What is kept of one with many deliveries, and the few of another looked at.
Result<StatusCounts> counts_of(Db& db, std::int64_t notification) {
  CARILLON_TRY(StatusCounts counts, kept_counts(db, notification));
  Statement s = db.statement(
      "SELECT d.status, count(*) FROM notification n JOIN delivery d ON d.id >= n.first_delivery AND "
      "d.id < n.first_delivery + n.delivery_count WHERE n.id = ?1 AND n.first_delivery > 0 GROUP BY 1");
  s.bind(1, notification);
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return counts;
    counts[s.as<std::size_t>(0) % counts.size()] += s.integer(1);
  }
}

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
  txn.count_move(d, from, d.status);
  if (!is_final) return {};
  if (!d.is_counted) txn.outbox.finished(d.notification, now);
  return tell_status(txn, d, now);
}

namespace {

// As it really is, and its project.
Result<model::Notification> present(Txn& txn, std::int64_t notification) {
  Statement s = txn.db.statement("SELECT " CARILLON_NOTIFICATION_COLUMNS " FROM notification WHERE id = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, notification).next());
  if (!has_row) return fail(Errc::NotFound, "no such notification");
  model::Notification n = read_notification(s, txn.words);
  CARILLON_CHECK(derive_status(txn.db, n));
  return n;
}

AuditEntry audit_of(const model::Notification& n, Actor actor, std::string_view action, Time now) {
  return AuditEntry{.project = n.project,
                    .at = now,
                    .actor = std::move(actor),
                    .action = std::string(action),
                    .object = base::id_text(base::kNotificationPrefix, n.id),
                    .detail = {}};
}

}  // namespace

Task<Result<CancelResult>> SqlStore::cancel(std::int64_t notification, Actor actor, Time now) {
  auto call = [this, notification, actor = std::move(actor), now](Txn& txn) -> Result<CancelResult> {
    CARILLON_CHECK(txn.db.lock(notification));  // the parts of its expansion stop here
    CARILLON_TRY(const model::Notification stored, present(txn, notification));
    if (!stored.is_cancelled && !actor.empty())
      CARILLON_CHECK(insert_audit(txn, audit_of(stored, actor, "notification.cancel", now)));
    // Draft to paused may be cancelled; sending too, as long as anything is open. A final one stays.
    CARILLON_CHECK(txn.db
                       .statement("UPDATE notification SET flags = flags | 2, status = CASE WHEN status < 6 "
                                  "THEN 7 ELSE status END WHERE id = ?1")
                       .bind(1, notification)
                       .run());
    if (!stored.is_cancelled && !model::is_final(stored.status))
      CARILLON_CHECK(tell_cancelled(txn, stored, now));
    CARILLON_CHECK(void_approval(txn, notification, {}, now));
    CARILLON_CHECK(
        txn.db.statement("DELETE FROM expansion WHERE notification = ?1").bind(1, notification).run());
    CARILLON_CHECK(wipe_if_over(txn, notification));
    txn.after_commit([this, notification] { notification_cache_->erase(notification); });
    CARILLON_TRY(const StatusCounts counts, counts_of(txn.db, notification));
    CancelResult result;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const auto n = static_cast<std::size_t>(counts[i]);
      switch (static_cast<model::DeliveryStatus>(i)) {
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
    return result;
  };
  co_return co_await write(std::move(call));
}

// ---- pause and resume
namespace {

Result<void> set_status(Txn& txn, std::int64_t notification, model::NotificationStatus status) {
  Statement s = txn.db.statement("UPDATE notification SET status = ?2 WHERE id = ?1");
  return s.bind(1, notification).bind(2, static_cast<std::int64_t>(status)).run();
}

// 0: nothing is.
Result<std::int64_t> highest_held(Db& db) {
  return db.scalar(
      "SELECT coalesce((SELECT id FROM delivery INDEXED BY delivery_trouble WHERE (status = 1 OR status "
      "BETWEEN 6 AND 8) AND status = 1 ORDER BY id DESC LIMIT 1), 0)");
}

}  // namespace

Task<Result<void>> SqlStore::pause(std::int64_t notification, Actor actor, Time now) {
  auto call = [this, notification, actor = std::move(actor), now](Txn& txn) -> Result<void> {
    CARILLON_CHECK(txn.db.lock(notification));  // likewise
    CARILLON_TRY(const model::Notification n, present(txn, notification));
    if (n.status == model::NotificationStatus::Paused) return {};
    if (!model::next(n.status, model::NotificationEvent::Pause)) {
      return fail(Errc::Conflict, fmt::format("it is {}; only what is expanding or sending can be paused",
                                              model::name(n.status)));
    }
    CARILLON_CHECK(set_status(txn, notification, model::NotificationStatus::Paused));
    txn.after_commit([this, notification] { notification_cache_->erase(notification); });
    return insert_audit(txn, audit_of(n, actor, "notification.pause", now));
  };
  co_return co_await write(std::move(call), JobClass::Other, 2);
}

Task<Result<void>> SqlStore::resume(std::int64_t notification, Actor actor, Time now) {
  auto call = [this, notification, actor = std::move(actor), now](Txn& txn) -> Result<void> {
    CARILLON_TRY(const model::Notification n, present(txn, notification));
    using model::NotificationStatus;
    const bool is_going =
        n.status == NotificationStatus::Expanding || n.status == NotificationStatus::Sending;
    if (is_going) return {};
    if (n.status != NotificationStatus::Paused)
      return fail(Errc::Conflict, fmt::format("it is {}, not paused", model::name(n.status)));
    Statement s = txn.db.statement("SELECT 1 FROM expansion WHERE notification = ?1 AND is_done = 0");
    CARILLON_TRY(const bool is_expanding, s.bind(1, notification).next());
    CARILLON_CHECK(set_status(txn, notification,
                              is_expanding ? NotificationStatus::Expanding : NotificationStatus::Sending));
    // While it was paused, the last may have ended.
    if (!is_expanding) txn.outbox.finished(notification, now);
    txn.after_commit([this, notification] { notification_cache_->erase(notification); });
    return insert_audit(txn, audit_of(n, actor, "notification.resume", now));
  };
  co_return co_await write(std::move(call), JobClass::Other, 2);
}

Task<Result<ResumeChunk>> SqlStore::resume_chunk(std::int64_t notification, std::int64_t from,
                                                 std::size_t limit, Time now) {
  auto call = [this, notification, from, limit, now](Txn& txn) -> Result<ResumeChunk> {
    ResumeChunk chunk;
    CARILLON_TRY(auto found, pick_rows(txn.db, words_, notification, from, limit,
                                       "SELECT " CARILLON_DELIVERY_COLUMNS
                                       " FROM delivery WHERE id >= ?1 AND id < ?2 AND status = 1"));
    chunk.next = found.next;
    for (model::Delivery& d : found.rows) {
      if (d.reason != model::Reason::NotificationPaused) continue;
      d.status = model::DeliveryStatus::Pending;
      d.reason = model::Reason::None;
      d.due_at = now;
      CARILLON_CHECK(move_row(txn, d, model::DeliveryStatus::Held, now));
      chunk.hints.push_back(Hint{d.id, d.lane()});
    }
    return chunk;
  };
  co_return co_await write(std::move(call), JobClass::Other, limit);
}

Task<Result<CancelChunk>> SqlStore::cancel_chunk(std::int64_t notification, std::int64_t from,
                                                 std::size_t limit, Time now) {
  auto call = [this, notification, from, limit, now](Txn& txn) -> Result<CancelChunk> {
    CARILLON_TRY(auto found, pick_rows(txn.db, words_, notification, from, limit,
                                       "SELECT " CARILLON_DELIVERY_COLUMNS
                                       " FROM delivery WHERE id >= ?1 AND id < ?2 AND status IN (0, 1, 3)"));
    std::vector<model::Delivery>& open = found.rows;
    CancelChunk chunk{.turned = 0, .next = found.next};
    chunk.turned = open.size();
    if (open.empty()) return chunk;
    CARILLON_TRY(const Origin origin, load_origin(txn, notification));
    for (model::Delivery& d : open) {
      const model::DeliveryStatus was = std::exchange(d.status, model::DeliveryStatus::Cancelled);
      d.reason = model::Reason::CancelledByCaller;
      CARILLON_CHECK(move_row(txn, d, was, now));
      roll_up(txn, d, origin, d.status, now);
    }
    CARILLON_CHECK(wipe_if_over(txn, notification));
    return chunk;
  };
  co_return co_await write(std::move(call), JobClass::Other, limit);
}

Task<Result<StatusCounts>> SqlStore::status_counts(std::int64_t notification) {
  co_return co_await look([&](Db& db) { return kept_counts(db, notification); });
}

Task<Result<Unheld>> SqlStore::unhold(HoldFilter filter, std::size_t limit, Time now) {
  auto call = [this, filter = std::move(filter), limit, now](Txn& txn) -> Result<Unheld> {
    Unheld freed{.hints = {}, .until = filter.until};
    if (freed.until == 0) { CARILLON_TRY(freed.until, highest_held(txn.db)); }
    std::vector<model::Delivery> held;
    const std::int64_t integration = words_.find(filter.integration);
    {
      Statement s = txn.db.statement("SELECT " CARILLON_DELIVERY_COLUMNS
                                     " FROM delivery INDEXED BY delivery_trouble "
                                     "WHERE (status = 1 OR status BETWEEN 6 AND 8) AND status = 1 AND reason "
                                     "= ?1 AND (?2 = 0 OR project = ?2) AND (?3 = 0 OR integration = ?3) "
                                     "AND (?4 < 0 OR lane / 4 = ?4) AND id > ?6 AND id <= ?7 ORDER BY id "
                                     "LIMIT ?5");
      s.bind(1, static_cast<std::int64_t>(filter.reason)).bind(2, static_cast<std::int64_t>(filter.project));
      // An integration nobody ever used has nothing held.
      s.bind(3, filter.integration.empty() ? 0 : integration == 0 ? -1 : integration);
      s.bind(4, filter.queue ? static_cast<std::int64_t>(*filter.queue) : -1);
      s.bind(5, static_cast<std::int64_t>(std::min(limit, kUnholdExaminedMax)));
      s.bind(6, filter.after).bind(7, freed.until);
      for (;;) {
        CARILLON_TRY(const bool has_row, s.next());
        if (!has_row) break;
        held.push_back(read_delivery(s, words_));
      }
    }
    for (model::Delivery& d : held) {
      d.status = model::DeliveryStatus::Pending;
      d.reason = model::Reason::None;
      d.due_at = now;
      CARILLON_CHECK(move_row(txn, d, model::DeliveryStatus::Held, now));
      freed.hints.push_back(Hint{d.id, d.lane()});
    }
    return freed;
  };
  co_return co_await write(std::move(call), JobClass::Other, limit);
}

}  // namespace carillon::store::detail
