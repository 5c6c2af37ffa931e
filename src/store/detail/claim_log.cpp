#include "store/detail/claim_log.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace carillon::store::detail {
namespace {

std::vector<std::int64_t> unpack(std::string_view blob) {
  std::vector<std::int64_t> ids(blob.size() / sizeof(std::int64_t));
  if (!ids.empty()) std::memcpy(ids.data(), blob.data(), ids.size() * sizeof(std::int64_t));
  return ids;
}

}  // namespace

Result<void> ClaimLog::load(Db& db) {
  Statement s = db.statement("SELECT seq, ids FROM claim_run");
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return {};
    const std::int64_t run = s.integer(0);
    next_ = std::max(next_, run + 1);
    std::int64_t open = 0;
    for (const std::int64_t id : unpack(s.text(1))) {
      Statement d = db.statement("SELECT 1 FROM delivery WHERE id = ?1 AND owner IS NOT NULL");
      CARILLON_TRY(const bool is_open, d.bind(1, id).next());
      if (!is_open || !run_of_.try_emplace(id, run).second) continue;
      ++open;
    }
    if (open == 0) {
      done_.push_back(run);
    } else {
      open_[run] = open;
    }
  }
}

Result<std::int64_t> ClaimLog::add(Txn& txn, const std::vector<std::int64_t>& ids) {
  for (const std::int64_t run : done_) {
    CARILLON_CHECK(txn.db.statement("DELETE FROM claim_run WHERE seq = ?1").bind(1, run).run());
  }
  if (!done_.empty()) {
    txn.after_rollback([this, done = std::move(done_)]() mutable { done_ = std::move(done); });
    done_.clear();
  }
  const std::string_view blob(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(std::int64_t));
  CARILLON_CHECK(txn.db.statement("INSERT INTO claim_run(seq, ids) VALUES(?1, ?2)")
                     .bind(1, next_)
                     .bind_blob(2, blob)
                     .run());
  return next_++;  // a gap after a rollback does not matter
}

void ClaimLog::claimed(std::int64_t run, const std::vector<std::int64_t>& ids) {
  for (const std::int64_t id : ids) run_of_[id] = run;
  open_[run] = static_cast<std::int64_t>(ids.size());
}

void ClaimLog::recorded(std::int64_t id) {
  const auto it = run_of_.find(id);
  if (it == run_of_.end()) return;
  const auto open = open_.find(it->second);
  if (open != open_.end() && --open->second == 0) {
    done_.push_back(it->second);
    open_.erase(open);
  }
  run_of_.erase(it);
}

Result<std::vector<std::int64_t>> ClaimLog::find(Db& db, std::int64_t after) {
  std::vector<std::int64_t> found;
  Statement s = db.statement("SELECT ids FROM claim_run");
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) break;
    for (const std::int64_t id : unpack(s.text(0))) {
      if (id > after) found.push_back(id);
    }
  }
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace carillon::store::detail
