// accept(): dedup, caps, the notification with its deliveries, counters; one transaction for many.
#include <algorithm>

#include "base/ids.h"
#include "store/detail/accept_part.h"
#include "store/detail/insert.h"
#include "store/detail/postgres/dedup.h"
#include "store/detail/postgres/rows.h"
#include "store/detail/postgres/store.h"

namespace carillon::store::detail {

class PgAcceptJob final : public Job {
 public:
  PgAcceptJob(PostgresStore& store, std::vector<AcceptItem> items, Time now, JobClass job_class,
              std::size_t rows)
      : Job(job_class, rows), store_(store), items_(std::move(items)), now_(now) {}

  Result<void> run(Txn& txn) override {
    results.assign(items_.size(), AcceptResult{});
    std::vector<std::size_t> all(items_.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    return accept_all(txn, all);
  }

  Result<void> run_items(Txn& txn) override {
    results.assign(items_.size(), AcceptResult{});
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const Result<void> ran = txn.isolated([&] { return accept_all(txn, std::span(&i, 1)); });
      if (ran) continue;
      if (ran.error().code == Errc::Unavailable || ran.error().code == Errc::Corruption) return ran;
      results[i] = std::unexpected(ran.error());
    }
    return {};
  }

  [[nodiscard]] bool begins_sending() const noexcept override {
    return std::ranges::any_of(items_, [this](const AcceptItem& item) {
      return std::ranges::any_of(item.deliveries, [this](const auto& d) { return is_due(d, now_); });
    });
  }
  void committed() override {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      AcceptItem& item = items_[i];
      if (!item.take_for || !results[i] || results[i]->kind != Accepted::New) continue;
      for (model::Delivery& d : item.deliveries) {
        if (!is_due(d, now_)) continue;
        d.status = model::DeliveryStatus::Processing;
        d.epoch = 1;
        results[i]->taken.push_back(std::move(d));
      }
    }
  }

  void fail_with(const Error& error) override {
    results.clear();
    failure = error;
  }

  // The rows this process has if it was stored, and as whom.
  std::pair<std::vector<model::Delivery>, Owner> taken_if_stored() {
    std::pair<std::vector<model::Delivery>, Owner> taken;
    for (AcceptItem& item : items_) {
      if (!item.take_for) continue;
      taken.second = *item.take_for;  // the same of all: this process
      for (model::Delivery& d : item.deliveries) {
        if (!is_due(d, now_)) continue;
        d.epoch = 1;
        taken.first.push_back(std::move(d));
      }
    }
    return taken;
  }

  std::vector<Result<AcceptResult>> results;
  std::int64_t transaction = 0;  // that took what is taken at once
  std::optional<Error> failure;

 private:
  static PgEvent event_of(const AcceptItem& item) {
    return PgEvent{
        .hash = *item.event, .fingerprint = item.fingerprint, .notification = item.notification.id};
  }

  Result<void> accept_all(Txn& txn, std::span<const std::size_t> which) {
    auto& db = static_cast<PgDb&>(txn.db);
    const bool takes =
        std::ranges::any_of(which, [this](std::size_t i) { return items_[i].take_for.has_value(); });
    if (takes) CARILLON_CHECK(db.ask_number());
    CARILLON_CHECK(sort_out_repeats(txn, which));
    PgNotificationRows notifications;
    PgDeliveryRows deliveries;
    for (const std::size_t i : which) {
      AcceptResult& result = *results[i];
      if (result.kind != Accepted::New) continue;
      CARILLON_TRY(const bool is_within, within_share(txn, items_[i]));
      if (!is_within) {
        result.kind = Accepted::NeedsApproval;
        continue;
      }
      notifications.add(txn, items_[i], now_);
      CARILLON_CHECK(add_deliveries(txn, items_[i], result, deliveries));
      CARILLON_CHECK(add_rest(txn, items_[i]));
    }
    CARILLON_CHECK(notifications.insert(txn));
    CARILLON_CHECK(deliveries.insert(txn));
    CARILLON_CHECK(txn.flush());
    if (takes) transaction = db.transaction();
    return {};
  }

  Result<void> sort_out_repeats(Txn& txn, std::span<const std::size_t> which) {
    std::vector<PgEvent> events;
    for (const std::size_t i : which) {
      results[i] = AcceptResult{};
      results[i]->notification = items_[i].notification.id;
      if (items_[i].event) events.push_back(event_of(items_[i]));
    }
    CARILLON_TRY(const auto seen, take_events(txn, events, store_.options_.dedup_window, now_));
    std::size_t next = 0;
    for (const std::size_t i : which) {
      if (!items_[i].event) continue;
      AcceptResult& result = *results[i];
      if (const auto& one = seen[next++]) {
        result.kind =
            one->fingerprint == items_[i].fingerprint ? Accepted::Duplicate : Accepted::EventIdReused;
        result.notification = one->notification;
      }
      result.dedup_until = base::id_time(result.notification) + store_.options_.dedup_window;
    }
    return {};
  }

  Result<bool> within_share(Txn& txn, const AcceptItem& item) {
    if (!item.share) return true;
    CARILLON_TRY(const bool is_counted, take_share(txn, item.notification, *item.share, now_));
    if (!is_counted && item.event) CARILLON_CHECK(give_event_back(txn, event_of(item), now_));
    return is_counted;
  }

  Result<void> add_deliveries(Txn& txn, const AcceptItem& item, AcceptResult& result, PgDeliveryRows& rows) {
    const model::Notification& n = item.notification;
    const Origin origin{
        .app = n.app, .category = txn.words.id(n.category), .template_key = txn.words.id(n.template_key)};
    if (item.caps.empty()) {
      for (const model::Delivery& d : item.deliveries) rows.add(txn, d, origin, now_, item.take_for);
      return {};
    }
    if (item.take_for) return fail(Errc::InvalidArgument, "a delivery with a cap cannot be taken at once");
    std::vector<model::Delivery> deliveries = item.deliveries;
    CARILLON_TRY(const auto changed, charge_caps(txn, store_.keys_.lookup_hash, item.caps, deliveries, now_));
    for (const std::size_t i : changed) result.changed.push_back(deliveries[i]);
    for (const model::Delivery& d : deliveries) rows.add(txn, d, origin, now_, std::nullopt);
    return {};
  }

  // What most have nothing of.
  Result<void> add_rest(Txn& txn, const AcceptItem& item) {
    const model::Notification& n = item.notification;
    if (is_chunked(n.status)) CARILLON_CHECK(insert_expansion(txn, n.id, item.audience, item.recipients));
    if (item.approval) CARILLON_CHECK(insert_approval(txn, *item.approval));
    if (!item.sealed.empty()) CARILLON_CHECK(insert_sealed(txn, n.id, item.sealed));
    if (!item.named.empty()) CARILLON_CHECK(write_named(txn, n.id, item.named));
    if (!item.objects.empty()) CARILLON_CHECK(pin_objects(txn, n.id, item.objects));
    for (const std::int64_t key : item.address_keys) {
      Statement s = txn.db.statement(
          "INSERT INTO history_address(notification, key) VALUES(?1, ?2) ON CONFLICT DO NOTHING");
      CARILLON_CHECK(s.bind(1, n.id).bind(2, key).run());
    }
    return {};
  }

  PostgresStore& store_;
  std::vector<AcceptItem> items_;
  const Time now_;
};

Task<Result<std::vector<Result<AcceptResult>>>> PostgresStore::accept(std::vector<AcceptItem> items,
                                                                      Time now) {
  std::vector<Result<AcceptResult>> results;
  const std::size_t count = items.size();
  results.reserve(count);
  for (std::size_t begin = 0; begin < count;) {
    AcceptPart part = next_part(items, begin);
    const std::size_t end = begin + part.items.size();
    auto job = std::make_shared<PgAcceptJob>(*this, std::move(part.items), now, part.job_class, part.rows);
    co_await writer_of(part.job_class == JobClass::AcceptCritical).run(job);
    if (job->failure) {
      if (job->failure->code == Errc::DeadlineExceeded) {
        auto [taken, owner] = job->taken_if_stored();
        co_await give_back(std::move(taken), owner, now, job->transaction);
      }
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

Result<void> PostgresStore::insert_deliveries(Txn& txn, std::span<const model::Delivery> deliveries,
                                              const Origin& origin, Time now, std::optional<Owner> owner) {
  PgDeliveryRows rows;
  for (const model::Delivery& d : deliveries) rows.add(txn, d, origin, now, owner);
  return rows.insert(txn);
}

}  // namespace carillon::store::detail
