#include "tests/conformance/redis_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio.hpp>
#include <csignal>

#include "net/tls_certificate_test.h"

namespace carillon::conformance {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr int kStarts = 5;  // somebody may take the port that was free a moment ago
constexpr int kNotInstalled = 127;

std::uint16_t free_port() {
  asio::io_context context;
  return tcp::acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)).local_endpoint().port();
}

bool is_installed() {
  static const bool found = std::system("command -v redis-server >/dev/null") == 0;
  return found;
}

}  // namespace

std::unique_ptr<RedisServer> RedisServer::start(RedisSetup setup) {
  if (!is_installed()) return nullptr;
  std::unique_ptr<RedisServer> server(new RedisServer(std::move(setup)));
  for (int i = 0; i < kStarts; ++i) {
    if (server->run(free_port())) return server;
  }
  ADD_FAILURE() << "redis-server does not start";
  return nullptr;
}

RedisServer* RedisServer::shared() {
  static const std::unique_ptr<RedisServer> server = start();
  return server.get();
}

RedisServer::~RedisServer() { kill(); }

std::string RedisServer::url() const {
  return (setup_.has_tls ? "rediss://127.0.0.1:" : "redis://127.0.0.1:") + std::to_string(port_);
}

void RedisServer::signal(int number) const { ::kill(pid_, number); }

void RedisServer::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisServer::restart() {
  kill();
  for (int i = 0; i < kStarts; ++i) {
    if (run(port_)) return;
  }
  ADD_FAILURE() << "redis-server does not start again";
}

// True once the server says that it is ready.
bool RedisServer::run(std::uint16_t port) {
  port_ = port;
  const std::string number = std::to_string(port);
  std::vector<std::string> words{"redis-server",    "--bind", "127.0.0.1",   "--save", "",
                                 "--appendonly",    "no",     "--daemonize", "no",     "--dir",
                                 testing::TempDir()};
  const auto add = [&](std::initializer_list<std::string> more) { words.insert(words.end(), more); };
  if (setup_.has_tls) {
    const auto& certificate = net::TestCertificate::shared();
    add({"--port", "0", "--tls-port", number, "--tls-auth-clients", "no", "--tls-cert-file",
         certificate.certificate_file(), "--tls-key-file", certificate.key_file(), "--tls-ca-cert-file",
         certificate.certificate_file()});
  } else {
    add({"--port", number});
  }
  words.insert(words.end(), setup_.arguments.begin(), setup_.arguments.end());
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::array<int, 2> out{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0) return false;
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(out[1], 1);
    ::execvp(arguments[0], arguments.data());
    ::_exit(kNotInstalled);
  }
  ::close(out[1]);
  std::string said;
  std::array<char, 4096> buffer;
  while (!said.contains("Ready to accept connections")) {
    const auto n = ::read(out[0], buffer.data(), buffer.size());
    if (n <= 0) break;
    said.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(out[0]);  // Redis ignores SIGPIPE
  if (said.contains("Ready to accept connections")) return true;
  kill();
  return false;
}

net::RedisReply RedisServer::ask(const std::vector<std::string>& words) const {
  asio::io_context context;
  tcp::socket socket(context);
  socket.connect({asio::ip::address_v4::loopback(), port_});
  net::RedisCommands commands;
  commands.begin(words.size());
  for (const auto& word : words) commands.argument(word);
  asio::write(socket, asio::buffer(commands.bytes()));
  net::RedisReader reader;
  std::array<char, 16 * 1024> buffer;
  while (true) {
    reader.feed({buffer.data(), socket.read_some(asio::buffer(buffer))});
    auto reply = reader.next().value();
    if (reply) return std::move(*reply);
  }
}

}  // namespace carillon::conformance
