// Steps of `fallback`: what becomes of one decides about those that wait for it, in the same transaction.
#include <algorithm>

#include "model/fallback.h"
#include "store/detail/insert.h"
#include "store/detail/pieces.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

using model::DeliveryStatus;
using model::Reason;
using model::StepProgress;

// A recipient's rows are next to each other: as many as devices and channels, on either side.
constexpr std::int64_t kNear = static_cast<std::int64_t>(model::kDevicesMax + model::kChannelCount);

Result<std::vector<model::Delivery>> siblings(Txn& txn, const model::Delivery& d) {
  Statement s =
      txn.db.statement("SELECT " CARILLON_DELIVERY_COLUMNS
                       " FROM delivery WHERE id BETWEEN ?1 AND ?2 AND notification = ?3 AND user_id IS NOT "
                       "DISTINCT FROM ?4 AND to_index IS NOT DISTINCT FROM ?5 AND flags & ?6 <> 0 ORDER BY "
                       "id FOR UPDATE");
  s.bind(1, d.id - kNear).bind(2, d.id + kNear).bind(3, d.notification);
  s.bind_or_null(4, d.user_id).bind_or_null(5, d.to_index).bind(6, kFlagFallback);
  std::vector<model::Delivery> rows;
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return rows;
    rows.push_back(read_delivery(s, txn.words));
  }
}

bool is_waiting(const model::Delivery& d) {
  return d.status == DeliveryStatus::Held && d.reason == Reason::FallbackWait;
}

Result<void> end_waiting(Txn& txn, NotificationCache& cache, const model::Delivery& waiting, Time now) {
  Statement s = txn.db.statement(
      "UPDATE delivery SET status = 9, reason = ?2, due_at = NULL, finished_at = ?3 WHERE id = ?1");
  CARILLON_CHECK(
      s.bind(1, waiting.id).bind(2, static_cast<std::int64_t>(Reason::FallbackNotNeeded)).bind(3, now).run());
  txn.count_move(waiting, waiting.status, DeliveryStatus::Suppressed);
  CARILLON_TRY(const Origin origin, load_origin(txn, waiting.notification));
  roll_up(txn, waiting, origin, DeliveryStatus::Suppressed, now);
  model::Delivery ended = waiting;
  ended.status = DeliveryStatus::Suppressed;
  ended.reason = Reason::FallbackNotNeeded;
  if (!ended.is_counted) txn.outbox.finished(ended.notification, now);
  CARILLON_CHECK(tell_status(txn, ended, now));
  txn.after_commit([&cache, id = waiting.notification] { cache.finished(id); });
  return wipe_if_final(txn, waiting);  // it may have been the last that would have said it
}

// Due at that time, and never later than it was: of several devices the first sets the clock.
Result<void> start_waiting(Txn& txn, const model::Delivery& waiting, Time at, bool is_now) {
  if (!is_now) {
    const Time due = waiting.due_at ? std::min(*waiting.due_at, at) : at;
    return txn.db.statement("UPDATE delivery SET due_at = ?2 WHERE id = ?1")
        .bind(1, waiting.id)
        .bind(2, due)
        .run();
  }
  Statement s = txn.db.statement("UPDATE delivery SET status = 0, reason = 0, due_at = ?2 WHERE id = ?1");
  CARILLON_CHECK(s.bind(1, waiting.id).bind(2, at).run());
  txn.count_move(waiting, waiting.status, DeliveryStatus::Pending);
  return {};
}

}  // namespace

Result<void> SqlStore::advance_fallback(Txn& txn, const model::Delivery& d, DeliveryStatus to,
                                        std::optional<model::ReceiptKind> receipt, Time now) {
  CARILLON_TRY(const std::vector<model::Delivery> rows, siblings(txn, d));
  // Other devices of the same step may still do.
  const bool has_other = std::ranges::any_of(rows, [&](const model::Delivery& other) {
    return other.id != d.id && other.channel() == d.channel() &&
           model::step_progress(model::FallbackUntil::Accepted, other.status, {}) != StepProgress::Ended;
  });
  for (const model::Delivery& waiting : rows) {
    if (!is_waiting(waiting)) continue;
    CARILLON_TRY(const auto earlier, model::decode_fallback(waiting.note));
    const auto step = std::ranges::find(earlier, d.channel(), &model::FallbackStep::channel);
    if (step == earlier.end()) continue;
    const bool is_next = step + 1 == earlier.end();
    switch (model::step_progress(step->until, to, receipt)) {
      case StepProgress::None: break;
      case StepProgress::Met: CARILLON_CHECK(end_waiting(txn, *notification_cache_, waiting, now)); break;
      case StepProgress::Begun:
        if (is_next) CARILLON_CHECK(start_waiting(txn, waiting, now + step->wait, false));
        break;
      case StepProgress::Ended:
        if (is_next && !has_other) CARILLON_CHECK(start_waiting(txn, waiting, now, true));
        break;
    }
  }
  return {};
}

}  // namespace carillon::store::detail
