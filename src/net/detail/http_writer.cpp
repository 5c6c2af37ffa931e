#include "net/detail/http_writer.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/log.h"

namespace carillon::net::detail {
namespace {

constexpr std::string_view kInternalDetail =
    "the request could not be answered because of a defect in the server";

bool is_name(std::string_view text, std::string_view lower) noexcept {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(), [](char c, char l) {
           return c == l || (c >= 'A' && c <= 'Z' && static_cast<char>(c | 0x20) == l);
         });
}

bool is_framing(std::string_view name) noexcept {
  switch (name.size()) {
    case 4: return is_name(name, "date");
    case 10: return is_name(name, "connection");
    case 14: return is_name(name, "content-length");
    case 17: return is_name(name, "transfer-encoding");
    default: return false;
  }
}

bool is_well_formed(const HttpResponse& response) noexcept {
  if (response.status < 200 || response.status > 599) return false;
  for (const auto& [name, value] : response.headers) {
    bool ok = !name.empty();
    for (const char c : name) ok &= c > ' ' && c < '\x7f' && c != ':';
    for (const char c : value) ok &= (static_cast<unsigned char>(c) >= 0x20 && c != '\x7f') || c == '\t';
    if (!ok) return false;
  }
  return true;
}

template <class Number>
void append_number(std::string& out, Number value) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

}  // namespace

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 207: return "Multi-Status";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "Unknown";
  }
}

std::string_view http_date_now() {
  thread_local time_t second = -1;
  thread_local std::string text;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != second) {
    second = now.tv_sec;
    static constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    tm utc{};
    ::gmtime_r(&second, &utc);
    text =
        fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[static_cast<std::size_t>(utc.tm_wday)],
                    utc.tm_mday, kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900,
                    utc.tm_hour, utc.tm_min, utc.tm_sec);
  }
  return text;
}

bool asks_close(const HttpResponse& response) noexcept {
  for (const auto& [name, value] : response.headers) {
    if (name.size() == 10 && is_name(name, "connection") && is_name(value, "close")) return true;
  }
  return false;
}

void append_response(std::string& out, const HttpResponse& response, WriteOptions options) {
  if (!is_well_formed(response)) {
    base::log_error("a handler made a response that is not valid HTTP (status {}); answered 500",
                    response.status);
    return append_response(out, problem_response({500, "internal_error", kInternalDetail}), options);
  }
  out.append("HTTP/1.1 ");
  append_number(out, response.status);
  out.push_back(' ');
  out.append(reason_phrase(response.status));
  out.append("\r\nDate: ");
  out.append(http_date_now());
  for (const auto& [name, value] : response.headers) {
    if (is_framing(name)) continue;
    out.append("\r\n").append(name).append(": ").append(value);
  }
  // RFC 9110 §8.6: a 204 has no Content-Length; that of a 304 would be of another response.
  const bool has_body = response.status != 204 && response.status != 304;
  if (has_body && options.is_chunked) {
    out.append("\r\nTransfer-Encoding: chunked");
  } else if (has_body && !options.has_no_length) {
    out.append("\r\nContent-Length: ");
    append_number(out, response.stream ? response.stream->size().value_or(0) : response.body.size());
  }
  if (options.close) {
    out.append("\r\nConnection: close\r\n\r\n");
  } else if (options.names_keep_alive) {
    out.append("\r\nConnection: keep-alive\r\n\r\n");
  } else {
    out.append("\r\n\r\n");
  }
  if (has_body && !options.is_head && !response.stream) out.append(response.body);
}

HttpResponse problem_response(const HttpFault& fault) {
  HttpResponse response;
  response.status = fault.status;
  response.headers = {{"Content-Type", "application/problem+json"}};
  response.body =
      fmt::format(R"({{"type":"/docs/errors#{}","title":"{}","status":{},"code":"{}","detail":"{}"}})",
                  fault.code, reason_phrase(fault.status), fault.status, fault.code, fault.detail);
  return response;
}

}  // namespace carillon::net::detail
