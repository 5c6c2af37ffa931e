// Jobs: work that outlives its request, goes on after a crash where it was, and lets other traffic go first.
//
// One at a time of each kind, oldest first, on a thread of low priority; what each step changes and how far
// the job came are one transaction. What a job needs besides its row is a file in the spool, written before
// the row and removed after its end.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/ids.h"
#include "base/metrics.h"
#include "base/task.h"
#include "model/import_rows.h"
#include "pipeline/directory.h"
#include "pipeline/discard.h"
#include "pipeline/exports.h"
#include "pipeline/imports.h"
#include "pipeline/spool.h"
#include "pipeline/webhook_replay.h"
#include "store/store.h"

namespace carillon::pipeline {

inline constexpr std::size_t kImportMax = 32U << 20;  // bytes of a file
inline constexpr std::size_t kOpenJobsMax = 900;      // that may wait or run; more are refused
inline constexpr std::size_t kOpenImportsMax = 100;   // once there are so many jobs, files are refused

// Who wants a job.
struct JobOwner {
  std::int32_t project = kDefaultProject;
  std::int64_t app = 0;  // 0: a management key
  store::Actor actor;
};

class Jobs {
 public:
  struct Deps {
    store::Store& store;
    const Directory& directory;
    const base::Clock& clock;
    const base::KeyRing& keys;
    base::Metrics& metrics;
    base::IdGenerator& ids;
    boost::asio::any_io_executor executor;  // one thread, that blocks on files now and then
    std::string folder;                     // DATA/jobs
    objects::Objects* objects = nullptr;    // what exports make goes there; null: there are none
  };
  // Errors: Unavailable (the folder).
  static Result<std::unique_ptr<Jobs>> open(Deps deps);
  ~Jobs();  // after stop()
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  // Goes on with what an earlier run left, and from then on works. Without it, begins with the first new job.
  void start();

  // Keeps the file and makes its job; `text` has usable columns. Any executor.
  // Errors: Unavailable (disk) · ResourceExhausted (kOpenJobsMax) · Cancelled (stopping) · those of the
  // store.
  Task<Result<store::StoredJob>> add_import(JobOwner owner, model::ImportKind kind, ImportSpec spec,
                                            std::string text);
  // Forgets a user at once, and what was said to the user as a job. Errors: as above.
  Task<Result<store::StoredJob>> add_erase(JobOwner owner, std::string user_id);
  // Tells a webhook of a stretch of events again; `audit` goes with the job. Errors: as above.
  Task<Result<store::StoredJob>> add_webhook_replay(JobOwner owner, WebhookReplaySpec spec,
                                                    store::AuditEntry audit);
  // Gives up the dead letters that are open now and fit. Errors: as above.
  Task<Result<store::StoredJob>> add_discard(JobOwner owner, DiscardSpec spec);
  // Makes a file of the history as it is then; `audit` goes with the job. Errors: as above
  // (ResourceExhausted: kOpenExportsMax).
  Task<Result<store::StoredJob>> add_export(JobOwner owner, std::string kind, ExportSpec spec,
                                            store::AuditEntry audit);
  // Ends a job that is not at its end; what it did stays done. Errors: NotFound.
  Task<Result<store::StoredJob>> cancel(std::int64_t job, store::Actor actor);

  // Ends after the step under way; the rest is done by the next run. Blocks the calling thread, which must
  // not run the executor. Idempotent.
  void stop();

 private:
  explicit Jobs(Deps deps, Spool spool);
  void wake();
  Task<void> loop();
  Task<Result<void>> look();
  [[nodiscard]] bool is_ours(const store::StoredJob& job) const;
  Task<void> run(store::StoredJob job);
  Task<Result<void>> work(store::StoredJob job);
  // On the executor: writes the file and counts its rows.
  Task<Result<std::int64_t>> keep(std::string name, std::shared_ptr<const std::string> text,
                                  model::ImportFormat format, model::ImportKind kind);
  Task<Result<store::StoredJob>> new_job(JobOwner owner, std::size_t open_max);
  Task<Result<store::StoredJob>> submit(JobOwner owner, model::ImportKind kind, ImportSpec spec,
                                        std::string text);

  const Deps deps_;
  const Spool spool_;
  const Importer::Deps import_deps_;
  const Exporter::Deps export_deps_;
  // Executor only.
  std::set<std::string> busy_;  // kinds
  bool is_started_ = false;
  bool is_stopping_ = false;
  base::Signal wake_;
  bool is_looking_ = false;
  std::set<std::string> arriving_;    // files whose job is not stored, as far as look() could know
  std::vector<std::string> arrived_;  // of them, those stored while it looks
  base::TaskGate gate_{"jobs"};
};

}  // namespace carillon::pipeline
