#include "store/detail/move/addresses.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "store/detail/move/rows.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kBlocks = 32;  // of 248 entries, a batch
constexpr std::int64_t kEntriesOfBlock = 248;
using Entry = std::pair<std::int64_t, std::int64_t>;
using Packed = std::array<std::int64_t, 2>;

struct Source {
  std::string sql;  // a place (rows.h), then an entry or a block of them; its parameters are those of a place
  int keys = 0;
  std::int64_t limit = 0;
};

// A run that is not registered is being cleared away.
Source source_of(AddressReader::Part part) {
  switch (part) {
    case AddressReader::Part::Blocks:
      return {fmt::format(
                  "SELECT 'i' || id, entries FROM history_block WHERE id > ?1 AND run IN (SELECT run FROM "
                  "history_run) ORDER BY id LIMIT {}",
                  kBlocks),
              1, kBlocks};
    case AddressReader::Part::Late:
      return {
          fmt::format(
              "SELECT 'i' || run || ',i' || key || ',i' || id, key, id FROM history WHERE (run, key, id) > "
              "(?1, ?2, ?3) AND run IN (SELECT run FROM history_run) ORDER BY run, key, id LIMIT {}",
              kMoveRows),
          3, kMoveRows};
    case AddressReader::Part::Waiting: break;
  }
  return {
      fmt::format("SELECT 'i' || notification || ',i' || key, key, notification FROM history_address WHERE "
                  "(notification, key) > (?1, ?2) ORDER BY notification, key LIMIT {}",
                  kMoveRows),
      2, kMoveRows};
}

void unpack(std::string_view block, std::vector<Entry>& entries) {
  for (; block.size() >= sizeof(Packed); block.remove_prefix(sizeof(Packed))) {
    Packed packed{};
    std::memcpy(packed.data(), block.data(), sizeof packed);
    entries.emplace_back(packed[0], packed[1]);
  }
}

}  // namespace

Result<std::unique_ptr<AddressReader>> AddressReader::open(SqliteDb& everything, SqliteDb& people,
                                                           const base::KeyRing& keys) {
  std::unique_ptr<AddressReader> reader(new AddressReader(everything, keys));
  CARILLON_CHECK(reader->load_users(people));
  return reader;
}

Result<void> AddressReader::load_users(SqliteDb& people) {
  Statement s = people.statement("SELECT project, user_id FROM profile");
  while (users_.size() < kUsersMax) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) break;
    users_.push_back(history_.user_key(s.as<std::int32_t>(0), s.text(1)));
  }
  std::ranges::sort(users_);
  return {};
}

Result<std::int64_t> AddressReader::count() {
  CARILLON_TRY(const std::int64_t blocks, db_.scalar("SELECT count(*) FROM history_block"));
  CARILLON_TRY(const std::int64_t late, db_.scalar("SELECT count(*) FROM history"));
  CARILLON_TRY(const std::int64_t waiting, db_.scalar("SELECT count(*) FROM history_address"));
  return blocks * kEntriesOfBlock + late + waiting;
}

// A key is of one thing, so that it is enough to look at one notification that has it.
Result<bool> AddressReader::is_address(std::int64_t key, std::int64_t notification) {
  if (std::ranges::binary_search(users_, key)) return false;
  Statement s = db_.statement("SELECT project, event_id FROM notification WHERE id = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, notification).next());
  if (!has_row) return false;  // it is past its retention
  return s.is_null(1) || history_.event_key(s.as<std::int32_t>(0), s.text(1)) != key;
}

Result<AddressReader::Batch> AddressReader::read(Part part, const std::string& place) {
  Batch batch;
  batch.place = place;
  std::int64_t rows = 0;
  {
    const Source source = source_of(part);
    std::vector<std::string> room;
    CARILLON_TRY(Statement s, db_.prepare_once(source.sql));
    for (int i = 1; place.empty() && i <= source.keys; ++i) s.bind(i, INT64_MIN);
    CARILLON_CHECK(bind_place(s, place, room));
    for (;; ++rows) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      batch.place = s.string(0);
      if (part == Part::Blocks) {
        unpack(s.text(1), batch.entries);
      } else {
        batch.entries.emplace_back(s.integer(1), s.integer(2));
      }
    }
    batch.is_last = rows < source.limit;
  }
  batch.read = static_cast<std::int64_t>(batch.entries.size());
  std::ranges::sort(batch.entries);
  batch.entries.erase(std::unique(batch.entries.begin(), batch.entries.end()), batch.entries.end());
  if (part == Part::Waiting) return batch;
  std::vector<Entry> kept;
  for (const Entry& entry : batch.entries) {
    CARILLON_TRY(const bool is_kept, is_address(entry.first, entry.second));
    if (is_kept) kept.push_back(entry);
  }
  batch.entries = std::move(kept);
  return batch;
}

}  // namespace carillon::store::detail
