// accept(): dedup, caps, the notification with its deliveries, counters; one transaction for many.
#include <algorithm>
#include <array>

#include "store/detail/accept_part.h"
#include "store/detail/insert.h"
#include "store/detail/sqlite_store.h"

namespace carillon::store::detail {
namespace {

Result<void> insert_notification(Txn& txn, const AcceptItem& item, Time now) {
  const model::Notification& n = item.notification;
  Statement s = txn.db.statement(
      "INSERT INTO notification(id, project, app, status, priority, flags, category, template, "
      "template_version, accepted_at, expires_at, send_at, first_delivery, delivery_count, cursor, event_id, "
      "body) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)");
  s.bind(1, n.id).bind(2, static_cast<std::int64_t>(n.project)).bind(3, n.app);
  s.bind(4, static_cast<std::int64_t>(n.status)).bind(5, static_cast<std::int64_t>(n.priority));
  s.bind(6, flags_of(n));
  s.bind_or_null(7, txn.words.id(n.category)).bind_or_null(8, txn.words.id(n.template_key));
  s.bind_or_null(9, n.template_version);
  s.bind(10, n.accepted_at == Time{} ? now : n.accepted_at).bind(11, n.expires_at).bind(12, n.send_at);
  if (is_chunked(n.status)) {
    s.bind_null(13).bind_null(14).bind(15, std::int64_t{0});
  } else {
    // Counted here, not believed: completion is derived from this range.
    s.bind_or_null(13, item.deliveries.empty() ? 0 : item.deliveries.front().id);
    s.bind_or_null(14, static_cast<std::int64_t>(item.deliveries.size())).bind_null(15);
  }
  s.bind_or_null(16, n.event_id).bind(17, n.body);
  return s.run();
}

// A provider's message id is mostly a UUID: its room is taken at insert, so that the row does not grow
// out of its page when the id arrives.
constexpr std::string_view kProviderIdRoom{
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 36};

}  // namespace

Result<void> SqliteStore::insert_deliveries(Txn& txn, std::span<const model::Delivery> deliveries,
                                            const Origin& origin, Time now, std::optional<Owner> owner) {
  Statement s = txn.db.statement(
      "INSERT INTO delivery(id, notification, project, lane, status, reason, flags, epoch, attempts, due_at, "
      "finished_at, expires_at, to_index, generation, integration, user_id, device_id, provider_id, note, "
      "owner) VALUES(?1,?2,?3,?4,?5,?6,?7,?18,0,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?19)");
  for (const model::Delivery& d : deliveries) {
    const bool is_taken = owner && is_due(d, now);
    const auto status = is_taken ? model::DeliveryStatus::Processing : d.status;
    const bool is_final = model::is_final(d.status);
    s.bind(1, d.id).bind(2, d.notification).bind(3, static_cast<std::int64_t>(d.project));
    s.bind(4, static_cast<std::int64_t>(d.lane().index()));
    s.bind(5, static_cast<std::int64_t>(status)).bind(6, static_cast<std::int64_t>(d.reason));
    s.bind(7, flags_of(d));
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

class AcceptJob final : public Job {
 public:
  AcceptJob(SqliteStore& store, std::vector<AcceptItem> items, Time now, JobClass job_class, std::size_t rows)
      : Job(job_class, rows), store_(store), items_(std::move(items)), now_(now) {}

  Result<void> run(Txn& txn) override {
    results.clear();
    results.reserve(items_.size());
    const std::int64_t mark = store_.dedup_->mark();
    txn.after_rollback([this, mark] { store_.dedup_->undo_to(mark); });
    for (const AcceptItem& item : items_) {
      CARILLON_TRY(AcceptResult result, accept_one(txn, item));
      results.emplace_back(std::move(result));
    }
    return log_taken(txn);
  }

  Result<void> run_items(Txn& txn) override {
    results.clear();
    for (const AcceptItem& item : items_) {
      Result<AcceptResult> result = AcceptResult{};
      const Result<void> ran = txn.isolated([&]() -> Result<void> {
        const std::int64_t mark = store_.dedup_->mark();
        txn.after_rollback([this, mark] { store_.dedup_->undo_to(mark); });
        result = accept_one(txn, item);
        if (!result) return std::unexpected(result.error());
        return {};
      });
      if (!ran && errc_is_of_the_store(ran.error().code)) return ran;
      if (ran) {
        results.emplace_back(std::move(result));
      } else {
        results.emplace_back(std::unexpected(ran.error()));
      }
    }
    return log_taken(txn);
  }

  void committed() override {
    store_.dedup_->settle();
    if (!taken_.empty()) store_.claims_.claimed(run_, taken_);
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (!results[i] || results[i]->kind != Accepted::New) continue;
      AcceptItem& item = items_[i];
      if (item.notification.status != model::NotificationStatus::Sending) continue;
      std::int32_t open = 0;
      for (const model::Delivery& d : item.deliveries) open += model::is_final(d.status) ? 0 : 1;
      for (const model::Delivery& d : results[i]->changed) open -= model::is_final(d.status) ? 1 : 0;
      if (results[i]->changed.empty()) hand_over(item, *results[i]);
      store_.notification_cache_->put(
          std::make_shared<const model::Notification>(std::move(item.notification)), open);
    }
  }

  void fail_with(const Error& error) override {
    results.clear();
    failure = error;
  }

  std::vector<Result<AcceptResult>> results;
  std::optional<Error> failure;

 private:
  // What is taken goes to the caller, what waits for its claim to where that looks first.
  void hand_over(AcceptItem& item, AcceptResult& result) {
    for (model::Delivery& d : item.deliveries) {
      if (item.take_for && is_due(d, now_)) {
        d.status = model::DeliveryStatus::Processing;
        d.epoch = 1;
        result.taken.push_back(std::move(d));
      } else if (d.status == model::DeliveryStatus::Pending) {
        store_.fresh_.put(std::move(d));
      }
    }
  }

  Result<void> log_taken(Txn& txn) {
    taken_.clear();
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (!items_[i].take_for || !results[i] || results[i]->kind != Accepted::New) continue;
      for (const model::Delivery& d : items_[i].deliveries) {
        if (is_due(d, now_)) taken_.push_back(d.id);
      }
    }
    if (taken_.empty()) return {};
    CARILLON_TRY(run_, store_.claims_.add(txn, taken_));
    return {};
  }

  static bool errc_is_of_the_store(Errc code) {
    return code == Errc::Unavailable || code == Errc::Corruption;
  }

  Result<AcceptResult> accept_one(Txn& txn, const AcceptItem& item) {
    const model::Notification& n = item.notification;
    AcceptResult result;
    result.notification = n.id;
    if (item.event) {
      CARILLON_TRY(const std::optional<Dedup::Seen> seen, store_.dedup_->find(txn.db, *item.event, now_));
      if (seen) {
        result.kind = seen->fingerprint == item.fingerprint ? Accepted::Duplicate : Accepted::EventIdReused;
        result.notification = seen->notification;
        result.dedup_until = store_.dedup_->until(seen->notification);
        return result;
      }
    }
    if (item.share) {
      CARILLON_TRY(const bool is_counted, take_share(txn, n, *item.share, now_));
      if (!is_counted) {
        result.kind = Accepted::NeedsApproval;
        return result;
      }
    }
    CARILLON_CHECK(insert_notification(txn, item, now_));
    if (is_chunked(n.status)) CARILLON_CHECK(insert_expansion(txn, n.id, item.audience, item.recipients));
    if (item.approval) CARILLON_CHECK(insert_approval(txn, *item.approval));
    if (!item.sealed.empty()) CARILLON_CHECK(insert_sealed(txn, n.id, item.sealed));
    if (!item.named.empty()) CARILLON_CHECK(write_named(txn, n.id, item.named));
    if (!item.objects.empty()) CARILLON_CHECK(pin_objects(txn, n.id, item.objects));
    const Origin origin{
        .app = n.app, .category = txn.words.id(n.category), .template_key = txn.words.id(n.template_key)};
    if (item.caps.empty()) {
      CARILLON_CHECK(store_.insert_deliveries(txn, item.deliveries, origin, now_, item.take_for));
    } else {
      if (item.take_for) return fail(Errc::InvalidArgument, "a delivery with a cap cannot be taken at once");
      std::vector<model::Delivery> deliveries = item.deliveries;
      CARILLON_TRY(const auto changed,
                   charge_caps(txn, store_.keys_.lookup_hash, item.caps, deliveries, now_));
      for (const std::size_t i : changed) result.changed.push_back(deliveries[i]);
      CARILLON_CHECK(store_.insert_deliveries(txn, deliveries, origin, now_, std::nullopt));
    }
    for (const std::int64_t key : item.address_keys) {
      CARILLON_CHECK(
          txn.db.statement("INSERT OR IGNORE INTO history_address(notification, key) VALUES(?1, ?2)")
              .bind(1, n.id)
              .bind(2, key)
              .run());
    }
    if (n.id <= store_.history_->high()) CARILLON_CHECK(index_late(txn, item));
    if (item.event) {
      CARILLON_CHECK(store_.dedup_->add(txn.db, *item.event, n.id, item.fingerprint));
      result.dedup_until = store_.dedup_->until(n.id);
    }
    return result;
  }

  // The history index has passed this id already (the call waited long): it is added at once.
  Result<void> index_late(Txn& txn, const AcceptItem& item) {
    const model::Notification& n = item.notification;
    History& history = *store_.history_;
    if (!n.event_id.empty())
      CARILLON_CHECK(history.add_late(txn, history.event_key(n.project, n.event_id), n.id));
    for (const model::Delivery& d : item.deliveries) {
      if (!d.user_id.empty())
        CARILLON_CHECK(history.add_late(txn, history.user_key(d.project, d.user_id), n.id));
    }
    for (const std::int64_t key : item.address_keys) CARILLON_CHECK(history.add_late(txn, key, n.id));
    return {};
  }

  SqliteStore& store_;
  std::vector<AcceptItem> items_;
  const Time now_;
  std::vector<std::int64_t> taken_;
  std::int64_t run_ = 0;  // of taken_
};

Task<Result<std::vector<Result<AcceptResult>>>> SqliteStore::accept(std::vector<AcceptItem> items, Time now) {
  if (!accepts_writes())
    co_return fail(Errc::Unavailable, "store: the disk is nearly full; free space or enlarge it");
  std::vector<Result<AcceptResult>> results;
  const std::size_t count = items.size();
  results.reserve(count);
  for (std::size_t begin = 0; begin < count;) {
    AcceptPart part = next_part(items, begin);
    const std::size_t end = begin + part.items.size();
    auto job = std::make_shared<AcceptJob>(*this, std::move(part.items), now, part.job_class, part.rows);
    co_await writer_->run(job);
    if (job->failure) {
      // What earlier commits took stays taken: only the rest gets the error.
      if (begin == 0) co_return std::unexpected(*job->failure);
      results.resize(count, std::unexpected(*job->failure));
      co_return results;
    }
    std::ranges::move(job->results, std::back_inserter(results));
    begin = end;
  }
  co_return results;
}

}  // namespace carillon::store::detail
