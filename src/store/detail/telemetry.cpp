// What processes tell of themselves, and what is first in line.
#include "store/telemetry.h"

#include <algorithm>
#include <map>
#include <utility>

#include "store/detail/lists.h"
#include "store/detail/pieces.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr Millis kLatencyKept{2LL * 86'400'000};
constexpr Millis kReportsKept{3'600'000};
constexpr std::int64_t kDropRows = 1'000;
constexpr std::int64_t kLookedAt = 300;  // rows of a queue, or of a state, in which the first is looked for

std::int64_t slot_of(Time t) noexcept { return to_ms(t) / kLatencySlot.count(); }

Result<void> write_row(Txn& txn, Owner owner, const LatencyRow& row) {
  const std::string counts = row.counts.text();
  Statement s = txn.db.statement(
      "INSERT INTO latency(project, slot, channel, owner, counts) VALUES(?1, ?2, ?3, ?4, ?5) "
      "ON CONFLICT(project, slot, channel, owner) DO UPDATE SET counts = excluded.counts");
  s.bind(1, std::int64_t{row.project}).bind(2, row.slot).bind(3, static_cast<std::int64_t>(row.channel));
  return s.bind(4, pack(owner)).bind(5, counts).run();
}

Result<std::vector<LatencyRow>> read_latency(Db& db, std::int32_t project, Time from, Time until) {
  std::vector<LatencyRow> rows;
  Statement s = db.statement(
      "SELECT slot, channel, counts FROM latency WHERE project = ?1 AND slot >= ?2 AND slot < ?3 "
      "ORDER BY slot, channel");
  s.bind(1, std::int64_t{project}).bind(2, slot_of(from)).bind(3, slot_of(until + kLatencySlot - Millis(1)));
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return rows;
    CARILLON_TRY(const auto counts, model::LatencyCounts::parse(s.text(2)));
    const auto channel = s.as<model::Channel>(1);
    if (rows.empty() || rows.back().slot != s.integer(0) || rows.back().channel != channel)
      rows.push_back({.project = project, .slot = s.integer(0), .channel = channel});
    rows.back().counts.add(counts);
  }
}

void keep_lowest(std::optional<std::int64_t>& lowest, std::int64_t id) {
  lowest = std::min(lowest.value_or(id), id);
}

// The first pending and the first retrying one of a queue, by when they are due.
Result<void> look_at_lane(Db& db, std::int64_t lane, std::int32_t project, OldestDeliveries& oldest) {
  Statement s = db.statement(
      "SELECT id, status, project FROM delivery INDEXED BY delivery_due WHERE lane = ?1 AND due_at IS NOT "
      "NULL ORDER BY due_at LIMIT ?2");
  s.bind(1, lane).bind(2, kLookedAt);
  for (bool has_pending = false, has_retrying = false; !has_pending || !has_retrying;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return {};
    if (s.as<std::int32_t>(2) != project) continue;
    const auto status = s.as<model::DeliveryStatus>(1);
    if (status == model::DeliveryStatus::Pending && !std::exchange(has_pending, true))
      keep_lowest(oldest.pending, s.integer(0));
    if (status == model::DeliveryStatus::Retrying && !std::exchange(has_retrying, true))
      keep_lowest(oldest.retrying, s.integer(0));
  }
  return {};
}

Result<void> look_at_held(Db& db, std::int32_t project, OldestDeliveries& oldest) {
  Statement s = db.statement(
      "SELECT id, project FROM delivery INDEXED BY delivery_trouble WHERE status = 1 AND (status = 1 OR "
      "status BETWEEN 6 AND 8) ORDER BY id LIMIT ?1");
  s.bind(1, kLookedAt);
  while (!oldest.held) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return {};
    if (s.as<std::int32_t>(1) == project) oldest.held = s.integer(0);
  }
  return {};
}

Result<void> look_at_dead(Db& db, std::int32_t project, OldestDeliveries& oldest) {
  Statement s = db.statement(
      "SELECT delivery, kind FROM dead_letter INDEXED BY dead_letter_open WHERE project = ?1 AND is_closed = "
      "0 ORDER BY id LIMIT ?2");
  s.bind(1, std::int64_t{project}).bind(2, kLookedAt);
  while (!oldest.dead) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return {};
    if (s.text(1) == "delivery") oldest.dead = s.integer(0);
  }
  return {};
}

}  // namespace

class SqlTelemetry final : public TelemetryStore {
 public:
  explicit SqlTelemetry(SqlStore& store) : store_(store) {}

  Task<Result<void>> tell(Owner owner, std::string report, std::vector<LatencyRow> rows, Time now) override {
    if (!store_.accepts_writes()) co_return fail(Errc::Unavailable, "the disk is nearly full");
    const std::size_t size = rows.size() + 1;
    const auto call = [owner, now, report = std::move(report),
                       rows = std::move(rows)](Txn& txn) -> Result<void> {
      for (const LatencyRow& row : rows) CARILLON_CHECK(write_row(txn, owner, row));
      if (report.empty()) return {};
      Statement s = txn.db.statement(
          "INSERT INTO node_report(owner, at, report) VALUES(?1, ?2, ?3) ON CONFLICT(owner) DO UPDATE SET at "
          "= excluded.at, report = excluded.report");
      return s.bind(1, pack(owner)).bind(2, now).bind(3, report).run();
    };
    co_return co_await store_.write(call, JobClass::Other, size);
  }

  Task<Result<std::vector<LatencyRow>>> latency(std::int32_t project, Time from, Time until) override {
    co_return co_await store_.read([=](Db& db) { return read_latency(db, project, from, until); });
  }

  Task<Result<std::vector<NodeReport>>> reports(Time since) override {
    co_return co_await store_.look([since](Db& db) -> Result<std::vector<NodeReport>> {
      std::vector<NodeReport> found;
      Statement s = db.statement("SELECT owner, at, report FROM node_report WHERE at >= ?1 ORDER BY owner");
      s.bind(1, since);
      for (;;) {
        CARILLON_TRY(const bool has_row, s.next());
        if (!has_row) return found;
        found.push_back({.owner = unpack_owner(s.integer(0)), .at = s.time(1), .report = s.string(2)});
      }
    });
  }

  Task<Result<OldestDeliveries>> oldest(std::int32_t project) override {
    CARILLON_CO_TRY(const auto counters, co_await store_.counters());
    std::map<std::int64_t, std::int64_t> lanes;  // that have open rows
    for (const CounterRow& row : counters) {
      const bool is_due =
          row.status == model::DeliveryStatus::Pending || row.status == model::DeliveryStatus::Retrying;
      if (row.project == project && is_due)
        lanes[static_cast<std::int64_t>(model::Lane{row.queue, row.priority}.index())] += row.n;
    }
    co_return co_await store_.read([&](Db& db) -> Result<OldestDeliveries> {
      OldestDeliveries oldest;
      for (const auto& [lane, n] : lanes) {
        if (n > 0) CARILLON_CHECK(look_at_lane(db, lane, project, oldest));
      }
      CARILLON_CHECK(look_at_held(db, project, oldest));
      CARILLON_CHECK(look_at_dead(db, project, oldest));
      CARILLON_TRY(oldest.processing, store_.oldest_processing(db, project));
      return oldest;
    });
  }

 private:
  SqlStore& store_;
};

std::unique_ptr<TelemetryStore> SqlStore::make_telemetry() { return std::make_unique<SqlTelemetry>(*this); }

Result<bool> drop_telemetry(Txn& txn, Time now) {
  CARILLON_CHECK(txn.db.statement("DELETE FROM node_report WHERE at < ?1").bind(1, now - kReportsKept).run());
  for (std::int64_t project = INT64_MIN;;) {
    {
      Statement s =
          txn.db.statement("SELECT project FROM latency WHERE project > ?1 ORDER BY project LIMIT 1");
      CARILLON_TRY(const bool has_row, s.bind(1, project).next());
      if (!has_row) return false;
      project = s.integer(0);
    }
    Statement s = txn.db.statement(
        "DELETE FROM latency WHERE (project, slot, channel, owner) IN (SELECT project, slot, channel, owner "
        "FROM latency WHERE project = ?1 AND slot < ?2 LIMIT ?3)");
    CARILLON_CHECK(s.bind(1, project).bind(2, slot_of(now - kLatencyKept)).bind(3, kDropRows).run());
    if (txn.db.changes() >= kDropRows) return true;
  }
}

}  // namespace carillon::store::detail
