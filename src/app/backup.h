// Making backups: copies the store of this process into a folder beside its work, one at a time.
//
// The command line asks for it over the control socket (or, where the store is stopped, in its own process)
// and looks how far it is; it is no part of the API, since it names a path of this machine:
//   POST /control/backup {"to":"/path","with_key":false} → 202 and the state, or a problem
//   GET  /control/backup → the state: {"state":"idle|copying|checking|done|failed","done","total" (bytes),
//                          "path","error"?, "last":{"at","path","bytes","took_ms"}|null}
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "app/backup_folder.h"
#include "app/options.h"
#include "base/clock.h"
#include "base/task.h"
#include "net/http.h"
#include "store/store.h"

namespace carillon::app {

class Worker;

inline constexpr const char* kBackupTarget = "/control/backup";

struct BackupOrder {
  std::string to;         // absolute; nothing is there yet, its folder is
  bool with_key = false;  // the secret key goes in too
};

// A backup that is done.
struct BackupDone {
  Time at{};  // the moment it is of
  std::string path;
  std::int64_t bytes = 0, took_ms = 0;
};

class Backups {
 public:
  struct Deps {
    store::Store& store;
    const AppOptions& options;
    const base::Clock& clock;
    std::string store_folder;  // where the store's files are
    std::string key_id, instance;
  };
  explicit Backups(Deps deps);
  ~Backups();  // stop()

  // Begins; the rest happens on a thread of its own, at a low priority. Whoever stops early finds nothing at
  // `to`. Errors: InvalidArgument (a path that cannot be) · AlreadyExists (something is there) ·
  // FailedPrecondition (one is under way; too little room; the folder is not to be written; no key to be
  // found) · Cancelled (stopped).
  Result<void> start(BackupOrder order);
  // Ends one that is under way, without a trace of it, and waits for that. Blocks.
  void stop();
  // Answers what is meant for this; nullopt: the request is something else. Any thread.
  std::optional<net::HttpResponse> answer(const net::HttpRequest& request);
  // The last backup of this store that was made, as the store remembers it. Errors: the Store's.
  Task<Result<void>> load_last();

 private:
  enum class State : std::uint8_t { Idle, Copying, Checking, Done, Failed };
  class Part;
  Result<void> check(const BackupOrder& order) const;
  Task<void> run(BackupOrder order, std::shared_ptr<Part> part);
  Task<Result<BackupDone>> make(BackupOrder order, std::shared_ptr<Part> part);
  Result<void> copy_jobs_to(const std::string& folder);
  Result<void> describe(const BackupOrder& order, const std::string& folder, Manifest& manifest);
  Task<Result<void>> keep_last(BackupDone done);
  void enter(State state);
  [[nodiscard]] std::string state_json() const;

  const Deps deps_;
  mutable std::mutex mutex_;  // guards what follows, as far as it is no progress_
  State state_ = State::Idle;
  std::string path_, error_;
  std::optional<BackupDone> last_;
  std::shared_ptr<store::CopyProgress> progress_ = std::make_shared<store::CopyProgress>();
  std::unique_ptr<Worker> worker_;  // made with the first backup
  base::TaskGate gate_{"backups"};
};

}  // namespace carillon::app
