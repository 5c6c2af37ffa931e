// Whom the cookie of a request signs in.
#include <algorithm>

#include "api/router.h"
#include "api/session_cookie.h"
#include "api/sessions.h"
#include "base/log.h"

namespace carillon::api {
namespace {

constexpr std::string_view kOfTheApi = "/v1/";
constexpr Millis kTouchEvery{5LL * 60'000};  // at most; less with a short idle time-out

bool is_safe(std::string_view method) noexcept { return method == "GET" || method == "HEAD"; }

}  // namespace

Task<std::optional<Failure>> load_session(Call& call, Entrance entrance) {
  if (entrance != Entrance::Tcp || !call.request.path().starts_with(kOfTheApi)) co_return std::nullopt;
  call.session_token = find_session_token(call.request, call.is_secure, call.deps.keys);
  if (call.session_token.empty()) co_return std::nullopt;
  auto found = co_await call.deps.store.sessions().find(call.deps.keys.credential_hash(call.session_token));
  if (!found) co_return Failure(found.error());
  call.session = std::move(*found);
  co_return std::nullopt;
}

std::expected<Identity, Failure> session_identity(const Call& call) {
  if (!call.session) return Identity{};
  const store::Session& session = *call.session;
  if (call.now >= session.expires_at || call.now >= session.seen_at + call.options.console.idle_timeout)
    return Identity{};
  const auto it = call.snapshot->members.find(session.member);
  if (it == call.snapshot->members.end() || it->second->is_disabled) return Identity{};
  if (!is_safe(call.request.method)) {
    if (is_of_another_origin(call.request, call.options.public_url))
      return failed(403, "cross_site", "a page of another origin may not call this");
    if (!base::equal_constant_time(call.request.header("X-CSRF-Token"),
                                   csrf_token(call.session_token, call.deps.keys))) {
      return failed(403, "csrf", "with a session cookie, send the csrf of GET /v1/session as X-CSRF-Token");
    }
  }
  Identity identity;
  identity.who = Who::Member;
  identity.member = it->second;
  identity.session_id = session.id;
  return identity;
}

Task<void> touch_session(const Call& call) {
  if (call.who.session_id == 0 || !call.session) co_return;
  const Millis every = std::min(kTouchEvery, call.options.console.idle_timeout / 10);
  if (call.now < call.session->seen_at + every) co_return;
  const auto touched = co_await call.deps.store.sessions().touch(call.session->id, call.now);
  if (!touched) base::log_debug("the use of a session is not noted: {}", touched.error().message);
}

}  // namespace carillon::api
