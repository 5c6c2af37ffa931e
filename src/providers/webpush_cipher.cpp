#include "providers/webpush_cipher.h"

#include <signal.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace carillon::providers::webpush_detail {
namespace {

constexpr unsigned kThreadsMax = 16;
constexpr std::size_t kBatch = 8;  // half a millisecond's work

}  // namespace

// Half of the cores: the other half delivers. Made with the first user, gone with the last.
class CipherThreads {
 public:
  static std::shared_ptr<CipherThreads> shared() {
    static std::mutex mutex;
    static std::weak_ptr<CipherThreads> current;
    const std::lock_guard lock(mutex);
    auto threads = current.lock();
    if (!threads) current = threads = std::make_shared<CipherThreads>();
    return threads;
  }

  CipherThreads() {
    const unsigned count = std::clamp(std::thread::hardware_concurrency() / 2, 1U, kThreadsMax);
    for (unsigned i = 0; i < count; ++i) {
      threads_.emplace_back([this] {
        sigset_t all;  // signals are the main thread's business
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
        run();
      });
    }
  }
  ~CipherThreads() {
    {
      const std::lock_guard lock(mutex_);
      is_ending_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  CipherThreads(const CipherThreads&) = delete;
  CipherThreads& operator=(const CipherThreads&) = delete;

  void add(PushCipher& user, std::span<CipherWork* const> works) {
    {
      const std::lock_guard lock(mutex_);
      for (CipherWork* work : works) waiting_.push_back({&user, work});
    }
    works.size() > kBatch ? wake_.notify_all() : wake_.notify_one();
  }

 private:
  struct Item {
    PushCipher* user = nullptr;
    CipherWork* work = nullptr;
  };

  // Some of one user, in order; empty: the end.
  std::vector<Item> take() {
    std::vector<Item> taken;
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return is_ending_ || !waiting_.empty(); });
    while (!waiting_.empty() && taken.size() < kBatch &&
           (taken.empty() || waiting_.front().user == taken.front().user)) {
      taken.push_back(waiting_.front());
      waiting_.pop_front();
    }
    return taken;
  }

  void run() {
    for (;;) {
      const std::vector<Item> taken = take();
      if (taken.empty()) return;
      PushCipher& user = *taken.front().user;
      std::vector<CipherWork*> done;
      done.reserve(taken.size());
      for (const Item& item : taken) {
        auto body = net::encrypt_push(item.work->keys, item.work->plain);
        item.work->is_good = body.has_value();
        if (body) item.work->body = std::move(*body);
        done.push_back(item.work);
      }
      // A copy: once the last work is handed over, the user may go while post() is still returning.
      const auto executor = user.executor_;
      boost::asio::post(executor, [&user, done = std::move(done)] { user.done_(done); });
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Item> waiting_;
  bool is_ending_ = false;
  std::vector<std::thread> threads_;
};

PushCipher::PushCipher(boost::asio::any_io_executor executor, Done done)
    : executor_(std::move(executor)), done_(std::move(done)), threads_(CipherThreads::shared()) {}

PushCipher::~PushCipher() = default;

void PushCipher::begin(std::span<CipherWork* const> works) {
  if (!works.empty()) threads_->add(*this, works);
}

}  // namespace carillon::providers::webpush_detail
