#include "base/task.h"

#include "base/log.h"

namespace carillon::base {

TaskGate::~TaskGate() {
  const std::lock_guard lock(mutex_);
  CARILLON_ASSERT(count_ == 0);
}

bool TaskGate::enter() noexcept {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  ++count_;
  return true;
}

void TaskGate::close() noexcept {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

bool TaskGate::wait(Deadline deadline) {
  std::unique_lock lock(mutex_);
  closed_ = true;
  const auto is_empty = [this] { return count_ == 0; };
  if (deadline.at() == SteadyTime::max()) {
    empty_.wait(lock, is_empty);
    return true;
  }
  return empty_.wait_until(lock, deadline.at(), is_empty);
}

std::size_t TaskGate::count() const noexcept {
  const std::lock_guard lock(mutex_);
  return count_;
}

void TaskGate::leave(const std::string& name, std::exception_ptr e) noexcept {
  if (e) {
    try {
      std::rethrow_exception(e);
    } catch (const std::exception& x) {
      log_error("task '{}' of {} ended by an exception: {}", name, owner_, x.what());
    } catch (...) {
      log_error("task '{}' of {} ended by an unknown exception", name, owner_);
    }
  }
  const std::lock_guard lock(mutex_);
  CARILLON_ASSERT(count_ > 0);
  // Notified under the lock: the waiter may destroy this gate as soon as it sees zero.
  if (--count_ == 0) empty_.notify_all();
}

Task<bool> sleep_for(std::chrono::steady_clock::duration d) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, d);
  auto [ec] = co_await timer.async_wait(kAwait);
  co_return !ec;
}

Task<bool> Signal::wait(Deadline deadline) {
  if (!set_) {
    timer_.expires_at(deadline.at());
    co_await timer_.async_wait(kAwait);
    timer_.expires_at(SteadyTime::max());
  }
  co_return std::exchange(set_, false);
}

}  // namespace carillon::base
