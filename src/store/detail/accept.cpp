// accept(): dedup, caps, the notification with its deliveries, counters; one transaction for many.
#include <algorithm>
#include <array>

#include "store/detail/insert.h"
#include "store/detail/sqlite_store.h"

namespace carillon::store::detail {
namespace {

std::size_t rows_of(const AcceptItem& item) {
  return 1 + item.deliveries.size() + (item.event ? 1 : 0) + item.objects.size();
}

Result<void> insert_notification(Txn& txn, const AcceptItem& item, Time now) {
  const model::Notification& n = item.notification;
  Statement s = txn.db.statement(
      "INSERT INTO notification(id, project, app, status, priority, flags, category, template, "
      "template_version, "
      "accepted_at, expires_at, send_at, first_delivery, delivery_count, cursor, event_id, body) "
      "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)");
  s.bind(1, n.id).bind(2, static_cast<std::int64_t>(n.project)).bind(3, n.app);
  s.bind(4, static_cast<std::int64_t>(n.status)).bind(5, static_cast<std::int64_t>(n.priority));
  s.bind(6, (n.is_sandbox ? kFlagSandbox : 0) | (n.is_cancelled ? kFlagCancelled : 0) |
                (is_chunked(n.status) ? kFlagChunked : 0) | (n.is_sensitive ? kFlagSensitive : 0));
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

}  // namespace

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
      CARILLON_CHECK(insert_deliveries(txn, item.deliveries, origin, now_, item.take_for));
    } else {
      if (item.take_for) return fail(Errc::InvalidArgument, "a delivery with a cap cannot be taken at once");
      std::vector<model::Delivery> deliveries = item.deliveries;
      CARILLON_TRY(const auto changed,
                   charge_caps(txn, store_.options_.keys->lookup_hash, item.caps, deliveries, now_));
      for (const std::size_t i : changed) result.changed.push_back(deliveries[i]);
      CARILLON_CHECK(insert_deliveries(txn, deliveries, origin, now_));
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
    // One job fits a commit; more is taken in several.
    std::size_t end = begin, rows = 0;
    bool is_critical = false;
    while (end < count && (end == begin || rows + rows_of(items[end]) <= kCommitRowsMax)) {
      is_critical = is_critical || items[end].notification.priority == model::Priority::Critical;
      rows += rows_of(items[end++]);
    }
    const auto at = [&](std::size_t i) {
      return std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(i));
    };
    const bool is_all = begin == 0 && end == count;
    auto part = is_all ? std::move(items) : std::vector<AcceptItem>(at(begin), at(end));
    auto job = std::make_shared<AcceptJob>(*this, std::move(part), now,
                                           is_critical ? JobClass::AcceptCritical : JobClass::Accept, rows);
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
