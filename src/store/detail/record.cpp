// record(): what became of claimed rows, fenced by owner and epoch.
#include "store/detail/sqlite_store.h"

// A build without this has to fail the crash test (tests/chaos/test_mutations.py).
#ifdef CARILLON_MUTATION_NO_FENCING
#define CARILLON_RECORD_FENCE " AND ?2 <> 0 AND ?3 <> 0"
#else
#define CARILLON_RECORD_FENCE " AND epoch = ?2 AND owner = ?3"
#endif

namespace carillon::store::detail {
class RecordJob final : public Job {
 public:
  RecordJob(SqliteStore& store, Store::RecordItems items, Owner owner, Time now)
      : Job(record_class(*items), items->size()),
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
    if (is_final) finished_.push_back(d.notification);
    CARILLON_CHECK(store_.recorded(txn, item, now_));
    return true;
  }

  // One statement is fence and change: an owner is there only in processing.
  Result<bool> update(Txn& txn, const RecordItem& item, bool is_final) {
    const model::Delivery& d = item.delivery;
    Statement s = txn.db.statement(
        "UPDATE delivery SET status = ?4, reason = ?5, attempts = ?6, due_at = ?7, owner = NULL, finished_at "
        "= ?8, resent = ?9, claims_lost = ?10, integration = ?11, provider_id = ifnull(?12, iif(?8 IS NULL "
        "AND typeof(provider_id) = 'blob', provider_id, NULL)), note = ?13, expires_at = ?14, device_id = "
        "?15 WHERE id = ?1" CARILLON_RECORD_FENCE);
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
