// What the hot path and the dashboards look at: notifications by id, counters, lanes, the recount.
#include <chrono>

#include "store/detail/sqlite_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kRecountRows = 20'000;  // counted at a time: about 10 ms

// What was accepted reads the same again; null only if the stored bytes do not make sense any more.
std::shared_ptr<const model::SendRequest> parse_request(const std::string& body) {
  thread_local base::JsonDocument document;
  const auto root = document.parse(body);
  if (!root) return nullptr;
  base::Problems problems;
  auto request =
      std::make_shared<const model::SendRequest>(model::read_send_request(*root, std::nullopt, "", problems));
  return problems.empty() ? std::move(request) : nullptr;
}

}  // namespace

Task<Result<std::vector<std::shared_ptr<const model::Notification>>>> SqliteStore::notifications(
    std::vector<std::int64_t> ids) {
  std::vector<std::shared_ptr<const model::Notification>> found(ids.size());
  bool is_complete = true;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    found[i] = notification_cache_->get(ids[i]);
    is_complete = is_complete && found[i] != nullptr;
  }
  if (is_complete) co_return found;
  Result<void> read = readers_->inline_read([&](Db& db) -> Result<void> {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (found[i]) continue;
      if (i > 0 && ids[i] == ids[i - 1]) {  // deliveries of one notification come together
        found[i] = found[i - 1];
        continue;
      }
      Statement s = db.statement("SELECT " CARILLON_NOTIFICATION_COLUMNS " FROM notification WHERE id = ?1");
      CARILLON_TRY(const bool has_row, s.bind(1, ids[i]).next());
      if (!has_row) continue;
      auto n = std::make_shared<model::Notification>(read_notification(s, words_));
      CARILLON_CHECK(derive_status(db, *n));
      n->request = parse_request(n->body);
      found[i] = std::move(n);
    }
    return {};
  });
  if (!read) co_return std::unexpected(read.error());
  co_return found;
}

Task<Result<std::vector<CounterRow>>> SqliteStore::counters() { co_return counters_.rows(); }

Task<Result<std::vector<LaneDepth>>> SqliteStore::lane_depths(Time now) {
  std::vector<LaneDepth> lanes(model::kLaneCount);
  for (const CounterRow& row : counters_.rows()) {
    const model::Lane lane{row.queue, row.priority};
    if (!row.status || lane.index() >= lanes.size()) continue;
    LaneDepth& depth = lanes[lane.index()];
    switch (*row.status) {
      case model::DeliveryStatus::Pending: depth.ready += row.n; break;
      case model::DeliveryStatus::Retrying: depth.retrying += row.n; break;
      case model::DeliveryStatus::Held: depth.held += row.n; break;
      case model::DeliveryStatus::Processing: depth.in_flight += row.n; break;
      case model::DeliveryStatus::Dead: depth.dead += row.n; break;
      case model::DeliveryStatus::Sent:
      case model::DeliveryStatus::Delivered:
      case model::DeliveryStatus::Failed:
      case model::DeliveryStatus::Unknown:
      case model::DeliveryStatus::Suppressed:
      case model::DeliveryStatus::Cancelled:
      case model::DeliveryStatus::Expired: break;
    }
  }
  Result<void> read = readers_->inline_read([&](Db& db) -> Result<void> {
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      lanes[i].lane = lane_at(static_cast<std::int64_t>(i));
      if (lanes[i].ready + lanes[i].retrying + lanes[i].held == 0) continue;
      Statement s = db.statement(
          "SELECT due_at FROM delivery INDEXED BY delivery_due WHERE lane = ?1 AND due_at <= ?2 "
          "ORDER BY due_at LIMIT 1");
      CARILLON_TRY(const bool has_row, s.bind(1, static_cast<std::int64_t>(i)).bind(2, now).next());
      if (has_row) lanes[i].oldest_due = s.time(0);
    }
    return {};
  });
  if (!read) co_return std::unexpected(read.error());
  std::erase_if(lanes,
                [](const LaneDepth& d) { return d.ready + d.retrying + d.held + d.in_flight + d.dead == 0; });
  co_return lanes;
}

Task<Result<std::vector<CounterRow>>> SqliteStore::recount() {
  for (bool is_first = true;; is_first = false) {
    const auto began = std::chrono::steady_clock::now();
    auto call = [this, is_first](Txn& txn) -> Result<std::optional<std::vector<CounterRow>>> {
      if (is_first && !counters_.begin_recount())
        return fail(Errc::FailedPrecondition, "a recount is under way");
      CARILLON_TRY(const bool is_done, counters_.recount_piece(txn.db, kRecountRows));
      if (!is_done) return std::nullopt;
      return counters_.end_recount();
    };
    CARILLON_CO_TRY(auto rows, co_await write(std::move(call), JobClass::Between, 0));
    if (rows) co_return std::move(*rows);
    // As much time for others as this took.
    co_await base::sleep_for(std::chrono::steady_clock::now() - began);
  }
}

}  // namespace carillon::store::detail
