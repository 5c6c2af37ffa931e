// What the calls of signing in share.
#pragma once

#include <optional>
#include <string>

#include "api/accounts.h"
#include "api/call.h"

namespace carillon::api {

// ---- the session of a request (session_identity.cpp)
// Loads the session whose cookie the request carries into `call`; to be asked of a request without an
// Authorization header. Nothing when it carries none, or came in where cookies are not taken. Failures: 503
// store_unavailable.
Task<std::optional<Failure>> load_session(Call& call, Entrance entrance);
// Who that is, as far as it stands: with what unsafe methods have to bring. Nobody when there is none, it has
// ended, or the member is gone or disabled. Failures: 403 cross_site · 403 csrf.
[[nodiscard]] std::expected<Identity, Failure> session_identity(const Call& call);
// Notes that it is used, when that was not noted lately: not each request writes.
Task<void> touch_session(const Call& call);

// ---- answers (sign_in.cpp)
// Failures: 403 cross_site: a page of another site may not sign somebody in.
[[nodiscard]] std::optional<Failure> refuse_other_origins(const Call& call);
// The failure of what was examined; nullopt: it is right. Tells the audit trail what was wrong, now and then.
Task<std::optional<Failure>> failure_of(Call& call, const Examined& examined, std::string member);
// Begins a session of the member and answers with it and its cookie. `login`: as Accounts::examine() left it.
// `invitation`: see store::SessionStart. Failures: 401 wrong_code (used at the same time) · those of the
// store.
Task<Answer> begin_session(Call& call, std::shared_ptr<const model::Member> member, store::Login login,
                           std::string invitation);

// ---- invitations (invitations.cpp)
struct InvitationLink {
  std::string url;
  Time expires_at{};
};
struct InvitationOrder {
  std::string member;
  std::optional<store::Login> reset;  // see SessionStore::invite()
  std::string base_url;               // of the console, without a slash at the end
  Millis lifetime{0};
};
// A one-time link by which the member joins, or sets a new password; an earlier one is void. `store` and
// `keys` outlive it. Errors: as of SessionStore::invite().
Task<Result<InvitationLink>> make_invitation(store::SessionStore& store, const base::KeyRing& keys,
                                             InvitationOrder order, store::Actor actor, Time now);

}  // namespace carillon::api
