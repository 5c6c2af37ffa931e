#include "net/http2_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace carillon::net {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kGatherBytes = 64 * 1024;       // output gathered before it is written
constexpr std::size_t kReadBytesPerPump = 1024 * 1024;  // then other connections get their turn
constexpr std::size_t kFieldsMax = 64;                // request header fields
constexpr std::size_t kResponseHeadersMax = 64;       // further ones are dropped
constexpr std::size_t kResponseHeaderBytesMax = 16 * 1024;
constexpr std::size_t kGoawayTextMax = 200;           // bytes of debug data kept
constexpr std::uint32_t kStreamWindowBytes = 1024 * 1024;
constexpr std::int32_t kConnectionWindowBytes = 16 * 1024 * 1024;
constexpr std::uint8_t kFrameHeadBytes = 9;           // RFC 9113 §4.1
constexpr std::size_t kFlagsOffset = 4;               // of the flags within a frame head
constexpr std::uint32_t kLastStreamId = (1U << 31) - 1024;  // ids run out: a new connection is due

// Printable ASCII only: the text comes from the peer and goes into logs.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, kGoawayTextMax));
  std::replace_if(out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '.');
  return out;
}

nghttp2_nv field(std::string_view name, std::string_view value, bool never_index = false) noexcept {
  const auto bytes = [](std::string_view s) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(s.data()));
  };
  const int flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE |
                    (never_index ? NGHTTP2_NV_FLAG_NO_INDEX : 0);
  return {bytes(name), bytes(value), name.size(), value.size(), static_cast<std::uint8_t>(flags)};
}

}  // namespace

// From nghttp2's C call-backs to members.
struct Http2Connection::Callbacks {
  static Http2Connection& self(void* user) { return *static_cast<Http2Connection*>(user); }

  static nghttp2_session_callbacks* table() {
    static nghttp2_session_callbacks* const instance = [] {
      nghttp2_session_callbacks* c = nullptr;
      CARILLON_ASSERT(nghttp2_session_callbacks_new(&c) == 0);
      nghttp2_session_callbacks_set_on_frame_recv_callback(
          c, [](nghttp2_session*, const nghttp2_frame* f, void* u) { return self(u).on_frame(*f); });
      nghttp2_session_callbacks_set_on_frame_send_callback(
          c, [](nghttp2_session*, const nghttp2_frame* f, void* u) { return self(u).on_frame_sent(*f), 0; });
      nghttp2_session_callbacks_set_on_stream_close_callback(
          c, [](nghttp2_session*, std::int32_t id, std::uint32_t code, void* u) {
            return self(u).on_stream_end(id, code), 0;
          });
      nghttp2_session_callbacks_set_on_header_callback(
          c, [](nghttp2_session*, const nghttp2_frame* f, const std::uint8_t* n, std::size_t nl,
                const std::uint8_t* v, std::size_t vl, std::uint8_t, void* u) {
            self(u).on_header(*f, {reinterpret_cast<const char*>(n), nl},
                              {reinterpret_cast<const char*>(v), vl});
            return 0;
          });
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
          c, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* d, std::size_t n,
                void* u) { return self(u).on_body(id, {reinterpret_cast<const char*>(d), n}), 0; });
      nghttp2_session_callbacks_set_send_data_callback(
          c, [](nghttp2_session*, nghttp2_frame* f, const std::uint8_t* head, std::size_t n,
                nghttp2_data_source* source, void* u) {
            return self(u).append_data(*f, head, n, *static_cast<Http2Stream*>(source->ptr));
          });
      return c;
    }();
    return instance;
  }

  static ssize_t read_body(nghttp2_session* session, std::int32_t id, std::uint8_t*, std::size_t max,
                           std::uint32_t* flags, nghttp2_data_source* source, void*) {
    // A withdrawn request's body is gone; its RST_STREAM is on the way.
    if (nghttp2_session_get_stream_user_data(session, id) == nullptr)
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const auto& stream = *static_cast<const Http2Stream*>(source->ptr);
    const std::size_t left = stream.body.size() - stream.body_sent;
    const std::size_t n = std::min(left, max);
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (n == left) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(n);
  }
};

Http2Connection::Http2Connection(asio::any_io_executor executor, Context& context,
                                 Http2ConnectionOwner& owner)
    : context_(context),
      book_(context.book),
      owner_(owner),
      socket_(executor, context.tls),
      done_(executor) {}

Http2Connection::~Http2Connection() {
  CARILLON_ASSERT(active_.empty() && waits_ == 0);
  nghttp2_session_del(session_);
}

Task<void> Http2Connection::run() {
  const auto deadline = base::Deadline::after(context_.options.connect_timeout);
  const auto connected = co_await socket_.connect(context_.url.host, context_.url.port, deadline);
  if (!connected || !broken_.empty()) {
    state_ = State::Down;
    const Error error = connected ? Error{Errc::Cancelled, broken_} : connected.error();
    owner_.on_gone(*this, &error);
    co_return;
  }
  start_session();
  pump();
  while (state_ != State::Down || waits_ > 0) co_await done_.wait();
  owner_.on_gone(*this, nullptr);
}

void Http2Connection::start_session() {
  state_ = State::Up;
  last_read_ = std::chrono::steady_clock::now();
  nghttp2_option* option = nullptr;
  CARILLON_ASSERT(nghttp2_option_new(&option) == 0);
  nghttp2_option_set_max_reserved_remote_streams(option, 0);
  CARILLON_ASSERT(nghttp2_session_client_new2(&session_, Callbacks::table(), this, option) == 0);
  nghttp2_option_del(option);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kResponseHeaderBytesMax * 4},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindowBytes);
}

std::size_t Http2Connection::room() const noexcept {
  if (state_ != State::Up || is_draining_ || !broken_.empty() || stream_limit_ <= open_streams_) return 0;
  return stream_limit_ - open_streams_;
}

// --- the pump -------------------------------------------------------------------------------

void Http2Connection::pump() {
  if (state_ != State::Up) return;
  CARILLON_ASSERT(!is_pumping_);
  is_pumping_ = true;
  owner_.on_pump_begin();
  read_all();
  if (broken_.empty()) write_all();
  const bool is_idle = open_streams_ == 0 && out_.empty();
  if (!(is_draining_ && is_idle) && nghttp2_session_want_read(session_) == 0 && out_.empty()) {
    break_off("the peer violated the protocol");  // nghttp2 has sent its GOAWAY and ignores all input
  }
  // A failed write may hide answers or a GOAWAY that arrived before it: they decide what was sent.
  if (!broken_.empty()) read_all();
  if (!broken_.empty()) {
    lose();
  } else if (is_draining_ && is_idle) {
    finish();
  } else if (!is_posted_) {
    wait_readable();
  }
  is_pumping_ = false;
  owner_.on_pump_end();
}

void Http2Connection::read_all() {
  auto& buffer = context_.read_buffer;
  std::size_t total = 0;
  while (total < kReadBytesPerPump) {
    const IoResult got = socket_.read(buffer.data(), buffer.size());
    switch (got.state) {
      case IoResult::State::Done: {
        total += got.bytes;
        const auto used = nghttp2_session_mem_recv(
            session_, reinterpret_cast<const std::uint8_t*>(buffer.data()), got.bytes);
        if (used < 0) return break_off(nghttp2_strerror(static_cast<int>(used)));
        break;
      }
      case IoResult::State::WouldWrite: wait_writable(); [[fallthrough]];
      case IoResult::State::WouldRead:
        if (total > 0) last_read_ = std::chrono::steady_clock::now();
        return;
      case IoResult::State::Closed:
      case IoResult::State::Failed: return break_off(socket_.error_text());
    }
  }
  last_read_ = std::chrono::steady_clock::now();
  post_pump();
}

void Http2Connection::write_all() {
  for (;;) {
    flush();
    if (!out_.empty() || !broken_.empty()) return;
    gather();
    // Each request is gathered right after its start: headers and body stay together on the wire,
    // and nothing of the caller's headers is referred to afterwards.
    while (out_.size() < kGatherBytes && room() > 0) {
      Http2Stream* const stream = book_.take_waiting();
      if (stream == nullptr) break;
      start(*stream);
    }
    if (out_.empty()) return;
  }
}

void Http2Connection::flush() {
  while (out_start_ < out_.size()) {
    const IoResult put = socket_.write(out_.data() + out_start_, out_.size() - out_start_);
    switch (put.state) {
      case IoResult::State::Done:
        out_start_ += put.bytes;
        flushed_ += put.bytes;
        break;
      case IoResult::State::WouldWrite: wait_writable(); [[fallthrough]];
      case IoResult::State::WouldRead: return;
      case IoResult::State::Closed:
      case IoResult::State::Failed: return break_off(socket_.error_text());
    }
  }
  out_.clear();
  out_start_ = 0;
}

void Http2Connection::gather() {
  for (;;) {
    const std::uint8_t* data = nullptr;
    const auto n = nghttp2_session_mem_send(session_, &data);
    if (n < 0) return break_off(nghttp2_strerror(static_cast<int>(n)));
    if (n == 0) return;
    out_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
  }
}

void Http2Connection::start(Http2Stream& stream) {
  if (stream.fields.size() > kFieldsMax) {
    return book_.fail(stream, SendFailure::NotSent, "too many header fields");
  }
  std::array<nghttp2_nv, kFieldsMax + 5> fields;
  std::size_t count = 0;
  fields[count++] = field(":method", stream.method);
  fields[count++] = field(":scheme", context_.url.scheme);
  fields[count++] = field(":authority", context_.authority);
  fields[count++] = field(":path", stream.path);
  for (const Http2Request::Field& f : stream.fields) fields[count++] = field(f.name, f.value, f.never_index);
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = &Callbacks::read_body;
  if (!stream.body.empty()) {
    char* const text = stream.length_text.data();
    const auto end = std::to_chars(text, text + stream.length_text.size(), stream.body.size());
    fields[count++] = field("content-length", {text, static_cast<std::size_t>(end.ptr - text)});
  }
  const std::int32_t id = nghttp2_submit_request(session_, nullptr, fields.data(), count,
                                                 stream.body.empty() ? nullptr : &provider, &stream);
  if (id < 0) {
    book_.give_back(stream);
    if (id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE) return drain();
    return break_off(nghttp2_strerror(id));
  }
  stream.connection = this;
  stream.id = id;
  active_.push_back(stream);
  ++open_streams_;
  if (static_cast<std::uint32_t>(id) >= kLastStreamId) drain();
  starting_ = &stream;
  gather();
  if (starting_ != nullptr && broken_.empty() && nghttp2_session_find_stream(session_, id) == nullptr) {
    --open_streams_;  // nghttp2 refused the frame without ever opening the stream
    book_.fail(stream, SendFailure::NotSent, "request could not be encoded");
  }
  starting_ = nullptr;
}

void Http2Connection::post_pump() {
  if (is_posted_) return;
  is_posted_ = true;
  ++waits_;
  asio::post(socket_.socket().get_executor(), [this] {
    is_posted_ = false;
    pump();
    end_wait();
  });
}

void Http2Connection::wait_readable() {
  if (is_reading_) return;
  is_reading_ = true;
  ++waits_;
  socket_.socket().async_wait(asio::ip::tcp::socket::wait_read, [this](boost::system::error_code) {
    is_reading_ = false;
    socket_.readable();
    pump();
    end_wait();
  });
}

void Http2Connection::wait_writable() {
  if (is_writing_) return;
  is_writing_ = true;
  ++waits_;
  socket_.socket().async_wait(asio::ip::tcp::socket::wait_write, [this](boost::system::error_code) {
    is_writing_ = false;
    pump();
    end_wait();
  });
}

void Http2Connection::end_wait() {
  if (--waits_ == 0 && state_ == State::Down) done_.set();
}

// --- endings --------------------------------------------------------------------------------

void Http2Connection::break_off(std::string_view why) {
  if (broken_.empty()) broken_ = why.empty() ? "connection broken" : std::string(why);
}

void Http2Connection::abort(std::string_view why) {
  break_off(why);
  if (state_ == State::Connecting) {
    socket_.close();
  } else if (state_ == State::Up && !is_pumping_) {
    post_pump();
  }
}

void Http2Connection::drain() noexcept {
  is_draining_ = true;
  was_drained_ = true;
  if (state_ == State::Up && !is_pumping_) post_pump();
}

// The connection is lost: what was written may have been acted upon, the rest was not.
void Http2Connection::lose() {
  state_ = State::Down;
  socket_.close();
  const std::string why = goaway_text_.empty()
                              ? "connection lost: " + broken_
                              : fmt::format("connection lost after {}: {}", goaway_text_, broken_);
  while (!active_.empty()) {
    Http2Stream& stream = Http2Stream::of(*active_.next);
    if (stream.is_complete) book_.respond(stream);
    else book_.fail(stream, failure_of(stream), why);
  }
  open_streams_ = 0;
  done_.set();
}

void Http2Connection::finish() {
  nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
  gather();
  flush();
  break_off("closed");
  lose();
}

void Http2Connection::cancel(Http2Stream& stream) {
  const bool was_written = is_written(stream);
  SendFailure failure = failure_of(stream);
  if (!was_written && stream.end_offset != 0) {
    // Complete in our buffer. Taking END_STREAM out of the frame head keeps it from ever being a
    // request; impossible once the head is encrypted or partly with the kernel.
    const std::uint64_t fixed = flushed_ + socket_.pending_write();
    if (stream.end_frame != 0 && stream.end_frame >= fixed) {
      char& flags = out_[out_start_ + static_cast<std::size_t>(stream.end_frame - flushed_) + kFlagsOffset];
      flags = static_cast<char>(flags & ~NGHTTP2_FLAG_END_STREAM);
    } else {
      failure = SendFailure::Ambiguous;
    }
  }
  nghttp2_session_set_stream_user_data(session_, stream.id, nullptr);
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_CANCEL);
  // Silence since before this request is a hint that nobody is there any more: ask.
  if (was_written && !is_ping_out_ && std::chrono::steady_clock::now() - last_read_ > 1s) {
    is_ping_out_ = true;
    ping_sent_ = std::chrono::steady_clock::now();
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  }
  book_.fail(stream, failure,
             was_written ? "no answer before the deadline" : "not fully written before the deadline");
  post_pump();
}

SteadyTime Http2Connection::check_silence(SteadyTime now) {
  if (state_ != State::Up) return SteadyTime::max();
  if (is_ping_out_) {
    const SteadyTime give_up_at = ping_sent_ + context_.options.ping_timeout;
    if (now < give_up_at) return give_up_at;
    abort("PING was not answered");
    return SteadyTime::max();
  }
  const SteadyTime ping_at = last_read_ + context_.options.ping_after;
  if (now < ping_at) return ping_at;
  is_ping_out_ = true;
  ping_sent_ = now;
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  post_pump();
  return now + context_.options.ping_timeout;
}

// --- nghttp2's call-backs -------------------------------------------------------------------

Http2Stream* Http2Connection::find(std::int32_t id) const noexcept {
  return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session_, id));
}

int Http2Connection::on_frame(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
      if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        if (Http2Stream* stream = find(frame.hd.stream_id); stream != nullptr) {
          stream->is_complete = stream->status >= 200;
          // Answered early: the rest of the body is not wanted (RFC 9113 §8.1).
          if (stream->body_sent < stream->body.size()) {
            nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
          }
        }
      }
      break;
    case NGHTTP2_SETTINGS:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) == 0) on_settings();
      break;
    case NGHTTP2_PING:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) is_ping_out_ = false;
      break;
    case NGHTTP2_GOAWAY: on_goaway(frame.goaway); break;
    default: break;
  }
  return 0;
}

void Http2Connection::on_settings() {
  const std::uint32_t peer =
      nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  stream_limit_ = std::min<std::size_t>(peer, context_.options.streams_max);
}

void Http2Connection::on_goaway(const nghttp2_goaway& frame) {
  is_draining_ = true;
  goaway_text_ = fmt::format("GOAWAY {}", nghttp2_http2_strerror(frame.error_code));
  if (frame.opaque_data_len > 0) {
    goaway_text_ += ' ';
    goaway_text_ += printable({reinterpret_cast<const char*>(frame.opaque_data), frame.opaque_data_len});
  }
}

void Http2Connection::on_frame_sent(const nghttp2_frame& frame) {
  // Bodies are accounted in append_data(); this is for requests without one.
  if (frame.hd.type != NGHTTP2_HEADERS || (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return;
  if (Http2Stream* stream = find(frame.hd.stream_id); stream != nullptr) stream->end_offset = gathered();
}

int Http2Connection::append_data(const nghttp2_frame& frame, const std::uint8_t* head, std::size_t size,
                                 Http2Stream& stream) {
  if (out_.size() >= 2 * kGatherBytes) return NGHTTP2_ERR_WOULDBLOCK;
  const std::uint64_t begin = gathered();
  out_.append(reinterpret_cast<const char*>(head), kFrameHeadBytes);
  out_.append(stream.body.substr(stream.body_sent, size));
  stream.body_sent += size;
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    stream.end_frame = begin;
    stream.end_offset = gathered();
  }
  return 0;
}

void Http2Connection::on_header(const nghttp2_frame& frame, std::string_view name, std::string_view value) {
  Http2Stream* const stream = find(frame.hd.stream_id);
  if (stream == nullptr) return;
  if (name == ":status") {  // a final response replaces an interim one (1xx)
    stream->status = 0;
    std::from_chars(value.data(), value.data() + value.size(), stream->status);
    stream->header_count = 0;
    stream->header_bytes = 0;
    return;
  }
  stream->header_bytes += name.size() + value.size();
  if (stream->header_count >= kResponseHeadersMax || stream->header_bytes > kResponseHeaderBytesMax) return;
  if (stream->header_count == stream->headers.size()) stream->headers.emplace_back();
  auto& entry = stream->headers[stream->header_count++];
  entry.first = name;
  entry.second = value;
}

void Http2Connection::on_body(std::int32_t id, std::string_view data) {
  Http2Stream* const stream = find(id);
  if (stream == nullptr || stream->is_complete) return;
  const std::size_t left = context_.options.response_body_max - stream->response_body.size();
  stream->response_body.append(data.substr(0, left));
  if (data.size() > left) {  // cut off: the answer is what came so far
    stream->is_complete = stream->status >= 200;
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  }
}

void Http2Connection::on_stream_end(std::int32_t id, std::uint32_t code) {
  Http2Stream* const stream = find(id);
  --open_streams_;
  if (stream == starting_) starting_ = nullptr;
  if (stream == nullptr) return;
  if (stream->is_complete) {
    has_answered_ = true;
    return book_.respond(*stream);
  }
  // RFC 9113 §8.7 promises that neither a refused stream nor one above GOAWAY's last id (nghttp2
  // closes those as refused) was acted upon.
  const bool was_refused = code == NGHTTP2_REFUSED_STREAM;
  const SendFailure failure = was_refused ? SendFailure::NotSent : failure_of(*stream);
  std::string detail = fmt::format("stream ended: {}", nghttp2_http2_strerror(code));
  if (!goaway_text_.empty()) detail += " after " + goaway_text_;
  book_.fail(*stream, failure, detail);
}

}  // namespace carillon::net
