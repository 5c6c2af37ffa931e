// The part of the dedup window that does not fit into memory.
#include <algorithm>
#include <bit>
#include <cstring>

#include "store/detail/dedup.h"

namespace carillon::store::detail {
namespace {

// Rows moved to a run at a time: each run is one more place to probe.
constexpr std::int64_t kRunRows = 500'000;

constexpr std::size_t kFilterBitsPerEntry = 10;  // two probes: about 3 % false positives
constexpr std::size_t kFilterProbes = 2;

std::uint64_t mix(std::uint64_t x) noexcept {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ x >> 33;
}

}  // namespace

bool Dedup::Run::may_have(std::uint64_t tag) const noexcept {
  std::uint64_t h = mix(tag);
  const std::uint64_t bits = filter.size() * 64;
  for (std::size_t i = 0; i < kFilterProbes; ++i, h = mix(h + 1)) {
    const std::uint64_t bit = h % bits;
    if ((filter[bit / 64] >> (bit % 64) & 1) == 0) return false;
  }
  return true;
}

void Dedup::Run::note(std::uint64_t tag) noexcept {
  std::uint64_t h = mix(tag);
  const std::uint64_t bits = filter.size() * 64;
  for (std::size_t i = 0; i < kFilterProbes; ++i, h = mix(h + 1)) {
    const std::uint64_t bit = h % bits;
    filter[bit / 64] |= std::uint64_t{1} << (bit % 64);
  }
}

Result<bool> Dedup::move_out(Txn& txn) {
  Db& db = txn.db;
  if (memory_bytes() <= static_cast<std::size_t>(memory_bytes_)) return false;
  const std::int64_t from = std::max(in_memory_, floor_);
  const std::int64_t end = std::min(from + kRunRows, next_);
  // Sorted by tag, a bulk insert appends instead of touching pages at random.
  std::vector<std::pair<std::int64_t, std::int64_t>> entries;
  {
    Statement s = db.statement("SELECT ordinal, hash FROM dedup WHERE ordinal >= ?1 AND ordinal < ?2");
    s.bind(1, from).bind(2, end);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      entries.emplace_back(run_tag(s.hash(1)), s.integer(0));
    }
  }
  std::ranges::sort(entries);
  Run run{.id = end, .high = end - 1, .filter = {}};
  run.filter.assign(std::max<std::size_t>(entries.size() * kFilterBitsPerEntry / 64, 1), 0);
  for (const auto& [tag, ordinal] : entries) {
    CARILLON_CHECK(db.statement("INSERT INTO dedup_run(run, tag, ordinal) VALUES(?1, ?2, ?3)")
                       .bind(1, run.id)
                       .bind(2, tag)
                       .bind(3, ordinal)
                       .run());
    run.note(static_cast<std::uint64_t>(tag));
  }
  // Memory follows the commit: after a rollback the entries are still where they were.
  txn.after_commit([this, end, moved = std::move(run)]() mutable {
    runs_.push_back(std::move(moved));
    in_memory_ = end;
    for (Shard& shard : shards_) make_room(shard);
  });
  return true;
}

Result<bool> Dedup::trim_runs(Txn& txn, std::size_t limit) {
  if (runs_.empty() || runs_.front().high >= floor_) return false;
  Statement s = txn.db.statement(
      "DELETE FROM dedup_run WHERE (run, tag, ordinal) IN "
      "(SELECT run, tag, ordinal FROM dedup_run WHERE run = ?1 LIMIT ?2)");
  CARILLON_CHECK(s.bind(1, runs_.front().id).bind(2, static_cast<std::int64_t>(limit)).run());
  if (txn.db.changes() < static_cast<std::int64_t>(limit)) {
    txn.after_commit([this] { runs_.erase(runs_.begin()); });
  }
  return true;
}

Result<void> Dedup::load_runs(Db& db) {
  std::vector<std::pair<std::int64_t, std::int64_t>> ids;
  {
    Statement s = db.statement("SELECT run, count(*) FROM dedup_run GROUP BY run ORDER BY run");
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      ids.emplace_back(s.integer(0), s.integer(1));
    }
  }
  for (const auto& [id, n] : ids) {
    Run run{.id = id, .high = id - 1, .filter = {}};
    run.filter.assign(std::max<std::size_t>(static_cast<std::size_t>(n) * kFilterBitsPerEntry / 64, 1), 0);
    Statement s = db.statement("SELECT tag FROM dedup_run WHERE run = ?1");
    s.bind(1, id);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      run.note(static_cast<std::uint64_t>(s.integer(0)));
    }
    runs_.push_back(std::move(run));
  }
  return {};
}

}  // namespace carillon::store::detail
