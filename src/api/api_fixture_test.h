// A whole server without sockets: store in a folder of its own, pipeline, sandbox, API.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "api/api.h"
#include "base/ids.h"
#include "queue/queue.h"

namespace carillon::api {

// One thread with an io_context.
class TestThread {
 public:
  TestThread() : guard_(context.get_executor()), thread_([this] { context.run(); }) {}
  ~TestThread() {
    guard_.reset();
    thread_.join();
  }
  boost::asio::io_context context{1};

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::thread thread_;
};

class ApiTest : public testing::Test {
 protected:
  void SetUp() override { start(); }
  void TearDown() override {
    stop();
    std::filesystem::remove_all(folder_);
  }

  void start() {
    folder_ = testing::TempDir() + "carillon-api-" + base::random_text(12);
    std::filesystem::create_directories(folder_ + "/journal");
    auto keys = base::KeyRing::derive(base::Secret(std::string(32, 'k')));
    ASSERT_TRUE(keys);
    keys_ = std::make_unique<base::KeyRing>(std::move(*keys));
    store::SqliteOptions options;
    options.folder = folder_;
    options.keys = keys_.get();
    options.metrics = &metrics_;
    options.disk_free_min_bytes = 0;
    auto opened = store::open_sqlite(options);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
    api_thread_ = std::make_unique<TestThread>();
    delivery_ = std::make_unique<TestThread>();
    const auto registration = run(store_->register_process("test", clock_.now()));
    ASSERT_TRUE(registration);
    ids_ = std::make_unique<base::IdGenerator>(clock_, registration->owner.node, registration->highest_id);
    queue_ = queue::make_embedded();
    cache_ = cache::make_memory();
    auto directory = run(pipeline::Directory::open(*store_, *keys_, clock_));
    ASSERT_TRUE(directory) << directory.error().message;
    directory_ = std::move(*directory);
    open_pipeline(registration->owner);
    open_api();
    make_credentials();
  }

  void open_pipeline(store::Owner owner) {
    pipeline::Options options;
    options.journal_folder = folder_ + "/journal";
    options.refill_interval = Millis(20);
    pipeline::Pipeline::Deps deps{*store_,
                                  *queue_,
                                  *cache_,
                                  clock_,
                                  *keys_,
                                  metrics_,
                                  *ids_,
                                  *directory_,
                                  owner,
                                  delivery_->context.get_executor(),
                                  {api_thread_->context.get_executor()}};
    auto pipeline = pipeline::Pipeline::open(std::move(deps), std::move(options));
    ASSERT_TRUE(pipeline) << pipeline.error().message;
    pipeline_ = std::move(*pipeline);
  }

  void open_api(bool with_pipeline = true) {
    Options options;
    options.is_test_clock = true;
    Deps deps{with_pipeline ? pipeline_.get() : nullptr,
              *directory_,
              *store_,
              *cache_,
              clock_,
              *keys_,
              metrics_,
              *ids_,
              [this](Millis by) { clock_.advance(by); }};
    deps.has_begun = [this] { return has_begun_; };
    api_ = Api::open(std::move(deps), std::move(options));
  }

  void make_credentials() {
    auto app = run(directory_->create_app(pipeline::kDefaultProject, "shop", "test"));
    ASSERT_TRUE(app) << app.error().message;
    app_ = basic(app->live);
    test_app_ = basic(app->test);
    auto token =
        run(directory_->create_management_key("first", std::vector<std::string>{"admin"}, {}, "test"));
    ASSERT_TRUE(token);
    admin_ = "Bearer " + *token;
  }

  static std::string basic(const pipeline::Directory::NewKey& key) {
    return "Basic " + base::base64(key.key + ":" + key.secret);
  }

  void stop() {
    api_.reset();
    if (pipeline_) pipeline_->drain();
    pipeline_.reset();
    directory_.reset();
    if (store_) store_->close();
    api_thread_.reset();
    delivery_.reset();
    store_.reset();
  }

  template <class T>
  T run(Task<T> task) {
    return boost::asio::co_spawn(api_thread_->context, std::move(task), boost::asio::use_future).get();
  }

  net::HttpResponse call(std::string method, std::string target, std::string body = {},
                         net::Headers headers = {}, Entrance entrance = Entrance::Tcp) {
    net::HttpRequest request{std::move(method), std::move(target), std::move(headers), std::move(body)};
    return run(api_->handle(std::move(request), net::HttpPeer{"127.0.0.1", false}, entrance));
  }
  // With the full app key, and with the administrator's token.
  net::HttpResponse as_app(std::string method, std::string target, std::string body = {}) {
    return call(std::move(method), std::move(target), std::move(body), {{"Authorization", app_}});
  }
  net::HttpResponse as_admin(std::string method, std::string target, std::string body = {}) {
    return call(std::move(method), std::move(target), std::move(body), {{"Authorization", admin_}});
  }

  // The value at a JSON pointer as compact JSON; a string without its quotes; "(none)" when absent.
  static std::string at(const net::HttpResponse& response, std::string_view pointer) {
    base::JsonDocument document;
    const auto root = document.parse(response.body);
    if (!root) return "(not JSON: " + response.body.substr(0, 200) + ")";
    base::JsonElement found;
    if (root->at_pointer(pointer).get(found) != simdjson::SUCCESS) return "(none)";
    std::string_view text;
    return found.get_string().get(text) == simdjson::SUCCESS ? std::string(text) : base::to_json(found);
  }

  // Asks until the answer's value at `pointer` is `wanted`, for at most ten seconds.
  std::string await(const std::string& target, std::string_view pointer, std::string_view wanted) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    std::string value;
    do {
      value = at(as_app("GET", target), pointer);
    } while (value != wanted && std::chrono::steady_clock::now() < deadline);
    return value;
  }

  std::string folder_;
  base::SystemClock clock_;
  base::Metrics metrics_;
  std::unique_ptr<base::KeyRing> keys_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<TestThread> api_thread_, delivery_;
  std::unique_ptr<base::IdGenerator> ids_;
  std::unique_ptr<queue::Queue> queue_;
  std::unique_ptr<cache::Cache> cache_;
  std::unique_ptr<pipeline::Directory> directory_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<Api> api_;
  std::string app_, test_app_, admin_;
  bool has_begun_ = true;
};

inline constexpr const char* kMail = R"({"to":[{"email":"ok@sandbox.carillon.test"}],"channels":["email"],)"
                                     R"("title":"Hello","body":"The bells ring."})";

}  // namespace carillon::api
