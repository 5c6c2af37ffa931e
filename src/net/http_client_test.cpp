#include "net/http_client.h"

#include <gtest/gtest.h>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <deque>
#include <functional>
#include <optional>

#include "net/tls_certificate_test.h"

namespace carillon::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

// The server's end of one connection, plain until start_tls().
class Line {
 public:
  explicit Line(tcp::socket socket) : stream_(std::move(socket), context()) {}

  // Up to and including `end`; empty when the peer closed.
  Task<std::string> read_until(std::string end) {
    for (;;) {
      if (const auto at = buffer_.find(end); at != std::string::npos) {
        std::string text = buffer_.substr(0, at + end.size());
        buffer_.erase(0, text.size());
        co_return text;
      }
      char data[16384];
      auto [ec, n] = is_tls_ ? co_await stream_.async_read_some(asio::buffer(data), kAwait)
                             : co_await stream_.next_layer().async_read_some(asio::buffer(data), kAwait);
      if (ec) co_return std::string();
      buffer_.append(data, n);
    }
  }
  Task<std::string> read_exactly(std::size_t size) {
    while (buffer_.size() < size) {
      const std::string rest = std::exchange(buffer_, {});
      char data[16384];
      auto [ec, n] = is_tls_ ? co_await stream_.async_read_some(asio::buffer(data), kAwait)
                             : co_await stream_.next_layer().async_read_some(asio::buffer(data), kAwait);
      buffer_ = rest;
      if (ec) co_return std::string();
      buffer_.append(data, n);
    }
    std::string text = buffer_.substr(0, size);
    buffer_.erase(0, size);
    co_return text;
  }
  Task<void> write(std::string text) {
    if (is_tls_) co_await asio::async_write(stream_, asio::buffer(text), kAwait);
    else co_await asio::async_write(stream_.next_layer(), asio::buffer(text), kAwait);
  }
  Task<void> start_tls() {
    co_await stream_.async_handshake(asio::ssl::stream_base::server, kAwait);
    is_tls_ = true;
  }
  void close() {
    boost::system::error_code ec;
    stream_.next_layer().close(ec);
  }

 private:
  static asio::ssl::context& context() {
    static asio::ssl::context instance = [] {
      asio::ssl::context c(asio::ssl::context::tls_server);
      c.use_certificate_chain_file(TestCertificate::shared().certificate_file());
      c.use_private_key_file(TestCertificate::shared().key_file(), asio::ssl::context::pem);
      return c;
    }();
    return instance;
  }
  asio::ssl::stream<tcp::socket> stream_;
  std::string buffer_;
  bool is_tls_ = false;
};

class HttpClientTest : public testing::Test {
 protected:
  using Script = std::function<Task<void>(Line&)>;

  HttpClientTest() : client(HttpClient::open(io.get_executor())) {}
  ~HttpClientTest() override {
    run(client->close());
    boost::system::error_code ec;
    acceptor.close(ec);
    for (auto& line : lines) line.close();
    io.restart();
    io.run_for(5s);
  }

  // Every connection is served by `script`.
  void serve(Script next) {
    script = std::move(next);
    asio::co_spawn(io, [this]() -> Task<void> {
      for (;;) {
        auto [ec, socket] = co_await acceptor.async_accept(kAwait);
        if (ec) co_return;
        Line& line = lines.emplace_back(std::move(socket));
        asio::co_spawn(io, script(line), [](std::exception_ptr) {});
      }
    }, [](std::exception_ptr) {});
  }
  template <class T>
  T run(Task<T> task) {
    std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> result;
    if constexpr (std::is_void_v<T>) {
      asio::co_spawn(io, std::move(task), [&](std::exception_ptr) { result = true; });
    } else {
      asio::co_spawn(io, std::move(task), [&](std::exception_ptr, T value) { result = std::move(value); });
    }
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (!result && std::chrono::steady_clock::now() < limit) {
      io.restart();
      io.run_one_for(100ms);
    }
    CARILLON_ASSERT(result.has_value());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }
  [[nodiscard]] std::string url(const std::string& scheme) const {
    return scheme + "://localhost:" + std::to_string(acceptor.local_endpoint().port());
  }
  TransportResult<HttpResponse> post(std::string body, base::Deadline deadline = base::Deadline::after(10s)) {
    HttpCall call;
    call.url = url("http") + "/path?q=1";
    call.request.method = "POST";
    call.request.headers = {{"x-id", "7"}};
    call.request.body = std::move(body);
    return run(client->call(std::move(call), deadline));
  }
  SmtpMail letter() const {
    SmtpMail mail;
    mail.url = url("smtp");
    mail.hello = "mx.test";
    mail.mail_from = "a@example.test";
    mail.recipients = {"b@example.test"};
    mail.content = "Subject: x\r\n\r\n.first\r\nbody\r\n.\r\n..\r\nlast\r\n";
    return mail;
  }
  // Answers EHLO, MAIL, RCPT, DATA; collects the content; answers the end with `verdict`.
  Task<void> smtp_session(Line& line, std::string verdict) {
    co_await line.write("220 ready\r\n");
    for (;;) {
      const std::string command = co_await line.read_until("\r\n");
      if (command.empty()) co_return;
      commands.push_back(command.substr(0, command.size() - 2));
      if (command.starts_with("EHLO")) co_await line.write("250-test\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n");
      else if (command.starts_with("DATA")) {
        co_await line.write("354 go on\r\n");
        received.push_back(co_await line.read_until("\r\n.\r\n"));
        if (verdict.empty()) co_return line.close();
        co_await line.write(verdict);
      } else if (command.starts_with("QUIT")) {
        co_return;  // never answered: the client must not wait
      } else {
        co_await line.write("250 2.1.0 fine\r\n");
      }
    }
  }

  asio::io_context io{1};
  tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)};
  std::unique_ptr<HttpClient> client;
  Script script;
  std::deque<Line> lines;
  std::vector<std::string> commands, received;
};

TEST_F(HttpClientTest, RequestArrivesAsGivenAndResponseComesBack) {
  std::string head, body;
  serve([&](Line& line) -> Task<void> {
    head = co_await line.read_until("\r\n\r\n");
    body = co_await line.read_exactly(5);
    co_await line.write(
        "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nX-A:  b \r\nContent-Length: 2\r\n\r\nok");
  });
  HttpCall call;
  call.url = url("http") + "/path?q=1";
  call.request.method = "PUT";
  call.request.headers = {{"x-id", "7"}, {"x-empty", ""}};
  call.request.body = "hello";
  call.user = "user";
  call.password = base::Secret("pass");
  const auto response = run(client->call(std::move(call), base::Deadline::after(10s)));
  ASSERT_TRUE(response) << response.error().detail;
  EXPECT_EQ(response->status, 302);  // not followed
  EXPECT_EQ(response->header("location"), "/elsewhere");
  EXPECT_EQ(response->header("x-a"), "b");
  EXPECT_EQ(response->body, "ok");
  EXPECT_TRUE(head.starts_with("PUT /path?q=1 HTTP/1.1\r\n")) << head;
  EXPECT_NE(head.find("x-id: 7\r\n"), std::string::npos);
  EXPECT_NE(head.find("x-empty:"), std::string::npos);
  EXPECT_NE(head.find("Authorization: Basic dXNlcjpwYXNz\r\n"), std::string::npos);
  EXPECT_EQ(head.find("Content-Type"), std::string::npos);
  EXPECT_EQ(body, "hello");
}

TEST_F(HttpClientTest, ConnectionIsReused) {
  serve([&](Line& line) -> Task<void> {
    while (!(co_await line.read_until("\r\n\r\n")).empty()) {
      co_await line.read_exactly(1);
      co_await line.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(post("x"));
  EXPECT_EQ(lines.size(), 1U);
}

TEST_F(HttpClientTest, ManyCallsRunAtOnce) {
  serve([&](Line& line) -> Task<void> {
    while (!(co_await line.read_until("\r\n\r\n")).empty()) {
      co_await line.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    }
  });
  int done = 0;
  for (int i = 0; i < 40; ++i) {
    HttpCall call;
    call.url = url("http") + "/";
    asio::co_spawn(
        io, client->call(std::move(call), base::Deadline::after(10s)),
        [&](std::exception_ptr, TransportResult<HttpResponse> r) { done += r && r->status == 200 ? 1 : 0; });
  }
  const auto limit = std::chrono::steady_clock::now() + 10s;
  while (done < 40 && std::chrono::steady_clock::now() < limit) io.restart(), io.run_one_for(100ms);
  EXPECT_EQ(done, 40);
}

TEST_F(HttpClientTest, RefusedConnectionIsNotSent) {
  acceptor.close();
  HttpCall call;
  call.url = "http://127.0.0.1:1/";
  const auto response = run(client->call(std::move(call), base::Deadline::after(10s)));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().failure, SendFailure::NotSent);
}

TEST_F(HttpClientTest, APublicCallReachesNoAddressOfOurOwn) {
  std::size_t reached = 0;
  serve([&](Line& line) -> Task<void> {
    ++reached;
    co_await line.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  for (const std::string& host :
       {std::string("localhost"), std::string("127.0.0.1"), std::string("[::ffff:7f00:1]")}) {
    HttpCall call;
    call.url = "http://" + host + ":" + std::to_string(acceptor.local_endpoint().port()) + "/";
    call.is_public_only = true;
    const auto response = run(client->call(std::move(call), base::Deadline::after(10s)));
    ASSERT_FALSE(response) << host;
    EXPECT_EQ(response.error().failure, SendFailure::NotSent);
    EXPECT_NE(response.error().detail.find("private"), std::string::npos) << response.error().detail;
  }
  EXPECT_EQ(reached, 0U);
}

TEST_F(HttpClientTest, UnknownHostAndBadHeaderAreNotSent) {
  HttpCall call;
  call.url = "http://host.invalid/";
  EXPECT_EQ(run(client->call(call, base::Deadline::after(10s))).error().failure, SendFailure::NotSent);
  call.url = url("http") + "/";
  call.request.headers = {{"x", "a\r\nb: c"}};
  EXPECT_EQ(run(client->call(call, base::Deadline::after(10s))).error().failure, SendFailure::NotSent);
  call.url = "file:///etc/hostname";
  EXPECT_EQ(run(client->call(call, base::Deadline::after(10s))).error().failure, SendFailure::NotSent);
}

TEST_F(HttpClientTest, UnknownCertificateIsNotSentAndKnownOneWorks) {
  serve([&](Line& line) -> Task<void> {
    co_await line.start_tls();
    if ((co_await line.read_until("\r\n\r\n")).empty()) co_return;
    co_await line.write("HTTP/1.1 204 No Content\r\n\r\n");
  });
  HttpCall call;
  call.url = url("https") + "/";
  auto response = run(client->call(call, base::Deadline::after(10s)));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().failure, SendFailure::NotSent);
  call.ca_file = TestCertificate::shared().certificate_file();
  response = run(client->call(call, base::Deadline::after(10s)));
  ASSERT_TRUE(response) << response.error().detail;
  EXPECT_EQ(response->status, 204);
}

TEST_F(HttpClientTest, CloseAfterTheWholeRequestIsAmbiguous) {
  serve([&](Line& line) -> Task<void> {
    co_await line.read_until("\r\n\r\n");
    co_await line.read_exactly(5);
    line.close();
  });
  const auto response = post("hello");
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().failure, SendFailure::Ambiguous);
}

TEST_F(HttpClientTest, CloseOnAReusedConnectionIsNeverRepeatedSilently) {
  int requests = 0;
  serve([&](Line& line) -> Task<void> {
    while (!(co_await line.read_until("\r\n\r\n")).empty()) {
      co_await line.read_exactly(1);
      if (++requests == 2) co_return line.close();
      co_await line.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  ASSERT_TRUE(post("x"));
  const auto response = post("y");
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().failure, SendFailure::Ambiguous);
  EXPECT_EQ(requests, 2);
}

TEST_F(HttpClientTest, CloseBeforeTheWholeBodyIsNotSent) {
  serve([&](Line& line) -> Task<void> {
    co_await line.read_until("\r\n\r\n");
    line.close();
  });
  const auto response = post(std::string(50'000'000, 'x'));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().failure, SendFailure::NotSent);
}

TEST_F(HttpClientTest, DeadlineDecidesByWhatWasSent) {
  serve([&](Line& line) -> Task<void> { co_await line.read_until("never"); });
  auto response = post("hello", base::Deadline::after(100ms));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().failure, SendFailure::Ambiguous);

  script = [](Line&) -> Task<void> { co_return; };  // reads nothing
  response = post(std::string(50'000'000, 'x'), base::Deadline::after(300ms));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().failure, SendFailure::NotSent);
}

TEST_F(HttpClientTest, LongResponseIsCutOff) {
  serve([&](Line& line) -> Task<void> {
    co_await line.read_until("\r\n\r\n");
    co_await line.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
  });
  HttpCall call;
  call.url = url("http") + "/";
  call.response_body_max = 1000;
  const auto response = run(client->call(std::move(call), base::Deadline::after(10s)));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body.size(), 1000U);
}

TEST_F(HttpClientTest, CloseEndsRunningCalls) {
  bool is_read = false;
  serve([&](Line& line) -> Task<void> {
    co_await line.read_until("\r\n\r\n");
    is_read = true;
    co_await line.read_until("never");
  });
  std::optional<TransportResult<HttpResponse>> result;
  HttpCall call;
  call.url = url("http") + "/";
  asio::co_spawn(io, client->call(std::move(call), base::Deadline::after(60s)),
                 [&](std::exception_ptr, TransportResult<HttpResponse> r) { result = std::move(r); });
  const auto limit = std::chrono::steady_clock::now() + 10s;
  while (!is_read && std::chrono::steady_clock::now() < limit) io.restart(), io.run_one_for(100ms);
  run(client->close());
  ASSERT_TRUE(result);
  EXPECT_EQ(result->error().failure, SendFailure::Ambiguous);
}

TEST_F(HttpClientTest, MailIsDotStuffedOnceAndConnectionReused) {
  serve([&](Line& line) -> Task<void> { return smtp_session(line, "250 2.0.0 queued as 1\r\n"); });
  for (int i = 0; i < 2; ++i) {
    const auto reply = run(client->mail(letter(), base::Deadline::after(10s)));
    ASSERT_TRUE(reply) << reply.error().detail;
    EXPECT_EQ(reply->code, 250);
    EXPECT_EQ(reply->enhanced, "2.0.0");
    EXPECT_EQ(reply->text, "2.0.0 queued as 1");
    EXPECT_EQ(reply->phase, SmtpReply::Phase::Done);
  }
  ASSERT_EQ(received.size(), 2U);
  EXPECT_EQ(received[0], "Subject: x\r\n\r\n..first\r\nbody\r\n..\r\n...\r\nlast\r\n.\r\n");
  EXPECT_EQ(lines.size(), 1U);
  ASSERT_GE(commands.size(), 3U);
  EXPECT_EQ(commands[0], "EHLO mx.test");
  EXPECT_TRUE(commands[1].starts_with("MAIL FROM:<a@example.test>"));
  EXPECT_EQ(commands[2], "RCPT TO:<b@example.test>");
}

TEST_F(HttpClientTest, MailBeginningWithADotIsStuffedToo) {
  serve([&](Line& line) -> Task<void> { return smtp_session(line, "250 ok\r\n"); });
  SmtpMail mail = letter();
  mail.content = ".\r\nx: y\r\n\r\nz\r\n";
  ASSERT_TRUE(run(client->mail(std::move(mail), base::Deadline::after(10s))));
  EXPECT_EQ(received.at(0), "..\r\nx: y\r\n\r\nz\r\n.\r\n");
}

TEST_F(HttpClientTest, RefusedRecipientIsAReply) {
  serve([&](Line& line) -> Task<void> {
    co_await line.write("220 ready\r\n");
    for (;;) {
      const std::string command = co_await line.read_until("\r\n");
      if (command.empty() || command.starts_with("QUIT")) co_return;
      const bool is_rcpt = command.starts_with("RCPT");
      co_await line.write(is_rcpt ? "550-5.1.1 first\r\n550 5.1.1 no such user\r\n" : "250 ok\r\n");
    }
  });
  const auto start = std::chrono::steady_clock::now();
  const auto reply = run(client->mail(letter(), base::Deadline::after(10s)));
  ASSERT_TRUE(reply) << reply.error().detail;
  EXPECT_EQ(reply->code, 550);
  EXPECT_EQ(reply->enhanced, "5.1.1");
  EXPECT_EQ(reply->text, "5.1.1 no such user");
  EXPECT_EQ(reply->phase, SmtpReply::Phase::Recipient);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 3s) << "waited for an answer to QUIT";
}

TEST_F(HttpClientTest, RefusalAfterEndOfDataIsAReplyOfThatPhase) {
  serve([&](Line& line) -> Task<void> { return smtp_session(line, "451 4.3.0 later\r\n"); });
  const auto reply = run(client->mail(letter(), base::Deadline::after(10s)));
  ASSERT_TRUE(reply) << reply.error().detail;
  EXPECT_EQ(reply->code, 451);
  EXPECT_EQ(reply->phase, SmtpReply::Phase::Data);
}

TEST_F(HttpClientTest, CloseAfterEndOfDataIsAmbiguousAndBeforeItNotSent) {
  serve([&](Line& line) -> Task<void> { return smtp_session(line, ""); });
  auto reply = run(client->mail(letter(), base::Deadline::after(10s)));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().failure, SendFailure::Ambiguous);

  script = [](Line& line) -> Task<void> {
    co_await line.write("220 ready\r\n");
    for (;;) {
      const std::string command = co_await line.read_until("\r\n");
      if (command.empty() || command.starts_with("DATA")) co_return line.close();
      co_await line.write("250 ok\r\n");
    }
  };
  reply = run(client->mail(letter(), base::Deadline::after(10s)));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().failure, SendFailure::NotSent);
}

TEST_F(HttpClientTest, RefusedLoginIsAReplyOfAuth) {
  serve([&](Line& line) -> Task<void> {
    co_await line.write("220 ready\r\n");
    for (;;) {
      const std::string command = co_await line.read_until("\r\n");
      if (command.empty() || command.starts_with("QUIT")) co_return;
      commands.push_back(command);
      co_await line.write(command.starts_with("EHLO") ? "250-x\r\n250 AUTH PLAIN\r\n"
                          : command.starts_with("AUTH PLAIN\r") ? "334 \r\n"
                                                                : "535 5.7.8 bad credentials\r\n");
    }
  });
  SmtpMail mail = letter();
  mail.user = "u";
  mail.password = base::Secret("p");
  const auto reply = run(client->mail(std::move(mail), base::Deadline::after(10s)));
  ASSERT_TRUE(reply) << reply.error().detail;
  EXPECT_EQ(reply->code, 535);
  EXPECT_EQ(reply->phase, SmtpReply::Phase::Auth);
}

TEST_F(HttpClientTest, RequiredStartTlsThatIsNotOfferedIsNotSent) {
  serve([&](Line& line) -> Task<void> { return smtp_session(line, "250 ok\r\n"); });
  SmtpMail mail = letter();
  mail.require_starttls = true;
  const auto reply = run(client->mail(std::move(mail), base::Deadline::after(10s)));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().failure, SendFailure::NotSent);
  EXPECT_TRUE(received.empty());
}

TEST_F(HttpClientTest, StartTlsProtectsTheMail) {
  serve([&](Line& line) -> Task<void> {
    co_await line.write("220 ready\r\n");
    co_await line.read_until("\r\n");
    co_await line.write("250-x\r\n250 STARTTLS\r\n");
    commands.push_back(co_await line.read_until("\r\n"));
    co_await line.write("220 go\r\n");
    co_await line.start_tls();
    for (;;) {
      const std::string command = co_await line.read_until("\r\n");
      if (command.empty()) co_return;
      if (!command.starts_with("DATA")) {
        co_await line.write("250 ok\r\n");
        continue;
      }
      co_await line.write("354 go\r\n");
      received.push_back(co_await line.read_until("\r\n.\r\n"));
      co_await line.write("250 2.0.0 taken\r\n");
    }
  });
  SmtpMail mail = letter();
  mail.require_starttls = true;
  mail.ca_file = TestCertificate::shared().certificate_file();
  const auto reply = run(client->mail(std::move(mail), base::Deadline::after(10s)));
  ASSERT_TRUE(reply) << reply.error().detail;
  EXPECT_EQ(reply->code, 250);
  EXPECT_EQ(commands.at(0), "STARTTLS\r\n");
  EXPECT_EQ(received.size(), 1U);
}

TEST_F(HttpClientTest, KeptConnectionTheServerClosedIsReplaced) {
  serve([&](Line& line) -> Task<void> {
    commands.clear();
    co_await line.write("220 ready\r\n");
    for (;;) {
      const std::string command = co_await line.read_until("\r\n");
      // The second mail on this connection: close without a word, as after an idle time-out.
      if (command.empty() || (command.starts_with("MAIL") && !commands.empty())) co_return line.close();
      if (command.starts_with("MAIL")) commands.push_back(command);
      if (command.starts_with("DATA")) {
        co_await line.write("354 go\r\n");
        received.push_back(co_await line.read_until("\r\n.\r\n"));
      }
      co_await line.write("250 ok\r\n");
    }
  });
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(run(client->mail(letter(), base::Deadline::after(10s))));
  EXPECT_EQ(received.size(), 2U);
  EXPECT_EQ(lines.size(), 2U);
}

}  // namespace
}  // namespace carillon::net
