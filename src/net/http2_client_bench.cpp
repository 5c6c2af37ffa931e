// CPU per request of the HTTP/2 client against the test peer over TLS, and of h2load against the same
// peer. Usage: http2_client_bench [requests] [connections] [in flight per connection]
// Prints user + system CPU of the client's thread (of h2load's process) in µs per request.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "net/http2_client.h"
#include "net/http2_peer_test.h"

namespace carillon::net {
namespace {

namespace asio = boost::asio;

double cpu_us(int who) {
  rusage use{};
  getrusage(who, &use);
  const auto us = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
  };
  return us(use.ru_utime) + us(use.ru_stime);
}

// Keeps `window` requests under way; what ended during one wake-up is replaced in one submit.
class Load final : public Http2Sink {
 public:
  Load(asio::io_context& io, Http2Client& client, std::size_t total, std::size_t window)
      : io_(io), client_(client), total_(total) {
    for (std::size_t i = 0; i < window; ++i) {
      paths_.push_back(fmt::format("/3/device/{:064x}", i * 0x9E3779B97F4A7C15ULL));
      free_.push_back(i);
    }
  }
  void on_response(std::uint64_t tag, const Http2Response& response) override {
    if (response.status != 200 || response.header("apns-id").empty()) ++bad_;
    end(tag);
  }
  void on_failure(std::uint64_t tag, const TransportError& error) override {
    if (bad_++ == 0) fmt::print("failed: {}\n", error.detail);
    end(tag);
  }
  void refill() {
    is_posted_ = false;
    requests_.clear();
    while (!free_.empty() && started_ < total_) {
      Http2Request& request = requests_.emplace_back();
      request.path = paths_[free_.back()];
      request.headers = fields_;
      request.body = body_;
      request.tag = free_.back();
      free_.pop_back();
      ++started_;
    }
    client_.submit(requests_, *this, base::Deadline::after(std::chrono::seconds(30)));
  }
  [[nodiscard]] bool is_done() const { return ended_ == total_; }
  [[nodiscard]] std::size_t bad() const { return bad_; }

 private:
  void end(std::uint64_t tag) {
    free_.push_back(tag);
    ++ended_;
    if (is_posted_ || started_ == total_) return;
    is_posted_ = true;
    asio::post(io_, [this] { refill(); });
  }
  asio::io_context& io_;
  Http2Client& client_;
  std::size_t total_, started_ = 0, ended_ = 0, bad_ = 0;
  bool is_posted_ = false;
  std::vector<std::string> paths_;
  std::vector<std::size_t> free_;
  std::vector<Http2Request> requests_;
  std::string token_ = "bearer " + std::string(200, 't');
  std::string body_ = "{" + std::string(245, 'b') + "}";
  std::vector<Http2Request::Field> fields_{{"authorization", token_, false},
                                           {"apns-topic", "org.example.app", false},
                                           {"apns-push-type", "alert", false}};
};

double run_client(const std::string& origin, std::size_t total, std::size_t connections, std::size_t window) {
  asio::io_context io(1);
  Http2Options options;
  options.origin = origin;
  options.ca_file = TestCertificate::shared().certificate_file();
  options.connections_max = connections;
  options.streams_max = window;
  auto client = std::move(*Http2Client::open(io.get_executor(), options));
  Load warm_up(io, *client, 1000 * connections, window * connections);
  warm_up.refill();
  while (!warm_up.is_done()) io.run_one();
  const double cpu = cpu_us(RUSAGE_THREAD);
  const auto start = std::chrono::steady_clock::now();
  Load load(io, *client, total, window * connections);
  load.refill();
  while (!load.is_done()) io.run_one();
  const double us = cpu_us(RUSAGE_THREAD) - cpu;
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  fmt::print("client: {:.2f} us/request, {:.0f}/s, {} bad\n", us / static_cast<double>(total),
             static_cast<double>(total) / wall.count(), load.bad());
  bool is_closed = false;
  asio::co_spawn(io, client->close(base::Deadline::after(std::chrono::seconds(5))),
                 [&](std::exception_ptr) { is_closed = true; });
  while (!is_closed) io.run_one();
  client.reset();
  return us / static_cast<double>(total);
}

double run_h2load(const std::string& origin, std::size_t total, std::size_t connections, std::size_t window) {
  const std::string folder = "/tmp/carillon-h2load-" + std::to_string(::getpid());
  std::ofstream(folder + ".body") << "{" << std::string(245, 'b') << "}";
  std::ofstream uris(folder + ".uris");
  for (std::size_t i = 0; i < window * connections; ++i) {
    uris << origin << fmt::format("/3/device/{:064x}\n", i * 0x9E3779B97F4A7C15ULL);
  }
  uris.close();
  const double cpu = cpu_us(RUSAGE_CHILDREN);
  const std::string command = fmt::format(
      "h2load -t1 -n{} -c{} -m{} -d {}.body -i {}.uris -H 'authorization: bearer {}' -H 'apns-topic: "
      "org.example.app' "
      "-H 'apns-push-type: alert' | grep -E 'requests:'",
      total, connections, window, folder, folder, std::string(200, 't'));
  std::fflush(stdout);
  const int status = std::system(command.c_str());
  const double us = cpu_us(RUSAGE_CHILDREN) - cpu;
  fmt::print("h2load: {:.2f} us/request (status {})\n", us / static_cast<double>(total), status);
  std::remove((folder + ".body").c_str());
  std::remove((folder + ".uris").c_str());
  return us / static_cast<double>(total);
}

}  // namespace
}  // namespace carillon::net

int main(int argc, char** argv) {
  using namespace carillon::net;
  const auto argument = [&](int i, std::size_t otherwise) {
    return argc > i ? static_cast<std::size_t>(std::atoll(argv[i])) : otherwise;
  };
  const std::size_t total = argument(1, 200'000), connections = argument(2, 1), window = argument(3, 100);
  boost::asio::io_context peer_io(1);
  PeerOptions options;
  options.is_tls = true;
  options.max_streams = 2000;
  options.keeps_requests = false;
  Http2Peer peer(peer_io.get_executor(), options);
  std::size_t count = 0;
  peer.on_request = [&](PeerConnection& c, const PeerRequest& r) {
    c.answer(r.id, 200, {{"apns-id", fmt::format("{:036x}", ++count)}});
  };
  const std::string origin = peer.origin();
  std::thread thread([&] { peer_io.run(); });
  for (int round = 0; round < 3; ++round) {
    const double ours = run_client(origin, total, connections, window);
    const double theirs = run_h2load(origin, total, connections, window);
    fmt::print("h2load / client = {:.0f} %\n", 100.0 * theirs / ours);
  }
  boost::asio::post(peer_io, [&] { peer.stop(); });
  thread.join();
  return 0;
}
