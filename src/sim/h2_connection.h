// One HTTP/2 connection of the simulator and the state its thread keeps for all of them.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <queue>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/task.h"
#include "sim/h2_server.h"

namespace carillon::sim {

class H2Connection;

// What the connections of one server on one thread share. Used on that thread only.
class H2Worker {
 public:
  H2Worker(boost::asio::io_context& io, SSL_CTX* tls, H2Application& app, base::TaskGate& task_gate)
      : context(io), ssl_context(tls), application(app), gate(task_gate), timer_(io) {}

  // Sends the answer of that stream `delay` from now.
  void answer_later(const std::shared_ptr<H2Connection>& connection, std::int32_t stream_id, Millis delay);
  // Closes all connections and forgets late answers.
  void stop();

  boost::asio::io_context& context;
  SSL_CTX* const ssl_context;
  H2Application& application;
  base::TaskGate& gate;
  std::unordered_set<H2Connection*> connections;
  bool is_stopping = false;

 private:
  struct Late {
    SteadyTime due;
    std::weak_ptr<H2Connection> connection;
    std::int32_t stream_id;
    bool operator<(const Late& other) const noexcept { return due > other.due; }  // earliest on top
  };
  void arm();
  void run_due();

  boost::asio::steady_timer timer_;
  SteadyTime armed_for_ = SteadyTime::max();
  std::priority_queue<Late> late_;
};

// Lives as long as a handler of it is outstanding; counts in the worker's gate.
class H2Connection final : public H2Peer, public std::enable_shared_from_this<H2Connection> {
 public:
  // The gate must have been entered for it.
  H2Connection(H2Worker& worker, boost::asio::ip::tcp::socket socket);
  ~H2Connection() override;
  H2Connection(const H2Connection&) = delete;
  H2Connection& operator=(const H2Connection&) = delete;

  void start();
  // Closes at once, without a word.
  void abort();

  void reset() override;
  void go_away(std::string_view debug) override;
  void set_streams_max(std::uint32_t count) override;

 private:
  friend class H2Exchange;
  friend class H2Worker;
  struct Callbacks;  // nghttp2's, as static functions
  enum class State : std::uint8_t { Handshake, Open, Draining, Closed };

  void handshake();
  bool open_session();
  void wait_readable();
  void on_readable();
  void drain_input();
  void flush();
  bool gather_output();
  void close_gracefully();

  H2Exchange* exchange_of(std::int32_t stream_id);
  H2Exchange* begin(std::int32_t stream_id);
  void release(H2Exchange* exchange);
  void submit(H2Exchange& exchange);
  void respond_now(std::int32_t stream_id);

  // Leaves the gate; the first member, so that the socket is gone by then.
  struct Place {
    base::TaskGate& gate;
    ~Place() { gate.leave(); }
  };

  Place place_;
  H2Worker& worker_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer linger_;
  SSL* ssl_ = nullptr;
  nghttp2_session* http_ = nullptr;
  std::unique_ptr<H2Session> session_;
  State state_ = State::Handshake;
  bool is_reset_wanted_ = false;
  bool is_write_waiting_ = false;
  bool is_in_batch_ = false;
  std::int32_t last_begun_ = 0;                         // highest stream id handed out
  std::int32_t goaway_last_ = INT32_MAX;                // streams above are ignored
  std::size_t open_count_ = 0;                          // exchanges not yet ended
  H2Exchange* current_ = nullptr;                       // the one whose frames are being read
  std::vector<std::unique_ptr<H2Exchange>> exchanges_;  // all ever made
  std::vector<H2Exchange*> free_;
  std::string out_;  // encoded frames not yet taken by TLS
  std::size_t out_sent_ = 0;
};

}  // namespace carillon::sim
