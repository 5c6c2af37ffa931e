#include "pipeline/deliver.h"

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <map>

#include "base/failpoint.h"
#include "base/ids.h"
#include "base/log.h"
#include "pipeline/links.h"
#include "pipeline/render.h"
#include "pipeline/replay_changes.h"
#include "pipeline/route.h"
#include "pipeline/senders.h"
#include "pipeline/sensitive.h"
#include "pipeline/sent_marks.h"

namespace carillon::pipeline {
namespace {

using model::Channel;
using model::DeliveryStatus;
using model::Reason;

constexpr std::size_t kBatchMax = 256;     // flights prepared and begun together
constexpr std::size_t kCompiledMax = 512;  // template versions kept ready
constexpr auto kStoreRetry = std::chrono::milliseconds(200);
constexpr auto kLookAgain = std::chrono::milliseconds(100);  // for slots, while deliveries wait for one
constexpr std::size_t kBytesPerMs = 512;                     // of attachments, where the line is slow

// What a provider is given above its time-out, because there is much to be sent. Jobs that are begun together
// have the same attachments.
Millis time_for(const providers::Job& job) {
  if (!job.message->attachments) return Millis(0);
  std::size_t bytes = 0;
  for (const auto& each : *job.message->attachments) bytes += each.content->size();
  return Millis(bytes / kBytesPerMs);
}

}  // namespace

// It answers later. All that is asked while a delivery is prepared is the store's to answer.
bool is_store_away(const Error& error) noexcept {
  return error.code == Errc::Unavailable || error.code == Errc::DeadlineExceeded;
}

Addressed plain_address(const Flight& flight, const ProjectView* view) {
  Addressed to;
  const auto& entries = flight.notification->request->to;
  if (flight.profile) {
    const PlainAddress own = address_of(*flight.profile, flight.delivery.channel(), view);
    to = {std::string(own.address), own.service, own.sealed_secret};
  } else if (flight.delivery.user_id.empty() && flight.delivery.to_index < entries.size()) {
    const auto& entry = entries[flight.delivery.to_index];
    to = {entry.id, entry.service, {}};
  }
  if (flight.delivery.generation > 0) {
    if (auto changes = replay_changes(flight.delivery); !changes.address.empty()) {
      to.address = std::move(changes.address);
      to.sealed_secret = {};  // it went with the other one
    }
  }
  return to;
}

Task<void> Deliverer::run_queue(model::Queue queue) {
  const auto q = static_cast<std::size_t>(queue);
  auto& wake = *queue_wake_[q];
  const Channel channel = model::channel_of(queue);
  while (!is_stopping_) {
    const std::size_t step = urgency_.step(kBatchMax, kUrgentStep);
    auto flights = waiting_.take(queue, step, deps_.clock.now());
    const bool has_ready = windows_.has_ready(queue);
    // Without any account the flights still have to be looked at: they are held for a route.
    const std::size_t slots = has_ready ? integrations_.free_slots(channel).value_or(kBatchMax) : 0;
    for (auto& flight : windows_.take(queue, std::min(slots, step))) flights.push_back(std::move(flight));
    if (flights.empty()) {
      // An answer wakes this queue; a token or the end of a throttling comes with time.
      const bool waits = has_ready || !waiting_.is_empty(queue);
      co_await wake.wait(waits ? base::Deadline::after(kLookAgain) : base::Deadline::never());
      continue;
    }
    is_preparing_[q] = true;
    if (windows_.has_critical(queue)) critical_wake_[q]->set();
    co_await prepare_and_begin(std::move(flights));
    is_preparing_[q] = false;
  }
}

// What is critical and comes while run_queue() waits for the store's answers about others: a step of it for
// each of theirs, so that it has about the share it would have there.
Task<void> Deliverer::run_critical(model::Queue queue) {
  const auto q = static_cast<std::size_t>(queue);
  auto& wake = *critical_wake_[q];
  while (!is_stopping_) {
    std::vector<FlightPtr> flights;
    if (is_preparing_[q] && windows_.has_critical(queue)) {
      const std::size_t slots = integrations_.free_slots(model::channel_of(queue)).value_or(kUrgentStep);
      flights = windows_.take_critical(queue, std::min(slots, kUrgentStep));
    }
    if (flights.empty()) {
      co_await wake.wait();
    } else {
      co_await prepare_and_begin(std::move(flights));
    }
  }
}

Task<void> Deliverer::prepare_and_begin(std::vector<FlightPtr> flights) {
  co_await prepare(flights);
  if (is_stopping_) {
    for (auto& flight : flights) give_back(std::move(flight));
    release_rest();  // what came back since stop()
    co_return;
  }
  for (auto& flight : flights) {
    if (Attacher::is_needed(*flight)) attacher_.add(std::move(flight));
  }
  std::erase_if(flights, [](const FlightPtr& flight) { return !flight; });
  begin(std::move(flights));
}

// Nothing is sent on half the facts: the flights wait until the store answers again.
Task<void> Deliverer::put_back_all(std::vector<FlightPtr>& flights, const Error& error) {
  base::log_warn("deliveries cannot be prepared: {}", error.message);
  for (auto it = flights.rbegin(); it != flights.rend(); ++it) windows_.put_back(std::move(*it));
  flights.clear();
  co_await base::sleep_for(kStoreRetry);
}

// What a process that is gone has sent and could not record.
Task<void> Deliverer::record_sent(std::vector<FlightPtr>& flights) {
  const auto were = co_await were_sent(deps_, flights);
  for (std::size_t i = 0; i < flights.size(); ++i) {
    if (!were[i]) continue;
    marks_found_.add();
    recorder_.decided(std::move(flights[i]), DeliveryStatus::Sent, Reason::None, std::nullopt,
                      R"({"check":"sent_mark","value":"another claim of it was sent; its process is gone"})");
  }
  std::erase_if(flights, [](const FlightPtr& flight) { return !flight; });
}

Task<void> Deliverer::prepare(std::vector<FlightPtr>& flights) {
  const auto loaded = co_await load(flights);
  if (!loaded) co_return co_await put_back_all(flights, loaded.error());
  co_await record_sent(flights);
  const auto asked = co_await load_suppressed(flights);
  if (!asked) co_return co_await put_back_all(flights, asked.error());
  const auto& suppressed = *asked;
  const auto snapshot = deps_.directory.snapshot();
  std::vector<FlightPtr> going;
  going.reserve(flights.size());
  for (std::size_t i = 0; i < flights.size(); ++i) {
    flights[i]->configuration = snapshot->generation;
    switch (check(flights[i], *snapshot, suppressed[i])) {
      case Step::Go: going.push_back(std::move(flights[i])); break;
      case Step::Park: waiting_.add(std::move(flights[i])); break;
      case Step::Recorded: break;
    }
  }
  flights = std::move(going);
  co_await render(flights);
}

Task<Result<void>> Deliverer::load(std::vector<FlightPtr>& flights) {
  std::vector<std::int64_t> ids;
  std::vector<store::UserKey> keys;
  std::vector<std::size_t> keyed;
  ids.reserve(flights.size());
  for (std::size_t i = 0; i < flights.size(); ++i) {
    Flight& flight = *flights[i];
    const auto& d = flight.delivery;
    ids.push_back(d.notification);
    if (d.user_id.empty()) continue;
    // Read while it was accepted and not changed since: the same read again would answer the same.
    const std::uint64_t stamp = deps_.store.profile_stamp(d.project, d.user_id);
    if (flight.profile && stamp != 0 && stamp == flight.profile_stamp) continue;
    flight.profile_stamp = stamp;
    keys.push_back({d.project, d.user_id});
    keyed.push_back(i);
  }
  const auto set_notifications = [&](auto& found) {
    for (std::size_t i = 0; i < flights.size(); ++i) flights[i]->notification = std::move(found[i]);
  };
  const auto set_profiles = [&](auto& found) {
    for (std::size_t k = 0; k < keyed.size(); ++k) flights[keyed[k]]->profile = std::move(found[k]);
  };
  if (!keys.empty() && deps_.store.is_shared()) {
    // Over a network one answer is not waited for to ask for the other.
    using boost::asio::experimental::awaitable_operators::operator&&;
    auto [notifications, profiles] =
        co_await (deps_.store.notifications(std::move(ids)) && deps_.store.profiles(std::move(keys)));
    if (!notifications) co_return std::unexpected(notifications.error());
    if (!profiles) co_return std::unexpected(profiles.error());
    set_notifications(*notifications);
    set_profiles(*profiles);
    co_return Result<void>{};
  }
  CARILLON_CO_TRY(auto notifications, co_await deps_.store.notifications(std::move(ids)));
  set_notifications(notifications);
  if (keys.empty()) co_return Result<void>{};
  CARILLON_CO_TRY(auto profiles, co_await deps_.store.profiles(std::move(keys)));
  set_profiles(profiles);
  co_return Result<void>{};
}

// Push tokens are never suppressed: they are forgotten with their device.
Task<Result<std::vector<bool>>> Deliverer::load_suppressed(std::vector<FlightPtr>& flights) {
  std::vector<bool> result(flights.size(), false);
  const auto snapshot = deps_.directory.snapshot();
  std::map<std::int32_t, std::pair<std::vector<store::AddressKey>, std::vector<std::size_t>>> by_project;
  for (std::size_t i = 0; i < flights.size(); ++i) {
    const Flight& flight = *flights[i];
    const Channel channel = flight.delivery.channel();
    if (channel == Channel::Push || !flight.notification || !flight.notification->request) continue;
    const auto address = plain_address(flight, snapshot->project(flight.delivery.project)).address;
    if (address.empty()) continue;
    auto& [keys, indexes] = by_project[flight.delivery.project];
    keys.push_back({channel, address_key(deps_.keys.address_hash, channel, address)});
    indexes.push_back(i);
  }
  for (auto& [project, asked] : by_project) {
    CARILLON_CO_TRY(const auto found, co_await deps_.store.suppressed(project, std::move(asked.first)));
    for (std::size_t k = 0; k < asked.second.size(); ++k) result[asked.second[k]] = found[k].has_value();
  }
  co_return result;
}

// A version is compiled once per process: a compiled template is one thread's, and this one renders all.
Task<Deliverer::Compiled> Deliverer::compiled(const model::Notification& n,
                                              std::shared_ptr<const Snapshot> snapshot) {
  // Mostly the one before: a campaign, or the one template of a busy service.
  const auto* view = snapshot->project(n.project);
  if (last_.content && last_.project == n.project && last_.version == n.template_version &&
      last_.key == n.template_key &&
      last_.layout_version == layout_version(view, last_.layout, n.accepted_at)) {
    co_return last_.content;
  }
  co_return co_await find_compiled(n, std::move(snapshot));
}

std::int64_t Deliverer::layout_version(const ProjectView* view, std::string_view layout, Time accepted_at) {
  if (layout.empty() || view == nullptr) return 0;
  const auto head = view->layouts.find(layout);
  return head == view->layouts.end() ? 0 : head->second.version_at(accepted_at);
}

Task<Deliverer::Compiled> Deliverer::find_compiled(const model::Notification& n,
                                                   std::shared_ptr<const Snapshot> snapshot) {
  const auto gone = [] { return fail(Errc::NotFound, "the template version is gone"); };
  auto source = co_await deps_.directory.template_version(n.project, n.template_key, n.template_version);
  if (!source && is_store_away(source.error())) co_return std::unexpected(source.error());
  if (!source) co_return gone();
  const std::string layout_key = (*source)->layout;
  const std::int64_t version = layout_version(snapshot->project(n.project), layout_key, n.accepted_at);
  const std::string key = fmt::format("{}/{}@{}/{}", n.project, n.template_key, n.template_version, version);
  auto known = compiled_.find(key);
  if (known == compiled_.end()) {
    const auto layout = co_await layout_of(deps_.directory, snapshot, n.project, layout_key, n.accepted_at);
    if (!layout && is_store_away(layout.error())) co_return std::unexpected(layout.error());
    if (!layout) co_return gone();
    auto made = model::CompiledTemplate::compile(std::move(*source), *layout);
    if (!made) co_return gone();
    if (compiled_.size() >= kCompiledMax) compiled_.clear();
    known = compiled_.emplace(key, std::move(*made)).first;
  }
  last_ = {n.project, n.template_version, version, n.template_key, layout_key, known->second};
  co_return known->second;
}

namespace {

// What the delivery says, or why it cannot.
Result<model::Message> render_one(const Flight& flight, const Deliverer::Said& said,
                                  const model::CompiledTemplate& content, const ProjectView* view,
                                  const std::string& public_url, const base::KeyRing& keys, Time now) {
  const model::SendRequest& request = *said.request;
  const LinkInput linking{*flight.notification,      flight.delivery, flight.category.get(),
                          flight.job.target.address, public_url,      keys};
  auto input = render_input(request, flight.delivery, flight.profile.get(), view, said.changes);
  input.skip_hidden = said.is_wiped;
  OwnLinks links;
  if (content.needs_links()) {
    links = own_links(linking, flight.profile.get(), now);
    input.preferences_link = links.preferences;
    input.unsubscribe_link = links.unsubscribe;
  }
  auto message = content.render(input);
  if (message) {
    add_links(*message, linking, [&] {
      input.hide_sensitive = true;
      return content.render(input);
    });
  }
  if (message) apply_from(*message, flight.delivery.channel(), view, request);
  return message;
}

}  // namespace

Task<Result<void>> Deliverer::open_said(const Flight& flight, Said& said) {
  if (said.opened_of != flight.notification->id) {
    CARILLON_CO_TRY(said.opened, co_await open_sensitive(deps_.store, deps_.keys, flight.notification->id));
    said.opened_of = flight.notification->id;
  }
  said.is_wiped = said.opened == nullptr;
  if (said.opened) said.request = said.opened->request.get();
  co_return Result<void>{};
}

Task<Result<void>> Deliverer::open_changes(const Flight& flight, Said& said) {
  const std::int64_t id = flight.delivery.id;
  CARILLON_CO_TRY(const std::string sealed, co_await deps_.store.privacy().sealed(id));
  CARILLON_CO_TRY(const base::Secret params, deps_.keys.sensitive_sealer.open(sealed, sealed_context(id)));
  said.changes.params = params.reveal();
  co_return Result<void>{};
}

Task<Result<void>> Deliverer::link(std::int32_t project, model::Message& message, Said& said) {
  if (said.image != message.image || said.image_project != project) {
    std::string image = message.image;
    CARILLON_CO_CHECK(
        co_await link_image(object_access(deps_, options_), project, message, deps_.clock.now()));
    said.image = std::move(image);
    said.image_url = message.image;
    said.image_project = project;
  }
  message.image = said.image_url;
  co_return Result<void>{};
}

Task<void> Deliverer::render(std::vector<FlightPtr>& flights) {
  const auto snapshot = deps_.directory.snapshot();
  std::shared_ptr<model::CompiledTemplate> content;
  Said said;
  std::int64_t content_of = 0;  // inline content is compiled once per notification, not per delivery
  for (auto& flight : flights) {
    const auto& n = *flight->notification;
    said.request = n.request.get();
    said.changes = replay_changes(flight->delivery);
    said.is_wiped = false;
    Result<void> known;
    if (n.is_sensitive) known = co_await open_said(*flight, said);
    if (said.changes.is_sealed && known) known = co_await open_changes(*flight, said);
    if (!n.template_key.empty()) {
      auto found = co_await compiled(n, snapshot);
      content = found ? std::move(*found) : nullptr;
      if (!found && known) known = std::unexpected(found.error());
      content_of = 0;
    } else if (content_of != n.id) {
      static const model::Content kNothing;
      content = model::CompiledTemplate::literal(said.request->content ? *said.request->content : kNothing);
      content_of = n.id;
    }
    const auto* view = snapshot->project(n.project);
    auto message =
        known ? render_one(*flight, said, *content, view, options_.public_url, deps_.keys, deps_.clock.now())
              : Result<model::Message>(std::unexpected(known.error()));
    if (message && message->image.starts_with(base::kObjectPrefix)) {
      const auto linked = co_await link(n.project, *message, said);
      if (!linked) message = std::unexpected(linked.error());
    }
    if (!message && is_store_away(message.error())) {
      give_back(std::move(flight));  // nothing was tried: it goes as soon as the store answers
    } else if (message) {
      flight->job.is_sensitive = n.is_sensitive || flight->category->sensitive || content->has_sensitive();
      flight->job.message = std::make_shared<const model::Message>(std::move(*message));
      if (flight->delivery.channel() == Channel::Email) flight->attachments = said.request->attachments;
    } else {
      cannot_say(std::move(flight), message.error());
    }
  }
  std::erase_if(flights, [](const FlightPtr& flight) { return !flight; });
}

void Deliverer::cannot_say(FlightPtr flight, const Error& error) {
  flight->account->give_back(flight->delivery.lane());
  if (error.code == Errc::Unavailable || error.code == Errc::FailedPrecondition) {
    // Nothing is wrong with it: it is tried again as if no provider had answered.
    base::log_warn("what a delivery says cannot be fetched: {}", error.message);
    flight->begun = std::chrono::steady_clock::now();
    flight->begun_at = deps_.clock.now();
    return recorder_.finished(std::move(flight), model::Outcome::not_sent(error.message));
  }
  base::JsonWriter note;
  note.object().field("check", "content").field("value", error.message).end_object();
  recorder_.decided(std::move(flight), DeliveryStatus::Failed, Reason::RenderFailed, std::nullopt,
                    note.str());
}

void Deliverer::give_back(FlightPtr flight) {
  flight->account->give_back(flight->delivery.lane());
  recorder_.release(std::move(flight));
}

// What is not ours any more is not given back by this: the record is fenced.
void Deliverer::give_back_lapsed(std::vector<FlightPtr>& flights) {
  const bool is_held = deps_.store.holds_lease();  // first: the number changes before it is held again
  const std::uint64_t lapses = deps_.store.lapses();
  std::size_t count = 0;
  for (auto& flight : flights) {
    if (is_held && flight->lapses == lapses) continue;
    give_back(std::move(flight));
    ++count;
  }
  if (count == 0) return;
  std::erase_if(flights, [](const FlightPtr& flight) { return !flight; });
  base::log_warn("{} deliveries are given back: the lease of this process was not renewed in time", count);
}

void Deliverer::begin(std::vector<FlightPtr> flights) {
  give_back_lapsed(flights);
  if (flights.empty()) return;
  const Time now = deps_.clock.now();
  const auto steady = std::chrono::steady_clock::now();
  CARILLON_FAILPOINT("deliver.before_journal");
  for (const auto& flight : flights) journal_.start(flight->delivery.id, flight->delivery.epoch);
  if (const auto flushed = journal_.flush(); !flushed) {
    base::log_error("nothing is sent while the outcome journal cannot be written: {}",
                    flushed.error().message);
    for (auto& flight : flights) give_back(std::move(flight));
    return;
  }
  std::map<Account*, std::vector<providers::Job*>> by_account;
  for (auto& flight : flights) {
    flight->begun = steady;
    flight->begun_at = now;
    auto& job = flight->job;
    job.delivery = flight->delivery.id;
    job.notification = flight->delivery.notification;
    job.project = flight->delivery.project;
    job.generation = flight->delivery.generation;
    job.priority = flight->delivery.priority;
    job.expires_at = flight->delivery.expires_at;
    job.collapse_key = flight->notification->request->collapse_key;
    job.previous_id = flight->delivery.provider_id;
    job.now = now;
    flight->account->begin();
    ++in_flight_;
    by_account[flight->account].push_back(&job);
    job.owner = flight.release();  // finished() takes it back
  }
  CARILLON_FAILPOINT("deliver.after_journal");
  for (auto& [account, jobs] : by_account) {
    account->provider->send(jobs, *this, base::Deadline::after(account->timeout + time_for(*jobs.front())));
  }
  CARILLON_FAILPOINT("deliver.after_send");
}

void Deliverer::named(providers::Job& job, const std::string& provider_id) {
  const auto& flight = *static_cast<const Flight*>(job.owner);
  // What a restart makes of it while nothing else is known; the answer takes its place.
  model::Outcome begun = model::Outcome::ambiguous(kEndedWhileAsking);
  begun.provider_id = provider_id;
  journal_.outcome(flight.delivery.id, flight.delivery.epoch, begun);
  // When it cannot be written a repeat has another id, which the timeline tells of as of any other.
  if (const auto flushed = journal_.flush(); !flushed)
    base::log_warn("a vendor's id is not in the outcome journal: {}", flushed.error().message);
}

void Deliverer::finished(providers::Job& job, model::Outcome outcome) {
  CARILLON_FAILPOINT("deliver.answered");
  FlightPtr flight(static_cast<Flight*>(job.owner));
  Account& account = *flight->account;
  const Time now = deps_.clock.now();
  account.finish(flight->delivery.lane());
  --in_flight_;
  account.breaker.record(outcome.is_of_address ? 0 : model::breaker_vote(outcome.kind, outcome.status), now);
  const bool is_failure = !outcome.is_of_address && model::breaker_vote(outcome.kind, outcome.status) < 0;
  account.calls.add(is_failure || outcome.kind == model::OutcomeKind::Misconfigured, now);
  if (outcome.kind == model::OutcomeKind::Sent) {
    account.guard.good(now);
    account.losses.has_answered = true;
  }
  if (outcome.kind == model::OutcomeKind::Throttled && !outcome.is_of_address) {
    constexpr Millis kLongest{900'000};
    account.throttled_until =
        now + std::clamp(outcome.retry_after.value_or(Millis(1000)), Millis(100), kLongest);
  }
  account.outcomes[static_cast<std::size_t>(outcome.kind)].add();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - flight->begun;
  account.latency.observe(took.count());
  const auto queue = static_cast<std::size_t>(flight->delivery.queue);
  recorder_.finished(std::move(flight), std::move(outcome));
  queue_wake_[queue]->set();
}

}  // namespace carillon::pipeline
