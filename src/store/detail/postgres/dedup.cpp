#include "store/detail/postgres/dedup.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "base/ids.h"
#include "store/detail/postgres/connection.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
// So long before and after midnight a key goes into both days, the older first: clocks of processes differ.
constexpr std::int64_t kBothDaysMs = 60'000;

using Days = std::vector<std::int64_t>;
// Other sends that have it, by hash; of several the oldest.
using Holders = std::map<base::Hash128, PgSeen>;

Days days_to_write(Time now) {
  const std::int64_t day = to_ms(now) / kDayMs, in_day = to_ms(now) % kDayMs;
  if (in_day < kBothDaysMs) return {day - 1, day};
  if (in_day >= kDayMs - kBothDaysMs) return {day, day + 1};
  return {day};
}

struct EventArrays {
  PgArray hashes{PgArray::Of::Uuid}, notifications, prints{PgArray::Of::Uuid};

  explicit EventArrays(std::span<const PgEvent> events) {
    for (const PgEvent& event : events) {
      hashes.add(event.hash);
      notifications.add(event.notification);
      prints.add(event.fingerprint);
    }
  }
};

PgArray array_of(const Days& days) {
  PgArray array;
  for (const std::int64_t day : days) array.add(day);
  return array;
}

// The first of each that are the same, by hash: in this order everybody's rows are locked.
std::vector<PgEvent> each_once(std::span<const PgEvent> events) {
  std::vector<std::size_t> order(events.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(events[i].hash, i); });
  std::vector<PgEvent> once;
  once.reserve(events.size());
  for (const std::size_t i : order) {
    if (once.empty() || once.back().hash != events[i].hash) once.push_back(events[i]);
  }
  return once;
}

#define CARILLON_INSERT_EVENTS                                                                     \
  "INSERT INTO dedup(day, hash, notification, fingerprint) SELECT ?1, i.hash, i.id, i.print FROM " \
  "unnest(?2, ?3, ?4) AS i(hash, id, print) ON CONFLICT(day, hash) "

Result<void> run_for(PgStatement& s, std::int64_t day, std::span<const PgEvent> events) {
  EventArrays arrays(events);
  s.bind_integer(1, day);
  s.bind_array(2, arrays.hashes);
  s.bind_array(3, arrays.notifications);
  s.bind_array(4, arrays.prints);
  return s.run();
}

// Puts those into the day that nobody has there, as far as the answer's changed() says.
Result<PgStatement*> send_insert(PgDb& db, std::int64_t day, std::span<const PgEvent> events) {
  PgStatement& s = db.with_arrays(CARILLON_INSERT_EVENTS "DO NOTHING");
  CARILLON_CHECK(run_for(s, day, events));
  return &s;
}

// What is past the window (below `floor`) and still there gives its place. The number that did.
Result<std::int64_t> replace_past(PgDb& db, std::int64_t day, std::span<const PgEvent> events,
                                  std::int64_t floor) {
  PgStatement& s = db.with_arrays(
      CARILLON_INSERT_EVENTS
      "DO UPDATE SET notification = excluded.notification, fingerprint = excluded.fingerprint WHERE "
      "dedup.notification < ?5");
  s.bind_integer(5, floor);
  CARILLON_CHECK(run_for(s, day, events));
  CARILLON_CHECK(db.flush());
  return s.changed();
}

// Others that have them in one of these days.
Result<Holders> holders(PgDb& db, std::span<const PgEvent> events, const Days& days, std::int64_t floor) {
  EventArrays arrays(events);
  PgArray wanted = array_of(days);
  Holders found;
  // A day in which nothing is (tomorrow, all of a new store) is asked once, not once for each event. The rest
  // is asked one by one, which the LIMITs make sure of: as long as nothing is known of a new day's partition
  // the planner may else take the index for the day alone, and read all of it.
  PgStatement& s = db.with_arrays(
      "WITH w AS MATERIALIZED (SELECT a.day FROM unnest(?3) AS a(day), LATERAL (SELECT 1 FROM dedup WHERE "
      "day = a.day ORDER BY hash LIMIT 1) AS e) SELECT h.hash, d.notification, d.fingerprint FROM w, "
      "unnest(?1, ?2) AS h(hash, own), LATERAL (SELECT notification, fingerprint FROM dedup WHERE day = "
      "w.day AND hash = h.hash AND notification >= ?4 AND notification <> h.own LIMIT 1) AS d ORDER BY "
      "d.notification DESC");
  s.bind_array(1, arrays.hashes);
  s.bind_array(2, arrays.notifications);
  s.bind_array(3, wanted);
  s.bind_integer(4, floor);
  const Statement row(&s);
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return found;
    found.insert_or_assign(row.hash(0), PgSeen{row.integer(1), row.hash(2)});  // the oldest stays
  }
}

// Rows of these events, which were not accepted after all. Each by its key: of lists the planner may take the
// days alone, and read all of them.
Result<void> give_back(PgDb& db, std::span<const PgEvent> events, const Days& days) {
  for (const PgEvent& event : events) {
    for (const std::int64_t day : days) {
      PgArray hash(PgArray::Of::Uuid);
      hash.add(event.hash);
      PgStatement& s =
          db.with_arrays("DELETE FROM dedup WHERE day = ?1 AND hash = (?2)[1] AND notification = ?3");
      s.bind_integer(1, day);
      s.bind_array(2, hash);
      s.bind_integer(3, event.notification);
      CARILLON_CHECK(s.run());
    }
  }
  return {};
}

// One call of take_events().
struct Taking {
  PgDb& db;
  const std::int64_t floor;  // notifications below are past the window
  const Days written;        // the older first
  const Days others;         // of the window
  std::vector<PgEvent> open;
  Holders had{};

  // It writes first and looks then, in the same round trip: who is at the same event waits at the index for
  // the other's commit.
  Result<void> take() {
    Days ours;
    for (const std::int64_t day : written) {
      if (open.empty()) return {};
      CARILLON_TRY(const PgStatement* const inserted, send_insert(db, day, open));
      Holders older;
      if (day == written.back()) {
        CARILLON_TRY(older, holders(db, open, others, floor));
      } else {
        CARILLON_CHECK(db.flush());
      }
      const auto free = static_cast<std::size_t>(inserted->changed());
      if (free != open.size()) CARILLON_CHECK(sort_out(day, free, ours));
      ours.push_back(day);
      if (!older.empty()) CARILLON_CHECK(lose(older, ours));
    }
    return {};
  }

  // Not all were free in this day; they are in `ours` already.
  Result<void> sort_out(std::int64_t day, std::size_t free, const Days& ours) {
    CARILLON_TRY(const Holders held, holders(db, open, {day}, floor));
    if (const std::size_t past = open.size() - free - held.size(); past != 0) {
      std::vector<PgEvent> rest = open;
      std::erase_if(rest, [&](const PgEvent& event) { return held.contains(event.hash); });
      CARILLON_TRY(const std::int64_t replaced, replace_past(db, day, rest, floor));
      if (replaced != static_cast<std::int64_t>(past))
        return fail(Errc::Unavailable, "store: an event id is in dispute; try again");
    }
    return lose(held, ours);
  }

  // Others have these; what stands of ours in these days goes.
  Result<void> lose(const Holders& held, const Days& ours) {
    std::vector<PgEvent> lost;
    std::erase_if(open, [&](const PgEvent& event) {
      if (!held.contains(event.hash)) return false;
      lost.push_back(event);
      return true;
    });
    for (const auto& [hash, seen] : held) {
      const auto [it, is_first] = had.try_emplace(hash, seen);
      if (!is_first && seen.notification < it->second.notification) it->second = seen;
    }
    return give_back(db, lost, ours);
  }
};

}  // namespace

Result<std::vector<std::optional<PgSeen>>> take_events(Txn& txn, std::span<const PgEvent> events,
                                                       Millis window, Time now) {
  std::vector<std::optional<PgSeen>> seen(events.size());
  if (events.empty()) return seen;
  const Days written = days_to_write(now);
  Days others;
  for (std::int64_t day = to_ms(now - window) / kDayMs - 1; day <= to_ms(now) / kDayMs + 1; ++day) {
    if (std::ranges::find(written, day) == written.end()) others.push_back(day);
  }
  std::vector<PgEvent> once = each_once(events);
  Taking taking{.db = static_cast<PgDb&>(txn.db),
                .floor = base::id_floor(now - window + Millis(1)),
                .written = written,
                .others = std::move(others),
                .open = once};
  CARILLON_CHECK(taking.take());
  if (taking.had.empty() && once.size() == events.size()) return seen;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const PgEvent& event = events[i];
    const PgEvent& first = *std::ranges::lower_bound(once, event.hash, {}, &PgEvent::hash);
    if (const auto it = taking.had.find(event.hash); it != taking.had.end()) {
      seen[i] = it->second;
    } else if (first.notification != event.notification) {
      seen[i] = PgSeen{first.notification, first.fingerprint};
    }
  }
  return seen;
}

Result<void> give_event_back(Txn& txn, const PgEvent& event, Time now) {
  return give_back(static_cast<PgDb&>(txn.db), std::span(&event, 1), days_to_write(now));
}

}  // namespace carillon::store::detail
