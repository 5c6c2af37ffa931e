// What follows when a claimed delivery has become something: attempt, roll-ups, dead letter, dead address.
#include <tuple>

#include "store/detail/insert.h"
#include "store/detail/pieces.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

Result<void> insert_attempt(Txn& txn, const model::Attempt& a, std::int64_t delivery) {
  Statement s = txn.db.statement(
      "INSERT INTO attempt(delivery, seq, number, at, took_ms, integration, outcome, status, code, detail, "
      "provider_id) VALUES(?1, (SELECT ifnull(max(seq), 0) + 1 FROM attempt WHERE delivery = ?1), ?2, ?3, "
      "?4, ?5, ?6, ?7, ?8, ?9, ?10)");
  s.bind(1, delivery).bind(2, static_cast<std::int64_t>(a.number)).bind(3, a.at);
  s.bind(4, static_cast<std::int64_t>(a.took_ms))
      .bind_or_null(5, txn.words.id(a.integration))
      .bind(6, a.outcome);
  s.bind_or_null(7, a.status)
      .bind_or_null(8, a.code)
      .bind_or_null(9, a.detail)
      .bind_or_null(10, a.provider_id);
  return s.run();
}

Result<void> insert_dead_letter(Txn& txn, const RecordItem& item, Time now) {
  const model::Delivery& d = item.delivery;
  const std::string error =
      item.attempt ? item.attempt->code + (item.attempt->code.empty() ? "" : " ") + item.attempt->detail
                   : std::string();
  const std::string_view reason =
      item.dead_letter.empty() ? model::name(d.reason) : std::string_view(item.dead_letter);
  Statement s = txn.db.statement(
      "INSERT INTO dead_letter(project, delivery, notification, queue, kind, reason, error, at, is_closed) "
      "VALUES(?1, ?2, ?3, ?4, 'delivery', ?5, ?6, ?7, 0)");
  s.bind(1, static_cast<std::int64_t>(d.project)).bind(2, d.id).bind(3, d.notification);
  s.bind(4, static_cast<std::int64_t>(d.queue)).bind(5, reason).bind_or_null(6, error).bind(7, now);
  return s.run();
}

Result<void> tell(Txn& txn, const model::Delivery& d, model::DeliveryStatus to, Time now) {
  if (!d.is_counted) txn.outbox.finished(d.notification, now);
  if (!txn.outbox.is_any()) return {};
  model::Delivery told = d;
  told.status = to;
  return tell_status(txn, told, now);
}

}  // namespace

Result<void> SqlStore::recorded(Txn& txn, const RecordItem& item, Time now) {
  const model::Delivery& d = item.delivery;
  const bool is_final = model::is_final(item.to);
  txn.count_move(d, model::DeliveryStatus::Processing, item.to);
  if (is_final) CARILLON_CHECK(tell(txn, d, item.to, now));
  if (item.attempt) CARILLON_CHECK(insert_attempt(txn, *item.attempt, d.id));
  if (is_final) {
    const Origin origin{.app = item.app,
                        .category = txn.words.id(item.category),
                        .template_key = txn.words.id(item.template_key)};
    roll_up(txn, d, origin, item.to, now);
    if (item.is_sensitive) CARILLON_CHECK(wipe_if_final(txn, d));
  }
  if (is_final && d.is_fallback) CARILLON_CHECK(advance_fallback(txn, d, item.to, std::nullopt, now));
  if (item.to == model::DeliveryStatus::Dead || item.to == model::DeliveryStatus::Unknown) {
    CARILLON_CHECK(insert_dead_letter(txn, item, now));
  }
  if (item.dead_address) {
    CARILLON_CHECK(forget_endpoint(txn, UserKey{d.project, d.user_id}, d.device_id, *item.dead_address, now));
  }
  if (item.suppress) {
    Suppression suppression;
    suppression.project = d.project;
    std::tie(suppression.channel, suppression.hash) = *item.suppress;
    suppression.reason = item.suppress_reason;
    suppression.at = now;
    CARILLON_CHECK(insert_suppression(txn, suppression));
  }
  return {};
}

}  // namespace carillon::store::detail
