#include "pipeline/jobs.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "pipeline/erase.h"

namespace carillon::pipeline {
namespace {

constexpr auto kLookAgain = std::chrono::seconds(5);  // for what had to wait

std::string file_of(std::int64_t job) { return base::id_text(base::kJobPrefix, job); }

// Nothing is wrong with the job: later it may work.
bool is_passing(Errc code) {
  return code == Errc::Unavailable || code == Errc::DeadlineExceeded || code == Errc::Conflict ||
         code == Errc::Cancelled;
}

Importer::Deps import_deps(const Jobs::Deps& deps) {
  const auto counter = [&](const char* outcome) {
    return deps.metrics.counter("carillon_import_rows_total",
                                "Rows of imported files, by what became of them.", {{"outcome", outcome}});
  };
  return Importer::Deps{deps.store,       deps.directory,      deps.clock,
                        deps.keys.sealer, counter("imported"), counter("refused")};
}

Exporter::Deps export_deps(const Jobs::Deps& deps, const Spool& spool) {
  return Exporter::Deps{
      deps.store,
      deps.directory,
      deps.clock,
      deps.objects,
      spool,
      deps.metrics.counter("carillon_export_rows_total", "Rows of the history written to files.", {})};
}

}  // namespace

Jobs::Jobs(Deps deps, Spool spool)
    : deps_(std::move(deps)),
      spool_(std::move(spool)),
      import_deps_(import_deps(deps_)),
      export_deps_(export_deps(deps_, spool_)),
      wake_(deps_.executor) {}

Jobs::~Jobs() { stop(); }

Result<std::unique_ptr<Jobs>> Jobs::open(Deps deps) {
  CARILLON_TRY(Spool spool, Spool::open(deps.folder));
  return std::unique_ptr<Jobs>(new Jobs(std::move(deps), std::move(spool)));
}

void Jobs::start() { wake(); }

void Jobs::wake() {
  if (!gate_.enter()) return;
  boost::asio::post(deps_.executor, [this] {
    if (!std::exchange(is_started_, true)) gate_.spawn(deps_.executor, "loop", [this] { return loop(); });
    wake_.set();
    gate_.leave();
  });
}

void Jobs::stop() {
  boost::asio::post(deps_.executor, [this, is_open = gate_.enter()] {
    if (!is_open) return;
    is_stopping_ = true;
    wake_.set();
    gate_.leave();
  });
  gate_.wait(base::Deadline::never());
}

Task<void> Jobs::loop() {
  while (!is_stopping_) {
    is_looking_ = true;
    const auto looked = co_await look();
    if (!looked) base::log_warn("jobs have to wait: {}", looked.error().message);
    is_looking_ = false;
    for (const std::string& name : std::exchange(arrived_, {})) arriving_.erase(name);
    co_await wake_.wait(base::Deadline::after(kLookAgain));
  }
}

Task<Result<void>> Jobs::look() {
  CARILLON_CO_TRY(auto open, co_await deps_.store.jobs().open_ones());
  // Whose job was stored after that was read is still among those that arrive.
  std::set<std::string> files = arriving_;
  for (const store::StoredJob& job : open) files.insert(file_of(job.id));
  spool_.keep_only(files);
  for (store::StoredJob& job : open) {
    if (is_stopping_ || !is_ours(job) || !busy_.insert(job.kind).second) continue;
    const std::string kind = job.kind;
    const bool is_begun = gate_.spawn(deps_.executor, kind, [this, j = std::move(job)] { return run(j); });
    if (!is_begun) busy_.erase(kind);
  }
  co_return Result<void>{};
}

// A file is where it was uploaded; what needs none is done by one of all processes.
bool Jobs::is_ours(const store::StoredJob& job) const {
  if (!deps_.store.is_shared()) return true;
  const bool has_file = job.kind == kJobImportUsers || job.kind == kJobImportMembers;
  return has_file ? spool_.has(file_of(job.id)) : deps_.store.is_leader();
}

Task<void> Jobs::run(store::StoredJob job) {
  const auto done = co_await work(job);
  if (!done && is_passing(done.error().code)) {
    base::log_warn("{} has to wait: {}", file_of(job.id), done.error().message);
    busy_.erase(job.kind);
    co_return;  // the loop looks again
  }
  // FailedPrecondition: somebody ended it.
  if (!done && done.error().code != Errc::FailedPrecondition) {
    base::log_warn("{} failed: {}", file_of(job.id), done.error().message);
    store::Actor by("system", job.actor.request_id, {});
    const auto ended = co_await deps_.store.jobs().end(job.id, store::JobState::Failed, done.error().message,
                                                       std::move(by), deps_.clock.now());
    if (!ended) base::log_warn("the end of {} is not stored: {}", file_of(job.id), ended.error().message);
  }
  busy_.erase(job.kind);
  wake_.set();
}

Task<Result<void>> Jobs::work(store::StoredJob job) {
  if (job.kind == kJobEraseUser) {
    Eraser eraser(deps_.store, deps_.clock, deps_.keys, std::move(job));
    co_return co_await eraser.run(is_stopping_);
  }
  if (job.kind == kJobWebhookReplay)
    co_return co_await run_webhook_replay(deps_.store, deps_.clock, std::move(job), is_stopping_);
  if (job.kind == kJobDiscard)
    co_return co_await run_discard(deps_.store, deps_.clock, std::move(job), is_stopping_);
  if (is_export(job.kind)) {
    std::string file = file_of(job.id);
    Exporter exporter(export_deps_, std::move(job), std::move(file));
    co_return co_await exporter.run(is_stopping_);
  }
  if (job.kind != kJobImportUsers && job.kind != kJobImportMembers) {
    co_return fail(Errc::InvalidArgument,
                   fmt::format("jobs of kind {} are not known to this version", job.kind));
  }
  CARILLON_CO_TRY(std::string text, spool_.read(file_of(job.id)));
  Importer importer(import_deps_, std::move(job), std::move(text));
  co_return co_await importer.run(is_stopping_);
}

Task<Result<std::int64_t>> Jobs::keep(std::string name, std::shared_ptr<const std::string> text,
                                      model::ImportFormat format, model::ImportKind kind) {
  arriving_.insert(name);
  CARILLON_CO_CHECK(spool_.write(name, *text));
  auto rows = model::ImportRows::open(*text, format, kind);
  if (!rows) co_return fail(Errc::InvalidArgument, rows.error().front().detail);
  co_return rows->count();
}

Task<Result<store::StoredJob>> Jobs::add_import(JobOwner owner, model::ImportKind kind, ImportSpec spec,
                                                std::string text) {
  if (!gate_.enter()) co_return fail(Errc::Cancelled, "the server is stopping");
  auto job = co_await submit(std::move(owner), kind, std::move(spec), std::move(text));
  gate_.leave();
  if (job) wake();
  co_return job;
}

Task<Result<store::StoredJob>> Jobs::new_job(JobOwner owner, std::size_t open_max) {
  CARILLON_CO_TRY(const auto open, co_await deps_.store.jobs().open_ones());
  if (open.size() >= open_max) {
    co_return fail(Errc::ResourceExhausted,
                   fmt::format("{} jobs are waiting; try again when some are done", open.size()));
  }
  store::StoredJob job;
  job.id = deps_.ids.take();
  job.project = owner.project;
  job.app = owner.app;
  job.actor = std::move(owner.actor);
  job.created_at = deps_.clock.now();
  co_return job;
}

Task<Result<store::StoredJob>> Jobs::add_erase(JobOwner owner, std::string user_id) {
  CARILLON_CO_TRY(store::StoredJob job, co_await new_job(std::move(owner), kOpenJobsMax));
  job.kind = kJobEraseUser;
  job.spec = encode_erase_spec(user_id);
  store::UserKey key{job.project, std::move(user_id)};
  CARILLON_CO_CHECK(co_await deps_.store.erase_user(std::move(key), job.actor, job.created_at));
  CARILLON_FAILPOINT("erase.after_user");
  std::vector<store::JobError> none;
  store::AuditEntry audit;  // the store has made one
  CARILLON_CO_CHECK(co_await deps_.store.jobs().put(job, std::move(none), std::move(audit)));
  wake();
  co_return job;
}

Task<Result<store::StoredJob>> Jobs::add_webhook_replay(JobOwner owner, WebhookReplaySpec spec,
                                                        store::AuditEntry audit) {
  CARILLON_CO_TRY(store::StoredJob job, co_await new_job(std::move(owner), kOpenJobsMax));
  job.kind = kJobWebhookReplay;
  job.spec = encode(spec);
  std::vector<store::JobError> none;
  CARILLON_CO_CHECK(co_await deps_.store.jobs().put(job, std::move(none), std::move(audit)));
  wake();
  co_return job;
}

Task<Result<store::StoredJob>> Jobs::add_discard(JobOwner owner, DiscardSpec spec) {
  CARILLON_CO_TRY(store::StoredJob job, co_await new_job(std::move(owner), kOpenJobsMax));
  job.kind = kJobDiscard;
  // What is given up on from now on nobody has seen.
  const Time end = job.created_at + Millis(1);
  spec.filter.until = std::min(spec.filter.until.value_or(end), end);
  job.spec = encode(spec);
  std::vector<store::JobError> none;
  store::AuditEntry audit;  // each letter has its own
  CARILLON_CO_CHECK(co_await deps_.store.jobs().put(job, std::move(none), std::move(audit)));
  wake();
  co_return job;
}

Task<Result<store::StoredJob>> Jobs::add_export(JobOwner owner, std::string kind, ExportSpec spec,
                                                store::AuditEntry audit) {
  CARILLON_CO_TRY(const auto open, co_await deps_.store.jobs().open_ones());
  const auto exports =
      std::ranges::count_if(open, [](const store::StoredJob& each) { return is_export(each.kind); });
  if (static_cast<std::size_t>(exports) >= kOpenExportsMax) {
    co_return fail(Errc::ResourceExhausted,
                   fmt::format("{} exports are waiting; try again when some are done", exports));
  }
  CARILLON_CO_TRY(store::StoredJob job, co_await new_job(std::move(owner), kOpenJobsMax));
  job.kind = std::move(kind);
  if (!spec.filter.until || *spec.filter.until > job.created_at) spec.filter.until = job.created_at;
  job.spec = encode(spec);
  audit.object = file_of(job.id);
  audit.at = job.created_at;
  std::vector<store::JobError> none;
  CARILLON_CO_CHECK(co_await deps_.store.jobs().put(job, std::move(none), std::move(audit)));
  wake();
  co_return job;
}

Task<Result<store::StoredJob>> Jobs::submit(JobOwner owner, model::ImportKind kind, ImportSpec spec,
                                            std::string text) {
  if (const auto health = deps_.store.health(); !health.can_write) {
    co_return fail(Errc::Unavailable, health.why);
  }
  CARILLON_CO_TRY(store::StoredJob job, co_await new_job(std::move(owner), kOpenImportsMax));
  job.kind = kind == model::ImportKind::Users ? kJobImportUsers : kJobImportMembers;
  job.spec = encode(spec);
  const std::string name = file_of(job.id);
  auto shared = std::make_shared<const std::string>(std::move(text));
  auto kept = co_await boost::asio::co_spawn(deps_.executor, keep(name, std::move(shared), spec.format, kind),
                                             boost::asio::use_awaitable);
  Result<void> stored{};
  if (kept) {
    CARILLON_FAILPOINT("import.after_file");
    job.total = *kept;
    store::AuditEntry audit;
    audit.project = job.project;
    audit.at = job.created_at;
    audit.actor = job.actor;
    audit.action = kind == model::ImportKind::Users ? "user.import" : "group.import_members";
    audit.object = spec.group.empty() ? name : spec.group;
    audit.detail = fmt::format(R"({{"job":"{}","rows":{}}})", name, job.total);
    std::vector<store::JobError> none;
    stored = co_await deps_.store.jobs().put(job, std::move(none), std::move(audit));
  }
  // A file whose job is not stored goes when the loop looks next.
  boost::asio::post(deps_.executor, [this, name, is_open = gate_.enter()] {
    if (!is_open) return;
    if (is_looking_) {
      arrived_.push_back(name);
    } else {
      arriving_.erase(name);
    }
    gate_.leave();
  });
  CARILLON_CO_CHECK(kept);
  CARILLON_CO_CHECK(stored);
  co_return job;
}

Task<Result<store::StoredJob>> Jobs::cancel(std::int64_t job, store::Actor actor) {
  auto ended = co_await deps_.store.jobs().end(job, store::JobState::Cancelled, std::string(),
                                               std::move(actor), deps_.clock.now());
  if (ended) wake();
  co_return ended;
}

}  // namespace carillon::pipeline
