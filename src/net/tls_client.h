// The client's end of a TCP connection, plain or TLS, driven by readiness instead of by operations.
//
// Why not asio::ssl::stream: a caller that must know which bytes the kernel took (HTTP/2's
// sent / not-sent line) needs the result of each TLS record, and one read plus one write per wake-up
// instead of an operation object per record.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"

using SSL = struct ssl_st;
using SSL_CTX = struct ssl_ctx_st;

namespace carillon::net {

// What all connections of one client share: trusted roots, protocol versions, ALPN. TLS 1.2 or
// newer, certificates are verified. Immutable, may be used from several threads.
class TlsContext {
 public:
  // `ca_file`: PEM bundle of trusted roots; empty: the system's. `alpn`: one protocol name to offer
  // and insist on ("h2"); empty: none. Errors: InvalidArgument (ca_file cannot be read).
  static Result<std::shared_ptr<const TlsContext>> open(const std::string& ca_file, std::string alpn);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  [[nodiscard]] SSL_CTX* native() const noexcept { return context_; }
  [[nodiscard]] const std::string& alpn() const noexcept { return alpn_; }

 private:
  TlsContext(SSL_CTX* context, std::string alpn) : context_(context), alpn_(std::move(alpn)) {}
  SSL_CTX* context_;
  std::string alpn_;
};

// How one read or write of a ClientSocket went.
struct IoResult {
  enum class State {
    Done,        // `bytes` were moved
    WouldRead,   // wait for readability, then call again
    WouldWrite,  // wait for writability, then call again
    Closed,      // the peer ended the connection
    Failed,      // reset, TLS alert, protocol error: error_text() says what
  };
  State state = State::Done;
  std::size_t bytes = 0;
};

// One connection. All calls on one executor; must outlive its pending connect() and waits.
class ClientSocket {
 public:
  // `tls` may be null: plain TCP.
  ClientSocket(boost::asio::any_io_executor executor, std::shared_ptr<const TlsContext> tls);
  ~ClientSocket();
  ClientSocket(const ClientSocket&) = delete;
  ClientSocket& operator=(const ClientSocket&) = delete;

  // Looks `host` up (every time anew), connects to its addresses in turn and shakes hands; host name
  // and certificate chain are verified. Errors: Unavailable (look-up, TCP, TLS; the text names no
  // address) · FailedPrecondition (the peer does not speak the protocol of `alpn`) · DeadlineExceeded ·
  // Cancelled (close() was called meanwhile). A look-up that hangs is only given up when the resolver
  // library returns.
  Task<Result<void>> connect(std::string host, std::uint16_t port, base::Deadline deadline);

  // Turns a plain connection into a TLS one (STARTTLS). Errors as connect(); ended by close() only.
  Task<Result<void>> upgrade(std::string host, std::shared_ptr<const TlsContext> tls);
  [[nodiscard]] bool is_tls() const noexcept { return ssl_ != nullptr; }

  // Reads what has arrived, at most `size` bytes; never blocks. After a short read it answers
  // WouldRead without a system call until readable() is called.
  IoResult read(void* data, std::size_t size) noexcept;
  // Hands over at most one TLS record (16 KiB). Done means the kernel took all `bytes`; on
  // WouldWrite none of them can be used by the peer yet, and the next call must begin with the same
  // bytes, of which pending_write() are already encrypted and cannot change any more.
  IoResult write(const void* data, std::size_t size) noexcept;
  [[nodiscard]] std::size_t pending_write() const noexcept { return pending_write_; }
  // The reactor said that bytes may be waiting.
  void readable() noexcept { is_drained_ = false; }

  [[nodiscard]] boost::asio::ip::tcp::socket& socket() noexcept { return socket_; }
  // Why the last call failed. Holds no address.
  [[nodiscard]] const std::string& error_text() const noexcept { return error_text_; }
  // Says good-bye where that needs no waiting and closes; pending waits end with operation_aborted.
  void close() noexcept;

 private:
  friend struct SocketBio;
  Task<Result<void>> connect_any(std::string host, std::uint16_t port);
  Task<Result<void>> handshake(std::string host);
  Result<void> start_tls(const std::string& host);
  IoResult after_tls(int result) noexcept;
  // ::recv and ::send; -1 with errno set.
  long receive(void* data, std::size_t size) noexcept;
  long transmit(const void* data, std::size_t size) noexcept;

  boost::asio::ip::tcp::socket socket_;
  boost::asio::ip::tcp::resolver resolver_;
  std::shared_ptr<const TlsContext> tls_;
  SSL* ssl_ = nullptr;
  bool is_drained_ = false;
  bool is_closed_ = false;
  std::size_t pending_write_ = 0;
  std::string error_text_;
};

}  // namespace carillon::net
