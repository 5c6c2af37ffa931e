// record(): what became of claimed rows, fenced by owner and epoch.
#include <unordered_map>

#include "store/detail/postgres/store.h"

// A build without this has to fail the crash test (tests/chaos/test_mutations.py).
#ifdef CARILLON_MUTATION_NO_FENCING
#define CARILLON_RECORD_FENCE "r.epoch IS NOT NULL AND ?1 IS NOT NULL"
#else
#define CARILLON_RECORD_FENCE "d.epoch = r.epoch AND coalesce(d.owner, 0) = ?1"
#endif

namespace carillon::store::detail {

class PgRecordJob final : public Job {
 public:
  PgRecordJob(PostgresStore& store, Store::RecordItems items, Owner owner, Time now)
      : Job(record_class(*items), items->size()),
        store_(store),
        items_(std::move(items)),
        owner_(pack(owner)),
        now_(now) {}

  Result<void> run(Txn& txn) override {
    written.assign(items_->size(), false);
    again_.clear();
    CARILLON_CHECK(release_resumed(txn));
    CARILLON_CHECK(update(txn));
    for (std::size_t i = 0; i < items_->size(); ++i) {
      if (written[i]) CARILLON_CHECK(store_.recorded(txn, item(i), now_));
    }
    return {};
  }
  void fail_with(const Error& error) override { failure = error; }

  std::vector<bool> written;
  std::optional<Error> failure;

 private:
  [[nodiscard]] const RecordItem& item(std::size_t i) const {
    const auto it = again_.find(i);
    return it == again_.end() ? (*items_)[i] : it->second;
  }

  // Held because its notification was paused, and that goes on since: it is due again. Who resumes it
  // meanwhile waits for this transaction, and then looks for what is held.
  Result<void> release_resumed(Txn& txn) {
    for (std::size_t i = 0; i < items_->size(); ++i) {
      const RecordItem& one = (*items_)[i];
      if (one.to != model::DeliveryStatus::Held || one.delivery.reason != model::Reason::NotificationPaused)
        continue;
      Statement s = txn.db.statement("SELECT status FROM notification WHERE id = ?1 FOR SHARE");
      CARILLON_TRY(const bool has_row, s.bind(1, one.delivery.notification).next());
      if (has_row && s.as<model::NotificationStatus>(0) == model::NotificationStatus::Paused) continue;
      RecordItem& other = again_.try_emplace(i, one).first->second;
      other.to = model::DeliveryStatus::Pending;
      other.delivery.reason = model::Reason::None;
      other.delivery.due_at = now_;
    }
    return {};
  }

  // One statement is fence and change: an owner is there only in processing. Rows are found by their key
  // alone: coalesce() keeps the planner from reading all that an owner has.
  Result<void> update(Txn& txn) {
    PgArray ids, epochs, statuses, reasons, attempts, due, finished, resent, lost, integrations, expires;
    PgArray provider_ids(PgArray::Of::Text), notes(PgArray::Of::Text), devices(PgArray::Of::Text);
    std::unordered_map<std::int64_t, std::size_t> places;
    for (std::size_t i = 0; i < items_->size(); ++i) {
      const RecordItem& one = item(i);
      const model::Delivery& d = one.delivery;
      if (!places.try_emplace(d.id, i).second) continue;
      const bool is_final = model::is_final(one.to);
      // Only a hold on a condition has no due time; a pending or retrying row without one is due now.
      const bool needs_due =
          one.to == model::DeliveryStatus::Pending || one.to == model::DeliveryStatus::Retrying;
      ids.add(d.id);
      epochs.add(std::int64_t{d.epoch});
      statuses.add(static_cast<std::int64_t>(one.to));
      reasons.add(static_cast<std::int64_t>(d.reason));
      attempts.add(std::int64_t{d.attempts});
      due.add(is_final ? std::nullopt : needs_due ? std::optional(d.due_at.value_or(now_)) : d.due_at);
      finished.add(is_final ? std::optional(d.finished_at.value_or(now_)) : std::nullopt);
      resent.add_or_null(std::int64_t{d.resent});
      lost.add_or_null(std::int64_t{d.claims_lost});
      integrations.add_or_null(std::int64_t{txn.words.id(d.integration)});
      provider_ids.add_or_null(std::string_view(d.provider_id));
      notes.add_or_null(std::string_view(d.note));
      expires.add(d.expires_at);
      devices.add_or_null(std::string_view(d.device_id));
    }
    PgStatement& s = static_cast<PgDb&>(txn.db).with_arrays(
        "UPDATE delivery AS d SET status = r.status, reason = r.reason, attempts = r.attempts, due_at = "
        "r.due, owner = NULL, finished_at = r.finished, resent = r.resent, claims_lost = r.lost, integration "
        "= r.integration, provider_id = r.provider_id, note = r.note, expires_at = r.expires, device_id = "
        "r.device FROM unnest(?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) AS r(id, epoch, "
        "status, reason, attempts, due, finished, resent, lost, integration, expires, provider_id, note, "
        "device) WHERE d.id = r.id AND " CARILLON_RECORD_FENCE " RETURNING d.id");
    s.bind_integer(1, owner_);
    int i = 2;
    for (PgArray* array : {&ids, &epochs, &statuses, &reasons, &attempts, &due, &finished, &resent, &lost,
                           &integrations, &expires, &provider_ids, &notes, &devices}) {
      s.bind_array(i++, *array);
    }
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      written[places.at(s.integer(0))] = true;
    }
    s.reset();
    return {};
  }

  PostgresStore& store_;
  const Store::RecordItems items_;
  const std::int64_t owner_;
  const Time now_;
  std::unordered_map<std::size_t, RecordItem> again_;
};

Task<Result<std::vector<bool>>> PostgresStore::record(RecordItems items, Owner owner, Time now) {
  if (items->empty()) co_return std::vector<bool>{};
  auto job = std::make_shared<PgRecordJob>(*this, std::move(items), owner, now);
  co_await writer_of(job->job_class == JobClass::RecordCritical).run(job);
  if (job->failure) co_return std::unexpected(*job->failure);
  co_return std::move(job->written);
}

}  // namespace carillon::store::detail
