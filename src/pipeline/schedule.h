// The scheduler: fires schedules whose time has come, through the same accept as everybody else.
//
// A run's event id is made of the schedule's key and the run's time, so that one time is one notification
// whatever crashes between the accept and the note of it. What is due next is kept in memory, ordered by
// time; schedules themselves are read when they are attended to. Delivery thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/schedule.h"
#include "pipeline/pipeline.h"

namespace carillon::pipeline {

// A schedule as stored, with the state of its runs.
struct StoredSchedule {
  store::Record record;
  model::Schedule schedule;
  model::ScheduleState state;
};
// Errors: NotFound · Corruption · those of the Store.
Task<Result<StoredSchedule>> load_schedule(store::Store& store, std::int32_t project, std::string key);

// Who sends a schedule's notifications: whoever wrote it. Refusal: 403 app_disabled (or the app is gone).
[[nodiscard]] std::expected<Caller, Refusal> schedule_caller(const Snapshot& snapshot, std::int32_t project,
                                                             const model::Schedule& schedule);
// Its notification as a send. Errors: Corruption.
[[nodiscard]] Result<SendItem> schedule_item(const model::Schedule& schedule, std::string event_id);

// What became of one run.
struct ScheduleRun {
  Time at{};
  bool is_of_plan = true;         // false: somebody asked for it, the times go on as they were
  std::int64_t notification = 0;  // 0: none, see error
  model::ScheduleFailure error;
};
// Writes it into the schedule's state. Errors: those of the Store; NotFound, when the schedule is gone.
Task<Result<void>> note_schedule_run(store::Store& store, std::int32_t project, std::string key,
                                     ScheduleRun run, Time now);
// The run that a refusal leaves behind.
[[nodiscard]] ScheduleRun refused_run(Time at, const Refusal& refusal);

class Scheduler {
 public:
  using Send = std::function<Task<std::vector<SendResult>>(Caller, std::vector<SendItem>)>;
  // `send` must be awaitable on the delivery executor.
  Scheduler(const Pipeline::Deps& deps, Send send);

  // Fires what is due; the first call reads all schedules. Returns at once, the work goes on behind it.
  void tick();
  // A schedule was written or removed.
  void changed(std::int32_t project, std::string key);
  void stop() noexcept { is_stopping_ = true; }
  // Blocks the calling thread (not the delivery thread) until nothing is under way.
  void wait() { gate_.wait(base::Deadline::never()); }

 private:
  using Key = std::pair<std::int32_t, std::string>;
  struct Entry {
    std::optional<Time> due;  // in due_ as well
    bool is_busy = false;     // attended to right now
    bool is_stale = false;    // changed meanwhile
  };
  Task<void> load(std::uint64_t revision);
  Task<Result<void>> load_project(std::int32_t project);
  void begin(const Key& key, Entry& entry);
  Task<void> attend(Key key);
  void place(const Key& key, Entry& entry, std::optional<Time> due);
  // When to look again; nullopt: never.
  Task<std::optional<Time>> attend_once(Key key);
  Task<Result<std::optional<Time>>> run_due(Key key);
  // nullopt: it could not be stored now.
  Task<Result<std::optional<ScheduleRun>>> fire(StoredSchedule stored, std::int32_t project, Time at,
                                                bool is_late);
  Task<Result<std::int64_t>> find_sent(std::int32_t project, std::int64_t app, std::string event_id);

  const Pipeline::Deps& deps_;
  const Send send_;
  std::map<Key, Entry> entries_;
  std::set<std::pair<Time, Key>> due_;
  std::size_t busy_ = 0;
  std::optional<std::uint64_t> loaded_;  // revision of the store; nullopt: not loaded
  bool is_loading_ = false, is_stopping_ = false;
  base::Counter fired_, refused_, missed_;
  base::TaskGate gate_{"schedule"};
};

}  // namespace carillon::pipeline
