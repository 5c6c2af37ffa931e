// Days of deliveries and notifications that are past their retention: they go as whole partitions.
//
// Deleting row by row writes each row once more and leaves the space to a vacuum. A partition goes in two
// steps, because what drops it from its table keeps everybody else off it: first it is taken off, in a
// transaction that waits a fifth of a second at most and is tried again later; then, when nobody can reach it
// any more, its rows are counted, what belongs to them is deleted in pieces, and it goes with the counters in
// one transaction. A process that dies between leaves a table that is no partition; the next round goes on
// with it.
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

enum class DayOf : std::uint8_t { Delivery, Notification };
// Oldest first.
Result<std::vector<Day>> days_of(Db& db, DayOf what);
// Whether nothing in it is open; a notification's deliveries have to be gone, too. Reads, maybe all of it.
Result<bool> can_go(PgDb& db, DayOf what, const Day& day);
// Outside of a transaction. False: others were at the table, or something in it is open by now.
Result<bool> take_off(PgDb& db, DayOf what, const Day& day);
// How many rows of a day, or of all of them ("delivery"), are in each state.
struct StateCount {
  CounterKey key, accepted_key;
  std::int64_t n = 0;
};
Result<std::vector<StateCount>> deliveries_by_state(PgDb& db, std::string_view table);
// Deletes a piece of what belongs to the rows of a day; true: there is more.
Result<bool> clear_piece_of(Db& db, DayOf what, const Day& day, std::int64_t rows);

}  // namespace carillon::store::detail
