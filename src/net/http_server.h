// HTTP/1.1 server (RFC 9112) on Asio: keep-alive, pipelining, limits on everything, optional TLS.
//
// Written by hand instead of Beast for the ingest path: about 4.8 µs of CPU a request, of which 3.7
// are the kernel's, and about 1.8 when pipelined by 16 (http_server_bench.cpp). The parser is a pure
// class of its own and is fuzzed (http_parser.h).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "net/http.h"

namespace carillon::net {

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;            // 0: any free one
  std::string tls_certificate_file;  // PEM chain; empty: plain HTTP
  std::string tls_key_file;
  std::size_t header_max = 16 * 1024;      // request line and headers, bytes → 431
  std::size_t body_max = 8 * 1024 * 1024;  // → 413; a route may lower it through `body_limit`
  std::size_t connections_max = 10'000;
  std::size_t pipeline_max = 64;  // requests of one connection being handled at a time
  Millis header_timeout{10'000};  // first byte to end of headers → 408, close
  Millis body_timeout{30'000};
  Millis idle_timeout{75'000};
  std::string spool_folder;  // exists; for bodies that are kept in a file
};

// What the handler is told besides the request.
struct HttpPeer {
  std::string address;  // the peer's IP address
  bool is_tls = false;
};

// Answers one request. Runs on the connection's executor; may suspend, for any time: no deadline of the
// server applies. An exception becomes 500 and is logged. It is let finish when the peer goes away or
// the server is cut. Called for each complete request; those of one connection that were received
// together run at a time (up to pipeline_max), answers leave in order of the requests; what arrives
// while they run is read after them. Content-Length, Connection and Date of the response are the
// server's; "Connection: close" in it closes the connection once it has nothing else to answer.
using HttpHandler = std::function<Task<HttpResponse>(HttpRequest request, HttpPeer peer)>;

// Asked before a body of more than kHeadCheckAbove bytes, or of unknown length, is read: `head` has none yet.
// An answer refuses the request: it is sent at once and the connection is closed. Runs on the connection's
// executor and must not block.
using HttpHeadCheck =
    std::function<std::optional<HttpResponse>(const HttpRequest& head, const HttpPeer& peer)>;
inline constexpr std::size_t kHeadCheckAbove = 256 * 1024;

// Whether a body of that route belongs into a file (HttpRequest::spooled) as soon as it is larger than
// kHeadCheckAbove. While pieces of it come, body_timeout begins anew with each kHeadCheckAbove bytes.
using HttpSpools = std::function<bool(std::string_view method, std::string_view path)>;

class HttpServer {
 public:
  // Listens; connections are spread over `executors`, each stays on its own. Each executor must be run
  // by exactly one thread, and its context must outlive the server (not its connections).
  // `body_limit(method, path)` gives the limit for one route, at most body_max; may be empty, as may
  // `head_check`.
  // `spools` may be empty: no route's are; else options.spool_folder is set.
  // Refusals of the server itself are problem documents with a `code` and close the connection:
  // malformed_request 400, request_timeout 408, body_too_large 413, uri_too_long 414,
  // expectation_failed 417, header_too_large 431, too_many_connections 503 (Retry-After),
  // storage_full 503 (a body's file cannot be written), unsupported_http_version 505, internal_error 500
  // (which does not close). Errors: InvalidArgument (address, certificate) · Unavailable (port taken; message
  // names it).
  static Result<std::unique_ptr<HttpServer>> open(
      std::vector<boost::asio::any_io_executor> executors, HttpServerOptions options, HttpHandler handler,
      std::function<std::size_t(std::string_view method, std::string_view path)> body_limit = {},
      HttpHeadCheck head_check = {}, HttpSpools spools = {});
  // Without drain(): stops listening and cuts all connections; does not wait.
  virtual ~HttpServer() = default;

  [[nodiscard]] virtual std::uint16_t port() const noexcept = 0;
  [[nodiscard]] virtual std::size_t connections() const noexcept = 0;
  // Stops listening, lets requests whose first byte was read finish (answers carry
  // "Connection: close"), closes idle connections. Blocks the calling thread, which must not run
  // the executors; false when `deadline` passed and the rest was cut (up to 1 s later; handlers that
  // still run then are not interrupted).
  virtual bool drain(base::Deadline deadline) = 0;
};

}  // namespace carillon::net
