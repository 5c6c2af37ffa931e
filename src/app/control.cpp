#include "app/control.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"

namespace carillon::app {
namespace {

namespace asio = boost::asio;
using local = asio::local::stream_protocol;

constexpr std::size_t kPathMax = 107;                  // sun_path, less the final zero
constexpr std::size_t kMessageMax = 64 * 1024 * 1024;  // bytes of one request or answer

std::array<std::uint8_t, 4> length_prefix(std::size_t size) {
  return {static_cast<std::uint8_t>(size >> 24), static_cast<std::uint8_t>(size >> 16),
          static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
}
std::size_t length_of(const std::array<std::uint8_t, 4>& p) {
  return (static_cast<std::size_t>(p[0]) << 24) | (static_cast<std::size_t>(p[1]) << 16) |
         (static_cast<std::size_t>(p[2]) << 8) | p[3];
}

// JSON holds text only.
void write_body(base::JsonWriter& out, const std::string& body) {
  if (base::to_valid_utf8(body) == body) {
    out.field("body", body);
  } else {
    out.field("body_base64", base::base64(body));
  }
}

void read_body(base::ObjectReader& reader, std::string& body) {
  std::string encoded;
  reader.text("body", body, kMessageMax);
  if (!reader.text("body_base64", encoded, kMessageMax)) return;
  auto bytes = base::unbase64(encoded);
  if (bytes) {
    body = std::move(*bytes);
  } else {
    reader.problem("body_base64", "invalid_text", "not base64");
  }
}

std::string encode(const net::HttpRequest& request) {
  base::JsonWriter out;
  out.object().field("method", request.method).field("target", request.target);
  write_body(out, request.body);
  out.field("type", request.header("content-type"));
  out.field("project", request.header("carillon-project")).end_object();
  return out.str();
}

Result<net::HttpRequest> decode_request(std::string_view text) {
  base::JsonDocument document;
  CARILLON_TRY(const auto root, document.parse(text));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  net::HttpRequest request;
  std::string type, project;
  reader.text("method", request.method, 16);
  reader.text("target", request.target, 64 * 1024);
  read_body(reader, request.body);
  reader.text("type", type, 256);
  reader.text("project", project, 256);
  if (!problems.empty()) return fail(Errc::InvalidArgument, problems.front().detail);
  if (!type.empty()) request.headers.emplace_back("content-type", std::move(type));
  if (!project.empty()) request.headers.emplace_back("carillon-project", std::move(project));
  return request;
}

std::string encode(const net::HttpResponse& response) {
  base::JsonWriter out;
  out.object().field("status", response.status).field("type", response.header("content-type"));
  write_body(out, response.body);
  out.end_object();
  return out.str();
}

Result<net::HttpResponse> decode_response(std::string_view text) {
  base::JsonDocument document;
  CARILLON_TRY(const auto root, document.parse(text));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  net::HttpResponse response;
  std::int64_t status = 0;
  std::string type;
  reader.integer("status", status, 100, 599);
  reader.text("type", type, 256);
  read_body(reader, response.body);
  if (!problems.empty()) return fail(Errc::Unavailable, "the running server gave no usable answer");
  response.status = static_cast<int>(status);
  response.headers.emplace_back("content-type", std::move(type));
  return response;
}

// Only the server's own user, and root.
bool is_allowed(int fd) {
  ::ucred peer{};
  ::socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid();
}

class ControlServerImpl final : public ControlServer {
 public:
  ControlServerImpl(Node& node, std::string path)
      : node_(node), path_(std::move(path)), executor_(node.api_executors().front()), acceptor_(executor_) {}

  ~ControlServerImpl() override { close(); }

  Result<void> listen() {
    const auto folder = std::filesystem::path(path_).parent_path();
    std::error_code fs;
    std::filesystem::create_directories(folder, fs);
    ::chmod(folder.c_str(), 0700);
    ::unlink(path_.c_str());  // the store's lock is ours: a socket that is still there is nobody's
    boost::system::error_code ec;
    const local::endpoint endpoint(path_);
    acceptor_.open(endpoint.protocol(), ec);
    if (!ec) acceptor_.bind(endpoint, ec);
    if (!ec) ::chmod(path_.c_str(), 0600);
    if (!ec) acceptor_.listen(16, ec);
    if (ec)
      return fail(Errc::Unavailable,
                  fmt::format("cannot listen on the control socket {}: {}", path_, ec.message()));
    gate_.spawn(executor_, "accept", [this] { return accept_loop(); });
    return {};
  }

  void close() override {
    if (std::exchange(is_closed_, true)) return;
    asio::post(executor_, [this] {
      boost::system::error_code ignored;
      acceptor_.close(ignored);
    });
    gate_.wait(base::Deadline::never());
    ::unlink(path_.c_str());
  }

 private:
  Task<void> accept_loop() {
    while (acceptor_.is_open()) {
      auto [ec, socket] = co_await acceptor_.async_accept(kAwait);
      if (ec) {
        co_await base::sleep_for(std::chrono::milliseconds(100));  // closed, or out of descriptors
        continue;
      }
      if (!is_allowed(socket.native_handle())) continue;
      auto shared = std::make_shared<local::socket>(std::move(socket));  // lives as long as its request
      gate_.spawn(executor_, "request", [this, shared] { return serve(shared); });
    }
  }

  Task<void> serve(std::shared_ptr<local::socket> socket) {
    std::array<std::uint8_t, 4> prefix{};
    auto [head_error, head] = co_await asio::async_read(*socket, asio::buffer(prefix), kAwait);
    const std::size_t size = length_of(prefix);
    if (head_error || head != prefix.size() || size > kMessageMax) co_return;
    std::string text(size, '\0');
    auto [body_error, body] = co_await asio::async_read(*socket, asio::buffer(text), kAwait);
    if (body_error || body != size) co_return;
    auto request = decode_request(text);
    if (!request) co_return;
    const std::string answer = encode(co_await respond(std::move(*request)));
    const auto length = length_prefix(answer.size());
    const std::array<asio::const_buffer, 2> buffers{asio::buffer(length), asio::buffer(answer)};
    [[maybe_unused]] auto [error, n] = co_await asio::async_write(*socket, buffers, kAwait);
  }

  Task<net::HttpResponse> respond(net::HttpRequest request) {
    if (auto answer = node_.backups().answer(request)) co_return std::move(*answer);
    const net::HttpPeer peer{"local", false};
    auto response = co_await node_.api().handle(std::move(request), peer, api::Entrance::Control);
    co_return co_await gathered(std::move(response));
  }

  Node& node_;
  const std::string path_;
  asio::any_io_executor executor_;
  local::acceptor acceptor_;
  bool is_closed_ = false;
  base::TaskGate gate_{"control"};
};

}  // namespace

std::string control_path(const std::string& data) {
  std::error_code ec;
  auto folder = std::filesystem::weakly_canonical(data, ec);
  if (ec) folder = std::filesystem::absolute(data, ec);
  const std::string path = (folder / "control" / "socket").string();
  if (path.size() <= kPathMax) return path;
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const auto name = fmt::format("carillon-{}", base::hex(base::sha256(folder.string())).substr(0, 16));
  return (std::filesystem::path(runtime != nullptr ? runtime : "/tmp") / name / "socket").string();
}

Result<std::unique_ptr<ControlServer>> ControlServer::open(Node& node) {
  auto server = std::make_unique<ControlServerImpl>(node, control_path(node.options().data));
  CARILLON_CHECK(server->listen());
  return server;
}

Result<std::optional<net::HttpResponse>> control_call(const std::string& data,
                                                      const net::HttpRequest& request) {
  asio::io_context context;
  local::socket socket(context);
  boost::system::error_code ec;
  socket.connect(local::endpoint(control_path(data)), ec);
  if (ec == boost::system::errc::no_such_file_or_directory || ec == asio::error::connection_refused) {
    return std::optional<net::HttpResponse>{};
  }
  if (ec == asio::error::access_denied) {
    return fail(Errc::PermissionDenied,
                "the server of this data folder runs as another user; run this command as that user");
  }
  const std::string text = encode(request);
  const auto length = length_prefix(text.size());
  if (!ec) asio::write(socket, asio::buffer(length), ec);
  if (!ec) asio::write(socket, asio::buffer(text), ec);
  std::array<std::uint8_t, 4> prefix{};
  if (!ec) asio::read(socket, asio::buffer(prefix), ec);
  const std::size_t size = length_of(prefix);
  std::string answer(ec || size > kMessageMax ? 0 : size, '\0');
  if (!ec) asio::read(socket, asio::buffer(answer), ec);
  if (ec) return fail(Errc::Unavailable, fmt::format("the running server did not answer: {}", ec.message()));
  CARILLON_TRY(auto response, decode_response(answer));
  return std::optional<net::HttpResponse>(std::move(response));
}

}  // namespace carillon::app
