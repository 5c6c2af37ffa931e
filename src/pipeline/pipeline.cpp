#include "pipeline/pipeline.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdlib>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "pipeline/accept.h"
#include "pipeline/alerts.h"
#include "pipeline/deliver.h"
#include "pipeline/drafts.h"
#include "pipeline/expand.h"
#include "pipeline/history.h"
#include "pipeline/latency_tally.h"
#include "pipeline/receipts.h"
#include "pipeline/recount.h"
#include "pipeline/recover.h"
#include "pipeline/revive.h"
#include "pipeline/schedule.h"

namespace carillon::pipeline {
namespace {

constexpr std::size_t kUnholdChunk = 4096;
constexpr std::size_t kCancelChunk = 4096;
constexpr Millis kHintGrace{200};
constexpr Millis kUnderWay{15'000};  // from a send's first look at the configuration to its commit, at most
constexpr auto kHousekeepingEvery = std::chrono::seconds(5);
constexpr auto kReapEvery = std::chrono::seconds(2);
constexpr auto kTellEvery = std::chrono::seconds(10);

// Runs a task on an executor and blocks this thread until it ended.
template <class T>
T run_on(const boost::asio::any_io_executor& executor, Task<T> task) {
  return boost::asio::co_spawn(executor, std::move(task), boost::asio::use_future).get();
}

// Calls `f` on the executor and blocks until it returned.
template <class F>
void call_on(const boost::asio::any_io_executor& executor, F f) {
  std::promise<void> done;
  boost::asio::post(executor, [&] {
    f();
    done.set_value();
  });
  done.get_future().wait();
}

// The sandbox's messages go into the Store.
class StoreSandbox final : public providers::SandboxBox {
 public:
  StoreSandbox(store::Store& store, base::IdGenerator& ids, const base::Clock& clock,
               const base::KeyRing& keys)
      : store_(store), ids_(ids), clock_(clock), keys_(keys) {}

  Task<Result<void>> add(std::vector<providers::SandboxEntry> entries) override {
    std::vector<store::SandboxMessage> messages;
    messages.reserve(entries.size());
    const Time now = clock_.now();
    std::int64_t id = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i % base::kIdPerMs == 0) id = ids_.take(std::min<std::size_t>(entries.size() - i, base::kIdPerMs));
      auto& e = entries[i];
      if (e.is_sensitive) e.content = keys_.sensitive_sealer.seal(e.content, sandbox_context(id));
      messages.push_back({id++, e.project, e.delivery, e.notification, e.channel, std::move(e.to),
                          std::move(e.content), now});
    }
    co_return co_await store_.add_sandbox_messages(std::move(messages));
  }

 private:
  store::Store& store_;
  base::IdGenerator& ids_;
  const base::Clock& clock_;
  const base::KeyRing& keys_;
};

class PipelineImpl final : public Pipeline {
 public:
  PipelineImpl(Deps deps, Options options, std::unique_ptr<Journal> journal)
      : deps_(std::move(deps)),
        options_(std::move(options)),
        journal_(std::move(journal)),
        sandbox_(deps_.store, deps_.ids, deps_.clock, deps_.keys),
        integrations_(Integrations::Deps{deps_.delivery, deps_.clock, deps_.directory, deps_.metrics,
                                         sandbox_, options_.public_url, options_.hello_name,
                                         options_.webhooks.private_addresses, deps_.owner.node}),
        windows_(static_cast<std::size_t>(options_.window),
                 static_cast<std::size_t>(options_.careful_window)),
        recorder_(deps_, *journal_, windows_, urgency_, recorder_hooks()),
        deliverer_(deps_, options_, *journal_, windows_, recorder_, integrations_, urgency_),
        expander_(deps_, urgency_, options_.expansion_range,
                  Expander::Hooks{[this](const std::vector<store::Hint>& hints) { publish(hints); },
                                  [this](std::int32_t project, model::Channel channel, std::int64_t n) {
                                    alerts_.no_route(project, channel, n);
                                  },
                                  [this] { return notice_critical(); }}),
        tick_(deps_.delivery) {
    register_gauges();
    const AcceptMetrics metrics = AcceptMetrics::make(deps_.metrics);
    for (const auto& executor : deps_.api) {
      acceptors_.push_back(std::make_unique<Acceptor>(deps_, executor, options_, metrics, acceptor_hooks()));
    }
    // What fires by itself is accepted where it fires.
    acceptors_.push_back(
        std::make_unique<Acceptor>(deps_, deps_.delivery, options_, metrics, acceptor_hooks()));
  }

  ~PipelineImpl() override { drain(); }

  // On the delivery executor.
  void start() {
    integrations_.apply(*deps_.directory.snapshot());
    deps_.queue.on_ready([this](model::Lane lane) {
      boost::asio::post(deps_.delivery, [this, lane] { deliverer_.ring(lane); });
    });
    deliverer_.start();
    gate_.spawn(deps_.delivery, "tick", [this] { return tick(); });
    gate_.spawn(deps_.delivery, "housekeeping", [this] { return housekeeping(); });
    gate_.spawn(deps_.delivery, "objects", [this] { return sweep(); });
    gate_.spawn(deps_.delivery, "reaper", [this] { return reap_lost(); });
    gate_.spawn(deps_.delivery, "telling", [this] { return tell_others(); });
  }

  Task<std::vector<SendResult>> send(Caller caller, std::vector<SendItem> items) override {
    Acceptor* mine = co_await my_acceptor();
    const std::int32_t project = caller.project;
    auto results = co_await mine->send(std::move(caller), std::move(items));
    alerts_.accepted(project, results);
    co_return results;
  }

  Task<std::expected<Explained, Refusal>> explain(Caller caller, SendItem item) override {
    auto unavailable = co_await integrations_.unavailable(caller.project);
    Acceptor* mine = co_await my_acceptor();
    co_return co_await mine->explain(std::move(caller), std::move(item), std::move(unavailable));
  }

  Task<Result<model::Explain>> explain_delivery(std::int64_t delivery) override {
    return explain_stored(deps_, delivery);
  }

  Task<Result<model::Message>> rendered(std::int64_t delivery) override {
    return render_stored(deps_, delivery);
  }

  Task<SendResult> submit(Caller caller, std::shared_ptr<const model::Notification> n) override {
    return drafts_.submit(std::move(caller), std::move(n));
  }
  Task<SendResult> edit(Caller caller, std::shared_ptr<const model::Notification> n, SendItem item) override {
    return drafts_.edit(std::move(caller), std::move(n), std::move(item));
  }
  Task<std::expected<store::Approval, Refusal>> decide(store::ApprovalDecision decision) override {
    return drafts_.decide(std::move(decision));
  }

  Task<Result<providers::CallbackReading>> callback(CallbackFrom from,
                                                    providers::CallbackRequest request) override {
    return take_callback(deps_, integrations_, std::move(from), std::move(request));
  }

  Task<Result<void>> pause(std::int64_t notification, store::Actor actor) override {
    return deps_.store.pause(notification, std::move(actor), deps_.clock.now());
  }
  Task<Result<void>> resume(std::int64_t notification, store::Actor actor) override {
    CARILLON_CO_CHECK(co_await deps_.store.resume(notification, std::move(actor), deps_.clock.now()));
    gate_.spawn(deps_.delivery, "resume", [this, notification] { return resume_rest(notification); });
    expand();
    co_return Result<void>{};
  }

  Task<Result<store::CancelResult>> cancel(std::int64_t notification, store::Actor actor) override {
    CARILLON_CO_TRY(auto result,
                    co_await deps_.store.cancel(notification, std::move(actor), deps_.clock.now()));
    CARILLON_CO_TRY(const auto chunk,
                    co_await deps_.store.cancel_chunk(notification, 0, kCancelChunk, deps_.clock.now()));
    if (chunk.next != 0) {
      gate_.spawn(deps_.delivery, "cancel",
                  [this, notification, from = chunk.next] { return cancel_rest(notification, from); });
    }
    co_return result;
  }

  Task<Result<std::vector<store::ReplayResult>>> replay(std::vector<store::ReplayItem> items,
                                                        store::Actor actor) override {
    CARILLON_CO_TRY(auto results,
                    co_await replay_sealed(deps_.store, deps_.directory, deps_.keys, std::move(items),
                                           std::move(actor), deps_.clock.now()));
    std::vector<store::Hint> hints;
    for (const auto& result : results) {
      if (result.replayed) hints.push_back({result.delivery, result.lane});
    }
    publish(hints);
    co_return results;
  }

  void configuration_changed() override {
    boost::asio::post(deps_.delivery, [this] { reconfigure(); });
  }

  void schedule_changed(std::int32_t project, std::string key) override {
    boost::asio::post(deps_.delivery,
                      [this, project, k = std::move(key)] { scheduler_.changed(project, k); });
  }

  void nudge() override {
    boost::asio::post(deps_.delivery, [this] { tick_.set(); });
  }

  Task<Result<AlertTest>> test_alerts(std::int32_t project) override { return alerts_.test(project); }

  Integrations& integrations() override { return integrations_; }
  bool is_idle() const override { return is_idle_.load(std::memory_order_relaxed); }

  std::string not_ready() const override {
    if (is_draining_) return "stopping";
    const auto health = deps_.store.health();
    return health.can_write ? std::string{} : health.why;
  }

  void drain() override {
    if (is_draining_.exchange(true)) return;
    CARILLON_FAILPOINT("drain.begin");
    const auto deadline = base::Deadline::after(options_.drain_timeout);
    for (auto& acceptor : acceptors_) {
      call_on(acceptor->executor(), [&] { acceptor->close(); });
      acceptor->wait();
    }
    // A queue that others use goes on hearing of work: what it has posted runs before what is posted next.
    deps_.queue.on_ready({});
    call_on(deps_.delivery, [&] {
      expander_.stop();
      reviver_.stop();
      scheduler_.stop();
      recounter_.stop();
      deliverer_.stop();
      tick_.set();
      housekeeping_wake_.set();
      sweep_wake_.set();
      reap_wake_.set();
      tell_wake_.set();
    });
    CARILLON_FAILPOINT("drain.released");
    run_on(deps_.delivery, finish(deadline));
    CARILLON_FAILPOINT("drain.settled");
    gate_.wait(base::Deadline::never());
    call_on(deps_.delivery, [&] { recorder_.close(); });
    alerts_.wait();
    scheduler_.wait();
    recounter_.wait();
    deliverer_.wait();
    recorder_.wait();
  }

 private:
  Acceptor::Hooks acceptor_hooks() {
    return Acceptor::Hooks{.publish = [this](const std::vector<store::Hint>& hints) { publish(hints); },
                           .reserve = [this](model::Lane lane) { return deliverer_.try_reserve(lane); },
                           .unreserve = [this](model::Lane lane) { deliverer_.unreserve(lane); },
                           .taken = [this](std::vector<Taken> rows) { deliverer_.taken(std::move(rows)); },
                           .held_by_the_past = [this] { configuration_changed(); }};
  }

  Recorder::Hooks recorder_hooks() {
    return Recorder::Hooks{
        [this](model::Lane lane) { deliverer_.freed(lane); },
        [this](std::int32_t project, std::string key, std::string why) {
          base::log_error("integration '{}' is paused: {}", key, why);
          gate_.spawn(deps_.delivery, "pause",
                      [this, project, k = std::move(key), w = std::move(why)]() -> Task<void> {
                        const auto paused = co_await integrations_.pause(project, k, w, "system");
                        if (!paused)
                          base::log_warn("the pause of '{}' is not stored: {}", k, paused.error().message);
                      });
        },
        [this] { configuration_changed(); },
        [this](const store::RecordItem& item) { alerts_.recorded(item); }, &latencies_};
  }

  // Any thread. A lane's hints go over in one call.
  void publish(const std::vector<store::Hint>& hints) {
    std::map<std::size_t, std::pair<model::Lane, std::vector<std::int64_t>>> by_lane;
    for (const auto& hint : hints) {
      auto& [lane, ids] = by_lane[hint.lane.index()];
      lane = hint.lane;
      ids.push_back(hint.id);
    }
    for (const auto& [index, entry] : by_lane) {
      deliverer_.older_wait(entry.first);
      // A queue that is away costs a second: the next scan finds the rows.
      [[maybe_unused]] const auto published = deps_.queue.publish(entry.first, entry.second);
    }
  }

  Task<Acceptor*> my_acceptor() {
    const auto executor = co_await boost::asio::this_coro::executor;
    for (const auto& acceptor : acceptors_) {
      if (acceptor->executor() == executor) co_return acceptor.get();
    }
    base::log_error("a send was awaited on an executor that is not of the pipeline");
    std::abort();
  }

  // Delivery executor: what was waiting for a condition gets another look.
  void reconfigure() {
    const auto snapshot = deps_.directory.snapshot();
    integrations_.apply(*snapshot);
    seen_generation_ = snapshot->generation;
    std::set<std::string> stops = stops_of(*snapshot);
    // What stop buttons hold waits for one of them to go. At the start one may be gone since the last.
    const bool is_stop_gone = !stops_ || !std::ranges::includes(stops, *stops_);
    const bool is_first = !std::exchange(stops_, std::move(stops));
    if (is_stop_gone && !is_first) stop_gone_at_ = deps_.clock.now();
    // Whoever held something by an older configuration does this when it learns of the newer one.
    const bool sends = options_.duties.queues != 0;
    for (const auto reason : kConfigurationHolds) {
      // At the start it is enough that those look who send.
      if (reason == model::Reason::Paused && !(is_first ? sends : is_stop_gone)) continue;
      gate_.spawn(deps_.delivery, "unhold", [this, reason] { return unhold(reason); });
    }
  }

  // What was on its way when a stop button went was held by it, and is committed by now.
  void look_for_late_holds() {
    if (!stop_gone_at_ || deps_.clock.now() < *stop_gone_at_ + kUnderWay) return;
    stop_gone_at_.reset();
    gate_.spawn(deps_.delivery, "unhold", [this] { return unhold(model::Reason::Paused); });
  }

  // The stop buttons that stand.
  static std::set<std::string> stops_of(const Snapshot& snapshot) {
    std::set<std::string> stops;
    for (const auto& [id, view] : snapshot.projects) {
      for (const auto& pause : view->pauses)
        stops.insert(fmt::format("{}/{}/{}", id, pause.id, model::encode(pause)));
    }
    return stops;
  }

  Task<void> unhold(model::Reason reason) {
    store::HoldFilter filter;
    filter.reason = reason;
    while (!is_draining_) {
      const auto freed = co_await deps_.store.unhold(filter, kUnholdChunk, deps_.clock.now());
      if (!freed) base::log_warn("held deliveries cannot be released now: {}", freed.error().message);
      if (!freed || freed->hints.empty()) co_return;
      publish(freed->hints);
      if (freed->hints.size() < kUnholdChunk) co_return;
      // What is held again meanwhile, by a stop button that stands, is not released twice.
      filter.after = freed->hints.back().id;
      filter.until = freed->until;
    }
  }

  // Any thread.
  void expand() {
    if (!options_.duties.expands) return;
    gate_.spawn(deps_.delivery, "expand", [this] { return expander_.run(); });
  }

  Task<void> resume_rest(std::int64_t notification) {
    for (std::int64_t from = 0; !is_draining_;) {
      const auto chunk =
          co_await deps_.store.resume_chunk(notification, from, kCancelChunk, deps_.clock.now());
      if (!chunk) base::log_warn("what a pause held cannot be released now: {}", chunk.error().message);
      if (!chunk) co_return;
      publish(chunk->hints);
      if (chunk->next == 0) co_return;
      from = chunk->next;
    }
  }

  Task<void> cancel_rest(std::int64_t notification, std::int64_t from) {
    while (!is_draining_ && from != 0) {
      const auto chunk =
          co_await deps_.store.cancel_chunk(notification, from, kCancelChunk, deps_.clock.now());
      if (!chunk) co_return;
      from = chunk->next;
    }
  }

  // Looks for what became due: retries, holds with a time, schedules, hints that were lost.
  Task<void> tick() {
    co_await look_for_due();
    while (!is_draining_) {
      co_await tick_.wait(base::Deadline::after(options_.refill_interval));
      if (is_draining_) co_return;
      if (const auto followed = co_await deps_.directory.follow(); !followed)
        base::log_warn("what others changed cannot be read now: {}", followed.error().message);
      if (deps_.directory.snapshot()->generation != seen_generation_) reconfigure();
      look_for_late_holds();
      co_await look_for_due();
      co_await notice_critical();
      is_idle_ = windows_.open_total() == 0;
      expand();
      alerts_.tick();
      scheduler_.tick();
      if (deps_.store.is_leader()) recounter_.tick();
      // Who sends sees what was lost, and that a provider is back.
      if (options_.duties.queues != 0)
        gate_.spawn(deps_.delivery, "revive", [this] { return reviver_.run(); });
    }
  }

  // What is critical in other processes meets this one's expansions in the database and, maybe, on this
  // machine.
  Task<void> notice_critical() {
    if (!options_.duties.expands || !deps_.store.is_shared()) co_return;
    const auto rows = co_await deps_.store.counters();
    if (!rows) co_return;
    std::int64_t accepted = 0;
    for (const store::CounterRow& row : *rows)
      accepted += row.priority == model::Priority::Critical && !row.status ? row.n : 0;
    const std::int64_t before = std::exchange(critical_accepted_, accepted);
    // Until the next look, and as long as that lasts.
    if (accepted != before) urgency_.note(base::Urgency::Clock::now() + options_.refill_interval);
  }

  // Lanes without open rows are not asked for any.
  Task<void> look_for_due() {
    auto depths = co_await deps_.store.lane_depths(deps_.clock.now());
    if (!depths) {
      deliverer_.scan_all();
      co_return;
    }
    // What was accepted a moment ago is on its way by its hint; a scan would only meet it halfway.
    const Time due = deps_.clock.now() - kHintGrace;
    for (const auto& depth : *depths) {
      if (depth.oldest_due && *depth.oldest_due <= due) deliverer_.scan(depth.lane);
    }
    const std::lock_guard lock(depths_mutex_);
    depths_ = empty_depths();
    for (const auto& depth : *depths) {
      if (depth.lane.index() < depths_.size()) depths_[depth.lane.index()] = depth;
    }
  }

  // Every lane has its series: an alarm on a lane that was never used must not be about nothing.
  static std::vector<store::LaneDepth> empty_depths() {
    std::vector<store::LaneDepth> depths(model::kLaneCount);
    for (std::size_t i = 0; i < model::kLaneCount; ++i) {
      depths[i].lane.queue = static_cast<model::Queue>(i / model::kPriorityCount);
      depths[i].lane.priority = static_cast<model::Priority>(i % model::kPriorityCount);
    }
    return depths;
  }

  void register_gauges() {
    depths_ = empty_depths();
    const auto count = [this](const char* gauge, const char* help, std::int64_t store::LaneDepth::* field) {
      deps_.metrics.gauges(gauge, help, [this, field] {
        base::Metrics::Series series;
        const std::lock_guard lock(depths_mutex_);
        for (const auto& d : depths_) series.emplace_back(lane_labels(d.lane), static_cast<double>(d.*field));
        return series;
      });
    };
    count("carillon_queue_ready", "Deliveries that are due and not taken.", &store::LaneDepth::ready);
    count("carillon_queue_retrying", "Deliveries waiting for their next attempt.",
          &store::LaneDepth::retrying);
    count("carillon_queue_held", "Deliveries held for a time or a condition.", &store::LaneDepth::held);
    count("carillon_queue_in_flight", "Deliveries a worker has taken.", &store::LaneDepth::in_flight);
    count("carillon_queue_dead", "Deliveries given up on and not replayed, discarded ones too.",
          &store::LaneDepth::dead);
    const char* const help = "How long the oldest due delivery has been due.";
    deps_.metrics.gauges("carillon_queue_oldest_age_seconds", help, [this] {
      base::Metrics::Series series;
      const Time now = deps_.clock.now();
      const std::lock_guard lock(depths_mutex_);
      for (const auto& d : depths_) {
        const std::chrono::duration<double> age = now - d.oldest_due.value_or(now);
        series.emplace_back(lane_labels(d.lane), std::max(0.0, age.count()));
      }
      return series;
    });
  }

  static base::Labels lane_labels(model::Lane lane) {
    return {{"queue", std::string(model::name(lane.queue))},
            {"priority", std::string(model::name(lane.priority))}};
  }

  Task<void> housekeeping() {
    while (!is_draining_) {
      co_await housekeeping_wake_.wait(base::Deadline::after(kHousekeepingEvery));
      bool has_more = deps_.store.is_leader();
      while (has_more && !is_draining_) {
        const auto more = co_await deps_.store.housekeeping(options_.retention, deps_.clock.now());
        if (!more) base::log_warn("housekeeping failed: {}", more.error().message);
        has_more = more && *more;
      }
    }
  }

  // Beside housekeeping: a bucket that does not answer keeps nothing else waiting.
  Task<void> sweep() {
    while (!is_draining_) {
      co_await sweep_wake_.wait(base::Deadline::after(kHousekeepingEvery));
      bool has_more = deps_.store.is_leader();
      while (has_more && !is_draining_) {
        const auto more = co_await sweep_objects(object_access(deps_, options_), deps_.clock.now());
        if (!more)
          base::log_warn("objects that are not needed could not be removed: {}", more.error().message);
        has_more = more && *more;
      }
    }
  }

  Task<void> reap_lost() {
    while (!is_draining_) {
      co_await reap_wake_.wait(base::Deadline::after(kReapEvery));
      if (is_draining_) co_return;
      if (!deps_.store.is_leader() || !deps_.store.may_take_over()) continue;
      if (const auto taken = co_await reap(deps_); !taken)
        base::log_warn("looking after processes that are gone failed: {}", taken.error().message);
    }
  }

  // Figures for people, so that any process can show them. What is not told when this one dies is lost.
  Task<void> tell() {
    auto rows = std::make_shared<const std::vector<store::LatencyRow>>(latencies_.changed());
    std::string report;
    if (deps_.store.is_shared()) report = encode_health(integrations_.health());
    if (rows->empty() && report.empty()) co_return;
    std::vector<store::LatencyRow> copy = *rows;
    const auto told = co_await deps_.store.telemetry().tell(deps_.owner, std::move(report), std::move(copy),
                                                            deps_.clock.now());
    if (told) {
      latencies_.told(*rows, deps_.clock.now());
    } else {
      base::log_debug("figures of this process are told later: {}", told.error().message);
    }
  }

  Task<void> tell_others() {
    while (!is_draining_) {
      co_await tell_wake_.wait(base::Deadline::after(kTellEvery));
      if (!is_draining_) co_await tell();
    }
  }

  std::vector<store::LaneDepth> depths() {
    const std::lock_guard lock(depths_mutex_);
    return depths_;
  }

  Task<bool> finish(base::Deadline deadline) {
    co_await alerts_.close();
    while (deliverer_.in_flight() > 0 && !deadline.passed())
      co_await base::sleep_for(std::chrono::milliseconds(10));
    co_await integrations_.close(deadline);
    const bool is_settled = co_await recorder_.settled(deadline);
    co_await tell();
    co_return is_settled;
  }

  const Deps deps_;
  const Options options_;
  std::unique_ptr<Journal> journal_;
  StoreSandbox sandbox_;
  Integrations integrations_;
  Windows windows_;
  base::Urgency urgency_;
  LatencyTally latencies_;
  Recorder recorder_;
  Deliverer deliverer_;
  Expander expander_;
  Reviver reviver_{deps_, integrations_, [this](const std::vector<store::Hint>& hints) { publish(hints); }};
  Scheduler scheduler_{deps_, [this](Caller caller, std::vector<SendItem> items) {
                         return send(std::move(caller), std::move(items));
                       }};
  Recounter recounter_{deps_, options_.recount_hour};
  Drafts drafts_{deps_, options_, [this] { expand(); }};
  Alerts alerts_{deps_, options_.alerts,
                 [this](Caller caller, std::vector<SendItem> items) {
                   return send(std::move(caller), std::move(items));
                 },
                 [this] { return depths(); }, [this] { return recounter_.differences(); }};
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  base::Signal tick_;
  base::Signal housekeeping_wake_{deps_.delivery};
  base::Signal sweep_wake_{deps_.delivery};
  base::Signal reap_wake_{deps_.delivery};
  base::Signal tell_wake_{deps_.delivery};
  std::uint64_t seen_generation_ = 0;
  std::optional<std::set<std::string>> stops_;  // as of the last reconfigure()
  std::optional<Time> stop_gone_at_;            // until look_for_late_holds()
  std::int64_t critical_accepted_ = 0;          // by all processes, as of the last tick
  std::mutex depths_mutex_;
  std::vector<store::LaneDepth> depths_;  // as of the last tick
  std::atomic<bool> is_draining_ = false;
  std::atomic<bool> is_idle_ = true;
  base::TaskGate gate_{"pipeline"};
};

}  // namespace

void describe(base::SettingsGroup& group, Options& options) {
  group.integer("window", options.window)
      .range(16, 65'536)
      .help("Deliveries taken and not yet recorded, per queue and priority.");
  group.integer("careful_window", options.careful_window)
      .range(1, 4096)
      .help("The same for SMS, voice and chat, of which little may be in doubt after a crash.");
  group.integer("accept_backlog", options.accept_backlog)
      .range(64, 1'000'000)
      .help("Sends waiting for their commit before more are answered 503.");
  group.integer("expansion_range", options.expansion_range)
      .range(100, 100'000'000)
      .help(
          "Members of a group that one process expands at a time: a send to twice as many or more is cut "
          "into "
          "such ranges, which all routers share.");
  group.duration("refill_interval", options.refill_interval)
      .range(10, 60'000)
      .help("How often every queue looks for rows that became due.");
  group.duration("drain_timeout", options.drain_timeout)
      .range(0, 600'000)
      .help("How long a stopping process waits for answers of providers.");
  group.integer("recount_hour", options.recount_hour)
      .range(-1, 23)
      .unit("o'clock UTC")
      .help("When, each night, all deliveries are counted again and compared with the counters; -1: never.");
}

void describe(base::SettingsGroup& group, ApprovalOptions& options) {
  group.duration("expires_after", options.expires_after)
      .range(60'000, 90.0 * 86'400'000)
      .help("How long a send waits for its approval; then it is never sent.");
}

void describe(base::SettingsGroup& group, WebhookOptions& options) {
  group.boolean("private_addresses", options.private_addresses)
      .help(
          "Lets webhooks, those to users too, be in this network: private and loopback addresses, and "
          "plain http.");
}

void describe(base::SettingsGroup& group, store::Retention& retention) {
  constexpr double kDay = 86'400'000, kCentury = 36'500 * kDay;
  group.duration("content", retention.content)
      .range(kDay, kCentury)
      .help("What was said: bodies of notifications, messages of the sandbox.");
  group.duration("events", retention.events)
      .range(kDay, kCentury)
      .help("Business events kept as dead letters.");
  group.duration("webhooks", retention.webhooks)
      .range(kDay, kCentury)
      .help("Events that webhooks were told of, and those that wait for one.");
  group.duration("history", retention.notifications)
      .range(kDay, kCentury)
      .help("Notifications, deliveries, attempts and dead letters; what is not final stays.");
  group.duration("statistics", retention.stats).range(kDay, kCentury).help("Numbers by the hour.");
  group.duration("audit", retention.audit)
      .range(365 * kDay, kCentury)
      .help("The trail of who changed what; a year or more.");
}

Result<std::unique_ptr<Pipeline>> Pipeline::open(Deps deps, Options options) {
  CARILLON_CHECK(run_on(deps.delivery, recover(deps, options.journal_folder)));
  CARILLON_TRY(auto journal, Journal::open(options.journal_folder, deps.owner));
  const auto delivery = deps.delivery;
  auto pipeline = std::make_unique<PipelineImpl>(std::move(deps), std::move(options), std::move(journal));
  call_on(delivery, [&] { pipeline->start(); });
  return pipeline;
}

}  // namespace carillon::pipeline
