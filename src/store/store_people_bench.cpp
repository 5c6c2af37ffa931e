// What profiles() and suppressed() cost with a million users, each with two devices and three preferences.
//
//   clang++-19 -std=c++23 -O2 -Isrc src/store/store_people_bench.cpp BUILD/libcarillon_store.a …model.a
//   …base.a
//     -lsqlite3 -lfmt -lsimdjson -lspdlog -lcrypto -o /tmp/store_people_bench
//   /tmp/store_people_bench FOLDER [USERS]
//
// Users are drawn uniformly, so nearly every look-up of a fresh one misses the cache. CPU is of the process.
#include <fmt/format.h>
#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <random>

#include "store/store.h"

namespace carillon::store {
namespace {

double cpu_s() {
  rusage u{};
  ::getrusage(RUSAGE_SELF, &u);
  const auto s = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return s(u.ru_utime) + s(u.ru_stime);
}

std::string user_id(std::size_t i) { return fmt::format("user-{}", i); }

model::Profile user(std::size_t i) {
  model::Profile p;
  p.project = 1;
  p.user_id = user_id(i);
  p.name = "Somebody Or-Other";
  p.email = fmt::format("somebody-{}@example.com", i);
  p.phone_number = fmt::format("+8210{:08}", i);
  p.locale = "ko-KR";
  p.time_zone = "Asia/Seoul";
  for (const char* kind : {"a", "b"}) {
    model::Device& d = p.devices.emplace_back();
    d.device_id = fmt::format("device-{}-{}", i, kind);
    d.platform = model::Platform::Ios;
    d.bundle = "com.example.app";
    d.environment = "production";
    d.endpoints.push_back({"apns", fmt::format("{:064x}{}", i, kind), from_ms(1'790'000'000'000)});
    d.last_logged_in_at = from_ms(1'790'000'000'000);
  }
  p.preferences = {{"sms", "*", false}, {"push", "news", false}, {"email", "order_updates", true}};
  return p;
}

int bench(int argc, char** argv) {
  const std::size_t users = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  const auto keys = base::KeyRing::derive(base::Secret(std::string(32, 'k')));
  auto opened =
      open_sqlite(SqliteOptions{.folder = argc > 1 ? argv[1] : "/tmp/store_people_bench", .keys = &*keys});
  if (!opened) return fmt::print("{}\n", opened.error().message), 1;
  Store& store = **opened;
  boost::asio::io_context io(1);
  const auto go = [&](auto task) {
    boost::asio::co_spawn(io, std::move(task), [](std::exception_ptr e) {
      if (e) std::rethrow_exception(e);
    });
  };
  const auto finish = [&] {
    io.run();
    io.restart();
  };
  const auto measure = [&](const char* what, std::size_t n, auto task) {
    const double begun = cpu_s();
    go(std::move(task));
    finish();
    fmt::print("{}: {:.2f} us CPU each\n", what, (cpu_s() - begun) * 1e6 / static_cast<double>(n));
  };

  bool is_filled = false;
  go([&]() -> Task<void> {
    is_filled = (co_await store.profiles({{1, user_id(users - 1)}})).value()[0] != nullptr;
  });
  finish();
  const double begun = cpu_s();
  for (std::size_t at = 0; !is_filled && at < users; at += 1'000) {
    for (std::size_t i = at; i < std::min(users, at + 1'000); ++i) {
      go([&store, i]() -> Task<void> {
        const auto put = co_await store.put_profile(user(i), {"bench", "import", false, false},
                                                    from_ms(1'790'000'000'000));
        if (!put) fmt::print("put: {}\n", put.error().message), std::exit(1);
      });
    }
    finish();
  }
  if (!is_filled) {
    fmt::print("put: {:.1f} us CPU each\n", (cpu_s() - begun) * 1e6 / static_cast<double>(users));
  }

  std::mt19937_64 random{7};
  constexpr std::size_t kCalls = 200'000;
  for (const std::size_t batch : {std::size_t{1}, std::size_t{64}}) {
    std::size_t found = 0;
    const auto task = [&](bool is_hit) -> Task<void> {
      for (std::size_t n = 0; n < kCalls; n += batch) {
        std::vector<UserKey> wanted;
        for (std::size_t i = 0; i < batch; ++i)
          wanted.push_back({1, user_id(is_hit ? i + n % 512 : random() % users)});
        const auto rows = co_await store.profiles(std::move(wanted));
        for (const auto& row : rows.value()) found += row != nullptr ? 1 : 0;
      }
    };
    measure(fmt::format("profiles, batches of {}, fresh ones", batch).c_str(), kCalls,
            [&] { return task(false); });
    measure("  again (page cache of the system is warm)", kCalls, [&] { return task(false); });
    measure("  cached ones, first pass", kCalls, [&] { return task(true); });
    measure("  cached ones", kCalls, [&] { return task(true); });
    if (found != 4 * kCalls / batch * batch) return fmt::print("lost some: {}\n", found), 1;
  }
  std::vector<AddressKey> addresses(64);
  for (AddressKey& a : addresses) {
    for (std::uint8_t& b : a.hash) b = static_cast<std::uint8_t>(random());
  }
  measure("suppressed, batches of 64, none is", 64 * 10'000, [&]() -> Task<void> {
    for (std::size_t n = 0; n < 10'000; ++n) static_cast<void>(co_await store.suppressed(1, addresses));
  });
  store.close();
  return 0;
}

}  // namespace
}  // namespace carillon::store

int main(int argc, char** argv) { return carillon::store::bench(argc, argv); }
