// Days of deliveries and notifications that are past their retention: they go as whole partitions.
//
// Deleting row by row writes each row once more and leaves the space to a vacuum. A partition goes in two
// steps, because what drops it from its table keeps everybody else off it: first it is taken off, in a
// transaction that waits a fifth of a second at most and is tried again later; then, when nobody can reach it
// any more, its rows are counted, what belongs to them is deleted in pieces, and it goes with the counters in
// one transaction. A process that dies between leaves a table that is no partition; the next round goes on
// with it.
//
// Whether a day may go is asked of partial indexes, each of which holds what is open in one way: due, taken,
// or held. Should the count find an open row all the same, the day is put back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "store/detail/counters.h"

namespace carillon::store::detail {

class Db;
class PgDb;

struct Day {
  std::string table;        // "delivery_d20783"
  std::int64_t number = 0;  // since 1970
  bool is_attached = true;  // false: taken off, to be cleared away
  [[nodiscard]] std::int64_t first_id() const noexcept;
  [[nodiscard]] std::int64_t end_id() const noexcept;  // the first that is not in it
};

// User: of history_user, whose days go after those of the notifications.
enum class DayOf : std::uint8_t { Delivery, Notification, User };
// Oldest first.
Result<std::vector<Day>> days_of(Db& db, DayOf what);
// Whether nothing in it is open: a look, however large the day is.
Result<bool> is_over(PgDb& db, DayOf what, const Day& day);
// The first id above all deliveries of a day of notifications; 0: it has none. Reads the whole day.
Result<std::int64_t> end_of_deliveries(PgDb& db, const Day& day);
// Whether deliveries of that day's notifications are still there, which end before `end`.
Result<bool> has_deliveries(PgDb& db, const Day& day, std::int64_t end);
// Outside of a transaction. False: others were at the table, or something in it is open by now.
Result<bool> take_off(PgDb& db, DayOf what, const Day& day);
// The other way round. False: others were at the table.
Result<bool> put_back(PgDb& db, DayOf what, const Day& day);
// How many rows of a day, or of all of them ("delivery"), are in each state.
struct StateCount {
  model::DeliveryStatus status{};
  CounterKey key, accepted_key;
  std::int64_t n = 0;
};
Result<std::vector<StateCount>> deliveries_by_state(PgDb& db, std::string_view table);
// Deletes a piece of what belongs to the rows of a day; true: there is more.
Result<bool> clear_piece_of(Db& db, DayOf what, const Day& day, std::int64_t rows);

}  // namespace carillon::store::detail
