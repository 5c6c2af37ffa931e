// Expansion: one cursor for a send, or one for each part of a large one (decision 0023).
#include <algorithm>
#include <cstring>
#include <map>

#include "store/detail/insert.h"
#include "store/detail/pieces.h"
#include "store/detail/rows.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::size_t kTakeRows = 16;         // what a look for work is to the writer
constexpr std::int64_t kCandidatesMax = 256;  // looked at, of which others may have most
constexpr std::size_t kPartsMax = 1'024;

// As insert_expansion() packed it.
std::vector<AudienceGroup> read_audience(std::string_view blob) {
  std::vector<AudienceGroup> audience;
  std::int64_t pair[2] = {};
  for (; blob.size() >= sizeof pair; blob.remove_prefix(sizeof pair)) {
    std::memcpy(pair, blob.data(), sizeof pair);
    audience.push_back(AudienceGroup{.entry = static_cast<std::size_t>(pair[0]), .group = pair[1]});
  }
  return audience;
}

// What is due, oldest first, cut or not; read by read_due().
// ifnull() as the index has it: SQLite takes coalesce() for something else.
#define CARILLON_DUE_EXPANSIONS                                                                         \
  "SELECT n.id, n.cursor, e.moment, e.audience, e.after, e.recipients - e.expanded, e.owner, e.is_cut " \
  "FROM notification n INDEXED BY notification_waiting LEFT JOIN expansion e ON e.notification = n.id " \
  "WHERE n.status IN (2, 3) AND ifnull(n.send_at, 0) <= ?1 "
#define CARILLON_DUE_ORDER "ORDER BY ifnull(n.send_at, 0), n.id LIMIT ?2"

struct Candidate {
  DueExpansion due;
  std::int64_t owner = 0;
  bool is_cut = false, has_row = false;
};

Candidate read_due(const Statement& s) {
  Candidate c;
  c.due.notification = s.integer(0);
  c.due.cursor = s.integer(1);
  c.has_row = !s.is_null(2);
  c.due.moment = s.integer(2);
  c.due.audience = read_audience(s.text(3));
  c.due.after = s.string(4);
  c.due.left = s.integer(5);
  c.owner = s.integer(6);
  c.is_cut = s.integer(7) != 0;
  return c;
}

Result<std::vector<Candidate>> read_all_due(Statement s) {
  std::vector<Candidate> found;
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return found;
    found.push_back(read_due(s));
  }
}

bool is_stopped(const Statement& s, int status_column, int flags_column) {
  const auto status = s.as<model::NotificationStatus>(status_column);
  const bool is_waiting =
      status == model::NotificationStatus::Scheduled || status == model::NotificationStatus::Expanding;
  return !is_waiting || (s.integer(flags_column) & kFlagCancelled) != 0;
}

std::unexpected<Error> moved_on() {
  return fail(Errc::Conflict, "the expansion was moved on by somebody else, or stopped");
}

}  // namespace

class SqlExpansions final : public ExpansionStore {
 public:
  explicit SqlExpansions(SqlStore& store) : store_(store) {}

  Task<Result<std::vector<DueExpansion>>> due(std::size_t limit, Time now) override;
  Task<Result<std::vector<DueExpansion>>> take(Owner owner, std::size_t limit, Time now) override;
  Task<Result<void>> expand(ExpandItem item, Time now) override;
  Task<Result<std::vector<std::string>>> cut_points(MembersQuery query, std::size_t parts) override;
  Task<Result<void>> cut(std::int64_t notification, std::int64_t expected_cursor,
                         std::vector<std::string> points) override;
  Task<Result<std::optional<ExpansionProgress>>> progress(std::int64_t notification) override;

 private:
  // Who looks for work, and what it has found out about others in this transaction.
  struct Taker {
    std::int64_t owner = 0;
    std::map<std::int64_t, bool> lost{};
  };
  Result<bool> is_free(Txn& txn, Taker& taker, std::int64_t owner);
  Result<bool> take_whole(Txn& txn, Taker& taker, const Candidate& candidate);
  // Makes `candidate` one of its parts; false: others have all that are not done.
  Result<bool> take_part(Txn& txn, Taker& taker, Candidate& candidate);

  Result<Origin> check_cursor(Txn& txn, const ExpandItem& item);
  Result<Origin> check_part(Txn& txn, const ExpandItem& item);
  Result<void> add(Txn& txn, const ExpandItem& item, const Origin& origin, Time now);
  Result<void> move_cursor(Txn& txn, const ExpandItem& item);
  Result<void> move_part(Txn& txn, const ExpandItem& item);
  Result<void> finish_if_last(Txn& txn, std::int64_t notification);

  SqlStore& store_;
};

std::unique_ptr<ExpansionStore> SqlStore::make_expansions() { return std::make_unique<SqlExpansions>(*this); }

// ---- looking for work
Task<Result<std::vector<DueExpansion>>> SqlExpansions::due(std::size_t limit, Time now) {
  co_return co_await store_.read([limit, now](Db& db) -> Result<std::vector<DueExpansion>> {
    Statement s = db.statement(CARILLON_DUE_EXPANSIONS "AND ifnull(e.is_cut, 0) = 0 " CARILLON_DUE_ORDER);
    s.bind(1, now).bind(2, static_cast<std::int64_t>(limit));
    CARILLON_TRY(auto found, read_all_due(std::move(s)));
    std::vector<DueExpansion> due;
    for (Candidate& candidate : found) due.push_back(std::move(candidate.due));
    return due;
  });
}

Task<Result<std::vector<DueExpansion>>> SqlExpansions::take(Owner owner, std::size_t limit, Time now) {
  const auto call = [this, owner, limit, now](Txn& txn) -> Result<std::vector<DueExpansion>> {
    Taker taker{.owner = pack(owner)};
    Statement s = txn.db.statement(CARILLON_DUE_EXPANSIONS CARILLON_DUE_ORDER);
    s.bind(1, now).bind(2, kCandidatesMax);
    CARILLON_TRY(auto found, read_all_due(std::move(s)));
    std::vector<DueExpansion> taken;
    for (Candidate& candidate : found) {
      if (taken.size() >= limit) break;
      CARILLON_TRY(const bool is_mine,
                   candidate.is_cut ? take_part(txn, taker, candidate) : take_whole(txn, taker, candidate));
      if (is_mine) taken.push_back(std::move(candidate.due));
    }
    return taken;
  };
  // Most looks find nothing, and need no commit.
  CARILLON_CO_TRY(const auto first, co_await store_.read([now](Db& db) {
    Statement s = db.statement(CARILLON_DUE_EXPANSIONS CARILLON_DUE_ORDER);
    s.bind(1, now).bind(2, std::int64_t{1});
    return read_all_due(std::move(s));
  }));
  if (first.empty()) co_return std::vector<DueExpansion>{};
  co_return co_await store_.write(call, JobClass::Expand, kTakeRows);
}

Result<bool> SqlExpansions::is_free(Txn& txn, Taker& taker, std::int64_t owner) {
  if (owner == 0 || owner == taker.owner) return true;
  const auto known = taker.lost.find(owner);
  if (known != taker.lost.end()) return known->second;
  CARILLON_TRY(const bool is_lost, store_.is_lost(txn.db, unpack_owner(owner)));
  taker.lost.emplace(owner, is_lost);
  return is_lost;
}

// One without a row in `expansion` has its cursor as its only guard.
Result<bool> SqlExpansions::take_whole(Txn& txn, Taker& taker, const Candidate& candidate) {
  if (!candidate.has_row || candidate.owner == taker.owner) return true;
  CARILLON_TRY(const bool is_free_now, is_free(txn, taker, candidate.owner));
  if (!is_free_now) return false;
  Statement s = txn.db.statement(
      "UPDATE expansion SET owner = ?2 WHERE notification = ?1 AND coalesce(owner, 0) = ?3 AND is_cut = 0");
  CARILLON_CHECK(s.bind(1, candidate.due.notification).bind(2, taker.owner).bind(3, candidate.owner).run());
  return txn.db.changes() == 1;
}

Result<bool> SqlExpansions::take_part(Txn& txn, Taker& taker, Candidate& candidate) {
  struct Part {
    std::int64_t number = 0, cursor = 0, owner = 0;
    std::string after, until;
  };
  std::vector<Part> parts;
  {
    Statement s = txn.db.statement(
        "SELECT number, cursor, coalesce(owner, 0), after, until FROM expansion_part WHERE notification = ?1 "
        "AND is_done = 0 ORDER BY number");
    s.bind(1, candidate.due.notification);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      parts.push_back(Part{s.integer(0), s.integer(1), s.integer(2), s.string(3), s.string(4)});
    }
  }
  // What it has goes first.
  std::ranges::sort(parts, {},
                    [&](const Part& part) { return std::pair(part.owner != taker.owner, part.number); });
  for (Part& part : parts) {
    CARILLON_TRY(const bool is_free_now, is_free(txn, taker, part.owner));
    if (!is_free_now) continue;
    if (part.owner != taker.owner) {
      Statement s = txn.db.statement(
          "UPDATE expansion_part SET owner = ?3 WHERE notification = ?1 AND number = ?2 AND coalesce(owner, "
          "0) = ?4 AND cursor = ?5 AND is_done = 0");
      s.bind(1, candidate.due.notification).bind(2, part.number).bind(3, taker.owner).bind(4, part.owner);
      CARILLON_CHECK(s.bind(5, part.cursor).run());
      if (txn.db.changes() != 1) continue;
    }
    candidate.due.part = part.number;
    candidate.due.cursor = part.cursor;
    candidate.due.after = std::move(part.after);
    candidate.due.until = std::move(part.until);
    return true;
  }
  return false;
}

// ---- expanding
Task<Result<void>> SqlExpansions::expand(ExpandItem item, Time now) {
  const std::size_t rows = item.deliveries.size() + 2;
  auto call = [this, item = std::move(item), now](Txn& txn) -> Result<void> {
    CARILLON_TRY(const Origin origin, item.part == 0 ? check_cursor(txn, item) : check_part(txn, item));
    CARILLON_CHECK(add(txn, item, origin, now));
    CARILLON_CHECK(item.part == 0 ? move_cursor(txn, item) : move_part(txn, item));
    txn.after_commit([this, id = item.notification] { store_.notification_cache_->erase(id); });
    return {};
  };
  co_return co_await store_.write(std::move(call), JobClass::Expand, rows);
}

Result<Origin> SqlExpansions::check_cursor(Txn& txn, const ExpandItem& item) {
  Statement s = txn.db.statement(
      "SELECT status, flags, cursor, app, category, template FROM notification WHERE id = ?1 FOR UPDATE");
  CARILLON_TRY(const bool has_row, s.bind(1, item.notification).next());
  if (!has_row) return fail(Errc::NotFound, "no such notification");
  if (is_stopped(s, 0, 1) || s.integer(2) != item.expected_cursor) return moved_on();
  return Origin{
      .app = s.integer(3), .category = s.as<std::uint32_t>(4), .template_key = s.as<std::uint32_t>(5)};
}

// Those who expand other parts do not wait here; who stops the notification does, and they for it.
Result<Origin> SqlExpansions::check_part(Txn& txn, const ExpandItem& item) {
  CARILLON_CHECK(txn.db.lock_shared(item.notification));
  {
    Statement s = txn.db.statement(
        "SELECT cursor, owner FROM expansion_part WHERE notification = ?1 AND number = ?2 AND is_done = 0 "
        "FOR UPDATE");
    CARILLON_TRY(const bool has_row, s.bind(1, item.notification).bind(2, item.part).next());
    if (!has_row || s.integer(0) != item.expected_cursor || s.integer(1) != pack(item.owner))
      return moved_on();
  }
  Statement s =
      txn.db.statement("SELECT status, flags, app, category, template FROM notification WHERE id = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, item.notification).next());
  if (!has_row) return fail(Errc::NotFound, "no such notification");
  if (is_stopped(s, 0, 1)) return moved_on();
  return Origin{
      .app = s.integer(2), .category = s.as<std::uint32_t>(3), .template_key = s.as<std::uint32_t>(4)};
}

Result<void> SqlExpansions::add(Txn& txn, const ExpandItem& item, const Origin& origin, Time now) {
  std::vector<model::Delivery> deliveries = item.deliveries;
  for (model::Delivery& d : deliveries) d.is_counted = true;
  CARILLON_CHECK(charge_caps(txn, store_.keys_.lookup_hash, item.caps, deliveries, now));
  CARILLON_CHECK(store_.insert_deliveries(txn, deliveries, origin, now));
  CARILLON_CHECK(store_.index_->note(txn, deliveries, item.notification));
  if (deliveries.empty()) return {};
  return txn.db.statement("INSERT INTO chunk(notification, first, n) VALUES(?1, ?2, ?3)")
      .bind(1, item.notification)
      .bind(2, deliveries.front().id)
      .bind(3, static_cast<std::int64_t>(deliveries.size()))
      .run();
}

Result<void> SqlExpansions::move_cursor(Txn& txn, const ExpandItem& item) {
  const auto next = item.done ? model::NotificationStatus::Sending : model::NotificationStatus::Expanding;
  CARILLON_CHECK(txn.db.statement("UPDATE notification SET status = ?2, cursor = ?3 WHERE id = ?1")
                     .bind(1, item.notification)
                     .bind(2, static_cast<std::int64_t>(next))
                     .bind(3, item.next_cursor)
                     .run());
  return txn.db
      .statement(
          "UPDATE expansion SET is_done = ?2, after = coalesce(?3, after), expanded = expanded + ?4 "
          "WHERE notification = ?1")
      .bind(1, item.notification)
      .bind(2, std::int64_t{item.done})
      .bind_or_null(3, item.after)
      .bind(4, item.recipients)
      .run();
}

Result<void> SqlExpansions::move_part(Txn& txn, const ExpandItem& item) {
  Statement s = txn.db.statement(
      "UPDATE expansion_part SET cursor = ?3, after = coalesce(?4, after), expanded = expanded + ?5, is_done "
      "= ?6 WHERE notification = ?1 AND number = ?2");
  s.bind(1, item.notification).bind(2, item.part).bind(3, item.next_cursor).bind_or_null(4, item.after);
  CARILLON_CHECK(s.bind(5, item.recipients).bind(6, std::int64_t{item.done}).run());
  return item.done ? finish_if_last(txn, item.notification) : Result<void>{};
}

// Those who end the last parts at the same time come here one after the other: the later sees that the other
// is done.
Result<void> SqlExpansions::finish_if_last(Txn& txn, std::int64_t notification) {
  {
    Statement s = txn.db.statement("SELECT is_done FROM expansion WHERE notification = ?1 FOR UPDATE");
    CARILLON_TRY(const bool has_row, s.bind(1, notification).next());
    if (!has_row) return moved_on();
  }
  std::int64_t open = 0, expanded = 0;
  {
    Statement s = txn.db.statement(
        "SELECT sum(1 - is_done), sum(expanded) FROM expansion_part WHERE notification = ?1");
    CARILLON_TRY(const bool has_row, s.bind(1, notification).next());
    if (has_row) open = s.integer(0), expanded = s.integer(1);
  }
  if (open > 0) return {};
  CARILLON_CHECK(
      txn.db.statement("UPDATE notification SET status = 4 WHERE id = ?1").bind(1, notification).run());
  Statement s =
      txn.db.statement("UPDATE expansion SET is_done = 1, expanded = expanded + ?2 WHERE notification = ?1");
  CARILLON_CHECK(s.bind(1, notification).bind(2, expanded).run());
  return txn.db.statement("DELETE FROM expansion_part WHERE notification = ?1").bind(1, notification).run();
}

// ---- cutting
Task<Result<std::vector<std::string>>> SqlExpansions::cut_points(MembersQuery query, std::size_t parts) {
  co_return co_await store_.read_people(
      [query = std::move(query), parts](Db& db) -> Result<std::vector<std::string>> {
        std::int64_t group = 0, members = 0;
        for (const AudienceGroup& each : query.groups) {
          Statement s = db.statement("SELECT n FROM user_group WHERE id = ?1");
          CARILLON_TRY(const bool has_row, s.bind(1, each.group).next());
          if (has_row && s.integer(0) > members) group = each.group, members = s.integer(0);
        }
        std::vector<std::string> points;
        const auto wanted = static_cast<std::int64_t>(std::clamp<std::size_t>(parts, 1, kPartsMax));
        const std::int64_t step = members / wanted;
        std::string after = query.after;
        while (step > 0 && static_cast<std::int64_t>(points.size()) < wanted - 1) {
          Statement s = db.statement(
              "SELECT user_id FROM member WHERE user_group = ?1 AND user_id > ?2 ORDER BY user_id LIMIT 1 "
              "OFFSET ?3");
          CARILLON_TRY(const bool has_row, s.bind(1, group).bind(2, after).bind(3, step - 1).next());
          if (!has_row) break;
          after = s.string(0);
          points.push_back(after);
        }
        return points;
      });
}

Task<Result<void>> SqlExpansions::cut(std::int64_t notification, std::int64_t expected_cursor,
                                      std::vector<std::string> points) {
  const bool is_ascending = std::ranges::adjacent_find(points, std::greater_equal<>()) == points.end();
  if (points.size() >= kPartsMax || !is_ascending)
    co_return fail(Errc::InvalidArgument, "the points at which a send is cut ascend, and are at most 1,023");
  const std::size_t rows = points.size() + 2;
  auto call = [this, notification, expected_cursor, points = std::move(points)](Txn& txn) -> Result<void> {
    ExpandItem item;
    item.notification = notification;
    item.expected_cursor = expected_cursor;
    CARILLON_TRY(const Origin origin, check_cursor(txn, item));
    static_cast<void>(origin);
    std::string after;
    {
      Statement s =
          txn.db.statement("SELECT after, is_cut FROM expansion WHERE notification = ?1 FOR UPDATE");
      CARILLON_TRY(const bool has_row, s.bind(1, notification).next());
      if (!has_row || s.integer(1) != 0) return moved_on();
      after = s.string(0);
    }
    for (std::size_t i = 0; i <= points.size(); ++i) {
      Statement s = txn.db.statement(
          "INSERT INTO expansion_part(notification, number, cursor, after, until, owner, is_done, expanded) "
          "VALUES(?1, ?2, 0, ?3, ?4, NULL, 0, 0)");
      s.bind(1, notification).bind(2, static_cast<std::int64_t>(i + 1)).bind(3, after);
      if (i < points.size()) {
        s.bind(4, points[i]);
      } else {
        s.bind_or_null(4, std::string_view{});
      }
      CARILLON_CHECK(s.run());
      if (i < points.size()) after = points[i];
    }
    CARILLON_CHECK(
        txn.db
            .statement("UPDATE expansion SET is_cut = 1, owner = NULL, after = NULL WHERE notification = ?1")
            .bind(1, notification)
            .run());
    // Another cursor: whoever was about to go on with it is too late.
    CARILLON_CHECK(txn.db.statement("UPDATE notification SET status = 3, cursor = ?2 WHERE id = ?1")
                       .bind(1, notification)
                       .bind(2, expected_cursor + 1)
                       .run());
    txn.after_commit([this, notification] { store_.notification_cache_->erase(notification); });
    return {};
  };
  co_return co_await store_.write(std::move(call), JobClass::Expand, rows);
}

Task<Result<std::optional<ExpansionProgress>>> SqlExpansions::progress(std::int64_t notification) {
  co_return co_await store_.look([&](Db& db) -> Result<std::optional<ExpansionProgress>> {
    Statement s = db.statement(
        "SELECT expanded + coalesce((SELECT sum(p.expanded) FROM expansion_part p WHERE p.notification = "
        "?1), 0), recipients FROM expansion WHERE notification = ?1");
    CARILLON_TRY(const bool has_row, s.bind(1, notification).next());
    if (!has_row) return std::nullopt;
    return ExpansionProgress{.expanded = s.integer(0), .recipients = s.integer(1)};
  });
}

// Those of what was cancelled: who expands it reads them without waiting for who stops it.
Result<bool> drop_parts(Txn& txn) {
  Statement s = txn.db.statement(
      "DELETE FROM expansion_part WHERE notification IN (SELECT p.notification FROM expansion_part p WHERE "
      "NOT EXISTS (SELECT 1 FROM expansion e WHERE e.notification = p.notification) LIMIT ?1)");
  CARILLON_CHECK(s.bind(1, std::int64_t{kPartsMax}).run());
  return txn.db.changes() > 0;
}

}  // namespace carillon::store::detail
