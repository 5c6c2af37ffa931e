#include "net/detail/http_connection.h"

#include <time.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <utility>

#include "base/log.h"

namespace carillon::net::detail {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr Millis kLinger{1000};              // how long a closed connection may still send
constexpr Millis kWriteTimeout{30'000};      // without any byte taken by the peer
constexpr std::size_t kLingerMax = 1 << 20;  // bytes thrown away after an answer that closes
constexpr std::size_t kOutKeep = 64 * 1024;  // bytes of answer buffer an idle connection may keep

// Like kAwait, without a coroutine frame for each operation.
constexpr auto kDirect = asio::as_tuple(asio::deferred);

// A few milliseconds coarse and several times cheaper than steady_clock::now().
SteadyTime coarse_now() noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  return SteadyTime(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

HttpResponse handler_failed(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    base::log_error("a request handler ended by an exception: {}", e.what());
  } catch (...) { base::log_error("a request handler ended by an unknown exception"); }
  return problem_response({500, "internal_error", "the request failed because of a defect in the server"});
}

IncomingLimits limits_of(const HttpServerOptions& options) {
  IncomingLimits limits;
  limits.head.header_max = options.header_max;
  limits.head.target_max = std::min(limits.head.target_max, options.header_max);
  limits.body_max = options.body_max;
  return limits;
}

std::string address_of(const asio::ip::tcp::socket& socket) {
  error_code ec;
  const auto peer = socket.remote_endpoint(ec);
  return ec ? std::string() : peer.address().to_string();
}

}  // namespace

std::unique_ptr<HttpToken> HttpToken::enter(std::shared_ptr<HttpServerState> state,
                                            std::atomic<std::size_t>* counter) {
  if (!state->gate.enter()) return nullptr;
  if (counter != nullptr) counter->fetch_add(1, std::memory_order_relaxed);
  return std::unique_ptr<HttpToken>(new HttpToken(std::move(state), counter));
}

HttpToken::~HttpToken() {
  if (counter_ != nullptr) counter_->fetch_sub(1, std::memory_order_relaxed);
  state_->gate.leave();
}

// ---- shard

void HttpShard::add(HttpConnection& connection) {
  connection.shard_index_ = connections_.size();
  connections_.push_back(&connection);
  if (!is_armed_) arm();
}

void HttpShard::remove(HttpConnection& connection) noexcept {
  const std::size_t index = std::exchange(connection.shard_index_, HttpConnection::kNoIndex);
  if (index == HttpConnection::kNoIndex) return;
  connections_[index] = connections_.back();
  connections_[index]->shard_index_ = index;
  connections_.pop_back();
  // Nothing to watch: the executor must be able to run out of work.
  if (connections_.empty()) timer_.cancel();
}

void HttpShard::arm() {
  is_armed_ = true;
  timer_.expires_after(tick_);
  timer_.async_wait([self = shared_from_this()](error_code) { self->sweep(); });
}

void HttpShard::sweep() {
  is_armed_ = false;
  const SteadyTime now = coarse_now();
  for (HttpConnection* connection : connections_) connection->check(now);
  if (!connections_.empty()) arm();
}

void HttpShard::close_idle() {
  for (HttpConnection* connection : connections_) connection->close_if_idle();
}

void HttpShard::cut() {
  for (HttpConnection* connection : connections_) connection->cut();
}

// ---- connection

// One request of several that run at a time.
struct HttpConnection::Slot {
  IncomingRequest about;  // the request itself has been moved to its handler
  HttpResponse response;
  bool is_done = false;
};

// Lives in pipeline()'s frame, which does not end before every slot is done.
struct HttpConnection::Pipeline {
  explicit Pipeline(asio::any_io_executor executor) : signal(std::move(executor)) {}
  std::deque<Slot> slots;  // in the order of the requests; references stay valid
  base::Signal signal;
  bool is_waiting = false;
  bool may_start = true;  // false after a request that asked to close
};

HttpConnection::HttpConnection(std::unique_ptr<HttpToken> token, std::shared_ptr<HttpShard> shard,
                               asio::ip::tcp::socket socket, Kind kind)
    : token_(std::move(token)),
      state_(token_->state()),
      shard_(std::move(shard)),
      socket_(std::move(socket)),
      in_(limits_of(state_.options), state_.body_limit,
          state_.head_check
              ? HeadCheck([this](const HttpRequest& head) { return state_.head_check(head, peer_); })
              : HeadCheck(),
          state_.spools ? Spools{&state_.spools, &state_.options.spool_folder} : Spools()),
      kind_(kind) {
  peer_.address = address_of(socket_);
  peer_.is_tls = state_.tls != nullptr;
}

HttpConnection::~HttpConnection() { shard_->remove(*this); }

void HttpConnection::check(SteadyTime now) {
  if (now < deadline_) return;
  deadline_ = SteadyTime::max();
  timed_out_ = true;
  error_code ignored;
  socket_.cancel(ignored);
}

void HttpConnection::close_if_idle() {
  if (phase_ == Phase::Idle || phase_ == Phase::Handshake) check(SteadyTime::max());
}

void HttpConnection::cut() {
  is_broken_ = true;
  error_code ignored;
  socket_.close(ignored);
}

void HttpConnection::enter(Phase phase) noexcept {
  phase_ = phase;
  switch (phase) {
    case Phase::Handshake:
    case Phase::Head: deadline_ = coarse_now() + state_.options.header_timeout; break;
    case Phase::Idle: deadline_ = coarse_now() + state_.options.idle_timeout; break;
    case Phase::Body: deadline_ = coarse_now() + state_.options.body_timeout; break;
    case Phase::Writing: deadline_ = coarse_now() + kWriteTimeout; break;
    case Phase::Lingering: deadline_ = coarse_now() + kLinger; break;
    case Phase::Handling: deadline_ = SteadyTime::max(); break;
  }
}

// Deadlines count from the first byte of head and body, so they start at the change of phase only.
void HttpConnection::enter_receiving() noexcept {
  Phase phase = Phase::Idle;
  switch (in_.phase()) {
    case HttpIncoming::Phase::Idle: phase = Phase::Idle; break;
    case HttpIncoming::Phase::Head: phase = Phase::Head; break;
    case HttpIncoming::Phase::Body: phase = Phase::Body; break;
  }
  if (phase != phase_) enter(phase);
}

Task<void> HttpConnection::run() {
  shard_->add(*this);
  if (state_.is_draining.load(std::memory_order_relaxed)) co_return;
  error_code ec;
  socket_.set_option(asio::ip::tcp::no_delay(true), ec);
  socket_.non_blocking(true, ec);
  if (ec) co_return;
  if (kind_ == Kind::Refuse) {
    if (state_.tls) co_return;
    co_await refuse(
        {503, "too_many_connections", "the server has as many connections as it may; try again soon"});
    co_return;
  }
  if (state_.tls && !co_await handshake()) co_return;
  co_await serve();
}

Task<bool> HttpConnection::handshake() {
  tls_ = std::make_unique<asio::ssl::stream<asio::ip::tcp::socket&>>(socket_, *state_.tls);
  enter(Phase::Handshake);
  auto [ec] = co_await tls_->async_handshake(asio::ssl::stream_base::server, kAwait);
  co_return !ec && !timed_out_;
}

Task<void> HttpConnection::serve() {
  for (;;) {
    const HttpIncoming::State state = in_.advance();
    if (state == HttpIncoming::State::Ready) {
      phase_ = Phase::Handling;
      deadline_ = SteadyTime::max();
      IncomingRequest incoming = in_.take();
      if (incoming.keep_alive && in_.advance() == HttpIncoming::State::Ready) {
        co_await pipeline(std::move(incoming));
      } else {
        HttpResponse response;
        try {
          response = co_await state_.handler(std::move(incoming.request), peer_);
        } catch (...) { response = handler_failed(std::current_exception()); }
        if (auto stream = answer(incoming, response, true)) co_await write_stream(std::move(stream));
      }
      if (!is_closing_ && !is_broken_ && in_.advance() == HttpIncoming::State::Ready) continue;
    }
    if (!out_.empty() && !tls_) {  // with the answers of other connections
      auto [ec, count] = co_await shard_->sends().send(socket_, out_, kDirect);
      wrote(ec, count);
    }
    if (!out_.empty()) co_await write_rest();
    if (is_broken_) co_return;
    if (is_closing_) co_return co_await linger();
    if (in_.advance() == HttpIncoming::State::Failed) {
      if (in_.refusal()) co_return co_await refuse(*in_.refusal());
      co_return co_await refuse(in_.fault());
    }
    if (in_.take_continue()) {
      out_ = "HTTP/1.1 100 Continue\r\n\r\n";
      if (!write_now()) co_await write_rest();
      if (is_broken_) co_return;
    }
    enter_receiving();
    if (phase_ == Phase::Idle && state_.is_draining.load(std::memory_order_relaxed)) co_return;
    const std::span<char> space = in_.space();
    const asio::mutable_buffer buffer(space.data(), space.size());
    auto [ec, count] = tls_ ? co_await tls_->async_read_some(buffer, kDirect)
                            : co_await socket_.async_read_some(buffer, kDirect);
    if (ec) {
      const bool is_late = timed_out_ && (phase_ == Phase::Head || phase_ == Phase::Body);
      if (is_late) co_await refuse({408, "request_timeout", "send the whole request without long pauses"});
      co_return;
    }
    timed_out_ = false;
    in_.received(count);
    if (in_.take_progress()) enter(Phase::Body);
  }
}

// Appends one answer. `is_last`: no other request of this connection is being handled.
std::shared_ptr<HttpStream> HttpConnection::answer(const IncomingRequest& incoming,
                                                   const HttpResponse& response, bool is_last) {
  if (is_closing_) return nullptr;  // the client was told that nothing follows
  handler_closes_ |= asks_close(response);
  const bool may_end = is_last && in_.phase() == HttpIncoming::Phase::Idle;
  const bool has_no_size = response.stream && !response.stream->size();
  is_closing_ = !incoming.keep_alive || (has_no_size && incoming.is_http_1_0) ||
                (may_end && (handler_closes_ || state_.is_draining.load(std::memory_order_relaxed)));
  WriteOptions options;
  options.is_chunked = is_chunked_ = has_no_size && !incoming.is_http_1_0;
  options.has_no_length = has_no_size && incoming.is_http_1_0;
  options.is_head = incoming.is_head;
  options.close = is_closing_;
  options.names_keep_alive = incoming.is_http_1_0;
  append_response(out_, response, options);
  return incoming.is_head ? nullptr : response.stream;
}

Task<void> HttpConnection::pipeline(IncomingRequest first) {
  Pipeline p(shard_->executor());
  start(p, std::move(first));
  while (!p.slots.empty()) {
    while (p.may_start && p.slots.size() < state_.options.pipeline_max && !is_broken_ &&
           in_.advance() == HttpIncoming::State::Ready) {
      start(p, in_.take());
    }
    bool has_freed = false;
    while (!p.slots.empty() && p.slots.front().is_done) {
      auto stream = answer(p.slots.front().about, p.slots.front().response, p.slots.size() == 1);
      if (stream) co_await write_stream(std::move(stream));
      p.slots.pop_front();
      has_freed = true;
    }
    if (!out_.empty() && !write_now()) co_await write_rest();
    // Before waiting: buffered requests take the free slots, and the front may be done since.
    if (has_freed || p.slots.front().is_done) continue;
    p.is_waiting = true;
    co_await p.signal.wait();
    p.is_waiting = false;
  }
  phase_ = Phase::Handling;
}

void HttpConnection::start(Pipeline& p, IncomingRequest incoming) {
  p.may_start = incoming.keep_alive;
  HttpRequest request = std::move(incoming.request);
  Slot& slot = p.slots.emplace_back();
  slot.about = std::move(incoming);
  // Not detached: pipeline() waits for the slot, and this connection's token covers it meanwhile.
  asio::co_spawn(shard_->executor(), run_slot(p, slot, std::move(request)), [](const std::exception_ptr& e) {
    if (e) base::log_error("an answer to a pipelined request was lost");
  });
}

Task<void> HttpConnection::run_slot(Pipeline& p, Slot& slot, HttpRequest request) {
  try {
    slot.response = co_await state_.handler(std::move(request), peer_);
  } catch (...) { slot.response = handler_failed(std::current_exception()); }
  slot.is_done = true;
  if (p.is_waiting && &slot == &p.slots.front()) p.signal.set();
}

// Writes what the kernel takes at once. True: nothing is left, or never will be taken.
bool HttpConnection::write_now() {
  if (tls_ || is_broken_) return is_broken_;
  error_code ec;
  while (!out_.empty() && !is_broken_) {
    const std::size_t count =
        socket_.write_some(asio::buffer(out_.data() + written_, out_.size() - written_), ec);
    wrote(ec, count);
    if (ec == asio::error::would_block) return false;
  }
  return true;
}

// Takes note of what went out. `out_` is empty afterwards when that was the rest, or when the rest never
// will.
void HttpConnection::wrote(const error_code& ec, std::size_t count) {
  written_ += count;
  if (ec && ec != asio::error::would_block) is_broken_ = true;
  if (written_ < out_.size() && !is_broken_) return;
  out_.clear();
  written_ = 0;
  if (out_.capacity() > kOutKeep) out_ = std::string();
}

Task<void> HttpConnection::write_rest() {
  while (!out_.empty()) {
    enter(Phase::Writing);
    const asio::const_buffer buffer(out_.data() + written_, out_.size() - written_);
    auto [ec, count] = tls_ ? co_await tls_->async_write_some(buffer, kDirect)
                            : co_await socket_.async_write_some(buffer, kDirect);
    wrote(ec, count);
  }
  deadline_ = SteadyTime::max();
}

Task<void> HttpConnection::write_stream(std::shared_ptr<HttpStream> stream) {
  const auto size = stream->size();
  if (!size) co_return co_await write_endless(std::move(stream));
  for (std::uint64_t left = *size;;) {
    if (!out_.empty() && !write_now()) co_await write_rest();
    if (left == 0 || is_broken_) co_return;
    auto piece = co_await stream->next();
    if (!piece || piece->empty() || piece->size() > left) {
      base::log_warn("an answer is cut off: {}", piece ? "it ended early" : piece.error().message);
      co_return cut();
    }
    left -= piece->size();
    out_ = std::move(*piece);
  }
}

// Of which the length shows at its end only.
Task<void> HttpConnection::write_endless(std::shared_ptr<HttpStream> stream) {
  for (;;) {
    if (!out_.empty() && !write_now()) co_await write_rest();
    if (is_broken_) co_return;
    auto piece = co_await stream->next();
    if (!piece) {
      base::log_debug("an answer is cut off: {}", piece.error().message);
      co_return cut();
    }
    const bool is_end = piece->empty();
    if (is_chunked_) {
      out_ = is_end ? std::string("0\r\n\r\n") : fmt::format("{:x}\r\n{}\r\n", piece->size(), *piece);
    } else {
      out_ = std::move(*piece);
    }
    if (is_end) break;
  }
  if (!out_.empty() && !write_now()) co_await write_rest();
}

// Answers a request that never became one and closes.
Task<void> HttpConnection::refuse(HttpFault fault) {
  HttpResponse response = problem_response(fault);
  if (fault.status == 503) response.headers.emplace_back("Retry-After", "1");
  co_await refuse(std::move(response));
}

Task<void> HttpConnection::refuse(HttpResponse response) {
  timed_out_ = false;
  WriteOptions options;
  options.close = true;
  append_response(out_, response, options);
  if (!write_now()) co_await write_rest();
  if (!is_broken_) co_await linger();
}

// Says that nothing follows and reads until the peer closes too: closing a socket with unread bytes
// resets it, and the reset may overtake the answer (RFC 9112 §9.6).
Task<void> HttpConnection::linger() {
  enter(Phase::Lingering);
  if (tls_) {
    co_await tls_->async_shutdown(kAwait);  // close_notify; whether the peer's comes back does not matter
  }
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  std::array<char, 1024> scratch;
  std::size_t dropped = 0;
  while (dropped < kLingerMax && !timed_out_) {
    auto [ec, count] = co_await socket_.async_read_some(asio::buffer(scratch), kDirect);
    if (ec) co_return;
    dropped += count;
  }
}

void spawn_connection(std::unique_ptr<HttpConnection> connection, const asio::any_io_executor& executor) {
  asio::co_spawn(
      executor, [c = std::move(connection)]() -> Task<void> { co_await c->run(); },
      [](const std::exception_ptr& e) {
        if (!e) return;
        try {
          std::rethrow_exception(e);
        } catch (const std::exception& x) {
          base::log_error("an HTTP connection ended by an exception: {}", x.what());
        }
      });
}

}  // namespace carillon::net::detail
