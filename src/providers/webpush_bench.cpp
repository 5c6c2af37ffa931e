// CPU per message of Web Push: encryption alone, building and reading alone, and the provider with its
// threads against the simulator, which runs in a process of its own. Usage: webpush_bench [messages] [in
// flight]
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>

#include "providers/load_bench.h"
#include "providers/webpush.h"

namespace carillon::providers {
namespace {

namespace asio = boost::asio;

using bench::cpu_us;
using bench::read_file;

Job job_of(std::size_t i) {
  static const auto message = [] {
    auto m = std::make_shared<model::Message>();
    m->title = "Your order is on its way";
    m->body = "Order 1234567 left our warehouse and should be with you tomorrow between nine and twelve.";
    m->url = "https://shop.example.com/orders/1234567";
    m->image = "https://shop.example.com/images/parcel.png";
    m->actions = R"([{"action":"track","title":"Track"},{"action":"change","title":"Change the day"}])";
    m->data = R"({"order":"1234567","screen":"order_details"})";
    return m;
  }();
  Job job;
  job.delivery = static_cast<std::int64_t>(0x0123456789abcdef + i);
  job.notification = 0x0123456789abcdee;
  job.target.platform = model::Platform::Web;
  job.target.address = "test-ok";
  job.message = message;
  return job;
}

void run_encryption() {
  const webpush_detail::Subscription to =
      webpush_detail::reserved_subscription("https://push.test", "test-ok");
  const Job job = job_of(1);
  webpush_detail::Push push;
  static_cast<void>(webpush_detail::build(job, {}, push));
  constexpr std::size_t kCount = 20'000;
  std::size_t bytes = 0;
  for (int round = 0; round < 3; ++round) {
    const double cpu = cpu_us(RUSAGE_THREAD);
    for (std::size_t i = 0; i < kCount; ++i) bytes += net::encrypt_push(to.keys, push.plain)->size();
    const double us = (cpu_us(RUSAGE_THREAD) - cpu) / static_cast<double>(kCount);
    fmt::print("encryption: {:.1f} us/message of {} bytes, {:.0f}/s on a core\n", us, push.plain.size(),
               1e6 / us);
  }
  constexpr std::size_t kBuilds = 300'000;
  const double cpu = cpu_us(RUSAGE_THREAD);
  for (std::size_t i = 0; i < kBuilds; ++i) {
    static_cast<void>(webpush_detail::build(job, {}, push));
    bytes += webpush_detail::classify({201, {}, {}}, true, Time{}).provider_id.size() + push.plain.size();
  }
  fmt::print("build + classify: {:.2f} us/message ({} bytes in all)\n",
             (cpu_us(RUSAGE_THREAD) - cpu) / static_cast<double>(kBuilds), bytes);
}

// The simulator in a child; it listens when this returns. 0: it could not be started.
::pid_t start_simulator(const std::string& folder) {
  int ready[2];
  if (::pipe(ready) != 0) return 0;
  const ::pid_t child = ::fork();
  if (child != 0) {
    ::close(ready[1]);
    char byte = 0;
    const bool is_up = ::read(ready[0], &byte, 1) == 1;
    ::close(ready[0]);
    return is_up ? child : 0;
  }
  const auto sim = sim::Sim::open(bench::counting(folder));
  if (!sim || ::write(ready[1], "1", 1) != 1) ::_exit(1);
  for (;;) ::pause();
}

void run_provider(const std::string& settings, std::size_t total, std::size_t window) {
  asio::io_context io(1);
  const auto work = asio::make_work_guard(io);
  base::SystemClock clock;
  Context context;
  context.executor = io.get_executor();
  context.clock = &clock;
  context.push_key = base::make_p256_pair().private_key;
  const auto provider = bench::open("webpush", settings, context);
  const auto run = [&](std::size_t count) {
    std::vector<Job> jobs;
    for (std::size_t i = 0; i < window; ++i) jobs.push_back(job_of(i));
    return bench::Load(io, *provider, std::move(jobs), count).run();
  };
  run(5 * window);
  const double all = cpu_us(RUSAGE_SELF), mine = cpu_us(RUSAGE_THREAD);
  const auto start = std::chrono::steady_clock::now();
  const std::size_t bad = run(total);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  const double n = static_cast<double>(total);
  const double us = (cpu_us(RUSAGE_SELF) - all) / n;
  fmt::print(
      "provider: {:.1f} us/message in all threads, {:.2f} on the delivery thread: {:.0f}/s on a core; "
      "{:.0f}/s here, {} bad\n",
      us, (cpu_us(RUSAGE_THREAD) - mine) / n, 1e6 / us, n / wall.count(), bad);
  bench::close(io, *provider);
}

int run(std::size_t total, std::size_t window) {
  const bench::TemporaryFolder folder;
  const ::pid_t child = start_simulator(folder.path());
  if (child == 0) return 1;
  const std::string file = folder.path() + "/sim.json";
  run_encryption();
  base::JsonDocument document;
  const auto all = document.parse(read_file(file));
  base::JsonWriter settings;
  settings.object().field("endpoint", std::string_view((*all)["webpush"]["endpoint"]));
  settings.field("ca_file", std::string_view((*all)["ca_file"])).field("subject", "mailto:ops@example.com");
  settings.field("max_in_flight", 100'000).end_object();
  const std::string json = settings.str();
  for (int round = 0; round < 3; ++round) run_provider(json, total, window);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return 0;
}

}  // namespace
}  // namespace carillon::providers

int main(int argc, char** argv) {
  const carillon::providers::bench::Arguments argument{argc, argv};
  return carillon::providers::run(argument(1, 50'000), argument(2, 500));
}
