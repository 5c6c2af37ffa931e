#include "store/detail/writer.h"

#include <pthread.h>

#include <boost/asio/post.hpp>
#include <algorithm>
#include <chrono>

#include "base/log.h"

namespace carillon::store::detail {
namespace {

// While something critical is about. It goes in whatever the size; 128 rows take about a millisecond.
constexpr std::size_t kUrgentRowsMax = 128;

// Expansion gets this share of a commit's rows while anything else waits (PIPELINE §5).
constexpr std::size_t expand_share(std::size_t rows) noexcept { return rows * 3 / 10; }

// Results that would commit alone wait this long for something else to commit with: a sync less. Until
// then the outcome journal keeps them.
constexpr auto kResultsLinger = std::chrono::milliseconds(2);

// From so many on a commit's sends are those of many callers, and the next waits as Writer::Fill says: the
// processors have other things to do meanwhile, and a commit costs much the same for 10 sends as for 30. A
// send by itself never waits, and who is critical ends the waiting.
constexpr std::size_t kManyRows = 16;

// A transaction that others got in the way of is begun again so often.
constexpr int kAttemptsMax = 20;

constexpr std::size_t index(JobClass c) noexcept { return static_cast<std::size_t>(c); }

// Work that must go on when the disk is full: it frees more than it takes, and losing it means
// sending twice.
bool is_vital(const Job& job) noexcept {
  return job.job_class == JobClass::Record || job.job_class == JobClass::RecordCritical;
}

// Not of what was to be written: the same would fail item by item.
bool is_of_the_store(Errc code) noexcept {
  return code == Errc::Unavailable || code == Errc::Corruption || code == Errc::DeadlineExceeded;
}

bool is_critical(const Job& job) noexcept {
  return job.job_class == JobClass::AcceptCritical || job.job_class == JobClass::RecordCritical;
}

}  // namespace

void Resumer::add(Awaited& item) {
  const auto same = [&](const auto& group) { return group.first == item.executor_; };
  auto it = std::ranges::find_if(groups_, same);
  if (it == groups_.end()) {
    groups_.emplace_back(std::move(item.executor_), std::vector<std::move_only_function<void()>>{});
    it = std::prev(groups_.end());
  }
  it->second.push_back(std::move(item.resume_));
}

void Resumer::flush() {
  for (auto& [executor, resumes] : groups_) {
    boost::asio::post(executor, [list = std::move(resumes)]() mutable {
      for (auto& resume : list) resume();
    });
  }
  groups_.clear();
}

Writer::Writer(std::unique_ptr<Db> db, Words& words, Counters& counters, WebhookOutbox& outbox,
               base::Metrics* metrics, Hooks hooks, Fill fill)
    : db_(std::move(db)), txn_(*db_, words, counters, outbox), hooks_(std::move(hooks)), fill_(fill) {
  if (metrics != nullptr) {
    commit_rows_ = metrics->histogram("carillon_commit_rows", "Rows per transaction of the store's writer.",
                                      base::Metrics::count_buckets());
    commit_seconds_ = metrics->histogram("carillon_commit_seconds", "Duration of the writer's transactions.",
                                         base::Metrics::latency_buckets_s());
  }
  has_metrics_ = metrics != nullptr;
  txn_.on_news = hooks_.news;
  thread_ = std::thread([this] { loop(); });
}

Writer::~Writer() { close(); }

void Writer::push(std::shared_ptr<Job> job) {
  bool is_taken = false, is_awaited = true;
  {
    const std::lock_guard lock(mutex_);
    is_taken = !closed_;
    if (is_taken) {
      if (is_critical(*job)) urgency_.note();
      queues_[index(job->job_class)].push_back(std::move(job));
    }
    is_awaited = waits_for() != waits_for_;
  }
  if (is_taken) {
    if (is_awaited) wake_.notify_one();  // not under the lock: it would wake up only to wait for that
    return;
  }
  job->fail_with(Error{Errc::Cancelled, "store: closed"});
  Resumer resumer;
  resumer.add(*job);
  resumer.flush();
}

void Writer::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Writer::loop() {
  ::pthread_setname_np(::pthread_self(), "store-writer");
  Group group;
  std::shared_ptr<Job> between;
  while (gather(group, between)) {
    if (!group.empty()) {
      execute(group);
      finish(group);
      group.clear();
    }
    if (between) take_turn(*std::exchange(between, nullptr));
  }
}

void Writer::take_turn(Job& between) {
  if (const Result<void> ran = between.run(txn_); !ran) between.fail_with(ran.error());
  Resumer resumer;
  resumer.add(between);
  resumer.flush();
}

Writer::WaitsFor Writer::waits_for() const {
  const auto waits = [this](JobClass c) { return !queues_[index(c)].empty(); };
  if (waits(JobClass::AcceptCritical) || waits(JobClass::Claim) || waits(JobClass::Expand) ||
      waits(JobClass::Other) || waits(JobClass::Between)) {
    return WaitsFor::Nothing;
  }
  if (!waits(JobClass::Accept)) {
    return waits(JobClass::Record) || waits(JobClass::RecordCritical) ? WaitsFor::Company : WaitsFor::Work;
  }
  std::size_t rows = 0;
  for (const auto& job : queues_[index(JobClass::Accept)]) {
    if ((rows += job->rows) >= fill_.enough_rows) return WaitsFor::Nothing;
  }
  return is_busy_ ? WaitsFor::Sends : WaitsFor::Nothing;
}

bool Writer::gather(Group& group, std::shared_ptr<Job>& between) {
  std::unique_lock lock(mutex_);
  while (!closed_) {
    waits_for_ = waits_for();
    const auto has_changed = [this] { return closed_ || waits_for() != waits_for_; };
    if (waits_for_ == WaitsFor::Nothing) break;
    if (waits_for_ == WaitsFor::Work) {
      wake_.wait(lock, has_changed);
    } else if (!wake_.wait_for(lock, waits_for_ == WaitsFor::Sends ? fill_.wait : kResultsLinger,
                               has_changed)) {
      break;
    }
  }
  waits_for_ = WaitsFor::Nothing;
  std::size_t rows = 0;
  for (const JobClass c : {JobClass::RecordCritical, JobClass::AcceptCritical}) {
    take(c, kCommitRowsMax, rows, group);
  }
  const std::size_t rows_max = urgency_.step(kCommitRowsMax, std::max(kUrgentRowsMax, rows));
  const std::size_t before_results = rows;
  take(JobClass::Record, rows_max, rows, group);
  const bool has_results = rows > before_results;
  take(JobClass::Claim, rows_max, rows, group);
  const std::size_t before_sends = rows;
  take(JobClass::Accept, rows_max, rows, group);
  const bool is_sending =
      fill_.needs_results ? has_results
                          : std::ranges::any_of(group, [](const auto& job) { return job->begins_sending(); });
  is_busy_ = is_sending && rows - before_sends >= kManyRows;
  const bool is_alone = group.empty() && queues_[index(JobClass::Other)].empty();
  const std::size_t share = is_alone ? rows_max : std::min(rows_max, rows + expand_share(rows_max));
  take(JobClass::Expand, share, rows, group);
  // At least one of the others per commit, however full it is.
  if (auto& others = queues_[index(JobClass::Other)]; !others.empty()) {
    take(JobClass::Other, std::max(rows_max, rows + others.front()->rows), rows, group);
  }
  if (auto& turns = queues_[index(JobClass::Between)]; !turns.empty()) {
    between = std::move(turns.front());
    turns.pop_front();
  }
  return !group.empty() || between;
}

void Writer::take(JobClass job_class, std::size_t limit, std::size_t& rows, Group& group) {
  auto& queue = queues_[index(job_class)];
  while (!queue.empty() && (rows == 0 || rows + queue.front()->rows <= limit)) {
    rows += queue.front()->rows;
    group.push_back(std::move(queue.front()));
    queue.pop_front();
  }
}

void Writer::execute(Group& group) {
  const auto started = std::chrono::steady_clock::now();
  Result<void> done = attempt_often(group, false);
  if (!done && !is_of_the_store(done.error().code)) {
    done = attempt_often(group, true);  // on data: only the offender is to suffer
  }
  if (!done) {
    fail_group(group, done.error());
  } else if (is_failing_) {
    is_failing_ = false;
    hooks_.disk_state(false, nullptr);
  }
  if (has_metrics_) {
    std::size_t rows = 0;
    for (const auto& job : group) rows += job->rows;
    commit_rows_.observe(static_cast<double>(rows));
    commit_seconds_.observe(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
  }
}

Result<void> Writer::attempt_often(Group& group, bool item_by_item) {
  for (int n = 1;; ++n) {
    Result<void> done = attempt(group, item_by_item);
    if (done || !db_->wants_retry() || n == kAttemptsMax) return done;
  }
}

Result<void> Writer::attempt(Group& group, bool item_by_item) {
  CARILLON_CHECK(txn_.begin());
  for (const auto& job : group) {
    job->has_failed_ = false;
    const bool in_savepoint = item_by_item || job->may_refuse();
    Result<void> ran = in_savepoint ? job->run_items(txn_) : job->run(txn_);
    if (ran) continue;
    const bool is_disk = ran.error().code == Errc::Unavailable || !db_->in_transaction();
    if (!in_savepoint || is_disk || db_->wants_retry()) {
      txn_.rollback();
      if (is_disk) ran.error().code = Errc::Unavailable;
      return ran;
    }
    job->has_failed_ = true;
    job->fail_with(ran.error());
  }
  if (Result<void> committed = txn_.commit(); !committed) {
    // A sync that failed leaves open whether the frames survive a crash: the outcome is unknown.
    txn_.rollback();
    return committed;
  }
  for (const auto& job : group) {
    if (!job->has_failed_) job->committed();
  }
  return {};
}

void Writer::fail_group(Group& group, const Error& error) {
  if (failures_.is_due(error.message))
    base::log_error("store: a transaction of {} jobs failed: {}", group.size(), error.message);
  is_failing_ = true;
  hooks_.disk_state(true, &error);
  Group vital;
  for (auto& job : group) {
    if (is_vital(*job)) {
      vital.push_back(job);
    } else {
      job->fail_with(error);
    }
  }
  if (vital.empty()) return;
  if (error.code == Errc::DeadlineExceeded) {  // perhaps it is written
    for (auto& job : vital) job->fail_with(error);
    return;
  }
  const bool may_help = vital.size() < group.size() || hooks_.free_ballast();
  Result<void> done = may_help ? attempt(vital, true) : Result<void>(std::unexpected(error));
  if (!done && hooks_.free_ballast()) done = attempt(vital, true);
  if (done) return;
  for (auto& job : vital) job->fail_with(done.error());
}

void Writer::finish(Group& group) {
  Resumer resumer;
  for (auto& job : group) resumer.add(*job);
  resumer.flush();
}

}  // namespace carillon::store::detail
