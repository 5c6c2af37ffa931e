#include "sim/h2_server.h"

#include <boost/asio/post.hpp>
#include <optional>

#include "sim/h2_connection.h"
#include "sim/listener.h"

namespace carillon::sim {
namespace {

using boost::asio::ip::tcp;

constexpr std::size_t kTlsReadBuffer = 64 * 1024;
constexpr auto kAcceptPause = std::chrono::milliseconds(50);  // after running out of descriptors

int select_h2(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
              unsigned size, void*) {
  static constexpr unsigned char kH2[] = {2, 'h', '2'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kH2, sizeof kH2, offered, size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

struct FreeContext {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeContext>;

Result<TlsContext> make_tls(const H2ServerOptions& options) {
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* c = context.get();
  if (c == nullptr || SSL_CTX_use_certificate_chain_file(c, options.certificate_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(c, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(Errc::InvalidArgument, "cannot use the certificate " + options.certificate_file);
  }
  SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
  SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(c, 1);  // several records per read()
  SSL_CTX_set_default_read_buffer_len(c, kTlsReadBuffer);
  SSL_CTX_set_alpn_select_cb(c, select_h2, nullptr);
  return context;
}

class Server final : public H2Server {
 public:
  Server(std::vector<boost::asio::io_context*> contexts, H2ServerOptions options, H2Application& application,
         TlsContext tls)
      : options_(std::move(options)),
        tls_(std::move(tls)),
        acceptor_(*contexts.front()),
        gate_("sim h2 server") {
    for (auto* context : contexts) {
      workers_.push_back(std::make_unique<H2Worker>(*context, tls_.get(), application, gate_));
    }
  }
  ~Server() override { stop(); }

  Result<void> listen() {
    CARILLON_CHECK(listen_on(acceptor_, options_.host, options_.port));
    port_ = acceptor_.local_endpoint().port();
    gate_.spawn(acceptor_.get_executor(), "accept", [this] { return accept(); });
    return {};
  }

  [[nodiscard]] std::uint16_t port() const noexcept override { return port_; }

  void stop() override {
    // What is posted here uses this object, so it counts in the gate like all else. Refused: stopped before.
    for (const auto& worker : workers_) {
      if (!gate_.enter()) break;
      boost::asio::post(worker->context, [this, w = worker.get()] {
        if (w == workers_.front().get()) {
          boost::system::error_code ignored;
          acceptor_.close(ignored);
        }
        w->stop();
        gate_.leave();
      });
    }
    gate_.wait(base::Deadline::never());
  }

 private:
  Task<void> accept() {
    std::size_t next = 0;
    while (acceptor_.is_open()) {
      H2Worker& worker = *workers_[next++ % workers_.size()];
      auto [error, socket] = co_await acceptor_.async_accept(worker.context, kAwait);
      if (error == boost::asio::error::operation_aborted) co_return;
      if (error) {
        co_await base::sleep_for(kAcceptPause);
        continue;
      }
      if (gate_.count() > options_.connections_max || !gate_.enter()) continue;
      auto connection = std::make_shared<std::optional<tcp::socket>>(std::move(socket));
      boost::asio::post(worker.context, [&worker, connection] {
        auto made = std::make_shared<H2Connection>(worker, std::move(**connection));
        worker.is_stopping ? made->abort() : made->start();
      });
    }
  }

  const H2ServerOptions options_;
  TlsContext tls_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  base::TaskGate gate_;
  std::vector<std::unique_ptr<H2Worker>> workers_;
};

}  // namespace

Result<std::unique_ptr<H2Server>> H2Server::open(std::vector<boost::asio::io_context*> contexts,
                                                 H2ServerOptions options, H2Application& application) {
  CARILLON_TRY(TlsContext tls, make_tls(options));
  auto server =
      std::make_unique<Server>(std::move(contexts), std::move(options), application, std::move(tls));
  CARILLON_CHECK(server->listen());
  return server;
}

}  // namespace carillon::sim
