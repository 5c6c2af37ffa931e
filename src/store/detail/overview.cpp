// What the hot path and the dashboards look at: profiles, suppressions, notifications by id, counters, lanes,
// the recount.
#include <chrono>

#include "store/detail/sqlite_store.h"
#include "store/detail/suppression_rows.h"

namespace carillon::store::detail {
namespace {

constexpr std::size_t kKeysMax = 1024;
constexpr std::size_t kInlineMissesMax = 64;   // more are read on a reader's thread
constexpr std::int64_t kRecountRows = 20'000;  // counted at a time: about 10 ms

}  // namespace

Task<Result<std::vector<std::shared_ptr<const model::Profile>>>> SqliteStore::profiles(
    std::vector<UserKey> keys) {
  if (keys.size() > kKeysMax) co_return fail(Errc::InvalidArgument, "at most 1,024 profiles at a time");
  std::vector<std::shared_ptr<const model::Profile>> found(keys.size());
  struct Miss {
    std::size_t index;
    std::int64_t id;
    std::uint64_t stamp;
  };
  std::vector<Miss> misses;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::int64_t id = profile_id(keys[i].project, keys[i].user_id);
    ProfileCache::Lookup lookup = profile_cache_->get(id, keys[i]);
    found[i] = std::move(lookup.profile);
    if (!found[i]) misses.push_back({i, id, lookup.stamp});
  }
  if (misses.empty()) co_return found;
  const auto load = [&](Db& db) -> Result<void> {
    for (const Miss& miss : misses) {
      auto& profile = found[miss.index];
      CARILLON_TRY(profile, load_profile(db, keys[miss.index], miss.id));
      if (profile) profile_cache_->put_read(miss.id, profile, miss.stamp);
    }
    return {};
  };
  if (misses.size() <= kInlineMissesMax) {
    if (Result<void> done = people_readers_->inline_read(load); !done)
      co_return std::unexpected(done.error());
  } else {
    CARILLON_CO_CHECK(co_await read_people(load));
  }
  co_return found;
}

std::uint64_t SqliteStore::profile_stamp(std::int32_t project, std::string_view user_id) const noexcept {
  return profile_cache_->stamp(profile_id(project, user_id));
}

Task<Result<std::vector<std::optional<Suppression>>>> SqliteStore::suppressed(std::int32_t project,
                                                                              std::vector<AddressKey> keys) {
  std::vector<std::optional<Suppression>> found(keys.size());
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (suppression_filter_.may_have(project, keys[i].channel, keys[i].hash)) candidates.push_back(i);
  }
  if (candidates.empty()) co_return found;
  const auto look = [&](Db& db) -> Result<void> {
    for (const std::size_t i : candidates) {
      Statement s = db.statement("SELECT " CARILLON_SUPPRESSION_COLUMNS
                                 " FROM suppression WHERE project = ?1 AND channel = ?2 AND hash = ?3");
      CARILLON_TRY(const bool has_row, bind_suppression(s, project, keys[i].channel, keys[i].hash).next());
      if (has_row) found[i] = read_suppression(s);
    }
    return {};
  };
  if (Result<void> done = readers_->inline_read(look); !done) co_return std::unexpected(done.error());
  co_return found;
}

Result<bool> SqliteStore::insert_suppression(Txn& txn, const Suppression& suppression) {
  suppression_filter_.add(suppression.project, suppression.channel, suppression.hash);
  Statement s = txn.db.statement(
      "INSERT OR IGNORE INTO suppression(project, channel, hash, hint, reason, at) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
  bind_suppression(s, suppression.project, suppression.channel, suppression.hash);
  CARILLON_CHECK(
      s.bind_or_null(4, suppression.hint).bind(5, suppression.reason).bind(6, suppression.at).run());
  if (txn.db.changes() == 0) return false;
  CARILLON_CHECK(tell_suppression(txn, suppression, false, suppression.at));
  return true;
}

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
  std::vector<LaneDepth> lanes = depths_of(counters_.rows());
  Result<void> read = readers_->inline_read([&](Db& db) -> Result<void> {
    for (std::size_t i = 0; i < lanes.size(); ++i) {
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
  std::erase_if(lanes, is_idle);
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
