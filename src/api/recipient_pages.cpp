// /p: pages on which recipients see and say what they want and what they got, without signing in. The link is
// signed and names one user, who is then the caller as on /v1/me; whoever has it may use it until it ends.
#include "api/recipient_pages.h"

#include <algorithm>

#include "api/pages.h"
#include "api/people.h"
#include "api/rate.h"
#include "api/recipient_form.h"
#include "api/router.h"
#include "api/send_answer.h"
#include "api/sending.h"
#include "api/tracking.h"
#include "base/log.h"
#include "model/public_link.h"

namespace carillon::api {
namespace {

using model::Channel;

constexpr std::size_t kEntriesShown = 20;
constexpr std::size_t kFormMax = 128 * 1024;                       // bytes
constexpr std::int64_t kVisitsPerMinute = 120, kFreshPerHour = 3;  // of one user
constexpr Millis kMinute{60'000}, kHour{3'600'000};
constexpr std::string_view kPage = "/p/{token}";

std::string_view browser_language(const Call& call, std::string_view locale = {}) {
  return page_language(locale, call.request.header("Accept-Language"));
}

// One and the same for whatever is no link: forged, of a project or user that is gone, called back, of an
// address that is somebody else's by now.
Reply gone_page(const Call& call) {
  const RecipientWords& words = words_in(browser_language(call));
  return said_page(words, 404, words.gone, words.gone_help);
}

Reply failed_page(const Call& call, const Failure& failure) {
  const RecipientWords& words = words_in(browser_language(call));
  const std::string_view text = failure.status == 429 ? words.too_often : words.later;
  const int status = failure.status == 429 || failure.status == 503 ? failure.status : 500;
  if (status != 429) base::log_warn("a recipient's page was answered {}: {}", status, failure.detail);
  Reply reply = said_page(words, status, words.settings, text);
  if (failure.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*failure.retry_after).count();
    reply.headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(seconds, 1)));
  }
  return reply;
}

// After a form was posted: to a page that can be loaded again. `to` is relative.
Reply go_on(std::string to) {
  Reply reply;
  reply.status = 303;
  reply.content_type = "text/plain; charset=utf-8";
  reply.headers.emplace_back("Location", std::move(to));
  return uncached(std::move(reply));
}

Task<std::optional<Failure>> take(Call& call, std::string what, std::int64_t limit, Millis per) {
  cache::Take bucket;
  bucket.key = fmt::format("{}/{}/{}", what, call.who.project, call.who.user_id);
  bucket.limit = limit;
  bucket.per = per;
  co_return co_await take_tokens(call, std::move(bucket), "this link is used too often");
}

// The link's user is the caller from here on.
void become(Call& call, const model::PreferenceLink& link) {
  call.who = Identity{};
  call.who.who = Who::Client;
  call.who.project = link.project;
  call.who.user_id = link.user_id;
  call.who.issued_at = link.expires_at - model::kPreferenceLinkTtl;
  call.who.expires_at = link.expires_at;
  call.who.is_own_token = true;
  call.args[0] = link.user_id;
}

// The address by which messages of that channel go to the user now; empty where a link is not bound to one.
std::string_view address_of(const model::Profile& profile, Channel channel) {
  if (channel == Channel::Email) return profile.email;
  return channel == Channel::Sms || channel == Channel::Voice ? std::string_view(profile.phone_number)
                                                              : std::string_view();
}

bool is_still_theirs(const Call& call, const model::PreferenceLink& link, const model::Profile& profile) {
  if (link.address_check == 0 || !link.channel) return true;
  const std::string_view address = address_of(profile, *link.channel);
  return !address.empty() && model::address_check(address, call.deps.keys.link_key) == link.address_check;
}

std::optional<model::PreferenceLink> read_link(const Call& call, std::string_view token) {
  auto link = model::read_preference_token(token, call.deps.keys.link_key);
  if (link && call.snapshot->project(link->project) == nullptr) return std::nullopt;
  return link;
}

// ---- what comes before each page
struct Visit {
  std::string token;
  model::PreferenceLink link;
  ProfilePtr profile;

  [[nodiscard]] const RecipientWords& words(const Call& call) const {
    return words_in(browser_language(call, profile->locale));
  }
};

Reply expired_page(const Call& call) {
  const RecipientWords& words = words_in(browser_language(call));
  const bool is_below = call.route->pattern != kPage;
  const std::string action = is_below ? std::string("fresh") : call.args[0] + "/fresh";
  const std::string form =
      fmt::format("<form method=\"post\" action=\"{}\"><button>{}</button></form>", action, words.send_fresh);
  return said_page(words, 410, words.expired, words.expired_help, form);
}

// Whose page it is; else the page that says why not.
Task<std::expected<Visit, Reply>> enter(Call& call) {
  Visit visit;
  visit.token = call.args[0];
  const auto link = read_link(call, visit.token);
  if (!link) co_return std::unexpected(gone_page(call));
  if (link->expires_at <= call.now) co_return std::unexpected(expired_page(call));
  visit.link = *link;
  become(call, visit.link);
  if (const auto failure = co_await take(call, "page", kVisitsPerMinute, kMinute))
    co_return std::unexpected(failed_page(call, *failure));
  if (const auto refused = co_await refuse_client(call)) {
    co_return std::unexpected(refused->status == 401 ? gone_page(call) : failed_page(call, *refused));
  }
  auto profile = co_await load_user(call);
  if (!profile) co_return std::unexpected(failed_page(call, Failure(profile.error())));
  visit.profile = std::move(*profile);
  if (!visit.profile || !is_still_theirs(call, visit.link, *visit.profile))
    co_return std::unexpected(gone_page(call));
  co_return visit;
}

// ---- settings
std::string_view zone_of(const Call& call, const model::Profile& profile) {
  if (!profile.time_zone.empty()) return profile.time_zone;
  const std::string& zone = call.view().settings.time_zone;
  return zone.empty() ? std::string_view("UTC") : std::string_view(zone);
}

std::vector<const model::Category*> all_categories(const Call& call) {
  std::vector<const model::Category*> all;
  for (const auto& [key, category] : call.view().categories) all.push_back(category.get());
  return all;
}

// What the page shows is what it may change.
void apply_choices(const Call& call, const std::vector<model::Choice>& changed,
                   std::vector<model::Preference>& preferences) {
  std::vector<model::Choice> visible;
  std::ranges::copy_if(changed, std::back_inserter(visible), [&call](const model::Choice& choice) {
    const auto found = call.view().categories.find(choice.category);
    return found != call.view().categories.end() && found->second->visible;
  });
  preferences = model::choose(std::move(preferences), visible, all_categories(call));
}

// As PATCH /v1/me/preferences reads them. False: they are none.
bool apply_quiet_hours(const PreferenceForm& form, model::Profile& profile) {
  if (form.quiet_from.empty() && form.quiet_to.empty()) {
    profile.quiet_hours.reset();
    return true;
  }
  base::JsonWriter body(96);
  body.object().key("quiet_hours").object();
  body.field("from", form.quiet_from).field("to", form.quiet_to).end_object().end_object();
  const auto root = parse_body(body.str());
  base::Problems problems;
  if (root) model::read_preferences(*root, profile, false, problems);
  return root && problems.empty();
}

// `wrong`: what was posted and is not saved, because of its quiet hours.
Reply show_settings(const Call& call, const Visit& visit, const PreferenceForm* wrong) {
  const RecipientWords& words = visit.words(call);
  const model::Profile& profile = *visit.profile;
  auto ticked = profile.preferences;
  SettingsView view{.words = words,
                    .token = visit.token,
                    .categories = visible_categories(call),
                    .profile = profile,
                    .ticked = ticked,
                    .quiet_from = {},
                    .quiet_to = {},
                    .project_quiet_hours = call.view().settings.quiet_hours,
                    .time_zone = zone_of(call, profile)};
  if (wrong != nullptr) {
    apply_choices(call, wrong->changed, ticked);
    view.quiet_from = wrong->quiet_from;
    view.quiet_to = wrong->quiet_to;
    view.is_quiet_wrong = true;
    return settings_page(view);
  }
  if (profile.quiet_hours) {
    view.quiet_from = clock_text(profile.quiet_hours->from_min);
    view.quiet_to = clock_text(profile.quiet_hours->to_min);
  }
  const std::string_view done = call.param("done");
  if (done == "saved") view.done = words.saved;
  if (done == "stopped") view.done = words.stopped;
  if (done == "nothing") view.done = words.no_changes;
  return settings_page(view);
}

Task<Answer> get_settings(Call& call) {
  const auto visit = co_await enter(call);
  if (!visit) co_return visit.error();
  co_return show_settings(call, *visit, nullptr);
}

// Writes what `change` makes of the preferences and goes on to the page, which says `done`.
Task<Answer> write_choices(Call& call, const Visit& visit, std::string done, std::string back,
                           Change change) {
  const RecipientWords& words = visit.words(call);
  model::Profile wanted = *visit.profile;
  base::Problems none;
  change(call, {}, wanted, none);
  if (wanted.preferences.size() > model::kPreferencesMax)
    co_return said_page(words, 422, words.settings, words.too_much);
  const bool is_same =
      wanted.preferences == visit.profile->preferences && wanted.quiet_hours == visit.profile->quiet_hours;
  if (is_same) co_return go_on(back + visit.token + "?done=nothing");
  ChangeOptions options;
  options.is_preference = true;
  options.has_body = false;
  options.source = "page";
  const auto changed = co_await change_profile(call, std::move(options), std::move(change));
  if (!changed) co_return failed_page(call, changed.error());
  co_return go_on(back + visit.token + "?done=" + done);
}

Task<Answer> post_settings(Call& call) {
  const auto visit = co_await enter(call);
  if (!visit) co_return visit.error();
  const auto form = read_preference_form(call.request.body);
  if (!form) {
    const RecipientWords& words = visit->words(call);
    co_return said_page(words, 400, words.settings, words.too_much);
  }
  model::Profile tried = *visit->profile;
  if (!apply_quiet_hours(*form, tried)) co_return show_settings(call, *visit, &*form);
  Change change = [form = *form](const Call& c, base::JsonElement, model::Profile& profile, base::Problems&) {
    apply_choices(c, form.changed, profile.preferences);
    static_cast<void>(apply_quiet_hours(form, profile));  // was tried
  };
  co_return co_await write_choices(call, *visit, "saved", {}, std::move(change));
}

Task<Answer> post_stop(Call& call) {
  const auto visit = co_await enter(call);
  if (!visit) co_return visit.error();
  const auto key = read_stop_form(call.request.body);
  const auto& categories = call.view().categories;
  const auto found = key ? categories.find(*key) : categories.end();
  const bool is_one = found != categories.end() && found->second->visible && !found->second->mandatory;
  if (!key || (*key != "*" && !is_one)) co_return go_on("../" + visit->token + "?done=nothing");
  Change change = [key = *key](const Call&, base::JsonElement, model::Profile& profile, base::Problems&) {
    profile.preferences = model::refuse_all(std::move(profile.preferences), key);
  };
  auto answer = co_await write_choices(call, *visit, "stopped", "../", std::move(change));
  if (answer && answer->status == 303 && visit->link.delivery != 0)
    co_await note_unsubscribed(call, visit->link.delivery, *key);
  co_return answer;
}

// ---- history
Task<Answer> get_history(Call& call) {
  const auto visit = co_await enter(call);
  if (!visit) co_return visit.error();
  auto paging = read_paging(call);
  if (!paging) co_return go_on("history");  // a cursor that is none: from the first page
  paging->limit = kEntriesShown;
  const auto history = co_await own_history(call, *paging, std::nullopt);
  if (!history) co_return failed_page(call, history.error());
  const std::string next =
      history->next == 0 ? std::string()
                         : write_cursor(Cursor{history->next, {}}, paging->scope, call.deps.keys.link_key);
  co_return history_page({.words = visit->words(call),
                          .token = visit->token,
                          .categories = visible_categories(call),
                          .history = *history,
                          .time_zone = zone_of(call, *visit->profile),
                          .next = next,
                          .is_newest = paging->after.id == 0});
}

// ---- a fresh link in the place of one that has expired
std::string link_url(const Call& call, const model::PreferenceLink& link) {
  const std::string& base = call.options.public_url;
  return (base.empty() ? call.deps.listen_url() : base) + "/p/" +
         model::preference_token(link, call.deps.keys.link_key);
}

model::PreferenceLink link_for(const Call& call, const model::Profile& profile) {
  return {.project = profile.project,
          .user_id = profile.user_id,
          .expires_at = std::max(call.now, profile.tokens_after) + model::kPreferenceLinkTtl};
}

// The way the old one came; one that was made by a call and came by no message goes by e-mail, else as a
// text. A call cannot be followed. nullopt: there is no address.
std::optional<Channel> way_of(const model::PreferenceLink& old, const model::Profile& profile) {
  const auto has = [&profile](Channel channel) { return !address_of(profile, channel).empty(); };
  if (!old.channel && has(Channel::Email)) return Channel::Email;
  const Channel channel = !old.channel || *old.channel == Channel::Voice ? Channel::Sms : *old.channel;
  const bool has_no_address = (channel == Channel::Email || channel == Channel::Sms) && !has(channel);
  return has_no_address ? std::nullopt : std::optional(channel);
}

std::string fresh_body(const Call& call, const model::Profile& profile, Channel channel) {
  const RecipientWords& words = words_in(browser_language(call, profile.locale));
  model::PreferenceLink link = link_for(call, profile);
  link.channel = channel;
  if (const auto address = address_of(profile, channel); !address.empty())
    link.address_check = model::address_check(address, call.deps.keys.link_key);
  const std::string url = link_url(call, link);
  base::JsonWriter out(512);
  out.object().key("to").array().object().field("user_id", profile.user_id).end_object().end_array();
  out.key("channels").array().value(model::name(channel)).end_array();
  out.field("category", "security").field("priority", "normal").field("title", words.fresh_title);
  out.field("body", fmt::format(fmt::runtime(words.fresh_body), url));
  if (channel == Channel::Push || channel == Channel::Inbox) out.field("url", url);
  out.end_object();
  return out.str();
}

// To whoever has the address that the old link went to, as long as it is the same user's. Its content is of a
// category that shows it to nobody else.
Task<void> send_fresh(Call& call, const model::PreferenceLink& old, const model::Profile& profile) {
  const bool is_same_user = !profile.is_anonymous && call.who.issued_at >= profile.since();
  const auto channel = way_of(old, profile);
  if (!is_same_user || !channel || !is_still_theirs(call, old, profile)) co_return;
  std::string body = fresh_body(call, profile, *channel);
  const auto root = parse_body(body);
  if (!root) co_return;
  auto item = read_item(*root, std::move(body), std::nullopt, {}, call.now);
  if (!item) {
    base::log_error("a fresh link cannot be sent: {}", item.error().detail);
    co_return;
  }
  const pipeline::Caller caller{.project = profile.project,
                                .app = nullptr,
                                .is_test = false,
                                .actor = store::Actor("recipient", call.request_id, call.peer)};
  std::vector<pipeline::SendItem> items;
  items.push_back(std::move(*item));
  const auto results = co_await call.deps.pipeline->send(caller, std::move(items));
  if (!results.front())
    base::log_warn("a fresh link was not sent: {} {}", results.front().error().code,
                   results.front().error().detail);
}

// Says the same whether it is sent or not: who has an old link learns nothing about the user.
Task<Answer> post_fresh(Call& call) {
  const std::string token = call.args[0];
  const auto link = read_link(call, token);
  if (!link) co_return gone_page(call);
  if (link->expires_at > call.now) co_return go_on("../" + token);
  become(call, *link);
  if (const auto failure = co_await take(call, "fresh", kFreshPerHour, kHour))
    co_return failed_page(call, *failure);
  if (call.deps.pipeline == nullptr) co_return failed_page(call, not_running());
  const auto profile = co_await load_user(call);
  if (!profile) co_return failed_page(call, Failure(profile.error()));
  if (*profile) co_await send_fresh(call, *link, **profile);
  const RecipientWords& words = words_in(browser_language(call));
  co_return said_page(words, 200, words.on_its_way, words.on_its_way_help);
}

// Where a form is posted to, when somebody opens it: loaded again, or out of the browser's history.
Task<Answer> get_form_target(Call& call) {
  if (!read_link(call, call.args[0])) co_return gone_page(call);
  co_return go_on("../" + call.args[0]);
}

// ---- a link for a service that sends it itself
Task<Answer> post_link(Call& call) {
  CARILLON_CO_TRY(const ProfilePtr profile, co_await load_user(call));
  if (!profile || profile->is_anonymous) co_return std::unexpected(no_user(call));
  const model::PreferenceLink link = link_for(call, *profile);
  base::JsonWriter out(256);
  out.object()
      .field("url", link_url(call, link))
      .field("expires_at", to_rfc3339(link.expires_at))
      .end_object();
  co_return json_reply(out, 201);
}

constexpr Route page(std::string_view method, std::string_view pattern, Handler handler,
                     std::string_view summary) {
  return {.method = method,
          .pattern = pattern,
          .access = kOpen,
          .handler = handler,
          .tag = "Recipients",
          .summary = summary,
          .query = kAnyQuery,  // whatever a mail program or a campaign adds to a link
          .body_max = kFormMax,
          .content_type = "text/html",
          .other_status =
              method == "POST" || pattern.ends_with("/stop") || pattern.ends_with("/fresh") ? 303 : 0};
}

}  // namespace

std::span<const Route> recipient_page_routes() {
  static const Route kRoutes[] = {
      page("GET", kPage, get_settings, "The page of a recipient's preferences"),
      page("POST", kPage, post_settings, "Save what is ticked on it, and quiet hours"),
      page("POST", "/p/{token}/stop", post_stop, "Stop a category, or everything"),
      page("GET", "/p/{token}/stop", get_form_target, "Go to the page of preferences"),
      page("GET", "/p/{token}/history", get_history, "The page of what a recipient was sent"),
      page("POST", "/p/{token}/fresh", post_fresh, "Send a fresh link in the place of an expired one"),
      page("GET", "/p/{token}/fresh", get_form_target, "Go to the page of preferences"),
      administering_route("POST", "/v1/users/{user_id}/preferences/link", allow(kScopePeople, "people"),
                          post_link, "People", "Make a link to a user's page of preferences", {},
                          "PreferenceLink", 201),
  };
  return kRoutes;
}

}  // namespace carillon::api
