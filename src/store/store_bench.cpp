// What accept, claim and record of single-delivery notifications cost the store's process.
//
//   clang++-19 -std=c++23 -O2 -Isrc src/store/store_bench.cpp libcarillon_store.a libcarillon_model.a
//     libcarillon_base.a -lsqlite3 -lfmt -lsimdjson -lspdlog -lcrypto -o store_bench
//   /tmp/store_bench FOLDER|postgres://… [PENDING]
//
// PENDING rows are accepted first (with as many event ids) and stay pending in another lane. CPU is of
// the whole process, without the time it takes to make the input.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "base/ids.h"
#include "base/metrics.h"
#include "store/postgres.h"
#include "store/sqlite.h"
#include "store/store.h"

namespace carillon::store {
namespace {

double thread_cpu() {
  rusage u{};
  ::getrusage(RUSAGE_SELF, &u);
  const auto s = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return s(u.ru_utime) + s(u.ru_stime);
}
double wall() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
double resident_mib() {
  std::FILE* f = std::fopen("/proc/self/statm", "r");
  long total = 0, resident = 0;
  if (f != nullptr && std::fscanf(f, "%ld %ld", &total, &resident) != 2) resident = 0;
  if (f != nullptr) std::fclose(f);
  return static_cast<double>(resident) * 4096 / (1 << 20);
}

struct Bench {
  Store& store;
  base::SystemClock clock;
  base::IdGenerator ids;
  std::mt19937_64 random{std::random_device{}()};  // event ids of an earlier run would be repeats
  Owner owner;

  std::vector<AcceptItem> items(std::size_t n, model::Priority priority) {
    std::vector<AcceptItem> out(n);
    const std::int64_t first = ids.take(2 * n);
    for (std::size_t i = 0; i < n; ++i) {
      AcceptItem& item = out[i];
      item.notification.id = first + static_cast<std::int64_t>(2 * i);
      item.notification.project = 1;
      item.notification.app = 1;
      item.notification.priority = priority;
      item.notification.category = "general";
      item.notification.template_key = "order_shipped";
      item.notification.event_id = fmt::format("order-{:016x}", random());
      item.notification.accepted_at = clock.now();
      item.notification.body =
          R"({"event_id":"order-0123456789abcdef","to":[{"user_id":"user-123456"}],"category":"general","template":"order_shipped",)"
          R"("params":{"order":"A-123456","name":"Somebody","carrier":"Post","eta":"2026-12-01"},"metadata":{"trace":"0123456789abcdef"}})";
      item.notification.first_delivery = item.notification.id + 1;
      item.notification.delivery_count = 1;
      model::Delivery& d = item.deliveries.emplace_back();
      d.id = item.notification.id + 1;
      d.notification = item.notification.id;
      d.project = 1;
      d.queue = model::Queue::PushIos;
      d.priority = priority;
      d.user_id = fmt::format("user-{}", random() % 1'000'000);
      d.device_id = fmt::format("device-{:012x}", random() & 0xffffffffffff);
      base::Hash128 event{};
      for (std::uint8_t& b : event) b = static_cast<std::uint8_t>(random());
      item.event = event;
    }
    return out;
  }

  Task<void> fill(std::size_t n) {
    const double begun = wall(), cpu = thread_cpu();
    for (std::size_t done = 0; done < n; done += 1'000) {
      auto r = co_await store.accept(items(1'000, model::Priority::Bulk), clock.now());
      if (!r) fmt::print("accept: {}\n", r.error().message), std::exit(1);
    }
    fmt::print("filled {} pending in {:.1f} s wall, {:.2f} us CPU each; {:.0f} MiB resident\n", n,
               wall() - begun, (thread_cpu() - cpu) * 1e6 / static_cast<double>(n), resident_mib());
  }

  Task<void> cycle(std::size_t batch, std::size_t n) {
    double cpu_accept = 0, cpu_claim = 0, cpu_record = 0;
    const double begun = wall();
    for (std::size_t done = 0; done < n; done += batch) {
      auto input = items(batch, model::Priority::Normal);
      std::vector<ClaimRequest> requests(1);
      requests[0].lane = model::Lane{model::Queue::PushIos, model::Priority::Normal};
      for (const AcceptItem& item : input) requests[0].ids.push_back(item.deliveries[0].id);
      double t0 = thread_cpu();
      auto accepted = co_await store.accept(std::move(input), clock.now());
      double t1 = thread_cpu();
      cpu_accept += t1 - t0;
      auto claimed = co_await store.claim(std::move(requests), owner, clock.now());
      double t2 = thread_cpu();
      cpu_claim += t2 - t1;
      if (!accepted || !claimed || claimed->size() != batch) fmt::print("lost some\n"), std::exit(1);
      std::vector<RecordItem> records;
      records.reserve(batch);
      for (model::Delivery& d : *claimed) {
        RecordItem& r = records.emplace_back();
        r.delivery = std::move(d);
        r.delivery.attempts = 1;
        r.delivery.integration = "apns-main";
        r.delivery.provider_id = "EC1BF194-B3B2-424A-89A9-5A918A6E6B5B";
        r.category = "general";
        r.template_key = "order_shipped";
        r.app = 1;
      }
      t2 = thread_cpu();
      auto recorded = co_await store.record(std::move(records), owner, clock.now());
      cpu_record += thread_cpu() - t2;
      if (!recorded || !recorded->back()) fmt::print("not recorded\n"), std::exit(1);
    }
    const auto us = [n](double s) { return s * 1e6 / static_cast<double>(n); };
    fmt::print(
        "batch {:5}: accept {:5.2f} + claim {:5.2f} + record {:5.2f} = {:5.2f} us CPU, {:6.0f}/s wall\n",
        batch, us(cpu_accept), us(cpu_claim), us(cpu_record), us(cpu_accept + cpu_claim + cpu_record),
        static_cast<double>(n) / (wall() - begun));
  }
};

int run(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "/tmp/store_bench";
  const std::size_t pending = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  auto keys = base::KeyRing::derive(base::Secret(std::string(32, 'k')));
  base::Metrics metrics;
  const auto open = [&] {
    const double begun = wall();
    auto store = folder.starts_with("postgres")
                     ? open_postgres(PostgresOptions{
                           .url = base::Secret(folder), .folder = {}, .keys = &*keys, .metrics = &metrics})
                     : open_sqlite(SqliteOptions{.folder = folder, .keys = &*keys, .metrics = &metrics});
    if (!store) fmt::print("{}\n", store.error().message), std::exit(1);
    fmt::print("opened in {:.2f} s, {:.0f} MiB resident\n", wall() - begun, resident_mib());
    return std::move(*store);
  };
  auto store = open();
  boost::asio::io_context io(1);
  const auto go = [&](auto task) {
    boost::asio::co_spawn(io, std::move(task), [](std::exception_ptr e) {
      if (e) std::rethrow_exception(e);
    });
    io.run();
    io.restart();
  };
  base::SystemClock clock;
  Registration me;
  go([&]() -> Task<void> { me = (co_await store->register_process("bench", clock.now())).value(); });
  Bench bench{.store = *store,
              .clock = {},
              .ids = base::IdGenerator(clock, me.owner.node, me.highest_id),
              .owner = me.owner};
  if (pending > 0) go([&]() -> Task<void> { co_await bench.fill(pending); });
  for (const std::size_t batch : {std::size_t{64}, std::size_t{1000}}) {
    for (int i = 0; i < 3; ++i)
      go([&]() -> Task<void> { co_await bench.cycle(batch, batch * (batch == 64 ? 1000 : 100)); });
  }
  if (pending > 0) {
    store->close();
    store.reset();
    store = open();
  }
  store->close();
  return 0;
}

}  // namespace
}  // namespace carillon::store

int main(int argc, char** argv) { return carillon::store::run(argc, argv); }
