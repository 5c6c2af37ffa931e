// claim() and owned_before(): taking due rows, and finding what a dead owner left.
#include "store/detail/sqlite_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::size_t kClaimMax = 4096;

// A build without this has to fail the crash test (tests/chaos/test_mutations.py).
#ifdef CARILLON_MUTATION_NO_FENCING
constexpr bool kIsFenced = false;
#else
constexpr bool kIsFenced = true;
#endif

#define CARILLON_SELECT_DELIVERY "SELECT " CARILLON_DELIVERY_COLUMNS " FROM delivery "

}  // namespace

class ClaimJob final : public Job {
 public:
  ClaimJob(SqliteStore& store, std::vector<ClaimRequest> requests, Owner owner, Time now, std::size_t rows)
      : Job(JobClass::Claim, rows), store_(store), requests_(std::move(requests)), owner_(owner), now_(now) {}

  Result<void> run(Txn& txn) override {
    claimed.clear();
    taken_.clear();
    for (const ClaimRequest& request : requests_) {
      if (request.ids.empty()) {
        CARILLON_CHECK(scan(txn, request));
      } else {
        for (const std::int64_t id : request.ids) CARILLON_CHECK(take(txn, id));
      }
    }
    if (taken_.empty()) return {};
    CARILLON_TRY(run_, store_.claims_.add(txn, taken_));
    return {};
  }
  void committed() override {
    if (!taken_.empty()) store_.claims_.claimed(run_, taken_);
  }
  void fail_with(const Error& error) override { failure = error; }

  std::vector<model::Delivery> claimed;
  std::optional<Error> failure;

 private:
  // Taking a row removes it from the due index, so a scan never walks over what is taken already.
  Result<void> scan(Txn& txn, const ClaimRequest& request) {
    ids_.clear();
    {
      Statement s = txn.db.statement(
          "SELECT id FROM delivery INDEXED BY delivery_due "
          "WHERE lane = ?1 AND due_at <= ?2 ORDER BY due_at, id LIMIT ?3");
      s.bind(1, static_cast<std::int64_t>(request.lane.index())).bind(2, now_);
      s.bind(3, static_cast<std::int64_t>(std::min(request.limit, kClaimMax)));
      for (;;) {
        CARILLON_TRY(const bool has_row, s.next());
        if (!has_row) break;
        ids_.push_back(s.integer(0));
      }
    }
    for (const std::int64_t id : ids_) CARILLON_CHECK(take(txn, id));
    return {};
  }

  Result<void> take(Txn& txn, std::int64_t id) {
    if (std::optional<model::Delivery> fresh = store_.fresh_.take(id)) {
      // As inserted, if it is still pending and was never claimed.
      Statement u = txn.db.statement(
          "UPDATE delivery SET status = 2, due_at = NULL, owner = ?2, epoch = 1 "
          "WHERE id = ?1 AND epoch = 0 AND status = 0 AND due_at <= ?3");
      CARILLON_CHECK(u.bind(1, id).bind(2, pack(owner_)).bind(3, now_).run());
      if (txn.db.changes() == 1) {
        add(txn, std::move(*fresh));
        return {};
      }
    }
    Statement s = txn.db.statement(CARILLON_SELECT_DELIVERY "WHERE id = ?1");
    CARILLON_TRY(const bool has_row, s.bind(1, id).next());
    // A due time is there in pending, held and retrying only.
    if (!has_row || (kIsFenced && (s.is_null(9) || s.time(9) > now_))) return {};
    model::Delivery d = read_delivery(s, store_.words_);
    Statement u = txn.db.statement(
        "UPDATE delivery SET status = 2, due_at = NULL, owner = ?2, epoch = ?3 WHERE id = ?1");
    CARILLON_CHECK(u.bind(1, id).bind(2, pack(owner_)).bind(3, static_cast<std::int64_t>(d.epoch) + 1).run());
    add(txn, std::move(d));
    return {};
  }

  void add(Txn& txn, model::Delivery d) {
    txn.count_move(d, d.status, model::DeliveryStatus::Processing);
    d.status = model::DeliveryStatus::Processing;
    ++d.epoch;
    taken_.push_back(d.id);
    claimed.push_back(std::move(d));
  }

  SqliteStore& store_;
  const std::vector<ClaimRequest> requests_;
  const Owner owner_;
  const Time now_;
  std::vector<std::int64_t> ids_, taken_;
  std::int64_t run_ = 0;  // of taken_
};

Task<Result<std::vector<model::Delivery>>> SqliteStore::claim(std::vector<ClaimRequest> requests, Owner owner,
                                                              Time now) {
  std::size_t rows = 0;
  for (const ClaimRequest& r : requests) rows += r.ids.empty() ? std::min(r.limit, kClaimMax) : r.ids.size();
  if (rows == 0) co_return std::vector<model::Delivery>{};
  // A scan may find less than its limit; counting it as half keeps commits from being short.
  auto job =
      std::make_shared<ClaimJob>(*this, std::move(requests), owner, now, std::max<std::size_t>(rows / 2, 1));
  co_await writer_->run(job);
  if (job->failure) co_return std::unexpected(*job->failure);
  co_return std::move(job->claimed);
}

Task<Result<std::vector<OwnedDelivery>>> SqliteStore::owned_before(Owner owner, std::int64_t after,
                                                                   std::size_t limit) {
  // One process at a time has this store, so whoever is not `owner` is gone.
  co_return co_await read([this, owner, after, limit](Db& db) -> Result<std::vector<OwnedDelivery>> {
    std::vector<OwnedDelivery> rows;
    CARILLON_TRY(const std::vector<std::int64_t> candidates, ClaimLog::find(db, after));
    for (const std::int64_t id : candidates) {
      if (rows.size() == limit) break;
      Statement s =
          db.statement(CARILLON_SELECT_DELIVERY "WHERE id = ?1 AND owner IS NOT NULL AND owner <> ?2");
      CARILLON_TRY(const bool has_row, s.bind(1, id).bind(2, pack(owner)).next());
      if (has_row)
        rows.push_back(
            OwnedDelivery{read_delivery(s, words_), unpack_owner(s.integer(kDeliveryOwnerColumn))});
    }
    return rows;
  });
}

}  // namespace carillon::store::detail
