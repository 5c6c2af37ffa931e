// What list_notifications() and list_deliveries() share: where the deliveries of a notification are, and
// the ids worth looking at, newest first, in portions.
#pragma once

#include <cstdint>
#include <vector>

#include "store/detail/history.h"
#include "store/detail/lists.h"
#include "store/detail/words.h"
#include "store/store_types.h"
#include "store/store_views.h"

namespace carillon::store::detail {

struct IdRange {
  std::int64_t first = 0, end = 0;
};  // end is past the last

// The runs of delivery ids of a notification, newest first.
Result<std::vector<IdRange>> delivery_ranges(Db& db, std::int64_t notification);

// A portion of ids, descending.
struct Candidates {
  std::vector<std::int64_t> ids;
  std::int64_t complete_to = 0;  // nothing at or above this is missing; 0: that was all
  std::size_t examined = 0;      // rows looked at to find them
};

// A filter made ready for one connection.
class LookUp {
 public:
  LookUp(const HistoryFilter& filter, const History& history, const Words& words);

  // Nothing can match: it names a word nobody ever used.
  [[nodiscard]] bool is_void() const noexcept { return is_void_; }
  // Found by user, event id or address; else by walking over ids.
  [[nodiscard]] bool has_key() const noexcept { return key_ != 0; }
  [[nodiscard]] std::int64_t low() const noexcept { return low_; }
  [[nodiscard]] std::int64_t high() const noexcept { return high_; }  // ids are below this
  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }

  // Notifications under the key, below `before`.
  Result<Candidates> keyed(Db& db, std::int64_t before, std::size_t budget) const;
  // Ids of a table in descending order.
  Result<Candidates> notifications(Db& db, std::int64_t before) const;
  // The same; only those in the statuses asked for where an index has them.
  Result<Candidates> deliveries(Db& db, std::int64_t before) const;

  // Columns of the notification: project, app, category, event id, time.
  [[nodiscard]] bool matches(const Statement& s, int project, int app, int category, int event_id) const;
  // Of the delivery: project, user, channel, status.
  [[nodiscard]] bool matches(const model::Delivery& delivery) const;
  // Whether one of the deliveries of a notification matches, when that was asked at all.
  Result<bool> has_delivery(Db& db, std::int64_t notification, std::size_t& examined) const;

 private:
  Result<Candidates> tail_of_user(Db& db, std::int64_t above, std::int64_t before, std::size_t budget) const;
  // Adds what it finds; the id it got to when the budget ran out, else 0.
  Result<std::int64_t> scan_user(Db& db, std::int64_t above, std::int64_t end, std::int64_t before,
                                 std::size_t budget, Candidates& c) const;
  Result<Candidates> tail_of_notifications(Db& db, std::int64_t above, std::int64_t before,
                                           std::size_t budget) const;

  const HistoryFilter& filter_;
  std::int64_t key_ = 0, category_ = 0;
  std::int64_t low_ = 0, high_ = INT64_MAX;
  std::int64_t queues_ = 0, statuses_ = 0;  // bit sets; 0: any
  std::size_t limit_ = 0;
  bool is_void_ = false;
};

}  // namespace carillon::store::detail
