// A server with a few known paths on a thread of its own, and a blocking raw client.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <boost/asio.hpp>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/http_server.h"

namespace carillon::net {

namespace asio = boost::asio;

// Paths: /echo answers method, path and body · /hold/N answers after release(N) · /throw ·
// /no-content · /split (a header with a line end) · /big (1 MiB) · /small (bodies up to 10 bytes) · /closed
// (refused by its head).
class HttpTestServer {
 public:
  explicit HttpTestServer(HttpServerOptions options = {}, std::size_t threads = 1) {
    std::vector<asio::any_io_executor> executors;
    for (std::size_t i = 0; i < threads; ++i) {
      contexts_.push_back(std::make_unique<asio::io_context>(1));
      guards_.emplace_back(contexts_.back()->get_executor());
      executors.emplace_back(contexts_.back()->get_executor());
    }
    auto opened = HttpServer::open(
        executors, std::move(options),
        [this](HttpRequest request, HttpPeer peer) { return handle(std::move(request), std::move(peer)); },
        [](std::string_view, std::string_view path) -> std::size_t {
          return path == "/small" ? 10 : 1 << 30;
        },
        [](const HttpRequest& head, const HttpPeer&) -> std::optional<HttpResponse> {
          if (head.path() != "/closed") return std::nullopt;
          return HttpResponse{401, {{"X-Refused", "yes"}}, "no"};
        });
    if (!opened) {
      ADD_FAILURE() << opened.error().message;
      std::abort();
    }
    server_ = std::move(*opened);
    for (auto& context : contexts_) threads_.emplace_back([&context] { context->run(); });
  }
  ~HttpTestServer() {
    for (int i = 0; i < 10; ++i) release(i);
    if (server_) EXPECT_TRUE(server_->drain(base::Deadline::after(std::chrono::seconds(20))));
    server_.reset();
    guards_.clear();
    for (auto& thread : threads_) thread.join();
  }

  HttpServer& operator*() { return *server_; }
  HttpServer* operator->() { return server_.get(); }

  // Lets the present and future requests for /hold/`key` go on.
  void release(int key) {
    const std::lock_guard lock(mutex_);
    hold(key).released.store(true);
    for (auto& timer : hold(key).timers) {
      asio::post(timer->get_executor(), [timer] { timer->cancel(); });
    }
  }
  // Blocks until `count` requests for /hold/`key` have been entered.
  void wait_held(int key, std::size_t count = 1) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(
        held_.wait_for(lock, std::chrono::seconds(20), [&] { return hold(key).timers.size() >= count; }));
  }
  // Blocks until `count` handlers of /hold/`key` have come to their end.
  void wait_finished(int key, std::size_t count = 1) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(held_.wait_for(lock, std::chrono::seconds(20), [&] { return hold(key).finished >= count; }));
  }

 private:
  struct Hold {
    std::atomic<bool> released{false};
    std::vector<std::shared_ptr<asio::steady_timer>> timers;
    std::size_t finished = 0;
  };
  Hold& hold(int key) { return holds_[key]; }

  Task<HttpResponse> handle(HttpRequest request, HttpPeer peer) {
    const std::string path(request.path());
    HttpResponse response;
    response.status = 200;
    response.headers.emplace_back("X-Peer", peer.address + (peer.is_tls ? " tls" : " plain"));
    if (path == "/throw") throw std::runtime_error("expected by the test");
    if (path == "/no-content") response.status = 204;
    if (path == "/split") response.headers.emplace_back("Location", "a\r\nSet-Cookie: x");
    if (path == "/big") response.body.assign(1 << 20, 'b');
    if (path.starts_with("/hold/")) co_await wait_for_release(std::atoi(path.c_str() + 6));
    if (response.body.empty()) response.body = request.method + " " + request.target + " " + request.body;
    co_return response;
  }

  Task<void> wait_for_release(int key) {
    auto timer = std::make_shared<asio::steady_timer>(co_await asio::this_coro::executor, SteadyTime::max());
    {
      const std::lock_guard lock(mutex_);
      hold(key).timers.push_back(timer);
      if (hold(key).released) timer->expires_at(SteadyTime::min());
      held_.notify_all();
    }
    co_await timer->async_wait(kAwait);
    const std::lock_guard lock(mutex_);
    ++hold(key).finished;
    held_.notify_all();
  }

  std::vector<std::unique_ptr<asio::io_context>> contexts_;
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable held_;
  std::map<int, Hold> holds_;
  std::unique_ptr<HttpServer> server_;
};

struct TestAnswer {
  int status = 0;  // 0: the connection ended instead
  std::string head;
  std::string body;
  [[nodiscard]] bool has(std::string_view text) const { return head.find(text) != std::string::npos; }
};

// Reads and writes with a limit of 20 s, so that a hanging server fails a test instead of stopping it.
class TestClient {
 public:
  explicit TestClient(std::uint16_t port) : socket_(context_) {
    boost::system::error_code ec;
    socket_.connect({asio::ip::make_address("127.0.0.1"), port}, ec);
    is_connected_ = !ec;
    const timeval limit{20, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    socket_.set_option(asio::ip::tcp::no_delay(true), ec);
  }

  [[nodiscard]] bool is_connected() const { return is_connected_; }
  asio::ip::tcp::socket& socket() { return socket_; }

  // False when the server no longer takes bytes.
  bool send(std::string_view text) {
    boost::system::error_code ec;
    asio::write(socket_, asio::buffer(text), ec);
    return !ec;
  }

  // `has_body` false: the answer to HEAD.
  TestAnswer read(bool has_body = true) {
    TestAnswer answer;
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return answer;
    }
    answer.head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    answer.status = std::atoi(answer.head.c_str() + 9);
    const auto at = answer.head.find("Content-Length: ");
    const std::size_t length = at == std::string::npos || !has_body
                                   ? 0
                                   : static_cast<std::size_t>(std::atoll(answer.head.c_str() + at + 16));
    while (buffer_.size() < length) {
      if (!more()) return answer;
    }
    answer.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return answer;
  }

  // True when the server closed (or reset) and nothing is left to read.
  bool is_closed_by_peer() { return buffer_.empty() && !more(); }

  void reset_connection() {
    socket_.set_option(asio::socket_base::linger(true, 0));
    socket_.close();
  }

 private:
  bool more() {
    std::array<char, 4096> piece;
    boost::system::error_code ec;
    const std::size_t count = socket_.read_some(asio::buffer(piece), ec);
    buffer_.append(piece.data(), count);
    if (ec == asio::error::would_block || ec == asio::error::try_again) ADD_FAILURE() << "no answer for 20 s";
    return !ec;
  }

  asio::io_context context_;
  asio::ip::tcp::socket socket_;
  std::string buffer_;
  bool is_connected_ = false;
};

inline std::string get(std::string_view path, std::string_view fields = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n";
}
inline std::string post(std::string_view path, std::string_view body, std::string_view fields = "") {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(fields) + "\r\n" + std::string(body);
}

}  // namespace carillon::net
