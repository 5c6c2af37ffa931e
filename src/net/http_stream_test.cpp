// Answers whose length nobody knows when they begin.
#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <thread>

#include "net/http_server.h"

namespace carillon::net {
namespace {

namespace asio = boost::asio;

// Gives its pieces one by one; an empty one is the end, and "!" a failure.
class Pieces final : public HttpStream {
 public:
  explicit Pieces(std::deque<std::string> pieces) : pieces_(std::move(pieces)) {}
  [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override { return std::nullopt; }
  Task<Result<std::string>> next() override {
    std::string piece = std::move(pieces_.front());
    pieces_.pop_front();
    if (piece == "!") co_return fail(Errc::Unavailable, "expected by the test");
    co_return piece;
  }

 private:
  std::deque<std::string> pieces_;
};

class HttpStreams : public testing::Test {
 protected:
  HttpStreams() {
    std::vector<asio::any_io_executor> executors{context_.get_executor()};
    server_ = HttpServer::open(
                  executors, HttpServerOptions(),
                  [](HttpRequest request, HttpPeer) -> Task<HttpResponse> { co_return answer(request); })
                  .value();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~HttpStreams() override {
    server_->drain(base::Deadline::after(std::chrono::seconds(20)));
    server_.reset();
    guard_.reset();
    thread_.join();
  }
  static HttpResponse answer(const HttpRequest& request) {
    HttpResponse response;
    response.status = 200;
    if (request.path() == "/plain") {
      response.body = "plain";
    } else if (request.path() == "/broken") {
      response.stream = std::make_shared<Pieces>(std::deque<std::string>{"one", "!"});
    } else {
      response.stream = std::make_shared<Pieces>(std::deque<std::string>{"one", std::string(20, 'x'), ""});
    }
    return response;
  }
  // All that comes until the server closes.
  std::string ask(const std::string& text) {
    asio::io_context context;
    asio::ip::tcp::socket socket(context);
    socket.connect({asio::ip::make_address("127.0.0.1"), server_->port()});
    asio::write(socket, asio::buffer(text));
    std::string got;
    boost::system::error_code ec;
    asio::read(socket, asio::dynamic_buffer(got), ec);
    return got;
  }
  static std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_ = asio::make_work_guard(context_);
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
};

TEST_F(HttpStreams, ComeInChunksAndTheConnectionGoesOn) {
  const std::string got = ask(
      "GET /stream HTTP/1.1\r\nHost: x\r\n\r\nGET /plain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(got.contains(
      "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n14\r\nxxxxxxxxxxxxxxxxxxxx\r\n0\r\n\r\nHTTP/1.1 200"))
      << got;
  EXPECT_FALSE(got.substr(0, got.find("one")).contains("Content-Length"));
  EXPECT_TRUE(got.ends_with("plain"));
}

TEST_F(HttpStreams, EndWithTheConnectionForOldClients) {
  const std::string got = ask("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(body_of(got), "one" + std::string(20, 'x')) << got;
  EXPECT_FALSE(got.contains("Transfer-Encoding")) << "HTTP/1.0 has none";
  EXPECT_FALSE(got.contains("Content-Length"));
  EXPECT_TRUE(got.contains("Connection: close"));
}

TEST_F(HttpStreams, AreNotTakenForWholeWhenTheyBreakOff) {
  const std::string got = ask("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(got.ends_with("3\r\none\r\n")) << got;
}

TEST_F(HttpStreams, HaveNoBodyForHead) {
  const std::string got = ask("HEAD /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(body_of(got), "") << got;
}

}  // namespace
}  // namespace carillon::net
