#include "store/detail/postgres/dedup.h"

#include <algorithm>
#include <map>

#include "base/ids.h"
#include "store/detail/postgres/connection.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
// So long before and after midnight a key goes into both days, the older first: clocks of processes differ.
constexpr std::int64_t kBothDaysMs = 60'000;

std::vector<std::int64_t> days_to_write(std::int64_t now_ms) {
  const std::int64_t day = now_ms / kDayMs, in_day = now_ms % kDayMs;
  if (in_day < kBothDaysMs) return {day - 1, day};
  if (in_day >= kDayMs - kBothDaysMs) return {day, day + 1};
  return {day};
}

// Those that have it in one of these days, by hash. `floor`: notifications below are past the window.
using Holders = std::map<base::Hash128, PgSeen>;
Result<Holders> holders(Db& db, PgArray& hashes, PgArray& days, std::int64_t floor) {
  Holders found;
  // One by one, which the LIMIT makes sure of: as long as nothing is known of a new day's partition the
  // planner may else take the index for the day alone, and read all of it.
  PgStatement& s = static_cast<PgDb&>(db).with_arrays(
      "SELECT h.hash, d.notification, d.fingerprint FROM unnest(?2) AS w(day), unnest(?1) AS h(hash), "
      "LATERAL (SELECT notification, fingerprint FROM dedup WHERE day = w.day AND hash = h.hash AND "
      "notification >= ?3 LIMIT 1) AS d ORDER BY d.notification DESC");
  s.bind_array(1, hashes);
  s.bind_array(2, days);
  s.bind_integer(3, floor);
  const Statement row(&s);
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return found;
    found.insert_or_assign(row.hash(0), PgSeen{row.integer(1), row.hash(2)});  // the oldest stays
  }
}

// The hashes that nothing had: their rows are this transaction's now.
Result<std::vector<base::Hash128>> insert_into(Db& db, std::int64_t day, std::span<const PgEvent> events,
                                               std::int64_t floor) {
  PgArray hashes(PgArray::Of::Uuid), notifications, prints(PgArray::Of::Uuid);
  for (const PgEvent& event : events) {
    hashes.add(event.hash);
    notifications.add(event.notification);
    prints.add(event.fingerprint);
  }
  // What is past the window and still there gives its place.
  PgStatement& s = static_cast<PgDb&>(db).with_arrays(
      "INSERT INTO dedup(day, hash, notification, fingerprint) SELECT ?1, i.hash, i.id, i.print FROM "
      "unnest(?2, ?3, ?4) AS i(hash, id, print) ORDER BY i.hash ON CONFLICT(day, hash) DO UPDATE SET "
      "notification = excluded.notification, fingerprint = excluded.fingerprint WHERE dedup.notification < "
      "?5 RETURNING hash");
  s.bind_integer(1, day);
  s.bind_array(2, hashes);
  s.bind_array(3, notifications);
  s.bind_array(4, prints);
  s.bind_integer(5, floor);
  std::vector<base::Hash128> won;
  const Statement row(&s);
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return won;
    won.push_back(row.hash(0));
  }
}

}  // namespace

Result<std::vector<std::optional<PgSeen>>> take_events(Txn& txn, std::span<const PgEvent> events,
                                                       Millis window, Time now) {
  std::vector<std::optional<PgSeen>> seen(events.size());
  if (events.empty()) return seen;
  const std::int64_t floor = base::id_floor(now - window + Millis(1));
  const std::int64_t now_ms = to_ms(now);
  PgArray days;
  for (std::int64_t day = (now_ms - window.count()) / kDayMs - 1; day <= now_ms / kDayMs + 1; ++day)
    days.add(day);
  // Of those that are the same in this call the first counts.
  std::map<base::Hash128, std::size_t> first;
  PgArray hashes(PgArray::Of::Uuid);
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (first.try_emplace(events[i].hash, i).second) hashes.add(events[i].hash);
  }
  CARILLON_TRY(Holders had, holders(txn.db, hashes, days, floor));
  std::vector<PgEvent> open;
  for (const auto& [hash, i] : first) {
    if (!had.contains(hash)) open.push_back(events[i]);
  }
  for (const std::int64_t day : days_to_write(now_ms)) {
    if (open.empty()) break;
    CARILLON_TRY(std::vector<base::Hash128> won, insert_into(txn.db, day, open, floor));
    if (won.size() == open.size()) continue;
    // Somebody else committed the same since it was looked for.
    std::ranges::sort(won);
    PgArray lost(PgArray::Of::Uuid);
    std::erase_if(open, [&](const PgEvent& event) {
      const bool has_won = std::ranges::binary_search(won, event.hash);
      if (!has_won) lost.add(event.hash);
      return !has_won;
    });
    CARILLON_TRY(const auto now_had, holders(txn.db, lost, days, floor));
    had.insert(now_had.begin(), now_had.end());
    if (now_had.size() != lost.size())
      return fail(Errc::Unavailable, "store: an event id is in dispute; try again");
  }
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto it = had.find(events[i].hash);
    const std::size_t owner = first.at(events[i].hash);
    if (it != had.end()) {
      seen[i] = it->second;
    } else if (owner != i) {
      seen[i] = PgSeen{events[owner].notification, events[owner].fingerprint};
    }
  }
  return seen;
}

Result<void> give_event_back(Txn& txn, const PgEvent& event) {
  PgArray hash(PgArray::Of::Uuid);
  hash.add(event.hash);
  PgStatement& s =
      static_cast<PgDb&>(txn.db).with_arrays("DELETE FROM dedup WHERE hash = ANY(?1) AND notification = ?2");
  s.bind_array(1, hash);
  s.bind_integer(2, event.notification);
  return s.run();
}

}  // namespace carillon::store::detail
