// record(): what became of claimed rows, fenced by owner and epoch.
#include <tuple>

#include "store/detail/insert.h"
#include "store/detail/pieces.h"
#include "store/detail/sqlite_store.h"

// A build without this has to fail the crash test (tests/chaos/test_mutations.py).
#ifdef CARILLON_MUTATION_NO_FENCING
#define CARILLON_RECORD_FENCE " AND ?2 <> 0 AND ?3 <> 0"
#else
#define CARILLON_RECORD_FENCE " AND epoch = ?2 AND owner = ?3"
#endif

namespace carillon::store::detail {
namespace {

Result<void> insert_attempt(Txn& txn, const model::Attempt& a, std::int64_t delivery) {
  Statement s = txn.db.statement(
      "INSERT INTO attempt(delivery, seq, number, at, took_ms, integration, outcome, status, code, detail, "
      "provider_id) "
      "VALUES(?1, (SELECT ifnull(max(seq), 0) + 1 FROM attempt WHERE delivery = ?1), ?2, ?3, ?4, ?5, ?6, ?7, "
      "?8, ?9, ?10)");
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

// Those who record keep the critical ones together.
JobClass class_of(const std::vector<RecordItem>& items) {
  const bool is_critical = !items.empty() && items.front().delivery.priority == model::Priority::Critical;
  return is_critical ? JobClass::RecordCritical : JobClass::Record;
}

}  // namespace

class RecordJob final : public Job {
 public:
  RecordJob(SqliteStore& store, Store::RecordItems items, Owner owner, Time now)
      : Job(class_of(*items), items->size()),
        store_(store),
        items_(std::move(items)),
        owner_(pack(owner)),
        now_(now) {}

  Result<void> run(Txn& txn) override {
    written.assign(items_->size(), false);
    finished_.clear();
    for (std::size_t i = 0; i < items_->size(); ++i) {
      CARILLON_TRY(const bool is_written, record_one(txn, (*items_)[i]));
      written[i] = is_written;
    }
    return {};
  }
  void committed() override {
    for (const std::int64_t id : finished_) store_.notification_cache_->finished(id);
    for (std::size_t i = 0; i < items_->size(); ++i) {
      if (written[i]) store_.claims_.recorded((*items_)[i].delivery.id);
    }
  }
  void fail_with(const Error& error) override { failure = error; }

  std::vector<bool> written;
  std::optional<Error> failure;

 private:
  // Held because its notification was paused, and that goes on since: it is due again.
  Result<bool> record_one(Txn& txn, const RecordItem& item) {
    const model::Delivery& d = item.delivery;
    if (item.to != model::DeliveryStatus::Held || d.reason != model::Reason::NotificationPaused)
      return write_one(txn, item);
    Statement s = txn.db.statement("SELECT 1 FROM notification WHERE id = ?1 AND status = 5");
    CARILLON_TRY(const bool is_paused, s.bind(1, d.notification).next());
    if (is_paused) return write_one(txn, item);
    RecordItem again = item;
    again.to = model::DeliveryStatus::Pending;
    again.delivery.reason = model::Reason::None;
    again.delivery.due_at = now_;
    return write_one(txn, again);
  }

  Result<bool> write_one(Txn& txn, const RecordItem& item) {
    const model::Delivery& d = item.delivery;
    const bool is_final = model::is_final(item.to);
    CARILLON_TRY(const bool is_ours, update(txn, item, is_final));
    if (!is_ours) return false;
    txn.count_move(d, model::DeliveryStatus::Processing, item.to);
    if (is_final) CARILLON_CHECK(tell(txn, d, item.to));
    if (item.attempt) CARILLON_CHECK(insert_attempt(txn, *item.attempt, d.id));
    if (is_final) {
      const Origin origin{.app = item.app,
                          .category = txn.words.id(item.category),
                          .template_key = txn.words.id(item.template_key)};
      roll_up(txn, d, origin, item.to, now_);
      finished_.push_back(d.notification);
      if (item.is_sensitive) CARILLON_CHECK(wipe_if_final(txn, d));
    }
    if (is_final && d.is_fallback)
      CARILLON_CHECK(store_.advance_fallback(txn, d, item.to, std::nullopt, now_));
    if (item.to == model::DeliveryStatus::Dead || item.to == model::DeliveryStatus::Unknown) {
      CARILLON_CHECK(insert_dead_letter(txn, item, now_));
    }
    if (item.dead_address) {
      CARILLON_CHECK(
          store_.forget_endpoint(txn, UserKey{d.project, d.user_id}, d.device_id, *item.dead_address, now_));
    }
    if (item.suppress) {
      Suppression suppression;
      suppression.project = d.project;
      std::tie(suppression.channel, suppression.hash) = *item.suppress;
      suppression.reason = item.suppress_reason;
      suppression.at = now_;
      CARILLON_CHECK(store_.insert_suppression(txn, suppression));
    }
    return true;
  }

  Result<void> tell(Txn& txn, const model::Delivery& d, model::DeliveryStatus to) {
    if (!d.is_counted) txn.outbox.finished(d.notification, now_);
    if (!txn.outbox.is_any()) return {};
    model::Delivery told = d;
    told.status = to;
    return tell_status(txn, told, now_);
  }

  // One statement is fence and change: an owner is there only in processing.
  Result<bool> update(Txn& txn, const RecordItem& item, bool is_final) {
    const model::Delivery& d = item.delivery;
    Statement s = txn.db.statement(
        "UPDATE delivery SET status = ?4, reason = ?5, attempts = ?6, due_at = ?7, owner = NULL, finished_at "
        "= ?8, "
        "resent = ?9, claims_lost = ?10, integration = ?11, "
        "provider_id = ifnull(?12, iif(?8 IS NULL AND typeof(provider_id) = 'blob', provider_id, NULL)), "
        "note = ?13, expires_at = ?14, device_id = ?15 WHERE id = ?1" CARILLON_RECORD_FENCE);
    s.bind(1, d.id).bind(2, static_cast<std::int64_t>(d.epoch)).bind(3, owner_);
    s.bind(4, static_cast<std::int64_t>(item.to)).bind(5, static_cast<std::int64_t>(d.reason));
    s.bind(6, static_cast<std::int64_t>(d.attempts));
    // Only a hold on a condition has no due time; a pending or retrying row without one is due now.
    const bool needs_due =
        item.to == model::DeliveryStatus::Pending || item.to == model::DeliveryStatus::Retrying;
    s.bind(7, is_final ? std::nullopt : needs_due ? std::optional(d.due_at.value_or(now_)) : d.due_at);
    s.bind(8, is_final ? std::optional(d.finished_at.value_or(now_)) : std::nullopt);
    s.bind_or_null(9, d.resent).bind_or_null(10, d.claims_lost).bind_or_null(11, txn.words.id(d.integration));
    s.bind_or_null(12, d.provider_id)
        .bind_or_null(13, d.note)
        .bind(14, d.expires_at)
        .bind_or_null(15, d.device_id);
    CARILLON_CHECK(s.run());
    return txn.db.changes() == 1;
  }

  SqliteStore& store_;
  const Store::RecordItems items_;
  const std::int64_t owner_;
  const Time now_;
  std::vector<std::int64_t> finished_;  // notifications, one per delivery that became final
};

Task<Result<std::vector<bool>>> SqliteStore::record(RecordItems items, Owner owner, Time now) {
  if (items->empty()) co_return std::vector<bool>{};
  auto job = std::make_shared<RecordJob>(*this, std::move(items), owner, now);
  co_await writer_->run(job);
  if (job->failure) co_return std::unexpected(*job->failure);
  co_return std::move(job->written);
}

}  // namespace carillon::store::detail
