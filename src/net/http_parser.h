// HTTP/1.1 requests out of bytes (RFC 9112): pure, incremental, strict, without I/O.
//
// Strict where leniency lets two parsers disagree about where a request ends (request smuggling):
// no bare CR or LF, no folded lines, no space before a colon, one Content-Length or one
// "Transfer-Encoding: chunked", never both. The result does not depend on how the bytes were cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/http.h"

namespace carillon::net {

// Why a request is refused before any handler sees it. `status` 0: it is not.
struct HttpFault {
  int status = 0;
  std::string_view code;    // stable, as in problem documents: "malformed_request"
  std::string_view detail;  // what the client should change
  explicit operator bool() const noexcept { return status != 0; }
};

struct HttpParserLimits {
  std::size_t header_max = 16 * 1024;  // request line and headers with their line ends, bytes → 431
  std::size_t target_max = 8 * 1024;   // bytes → 414
  std::size_t fields_max = 100;        // header fields → 431
};

// What the head says about the message around it.
struct HttpFraming {
  std::uint64_t content_length = 0;  // 0 too when there is none
  bool is_chunked = false;
  bool is_http_1_0 = false;
  bool keep_alive = true;         // the client allows another request on this connection
  bool expects_continue = false;  // "Expect: 100-continue"
};

// Parses one request head. Not thread-safe; reset() makes it ready for the next request.
class HttpHeadParser {
 public:
  enum class State : std::uint8_t { More, Done, Failed };

  explicit HttpHeadParser(HttpParserLimits limits = {}) : limits_(limits) {}

  // `bytes`: everything received from the first byte of this request on; between calls it may only
  // grow (and move in memory). Fills `request` (method, target, headers; the same object in all calls)
  // line by line. Done: the head ended after size() bytes. Failed: see fault(), `request` is unusable.
  // An absolute-form target is reduced to path and query, its authority replaces Host (RFC 9112 §3.2.2).
  State parse(std::string_view bytes, HttpRequest& request);

  [[nodiscard]] std::size_t size() const noexcept { return line_; }
  [[nodiscard]] const HttpFault& fault() const noexcept { return fault_; }
  [[nodiscard]] const HttpFraming& framing() const noexcept { return framing_; }
  void reset() noexcept;

 private:
  State fail(int status, std::string_view code, std::string_view detail);
  State malformed(std::string_view detail) { return fail(400, "malformed_request", detail); }
  State request_line(std::string_view line, HttpRequest& request);
  State version(std::string_view text);
  State take_target(std::string_view target, HttpRequest& request);
  State field(std::string_view line, HttpRequest& request);
  State known_field(std::string_view name, std::string_view value);
  State content_length(std::string_view value);
  State finish(HttpRequest& request);

  HttpParserLimits limits_;
  HttpFraming framing_;
  HttpFault fault_;
  std::size_t line_ = 0;     // where the line being received begins
  std::size_t scanned_ = 0;  // no line end before this
  bool has_request_line_ = false;
  bool skipped_empty_line_ = false;
  bool has_content_length_ = false;
  bool has_host_ = false;
  bool asks_close_ = false;
  bool asks_keep_alive_ = false;
  std::string authority_;  // of an absolute-form target
};

// Decodes a chunked body (RFC 9112 §7.1). Extensions and trailers are checked for form and dropped.
class HttpChunkDecoder {
 public:
  enum class State : std::uint8_t { More, Done, Failed };

  // `body_max`: decoded bytes → 413. `overhead_max`: bytes of extensions and trailers → 431.
  explicit HttpChunkDecoder(std::size_t body_max = 0, std::size_t overhead_max = 16 * 1024)
      : body_max_(body_max), overhead_max_(overhead_max) {}

  // Takes bytes from the front of `bytes` (removing them) and appends what they carry to `body`.
  // Done: the message ended, what is left in `bytes` belongs to the next request.
  State decode(std::string_view& bytes, std::string& body);

  [[nodiscard]] const HttpFault& fault() const noexcept { return fault_; }

 private:
  enum class Place : std::uint8_t {
    Size,
    Extension,
    SizeEnd,
    Data,
    DataEnd1,
    DataEnd2,
    LineStart,
    TrailerName,
    TrailerValue,
    TrailerEnd,
    End,
    Done
  };
  State fail(int status, std::string_view code, std::string_view detail);
  State step(char c);
  State step_size(char c);
  State step_trailer(char c);
  State size_ended();
  bool overhead() noexcept { return ++overhead_ > overhead_max_; }

  std::size_t body_max_;
  std::size_t overhead_max_;
  std::size_t overhead_ = 0;
  std::size_t body_size_ = 0;
  std::uint64_t left_ = 0;  // of the chunk being received
  unsigned digits_ = 0;
  Place place_ = Place::Size;
  HttpFault fault_;
};

}  // namespace carillon::net
