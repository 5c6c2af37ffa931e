#include "sim/h2_connection.h"

#include <openssl/err.h>
#include <simdjson.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace carillon::sim {
namespace {

using boost::asio::ip::tcp;

constexpr std::size_t kReadChunk = 32 * 1024;  // two TLS records
constexpr std::size_t kReadsPerWakeup = 16;    // then other connections get their turn
constexpr std::size_t kGather = 64 * 1024;     // encoded bytes gathered before TLS sees them
constexpr std::int32_t kWindow = 16 << 20;     // receive window of the connection, bytes
constexpr std::size_t kHeaderListMax = 64 * 1024;
constexpr auto kLinger = std::chrono::seconds(2);

std::string_view view(const nghttp2_rcbuf* buffer) noexcept {
  const nghttp2_vec v = nghttp2_rcbuf_get_buf(const_cast<nghttp2_rcbuf*>(buffer));
  return {reinterpret_cast<const char*>(v.base), v.len};
}

nghttp2_nv field(std::string_view name, std::string_view value, std::uint8_t flags) noexcept {
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          static_cast<std::uint8_t>(flags | NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE)};
}

}  // namespace

H2Exchange& H2Exchange::status(int code) noexcept {
  status_ = {static_cast<char>('0' + code / 100), static_cast<char>('0' + code / 10 % 10),
             static_cast<char>('0' + code % 10)};
  return *this;
}

H2Exchange& H2Exchange::header(std::string_view name, std::string_view value) {
  CARILLON_ASSERT(reply_field_count_ < kReplyFieldsMax);
  ReplyField& reply = reply_fields_[reply_field_count_++];
  reply.name = name;
  reply.value.assign(value);
  return *this;
}

void H2Exchange::respond(Millis delay) {
  if (delay.count() <= 0) return connection_->submit(*this);
  connection_->worker_.answer_later(connection_->shared_from_this(), stream_id_, delay);
}

void H2Exchange::refuse() {
  nghttp2_submit_rst_stream(connection_->http_, NGHTTP2_FLAG_NONE, stream_id_, NGHTTP2_REFUSED_STREAM);
}

// ---- late answers ---------------------------------------------------------------------------------

void H2Worker::answer_later(const std::shared_ptr<H2Connection>& connection, std::int32_t stream_id,
                            Millis delay) {
  if (is_stopping) return;
  late_.push({std::chrono::steady_clock::now() + delay, connection, stream_id});
  arm();
}

void H2Worker::arm() {
  if (late_.empty() || late_.top().due >= armed_for_) return;
  if (!gate.enter()) return;
  armed_for_ = late_.top().due;
  timer_.expires_at(armed_for_);  // ends an older wait, whose handler then does nothing
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) run_due();
    gate.leave();
  });
}

void H2Worker::run_due() {
  armed_for_ = SteadyTime::max();
  const SteadyTime now = std::chrono::steady_clock::now();
  std::unordered_set<std::shared_ptr<H2Connection>> touched;
  while (!late_.empty() && late_.top().due <= now) {
    auto connection = late_.top().connection.lock();
    const std::int32_t stream_id = late_.top().stream_id;
    late_.pop();
    if (!connection) continue;
    connection->respond_now(stream_id);
    touched.insert(std::move(connection));
  }
  for (const auto& connection : touched) connection->flush();
  arm();
}

void H2Worker::stop() {
  is_stopping = true;
  timer_.cancel();
  late_ = {};
  const std::vector<H2Connection*> all(connections.begin(), connections.end());
  for (H2Connection* connection : all) connection->abort();
}

// ---- life -----------------------------------------------------------------------------------------

H2Connection::H2Connection(H2Worker& worker, tcp::socket socket)
    : place_{worker.gate}, worker_(worker), socket_(std::move(socket)), linger_(worker.context) {
  worker_.connections.insert(this);
}

H2Connection::~H2Connection() {
  worker_.connections.erase(this);
  session_.reset();
  if (http_ != nullptr) nghttp2_session_del(http_);
  for (const auto& exchange : exchanges_) {
    for (std::size_t i = 0; i < exchange->held_count_; ++i) nghttp2_rcbuf_decref(exchange->held_[i]);
  }
  if (ssl_ != nullptr) SSL_free(ssl_);
}

void H2Connection::start() {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay(true), ignored);
  ssl_ = SSL_new(worker_.ssl_context);
  if (ssl_ == nullptr || SSL_set_fd(ssl_, static_cast<int>(socket_.native_handle())) != 1) return abort();
  SSL_set_accept_state(ssl_);
  handshake();
}

void H2Connection::abort() {
  if (state_ == State::Closed) return;
  state_ = State::Closed;
  boost::system::error_code ignored;
  linger_.cancel();
  socket_.close(ignored);
}

void H2Connection::handshake() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_);
  if (done == 1) {
    const unsigned char* protocol = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl_, &protocol, &length);
    if (std::string_view(reinterpret_cast<const char*>(protocol), length) != "h2" || !open_session())
      return abort();
    state_ = State::Open;
    flush();
    if (state_ == State::Open) on_readable();  // the client's first frames may have come with its Finished
    return;
  }
  const int error = SSL_get_error(ssl_, done);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return abort();
  const auto kind = error == SSL_ERROR_WANT_READ ? tcp::socket::wait_read : tcp::socket::wait_write;
  socket_.async_wait(kind, [self = shared_from_this()](const boost::system::error_code& failed) {
    if (!failed && self->state_ == State::Handshake) self->handshake();
  });
}

// ---- reading --------------------------------------------------------------------------------------

void H2Connection::wait_readable() {
  socket_.async_wait(tcp::socket::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& failed) {
                       if (failed) return;
                       if (self->state_ == State::Open) self->on_readable();
                       if (self->state_ == State::Draining) self->drain_input();
                     });
}

void H2Connection::on_readable() {
  static thread_local std::array<std::uint8_t, kReadChunk> chunk;
  bool is_more = true;
  bool is_ended = false;
  is_in_batch_ = true;
  for (std::size_t i = 0; i < kReadsPerWakeup && is_more && !is_reset_wanted_; ++i) {
    ERR_clear_error();
    const int got = SSL_read(ssl_, chunk.data(), static_cast<int>(chunk.size()));
    if (got <= 0) {
      is_more = false;
      is_ended = SSL_get_error(ssl_, got) != SSL_ERROR_WANT_READ;
      break;
    }
    const auto used = nghttp2_session_mem_recv(http_, chunk.data(), static_cast<std::size_t>(got));
    if (used < 0) is_ended = true;
    if (is_ended) break;
  }
  is_in_batch_ = false;
  worker_.application.batch_done();
  if (is_reset_wanted_) return reset();
  flush();
  if (state_ != State::Open) return;
  if (is_ended || (nghttp2_session_want_read(http_) == 0 && nghttp2_session_want_write(http_) == 0))
    return abort();
  if (!is_more) return wait_readable();
  boost::asio::post(worker_.context, [self = shared_from_this()] {
    if (self->state_ == State::Open) self->on_readable();
  });
}

// After a graceful close the client's last frames are read and dropped: closing a socket with unread
// input makes the kernel send RST, which may overtake the answers still on their way.
void H2Connection::drain_input() {
  static thread_local std::array<char, kReadChunk> chunk;
  for (;;) {
    boost::system::error_code error;
    const std::size_t got = socket_.read_some(boost::asio::buffer(chunk), error);
    if (error == boost::asio::error::would_block) return wait_readable();
    if (error || got == 0) return abort();
  }
}

// ---- writing --------------------------------------------------------------------------------------

// Fills out_ from nghttp2; false when nothing is left to send.
bool H2Connection::gather_output() {
  out_.clear();
  out_sent_ = 0;
  while (out_.size() < kGather) {
    const std::uint8_t* data = nullptr;
    const auto size = nghttp2_session_mem_send(http_, &data);
    if (size <= 0) break;
    out_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  return !out_.empty();
}

void H2Connection::flush() {
  if (state_ != State::Open || is_write_waiting_) return;
  while (out_sent_ < out_.size() || gather_output()) {
    ERR_clear_error();
    const int sent = SSL_write(ssl_, out_.data() + out_sent_, static_cast<int>(out_.size() - out_sent_));
    if (sent > 0) {
      out_sent_ += static_cast<std::size_t>(sent);
      continue;
    }
    if (SSL_get_error(ssl_, sent) != SSL_ERROR_WANT_WRITE) return abort();
    is_write_waiting_ = true;
    socket_.async_wait(tcp::socket::wait_write,
                       [self = shared_from_this()](const boost::system::error_code& failed) {
                         self->is_write_waiting_ = false;
                         if (!failed) self->flush();
                       });
    return;
  }
  if (goaway_last_ != INT32_MAX && open_count_ == 0) close_gracefully();
}

void H2Connection::close_gracefully() {
  state_ = State::Draining;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  boost::system::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  linger_.expires_after(kLinger);
  linger_.async_wait([self = shared_from_this()](const boost::system::error_code& failed) {
    if (!failed) self->abort();
  });
  // The read wait of on_readable() may be outstanding or not; a second one does no harm.
  wait_readable();
}

// ---- what a vendor may do -------------------------------------------------------------------------

void H2Connection::reset() {
  if (is_in_batch_) {  // nghttp2 is on the stack
    is_reset_wanted_ = true;
    return;
  }
  boost::system::error_code ignored;
  socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
  abort();
}

void H2Connection::go_away(std::string_view debug) {
  if (goaway_last_ != INT32_MAX) return;
  goaway_last_ = last_begun_;
  nghttp2_submit_goaway(http_, NGHTTP2_FLAG_NONE, goaway_last_, NGHTTP2_NO_ERROR,
                        reinterpret_cast<const std::uint8_t*>(debug.data()), debug.size());
}

void H2Connection::set_streams_max(std::uint32_t count) {
  const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, count};
  nghttp2_submit_settings(http_, NGHTTP2_FLAG_NONE, &entry, 1);
}

// ---- streams --------------------------------------------------------------------------------------

H2Exchange* H2Connection::exchange_of(std::int32_t stream_id) {
  if (current_ != nullptr && current_->stream_id_ == stream_id) return current_;
  return static_cast<H2Exchange*>(nghttp2_session_get_stream_user_data(http_, stream_id));
}

H2Exchange* H2Connection::begin(std::int32_t stream_id) {
  if (free_.empty()) {
    exchanges_.push_back(std::make_unique<H2Exchange>());
    free_.push_back(exchanges_.back().get());
    free_.back()->connection_ = this;
    free_.back()->body_.reserve(1024 + simdjson::SIMDJSON_PADDING);
  }
  H2Exchange* exchange = free_.back();
  free_.pop_back();
  exchange->stream_id_ = stream_id;
  exchange->method_ = exchange->path_ = {};
  exchange->field_count_ = exchange->held_count_ = exchange->reply_field_count_ = 0;
  exchange->body_.clear();
  exchange->reply_body_.clear();
  exchange->body_size_ = exchange->reply_sent_ = 0;
  exchange->status_ = {'2', '0', '0'};
  nghttp2_session_set_stream_user_data(http_, stream_id, exchange);
  last_begun_ = stream_id;
  ++open_count_;
  return exchange;
}

void H2Connection::release(H2Exchange* exchange) {
  for (std::size_t i = 0; i < exchange->held_count_; ++i) nghttp2_rcbuf_decref(exchange->held_[i]);
  exchange->held_count_ = 0;
  exchange->stream_id_ = 0;
  if (current_ == exchange) current_ = nullptr;
  free_.push_back(exchange);
  --open_count_;
}

void H2Connection::submit(H2Exchange& exchange) {
  std::array<nghttp2_nv, H2Exchange::kReplyFieldsMax + 1> fields;
  fields[0] = field(":status", std::string_view(exchange.status_.data(), 3), NGHTTP2_NV_FLAG_NONE);
  for (std::size_t i = 0; i < exchange.reply_field_count_; ++i) {
    const auto& reply = exchange.reply_fields_[i];
    fields[i + 1] = field(reply.name, reply.value, NGHTTP2_NV_FLAG_NO_INDEX);  // ids never repeat
  }
  nghttp2_data_provider body{};
  body.source.ptr = &exchange;
  body.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* target, std::size_t room,
                          std::uint32_t* flags, nghttp2_data_source* source, void*) -> ::ssize_t {
    auto& from = *static_cast<H2Exchange*>(source->ptr);
    const std::size_t count = std::min(room, from.reply_body_.size() - from.reply_sent_);
    std::memcpy(target, from.reply_body_.data() + from.reply_sent_, count);
    from.reply_sent_ += count;
    if (from.reply_sent_ == from.reply_body_.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<::ssize_t>(count);
  };
  nghttp2_submit_response(http_, exchange.stream_id_, fields.data(), exchange.reply_field_count_ + 1,
                          exchange.reply_body_.empty() ? nullptr : &body);
}

void H2Connection::respond_now(std::int32_t stream_id) {
  if (state_ != State::Open) return;
  if (H2Exchange* exchange = exchange_of(stream_id); exchange != nullptr) submit(*exchange);
}

// ---- nghttp2 --------------------------------------------------------------------------------------

struct H2Connection::Callbacks {
  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& c = *static_cast<H2Connection*>(user);
    c.current_ = nullptr;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    if (frame->hd.stream_id <= c.goaway_last_) c.current_ = c.begin(frame->hd.stream_id);
    return 0;
  }

  static int header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name, nghttp2_rcbuf* value,
                    std::uint8_t, void* user) {
    auto& c = *static_cast<H2Connection*>(user);
    if (c.current_ == nullptr || c.current_->stream_id_ != frame->hd.stream_id) return 0;
    H2Exchange& x = *c.current_;
    const std::string_view n = view(name);
    const std::string_view v = view(value);
    if (x.held_count_ + 2 > x.held_.size()) return 0;
    const bool is_pseudo = n.starts_with(':');
    if (is_pseudo) {
      if (n == ":method") {
        x.method_ = v;
      } else if (n == ":path") {
        x.path_ = v;
      } else {
        return 0;
      }
    } else if (x.field_count_ < H2Exchange::kFieldsMax) {
      x.fields_[x.field_count_++] = {n, v};
    } else {
      return 0;
    }
    nghttp2_rcbuf_incref(name);
    nghttp2_rcbuf_incref(value);
    x.held_[x.held_count_++] = name;
    x.held_[x.held_count_++] = value;
    return 0;
  }

  static int data(nghttp2_session*, std::uint8_t, std::int32_t stream_id, const std::uint8_t* bytes,
                  std::size_t size, void* user) {
    auto& c = *static_cast<H2Connection*>(user);
    H2Exchange* x = c.exchange_of(stream_id);
    if (x == nullptr) return 0;
    x->body_size_ += size;
    const std::size_t room = H2Exchange::kBodyMax - x->body_.size();
    x->body_.append(reinterpret_cast<const char*>(bytes), std::min(size, room));
    return 0;
  }

  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& c = *static_cast<H2Connection*>(user);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    H2Exchange* x = c.exchange_of(frame->hd.stream_id);
    if (x == nullptr || c.is_reset_wanted_) return 0;
    x->body_.reserve(x->body_.size() + simdjson::SIMDJSON_PADDING);
    c.session_->on_request(*x);
    return 0;
  }

  static int stream_closed(nghttp2_session*, std::int32_t stream_id, std::uint32_t, void* user) {
    auto& c = *static_cast<H2Connection*>(user);
    if (H2Exchange* x = c.exchange_of(stream_id); x != nullptr) c.release(x);
    return 0;
  }
};

bool H2Connection::open_session() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return false;
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback2(callbacks, Callbacks::header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::stream_closed);
  nghttp2_option_new(&option);
  nghttp2_option_set_no_closed_streams(option, 1);
  const int made = nghttp2_session_server_new2(&http_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  if (made != 0) return false;
  session_ = worker_.application.connected(*this);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, worker_.application.streams_at_first()},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kHeaderListMax},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}};
  nghttp2_submit_settings(http_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(http_, NGHTTP2_FLAG_NONE, 0, kWindow);
  return true;
}

}  // namespace carillon::sim
