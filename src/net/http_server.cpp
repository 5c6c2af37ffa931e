#include "net/http_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.h"
#include "net/detail/http_connection.h"

namespace carillon::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using detail::HttpConnection;
using detail::HttpServerState;
using detail::HttpShard;
using detail::HttpToken;

constexpr std::size_t kRefusalsMax = 256;      // connections being told 503 at a time
constexpr Millis kAcceptPause{100};            // after an error such as too many open files
constexpr Millis kTickMin{10}, kTickMax{250};  // how late a deadline may be noticed
constexpr Millis kCutGrace{1000};              // for connections to notice that they were cut

// The listening socket and where its connections go. Used on the first executor only.
struct Listener {
  Listener(std::shared_ptr<HttpServerState> s, std::vector<std::shared_ptr<HttpShard>> all)
      : state(std::move(s)),
        shards(std::move(all)),
        acceptor(shards.front()->executor()),
        pause(shards.front()->executor()) {}
  std::shared_ptr<HttpServerState> state;
  std::vector<std::shared_ptr<HttpShard>> shards;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  std::size_t next = 0;  // shard of the next connection

  void close() {
    error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
  }
};

// Hands a fresh connection to its shard, or tells it that the server is full.
void dispatch(Listener& l, const std::shared_ptr<HttpShard>& shard, tcp::socket socket) {
  HttpServerState& state = *l.state;
  const bool is_full = state.connections.load(std::memory_order_relaxed) >= state.options.connections_max;
  if (is_full && state.refusals.load(std::memory_order_relaxed) >= kRefusalsMax) return;
  auto token = HttpToken::enter(l.state, is_full ? &state.refusals : &state.connections);
  if (!token) return;
  const auto kind = is_full ? HttpConnection::Kind::Refuse : HttpConnection::Kind::Serve;
  auto connection = std::make_unique<HttpConnection>(std::move(token), shard, std::move(socket), kind);
  detail::spawn_connection(std::move(connection), shard->executor());
}

// `token` is held until the socket is closed, so that drain() waits for that too.
Task<void> listen(std::shared_ptr<Listener> l, std::unique_ptr<HttpToken> token) {
  const HttpServerState& state = token->state();
  while (!state.is_draining.load(std::memory_order_relaxed) && l->acceptor.is_open()) {
    const std::shared_ptr<HttpShard>& shard = l->shards[l->next];
    l->next = (l->next + 1) % l->shards.size();
    auto [ec, socket] = co_await l->acceptor.async_accept(shard->executor(), kAwait);
    if (!ec) {
      dispatch(*l, shard, std::move(socket));
      continue;
    }
    if (ec == asio::error::operation_aborted || ec == asio::error::bad_descriptor) continue;
    if (ec == asio::error::connection_aborted) continue;
    base::log_warn("cannot accept connections: {}; raise the limit of open files if it says so",
                   ec.message());
    l->pause.expires_after(kAcceptPause);
    co_await l->pause.async_wait(kAwait);
  }
  l->close();
}

Result<std::unique_ptr<asio::ssl::context>> make_tls(const HttpServerOptions& options) {
  std::unique_ptr<asio::ssl::context> tls;
  if (options.tls_certificate_file.empty() && options.tls_key_file.empty()) return tls;
  if (options.tls_certificate_file.empty() || options.tls_key_file.empty()) {
    return fail(Errc::InvalidArgument, "TLS needs both a certificate file and a key file");
  }
  tls = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  error_code ec;
  tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_compression, ec);
  ::SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
  // Keeps 10,000 idle connections from holding 34 KiB of record buffers each.
  ::SSL_CTX_set_mode(tls->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  tls->use_certificate_chain_file(options.tls_certificate_file, ec);
  if (ec) {
    return fail(Errc::InvalidArgument, fmt::format("cannot use the certificate chain (PEM) in {}: {}",
                                                   options.tls_certificate_file, ec.message()));
  }
  tls->use_private_key_file(options.tls_key_file, asio::ssl::context::pem, ec);
  if (ec || ::SSL_CTX_check_private_key(tls->native_handle()) != 1) {
    return fail(
        Errc::InvalidArgument,
        fmt::format("the private key (PEM) in {} cannot be read or does not belong to the certificate",
                    options.tls_key_file));
  }
  return tls;
}

Result<tcp::endpoint> endpoint_of(const HttpServerOptions& options) {
  error_code ec;
  const auto address = asio::ip::make_address(options.host == "localhost" ? "127.0.0.1" : options.host, ec);
  if (ec) {
    return fail(Errc::InvalidArgument,
                fmt::format("'{}' is not an IP address to listen on; write for example 127.0.0.1 or 0.0.0.0",
                            options.host));
  }
  return tcp::endpoint(address, options.port);
}

Result<void> bind(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  error_code ec;
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(tcp::acceptor::max_listen_connections, ec);
  if (!ec) return {};
  const std::string where = fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
  if (ec == asio::error::address_in_use) {
    return fail(Errc::Unavailable,
                fmt::format("port {} is taken ({}); stop the other process or listen elsewhere",
                            endpoint.port(), where));
  }
  if (ec == asio::error::access_denied) {
    return fail(Errc::Unavailable,
                fmt::format("no permission to listen on {}; use a port above 1023", where));
  }
  const std::string_view advice =
      ec.value() == EADDRNOTAVAIL ? "; this machine has no such address, 0.0.0.0 stands for all that it has"
                                  : "";
  return fail(Errc::InvalidArgument, fmt::format("cannot listen on {}: {}{}", where, ec.message(), advice));
}

Millis tick_of(const HttpServerOptions& o) {
  const Millis shortest = std::min({o.header_timeout, o.body_timeout, o.idle_timeout});
  return std::clamp(shortest / 4, kTickMin, kTickMax);
}

class HttpServerOnAsio final : public HttpServer {
 public:
  HttpServerOnAsio(std::shared_ptr<HttpServerState> state, std::shared_ptr<Listener> listener,
                   std::uint16_t port)
      : state_(std::move(state)), listener_(std::move(listener)), shards_(listener_->shards), port_(port) {}

  ~HttpServerOnAsio() override {
    stop_listening();
    for (const auto& shard : shards_) asio::post(shard->executor(), [shard] { shard->cut(); });
  }

  [[nodiscard]] std::uint16_t port() const noexcept override { return port_; }
  [[nodiscard]] std::size_t connections() const noexcept override {
    return state_->connections.load(std::memory_order_relaxed);
  }

  bool drain(base::Deadline deadline) override {
    stop_listening();
    for (const auto& shard : shards_) asio::post(shard->executor(), [shard] { shard->close_idle(); });
    if (state_->gate.wait(deadline)) return true;
    for (const auto& shard : shards_) asio::post(shard->executor(), [shard] { shard->cut(); });
    state_->gate.wait(base::Deadline::after(kCutGrace));
    return false;
  }

 private:
  void stop_listening() {
    state_->is_draining.store(true);
    if (!listener_) return;
    auto l = std::exchange(listener_, nullptr);
    const asio::any_io_executor executor = l->shards.front()->executor();
    asio::post(executor, [l = std::move(l)] { l->close(); });
  }

  std::shared_ptr<HttpServerState> state_;
  std::shared_ptr<Listener> listener_;  // shared lifetime with listen()'s frame
  std::vector<std::shared_ptr<HttpShard>> shards_;
  const std::uint16_t port_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::open(
    std::vector<boost::asio::any_io_executor> executors, HttpServerOptions options, HttpHandler handler,
    std::function<std::size_t(std::string_view method, std::string_view path)> body_limit,
    HttpHeadCheck head_check, HttpSpools spools) {
  CARILLON_ASSERT(!executors.empty() && handler);
  if (options.header_max < 256) return fail(Errc::InvalidArgument, "header_max must be at least 256 bytes");
  if (options.pipeline_max == 0) return fail(Errc::InvalidArgument, "pipeline_max must be at least 1");
  CARILLON_TRY(const tcp::endpoint endpoint, endpoint_of(options));
  auto state = std::make_shared<HttpServerState>();
  CARILLON_TRY(state->tls, make_tls(options));
  state->handler = std::move(handler);
  state->body_limit = std::move(body_limit);
  state->head_check = std::move(head_check);
  CARILLON_ASSERT(!spools || !options.spool_folder.empty());
  state->spools = std::move(spools);
  const Millis tick = tick_of(options);
  state->options = std::move(options);
  std::vector<std::shared_ptr<HttpShard>> shards;
  for (auto& executor : executors) shards.push_back(std::make_shared<HttpShard>(std::move(executor), tick));
  auto listener = std::make_shared<Listener>(state, std::move(shards));
  CARILLON_CHECK(bind(listener->acceptor, endpoint));
  const std::uint16_t port = listener->acceptor.local_endpoint().port();
  asio::co_spawn(listener->acceptor.get_executor(), listen(listener, HttpToken::enter(state, nullptr)),
                 [](const std::exception_ptr& e) {
                   if (e) base::log_error("the HTTP server stopped accepting connections by an exception");
                 });
  return std::unique_ptr<HttpServer>(
      std::make_unique<HttpServerOnAsio>(std::move(state), std::move(listener), port));
}

}  // namespace carillon::net
