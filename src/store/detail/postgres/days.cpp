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
  return what == DayOf::Delivery ? "delivery" : "notification";
}

// Each is an index's own condition: a look, however large the day is.
std::string open_rows(DayOf what, const Day& day) {
  if (what == DayOf::Notification)
    return fmt::format("SELECT CAST(EXISTS(SELECT 1 FROM {} WHERE status IN (2, 3)) AS integer)", day.table);
  return fmt::format(
      "SELECT CAST(EXISTS(SELECT 1 FROM {0} WHERE due_at IS NOT NULL) OR EXISTS(SELECT 1 FROM {0} WHERE "
      "owner IS NOT NULL) OR EXISTS(SELECT 1 FROM {0} WHERE status = 1 AND (status = 1 OR status BETWEEN 6 "
      "AND 8)) AS integer)",
      day.table);
}

// Deliveries of a day's notifications that are still there; mostly all of them went with the day itself.
Result<bool> has_deliveries(PgDb& db, const Day& day) {
  const std::int64_t from = day.first_id(), to = day.end_id();
  CARILLON_TRY(
      const std::int64_t end,
      db.number(fmt::format("SELECT greatest((SELECT max(first_delivery + delivery_count) FROM {}), (SELECT "
                            "max(first + n) FROM chunk WHERE notification >= {} AND notification < {}))",
                            day.table, from, to)));
  if (end <= from) return false;
  // Sent or expanded long after they were accepted: they go by rows.
  if (base::id_time(end) - base::id_time(to) > Millis(kDayMs)) return true;
  CARILLON_TRY(
      const std::int64_t is_there,
      db.number(fmt::format("SELECT CAST(EXISTS(SELECT 1 FROM delivery WHERE id >= {0} AND id < {1} AND "
                            "notification >= {0} AND notification < {2}) AS integer)",
                            from, end, to)));
  return is_there != 0;
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

Result<bool> can_go(PgDb& db, DayOf what, const Day& day) {
  CARILLON_TRY(const std::int64_t open, db.number(open_rows(what, day)));
  if (open != 0) return false;
  // As a reader: it takes as long as it takes.
  CARILLON_CHECK(db.exec("SET LOCAL statement_timeout = 0;"));
  if (what == DayOf::Notification) {
    CARILLON_TRY(const bool has, has_deliveries(db, day));
    return !has;
  }
  CARILLON_TRY(
      const std::int64_t n,
      db.number(fmt::format("SELECT CAST(EXISTS(SELECT 1 FROM {} WHERE status < 4) AS integer)", day.table)));
  return n == 0;
}

Result<bool> take_off(PgDb& db, DayOf what, const Day& day) {
  const auto take = [&]() -> Result<bool> {
    CARILLON_CHECK(
        db.exec(fmt::format("BEGIN; SET LOCAL lock_timeout = {}; ALTER TABLE {} DETACH PARTITION {};",
                            kBriefMs, name_of(what), day.table)
                    .c_str()));
    CARILLON_TRY(const std::int64_t open, db.number(open_rows(what, day)));
    if (open != 0) return false;
    CARILLON_CHECK(db.exec("COMMIT;"));
    return true;
  };
  const Result<bool> is_taken = take();
  if (is_taken && *is_taken) return true;
  static_cast<void>(db.exec("ROLLBACK;"));
  if (!is_taken && (is_busy(is_taken.error()) || db.wants_retry())) return false;
  return is_taken;
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
    counts.push_back({key(static_cast<model::DeliveryStatus>(row[3])), key(std::nullopt), row[4]});
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
  const std::span<const char* const> texts = what == DayOf::Delivery
                                                 ? std::span<const char* const>(kOfDeliveries)
                                                 : std::span<const char* const>(kOfNotifications);
  for (const char* sql : texts) {
    Statement s = db.statement(sql);
    CARILLON_CHECK(s.bind(1, day.first_id()).bind(2, day.end_id()).bind(3, rows).run());
    if (db.changes() >= rows) return true;
  }
  return false;
}

// What is past its retention by days; rows that days leave behind go a day later, one by one, so that a day
// that only waits for its neighbour is not eaten up meanwhile.
Task<Result<bool>> PostgresStore::housekeeping(const Retention& retention, Time now) {
  const std::int64_t past_days = to_ms(now - retention.notifications) / kDayMs;
  Retention by_rows = retention;
  by_rows.notifications = now - from_ms((past_days - 1) * kDayMs);
  CARILLON_CO_TRY(const bool has_days, co_await drop_days(past_days, now));
  CARILLON_CO_TRY(const bool has_rows, co_await SqlStore::housekeeping(by_rows, now));
  // Alerts are kept as long as notifications, and are in no day.
  const Time before = now - retention.notifications;
  CARILLON_CO_TRY(const bool has_alerts,
                  co_await write([before](Txn& txn) { return drop_alerts(txn, before); }));
  co_return has_days || has_rows || has_alerts;
}

Task<Result<bool>> PostgresStore::drop_days(std::int64_t before, Time now) {
  for (const DayOf what : {DayOf::Delivery, DayOf::Notification}) {
    CARILLON_CO_TRY(const auto days, co_await read([what](Db& db) { return days_of(db, what); }));
    for (const Day& day : days) {
      if (day.number >= before) break;
      if (day.is_attached) {
        CARILLON_CO_TRY(const bool goes, co_await read([what, day](Db& db) -> Result<bool> {
                          return can_go(static_cast<PgDb&>(db), what, day);
                        }));
        if (!goes || now < days_again_at_) continue;
        CARILLON_CO_TRY(const bool is_off, co_await take_day_off(what, day));
        if (!is_off) {
          days_again_at_ = now + kAgainAfter;  // each try holds up the others a little
          continue;
        }
      }
      CARILLON_CO_CHECK(co_await clear_day(what, day));
      co_return true;
    }
  }
  co_return false;
}

Task<Result<bool>> PostgresStore::take_day_off(DayOf what, Day day) {
  const auto call = [what, day](Txn& txn) { return take_off(static_cast<PgDb&>(txn.db), what, day); };
  auto job = std::make_shared<CallJob<bool, decltype(call)>>(call, JobClass::Between, 0);
  co_await others_->run(job);
  co_return std::move(*job->result);
}

Task<Result<void>> PostgresStore::clear_day(DayOf what, Day day) {
  CARILLON_FAILPOINT("days.taken_off");
  for (bool has_more = true; has_more;) {
    const auto piece = [what, day](Txn& txn) { return clear_piece_of(txn.db, what, day, kPieceRows); };
    CARILLON_CO_TRY(has_more, co_await write(piece, JobClass::Other, static_cast<std::size_t>(kPieceRows)));
  }
  std::vector<StateCount> counts;
  if (what == DayOf::Delivery) {
    CARILLON_CO_TRY(counts, co_await read([day](Db& db) -> Result<std::vector<StateCount>> {
                      CARILLON_CHECK(db.exec("SET LOCAL statement_timeout = 0;"));
                      return deliveries_by_state(static_cast<PgDb&>(db), day.table);
                    }));
  }
  std::int64_t rows = 0;
  for (const StateCount& count : counts) rows += count.n;
  const auto drop = [day, counts](Txn& txn) -> Result<void> {
    for (const StateCount& count : counts) {
      txn.counters[count.key] -= count.n;
      txn.counters[count.accepted_key] -= count.n;
    }
    return txn.db.exec(fmt::format("DROP TABLE {};", day.table).c_str());
  };
  CARILLON_CO_CHECK(co_await write(drop, JobClass::Other, 1));
  base::log_info("store: {} is past its retention and was dropped, {} deliveries", day.table, rows);
  co_return Result<void>{};
}

}  // namespace carillon::store::detail
