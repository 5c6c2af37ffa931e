// carillon_seed: fills a stopped data folder with what a measurement needs, much faster than the API could.
//
//   carillon_seed --data DIR [--users 1000000] [--pending 10000000] [--event-ids 10000000] [--history
//   1000000]
//
//   users      u0 …: name, e-mail, locale, three preferences, one iOS device with a token of its own
//   pending    notifications with one delivery each, iOS push, due in a day: they lie in the due index
//   event-ids  random 128-bit keys in the dedup table, as if that many events had been accepted
//   history    so many notifications of the last thirty days, at their ends; users then have phone numbers,
//   too
//
// The folder must have been made by `carillon serve` (its secret key derives the hashes).
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "app/keys.h"
#include "base/ids.h"
#include "base/task.h"
#include "seed_history.h"
#include "store/store.h"

namespace carillon::bench {
namespace {

constexpr std::size_t kWritersAtOnce = 1024;  // profiles in the writer's queue
constexpr std::size_t kRowsPerCall = 2000;
constexpr std::size_t kCallsAtOnce = 2;
constexpr std::int64_t kProgressEvery = 1'000'000;
constexpr unsigned kNode = 1000;  // no server has this one, so ids never meet

struct Options {
  std::string data;
  std::int64_t users = 0, pending = 0, event_ids = 0, history = 0;
};

// The token of user n: 64 hexadecimal characters, as APNs has them.
std::string token_of(std::int64_t n) {
  return fmt::format("{:064x}", static_cast<std::uint64_t>(n) + (1ULL << 40U));
}

model::Profile profile_of(std::int64_t n, bool has_phone, Time now) {
  model::Profile p;
  p.project = 1;
  p.user_id = fmt::format("u{}", n);
  p.name = fmt::format("Recipient {}", n);
  p.email = fmt::format("u{}@example.test", n);
  if (has_phone) p.phone_number = fmt::format("+82102{:07}", n);
  p.locale = n % 3 == 0 ? "ko" : "en";
  p.time_zone = "Asia/Seoul";
  p.attributes = fmt::format(R"({{"tier":"{}"}})", n % 10 == 0 ? "gold" : "basic");
  p.preferences = {{"sms", "*", false}, {"email", "news", false}, {"push", "order_updates", true}};
  p.created_at = now;
  model::Device device;
  device.device_id = fmt::format("d{}", n);
  device.platform = model::Platform::Ios;
  device.bundle = "com.example.app";
  device.environment = "production";
  device.endpoints = {{"apns", token_of(n), now}};
  device.last_logged_in_at = now;
  p.devices.push_back(std::move(device));
  return p;
}

class Seed {
 public:
  Seed(store::Store& store, Options options)
      : store_(store), options_(std::move(options)), now_(clock_.now()), ids_(clock_, kNode, 0) {}

  Task<void> users() {
    while (next_user_ < options_.users && !failure_) {
      const std::int64_t n = next_user_++;
      auto put = co_await store_.put_profile(profile_of(n, options_.history > 0, now_),
                                             {"seed", "import", false, false}, now_);
      if (!put && put.error().code != Errc::Conflict) failure_ = put.error();
      if ((n + 1) % kProgressEvery == 0) fmt::print(stderr, "{} users\n", n + 1);
    }
  }

  Task<void> rows() {
    while (next_row_ < std::max(options_.pending, options_.event_ids) && !failure_) {
      const std::int64_t first = next_row_;
      next_row_ += static_cast<std::int64_t>(kRowsPerCall);
      std::vector<store::AcceptItem> items;
      items.reserve(kRowsPerCall);
      for (std::int64_t n = first; n < next_row_; ++n) items.push_back(item(n));
      auto accepted = co_await store_.accept(std::move(items), now_);
      if (!accepted) failure_ = accepted.error();
      if (next_row_ % kProgressEvery == 0) fmt::print(stderr, "{} rows\n", next_row_);
    }
  }

  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

 private:
  store::AcceptItem item(std::int64_t n) {
    store::AcceptItem item;
    auto& notification = item.notification;
    const bool is_pending = n < options_.pending;
    notification.id = ids_.take(is_pending ? 2 : 1);
    notification.project = 1;
    notification.app = 1;
    notification.category = "order_updates";
    notification.accepted_at = now_;
    notification.body =
        fmt::format(R"({{"event_id":"seed-{}","to":[{{"user_id":"u{}"}}],)"
                    R"("category":"order_updates","template":"order_shipped",)"
                    R"("params":{{"item_name":"Item {}","order":"A-{}"}},"channels":["push"]}})",
                    n, n % 1'000'000, n, n);
    if (n < options_.event_ids) {
      base::Hash128 hash{};
      const std::uint64_t halves[2] = {random_(), random_()};
      std::memcpy(hash.data(), halves, hash.size());
      item.event = hash;
    }
    if (!is_pending) {
      notification.status = model::NotificationStatus::Completed;
      return item;
    }
    notification.first_delivery = notification.id + 1;
    notification.delivery_count = 1;
    auto& delivery = item.deliveries.emplace_back();
    delivery.id = notification.id + 1;
    delivery.notification = notification.id;
    delivery.project = 1;
    delivery.queue = model::Queue::PushIos;
    delivery.priority = notification.priority;
    delivery.user_id = fmt::format("u{}", n % 1'000'000);
    delivery.device_id = fmt::format("d{}", n % 1'000'000);
    delivery.due_at = now_ + std::chrono::hours(24);
    return item;
  }

  store::Store& store_;
  const Options options_;
  base::SystemClock clock_;
  const Time now_;
  base::IdGenerator ids_;
  std::mt19937_64 random_{1};
  std::int64_t next_user_ = 0, next_row_ = 0;
  std::optional<Error> failure_;
};

int failed(const Error& error) {
  fmt::print(stderr, "carillon_seed: {}\n", error.message);
  return 1;
}

// Runs `count` copies of a task on one thread until all ended.
template <class F>
void run_all(std::size_t count, F make) {
  boost::asio::io_context context;
  base::TaskGate gate("seed");
  for (std::size_t i = 0; i < count; ++i) gate.spawn(context.get_executor(), "seed", make);
  auto guard = boost::asio::make_work_guard(context);
  while (gate.count() > 0) context.run_one();
}

int seed(const Options& options) {
  app::AppOptions app;
  app.data = options.data;
  auto keys = app::load_keys(app, true);
  if (!keys) return failed(keys.error());
  store::SqliteOptions sqlite;
  sqlite.folder = options.data;
  sqlite.keys = keys->get();
  sqlite.cache_bytes = 256 << 20;
  auto store = store::open_sqlite(std::move(sqlite));
  if (!store) return failed(store.error());
  Seed work(**store, options);
  run_all(kWritersAtOnce, [&work] { return work.users(); });
  run_all(kCallsAtOnce, [&work] { return work.rows(); });
  if (work.failure()) return failed(*work.failure());
  if (options.history > 0) {
    if (const auto done = seed_history(**store, {options.history, options.users}); !done)
      return failed(done.error());
  }
  (*store)->close();
  return 0;
}

}  // namespace
}  // namespace carillon::bench

int main(int argc, char** argv) {
  carillon::bench::Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--data")
      options.data = argv[i + 1];
    else if (name == "--users")
      options.users = std::atoll(argv[i + 1]);
    else if (name == "--pending")
      options.pending = std::atoll(argv[i + 1]);
    else if (name == "--event-ids")
      options.event_ids = std::atoll(argv[i + 1]);
    else if (name == "--history")
      options.history = std::atoll(argv[i + 1]);
  }
  if (options.data.empty()) {
    fmt::print(stderr,
               "usage: carillon_seed --data DIR [--users N] [--pending N] [--event-ids N] [--history N]\n");
    return 2;
  }
  return carillon::bench::seed(options);
}
