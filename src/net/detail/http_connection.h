// One connection of the HTTP server, and the shard (one per I/O thread) that watches over many.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/task.h"
#include "net/detail/http_incoming.h"
#include "net/detail/http_writer.h"
#include "net/detail/send_batch.h"
#include "net/http_server.h"

namespace carillon::net::detail {

// What all connections of a server share. Immutable but for the counters; thread-safe.
struct HttpServerState {
  HttpServerOptions options;
  HttpHandler handler;
  BodyLimit body_limit;
  HttpHeadCheck head_check;
  HttpSpools spools;
  std::unique_ptr<boost::asio::ssl::context> tls;  // null: plain
  std::atomic<bool> is_draining{false};
  std::atomic<std::size_t> connections{0};
  std::atomic<std::size_t> refusals{0};  // connections that are only told 503
  base::TaskGate gate{"http server"};
};

// A connection's (or the listener's) share in the server: leaves the gate when it goes, even when the
// frame that holds it is destroyed with its io_context instead of being run to its end.
class HttpToken {
 public:
  // nullptr: the server is draining. `counter` is raised while the token lives; may be null.
  static std::unique_ptr<HttpToken> enter(std::shared_ptr<HttpServerState> state,
                                          std::atomic<std::size_t>* counter);
  ~HttpToken();
  HttpToken(const HttpToken&) = delete;
  HttpToken& operator=(const HttpToken&) = delete;
  [[nodiscard]] HttpServerState& state() const noexcept { return *state_; }

 private:
  HttpToken(std::shared_ptr<HttpServerState> state, std::atomic<std::size_t>* counter)
      : state_(std::move(state)), counter_(counter) {}
  std::shared_ptr<HttpServerState> state_;  // shared lifetime: the server may go before its last connection
  std::atomic<std::size_t>* counter_;
};

class HttpConnection;

// The connections of one executor and the one timer that enforces their deadlines: a request costs no
// timer operation. All calls on its executor, except construction and destruction.
class HttpShard : public std::enable_shared_from_this<HttpShard> {
 public:
  HttpShard(boost::asio::any_io_executor executor, Millis tick)
      : executor_(std::move(executor)), timer_(executor_), sends_(executor_), tick_(tick) {}

  [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return executor_; }
  [[nodiscard]] SendBatch& sends() noexcept { return sends_; }
  void add(HttpConnection& connection);
  void remove(HttpConnection& connection) noexcept;
  // Closes connections that are between requests, now and from now on as they become so.
  void close_idle();
  // Closes all sockets at once. Handlers that still run end by themselves.
  void cut();

 private:
  void arm();
  void sweep();

  boost::asio::any_io_executor executor_;
  boost::asio::steady_timer timer_;
  SendBatch sends_;
  const Millis tick_;
  std::vector<HttpConnection*> connections_;
  bool is_armed_ = false;
};

// Runs on its shard's executor only (one thread). One coroutine: run().
class HttpConnection {
 public:
  enum class Kind : std::uint8_t { Serve, Refuse };

  HttpConnection(std::unique_ptr<HttpToken> token, std::shared_ptr<HttpShard> shard,
                 boost::asio::ip::tcp::socket socket, Kind kind);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // Serves requests until either side closes, a deadline passes or the server drains.
  Task<void> run();

  // Called by the shard.
  void check(SteadyTime now);
  void close_if_idle();
  void cut();

 private:
  friend class HttpShard;
  enum class Phase : std::uint8_t { Handshake, Idle, Head, Body, Handling, Writing, Lingering };
  struct Slot;
  struct Pipeline;

  Task<bool> handshake();
  Task<void> serve();
  Task<void> pipeline(IncomingRequest first);
  Task<void> run_slot(Pipeline& pipeline, Slot& slot, HttpRequest request);
  void start(Pipeline& pipeline, IncomingRequest incoming);
  // The stream whose pieces have to follow what was appended; null: none.
  std::shared_ptr<HttpStream> answer(const IncomingRequest& incoming, const HttpResponse& response,
                                     bool is_last);
  bool write_now();
  void wrote(const boost::system::error_code& ec, std::size_t count);
  Task<void> write_rest();
  // What follows the head of an answer with a stream; everything before it is on its way afterwards too.
  Task<void> write_stream(std::shared_ptr<HttpStream> stream);
  Task<void> write_endless(std::shared_ptr<HttpStream> stream);
  Task<void> refuse(HttpFault fault);
  Task<void> refuse(HttpResponse response);
  Task<void> linger();
  void enter(Phase phase) noexcept;
  void enter_receiving() noexcept;

  std::unique_ptr<HttpToken> token_;  // first: goes last
  HttpServerState& state_;
  std::shared_ptr<HttpShard> shard_;  // shared lifetime: its timer may still fire for others
  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
  HttpIncoming in_;
  HttpPeer peer_;
  std::string out_;          // answers not yet written
  std::size_t written_ = 0;  // of out_
  SteadyTime deadline_ = SteadyTime::max();
  Phase phase_ = Phase::Handshake;
  const Kind kind_;
  std::size_t shard_index_ = kNoIndex;
  bool timed_out_ = false;   // the shard cancelled what was awaited
  bool is_broken_ = false;   // nothing more can be written
  bool is_closing_ = false;  // an answer said so
  bool handler_closes_ = false;
  bool is_chunked_ = false;  // the stream that is written

  static constexpr std::size_t kNoIndex = static_cast<std::size_t>(-1);
};

// Starts the connection's coroutine on its shard's executor. Any thread.
void spawn_connection(std::unique_ptr<HttpConnection> connection,
                      const boost::asio::any_io_executor& executor);

}  // namespace carillon::net::detail
