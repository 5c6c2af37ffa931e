// HTTP/2 client for push vendors: many streams on few long-lived TLS connections (RFC 9113, nghttp2).
//
// What it promises is accounting: each request ends in exactly one call of its sink, with a response
// or with a TransportError that says whether the peer can have seen it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "net/http.h"

namespace carillon::net {

struct Http2Options {
  std::string origin{};            // "https://api.push.apple.com:443"
  std::string ca_file{};           // PEM bundle; empty: the system's
  std::size_t connections_max = 4; // opened as load asks for them, each on the client's executor
  std::size_t streams_max = 1000;  // per connection; the peer's SETTINGS_MAX_CONCURRENT_STREAMS if lower
  Millis connect_timeout{5000};
  Millis ping_after{3'600'000};    // idle time after which a PING checks the connection
  Millis ping_timeout{10'000};     // a PING unanswered for so long ends the connection
  std::size_t response_body_max = 64 * 1024;
};

// One request. The views, and the fields `headers` points to, must stay valid until its sink was called.
struct Http2Request {
  std::string_view path;
  // Lower-case names, without pseudo-headers and content-length. `never_index` keeps a secret or an
  // ever-changing value out of the HPACK tables (RFC 7541 §6.2.3).
  struct Field { std::string_view name, value; bool never_index = false; };
  std::span<const Field> headers;
  std::string_view body;
  std::uint64_t tag = 0;  // the caller's own, handed back
  std::string_view method = "POST";
};

// Response of one stream; views are valid only during the call.
struct Http2Response {
  int status = 0;
  std::string_view body;
  // Looks a response header up by lower-case name; empty when absent.
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept;
  std::span<const std::pair<std::string, std::string>> headers;
};

// Where answers go. Called on the client's executor, never from inside submit().
class Http2Sink {
 public:
  virtual ~Http2Sink() = default;
  virtual void on_response(std::uint64_t tag, const Http2Response& response) = 0;
  virtual void on_failure(std::uint64_t tag, const TransportError& error) = 0;
};

// A pool of connections to one origin. All calls on its executor (one thread). Reconnects with
// back-off 100 ms → 10 s; with a new DNS look-up each time.
class Http2Client {
 public:
  // Errors: InvalidArgument (origin, ca_file).
  static Result<std::unique_ptr<Http2Client>> open(boost::asio::any_io_executor executor,
                                                   Http2Options options);
  virtual ~Http2Client() = default;

  // Queues all requests and wakes the pumps once. Those that find no free stream wait; a request
  // still waiting at `deadline` ends as NotSent, one already written as Ambiguous (its stream is
  // reset). `sink` must outlive its requests.
  virtual void submit(std::span<const Http2Request> requests, Http2Sink& sink, base::Deadline deadline) = 0;

  // Streams that could be started now without waiting, over all connections (counting those that
  // could still be opened).
  [[nodiscard]] virtual std::size_t free_streams() const noexcept = 0;
  [[nodiscard]] virtual std::size_t in_flight() const noexcept = 0;
  // True when a connection stands or none was tried yet; false while the last attempt failed.
  [[nodiscard]] virtual bool is_healthy() const noexcept = 0;
  // False once the peer has said that it speaks no HTTP/2 (ALPN).
  [[nodiscard]] virtual bool speaks_http2() const noexcept = 0;

  // Closes idle connections after the requests in flight ended (GOAWAY), e.g. after a credential
  // change; new requests open new connections.
  virtual void renew_connections() = 0;
  // Fails what waits (NotSent), lets what is in flight finish until `deadline`, closes. The task gate
  // of the client is empty afterwards. Must be called, and nothing submitted after it.
  virtual Task<void> close(base::Deadline deadline) = 0;
};

}  // namespace carillon::net
