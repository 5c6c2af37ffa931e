// The audit trail: written with what it tells of, read newest first, dropped at its end.
#include "store/detail/audit.h"

#include "base/json.h"
#include "model/audit.h"
#include "store/detail/lists.h"
#include "store/detail/pieces.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kTrimRows = 2'000;  // per call

bool is_action(std::string_view action, std::string_view wanted) {
  if (wanted.empty() || action == wanted) return true;
  return action.size() > wanted.size() && action.starts_with(wanted) && action[wanted.size()] == '.';
}

bool fits(const AuditFilter& filter, const Statement& s) {
  const auto is = [&](const std::string& wanted, int column) {
    return wanted.empty() || s.text(column) == wanted;
  };
  return is(filter.actor, 2) && is_action(s.text(3), filter.action) && is(filter.object, 4) &&
         is(filter.request_id, 6);
}

AuditEntry read_entry(const Statement& s, std::int32_t project) {
  return AuditEntry{.id = s.integer(0),
                    .project = project,
                    .at = s.time(1),
                    .actor = Actor(s.string(2), s.string(6), s.string(7)),
                    .action = s.string(3),
                    .object = s.string(4),
                    .detail = s.string(5)};
}

// By time, and by number among those of one millisecond: ?2 (at) and ?3 (number) are where the page begins.
#define CARILLON_AUDIT_COLUMNS "SELECT id, at, actor, action, object, detail, request, origin FROM audit "
#define CARILLON_AUDIT_REST \
  "AND at >= ?1 AND at <= ?2 AND (at < ?2 OR id < ?3) ORDER BY at DESC, id DESC LIMIT ?5"

constexpr const char* kByTime =
    CARILLON_AUDIT_COLUMNS "INDEXED BY audit_time WHERE project = ?4 " CARILLON_AUDIT_REST;
constexpr const char* kByObject =
    CARILLON_AUDIT_COLUMNS "INDEXED BY audit_object WHERE project = ?4 AND object = ?6 " CARILLON_AUDIT_REST;

Result<AuditPage> read_page(Db& db, const AuditFilter& filter, const ListPage& page) {
  Time until = filter.until ? *filter.until - Millis(1) : from_ms(INT64_MAX);
  std::int64_t below_id = INT64_MAX;
  if (page.after != 0) {
    Statement last = db.statement("SELECT at FROM audit WHERE id = ?1");
    CARILLON_TRY(const bool is_there, last.bind(1, page.after).next());
    if (!is_there) return AuditPage{};  // dropped since, and so is all that was before it
    until = std::min(until, last.time(0));
    below_id = page.after;
  }
  const auto limit = static_cast<std::size_t>(rows_of(page));
  Statement s = db.statement(filter.object.empty() ? kByTime : kByObject);
  s.bind(1, filter.from.value_or(from_ms(INT64_MIN))).bind(2, until).bind(3, below_id);
  s.bind(4, std::int64_t{filter.project}).bind(5, static_cast<std::int64_t>(kExaminedMax));
  if (!filter.object.empty()) s.bind(6, filter.object);
  AuditPage found;
  std::int64_t last = 0;
  for (std::size_t examined = 0;; ++examined) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) {
      if (examined == kExaminedMax) found.next = last;
      return found;
    }
    last = s.integer(0);
    if (!fits(filter, s)) continue;
    found.rows.push_back(read_entry(s, filter.project));
    if (found.rows.size() == limit) {
      found.next = last;
      return found;
    }
  }
}

}  // namespace

std::string audit_detail(std::int64_t version, std::string_view before, std::string_view after,
                         bool with_changes) {
  base::JsonWriter out;
  out.object();
  if (version != 0) out.field("version", version);
  if (with_changes) model::write_audit_changes(out, before, after);
  out.end_object();
  return out.str();
}

Result<void> SqlStore::insert_audit(Txn& txn, const AuditEntry& entry) {
  Statement s = txn.db.statement(
      "INSERT INTO audit(project, at, actor, action, object, detail, request, origin) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  s.bind(1, std::int64_t{entry.project}).bind(2, entry.at).bind(3, entry.actor.name).bind(4, entry.action);
  s.bind(5, entry.object).bind_or_null(6, entry.detail).bind_or_null(7, entry.actor.request_id);
  return s.bind_or_null(8, entry.actor.origin).run();
}

Task<Result<AuditPage>> SqlStore::list_audit(AuditFilter filter, ListPage page) {
  const auto call = [filter = std::move(filter), page = std::move(page)](Db& db) {
    return read_page(db, filter, page);
  };
  co_return co_await read(call);
}

Task<Result<void>> SqlStore::put_audit(AuditEntry entry) {
  const auto call = [&entry](Txn& txn) { return insert_audit(txn, entry); };
  co_return co_await write(call);
}

Result<bool> trim_audit(Txn& txn, Time before) {
  // Ids ascend with time: the old ones are in front.
  std::int64_t last = 0, old = 0;
  {
    Statement s = txn.db.statement("SELECT id, at FROM audit ORDER BY id LIMIT ?1");
    s.bind(1, kTrimRows);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row || s.time(1) >= before) break;
      last = s.integer(0);
      ++old;
    }
  }
  if (old > 0) CARILLON_CHECK(txn.db.statement("DELETE FROM audit WHERE id <= ?1").bind(1, last).run());
  return old == kTrimRows;
}

}  // namespace carillon::store::detail
