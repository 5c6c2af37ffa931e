#include "net/http_client.h"

#include <curl/curl.h>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <map>
#include <mutex>
#include <utility>

#include "net/http_transfer.h"
#include "net/smtp_client.h"

namespace carillon::net {

namespace asio = boost::asio;

namespace {

constexpr long kIdleConnectionsMax = 64;  // kept open for reuse
constexpr auto kClosePoll = std::chrono::milliseconds(1);

// The multi handle and the reactor's view of its sockets. Shared with the handlers of pending waits,
// which may run after the client is gone.
class Multi : public std::enable_shared_from_this<Multi> {
 public:
  explicit Multi(asio::any_io_executor executor)
      : executor_(std::move(executor)), timer_(executor_), multi_(curl_multi_init()) {
    CARILLON_ASSERT(multi_ != nullptr);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Multi::on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Multi::on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kIdleConnectionsMax);
  }
  ~Multi() { shut(); }
  Multi(const Multi&) = delete;
  Multi& operator=(const Multi&) = delete;

  // Runs one transfer; false when it was ended by the deadline, a cancellation or shut().
  Task<bool> run(HttpExchange& transfer, base::Deadline deadline) {
    if (multi_ == nullptr) co_return false;
    base::Signal done(executor_);
    Running running(*this, transfer.easy(), done);
    if (curl_multi_add_handle(multi_, transfer.easy()) != CURLM_OK) co_return false;
    while (!running.is_done() && multi_ != nullptr) {
      if (!co_await done.wait(deadline)) break;
    }
    transfer.set_result(running.result());
    co_return running.is_done();
  }

  void shut() {
    if (multi_ == nullptr) return;
    for (auto& [easy, running] : running_) {
      curl_multi_remove_handle(multi_, easy);
      running->wake();
    }
    running_.clear();
    CURLM* const multi = std::exchange(multi_, nullptr);
    curl_multi_cleanup(multi);
    for (auto& [fd, watch] : watches_) watch->release();
    watches_.clear();
    timer_.cancel();
  }

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] bool is_open() const noexcept { return multi_ != nullptr; }

 private:
  // Ties an easy handle to the coroutine that waits for it; taken out wherever that ends.
  class Running {
   public:
    Running(Multi& multi, CURL* easy, base::Signal& done) : multi_(multi), easy_(easy), done_(done) {
      multi_.running_[easy_] = this;
      ++multi_.count_;
    }
    ~Running() {
      --multi_.count_;
      if (multi_.running_.erase(easy_) > 0) curl_multi_remove_handle(multi_.multi_, easy_);
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    void finish(CURLcode result) {
      result_ = result;
      is_done_ = true;
      done_.set();
    }
    void wake() { done_.set(); }
    [[nodiscard]] bool is_done() const noexcept { return is_done_; }
    [[nodiscard]] CURLcode result() const noexcept { return result_; }

   private:
    Multi& multi_;
    CURL* easy_;
    base::Signal& done_;
    bool is_done_ = false;
    CURLcode result_ = CURLE_ABORTED_BY_CALLBACK;
  };

  // One of curl's sockets in the reactor. curl opens and closes it; we only borrow it.
  struct Watch {
    Watch(const asio::any_io_executor& executor, int fd) : descriptor(executor, fd) {}
    ~Watch() { release(); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    void release() {
      wanted = CURL_POLL_NONE;
      if (descriptor.is_open()) descriptor.release();
    }
    asio::posix::stream_descriptor descriptor;
    int wanted = CURL_POLL_NONE;
    bool is_reading = false, is_writing = false;
  };

  static int on_socket(CURL*, curl_socket_t fd, int what, void* user, void*) {
    auto& self = *static_cast<Multi*>(user);
    if (what == CURL_POLL_REMOVE) {
      if (const auto found = self.watches_.find(fd); found != self.watches_.end()) {
        found->second->release();
        self.watches_.erase(found);
      }
      return 0;
    }
    auto& watch = self.watches_[fd];
    if (!watch) watch = std::make_shared<Watch>(self.executor_, fd);
    watch->wanted = what;
    self.arm(fd, watch);
    return 0;
  }

  static int on_timer(CURLM*, long timeout_ms, void* user) {
    auto& self = *static_cast<Multi*>(user);
    if (timeout_ms < 0) {
      self.timer_.cancel();
      return 0;
    }
    self.timer_.expires_after(std::chrono::milliseconds(timeout_ms));
    self.timer_.async_wait([me = self.weak_from_this()](boost::system::error_code ec) {
      const auto multi = me.lock();
      if (!ec && multi) multi->act(CURL_SOCKET_TIMEOUT, 0);
    });
    return 0;
  }

  void arm(curl_socket_t fd, const std::shared_ptr<Watch>& watch) {
    using Descriptor = asio::posix::stream_descriptor;
    if ((watch->wanted & CURL_POLL_IN) != 0 && !watch->is_reading) {
      watch->is_reading = true;
      watch->descriptor.async_wait(Descriptor::wait_read,
                                   [me = weak_from_this(), watch, fd](boost::system::error_code ec) {
                                     watch->is_reading = false;
                                     if (const auto multi = me.lock())
                                       multi->on_ready(fd, watch, CURL_CSELECT_IN, ec);
                                   });
    }
    if ((watch->wanted & CURL_POLL_OUT) != 0 && !watch->is_writing) {
      watch->is_writing = true;
      watch->descriptor.async_wait(Descriptor::wait_write,
                                   [me = weak_from_this(), watch, fd](boost::system::error_code ec) {
                                     watch->is_writing = false;
                                     if (const auto multi = me.lock())
                                       multi->on_ready(fd, watch, CURL_CSELECT_OUT, ec);
                                   });
    }
  }

  void on_ready(curl_socket_t fd, const std::shared_ptr<Watch>& watch, int event,
                boost::system::error_code ec) {
    if (watch->wanted == CURL_POLL_NONE || ec == asio::error::operation_aborted) return;
    const int wanted_event = event == CURL_CSELECT_IN ? CURL_POLL_IN : CURL_POLL_OUT;
    if ((watch->wanted & wanted_event) != 0) act(fd, ec ? CURL_CSELECT_ERR : event);
    if (watch->wanted != CURL_POLL_NONE) arm(fd, watch);
  }

  void act(curl_socket_t fd, int events) {
    if (multi_ == nullptr) return;
    int running = 0;
    curl_multi_socket_action(multi_, fd, events, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      if (const auto found = running_.find(message->easy_handle); found != running_.end()) {
        found->second->finish(message->data.result);
      }
    }
  }

  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  std::map<curl_socket_t, std::shared_ptr<Watch>> watches_;
  std::map<CURL*, Running*> running_;
  std::size_t count_ = 0;  // coroutines inside run()
  CURLM* multi_;
};

class CurlClient final : public HttpClient {
 public:
  explicit CurlClient(asio::any_io_executor executor)
      : multi_(std::make_shared<Multi>(executor)), smtp_(std::make_shared<SmtpClient>(executor)) {}

  Task<TransportResult<HttpResponse>> call(HttpCall call, base::Deadline deadline) override {
    const std::shared_ptr<Multi> multi = multi_;
    HttpExchange exchange(std::move(call));
    if (const auto ready = exchange.prepare(); !ready) co_return std::unexpected(ready.error());
    co_await multi->run(exchange, deadline);
    co_return exchange.outcome();
  }

  Task<TransportResult<SmtpReply>> mail(SmtpMail mail, base::Deadline deadline) override {
    co_return co_await smtp_->mail(std::move(mail), deadline);
  }

  Task<void> close() override {
    const std::shared_ptr<Multi> multi = multi_;
    multi->shut();
    co_await smtp_->close();
    while (multi->count() > 0) co_await base::sleep_for(kClosePoll);
  }

 private:
  std::shared_ptr<Multi> multi_;  // shared with calls and handlers still on their way out
  std::shared_ptr<SmtpClient> smtp_;
};

}  // namespace

std::unique_ptr<HttpClient> HttpClient::open(asio::any_io_executor executor) {
  static std::once_flag once;
  std::call_once(once, [] { CARILLON_ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == 0); });
  return std::make_unique<CurlClient>(std::move(executor));
}

}  // namespace carillon::net
