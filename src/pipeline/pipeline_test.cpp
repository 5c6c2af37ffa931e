// The whole pipeline in one process on a real store, ending in the sandbox.
#include "pipeline/pipeline.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <future>
#include <map>
#include <set>
#include <thread>

namespace carillon::pipeline {
namespace {

namespace asio = boost::asio;
using model::DeliveryStatus;

struct Thread {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard = asio::make_work_guard(context);
  std::thread thread{[this] { context.run(); }};
  ~Thread() {
    guard.reset();
    thread.join();
  }
};

// A store in a folder of its own, with everything on top; restart() is a clean stop and a new start.
class World {
 public:
  explicit World(std::unique_ptr<queue::Queue> queue = nullptr, std::unique_ptr<cache::Cache> cache = nullptr)
      : queue_(std::move(queue)), cache_(std::move(cache)) {
    std::string path = (std::filesystem::temp_directory_path() / "carillon-pipeline-XXXXXX").string();
    folder_ = ::mkdtemp(path.data());
    auto ring = base::KeyRing::derive(base::Secret(std::string(32, 'k')));
    keys_ = std::make_unique<base::KeyRing>(std::move(*ring));
    start();
  }
  ~World() {
    stop();
    std::filesystem::remove_all(folder_);
  }

  void start() {
    metrics_ = std::make_unique<base::Metrics>();
    delivery_ = std::make_unique<Thread>();
    api_ = std::make_unique<Thread>();
    store::SqliteOptions options;
    options.folder = folder_;
    options.keys = keys_.get();
    options.metrics = metrics_.get();
    auto opened = store::open_sqlite(options);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
    const auto registration = run(store_->register_process("test", clock_.now()));
    ASSERT_TRUE(registration) << registration.error().message;
    ids_ = std::make_unique<base::IdGenerator>(clock_, registration->owner.node, registration->highest_id);
    if (!queue_) queue_ = queue::make_embedded();
    if (!cache_) cache_ = cache::make_memory();
    auto directory = run(Directory::open(*store_, *keys_, clock_));
    ASSERT_TRUE(directory) << directory.error().message;
    directory_ = std::move(*directory);
    Options pipeline_options;
    pipeline_options.journal_folder = folder_ + "/journal";
    pipeline_options.refill_interval = Millis(20);
    Pipeline::Deps deps{*store_,
                        *queue_,
                        *cache_,
                        clock_,
                        *keys_,
                        *metrics_,
                        *ids_,
                        *directory_,
                        registration->owner,
                        delivery_->context.get_executor(),
                        {api_->context.get_executor()}};
    auto pipeline = Pipeline::open(std::move(deps), pipeline_options);
    ASSERT_TRUE(pipeline) << pipeline.error().message;
    pipeline_ = std::move(*pipeline);
  }

  void stop() {
    if (pipeline_) pipeline_->drain();
    pipeline_.reset();
    directory_.reset();
    if (store_) store_->close();
    api_.reset();
    delivery_.reset();
    store_.reset();
    queue_.reset();
  }

  template <class T>
  T run(Task<T> task) {
    return asio::co_spawn(api_->context, std::move(task), asio::use_future).get();
  }

  SendResult send(const std::string& json) {
    base::JsonDocument document;
    auto root = document.parse(json);
    base::Problems problems;
    SendItem item;
    item.body = json;
    item.request =
        std::make_shared<model::SendRequest>(model::read_send_request(*root, std::nullopt, "", problems));
    EXPECT_TRUE(problems.empty()) << problems.front().pointer << " " << problems.front().detail;
    if (!item.request->event_id.empty()) item.fingerprint = model::fingerprint(json);
    std::vector<SendItem> items;
    items.push_back(std::move(item));
    Caller caller;
    caller.actor = "test";
    return run(pipeline_->send(caller, std::move(items))).front();
  }

  void put_user(const std::string& user_id, const std::string& json, const std::string& device = {}) {
    base::JsonDocument document;
    base::Problems problems;
    model::Profile profile;
    profile.project = kDefaultProject;
    profile.user_id = user_id;
    profile.created_at = clock_.now();
    model::read_user(*document.parse(json), profile, problems);
    if (!device.empty()) {
      model::Device& d = profile.devices.emplace_back();
      d.device_id = device;
      model::read_device(*document.parse(R"({"platform":"ios"})"), d, clock_.now(), problems);
    }
    ASSERT_TRUE(problems.empty()) << problems.front().detail;
    store::ProfileChange change;
    change.actor = "test";
    const auto stored = run(store_->put_profile(std::move(profile), std::move(change), clock_.now()));
    ASSERT_TRUE(stored) << stored.error().message;
  }

  std::vector<model::Delivery> deliveries(std::int64_t notification) {
    return *run(store_->deliveries_of(notification, store::ListPage{}));
  }

  // Polls the store until `done` says so; bounded, for what other threads bring about.
  bool eventually(const std::function<bool()>& done) {
    for (int i = 0; i < 2000; ++i) {
      if (done()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }
  bool ends_as(std::int64_t notification, DeliveryStatus status) {
    return eventually([&] {
      const auto rows = deliveries(notification);
      return !rows.empty() && std::ranges::all_of(rows, [&](const auto& d) { return d.status == status; });
    });
  }

  base::ManualClock clock_;
  std::string folder_;
  std::unique_ptr<base::KeyRing> keys_;
  std::unique_ptr<base::Metrics> metrics_;
  std::unique_ptr<Thread> delivery_, api_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<base::IdGenerator> ids_;
  std::unique_ptr<queue::Queue> queue_;
  std::unique_ptr<cache::Cache> cache_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<Pipeline> pipeline_;
};

constexpr const char* kMail =
    R"({"to":[{"email":"ok@sandbox.carillon.test"}],"channels":["email"],"title":"Hi","body":"There"})";

TEST(Pipeline, SendsAnInlineMailToTheSandbox) {
  World world;
  const auto answer = world.send(kMail);
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->reached, 1);
  EXPECT_TRUE(world.ends_as(answer->id, DeliveryStatus::Sent));
  const auto messages = world.run(world.store_->list_sandbox_messages(kDefaultProject, {}));
  ASSERT_TRUE(messages);
  ASSERT_EQ(messages->size(), 1U);
  EXPECT_EQ(messages->front().to, "ok@sandbox.carillon.test");
}

TEST(Pipeline, ReachesEveryChannelOfAUser) {
  World world;
  world.put_user("ada", R"({"email":"ok@sandbox.carillon.test","phone_number":"+999000000001"})", "test-ok");
  const auto answer = world.send(
      R"({"to":[{"user_id":"ada"}],"channels":["push","email","sms"],"title":"Hi","body":"There"})");
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->reached, 3);
  EXPECT_TRUE(world.ends_as(answer->id, DeliveryStatus::Sent));
}

TEST(Pipeline, AWorkerSeesWhatChangedAfterRouting) {
  World world;
  world.put_user("ada", R"({"email":"ok@sandbox.carillon.test"})");
  std::promise<void> go;
  asio::post(world.delivery_->context, [held = go.get_future().share()] { held.wait(); });
  const auto answer =
      world.send(R"({"to":[{"user_id":"ada"}],"channels":["email"],"title":"Hi","body":"There"})");
  EXPECT_TRUE(answer);
  EXPECT_TRUE(world.run(world.store_->delete_profile({kDefaultProject, "ada"}, "test", world.clock_.now())));
  go.set_value();
  ASSERT_TRUE(answer);
  ASSERT_TRUE(world.ends_as(answer->id, DeliveryStatus::Suppressed));
  EXPECT_EQ(world.deliveries(answer->id).front().reason, model::Reason::UserDeleted);
}

TEST(Pipeline, AcceptsAnEventOnce) {
  World world;
  const auto mail = [](std::string_view title) {
    return fmt::format(
        R"({{"event_id":"e1","to":[{{"email":"ok@sandbox.carillon.test"}}],"channels":["email"],)"
        R"("title":"{}","body":"There"}})",
        title);
  };
  const auto first = world.send(mail("Hi"));
  const auto second = world.send(mail("Hi"));
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(first->is_duplicate);
  EXPECT_TRUE(second->is_duplicate);
  EXPECT_EQ(first->id, second->id);
  const auto other = world.send(mail("No"));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, "event_id_reused");
  EXPECT_EQ(other.error().problems.front().pointer, "/title");
}

TEST(Pipeline, RetriesWhatFailsForNowAndGivesUpVisibly) {
  World world;
  const auto answer = world.send(
      R"({"to":[{"email":"tempfail@sandbox.carillon.test"}],"channels":["email"],"title":"Hi","body":"x"})");
  ASSERT_TRUE(answer);
  for (const int minutes : {0, 2, 7, 20, 75}) {
    ASSERT_TRUE(world.eventually([&] {
      const auto d = world.deliveries(answer->id).front();
      return d.status == DeliveryStatus::Retrying || d.status == DeliveryStatus::Dead;
    })) << minutes;
    const auto before = world.deliveries(answer->id).front().attempts;
    if (world.deliveries(answer->id).front().status == DeliveryStatus::Dead) break;
    world.clock_.advance(std::chrono::minutes(75));
    world.pipeline_->nudge();
    ASSERT_TRUE(world.eventually([&] { return world.deliveries(answer->id).front().attempts > before; }))
        << model::name(world.deliveries(answer->id).front().status) << " "
        << model::name(world.deliveries(answer->id).front().reason) << " attempts " << before << " due "
        << to_rfc3339(world.deliveries(answer->id).front().due_at.value_or(Time{})) << " now "
        << to_rfc3339(world.clock_.now());
  }
  EXPECT_TRUE(world.ends_as(answer->id, DeliveryStatus::Dead));
  EXPECT_EQ(world.deliveries(answer->id).front().attempts, 5);
  const auto dead = world.run(world.store_->letters().list({.project = kDefaultProject}, {}));
  ASSERT_TRUE(dead);
  EXPECT_EQ(dead->rows.size(), 1U);
}

// The embedded queue, watched: what was polled, and what is committed when.
class WatchedQueue final : public queue::Queue {
 public:
  Result<void> publish(model::Lane lane, std::span<const std::int64_t> ids) override {
    return inner_->publish(lane, ids);
  }
  queue::Batch poll(model::Lane lane, std::size_t limit) override {
    auto batch = inner_->poll(lane, limit);
    const std::lock_guard lock(mutex_);
    polled_.insert(lane.index());
    batch.token = batch.ids.empty() ? 0 : ++last_token_;
    if (batch.token != 0) batches_[lane.index()].emplace_back(batch.token, batch.ids);
    return batch;
  }
  void commit(model::Lane lane, std::uint64_t token) override {
    std::vector<std::int64_t> ids;
    {
      const std::lock_guard lock(mutex_);
      auto& batches = batches_[lane.index()];
      while (!batches.empty() && batches.front().first <= token) {
        ids.insert(ids.end(), batches.front().second.begin(), batches.front().second.end());
        batches.pop_front();
      }
    }
    if (!ids.empty() && on_commit) on_commit(ids);
  }
  void on_ready(std::function<void(model::Lane)> wake) override {
    has_listener_ = static_cast<bool>(wake);
    inner_->on_ready(std::move(wake));
  }
  std::size_t size(model::Lane lane) const override { return inner_->size(lane); }
  std::string trouble() const override { return {}; }

  // The first scan of the Store has found nothing more there: from now on the lane lives on hints.
  bool is_polled(model::Lane lane) {
    const std::lock_guard lock(mutex_);
    return polled_.contains(lane.index());
  }
  bool has_listener() const { return has_listener_; }

  std::function<void(const std::vector<std::int64_t>& ids)> on_commit;  // set before the pipeline is opened

 private:
  const std::unique_ptr<queue::Queue> inner_ = queue::make_embedded();
  std::mutex mutex_;
  std::set<std::size_t> polled_;
  std::map<std::size_t, std::deque<std::pair<std::uint64_t, std::vector<std::int64_t>>>> batches_;
  std::uint64_t last_token_ = 0;
  std::atomic<bool> has_listener_{false};
};

TEST(Pipeline, CommitsHintsOnlyWhenTheirClaimIsDurable) {
  auto owned = std::make_unique<WatchedQueue>();
  auto& queue = *owned;
  std::atomic<std::size_t> committed{0}, unclaimed{0};
  World* all = nullptr;
  queue.on_commit = [&](const std::vector<std::int64_t>& ids) {
    for (const std::int64_t id : ids) {
      const auto seen = all->run(all->store_->delivery(id));
      const bool is_claimed = seen && seen->delivery.status != DeliveryStatus::Pending;
      (is_claimed ? committed : unclaimed).fetch_add(1);
    }
  };
  World world(std::move(owned));
  all = &world;
  const model::Lane lane{model::Queue::Email, model::Priority::Bulk};
  ASSERT_TRUE(world.eventually([&] { return queue.is_polled(lane); }));
  std::string to;
  for (int i = 0; i < 300; ++i) to += fmt::format("{}{{\"email\":\"user{}@example.com\"}}", i ? "," : "", i);
  const auto answer = world.send(
      fmt::format(R"({{"to":[{}],"channels":["email"],"priority":"bulk","title":"Hi","body":"There"}})", to));
  ASSERT_TRUE(answer) << answer.error().detail;
  ASSERT_TRUE(world.eventually([&] { return committed + unclaimed == 300U; }))
      << committed << " " << unclaimed;
  EXPECT_EQ(unclaimed, 0U);
  EXPECT_TRUE(world.ends_as(answer->id, DeliveryStatus::Sent));
}

// A cache that says that others use it too.
class SharedCache final : public cache::Cache {
 public:
  Task<Result<std::vector<cache::Taken>>> take(std::vector<cache::Take> takes, Time now) override {
    return inner_->take(std::move(takes), now);
  }
  Task<Result<void>> mark_sent(std::vector<std::string> keys, Millis ttl, Time now) override {
    if (is_away) co_return fail(Errc::Unavailable, "away");
    co_return co_await inner_->mark_sent(std::move(keys), ttl, now);
  }
  Task<Result<std::vector<bool>>> were_sent(std::vector<std::string> keys, Time now) override {
    if (is_away) co_return fail(Errc::Unavailable, "away");
    co_return co_await inner_->were_sent(std::move(keys), now);
  }
  bool is_shared() const noexcept override { return true; }
  std::string trouble() const override { return {}; }

  std::atomic<bool> is_away{false};

 private:
  const std::unique_ptr<cache::Cache> inner_ = cache::make_memory();
};

constexpr const char* kFailingMail =
    R"({"to":[{"email":"tempfail@sandbox.carillon.test"}],"channels":["email"],"title":"Hi","body":"x"})";

TEST(SentMarks, AreMadeOfWhatWasSentAndOfNothingElse) {
  World world(nullptr, std::make_unique<SharedCache>());
  const auto sent = world.send(kMail), failed = world.send(kFailingMail);
  ASSERT_TRUE(sent && failed);
  ASSERT_TRUE(world.ends_as(sent->id, DeliveryStatus::Sent));
  ASSERT_TRUE(world.ends_as(failed->id, DeliveryStatus::Retrying));
  const auto mark_of = [&](std::int64_t notification) {
    return fmt::format("{}:0", world.deliveries(notification).front().id);
  };
  const auto marks =
      world.run(world.cache_->were_sent({mark_of(sent->id), mark_of(failed->id)}, world.clock_.now()));
  ASSERT_TRUE(marks);
  EXPECT_EQ(*marks, (std::vector<bool>{true, false}));
}

TEST(SentMarks, KeepAnotherProcessFromSendingAgain) {
  World world(nullptr, std::make_unique<SharedCache>());
  const auto answer = world.send(kFailingMail);
  ASSERT_TRUE(answer);
  ASSERT_TRUE(world.ends_as(answer->id, DeliveryStatus::Retrying));
  const auto before = world.deliveries(answer->id).front();
  // As if a process that is gone had sent it.
  ASSERT_TRUE(world.run(
      world.cache_->mark_sent({fmt::format("{}:0", before.id)}, std::chrono::hours(1), world.clock_.now())));
  world.clock_.advance(std::chrono::minutes(2));
  world.pipeline_->nudge();
  ASSERT_TRUE(world.ends_as(answer->id, DeliveryStatus::Sent));
  EXPECT_EQ(world.deliveries(answer->id).front().attempts, before.attempts);
  EXPECT_NE(world.metrics_->text().find("carillon_sent_marks_found_total 1"), std::string::npos);
}

TEST(SentMarks, AreDoneWithoutWhileTheCacheIsAway) {
  auto owned = std::make_unique<SharedCache>();
  owned->is_away = true;
  World world(nullptr, std::move(owned));
  const auto sent = world.send(kMail), failed = world.send(kFailingMail);
  ASSERT_TRUE(sent && failed);
  EXPECT_TRUE(world.ends_as(sent->id, DeliveryStatus::Sent));
  ASSERT_TRUE(world.ends_as(failed->id, DeliveryStatus::Retrying));
  const auto before = world.deliveries(failed->id).front().attempts;
  world.clock_.advance(std::chrono::minutes(2));
  world.pipeline_->nudge();
  EXPECT_TRUE(world.eventually([&] { return world.deliveries(failed->id).front().attempts > before; }));
}

TEST(Pipeline, ListensToNoQueueOnceItHasEnded) {
  auto owned = std::make_unique<WatchedQueue>();
  auto& queue = *owned;
  World world(std::move(owned));
  EXPECT_TRUE(queue.has_listener());
  world.pipeline_->drain();
  EXPECT_FALSE(queue.has_listener());
}

TEST(Pipeline, ExpandsMoreThan256EndpointsInTheBackground) {
  World world;
  std::string to;
  for (int i = 0; i < 700; ++i) to += fmt::format("{}{{\"email\":\"user{}@example.com\"}}", i ? "," : "", i);
  const auto answer =
      world.send(fmt::format(R"({{"to":[{}],"channels":["email"],"title":"Hi","body":"There"}})", to));
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, model::NotificationStatus::Expanding);
  world.pipeline_->nudge();
  EXPECT_TRUE(world.eventually([&] {
    const auto rows = world.run(world.store_->counters());
    std::int64_t sent = 0;
    for (const auto& row : *rows) {
      if (row.status == DeliveryStatus::Sent) sent += row.n;
    }
    return sent == 700;
  }));
}

TEST(Pipeline, WaitsForItsTime) {
  World world;
  const auto at = to_rfc3339(world.clock_.now() + std::chrono::hours(1));
  const auto answer =
      world.send(fmt::format(R"({{"to":[{{"email":"ok@sandbox.carillon.test"}}],"channels":["email"],)"
                             R"("title":"Hi","body":"x","send_at":"{}"}})",
                             at));
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, model::NotificationStatus::Scheduled);
  EXPECT_TRUE(world.deliveries(answer->id).empty());
  world.clock_.advance(std::chrono::minutes(61));
  world.pipeline_->nudge();
  EXPECT_TRUE(world.ends_as(answer->id, DeliveryStatus::Sent));
}

TEST(Pipeline, KeepsEverythingOverARestart) {
  World world;
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(world.send(kMail)->id);
  world.stop();
  world.start();
  for (const auto id : ids) EXPECT_TRUE(world.ends_as(id, DeliveryStatus::Sent));
}

}  // namespace
}  // namespace carillon::pipeline
