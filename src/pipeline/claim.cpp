// The claiming half of Deliverer: from hints and due rows to flights in the windows.
#include <boost/asio/post.hpp>

#include "base/failpoint.h"
#include "base/log.h"
#include "pipeline/deliver.h"

namespace carillon::pipeline {
namespace {

constexpr std::size_t kClaimMax = 1024;  // rows of one lane in one claim
constexpr std::size_t kClaimersMax = 2;  // one claim commits while the next gathers
// Claimed above what providers have room for, so that there is something to begin when they have answered.
constexpr std::size_t kAhead = 128;
constexpr auto kStoreRetry = std::chrono::milliseconds(200);
constexpr auto kFitEvery = std::chrono::milliseconds(20);  // all integrations of all projects are looked at

}  // namespace

Deliverer::Deliverer(const Pipeline::Deps& deps, const Options& options, Journal& journal, Windows& windows,
                     Recorder& recorder, Integrations& integrations, base::Urgency& urgency)
    : deps_(deps),
      options_(options),
      journal_(journal),
      windows_(windows),
      recorder_(recorder),
      integrations_(integrations),
      urgency_(urgency),
      claim_wake_(deps.delivery) {
  for (auto* wakes : {&queue_wake_, &critical_wake_}) {
    for (auto& wake : *wakes) wake = std::make_unique<base::Signal>(deps.delivery);
  }
  claim_size_ = deps.metrics.histogram("carillon_claim_rows", "Rows taken by one claim.",
                                       base::Metrics::count_buckets());
  marks_found_ = deps.metrics.counter("carillon_sent_marks_found_total",
                                      "Deliveries not sent again because a mark says that they were sent.");
}

Deliverer::~Deliverer() = default;

void Deliverer::start() {
  scan_all();
  gate_.spawn(deps_.delivery, "claim", [this] { return claim_loop(); });
  for (std::size_t q = 0; q < model::kQueueCount; ++q) {
    const auto queue = static_cast<model::Queue>(q);
    if (!options_.duties.sends(queue)) continue;
    gate_.spawn(deps_.delivery, "queue", [this, queue] { return run_queue(queue); });
    if (!deps_.store.is_shared()) continue;  // its answers are here before anything else could come
    gate_.spawn(deps_.delivery, "critical", [this, queue] { return run_critical(queue); });
  }
}

void Deliverer::ring(model::Lane) { claim_wake_.set(); }

bool Deliverer::try_reserve(model::Lane lane) noexcept {
  return is_open_[lane.index()].load(std::memory_order_relaxed) && windows_.try_reserve(lane);
}

void Deliverer::unreserve(model::Lane lane) {
  windows_.release(lane);
  boost::asio::post(deps_.delivery, [this, lane] { freed(lane); });
}

void Deliverer::taken(std::vector<Taken> rows) {
  boost::asio::post(deps_.delivery, [this, rows = std::move(rows)]() mutable {
    for (auto& row : rows) {
      auto flight = std::make_unique<Flight>();
      flight->delivery = std::move(row.delivery);
      flight->lapses = row.lapses;
      flight->profile = std::move(row.profile);
      flight->profile_stamp = row.profile_stamp;
      add(std::move(flight));
    }
  });
}

void Deliverer::scan(model::Lane lane) {
  if (!options_.duties.sends(lane.queue)) return;
  scan_wanted_[lane.index()] = true;
  older_wait(lane);
  claim_wake_.set();
}

void Deliverer::scan_all() {
  scan_wanted_.fill(true);
  for (auto& is_open : is_open_) is_open.store(false, std::memory_order_relaxed);
  claim_wake_.set();
  for (auto& wake : queue_wake_) wake->set();
}

void Deliverer::freed(model::Lane lane) {
  claim_wake_.set();
  queue_wake_[static_cast<std::size_t>(lane.queue)]->set();
}

void Deliverer::stop() {
  is_stopping_ = true;
  release_rest();
  attacher_.stop();
  claim_wake_.set();
  for (auto* wakes : {&queue_wake_, &critical_wake_}) {
    for (auto& wake : *wakes) wake->set();
  }
}

void Deliverer::release_rest() {
  for (auto& flight : windows_.take_all()) recorder_.release(std::move(flight));
  for (auto& flight : waiting_.take_all()) recorder_.release(std::move(flight));
}

bool Deliverer::is_paced(model::Lane lane) const noexcept {
  return lane.priority == model::Priority::Bulk && deps_.store.is_shared() && urgency_.is_near();
}

std::size_t Deliverer::claim_limit(model::Lane lane, std::size_t room) {
  if (lane.priority == model::Priority::Critical) return std::min(room, kClaimMax);
  const std::size_t step = urgency_.step(kClaimMax, urgent_rows(deps_.store.is_shared()));
  const std::size_t limit = std::min(room, step);
  if (!is_paced(lane)) return limit;
  const std::size_t taken = pace_.take(limit);
  if (taken == 0) is_held_back_ = true;
  return taken;
}

void Deliverer::not_begun(model::Lane lane, std::size_t n) {
  if (lane.priority == model::Priority::Bulk) pace_.give_back(n);
}

void Deliverer::fit_windows() {
  const auto now = std::chrono::steady_clock::now();
  if (!deps_.store.is_shared() || now < fit_again_at_) return;
  fit_again_at_ = now + kFitEvery;
  const auto capacities = integrations_.capacities();
  for (std::size_t q = 0; q < model::kQueueCount; ++q) {
    const auto& capacity = capacities[q];
    windows_.fit(static_cast<model::Queue>(q),
                 capacity ? capacity->slots + capacity->slots / 8 + kAhead + capacity->stuck : SIZE_MAX);
  }
}

std::vector<store::ClaimRequest> Deliverer::wanted_claims(bool of_critical) {
  std::vector<store::ClaimRequest> wanted;
  for (std::size_t i = 0; i < model::kLaneCount; ++i) {
    const model::Lane lane{static_cast<model::Queue>(i / model::kPriorityCount),
                           static_cast<model::Priority>(i % model::kPriorityCount)};
    if ((lane.priority == model::Priority::Critical) != of_critical || !options_.duties.sends(lane.queue))
      continue;
    // A nearly full window waits until a quarter is free: claims in handfuls cost a commit each.
    if (is_claiming_[i] || !windows_.is_worth_a_claim(lane)) continue;
    const std::size_t room = claim_limit(lane, windows_.room(lane));
    if (room == 0) continue;
    store::ClaimRequest request;
    request.lane = lane;
    request.limit = room;
    if (!scan_wanted_[i]) {
      queue::Batch batch = deps_.queue.poll(lane, room);
      if (batch.overflowed) scan_wanted_[i] = true;
      if (batch.token != 0) polled_[i] = batch.token;
      if (batch.ids.empty() && !scan_wanted_[i]) {
        // A hint that comes between the poll and this is only overtaken by what comes at the same moment.
        is_open_[i].store(true, std::memory_order_relaxed);
        not_begun(lane, room);
        continue;
      }
      // Hints of a lane that overflowed are covered by the scan, which goes in due order.
      if (!scan_wanted_[i]) request.ids = std::move(batch.ids);
    }
    const std::size_t reserved = request.ids.empty() ? room : request.ids.size();
    not_begun(lane, room - reserved);
    windows_.reserve(lane, reserved);
    is_claiming_[i] = true;
    wanted.push_back(std::move(request));
  }
  return wanted;
}

void Deliverer::return_unused(const std::vector<store::ClaimRequest>& asked,
                              const std::vector<model::Delivery>& rows) {
  std::array<std::size_t, model::kLaneCount> got{};
  for (const auto& row : rows) ++got[row.lane().index()];
  for (const auto& request : asked) {
    const std::size_t i = request.lane.index();
    const std::size_t reserved = request.ids.empty() ? request.limit : request.ids.size();
    const std::size_t unused = reserved - std::min(reserved, got[i]);
    windows_.release(request.lane, unused);
    not_begun(request.lane, unused);
    is_claiming_[i] = false;
    // A scan that came back short has seen every row that was due: from now on hints are enough.
    if (request.ids.empty() && got[i] < request.limit) scan_wanted_[i] = false;
  }
}

void Deliverer::take_claimed(std::vector<model::Delivery> rows, std::uint64_t lapses,
                             const std::vector<store::ClaimRequest>& asked) {
  claim_size_.observe(static_cast<double>(rows.size()));
  return_unused(asked, rows);
  for (auto& row : rows) {
    auto flight = std::make_unique<Flight>();
    flight->delivery = std::move(row);
    flight->lapses = lapses;
    add(std::move(flight));
  }
}

// A claimed row that has its place in a window.
void Deliverer::add(FlightPtr flight) {
  if (is_stopping_) {
    recorder_.release(std::move(flight));
    return;
  }
  const bool is_critical = flight->delivery.priority == model::Priority::Critical;
  if (is_critical) urgency_.note();
  const auto queue = static_cast<std::size_t>(flight->delivery.queue);
  windows_.add(std::move(flight));
  queue_wake_[queue]->set();
  if (is_critical) critical_wake_[queue]->set();
}

// What is critical is claimed by itself: it waits for nobody else's rows.
Task<void> Deliverer::claim_loop() {
  while (!is_stopping_) {
    fit_windows();
    is_held_back_ = false;
    bool has_begun = false;
    for (const bool is_critical : {true, false}) {
      if (!is_critical && claiming_others_ >= kClaimersMax) continue;
      auto asked = wanted_claims(is_critical);
      if (asked.empty()) continue;
      ++claiming_;
      if (!is_critical) ++claiming_others_;
      has_begun = true;
      gate_.spawn(deps_.delivery, "claim", [this, is_critical, a = std::move(asked)]() mutable {
        return claim(std::move(a), is_critical);
      });
    }
    if (has_begun) continue;
    co_await claim_wake_.wait(is_held_back_ ? base::Deadline::after(pace_.until_next())
                                            : base::Deadline::never());
  }
  while (claiming_ > 0) co_await claim_wake_.wait();
}

Task<void> Deliverer::claim(std::vector<store::ClaimRequest> asked, bool is_critical) {
#ifdef CARILLON_MUTATION_OFFSETS_BEFORE_CLAIM
  // A build that does this has to fail tests/chaos/test_cluster_hints.py.
  for (const auto& request : asked) deps_.queue.commit(request.lane, polled_[request.lane.index()]);
#endif
  const auto began = base::Pace::Clock::now();
  const std::uint64_t lapses = deps_.store.lapses();
  auto rows = co_await deps_.store.claim(asked, deps_.owner, deps_.clock.now());
  if (rows) {
    CARILLON_FAILPOINT("claim.after_store");
    // The claim is durable: the hints have done their part. After a failure they wait for the scan's.
    for (const auto& request : asked) deps_.queue.commit(request.lane, polled_[request.lane.index()]);
    take_claimed(std::move(*rows), lapses, asked);
    if (is_critical) pace_.note(base::Pace::Clock::now() - began);
  } else {
    if (claim_failures_.is_due(rows.error().message))
      base::log_warn("due deliveries cannot be taken from the store: {}", rows.error().message);
    for (const auto& request : asked) scan_wanted_[request.lane.index()] = true;
    co_await base::sleep_for(kStoreRetry);
    return_unused(asked, {});
    for (const auto& request : asked) scan_wanted_[request.lane.index()] = true;
  }
  --claiming_;
  if (!is_critical) --claiming_others_;
  claim_wake_.set();
}

}  // namespace carillon::pipeline
