#include "store/detail/history.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace carillon::store::detail {
namespace {

constexpr std::size_t kMergeRuns = 8;        // runs of one size that become one
constexpr std::int64_t kPieceRows = 16'384;  // entries merged per transaction, or late ones dropped
constexpr std::int64_t kPieceBlocks = 512;   // blocks dropped per transaction
constexpr std::size_t kBlockEntries = 248;   // a page of the file, with its row's header
constexpr std::int64_t kBaseRun = 65'536;    // rows up to which runs count as of the smallest size

// Runs of one level differ in size by less than kMergeRuns.
int level_of(std::int64_t rows) noexcept {
  int level = 0;
  for (; rows > kBaseRun; rows /= static_cast<std::int64_t>(kMergeRuns)) ++level;
  return level;
}

using Entry = std::pair<std::int64_t, std::int64_t>;
using PackedEntry = std::array<std::int64_t, 2>;

// Calls `each(entry)` for the entries of a block in their order.
template <class Each>
void unpack(std::string_view block, Each each) {
  for (; block.size() >= sizeof(PackedEntry); block.remove_prefix(sizeof(PackedEntry))) {
    PackedEntry packed{};
    std::memcpy(packed.data(), block.data(), sizeof packed);
    each(Entry{packed[0], packed[1]});
  }
}

// Both sorted.
void merge_in(History::Entries& entries, const History::Entries& more) {
  if (more.empty()) return;
  History::Entries merged;
  merged.reserve(entries.size() + more.size());
  std::ranges::merge(entries, more, std::back_inserter(merged));
  entries = std::move(merged);
}

// Adds the ids that the run has under `key` below `below`, at least the newest `limit` of them.
Result<void> find_in_run(Db& db, std::int64_t run, std::int64_t key, std::int64_t below, std::size_t limit,
                         std::vector<std::int64_t>& ids) {
  Statement late = db.statement(
      "SELECT id FROM history WHERE run = ?1 AND key = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4");
  late.bind(1, run).bind(2, key).bind(3, below).bind(4, static_cast<std::int64_t>(limit));
  for (;;) {
    CARILLON_TRY(const bool has_row, late.next());
    if (!has_row) break;
    ids.push_back(late.integer(0));
  }
  // Backwards from the last block that may hold some, to the one that begins below the key.
  Statement blocks = db.statement(
      "SELECT key, entries FROM history_block WHERE run = ?1 AND (key, notification) < (?2, ?3) "
      "ORDER BY key DESC, notification DESC");
  blocks.bind(1, run).bind(2, key).bind(3, below);
  for (std::size_t found = 0; found < limit;) {
    CARILLON_TRY(const bool has_row, blocks.next());
    if (!has_row) break;
    unpack(blocks.text(1), [&](const Entry& entry) {
      if (entry.first != key || entry.second >= below) return;
      ids.push_back(entry.second);
      ++found;
    });
    if (blocks.integer(0) < key) break;
  }
  return {};
}

}  // namespace

std::int64_t History::user_key(std::int32_t project, std::string_view user_id) const {
  return keys_.lookup_hash.low63({"user", std::to_string(project), user_id});
}

std::int64_t History::event_key(std::int32_t project, std::string_view event_id) const {
  return keys_.lookup_hash.low63({"event", std::to_string(project), event_id});
}

Result<void> History::load(Db& db) {
  CARILLON_TRY(const std::int64_t high, indexed_to(db));
  high_.store(high);
  // The target of a merge that a restart cut off: its rows are cleared away like any other's.
  return db.exec("DELETE FROM history_run WHERE high = 0");
}

Result<std::int64_t> History::indexed_to(Db& db) {
  return db.scalar("SELECT value FROM meta WHERE key = 'history_high'");
}

Result<std::vector<std::int64_t>> History::find(Db& db, std::int64_t key, std::int64_t before,
                                                std::size_t limit) {
  std::vector<std::int64_t> ids;  // descending
  const std::int64_t below = before == 0 ? INT64_MAX : before;
  // A run may hold ids older than those of the runs before it: notifications expanded long after they
  // were accepted. So a run is left out only when everything in it is older than what is wanted.
  Statement runs = db.statement("SELECT run, high FROM history_run WHERE low < ?1 ORDER BY high DESC");
  runs.bind(1, below);
  for (;;) {
    CARILLON_TRY(const bool has_run, runs.next());
    if (!has_run || (ids.size() == limit && runs.integer(1) <= ids.back())) return ids;
    CARILLON_CHECK(find_in_run(db, runs.integer(0), key, below, limit, ids));
    std::ranges::sort(ids, std::greater{});
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    if (ids.size() > limit) ids.resize(limit);
  }
}

Result<History::Batch> History::gather(Db& db, std::int64_t until, std::size_t limit) const {
  Batch batch;
  const std::int64_t low = high();
  batch.high = until - 1;
  // The cut is an id, the same for both tables; whichever fills up first moves it down.
  const auto cut_at = [&](std::int64_t id, std::size_t rows) {
    if (rows < limit) return;
    batch.high = id;
    batch.has_more = true;
  };
  Statement n = db.statement(
      "SELECT id, project, event_id FROM notification WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3");
  n.bind(1, low).bind(2, until).bind(3, static_cast<std::int64_t>(limit));
  for (std::size_t rows = 1;; ++rows) {
    CARILLON_TRY(const bool has_row, n.next());
    if (!has_row) break;
    if (!n.is_null(2)) batch.entries.emplace_back(event_key(n.as<std::int32_t>(1), n.text(2)), n.integer(0));
    cut_at(n.integer(0), rows);
  }
  const auto events = static_cast<std::ptrdiff_t>(batch.entries.size());
  Statement d = db.statement(
      "SELECT id, notification, project, user_id FROM delivery WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT "
      "?3");
  d.bind(1, low).bind(2, batch.high).bind(3, static_cast<std::int64_t>(limit));
  for (std::size_t rows = 1;; ++rows) {
    CARILLON_TRY(const bool has_row, d.next());
    if (!has_row) break;
    if (!d.is_null(3)) batch.entries.emplace_back(user_key(d.as<std::int32_t>(2), d.text(3)), d.integer(1));
    cut_at(d.integer(0), rows);
  }
  const auto first = batch.entries.begin();
  const auto is_below = [&](const Entry& entry) { return entry.second <= batch.high; };
  batch.entries.erase(std::partition_point(first, first + events, is_below), first + events);
  Statement a = db.statement(
      "SELECT key, notification FROM history_address WHERE notification > ?1 AND notification <= ?2");
  a.bind(1, low).bind(2, batch.high);
  for (;;) {
    CARILLON_TRY(const bool has_row, a.next());
    if (!has_row) break;
    batch.entries.emplace_back(a.integer(0), a.integer(1));
  }
  std::ranges::sort(batch.entries);
  batch.entries.erase(std::unique(batch.entries.begin(), batch.entries.end()), batch.entries.end());
  return batch;
}

Result<std::int64_t> History::new_run(Db& db) {
  CARILLON_TRY(const std::int64_t run, db.scalar("SELECT value FROM meta WHERE key = 'history_run'"));
  CARILLON_CHECK(db.statement("INSERT OR REPLACE INTO meta(key, value) VALUES('history_run', ?1)")
                     .bind(1, run + 1)
                     .run());
  return run + 1;
}

Result<void> History::add(Txn& txn, const Batch& batch) {
  if (!batch.entries.empty()) {
    CARILLON_TRY(const std::int64_t run, new_run(txn.db));
    const auto by_id = [](const auto& a, const auto& b) { return a.second < b.second; };
    const auto [low, high] = std::ranges::minmax_element(batch.entries, by_id);
    CARILLON_CHECK(txn.db.statement("INSERT INTO history_run(run, low, high, n) VALUES(?1, ?2, ?3, ?4)")
                       .bind(1, run)
                       .bind(2, low->second)
                       .bind(3, high->second)
                       .bind(4, static_cast<std::int64_t>(batch.entries.size()))
                       .run());
    CARILLON_CHECK(write_blocks(txn.db, run, batch.entries));
    CARILLON_CHECK(
        txn.db.statement("DELETE FROM history_address WHERE notification <= ?1").bind(1, batch.high).run());
  }
  CARILLON_CHECK(txn.db.statement("INSERT OR REPLACE INTO meta(key, value) VALUES('history_high', ?1)")
                     .bind(1, batch.high)
                     .run());
  const std::int64_t old = high_.exchange(batch.high);
  txn.after_rollback([this, old] { high_.store(old); });
  return {};
}

Result<void> History::add_late(Txn& txn, std::int64_t key, std::int64_t notification) {
  CARILLON_TRY(std::int64_t run, txn.db.scalar("SELECT run FROM history_run ORDER BY high DESC LIMIT 1"));
  if (run == 0 || (merge_ && std::ranges::find(merge_->sources, run) != merge_->sources.end())) {
    CARILLON_TRY(run, new_run(txn.db));
    CARILLON_CHECK(txn.db.statement("INSERT INTO history_run(run, low, high, n) VALUES(?1, ?2, ?2, 0)")
                       .bind(1, run)
                       .bind(2, notification)
                       .run());
  }
  CARILLON_CHECK(txn.db.statement("UPDATE history_run SET low = min(low, ?2), n = n + 1 WHERE run = ?1")
                     .bind(1, run)
                     .bind(2, notification)
                     .run());
  return txn.db.statement("INSERT OR IGNORE INTO history(run, key, id) VALUES(?1, ?2, ?3)")
      .bind(1, run)
      .bind(2, key)
      .bind(3, notification)
      .run();
}

Result<std::optional<History::Merge>> History::plan(Db& db) {
  Merge merge;
  int level = -1;
  Statement s = db.statement("SELECT run, low, high, n FROM history_run ORDER BY high DESC");
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) break;
    if (const int l = level_of(s.integer(3)); l != level) {
      if (merge.sources.size() >= kMergeRuns) break;
      merge = Merge{};
      level = l;
    }
    merge.sources.push_back(s.integer(0));
    merge.low = merge.low == 0 ? s.integer(1) : std::min(merge.low, s.integer(1));
    merge.high = std::max(merge.high, s.integer(2));
    merge.rows += s.integer(3);
  }
  if (merge.sources.size() < kMergeRuns) return std::nullopt;
  // Keys are hashes: equal pieces of their range hold about equally many rows.
  merge.step = INT64_MAX / std::max<std::int64_t>(merge.rows / kPieceRows, 1);
  return merge;
}

Result<bool> History::merge(Txn& txn) {
  CARILLON_TRY(const bool is_clearing, clear_piece(txn));
  if (is_clearing && !merge_) return true;
  if (!merge_) {
    CARILLON_TRY(merge_, plan(txn.db));
    if (!merge_) return is_clearing;
    CARILLON_TRY(merge_->target, new_run(txn.db));
    // Registered as a run without ids: found by nobody, spared by clear_piece().
    CARILLON_CHECK(txn.db.statement("INSERT INTO history_run(run, low, high, n) VALUES(?1, ?2, 0, 0)")
                       .bind(1, merge_->target)
                       .bind(2, std::int64_t{INT64_MAX})
                       .run());
    txn.after_rollback([this] { merge_.reset(); });
  }
  CARILLON_CHECK(merge_piece(txn));
  txn.after_commit([this] {
    if (merge_ && merge_->is_done) merge_.reset();
  });
  return true;
}

Result<void> History::merge_piece(Txn& txn) {
  const Merge before = *merge_;
  txn.after_rollback([this, before] { merge_ = before; });
  Merge& m = *merge_;
  const std::int64_t end = m.next_key > INT64_MAX - m.step ? INT64_MAX : m.next_key + m.step;
  Entries entries;
  for (const std::int64_t run : m.sources) {
    CARILLON_TRY(const Entries slice, read_slice(txn.db, run, m.next_key, end));
    merge_in(entries, slice);
  }
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  CARILLON_CHECK(write_blocks(txn.db, m.target, entries));
  m.next_key = end;
  if (end != INT64_MAX) return {};
  for (const std::int64_t run : m.sources) {
    CARILLON_CHECK(txn.db.statement("DELETE FROM history_run WHERE run = ?1").bind(1, run).run());
  }
  m.is_done = true;
  return txn.db.statement("UPDATE history_run SET low = ?2, high = ?3, n = ?4 WHERE run = ?1")
      .bind(1, m.target)
      .bind(2, m.low)
      .bind(3, m.high)
      .bind(4, m.rows)
      .run();
}

Result<History::Entries> History::read_slice(Db& db, std::int64_t run, std::int64_t from, std::int64_t to) {
  Entries entries, late_ones;
  const auto is_in = [&](std::int64_t key) { return key >= from && (key < to || to == INT64_MAX); };
  const auto take = [&](std::string_view block) {
    unpack(block, [&](const Entry& entry) {
      if (is_in(entry.first)) entries.push_back(entry);
    });
  };
  {  // The last block that begins below may reach into the slice.
    Statement below = db.statement(
        "SELECT entries FROM history_block WHERE run = ?1 AND key < ?2 "
        "ORDER BY key DESC, notification DESC LIMIT 1");
    CARILLON_TRY(const bool has_row, below.bind(1, run).bind(2, from).next());
    if (has_row) take(below.text(0));
  }
  Statement blocks = db.statement(
      "SELECT entries FROM history_block WHERE run = ?1 AND key >= ?2 AND key <= ?3 "
      "ORDER BY key, notification");
  blocks.bind(1, run).bind(2, from).bind(3, to == INT64_MAX ? to : to - 1);
  for (;;) {
    CARILLON_TRY(const bool has_row, blocks.next());
    if (!has_row) break;
    take(blocks.text(0));
  }
  Statement late =
      db.statement("SELECT key, id FROM history WHERE run = ?1 AND key >= ?2 AND key <= ?3 ORDER BY key, id");
  late.bind(1, run).bind(2, from).bind(3, to == INT64_MAX ? to : to - 1);
  for (;;) {
    CARILLON_TRY(const bool has_row, late.next());
    if (!has_row) break;
    late_ones.emplace_back(late.integer(0), late.integer(1));
  }
  merge_in(entries, late_ones);
  return entries;
}

Result<void> History::write_blocks(Db& db, std::int64_t run, const Entries& entries) {
  Statement s =
      db.statement("INSERT INTO history_block(run, key, notification, entries) VALUES(?1, ?2, ?3, ?4)");
  std::array<PackedEntry, kBlockEntries> block{};
  for (std::size_t begin = 0; begin < entries.size(); begin += kBlockEntries) {
    const std::size_t count = std::min(kBlockEntries, entries.size() - begin);
    for (std::size_t i = 0; i < count; ++i) block[i] = {entries[begin + i].first, entries[begin + i].second};
    s.bind(1, run).bind(2, block[0][0]).bind(3, block[0][1]);
    const std::string_view bytes(reinterpret_cast<const char*>(block.data()), count * sizeof(PackedEntry));
    CARILLON_CHECK(s.bind_blob(4, bytes).run());
  }
  return {};
}

// The lowest run of a table that is not registered; a loose index scan, 0: there is none.
#define CARILLON_UNREGISTERED_RUN(table)                                                                   \
  "WITH RECURSIVE r(run) AS (SELECT min(run) FROM " table " UNION ALL SELECT (SELECT min(run) FROM " table \
  " WHERE run > r.run) FROM r WHERE r.run IS NOT NULL) "                                                   \
  "SELECT run FROM r WHERE run IS NOT NULL AND run NOT IN (SELECT run FROM history_run) LIMIT 1"

Result<bool> History::clear_piece(Txn& txn) {
  const auto clear = [&txn](const char* find, const char* remove, std::int64_t limit) -> Result<bool> {
    CARILLON_TRY(const std::int64_t run, txn.db.scalar(find));
    if (run == 0) return false;
    CARILLON_CHECK(txn.db.statement(remove).bind(1, run).bind(2, limit).run());
    return true;
  };
  CARILLON_TRY(const bool has_blocks, clear(CARILLON_UNREGISTERED_RUN("history_block"),
                                            "DELETE FROM history_block WHERE id IN "
                                            "(SELECT id FROM history_block WHERE run = ?1 LIMIT ?2)",
                                            kPieceBlocks));
  if (has_blocks) return true;
  return clear(CARILLON_UNREGISTERED_RUN("history"),
               "DELETE FROM history WHERE (run, key, id) IN "
               "(SELECT run, key, id FROM history WHERE run = ?1 LIMIT ?2)",
               kPieceRows);
}

Result<void> History::drop_below(Txn& txn, std::int64_t id) {
  if (merge_) return {};
  return txn.db.statement("DELETE FROM history_run WHERE high < ?1").bind(1, id).run();
}

}  // namespace carillon::store::detail
