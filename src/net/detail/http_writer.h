// HTTP/1.1 answers as bytes, and the problem documents the server itself sends (RFC 9457).
#pragma once

#include <string>
#include <string_view>

#include "net/http.h"
#include "net/http_parser.h"

namespace carillon::net::detail {

// "Not Found" for 404; "Unknown" for a status we never send.
std::string_view reason_phrase(int status) noexcept;

struct WriteOptions {
  bool is_head = false;           // the request was HEAD: the body is left out, its length is told
  bool close = false;             // adds "Connection: close"
  bool names_keep_alive = false;  // adds "Connection: keep-alive", as HTTP/1.0 clients need it
  bool is_chunked = false;        // the body follows in chunks: its length is not told
  bool has_no_length = false;     // the body follows and ends with the connection (HTTP/1.0)
};

// Appends status line, headers, Date, Content-Length and body. Content-Length, Transfer-Encoding,
// Connection and Date of `response` are ignored: framing belongs to the server. A response that would
// not be well-formed (status outside 200…599, control characters in a header: response splitting) is
// replaced by a 500 and logged.
void append_response(std::string& out, const HttpResponse& response, WriteOptions options);

// True when the response carries "Connection: close".
bool asks_close(const HttpResponse& response) noexcept;

// application/problem+json with type, title, status, code and detail. `code` and `detail` must not
// need JSON escaping.
HttpResponse problem_response(const HttpFault& fault);

// "Sun, 06 Nov 1994 08:49:37 GMT" for now; cached per thread and second.
std::string_view http_date_now();

}  // namespace carillon::net::detail
