// HTTP messages as values, shared by the server and the clients.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/task.h"

namespace carillon::net {

class SpooledBody;  // spool.h

// Header fields in order. Names are compared without case; HTTP/2 wants them in lower case.
using Headers = std::vector<std::pair<std::string, std::string>>;
// The first value of that name, or empty.
std::string_view find_header(const Headers& headers, std::string_view name) noexcept;

struct HttpRequest {
  std::string method = "GET";
  std::string target;  // server: path and query as received; client: path and query to send
  Headers headers;
  std::string body;
  // Server: a large body of a route that wants those in a file; else null.
  std::shared_ptr<SpooledBody> spooled{};

  [[nodiscard]] std::string_view path() const noexcept;   // target up to '?'
  [[nodiscard]] std::string_view query() const noexcept;  // after '?', or empty
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept {
    return find_header(headers, name);
  }
};

// The body of an answer that is made while it leaves.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  // Of all pieces together, told to the client before the first; nullopt: nobody knows yet, and it goes on
  // until next() says so (chunked, RFC 9112 §7.1).
  [[nodiscard]] virtual std::optional<std::uint64_t> size() const noexcept = 0;
  // The next piece, never empty before size() bytes were given; of a stream without a size, an empty one is
  // its end. It may take any time. Any error cuts the connection: the client must not take what it has for
  // the whole. Not called while the client has yet to take the piece before; one that takes nothing for 30 s
  // is cut.
  virtual Task<Result<std::string>> next() = 0;
};

struct HttpResponse {
  int status = 0;
  Headers headers;
  std::string body;
  std::shared_ptr<HttpStream> stream{};  // server: in the place of `body`; else null
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept {
    return find_header(headers, name);
  }
};

// Why a request has no response. The line between the two decides what may be sent again.
enum class SendFailure : std::uint8_t {
  NotSent,    // the peer cannot have acted on it: no connection, TLS failed, not fully written,
              // REFUSED_STREAM, stream id above GOAWAY's last id
  Ambiguous,  // fully written, no response: time-out, reset or closed while waiting
};

struct TransportError {
  SendFailure failure = SendFailure::NotSent;
  std::string detail;  // for the attempt log; no secret, no address
};

template <class T>
using TransportResult = std::expected<T, TransportError>;

// scheme://host[:port]/path. Errors of parse_url: InvalidArgument.
struct Url {
  std::string scheme;      // lower case
  std::string host;        // without brackets
  std::uint16_t port = 0;  // the scheme's default when absent
  std::string path;        // begins with '/', includes the query
  [[nodiscard]] bool is_tls() const noexcept { return scheme == "https" || scheme == "smtps"; }
  [[nodiscard]] std::string origin() const;  // scheme://host:port
};
Result<Url> parse_url(std::string_view text);

std::string percent_encode(std::string_view text);          // RFC 3986 unreserved stay
Result<std::string> percent_decode(std::string_view text);  // InvalidArgument on a bad escape
// application/x-www-form-urlencoded, in order; '+' is a space.
std::string form_encode(const std::vector<std::pair<std::string, std::string>>& fields);
Result<std::vector<std::pair<std::string, std::string>>> form_decode(std::string_view body);
// "120" or an HTTP-date → seconds from `now` (never negative, at most a day); nullopt when neither.
std::optional<std::int64_t> parse_retry_after(std::string_view value, std::int64_t now_unix_s);

}  // namespace carillon::net
