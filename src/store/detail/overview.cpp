// What the hot path and the dashboards look at: notifications by id, counters, lanes, the recount.
#include <map>

#include "store/detail/sqlite_store.h"

namespace carillon::store::detail {
namespace {

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
  // Table and counter rows are of one snapshot, so what is being written meanwhile does not matter.
  co_return co_await read([](Db& db) -> Result<std::vector<CounterRow>> {
    std::map<CounterKey, std::int64_t> difference;
    {
      Statement s =
          db.statement("SELECT project, lane, flags & 1, status, count(*) FROM delivery GROUP BY 1, 2, 3, 4");
      for (;;) {
        CARILLON_TRY(const bool has_row, s.next());
        if (!has_row) break;
        const auto project = s.as<std::int32_t>(0);
        const model::Lane lane = lane_at(s.integer(1));
        const bool is_sandbox = s.integer(2) != 0;
        difference[counter_key(project, lane, is_sandbox, s.as<model::DeliveryStatus>(3))] += s.integer(4);
        difference[counter_key(project, lane, is_sandbox, std::nullopt)] += s.integer(4);
      }
    }
    Statement s = db.statement("SELECT project, lane, sandbox, status, n FROM counter");
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      const std::int64_t status = s.integer(3);
      difference[counter_key(
          s.as<std::int32_t>(0), lane_at(s.integer(1)), s.integer(2) != 0,
          status < 0 ? std::nullopt : std::optional(static_cast<model::DeliveryStatus>(status)))] -=
          s.integer(4);
    }
    std::vector<CounterRow> rows;
    for (const auto& [key, n] : difference) {
      if (n != 0) rows.push_back(counter_row(key, n));
    }
    return rows;
  });
}

}  // namespace carillon::store::detail
