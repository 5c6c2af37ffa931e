// The receiving half of one server connection, without the socket: bytes in, complete requests out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "net/http.h"
#include "net/http_parser.h"

namespace carillon::net::detail {

using BodyLimit = std::function<std::size_t(std::string_view method, std::string_view path)>;
// An answer refuses the request whose head that is (HttpHeadCheck).
using HeadCheck = std::function<std::optional<HttpResponse>(const HttpRequest& head)>;

// Which bodies belong into a file, and where; null: none do.
struct Spools {
  const std::function<bool(std::string_view method, std::string_view path)>* wants = nullptr;
  const std::string* folder = nullptr;
};

struct IncomingLimits {
  HttpParserLimits head;
  std::size_t body_max = 8 * 1024 * 1024;  // bytes
};

// One request with what the answer must know about it.
struct IncomingRequest {
  HttpRequest request;
  bool keep_alive = true;
  bool is_http_1_0 = false;
  bool is_head = false;
};

// Owns the connection's one read buffer. Not thread-safe.
class HttpIncoming {
 public:
  enum class State : std::uint8_t { More, Ready, Failed };
  enum class Phase : std::uint8_t { Idle, Head, Body };

  // `body_limit` may be empty; it and what `spools` names must outlive this. `head_check` may be empty.
  HttpIncoming(IncomingLimits limits, const BodyLimit& body_limit, HeadCheck head_check = {},
               Spools spools = {})
      : limits_(limits),
        body_limit_(body_limit),
        head_check_(std::move(head_check)),
        spools_(spools),
        parser_(limits.head) {}

  // Room to receive into, never empty after advance() said More. The caller tells received() how much
  // of it was filled.
  [[nodiscard]] std::span<char> space();
  void received(std::size_t count) noexcept;

  // Works on the bytes at hand. Ready: take() gives the request; calling again changes nothing.
  // Failed: refusal() is the answer, or fault() says why; final.
  State advance();
  IncomingRequest take();

  // Idle: no byte of the next request has been received.
  [[nodiscard]] Phase phase() const noexcept;
  [[nodiscard]] const HttpFault& fault() const noexcept { return fault_; }
  [[nodiscard]] const std::optional<HttpResponse>& refusal() const noexcept { return refusal_; }
  // True once for a request whose client waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool take_continue() noexcept { return std::exchange(wants_continue_, false); }
  // True once for each larger part of a body that went into its file.
  [[nodiscard]] bool take_progress() noexcept { return std::exchange(has_progress_, false); }

 private:
  State head_done();
  State body();
  // Puts what there is of the body into its file; false: it cannot be written.
  bool spool();
  State ready();
  State fail(const HttpFault& fault) noexcept;
  [[nodiscard]] std::string_view view() const noexcept { return {buffer_.get() + begin_, end_ - begin_}; }
  void reallocate(std::size_t capacity);

  const IncomingLimits limits_;
  const BodyLimit& body_limit_;
  const HeadCheck head_check_;
  const Spools spools_;
  HttpHeadParser parser_;
  HttpChunkDecoder decoder_;
  HttpRequest request_;
  HttpFault fault_;
  std::optional<HttpResponse> refusal_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;   // first byte not consumed
  std::size_t end_ = 0;     // end of what was received
  std::uint64_t left_ = 0;  // of a body with Content-Length
  bool was_full_ = false;
  bool in_body_ = false;
  bool is_ready_ = false;
  bool wants_continue_ = false;
  bool has_progress_ = false;
  bool is_spooled_ = false;  // as soon as the body is large
};

}  // namespace carillon::net::detail
