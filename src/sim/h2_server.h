// HTTP/2 over TLS for the push vendors: nghttp2 sessions on OpenSSL and Asio, built for throughput.
//
// One reading of the socket feeds nghttp2, which calls the application for every complete request; all
// answers of that wake-up leave together. The application answers at once or later, or not at all.
#pragma once

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace carillon::sim {

class H2Connection;

// One header field of a request; points into nghttp2's reference-counted buffers.
struct H2Field {
  std::string_view name, value;
};

// A request and the place its answer goes to. Owned by its connection and reused; valid until the
// stream ends. All calls on the connection's thread, at most one of the answering ones.
class H2Exchange {
 public:
  static constexpr std::size_t kFieldsMax = 40;       // further fields are dropped
  static constexpr std::size_t kBodyMax = 64 * 1024;  // bytes kept; body_size() counts all

  [[nodiscard]] std::string_view method() const noexcept { return method_; }
  [[nodiscard]] std::string_view path() const noexcept { return path_; }
  // Without pseudo-headers, in order, names in lower case.
  [[nodiscard]] std::span<const H2Field> fields() const noexcept { return {fields_.data(), field_count_}; }
  // Has room for SIMDJSON_PADDING behind its end.
  [[nodiscard]] const std::string& body() const noexcept { return body_; }
  [[nodiscard]] std::size_t body_size() const noexcept { return body_size_; }

  // Builds the answer in memory that is reused. `name` must be a literal; values are copied.
  H2Exchange& status(int code) noexcept;  // 200 to 599
  H2Exchange& header(std::string_view name, std::string_view value);
  std::string& reply_body() noexcept { return reply_body_; }
  // Sends it `delay` from now (0: with this wake-up). Does nothing when the stream is gone by then.
  void respond(Millis delay);

  // RST_STREAM(REFUSED_STREAM): not processed, may be sent again.
  void refuse();
  // The stream stays open and silent until the client gives up.
  void leave_unanswered() noexcept {}

 private:
  friend class H2Connection;
  static constexpr std::size_t kReplyFieldsMax = 4;
  struct ReplyField {
    std::string_view name;
    std::string value;
  };

  H2Connection* connection_ = nullptr;
  std::int32_t stream_id_ = 0;
  std::string_view method_, path_;
  std::array<H2Field, kFieldsMax> fields_;
  std::array<nghttp2_rcbuf*, (kFieldsMax + 4) * 2> held_{};
  std::size_t field_count_ = 0, held_count_ = 0;
  std::string body_;
  std::size_t body_size_ = 0;
  std::array<char, 3> status_{'2', '0', '0'};
  std::array<ReplyField, kReplyFieldsMax> reply_fields_;
  std::size_t reply_field_count_ = 0;
  std::string reply_body_;
  std::size_t reply_sent_ = 0;
};

// What an application may do to the connection a request came on.
class H2Peer {
 public:
  virtual ~H2Peer() = default;
  // TCP RST at the end of this call-back; everything not yet sent is lost.
  virtual void reset() = 0;
  // GOAWAY naming the last request seen; later ones are ignored, the connection closes when all earlier
  // ones were answered. `debug` is its opaque data.
  virtual void go_away(std::string_view debug) = 0;
  // Announces a new SETTINGS_MAX_CONCURRENT_STREAMS.
  virtual void set_streams_max(std::uint32_t count) = 0;
};

// The vendor's side of one connection.
class H2Session {
 public:
  virtual ~H2Session() = default;
  virtual void on_request(H2Exchange& exchange) = 0;
};

// A vendor. Shared by all threads.
class H2Application {
 public:
  virtual ~H2Application() = default;
  // Called on the connection's thread; `peer` outlives the session.
  virtual std::unique_ptr<H2Session> connected(H2Peer& peer) = 0;
  // After the requests of one wake-up, before their answers are sent.
  virtual void batch_done() = 0;
  [[nodiscard]] virtual std::uint32_t streams_at_first() const noexcept = 0;
};

struct H2ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one
  std::string certificate_file, key_file;
  std::size_t connections_max = 4096;  // further ones are closed at once
};

class H2Server {
 public:
  // Listens; connections are spread over `contexts`, each run by one thread. `application` and the
  // contexts must outlive the server. Errors: InvalidArgument (address, certificate) · Unavailable (port).
  static Result<std::unique_ptr<H2Server>> open(std::vector<boost::asio::io_context*> contexts,
                                                H2ServerOptions options, H2Application& application);
  virtual ~H2Server() = default;
  [[nodiscard]] virtual std::uint16_t port() const noexcept = 0;
  // Closes listener and connections and waits for their last handler. Blocks the calling thread, which
  // must not run the contexts; the contexts must be running.
  virtual void stop() = 0;
};

}  // namespace carillon::sim
