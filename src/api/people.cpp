// Users, their devices and preferences.
#include "api/people.h"

#include <algorithm>
#include <cctype>

#include "model/address.h"
#include "providers/catalog.h"

namespace carillon::api {
namespace {

constexpr int kTriesMax = 4;  // when somebody else changes the same user at the same time
constexpr std::size_t kDeviceIdMax = model::kTokenMax;

std::string_view user_arg(const Call& call) { return call.args[0]; }

std::optional<Failure> check_user_id(std::string_view id) {
  if (!is_user_id(id)) return Failure(422, "invalid_user_id", user_id_rule());
  return std::nullopt;
}

}  // namespace

Task<Result<ProfilePtr>> load_user(Call& call) {
  std::vector<store::UserKey> keys{{call.who.project, std::string(user_arg(call))}};
  CARILLON_CO_TRY(auto found, co_await call.deps.store.profiles(std::move(keys)));
  co_return std::move(found.front());
}

Failure no_user(const Call& call) { return not_found(fmt::format("user '{}'", user_arg(call))); }

std::string etag(std::int64_t version) { return fmt::format("\"{}\"", version); }

namespace {

std::optional<Failure> check_version(const Call& call, const model::Profile* stored) {
  const std::string_view wanted = call.request.header("If-Match");
  if (wanted.empty() || (wanted == "*" && stored != nullptr)) return std::nullopt;
  if (stored != nullptr && wanted == etag(stored->version)) return std::nullopt;
  return Failure(412, "precondition_failed", "the user was changed since the ETag in If-Match was read");
}

}  // namespace

Task<std::expected<Changed, Failure>> change_profile(Call& call, ChangeOptions options, Change change) {
  for (int tries = 1;; ++tries) {
    CARILLON_CO_TRY(const ProfilePtr stored, co_await load_user(call));
    if (!stored && !options.may_create) co_return std::unexpected(no_user(call));
    if (auto failure = check_version(call, stored.get())) co_return std::unexpected(std::move(*failure));
    Changed changed;
    changed.is_new = stored == nullptr;
    if (stored) {
      changed.profile = *stored;
    } else {
      changed.profile.project = call.who.project;
      changed.profile.user_id = user_arg(call);
      changed.profile.created_at = call.now;
    }
    changed.profile.is_anonymous = options.is_anonymous;
    base::Problems problems;
    base::JsonElement body;
    if (options.has_body) { CARILLON_CO_TRY(body, parse_body(call.request.body)); }
    change(call, body, changed.profile, problems);
    if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
    model::seal_secrets(call.deps.keys.sealer, changed.profile);
    const bool is_own = call.who.who == Who::Client || call.who.who == Who::Publishable;
    store::ProfileChange note{call.actor(),          options.source.empty() ? call.source() : options.source,
                              options.is_preference, call.view().settings.unique_email,
                              options.claims,        !is_own};
    const auto written = co_await call.deps.store.put_profile(changed.profile, std::move(note), call.now);
    if (written) {
      changed.profile.version = written->version;
      co_return changed;
    }
    if (written.error().code == Errc::AlreadyExists) {
      co_return failed_at("/email", "email_taken", "another user has this e-mail address");
    }
    if (written.error().code != Errc::Conflict || tries == kTriesMax)
      co_return std::unexpected(Failure(written.error()));
  }
}

namespace {

Reply user_reply(const model::Profile& profile, int status) {
  base::JsonWriter out(1024);
  model::write_user(out, profile);
  Reply reply = json_reply(out, status);
  reply.headers.emplace_back("ETag", etag(profile.version));
  return reply;
}

// What a body says with its own word for nothing at all: PUT forgets what it does not name.
bool names(base::JsonElement body, std::string_view key) {
  base::JsonElement found;
  return body.is_object() && body[key].get(found) == simdjson::SUCCESS;
}

void replace_user(const Call&, base::JsonElement body, model::Profile& profile, base::Problems& problems) {
  model::Profile fresh = profile;
  for (std::string* field : {&fresh.name, &fresh.email, &fresh.phone_number, &fresh.country_code,
                             &fresh.locale, &fresh.time_zone, &fresh.attributes}) {
    field->clear();
  }
  model::read_user(body, fresh, problems);
  if (!names(body, "addresses")) fresh.addresses.clear();
  profile = std::move(fresh);
}

void patch_user(const Call&, base::JsonElement body, model::Profile& profile, base::Problems& problems) {
  model::read_user(body, profile, problems);
}

Task<Answer> put_user(Call& call) {
  if (auto failure = check_user_id(user_arg(call))) co_return std::unexpected(std::move(*failure));
  CARILLON_CO_TRY(const Changed changed, co_await change_profile(call, {.may_create = true}, replace_user));
  co_return user_reply(changed.profile, changed.is_new ? 201 : 200);
}

Task<Answer> patch_user_route(Call& call) {
  CARILLON_CO_TRY(const Changed changed, co_await change_profile(call, {}, patch_user));
  co_return user_reply(changed.profile, 200);
}

Task<Answer> get_user(Call& call) {
  CARILLON_CO_TRY(const ProfilePtr profile, co_await load_user(call));
  if (!profile) co_return std::unexpected(no_user(call));
  co_return user_reply(*profile, 200);
}

Task<Answer> delete_user(Call& call) {
  CARILLON_CO_TRY(const ProfilePtr profile, co_await load_user(call));
  if (!profile) co_return std::unexpected(no_user(call));
  if (auto failure = check_version(call, profile.get())) co_return std::unexpected(std::move(*failure));
  store::UserKey key{call.who.project, std::string(user_arg(call))};
  CARILLON_CO_CHECK(co_await call.deps.store.delete_profile(std::move(key), call.actor(), call.now));
  co_return no_content();
}

// ---- by address
constexpr std::size_t kBeginMin = 3;  // characters before a *

Failure bad_address(bool is_phone, std::string detail) {
  return failed_at("?address", is_phone ? "invalid_phone" : "invalid_email", std::move(detail)).error();
}

// "anna@example.com", "+821012345678", or how one begins and a *.
std::expected<store::AddressQuery, Failure> read_address_query(const Call& call, const Paging& paging) {
  std::string text(call.param("address"));
  if (text.starts_with(' ')) text.front() = '+';  // as a query has it that nobody escaped
  store::AddressQuery query;
  query.project = call.who.project;
  query.limit = paging.limit;
  query.is_phone = !text.contains('@') &&
                   (text.starts_with('+') || text.find_first_not_of("0123456789-() *") == std::string::npos);
  const bool is_begin = text.ends_with('*');
  if (is_begin) {
    text.pop_back();
    const bool is_text = base::to_valid_utf8(text) == text && std::ranges::none_of(text, [](char c) {
                           return static_cast<unsigned char>(c) < 0x21;
                         });
    if (text.size() < kBeginMin || !is_text) {
      return std::unexpected(bad_address(
          query.is_phone, fmt::format("give at least {} characters of it before the *", kBeginMin)));
    }
    for (std::size_t i = std::min(text.find('@'), text.size()); i < text.size(); ++i)
      text[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[i])));
    query.first = text;
    query.last = text + "\U0010FFFF";
  } else {
    auto address = query.is_phone ? model::normalize_phone(text) : model::normalize_email(text);
    if (!address) return std::unexpected(bad_address(query.is_phone, address.error().message));
    query.first = query.last = std::move(*address);
  }
  const std::size_t end = std::min(paging.after.key.find('\n'), paging.after.key.size());
  query.after_address = paging.after.key.substr(0, end);
  query.after_user = paging.after.key.substr(std::min(end + 1, paging.after.key.size()));
  return query;
}

Task<Answer> list_by_address(Call& call, const Paging& paging) {
  CARILLON_CO_TRY(auto query, read_address_query(call, paging));
  const bool is_phone = query.is_phone;
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.profiles_by_address(std::move(query)));
  base::JsonWriter out(512 * rows.size() + 64);
  out.object().key("data").array();
  for (const auto& profile : rows) model::write_user(out, *profile);
  out.end_array();
  write_page(out, call, paging, rows, [is_phone](const auto& row) {
    return fmt::format("{}\n{}", is_phone ? row->phone_number : row->email, row->user_id);
  });
  co_return json_reply(out);
}

Task<Answer> list_users(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  if (!call.param("address").empty()) co_return co_await list_by_address(call, paging);
  store::ListPage page;
  page.limit = paging.limit;
  page.after_key = paging.after.key;
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.list_profiles(call.who.project, page));
  base::JsonWriter out(512 * rows.size() + 64);
  out.object().key("data").array();
  for (const auto& profile : rows) {
    if (!profile->is_anonymous) model::write_user(out, *profile);
  }
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row->user_id; });
  co_return json_reply(out);
}

// ---- devices
}  // namespace

std::string anonymous_user(const Call& call, std::string_view device_id) {
  const base::Hash128 hash =
      call.deps.keys.lookup_hash({"anonymous", std::to_string(call.who.project), device_id});
  return "anon_" + base::hex(std::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
}

std::optional<Failure> check_device_id(std::string_view id) {
  if (!id.empty() && id.size() <= kDeviceIdMax) return std::nullopt;
  return Failure(422, "invalid_device_id", fmt::format("a device_id has 1 to {} bytes", kDeviceIdMax));
}

namespace {

template <class P>
auto find_device(P& profile, std::string_view id) {
  return std::ranges::find(profile.devices, id, &model::Device::device_id);
}

// The apps whose devices the integrations in use serve through `service`, each once.
std::vector<std::string> bundles_of(const Call& call, std::string_view service) {
  std::vector<std::string> bundles;
  for (const auto& integration : call.view().integrations) {
    const auto* const type = providers::find_provider(integration.provider);
    if (!integration.enabled || type == nullptr || type->service != service) continue;
    const std::string& bundle = integration.bundle;
    if (!bundle.empty() && std::ranges::find(bundles, bundle) == bundles.end()) bundles.push_back(bundle);
  }
  return bundles;
}

// A device in the short form that does not name its app belongs to the only one there is (CONTRACT §6).
void fill_bundle(const Call& call, base::JsonElement body, model::Device& device, base::Problems& problems) {
  if (!problems.empty() || names(body, "endpoints") || names(body, "bundle") || !device.bundle.empty())
    return;
  const auto bundles = bundles_of(call, model::default_push_service(device.platform));
  if (bundles.size() == 1) device.bundle = bundles.front();
  if (bundles.size() <= 1) return;
  problems.push_back({"/bundle", "required",
                      fmt::format("several apps have {} devices; name one of: {}",
                                  model::name(device.platform), fmt::join(bundles, ", "))});
}

}  // namespace

void put_device_into(const Call& call, base::JsonElement body, const model::Device* claimed,
                     model::Profile& profile, base::Problems& problems) {
  model::Device device;
  device.device_id = call.args[1];
  const auto it = find_device(profile, device.device_id);
  if (claimed != nullptr && it == profile.devices.end()) device = *claimed;
  if (it != profile.devices.end()) device.last_logged_in_at = it->last_logged_in_at;
  model::read_device(body, device, call.now, problems);
  fill_bundle(call, body, device, problems);
  if (it != profile.devices.end()) {
    *it = std::move(device);
  } else {
    profile.devices.push_back(std::move(device));
  }
}

namespace {

void patch_device_in(const Call& call, base::JsonElement body, model::Profile& profile,
                     base::Problems& problems) {
  const auto it = find_device(profile, call.args[1]);
  if (it == profile.devices.end()) return;
  model::read_device(body, *it, call.now, problems);
  if (names(body, "platform")) fill_bundle(call, body, *it, problems);
}

void drop_device(const Call& call, base::JsonElement, model::Profile& profile, base::Problems&) {
  std::erase_if(profile.devices, [&](const model::Device& d) { return d.device_id == call.args[1]; });
}

Failure no_device(const Call& call) {
  return not_found(fmt::format("device of that id with user '{}'", user_arg(call)));
}

}  // namespace

Reply device_reply(const model::Profile& profile, std::string_view id, int status) {
  base::JsonWriter out(512);
  model::write_device(out, *find_device(profile, id));
  return json_reply(out, status);
}

namespace {

Task<std::expected<model::Profile, Failure>> with_device(Call& call) {
  CARILLON_CO_TRY(const ProfilePtr profile, co_await load_user(call));
  if (!profile) co_return std::unexpected(no_user(call));
  model::Profile copy = *profile;
  if (find_device(copy, call.args[1]) == copy.devices.end()) co_return std::unexpected(no_device(call));
  co_return copy;
}

// The device as it is known so far under an anonymous user, if it is.
Task<Result<ProfilePtr>> load_anonymous(Call& call) {
  std::vector<store::UserKey> keys{{call.who.project, anonymous_user(call, call.args[1])}};
  CARILLON_CO_TRY(auto found, co_await call.deps.store.profiles(std::move(keys)));
  if (found.front() && !found.front()->is_anonymous) found.front() = nullptr;
  co_return std::move(found.front());
}

}  // namespace

Task<Answer> put_device(Call& call) {
  if (auto failure = check_device_id(call.args[1])) co_return std::unexpected(std::move(*failure));
  CARILLON_CO_TRY(const ProfilePtr before, co_await load_user(call));
  const bool is_known = before && std::ranges::find(before->devices, call.args[1],
                                                    &model::Device::device_id) != before->devices.end();
  CARILLON_CO_TRY(const ProfilePtr anonymous, co_await load_anonymous(call));
  ChangeOptions options;
  if (anonymous) options.claims = anonymous->user_id;
  const Change change = [anonymous](const Call& c, base::JsonElement body, model::Profile& profile,
                                    base::Problems& problems) {
    const bool has_device = anonymous && !anonymous->devices.empty();
    put_device_into(c, body, has_device ? &anonymous->devices.front() : nullptr, profile, problems);
  };
  CARILLON_CO_TRY(const Changed changed, co_await change_profile(call, std::move(options), change));
  co_return device_reply(changed.profile, call.args[1], is_known ? 200 : 201);
}

namespace {

Task<Answer> patch_device(Call& call) {
  CARILLON_CO_CHECK(co_await with_device(call));
  CARILLON_CO_TRY(Changed changed, co_await change_profile(call, {}, patch_device_in));
  if (find_device(changed.profile, call.args[1]) == changed.profile.devices.end()) {
    co_return std::unexpected(no_device(call));
  }
  co_return device_reply(changed.profile, call.args[1], 200);
}

}  // namespace

Task<Answer> get_device(Call& call) {
  CARILLON_CO_TRY(const auto profile, co_await with_device(call));
  co_return device_reply(profile, call.args[1], 200);
}

Task<Answer> delete_device(Call& call) {
  CARILLON_CO_CHECK(co_await with_device(call));
  CARILLON_CO_CHECK(co_await change_profile(call, {.has_body = false}, drop_device));
  co_return no_content();
}

Task<Answer> list_devices(Call& call) {
  CARILLON_CO_TRY(const ProfilePtr profile, co_await load_user(call));
  if (!profile) co_return std::unexpected(no_user(call));
  base::JsonWriter out(1024);
  out.object().key("data").array();
  for (const auto& device : profile->devices) model::write_device(out, device);
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  co_return json_reply(out);
}

// ---- preferences
void check_categories(const Call& call, base::JsonElement body, base::Problems& problems) {
  base::JsonArray named;
  if (body["preferences"].get_array().get(named) != simdjson::SUCCESS) return;
  const auto& categories = call.view().categories;
  std::size_t i = 0;
  for (const auto item : named) {
    std::string_view category;
    if (item["category"].get_string().get(category) == simdjson::SUCCESS && category != "*" &&
        !categories.contains(category)) {
      problems.push_back({fmt::format("/preferences/{}/category", i), "unknown_category",
                          fmt::format("there is no category '{}'", category.substr(0, 64))});
    }
    ++i;
  }
}

namespace {

template <bool replace>
void change_preferences(const Call& call, base::JsonElement body, model::Profile& profile,
                        base::Problems& problems) {
  model::read_preferences(body, profile, replace, problems);
  if (problems.empty()) check_categories(call, body, problems);
}

Reply preferences_reply(const model::Profile& profile) {
  base::JsonWriter out(512);
  model::write_preferences(out, profile);
  Reply reply = json_reply(out);
  reply.headers.emplace_back("ETag", etag(profile.version));
  return reply;
}

Task<Answer> get_preferences(Call& call) {
  CARILLON_CO_TRY(const ProfilePtr profile, co_await load_user(call));
  if (!profile) co_return std::unexpected(no_user(call));
  co_return preferences_reply(*profile);
}

template <bool replace>
Task<Answer> write_preferences_route(Call& call) {
  CARILLON_CO_TRY(const Changed changed,
                  co_await change_profile(call, {.is_preference = true}, change_preferences<replace>));
  co_return preferences_reply(changed.profile);
}

Task<Answer> preference_log(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  CARILLON_CO_TRY(const ProfilePtr profile, co_await load_user(call));
  store::UserKey key{call.who.project, std::string(user_arg(call))};
  const store::ListPage page = paging.by_id();
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.preference_log(std::move(key), page));
  // What somebody chose can be shown after they were deleted; until they are erased.
  if (!profile && rows.empty()) co_return std::unexpected(no_user(call));
  base::JsonWriter out(256 * rows.size() + 64);
  out.object().key("data").array();
  for (const auto& row : rows) {
    out.object().field("at", to_rfc3339(row.at)).field("actor", row.actor).field("source", row.source);
    out.key("change").raw(row.change.empty() ? "{}" : row.change).end_object();
  }
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row.id; });
  co_return json_reply(out);
}

constexpr Route person(std::string_view method, std::string_view pattern, Handler handler,
                       std::string_view summary, std::string_view request = {},
                       std::string_view response = {}, int status = 200, std::string_view query = {}) {
  return {.method = method,
          .pattern = pattern,
          .access = allow(kScopePeople, "people"),
          .handler = handler,
          .tag = "People",
          .summary = summary,
          .request = request,
          .response = response,
          .status = status,
          .query = query};
}

}  // namespace

std::span<const Route> people_routes() {
  static const Route kRoutes[] = {
      person(
          "GET", "/v1/users", list_users,
          "List users by id, or those whose e-mail address or phone number is address, or begins so (anna*)",
          {}, "UserList", 200, "limit after address"),
      person("PUT", "/v1/users/{user_id}", put_user, "Register a user, or replace what is known", "User",
             "User"),
      person("GET", "/v1/users/{user_id}", get_user, "One user", {}, "User"),
      person("PATCH", "/v1/users/{user_id}", patch_user_route, "Change what the body names", "User", "User"),
      person("DELETE", "/v1/users/{user_id}", delete_user, "Remove a user and the devices", {}, {}, 204),
      person("GET", "/v1/users/{user_id}/devices", list_devices, "The devices of a user", {}, "DeviceList"),
      person("PUT", "/v1/users/{user_id}/devices/{device_id}", put_device,
             "Register a device; its tokens move here", "Device", "Device"),
      person("GET", "/v1/users/{user_id}/devices/{device_id}", get_device, "One device", {}, "Device"),
      person("PATCH", "/v1/users/{user_id}/devices/{device_id}", patch_device, "Change what the body names",
             "Device", "Device"),
      person("DELETE", "/v1/users/{user_id}/devices/{device_id}", delete_device, "Forget a device", {}, {},
             204),
      person("GET", "/v1/users/{user_id}/preferences", get_preferences, "What a user wants", {},
             "Preferences"),
      person("PUT", "/v1/users/{user_id}/preferences", write_preferences_route<true>,
             "Replace all preferences", "Preferences", "Preferences"),
      person("PATCH", "/v1/users/{user_id}/preferences", write_preferences_route<false>,
             "Change the named pairs", "Preferences", "Preferences"),
      person("GET", "/v1/users/{user_id}/preferences/log", preference_log,
             "Who changed which preference, and when", {}, "PreferenceLog", 200, "limit after"),
  };
  return kRoutes;
}

}  // namespace carillon::api
