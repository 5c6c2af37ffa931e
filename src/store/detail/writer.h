// The one thread that writes: typed jobs in class queues, group commit, batched completions.
//
// Between two transactions it does one piece of what must not be inside of one (a backup).
//
// While one transaction syncs, the next group gathers. Critical records and accepts go first, then records,
// claims, accepts, expansion, others (PIPELINE §5); each commit takes at least one of the others, so nothing
// starves. Commits are small as long as something critical came in the last second: the next has to wait for
// the one under way.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/log_repeats.h"
#include "base/metrics.h"
#include "base/task.h"
#include "base/urgency.h"
#include "store/detail/txn.h"
#include "store/store_types.h"

namespace carillon::store::detail {

enum class JobClass : std::uint8_t {
  RecordCritical,
  AcceptCritical,
  Record,
  Claim,
  Accept,
  Expand,
  Other,
  Between  // run() outside of any transaction, one at a time; it stands by itself and is never tried again
};
inline constexpr std::size_t kJobClassCount = 8;
// Those who record keep the critical ones together.
[[nodiscard]] inline JobClass record_class(const std::vector<RecordItem>& items) {
  const bool is_critical = !items.empty() && items.front().delivery.priority == model::Priority::Critical;
  return is_critical ? JobClass::RecordCritical : JobClass::Record;
}
inline constexpr std::size_t kCommitRowsMax = 4096;

// Work that somebody awaits: resumed on the executor it was started on.
class Awaited {
 public:
  virtual ~Awaited() = default;
  // The answer when the work could not be done at all. Called at most once, instead of success.
  virtual void fail_with(const Error& error) = 0;

 private:
  friend class Resumer;
  template <class Sink>
  friend Task<void> await_on(Sink& sink, std::shared_ptr<typename Sink::Item> item);
  boost::asio::any_io_executor executor_;
  std::move_only_function<void()> resume_;
};

// Suspends until `sink` has finished `item`. Not cancellable: it ends with the commit.
template <class Sink>
Task<void> await_on(Sink& sink, std::shared_ptr<typename Sink::Item> item) {
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(
      [](auto handler, Sink* to, std::shared_ptr<typename Sink::Item> work) {
        work->executor_ = boost::asio::prefer(boost::asio::get_associated_executor(handler),
                                              boost::asio::execution::outstanding_work.tracked);
        work->resume_ = [h = std::move(handler)]() mutable { std::move(h)(); };
        to->push(std::move(work));
      },
      boost::asio::use_awaitable, &sink, std::move(item));
}

// Resumes many, with one post per executor.
class Resumer {
 public:
  void add(Awaited& item);
  void flush();

 private:
  std::vector<std::pair<boost::asio::any_io_executor, std::vector<std::move_only_function<void()>>>> groups_;
};

class Job : public Awaited {
 public:
  Job(JobClass job_class_in, std::size_t rows_in) : job_class(job_class_in), rows(rows_in) {}
  const JobClass job_class;
  const std::size_t rows;  // roughly what it writes

  // Does the work in the open transaction and keeps the answer. May be called again after a rollback,
  // so it starts by forgetting what an earlier call left and does not consume its input.
  virtual Result<void> run(Txn& txn) = 0;
  // After the group failed on data: the same, each item in a savepoint, offenders get their own error.
  virtual Result<void> run_items(Txn& txn) {
    return txn.isolated([&] { return run(txn); });
  }
  // Accept: what it stores is sent at once, by whoever has the processors meanwhile.
  [[nodiscard]] virtual bool begins_sending() const noexcept { return false; }
  // True: always run in a savepoint, because failing is one of its answers (Conflict).
  [[nodiscard]] virtual bool may_refuse() const noexcept { return false; }
  // After COMMIT, on the writer thread, before the caller resumes. Not called after fail_with().
  virtual void committed() {}

 private:
  friend class Writer;
  bool has_failed_ = false;
};

// A job made of a callable `Result<T>(Txn&)`.
template <class T, class F>
class CallJob final : public Job {
 public:
  CallJob(F call, JobClass job_class_in, std::size_t rows_in)
      : Job(job_class_in, rows_in), call_(std::move(call)) {}
  Result<void> run(Txn& txn) override {
    result = call_(txn);
    if (!*result) return std::unexpected(result->error());
    return {};
  }
  [[nodiscard]] bool may_refuse() const noexcept override { return true; }
  void fail_with(const Error& error) override { result = std::unexpected(error); }
  std::optional<Result<T>> result;

 private:
  F call_;
};

class Writer {
 public:
  using Item = Job;
  struct Hooks {
    // Room for records on a full disk; true when something was freed.
    std::function<bool()> free_ballast;
    // Called after a transaction failed because of the disk, and after one that worked again.
    std::function<void(bool is_failing, const Error* why)> disk_state;
    std::function<void()> news{};  // after the commit of what Txn::note_news() was called for
  };
  // How long sends wait so that a commit holds many of them (decision 0012): after a commit with those of
  // many callers beside which there is sending to do, until as many rows are together or the time is over.
  struct Fill {
    std::chrono::milliseconds wait{1};
    std::size_t enough_rows = 64;  // a send to one device has two
    bool needs_results = true;     // that commit had some; else it began_sending()
  };
  Writer(std::unique_ptr<Db> db, Words& words, Counters& counters, WebhookOutbox& outbox,
         base::Metrics* metrics, Hooks hooks, Fill fill);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Takes a job from any thread; after close() it fails with Cancelled.
  void push(std::shared_ptr<Job> job);
  Task<void> run(std::shared_ptr<Job> job) { return await_on(*this, std::move(job)); }
  // Finishes what was pushed, then ends the thread.
  void close();
  // After close(): the connection goes, with it (when it is the last) the WAL.
  // `last` is called once, with the connection.
  void close_database(const std::function<void(Db&)>& last) {
    if (db_) last(*db_);
    db_.reset();
  }

 private:
  using Group = std::vector<std::shared_ptr<Job>>;
  void loop();
  bool gather(Group& group, std::shared_ptr<Job>& between);
  void take_turn(Job& between);
  // What the thread would wait for before it commits what is queued. Under mutex_.
  enum class WaitsFor : std::uint8_t { Nothing, Work, Company, Sends };
  WaitsFor waits_for() const;
  void take(JobClass job_class, std::size_t limit, std::size_t& rows, Group& group);
  void execute(Group& group);
  Result<void> attempt(Group& group, bool item_by_item);
  // Again as long as others were in the way.
  Result<void> attempt_often(Group& group, bool item_by_item);
  void fail_group(Group& group, const Error& error);
  void finish(Group& group);

  std::unique_ptr<Db> db_;
  Txn txn_;
  Hooks hooks_;
  base::Histogram commit_rows_, commit_seconds_;
  bool has_metrics_ = false;
  bool is_failing_ = false;
  base::LogRepeats failures_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::array<std::deque<std::shared_ptr<Job>>, kJobClassCount> queues_;
  bool closed_ = false;
  WaitsFor waits_for_ = WaitsFor::Nothing;  // of the thread now; who pushes wakes it when that has changed
  base::Urgency urgency_;
  const Fill fill_;
  bool is_busy_ = false;  // the commit before was one after which sends wait
  std::thread thread_;
};

// Runs `call` (Result<T>(Txn&)) in a transaction, as a CallJob.
template <class F>
auto write_on(Writer& writer, F call, JobClass job_class, std::size_t rows)
    -> Task<std::invoke_result_t<F&, Txn&>> {
  using T = typename std::invoke_result_t<F&, Txn&>::value_type;
  auto job = std::make_shared<CallJob<T, F>>(std::move(call), job_class, rows);
  co_await writer.run(job);
  co_return std::move(*job->result);
}

}  // namespace carillon::store::detail
