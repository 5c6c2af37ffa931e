// A small HTTP/2 server whose every move a test decides: what to answer, when, and how to break.
#pragma once

#include <nghttp2/nghttp2.h>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/http.h"
#include "net/tls_certificate_test.h"

namespace carillon::net {

struct PeerRequest {
  std::int32_t id = 0;
  std::string path;
  Headers headers;  // with pseudo-headers
  std::string body;
};

struct PeerOptions {
  bool is_tls = false;
  std::string alpn = "h2";
  const TestCertificate* certificate = &TestCertificate::shared();
  std::optional<std::uint32_t> max_streams = 100;  // in the first SETTINGS
  std::uint32_t initial_window = 65'535;           // per stream, for request bodies
  bool gives_window = true;                        // false: request bodies stop at initial_window
  bool is_mute = false;                            // reads, but never sends a byte
  bool keeps_requests = true;                      // false: measure, remember nothing
};

class PeerConnection;

// All on one executor. Handlers may call anything of their connection.
class Http2Peer {
 public:
  using Handler = std::function<void(PeerConnection&, const PeerRequest&)>;

  inline Http2Peer(boost::asio::any_io_executor executor, PeerOptions options);
  ~Http2Peer() { stop(); }

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  [[nodiscard]] std::string origin() const {
    return (options_.is_tls ? "https://localhost:" : "http://127.0.0.1:") + std::to_string(port());
  }
  // Default: answers 200 without a body.
  Handler on_request;
  // Called when HEADERS of a request arrived, before its body.
  Handler on_head = [](PeerConnection&, const PeerRequest&) {};
  std::function<void(PeerConnection&)> on_ping;  // set: PINGs stay unanswered
  std::vector<PeerRequest> requests;             // complete ones, of all connections
  std::vector<std::uint32_t> resets;             // codes of RST_STREAM frames received
  int goaways = 0;                               // received
  std::vector<std::shared_ptr<PeerConnection>> connections;
  inline void stop();
  inline void stop_listening() { boost::system::error_code ec; acceptor_.close(ec); }

 private:
  friend class PeerConnection;
  inline void accept();
  PeerOptions options_;
  boost::asio::ssl::context tls_{boost::asio::ssl::context::tls_server};
  boost::asio::ip::tcp::acceptor acceptor_;
};

class PeerConnection : public std::enable_shared_from_this<PeerConnection> {
 public:
  PeerConnection(Http2Peer& peer, boost::asio::ip::tcp::socket socket)
      : peer_(peer), stream_(std::move(socket), peer.tls_) {}
  ~PeerConnection() { nghttp2_session_del(session_); }

  inline void answer(std::int32_t id, int status, const Headers& headers = {}, std::string body = {});
  void reset(std::int32_t id, std::uint32_t code) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
    flush();
  }
  void goaway(std::int32_t last_id, const std::string& debug = {}) {
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last_id, NGHTTP2_NO_ERROR,
                          reinterpret_cast<const std::uint8_t*>(debug.data()), debug.size());
    flush();
  }
  void set_max_streams(std::uint32_t count) {
    const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, count};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &entry, 1);
    flush();
  }
  // Raw bytes past nghttp2, for what a correct server would not send.
  void send_raw(std::string bytes) {
    out_ += bytes;
    flush();
  }
  // Stops reading: the client's writes block once the kernel's buffers are full.
  void pause_reading() { is_paused_ = true; }
  void resume_reading() {
    is_paused_ = false;
    read();
  }
  inline void close();
  [[nodiscard]] std::size_t open_streams() const { return open_.size(); }
  std::size_t streams_max_seen = 0;

 private:
  friend class Http2Peer;
  inline void start();
  inline void start_session();
  inline void read();
  inline void write();
  void flush() {
    if (session_ == nullptr || is_closed_ || in_receive_ || peer_.options_.is_mute) return;
    gather();
    write();
  }
  inline void gather();
  static PeerConnection& self(void* user) { return *static_cast<PeerConnection*>(user); }
  inline static nghttp2_session_callbacks* callbacks();

  Http2Peer& peer_;
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
  nghttp2_session* session_ = nullptr;
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
  std::string out_, writing_;
  std::map<std::int32_t, PeerRequest> open_;
  std::map<std::int32_t, std::pair<std::string, std::size_t>> bodies_;  // being sent
  bool is_writing_ = false, is_reading_ = false, is_paused_ = false, is_closed_ = false, in_receive_ = false;
};

// --- Http2Peer --------------------------------------------------------------------------------

Http2Peer::Http2Peer(boost::asio::any_io_executor executor, PeerOptions options)
    : on_request([](PeerConnection& c, const PeerRequest& r) { c.answer(r.id, 200); }),
      options_(std::move(options)),
      acceptor_(executor, {boost::asio::ip::make_address("127.0.0.1"), 0}) {
  if (options_.is_tls) {
    tls_.use_certificate_chain_file(options_.certificate->certificate_file());
    tls_.use_private_key_file(options_.certificate->key_file(), boost::asio::ssl::context::pem);
    SSL_CTX_set_alpn_select_cb(
        tls_.native_handle(),
        [](SSL*, const unsigned char** out, unsigned char* length, const unsigned char* in, unsigned size,
           void* arg) {
          const auto& wanted = *static_cast<const std::string*>(arg);
          for (unsigned i = 0; i < size; i += in[i] + 1U) {
            if (std::string_view(reinterpret_cast<const char*>(in + i + 1), in[i]) != wanted) continue;
            *out = in + i + 1;
            *length = in[i];
            return SSL_TLSEXT_ERR_OK;
          }
          return SSL_TLSEXT_ERR_NOACK;
        },
        &options_.alpn);
  }
  accept();
}

void Http2Peer::accept() {
  acceptor_.async_accept([this](boost::system::error_code ec, boost::asio::ip::tcp::socket socket) {
    if (ec) return;
    connections.push_back(std::make_shared<PeerConnection>(*this, std::move(socket)));
    connections.back()->start();
    accept();
  });
}

void Http2Peer::stop() {
  stop_listening();
  for (auto& connection : connections) connection->close();
}

// --- PeerConnection ---------------------------------------------------------------------------

void PeerConnection::start() {
  stream_.next_layer().set_option(boost::asio::ip::tcp::no_delay(true));
  if (!peer_.options_.is_tls) return start_session();
  stream_.async_handshake(boost::asio::ssl::stream_base::server,
                          [this, self = shared_from_this()](boost::system::error_code ec) {
                            if (!ec && !is_closed_) start_session();
                          });
}

nghttp2_session_callbacks* PeerConnection::callbacks() {
  static nghttp2_session_callbacks* const table = [] {
    nghttp2_session_callbacks* c = nullptr;
    nghttp2_session_callbacks_new(&c);
    nghttp2_session_callbacks_set_on_header_callback(
        c, [](nghttp2_session*, const nghttp2_frame* f, const std::uint8_t* n, std::size_t nl,
              const std::uint8_t* v, std::size_t vl, std::uint8_t, void* u) {
          auto& request = self(u).open_[f->hd.stream_id];
          request.id = f->hd.stream_id;
          if (!self(u).peer_.options_.keeps_requests) return 0;
          request.headers.emplace_back(std::string(reinterpret_cast<const char*>(n), nl),
                                       std::string(reinterpret_cast<const char*>(v), vl));
          if (request.headers.back().first == ":path") request.path = request.headers.back().second;
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        c,
        [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* d, std::size_t n, void* u) {
          if (self(u).peer_.options_.keeps_requests)
            self(u).open_[id].body.append(reinterpret_cast<const char*>(d), n);
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        c, [](nghttp2_session*, const nghttp2_frame* f, void* u) {
          PeerConnection& me = self(u);
          Http2Peer& peer = me.peer_;
          if (f->hd.type == NGHTTP2_RST_STREAM) peer.resets.push_back(f->rst_stream.error_code);
          if (f->hd.type == NGHTTP2_GOAWAY) ++peer.goaways;
          if (f->hd.type == NGHTTP2_PING && (f->hd.flags & NGHTTP2_FLAG_ACK) == 0 && peer.on_ping)
            peer.on_ping(me);
          if (f->hd.type != NGHTTP2_HEADERS && f->hd.type != NGHTTP2_DATA) return 0;
          me.streams_max_seen = std::max(me.streams_max_seen, me.open_.size());
          const auto found = me.open_.find(f->hd.stream_id);
          if (found == me.open_.end()) return 0;
          if (f->hd.type == NGHTTP2_HEADERS) peer.on_head(me, found->second);
          if ((f->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
          const PeerRequest request = std::move(found->second);
          if (peer.options_.keeps_requests) peer.requests.push_back(request);
          peer.on_request(me, request);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        c, [](nghttp2_session*, std::int32_t id, std::uint32_t, void* u) {
          self(u).open_.erase(id);
          self(u).bodies_.erase(id);
          return 0;
        });
    return c;
  }();
  return table;
}

void PeerConnection::start_session() {
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  if (peer_.on_ping) nghttp2_option_set_no_auto_ping_ack(option, 1);
  if (!peer_.options_.gives_window) nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_stream_reset_rate_limit(option, 1'000'000, 1'000'000);  // tests reset many
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_session_server_new2(&session_, callbacks(), this, option);
  nghttp2_option_del(option);
  std::vector<nghttp2_settings_entry> entries{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, peer_.options_.initial_window}};
  if (const auto max = peer_.options_.max_streams)
    entries.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, *max});
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
  flush();
  read();
}

void PeerConnection::read() {
  if (is_reading_ || is_paused_ || is_closed_) return;
  is_reading_ = true;
  auto handler = [this, self = shared_from_this()](boost::system::error_code ec, std::size_t n) {
    is_reading_ = false;
    if (ec || is_closed_) return close();
    in_receive_ = true;
    const auto used =
        nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(buffer_.data()), n);
    in_receive_ = false;
    if (used < 0) return close();
    flush();
    read();
  };
  if (peer_.options_.is_tls) stream_.async_read_some(boost::asio::buffer(buffer_), std::move(handler));
  else stream_.next_layer().async_read_some(boost::asio::buffer(buffer_), std::move(handler));
}

void PeerConnection::gather() {
  for (;;) {
    const std::uint8_t* data = nullptr;
    const auto n = nghttp2_session_mem_send(session_, &data);
    if (n <= 0) return;
    out_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
  }
}

void PeerConnection::write() {
  if (is_writing_ || out_.empty() || is_closed_) return;
  is_writing_ = true;
  writing_.clear();
  std::swap(writing_, out_);
  auto handler = [this, self = shared_from_this()](boost::system::error_code ec, std::size_t) {
    is_writing_ = false;
    if (ec) return close();
    flush();
  };
  if (peer_.options_.is_tls)
    boost::asio::async_write(stream_, boost::asio::buffer(writing_), std::move(handler));
  else boost::asio::async_write(stream_.next_layer(), boost::asio::buffer(writing_), std::move(handler));
}

void PeerConnection::answer(std::int32_t id, int status, const Headers& headers, std::string body) {
  const std::string code = std::to_string(status);
  std::vector<nghttp2_nv> fields;
  const auto add = [&](const std::string& name, const std::string& value) {
    fields.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                      value.size(), NGHTTP2_NV_FLAG_NONE});
  };
  static const std::string kStatus = ":status";
  add(kStatus, code);
  for (const auto& [name, value] : headers) add(name, value);
  nghttp2_data_provider provider{};
  provider.read_callback = [](nghttp2_session*, std::int32_t stream, std::uint8_t* out, std::size_t max,
                              std::uint32_t* flags, nghttp2_data_source*, void* u) -> ssize_t {
    auto& [text, sent] = self(u).bodies_[stream];
    const std::size_t n = std::min(max, text.size() - sent);
    text.copy(reinterpret_cast<char*>(out), n, sent);
    sent += n;
    if (sent == text.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(n);
  };
  const bool has_body = !body.empty();
  if (has_body) bodies_[id] = {std::move(body), 0};
  nghttp2_submit_response(session_, id, fields.data(), fields.size(), has_body ? &provider : nullptr);
  flush();
}

void PeerConnection::close() {
  is_closed_ = true;
  boost::system::error_code ec;
  stream_.next_layer().close(ec);
}

}  // namespace carillon::net
