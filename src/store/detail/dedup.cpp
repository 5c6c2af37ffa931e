#include "store/detail/dedup.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/ids.h"

namespace carillon::store::detail {
namespace {

constexpr std::uint64_t kFree = 0, kRemoved = 1;
constexpr std::uint32_t kTagBit = 0x8000'0000;  // so that no slot in use looks free or removed
constexpr std::size_t kSlotsMin = 64;           // per shard

struct Place {
  std::size_t shard;
  std::uint32_t tag;  // its low bits are the position, so that a table can grow without the hash
};

Place place_of(const base::Hash128& event) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, event.data(), sizeof word);
  return Place{static_cast<std::size_t>(word >> 58), static_cast<std::uint32_t>(word) | kTagBit};
}

std::uint64_t slot_of(std::uint32_t tag, std::int64_t ordinal) noexcept {
  return static_cast<std::uint64_t>(tag) << 32 | static_cast<std::uint32_t>(ordinal);
}

Result<std::int64_t> notification_at(Db& db, std::int64_t ordinal) {
  Statement s = db.statement("SELECT notification FROM dedup WHERE ordinal >= ?1 ORDER BY ordinal LIMIT 1");
  CARILLON_TRY(const bool has_row, s.bind(1, ordinal).next());
  return has_row ? s.integer(0) : INT64_MAX;
}

// The first ordinal in [low, high) whose notification is at or above `id` (they ascend).
Result<std::int64_t> first_at_or_above(Db& db, std::int64_t low, std::int64_t high, std::int64_t id) {
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    CARILLON_TRY(const std::int64_t at, notification_at(db, middle));
    if (at < id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace

Time Dedup::until(std::int64_t notification) const noexcept { return base::id_time(notification) + window_; }

std::size_t Dedup::memory_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const Shard& shard : shards_) bytes += shard.slots.size() * sizeof(Slot);
  return bytes;
}

std::int64_t Dedup::ordinal_of(Slot slot) const noexcept {
  // 32 bits are stored; the whole is the one nearest below next_.
  const auto back = static_cast<std::uint32_t>(next_) - static_cast<std::uint32_t>(slot);
  return next_ - static_cast<std::int64_t>(back);
}

std::int64_t Dedup::run_tag(const base::Hash128& event) noexcept {
  const Place place = place_of(event);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(place.shard) << 32 | place.tag);
}

Result<void> Dedup::load(Db& db, const std::string& path) {
  CARILLON_TRY(const std::int64_t low, db.scalar("SELECT min(ordinal) FROM dedup"));
  CARILLON_TRY(const std::int64_t high, db.scalar("SELECT max(ordinal) FROM dedup"));
  next_ = high + 1;
  floor_ = std::max<std::int64_t>(low, 1);
  if (high == 0) return {};
  // No clock here: the window is counted back from the newest entry; rotate() does the rest.
  CARILLON_TRY(const std::int64_t newest, notification_at(db, high));
  CARILLON_TRY(floor_, first_at_or_above(db, floor_, next_, base::id_floor(until(newest) - 2 * window_)));
  CARILLON_TRY(const std::int64_t runs, db.scalar("SELECT max(ordinal) FROM dedup_run"));
  in_memory_ = std::max(floor_, runs + 1);
  CARILLON_CHECK(load_runs(db));
  CARILLON_TRY(std::int64_t from, load_snapshot(db, path));
  if (from == 0) {
    const auto per_shard = static_cast<std::size_t>((next_ - in_memory_) * 3 / 2) / kShards;
    for (Shard& shard : shards_) shard.slots.assign(std::bit_ceil(std::max(per_shard, kSlotsMin)), kFree);
    from = in_memory_;
  }
  Statement s = db.statement("SELECT ordinal, hash FROM dedup WHERE ordinal >= ?1");
  s.bind(1, from);
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return {};
    insert(s.hash(1), s.integer(0));
  }
}

Result<std::optional<Dedup::Seen>> Dedup::find(Db& db, const base::Hash128& event, Time now) {
  const Place place = place_of(event);
  const Shard& shard = shards_[place.shard];
  if (!shard.slots.empty()) {
    const std::size_t mask = shard.slots.size() - 1;
    for (std::size_t i = place.tag & mask; shard.slots[i] != kFree; i = (i + 1) & mask) {
      if (shard.slots[i] >> 32 != place.tag) continue;
      const std::int64_t ordinal = ordinal_of(shard.slots[i]);
      if (ordinal < floor_) continue;
      CARILLON_TRY(auto seen, verify(db, ordinal, event, now));
      if (seen) return seen;
    }
  }
  return in_memory_ > floor_ ? find_in_runs(db, event, now) : std::optional<Seen>{};
}

Result<std::optional<Dedup::Seen>> Dedup::verify(Db& db, std::int64_t ordinal, const base::Hash128& event,
                                                 Time now) {
  Statement s = db.statement("SELECT hash, notification, fingerprint FROM dedup WHERE ordinal = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, ordinal).next());
  if (!has_row || s.hash(0) != event || until(s.integer(1)) <= now) return std::nullopt;
  return Seen{s.integer(1), s.hash(2)};
}

Result<std::optional<Dedup::Seen>> Dedup::find_in_runs(Db& db, const base::Hash128& event, Time now) {
  std::vector<std::int64_t> ordinals;
  const std::int64_t tag = run_tag(event);
  for (const Run& run : runs_) {
    if (!run.may_have(static_cast<std::uint64_t>(tag))) continue;
    Statement s = db.statement("SELECT ordinal FROM dedup_run WHERE run = ?1 AND tag = ?2");
    s.bind(1, run.id).bind(2, tag);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      if (s.integer(0) >= floor_) ordinals.push_back(s.integer(0));
    }
  }
  for (const std::int64_t ordinal : ordinals) {
    CARILLON_TRY(auto seen, verify(db, ordinal, event, now));
    if (seen) return seen;
  }
  return std::nullopt;
}

Result<void> Dedup::add(Db& db, const base::Hash128& event, std::int64_t notification,
                        const base::Hash128& fingerprint) {
  const std::int64_t ordinal = next_;
  Statement s =
      db.statement("INSERT INTO dedup(ordinal, hash, notification, fingerprint) VALUES(?1, ?2, ?3, ?4)");
  CARILLON_CHECK(s.bind(1, ordinal).bind(2, event).bind(3, notification).bind(4, fingerprint).run());
  ++next_;
  insert(event, ordinal);
  pending_.push_back(event);
  return {};
}

void Dedup::undo_to(std::int64_t mark) {
  while (next_ > mark && !pending_.empty()) {
    remove(pending_.back(), --next_);
    pending_.pop_back();
  }
}

void Dedup::insert(const base::Hash128& event, std::int64_t ordinal) {
  const Place place = place_of(event);
  Shard& shard = shards_[place.shard];
  if (shard.used * 4 >= shard.slots.size() * 3) make_room(shard);
  insert_tag(shard, place.tag, ordinal);
}

void Dedup::insert_tag(Shard& shard, std::uint32_t tag, std::int64_t ordinal) {
  const std::size_t mask = shard.slots.size() - 1;
  std::size_t i = tag & mask;
  while (shard.slots[i] > kRemoved) i = (i + 1) & mask;
  if (shard.slots[i] == kFree) ++shard.used;
  shard.slots[i] = slot_of(tag, ordinal);
}

void Dedup::remove(const base::Hash128& event, std::int64_t ordinal) {
  const Place place = place_of(event);
  Shard& shard = shards_[place.shard];
  const std::size_t mask = shard.slots.size() - 1;
  const std::uint64_t wanted = slot_of(place.tag, ordinal);
  for (std::size_t i = place.tag & mask; shard.slots[i] != kFree; i = (i + 1) & mask) {
    if (shard.slots[i] == wanted) {
      shard.slots[i] = kRemoved;
      return;
    }
  }
}

void Dedup::make_room(Shard& shard) {
  // What is past the window, or has moved to a run, goes; only then the table grows.
  const std::int64_t keep_from = std::max(floor_, in_memory_);
  std::vector<Slot> live;
  live.reserve(shard.used);
  for (const Slot slot : shard.slots) {
    if (slot > kRemoved && ordinal_of(slot) >= keep_from) live.push_back(slot);
  }
  const std::size_t size = std::bit_ceil(std::max(live.size() * 2, kSlotsMin));
  shard.slots.assign(size, kFree);
  shard.slots.shrink_to_fit();
  shard.used = 0;
  for (const Slot slot : live)
    insert_tag(shard, static_cast<std::uint32_t>(slot >> 32), static_cast<std::int64_t>(slot));
}

Result<bool> Dedup::rotate(Txn& txn, Time now, std::size_t limit) {
  Db& db = txn.db;
  CARILLON_TRY(floor_, first_at_or_above(db, floor_, next_, base::id_floor(now - window_)));
  in_memory_ = std::max(in_memory_, floor_);
  CARILLON_TRY(const std::int64_t first, db.scalar("SELECT min(ordinal) FROM dedup"));
  // The newest row always stays: it carries the ordinal over a restart.
  const std::int64_t end = std::min({floor_, next_ - 1, first + static_cast<std::int64_t>(limit)});
  if (first != 0 && first < end) {
    CARILLON_CHECK(db.statement("DELETE FROM dedup WHERE ordinal < ?1").bind(1, end).run());
  }
  CARILLON_TRY(const bool has_runs_left, trim_runs(txn, limit));
  CARILLON_TRY(const bool has_moves_left, move_out(txn));
  return has_runs_left || has_moves_left || (first != 0 && end < std::min(floor_, next_ - 1));
}

}  // namespace carillon::store::detail
