// How a signed-in member signs in: the password, and the codes of an authenticator app.
#include "api/router.h"
#include "api/sessions.h"
#include "base/totp.h"
#include "model/password.h"

namespace carillon::api {
namespace {

constexpr std::size_t kTypedMax = 4'096;  // bytes of a password, as typed
constexpr std::size_t kCodeMax = 64;
constexpr std::string_view kIssuer = "Carillon";

// Whether it is the password of who is signed in, for what only that person may do. nullopt: it is.
Task<std::optional<Failure>> refuse_password(Call& call, const store::Login& login, std::string password,
                                             std::string pointer) {
  const std::string member = call.who.member->key;
  Attempt attempt;
  attempt.subject = attempt.member = member;
  attempt.address = call.peer;
  attempt.password = std::move(password);
  attempt.login = login;
  attempt.is_code_wanted = false;
  attempt.now = call.now;
  const Examined examined = co_await call.accounts->examine(std::move(attempt));
  auto failure = co_await failure_of(call, examined, member);
  // 401 would say that the session has ended.
  if (failure && failure->status == 401)
    failure = failed_at(std::move(pointer), "wrong_password", "this is not your password").error();
  co_return failure;
}

Task<Result<void>> put_own(Call& call, store::Login login, store::LoginChange change) {
  co_return co_await call.deps.store.sessions().put_login(call.who.member->key, std::move(login),
                                                          std::move(change), call.actor(), call.now);
}

Task<Answer> change_password(Call& call) {
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  std::string current, fresh;
  reader.require("current");
  reader.require("new");
  reader.text("current", current, kTypedMax);
  reader.text("new", fresh, kTypedMax);
  reader.done();
  fresh = model::normal_password(fresh);
  if (problems.empty()) {
    if (auto problem = model::password_problem(fresh, *call.who.member))
      reader.problem("new", "weak_password", std::move(*problem));
  }
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  CARILLON_CO_TRY(store::Login login, co_await call.deps.store.sessions().login(call.who.member->key));
  if (auto failure = co_await refuse_password(call, login, std::move(current), "/current"))
    co_return std::unexpected(std::move(*failure));
  CARILLON_CO_TRY(login.password, co_await call.accounts->hash(std::move(fresh)));
  CARILLON_CO_CHECK(co_await put_own(call, std::move(login), {"password.update", call.who.session_id}));
  co_return no_content();
}

Task<Answer> begin_totp(Call& call) {
  CARILLON_CO_TRY(store::Login login, co_await call.deps.store.sessions().login(call.who.member->key));
  if (!login.totp.empty())
    co_return failed(409, "totp_active", "codes are asked for already; remove that with your password first");
  const std::string& member = call.who.member->key;
  const std::string secret = base::random_bytes(base::kTotpSecretBytes);
  login.pending_totp = call.deps.keys.sealer.seal(secret, Accounts::totp_context(member));
  CARILLON_CO_CHECK(co_await put_own(call, std::move(login), {"totp.begin", std::nullopt}));
  const std::string& account = call.who.member->email.empty() ? member : call.who.member->email;
  base::JsonWriter out;
  out.object().field("secret", base::base32(secret));
  out.field("otpauth_url", base::otpauth_url(kIssuer, account, secret)).end_object();
  co_return json_reply(out);
}

Task<Answer> confirm_totp(Call& call) {
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  std::string code;
  reader.require("code");
  reader.text("code", code, kCodeMax);
  reader.done();
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  CARILLON_CO_TRY(store::Login login, co_await call.deps.store.sessions().login(call.who.member->key));
  if (login.pending_totp.empty())
    co_return failed(409, "totp_not_begun", "ask for a secret first: POST /v1/session/totp");
  CARILLON_CO_TRY(
      const base::Secret secret,
      call.deps.keys.sealer.open(login.pending_totp, Accounts::totp_context(call.who.member->key)));
  const auto step = base::match_totp(secret.reveal(), code, call.now, 0);
  if (!step) {
    co_return failed_at("/code", "invalid_code",
                        "this is not the app's present code; see that the clock of the phone is right");
  }
  login.totp = std::move(login.pending_totp);
  login.pending_totp.clear();
  login.totp_step = *step;
  login.recovery.clear();
  const auto codes = Accounts::make_recovery_codes();
  for (const std::string& each : codes) login.recovery.push_back(call.accounts->recovery_hash(each));
  CARILLON_CO_CHECK(co_await put_own(call, std::move(login), {"totp.create", std::nullopt}));
  base::JsonWriter out;
  out.object().key("recovery_codes").array();
  for (const std::string& each : codes) out.value(each);
  out.end_array().end_object();
  co_return json_reply(out);
}

Task<Answer> remove_totp(Call& call) {
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  std::string password;
  reader.require("password");
  reader.text("password", password, kTypedMax);
  reader.done();
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  CARILLON_CO_TRY(store::Login login, co_await call.deps.store.sessions().login(call.who.member->key));
  if (login.totp.empty() && login.pending_totp.empty())
    co_return std::unexpected(not_found("authenticator app set up"));
  if (auto failure = co_await refuse_password(call, login, std::move(password), "/password"))
    co_return std::unexpected(std::move(*failure));
  login.totp.clear();
  login.pending_totp.clear();
  login.recovery.clear();
  CARILLON_CO_CHECK(co_await put_own(call, std::move(login), {"totp.delete", std::nullopt}));
  co_return no_content();
}

}  // namespace

std::span<const Route> own_login_routes() {
  static const Route kRoutes[] = {
      {.method = "POST",
       .pattern = "/v1/session/password",
       .access = kSignedIn,
       .handler = change_password,
       .tag = "Signing in",
       .summary = "Change your password; everywhere else you are signed out",
       .request = "PasswordChange",
       .status = 204},
      {.method = "POST",
       .pattern = "/v1/session/totp",
       .access = kSignedIn,
       .handler = begin_totp,
       .tag = "Signing in",
       .summary = "A secret for your authenticator app; it counts once a code of it is given",
       .response = "TotpSecret"},
      {.method = "PUT",
       .pattern = "/v1/session/totp",
       .access = kSignedIn,
       .handler = confirm_totp,
       .tag = "Signing in",
       .summary = "Ask for codes from now on; the answer has codes for when the phone is lost, shown once",
       .request = "TotpCode",
       .response = "RecoveryCodes"},
      {.method = "DELETE",
       .pattern = "/v1/session/totp",
       .access = kSignedIn,
       .handler = remove_totp,
       .tag = "Signing in",
       .summary = "Ask for codes no more",
       .request = "OwnPassword",
       .status = 204},
  };
  return kRoutes;
}

}  // namespace carillon::api
