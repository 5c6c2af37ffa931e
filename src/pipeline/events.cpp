#include "pipeline/events.h"

#include <algorithm>
#include <utility>

#include "pipeline/refusal.h"
#include "pipeline/sensitive.h"

namespace carillon::pipeline {
namespace {

constexpr std::size_t kSendsAtOnce = 500;              // handed to accept together
constexpr std::size_t kBytesAtOnce = 8 * 1024 * 1024;  // of their bodies; also of letters
constexpr std::size_t kDeviceIdMax = 256;              // bytes; a longer one is nobody's
constexpr std::string_view kFingerprintKey = "carillon.rule.id";

Refusal refusal_of(base::Problems problems) {
  Refusal refusal;
  const base::Problem& first = problems.front();
  refusal.code = first.code;
  refusal.detail = first.pointer.empty() ? first.detail : first.pointer + ": " + first.detail;
  refusal.problems = std::move(problems);
  return refusal;
}

store::EventLetter make_letter(const base::KeyRing& keys, const Caller& caller, const model::Rule& rule,
                               const model::Event& event, const Refusal& refusal) {
  store::EventLetter letter;
  letter.project = caller.project;
  letter.app = caller.app ? caller.app->id : 0;
  letter.is_test = caller.is_test;
  letter.rule = rule.key;
  letter.reason = refusal.code;
  letter.error = words_of(refusal);
  letter.event = base::to_json(event.root);
  letter.hash =
      keys.event_hash({"event_letter", fmt::format("{}/{}/{}", letter.project, letter.app, letter.is_test),
                       letter.rule, event.source, event.id});
  return letter;
}

// Whom the rule would have sent to.
struct Named {
  std::vector<std::string> users, devices;
};
Named named_by(const model::Rule& rule, const model::Event& event) {
  Named named;
  const std::string to = rule.send.recipients(event);
  base::JsonDocument document;
  base::JsonArray entries;
  const auto root = to.empty() ? Result<base::JsonElement>(fail(Errc::NotFound, "")) : document.parse(to);
  if (!root || root->get(entries) != simdjson::SUCCESS) return named;
  for (const base::JsonElement entry : entries) {
    base::Problems problems;
    base::ObjectReader reader(entry, "", problems);
    std::string id;
    if (reader.id_text("user_id", id, model::kUserIdMax)) named.users.push_back(std::move(id));
    if (reader.text("device_id", id, kDeviceIdMax)) named.devices.push_back(std::move(id));
  }
  return named;
}

// The name in a rule's `send`: "template":"key" or {"key":…}, "category":"key".
std::string name_in(const model::Rule& rule, std::string_view member) {
  const auto& members = rule.send.root().members;
  const auto found = std::ranges::find(members, member, &model::SendMember::key);
  base::JsonDocument document;
  if (found == members.end() || found->node.kind == model::SendNode::Kind::Place) return {};
  const model::SendNode* node = &found->node;
  if (node->kind == model::SendNode::Kind::Object) {
    const auto key = std::ranges::find(node->members, "key", &model::SendMember::key);
    if (key == node->members.end()) return {};
    node = &key->node;
  }
  const auto root = document.parse(node->json);
  std::string_view text;
  return root && root->get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

// What it takes from events may be sensitive.
bool is_sensitive(const ProjectView& view, const model::Rule& rule) {
  const auto tmpl = view.templates.find(name_in(rule, "template"));
  const bool has_template = tmpl != view.templates.end();
  if (has_template && tmpl->second->has_sensitive) return true;
  std::string category = name_in(rule, "category");
  if (category.empty() && has_template) category = tmpl->second->category;
  const auto found = view.categories.find(category);
  return found != view.categories.end() && found->second->sensitive;
}

// The events of one call on their way through matching, sending and, where need be, the dead letters.
class Taking {
 public:
  Taking(EventDeps deps, Caller caller, std::vector<model::Event> events, bool waits_for_users)
      : deps_(deps),
        caller_(std::move(caller)),
        waits_for_users_(waits_for_users),
        events_(std::move(events)),
        snapshot_(deps_.directory.snapshot()),
        outcomes_(events_.size()) {}

  Task<std::vector<EventOutcome>> run() {
    const auto* const view = snapshot_->project(caller_.project);
    const Time now = deps_.clock.now();
    for (std::size_t i = 0; view != nullptr && i < events_.size(); ++i) {
      for (const model::Rule* const rule : view->rules->match(events_[i], now)) {
        prepare(i, *rule, now);
        if (items_.size() >= kSendsAtOnce || item_bytes_ >= kBytesAtOnce) co_await send();
        if (letter_bytes_ >= kBytesAtOnce) co_await keep_letters();
      }
    }
    co_await send();
    co_await keep_letters();
    co_return std::move(outcomes_);
  }

 private:
  // Which rule of which event's list.
  struct Place {
    std::size_t event = 0, match = 0;
    const model::Rule* rule = nullptr;  // in the snapshot
  };
  RuleOutcome& at(const Place& place) { return outcomes_[place.event].matched[place.match]; }

  void prepare(std::size_t index, const model::Rule& rule, Time now) {
    auto& matched = outcomes_[index].matched;
    const Place place{index, matched.size(), &rule};
    matched.emplace_back().rule = rule.key;
    auto prepared = prepare_send(rule, events_[index], now);
    if (!prepared) {
      refuse(place, std::move(prepared.error()));
    } else if (prepared->recipients == 0) {
      at(place).kind = RuleOutcome::Kind::Skipped;
    } else {
      item_bytes_ += prepared->item.body.size();
      items_.push_back(std::move(prepared->item));
      places_.push_back(place);
    }
  }

  void refuse(const Place& place, Refusal refusal) {
    if (refusal.is_passing() || (waits_for_users_ && refusal.code == kUnknownUser)) {
      outcomes_[place.event].failed = std::move(refusal);
      return;
    }
    const model::Event& event = events_[place.event];
    auto letter = make_letter(deps_.keys, caller_, *place.rule, event, refusal);
    Named named = named_by(*place.rule, event);
    for (const std::string& user : named.users)
      letter.named.push_back({user_key(deps_.keys, letter.project, user), 0});
    const auto* const view = snapshot_->project(caller_.project);
    if (view != nullptr && is_sensitive(*view, *place.rule))
      letter.event = deps_.keys.sensitive_sealer.seal(letter.event, event_context(letter.hash));
    letters_.push_back(std::move(letter));
    letter_devices_.push_back(std::move(named.devices));
    letter_bytes_ += letters_.back().event.size();
    letter_places_.push_back(place);
    at(place).kind = RuleOutcome::Kind::Refused;
    at(place).refusal = std::move(refusal);
  }

  Task<void> send() {
    if (items_.empty()) co_return;
    item_bytes_ = 0;
    const auto places = std::exchange(places_, {});
    auto results = co_await deps_.pipeline.send(caller_, std::exchange(items_, {}));
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (!results[i]) {
        refuse(places[i], std::move(results[i].error()));
        continue;
      }
      at(places[i]).notification = results[i]->id;
      if (results[i]->is_duplicate) at(places[i]).kind = RuleOutcome::Kind::Duplicate;
    }
  }

  // A device that nobody has names nobody.
  Task<void> name_owners() {
    for (std::size_t i = 0; i < letters_.size(); ++i) {
      for (std::string& device : letter_devices_[i]) {
        const auto owner = co_await deps_.store.find_device(caller_.project, std::move(device));
        if (owner) letters_[i].named.push_back({user_key(deps_.keys, caller_.project, owner->user_id), 0});
      }
    }
    letter_devices_.clear();
  }

  Task<void> keep_letters() {
    if (letters_.empty()) co_return;
    co_await name_owners();
    letter_bytes_ = 0;
    const auto places = std::exchange(letter_places_, {});
    const auto kept = co_await deps_.store.put_event_letters(std::exchange(letters_, {}), deps_.clock.now());
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (!kept) {
        outcomes_[places[i].event].failed = not_kept(kept.error());
      } else if ((*kept)[i].was_replayed) {
        at(places[i]) = {places[i].rule->key, RuleOutcome::Kind::Duplicate, (*kept)[i].notification, {}, 0};
      } else {
        at(places[i]).dead_letter = (*kept)[i].id;
      }
    }
  }

  static Refusal not_kept(const Error& error) {
    Refusal refusal;
    refusal.status = 503;
    refusal.code = "store_unavailable";
    refusal.detail = fmt::format("not all the event causes was stored: {}; post it again", error.message);
    refusal.retry_after = Millis(2000);
    return refusal;
  }

  const EventDeps deps_;
  const Caller caller_;
  const bool waits_for_users_;
  const std::vector<model::Event> events_;
  const std::shared_ptr<const Snapshot> snapshot_;
  std::vector<EventOutcome> outcomes_;
  std::vector<SendItem> items_;
  std::vector<Place> places_;  // of items_
  std::size_t item_bytes_ = 0;
  std::vector<store::EventLetter> letters_;
  std::vector<Place> letter_places_;
  std::vector<std::vector<std::string>> letter_devices_;  // that the letters name
  std::size_t letter_bytes_ = 0;
};

EventReplay not_replayed(std::string why) { return EventReplay{false, std::move(why), 0}; }

// The caller as which the event was posted.
std::expected<Caller, std::string> caller_of(const Snapshot& snapshot, const store::EventLetter& letter,
                                             const std::string& actor) {
  Caller caller{letter.project, nullptr, letter.is_test, actor};
  if (letter.app == 0) return caller;
  auto app = snapshot.usable_app(letter.app);
  if (!app) return std::unexpected(fmt::format("the app that posted it is {}", app.error()));
  caller.app = std::move(*app);
  return caller;
}

// The event of a letter, changed. `document` keeps what the event points into.
std::expected<model::Event, std::string> read_again(const std::string& whole, const std::string& patch,
                                                    base::JsonDocument& document) {
  std::string text = whole;
  if (!patch.empty()) {
    base::JsonDocument change;
    const auto old = document.parse(whole);
    const auto wanted = change.parse(patch);
    if (!old || !wanted) return std::unexpected("the change is not JSON");
    text = model::merge_patch(*old, *wanted);
    if (text.size() > model::kEventMax) {
      return std::unexpected(fmt::format("the changed event has more than {} bytes", model::kEventMax));
    }
  }
  std::string id, source;
  base::Problems problems;
  if (const auto old = document.parse(whole)) {
    auto event = model::read_event(*old, "", problems);
    id = std::move(event.id);
    source = std::move(event.source);
  }
  const auto root = document.parse(text);
  if (!root) return std::unexpected("the event is not JSON: " + root.error().message);
  problems.clear();
  auto event = model::read_event(*root, "", problems);
  if (!problems.empty()) return std::unexpected(problems.front().pointer + ": " + problems.front().detail);
  if (event.id != id || event.source != source) {
    return std::unexpected("id and source say which event it is; they stay as they are");
  }
  return event;
}

}  // namespace

std::expected<PreparedSend, Refusal> prepare_send(const model::Rule& rule, const model::Event& event,
                                                  Time now) {
  auto filled = model::build_send(rule, event);
  if (!filled) return std::unexpected(refusal_of(std::move(filled.error())));
  PreparedSend prepared;
  prepared.recipients = filled->recipients;
  if (prepared.recipients == 0) return prepared;
  thread_local base::JsonDocument document;
  const auto root = document.parse(filled->body);
  base::Problems problems;
  if (!root) {
    problems.push_back(
        {"", "not_json", fmt::format("what the rule makes cannot be read: {}", root.error().message)});
    return std::unexpected(refusal_of(std::move(problems)));
  }
  auto request =
      std::make_shared<model::SendRequest>(model::read_send_request(*root, std::nullopt, "", problems));
  if (problems.empty()) model::check_send_time(*request, now, "", problems);
  if (!problems.empty()) return std::unexpected(refusal_of(std::move(problems)));
  // One event is one notification, whatever the rule makes of it by now: equal ids are repeats.
  prepared.item.fingerprint = base::siphash128(kFingerprintKey, request->event_id);
  prepared.item.body = std::move(filled->body);
  prepared.item.request = std::move(request);
  return prepared;
}

Task<std::vector<EventOutcome>> take_events(EventDeps deps, Caller caller, std::vector<model::Event> events,
                                            bool waits_for_users) {
  Taking taking(deps, std::move(caller), std::move(events), waits_for_users);
  co_return co_await taking.run();
}

Task<Result<EventReplay>> replay_event(EventDeps deps, std::int32_t project, std::int64_t letter_id,
                                       std::string patch, store::Actor actor) {
  CARILLON_CO_TRY(const store::EventLetter letter, co_await deps.store.event_letter(letter_id));
  if (letter.project != project) co_return fail(Errc::NotFound, "no such event among the dead letters");
  if (letter.is_closed) co_return not_replayed("it is closed: its event was sent");
  const auto snapshot = deps.directory.snapshot();
  const auto* const view = snapshot->project(project);
  const model::Rule* const rule = view == nullptr ? nullptr : view->rules->find(letter.rule);
  if (rule == nullptr || !rule->enabled) {
    co_return not_replayed(
        fmt::format("the rule '{}' is {}", letter.rule, rule == nullptr ? "gone" : "disabled"));
  }
  auto caller = caller_of(*snapshot, letter, actor);
  if (!caller) co_return not_replayed(std::move(caller.error()));
  base::JsonDocument document;
  CARILLON_CO_TRY(const std::string whole, open_event(deps.keys, letter));
  auto event = read_again(whole, patch, document);
  if (!event) co_return not_replayed(std::move(event.error()));
  auto prepared = prepare_send(*rule, *event, deps.clock.now());
  if (!prepared)
    co_return not_replayed(fmt::format("{}: {}", prepared.error().code, words_of(prepared.error())));
  EventReplay done{true, {}, 0};
  if (prepared->recipients > 0) {
    std::vector<SendItem> items;
    items.push_back(std::move(prepared->item));
    auto results = co_await deps.pipeline.send(std::move(*caller), std::move(items));
    const auto& result = results.front();
    if (!result) co_return not_replayed(fmt::format("{}: {}", result.error().code, words_of(result.error())));
    done.notification = result->id;
  }
  std::string rest = is_sealed(letter.event) ? event_rest(whole) : std::string();
  CARILLON_CO_CHECK(co_await deps.store.close_event_letter(letter_id, done.notification, std::move(rest),
                                                           std::move(actor), deps.clock.now()));
  co_return done;
}

}  // namespace carillon::pipeline
