#include "net/http2_client.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "net/backoff.h"
#include "net/http2_connection.h"

namespace carillon::net {

namespace asio = boost::asio;
using namespace std::chrono_literals;

std::string_view Http2Response::header(std::string_view name) const noexcept {
  for (const auto& [n, value] : headers) {
    if (n == name) return value;
  }
  return {};
}

namespace {

constexpr std::size_t kReadBufferBytes = 64 * 1024;
constexpr std::size_t kAssumedStreams =
    100;  // of a connection not yet opened (RFC 9113 §6.5.2 advises ≥ 100)
constexpr auto kClosePoll = 1ms;

class Client final : public Http2Client, private Http2ConnectionOwner {
 public:
  Client(asio::any_io_executor executor, Http2Options options, Url url, std::shared_ptr<const TlsContext> tls)
      : executor_(std::move(executor)), timer_(executor_) {
    const bool is_default_port = url.port == (url.is_tls() ? 443 : 80);
    const std::string host = url.host.contains(':') ? "[" + url.host + "]" : url.host;
    context_.authority = is_default_port ? host : fmt::format("{}:{}", host, url.port);
    context_.options = std::move(options);
    context_.url = std::move(url);
    context_.tls = std::move(tls);
    context_.read_buffer.resize(kReadBufferBytes);
  }

  void submit(std::span<const Http2Request> requests, Http2Sink& sink, base::Deadline deadline) override {
    if (requests.empty()) return;
    const std::uint64_t due = book().due_tick(deadline);
    for (const Http2Request& request : requests) book().add(request, sink, due);
    arm_timer(std::chrono::steady_clock::now() + Http2Book::kTick);
    if (pumping_ == 0) post_dispatch();
  }

  [[nodiscard]] std::size_t free_streams() const noexcept override {
    if (is_closing_) return 0;
    std::size_t room = 0, used = 0;
    for (const auto& connection : connections_) {
      if (connection->is_draining()) continue;
      ++used;
      room += connection->is_connecting() ? expected_streams() : connection->room();
    }
    const bool may_open = std::chrono::steady_clock::now() >= next_attempt_;
    if (may_open && used < context_.options.connections_max) {
      room += (context_.options.connections_max - used) * expected_streams();
    }
    const std::size_t waiting = context_.book.waiting();
    return room > waiting ? room - waiting : 0;
  }

  [[nodiscard]] std::size_t in_flight() const noexcept override { return context_.book.size(); }

  [[nodiscard]] bool is_healthy() const noexcept override {
    const bool is_any_up = std::ranges::any_of(connections_, [](const auto& c) { return c->is_up(); });
    return is_any_up || !backoff_.has_failed();
  }

  [[nodiscard]] bool speaks_http2() const noexcept override { return speaks_http2_; }

  void renew_connections() override {
    for (const auto& connection : connections_) connection->drain();
    if (pumping_ == 0 && book().waiting() > 0) post_dispatch();
  }

  Task<void> close(base::Deadline deadline) override {
    co_await asio::post(executor_, asio::use_awaitable);  // never from inside a sink or a pump
    is_closing_ = true;
    for (const auto& connection : connections_) {
      if (connection->is_connecting()) connection->abort("client closed");
      else connection->drain();
    }
    book().fail_waiting("client closed");
    while (!connections_.empty() && !deadline.passed()) co_await base::sleep_for(kClosePoll);
    for (const auto& connection : connections_) connection->abort("client closed");
    gate_.close();
    timer_.cancel();
    // What is left are a few handlers and, at worst, a host name look-up.
    while (gate_.count() > 0) {
      book().fail_waiting("client closed");
      co_await base::sleep_for(kClosePoll);
    }
    book().fail_waiting("client closed");
  }

 private:
  Http2Book& book() noexcept { return context_.book; }

  // What a connection is expected to offer before its peer has said so.
  [[nodiscard]] std::size_t expected_streams() const noexcept {
    return std::min(context_.options.streams_max, known_limit_);
  }

  // One wake-up for however many submits came before it.
  void post_dispatch() {
    if (is_posted_ || !gate_.enter()) return;
    is_posted_ = true;
    asio::post(executor_, [this] {
      is_posted_ = false;
      dispatch();
      gate_.leave();
    });
  }

  void dispatch() {
    if (is_closing_) book().fail_waiting("client closed");
    // Another connection begins each time, so that a half-full pool shares the load.
    const std::size_t count = connections_.size();
    if (count > 0) ++first_;
    for (std::size_t i = 0; i < count && book().waiting() > 0; ++i) {
      Http2Connection& connection = *connections_[(first_ + i) % count];
      if (connection.room() > 0) connection.pump();
    }
    open_if_needed();
  }

  // Opens one more connection when requests wait and every standing one is full. One at a time, and
  // only after the last has answered once: APNs allows a single stream until it has seen a valid token.
  void open_if_needed() {
    if (book().waiting() == 0 || is_closing_) return;
    std::size_t used = 0;
    for (const auto& connection : connections_) {
      if (connection->is_draining()) continue;
      ++used;
      if (connection->is_connecting() || connection->room() > 0 || !connection->has_answered()) return;
    }
    const std::size_t max = context_.options.connections_max;
    if (used >= max || connections_.size() >= 2 * max) return;  // twice: those that drain count too
    if (std::chrono::steady_clock::now() < next_attempt_) return;  // the tick asks again
    Http2ConnectionOwner& owner = *this;
    connections_.push_back(std::make_shared<Http2Connection>(executor_, context_, owner));
    gate_.spawn(executor_, "http2 connection",
                [connection = connections_.back()]() -> Task<void> { co_await connection->run(); });
  }

  void on_gone(Http2Connection& connection, const Error* error) override {
    if (connection.stream_limit() > 1) known_limit_ = connection.stream_limit();
    const bool has_answered = connection.has_answered();
    std::erase_if(connections_, [&](const auto& c) { return c.get() == &connection; });
    if (has_answered) {
      backoff_.reset();
      next_attempt_ = {};
    } else if (!is_closing_ && !connection.was_drained()) {
      next_attempt_ = std::chrono::steady_clock::now() + backoff_.next();
    }
    if (error != nullptr) {
      speaks_http2_ = error->code != Errc::FailedPrecondition;
      if (!is_closing_) base::log_warn("http2 {}: {}", context_.url.host, error->message);
      const bool is_any_up = std::ranges::any_of(connections_, [](const auto& c) { return c->is_up(); });
      if (!is_any_up) book().fail_waiting(error->message);
    }
    if (book().waiting() > 0) post_dispatch();
  }

  void on_pump_begin() override { ++pumping_; }
  void on_pump_end() override {
    --pumping_;
    if (book().waiting() == 0 || is_posted_) return;
    const bool has_room = std::ranges::any_of(connections_, [](const auto& c) { return c->room() > 0; });
    if (has_room) post_dispatch();
    else open_if_needed();
  }

  void arm_timer(SteadyTime at) {
    if (at >= timer_at_ || !gate_.enter()) return;
    timer_at_ = at;
    timer_.expires_at(at);  // cancels a later wait
    timer_.async_wait([this](boost::system::error_code ec) {
      if (!ec) on_tick();
      gate_.leave();
    });
  }

  void on_tick() {
    timer_at_ = SteadyTime::max();
    const SteadyTime now = std::chrono::steady_clock::now();
    book().expire(now, [this](Http2Stream& stream) {
      if (stream.connection != nullptr) return stream.connection->cancel(stream);
      book().fail(stream, SendFailure::NotSent, "no free stream before the deadline");
    });
    SteadyTime next = book().size() > 0 ? now + Http2Book::kTick : SteadyTime::max();
    for (const auto& connection : connections_) next = std::min(next, connection->check_silence(now));
    open_if_needed();
    if (next != SteadyTime::max()) arm_timer(next);
  }

  asio::any_io_executor executor_;
  Http2Connection::Context context_;
  std::vector<std::shared_ptr<Http2Connection>> connections_;  // shared with their run() coroutine
  base::TaskGate gate_{"http2 client"};
  asio::steady_timer timer_;
  SteadyTime timer_at_ = SteadyTime::max();
  SteadyTime next_attempt_{};
  Backoff backoff_;
  std::size_t known_limit_ = kAssumedStreams;
  std::size_t first_ = 0;
  int pumping_ = 0;
  bool is_posted_ = false;
  bool is_closing_ = false;
  bool speaks_http2_ = true;
};

}  // namespace

Result<std::unique_ptr<Http2Client>> Http2Client::open(asio::any_io_executor executor, Http2Options options) {
  CARILLON_TRY(Url url, parse_url(options.origin));
  if (url.scheme != "https" && url.scheme != "http") {
    return fail(Errc::InvalidArgument, "origin must begin with https:// or http://");
  }
  if (options.connections_max == 0 || options.streams_max == 0) {
    return fail(Errc::InvalidArgument, "connections_max and streams_max must be at least 1");
  }
  std::shared_ptr<const TlsContext> tls;
  if (url.is_tls()) {
    CARILLON_TRY(tls, TlsContext::open(options.ca_file, "h2"));
  }
  return std::make_unique<Client>(std::move(executor), std::move(options), std::move(url), std::move(tls));
}

}  // namespace carillon::net
