#include "pipeline/webhooks.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "model/standard_webhook.h"
#include "net/http_server.h"
#include "pipeline/webhook_replay.h"

namespace carillon::pipeline {
namespace {

using namespace std::chrono_literals;
using store::WebhookState;

store::WebhookEvent event_of(std::string data) {
  store::WebhookEvent event{.id = base::id_floor(from_ms(1'780'000'000'000)), .project = 1};
  event.type = model::WebhookEvent::DeliverySent;
  event.at = from_ms(1'780'000'000'000);
  event.app = 7;
  event.address = "ann@example.com";
  event.data = std::move(data);
  return event;
}

Snapshot snapshot() {
  Snapshot made;
  auto view = std::make_shared<ProjectView>();
  view->name = "shop";
  view->categories.emplace("codes", std::make_shared<const model::Category>(model::security_category()));
  made.projects.emplace(1, std::move(view));
  auto app = std::make_shared<model::App>();
  app->name = "web";
  made.apps.emplace(7, std::move(app));
  return made;
}

TEST(WebhookBody, SaysProjectAndAppAndNoAddressUnasked) {
  const model::Webhook plain;
  const std::string body = webhook_body(event_of(R"({"category":"news"})"), plain, snapshot());
  EXPECT_NE(body.find(R"("project":"shop","data":{"app":"web","category":"news"}})"), std::string::npos)
      << body;
  model::Webhook curious;
  curious.has_addresses = true;
  const auto says_it = [&](std::string data) {
    return webhook_body(event_of(std::move(data)), curious, snapshot()).find("ann@example.com") !=
           std::string::npos;
  };
  EXPECT_TRUE(says_it(R"({"category":"news"})"));
  EXPECT_TRUE(says_it("{}"));
  EXPECT_FALSE(says_it(R"({"category":"codes"})"));
}

TEST(WebhookReplaySpec, ReadsBack) {
  WebhookReplaySpec spec{.key = "a\"b", .is_failed_only = false, .from = 3, .until = 9};
  const auto back = decode_webhook_replay(encode(spec));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->key, spec.key);
  EXPECT_FALSE(back->is_failed_only);
  EXPECT_EQ(back->from + back->until, 12);
  EXPECT_EQ(decode_webhook_replay(R"({"from":"x"})").error().code, Errc::Corruption);
}

// A thread with a context.
class Thread {
 public:
  Thread() : guard_(context_.get_executor()), thread_([this] { context_.run(); }) {}
  ~Thread() {
    guard_.reset();
    thread_.join();
  }
  boost::asio::any_io_executor executor() { return context_.get_executor(); }

 private:
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::thread thread_;
};

// A store, a receiver that answers as told, and what tells it, with a clock that the test sets.
class Telling : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "carillon-webhooks-" + base::random_text(12);
    std::filesystem::create_directories(folder_);
    keys_ =
        std::make_unique<base::KeyRing>(base::KeyRing::derive(base::Secret(std::string(32, 'k'))).value());
    store::SqliteOptions options;
    options.folder = folder_;
    options.keys = keys_.get();
    options.disk_free_min_bytes = 0;
    store_ = store::open_sqlite(options).value();
    clock_.set(from_ms(1'780'000'000'000));
    const auto registered = run(store_->register_process("test", clock_.now()));
    ids_ = std::make_unique<base::IdGenerator>(clock_, registered->owner.node, registered->highest_id);
    directory_ = std::move(run(Directory::open(*store_, *keys_, clock_)).value());
    net::HttpHandler handler = [this](net::HttpRequest request, net::HttpPeer) {
      return answer(std::move(request));
    };
    server_ = net::HttpServer::open({server_thread_.executor()}, {}, std::move(handler)).value();
    start();
  }
  void TearDown() override {
    webhooks_.reset();
    server_->drain(base::Deadline::after(5s));
    store_->close();
    std::filesystem::remove_all(folder_);
  }
  void start() {
    Webhooks::Deps deps{*store_, *directory_, clock_, *keys_, metrics_, *ids_, thread_.executor()};
    webhooks_ = std::make_unique<Webhooks>(std::move(deps), WebhookOptions{.private_addresses = true});
    webhooks_->start();
  }

  template <class T>
  T run(Task<T> task) {
    return boost::asio::co_spawn(thread_.executor(), std::move(task), boost::asio::use_future).get();
  }

  Task<net::HttpResponse> answer(net::HttpRequest request) {
    const std::lock_guard lock(mutex_);
    got_.push_back(std::move(request));
    changed_.notify_all();
    net::HttpResponse response;
    response.status = status_;
    response.body = "said so";
    co_return response;
  }
  void answers(int status) {
    const std::lock_guard lock(mutex_);
    status_ = status;
  }
  // The first `count` requests.
  std::vector<net::HttpRequest> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, 20s, [&] { return got_.size() >= count; })) << got_.size();
    return got_;
  }

  store::StoredWebhook make(std::int64_t in_flight = 4) {
    store::StoredWebhook w;
    w.project = 1;
    w.webhook.key = "shop";
    w.webhook.url = fmt::format("http://127.0.0.1:{}/hook", server_->port());
    w.webhook.patterns = {"suppression.*"};
    w.webhook.events = model::webhook_events_of("suppression.*");
    w.webhook.in_flight = in_flight;
    w.webhook.sealed_secret = keys_->sealer.seal(secret_.reveal(), webhook_secret_context(1, "shop"));
    return run(store_->webhooks().put(std::move(w), "webhook.create", "test", clock_.now())).value();
  }
  void happen(std::uint8_t n = 1) {
    store::Suppression suppression;
    suppression.project = 1;
    suppression.hash.fill(n);
    suppression.reason = "manual";
    ASSERT_TRUE(run(store_->put_suppression(std::move(suppression), false, "test", clock_.now())));
  }
  // Until the newest is in that state after so many tries.
  void wait_until(const store::StoredWebhook& w, WebhookState state, std::int64_t tries) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    store::WebhookDeliveryFilter filter{.webhook = w.id};
    do {
      const auto rows = run(store_->webhooks().deliveries(filter, {})).value().rows;
      if (!rows.empty() && rows[0].state == state && rows[0].tries == tries) return;
    } while (std::chrono::steady_clock::now() < deadline);
    FAIL() << "it did not come so far";
  }

  std::string folder_;
  base::ManualClock clock_;
  base::Metrics metrics_;
  const base::Secret secret_ = model::make_webhook_secret();
  std::unique_ptr<base::KeyRing> keys_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<base::IdGenerator> ids_;
  std::unique_ptr<Directory> directory_;
  Thread thread_, server_thread_;
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<Webhooks> webhooks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<net::HttpRequest> got_;
  int status_ = 204;
};

TEST_F(Telling, PostsAnEventAsSoonAsItIsStoredAndOnce) {
  const auto webhook = make();
  happen();
  wait_until(webhook, WebhookState::Delivered, 1);
  const auto got = wait_for(1);
  ASSERT_EQ(got.size(), 1U);
  const auto wanted = model::webhook_headers(std::string(got[0].header("webhook-id")), got[0].body,
                                             std::span(&secret_, 1), clock_.now());
  EXPECT_EQ(got[0].header("webhook-signature"), net::find_header(*wanted, "webhook-signature"));
  EXPECT_NE(got[0].body.find(R"("type":"suppression.added")"), std::string::npos);
}

TEST_F(Telling, TriesAgainWhenItsTimeHasComeAndNotBefore) {
  const auto webhook = make();
  answers(503);
  happen();
  wait_until(webhook, WebhookState::Waiting, 1);
  clock_.advance(4s);
  webhooks_->nudge();
  run(store_->webhooks().list(0)).value();  // behind the look that was asked for
  EXPECT_EQ(wait_for(1).size(), 1U);
  answers(200);
  clock_.advance(3s);
  webhooks_->nudge();
  wait_until(webhook, WebhookState::Delivered, 2);
  const auto got = wait_for(2);
  EXPECT_EQ(got[0].header("webhook-id"), got[1].header("webhook-id"));
  EXPECT_EQ(got[0].body, got[1].body);
}

TEST_F(Telling, EightHoursOfNothingButFailuresSwitchItOff) {
  const auto webhook = make();
  answers(500);
  happen();
  wait_until(webhook, WebhookState::Waiting, 1);
  clock_.advance(7h);
  webhooks_->nudge();
  wait_until(webhook, WebhookState::Waiting, 2);
  EXPECT_TRUE(run(store_->webhooks().get(1, "shop"))->webhook.paused.empty());
  clock_.advance(1h);
  webhooks_->nudge();
  wait_until(webhook, WebhookState::Waiting, 3);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  store::StoredWebhook now = webhook;
  while (now.webhook.paused.empty() && std::chrono::steady_clock::now() < deadline)
    now = run(store_->webhooks().get(1, "shop")).value();
  EXPECT_TRUE(now.webhook.is_switched_off);
  happen(2);
  clock_.advance(1h);
  webhooks_->nudge();
  EXPECT_EQ(run(webhooks_->test(1, "shop"))->status, 500);  // after the look that was asked for
  EXPECT_EQ(wait_for(4).size(), 4U);
}

TEST_F(Telling, WhatAStopCutsOffIsPostedByTheNextRun) {
  const auto webhook = make();
  answers(503);
  happen();
  wait_until(webhook, WebhookState::Waiting, 1);
  webhooks_->stop();
  answers(204);
  clock_.advance(7s);
  start();
  wait_until(webhook, WebhookState::Delivered, 2);
}

TEST_F(Telling, ATestIsPostedWhateverTheWebhookWantsAndIsNotKept) {
  const auto webhook = make();
  const auto report = run(webhooks_->test(1, "shop"));
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->ok);
  EXPECT_EQ(report->status, 204);
  answers(404);
  EXPECT_EQ(run(webhooks_->test(1, "shop"))->detail, "it answered 404");
  EXPECT_EQ(run(webhooks_->test(1, "none")).error().code, Errc::NotFound);
  EXPECT_TRUE(run(store_->webhooks().deliveries({.webhook = webhook.id}, {})).value().rows.empty());
}

}  // namespace
}  // namespace carillon::pipeline
