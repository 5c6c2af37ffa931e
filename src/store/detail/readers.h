// Read connections: checked out for a read on the caller's own thread, and a small pool of threads for
// reads that may take long (lists), so that they never block a caller's thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "store/detail/db.h"
#include "store/detail/writer.h"

namespace carillon::store::detail {

// A read on a reader thread, in one read transaction.
class ReadJob : public Awaited {
 public:
  virtual Result<void> run(Db& db) = 0;
};

template <class T, class F>
class CallRead final : public ReadJob {
 public:
  explicit CallRead(F call) : call_(std::move(call)) {}
  Result<void> run(Db& db) override {
    result = call_(db);
    return {};
  }
  void fail_with(const Error& error) override { result = std::unexpected(error); }
  std::optional<Result<T>> result;

 private:
  F call_;
};

class Readers {
 public:
  using Item = ReadJob;
  // Makes a connection. Errors: Unavailable.
  using Open = std::function<Result<std::unique_ptr<Db>>()>;
  // `is_near`: the database is in this process, and a look-up is done before a thread could be woken.
  Readers(Open open, std::size_t threads, bool is_near);
  ~Readers();
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  // Runs `call(Db&)` here and now in one read transaction; for a handful of key look-ups.
  template <class F>
  auto inline_read(F&& call) -> std::invoke_result_t<F&, Db&> {
    CARILLON_TRY(auto db, borrow());
    auto result = in_snapshot(*db, call);
    give_back(std::move(db));
    return result;
  }
  [[nodiscard]] bool is_near() const noexcept { return is_near_; }
  void push(std::shared_ptr<ReadJob> job);
  Task<void> run(std::shared_ptr<ReadJob> job) { return await_on(*this, std::move(job)); }
  void close();

 private:
  template <class F>
  static auto in_snapshot(Db& db, F&& call) -> std::invoke_result_t<F&, Db&> {
    CARILLON_CHECK(db.begin_read());
    auto result = call(db);
    db.end_read();
    return result;
  }
  Result<std::unique_ptr<Db>> borrow();
  void give_back(std::unique_ptr<Db> db);
  void loop();

  const Open open_;
  const bool is_near_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::unique_ptr<Db>> idle_;
  std::deque<std::shared_ptr<ReadJob>> queue_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

// Runs `call` (Result<T>(Db&)) on a reader thread in one snapshot.
template <class F>
auto read_on(Readers& readers, F call) -> Task<std::invoke_result_t<F&, Db&>> {
  using T = typename std::invoke_result_t<F&, Db&>::value_type;
  auto job = std::make_shared<CallRead<T, F>>(std::move(call));
  co_await readers.run(job);
  co_return std::move(*job->result);
}

// The same for a handful of key look-ups: here and now where the database is near.
template <class F>
auto look_on(Readers& readers, F call) -> Task<std::invoke_result_t<F&, Db&>> {
  if (readers.is_near()) co_return readers.inline_read(call);
  co_return co_await read_on(readers, std::move(call));
}

}  // namespace carillon::store::detail
