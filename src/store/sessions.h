// The Store's part that knows how members sign in, who is signed in, and who was invited.
//
// Of whatever lets somebody in (a cookie, a link, a password, a recovery code) only a hash is stored, and
// what has to be read again (a TOTP secret) is sealed. All of it goes with the record of its member.
//
// Common errors, executors and `now`: as for the Store (store.h), of which this is a part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "store/actor.h"

namespace carillon::store {

inline constexpr std::size_t kSessionsMax = 20;  // of one member; the oldest go

// What a member signs in with; as below for one who never has.
struct Login {
  std::string password{};               // Argon2id, encoded; empty: none
  std::string totp{}, pending_totp{};   // sealed secrets; empty: none. Pending: not confirmed yet
  std::int64_t totp_step = 0;           // of the last code that was taken
  std::vector<std::string> recovery{};  // hashes of codes that stand for one of the app, each good once
  std::int64_t version = 0;             // as it was read: a change finds that or is refused
  friend bool operator==(const Login&, const Login&) = default;
};

struct Session {
  std::int64_t id = 0;
  std::string hash;  // of the cookie
  std::string member;
  Time created_at{}, seen_at{}, expires_at{};  // seen_at: the last touch()
  std::string user_agent{}, origin{};          // of the request that signed in
};

struct Invitation {
  std::string member;
  std::string hash;  // of the token in the link
  Time expires_at{};
};

// Somebody signs in.
struct SessionStart {
  Session session;
  Login login;               // as it was read, with what signing in changes (totp_step, recovery, password)
  std::string invitation{};  // hash of the one that is used up by it; empty: none
};

struct LoginChange {
  std::string action{};                 // for the audit trail, such as "password.update"
  std::optional<std::int64_t> keeps{};  // every session of the member but this one ends
};

class SessionStore {
 public:
  virtual ~SessionStore() = default;

  // By the hash of its cookie, also when it has expired; nullopt: there is none. Cheap (inline on the
  // caller's thread).
  virtual Task<Result<std::optional<Session>>> find(std::string hash) = 0;
  // Cheap likewise.
  virtual Task<Result<Login>> login(std::string member) = 0;
  // Audited as session.create, or invitation.accept; then every other session of the member ends. Sessions
  // that have expired go, and the oldest above kSessionsMax. Errors: NotFound (no such member, or no such
  // invitation that still holds) · Conflict (the login was changed meanwhile).
  virtual Task<Result<void>> begin(SessionStart start, Actor actor, Time now) = 0;
  // It was used at that time. Not audited; one that has ended stays so.
  virtual Task<Result<void>> touch(std::int64_t id, Time seen_at) = 0;
  // Those that have not expired, newest first.
  virtual Task<Result<std::vector<Session>>> list(std::string member, Time now) = 0;
  // Ends one of a member's sessions, or all; how many there were. Audited as session.delete when there was
  // one.
  virtual Task<Result<std::int64_t>> end(std::string member, std::optional<std::int64_t> id, Actor actor,
                                         Time now) = 0;
  // Ends every session of everybody, and voids every link: what was brought back from earlier cannot know
  // what ended since. Audited as session.delete when there was a session.
  virtual Task<Result<void>> end_all(Actor actor, Time now) = 0;
  // Errors: NotFound (no such member) · Conflict (changed meanwhile).
  virtual Task<Result<void>> put_login(std::string member, Login login, LoginChange change, Actor actor,
                                       Time now) = 0;
  // In the place of an earlier one of that member. With `reset` the login becomes that, and every session
  // ends: audited as password.reset, else as invitation.create. Errors: NotFound · Conflict as put_login().
  virtual Task<Result<void>> invite(Invitation invitation, std::optional<Login> reset, Actor actor,
                                    Time now) = 0;
  // By the hash of its token; nullopt: none that still holds.
  virtual Task<Result<std::optional<Invitation>>> invitation(std::string hash, Time now) = 0;
};

}  // namespace carillon::store
