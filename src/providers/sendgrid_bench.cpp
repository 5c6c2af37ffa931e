// Recipients per second of the SendGrid provider against the simulator, and of building the requests alone.
// Usage: sendgrid_bench [recipients] [in flight]
#include <fmt/format.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "providers/load_bench.h"
#include "providers/sendgrid.h"

namespace carillon::providers {
namespace {

namespace asio = boost::asio;

using bench::cpu_us;

// Each delivery has a message of its own, as the pipeline renders them: what is equal has to be found out.
Job job_of(std::size_t i) {
  auto message = std::make_shared<model::Message>();
  message->subject = "Your order is on its way";
  message->body = std::string(1000, 'x');
  message->html = "<html><body>" + std::string(10'000, 'y') + "</body></html>";
  message->headers = {{"List-Unsubscribe", "<https://example.com/u>"}};
  Job job;
  job.delivery = static_cast<std::int64_t>(0x0123456789abcdef + i);
  job.notification = 0x0123456789abcdee;
  job.target.channel = model::Channel::Email;
  job.target.address = fmt::format("somebody.number.{}@example.com", i);
  job.message = std::move(message);
  return job;
}

void run_provider(const std::string& settings, std::size_t total, std::size_t window) {
  asio::io_context io(1);
  const auto work = asio::make_work_guard(io);
  base::SystemClock clock;
  Context context;
  context.executor = io.get_executor();
  context.clock = &clock;
  context.hello_name = "mail.example.com";
  const auto provider = bench::open("sendgrid", settings, context);
  const auto run = [&](std::size_t count) {
    constexpr std::size_t kStep = 256;  // handed over at a time, as the pipeline does
    std::vector<Job> jobs;
    for (std::size_t i = 0; i < window; ++i) jobs.push_back(job_of(i));
    return bench::Load(io, *provider, std::move(jobs), count, kStep).run();
  };
  run(window);
  const double cpu = cpu_us(RUSAGE_THREAD);
  const auto start = std::chrono::steady_clock::now();
  const std::size_t bad = run(total);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  fmt::print("provider: {:.2f} us/recipient, {:.0f} recipients/s, {} bad\n",
             (cpu_us(RUSAGE_THREAD) - cpu) / static_cast<double>(total),
             static_cast<double>(total) / wall.count(), bad);
  bench::close(io, *provider);
}

void run_pure() {
  std::vector<Job> jobs;
  std::vector<Job*> span;
  for (std::size_t i = 0; i < sendgrid_detail::kRecipientsMax; ++i) jobs.push_back(job_of(i));
  for (Job& job : jobs) span.push_back(&job);
  sendgrid_detail::Options options;
  options.from_email = "shop@example.com";
  constexpr std::size_t kRounds = 300;
  std::size_t bytes = 0;
  const double cpu = cpu_us(RUSAGE_THREAD);
  for (std::size_t i = 0; i < kRounds; ++i) {
    bytes += sendgrid_detail::body_of(span, options, "mail.example.com").size();
  }
  fmt::print("build: {:.3f} us/recipient ({} bytes for 1000)\n",
             (cpu_us(RUSAGE_THREAD) - cpu) / static_cast<double>(kRounds * jobs.size()), bytes / kRounds);
}

int run(std::size_t total, std::size_t window) {
  run_pure();
  const bench::TemporaryFolder folder;
  const auto sim = std::move(sim::Sim::open(bench::counting(folder.path())).value());
  base::JsonDocument document;
  const auto vendor = (*document.parse(sim->description()))["sendgrid"].value();
  base::JsonWriter settings;
  settings.object().field("endpoint", std::string_view(vendor["endpoint"]));
  settings.field("api_key", std::string_view(vendor["api_key"])).field("from_email", "shop@example.com");
  settings.field("max_in_flight", static_cast<std::int64_t>(window)).end_object();
  const std::string json = settings.str();
  for (int round = 0; round < 3; ++round) run_provider(json, total, window);
  return 0;
}

}  // namespace
}  // namespace carillon::providers

int main(int argc, char** argv) {
  const carillon::providers::bench::Arguments argument{argc, argv};
  return carillon::providers::run(argument(1, 500'000), argument(2, 4'000));
}
