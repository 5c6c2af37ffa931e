// Accepts TCP connections and runs one coroutine for each; the base of the simulator's HTTP/1.1 and SMTP.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/task.h"

namespace carillon::sim {

// Serves one connection, on the connection's thread. Returning closes it. stop() closes the socket under
// it, which ends every wait on it.
using Serve = std::function<Task<void>(boost::asio::ip::tcp::socket& socket)>;

class Listener {
 public:
  static constexpr std::size_t kConnectionsMax = 4096;  // further ones are closed at once

  // Connections are spread over `contexts`, each run by one thread.
  // Errors: InvalidArgument (host is no IP address) · Unavailable (port taken).
  static Result<std::unique_ptr<Listener>> open(std::string name,
                                                std::vector<boost::asio::io_context*> contexts,
                                                const std::string& host, std::uint16_t port, Serve serve);
  ~Listener() { stop(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  // Closes listener and connections and waits for their tasks. Blocks the calling thread, which must not
  // run the contexts; the contexts must be running.
  void stop();

 private:
  struct Shard {
    boost::asio::io_context* context;
    std::unordered_set<boost::asio::ip::tcp::socket*> sockets;  // used on that context only
    bool is_stopping = false;
  };
  Listener(std::string name, std::vector<boost::asio::io_context*> contexts, Serve serve);
  Result<void> listen(const std::string& host, std::uint16_t port);
  Task<void> accept();
  Task<void> run(Shard& shard, std::shared_ptr<boost::asio::ip::tcp::socket> socket);

  std::vector<std::unique_ptr<Shard>> shards_;
  boost::asio::ip::tcp::acceptor acceptor_;
  const Serve serve_;
  std::uint16_t port_ = 0;
  base::TaskGate gate_;
};

// Binds and listens. Errors: as Listener::open.
Result<void> listen_on(boost::asio::ip::tcp::acceptor& acceptor, const std::string& host, std::uint16_t port);

// Makes the close of this socket a TCP RST, and closes it.
void reset(boost::asio::ip::tcp::socket& socket);
// Waits `delay`; returns early (at most kPauseStep late) when the socket was closed by us.
Task<void> pause(boost::asio::ip::tcp::socket& socket, Millis delay);
// Reads and drops until the peer gives up or the socket is closed.
Task<void> stay_silent(boost::asio::ip::tcp::socket& socket);

}  // namespace carillon::sim
