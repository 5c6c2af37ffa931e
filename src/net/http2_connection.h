// One HTTP/2 connection of a client: an nghttp2 session, its socket, and the pump between them.
//
// The pump is a function, not a coroutine: it reads what has arrived, starts waiting requests on
// free streams and writes everything in one go. It runs when the reactor says so or after a submit;
// one coroutine per connection only sees to its birth and death.
#pragma once

#include <nghttp2/nghttp2.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/http2_book.h"
#include "net/tls_client.h"

namespace carillon::net {

// What a connection tells its pool. Called on the executor; the calls may destroy nothing.
class Http2ConnectionOwner {
 public:
  virtual ~Http2ConnectionOwner() = default;
  // run() is about to end. `error`: why it was never connected, else null.
  virtual void on_gone(Http2Connection& connection, const Error* error) = 0;
  // A pump begins or has ended: in between, submit() needs no wake-up of this connection.
  virtual void on_pump_begin() = 0;
  virtual void on_pump_end() = 0;
};

class Http2Connection {
 public:
  // What run() and the sessions need; must outlive the connection.
  struct Context {
    Http2Options options;
    Url url;
    std::string authority;
    std::shared_ptr<const TlsContext> tls;  // null: h2c with prior knowledge
    Http2Book book;
    std::vector<char> read_buffer;  // shared: a pump never suspends
  };

  Http2Connection(boost::asio::any_io_executor executor, Context& context, Http2ConnectionOwner& owner);
  ~Http2Connection();
  Http2Connection(const Http2Connection&) = delete;
  Http2Connection& operator=(const Http2Connection&) = delete;

  // Connects and serves until the connection is closed or lost; all its requests have ended then.
  Task<void> run();
  // One round of work; does nothing while not up. Not to be called from a sink.
  void pump();

  // Takes no new requests; closes once the streams under way have ended. Callable from a sink.
  void drain() noexcept;
  // Ends now: what is under way fails, written as Ambiguous. Callable from a sink.
  void abort(std::string_view why);
  // Ends a request whose deadline has passed. Not to be called from inside a pump.
  void cancel(Http2Stream& stream);
  // Sends a PING after a long silence and gives up when one stays unanswered.
  // Returns when it wants to be called again.
  SteadyTime check_silence(SteadyTime now);

  [[nodiscard]] bool is_up() const noexcept { return state_ == State::Up; }
  [[nodiscard]] bool is_connecting() const noexcept { return state_ == State::Connecting; }
  [[nodiscard]] bool is_draining() const noexcept { return is_draining_; }
  // drain() was called, by the client and not by the peer's GOAWAY.
  [[nodiscard]] bool was_drained() const noexcept { return was_drained_; }
  [[nodiscard]] bool has_answered() const noexcept { return has_answered_; }
  [[nodiscard]] std::size_t stream_limit() const noexcept { return stream_limit_; }
  // Streams that could be started now.
  [[nodiscard]] std::size_t room() const noexcept;

 private:
  enum class State { Connecting, Up, Down };
  struct Callbacks;
  friend struct Callbacks;

  void start_session();
  void read_all();
  void write_all();
  void flush();
  void gather();
  void start(Http2Stream& stream);
  void wait_readable();
  void wait_writable();
  void post_pump();
  void end_wait();
  void break_off(std::string_view why);
  void lose();
  void finish();
  [[nodiscard]] bool is_written(const Http2Stream& stream) const noexcept {
    return stream.end_offset != 0 && stream.end_offset <= flushed_;
  }
  [[nodiscard]] SendFailure failure_of(const Http2Stream& stream) const noexcept {
    return is_written(stream) ? SendFailure::Ambiguous : SendFailure::NotSent;
  }
  [[nodiscard]] std::uint64_t gathered() const noexcept { return flushed_ + out_.size() - out_start_; }

  // nghttp2's call-backs
  int on_frame(const nghttp2_frame& frame);
  void on_frame_sent(const nghttp2_frame& frame);
  void on_stream_end(std::int32_t id, std::uint32_t code);
  void on_header(const nghttp2_frame& frame, std::string_view name, std::string_view value);
  void on_body(std::int32_t id, std::string_view data);
  void on_goaway(const nghttp2_goaway& frame);
  void on_settings();
  int append_data(const nghttp2_frame& frame, const std::uint8_t* head, std::size_t size,
                  Http2Stream& stream);
  [[nodiscard]] Http2Stream* find(std::int32_t id) const noexcept;

  Context& context_;
  Http2Book& book_;
  Http2ConnectionOwner& owner_;
  ClientSocket socket_;
  base::Signal done_;
  nghttp2_session* session_ = nullptr;
  State state_ = State::Connecting;
  QueueLink active_;               // requests under way here
  std::size_t open_streams_ = 0;   // as nghttp2 counts them, cancelled ones included
  std::size_t stream_limit_ = 1;   // one until the peer's SETTINGS arrive
  std::string out_;                // frames gathered; [out_start_, size) is not yet with the kernel
  std::size_t out_start_ = 0;
  std::uint64_t flushed_ = 0;      // bytes of the session the kernel has taken
  std::string broken_;             // why the connection must end; empty while well
  std::string goaway_text_;
  Http2Stream* starting_ = nullptr;
  int waits_ = 0;                  // handlers that will still come
  bool is_reading_ = false, is_writing_ = false;  // a readiness wait is pending
  bool is_posted_ = false;
  bool is_pumping_ = false;
  bool is_draining_ = false;
  bool was_drained_ = false;
  bool has_answered_ = false;
  bool is_ping_out_ = false;
  SteadyTime last_read_;
  SteadyTime ping_sent_;
};

}  // namespace carillon::net
