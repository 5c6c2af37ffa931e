// claim(): taking due rows; many processes at once, none of which waits for another.
#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "store/detail/postgres/store.h"

namespace carillon::store::detail {
namespace {

constexpr std::size_t kClaimMax = 4096;
constexpr auto kAskAgain = std::chrono::milliseconds(200);
constexpr std::int64_t kScanAllEveryMs = 1'000;

bool is_away(const Error& error) noexcept {
  return error.code == Errc::Unavailable || error.code == Errc::DeadlineExceeded;
}

// What is taken is locked first, and its state before is known.
#define CARILLON_TAKE_DUE                                                                    \
  ") UPDATE delivery SET status = 2, due_at = NULL, owner = ?1, epoch = epoch + 1 FROM due " \
  "WHERE id = due.due_id RETURNING " CARILLON_DELIVERY_COLUMNS ", due.was, due.due"
constexpr int kWasColumn = 22, kDueColumn = 23;

// By their key alone: coalesce() keeps the planner from the due index, which may look the better one where a
// partition is new and nothing is known of it. One by one: of a list each id would be looked for in every
// partition.
constexpr const char* kById =
    "WITH due AS (SELECT d.id AS due_id, d.status AS was, d.due_at AS due FROM unnest(?2) AS i(id) JOIN "
    "delivery d ON d.id = i.id WHERE coalesce(d.due_at, 9223372036854775807) <= ?3 ORDER BY d.id FOR UPDATE "
    "OF d SKIP LOCKED" CARILLON_TAKE_DUE;
constexpr const char* kByLane =
    "WITH due AS (SELECT id AS due_id, status AS was, due_at AS due FROM delivery WHERE lane = ?2 AND "
    "due_at >= ?5 AND due_at <= ?3 ORDER BY due_at, id LIMIT ?4 FOR UPDATE SKIP "
    "LOCKED" CARILLON_TAKE_DUE;

}  // namespace

class PgClaimJob final : public Job {
 public:
  PgClaimJob(PostgresStore& store, std::vector<ClaimRequest> requests, Owner owner, Time now,
             std::size_t rows)
      : Job(JobClass::Claim, rows), store_(store), requests_(std::move(requests)), owner_(owner), now_(now) {}

  Result<void> run(Txn& txn) override {
    auto& db = static_cast<PgDb&>(txn.db);
    claimed.clear();
    scanned_.clear();
    CARILLON_CHECK(db.ask_number());
    PgArray ids;
    for (const ClaimRequest& request : requests_) {
      for (const std::int64_t id : request.ids) ids.add(id);
    }
    if (ids.size() > 0) {
      PgStatement& s = db.with_arrays(kById);
      s.bind_integer(1, pack(owner_));
      s.bind_array(2, ids);
      s.bind_integer(3, to_ms(now_));
      CARILLON_CHECK(take(txn, Statement(&s)));
    }
    for (const ClaimRequest& request : requests_) {
      if (request.ids.empty()) CARILLON_CHECK(scan(txn, request));
    }
    transaction = db.transaction();
    return {};
  }
  void committed() override {
    for (const auto& [lane, to] : scanned_) store_.scans_[lane].to = to;
  }
  void fail_with(const Error& error) override { failure = error; }

  std::vector<model::Delivery> claimed;
  std::int64_t transaction = 0;  // that took them
  std::optional<Error> failure;

 private:
  // Entries of what was taken stand at the beginning of a lane until they are vacuumed, and each scan would
  // go through all of them. So it begins where the one before ended; at the beginning once a second, for what
  // others gave back or stored late, and when less is left than wanted: short is only what has seen all.
  Result<void> scan(Txn& txn, const ClaimRequest& request) {
    const std::size_t lane = request.lane.index(), limit = std::min(request.limit, kClaimMax);
    PostgresStore::Scan& progress = store_.scans_[lane];
    const std::int64_t now = base::boot_ms();
    const bool is_whole = now >= progress.all_again_at;
    if (is_whole) progress.all_again_at = now + kScanAllEveryMs;
    const std::int64_t from = is_whole ? 0 : progress.to.load();
    const std::size_t before = claimed.size();
    CARILLON_CHECK(scan_from(txn, lane, from, limit));
    const std::size_t got = claimed.size() - before;
    const bool is_short = got < limit;
    const std::int64_t last = got > 0 ? to_ms(claimed.back().due_at.value_or(Time{})) : 0;
    if (is_short && from > 0) CARILLON_CHECK(scan_from(txn, lane, 0, limit - got));
    scanned_.emplace_back(lane, is_short ? 0 : last);
    return {};
  }

  Result<void> scan_from(Txn& txn, std::size_t lane, std::int64_t from, std::size_t limit) {
    Statement s = txn.db.statement(kByLane);
    s.bind(1, pack(owner_)).bind(2, static_cast<std::int64_t>(lane)).bind(3, now_);
    s.bind(4, static_cast<std::int64_t>(limit)).bind(5, from);
    return take(txn, std::move(s));
  }

  Result<void> take(Txn& txn, Statement s) {
    const auto begin = static_cast<std::ptrdiff_t>(claimed.size());
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      model::Delivery d = read_delivery(s, store_.words_);
      d.due_at = s.optional_time(kDueColumn);
      txn.count_move(d, s.as<model::DeliveryStatus>(kWasColumn), model::DeliveryStatus::Processing);
      claimed.push_back(std::move(d));
    }
    // RETURNING has no order.
    std::sort(claimed.begin() + begin, claimed.end(), [](const model::Delivery& a, const model::Delivery& b) {
      return std::pair(a.due_at, a.id) < std::pair(b.due_at, b.id);
    });
    return {};
  }

  PostgresStore& store_;
  const std::vector<ClaimRequest> requests_;
  const Owner owner_;
  const Time now_;
  std::vector<std::pair<std::size_t, std::int64_t>> scanned_;  // lanes, and how far
};

Task<Result<std::vector<model::Delivery>>> PostgresStore::claim(std::vector<ClaimRequest> requests,
                                                                Owner owner, Time now) {
  std::size_t rows = 0;
  for (const ClaimRequest& r : requests) rows += r.ids.empty() ? std::min(r.limit, kClaimMax) : r.ids.size();
  if (rows == 0) co_return std::vector<model::Delivery>{};
  // Others take over what a process has whose lease is over; it begins nothing when it may be.
  if (!heartbeat_->is_held())
    co_return fail(Errc::Unavailable,
                   "store: this process's lease was not renewed in time; PostgreSQL is away");
  const bool is_critical = std::ranges::all_of(
      requests, [](const ClaimRequest& r) { return r.lane.priority == model::Priority::Critical; });
  auto job = std::make_shared<PgClaimJob>(*this, std::move(requests), owner, now,
                                          std::max<std::size_t>(rows / 2, 1));
  co_await writer_of(is_critical).run(job);
  if (!job->failure) co_return std::move(job->claimed);
  if (job->failure->code == Errc::DeadlineExceeded)
    co_await give_back(std::move(job->claimed), owner, now, job->transaction);
  co_return std::unexpected(*job->failure);
}

Task<Result<PostgresStore::Fate>> PostgresStore::fate_of(std::int64_t transaction) {
  co_return co_await read([transaction](Db& db) -> Result<Fate> {
    Statement s = db.statement("SELECT pg_xact_status(CAST(CAST(?1 AS text) AS xid8))");
    CARILLON_TRY(const bool has_row, s.bind(1, transaction).next());
    const std::string_view said = has_row ? s.text(0) : std::string_view();
    if (said == "in progress") return Fate::Open;
    return said == "committed" ? Fate::Committed : Fate::Undone;
  });
}

// Undone, the same rows may be taken again at once, by the same process and under the same epoch: they are
// given back only when it is known that this transaction took them. And its COMMIT may still be on its way.
Task<void> PostgresStore::give_back(std::vector<model::Delivery> rows, Owner owner, Time now,
                                    std::int64_t transaction) {
  if (rows.empty()) co_return;
  std::vector<RecordItem> items;
  for (model::Delivery& d : rows) {
    RecordItem& item = items.emplace_back();
    item.delivery = std::move(d);
    item.delivery.reason = model::Reason::None;
    item.delivery.due_at = now;
    item.to = model::DeliveryStatus::Pending;
  }
  const auto all = std::make_shared<const std::vector<RecordItem>>(std::move(items));
  const auto until_known = [this, owner, now, transaction, all]() -> Task<void> {
    while (!is_closing_.load()) {
      const auto fate = co_await fate_of(transaction);
      // Refused: the server knows no such number, it went on from a copy without it.
      if (fate ? *fate == Fate::Undone : !is_away(fate.error())) co_return;
      if (fate && *fate == Fate::Committed) {
        const auto given = co_await record(all, owner, now);
        if (given) {
          base::log_warn(
              "store: {} deliveries were taken by a commit whose answer was lost, and are given back",
              std::ranges::count(*given, true));
        }
        if (given || !is_away(given.error())) co_return;
      }
      co_await base::sleep_for(kAskAgain);
    }
  };
  gate_.spawn(co_await boost::asio::this_coro::executor, "give back", until_known);
}

}  // namespace carillon::store::detail
