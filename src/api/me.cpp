// /v1/me: what a signed-in phone or browser does for its own user. The user is the token's, never the
// request's, so that nothing of anybody else can be named here.
#include "api/me.h"

#include <algorithm>

#include "api/people.h"
#include "api/rate.h"
#include "api/sending.h"

namespace carillon::api {
namespace {

using model::ClientScope;

constexpr std::size_t kHistoryPageMax = 50;  // each entry is rendered anew
constexpr Millis kSendPeriod{60'000};

// ---- devices: those of people.cpp, with the user in front
template <Task<Answer> (*handler)(Call&)>
Task<Answer> mine(Call& call) {
  call.args[1] = std::move(call.args[0]);
  call.args[0] = call.who.user_id;
  co_return co_await handler(call);
}

// ---- preferences
bool is_visible(const Call& call, const model::Preference& preference) {
  if (preference.category == "*") return true;
  const auto it = call.view().categories.find(preference.category);
  return it != call.view().categories.end() && it->second->visible;
}

}  // namespace

std::vector<const model::Category*> visible_categories(const Call& call) {
  std::vector<const model::Category*> found;
  for (const auto& [key, category] : call.view().categories) {
    if (category->visible) found.push_back(category.get());
  }
  std::ranges::sort(found, {}, &model::Category::key);
  return found;
}

namespace {

// What a page of preferences is drawn from.
void write_categories(base::JsonWriter& out, const Call& call) {
  out.key("categories").array();
  for (const model::Category* category : visible_categories(call)) {
    out.object().field("key", category->key).key("name").object();
    for (const auto& [locale, name] : category->names) out.field(locale, name);
    out.end_object().field("mandatory", category->mandatory).key("channels").array();
    for (const model::Channel channel : category->channels) out.value(model::name(channel));
    out.end_array().key("default_opt_in").object();
    for (std::size_t i = 0; i < model::kChannelCount; ++i) {
      out.field(model::name(static_cast<model::Channel>(i)), bool{category->default_opt_in[i]});
    }
    out.end_object().end_object();
  }
  out.end_array();
}

Reply preferences_reply(const Call& call, const model::Profile& profile) {
  model::Profile shown;
  shown.quiet_hours = profile.quiet_hours;
  std::ranges::copy_if(profile.preferences, std::back_inserter(shown.preferences),
                       [&](const auto& preference) { return is_visible(call, preference); });
  base::JsonWriter preferences(512);
  model::write_preferences(preferences, shown);
  std::string text = preferences.str();
  text.pop_back();  // the object goes on
  base::JsonWriter rest(1024);
  rest.object();
  write_categories(rest, call);
  rest.end_object();
  Reply reply;
  reply.body = std::move(text) + "," + rest.str().substr(1);
  reply.headers.emplace_back("ETag", etag(profile.version));
  return reply;
}

// A hidden category is one that is not there; a mandatory one is not the client's to switch off.
void check_named(const Call& call, base::JsonElement body, base::Problems& problems) {
  base::JsonArray named;
  if (body.at_key("preferences").get_array().get(named) != simdjson::SUCCESS) return;
  std::size_t i = 0;
  for (const auto item : named) {
    const std::string at = fmt::format("/preferences/{}/category", i++);
    std::string_view key;
    if (item.at_key("category").get_string().get(key) != simdjson::SUCCESS || key == "*") continue;
    const auto it = call.view().categories.find(key);
    if (it == call.view().categories.end() || !it->second->visible) {
      problems.push_back(
          {at, "unknown_category", fmt::format("there is no category '{}'", key.substr(0, 64))});
      continue;
    }
    bool opt_in = true;
    if (it->second->mandatory && item.at_key("opt_in").get_bool().get(opt_in) == simdjson::SUCCESS &&
        !opt_in) {
      problems.push_back(
          {at, "category_mandatory", fmt::format("'{}' cannot be switched off", key.substr(0, 64))});
    }
  }
}

template <bool replace>
void change_mine(const Call& call, base::JsonElement body, model::Profile& profile,
                 base::Problems& problems) {
  std::vector<model::Preference> hidden;
  if (replace) {
    std::ranges::copy_if(profile.preferences, std::back_inserter(hidden),
                         [&](const auto& preference) { return !is_visible(call, preference); });
  }
  model::read_preferences(body, profile, replace, problems);
  if (problems.empty()) check_named(call, body, problems);
  // What a client cannot see it does not replace.
  for (auto& preference : hidden) profile.preferences.push_back(std::move(preference));
}

Task<Answer> get_preferences(Call& call) {
  call.args[0] = call.who.user_id;
  CARILLON_CO_TRY(const ProfilePtr profile, co_await load_user(call));
  if (!profile) co_return std::unexpected(no_user(call));
  co_return preferences_reply(call, *profile);
}

template <bool replace>
Task<Answer> write_preferences(Call& call) {
  call.args[0] = call.who.user_id;
  CARILLON_CO_TRY(const Changed changed,
                  co_await change_profile(call, {.is_preference = true}, change_mine<replace>));
  co_return preferences_reply(call, changed.profile);
}

// ---- history
bool is_shown(const Call& call, std::string_view key) {
  const auto it = call.view().categories.find(key);
  return it != call.view().categories.end() && !it->second->sensitive;
}

}  // namespace

std::string_view title_of(const model::Message& said) noexcept {
  return said.title.empty() ? std::string_view(said.subject) : std::string_view(said.title);
}

Task<std::expected<OwnHistory, Failure>> own_history(Call& call, const Paging& paging,
                                                     std::optional<model::Channel> channel) {
  store::HistoryFilter filter;
  filter.channel = channel;
  filter.project = call.who.project;
  filter.user_id = call.who.user_id;
  filter.after = paging.after.id;
  filter.limit = std::min(paging.limit, kHistoryPageMax);
  CARILLON_CO_TRY(auto page, co_await call.deps.store.list_deliveries(std::move(filter)));
  std::vector<std::int64_t> ids;
  for (const auto& d : page.rows) ids.push_back(d.notification);
  std::vector<std::shared_ptr<const model::Notification>> notifications;
  if (!ids.empty()) {
    CARILLON_CO_TRY(notifications, co_await call.deps.store.notifications(std::move(ids)));
  }
  OwnHistory history;
  history.next = page.next;
  for (std::size_t i = 0; i < page.rows.size(); ++i) {
    OwnEntry entry;
    entry.delivery = std::move(page.rows[i]);
    if (notifications[i]) entry.category = notifications[i]->category;
    if (call.deps.pipeline != nullptr && is_shown(call, entry.category)) {
      auto message = co_await call.deps.pipeline->rendered(entry.delivery.id);
      if (message) entry.said = std::move(*message);
    }
    history.entries.push_back(std::move(entry));
  }
  co_return history;
}

namespace {

void write_said(base::JsonWriter& out, const model::Message* said) {
  out.field_or_null("title", said == nullptr ? std::string_view() : title_of(*said));
  out.field_or_null("body", said == nullptr ? std::string_view() : std::string_view(said->body));
  out.field_or_null("url", said == nullptr ? std::string_view() : std::string_view(said->url));
}

void write_entry(base::JsonWriter& out, const OwnEntry& entry) {
  const model::Delivery& d = entry.delivery;
  out.object();
  write_id(out, "id", base::kDeliveryPrefix, d.id);
  write_id(out, "notification_id", base::kNotificationPrefix, d.notification);
  out.field_or_null("category", entry.category);
  out.field("channel", model::name(d.channel()));
  out.field_or_null("device_id", d.device_id);
  out.field("status", model::name(d.status));
  out.field_or_null("reason", model::name(d.reason));
  out.field("created_at", to_rfc3339(base::id_time(d.id)));
  out.field_or_null("finished_at", d.finished_at);
  write_said(out, entry.said ? &*entry.said : nullptr);
  out.end_object();
}

Task<Answer> list_mine(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  CARILLON_CO_TRY(const auto channel, channel_param(call, "channel"));
  CARILLON_CO_TRY(const OwnHistory history, co_await own_history(call, paging, channel));
  base::JsonWriter out(512 * history.entries.size() + 64);
  out.object().key("data").array();
  for (const OwnEntry& entry : history.entries) write_entry(out, entry);
  out.end_array();
  write_page(out, call, paging, history.next);
  co_return json_reply(out);
}

// ---- sending
// What a client may say. The rest would reach others (email.cc), speak in another's name (from), or is for
// services to decide (priority).
constexpr std::string_view kClientFields[] = {
    "event_id", "to",    "category", "channels", "template", "params",       "title",    "body",
    "url",      "image", "locale",   "ttl",      "send_at",  "collapse_key", "metadata", "tags"};

// "to" may be left out, or name the caller and nobody else; with params and a locale for it.
void check_recipient(const Call& call, base::JsonElement to, base::Problems& problems) {
  base::JsonArray entries;
  std::string_view text;
  std::int64_t number = 0;
  bool is_self = to.get_array().get(entries) == simdjson::SUCCESS && entries.size() == 1;
  if (is_self) {
    const auto user = entries.at(0).at_key("user_id");
    is_self =
        user.get_string().get(text) == simdjson::SUCCESS
            ? text == call.who.user_id
            : user.get_int64().get(number) == simdjson::SUCCESS && std::to_string(number) == call.who.user_id;
  }
  if (!is_self) {
    problems.push_back(
        {"/to", "recipient_not_yourself", "a client sends to its own user only; leave to out"});
  }
}

// Before anything else that is wrong with a send that may not be made at all. A template's category is the
// pipeline's to look at.
std::optional<Failure> check_category(const Call& call, const base::JsonObject& body) {
  base::JsonElement unused;
  if (body.at_key("template").get(unused) == simdjson::SUCCESS) return std::nullopt;
  std::string_view key = "general";
  if (body.at_key("category").get(unused) == simdjson::SUCCESS &&
      unused.get_string().get(key) != simdjson::SUCCESS)
    return std::nullopt;
  const auto it = call.view().categories.find(key);
  if (it == call.view().categories.end() || it->second->client_allowed) return std::nullopt;
  Failure failure = failed_at("/category", "category_not_for_clients",
                              fmt::format("clients may not send in the category '{}'", key))
                        .error();
  failure.status = 403;
  return failure;
}

std::expected<std::string, Failure> own_send(const Call& call) {
  CARILLON_TRY(const auto root, parse_body(call.request.body));
  base::JsonObject body;
  if (root.get_object().get(body) != simdjson::SUCCESS) {
    return failed_at("", "wrong_type", "must be an object");
  }
  base::Problems problems;
  base::JsonWriter out(call.request.body.size() + 64);
  out.object();
  bool has_recipient = false;
  for (const auto [key, value] : body) {
    if (std::ranges::find(kClientFields, key) == std::end(kClientFields)) {
      problems.push_back({fmt::format("/{}", key.substr(0, 64)), "not_for_clients",
                          "clients cannot say this; leave it out"});
      if (problems.size() >= base::kMaxProblems) break;
    } else {
      if (key == "to") {
        has_recipient = true;
        check_recipient(call, value, problems);
      }
      out.key(key).element(value);
    }
  }
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  if (auto failure = check_category(call, body)) return std::unexpected(std::move(*failure));
  if (!has_recipient) {
    out.key("to").array().object().field("user_id", call.who.user_id).end_object().end_array();
  }
  out.end_object();
  return out.str();
}

Task<Answer> send_mine(Call& call) {
  if (call.options.client_send_limit == 0) {
    co_return failed(403, "forbidden", "clients may not send here; api.client_send_limit is 0");
  }
  CARILLON_CO_TRY(std::string body, own_send(call));
  cache::Take take;
  take.key = fmt::format("client/{}/{}", call.who.project, call.who.user_id);
  take.limit = call.options.client_send_limit;
  take.per = kSendPeriod;
  if (auto failure = co_await take_tokens(
          call, std::move(take),
          fmt::format("a user may send {} notifications per minute", call.options.client_send_limit))) {
    co_return std::unexpected(std::move(*failure));
  }
  call.request.body = std::move(body);
  co_return co_await send_any(call);
}

constexpr Route own(std::string_view method, std::string_view pattern, ClientScope scope, Handler handler,
                    std::string_view summary, std::string_view request = {}, std::string_view response = {},
                    int status = 200, std::string_view query = {}) {
  return {.method = method,
          .pattern = pattern,
          .access = client(scope),
          .handler = handler,
          .tag = "Me",
          .summary = summary,
          .request = request,
          .response = response,
          .status = status,
          .query = query};
}

}  // namespace

std::span<const Route> me_routes() {
  static const Route kRoutes[] = {
      own("GET", "/v1/me/devices", ClientScope::Devices, mine<list_devices>, "My devices", {}, "DeviceList"),
      own("PUT", "/v1/me/devices/{device_id}", ClientScope::Devices, mine<put_device>,
          "Register this device for me; an anonymous one of that id becomes mine", "Device", "Device"),
      own("GET", "/v1/me/devices/{device_id}", ClientScope::Devices, mine<get_device>, "One of my devices",
          {}, "Device"),
      own("DELETE", "/v1/me/devices/{device_id}", ClientScope::Devices, mine<delete_device>,
          "Forget a device of mine: signing out", {}, {}, 204),
      own("GET", "/v1/me/preferences", ClientScope::Preferences, get_preferences,
          "What I want, and the categories there are", {}, "MyPreferences"),
      own("PUT", "/v1/me/preferences", ClientScope::Preferences, write_preferences<true>,
          "Replace all my preferences", "Preferences", "MyPreferences"),
      own("PATCH", "/v1/me/preferences", ClientScope::Preferences, write_preferences<false>,
          "Change the named pairs", "Preferences", "MyPreferences"),
      own("GET", "/v1/me/notifications", ClientScope::Notifications, list_mine,
          "What I was sent, newest first", {}, "MyNotificationList", 200, "limit after channel"),
      {.method = "POST",
       .pattern = "/v1/me/notifications:send",
       .access = client(ClientScope::Send),
       .handler = send_mine,
       .tag = "Me",
       .summary = "Send something to myself, in a category that allows it",
       .request = "MySend",
       .response = "SendAnswer",
       .status = 202,
       .kind = RouteKind::Sends},
  };
  return kRoutes;
}

}  // namespace carillon::api
