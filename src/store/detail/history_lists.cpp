// list_notifications() and list_deliveries(): newest first, a bounded number of rows looked at.
//
// Rows found by walking over ids are ordered by id. Deliveries found by user, event id or address are
// ordered by notification, then id: those of an expanded notification have ids of another time.
#include <algorithm>
#include <chrono>

#include "store/detail/look_up.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::size_t kPageBytesMax = 8U << 20;  // of bodies; a page ends before more
// Where looking at a row costs more than it does in memory, a page ends after that time with fewer looked at.
constexpr auto kTimeMax = std::chrono::milliseconds(100);
constexpr std::size_t kExaminedMin = 2'000;  // in any time
constexpr std::size_t kLooksPerClock = 64;

// Collects a page: one row more than asked for tells that there is a next one.
template <class Row>
class Pager {
 public:
  explicit Pager(std::size_t limit_in) : limit(limit_in) {}
  const std::size_t limit;
  std::size_t examined = 0;
  std::size_t bytes = 0;
  std::vector<Row> rows{};
  std::int64_t next = 0;

  // True: the page is done.
  bool add(Row row, std::size_t row_bytes) {
    const bool is_full = rows.size() == limit || (!rows.empty() && bytes + row_bytes > kPageBytesMax);
    if (is_full) {
      next = rows.back().id;
      return true;
    }
    bytes += row_bytes;
    rows.push_back(std::move(row));
    return false;
  }
  // True: enough was looked at; the next page goes on below `id`.
  bool is_spent(std::int64_t id) {
    if (examined < kExaminedMax && !is_late()) return false;
    next = id;
    return true;
  }

 private:
  bool is_late() {
    return ++looks_ % kLooksPerClock == 0 && examined >= kExaminedMin &&
           std::chrono::steady_clock::now() - begun_ > kTimeMax;
  }
  std::size_t looks_ = 0;
  const SteadyTime begun_ = std::chrono::steady_clock::now();
};

// Calls `take(id)` → Result<bool> (true: the page is done) for each candidate until there is no more.
template <class Row, class Source, class Take>
Result<void> walk(Pager<Row>& pager, std::int64_t before, std::int64_t low, Source source, Take take) {
  for (;;) {
    CARILLON_TRY(const Candidates portion, source(before));
    // Rows of a portion count when they are looked at, those looked at to find it at once.
    if (portion.examined > portion.ids.size()) pager.examined += portion.examined - portion.ids.size();
    for (const std::int64_t id : portion.ids) {
      if (id >= before) continue;
      if (id < low) return {};
      ++pager.examined;
      CARILLON_TRY(const bool is_done, take(id));
      if (is_done || pager.is_spent(id)) return {};
    }
    before = portion.complete_to;
    if (before == 0 || before <= low || pager.is_spent(before)) return {};
  }
}

using model::NotificationStatus;

// Before the row is read as a whole: every state is what is stored, but that what is sending may have ended.
bool may_be(NotificationStatus stored, NotificationStatus wanted) {
  return stored == wanted ||
         (stored == NotificationStatus::Sending && wanted == NotificationStatus::Completed);
}

// Of one that was expanded, whose row says nothing of them.
Result<void> count_deliveries(Db& db, model::Notification& n) {
  if (n.first_delivery != 0) return {};
  Statement s = db.statement("SELECT coalesce(sum(n), 0) FROM notification_count WHERE notification = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, n.id).next());
  if (has_row) n.delivery_count = s.as<std::int32_t>(0);
  return {};
}

}  // namespace

Task<Result<NotificationPage>> SqlStore::list_notifications(HistoryFilter filter) {
  co_return co_await read([this, &filter](Db& db) -> Result<NotificationPage> {
    const LookUp look(filter, *index_, words_);
    if (look.is_void()) return NotificationPage{};
    Pager<model::Notification> pager(look.limit());
    const auto source = [&](std::int64_t before) {
      return look.has_key()
                 ? look.keyed(db, before, kExaminedMax - std::min(pager.examined, kExaminedMax - 1))
                 : look.notifications(db, before);
    };
    const auto take = [&](std::int64_t id) -> Result<bool> {
      Statement s = db.statement("SELECT " CARILLON_NOTIFICATION_COLUMNS " FROM notification WHERE id = ?1");
      CARILLON_TRY(const bool has_row, s.bind(1, id).next());
      if (!has_row || !look.matches(s, 1, 2, 6, 14)) return false;
      if (filter.notification_status && !may_be(s.as<NotificationStatus>(3), *filter.notification_status))
        return false;
      model::Notification n = read_notification(s, words_);
      CARILLON_CHECK(derive_status(db, n));
      if (filter.notification_status && n.status != *filter.notification_status) return false;
      CARILLON_TRY(const bool has_delivery, look.has_delivery(db, id, pager.examined));
      if (!has_delivery) return false;
      CARILLON_CHECK(count_deliveries(db, n));
      const std::size_t bytes = n.body.size();
      return pager.add(std::move(n), bytes);
    };
    const std::int64_t before = std::min(look.high(), filter.after == 0 ? INT64_MAX : filter.after);
    CARILLON_CHECK(walk(pager, before, look.low(), source, take));
    return NotificationPage{std::move(pager.rows), pager.next};
  });
}

namespace {

// Deliveries of the notifications found under a key.
class KeyedDeliveries {
 public:
  KeyedDeliveries(Db& db, const LookUp& look, const Words& words, std::int64_t after)
      : db_(db), look_(look), words_(words), after_(after), pager_(look.limit()) {}

  Result<DeliveryPage> list() {
    std::int64_t before = INT64_MAX;
    if (after_ != 0) {
      Statement s = db_.statement("SELECT notification FROM delivery WHERE id = ?1");
      CARILLON_TRY(const bool has_row, s.bind(1, after_).next());
      // Not a delivery: the place where an earlier page ran out of rows to look at, or a row that is gone.
      before = has_row ? s.integer(0) : after_;
      if (has_row) {
        CARILLON_TRY(const bool is_done, take(before, after_));
        if (is_done) return page();
      }
    }
    const auto source = [&](std::int64_t below_id) {
      return look_.keyed(db_, below_id, kExaminedMax - std::min(pager_.examined, kExaminedMax - 1));
    };
    CARILLON_CHECK(walk(pager_, before, 0, source, [&](std::int64_t id) { return take(id, INT64_MAX); }));
    return page();
  }

 private:
  DeliveryPage page() { return DeliveryPage{std::move(pager_.rows), pager_.next}; }

  // Those below `end`. True: the page is done.
  Result<bool> take(std::int64_t notification, std::int64_t end) {
    {
      Statement n = db_.statement("SELECT project, app, category, event_id FROM notification WHERE id = ?1");
      CARILLON_TRY(const bool has_row, n.bind(1, notification).next());
      if (!has_row || !look_.matches(n, 0, 1, 2, 3)) return false;
    }
    CARILLON_TRY(const std::vector<IdRange> ranges, delivery_ranges(db_, notification));
    for (const IdRange& range : ranges) {
      Statement s = db_.statement("SELECT " CARILLON_DELIVERY_COLUMNS
                                  " FROM delivery WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
      s.bind(3, static_cast<std::int64_t>(kExaminedMax + 1));
      s.bind(1, std::max(range.first, look_.low()));
      s.bind(2, std::min({range.end, end, look_.high()}));
      for (;;) {
        CARILLON_TRY(const bool has_row, s.next());
        if (!has_row) break;
        ++pager_.examined;
        model::Delivery d = read_delivery(s, words_);
        const std::int64_t id = d.id;
        if (look_.matches(d) && pager_.add(std::move(d), sizeof(d))) return true;
        if (pager_.is_spent(id)) return true;
      }
    }
    return false;
  }

  Db& db_;
  const LookUp& look_;
  const Words& words_;
  const std::int64_t after_;
  Pager<model::Delivery> pager_;
};

}  // namespace

Task<Result<DeliveryPage>> SqlStore::list_deliveries(HistoryFilter filter) {
  co_return co_await read([this, &filter](Db& db) -> Result<DeliveryPage> {
    const LookUp look(filter, *index_, words_);
    if (look.is_void()) return DeliveryPage{};
    if (look.has_key()) return KeyedDeliveries(db, look, words_, filter.after).list();
    Pager<model::Delivery> pager(look.limit());
    const bool needs_notification = filter.app != 0 || !filter.category.empty();
    const auto take = [&](std::int64_t id) -> Result<bool> {
      Statement s = db.statement("SELECT " CARILLON_DELIVERY_COLUMNS " FROM delivery WHERE id = ?1");
      CARILLON_TRY(const bool has_row, s.bind(1, id).next());
      if (!has_row) return false;
      model::Delivery d = read_delivery(s, words_);
      if (!look.matches(d)) return false;
      if (needs_notification) {
        Statement n = db.statement("SELECT project, app, category, event_id FROM notification WHERE id = ?1");
        CARILLON_TRY(const bool has_notification, n.bind(1, d.notification).next());
        if (!has_notification || !look.matches(n, 0, 1, 2, 3)) return false;
      }
      return pager.add(std::move(d), sizeof(d));
    };
    const std::int64_t before = std::min(look.high(), filter.after == 0 ? INT64_MAX : filter.after);
    CARILLON_CHECK(
        walk(pager, before, look.low(), [&](std::int64_t b) { return look.deliveries(db, b); }, take));
    return DeliveryPage{std::move(pager.rows), pager.next};
  });
}

}  // namespace carillon::store::detail
