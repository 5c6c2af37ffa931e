#include "app/node.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>

#include "api/sessions.h"
#include "app/keys.h"
#include "app/mix.h"
#include "app/restore.h"
#include "base/log.h"
#include "pipeline/recover.h"
#include "store/postgres.h"

namespace carillon::app {
namespace {

// Where the processor is short, what was accepted is sent before more is accepted: it is fresh in the
// caches then, and nobody waits longer for a notification than for an answer.
constexpr int kApiNice = 10;
// Imports and the like take what the others leave.
constexpr int kJobsNice = 15;
// A start does not wait long for a bucket, which most of what is sent does not need.
constexpr std::chrono::seconds kObjectsPatience{5};
constexpr std::string_view kFirstMember = "admin";
template <class T>
T run_on(const boost::asio::any_io_executor& executor, Task<T> task) {
  return boost::asio::co_spawn(executor, std::move(task), boost::asio::use_future).get();
}

bool may_lead(Role role) noexcept { return role == Role::Serve || role == Role::Scheduler; }

pipeline::Duties duties_of(Role role, std::uint32_t queues) {
  if (role == Role::Serve) return {};
  return {.expands = role == Role::Router, .queues = role == Role::Worker ? queues : 0};
}

}  // namespace

Result<std::string> store_folder(const AppOptions& options) {
  const std::string url(options.store.url.reveal());
  if (url.empty() || options.store.is_postgres()) return options.data;
  constexpr std::string_view kScheme = "sqlite:";
  if (!url.starts_with(kScheme)) {
    return fail(Errc::InvalidArgument,
                "store.url is not known; give sqlite:PATH or postgres://user@host/database");
  }
  const std::filesystem::path path(url.substr(kScheme.size()));
  if (path.extension() != ".db") return path.string();
  return path.has_parent_path() ? path.parent_path().string() : std::string(".");
}

Worker::Worker(std::string name, int nice)
    : guard_(boost::asio::make_work_guard(context_)), thread_([this, nice, n = std::move(name)] {
        ::pthread_setname_np(::pthread_self(), n.substr(0, 15).c_str());
        // Of this thread alone (Linux); raising it needs no right, and where it fails all are equal.
        if (nice != 0) static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), nice));
        context_.run();
      }) {}

Worker::~Worker() {
  guard_.reset();
  thread_.join();
}

Task<net::HttpResponse> gathered(net::HttpResponse response) {
  const auto stream = std::exchange(response.stream, nullptr);
  if (!stream) co_return response;
  // One without a size may never end: it is for HTTP alone.
  while (response.body.size() < stream->size().value_or(0)) {
    auto piece = co_await stream->next();
    if (!piece) {
      net::HttpResponse failed;
      failed.status = 503;
      co_return failed;
    }
    response.body += *piece;
  }
  co_return response;
}

Node::Node(AppOptions options) : options_(std::move(options)) {}

Result<std::unique_ptr<Node>> Node::open(AppOptions options, Role role) {
  CARILLON_CHECK(check_mix(options.store.url.reveal(), options.queue.url, options.cache.url));
  if (role != Role::Serve && is_running(role) && !options.store.is_postgres()) {
    return fail(Errc::InvalidArgument,
                "store.url: several processes share a PostgreSQL; give postgres://user@host/database, or run "
                "everything in one process with carillon serve");
  }
  std::unique_ptr<Node> node(new Node(std::move(options)));
  node->role_ = role;
  CARILLON_CHECK(node->open_store());
  CARILLON_CHECK(node->open_rest(role));
  return node;
}

Result<void> Node::open_store() {
  CARILLON_TRY(store_folder_, store_folder(options_));
  std::error_code ec;
  const bool is_new = std::filesystem::create_directories(options_.data, ec);
  // Personal data and keys live here; a folder somebody made keeps the mode they gave it.
  if (is_new) std::filesystem::permissions(options_.data, std::filesystem::perms::owner_all, ec);
  if (!ec) std::filesystem::create_directories(store_folder_, ec);
  if (ec)
    return fail(Errc::Unavailable,
                fmt::format("cannot make the data folder {}: {}", options_.data, ec.message()));
  CARILLON_CHECK(finish_restore(options_.data));
  // What is sealed for a store that others share outlives this data folder.
  CARILLON_TRY(keys_, load_keys(options_, role_ == Role::Serve || !options_.store.is_postgres()));
  if (options_.store.is_postgres()) return open_postgres();
  store::SqliteOptions sqlite;
  sqlite.folder = store_folder_;
  sqlite.cache_bytes = options_.store.cache_bytes;
  sqlite.profile_cache_bytes = options_.store.profile_cache_bytes;
  sqlite.notification_cache_bytes = options_.store.notification_cache_bytes;
  sqlite.dedup_memory_bytes = options_.store.dedup_memory;
  sqlite.dedup_window = options_.store.remembers_events();
  sqlite.disk_free_min_bytes = options_.store.disk_free_min;
  sqlite.keys = keys_.get();
  sqlite.metrics = &metrics_;
  CARILLON_TRY(store_, store::open_sqlite(std::move(sqlite)));
  return {};
}

Result<void> Node::open_postgres() {
  store::PostgresOptions postgres;
  postgres.url = options_.store.url;
  postgres.folder = options_.data;
  postgres.dedup_window = options_.store.remembers_events();
  postgres.lease = options_.store.lease;
  postgres.leader_lease = options_.store.leader_lease;
  postgres.may_lead = may_lead(role_);
  postgres.clock = &clock_;
  postgres.keys = keys_.get();
  postgres.metrics = &metrics_;
  CARILLON_TRY(store_, store::open_postgres(std::move(postgres)));
  return {};
}

bool Node::is_new_store() const {
  const auto snapshot = directory_->snapshot();
  // Of several that begin together the first may be one that gives no keys.
  if (store_->is_shared()) return snapshot->apps.empty();
  // Its first run may have ended before it made any, or have been a command.
  const bool has_none = snapshot->apps.empty() && snapshot->management.empty() && snapshot->members.empty();
  return is_new_store_ || has_none;
}

// What one process seals, the others open.
Result<void> Node::check_key() {
  if (!store_->is_shared()) return {};
  const auto main = delivery_->executor();
  store::Record record;
  record.key = {"cluster", 0, "key_id"};
  record.data = key_note(*keys_);
  auto found = run_on(main, store_->get_record(record.key));
  if (!found && found.error().code == Errc::NotFound) {
    const auto key = record.key;
    const auto put = run_on(main, store_->put_record(record, 0, std::string(), clock_.now()));
    if (!put && put.error().code != Errc::Conflict) return std::unexpected(put.error());
    found = run_on(main, store_->get_record(key));
  }
  if (!found) return std::unexpected(found.error());
  if (found->data == record.data) return {};
  return fail(
      Errc::FailedPrecondition,
      fmt::format("secrets.key: what is in the store is sealed with another key; give every process the "
                  "same one, with CARILLON_SECRETS_KEY or as a copy of DATA/secret.key (this one is {})",
                  keys_->sealer.key_id()));
}

Result<void> Node::open_rest(Role role) {
  delivery_ = std::make_unique<Worker>("delivery");
  const auto cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
  const auto wanted =
      options_.server.threads > 0 ? options_.server.threads : std::max<std::int64_t>(1, cores / 2);
  const std::int64_t threads = role == Role::Administer ? 1 : wanted;
  for (std::int64_t i = 0; i < threads; ++i)
    api_workers_.push_back(std::make_unique<Worker>(fmt::format("api-{}", i), kApiNice));
  const auto main = delivery_->executor();
  CARILLON_CHECK(open_shared(role));
  CARILLON_TRY(const std::string instance, load_instance(options_.data));
  CARILLON_TRY(const auto registration, run_on(main, store_->register_process(instance, clock_.now())));
  owner_ = registration.owner;
  is_new_store_ = registration.is_new_store;
  ids_ = std::make_unique<base::IdGenerator>(clock_, owner_.node, registration.highest_id);
  CARILLON_CHECK(check_key());
  CARILLON_CHECK(open_objects(role));
  store_->webhooks().stream_events(is_running(role) && !options_.kafka.events_topic.empty());
  CARILLON_TRY(directory_, run_on(main, pipeline::Directory::open(*store_, *keys_, clock_)));
  if (is_running(role)) {
    options_.pipeline.duties = duties_of(role, options_.queues);
    CARILLON_TRY(pipeline_, pipeline::Pipeline::open(pipeline_deps(), options_.pipeline));
  }
  CARILLON_CHECK(open_jobs(role));
  if (is_running(role)) open_webhooks();
  CARILLON_CHECK(open_records(role));
  api::Deps deps{pipeline_.get(),
                 *directory_,
                 *store_,
                 *cache_,
                 clock_,
                 *keys_,
                 metrics_,
                 *ids_,
                 [this](Millis by) {
                   clock_.advance(by);
                   if (pipeline_) pipeline_->nudge();
                   if (webhooks_) webhooks_->nudge();
                   if (ingest_) ingest_->nudge();
                 },
                 jobs_.get(),
                 objects_.get(),
                 webhooks_.get(),
                 [this] { return listen_url(); },
                 queue_.get(),
                 ingest_.get(),
                 record_writer_.get(),
                 [this] { return has_begun_.load(); }};
  api_ = api::Api::open(std::move(deps), options_.api);
  backups_ = std::make_unique<Backups>(
      Backups::Deps{*store_, options_, clock_, store_folder_, keys_->sealer.key_id(), instance});
  CARILLON_CHECK(run_on(main, backups_->load_last()));
  register_process_metrics();
  return {};
}

pipeline::Pipeline::Deps Node::pipeline_deps() {
  return {*store_,         *queue_,       *cache_,     clock_, *keys_,
          metrics_,        *ids_,         *directory_, owner_, delivery_->executor(),
          api_executors(), objects_.get()};
}

Result<void> Node::recover() {
  const pipeline::Pipeline::Deps deps = pipeline_deps();
  CARILLON_CHECK(run_on(delivery_->executor(), pipeline::recover(deps, options_.pipeline.journal_folder)));
  return {};
}

// A command on a stopped store sends nothing and limits nobody: it needs neither.
Result<void> Node::open_shared(Role role) {
  if (role == Role::Administer) {
    cache_ = cache::make_memory();
    queue_ = queue::make_embedded();
    return {};
  }
  CARILLON_TRY(cache_, cache::open(options_.cache, metrics_));
  // Who sends nothing takes no hints from those who do.
  const pipeline::Duties duties = duties_of(role, options_.queues);
  std::vector<model::Queue> queues;
  for (std::size_t i = 0; i < model::kQueueCount; ++i) {
    if (const auto queue = static_cast<model::Queue>(i); duties.sends(queue)) queues.push_back(queue);
  }
  CARILLON_TRY(queue_, queue::open(options_.queue, queues, metrics_));
  return {};
}

Result<void> Node::open_objects(Role role) {
  objects_worker_ = std::make_unique<Worker>("objects");
  CARILLON_TRY(objects_, objects::open(options_.objects, objects_worker_->executor()));
  if (is_running(role)) {
    const auto usable =
        run_on(objects_worker_->executor(), objects_->check(base::Deadline::after(kObjectsPatience)));
    if (!usable) base::log_warn("uploads and attachments do not work now: {}", usable.error().message);
  }
  // Large uploads are here while they come.
  std::error_code ec;
  std::filesystem::create_directories(spool_folder(), ec);
  if (!ec) std::filesystem::permissions(spool_folder(), std::filesystem::perms::owner_all, ec);
  if (ec) return fail(Errc::Unavailable, fmt::format("cannot make {}: {}", spool_folder(), ec.message()));
  return {};
}

Result<void> Node::open_jobs(Role role) {
  jobs_worker_ = std::make_unique<Worker>("jobs", kJobsNice);
  pipeline::Jobs::Deps deps{*store_,
                            *directory_,
                            clock_,
                            *keys_,
                            metrics_,
                            *ids_,
                            jobs_worker_->executor(),
                            options_.data + "/jobs",
                            objects_.get()};
  CARILLON_TRY(jobs_, pipeline::Jobs::open(std::move(deps)));
  // A command on a stopped store does the jobs it makes, and leaves others to the server.
  if (is_running(role)) jobs_->start();
  return {};
}

void Node::open_webhooks() {
  // Not on the thread that sends: a receiver's TLS and answers cost time.
  webhooks_worker_ = std::make_unique<Worker>("webhooks", kJobsNice);
  pipeline::Webhooks::Deps deps{
      *store_, *directory_, clock_, *keys_, metrics_, *ids_, webhooks_worker_->executor()};
  webhooks_ = std::make_unique<pipeline::Webhooks>(std::move(deps), options_.pipeline.webhooks);
  webhooks_->start();
}

// Topics are read where groups are expanded; whoever answers requests writes to them again, and who may lead
// writes events.
Result<void> Node::open_records(Role role) {
  const pipeline::IngestOptions& kafka = options_.kafka;
  CARILLON_TRY(pipeline::IngestPlan plan, pipeline::read_plan(kafka));
  const bool has_events = !kafka.events_topic.empty();
  if (!is_running(role) || (plan.topics.empty() && !has_events)) return {};
  if (!queue::is_kafka(options_.queue)) {
    return fail(Errc::InvalidArgument,
                fmt::format("kafka.{}: topics are at the brokers of queue.url; give kafka://host:port there",
                            has_events ? "events_topic" : "topics"));
  }
  const bool reads = !plan.topics.empty() && (role == Role::Serve || role == Role::Router);
  const bool tells = has_events && may_lead(role);
  if (!reads && !tells && !is_serving(role)) return {};
  std::vector<std::string> written;
  if (!plan.topics.empty() && !kafka.dead_letter_topic.empty()) written.push_back(kafka.dead_letter_topic);
  if (tells) written.push_back(kafka.events_topic);
  CARILLON_TRY(record_writer_, queue::open_writer(options_.queue, std::move(written), metrics_));
  if (tells) {
    pipeline::EventStream::Deps deps{
        *store_, *directory_, clock_, metrics_, webhooks_worker_->executor(), *record_writer_};
    event_stream_ = std::make_unique<pipeline::EventStream>(deps, kafka.events_topic);
    event_stream_->start();
  }
  if (reads) CARILLON_CHECK(open_ingest(std::move(plan)));
  return {};
}

Result<void> Node::open_ingest(pipeline::IngestPlan plan) {
  queue::ReaderOptions reader;
  for (const auto& topic : plan.topics) reader.topics.push_back(topic.name);
  reader.group = options_.kafka.group;
  pipeline::Ingest::Deps deps{{*pipeline_, *directory_, *store_, clock_, *keys_},
                              metrics_,
                              api_executors(),
                              nullptr,
                              record_writer_.get()};
  CARILLON_TRY(deps.reader, queue::open_reader(options_.queue, std::move(reader), metrics_));
  ingest_ =
      std::make_unique<pipeline::Ingest>(std::move(deps), std::move(plan), options_.kafka.dead_letter_topic);
  ingest_->start();
  return {};
}

void Node::register_process_metrics() {
  metrics_.gauge("process_resident_memory_bytes", "Resident memory of this process.", {},
                 [] { return static_cast<double>(base::process_memory_bytes()); });
  metrics_.gauge("process_cpu_seconds_total", "CPU time of this process, user and system.", {},
                 [] { return base::process_cpu_seconds(); });
  metrics_.gauge("carillon_disk_free_bytes", "Free disk where the store lives.", {},
                 [this] { return static_cast<double>(store_->health().disk_free_bytes); });
}

std::vector<boost::asio::any_io_executor> Node::api_executors() {
  std::vector<boost::asio::any_io_executor> executors;
  for (auto& worker : api_workers_) executors.push_back(worker->executor());
  return executors;
}

net::HttpResponse Node::call(net::HttpRequest request) {
  if (auto answer = backups_->answer(request)) return std::move(*answer);
  const net::HttpPeer peer{"local", false};
  const auto executor = api_workers_.front()->executor();
  auto response = run_on(executor, api_->handle(std::move(request), peer, api::Entrance::Control));
  return run_on(executor, gathered(std::move(response)));
}

std::string Node::listen_url() {
  const std::lock_guard lock(url_mutex_);
  if (!listen_url_.empty()) return listen_url_;
  const auto address = parse_listen(options_.server.listen);
  return address ? url_of(options_.server, address->first, address->second) : std::string();
}

void Node::set_listen_url(std::string url) {
  const std::lock_guard lock(url_mutex_);
  listen_url_ = std::move(url);
}

Result<std::string> Node::invite_first_member() {
  const auto executor = api_workers_.front()->executor();
  model::Member admin;
  admin.grants.emplace(model::kEveryProject, model::Role::Administrator);
  store::Record record;
  record.key = {std::string(pipeline::kKindMember), 0, std::string(kFirstMember)};
  record.data = model::encode(admin);
  CARILLON_TRY(const store::Record made, run_on(executor, directory_->put(std::move(record), 0, "system")));
  api::InvitationOrder order;
  order.member = made.key.key;
  order.base_url = options_.server.public_url.empty() ? listen_url() : options_.server.public_url;
  order.lifetime = options_.api.console.invitation_lifetime;
  CARILLON_TRY(api::InvitationLink link,
               run_on(executor, api::make_invitation(store_->sessions(), *keys_, std::move(order), "system",
                                                     clock_.now())));
  return std::move(link.url);
}

void Node::stop() {
  if (std::exchange(is_stopped_, true)) return;
  if (jobs_) jobs_->stop();
  if (backups_) backups_->stop();
  if (ingest_) ingest_->stop();
  if (pipeline_) pipeline_->drain();
  pipeline_.reset();
  // After the last that happened is stored; what is not told yet is told after the next start.
  if (webhooks_) webhooks_->stop();
  if (event_stream_) event_stream_->stop();
  if (objects_) run_on(objects_worker_->executor(), objects_->close());
  if (store_) store_->close();
}

Node::~Node() {
  stop();
  ingest_.reset();  // before the threads they live on
  event_stream_.reset();
  record_writer_.reset();
  api_workers_.clear();
  jobs_.reset();
  jobs_worker_.reset();
  webhooks_.reset();  // before the thread it lives on
  webhooks_worker_.reset();
  delivery_.reset();
  objects_.reset();  // before the thread it lives on
  objects_worker_.reset();
}

}  // namespace carillon::app
