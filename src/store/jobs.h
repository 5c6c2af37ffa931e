// The Store's part that keeps jobs: work that outlives its request, how far it has come, and what it could
// not do.
//
// Common errors, executors and `now`: as for the Store (store.h), of which this is a part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/task.h"
#include "model/profile.h"
#include "store/actor.h"
#include "store/store_types.h"
#include "store/store_views.h"

namespace carillon::store {

// The numbers are stored.
enum class JobState : std::uint8_t { Queued = 0, Running = 1, Completed = 2, Failed = 3, Cancelled = 4 };
[[nodiscard]] constexpr bool is_final(JobState state) noexcept { return state > JobState::Running; }

struct StoredJob {
  std::int64_t id = 0;
  std::int32_t project = 0;
  std::int64_t app = 0;  // whose key asked for it; 0: a management key
  std::string kind;      // "import_users" "export_deliveries" "erase_user" "replay" …
  Actor actor;           // who asked for it; what it does is done in that name, and by that request
  std::string spec;      // JSON: what the kind has to know
  JobState state = JobState::Queued;
  std::int64_t cursor = 0, line = 0;  // where it goes on, in the kind's own terms
  std::int64_t done = 0, failed = 0, total = 0;
  std::string detail;  // why it failed, or what is to be known of what it did
  Time created_at{};
  std::optional<Time> started_at{}, finished_at{};
};

inline constexpr std::int64_t kJobErrorsMax = 10'000;  // kept of one job; all are counted
struct JobError {
  std::int64_t seq = 0;   // given by the store: from 1
  std::int64_t line = 0;  // of the file, from 1; 0: none
  std::string item;       // an id, or empty
  std::string pointer, code, detail;
};

// A piece of a job's work, written together with how far the job has come.
struct JobStep {
  std::int64_t job = 0;
  std::int64_t expected_cursor = 0, cursor = 0, line = 0;
  std::int64_t done = 0;         // more rows that are done; below 0: fewer, it begins anew
  std::vector<JobError> errors;  // rows that are not; each counts as failed
  struct ProfileRow {
    model::Profile profile;  // as for Store::put_profile()
    std::int64_t line = 0;
  };
  std::vector<ProfileRow> profiles;  // each user once, written in this order; counted in `done`
  ProfileChange change;
  std::string group;  // of `members`
  std::vector<std::string> members;
  // Dead letters that are given up (LetterStore::discard()) in `change.actor`'s name; counted in `done`,
  // those that cannot be become errors.
  std::vector<std::int64_t> letters{};
  std::string reason{};    // of `letters`
  std::int64_t total = 0;  // above 0: what is known of the job's by now
  std::string detail;      // not empty: what is to be known of the job
  bool is_last = false;
};

class JobStore {
 public:
  virtual ~JobStore() = default;

  // Keeps a job with its errors. With an action in `audit`, that entry in the same transaction.
  virtual Task<Result<void>> put(StoredJob job, std::vector<JobError> errors, AuditEntry audit) = 0;
  // Errors: NotFound.
  virtual Task<Result<StoredJob>> get(std::int64_t id) = 0;
  // Newest first, of an app or of all (0).
  virtual Task<Result<std::vector<StoredJob>>> list(std::int32_t project, std::int64_t app,
                                                    ListPage page) = 0;
  // The oldest 1,000 that are not final.
  virtual Task<Result<std::vector<StoredJob>>> open_ones() = 0;
  // In order, above seq `page.after`.
  virtual Task<Result<std::vector<JobError>>> errors(std::int64_t job, ListPage page) = 0;
  // Does a step or, on any error, nothing of it; the job as it is then. A profile whose e-mail address is
  // taken (unique_email) is one of its errors, "email_taken". Errors: Conflict (a profile or the cursor was
  // changed: read again, redo) · FailedPrecondition (the job is final) · NotFound (job, group).
  virtual Task<Result<StoredJob>> step(JobStep step, Time now) = 0;
  // Ends it in a final state unless it is in one; the job as it is then. Errors: NotFound.
  virtual Task<Result<StoredJob>> end(std::int64_t id, JobState state, std::string detail, Actor actor,
                                      Time now) = 0;
};

}  // namespace carillon::store
