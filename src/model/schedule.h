// Schedules: sends that repeat by a cron expression, and what became of their runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "model/cron.h"

namespace carillon::model {

// What becomes of runs whose time passed while nothing ran: one for the newest of them, or none.
enum class MissedRuns : std::uint8_t { RunOnce = 0, Skip = 1 };
std::string_view name(MissedRuns missed) noexcept;  // "run_once"

struct Schedule {
  std::string key;
  std::string cron;
  std::string time_zone;  // IANA name
  MissedRuns missed = MissedRuns::RunOnce;
  bool enabled = true;
  std::string notification;  // JSON of a send request without event_id, draft and send_at
  // Who wrote it: it is sent in their name.
  std::int64_t app = 0;  // record id; 0: a member or management key
  bool is_test = false;  // written with a test key: ends in the sandbox
  std::string actor;
  Time since{};  // its times count from then on: made, or its times changed
};
// The stored form. Errors of decode: Corruption. The key is not in it.
std::string encode(const Schedule& schedule);
Result<Schedule> decode_schedule(std::string_view json);

// Reads a body over `into`, whose fields stay where the body names none (PATCH; for PUT, a new one). The
// notification is read as POST /v1/notifications does, with pointers below /notification. Problems:
// invalid_cron invalid_time_zone invalid_choice required read_only key_mismatch and those of a send.
// What only an answer has (next_run …) is passed over, so that an answer can be changed and put back.
void read_schedule(base::JsonElement body, Schedule& into, base::Problems& problems);

// Why a run did not become a notification.
struct ScheduleFailure {
  Time at{};  // the run's time
  std::string code, detail;
};
// What became of the runs: kept beside the schedule, so that a run is no change of it.
struct ScheduleState {
  std::int64_t schedule = 0;    // the schedule's record id: of an earlier one with that key it does not count
  std::optional<Time> handled;  // the newest time that is done with: sent, refused or skipped
  std::optional<Time> last_run;  // the time the last notification was for
  std::int64_t last_notification = 0;
  std::optional<ScheduleFailure> last_error;  // of the newest run, when it did not become a notification
};
std::string encode(const ScheduleState& state);
Result<ScheduleState> decode_schedule_state(std::string_view json);

// When it fires next, counted from the last time that is done with; it may have passed (the run is about to
// be made up for). nullopt: it is switched off.
[[nodiscard]] std::optional<Time> next_run(const Schedule& schedule, const ScheduleState& state);
// From when on its times count: the later of `since` and `handled`.
[[nodiscard]] Time counts_from(const Schedule& schedule, const ScheduleState& state);

// The event id of a run: one time of one schedule is one notification.
[[nodiscard]] std::string schedule_event_id(std::string_view key, Time at);

}  // namespace carillon::model
