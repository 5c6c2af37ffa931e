#include "net/http_server.h"

#include <gtest/gtest.h>

#include <boost/asio/ssl.hpp>
#include <future>

#include "net/http_server_fixture_test.h"
#include "net/tls_certificate_test.h"

namespace carillon::net {
namespace {

using std::chrono::seconds;

TEST(HttpServer, AnswersManyRequestsOnOneConnection) {
  HttpTestServer server;
  TestClient client(server->port());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(client.send(post("/echo?n=" + std::to_string(i), "body")));
    const TestAnswer answer = client.read();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "POST /echo?n=" + std::to_string(i) + " body");
    EXPECT_TRUE(answer.has("HTTP/1.1 200 OK\r\nDate: "));
    EXPECT_TRUE(answer.has(" GMT\r\n"));
    EXPECT_TRUE(answer.has("X-Peer: 127.0.0.1 plain"));
    EXPECT_FALSE(answer.has("Connection:"));
  }
  EXPECT_EQ(server->connections(), 1U);
}

TEST(HttpServer, GivesTheSameAnswerHoweverTheBytesAreCut) {
  HttpTestServer server;
  const std::string text = post("/echo", "0123456789", "X-A: b\r\n");
  TestClient client(server->port());
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    ASSERT_TRUE(client.send(std::string_view(text).substr(0, cut)));
    ASSERT_TRUE(client.send(std::string_view(text).substr(cut)));
    ASSERT_EQ(client.read().body, "POST /echo 0123456789") << cut;
  }
  for (const char c : text) ASSERT_TRUE(client.send(std::string_view(&c, 1)));
  EXPECT_EQ(client.read().body, "POST /echo 0123456789");
}

TEST(HttpServer, RefusesALargeBodyByItsHeadBeforeItComes) {
  HttpTestServer server;
  for (const char* const framing : {"Content-Length: 300000", "Transfer-Encoding: chunked",
                                    "Content-Length: 300000\r\nExpect: 100-continue"}) {
    TestClient client(server->port());
    ASSERT_TRUE(client.send(get("/echo") + "POST /closed HTTP/1.1\r\nHost: h\r\n" + framing + "\r\n\r\n"));
    EXPECT_EQ(client.read().body, "GET /echo ");
    const auto answer = client.read();
    EXPECT_EQ(answer.status, 401) << framing;
    EXPECT_EQ(answer.body, "no");
    EXPECT_TRUE(answer.has("X-Refused: yes"));
    EXPECT_TRUE(answer.has("Connection: close"));
    EXPECT_TRUE(client.is_closed_by_peer());
  }
}

TEST(HttpServer, LetsTheHandlerSeeASmallBodyAndALargeOneThatIsWelcome) {
  HttpTestServer server;
  TestClient client(server->port());
  ASSERT_TRUE(client.send(post("/closed", std::string(256 * 1024, 'x'))));
  EXPECT_EQ(client.read().status, 200);
  ASSERT_TRUE(client.send(post("/echo", std::string(300'000, 'x'))));
  EXPECT_EQ(client.read().body.size(), 300'000U + 11);
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  HttpTestServer server;
  TestClient client(server->port());
  std::string text;
  for (int i = 0; i < 500; ++i) text += post("/echo", std::to_string(i));
  ASSERT_TRUE(client.send(text));
  for (int i = 0; i < 500; ++i) ASSERT_EQ(client.read().body, "POST /echo " + std::to_string(i));
}

TEST(HttpServer, RunsPipelinedRequestsAtOneTimeAndAnswersInOrder) {
  HttpTestServer server;
  TestClient client(server->port());
  ASSERT_TRUE(client.send(get("/hold/1") + get("/hold/2") + get("/echo")));
  server.wait_held(1);
  server.wait_held(2);
  server.release(2);
  server.wait_finished(2);
  server.release(1);
  EXPECT_EQ(client.read().body, "GET /hold/1 ");
  EXPECT_EQ(client.read().body, "GET /hold/2 ");
  EXPECT_EQ(client.read().body, "GET /echo ");
}

TEST(HttpServer, RunsNoMoreThanPipelineMaxAtOneTime) {
  HttpServerOptions options;
  options.pipeline_max = 2;
  HttpTestServer server(options);
  TestClient client(server->port());
  ASSERT_TRUE(client.send(get("/hold/1") + get("/hold/2") + get("/hold/3") + get("/hold/4")));
  server.wait_held(1);
  server.wait_held(2);
  server.release(3);
  server.release(1);  // only now /hold/3 may start
  server.wait_finished(3);
  server.release(2);
  server.release(4);
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(client.read().body, "GET /hold/" + std::to_string(i) + " ");
}

TEST(HttpServer, AnswersWhatCameBeforeAMalformedRequestAndThenCloses) {
  HttpTestServer server;
  TestClient client(server->port());
  ASSERT_TRUE(client.send(get("/echo") + get("/echo") + "BAD\r\n\r\n" + get("/echo")));
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(client.read().status, 400);
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST(HttpServer, StopsAfterARequestThatAsksToClose) {
  HttpTestServer server;
  TestClient client(server->port());
  ASSERT_TRUE(client.send(get("/echo") + get("/echo", "Connection: close\r\n") + get("/echo")));
  EXPECT_FALSE(client.read().has("Connection: close"));
  EXPECT_TRUE(client.read().has("Connection: close"));
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST(HttpServer, KeepsAnHttp10ConnectionOnlyWhenAsked) {
  HttpTestServer server;
  TestClient keep(server->port());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(keep.send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    EXPECT_TRUE(keep.read().has("Connection: keep-alive"));
  }
  TestClient close(server->port());
  ASSERT_TRUE(close.send("GET /echo HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(close.read().has("Connection: close"));
  EXPECT_TRUE(close.is_closed_by_peer());
}

TEST(HttpServer, ReadsChunkedBodies) {
  HttpTestServer server;
  TestClient client(server->port());
  const std::string text =
      "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: v\r\n\r\n";
  ASSERT_TRUE(client.send(text + text));
  EXPECT_EQ(client.read().body, "POST /echo hello!");
  EXPECT_EQ(client.read().body, "POST /echo hello!");
  for (const char c : text) ASSERT_TRUE(client.send(std::string_view(&c, 1)));
  EXPECT_EQ(client.read().body, "POST /echo hello!");
}

TEST(HttpServer, ReadsAndWritesMoreThanSocketsBuffer) {
  HttpTestServer server;
  TestClient client(server->port());
  const std::string body(5 << 20, 'x');
  ASSERT_TRUE(client.send(post("/echo", body)));
  EXPECT_EQ(client.read().body, "POST /echo " + body);
  ASSERT_TRUE(client.send(get("/big") + get("/big") + get("/echo")));
  EXPECT_EQ(client.read().body.size(), 1U << 20);
  EXPECT_EQ(client.read().body.size(), 1U << 20);
  EXPECT_EQ(client.read().body, "GET /echo ");
}

struct Refusal {
  std::string text;
  int status;
  std::string code;
};

TEST(HttpServer, RefusesWithAProblemDocumentAndCloses) {
  HttpServerOptions options;
  options.body_max = 1000;
  HttpTestServer server(options);
  const std::string chunked = "POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::vector<Refusal> refusals{
      {"nonsense\r\n\r\n", 400, "malformed_request"},
      {"GET / HTTP/1.1\r\n\r\n", 400, "malformed_request"},
      {post("/echo", "x", "Transfer-Encoding: chunked\r\n"), 400, "malformed_request"},
      {chunked + "xyz\r\n", 400, "malformed_request"},
      {post("/echo", std::string(1001, 'x')), 413, "body_too_large"},
      {post("/small", std::string(11, 'x')), 413, "body_too_large"},
      {chunked + "b\r\n", 413, "body_too_large"},
      {get("/" + std::string(9000, 'a')), 414, "uri_too_long"},
      {get("/", "A: " + std::string(20'000, 'a') + "\r\n"), 431, "header_too_large"},
      {get("/", "Expect: tea\r\n"), 417, "expectation_failed"},
      {"GET / HTTP/3.0\r\n\r\n", 505, "unsupported_http_version"},
  };
  for (const Refusal& refusal : refusals) {
    TestClient client(server->port());
    ASSERT_TRUE(client.send(refusal.text));
    const TestAnswer answer = client.read();
    EXPECT_EQ(answer.status, refusal.status);
    EXPECT_TRUE(answer.has("Content-Type: application/problem+json\r\n"));
    EXPECT_TRUE(answer.has("Connection: close\r\n"));
    EXPECT_NE(answer.body.find("\"code\":\"" + refusal.code + "\""), std::string::npos) << answer.body;
    EXPECT_NE(answer.body.find("\"status\":" + std::to_string(refusal.status)), std::string::npos)
        << answer.body;
    EXPECT_TRUE(client.is_closed_by_peer());
  }
}

TEST(HttpServer, TellsOfATooLargeBodyWhileItIsStillBeingSent) {
  HttpTestServer server;
  TestClient client(server->port());
  // More than the server reads before it answers, less than it throws away afterwards.
  ASSERT_TRUE(client.send(post("/small", std::string(500'000, 'x'))));
  EXPECT_EQ(client.read().status, 413);
}

TEST(HttpServer, SaysContinueBeforeTheBodyIsSent) {
  HttpTestServer server;
  TestClient client(server->port());
  const std::string head = "POST /small HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: ";
  ASSERT_TRUE(client.send(head + "4\r\n\r\n"));
  EXPECT_EQ(client.read().status, 100);
  ASSERT_TRUE(client.send("body"));
  EXPECT_EQ(client.read().body, "POST /small body");
  ASSERT_TRUE(client.send(head + "11\r\n\r\n"));
  EXPECT_EQ(client.read().status, 413) << "the client is spared the body";
}

TEST(HttpServer, AnswersHeadWithoutBody) {
  HttpTestServer server;
  TestClient client(server->port());
  ASSERT_TRUE(client.send("HEAD /big HTTP/1.1\r\nHost: h\r\n\r\n" + get("/echo")));
  EXPECT_TRUE(client.read(false).has("Content-Length: 1048576\r\n"));
  EXPECT_EQ(client.read().body, "GET /echo ");
}

TEST(HttpServer, SendsNoLengthWithNoContent) {
  HttpTestServer server;
  TestClient client(server->port());
  ASSERT_TRUE(client.send(get("/no-content") + get("/echo")));
  EXPECT_FALSE(client.read().has("Content-Length"));
  EXPECT_EQ(client.read().body, "GET /echo ");
}

TEST(HttpServer, TurnsExceptionsAndSplitResponsesInto500AndGoesOn) {
  HttpTestServer server;
  TestClient client(server->port());
  for (const std::string& text : {get("/throw"), get("/split"), get("/throw") + get("/throw")}) {
    ASSERT_TRUE(client.send(text));
    const TestAnswer answer = client.read();
    EXPECT_EQ(answer.status, 500);
    EXPECT_FALSE(answer.has("Set-Cookie"));
    EXPECT_EQ(answer.body.find("expected by the test"), std::string::npos);
  }
  EXPECT_EQ(client.read().status, 500);
  ASSERT_TRUE(client.send(get("/echo")));
  EXPECT_EQ(client.read().status, 200);
}

HttpServerOptions short_timeouts() {
  HttpServerOptions options;
  options.header_timeout = Millis(100);
  options.body_timeout = Millis(100);
  options.idle_timeout = Millis(100);
  return options;
}

TEST(HttpServer, AnswersASlowHeadOrBodyWith408) {
  HttpTestServer server(short_timeouts());
  for (const char* start : {"GET / HT", "GET / HTTP/1.1\r\nHost: h\r\n",
                            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx"}) {
    TestClient client(server->port());
    ASSERT_TRUE(client.send(start));
    EXPECT_EQ(client.read().status, 408) << start;
    EXPECT_TRUE(client.is_closed_by_peer());
  }
}

TEST(HttpServer, IsNotKeptWaitingByBytesThatTrickleIn) {
  HttpTestServer server(short_timeouts());
  TestClient client(server->port());
  // Every byte comes within the time-out; the head as a whole does not.
  ASSERT_TRUE(client.send("GET / HTTP/1.1\r\n"));
  std::thread trickle([&client] {
    for (int i = 0; i < 2000 && client.send("A"); ++i) std::this_thread::sleep_for(Millis(5));
  });
  EXPECT_EQ(client.read().status, 408);
  client.socket().shutdown(asio::ip::tcp::socket::shutdown_send);
  trickle.join();
}

TEST(HttpServer, ClosesAnIdleConnectionSilently) {
  HttpTestServer server(short_timeouts());
  TestClient fresh(server->port());
  EXPECT_TRUE(fresh.is_closed_by_peer());
  TestClient used(server->port());
  ASSERT_TRUE(used.send(get("/echo")));
  EXPECT_EQ(used.read().status, 200);
  EXPECT_TRUE(used.is_closed_by_peer());
}

TEST(HttpServer, LetsAHandlerTakeLongerThanAnyTimeout) {
  HttpTestServer server(short_timeouts());
  TestClient client(server->port());
  ASSERT_TRUE(client.send(get("/hold/1")));
  server.wait_held(1);
  TestClient idle(server->port());
  EXPECT_TRUE(idle.is_closed_by_peer()) << "the time-out has passed";
  server.release(1);
  EXPECT_EQ(client.read().status, 200);
}

TEST(HttpServer, LetsTheHandlerFinishWhenThePeerCloses) {
  HttpTestServer server;
  TestClient client(server->port());
  ASSERT_TRUE(client.send(get("/hold/1") + get("/hold/2")));
  server.wait_held(1);
  server.wait_held(2);
  client.reset_connection();
  server.release(1);
  server.wait_finished(1);
  server.release(2);
  server.wait_finished(2);
}

TEST(HttpServer, IsNotHarmedByAResetInTheMiddleOfABody) {
  HttpTestServer server;
  for (int i = 0; i < 20; ++i) {
    TestClient client(server->port());
    ASSERT_TRUE(client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc"));
    client.reset_connection();
  }
  TestClient client(server->port());
  ASSERT_TRUE(client.send(get("/echo")));
  EXPECT_EQ(client.read().status, 200);
}

TEST(HttpServer, DrainsWithTheRunningRequestAnsweredAndNewOnesRefused) {
  HttpTestServer server;
  TestClient busy(server->port());
  TestClient idle(server->port());
  ASSERT_TRUE(idle.send(get("/echo")));
  ASSERT_EQ(idle.read().status, 200);
  ASSERT_TRUE(busy.send(get("/hold/1")));
  server.wait_held(1);
  auto drained =
      std::async(std::launch::async, [&] { return server->drain(base::Deadline::after(seconds(20))); });
  EXPECT_TRUE(idle.is_closed_by_peer());
  // The listener is closed on the thread that closed `idle`, before it.
  EXPECT_FALSE(TestClient(server->port()).is_connected());
  server.release(1);
  const TestAnswer answer = busy.read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.has("Connection: close"));
  EXPECT_TRUE(busy.is_closed_by_peer());
  busy.socket().close();
  EXPECT_TRUE(drained.get());
  EXPECT_EQ(server->connections(), 0U);
}

TEST(HttpServer, FinishesARequestWhoseFirstByteWasReadBeforeTheDrain) {
  HttpTestServer server;
  TestClient client(server->port());
  const std::string text = post("/echo", "body");
  ASSERT_TRUE(client.send(get("/echo") + text.substr(0, 30)));
  ASSERT_EQ(client.read().status, 200);
  TestClient idle(server->port());
  ASSERT_TRUE(idle.send(get("/echo")));
  ASSERT_EQ(idle.read().status, 200);
  auto drained =
      std::async(std::launch::async, [&] { return server->drain(base::Deadline::after(seconds(20))); });
  EXPECT_TRUE(idle.is_closed_by_peer());
  ASSERT_TRUE(client.send(text.substr(30)));
  const TestAnswer answer = client.read();
  EXPECT_EQ(answer.body, "POST /echo body");
  EXPECT_TRUE(answer.has("Connection: close"));
  client.socket().close();
  EXPECT_TRUE(drained.get());
}

TEST(HttpServer, CutsWhatIsLeftWhenTheDrainTakesTooLong) {
  HttpTestServer server;
  TestClient client(server->port());
  ASSERT_TRUE(client.send(get("/hold/1")));
  server.wait_held(1);
  EXPECT_FALSE(server->drain(base::Deadline::after(Millis(50))));
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST(HttpServer, MayBeDestroyedWithItsContextWhileRequestsAreRunning) {
  auto context = std::make_unique<asio::io_context>(1);
  std::size_t entered = 0;
  auto server = HttpServer::open(
      {context->get_executor()}, {}, [&entered](HttpRequest, HttpPeer) -> Task<HttpResponse> {
        asio::steady_timer timer(co_await asio::this_coro::executor, SteadyTime::max());
        ++entered;
        co_await timer.async_wait(kAwait);
        co_return HttpResponse();
      });
  ASSERT_TRUE(server);
  TestClient single((*server)->port());
  TestClient several((*server)->port());
  ASSERT_TRUE(single.send(get("/")));
  ASSERT_TRUE(several.send(get("/") + get("/") + get("/")));
  while (entered < 4) ASSERT_GT(context->run_one_for(seconds(20)), 0U);
  server->reset();
  context.reset();
  EXPECT_TRUE(several.is_closed_by_peer());
}

TEST(HttpServer, Refuses503OverItsConnections) {
  HttpServerOptions options;
  options.connections_max = 1;
  HttpTestServer server(options);
  TestClient first(server->port());
  ASSERT_TRUE(first.send(get("/echo")));
  ASSERT_EQ(first.read().status, 200);
  TestClient second(server->port());
  const TestAnswer answer = second.read();
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.has("Retry-After: 1"));
  EXPECT_NE(answer.body.find("too_many_connections"), std::string::npos);
  ASSERT_TRUE(first.send(get("/echo")));
  EXPECT_EQ(first.read().status, 200);
}

TEST(HttpServer, ServesAThousandConnectionsOnTwoThreads) {
  HttpTestServer server({}, 2);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 1000; ++i) {
    clients.push_back(std::make_unique<TestClient>(server->port()));
    ASSERT_TRUE(clients.back()->is_connected()) << i;
  }
  for (int round = 0; round < 2; ++round) {
    for (auto& client : clients) ASSERT_TRUE(client->send(post("/echo", "x")));
    for (auto& client : clients) ASSERT_EQ(client->read().body, "POST /echo x");
  }
  EXPECT_EQ(server->connections(), 1000U);
}

TEST(HttpServer, SpeaksTls) {
  const TestCertificate& certificate = TestCertificate::shared();
  HttpServerOptions options;
  options.tls_certificate_file = certificate.certificate_file();
  options.tls_key_file = certificate.key_file();
  HttpTestServer server(options);
  asio::ssl::context tls(asio::ssl::context::tls_client);
  tls.load_verify_file(certificate.certificate_file());
  tls.set_verify_mode(asio::ssl::verify_peer);
  TestClient raw(server->port());
  asio::ssl::stream<asio::ip::tcp::socket&> stream(raw.socket(), tls);
  stream.handshake(asio::ssl::stream_base::client);
  std::string received;
  for (const std::string& text :
       {post("/echo", "secret"), get("/big") + get("/echo", "Connection: close\r\n")}) {
    asio::write(stream, asio::buffer(text));
  }
  boost::system::error_code ec;
  asio::read(stream, asio::dynamic_buffer(received), ec);
  EXPECT_EQ(ec, asio::error::eof) << "close_notify was sent: " << ec.message();
  EXPECT_NE(received.find("POST /echo secret"), std::string::npos);
  EXPECT_NE(received.find("X-Peer: 127.0.0.1 tls"), std::string::npos);
  EXPECT_GT(received.size(), 1U << 20);
  EXPECT_TRUE(received.ends_with("GET /echo "));
}

TEST(HttpServer, OffersNothingBelowTls12AndSurvivesPlainText) {
  const TestCertificate& certificate = TestCertificate::shared();
  HttpServerOptions options = short_timeouts();
  options.tls_certificate_file = certificate.certificate_file();
  options.tls_key_file = certificate.key_file();
  HttpTestServer server(options);
  TestClient plain(server->port());
  ASSERT_TRUE(plain.send(get("/echo")));
  EXPECT_EQ(plain.read().status, 0);
  TestClient silent(server->port());
  EXPECT_TRUE(silent.is_closed_by_peer()) << "a handshake has a deadline";
  asio::ssl::context tls(asio::ssl::context::tls_client);
  ::SSL_CTX_set_security_level(tls.native_handle(), 0);
  ::SSL_CTX_set_max_proto_version(tls.native_handle(), TLS1_1_VERSION);
  TestClient old(server->port());
  asio::ssl::stream<asio::ip::tcp::socket&> stream(old.socket(), tls);
  boost::system::error_code ec;
  stream.handshake(asio::ssl::stream_base::client, ec);
  EXPECT_TRUE(ec);
}

TEST(HttpServer, SaysWhyItCannotOpen) {
  asio::io_context context;
  const auto handler = [](HttpRequest, HttpPeer) -> Task<HttpResponse> { co_return HttpResponse(); };
  const auto open = [&](HttpServerOptions options) {
    return HttpServer::open({context.get_executor()}, std::move(options), handler);
  };
  HttpServerOptions options;
  options.host = "not an address";
  EXPECT_EQ(open(options).error().code, Errc::InvalidArgument);
  options = {};
  options.tls_certificate_file = "/nonexistent/certificate.pem";
  EXPECT_EQ(open(options).error().code, Errc::InvalidArgument);
  options.tls_key_file = "/nonexistent/key.pem";
  EXPECT_EQ(open(options).error().code, Errc::InvalidArgument);
  auto first = open({});
  ASSERT_TRUE(first);
  options = {};
  options.port = (*first)->port();
  const auto second = open(options);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::Unavailable);
  EXPECT_NE(second.error().message.find(std::to_string(options.port)), std::string::npos);
  first->reset();
  context.run();
}

}  // namespace
}  // namespace carillon::net
