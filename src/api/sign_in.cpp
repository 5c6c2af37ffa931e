// Signing in and out, and one's own sessions.
#include <algorithm>
#include <chrono>

#include "api/router.h"
#include "api/session_cookie.h"
#include "api/sessions.h"
#include "base/log.h"

namespace carillon::api {
namespace {

constexpr std::size_t kWhoMax = 320;        // bytes of an e-mail address or a key, as typed
constexpr std::size_t kTypedMax = 4'096;    // bytes of a password, as typed
constexpr std::size_t kCodeMax = 64;        // bytes of a code, as typed
constexpr std::size_t kUserAgentMax = 256;  // bytes that are kept

constexpr std::string_view kWrong = "there is no member with this address and password";

void write_projects(base::JsonWriter& out, const Call& call, const model::Member& member) {
  std::vector<const pipeline::ProjectView*> views;
  for (const auto& [id, view] : call.snapshot->projects) {
    if (member.role_in(view->name)) views.push_back(view.get());
  }
  std::ranges::sort(views, {}, [](const auto* view) { return std::string_view(view->name); });
  out.key("projects").array();
  for (const auto* view : views) {
    out.object().field("key", view->name).field("name", view->title);
    out.field("role", model::name(*member.role_in(view->name))).key("apps");
    const auto apps = member.apps_in(view->name);
    if (apps.empty()) {
      out.null();
    } else {
      out.array();
      for (const std::string& app : apps) out.value(app);
      out.end_array();
    }
    out.end_object();
  }
  out.end_array();
}

Reply session_reply(const Call& call, const model::Member& member, const store::Session& session,
                    std::string_view token, bool has_totp) {
  base::JsonWriter out(1024);
  out.object().key("member").object();
  out.field("key", member.key).field("name", member.name).field("email", member.email);
  out.key("grants").object();
  for (const auto& [project, role] : member.grants) out.field(project, model::name(role));
  out.end_object();
  model::write_member_apps(out, member);
  out.field("has_totp", has_totp).end_object();
  write_projects(out, call, member);
  out.field("is_installation_admin", member.is_of_installation());
  out.field("csrf", csrf_token(token, call.deps.keys));
  const Time idle_end = call.now + call.options.console.idle_timeout;
  out.field("expires_at", to_rfc3339(std::min(session.expires_at, idle_end))).end_object();
  return json_reply(out);
}

// Who is meant by an e-mail address, or a key; null: nobody, or several.
std::shared_ptr<const model::Member> find_meant(const pipeline::Snapshot& snapshot, const std::string& who) {
  if (const auto it = snapshot.members.find(who); it != snapshot.members.end()) return it->second;
  const auto it = snapshot.member_emails.find(model::email_key(who));
  return it == snapshot.member_emails.end() ? nullptr : it->second;
}

// Guesses at somebody who is not there count likewise: an answer does not tell who is.
std::string subject_of(const Call& call, const model::Member* member, std::string_view who) {
  if (member != nullptr) return member->key;
  return "?" + call.deps.keys.credential_hash(who).substr(0, 32);
}

Task<Answer> sign_in(Call& call) {
  if (auto failure = refuse_other_origins(call)) co_return std::unexpected(std::move(*failure));
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  std::string who;
  Attempt attempt;
  reader.require("email");
  reader.require("password");
  reader.text("email", who, kWhoMax);
  reader.text("password", attempt.password, kTypedMax);
  reader.text("code", attempt.code, kCodeMax);
  reader.done();
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  const auto member = find_meant(*call.snapshot, who);
  attempt.subject = subject_of(call, member.get(), who);
  attempt.address = call.peer;
  attempt.member = member ? member->key : std::string();
  attempt.is_doomed = !member || member->is_disabled;
  attempt.now = call.now;
  CARILLON_CO_TRY(attempt.login, co_await call.deps.store.sessions().login(attempt.member));
  Examined examined = co_await call.accounts->examine(std::move(attempt));
  if (auto failure = co_await failure_of(call, examined, member ? member->key : std::string()))
    co_return std::unexpected(std::move(*failure));
  co_return co_await begin_session(call, member, std::move(examined.login), {});
}

Task<Answer> get_session(Call& call) {
  CARILLON_CO_TRY(const store::Login login, co_await call.deps.store.sessions().login(call.who.member->key));
  co_return session_reply(call, *call.who.member, *call.session, call.session_token, !login.totp.empty());
}

Task<Answer> end_session(Call& call, std::int64_t id) {
  CARILLON_CO_TRY(const std::int64_t ended,
                  co_await call.deps.store.sessions().end(call.who.member->key, id, call.actor(), call.now));
  if (ended == 0) co_return std::unexpected(not_found("session of yours with this id"));
  Reply reply = no_content();
  if (id == call.who.session_id) reply.headers.emplace_back("Set-Cookie", no_session_cookie(call.is_secure));
  co_return reply;
}

Task<Answer> sign_out(Call& call) { co_return co_await end_session(call, call.who.session_id); }

Task<Answer> list_sessions(Call& call) {
  CARILLON_CO_TRY(const auto sessions,
                  co_await call.deps.store.sessions().list(call.who.member->key, call.now));
  base::JsonWriter out(2048);
  out.object().key("data").array();
  for (const store::Session& session : sessions) {
    const bool is_current = session.id == call.who.session_id;
    if (call.now >= session.seen_at + call.options.console.idle_timeout) continue;
    out.object();
    write_id(out, "id", base::kSessionPrefix, session.id);
    out.field("created_at", to_rfc3339(session.created_at));
    out.field("last_seen_at", to_rfc3339(is_current ? call.now : session.seen_at));
    out.field("expires_at", to_rfc3339(session.expires_at));
    out.field_or_null("user_agent", session.user_agent).field_or_null("origin", session.origin);
    out.field("current", is_current).end_object();
  }
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  co_return json_reply(out);
}

Task<Answer> delete_session(Call& call) {
  CARILLON_CO_TRY(const std::int64_t id, path_id(call, base::kSessionPrefix));
  co_return co_await end_session(call, id);
}

}  // namespace

std::optional<Failure> refuse_other_origins(const Call& call) {
  if (!is_of_another_origin(call.request, call.options.public_url)) return std::nullopt;
  return Failure(403, "cross_site", "a page of another origin may not call this");
}

Task<std::optional<Failure>> failure_of(Call& call, const Examined& examined, std::string member) {
  std::string_view reason;
  std::optional<Failure> failure;
  switch (examined.verdict) {
    case Verdict::Right: co_return std::nullopt;
    case Verdict::WrongPassword:
      reason = member.empty() ? "unknown_member" : "wrong_password";
      failure.emplace(401, "wrong_credentials", std::string(kWrong));
      break;
    case Verdict::CodeNeeded:
      co_return Failure(401, "totp_required", "give the code of your authenticator app too");
    case Verdict::WrongCode:
      reason = "wrong_code";
      failure.emplace(401, "wrong_code", "this code is wrong, was used, or is not of this minute");
      break;
    case Verdict::TooMany: {
      Failure limited(429, "too_many_attempts", "too many attempts failed; wait, or ask an administrator");
      limited.retry_after = examined.retry_after;
      co_return limited;
    }
    case Verdict::Failed:
      co_return Failure(500, "internal_error",
                        "what was given could not be looked at; the log has the reason");
  }
  if (co_await call.accounts->may_tell(member, call.now)) {
    store::AuditEntry entry;
    entry.at = call.now;
    entry.actor = {"nobody", call.request_id, call.peer};
    entry.action = "session.fail";
    entry.object = std::move(member);
    entry.detail = fmt::format(R"({{"reason":"{}"}})", reason);
    const auto told = co_await call.deps.store.put_audit(std::move(entry));
    if (!told) base::log_warn("a failed sign-in is not in the audit trail: {}", told.error().message);
  }
  co_return failure;
}

Task<Answer> begin_session(Call& call, std::shared_ptr<const model::Member> member, store::Login login,
                           std::string invitation) {
  const std::string token = make_session_token(call.deps.keys);
  const ConsoleOptions& console = call.options.console;
  store::SessionStart start;
  start.session.id = call.deps.ids.take();
  start.session.hash = call.deps.keys.credential_hash(token);
  start.session.member = member->key;
  start.session.created_at = start.session.seen_at = call.now;
  start.session.expires_at = call.now + console.session_lifetime;
  start.session.user_agent = std::string(
      base::first_characters(base::to_valid_utf8(call.request.header("User-Agent")), kUserAgentMax));
  start.session.origin = call.peer;
  start.login = std::move(login);
  start.invitation = std::move(invitation);
  const store::Session session = start.session;
  const bool has_totp = !start.login.totp.empty();
  store::Actor actor("member:" + member->key, call.request_id, call.peer);
  const auto begun = co_await call.deps.store.sessions().begin(std::move(start), std::move(actor), call.now);
  if (!begun && begun.error().code == Errc::Conflict && has_totp)
    co_return failed(401, "wrong_code", "this code was used at the same time; give the next one");
  if (!begun) co_return std::unexpected(Failure(begun.error()));
  Reply reply = session_reply(call, *member, session, token, has_totp);
  const auto lifetime = std::chrono::duration_cast<std::chrono::seconds>(console.session_lifetime).count();
  reply.headers.emplace_back("Set-Cookie", session_cookie(token, lifetime, call.is_secure));
  reply.headers.emplace_back("Cache-Control", "no-store");
  co_return reply;
}

std::span<const Route> session_routes() {
  static const Route kRoutes[] = {
      {.method = "POST",
       .pattern = "/v1/session",
       .access = kOpen,
       .handler = sign_in,
       .tag = "Signing in",
       .summary = "Sign in with a password, and a code where the member has set one up; sets a cookie",
       .request = "SignIn",
       .response = "Session"},
      {.method = "GET",
       .pattern = "/v1/session",
       .access = kSignedIn,
       .handler = get_session,
       .tag = "Signing in",
       .summary = "Who is signed in, what they may do where, and the token for changes",
       .response = "Session"},
      {.method = "DELETE",
       .pattern = "/v1/session",
       .access = kSignedIn,
       .handler = sign_out,
       .tag = "Signing in",
       .summary = "Sign out",
       .status = 204},
      {.method = "GET",
       .pattern = "/v1/sessions",
       .access = kSignedIn,
       .handler = list_sessions,
       .tag = "Signing in",
       .summary = "Where you are signed in, newest first",
       .response = "OwnSessionList"},
      {.method = "DELETE",
       .pattern = "/v1/sessions/{id}",
       .access = kSignedIn,
       .handler = delete_session,
       .tag = "Signing in",
       .summary = "Sign out there",
       .status = 204},
  };
  return kRoutes;
}

}  // namespace carillon::api
