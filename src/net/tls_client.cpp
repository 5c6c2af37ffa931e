#include "net/tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace carillon::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::size_t kTlsRecordMax = 16 * 1024;     // bytes of plain text, RFC 8446 §5.1
constexpr std::size_t kReadBufferBytes = 64 * 1024;  // one recv() for several records

// The reason of the oldest OpenSSL error, and empties the queue.
std::string openssl_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown error";
}

std::unexpected<Error> other_protocol(const std::string& wanted) {
  return fail(Errc::FailedPrecondition, "the peer does not speak " + wanted + " (ALPN)");
}

}  // namespace

// A BIO over our socket: OpenSSL's own uses write(), which raises SIGPIPE.
struct SocketBio {
  static ClientSocket& self(BIO* bio) { return *static_cast<ClientSocket*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* data, int size) {
    BIO_clear_retry_flags(bio);
    const long n = self(bio).receive(data, static_cast<std::size_t>(size));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
    return static_cast<int>(n);
  }

  static int write(BIO* bio, const char* data, int size) {
    BIO_clear_retry_flags(bio);
    const long n = self(bio).transmit(data, static_cast<std::size_t>(size));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
    return static_cast<int>(n);
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO_METHOD* method() {
    static BIO_METHOD* const instance = [] {
      BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "carillon socket");
      BIO_meth_set_read(m, &SocketBio::read);
      BIO_meth_set_write(m, &SocketBio::write);
      BIO_meth_set_ctrl(m, &SocketBio::control);
      return m;
    }();
    return instance;
  }
};

Result<std::shared_ptr<const TlsContext>> TlsContext::open(const std::string& ca_file, std::string alpn) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  CARILLON_ASSERT(context != nullptr);
  std::shared_ptr<const TlsContext> result(new TlsContext(context, std::move(alpn)));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context,
                      SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, kReadBufferBytes);
  const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context)
                                     : SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr);
  if (loaded != 1) {
    return fail(Errc::InvalidArgument, "ca_file: cannot read trusted certificates: " + openssl_reason());
  }
  if (!result->alpn_.empty()) {
    std::string wire(1, static_cast<char>(result->alpn_.size()));
    wire += result->alpn_;
    SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned>(wire.size()));
  }
  return result;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

ClientSocket::ClientSocket(asio::any_io_executor executor, std::shared_ptr<const TlsContext> tls)
    : socket_(executor), resolver_(executor), tls_(std::move(tls)) {}

ClientSocket::~ClientSocket() {
  close();
  SSL_free(ssl_);
}

Task<Result<void>> ClientSocket::connect(std::string host, std::uint16_t port, base::Deadline deadline) {
  // The timer's handler may run after this frame is gone; `armed` tells it.
  const auto armed = std::make_shared<bool>(true);
  bool timed_out = false;
  asio::steady_timer timer(socket_.get_executor());
  timer.expires_at(deadline.at());
  timer.async_wait([this, armed, &timed_out](boost::system::error_code ec) {
    if (ec || !*armed) return;
    timed_out = true;
    close();
  });
  auto result = co_await connect_any(std::move(host), port);
  *armed = false;
  timer.cancel();
  if (!result && timed_out) co_return fail(Errc::DeadlineExceeded, "connecting took too long");
  if (!result && is_closed_) co_return fail(Errc::Cancelled, "closed while connecting");
  co_return result;
}

Task<Result<void>> ClientSocket::connect_any(std::string host, std::uint16_t port) {
  std::vector<tcp::endpoint> endpoints;
  boost::system::error_code literal;
  if (const auto address = asio::ip::make_address(host, literal); !literal) {
    endpoints.emplace_back(address, port);
  } else {
    auto [ec, found] = co_await resolver_.async_resolve(host, std::to_string(port), kAwait);
    if (ec) co_return fail(Errc::Unavailable, "host name look-up failed: " + ec.message());
    for (const auto& entry : found) endpoints.push_back(entry.endpoint());
  }
  boost::system::error_code last = asio::error::host_not_found;
  for (const tcp::endpoint& endpoint : endpoints) {
    if (is_closed_) break;
    boost::system::error_code ignored;
    socket_.close(ignored);
    auto [ec] = co_await socket_.async_connect(endpoint, kAwait);
    last = ec;
    if (!ec) break;
  }
  if (is_closed_) co_return fail(Errc::Cancelled, "closed while connecting");
  if (last) co_return fail(Errc::Unavailable, "connect failed: " + last.message());
  boost::system::error_code ec;
  socket_.non_blocking(true, ec);
  socket_.set_option(tcp::no_delay(true), ec);
  if (!tls_) co_return Result<void>();
  co_return co_await handshake(std::move(host));
}

Task<Result<void>> ClientSocket::upgrade(std::string host, std::shared_ptr<const TlsContext> tls) {
  CARILLON_ASSERT(ssl_ == nullptr);
  tls_ = std::move(tls);
  co_return co_await handshake(std::move(host));
}

Result<void> ClientSocket::start_tls(const std::string& host) {
  ssl_ = SSL_new(tls_->native());
  CARILLON_ASSERT(ssl_ != nullptr);
  BIO* bio = BIO_new(SocketBio::method());
  CARILLON_ASSERT(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_connect_state(ssl_);
  boost::system::error_code ec;
  asio::ip::make_address(host, ec);
  if (!ec) {  // an address: no SNI (RFC 6066 §3), compared with the certificate's IP entries
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), host.c_str());
    return {};
  }
  if (SSL_set_tlsext_host_name(ssl_, host.c_str()) != 1 || SSL_set1_host(ssl_, host.c_str()) != 1) {
    return fail(Errc::InvalidArgument, "host name cannot be used with TLS");
  }
  return {};
}

Task<Result<void>> ClientSocket::handshake(std::string host) {
  CARILLON_CO_CHECK(start_tls(host));
  for (;;) {
    ERR_clear_error();
    readable();
    const int done = SSL_do_handshake(ssl_);
    if (done == 1) break;
    const int reason = SSL_get_error(ssl_, done);
    if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) {
      if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL) {
        ERR_clear_error();
        co_return other_protocol(tls_->alpn());
      }
      if (const long bad = SSL_get_verify_result(ssl_); bad != X509_V_OK) {
        co_return fail(Errc::Unavailable,
                       std::string("TLS certificate refused: ") + X509_verify_cert_error_string(bad));
      }
      co_return fail(Errc::Unavailable, "TLS handshake failed: " + openssl_reason());
    }
    const auto what = reason == SSL_ERROR_WANT_READ ? tcp::socket::wait_read : tcp::socket::wait_write;
    auto [ec] = co_await socket_.async_wait(what, kAwait);
    if (ec) co_return fail(Errc::Unavailable, "TLS handshake failed: " + ec.message());
  }
  if (!tls_->alpn().empty()) {
    const unsigned char* chosen = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl_, &chosen, &length);
    if (std::string_view(reinterpret_cast<const char*>(chosen), length) != tls_->alpn()) {
      co_return other_protocol(tls_->alpn());
    }
  }
  co_return Result<void>();
}

long ClientSocket::receive(void* data, std::size_t size) noexcept {
  if (is_drained_) {
    errno = EAGAIN;
    return -1;
  }
  const ssize_t n = ::recv(socket_.native_handle(), data, size, 0);
  // A short read means the queue is empty; the reactor will tell when it is not. Zero is the end of
  // the stream and must be seen again by the next call.
  is_drained_ = n != 0 && n < static_cast<ssize_t>(size);
  return n;
}

long ClientSocket::transmit(const void* data, std::size_t size) noexcept {
  return ::send(socket_.native_handle(), data, size, MSG_NOSIGNAL);
}

IoResult ClientSocket::after_tls(int result) noexcept {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ: return {IoResult::State::WouldRead, 0};
    case SSL_ERROR_WANT_WRITE: return {IoResult::State::WouldWrite, 0};
    case SSL_ERROR_ZERO_RETURN: error_text_ = "closed by the peer"; return {IoResult::State::Closed, 0};
    case SSL_ERROR_SYSCALL:
      error_text_ = errno != 0 ? std::strerror(errno) : "connection ended";
      ERR_clear_error();
      return {IoResult::State::Failed, 0};
    default: error_text_ = "TLS: " + openssl_reason(); return {IoResult::State::Failed, 0};
  }
}

IoResult ClientSocket::read(void* data, std::size_t size) noexcept {
  if (is_closed_) return {IoResult::State::Closed, 0};
  if (ssl_ != nullptr) {
    ERR_clear_error();
    std::size_t n = 0;
    const int result = SSL_read_ex(ssl_, data, size, &n);
    return result == 1 ? IoResult{IoResult::State::Done, n} : after_tls(result);
  }
  const long n = receive(data, size);
  if (n > 0) return {IoResult::State::Done, static_cast<std::size_t>(n)};
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return {IoResult::State::WouldRead, 0};
  error_text_ = n == 0 ? "closed by the peer" : std::strerror(errno);
  return {n == 0 ? IoResult::State::Closed : IoResult::State::Failed, 0};
}

IoResult ClientSocket::write(const void* data, std::size_t size) noexcept {
  if (is_closed_) return {IoResult::State::Closed, 0};
  if (ssl_ != nullptr) {
    ERR_clear_error();
    std::size_t n = 0;
    if (pending_write_ == 0) pending_write_ = std::min(size, kTlsRecordMax);
    const int result = SSL_write_ex(ssl_, data, pending_write_, &n);
    if (result != 1) return after_tls(result);
    pending_write_ = 0;
    return {IoResult::State::Done, n};
  }
  const long n = transmit(data, size);
  if (n >= 0) return {IoResult::State::Done, static_cast<std::size_t>(n)};
  if (errno == EAGAIN || errno == EINTR) return {IoResult::State::WouldWrite, 0};
  error_text_ = std::strerror(errno);
  return {IoResult::State::Failed, 0};
}

void ClientSocket::close() noexcept {
  if (is_closed_) return;
  is_closed_ = true;
  resolver_.cancel();
  if (ssl_ != nullptr && SSL_is_init_finished(ssl_) == 1 && pending_write_ == 0) {
    ERR_clear_error();
    SSL_shutdown(ssl_);  // one alert if the kernel has room; the answer is not waited for
    ERR_clear_error();
  }
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace carillon::net
