// Read connections: checked out for a read on the caller's own thread, and a small pool of threads for
// reads that may take long (lists), so that they never block a caller's thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "store/detail/sqlite.h"
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
  Readers(std::string path, std::int64_t cache_bytes);
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
  void push(std::shared_ptr<ReadJob> job);
  Task<void> run(std::shared_ptr<ReadJob> job) { return await_on(*this, std::move(job)); }
  void close();

 private:
  template <class F>
  static auto in_snapshot(Db& db, F&& call) -> std::invoke_result_t<F&, Db&> {
    CARILLON_CHECK(db.statement("BEGIN").run());
    auto result = call(db);
    static_cast<void>(db.statement("COMMIT").run());
    return result;
  }
  Result<std::unique_ptr<Db>> borrow();
  void give_back(std::unique_ptr<Db> db);
  void loop();

  const std::string path_;
  const std::int64_t cache_bytes_;
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

}  // namespace carillon::store::detail
