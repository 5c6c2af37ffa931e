// What buckets and marks cost on a Redis of yours, by the size of a call:
//
//   build/release/bench/redis_bench redis://127.0.0.1:6379
//
// Prints entries per second of one caller that waits for each call, the CPU this process spent for each
// entry, and the time of a call. Keys are under "bench:" and gone after two minutes.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>

#include "cache/cache.h"

namespace {

using namespace carillon;

constexpr std::size_t kEntries = 200'000;  // of a measurement; a tenth when asked one by one
constexpr Time kNow = from_ms(1'790'000'000'000);

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

Task<void> measure(cache::Cache* cache, bool is_marks, std::size_t size) {
  const std::size_t calls = (size == 1 ? kEntries / 10 : kEntries) / size;
  std::size_t failed = 0;
  const double cpu = cpu_seconds();
  const auto began = std::chrono::steady_clock::now();
  for (std::size_t call = 0; call < calls; ++call) {
    std::vector<cache::Take> takes;
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < size; ++i) {
      std::string key = fmt::format("{}/{}", call % 16, i);
      if (is_marks)
        keys.push_back(std::move(key));
      else
        takes.push_back({std::move(key), 1, 1'000'000, Millis(60'000)});
    }
    if (is_marks)
      failed += (co_await cache->mark_sent(std::move(keys), Millis(60'000), kNow)) ? 0 : 1;
    else
      failed += (co_await cache->take(std::move(takes), kNow)) ? 0 : 1;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const auto entries = static_cast<double>(calls * size);
  fmt::print("{:<10} {:>5} a call {:>9.0f}/s {:>7.2f} us CPU each {:>9.0f} us a call, {} failed\n",
             is_marks ? "mark_sent" : "take", size, entries / seconds, (cpu_seconds() - cpu) * 1e6 / entries,
             seconds * 1e6 / static_cast<double>(calls), failed);
}

}  // namespace

int main(int argc, char** argv) {
  base::Metrics metrics;
  cache::Options options;
  options.url = argc > 1 ? argv[1] : "redis://127.0.0.1:6379";
  options.prefix = "bench:";
  options.timeout = std::chrono::seconds(10);
  const auto cache = cache::open(options, metrics);
  if (!cache) {
    fmt::print(stderr, "{}\n", cache.error().message);
    return 1;
  }
  for (const bool is_marks : {false, true}) {
    for (const std::size_t size : {1U, 10U, 100U, 1000U}) {
      boost::asio::io_context context;
      auto done =
          boost::asio::co_spawn(context, measure(cache->get(), is_marks, size), boost::asio::use_future);
      context.run();
      done.get();
    }
  }
  return 0;
}
