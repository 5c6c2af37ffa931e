#include "sim/listener.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

namespace carillon::sim {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr int kBacklog = 1024;
constexpr Millis kAcceptPause{50};  // after running out of descriptors
constexpr Millis kPauseStep{100};

}  // namespace

Result<void> listen_on(tcp::acceptor& acceptor, const std::string& host, std::uint16_t port) {
  error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (error) return fail(Errc::InvalidArgument, fmt::format("'{}' is not an IP address", host));
  const tcp::endpoint endpoint(address, port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (!error) return {};
  return fail(Errc::Unavailable, fmt::format("cannot listen on {}:{}: {}", host, port, error.message()));
}

Result<std::unique_ptr<Listener>> Listener::open(std::string name,
                                                 std::vector<boost::asio::io_context*> contexts,
                                                 const std::string& host, std::uint16_t port, Serve serve) {
  std::unique_ptr<Listener> listener(new Listener(std::move(name), std::move(contexts), std::move(serve)));
  CARILLON_CHECK(listener->listen(host, port));
  return listener;
}

Listener::Listener(std::string name, std::vector<boost::asio::io_context*> contexts, Serve serve)
    : acceptor_(*contexts.front()), serve_(std::move(serve)), gate_(std::move(name)) {
  for (auto* context : contexts) shards_.push_back(std::make_unique<Shard>(Shard{context, {}, false}));
}

Result<void> Listener::listen(const std::string& host, std::uint16_t port) {
  CARILLON_CHECK(listen_on(acceptor_, host, port));
  port_ = acceptor_.local_endpoint().port();
  gate_.spawn(acceptor_.get_executor(), "accept", [this] { return accept(); });
  return {};
}

void Listener::stop() {
  // What is posted here uses this object, so it counts in the gate like all else. Refused: stopped before.
  for (const auto& shard : shards_) {
    if (!gate_.enter()) break;
    boost::asio::post(*shard->context, [this, s = shard.get()] {
      error_code ignored;
      if (s == shards_.front().get()) acceptor_.close(ignored);
      s->is_stopping = true;
      for (tcp::socket* socket : s->sockets) socket->close(ignored);
      gate_.leave();
    });
  }
  gate_.wait(base::Deadline::never());
}

Task<void> Listener::accept() {
  std::size_t next = 0;
  while (acceptor_.is_open()) {
    Shard& shard = *shards_[next++ % shards_.size()];
    auto [error, socket] = co_await acceptor_.async_accept(*shard.context, kAwait);
    if (error == boost::asio::error::operation_aborted) co_return;
    if (error) {
      co_await base::sleep_for(kAcceptPause);
      continue;
    }
    if (gate_.count() > kConnectionsMax) continue;
    auto owned = std::make_shared<tcp::socket>(std::move(socket));
    gate_.spawn(shard.context->get_executor(), "serve", [this, &shard, owned] { return run(shard, owned); });
  }
}

Task<void> Listener::run(Shard& shard, std::shared_ptr<tcp::socket> socket) {
  if (shard.is_stopping) co_return;
  error_code ignored;
  socket->set_option(tcp::no_delay(true), ignored);
  shard.sockets.insert(socket.get());
  std::exception_ptr failure;
  try {
    co_await serve_(*socket);
  } catch (...) { failure = std::current_exception(); }
  shard.sockets.erase(socket.get());
  socket->close(ignored);
  if (failure) std::rethrow_exception(failure);
}

void reset(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(boost::asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

Task<void> pause(tcp::socket& socket, Millis delay) {
  const SteadyTime until = std::chrono::steady_clock::now() + delay;
  while (socket.is_open()) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= left.zero()) co_return;
    co_await base::sleep_for(std::min<std::chrono::steady_clock::duration>(left, kPauseStep));
  }
}

Task<void> stay_silent(tcp::socket& socket) {
  std::array<char, 4096> dropped;
  for (;;) {
    auto [error, size] = co_await socket.async_read_some(boost::asio::buffer(dropped), kAwait);
    if (error) co_return;
  }
}

}  // namespace carillon::sim
