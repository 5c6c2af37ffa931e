// Logins of members, their sessions and invitations.
#include "store/sessions.h"

#include "store/detail/pieces.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

#define CARILLON_SESSION_COLUMNS "id, hash, member, created_at, seen_at, expires_at, user_agent, origin"

Session read_session(const Statement& s) {
  return Session{.id = s.integer(0),
                 .hash = s.string(1),
                 .member = s.string(2),
                 .created_at = s.time(3),
                 .seen_at = s.time(4),
                 .expires_at = s.time(5),
                 .user_agent = s.string(6),
                 .origin = s.string(7)};
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out.append(out.empty() ? "" : " ").append(word);
  return out;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

Result<Login> find_login(Db& db, std::string_view member) {
  Statement s = db.statement(
      "SELECT version, password, totp, pending_totp, totp_step, recovery FROM member_login WHERE member = "
      "?1");
  CARILLON_TRY(const bool has_row, s.bind(1, member).next());
  if (!has_row) return Login{};
  return Login{.password = s.string(1),
               .totp = s.string(2),
               .pending_totp = s.string(3),
               .totp_step = s.integer(4),
               .recovery = split(s.text(5)),
               .version = s.integer(0)};
}

Result<void> expect_member(Txn& txn, std::string_view member) {
  Statement s = txn.db.statement("SELECT 1 FROM record WHERE kind = 'member' AND project = 0 AND key = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, member).next());
  if (!has_row) return fail(Errc::NotFound, "there is no such member any more");
  return {};
}

Result<void> write_login(Txn& txn, std::string_view member, const Login& login) {
  CARILLON_CHECK(expect_member(txn, member));
  CARILLON_TRY(const Login stored, find_login(txn.db, member));
  if (stored == login) return {};
  if (stored.version != login.version)
    return fail(Errc::Conflict, "how this member signs in was changed at the same time; try again");
  const std::string recovery = join(login.recovery);
  Statement s = txn.db.statement(
      "INSERT INTO member_login(member, version, password, totp, pending_totp, totp_step, recovery) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(member) DO UPDATE SET version = excluded.version, "
      "password = excluded.password, totp = excluded.totp, pending_totp = excluded.pending_totp, "
      "totp_step = excluded.totp_step, recovery = excluded.recovery");
  s.bind(1, member).bind(2, login.version + 1).bind_or_null(3, login.password).bind_or_null(4, login.totp);
  s.bind_or_null(5, login.pending_totp).bind(6, login.totp_step);
  return s.bind_or_null(7, recovery).run();
}

// How many there were.
Result<std::int64_t> end_but(Txn& txn, std::string_view member, std::int64_t kept) {
  CARILLON_CHECK(txn.db.statement("DELETE FROM session WHERE member = ?1 AND id <> ?2")
                     .bind(1, member)
                     .bind(2, kept)
                     .run());
  return txn.db.changes();
}

// What has expired, and the oldest, so that there is room for one more.
Result<void> make_room(Txn& txn, std::string_view member, Time now) {
  CARILLON_CHECK(txn.db.statement("DELETE FROM session WHERE member = ?1 AND expires_at <= ?2")
                     .bind(1, member)
                     .bind(2, now)
                     .run());
  return txn.db
      .statement(
          "DELETE FROM session WHERE id IN "
          "(SELECT id FROM session WHERE member = ?1 ORDER BY id DESC LIMIT 9223372036854775807 OFFSET ?2)")
      .bind(1, member)
      .bind(2, static_cast<std::int64_t>(kSessionsMax - 1))
      .run();
}

Result<void> insert_session(Txn& txn, const Session& session) {
  Statement s = txn.db.statement("INSERT INTO session(" CARILLON_SESSION_COLUMNS
                                 ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  s.bind(1, session.id).bind(2, session.hash).bind(3, session.member).bind(4, session.created_at);
  s.bind(5, session.seen_at).bind(6, session.expires_at);
  return s.bind_or_null(7, session.user_agent).bind_or_null(8, session.origin).run();
}

// An invitation that still holds is used up.
Result<void> use_invitation(Txn& txn, std::string_view member, std::string_view hash, Time now) {
  CARILLON_CHECK(
      txn.db.statement("DELETE FROM invitation WHERE member = ?1 AND hash = ?2 AND expires_at > ?3")
          .bind(1, member)
          .bind(2, hash)
          .bind(3, now)
          .run());
  if (txn.db.changes() == 0) return fail(Errc::NotFound, "this link was used, replaced, or is too old");
  return {};
}

AuditEntry entry_of(const Actor& actor, std::string action, std::string_view member, Time now,
                    std::string detail = {}) {
  return AuditEntry{.project = 0,
                    .at = now,
                    .actor = actor,
                    .action = std::move(action),
                    .object = std::string(member),
                    .detail = std::move(detail)};
}

}  // namespace

Result<void> forget_member(Txn& txn, std::string_view member) {
  CARILLON_CHECK(txn.db.statement("DELETE FROM member_login WHERE member = ?1").bind(1, member).run());
  CARILLON_CHECK(txn.db.statement("DELETE FROM session WHERE member = ?1").bind(1, member).run());
  return txn.db.statement("DELETE FROM invitation WHERE member = ?1").bind(1, member).run();
}

class SqlSessions final : public SessionStore {
 public:
  explicit SqlSessions(SqlStore& store) : store_(store) {}

  Task<Result<std::optional<Session>>> find(std::string hash) override {
    co_return co_await store_.look([&hash](Db& db) -> Result<std::optional<Session>> {
      Statement s = db.statement("SELECT " CARILLON_SESSION_COLUMNS " FROM session WHERE hash = ?1");
      CARILLON_TRY(const bool has_row, s.bind(1, hash).next());
      if (!has_row) return std::nullopt;
      return read_session(s);
    });
  }

  Task<Result<Login>> login(std::string member) override {
    co_return co_await store_.look([&member](Db& db) { return find_login(db, member); });
  }

  Task<Result<void>> begin(SessionStart start, Actor actor, Time now) override {
    const auto call = [&start, &actor, now](Txn& txn) -> Result<void> {
      const std::string& member = start.session.member;
      CARILLON_CHECK(write_login(txn, member, start.login));
      if (!start.invitation.empty()) {
        CARILLON_CHECK(use_invitation(txn, member, start.invitation, now));
        CARILLON_CHECK(end_but(txn, member, 0));
      }
      CARILLON_CHECK(make_room(txn, member, now));
      CARILLON_CHECK(insert_session(txn, start.session));
      return SqlStore::insert_audit(
          txn,
          entry_of(actor, start.invitation.empty() ? "session.create" : "invitation.accept", member, now));
    };
    co_return co_await store_.write(call, JobClass::Other, 4);
  }

  Task<Result<void>> touch(std::int64_t id, Time seen_at) override {
    const auto call = [id, seen_at](Txn& txn) -> Result<void> {
      return txn.db.statement("UPDATE session SET seen_at = ?2 WHERE id = ?1 AND seen_at < ?2")
          .bind(1, id)
          .bind(2, seen_at)
          .run();
    };
    co_return co_await store_.write(call);
  }

  Task<Result<std::vector<Session>>> list(std::string member, Time now) override {
    co_return co_await store_.read([&member, now](Db& db) -> Result<std::vector<Session>> {
      Statement s =
          db.statement("SELECT " CARILLON_SESSION_COLUMNS
                       " FROM session WHERE member = ?1 AND expires_at > ?2 ORDER BY id DESC LIMIT ?3");
      s.bind(1, member).bind(2, now).bind(3, static_cast<std::int64_t>(kSessionsMax));
      std::vector<Session> sessions;
      for (;;) {
        CARILLON_TRY(const bool has_row, s.next());
        if (!has_row) return sessions;
        sessions.push_back(read_session(s));
      }
    });
  }

  Task<Result<std::int64_t>> end(std::string member, std::optional<std::int64_t> id, Actor actor,
                                 Time now) override {
    const auto call = [&member, id, &actor, now](Txn& txn) -> Result<std::int64_t> {
      std::int64_t ended = 0;
      if (id) {
        CARILLON_CHECK(txn.db.statement("DELETE FROM session WHERE member = ?1 AND id = ?2")
                           .bind(1, member)
                           .bind(2, *id)
                           .run());
        ended = txn.db.changes();
      } else {
        CARILLON_TRY(ended, end_but(txn, member, 0));
      }
      if (ended == 0) return 0;
      const std::string detail = fmt::format(R"({{"sessions":{}}})", ended);
      CARILLON_CHECK(SqlStore::insert_audit(txn, entry_of(actor, "session.delete", member, now, detail)));
      return ended;
    };
    co_return co_await store_.write(call, JobClass::Other, 2);
  }

  Task<Result<void>> end_all(Actor actor, Time now) override {
    const auto call = [&actor, now](Txn& txn) -> Result<void> {
      CARILLON_CHECK(txn.db.statement("DELETE FROM invitation").run());
      CARILLON_CHECK(txn.db.statement("DELETE FROM session").run());
      const std::int64_t ended = txn.db.changes();
      if (ended == 0) return {};
      const std::string detail = fmt::format(R"({{"sessions":{}}})", ended);
      return SqlStore::insert_audit(txn, entry_of(actor, "session.delete", {}, now, detail));
    };
    co_return co_await store_.write(call, JobClass::Other, 3);
  }

  Task<Result<void>> put_login(std::string member, Login login, LoginChange change, Actor actor,
                               Time now) override {
    const auto call = [&](Txn& txn) -> Result<void> {
      CARILLON_CHECK(write_login(txn, member, login));
      if (change.keeps) CARILLON_CHECK(end_but(txn, member, *change.keeps));
      return SqlStore::insert_audit(txn, entry_of(actor, change.action, member, now));
    };
    co_return co_await store_.write(call, JobClass::Other, 3);
  }

  Task<Result<void>> invite(Invitation invitation, std::optional<Login> reset, Actor actor,
                            Time now) override {
    const auto call = [&](Txn& txn) -> Result<void> {
      CARILLON_CHECK(expect_member(txn, invitation.member));
      if (reset) {
        CARILLON_CHECK(write_login(txn, invitation.member, *reset));
        CARILLON_CHECK(end_but(txn, invitation.member, 0));
      }
      CARILLON_CHECK(txn.db
                         .statement("INSERT INTO invitation(member, hash, expires_at) VALUES(?1, ?2, ?3) "
                                    "ON CONFLICT(member) DO UPDATE SET hash = excluded.hash, expires_at = "
                                    "excluded.expires_at")
                         .bind(1, invitation.member)
                         .bind(2, invitation.hash)
                         .bind(3, invitation.expires_at)
                         .run());
      return SqlStore::insert_audit(
          txn, entry_of(actor, reset ? "password.reset" : "invitation.create", invitation.member, now));
    };
    co_return co_await store_.write(call, JobClass::Other, 4);
  }

  Task<Result<std::optional<Invitation>>> invitation(std::string hash, Time now) override {
    co_return co_await store_.look([&hash, now](Db& db) -> Result<std::optional<Invitation>> {
      Statement s =
          db.statement("SELECT member, hash, expires_at FROM invitation WHERE hash = ?1 AND expires_at > ?2");
      CARILLON_TRY(const bool has_row, s.bind(1, hash).bind(2, now).next());
      if (!has_row) return std::nullopt;
      return Invitation{s.string(0), s.string(1), s.time(2)};
    });
  }

 private:
  SqlStore& store_;
};

std::unique_ptr<SessionStore> SqlStore::make_sessions() { return std::make_unique<SqlSessions>(*this); }

}  // namespace carillon::store::detail
