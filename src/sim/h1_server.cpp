#include "sim/h1_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "net/http_parser.h"

namespace carillon::sim {
namespace {

using boost::asio::ip::tcp;

constexpr std::size_t kBodyMax = 32 << 20;  // a mail with attachments

std::string_view reason(int status) noexcept {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 404: return "Not Found";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return "Status";  // a number, not one of our enums; the phrase means nothing
  }
}

std::string encode(const net::HttpResponse& response, bool is_last) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
  for (const auto& [name, value] : response.headers) out += fmt::format("{}: {}\r\n", name, value);
  if (is_last) out += "Connection: close\r\n";
  if (response.status != 204) out += fmt::format("Content-Length: {}\r\n", response.body.size());
  out += "\r\n";
  out += response.body;
  return out;
}

// Reads requests off one socket.
class Reader {
 public:
  explicit Reader(tcp::socket& socket) : socket_(socket) {}

  // The next request, or a response to refuse it with, or neither when the peer is gone.
  struct Next {
    std::optional<net::HttpRequest> request;
    int refused = 0;
    bool keep_alive = false;
  };
  Task<Next> next() {
    Next result;
    net::HttpRequest request;
    net::HttpHeadParser parser;
    auto state = parser.parse(buffer_, request);
    while (state == net::HttpHeadParser::State::More) {
      if (!co_await more()) co_return result;
      state = parser.parse(buffer_, request);
    }
    if (state == net::HttpHeadParser::State::Failed) {
      result.refused = parser.fault().status;
      co_return result;
    }
    buffer_.erase(0, parser.size());
    result.keep_alive = parser.framing().keep_alive;
    if (parser.framing().expects_continue && !co_await write("HTTP/1.1 100 Continue\r\n\r\n"))
      co_return result;
    result.refused = co_await body(parser.framing(), request);
    if (result.refused == 0) result.request = std::move(request);
    co_return result;
  }

  Task<bool> write(std::string bytes) {
    auto [error, size] = co_await boost::asio::async_write(socket_, boost::asio::buffer(bytes), kAwait);
    co_return !error;
  }

 private:
  static constexpr int kGone = -1;

  // 0, or the status to refuse with, or kGone.
  Task<int> body(net::HttpFraming framing, net::HttpRequest& request) {
    if (framing.is_chunked) {
      net::HttpChunkDecoder decoder(kBodyMax);
      for (;;) {
        std::string_view rest = buffer_;
        const auto state = decoder.decode(rest, request.body);
        buffer_.erase(0, buffer_.size() - rest.size());
        if (state == net::HttpChunkDecoder::State::Done) co_return 0;
        if (state == net::HttpChunkDecoder::State::Failed) co_return decoder.fault().status;
        if (!co_await more()) co_return kGone;
      }
    }
    if (framing.content_length > kBodyMax) co_return 413;
    while (buffer_.size() < framing.content_length) {
      if (!co_await more()) co_return kGone;
    }
    request.body = buffer_.substr(0, framing.content_length);
    buffer_.erase(0, framing.content_length);
    co_return 0;
  }

  Task<bool> more() {
    std::array<char, 16 * 1024> chunk;
    auto [error, size] = co_await socket_.async_read_some(boost::asio::buffer(chunk), kAwait);
    if (error) co_return false;
    buffer_.append(chunk.data(), size);
    co_return true;
  }

  tcp::socket& socket_;
  std::string buffer_;
};

Task<void> serve(tcp::socket& socket, const H1Handler& handler) {
  Reader reader(socket);
  for (;;) {
    auto next = co_await reader.next();
    if (!next.request) {
      if (next.refused > 0) {
        const net::HttpResponse refusal{.status = next.refused, .headers = {}, .body = {}};
        co_await reader.write(encode(refusal, true));
      }
      co_return;
    }
    const H1Answer answer = handler(*next.request);
    co_await pause(socket, answer.delay);
    switch (answer.kind) {
      case H1Answer::Kind::Reset: reset(socket); co_return;
      case H1Answer::Kind::Silent: co_await stay_silent(socket); co_return;
      case H1Answer::Kind::Respond: break;
    }
    const bool is_written = co_await reader.write(encode(answer.response, !next.keep_alive));
    if (!is_written || !next.keep_alive) co_return;
  }
}

}  // namespace

Result<std::unique_ptr<Listener>> open_h1_server(std::string name,
                                                 std::vector<boost::asio::io_context*> contexts,
                                                 const std::string& host, std::uint16_t port,
                                                 H1Handler handler) {
  auto shared = std::make_shared<const H1Handler>(std::move(handler));
  return Listener::open(std::move(name), std::move(contexts), host, port,
                        [shared](tcp::socket& socket) { return serve(socket, *shared); });
}

}  // namespace carillon::sim
