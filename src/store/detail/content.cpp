// What was said goes before what became of it: bodies past their retention are emptied, piece by piece.
//
// A scan goes once over the notifications in order of age and remembers in `meta` how far it came. Those that
// are not final when it passes go into `content_waiting`, which is looked through again until they are.
#include <algorithm>

#include "base/ids.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kPiece = 500;         // notifications of one transaction
constexpr std::int64_t kWaitingPiece = 100;  // of those that were not final
constexpr std::int64_t kMessagePiece = 1'000;

struct Candidate {
  std::int64_t id = 0;
  bool is_final = false, has_content = false;
  std::int64_t first = 0, count = 0;  // its deliveries, unless they were made in chunks
};

// Sending stays stored after the last delivery of those that were not expanded (derive_status()); what was
// cancelled may have deliveries that are not turned yet.
#define CARILLON_CANDIDATE_COLUMNS                                                                 \
  "n.id, n.body <> '', n.first_delivery, n.delivery_count, (n.status >= 6 OR (n.status = 4 AND "   \
  "n.flags & 4 = 0)) AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.id >= n.first_delivery AND " \
  "d.id < n.first_delivery + n.delivery_count AND d.status < 4) AND NOT EXISTS (SELECT 1 FROM "    \
  "notification_count c WHERE c.notification = n.id AND c.status < 4 GROUP BY c.status HAVING sum(c.n) > 0)"

Result<std::vector<Candidate>> read_candidates(Statement& s) {
  std::vector<Candidate> found;
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return found;
    found.push_back(Candidate{.id = s.integer(0),
                              .is_final = s.integer(4) != 0,
                              .has_content = s.integer(1) != 0,
                              .first = s.integer(2),
                              .count = s.integer(3)});
  }
}

Result<void> empty_notification(Txn& txn, NotificationCache& cache, const Candidate& c) {
  CARILLON_CHECK(txn.db.statement("UPDATE notification SET body = '' WHERE id = ?1").bind(1, c.id).run());
  // What a replay changed: parameters and an address.
  CARILLON_CHECK(txn.db
                     .statement("UPDATE delivery SET note = NULL WHERE id >= ?1 AND id < ?1 + ?2 AND "
                                "coalesce(generation, 0) > 0")
                     .bind(1, c.first)
                     .bind(2, c.count)
                     .run());
  txn.after_commit([&cache, id = c.id] { cache.erase(id); });
  return {};
}

Result<bool> empty_next(Txn& txn, NotificationCache& cache, std::int64_t below) {
  CARILLON_TRY(const std::int64_t above,
               txn.db.scalar("SELECT value FROM meta WHERE key = 'content_emptied'"));
  std::vector<Candidate> piece;
  {
    Statement s =
        txn.db.statement("SELECT " CARILLON_CANDIDATE_COLUMNS
                         " FROM notification n WHERE n.id > ?1 AND n.id < ?2 ORDER BY n.id LIMIT ?3");
    s.bind(1, above).bind(2, below).bind(3, kPiece);
    CARILLON_TRY(piece, read_candidates(s));
  }
  if (piece.empty()) return false;
  for (const Candidate& c : piece) {
    if (!c.has_content) continue;
    if (c.is_final) {
      CARILLON_CHECK(empty_notification(txn, cache, c));
    } else {
      Statement s =
          txn.db.statement("INSERT INTO content_waiting(notification) VALUES(?1) ON CONFLICT DO NOTHING");
      CARILLON_CHECK(s.bind(1, c.id).run());
    }
  }
  Statement s = txn.db.statement(
      "INSERT INTO meta(key, value) VALUES('content_emptied', ?1) ON CONFLICT(key) DO UPDATE SET value = "
      "excluded.value");
  CARILLON_CHECK(s.bind(1, piece.back().id).run());
  return static_cast<std::int64_t>(piece.size()) == kPiece;
}

// `after`: the last one looked at; 0: begin.
Result<bool> empty_waiting(Txn& txn, NotificationCache& cache, std::int64_t& after) {
  std::vector<Candidate> piece;
  std::int64_t last = 0, n = 0;
  {
    Statement s = txn.db.statement(
        "SELECT notification FROM content_waiting WHERE notification > ?1 ORDER BY notification LIMIT ?2");
    s.bind(1, after).bind(2, kWaitingPiece);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      last = s.integer(0);
      ++n;
    }
  }
  if (n > 0) {
    Statement s = txn.db.statement("SELECT " CARILLON_CANDIDATE_COLUMNS
                                   " FROM notification n WHERE n.id IN (SELECT notification FROM "
                                   "content_waiting WHERE notification > ?1 AND notification <= ?2)");
    s.bind(1, after).bind(2, last);
    CARILLON_TRY(piece, read_candidates(s));
  }
  for (const Candidate& c : piece) {
    if (!c.is_final) continue;
    CARILLON_CHECK(empty_notification(txn, cache, c));
    Statement s = txn.db.statement("DELETE FROM content_waiting WHERE notification = ?1");
    CARILLON_CHECK(s.bind(1, c.id).run());
  }
  if (n > 0) {
    // Gone by themselves.
    Statement s = txn.db.statement(
        "DELETE FROM content_waiting WHERE notification > ?1 AND notification <= ?2 AND NOT EXISTS (SELECT 1 "
        "FROM notification n WHERE n.id = content_waiting.notification)");
    CARILLON_CHECK(s.bind(1, after).bind(2, last).run());
  }
  const bool has_more = n == kWaitingPiece;
  after = has_more ? last : 0;
  return has_more;
}

}  // namespace

Result<bool> SqlStore::drop_content(Txn& txn, Time before) {
  const std::int64_t below = base::id_floor(before);
  CARILLON_TRY(const bool more_waiting, empty_waiting(txn, *notification_cache_, emptied_waiting_));
  CARILLON_TRY(const bool more_next, empty_next(txn, *notification_cache_, below));
  Statement s = txn.db.statement(
      "DELETE FROM sandbox_message WHERE id IN (SELECT id FROM sandbox_message WHERE id < ?1 ORDER BY id "
      "LIMIT ?2)");
  CARILLON_CHECK(s.bind(1, below).bind(2, kMessagePiece).run());
  const std::int64_t messages = txn.db.changes();
  CARILLON_CHECK(sandbox_changed(txn, -messages));
  return more_waiting || more_next || messages == kMessagePiece;
}

}  // namespace carillon::store::detail
