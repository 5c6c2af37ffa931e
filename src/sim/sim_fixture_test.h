// A running simulator on free ports and clients for it, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/crypto.h"
#include "base/json.h"
#include "net/http2_client.h"
#include "net/http_client.h"
#include "sim/sim.h"

namespace carillon::sim {

// What became of one HTTP/2 request: a response or a failure.
struct Pushed {
  int status = 0;
  std::string body, apns_id, retry_after;
  std::optional<net::SendFailure> failure;
};

class SimTest : public ::testing::Test {
 protected:
  // Runs a coroutine on the client's thread and waits for its value.
  template <class F>
  auto run(F f) {
    return boost::asio::co_spawn(io_, std::move(f), boost::asio::use_future).get();
  }

  SimTest() : guard_(io_.get_executor()), thread_([this] { io_.run(); }) {
    std::string name = std::filesystem::temp_directory_path() / "carillon-sim-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~SimTest() override {
    for (auto& client : clients_)
      run([&client]() -> Task<int> {
        co_await client->close(base::Deadline::after(std::chrono::seconds(5)));
        co_return 0;
      });
    if (http_)
      run([this]() -> Task<int> {
        co_await http_->close();
        co_return 0;
      });
    boost::asio::post(io_, [this] {
      clients_.clear();
      http_.reset();
    });
    if (sim_) sim_->stop();
    guard_.reset();
    thread_.join();
    std::filesystem::remove_all(directory_);
  }

  SimOptions options() const {
    SimOptions o;
    o.use_any_ports();
    o.directory = directory_;
    o.quiet = true;
    o.slow = Millis(20);
    o.callback_step = Millis(1);
    return o;
  }
  void open() { open(options()); }
  void open(SimOptions o) {
    auto made = Sim::open(std::move(o));
    ASSERT_TRUE(made) << made.error().message;
    sim_ = std::move(*made);
    auto root = description_.parse(sim_->description());
    ASSERT_TRUE(root);
    root_ = *root;
  }

  // One value of sim.json: at("apns", "endpoint").
  std::string at(std::string_view group, std::string_view key) const {
    return std::string(std::string_view(root_[group][key]));
  }
  std::string ca_file() const { return std::string(std::string_view(root_["ca_file"])); }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }

  // ---- HTTP/1.1 and mail
  net::HttpClient& http() {
    if (!http_) http_ = net::HttpClient::open(io_.get_executor());
    return *http_;
  }
  net::TransportResult<net::HttpResponse> call(net::HttpCall c, Millis timeout = Millis(10'000)) {
    net::HttpClient& client = http();
    return run([&client, c = std::move(c), timeout]() -> Task<net::TransportResult<net::HttpResponse>> {
      co_return co_await client.call(c, base::Deadline::after(timeout));
    });
  }
  std::string control(std::string method, std::string path, std::string body = {}) {
    net::HttpCall c;
    c.url = std::string(std::string_view(root_["control"])) + path;
    c.request.method = std::move(method);
    c.request.body = std::move(body);
    const auto response = call(std::move(c));
    EXPECT_TRUE(response) << path;
    return response ? response->body : "";
  }
  // One number of GET /counts.
  std::uint64_t count(std::string_view vendor, std::string_view what) {
    base::JsonDocument document;
    const auto root = document.parse(control("GET", "/counts"));
    return root ? std::uint64_t((*root)[vendor][what]) : 0;
  }

  // ---- HTTP/2
  using Field = net::Http2Request::Field;
  struct Collector final : net::Http2Sink {
    std::vector<Pushed> results;
    std::size_t left = 0;
    std::promise<void> done;
    void on_response(std::uint64_t tag, const net::Http2Response& r) override {
      results[tag] = {r.status, std::string(r.body), std::string(r.header("apns-id")),
                      std::string(r.header("retry-after")), std::nullopt};
      if (--left == 0) done.set_value();
    }
    void on_failure(std::uint64_t tag, const net::TransportError& error) override {
      results[tag].failure = error.failure;
      if (--left == 0) done.set_value();
    }
  };
  // `count` times the same request, submitted together on a new client.
  std::vector<Pushed> post(const std::string& origin, const std::string& path, std::vector<Field> headers,
                           const std::string& body, std::size_t count, Millis timeout = Millis(10'000)) {
    Collector sink;
    sink.results.resize(count);
    sink.left = count;
    std::vector<net::Http2Request> requests;
    for (std::size_t i = 0; i < count; ++i) requests.push_back({path, headers, body, i});
    boost::asio::post(io_, [&] {
      net::Http2Options o;
      o.origin = origin;
      o.ca_file = ca_file();
      o.connections_max = 1;
      auto client = net::Http2Client::open(io_.get_executor(), o);
      ASSERT_TRUE(client) << client.error().message;
      clients_.push_back(std::move(*client));
      clients_.back()->submit(requests, sink, base::Deadline::after(timeout));
    });
    sink.done.get_future().wait();
    return std::move(sink.results);
  }

  // ---- APNs
  std::string provider_token(std::int64_t age_s = 0) const {
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    const auto token =
        base::jws_es256(fmt::format(R"({{"alg":"ES256","kid":"{}"}})", at("apns", "key_id")),
                        fmt::format(R"({{"iss":"{}","iat":{}}})", at("apns", "team_id"), now.count() - age_s),
                        base::Secret(read(at("apns", "key_file"))));
    EXPECT_TRUE(token);
    return "bearer " + token.value_or("");
  }
  std::vector<Pushed> push(const std::string& device, const std::string& authorization, std::size_t count = 1,
                           Millis timeout = Millis(10'000)) {
    return post(at("apns", "endpoint"), "/3/device/" + device,
                {{"authorization", authorization},
                 {"apns-topic", "com.example.app"},
                 {"apns-push-type", "alert"},
                 {"apns-collapse-id", "c1"}},
                R"({"aps":{"alert":"hello"},"carillon":{"d":"dlv_0123456789abc"}})", count, timeout);
  }
  Pushed push_one(const std::string& device) { return push(device, provider_token()).front(); }

  std::string directory_;
  std::unique_ptr<Sim> sim_;
  base::JsonDocument description_;
  base::JsonElement root_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::unique_ptr<net::HttpClient> http_;
  std::vector<std::unique_ptr<net::Http2Client>> clients_;
  std::thread thread_;
};

inline const std::string kDevice(64, 'a');

}  // namespace carillon::sim
