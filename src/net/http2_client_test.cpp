#include "net/http2_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>

#include "net/http2_peer_test.h"

namespace carillon::net {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

struct Ending {
  int status = 0;  // 0: failed
  std::string body;
  Headers headers;
  TransportError error;
};

class Recorder final : public Http2Sink {
 public:
  void on_response(std::uint64_t tag, const Http2Response& r) override {
    EXPECT_FALSE(is_submitting) << "a sink was called from inside submit()";
    EXPECT_TRUE(
        endings
            .try_emplace(tag, Ending{r.status, std::string(r.body), {r.headers.begin(), r.headers.end()}, {}})
            .second)
        << "second ending of " << tag;
    if (after) after(tag);
  }
  void on_failure(std::uint64_t tag, const TransportError& e) override {
    EXPECT_FALSE(is_submitting) << "a sink was called from inside submit()";
    EXPECT_TRUE(endings.try_emplace(tag, Ending{0, {}, {}, e}).second) << "second ending of " << tag;
    if (after) after(tag);
  }
  [[nodiscard]] bool is_not_sent(std::uint64_t tag) const { return is_failure(tag, SendFailure::NotSent); }
  [[nodiscard]] bool is_ambiguous(std::uint64_t tag) const { return is_failure(tag, SendFailure::Ambiguous); }
  [[nodiscard]] int status(std::uint64_t tag) const {
    return endings.contains(tag) ? endings.at(tag).status : -1;
  }

  std::map<std::uint64_t, Ending> endings;
  std::function<void(std::uint64_t)> after;
  bool is_submitting = false;

 private:
  [[nodiscard]] bool is_failure(std::uint64_t tag, SendFailure failure) const {
    const auto found = endings.find(tag);
    return found != endings.end() && found->second.status == 0 && found->second.error.failure == failure;
  }
};

class Http2ClientTest : public testing::Test {
 protected:
  void start(PeerOptions peer_options = {}, Http2Options options = {}) {
    peer = std::make_unique<Http2Peer>(io.get_executor(), std::move(peer_options));
    open(std::move(options));
  }
  void open(Http2Options options) {
    if (options.origin.empty()) options.origin = peer->origin();
    auto opened = Http2Client::open(io.get_executor(), std::move(options));
    ASSERT_TRUE(opened) << opened.error().message;
    client = std::move(*opened);
  }
  void TearDown() override {
    if (client) close(base::Deadline::after(0s));
    if (peer) peer->stop();
    io.restart();
    io.run_for(1s);
  }
  void close(base::Deadline deadline) {
    bool is_closed = false;
    asio::co_spawn(io, [&]() -> Task<void> { co_await client->close(deadline); },
                   [&](std::exception_ptr) { is_closed = true; });
    run_until([&] { return is_closed; });
    client.reset();
  }

  // Runs the loop until `done`; fails after ten seconds.
  template <class F>
  void run_until(F done) {
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), limit) << "gave up waiting";
      io.restart();
      io.run_one_for(100ms);
    }
  }
  void run_until_ended(std::size_t count) {
    run_until([&] { return sink.endings.size() >= count; });
    EXPECT_EQ(sink.endings.size(), count);
  }

  // Tags first … first + count - 1; the path is "/<tag>".
  void submit(std::uint64_t first, std::size_t count = 1,
              base::Deadline deadline = base::Deadline::after(30s), std::size_t body_bytes = 20) {
    const std::string& body = texts.emplace_back(body_bytes, 'b');
    std::vector<Http2Request> requests;
    for (std::uint64_t tag = first; tag < first + count; ++tag) {
      Http2Request request;
      request.path = texts.emplace_back("/" + std::to_string(tag));
      request.headers = fields;
      request.body = body;
      request.tag = tag;
      requests.push_back(request);
    }
    sink.is_submitting = true;
    client->submit(requests, sink, deadline);
    sink.is_submitting = false;
  }
  [[nodiscard]] bool has_seen(std::uint64_t tag) const {
    return std::ranges::any_of(peer->requests,
                               [&](const auto& r) { return r.path == "/" + std::to_string(tag); });
  }

  asio::io_context io{1};
  std::unique_ptr<Http2Peer> peer;
  std::unique_ptr<Http2Client> client;
  Recorder sink;
  std::deque<std::string> texts;
  std::vector<Http2Request::Field> fields{{"authorization", "bearer x", false}, {"apns-id", "1", true}};
};

TEST_F(Http2ClientTest, ResponseCarriesStatusHeadersAndBody) {
  start();
  peer->on_request = [](PeerConnection& c, const PeerRequest& r) {
    c.answer(r.id, 410, {{"apns-id", "abc"}}, R"({"reason":"Unregistered"})");
  };
  submit(7);
  run_until_ended(1);
  EXPECT_EQ(sink.endings[7].status, 410);
  EXPECT_EQ(sink.endings[7].body, R"({"reason":"Unregistered"})");
  EXPECT_EQ(find_header(sink.endings[7].headers, "apns-id"), "abc");
  ASSERT_EQ(peer->requests.size(), 1U);
  EXPECT_EQ(find_header(peer->requests[0].headers, ":method"), "POST");
  EXPECT_EQ(find_header(peer->requests[0].headers, "content-length"), "20");
  EXPECT_EQ(find_header(peer->requests[0].headers, "authorization"), "bearer x");
  EXPECT_EQ(peer->requests[0].body, std::string(20, 'b'));
  EXPECT_EQ(client->in_flight(), 0U);
}

TEST_F(Http2ClientTest, SpeaksTlsToAVerifiedHost) {
  start({.is_tls = true}, {.ca_file = TestCertificate::shared().certificate_file(), .connections_max = 1});
  submit(1, 500);
  run_until_ended(500);
  for (const auto& [tag, ending] : sink.endings) EXPECT_EQ(ending.status, 200);
  EXPECT_EQ(peer->connections.size(), 1U);
}

TEST_F(Http2ClientTest, UnknownCertificateIsNotSent) {
  start({.is_tls = true});
  submit(1);
  run_until_ended(1);
  EXPECT_TRUE(sink.is_not_sent(1));
  EXPECT_NE(sink.endings[1].error.detail.find("certificate"), std::string::npos)
      << sink.endings[1].error.detail;
  EXPECT_TRUE(peer->requests.empty());
}

TEST_F(Http2ClientTest, CertificateOfAnotherHostIsNotSent) {
  const TestCertificate other("DNS:other.test");
  start({.is_tls = true, .certificate = &other}, {.ca_file = other.certificate_file()});
  submit(1);
  run_until_ended(1);
  EXPECT_TRUE(sink.is_not_sent(1));
  EXPECT_NE(sink.endings[1].error.detail.find("hostname mismatch"), std::string::npos)
      << sink.endings[1].error.detail;
}

TEST_F(Http2ClientTest, PeerWithoutH2InAlpnIsNotSent) {
  start({.is_tls = true, .alpn = "http/1.1"}, {.ca_file = TestCertificate::shared().certificate_file()});
  EXPECT_TRUE(client->speaks_http2()) << "nobody was asked yet";
  submit(1);
  run_until_ended(1);
  EXPECT_TRUE(sink.is_not_sent(1));
  EXPECT_FALSE(client->speaks_http2());
}

TEST_F(Http2ClientTest, PeerThatCannotBeReachedMaySpeakHttp2) {
  start({.is_tls = true});  // its certificate is not trusted
  submit(1);
  run_until_ended(1);
  EXPECT_TRUE(client->speaks_http2());
}

TEST_F(Http2ClientTest, RequestWithoutBodyEndsWithItsHeaders) {
  start();
  submit(1, 1, base::Deadline::after(30s), 0);
  run_until_ended(1);
  EXPECT_EQ(sink.status(1), 200);
  EXPECT_EQ(find_header(peer->requests.at(0).headers, "content-length"), "");
}

TEST_F(Http2ClientTest, LargeBodiesPassThroughFlowControl) {
  start();
  submit(1, 20, base::Deadline::after(30s), 300'000);
  run_until_ended(20);
  for (const auto& r : peer->requests) EXPECT_EQ(r.body.size(), 300'000U);
}

TEST_F(Http2ClientTest, RefusedStreamIsNotSentAndOthersGoOn) {
  start();
  peer->on_request = [](PeerConnection& c, const PeerRequest& r) {
    if (r.path == "/2") c.reset(r.id, NGHTTP2_REFUSED_STREAM);
    else if (r.path == "/3") c.reset(r.id, NGHTTP2_INTERNAL_ERROR);
    else c.answer(r.id, 200);
  };
  submit(1, 4);
  run_until_ended(4);
  EXPECT_EQ(sink.status(1), 200);
  EXPECT_TRUE(sink.is_not_sent(2));
  EXPECT_TRUE(sink.is_ambiguous(3));
  EXPECT_EQ(sink.status(4), 200);
}

TEST_F(Http2ClientTest, GoawayLetsLowerStreamsFinishAndReturnsTheRest) {
  start();
  std::vector<std::int32_t> held;
  peer->on_request = [&](PeerConnection& c, const PeerRequest& r) {
    if (peer->connections.size() > 1) return c.answer(r.id, 200);
    held.push_back(r.id);
    if (held.size() == 4) c.goaway(held[1], R"({"reason":"Shutdown"})");
  };
  submit(1, 4);
  run_until_ended(2);
  EXPECT_TRUE(sink.is_not_sent(3));
  EXPECT_TRUE(sink.is_not_sent(4));
  EXPECT_NE(sink.endings[3].error.detail.find("Shutdown"), std::string::npos);
  submit(5);  // a new connection although the old one still has streams
  run_until_ended(3);
  EXPECT_EQ(sink.status(5), 200);
  ASSERT_EQ(peer->connections.size(), 2U);
  peer->connections[0]->answer(held[0], 201);
  peer->connections[0]->answer(held[1], 202);
  run_until_ended(5);
  EXPECT_EQ(sink.status(1), 201);
  EXPECT_EQ(sink.status(2), 202);
}

TEST_F(Http2ClientTest, LostConnectionIsAmbiguousForWhatWasWritten) {
  start({.max_streams = 2, .initial_window = 100, .gives_window = false});
  peer->on_head = [&](PeerConnection& c, const PeerRequest&) {
    if (c.open_streams() == 2) asio::post(io, [self = c.shared_from_this()] { self->close(); });
  };
  peer->on_request = [](PeerConnection&, const PeerRequest&) {};
  submit(1);                                                // fully written
  submit(2, 1, base::Deadline::after(30s), 5000);           // stopped by flow control
  submit(3, 1, base::Deadline::after(300ms));               // waits; no stream
  run_until_ended(3);
  EXPECT_TRUE(sink.is_ambiguous(1));
  EXPECT_TRUE(sink.is_not_sent(2));
  EXPECT_TRUE(has_seen(1));
  EXPECT_FALSE(has_seen(2));
}

TEST_F(Http2ClientTest, DeadlineDecidesByWhatWasWritten) {
  start({.max_streams = 2, .initial_window = 100, .gives_window = false}, {.connections_max = 1});
  peer->on_request = [](PeerConnection&, const PeerRequest&) {};
  submit(1, 1, base::Deadline::after(200ms));
  submit(2, 1, base::Deadline::after(200ms), 5000);
  submit(3, 1, base::Deadline::after(200ms));
  run_until_ended(3);
  EXPECT_TRUE(sink.is_ambiguous(1));
  EXPECT_TRUE(sink.is_not_sent(2));
  EXPECT_TRUE(sink.is_not_sent(3));
  run_until([&] { return peer->resets.size() == 2; });
  EXPECT_EQ(peer->resets[0], static_cast<std::uint32_t>(NGHTTP2_CANCEL));
  EXPECT_EQ(client->in_flight(), 0U);
  peer->on_request = [](PeerConnection& c, const PeerRequest& r) { c.answer(r.id, 200); };
  submit(4);  // the streams are free again
  run_until_ended(4);
  EXPECT_EQ(sink.status(4), 200);
  EXPECT_EQ(peer->connections.size(), 1U);
}

class Http2BlockedTest : public Http2ClientTest, public testing::WithParamInterface<bool> {};

// The kernel's buffers are full and complete requests sit in ours when their deadline passes: what
// is reported NotSent must never become a request later.
TEST_P(Http2BlockedTest, RequestTakenBackFromTheBufferIsNeverSeenByThePeer) {
  start({.is_tls = GetParam(), .max_streams = 20'000, .initial_window = 1 << 20},
        {.ca_file = GetParam() ? TestCertificate::shared().certificate_file() : "",
         .connections_max = 1,
         .streams_max = 20'000});
  peer->on_request = [](PeerConnection& c, const PeerRequest& r) { if (r.path == "/0") c.answer(r.id, 200); };
  submit(0);
  run_until_ended(1);
  PeerConnection& connection = *peer->connections.at(0);
  connection.pause_reading();
  fields.push_back({"x-filler", texts.emplace_back(3000, 'f'), true});
  submit(1, 10'000, base::Deadline::after(500ms), 1);
  run_until_ended(10'001);
  connection.resume_reading();
  submit(20'000);  // after everything that was in the buffers
  run_until([&] { return has_seen(20'000); });
  std::size_t ambiguous = 0, not_sent = 0;
  for (std::uint64_t tag = 1; tag <= 10'000; ++tag) {
    (sink.is_ambiguous(tag) ? ambiguous : not_sent) += 1;
  }
  for (const auto& request : peer->requests) {
    const std::uint64_t tag = std::stoul(request.path.substr(1));
    if (tag >= 1 && tag <= 10'000) {
      EXPECT_TRUE(sink.is_ambiguous(tag)) << tag;
      --ambiguous;
    }
  }
  EXPECT_GT(not_sent, 0U);
  EXPECT_LT(ambiguous, 20U) << "only a record that was being written may be in doubt";
}
INSTANTIATE_TEST_SUITE_P(Transport, Http2BlockedTest, testing::Bool());

TEST_F(Http2ClientTest, KeepsToTheStreamsThePeerAllowsAndFollowsItsChange) {
  start({.max_streams = 1}, {.connections_max = 1});
  std::size_t answered = 0;
  peer->on_request = [&](PeerConnection& c, const PeerRequest& r) {
    EXPECT_LE(c.streams_max_seen, answered < 5 ? 1U : 8U);
    c.answer(r.id, 200);
    if (++answered == 5) c.set_max_streams(8);
  };
  submit(1, 100);
  run_until_ended(100);
  EXPECT_GT(peer->connections[0]->streams_max_seen, 1U);
  EXPECT_LE(peer->connections[0]->streams_max_seen, 8U);
}

TEST_F(Http2ClientTest, OneStreamOnlyBeforeThePeersSettings) {
  start({.is_mute = true}, {.connections_max = 1});
  std::vector<std::int32_t> held;
  peer->on_request = [&](PeerConnection&, const PeerRequest& r) { held.push_back(r.id); };
  submit(1, 3, base::Deadline::after(400ms));
  run_until_ended(3);
  EXPECT_EQ(held.size(), 1U);
}

TEST_F(Http2ClientTest, OversizedBodyIsCutOff) {
  start({}, {.response_body_max = 1000});
  peer->on_request = [](PeerConnection& c, const PeerRequest& r) {
    c.answer(r.id, 500, {}, std::string(r.path == "/1" ? 200'000 : 1000, 'x'));
  };
  submit(1, 2);
  run_until_ended(2);
  EXPECT_EQ(sink.status(1), 500);
  EXPECT_EQ(sink.endings[1].body.size(), 1000U);
  EXPECT_EQ(sink.endings[2].body.size(), 1000U);
}

TEST_F(Http2ClientTest, AnswerWithoutStatusIsAmbiguous) {
  start();
  peer->on_request = [](PeerConnection& c, const PeerRequest&) {
    // HEADERS with END_STREAM and END_HEADERS on stream 1: a literal field a: b, no :status.
    c.send_raw(std::string("\0\0\5\1\5\0\0\0\1\0\1a\1b", 14));
  };
  submit(1);
  run_until_ended(1);
  EXPECT_TRUE(sink.is_ambiguous(1));
}

TEST_F(Http2ClientTest, BrokenFramingEndsTheConnection) {
  start();
  peer->on_request = [](PeerConnection& c, const PeerRequest&) {
    c.send_raw(std::string("\0\0\1\6\0\0\0\0\0x", 10));  // PING of one byte: FRAME_SIZE_ERROR
  };
  submit(1);
  run_until_ended(1);
  EXPECT_TRUE(sink.is_ambiguous(1));
}

TEST_F(Http2ClientTest, ConnectionThatDoesNotAnswerPingIsClosed) {
  start({}, {.ping_after = Millis(100), .ping_timeout = Millis(200)});
  int pings = 0;
  peer->on_ping = [&](PeerConnection&) { ++pings; };
  peer->on_request = [](PeerConnection& c, const PeerRequest& r) { if (r.path == "/1") c.answer(r.id, 200); };
  submit(1);
  run_until_ended(1);
  submit(2);
  run_until_ended(2);
  EXPECT_TRUE(sink.is_ambiguous(2));
  EXPECT_EQ(pings, 1);
}

TEST_F(Http2ClientTest, AnsweredPingKeepsTheConnection) {
  start({}, {.ping_after = Millis(50), .ping_timeout = Millis(100)});
  submit(1);
  run_until_ended(1);
  const auto until = std::chrono::steady_clock::now() + 500ms;
  run_until([&] { return std::chrono::steady_clock::now() > until; });
  submit(2);
  run_until_ended(2);
  EXPECT_EQ(peer->connections.size(), 1U);
}

TEST_F(Http2ClientTest, FailedConnectFailsTheWaitingAtOnceAndRecovers) {
  peer = std::make_unique<Http2Peer>(io.get_executor(), PeerOptions{});
  const std::string origin = peer->origin();
  const std::uint16_t port = peer->port();
  peer->stop();
  open({.origin = origin});
  EXPECT_TRUE(client->is_healthy());
  submit(1, 3);
  run_until_ended(3);
  for (std::uint64_t tag = 1; tag <= 3; ++tag) EXPECT_TRUE(sink.is_not_sent(tag));
  EXPECT_FALSE(client->is_healthy());
  EXPECT_EQ(client->free_streams(), 0U);
  submit(4, 1, base::Deadline::after(5s));  // tried again after the back-off, not before
  run_until_ended(4);
  EXPECT_TRUE(sink.is_not_sent(4));

  asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), port});
  asio::ip::tcp::socket socket(io);
  bool is_accepted = false;
  acceptor.async_accept(socket, [&](boost::system::error_code ec) { is_accepted = !ec; });
  submit(5, 1, base::Deadline::after(5s));
  run_until([&] { return is_accepted; });
  EXPECT_TRUE(client->is_healthy());
}

TEST_F(Http2ClientTest, OpensAnotherConnectionWhenAllStreamsAreBusy) {
  start({.max_streams = 2}, {.connections_max = 3});
  std::vector<std::pair<PeerConnection*, std::int32_t>> held;
  peer->on_request = [&](PeerConnection& c, const PeerRequest& r) {
    if (r.path == "/0") return c.answer(r.id, 200);
    held.emplace_back(&c, r.id);
    if (peer->connections.size() < 3) c.answer(held.back().second, 200), held.pop_back();
  };
  submit(0);
  run_until_ended(1);
  submit(1, 200);
  run_until([&] { return held.size() == 6; });
  EXPECT_EQ(peer->connections.size(), 3U);
  EXPECT_EQ(client->free_streams(), 0U);
  peer->on_request = [](PeerConnection& c, const PeerRequest& r) { c.answer(r.id, 200); };
  for (auto& [connection, id] : held) connection->answer(id, 200);
  run_until_ended(201);
  EXPECT_EQ(peer->connections.size(), 3U);
}

TEST_F(Http2ClientTest, RenewedConnectionFinishesItsStreamsFirst) {
  start();
  std::int32_t held = 0;
  peer->on_request = [&](PeerConnection& c, const PeerRequest& r) {
    if (r.path == "/1") held = r.id;
    else c.answer(r.id, 200);
  };
  submit(1);
  run_until([&] { return held != 0; });
  client->renew_connections();
  submit(2);
  run_until_ended(1);
  EXPECT_EQ(sink.status(2), 200);
  EXPECT_EQ(peer->connections.size(), 2U);
  peer->connections[0]->answer(held, 200);
  run_until_ended(2);
  EXPECT_EQ(sink.status(1), 200);
  run_until([&] { return peer->goaways == 1; });
}

TEST_F(Http2ClientTest, CloseFailsTheWaitingAndLetsTheRestFinish) {
  start({.max_streams = 1}, {.connections_max = 1});
  peer->on_request = [&](PeerConnection& c, const PeerRequest& r) {
    asio::post(io, [&c, id = r.id] { c.answer(id, 200); });
  };
  submit(1, 2);
  run_until([&] { return !peer->requests.empty(); });
  close(base::Deadline::after(5s));
  EXPECT_EQ(sink.status(1), 200);
  EXPECT_TRUE(sink.is_not_sent(2));
}

TEST_F(Http2ClientTest, CloseGivesUpAtItsDeadline) {
  start();
  peer->on_request = [](PeerConnection&, const PeerRequest&) {};
  submit(1);
  run_until([&] { return !peer->requests.empty(); });
  close(base::Deadline::after(50ms));
  EXPECT_TRUE(sink.is_ambiguous(1));
}

TEST_F(Http2ClientTest, SubmittingFromASinkWorks) {
  start();
  std::uint64_t next = 100;
  sink.after = [&](std::uint64_t) { if (next < 1100) submit(next++); };
  submit(1, 10);
  run_until_ended(1010);
  for (const auto& [tag, ending] : sink.endings) EXPECT_EQ(ending.status, 200);
}

TEST_F(Http2ClientTest, AnswerBeforeTheBodyWasTakenIsStillAnAnswer) {
  start({.initial_window = 10, .gives_window = false});
  peer->on_head = [](PeerConnection& c, const PeerRequest& r) { c.answer(r.id, 413); };
  peer->on_request = [](PeerConnection&, const PeerRequest&) {};
  submit(1, 1, base::Deadline::after(30s), 5000);
  run_until_ended(1);
  EXPECT_EQ(sink.status(1), 413);
}

// Whatever the peer does, each request ends once, and none that it saw is called NotSent unless it
// said itself that it did not act on it.
TEST_F(Http2ClientTest, AccountingHoldsAgainstAnErraticPeer) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  start({.max_streams = 10, .initial_window = 50}, {.connections_max = 3});
  std::set<std::string> disowned;
  std::size_t count = 0;
  peer->on_request = [&](PeerConnection& c, const PeerRequest& r) {
    const auto again = [&] {
      asio::post(io, [self = c.shared_from_this(), id = r.id] { self->answer(id, 200); });
    };
    switch (random() % 12) {
      case 0:
        disowned.insert(r.path);
        return c.reset(r.id, NGHTTP2_REFUSED_STREAM);
      case 1:
        return c.reset(r.id, NGHTTP2_CANCEL);
      case 2:
        c.answer(r.id, 200);
        return c.goaway(r.id);
      case 3:
        asio::post(io, [self = c.shared_from_this()] { self->close(); });
        return;
      case 4:
        return c.set_max_streams(1 + static_cast<std::uint32_t>(random() % 20));
      case 5:
        return;  // never answered
      case 6:
        return again();
      default:
        return c.answer(r.id, 200, {{"n", std::to_string(++count)}}, std::string(random() % 3000, 'x'));
    }
  };
  constexpr std::size_t kRequests = 1500;
  for (std::size_t i = 0; i < kRequests; i += 50) {
    submit(i, 50, base::Deadline::after(Millis(100 + static_cast<int>(random() % 300))), random() % 200);
    io.restart();
    io.run_for(10ms);
  }
  run_until_ended(kRequests);
  EXPECT_EQ(client->in_flight(), 0U);
  // It may have closed each connection before any answer; once it behaves, it gets answers to give. The
  // first requests may still meet connections that it closed.
  peer->on_request = [](PeerConnection& c, const PeerRequest& r) { c.answer(r.id, 200); };
  std::uint64_t last = kRequests;
  for (; last < kRequests + 6; ++last) {
    submit(last);
    run_until_ended(last + 1);
    if (sink.endings[last].status == 200) break;
  }
  EXPECT_EQ(sink.endings[last].status, 200);
  std::set<std::string> seen;
  for (const auto& r : peer->requests) EXPECT_TRUE(seen.insert(r.path).second) << r.path << " was sent twice";
  for (const auto& [tag, ending] : sink.endings) {
    const std::string path = "/" + std::to_string(tag);
    if (ending.status != 0 || ending.error.failure == SendFailure::Ambiguous) continue;
    const bool is_disowned =
        disowned.contains(path) || ending.error.detail.find("GOAWAY") != std::string::npos;
    EXPECT_TRUE(!seen.contains(path) || is_disowned) << path << ": " << ending.error.detail;
  }
}

TEST(Http2Open, BadOriginAndCaFileAreRefused) {
  asio::io_context io;
  EXPECT_FALSE(Http2Client::open(io.get_executor(), {.origin = "ftp://x"}));
  EXPECT_FALSE(Http2Client::open(io.get_executor(), {.origin = "https://x", .ca_file = "no-such-file.pem"}));
}

}  // namespace
}  // namespace carillon::net
