#include "pipeline/record.h"

#include <algorithm>
#include <random>

#include "base/failpoint.h"
#include "base/log.h"
#include "model/local_time.h"
#include "pipeline/replay_changes.h"
#include "pipeline/route.h"
#include "pipeline/sent_marks.h"

namespace carillon::pipeline {
namespace {

using model::Channel;
using model::DeliveryStatus;
using model::OutcomeKind;
using model::Reason;

constexpr std::size_t kBatchMax = 2048;
constexpr std::size_t kWritersMax = 2;  // one commits while the next gathers
constexpr auto kRetryWait = std::chrono::milliseconds(200);

double random01() {
  static thread_local std::minstd_rand engine{std::random_device{}()};
  return std::generate_canonical<double, 32>(engine);
}

model::Attempt attempt_of(const Flight& flight, const model::Outcome& outcome, const model::Delivery& d) {
  model::Attempt attempt;
  attempt.delivery = d.id;
  attempt.number = d.attempts;
  attempt.at = flight.begun_at;
  const auto took = std::chrono::steady_clock::now() - flight.begun;
  attempt.took_ms = static_cast<std::int32_t>(std::chrono::duration_cast<Millis>(took).count());
  attempt.integration = flight.account ? flight.account->key : std::string{};
  attempt.outcome = name(outcome.kind);
  attempt.status = outcome.status;
  attempt.code = outcome.code;
  attempt.detail = outcome.detail;
  attempt.provider_id = outcome.provider_id;
  return attempt;
}

bool is_success(DeliveryStatus status) {
  return status == DeliveryStatus::Sent || status == DeliveryStatus::Delivered;
}

// Addresses that are gone for good or said STOP are suppressed; tokens are forgotten with their device.
bool is_suppressible(Channel channel) { return channel != Channel::Push && channel != Channel::Inbox; }

store::RecordItem item_of(Flight& flight) {
  store::RecordItem item;
  item.delivery = std::move(flight.delivery);
  if (flight.notification) {
    item.category = flight.notification->category;
    item.template_key = flight.notification->template_key;
    item.app = flight.notification->app;
    item.is_sensitive = flight.notification->is_sensitive;
  }
  return item;
}

}  // namespace

store::RecordItem outcome_record(Flight& flight, model::Outcome& outcome, const Verdict& v, std::string key,
                                 Time now) {
  store::RecordItem item = item_of(flight);
  auto& d = item.delivery;
  // A first-try success is told by the delivery's own columns; everything else leaves an attempt row.
  const bool is_plain_success = is_success(v.to) && d.attempts == 0 && d.generation == 0;
  if (v.counts) ++d.attempts;
  if (v.is_resend) ++d.resent;
  d.claims_lost = 0;
  d.reason = v.reason;
  d.due_at = v.due_at;
  d.integration = std::move(key);
  d.finished_at.reset();
  if (model::is_final(v.to)) d.finished_at = now;
  item.to = v.to;
  if (!is_plain_success) item.attempt = attempt_of(flight, outcome, d);
  d.provider_id = std::move(outcome.provider_id);
  if (v.is_dead_letter) {
    item.dead_letter =
        fmt::format("{}: {} {} {}", model::name(v.reason), name(outcome.kind), outcome.code, outcome.detail);
  }
  return item;
}

Recorder::Recorder(const Pipeline::Deps& deps, Journal& journal, Windows& windows,
                   const base::Urgency& urgency, Hooks hooks)
    : deps_(deps),
      journal_(journal),
      windows_(windows),
      urgency_(urgency),
      hooks_(std::move(hooks)),
      wake_(deps.delivery),
      idle_(deps.delivery) {
  for (std::size_t c = 0; c < model::kChannelCount; ++c) {
    for (std::size_t s = 0; s < model::kDeliveryStatusCount; ++s) {
      by_status_[c][s] =
          deps.metrics.counter("carillon_recorded_total", "Status changes recorded, by the new status.",
                               {{"channel", std::string(model::name(static_cast<Channel>(c)))},
                                {"status", std::string(model::name(static_cast<DeliveryStatus>(s)))}});
    }
  }
  stale_ =
      deps.metrics.counter("carillon_stale_records_total", "Results of claims that had been taken over.");
  for (std::size_t p = 0; p < model::kPriorityCount; ++p) {
    latency_[p] =
        deps.metrics.histogram("carillon_sent_seconds", "From accept to the recorded answer of the provider.",
                               base::Metrics::latency_buckets_s(),
                               {{"priority", std::string(model::name(static_cast<model::Priority>(p)))}});
  }
  gate_.spawn(deps.delivery, "writer", [this] { return run(); });
}

Recorder::~Recorder() = default;

void Recorder::close() {
  is_closed_ = true;
  wake_.set();
}

Recorder::Note Recorder::note_of(const Flight& flight) {
  Note note;
  note.lane = flight.delivery.lane();
  note.epoch = flight.delivery.epoch;
  note.configuration = flight.configuration;
  if (flight.notification) note.accepted_at = flight.notification->accepted_at;
  return note;
}

Recorder::Fate Recorder::fate_of(const Flight& flight, const model::Outcome& outcome) {
  if (outcome.kind != OutcomeKind::InvalidRecipient) return Fate::Keep;
  if (outcome.is_suspicious && flight.account != nullptr) {
    switch (flight.account->guard.suspicious(deps_.clock.now())) {
      case InvalidationGuard::Verdict::Forget: break;
      case InvalidationGuard::Verdict::Keep: return Fate::Keep;
      case InvalidationGuard::Verdict::Suspect: return Fate::Suspect;
    }
  }
  if (!outcome.invalid_since || !flight.profile) return Fate::Forget;
  // Registered after the vendor's verdict: a new life of the same token, which the Store keeps.
  for (const model::Device& device : flight.profile->devices) {
    if (device.device_id != flight.delivery.device_id) continue;
    for (const model::Endpoint& endpoint : device.endpoints) {
      if (endpoint.token == flight.job.target.address && endpoint.registered_at > *outcome.invalid_since) {
        return Fate::Keep;
      }
    }
  }
  return Fate::Forget;
}

void Recorder::forget(const Flight& flight, store::RecordItem& item, const model::Outcome& outcome) {
  const Channel channel = item.delivery.channel();
  if (channel == Channel::Push) {
    store::DeadAddress dead;
    dead.service = flight.job.target.service;
    dead.token = flight.job.target.address;
    dead.invalid_since = outcome.invalid_since;
    item.dead_address = std::move(dead);
  } else if (is_suppressible(channel)) {
    item.suppress.emplace(channel, address_key(deps_.keys.address_hash, channel, flight.job.target.address));
    item.suppress_reason = outcome.is_opt_out ? "stop" : outcome.code.empty() ? "hard_bounce" : outcome.code;
  }
}

void Recorder::finished(FlightPtr flight, model::Outcome outcome) {
  journal_.outcome(flight->delivery.id, flight->delivery.epoch, outcome);
  const Time now = deps_.clock.now();
  const Time accepted = flight->notification ? model::sending_began(*flight->notification, now) : now;
  const Fate fate = fate_of(*flight, outcome);
  // An address that stays would be asked again and again: from it the way goes only forward in the route.
  const bool has_next = fate == Fate::Forget ? flight->has_next_endpoint : flight->has_later_endpoint;
  Verdict v = verdict({outcome, flight->delivery, *flight->category, age_began(flight->delivery, accepted),
                       now, random01(), flight->others_available, has_next});
  if (fate == Fate::Suspect) v.pause_integration = true;
  if (v.is_dead_letter && v.reason == Reason::ProviderDown && flight->account != nullptr) {
    flight->account->has_lost(now);
  }
  Note note = note_of(*flight);
  note.was_journaled = true;
  note.began_at = accepted;
  auto item =
      outcome_record(*flight, outcome, v, flight->account ? flight->account->key : std::string{}, now);
  if (v.forget_address && fate == Fate::Forget) forget(*flight, item, outcome);
  if (v.pause_integration && flight->account != nullptr) {
    const std::string why =
        outcome.detail.empty() ? outcome.code : fmt::format("{}: {}", outcome.code, outcome.detail);
    hooks_.misconfigured(flight->account->project, flight->account->key, why);
  }
  push(std::move(item), note);
}

void Recorder::decided(FlightPtr flight, DeliveryStatus to, Reason reason, std::optional<Time> due,
                       std::string note, std::string dead_letter) {
  const Note about = note_of(*flight);
  store::RecordItem item = item_of(*flight);
  auto& d = item.delivery;
  d.reason = reason;
  d.due_at = due;
  d.claims_lost = 0;
  if (!note.empty()) d.note = std::move(note);
  d.finished_at.reset();
  if (model::is_final(to)) d.finished_at = deps_.clock.now();
  item.to = to;
  item.dead_letter = std::move(dead_letter);
  push(std::move(item), about);
}

void Recorder::release(FlightPtr flight) {
  decided(std::move(flight), DeliveryStatus::Pending, Reason::None, deps_.clock.now());
}

void Recorder::push(store::RecordItem item, const Note& note) {
  Batch& queue = note.lane.priority == model::Priority::Critical ? critical_ : queue_;
  queue.items.push_back(std::move(item));
  queue.notes.push_back(note);
  wake_.set();
}

Recorder::Batch Recorder::take_from(Batch& queue, std::size_t limit) {
  if (queue.items.size() <= limit) return std::exchange(queue, {});
  Batch batch;
  const auto take = [limit](auto& from, auto& to) {
    const auto end = from.begin() + static_cast<std::ptrdiff_t>(limit);
    to.assign(std::make_move_iterator(from.begin()), std::make_move_iterator(end));
    from.erase(from.begin(), end);
  };
  take(queue.items, batch.items);
  take(queue.notes, batch.notes);
  return batch;
}

Task<void> Recorder::run() {
  while (true) {
    if (is_empty() && is_closed_) co_return;
    const bool is_critical = !critical_.items.empty();
    if (is_empty() || writing_ >= kWritersMax + (is_critical ? 1 : 0)) {
      co_await wake_.wait();
      continue;
    }
    ++writing_;
    Batch batch = is_critical
                      ? take_from(critical_, kBatchMax)
                      : take_from(queue_, urgency_.step(kBatchMax, urgent_rows(deps_.store.is_shared())));
    auto task = [this, b = std::move(batch)]() mutable { return write(std::move(b)); };
    if (!gate_.spawn(deps_.delivery, "write", std::move(task))) co_return;
  }
}

Task<void> Recorder::write(Batch batch) {
  CARILLON_FAILPOINT("record.before_journal");
  if (const auto flushed = journal_.flush(); !flushed) {
    base::log_error("the outcome journal cannot be written: {}", flushed.error().message);
  }
  CARILLON_FAILPOINT("record.after_journal");
  const auto items = std::make_shared<const std::vector<store::RecordItem>>(std::move(batch.items));
  co_await mark_sent(deps_, items);
  CARILLON_FAILPOINT("record.after_marks");
  while (true) {
    const auto applied = co_await deps_.store.record(items, deps_.owner, deps_.clock.now());
    if (applied) {
      CARILLON_FAILPOINT("record.after_store");
      note_written(*items, batch.notes, *applied);
      break;
    }
    // The journal has the outcomes; they are written as soon as the store can.
    base::log_warn("{} results wait for the store: {}", items->size(), applied.error().message);
    co_await base::sleep_for(kRetryWait);
  }
  --writing_;
  wake_.set();
  idle_.set();
}

void Recorder::note_written(const std::vector<store::RecordItem>& items, const std::vector<Note>& notes,
                            const std::vector<bool>& applied) {
  const Time now = deps_.clock.now();
  std::optional<std::uint64_t> oldest_hold;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Note& note = notes[i];
    const store::RecordItem& item = items[i];
    if (note.was_journaled) journal_.settled(item.delivery.id, note.epoch);
    windows_.release(note.lane);
    hooks_.freed(note.lane);
    if (!applied[i]) {
      stale_.add();
      continue;
    }
    const auto channel = static_cast<std::size_t>(model::channel_of(note.lane.queue));
    by_status_[channel][static_cast<std::size_t>(item.to)].add();
    if (waits_for_configuration(item.to, item.delivery.reason)) {
      oldest_hold = std::min(oldest_hold.value_or(note.configuration), note.configuration);
    }
    if (is_success(item.to)) {
      const std::chrono::duration<double> took = now - note.accepted_at;
      latency_[static_cast<std::size_t>(note.lane.priority)].observe(took.count());
      const auto& d = item.delivery;
      if (hooks_.latencies != nullptr && note.began_at != Time{} && d.finished_at && !d.is_sandbox) {
        hooks_.latencies->note(d.project, static_cast<Channel>(channel), *d.finished_at - note.began_at, now);
      }
    } else if (hooks_.troubled) {
      hooks_.troubled(item);
    }
  }
  // A change of configuration releases what it held, but not what was written after it by the old one.
  if (oldest_hold && *oldest_hold < deps_.directory.snapshot()->generation) hooks_.held_by_the_past();
}

Task<bool> Recorder::settled(base::Deadline deadline) {
  while (!is_empty() || writing_ > 0) {
    if (!co_await idle_.wait(deadline)) co_return is_empty() && writing_ == 0;
  }
  co_return true;
}

}  // namespace carillon::pipeline
