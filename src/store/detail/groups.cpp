// Groups and who is in them.
#include <algorithm>

#include "store/detail/audit.h"
#include "store/detail/lists.h"
#include "store/detail/pieces.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::size_t kChangeMax = 10'000;   // users of one call
constexpr std::size_t kChangePiece = 2'000;  // of one transaction
constexpr std::size_t kMembersMax = 1'024;   // of one page
constexpr std::int64_t kDropPiece = 4'096;   // members of a deleted group removed at a time

#define CARILLON_GROUP_COLUMNS "id, project, key, name, n, created_at, updated_at"

Group read_group(const Statement& s) {
  return Group{.id = s.integer(0),
               .project = s.as<std::int32_t>(1),
               .key = s.string(2),
               .name = s.string(3),
               .members = s.integer(4),
               .created_at = s.time(5),
               .updated_at = s.time(6)};
}

// id 0: there is none.
Result<Group> find_group(Db& db, std::int32_t project, std::string_view key) {
  Statement s =
      db.statement("SELECT " CARILLON_GROUP_COLUMNS " FROM user_group WHERE project = ?1 AND key = ?2");
  CARILLON_TRY(const bool has_row, s.bind(1, std::int64_t{project}).bind(2, key).next());
  return has_row ? read_group(s) : Group{};
}

AuditEntry audit_of(const Group& group, std::string_view action, Actor actor, std::string detail, Time now) {
  return AuditEntry{.project = group.project,
                    .at = now,
                    .actor = std::move(actor),
                    .action = std::string(action),
                    .object = group.key,
                    .detail = std::move(detail)};
}

std::string audited(const Group& group) {
  base::JsonWriter out;
  out.object().field("name", group.name).end_object();
  return out.str();
}

// Users added (or removed) of those named: the others were in it (or not) before.
Result<std::int64_t> add_members(Db& db, std::int64_t group, std::span<const std::string> users,
                                 std::int64_t seq) {
  std::int64_t added = 0;
  for (const std::string& user : users) {
    Statement s = db.statement(
        "INSERT INTO member(user_group, user_id, added) SELECT ?1, ?2, ?3 WHERE NOT EXISTS "
        "(SELECT 1 FROM member WHERE user_group = ?1 AND user_id = ?2 AND removed IS NULL)");
    CARILLON_CHECK(s.bind(1, group).bind(2, user).bind(3, seq).run());
    added += db.changes();
  }
  return added;
}

// Rows stay for the sends on their way that were accepted while the user was in; without any, they go.
Result<std::int64_t> remove_members(Db& db, std::int64_t group, std::span<const std::string> users,
                                    std::int64_t seq) {
  CARILLON_TRY(const std::int64_t is_wanted,
               db.scalar("SELECT EXISTS (SELECT 1 FROM main.expansion WHERE is_done = 0)"));
  std::int64_t removed = 0;
  for (const std::string& user : users) {
    Statement s = is_wanted != 0
                      ? db.statement(
                            "UPDATE member SET removed = ?3 WHERE user_group = ?1 AND user_id = ?2 "
                            "AND removed IS NULL")
                      : db.statement(
                            "DELETE FROM member WHERE user_group = ?1 AND user_id = ?2 "
                            "AND removed IS NULL AND ?3 > 0");
    CARILLON_CHECK(s.bind(1, group).bind(2, user).bind(3, seq).run());
    removed += db.changes();
  }
  return removed;
}

// The next users of one group, ascending; `has_left`: not in this membership any more.
Result<void> read_members(Db& db, const AudienceGroup& group, const MembersQuery& query, std::int64_t limit,
                          std::vector<Member>& members) {
  // Without an end there is no condition for one: it would keep the index from ending the search at one.
  const bool has_end = !query.until.empty();
  Statement s = db.statement(
      has_end
          ? "SELECT user_id, removed IS NOT NULL FROM member WHERE user_group = ?1 AND user_id > ?2 AND "
            "user_id <= ?5 AND added <= ?3 AND (removed IS NULL OR removed > ?3) ORDER BY user_id LIMIT ?4"
          : "SELECT user_id, removed IS NOT NULL FROM member WHERE user_group = ?1 AND user_id > ?2 "
            "AND added <= ?3 AND (removed IS NULL OR removed > ?3) ORDER BY user_id LIMIT ?4");
  s.bind(1, group.group).bind(2, query.after).bind(3, query.moment).bind(4, limit);
  if (has_end) s.bind(5, query.until);
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return {};
    members.push_back(Member{.user_id = s.string(0), .entry = group.entry, .has_left = s.integer(1) != 0});
  }
}

// Whether a user is in any of the groups now: came back, or joined another of them since.
Result<bool> is_member_now(Db& db, const std::vector<AudienceGroup>& groups, const std::string& user) {
  for (const AudienceGroup& group : groups) {
    Statement s =
        db.statement("SELECT 1 FROM member WHERE user_group = ?1 AND user_id = ?2 AND removed IS NULL");
    CARILLON_TRY(const bool has_row, s.bind(1, group.group).bind(2, user).next());
    if (has_row) return true;
  }
  return false;
}

}  // namespace

Task<Result<Group>> SqlStore::put_group(std::int32_t project, std::string key, std::string name, Actor actor,
                                        Time now) {
  const auto call = [project, key = std::move(key), name = std::move(name), actor = std::move(actor),
                     now](Txn& txn) -> Result<Group> {
    CARILLON_TRY(const Group before, find_group(txn.db, project, key));
    Statement s = txn.db.statement(
        "INSERT INTO user_group(project, key, name, created_at, updated_at, n) VALUES(?1, ?2, ?3, ?4, ?4, 0) "
        "ON CONFLICT(project, key) DO UPDATE SET name = excluded.name, updated_at = excluded.updated_at");
    CARILLON_CHECK(s.bind(1, std::int64_t{project}).bind(2, key).bind(3, name).bind(4, now).run());
    CARILLON_TRY(Group group, find_group(txn.db, project, key));
    CARILLON_CHECK(insert_audit(
        txn,
        audit_of(group, "group.put", actor,
                 audit_detail(0, before.id == 0 ? std::string() : audited(before), audited(group)), now)));
    return group;
  };
  co_return co_await write(call);
}

Task<Result<void>> SqlStore::delete_group(std::int32_t project, std::string key, Actor actor, Time now) {
  const auto call = [project, key = std::move(key), actor = std::move(actor), now](Txn& txn) -> Result<void> {
    CARILLON_TRY(const Group group, find_group(txn.db, project, key));
    if (group.id == 0) return fail(Errc::NotFound, "no such group");
    CARILLON_CHECK(txn.db.statement("UPDATE user_group SET key = NULL, updated_at = ?2 WHERE id = ?1")
                       .bind(1, group.id)
                       .bind(2, now)
                       .run());
    return insert_audit(
        txn, audit_of(group, "group.delete", actor, fmt::format("{{\"members\":{}}}", group.members), now));
  };
  co_return co_await write(call);
}

Task<Result<std::vector<Group>>> SqlStore::groups(std::int32_t project, std::vector<std::string> keys) {
  co_return co_await look_people([&](Db& db) -> Result<std::vector<Group>> {
    std::vector<Group> found;
    found.reserve(keys.size());
    for (const std::string& key : keys) {
      CARILLON_TRY(Group group, find_group(db, project, key));
      found.push_back(std::move(group));
    }
    return found;
  });
}

Task<Result<std::vector<Group>>> SqlStore::list_groups(std::int32_t project, ListPage page) {
  co_return co_await read_people([project, page = std::move(page)](Db& db) -> Result<std::vector<Group>> {
    std::vector<Group> found;
    Statement s = db.statement("SELECT " CARILLON_GROUP_COLUMNS
                               " FROM user_group WHERE project = ?1 AND key > ?2 ORDER BY key LIMIT ?3");
    s.bind(1, std::int64_t{project}).bind(2, page.after_key).bind(3, rows_of(page));
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return found;
      found.push_back(read_group(s));
    }
  });
}

Task<Result<std::vector<Group>>> SqlStore::groups_of(UserKey key) {
  constexpr std::int64_t kGroupsMax = 10'000;
  co_return co_await read_people([key = std::move(key)](Db& db) -> Result<std::vector<Group>> {
    std::vector<Group> found;
    Statement s = db.statement(
        "SELECT " CARILLON_GROUP_COLUMNS
        " FROM user_group g WHERE project = ?1 AND key IS NOT NULL AND EXISTS (SELECT 1 FROM member m "
        "WHERE m.user_group = g.id AND m.user_id = ?2 AND m.removed IS NULL) ORDER BY key LIMIT ?3");
    s.bind(1, std::int64_t{key.project}).bind(2, key.user_id).bind(3, kGroupsMax);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return found;
      found.push_back(read_group(s));
    }
  });
}

Result<MembershipChange> SqlStore::change_members_in(Txn& txn, std::int32_t project, const std::string& key,
                                                     std::span<const std::string> piece, bool is_removal,
                                                     const Actor& actor, Time now) {
  MembershipChange done;
  CARILLON_TRY(done.group, find_group(txn.db, project, key));
  if (done.group.id == 0) return fail(Errc::NotFound, "no such group");
  CARILLON_CHECK(txn.db.statement("UPDATE member_seq SET value = value + 1").run());
  CARILLON_TRY(const std::int64_t seq, txn.db.scalar("SELECT value FROM member_seq"));
  CARILLON_TRY(done.changed, is_removal ? remove_members(txn.db, done.group.id, piece, seq)
                                        : add_members(txn.db, done.group.id, piece, seq));
  if (done.changed == 0) return done;
  done.group.members += is_removal ? -done.changed : done.changed;
  done.group.updated_at = now;
  CARILLON_CHECK(txn.db.statement("UPDATE user_group SET n = ?2, updated_at = ?3 WHERE id = ?1")
                     .bind(1, done.group.id)
                     .bind(2, done.group.members)
                     .bind(3, now)
                     .run());
  CARILLON_CHECK(
      insert_audit(txn, audit_of(done.group, is_removal ? "group.remove_members" : "group.add_members", actor,
                                 fmt::format("{{\"members\":{}}}", done.changed), now)));
  return done;
}

Task<Result<MembershipChange>> SqlStore::change_members(std::int32_t project, std::string key,
                                                        std::vector<std::string> user_ids, bool is_removal,
                                                        Actor actor, Time now) {
  if (user_ids.size() > kChangeMax)
    co_return fail(Errc::InvalidArgument, "at most 10,000 members change at a time");
  // In their order in the table, which then is written front to back.
  std::ranges::sort(user_ids);
  MembershipChange change;
  for (std::size_t begin = 0; begin == 0 || begin < user_ids.size(); begin += kChangePiece) {
    const std::span<const std::string> piece = std::span<const std::string>(user_ids).subspan(
        begin, std::min(kChangePiece, user_ids.size() - begin));
    const auto call = [project, &key, &actor, piece, is_removal, now](Txn& txn) {
      return change_members_in(txn, project, key, piece, is_removal, actor, now);
    };
    CARILLON_CO_TRY(MembershipChange done, co_await write(call, JobClass::Other, piece.size() + 1));
    change.changed += done.changed;
    change.group = std::move(done.group);
  }
  co_return change;
}

Task<Result<std::vector<Member>>> SqlStore::members(MembersQuery query) {
  co_return co_await read_people([query = std::move(query)](Db& db) -> Result<std::vector<Member>> {
    const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, kMembersMax);
    std::vector<Member> members;
    for (const AudienceGroup& group : query.groups) {
      CARILLON_CHECK(read_members(db, group, query, static_cast<std::int64_t>(limit), members));
    }
    // Of those who are in several, the first entry that still holds them counts. What is cut off is read
    // again: every group gave its next `limit`, so none is missing below the cut.
    std::ranges::sort(members, [](const Member& a, const Member& b) {
      return std::tie(a.user_id, a.has_left, a.entry) < std::tie(b.user_id, b.has_left, b.entry);
    });
    members.erase(std::ranges::unique(members, {}, &Member::user_id).begin(), members.end());
    if (members.size() > limit) members.resize(limit);
    for (Member& member : members) {
      if (!member.has_left) continue;
      CARILLON_TRY(const bool is_in, is_member_now(db, query.groups, member.user_id));
      member.has_left = !is_in;
    }
    return members;
  });
}

Result<bool> drop_deleted_groups(Txn& txn) {
  CARILLON_TRY(const std::int64_t group,
               txn.db.scalar("SELECT id FROM user_group WHERE key IS NULL AND NOT EXISTS "
                             "(SELECT 1 FROM main.expansion WHERE is_done = 0) LIMIT 1"));
  if (group == 0) return false;
  Statement s = txn.db.statement(
      "DELETE FROM member WHERE user_group = ?1 AND (user_id, added) IN "
      "(SELECT user_id, added FROM member WHERE user_group = ?1 LIMIT ?2)");
  CARILLON_CHECK(s.bind(1, group).bind(2, kDropPiece).run());
  if (txn.db.changes() == kDropPiece) return true;
  CARILLON_CHECK(txn.db.statement("DELETE FROM user_group WHERE id = ?1").bind(1, group).run());
  return true;
}

}  // namespace carillon::store::detail
