// Large bodies from end to end: a client that reads its body as it leaves, a server that keeps it in a file
// and answers with a stream.
#include <gtest/gtest.h>

#include <boost/asio.hpp>
#include <filesystem>
#include <thread>

#include "base/crypto.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/spool.h"

namespace carillon::net {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kPiece = 100'000;

// Gives `text` in pieces; fails behind `good` bytes.
class TextStream final : public HttpStream {
 public:
  TextStream(std::string text, std::size_t good) : text_(std::move(text)), good_(good) {}
  [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override { return text_.size(); }
  Task<Result<std::string>> next() override {
    if (at_ >= good_) co_return fail(Errc::Unavailable, "expected by the test");
    std::string piece = text_.substr(at_, kPiece);
    at_ += piece.size();
    co_return piece;
  }

 private:
  const std::string text_;
  const std::size_t good_;
  std::size_t at_ = 0;
};

// /spool answers what came and whether it came in a file; /plain is not for files; /cut breaks off.
class LargeBody : public testing::Test {
 protected:
  LargeBody() {
    HttpServerOptions options;
    options.body_max = 16 << 20;
    options.spool_folder = testing::TempDir();
    std::vector<asio::any_io_executor> executors{server_context_.get_executor()};
    server_ =
        HttpServer::open(
            executors, std::move(options),
            [](HttpRequest request, HttpPeer) -> Task<HttpResponse> { co_return answer(request); }, {}, {},
            [](std::string_view method, std::string_view path) {
              return method != "GET" && path != "/plain";
            })
            .value();
    thread_ = std::thread([this] { server_context_.run(); });
    client_ = HttpClient::open(context_.get_executor());
  }
  ~LargeBody() override {
    run(client_->close());
    server_->drain(base::Deadline::after(std::chrono::seconds(20)));
    server_.reset();
    guard_.reset();
    thread_.join();
  }

  static HttpResponse answer(const HttpRequest& request) {
    HttpResponse response;
    response.status = 200;
    const bool is_spooled = request.spooled != nullptr;
    std::string text = is_spooled ? request.spooled->body().text().value() : request.body;
    response.headers.emplace_back("X-Spooled", is_spooled ? request.spooled->sha256() : "no");
    const std::size_t good = request.path() == "/cut" ? kPiece : text.size();
    response.stream = std::make_shared<TextStream>(std::move(text), good);
    return response;
  }

  template <class T>
  T run(Task<T> task) {
    auto value = asio::co_spawn(context_, std::move(task), asio::use_future);
    context_.restart();
    context_.run();
    return value.get();
  }
  TransportResult<HttpResponse> ask(std::string path, Body body, std::string method = "POST") {
    HttpCall call;
    call.url = fmt::format("http://127.0.0.1:{}{}", server_->port(), path);
    call.request.method = std::move(method);
    call.content = std::make_shared<const Body>(std::move(body));
    call.response_body_max = 16 << 20;
    return run(client_->call(std::move(call), base::Deadline::after(std::chrono::seconds(30))));
  }

  asio::io_context server_context_{1}, context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_ = asio::make_work_guard(server_context_);
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
  std::unique_ptr<HttpClient> client_;
};

TEST_F(LargeBody, ComesIntoAFileAndLeavesAsAStream) {
  const std::string bytes = base::random_bytes(3'000'000);
  for (const auto* const method : {"POST", "PUT"}) {
    const auto answered = ask("/spool", Body(bytes), method);
    ASSERT_TRUE(answered) << answered.error().detail;
    EXPECT_EQ(answered->status, 200);
    EXPECT_EQ(answered->body, bytes);
    EXPECT_EQ(answered->header("x-spooled"), base::hex(base::sha256(bytes)));
  }
}

TEST_F(LargeBody, IsPutIntoBase64AsItLeaves) {
  const std::string bytes = base::random_bytes(1'000'000);
  Body body("{\"content\":\"");
  body.add_base64(Body(bytes), Body::Lines::One);
  body.add(std::string("\"}"));
  const auto answered = ask("/spool", body);
  ASSERT_TRUE(answered) << answered.error().detail;
  EXPECT_EQ(answered->body, "{\"content\":\"" + base::base64(bytes) + "\"}");
}

TEST_F(LargeBody, StaysInMemoryWhereItIsSmallOrNotWantedInAFile) {
  EXPECT_EQ(ask("/spool", Body(std::string(kHeadCheckAbove, 'a')))->header("x-spooled"), "no");
  EXPECT_NE(ask("/spool", Body(std::string(kHeadCheckAbove + 1, 'a')))->header("x-spooled"), "no");
  const auto plain = ask("/plain", Body(std::string(1'000'000, 'a')));
  EXPECT_EQ(plain->header("x-spooled"), "no");
  EXPECT_EQ(plain->body, std::string(1'000'000, 'a'));
}

TEST_F(LargeBody, IsSentAgainFromItsBeginningWhenAKeptConnectionIsGone) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(ask("/spool", Body(std::string(300'000, 'x')))->body.size(), 300'000U);
  }
}

TEST_F(LargeBody, IsNeverTakenForTheWholeWhenItBreaksOff) {
  const auto answered = ask("/cut", Body(std::string(500'000, 'a')));
  EXPECT_FALSE(answered) << "a body that ends early";
}

TEST(SpooledBody, LeavesNoNameBehind) {
  const std::string folder = testing::TempDir() + "spool_" + base::random_text(8);
  std::filesystem::create_directories(folder);
  {
    const auto body = SpooledBody::open(folder).value();
    ASSERT_TRUE(body->add("bells"));
    ASSERT_TRUE(body->add(" ring"));
    body->finish();
    EXPECT_EQ(body->size(), 10U);
    EXPECT_EQ(body->body().text().value(), "bells ring");
    EXPECT_EQ(body->sha256(), base::hex(base::sha256("bells ring")));
    EXPECT_TRUE(std::filesystem::is_empty(folder));
  }
  std::filesystem::remove_all(folder);
  EXPECT_EQ(SpooledBody::open(folder).error().code, Errc::Unavailable);
}

}  // namespace
}  // namespace carillon::net
