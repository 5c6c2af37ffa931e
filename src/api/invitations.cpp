// One-time links by which members join, or come back with a new password.
//
// The token stands behind the # of the link, which browsers send to no server, and in bodies: never in a path
// or a query string, which logs keep.
#include "api/router.h"
#include "api/sessions.h"
#include "model/password.h"

namespace carillon::api {
namespace {

constexpr std::size_t kTokenLength = 43;  // of [0-9A-Za-z]: 256 bits
constexpr std::size_t kTokenMax = 128;    // bytes, as given
constexpr std::size_t kNameMax = 100;     // bytes
constexpr std::size_t kTypedMax = 4'096;  // bytes of a password, as typed
constexpr std::size_t kCodeMax = 64;

std::string token_hash(const base::KeyRing& keys, std::string_view token) {
  return keys.credential_hash(fmt::format("invitation/{}", token));
}

Failure no_member(const Call& call) {
  return not_found(fmt::format("member '{}'", call.args[0].substr(0, 64)));
}

Failure no_invitation() {
  return {404, "unknown_invitation",
          "this link was used, replaced by a newer one, or is too old; ask for another"};
}

Task<Answer> answer_link(Call& call, std::optional<store::Login> reset) {
  InvitationOrder order;
  order.member = call.args[0];
  order.reset = std::move(reset);
  order.base_url = call.options.public_url.empty() ? call.deps.listen_url() : call.options.public_url;
  order.lifetime = call.options.console.invitation_lifetime;
  auto link = co_await make_invitation(call.deps.store.sessions(), call.deps.keys, std::move(order),
                                       call.actor(), call.now);
  if (!link && link.error().code == Errc::NotFound) co_return std::unexpected(no_member(call));
  if (!link) co_return std::unexpected(Failure(link.error()));
  base::JsonWriter out;
  out.object().field("url", link->url).field("expires_at", to_rfc3339(link->expires_at)).end_object();
  co_return json_reply(out, 201);
}

Task<Answer> invite(Call& call) {
  const auto it = call.snapshot->members.find(call.args[0]);
  if (it == call.snapshot->members.end()) co_return std::unexpected(no_member(call));
  if (it->second->is_disabled)
    co_return failed(409, "failed_precondition", "the member is disabled; enable the member first");
  co_return co_await answer_link(call, std::nullopt);
}

Task<Answer> reset_password(Call& call) {
  base::Problems problems;
  bool with_totp = false;
  if (!call.request.body.empty()) {
    CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
    base::ObjectReader reader(root, "", problems);
    reader.boolean("totp", with_totp);
    reader.done();
  }
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  if (!call.snapshot->members.contains(call.args[0])) co_return std::unexpected(no_member(call));
  CARILLON_CO_TRY(store::Login login, co_await call.deps.store.sessions().login(call.args[0]));
  login.password.clear();
  if (with_totp) {
    login.totp.clear();
    login.pending_totp.clear();
    login.recovery.clear();
  }
  co_return co_await answer_link(call, std::move(login));
}

// The member whose link it is. Failures: 404 unknown_invitation · 403 member_disabled.
Task<std::expected<std::shared_ptr<const model::Member>, Failure>> find_invited(Call& call,
                                                                                std::string hash) {
  CARILLON_CO_TRY(const auto invitation,
                  co_await call.deps.store.sessions().invitation(std::move(hash), call.now));
  if (!invitation) co_return std::unexpected(no_invitation());
  const auto it = call.snapshot->members.find(invitation->member);
  if (it == call.snapshot->members.end()) co_return std::unexpected(no_invitation());
  if (it->second->is_disabled)
    co_return failed(403, "member_disabled", fmt::format("the member '{}' is disabled", it->first));
  co_return it->second;
}

Task<Answer> look_at_invitation(Call& call) {
  if (auto failure = refuse_other_origins(call)) co_return std::unexpected(std::move(*failure));
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  std::string token;
  reader.require("token");
  reader.text("token", token, kTokenMax);
  reader.done();
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  CARILLON_CO_TRY(const auto member, co_await find_invited(call, token_hash(call.deps.keys, token)));
  base::JsonWriter out;
  out.object().key("member").object().field("key", member->key).field("name", member->name);
  out.field("email", member->email).end_object().end_object();
  co_return json_reply(out);
}

struct Acceptance {
  std::string token, password, code;
  std::optional<std::string> name;
};

std::expected<Acceptance, Failure> read_acceptance(std::string_view body) {
  CARILLON_TRY(const auto root, parse_body(body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  Acceptance given;
  std::string name;
  reader.require("token");
  reader.require("password");
  reader.text("token", given.token, kTokenMax);
  reader.text("password", given.password, kTypedMax);
  reader.text("code", given.code, kCodeMax);
  if (reader.text("name", name, kNameMax)) given.name = std::move(name);
  reader.done();
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  given.password = model::normal_password(given.password);
  return given;
}

// Who has an authenticator app needs it here too: a link alone does not get around it.
Task<std::optional<Failure>> refuse_code(Call& call, std::string member, std::string code,
                                         store::Login& login) {
  Attempt attempt;
  attempt.subject = attempt.member = member;
  attempt.address = call.peer;
  attempt.code = std::move(code);
  attempt.login = login;
  attempt.is_password_wanted = false;
  attempt.now = call.now;
  Examined examined = co_await call.accounts->examine(std::move(attempt));
  if (auto failure = co_await failure_of(call, examined, member)) co_return failure;
  login = std::move(examined.login);
  co_return std::nullopt;
}

Task<Result<void>> rename(Call& call, const model::Member& member, std::string name) {
  const store::RecordKey key{std::string(pipeline::kKindMember), 0, member.key};
  CARILLON_CO_TRY(store::Record record, co_await call.deps.store.get_record(key));
  CARILLON_CO_TRY(model::Member changed, model::decode_member(record.data));
  changed.name = std::move(name);
  record.data = model::encode(changed);
  const std::int64_t version = record.version;
  store::Actor actor("member:" + member.key, call.request_id, call.peer);
  CARILLON_CO_CHECK(co_await call.deps.directory.put(std::move(record), version, std::move(actor)));
  co_return Result<void>{};
}

Task<Answer> accept_invitation(Call& call) {
  if (auto failure = refuse_other_origins(call)) co_return std::unexpected(std::move(*failure));
  CARILLON_CO_TRY(Acceptance given, read_acceptance(call.request.body));
  std::string hash = token_hash(call.deps.keys, given.token);
  CARILLON_CO_TRY(auto member, co_await find_invited(call, hash));
  auto named = std::make_shared<model::Member>(*member);
  if (given.name) named->name = *given.name;
  if (auto problem = model::password_problem(given.password, *named))
    co_return failed_at("/password", "weak_password", std::move(*problem));
  CARILLON_CO_TRY(store::Login login, co_await call.deps.store.sessions().login(member->key));
  if (!login.totp.empty()) {
    if (auto failure = co_await refuse_code(call, member->key, std::move(given.code), login))
      co_return std::unexpected(std::move(*failure));
  }
  CARILLON_CO_TRY(login.password, co_await call.accounts->hash(std::move(given.password)));
  if (named->name != member->name) {
    CARILLON_CO_CHECK(co_await rename(call, *member, named->name));
    call.snapshot = call.deps.directory.snapshot();
  }
  Answer answer = co_await begin_session(call, std::move(named), std::move(login), std::move(hash));
  if (!answer && answer.error().code == "not_found") co_return std::unexpected(no_invitation());
  co_return answer;
}

constexpr Route link_route(std::string_view pattern, Handler handler, std::string_view summary,
                           std::string_view request) {
  return {.method = "POST",
          .pattern = pattern,
          .access = kAdmin,
          .handler = handler,
          .tag = "Members",
          .summary = summary,
          .request = request,
          .response = "InvitationLink",
          .status = 201};
}

}  // namespace

Task<Result<InvitationLink>> make_invitation(store::SessionStore& store, const base::KeyRing& keys,
                                             InvitationOrder order, store::Actor actor, Time now) {
  const std::string token = base::random_text(kTokenLength);
  store::Invitation invitation;
  invitation.member = std::move(order.member);
  invitation.hash = token_hash(keys, token);
  invitation.expires_at = now + order.lifetime;
  const Time expires_at = invitation.expires_at;
  CARILLON_CO_CHECK(
      co_await store.invite(std::move(invitation), std::move(order.reset), std::move(actor), now));
  co_return InvitationLink{fmt::format("{}/#/join?token={}", order.base_url, token), expires_at};
}

std::span<const Route> invitation_routes() {
  static const Route kRoutes[] = {
      link_route("/v1/members/{key}/invite", invite,
                 "Make a one-time link by which a member sets a password; an "
                 "earlier one is void",
                 {}),
      with_optional_body(link_route(
          "/v1/members/{key}/reset-password", reset_password,
          "Take a member's password away, end all sessions, and make a one-time link for a new one",
          "PasswordReset")),
      {.method = "POST",
       .pattern = "/v1/invitations/look",
       .access = kOpen,
       .handler = look_at_invitation,
       .tag = "Signing in",
       .summary = "Whose link it is",
       .request = "InvitationToken",
       .response = "Invited"},
      {.method = "POST",
       .pattern = "/v1/invitations/accept",
       .access = kOpen,
       .handler = accept_invitation,
       .tag = "Signing in",
       .summary = "Set a password by a link, and sign in",
       .request = "InvitationAcceptance",
       .response = "Session"},
  };
  return kRoutes;
}

}  // namespace carillon::api
