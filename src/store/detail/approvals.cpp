// Drafts, what waits for an approval, and what becomes of both.
#include <cstring>

#include "base/ids.h"
#include "base/json.h"
#include "store/detail/insert.h"
#include "store/detail/lists.h"
#include "store/detail/pieces.h"
#include "store/detail/rows.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kExpiredMax = 100;  // approvals that end at a time
constexpr std::int64_t kMinute = 60'000;   // ms
constexpr std::int64_t kHour = 60;         // minutes

#define CARILLON_APPROVAL_COLUMNS                                                                     \
  "id, project, notification, status, audience, submitted_by, submitted_at, expires_at, decided_by, " \
  "decided_at, reason"

Approval read_approval(const Statement& s) {
  Approval a;
  a.id = s.integer(0);
  a.project = s.as<std::int32_t>(1);
  a.notification = s.integer(2);
  a.status = s.as<ApprovalStatus>(3);
  a.audience = s.integer(4);
  a.submitted_by = s.string(5);
  a.submitted_at = s.time(6);
  a.expires_at = s.time(7);
  a.decided_by = s.string(8);
  if (!s.is_null(9)) a.decided_at = s.time(9);
  a.reason = s.string(10);
  return a;
}

Result<Approval> find_approval(Db& db, std::int32_t project, std::int64_t id) {
  Statement s =
      db.statement("SELECT " CARILLON_APPROVAL_COLUMNS " FROM approval WHERE id = ?1 AND project = ?2");
  CARILLON_TRY(const bool has_row, s.bind(1, id).bind(2, std::int64_t{project}).next());
  if (!has_row) return fail(Errc::NotFound, "no such approval");
  return read_approval(s);
}

Result<void> close_approval(Txn& txn, Approval& a, ApprovalStatus status, std::string_view by,
                            std::string_view reason, Time now) {
  txn.note_news();
  a.status = status;
  a.decided_by = by;
  a.reason = reason;
  a.decided_at = now;
  Statement s = txn.db.statement(
      "UPDATE approval SET status = ?2, decided_by = ?3, decided_at = ?4, reason = ?5 WHERE id = ?1");
  s.bind(1, a.id).bind(2, static_cast<std::int64_t>(status)).bind_or_null(3, by);
  return s.bind(4, now).bind_or_null(5, reason).run();
}

Result<void> remove_expansion(Txn& txn, std::int64_t notification) {
  return txn.db.statement("DELETE FROM expansion WHERE notification = ?1").bind(1, notification).run();
}

// Why an approval cannot be decided any more, in words for whoever wanted to.
std::string why_closed(const Approval& a) {
  switch (a.status) {
    case ApprovalStatus::Approved: return fmt::format("it was approved by {}", a.decided_by);
    case ApprovalStatus::Rejected: return fmt::format("it was rejected by {}", a.decided_by);
    case ApprovalStatus::Void: return "the send was changed or cancelled since it was submitted";
    case ApprovalStatus::Open:
    case ApprovalStatus::Expired: break;
  }
  return "it expired; the send has to be made again";
}

AuditEntry audit_of(const Approval& a, const Actor& actor, Time now) {
  base::JsonWriter detail;
  detail.object()
      .field("notification", base::id_text(base::kNotificationPrefix, a.notification))
      .field("audience", a.audience)
      .field("submitted_by", a.submitted_by)
      .field_if("reason", a.reason)
      .end_object();
  const bool is_approved = a.status == ApprovalStatus::Approved;
  return AuditEntry{.project = a.project,
                    .at = now,
                    .actor = actor,
                    .action = is_approved ? "approval.approve" : "approval.reject",
                    .object = base::id_text(base::kApprovalPrefix, a.id),
                    .detail = detail.str()};
}

Result<void> update_notification(Txn& txn, const Rewrite& change) {
  const model::Notification& n = change.notification;
  const bool is_chunked_now = is_chunked(n.status);
  Statement s = txn.db.statement(
      "UPDATE notification SET status = ?2, priority = ?3, flags = (flags & ~8) | ?4, category = ?5, "
      "template = ?6, template_version = ?7, expires_at = ?8, send_at = ?9, cursor = ?10, body = ?11 WHERE "
      "id = ?1 AND status IN (0, 1, 2) AND coalesce(cursor, 0) = 0 AND flags & 2 = 0 AND body = ?12");
  s.bind(1, n.id).bind(2, static_cast<std::int64_t>(n.status)).bind(3, static_cast<std::int64_t>(n.priority));
  s.bind(4, (is_chunked_now ? kFlagChunked : 0) | (n.is_sensitive ? kFlagSensitive : 0));
  s.bind_or_null(5, txn.words.id(n.category)).bind_or_null(6, txn.words.id(n.template_key));
  s.bind_or_null(7, n.template_version).bind(8, n.expires_at).bind(9, n.send_at);
  if (is_chunked_now) {
    s.bind(10, std::int64_t{0});
  } else {
    s.bind_null(10);
  }
  CARILLON_CHECK(s.bind(11, n.body).bind(12, change.expected_body).run());
  if (txn.db.changes() == 0)
    return fail(Errc::Conflict, "it has begun, has ended, or was changed by somebody else meanwhile");
  return {};
}

}  // namespace

Result<void> insert_expansion(Txn& txn, std::int64_t notification, std::span<const AudienceGroup> audience,
                              std::int64_t recipients) {
  std::string groups;
  for (const AudienceGroup& group : audience) {
    const std::int64_t pair[] = {static_cast<std::int64_t>(group.entry), group.group};
    groups.append(reinterpret_cast<const char*>(pair), sizeof pair);
  }
  return txn.db
      .statement(
          "INSERT INTO expansion(notification, is_done, moment, audience, after, recipients) "
          "VALUES(?1, 0, (SELECT value FROM people.member_seq), ?2, NULL, ?3)")
      .bind(1, notification)
      .bind_blob(2, groups)
      .bind(3, recipients)
      .run();
}

Result<void> insert_approval(Txn& txn, const Approval& a) {
  txn.note_news();
  Statement s = txn.db.statement(
      "INSERT INTO approval(id, project, notification, status, audience, submitted_by, submitted_at, "
      "expires_at) VALUES(?1, ?2, ?3, 0, ?4, ?5, ?6, ?7)");
  s.bind(1, a.id).bind(2, std::int64_t{a.project}).bind(3, a.notification).bind(4, a.audience);
  CARILLON_CHECK(s.bind(5, a.submitted_by).bind(6, a.submitted_at).bind(7, a.expires_at).run());
  return tell_approval(txn, a, model::WebhookEvent::ApprovalRequested, a.submitted_at);
}

Result<bool> take_share(Txn& txn, const model::Notification& n, const ApprovalShare& share, Time now) {
  const std::int64_t minute = to_ms(now) / kMinute, category = txn.words.id(n.category);
  const auto bound = [&](const char* sql) {
    Statement s = txn.db.statement(sql);
    s.bind(1, std::int64_t{n.project}).bind(2, n.app).bind(3, category);
    return s;
  };
  CARILLON_CHECK(txn.db.lock(n.app << 24 ^ category));
  std::int64_t spent = 0;
  {
    Statement s = bound(
        "SELECT coalesce(sum(n), 0) FROM approval_hour WHERE project = ?1 AND app = ?2 AND category = ?3 AND "
        "minute > ?4");
    CARILLON_CHECK(s.bind(4, minute - kHour).next());
    spent = s.integer(0);
  }
  if (spent + share.recipients > share.limit) return false;
  CARILLON_CHECK(
      bound("DELETE FROM approval_hour WHERE project = ?1 AND app = ?2 AND category = ?3 AND minute <= ?4")
          .bind(4, minute - kHour)
          .run());
  CARILLON_CHECK(
      bound("INSERT INTO approval_hour(project, app, category, minute, n) VALUES(?1, ?2, ?3, ?4, ?5) "
            "ON CONFLICT(project, app, category, minute) DO UPDATE "
            "SET n = approval_hour.n + excluded.n")
          .bind(4, minute)
          .bind(5, share.recipients)
          .run());
  return true;
}

Task<Result<std::int64_t>> SqlStore::hour_spent(ApprovalHour hour, Time now) {
  co_return co_await look([&](Db& db) -> Result<std::int64_t> {
    Statement s = db.statement(
        "SELECT coalesce(sum(h.n), 0) FROM approval_hour h JOIN word w ON w.id = h.category WHERE h.project "
        "= ?1 AND h.app = ?2 AND w.text = ?3 AND h.minute > ?4");
    s.bind(1, std::int64_t{hour.project}).bind(2, hour.app).bind(3, hour.category);
    CARILLON_CHECK(s.bind(4, to_ms(now) / kMinute - kHour).next());
    return s.integer(0);
  });
}

Result<void> void_approval(Txn& txn, std::int64_t notification, std::string_view by, Time now) {
  Statement s = txn.db.statement(
      "UPDATE approval SET status = 4, decided_by = ?2, decided_at = ?3 WHERE notification = ?1 AND status = "
      "0");
  CARILLON_CHECK(s.bind(1, notification).bind_or_null(2, by).bind(3, now).run());
  if (txn.db.changes() > 0) txn.note_news();
  return {};
}

Task<Result<bool>> SqlStore::rewrite(Rewrite change, Time now) {
  auto call = [this, change = std::move(change), now](Txn& txn) -> Result<bool> {
    const model::Notification& n = change.notification;
    if (change.share) {
      CARILLON_TRY(const bool is_counted, take_share(txn, n, *change.share, now));
      if (!is_counted) return false;
    }
    CARILLON_CHECK(update_notification(txn, change));
    CARILLON_CHECK(void_approval(txn, n.id, change.actor.name, now));
    CARILLON_CHECK(remove_expansion(txn, n.id));
    if (is_chunked(n.status)) CARILLON_CHECK(insert_expansion(txn, n.id, change.audience, change.recipients));
    if (change.approval) CARILLON_CHECK(insert_approval(txn, *change.approval));
    CARILLON_CHECK(write_sealed(txn, n.id, change.sealed));
    CARILLON_CHECK(write_named(txn, n.id, change.named));
    // What only the body before named stays pinned until the end: that is soon enough to forget it.
    CARILLON_CHECK(pin_objects(txn, n.id, change.objects));
    txn.after_commit([this, id = n.id] { notification_cache_->erase(id); });
    base::JsonWriter detail;
    detail.object().field("status", model::name(n.status)).end_object();
    CARILLON_CHECK(insert_audit(txn, AuditEntry{.project = n.project,
                                                .at = now,
                                                .actor = change.actor,
                                                .action = change.action,
                                                .object = base::id_text(base::kNotificationPrefix, n.id),
                                                .detail = detail.str()}));
    return true;
  };
  co_return co_await write(std::move(call), JobClass::Other, 4);
}

Task<Result<Approval>> SqlStore::decide(ApprovalDecision decision, Time now) {
  auto call = [this, decision = std::move(decision), now](Txn& txn) -> Result<Approval> {
    CARILLON_TRY(Approval a, find_approval(txn.db, decision.project, decision.approval));
    if (a.status != ApprovalStatus::Open || a.expires_at <= now) return fail(Errc::Conflict, why_closed(a));
    const auto status = decision.is_approved ? ApprovalStatus::Approved : ApprovalStatus::Rejected;
    CARILLON_CHECK(close_approval(txn, a, status, decision.actor.name, decision.reason, now));
    if (decision.is_approved) {
      Statement s = txn.db.statement(
          "UPDATE notification SET status = 2, send_at = ?2, expires_at = ?3 WHERE id = ?1 AND status = 1");
      CARILLON_CHECK(s.bind(1, a.notification).bind(2, decision.send_at).bind(3, decision.expires_at).run());
    } else {
      Statement s = txn.db.statement("UPDATE notification SET status = 8 WHERE id = ?1 AND status = 1");
      CARILLON_CHECK(s.bind(1, a.notification).run());
      CARILLON_CHECK(remove_expansion(txn, a.notification));
      CARILLON_CHECK(wipe_if_over(txn, a.notification));
    }
    if (txn.db.changes() == 0 && decision.is_approved)
      return fail(Errc::Conflict, "the send does not wait for an approval any more");
    txn.after_commit([this, id = a.notification] { notification_cache_->erase(id); });
    CARILLON_CHECK(insert_audit(txn, audit_of(a, decision.actor, now)));
    CARILLON_CHECK(tell_approval(
        txn, a,
        decision.is_approved ? model::WebhookEvent::ApprovalApproved : model::WebhookEvent::ApprovalRejected,
        now));
    return a;
  };
  co_return co_await write(std::move(call), JobClass::Other, 4);
}

Task<Result<Approval>> SqlStore::approval(std::int32_t project, std::int64_t id) {
  co_return co_await look([&](Db& db) { return find_approval(db, project, id); });
}

// ?6: the app whose sends they are, 0: anybody's.
#define CARILLON_APPROVAL_LIST(INDEX, STATE)                                                             \
  "SELECT " CARILLON_APPROVAL_COLUMNS " FROM approval INDEXED BY " INDEX                                 \
  " WHERE project = ?1 AND id < ?2 AND " STATE                                                           \
  " AND (?6 = 0 OR EXISTS (SELECT 1 FROM notification n WHERE n.id = approval.notification AND n.app = " \
  "?6)) ORDER BY id DESC LIMIT ?3"

Task<Result<std::vector<Approval>>> SqlStore::list_approvals(ApprovalFilter filter, ListPage page) {
  const auto call = [=](Db& db) -> Result<std::vector<Approval>> {
    std::vector<Approval> found;
    const bool is_open = filter.status == ApprovalStatus::Open && filter.notification == 0;
    Statement s = db.statement(
        filter.notification != 0
            ? CARILLON_APPROVAL_LIST("approval_notification", "notification = ?5 AND (?4 < 0 OR status = ?4)")
        : is_open ? CARILLON_APPROVAL_LIST("approval_open", "?4 = 0 AND ?5 = 0 AND status = 0")
                  : CARILLON_APPROVAL_LIST("approval_project", "?5 = 0 AND (?4 < 0 OR status = ?4)"));
    s.bind(1, std::int64_t{filter.project}).bind(2, below(page)).bind(3, rows_of(page));
    s.bind(4, filter.status ? static_cast<std::int64_t>(*filter.status) : -1);
    s.bind(5, filter.notification).bind(6, filter.app);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return found;
      found.push_back(read_approval(s));
    }
  };
  // A notification has one or a few.
  if (filter.notification != 0) co_return co_await look(call);
  co_return co_await read(call);
}

Result<bool> SqlStore::expire_approvals(Txn& txn, Time now) {
  std::vector<Approval> expired;
  {
    Statement s =
        txn.db.statement("SELECT " CARILLON_APPROVAL_COLUMNS
                         " FROM approval INDEXED BY approval_due WHERE status = 0 AND expires_at <= ?1 "
                         "ORDER BY expires_at LIMIT ?2");
    s.bind(1, now).bind(2, kExpiredMax);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) break;
      expired.push_back(read_approval(s));
    }
  }
  for (Approval& a : expired) {
    CARILLON_CHECK(close_approval(txn, a, ApprovalStatus::Expired, {}, {}, now));
    Statement s = txn.db.statement("UPDATE notification SET status = 9 WHERE id = ?1 AND status = 1");
    CARILLON_CHECK(s.bind(1, a.notification).run());
    CARILLON_CHECK(remove_expansion(txn, a.notification));
    CARILLON_CHECK(wipe_if_over(txn, a.notification));
    CARILLON_CHECK(tell_approval(txn, a, model::WebhookEvent::ApprovalExpired, now));
    txn.after_commit([this, id = a.notification] { notification_cache_->erase(id); });
  }
  return static_cast<std::int64_t>(expired.size()) == kExpiredMax;
}

}  // namespace carillon::store::detail
