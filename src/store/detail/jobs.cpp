// Jobs: what outlives its request, how far it has come, and what it could not do.
//
// All of it is in people.db, so that a step of an import and its cursor are one transaction of one file.
#include <algorithm>

#include "base/ids.h"
#include "store/detail/letters.h"
#include "store/detail/lists.h"
#include "store/detail/pieces.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kOpenMax = 1'000;
constexpr std::int64_t kDropRows = 2'000;  // errors of a job past its time, per transaction

#define CARILLON_JOB_COLUMNS                                                                            \
  "id, project, app, kind, actor, spec, state, cursor, line, done, failed, total, detail, created_at, " \
  "started_at, finished_at, request, origin"

StoredJob read_job(const Statement& s) {
  return StoredJob{.id = s.integer(0),
                   .project = s.as<std::int32_t>(1),
                   .app = s.integer(2),
                   .kind = s.string(3),
                   .actor = Actor(s.string(4), s.string(16), s.string(17)),
                   .spec = s.string(5),
                   .state = s.as<JobState>(6),
                   .cursor = s.integer(7),
                   .line = s.integer(8),
                   .done = s.integer(9),
                   .failed = s.integer(10),
                   .total = s.integer(11),
                   .detail = s.string(12),
                   .created_at = s.time(13),
                   .started_at = s.optional_time(14),
                   .finished_at = s.optional_time(15)};
}

Result<StoredJob> load_job(Db& db, std::int64_t id) {
  Statement s = db.statement("SELECT " CARILLON_JOB_COLUMNS " FROM job WHERE id = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, id).next());
  if (!has_row) return fail(Errc::NotFound, "no such job");
  return read_job(s);
}

Result<std::vector<StoredJob>> read_jobs(Statement& s) {
  std::vector<StoredJob> jobs;
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return jobs;
    jobs.push_back(read_job(s));
  }
}

Result<void> insert_job(Txn& txn, const StoredJob& job) {
  txn.note_news();
  Statement s = txn.db.statement(
      "INSERT INTO job(" CARILLON_JOB_COLUMNS
      ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)");
  s.bind(1, job.id)
      .bind(2, std::int64_t{job.project})
      .bind(3, job.app)
      .bind(4, job.kind)
      .bind(5, job.actor.name);
  s.bind(6, job.spec).bind(7, static_cast<std::int64_t>(job.state)).bind(8, job.cursor).bind(9, job.line);
  s.bind(10, job.done).bind(11, job.failed).bind(12, job.total).bind_or_null(13, job.detail);
  s.bind(14, job.created_at).bind(15, job.started_at).bind(16, job.finished_at);
  return s.bind_or_null(17, job.actor.request_id).bind_or_null(18, job.actor.origin).run();
}

// Those beyond the limit are counted by the caller and not kept. `seq`: of the last one there is.
Result<void> insert_errors(Db& db, std::int64_t job, std::int64_t seq, std::span<const JobError> errors) {
  for (const JobError& error : errors) {
    if (++seq > kJobErrorsMax) return {};
    Statement s = db.statement(
        "INSERT INTO job_error(job, seq, line, item, pointer, code, detail) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    s.bind(1, job).bind(2, seq).bind_or_null(3, error.line).bind_or_null(4, error.item);
    s.bind_or_null(5, error.pointer).bind_or_null(6, error.code).bind(7, error.detail);
    CARILLON_CHECK(s.run());
  }
  return {};
}

// Where a job stands after a step or at its end.
Result<void> write_progress(Txn& txn, const StoredJob& job) {
  txn.note_news();
  Statement s = txn.db.statement(
      "UPDATE job SET state = ?2, cursor = ?3, line = ?4, done = ?5, failed = ?6, detail = ?7, "
      "started_at = ?8, finished_at = ?9, total = ?10 WHERE id = ?1");
  s.bind(1, job.id).bind(2, static_cast<std::int64_t>(job.state)).bind(3, job.cursor).bind(4, job.line);
  s.bind(5, job.done).bind(6, job.failed).bind_or_null(7, job.detail);
  return s.bind(8, job.started_at).bind(9, job.finished_at).bind(10, job.total).run();
}

JobError email_taken(std::int64_t line) {
  return JobError{.line = line,
                  .item = {},
                  .pointer = "/email",
                  .code = "email_taken",
                  .detail = "another user has this e-mail address"};
}

// Gives up dead letters; those that cannot be become errors.
Result<void> give_up(Txn& txn, const StoredJob& job, const JobStep& step, std::vector<JobError>& errors,
                     Time now) {
  const Discard what{.project = job.project,
                     .app = job.app,
                     .letters = {},
                     .reason = step.reason,
                     .actor = step.change.actor};
  for (const std::int64_t letter : step.letters) {
    CARILLON_TRY(Discarded done, SqlLetters::discard_one(txn, what, letter, now));
    if (done.is_done) continue;
    JobError& error = errors.emplace_back();
    error.item = base::id_text(base::kDeadLetterPrefix, letter);
    error.detail = std::move(done.why);
  }
  return {};
}

}  // namespace

class SqlJobs final : public JobStore {
 public:
  explicit SqlJobs(SqlStore& store) : store_(store) {}

  Task<Result<void>> put(StoredJob job, std::vector<JobError> errors, AuditEntry audit) override;
  Task<Result<StoredJob>> get(std::int64_t id) override;
  Task<Result<std::vector<StoredJob>>> list(std::int32_t project, std::int64_t app, ListPage page) override;
  Task<Result<std::vector<StoredJob>>> open_ones() override;
  Task<Result<std::vector<JobError>>> errors(std::int64_t job, ListPage page) override;
  Task<Result<StoredJob>> step(JobStep step, Time now) override;
  Task<Result<StoredJob>> end(std::int64_t id, JobState state, std::string detail, Actor actor,
                              Time now) override;

 private:
  // Writes the users and members of a step; who is refused for what is their own becomes an error.
  Result<void> write_people(Txn& txn, const StoredJob& job, const JobStep& step,
                            std::span<const PreparedProfile> prepared, std::vector<JobError>& errors,
                            Time now);

  SqlStore& store_;
};

std::unique_ptr<JobStore> SqlStore::make_jobs() { return std::make_unique<SqlJobs>(*this); }

Task<Result<void>> SqlJobs::put(StoredJob job, std::vector<JobError> errors, AuditEntry audit) {
  if (!store_.accepts_writes()) co_return fail(Errc::Unavailable, "the disk is nearly full");
  const auto call = [&job, &errors, &audit](Txn& txn) -> Result<void> {
    CARILLON_CHECK(insert_job(txn, job));
    CARILLON_CHECK(insert_errors(txn.db, job.id, 0, errors));
    if (audit.action.empty()) return {};
    return SqlStore::insert_audit(txn, audit);
  };
  co_return co_await store_.write(call, JobClass::Other, errors.size() + 2);
}

Task<Result<StoredJob>> SqlJobs::get(std::int64_t id) {
  co_return co_await store_.look_people([id](Db& db) { return load_job(db, id); });
}

Task<Result<std::vector<StoredJob>>> SqlJobs::list(std::int32_t project, std::int64_t app, ListPage page) {
  co_return co_await store_.read_people([project, app, page](Db& db) -> Result<std::vector<StoredJob>> {
    Statement s = db.statement("SELECT " CARILLON_JOB_COLUMNS
                               " FROM job WHERE project = ?1 AND id < ?2 AND (?3 = 0 OR app = ?3) "
                               "ORDER BY id DESC LIMIT ?4");
    s.bind(1, std::int64_t{project}).bind(2, below(page)).bind(3, app).bind(4, rows_of(page));
    return read_jobs(s);
  });
}

Task<Result<std::vector<StoredJob>>> SqlJobs::open_ones() {
  co_return co_await store_.read_people([](Db& db) -> Result<std::vector<StoredJob>> {
    Statement s =
        db.statement("SELECT " CARILLON_JOB_COLUMNS " FROM job WHERE state < 2 ORDER BY id LIMIT ?1");
    s.bind(1, kOpenMax);
    return read_jobs(s);
  });
}

Task<Result<std::vector<JobError>>> SqlJobs::errors(std::int64_t job, ListPage page) {
  co_return co_await store_.read_people([job, page](Db& db) -> Result<std::vector<JobError>> {
    std::vector<JobError> errors;
    Statement s = db.statement(
        "SELECT seq, line, item, pointer, code, detail FROM job_error WHERE job = ?1 AND seq > ?2 "
        "ORDER BY seq LIMIT ?3");
    s.bind(1, job).bind(2, page.after).bind(3, rows_of(page));
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return errors;
      errors.push_back(JobError{.seq = s.integer(0),
                                .line = s.integer(1),
                                .item = s.string(2),
                                .pointer = s.string(3),
                                .code = s.string(4),
                                .detail = s.string(5)});
    }
  });
}

Result<void> SqlJobs::write_people(Txn& txn, const StoredJob& job, const JobStep& step,
                                   std::span<const PreparedProfile> prepared, std::vector<JobError>& errors,
                                   Time now) {
  for (std::size_t i = 0; i < prepared.size(); ++i) {
    // Whoever is refused does not take the others along.
    const Result<void> written = txn.isolated([&]() -> Result<void> {
      CARILLON_CHECK(store_.put_prepared(txn, prepared[i], step.change, now));
      return {};
    });
    if (written) continue;
    if (written.error().code != Errc::AlreadyExists) return written;
    errors.push_back(email_taken(step.profiles[i].line));
  }
  if (step.members.empty()) return {};
  CARILLON_CHECK(
      SqlStore::change_members_in(txn, job.project, step.group, step.members, false, step.change.actor, now));
  return {};
}

Task<Result<StoredJob>> SqlJobs::step(JobStep step, Time now) {
  if (!store_.accepts_writes()) co_return fail(Errc::Unavailable, "the disk is nearly full");
  std::vector<PreparedProfile> prepared;
  std::size_t rows = 1 + step.errors.size() + step.members.size() + step.letters.size() * 3;
  prepared.reserve(step.profiles.size());
  for (const JobStep::ProfileRow& row : step.profiles) {
    prepared.push_back(prepare_profile(row.profile, store_.keys_.address_hash, now));
    rows += prepared.back().rows();
  }
  std::ranges::sort(step.members);
  const auto call = [&, this](Txn& txn) -> Result<StoredJob> {
    CARILLON_TRY(StoredJob job, load_job(txn.db, step.job));
    if (is_final(job.state)) return fail(Errc::FailedPrecondition, "the job has ended");
    if (job.cursor != step.expected_cursor) return fail(Errc::Conflict, "the job has gone on meanwhile");
    std::vector<JobError> errors = step.errors;
    CARILLON_CHECK(write_people(txn, job, step, prepared, errors, now));
    CARILLON_CHECK(give_up(txn, job, step, errors, now));
    std::ranges::sort(errors, {}, &JobError::line);
    CARILLON_CHECK(insert_errors(txn.db, job.id, job.failed, errors));
    job.cursor = step.cursor;
    job.line = step.line;
    // Who was refused just now had been counted as done.
    job.done += step.done - static_cast<std::int64_t>(errors.size() - step.errors.size());
    job.failed += static_cast<std::int64_t>(errors.size());
    if (step.total > 0) job.total = step.total;
    if (!step.detail.empty()) job.detail = step.detail;
    job.state = step.is_last ? JobState::Completed : JobState::Running;
    if (!job.started_at) job.started_at = now;
    if (step.is_last) job.finished_at = now;
    CARILLON_CHECK(write_progress(txn, job));
    return job;
  };
  co_return co_await store_.write(call, JobClass::Other, rows);
}

Task<Result<StoredJob>> SqlJobs::end(std::int64_t id, JobState state, std::string detail, Actor actor,
                                     Time now) {
  const auto call = [&](Txn& txn) -> Result<StoredJob> {
    CARILLON_TRY(StoredJob job, load_job(txn.db, id));
    if (is_final(job.state)) return job;
    job.state = state;
    job.detail = detail;
    job.finished_at = now;
    CARILLON_CHECK(write_progress(txn, job));
    CARILLON_CHECK(SqlStore::insert_audit(
        txn, AuditEntry{.project = job.project,
                        .at = now,
                        .actor = actor,
                        .action = state == JobState::Cancelled ? "job.cancel" : "job.fail",
                        .object = base::id_text(base::kJobPrefix, id),
                        .detail = {}}));
    return job;
  };
  co_return co_await store_.write(call, JobClass::Other, 2);
}

Result<bool> drop_jobs(Txn& txn, Time before) {
  std::int64_t id = 0;
  {
    // Ids ascend with time.
    Statement s = txn.db.statement("SELECT id FROM job WHERE id < ?1 AND state > 1 ORDER BY id LIMIT 1");
    CARILLON_TRY(const bool has_row, s.bind(1, base::id_floor(before)).next());
    if (!has_row) return false;
    id = s.integer(0);
  }
  Statement errors = txn.db.statement(
      "DELETE FROM job_error WHERE job = ?1 AND seq IN (SELECT seq FROM job_error WHERE job = ?1 LIMIT ?2)");
  CARILLON_CHECK(errors.bind(1, id).bind(2, kDropRows).run());
  if (txn.db.changes() == kDropRows) return true;
  CARILLON_CHECK(txn.db.statement("DELETE FROM job WHERE id = ?1").bind(1, id).run());
  return true;
}

}  // namespace carillon::store::detail
