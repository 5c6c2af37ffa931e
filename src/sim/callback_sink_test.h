// Takes what vendors call back with, for the tests of this folder.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/http_server.h"

namespace carillon::sim {

// On a port of its own; answers all with 200.
class CallbackSink {
 public:
  explicit CallbackSink(boost::asio::io_context& io) {
    auto made = net::HttpServer::open(
        {io.get_executor()}, {}, [this](net::HttpRequest request, net::HttpPeer) -> Task<net::HttpResponse> {
          const std::lock_guard lock(mutex_);
          requests_.push_back(std::move(request));
          arrived_.notify_all();
          co_return net::HttpResponse{.status = 200, .headers = {}, .body = {}};
        });
    EXPECT_TRUE(made);
    server_ = std::move(*made);
  }
  ~CallbackSink() { server_->drain(base::Deadline::after(std::chrono::seconds(5))); }
  std::string url(const std::string& target) const {
    return fmt::format("http://127.0.0.1:{}{}", server_->port(), target);
  }
  std::vector<net::HttpRequest> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, std::chrono::seconds(10), [&] { return requests_.size() >= count; });
    return requests_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<net::HttpRequest> requests_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace carillon::sim
