#include "pipeline/recover.h"

#include <functional>
#include <map>

#include "base/failpoint.h"
#include "base/log.h"
#include "model/local_time.h"
#include "pipeline/journal.h"
#include "pipeline/record.h"
#include "pipeline/replay_changes.h"

namespace carillon::pipeline {
namespace {

using model::DeliveryStatus;

constexpr std::size_t kPage = 1000;

std::shared_ptr<const model::Category> category_of(const Snapshot& snapshot, const model::Notification* n) {
  static const auto general = std::make_shared<const model::Category>(model::general_category());
  if (n == nullptr) return general;
  const auto* view = snapshot.project(n->project);
  if (view == nullptr) return general;
  const auto it = view->categories.find(n->category);
  return it == view->categories.end() ? general : it->second;
}

store::RecordItem released(const Flight& flight, Time now) {
  store::RecordItem item;
  item.delivery = flight.delivery;
  item.delivery.due_at = now;
  item.delivery.reason = model::Reason::None;
  ++item.delivery.claims_lost;
  item.to = DeliveryStatus::Pending;
  return item;
}

store::RecordItem decided(Flight& flight, model::Outcome outcome, Time now) {
  const Time accepted = flight.notification ? model::sending_began(*flight.notification, now) : now;
  Verdict v = verdict(
      {outcome, flight.delivery, *flight.category, age_began(flight.delivery, accepted), now, 0.5, 0, false});
  // Time has passed since: what is to be sent again need not wait for a schedule.
  if (outcome.kind == model::OutcomeKind::Ambiguous && v.to == DeliveryStatus::Retrying) v.due_at = now;
  const auto claims_lost = flight.delivery.claims_lost;
  std::string integration = flight.delivery.integration;
  auto item = outcome_record(flight, outcome, v, std::move(integration), now);
  if (outcome.kind == model::OutcomeKind::Ambiguous) item.delivery.claims_lost = claims_lost + 1;
  return item;
}

store::RecordItem judge(Flight& flight, const Journal::Replay& journal, Time now, Recovered& counts) {
  const auto it = journal.found.find({flight.delivery.id, flight.delivery.epoch});
  const bool is_known = journal.is_same_boot && it != journal.found.end();
  if (is_known && it->second.outcome) {
    // Ambiguous: it was told by which id the vendor would know it, if nothing more.
    ++(it->second.outcome->kind == model::OutcomeKind::Ambiguous ? counts.ambiguous : counts.replayed);
    return decided(flight, *it->second.outcome, now);
  }
  if (journal.is_same_boot && (!is_known || !it->second.started)) {
    ++counts.released;
    return released(flight, now);
  }
  ++counts.ambiguous;
  return decided(flight, model::Outcome::ambiguous(kEndedWhileAsking), now);
}

using Judge = std::function<store::RecordItem(Flight& flight, Time now)>;

// Records what `judge` makes of each row, as the owner that left it.
Task<Result<void>> settle(const Pipeline::Deps& deps, std::vector<store::OwnedDelivery> rows,
                          const Judge& judge) {
  const auto snapshot = deps.directory.snapshot();
  std::vector<std::int64_t> ids;
  for (const auto& row : rows) ids.push_back(row.delivery.notification);
  CARILLON_CO_TRY(auto notifications, co_await deps.store.notifications(std::move(ids)));
  const Time now = deps.clock.now();
  std::map<std::uint64_t, std::pair<store::Owner, std::vector<store::RecordItem>>> by_owner;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Flight flight;
    flight.delivery = std::move(rows[i].delivery);
    flight.notification = std::move(notifications[i]);
    flight.category = category_of(*snapshot, flight.notification.get());
    flight.begun_at = now;
    flight.begun = std::chrono::steady_clock::now();
    const std::uint64_t key = (static_cast<std::uint64_t>(rows[i].owner.node) << 32U) | rows[i].owner.epoch;
    auto& group = by_owner[key];
    group.first = rows[i].owner;
    group.second.push_back(judge(flight, now));
  }
  for (auto& [key, group] : by_owner) {
    CARILLON_CO_CHECK(co_await deps.store.record(std::move(group.second), group.first, now));
    CARILLON_FAILPOINT("recover.after_page");
  }
  co_return Result<void>{};
}

}  // namespace

Task<Result<Recovered>> recover(const Pipeline::Deps& deps, std::string journal_folder) {
  Recovered counts;
  CARILLON_CO_TRY(const Journal::Replay journal, Journal::read(journal_folder));
  const Judge by_journal = [&](Flight& flight, Time now) { return judge(flight, journal, now, counts); };
  std::int64_t after = 0;
  while (true) {
    CARILLON_CO_TRY(auto rows, co_await deps.store.owned_before(deps.owner, after, kPage));
    if (rows.empty()) break;
    after = rows.back().delivery.id;
    CARILLON_CO_CHECK(co_await settle(deps, std::move(rows), by_journal));
  }
  CARILLON_FAILPOINT("recover.before_discard");
  Journal::discard(journal_folder, deps.owner);
  CARILLON_FAILPOINT("recover.after_discard");
  const std::size_t total = counts.replayed + counts.ambiguous + counts.released;
  if (total > 0) {
    base::log_info(
        "recovered {} deliveries of an earlier run: {} had been answered, {} may have been sent, {} had not",
        total, counts.replayed, counts.ambiguous, counts.released);
  }
  co_return counts;
}

Task<Result<std::size_t>> reap(const Pipeline::Deps& deps) {
  const Judge as_unknown = [](Flight& flight, Time now) {
    return decided(flight, model::Outcome::ambiguous("the process that sent this is gone"), now);
  };
  std::size_t total = 0;
  std::int64_t after = 0;
  while (true) {
    CARILLON_CO_TRY(auto rows, co_await deps.store.owned_by_lost(after, kPage));
    // Asked again after the answer, which may have been long in coming.
    if (rows.empty() || !deps.store.may_take_over()) break;
    after = rows.back().delivery.id;
    total += rows.size();
    CARILLON_CO_CHECK(co_await settle(deps, std::move(rows), as_unknown));
  }
  if (total > 0) base::log_info("took over {} deliveries of processes that are gone", total);
  co_return total;
}

}  // namespace carillon::pipeline
