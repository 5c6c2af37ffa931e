// What lets phones and browsers in: tokens of users, and anonymous devices.
#include <algorithm>

#include "api/people.h"
#include "api/rate.h"
#include "model/client_token.h"

namespace carillon::api {
namespace {

constexpr std::size_t kScopesMax = 8;

// ---- tokens
struct NewToken {
  Millis ttl = model::kClientTtlDefault;
  unsigned scopes = model::kClientScopesAll;
};

std::expected<NewToken, Failure> read_new_token(const Call& call) {
  CARILLON_TRY(const auto root, parse_body(call.request.body.empty() ? std::string_view("{}")
                                                                     : std::string_view(call.request.body)));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  NewToken wanted;
  reader.duration("ttl", wanted.ttl, model::kClientTtlMin, model::kClientTtlMax);
  std::vector<std::string> names;
  if (reader.texts("scopes", names, kScopesMax, 32)) {
    wanted.scopes = 0;
    for (const auto& name : names) {
      const auto scope = model::parse_client_scope(name);
      if (!scope)
        reader.problem("scopes", "invalid_choice", "use devices, preferences, notifications and send");
      if (scope) wanted.scopes |= static_cast<unsigned>(*scope);
    }
    if (names.empty()) reader.problem("scopes", "required", "give at least one scope, or leave scopes out");
  }
  reader.done();
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return wanted;
}

Task<Answer> post_token(Call& call) {
  CARILLON_CO_TRY(const NewToken wanted, read_new_token(call));
  CARILLON_CO_TRY(const ProfilePtr profile, co_await load_user(call));
  if (!profile || profile->is_anonymous) co_return std::unexpected(no_user(call));
  model::ClientToken token;
  token.project = call.who.project;
  token.app = call.who.app_id();
  token.issued_at = std::max(call.now, profile->tokens_after);  // see delete_tokens
  token.expires_at = call.now + wanted.ttl;
  token.scopes = wanted.scopes;
  token.is_test = call.who.is_test;
  token.user_id = profile->user_id;
  const auto& keys = call.deps.keys;
  base::JsonWriter out;
  out.object().field("token", model::write_client_token(token, keys.sealer.key_id(), keys.client_key));
  out.field("expires_at", to_rfc3339(token.expires_at)).key("scopes").array();
  for (const auto scope : {model::ClientScope::Devices, model::ClientScope::Preferences,
                           model::ClientScope::Notifications, model::ClientScope::Send}) {
    if ((token.scopes & static_cast<unsigned>(scope)) != 0) out.value(model::name(scope));
  }
  out.end_array().end_object();
  co_return json_reply(out, 201);
}

// One millisecond ahead: a token of the same millisecond that was made before is called back, and one made
// after carries this time.
void call_back(const Call& call, base::JsonElement, model::Profile& profile, base::Problems&) {
  profile.tokens_after = std::max(profile.tokens_after, call.now + Millis(1));
}

Task<Answer> delete_tokens(Call& call) {
  CARILLON_CO_TRY(const ProfilePtr profile, co_await load_user(call));
  if (!profile || profile->is_anonymous) co_return std::unexpected(no_user(call));
  CARILLON_CO_CHECK(co_await change_profile(call, {.has_body = false}, call_back));
  co_return no_content();
}

// ---- anonymous devices
Failure no_device() { return not_found("anonymous device of that id"); }

// args: the device → the user who stands for it, the device.
void name_anonymous(Call& call) {
  call.args[1] = std::move(call.args[0]);
  call.args[0] = anonymous_user(call, call.args[1]);
}

// A publishable key can be read out of any copy of the app. Who signs in moves a device by its id; with this
// key alone it takes the push token too, which only the phone itself knows.
bool knows_a_token(const model::Device& owned, const model::Device& given) {
  return std::ranges::any_of(given.endpoints, [&](const model::Endpoint& endpoint) {
    return std::ranges::any_of(owned.endpoints, [&](const model::Endpoint& other) {
      return other.service == endpoint.service && other.token == endpoint.token;
    });
  });
}

Task<std::optional<Failure>> take_registration(Call& call) {
  if (call.who.who != Who::Publishable) co_return std::nullopt;
  cache::Take take;
  take.key = fmt::format("register/{}{}", call.who.app->id, call.who.is_test ? "/test" : "");
  take.limit = call.options.registration_limit;
  co_return co_await take_tokens(call, std::move(take),
                                 "devices register faster than this key may; try again");
}

Task<Answer> put_anonymous(Call& call) {
  if (auto failure = check_device_id(call.args[0])) co_return std::unexpected(std::move(*failure));
  if (auto failure = co_await take_registration(call)) co_return std::unexpected(std::move(*failure));
  name_anonymous(call);
  auto owner = co_await call.deps.store.find_device(call.who.project, call.args[1]);
  if (!owner && owner.error().code != Errc::NotFound) co_return std::unexpected(Failure(owner.error()));
  std::optional<model::Device> owned;
  if (owner && !owner->user_id.starts_with("anon_")) owned = std::move(owner->device);
  ChangeOptions options;
  options.may_create = true;
  options.is_anonymous = true;
  const Change change = [owned](const Call& c, base::JsonElement body, model::Profile& profile,
                                base::Problems& problems) {
    put_device_into(c, body, nullptr, profile, problems);
    if (!owned || !problems.empty() || knows_a_token(*owned, profile.devices.front())) return;
    problems.push_back(
        {"", "device_in_use",
         "a signed-in user has this device; sign out with DELETE /v1/me/devices/{device_id} first"});
  };
  CARILLON_CO_TRY(const Changed changed, co_await change_profile(call, std::move(options), change));
  co_return device_reply(changed.profile, call.args[1], changed.is_new ? 201 : 200);
}

Task<std::expected<ProfilePtr, Failure>> load_anonymous(Call& call) {
  name_anonymous(call);
  CARILLON_CO_TRY(ProfilePtr profile, co_await load_user(call));
  if (!profile || !profile->is_anonymous || profile->devices.empty()) co_return std::unexpected(no_device());
  co_return profile;
}

Task<Answer> get_anonymous(Call& call) {
  CARILLON_CO_TRY(const ProfilePtr profile, co_await load_anonymous(call));
  co_return device_reply(*profile, call.args[1], 200);
}

Task<Answer> delete_anonymous(Call& call) {
  CARILLON_CO_CHECK(co_await load_anonymous(call));
  store::UserKey key{call.who.project, call.args[0]};
  CARILLON_CO_CHECK(co_await call.deps.store.delete_profile(std::move(key), call.actor(), call.now));
  co_return no_content();
}

constexpr Access kPeople = allow(kScopePeople, "people");
constexpr Access kRegister{kScopePeople, "people", false, 0, true};

}  // namespace

Task<std::optional<Failure>> refuse_client(Call& call) {
  std::vector<store::UserKey> keys{{call.who.project, call.who.user_id}};
  const auto found = co_await call.deps.store.profiles(std::move(keys));
  if (!found) co_return Failure(found.error());
  const ProfilePtr& profile = found->front();
  std::string_view why;
  if (!profile || profile->is_anonymous) {
    why = "the user of this token is not registered";
  } else if (call.who.issued_at < profile->tokens_after) {
    why = "this token was called back; ask for a new one";
  } else if (call.who.is_own_token && call.who.issued_at < profile->since()) {
    why = "the user this token was made for was deleted";  // and another has the id now
  }
  if (why.empty()) co_return std::nullopt;
  Failure failure(401, "unauthenticated", std::string(why));
  failure.headers.emplace_back("WWW-Authenticate", R"(Bearer realm="carillon", error="invalid_token")");
  co_return failure;
}

std::span<const Route> client_routes() {
  static const Route kRoutes[] = {
      {.method = "POST",
       .pattern = "/v1/users/{user_id}/tokens",
       .access = kPeople,
       .handler = post_token,
       .tag = "People",
       .summary = "Make a token with which a phone or browser acts for this user",
       .request = "NewClientToken",
       .response = "ClientToken",
       .status = 201,
       .kind = RouteKind::Creates,
       .is_body_optional = true},
      {.method = "DELETE",
       .pattern = "/v1/users/{user_id}/tokens",
       .access = kPeople,
       .handler = delete_tokens,
       .tag = "People",
       .summary = "Refuse every token of this user that was made until now",
       .status = 204},
      {.method = "PUT",
       .pattern = "/v1/devices/{device_id}",
       .access = kRegister,
       .handler = put_anonymous,
       .tag = "Anonymous devices",
       .summary = "Register a device before anybody signed in on it",
       .request = "Device",
       .response = "Device"},
      {.method = "GET",
       .pattern = "/v1/devices/{device_id}",
       .access = kPeople,
       .handler = get_anonymous,
       .tag = "Anonymous devices",
       .summary = "One device that nobody has claimed",
       .response = "Device"},
      {.method = "DELETE",
       .pattern = "/v1/devices/{device_id}",
       .access = kPeople,
       .handler = delete_anonymous,
       .tag = "Anonymous devices",
       .summary = "Forget a device that nobody has claimed",
       .status = 204},
  };
  return kRoutes;
}

}  // namespace carillon::api
