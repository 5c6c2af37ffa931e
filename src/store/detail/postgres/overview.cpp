// What the hot path and the dashboards look at: profiles, suppressions, notifications by id, counters, lanes,
// the recount. A round trip for all that is asked together.
#include <algorithm>
#include <unordered_map>

#include "base/clock.h"
#include "store/detail/postgres/store.h"

namespace carillon::store::detail {
namespace {

constexpr std::size_t kKeysMax = 1024;
constexpr std::int64_t kOldestAgainMs = 5'000;

// In what follows each key is looked for by itself, which a LIMIT makes sure of: a plan that was made while a
// table was nearly empty may else read all of a project to join it with the keys.

}  // namespace

Task<Result<std::vector<std::shared_ptr<const model::Profile>>>> PostgresStore::profiles(
    std::vector<UserKey> keys) {
  if (keys.size() > kKeysMax) co_return fail(Errc::InvalidArgument, "at most 1,024 profiles at a time");
  using Found = std::vector<std::shared_ptr<const model::Profile>>;
  if (keys.empty()) co_return Found{};
  co_return co_await look([&keys](Db& db) -> Result<Found> {
    Found found(keys.size());
    PgArray projects, users(PgArray::Of::Text);
    for (const UserKey& key : keys) {
      projects.add(std::int64_t{key.project});
      users.add(std::string_view(key.user_id));
    }
    PgStatement& s = static_cast<PgDb&>(db).with_arrays(
        "SELECT k.place, p.version, p.data FROM "
        "unnest(?1, ?2) WITH ORDINALITY AS k(project, user_id, place), LATERAL (SELECT version, data FROM "
        "profile WHERE project = k.project AND user_id = k.user_id LIMIT 1) AS p");
    s.bind_array(1, projects);
    s.bind_array(2, users);
    const Statement row(&s);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return found;
      const auto i = static_cast<std::size_t>(row.integer(0)) - 1;
      auto profile = std::make_shared<model::Profile>();
      CARILLON_CHECK(model::decode_profile(row.text(2), *profile));
      profile->project = keys[i].project;
      profile->user_id = keys[i].user_id;
      profile->version = row.integer(1);
      found[i] = std::move(profile);
    }
  });
}

Task<Result<std::vector<std::optional<Suppression>>>> PostgresStore::suppressed(
    std::int32_t project, std::vector<AddressKey> keys) {
  using Found = std::vector<std::optional<Suppression>>;
  if (keys.empty()) co_return Found{};
  co_return co_await look([project, &keys](Db& db) -> Result<Found> {
    Found found(keys.size());
    PgArray channels, hashes(PgArray::Of::Bytes);
    for (const AddressKey& key : keys) {
      channels.add(static_cast<std::int64_t>(key.channel));
      hashes.add(key.hash);
    }
    PgStatement& s = static_cast<PgDb&>(db).with_arrays(
        "SELECT k.place, s.id, s.hint, s.reason, s.at FROM "
        "unnest(?2, ?3) WITH ORDINALITY AS k(channel, hash, place), LATERAL (SELECT id, hint, reason, at "
        "FROM "
        "suppression WHERE project = ?1 AND channel = k.channel AND hash = k.hash LIMIT 1) AS s");
    s.bind_integer(1, project);
    s.bind_array(2, channels);
    s.bind_array(3, hashes);
    const Statement row(&s);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return found;
      const auto i = static_cast<std::size_t>(row.integer(0)) - 1;
      found[i] = Suppression{.id = row.integer(1),
                             .project = project,
                             .channel = keys[i].channel,
                             .hash = keys[i].hash,
                             .hint = row.string(2),
                             .reason = row.string(3),
                             .at = row.time(4)};
    }
  });
}

Result<bool> PostgresStore::insert_suppression(Txn& txn, const Suppression& suppression) {
  Statement s = txn.db.statement(
      "INSERT INTO suppression(project, channel, hash, hint, reason, at) VALUES(?1, ?2, ?3, ?4, ?5, ?6) "
      "ON CONFLICT DO NOTHING");
  s.bind(1, std::int64_t{suppression.project}).bind(2, static_cast<std::int64_t>(suppression.channel));
  s.bind(3, suppression.hash).bind_or_null(4, suppression.hint).bind(5, suppression.reason);
  CARILLON_CHECK(s.bind(6, suppression.at).run());
  if (txn.db.changes() == 0) return false;
  CARILLON_CHECK(tell_suppression(txn, suppression, false, suppression.at));
  return true;
}

Task<Result<std::vector<std::shared_ptr<const model::Notification>>>> PostgresStore::notifications(
    std::vector<std::int64_t> ids) {
  using Found = std::vector<std::shared_ptr<const model::Notification>>;
  if (ids.empty()) co_return Found{};
  co_return co_await look([this, &ids](Db& db) -> Result<Found> {
    std::unordered_map<std::int64_t, std::shared_ptr<const model::Notification>> by_id;
    PgArray wanted;
    for (const std::int64_t id : ids) {
      if (by_id.try_emplace(id).second) wanted.add(id);
    }
    // The last column: whether one of its deliveries is open, as derive_status() asks.
    PgStatement& s = static_cast<PgDb&>(db).with_arrays(
        "SELECT " CARILLON_NOTIFICATION_COLUMNS
        ", CASE WHEN first_delivery IS NULL THEN EXISTS (SELECT 1 FROM notification_count c WHERE "
        "c.notification = n.id AND c.status < 4 GROUP BY c.status HAVING sum(c.n) > 0) ELSE (SELECT true "
        "FROM delivery d WHERE d.id >= n.first_delivery AND d.id < n.first_delivery + n.delivery_count AND "
        "d.status < 4 ORDER BY d.id LIMIT 1) END FROM "
        "unnest(?1) AS w(wanted), LATERAL (SELECT * FROM notification WHERE id = w.wanted LIMIT 1) AS n");
    s.bind_array(1, wanted);
    const Statement row(&s);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      auto n = std::make_shared<model::Notification>(read_notification(row, words_));
      if (n->status == model::NotificationStatus::Sending && row.integer(16) == 0)
        n->status = model::NotificationStatus::Completed;
      n->request = parse_request(n->body);
      by_id[n->id] = std::move(n);
    }
    Found found;
    found.reserve(ids.size());
    for (const std::int64_t id : ids) found.push_back(by_id[id]);
    return found;
  });
}

Task<Result<std::vector<CounterRow>>> PostgresStore::counters() {
  co_return co_await look([](Db& db) { return read_counters(db); });
}

Task<Result<std::vector<LaneDepth>>> PostgresStore::lane_depths(Time now) {
  co_return co_await look([this, now](Db& db) -> Result<std::vector<LaneDepth>> {
    CARILLON_TRY(const auto rows, read_counters(db));
    std::vector<LaneDepth> lanes = depths_of(rows);
    // As a scan does (claim.cpp): from the oldest of the last look, and from the beginning now and then or if
    // there is none any more.
    const std::int64_t boot = base::boot_ms();
    const bool is_whole = boot >= oldest_again_at_.load();
    if (is_whole) oldest_again_at_ = boot + kOldestAgainMs;
    PgArray waiting, from;
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      if (lanes[i].ready + lanes[i].retrying + lanes[i].held == 0) continue;
      waiting.add(static_cast<std::int64_t>(i));
      from.add(is_whole ? 0 : oldest_[i].load());
    }
    PgStatement& s = static_cast<PgDb&>(db).with_arrays(
        "SELECT l.lane, coalesce((SELECT min(due_at) FROM delivery d WHERE d.lane = l.lane AND d.due_at >= "
        "l.from_due AND d.due_at <= ?3), CASE WHEN l.from_due > 0 THEN (SELECT min(due_at) FROM delivery d "
        "WHERE d.lane = l.lane AND d.due_at < least(l.from_due, ?3 + 1)) END) FROM unnest(?1, ?2) AS l(lane, "
        "from_due)");
    s.bind_array(1, waiting);
    s.bind_array(2, from);
    s.bind_integer(3, to_ms(now));
    const Statement row(&s);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      const auto lane = static_cast<std::size_t>(row.integer(0));
      lanes[lane].oldest_due = row.optional_time(1);
      oldest_[lane] = lanes[lane].oldest_due ? to_ms(*lanes[lane].oldest_due) : 0;
    }
    std::erase_if(lanes, is_idle);
    return lanes;
  });
}

namespace {

Result<void> count_rows(PgDb& db, std::string_view table, CounterDeltas& counted) {
  CARILLON_TRY(const auto rows, deliveries_by_state(db, table));
  for (const StateCount& row : rows) {
    counted[row.key] += row.n;
    counted[row.accepted_key] += row.n;
  }
  return {};
}

}  // namespace

Task<Result<std::vector<CounterRow>>> PostgresStore::recount() {
  if (is_recounting_.exchange(true)) co_return fail(Errc::FailedPrecondition, "a recount is under way");
  auto difference = co_await read([](Db& db) -> Result<std::vector<CounterRow>> {
    // Rows and counters as of one moment, at which no day is taken off the table. Those that were are in the
    // counters until they are gone (days.h).
    CARILLON_CHECK(db.exec("SET LOCAL statement_timeout = 0; LOCK TABLE delivery IN ACCESS SHARE MODE;"));
    CARILLON_TRY(const auto days, days_of(db, DayOf::Delivery));
    CounterDeltas counted;
    CARILLON_CHECK(count_rows(static_cast<PgDb&>(db), "delivery", counted));
    for (const Day& day : days) {
      if (!day.is_attached) CARILLON_CHECK(count_rows(static_cast<PgDb&>(db), day.table, counted));
    }
    CARILLON_TRY(const auto rows, read_counters(db));
    for (const CounterRow& row : rows)
      counted[counter_key(row.project, model::Lane{row.queue, row.priority}, row.is_sandbox, row.status)] -=
          row.n;
    std::vector<CounterRow> differing;
    for (const auto& [key, n] : counted) {
      if (n != 0) differing.push_back(counter_row(key, n));
    }
    return differing;
  });
  is_recounting_.store(false);
  co_return difference;
}

}  // namespace carillon::store::detail
