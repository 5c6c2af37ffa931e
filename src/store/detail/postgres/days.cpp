#include "store/detail/postgres/days.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <string_view>

#include "base/failpoint.h"
#include "base/ids.h"
#include "base/log.h"
#include "store/detail/pieces.h"
#include "store/detail/postgres/schema.h"
#include "store/detail/postgres/store.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kPieceRows = 2'000;
constexpr Millis kAgainAfter{20'000};

constexpr std::string_view name_of(DayOf what) noexcept {
  switch (what) {
    case DayOf::Delivery: return "delivery";
    case DayOf::Notification: return "notification";
    case DayOf::User: break;
  }
  return "history_user";
}

// Each is an index's own condition. A delivery that is open is due (pending, held for a while, retrying),
// taken (processing), or held on a condition.
std::string open_rows(DayOf what, const Day& day) {
  if (what == DayOf::Notification)
    return fmt::format("SELECT CAST(EXISTS(SELECT 1 FROM {} WHERE status IN (2, 3)) AS integer)", day.table);
  if (what == DayOf::User)
    return fmt::format("SELECT CAST(to_regclass('{}_d{}') IS NOT NULL AS integer)",
                       name_of(DayOf::Notification), day.number);
  return fmt::format(
      "SELECT CAST(EXISTS(SELECT 1 FROM {0} WHERE due_at IS NOT NULL) OR EXISTS(SELECT 1 FROM {0} WHERE "
      "owner IS NOT NULL) OR EXISTS(SELECT 1 FROM {0} WHERE status = 1 AND (status = 1 OR status BETWEEN 6 "
      "AND 8)) AS integer)",
      day.table);
}

// `act` in a transaction of its own that waits for others a moment at most. False: they were there, or it
// says so.
template <class F>
Result<bool> in_a_moment(PgDb& db, const F& act) {
  const auto all = [&]() -> Result<bool> {
    CARILLON_CHECK(db.exec(fmt::format("BEGIN; SET LOCAL lock_timeout = {};", kBriefMs).c_str()));
    CARILLON_TRY(const bool is_done, act());
    if (!is_done) return false;
    CARILLON_CHECK(db.exec("COMMIT;"));
    return true;
  };
  const Result<bool> done = all();
  if (done && *done) return true;
  static_cast<void>(db.exec("ROLLBACK;"));
  if (!done && (is_busy(done.error()) || db.wants_retry())) return false;
  return done;
}

}  // namespace

std::int64_t Day::first_id() const noexcept { return base::id_floor(from_ms(number * kDayMs)); }
std::int64_t Day::end_id() const noexcept { return base::id_floor(from_ms((number + 1) * kDayMs)); }

Result<std::vector<Day>> days_of(Db& db, DayOf what) {
  std::vector<Day> days;
  const std::string prefix = fmt::format("{}_d", name_of(what));
  Statement s = db.statement(
      "SELECT CAST(relname AS text), CAST(relispartition AS integer) FROM pg_class WHERE relnamespace = "
      "CAST(current_schema() AS regnamespace) AND relkind = 'r' AND starts_with(relname, ?1)");
  s.bind(1, std::string_view(prefix));
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) break;
    Day day{.table = s.string(0), .is_attached = s.integer(1) != 0};
    const char* const end = day.table.data() + day.table.size();
    const auto [at, ec] = std::from_chars(day.table.data() + prefix.size(), end, day.number);
    if (ec == std::errc{} && at == end) days.push_back(std::move(day));
  }
  std::ranges::sort(days, {}, &Day::number);
  return days;
}

Result<bool> is_over(PgDb& db, DayOf what, const Day& day) {
  CARILLON_TRY(const std::int64_t open, db.number(open_rows(what, day)));
  return open == 0;
}

Result<std::int64_t> end_of_deliveries(PgDb& db, const Day& day) {
  CARILLON_CHECK(db.exec("SET LOCAL statement_timeout = 0;"));  // as a reader: it takes as long as it takes
  return db.number(
      fmt::format("SELECT coalesce(greatest((SELECT max(first_delivery + delivery_count) FROM {}), (SELECT "
                  "max(first + n) FROM chunk WHERE notification >= {} AND notification < {})), 0)",
                  day.table, day.first_id(), day.end_id()));
}

// Mostly all of them went with the day itself.
Result<bool> has_deliveries(PgDb& db, const Day& day, std::int64_t end) {
  const std::int64_t from = day.first_id(), to = day.end_id();
  if (end <= from) return false;
  // Sent or expanded long after they were accepted: they go by rows.
  if (base::id_time(end) - base::id_time(to) > Millis(kDayMs)) return true;
  CARILLON_CHECK(db.exec("SET LOCAL statement_timeout = 0;"));
  CARILLON_TRY(
      const std::int64_t is_there,
      db.number(fmt::format("SELECT CAST(EXISTS(SELECT 1 FROM delivery WHERE id >= {0} AND id < {1} AND "
                            "notification >= {0} AND notification < {2}) AS integer)",
                            from, end, to)));
  return is_there != 0;
}

Result<bool> take_off(PgDb& db, DayOf what, const Day& day) {
  return in_a_moment(db, [&]() -> Result<bool> {
    CARILLON_CHECK(
        db.exec(fmt::format("ALTER TABLE {} DETACH PARTITION {};", name_of(what), day.table).c_str()));
    return is_over(db, what, day);
  });
}

Result<bool> put_back(PgDb& db, DayOf what, const Day& day) {
  return in_a_moment(db, [&]() -> Result<bool> {
    CARILLON_CHECK(db.exec(fmt::format("SET LOCAL statement_timeout = 0; ALTER TABLE {} ATTACH PARTITION {} "
                                       "FOR VALUES FROM ({}) TO ({});",
                                       name_of(what), day.table, day.first_id(), day.end_id())
                               .c_str()));
    return true;
  });
}

Result<std::vector<StateCount>> deliveries_by_state(PgDb& db, std::string_view table) {
  std::vector<StateCount> counts;
  CARILLON_TRY(const auto rows,
               db.numbers(fmt::format("SELECT project, lane, flags & 1, status, count(*) FROM {} GROUP "
                                      "BY 1, 2, 3, 4",
                                      table)));
  for (const auto& row : rows) {
    const auto project = static_cast<std::int32_t>(row[0]);
    const model::Lane lane = lane_at(row[1]);
    const auto key = [&](std::optional<model::DeliveryStatus> status) {
      return counter_key(project, lane, row[2] != 0, status);
    };
    const auto status = static_cast<model::DeliveryStatus>(row[3]);
    counts.push_back({status, key(status), key(std::nullopt), row[4]});
  }
  return counts;
}

Result<bool> clear_piece_of(Db& db, DayOf what, const Day& day, std::int64_t rows) {
  static constexpr std::array kOfDeliveries{
      "DELETE FROM attempt WHERE (delivery, seq) IN (SELECT delivery, seq FROM attempt WHERE delivery >= ?1 "
      "AND delivery < ?2 LIMIT ?3)",
      "DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter WHERE delivery >= ?1 AND delivery < "
      "?2 LIMIT ?3)",
      "DELETE FROM receipt WHERE (delivery, generation, kind) IN (SELECT delivery, generation, kind FROM "
      "receipt WHERE delivery >= ?1 AND delivery < ?2 LIMIT ?3)"};
  static constexpr std::array kOfNotifications{
      "DELETE FROM chunk WHERE (notification, first) IN (SELECT notification, first FROM chunk WHERE "
      "notification >= ?1 AND notification < ?2 LIMIT ?3)",
      "DELETE FROM notification_count WHERE (notification, status, node) IN (SELECT notification, status, "
      "node FROM notification_count WHERE notification >= ?1 AND notification < ?2 LIMIT ?3)",
      "DELETE FROM expansion WHERE notification IN (SELECT notification FROM expansion WHERE notification >= "
      "?1 AND notification < ?2 LIMIT ?3)",
      "DELETE FROM approval WHERE id IN (SELECT id FROM approval WHERE notification >= ?1 AND notification < "
      "?2 LIMIT ?3)",
      "DELETE FROM named WHERE (item, key, entry) IN (SELECT item, key, entry FROM named WHERE item >= ?1 "
      "AND item < ?2 LIMIT ?3)"};
  std::span<const char* const> texts;  // of users: none
  if (what == DayOf::Delivery) texts = kOfDeliveries;
  if (what == DayOf::Notification) texts = kOfNotifications;
  for (const char* sql : texts) {
    Statement s = db.statement(sql);
    CARILLON_CHECK(s.bind(1, day.first_id()).bind(2, day.end_id()).bind(3, rows).run());
    if (db.changes() >= rows) return true;
  }
  return false;
}

// What is past its retention by days, then by rows.
Task<Result<bool>> PostgresStore::housekeeping(const Retention& retention, Time now) {
  const std::int64_t past_days = to_ms(now - retention.notifications) / kDayMs;
  CARILLON_CO_TRY(const bool has_days, co_await drop_days(past_days, now));
  CARILLON_CO_TRY(const bool has_rows, co_await SqlStore::housekeeping(retention, now));
  co_return has_days || has_rows;
}

Task<Result<bool>> PostgresStore::drop_days(std::int64_t before, Time now) {
  for (const DayOf what : {DayOf::Delivery, DayOf::Notification, DayOf::User}) {
    CARILLON_CO_TRY(const auto days, co_await read([what](Db& db) { return days_of(db, what); }));
    for (const Day& day : days) {
      if (day.number >= before) break;
      if (day.is_attached) {
        CARILLON_CO_TRY(const bool goes, co_await can_go(what, day));
        if (!goes || now < days_again_at_) continue;
        CARILLON_CO_TRY(const bool is_off, co_await move_day(what, day, take_off));
        if (!is_off) {
          days_again_at_ = now + kAgainAfter;  // each try holds up the others a little
          continue;
        }
      }
      CARILLON_CO_TRY(const bool is_gone, co_await clear_day(what, day));
      if (is_gone) co_return true;
    }
  }
  co_return false;
}

// A notification's deliveries have to be gone, too.
Task<Result<bool>> PostgresStore::can_go(DayOf what, Day day) {
  if (kept_days_.contains(day.table)) co_return false;
  CARILLON_CO_TRY(const bool over,
                  co_await read([what, day](Db& db) { return is_over(static_cast<PgDb&>(db), what, day); }));
  if (!over || what != DayOf::Notification) co_return over;
  const auto has = [this, day](std::int64_t end) {
    return read([day, end](Db& db) { return has_deliveries(static_cast<PgDb&>(db), day, end); });
  };
  // As of an earlier look: those that wait for their deliveries are not read again and again.
  if (const auto known = day_ends_.find(day.table); known != day_ends_.end()) {
    CARILLON_CO_TRY(const bool has_some, co_await has(known->second));
    if (has_some) co_return false;
  }
  CARILLON_CO_TRY(const std::int64_t end,
                  co_await read([day](Db& db) { return end_of_deliveries(static_cast<PgDb&>(db), day); }));
  day_ends_[day.table] = end;
  CARILLON_CO_TRY(const bool has_some, co_await has(end));
  co_return !has_some;
}

Task<Result<bool>> PostgresStore::move_day(DayOf what, Day day, MoveDay move) {
  const auto call = [what, day, move](Txn& txn) { return move(static_cast<PgDb&>(txn.db), what, day); };
  auto job = std::make_shared<CallJob<bool, decltype(call)>>(call, JobClass::Between, 0);
  co_await others_->run(job);
  co_return std::move(*job->result);
}

Task<Result<bool>> PostgresStore::clear_day(DayOf what, Day day) {
  CARILLON_FAILPOINT("days.taken_off");
  std::vector<StateCount> counts;
  if (what == DayOf::Delivery) {
    CARILLON_CO_TRY(counts, co_await read([day](Db& db) -> Result<std::vector<StateCount>> {
                      CARILLON_CHECK(db.exec("SET LOCAL statement_timeout = 0;"));
                      return deliveries_by_state(static_cast<PgDb&>(db), day.table);
                    }));
  }
  std::int64_t rows = 0, open = 0;
  for (const StateCount& count : counts) {
    rows += count.n;
    if (!model::is_final(count.status)) open += count.n;
  }
  if (open > 0) {
    base::log_error(
        "store: {} is past its retention, and {} of its deliveries are open but neither due nor "
        "taken nor held; it is kept",
        day.table, open);
    kept_days_.insert(day.table);
    CARILLON_CO_CHECK(co_await move_day(what, day, put_back));
    co_return false;
  }
  for (bool has_more = true; has_more;) {
    const auto piece = [what, day](Txn& txn) { return clear_piece_of(txn.db, what, day, kPieceRows); };
    CARILLON_CO_TRY(has_more, co_await write(piece, JobClass::Other, static_cast<std::size_t>(kPieceRows)));
  }
  const auto drop = [day, counts](Txn& txn) -> Result<void> {
    for (const StateCount& count : counts) {
      txn.counters[count.key] -= count.n;
      txn.counters[count.accepted_key] -= count.n;
    }
    return txn.db.exec(fmt::format("DROP TABLE {};", day.table).c_str());
  };
  CARILLON_CO_CHECK(co_await write(drop, JobClass::Other, 1));
  day_ends_.erase(day.table);
  base::log_info("store: {} is past its retention and was dropped, {} deliveries", day.table, rows);
  co_return true;
}

}  // namespace carillon::store::detail
