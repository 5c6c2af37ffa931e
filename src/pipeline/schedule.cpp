#include "pipeline/schedule.h"

#include <algorithm>

#include "base/failpoint.h"
#include "base/log.h"

namespace carillon::pipeline {
namespace {

constexpr std::size_t kPage = 200;
constexpr std::size_t kBusyMax = 64;  // schedules attended to at a time
constexpr int kNoteTries = 5;         // others may note a run of the same schedule
constexpr Millis kRetry = std::chrono::seconds(5);
// Later than that a run counts as missed.
constexpr Millis kOnTime = std::chrono::minutes(1);

store::RecordKey key_of(std::string_view kind, std::int32_t project, std::string key) {
  return {std::string(kind), project, std::move(key)};
}

// The state, and the version of its record; 0: there is none yet.
struct StoredState {
  model::ScheduleState state;
  std::int64_t version = 0;
};

Task<Result<StoredState>> load_state(store::Store& store, std::int32_t project, std::string key,
                                     std::int64_t schedule) {
  StoredState stored;
  auto record_key = key_of(kKindScheduleState, project, std::move(key));
  const auto record = co_await store.get_record(std::move(record_key));
  if (!record && record.error().code != Errc::NotFound) co_return std::unexpected(record.error());
  if (record) {
    CARILLON_CO_TRY(stored.state, model::decode_schedule_state(record->data));
    stored.version = record->version;
    if (stored.state.schedule != schedule) stored.state = {};
  }
  stored.state.schedule = schedule;
  co_return stored;
}

}  // namespace

Task<Result<StoredSchedule>> load_schedule(store::Store& store, std::int32_t project, std::string key) {
  StoredSchedule stored;
  auto record_key = key_of(kKindSchedule, project, key);
  CARILLON_CO_TRY(stored.record, co_await store.get_record(std::move(record_key)));
  CARILLON_CO_TRY(stored.schedule, model::decode_schedule(stored.record.data));
  stored.schedule.key = key;
  CARILLON_CO_TRY(auto state, co_await load_state(store, project, std::move(key), stored.record.id));
  stored.state = std::move(state.state);
  co_return stored;
}

std::expected<Caller, Refusal> schedule_caller(const Snapshot& snapshot, std::int32_t project,
                                               const model::Schedule& schedule) {
  Caller caller{project, nullptr, schedule.is_test, schedule.actor};
  if (schedule.app == 0) return caller;
  auto app = snapshot.usable_app(schedule.app);
  if (app) {
    caller.app = std::move(*app);
    return caller;
  }
  Refusal refusal;
  refusal.status = 403;
  refusal.code = "app_disabled";
  refusal.detail = fmt::format("the app that wrote this schedule is {}", app.error());
  return std::unexpected(std::move(refusal));
}

Result<SendItem> schedule_item(const model::Schedule& schedule, std::string event_id) {
  static const std::string kNoPrefix;
  base::JsonDocument document;
  CARILLON_TRY(const auto root, document.parse(schedule.notification));
  base::Problems problems;
  SendItem item;
  item.request =
      std::make_shared<model::SendRequest>(model::read_send_request(root, std::nullopt, kNoPrefix, problems));
  if (!problems.empty()) {
    return fail(Errc::Corruption, fmt::format("the stored notification does not read back: {} {}",
                                              problems[0].pointer, problems[0].detail));
  }
  // The fingerprint stays that of nothing: a run is told by its event id, whatever the schedule said then.
  item.request->event_id = std::move(event_id);
  item.body = schedule.notification;
  return item;
}

Task<Result<void>> note_schedule_run(store::Store& store, std::int32_t project, std::string key,
                                     ScheduleRun run, Time now) {
  for (int i = 0; i < kNoteTries; ++i) {
    auto schedule_key = key_of(kKindSchedule, project, key);
    CARILLON_CO_TRY(const auto schedule, co_await store.get_record(std::move(schedule_key)));
    CARILLON_CO_TRY(auto stored, co_await load_state(store, project, key, schedule.id));
    auto& state = stored.state;
    if (run.is_of_plan) state.handled = std::max(run.at, state.handled.value_or(run.at));
    if (run.notification != 0) {
      state.last_run = run.at;
      state.last_notification = run.notification;
      state.last_error.reset();
    } else {
      state.last_error = run.error;
    }
    store::Record record;
    record.key = key_of(kKindScheduleState, project, key);
    record.data = model::encode(state);
    const auto written = co_await store.put_record(std::move(record), stored.version, std::string(), now);
    if (written) co_return Result<void>{};
    if (written.error().code != Errc::Conflict) co_return std::unexpected(written.error());
  }
  co_return fail(Errc::Conflict, "others note runs of this schedule all the time");
}

ScheduleRun refused_run(Time at, const Refusal& refusal) {
  ScheduleRun run;
  run.at = at;
  run.error = {at, refusal.code, refusal.detail};
  if (!refusal.problems.empty() && !refusal.problems.front().pointer.empty()) {
    run.error.detail = fmt::format("/notification{}: {}", refusal.problems.front().pointer, refusal.detail);
  }
  return run;
}

Scheduler::Scheduler(const Pipeline::Deps& deps, Send send) : deps_(deps), send_(std::move(send)) {
  const auto counter = [&](const char* outcome) {
    return deps.metrics.counter("carillon_schedule_runs_total", "Runs of schedules, by what became of them.",
                                {{"outcome", outcome}});
  };
  fired_ = counter("fired");
  refused_ = counter("refused");
  missed_ = counter("missed");
}

void Scheduler::tick() {
  if (is_stopping_) return;
  if (!deps_.store.is_leader()) {
    loaded_.reset();  // others may change any of them until this one leads again
    return;
  }
  if (const std::uint64_t revision = deps_.store.revision().schedules; loaded_ != revision) {
    if (!is_loading_)
      is_loading_ = gate_.spawn(deps_.delivery, "load", [this, revision] { return load(revision); });
    return;
  }
  const Time now = deps_.clock.now();
  while (!due_.empty() && due_.begin()->first <= now && busy_ < kBusyMax) {
    const Key key = due_.begin()->second;
    begin(key, entries_[key]);
  }
}

void Scheduler::changed(std::int32_t project, std::string key) {
  if (is_stopping_ || !deps_.store.is_leader()) return;
  const Key name{project, std::move(key)};
  Entry& entry = entries_[name];
  if (entry.is_busy) {
    entry.is_stale = true;
  } else {
    begin(name, entry);
  }
}

Task<void> Scheduler::load(std::uint64_t revision) {
  const auto snapshot = deps_.directory.snapshot();
  for (auto& [key, entry] : entries_) {
    entry.is_stale = entry.is_busy;
    if (!entry.is_busy) place(key, entry, Time{});
  }
  bool is_complete = true;
  for (const auto& [project, view] : snapshot->projects) {
    const auto loaded = co_await load_project(project);
    if (loaded) continue;
    base::log_warn("the schedules cannot be read now: {}", loaded.error().message);
    is_complete = false;
    break;
  }
  if (is_complete) loaded_ = revision;
  is_loading_ = false;
}

Task<Result<void>> Scheduler::load_project(std::int32_t project) {
  store::ListPage page;
  page.limit = kPage;
  while (!is_stopping_) {
    CARILLON_CO_TRY(const auto rows,
                    co_await deps_.store.list_records(std::string(kKindSchedule), project, page));
    for (const auto& row : rows) {
      // Attended to once, each finds out when it is due.
      const Key key{project, row.key.key};
      Entry& entry = entries_[key];
      if (!entry.is_busy && !entry.due) place(key, entry, Time{});
    }
    if (rows.size() < kPage) break;
    page.after_key = rows.back().key.key;
  }
  co_return Result<void>{};
}

void Scheduler::place(const Key& key, Entry& entry, std::optional<Time> due) {
  if (entry.due) due_.erase({*entry.due, key});
  entry.due = due;
  if (due) due_.emplace(*due, key);
}

void Scheduler::begin(const Key& key, Entry& entry) {
  place(key, entry, std::nullopt);
  entry.is_busy = gate_.spawn(deps_.delivery, "schedule", [this, key] { return attend(key); });
  if (entry.is_busy) ++busy_;
}

Task<void> Scheduler::attend(Key key) {
  std::optional<Time> due;
  bool is_stale = true;
  while (is_stale) {
    entries_[key].is_stale = false;
    due = co_await attend_once(key);
    is_stale = entries_[key].is_stale;
  }
  --busy_;
  if (!due) {
    entries_.erase(key);
    co_return;
  }
  Entry& entry = entries_[key];
  entry.is_busy = false;
  place(key, entry, due);
  tick();  // more may be due than was begun at once
}

Task<std::optional<Time>> Scheduler::attend_once(Key key) {
  const auto due = co_await run_due(key);
  if (due) co_return *due;
  if (due.error().code == Errc::NotFound) co_return std::nullopt;
  base::log_warn("the schedule '{}' has to wait: {}", key.second, due.error().message);
  co_return deps_.clock.now() + kRetry;
}

Task<Result<std::optional<Time>>> Scheduler::run_due(Key key) {
  CARILLON_CO_TRY(StoredSchedule stored, co_await load_schedule(deps_.store, key.first, key.second));
  const model::Schedule& schedule = stored.schedule;
  if (!schedule.enabled) co_return std::nullopt;
  CARILLON_CO_TRY(const model::Cron cron, model::Cron::parse(schedule.cron));
  const std::string zone = schedule.time_zone;
  const Time after = model::counts_from(schedule, stored.state);
  const Time now = deps_.clock.now();
  const auto newest = cron.newest(zone, after, now);
  if (!newest) co_return cron.next(zone, after);
  const bool is_late = now - *newest > kOnTime;
  std::optional<ScheduleRun> run;
  if (is_late && schedule.missed == model::MissedRuns::Skip) {
    run.emplace();
    run->at = *newest;
    run->error = {*newest, "missed",
                  "nothing ran at that time; missed is skip, so the next time is waited for"};
    missed_.add();
  } else {
    CARILLON_CO_TRY(run, co_await fire(std::move(stored), key.first, *newest, is_late));
    if (!run) co_return now + kRetry;
  }
  CARILLON_FAILPOINT("schedule.before_note");
  CARILLON_CO_CHECK(co_await note_schedule_run(deps_.store, key.first, key.second, std::move(*run), now));
  CARILLON_FAILPOINT("schedule.after_note");
  co_return cron.next(zone, *newest);
}

Task<Result<std::optional<ScheduleRun>>> Scheduler::fire(StoredSchedule stored, std::int32_t project, Time at,
                                                         bool is_late) {
  ScheduleRun run;
  run.at = at;
  const std::string event_id = model::schedule_event_id(stored.schedule.key, at);
  if (is_late) {
    // A crash may have come between the accept and its note longer ago than event ids are remembered.
    CARILLON_CO_TRY(run.notification, co_await find_sent(project, stored.schedule.app, event_id));
    if (run.notification != 0) co_return run;
  }
  const auto snapshot = deps_.directory.snapshot();
  auto caller = schedule_caller(*snapshot, project, stored.schedule);
  if (!caller) {
    refused_.add();
    co_return refused_run(at, caller.error());
  }
  CARILLON_CO_TRY(auto item, schedule_item(stored.schedule, event_id));
  std::vector<SendItem> items;
  items.push_back(std::move(item));
  CARILLON_FAILPOINT("schedule.before_send");
  const auto results = co_await send_(std::move(*caller), std::move(items));
  const SendResult& result = results.front();
  if (result) {
    run.notification = result->id;
    fired_.add();
    co_return run;
  }
  const Refusal& refusal = result.error();
  if (refusal.is_passing()) {
    base::log_warn("the schedule '{}' tries again: {}", stored.schedule.key, refusal.detail);
    co_return std::nullopt;
  }
  base::log_warn("the run of the schedule '{}' at {} was refused: {}", stored.schedule.key, to_rfc3339(at),
                 refusal.detail);
  refused_.add();
  co_return refused_run(at, refusal);
}

Task<Result<std::int64_t>> Scheduler::find_sent(std::int32_t project, std::int64_t app,
                                                std::string event_id) {
  store::HistoryFilter filter;
  filter.project = project;
  filter.app = app;
  filter.limit = 1;
  filter.event_id = std::move(event_id);
  CARILLON_CO_TRY(const auto page, co_await deps_.store.list_notifications(std::move(filter)));
  co_return page.rows.empty() ? 0 : page.rows.front().id;
}

}  // namespace carillon::pipeline
