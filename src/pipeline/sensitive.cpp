#include "pipeline/sensitive.h"

#include <algorithm>
#include <iterator>

#include "model/event.h"
#include "model/sensitive.h"
#include "pipeline/refusal.h"

namespace carillon::pipeline {
namespace {

std::shared_ptr<const model::SendRequest> read_stored(const std::string& body, base::Problems& problems) {
  thread_local base::JsonDocument document;
  const auto root = document.parse(body);
  if (!root) return nullptr;
  return std::make_shared<const model::SendRequest>(
      model::read_send_request(*root, std::nullopt, "", problems));
}

// Names of the parameters of `json` that are there (or, with `is_hidden`, those that were hidden).
std::vector<std::string> names_of(const std::string& json, bool is_hidden) {
  std::vector<std::string> names;
  base::JsonDocument document;
  const auto root = json.empty() ? Result<base::JsonElement>(fail(Errc::NotFound, "")) : document.parse(json);
  base::JsonObject object;
  if (!root || root->get(object) != simdjson::SUCCESS) return names;
  for (const auto [name, value] : object) {
    std::string_view text;
    const bool matches = !is_hidden || (value.get(text) == simdjson::SUCCESS && text == model::kHiddenValue);
    if (matches) names.emplace_back(name);
  }
  return names;
}

// What was wiped of it and `params` do not bring anew.
bool lacks_any(const model::Notification& n, std::size_t to_index, const std::string& params) {
  if (!n.request) return false;
  const auto given = names_of(params, false);
  const auto is_missing = [&](const std::string& name) {
    return std::ranges::find(given, name) == given.end();
  };
  const auto& to = n.request->to;
  return std::ranges::any_of(names_of(n.request->params, true), is_missing) ||
         (to_index < to.size() && std::ranges::any_of(names_of(to[to_index].params, true), is_missing));
}

// Of the replays of a call, those that change parameters, one by one: few are.
class Replays {
 public:
  Replays(store::Store& store, Directory& directory, const base::KeyRing& keys)
      : store_(store), directory_(directory), keys_(keys) {}

  // Seals what has to be; a word why it cannot be replayed, or nothing.
  Task<Result<std::string>> prepare(store::ReplayItem& item) {
    const auto detail = co_await store_.delivery(item.delivery);
    if (!detail) {
      if (detail.error().code == Errc::NotFound) co_return "";  // for the store to say
      co_return std::unexpected(detail.error());
    }
    std::vector<std::int64_t> ids{detail->delivery.notification};
    CARILLON_CO_TRY(const auto found, co_await store_.notifications(std::move(ids)));
    const auto& n = found.front();
    if (!n) co_return "";
    if (n->is_sensitive && lacks_any(*n, detail->delivery.to_index, item.params)) {
      CARILLON_CO_TRY(const std::string sealed, co_await store_.privacy().sealed(n->id));
      if (sealed.empty()) co_return "sensitive_wiped";
    }
    CARILLON_CO_TRY(const bool is_any, co_await may_be_sensitive(*n));
    if (!is_any) co_return "";
    item.sealed = keys_.sensitive_sealer.seal(item.params, sealed_context(item.delivery));
    item.params.clear();
    co_return "";
  }

 private:
  Task<Result<bool>> may_be_sensitive(const model::Notification& n) {
    if (n.is_sensitive) co_return true;
    const auto snapshot = directory_.snapshot();
    const auto* view = snapshot->project(n.project);
    if (view == nullptr || n.template_key.empty()) co_return false;
    const auto category = view->categories.find(n.category);
    if (category != view->categories.end() && category->second->sensitive) co_return true;
    const auto tmpl = co_await directory_.template_version(n.project, n.template_key, n.template_version);
    if (tmpl) co_return (*tmpl)->has_sensitive;
    if (tmpl.error().code == Errc::NotFound) co_return false;
    co_return std::unexpected(tmpl.error());
  }

  store::Store& store_;
  Directory& directory_;
  const base::KeyRing& keys_;
};

}  // namespace

std::string sealed_context(std::int64_t id) { return fmt::format("sealed/{}", id); }
std::string sandbox_context(std::int64_t message) { return fmt::format("sandbox/{}", message); }
std::string event_context(const base::Hash128& letter) {
  return "event/" + base::hex({reinterpret_cast<const char*>(letter.data()), letter.size()});
}

std::expected<std::string, Refusal> seal_sensitive(const Plan& plan, const base::KeyRing& keys,
                                                   model::Notification& n) {
  n.is_sensitive = false;
  if (!plan.is_sensitive()) return std::string();
  std::string rest = model::without_sensitive(n.body, plan.tmpl.get(), plan.category->sensitive);
  if (rest.empty()) return std::string();
  base::Problems problems;
  auto request = read_stored(rest, problems);
  if (!request || !problems.empty()) {
    // It was read before: what is left of it reads too.
    if (problems.empty()) problems.push_back({"", "not_json", "what is not sensitive in it cannot be read"});
    return std::unexpected(make_refusal(422, std::move(problems)));
  }
  n.is_sensitive = true;
  n.request = std::move(request);
  const std::string whole = std::exchange(n.body, std::move(rest));
  return keys.sensitive_sealer.seal(whole, sealed_context(n.id));
}

Task<Result<std::shared_ptr<const Opened>>> open_sensitive(store::Store& store, const base::KeyRing& keys,
                                                           std::int64_t notification) {
  CARILLON_CO_TRY(const std::string sealed, co_await store.privacy().sealed(notification));
  if (sealed.empty()) co_return nullptr;
  CARILLON_CO_TRY(const base::Secret plain, keys.sensitive_sealer.open(sealed, sealed_context(notification)));
  Opened opened{std::string(plain.reveal()), nullptr};
  base::Problems problems;
  opened.request = read_stored(opened.body, problems);
  if (!opened.request || !problems.empty())
    co_return fail(Errc::Corruption, "a sealed request cannot be read");
  co_return std::make_shared<const Opened>(std::move(opened));
}

Task<Result<std::shared_ptr<const Opened>>> opened(store::Store& store, const base::KeyRing& keys,
                                                   std::shared_ptr<const model::Notification> n) {
  if (n->is_sensitive) co_return co_await open_sensitive(store, keys, n->id);
  co_return std::make_shared<const Opened>(Opened{n->body, n->request});
}

Result<std::string> open_event(const base::KeyRing& keys, const store::EventLetter& letter) {
  if (!is_sealed(letter.event)) return letter.event;
  CARILLON_TRY(const base::Secret plain,
               keys.sensitive_sealer.open(letter.event, event_context(letter.hash)));
  return std::string(plain.reveal());
}

std::string event_rest(std::string_view event) {
  base::JsonDocument document;
  const auto root = document.parse(event);
  if (!root) return {};
  base::Problems problems;
  const auto read = model::read_event(*root, "", problems);
  base::JsonWriter out;
  out.object().field("specversion", "1.0").field("id", read.id).field("source", read.source);
  out.field("type", read.type).end_object();
  return out.str();
}

Task<Result<std::vector<store::ReplayResult>>> replay_sealed(store::Store& store, Directory& directory,
                                                             const base::KeyRing& keys,
                                                             std::vector<store::ReplayItem> items,
                                                             store::Actor actor, Time now) {
  std::vector<store::ReplayResult> refused;
  Replays replays(store, directory, keys);
  std::vector<store::ReplayItem> going;
  going.reserve(items.size());
  for (store::ReplayItem& item : items) {
    std::string why;
    if (!item.params.empty()) { CARILLON_CO_TRY(why, co_await replays.prepare(item)); }
    if (why.empty()) {
      going.push_back(std::move(item));
    } else {
      refused.push_back({.delivery = item.delivery, .replayed = false, .why = std::move(why), .lane = {}});
    }
  }
  CARILLON_CO_TRY(auto results, co_await store.replay(std::move(going), std::move(actor), now));
  std::ranges::move(refused, std::back_inserter(results));
  co_return results;
}

std::int64_t user_key(const base::KeyRing& keys, std::int32_t project, std::string_view user_id) {
  return keys.lookup_hash.low63({"named", std::to_string(project), user_id});
}

std::vector<store::Naming> namings(const base::KeyRing& keys, std::int32_t project,
                                   const model::SendRequest& request, const People& people) {
  std::vector<store::Naming> named;
  for (std::size_t i = 0; i < request.to.size(); ++i) {
    const auto& entry = request.to[i];
    std::string_view user;
    if (entry.kind == model::RecipientKind::User) user = entry.id;
    if (entry.kind == model::RecipientKind::Device) {
      if (const auto owner = people.device_owner.find(entry.id); owner != people.device_owner.end())
        user = owner->second;
    }
    if (!user.empty()) named.push_back({user_key(keys, project, user), static_cast<std::int32_t>(i)});
  }
  return named;
}

}  // namespace carillon::pipeline
