#include "store/detail/readers.h"

#include <pthread.h>

namespace carillon::store::detail {
namespace {

constexpr std::size_t kIdleMax = 16;     // connections kept open
constexpr std::size_t kQueueMax = 1024;  // reads waiting; more are refused

}  // namespace

Readers::Readers(Open open, std::size_t threads, bool is_near) : open_(std::move(open)), is_near_(is_near) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { loop(); });
}

Readers::~Readers() { close(); }

void Readers::push(std::shared_ptr<ReadJob> job) {
  Error refusal{Errc::Cancelled, "store: closed"};
  bool is_taken = false;
  {
    const std::lock_guard lock(mutex_);
    is_taken = !closed_ && queue_.size() < kQueueMax;
    if (is_taken) {
      queue_.push_back(std::move(job));
    } else if (!closed_) {
      refusal = Error{Errc::ResourceExhausted, "store: too many reads are waiting"};
    }
  }
  if (is_taken) {
    wake_.notify_one();  // not under the lock: it would wake up only to wait for that
    return;
  }
  job->fail_with(refusal);
  Resumer resumer;
  resumer.add(*job);
  resumer.flush();
}

void Readers::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    wake_.notify_all();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  const std::lock_guard lock(mutex_);
  idle_.clear();
}

Result<std::unique_ptr<Db>> Readers::borrow() {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return fail(Errc::Cancelled, "store: closed");
    if (!idle_.empty()) {
      std::unique_ptr<Db> db = std::move(idle_.back());
      idle_.pop_back();
      return db;
    }
  }
  return open_();
}

void Readers::give_back(std::unique_ptr<Db> db) {
  const std::lock_guard lock(mutex_);
  if (!closed_ && idle_.size() < kIdleMax) idle_.push_back(std::move(db));
}

void Readers::loop() {
  ::pthread_setname_np(::pthread_self(), "store-reader");
  Result<std::unique_ptr<Db>> own = open_();
  for (;;) {
    std::shared_ptr<ReadJob> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return closed_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    if (!own) own = open_();
    Result<void> ran = own ? in_snapshot(**own, [&](Db& db) { return job->run(db); })
                           : Result<void>(std::unexpected(own.error()));
    if (!ran) job->fail_with(ran.error());
    Resumer resumer;
    resumer.add(*job);
    resumer.flush();
  }
}

}  // namespace carillon::store::detail
