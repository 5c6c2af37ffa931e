// What list_notifications() and list_deliveries() share: where the deliveries of a notification are, and
// the ids worth looking at, newest first, in portions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "store/detail/lists.h"
#include "store/detail/txn.h"
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

// Where notifications are found by user, event id or raw address.
class Index {
 public:
  virtual ~Index() = default;
  // Those with the filter's event id, or else its user, or else its address, below `before`. Others may be
  // among them. About `budget` rows are looked at.
  [[nodiscard]] virtual Result<Candidates> find(Db& db, const HistoryFilter& filter, std::int64_t before,
                                                std::size_t budget) const = 0;
  // Deliveries that come to a notification after it was accepted.
  virtual Result<void> note(Txn& txn, std::span<const model::Delivery> deliveries,
                            std::int64_t notification) = 0;
};

// A filter made ready for one connection.
class LookUp {
 public:
  LookUp(const HistoryFilter& filter, const Index& index, const Words& words);

  // Nothing can match: it names a word nobody ever used.
  [[nodiscard]] bool is_void() const noexcept { return is_void_; }
  // Found by user, event id or address; else by walking over ids.
  [[nodiscard]] bool has_key() const noexcept {
    return !filter_.event_id.empty() || !filter_.user_id.empty() || filter_.address_key != 0;
  }
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
  const HistoryFilter& filter_;
  const Index& index_;
  std::int64_t category_ = 0;
  std::int64_t low_ = 0, high_ = INT64_MAX;
  std::int64_t queues_ = 0, statuses_ = 0;  // bit sets; 0: any
  std::size_t limit_ = 0;
  bool is_void_ = false;
};

}  // namespace carillon::store::detail
