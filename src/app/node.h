// A process put together: threads, store, directory, pipeline and API in the order they need each other.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "api/api.h"
#include "app/backup.h"
#include "app/options.h"
#include "base/ids.h"
#include "base/shared_clock.h"
#include "cache/cache.h"
#include "objects/objects.h"
#include "pipeline/event_stream.h"
#include "pipeline/ingest.h"
#include "pipeline/jobs.h"
#include "pipeline/pipeline.h"
#include "pipeline/webhooks.h"
#include "queue/queue.h"
#include "queue/records.h"
#include "store/store.h"

namespace carillon::app {

// One thread running one io_context.
class Worker {
 public:
  explicit Worker(std::string name, int nice = 0);
  ~Worker();  // runs out of work, joins
  [[nodiscard]] boost::asio::any_io_executor executor() { return context_.get_executor(); }

 private:
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::thread thread_;
};

// What a node is for.
enum class Role : std::uint8_t {
  Serve,       // everything: accepts, sends, answers
  Api,         // accepts and answers
  Router,      // expands groups
  Worker,      // sends, of some queues or all
  Scheduler,   // what one of all does: schedules, webhooks, alerts, housekeeping
  Administer,  // the command line on a stopped store: API without pipeline
};
[[nodiscard]] constexpr bool is_running(Role role) noexcept { return role != Role::Administer; }
// Answers what others ask; the rest say how they are.
[[nodiscard]] constexpr bool is_serving(Role role) noexcept {
  return role == Role::Serve || role == Role::Api;
}

// The folder that holds a store in files (sqlite:DIR, sqlite:DIR/carillon.db); the data folder when there is
// no URL, or the store is elsewhere. Errors: InvalidArgument (another URL).
Result<std::string> store_folder(const AppOptions& options);

// With a stream's pieces in its body, for who takes it whole. 503 when one cannot be had.
Task<net::HttpResponse> gathered(net::HttpResponse response);

class Node {
 public:
  // Opens everything; recovery of an earlier run is done when this returns. Blocks. Errors: those of
  // the parts, each saying what to change.
  static Result<std::unique_ptr<Node>> open(AppOptions options, Role role);
  ~Node();  // drains

  [[nodiscard]] api::Api& api() { return *api_; }
  [[nodiscard]] pipeline::Pipeline* pipeline() { return pipeline_.get(); }
  [[nodiscard]] pipeline::Directory& directory() { return *directory_; }
  [[nodiscard]] store::Store& store() { return *store_; }
  [[nodiscard]] const AppOptions& options() const { return options_; }
  [[nodiscard]] std::vector<boost::asio::any_io_executor> api_executors();
  // Nobody has been given keys yet.
  [[nodiscard]] bool is_new_store() const;

  // Where it listens, for links when there is no public_url; until it is told, what the settings say.
  [[nodiscard]] std::string listen_url();
  void set_listen_url(std::string url);
  // From now on it may be ready: the first keys are where their reader looks for them.
  void set_begun() { has_begun_ = true; }
  // A link by which the first administrator joins: the member "admin", who is made. Blocks.
  Result<std::string> invite_first_member();

  [[nodiscard]] Backups& backups() { return *backups_; }
  // Exists; for large bodies on their way in.
  [[nodiscard]] std::string spool_folder() const { return options_.data + "/spool"; }

  // Decides what an earlier run of a server left in its hands, as its next start would, by its journal, which
  // is used up. For who administers a stopped store. Blocks. Errors: those of the store and the journal's
  // folder.
  Result<void> recover();
  // One request as an administrator, blocking; `request` as over HTTP, or one of the control socket's own
  // (app/backup.h).
  net::HttpResponse call(net::HttpRequest request);
  // Stops accepting, finishes what is under way, closes the store. Blocks. Idempotent.
  void stop();

 private:
  explicit Node(AppOptions options);
  Result<void> open_store();
  Result<void> check_key();
  Result<void> open_postgres();
  Result<void> open_rest(Role role);
  Result<void> open_jobs(Role role);
  Result<void> open_shared(Role role);
  Result<void> open_objects(Role role);
  void open_webhooks();
  Result<void> open_records(Role role);
  Result<void> open_ingest(pipeline::IngestPlan plan);
  [[nodiscard]] pipeline::Pipeline::Deps pipeline_deps();
  void register_process_metrics();

  AppOptions options_;
  base::SharedClock clock_;
  base::Metrics metrics_;
  std::unique_ptr<base::KeyRing> keys_;
  std::string store_folder_;
  std::unique_ptr<store::Store> store_;
  store::Owner owner_;
  Role role_ = Role::Serve;
  bool is_new_store_ = false;
  std::atomic<bool> has_begun_ = false;
  std::unique_ptr<base::IdGenerator> ids_;
  std::unique_ptr<queue::Queue> queue_;
  std::unique_ptr<cache::Cache> cache_;
  std::unique_ptr<Worker> objects_worker_;
  std::unique_ptr<objects::Objects> objects_;
  std::unique_ptr<Worker> delivery_;
  std::vector<std::unique_ptr<Worker>> api_workers_;
  std::unique_ptr<pipeline::Directory> directory_;
  std::unique_ptr<Worker> jobs_worker_;
  std::unique_ptr<pipeline::Jobs> jobs_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<Worker> webhooks_worker_;
  std::unique_ptr<pipeline::Webhooks> webhooks_;
  std::unique_ptr<queue::RecordWriter> record_writer_;   // null: nothing is written to topics
  std::unique_ptr<pipeline::Ingest> ingest_;             // null: no topics are read here
  std::unique_ptr<pipeline::EventStream> event_stream_;  // null: events are written to no topic from here
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<Backups> backups_;
  bool is_stopped_ = false;
  std::mutex url_mutex_;  // guards listen_url_
  std::string listen_url_;
};

}  // namespace carillon::app
