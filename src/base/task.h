// Coroutines and how they end: `Task<T>`, gates that wait for what was started, deadlines.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/error.h"

namespace carillon {

template <class T = void>
using Task = boost::asio::awaitable<T>;

// Socket calls take this token: the error is a value, not an exception.
inline constexpr auto kAwait = boost::asio::as_tuple(boost::asio::use_awaitable);

namespace base {

// Keeps count of background tasks: refuses new ones once closed, and waits for the old ones.
//
// Every module with background work owns one; nothing is spawned detached. Thread-safe.
class TaskGate {
 public:
  explicit TaskGate(std::string owner) : owner_(std::move(owner)) {}
  ~TaskGate();  // asserts that it is empty
  TaskGate(const TaskGate&) = delete;
  TaskGate& operator=(const TaskGate&) = delete;

  // Runs `task` (a callable returning Task<void>, moved into the spawned frame so its captures live
  // as long as it runs) on `executor`. An exception that escapes is logged with `name` and counted;
  // it does not end the process. The task never runs before this returns, not even when called on
  // `executor` itself: co_spawn alone would run it inline there. Does nothing and returns false once
  // closed.
  template <class F>
  bool spawn(boost::asio::any_io_executor executor, std::string name, F task) {
    if (!enter()) return false;
    auto start = [this, executor, name = std::move(name), task = std::move(task)]() mutable {
      boost::asio::co_spawn(executor, std::move(task), [this, name = std::move(name)](std::exception_ptr e) {
        leave(name, std::move(e));
      });
    };
    boost::asio::post(executor, std::move(start));
    return true;
  }

  // Counts work that is not a coroutine (a request being parsed, a call-back that is awaited).
  // True: leave() must follow. False: closed.
  [[nodiscard]] bool enter() noexcept;
  void leave() noexcept { leave({}, nullptr); }

  // Refuses new tasks from now on. Does not wait.
  void close() noexcept;
  // Blocks the calling thread (which must not run the tasks) until empty or `deadline`; true when
  // empty. Closes the gate.
  bool wait(Deadline deadline);
  [[nodiscard]] std::size_t count() const noexcept;

 private:
  void leave(const std::string& name, std::exception_ptr e) noexcept;

  const std::string owner_;
  mutable std::mutex mutex_;
  std::condition_variable empty_;
  std::size_t count_ = 0;
  bool closed_ = false;
};

// Suspends for `d` or until the task is cancelled; true when the time passed.
Task<bool> sleep_for(std::chrono::steady_clock::duration d);

// A flag many tasks on one executor can wait for; auto-reset. Not thread-safe: all calls on the
// executor it was made with (another thread posts to it).
class Signal {
 public:
  explicit Signal(boost::asio::any_io_executor executor) : timer_(std::move(executor)) {
    timer_.expires_at(SteadyTime::max());
  }
  // Wakes the waiter; if none waits, the next wait() returns at once.
  void set() {
    set_ = true;
    timer_.cancel();
  }
  // Returns true when set, false when `deadline` passed first. One waiter at a time.
  Task<bool> wait(Deadline deadline = Deadline::never());

 private:
  boost::asio::steady_timer timer_;
  bool set_ = false;
};

}  // namespace base
}  // namespace carillon
