// CPU per message of the APNs provider against the simulator over TLS, of h2load against the same
// simulator, and of building and reading alone. Usage: apns_bench [messages] [in flight] [connections]
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "providers/apns.h"
#include "providers/catalog.h"
#include "sim/sim.h"

namespace carillon::providers {
namespace {

namespace asio = boost::asio;

double cpu_us(int who) {
  rusage use{};
  getrusage(who, &use);
  const auto us = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
  };
  return us(use.ru_utime) + us(use.ru_stime);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

Job job_of(std::size_t i) {
  static const auto message = [] {
    auto m = std::make_shared<model::Message>();
    m->title = "Your order is on its way";
    m->body = "Order 1234567 left our warehouse and should be with you tomorrow between nine and twelve.";
    m->sound = "default";
    m->badge = 1;
    m->data = R"({"order":"1234567","screen":"order_details"})";
    return m;
  }();
  Job job;
  job.delivery = static_cast<std::int64_t>(0x0123456789abcdef + i);
  job.notification = 0x0123456789abcdee;
  job.target.platform = model::Platform::Ios;
  job.target.address = fmt::format("{:064x}", i * 0x9E3779B97F4A7C15ULL);
  job.target.bundle = "com.example.app";
  job.target.environment = "production";
  job.message = message;
  return job;
}

// Keeps all jobs under way; what ended during one wake-up is sent again in one span.
class Load final : public JobSink {
 public:
  Load(asio::io_context& io, Provider& provider, std::size_t total, std::size_t window)
      : io_(io), provider_(provider), total_(total) {
    for (std::size_t i = 0; i < window; ++i) jobs_.push_back(job_of(i));
    for (Job& job : jobs_) free_.push_back(&job);
  }
  void finished(Job& job, model::Outcome outcome) override {
    if (outcome.kind != model::OutcomeKind::Sent && bad_++ == 0) {
      fmt::print("failed: {} {} {}\n", model::name(outcome.kind), outcome.code, outcome.detail);
    }
    free_.push_back(&job);
    ++ended_;
    if (is_posted_ || started_ == total_) return;
    is_posted_ = true;
    asio::post(io_, [this] { refill(); });
  }
  void refill() {
    is_posted_ = false;
    std::vector<Job*> span;
    span.swap(spare_);
    span.clear();
    while (!free_.empty() && started_ < total_) {
      span.push_back(free_.back());
      free_.pop_back();
      ++started_;
    }
    provider_.send(span, *this, base::Deadline::after(std::chrono::seconds(30)));
    spare_ = std::move(span);
  }
  [[nodiscard]] bool is_done() const { return ended_ == total_; }
  [[nodiscard]] std::size_t bad() const { return bad_; }

 private:
  asio::io_context& io_;
  Provider& provider_;
  const std::size_t total_;
  std::size_t started_ = 0, ended_ = 0, bad_ = 0;
  bool is_posted_ = false;
  std::vector<Job> jobs_;
  std::vector<Job*> free_, spare_;
};

double run_provider(const std::string& settings, std::size_t total, std::size_t window) {
  asio::io_context io(1);
  const auto work = asio::make_work_guard(io);
  base::SystemClock clock;
  Context context;
  context.executor = io.get_executor();
  context.clock = &clock;
  base::JsonDocument document;
  base::Problems problems;
  auto provider = std::move(
      find_provider("apns")->open(*document.parse(settings), problems, context, CommonOptions{}).value());
  const auto run = [&](std::size_t count) {
    Load load(io, *provider, count, window);
    load.refill();
    while (!load.is_done()) io.run_one();
    return load.bad();
  };
  run(10 * window);
  const double cpu = cpu_us(RUSAGE_THREAD);
  const auto start = std::chrono::steady_clock::now();
  const std::size_t bad = run(total);
  const double us = (cpu_us(RUSAGE_THREAD) - cpu) / static_cast<double>(total);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  fmt::print("provider: {:.2f} us/message, {:.0f}/s, {} bad\n", us, static_cast<double>(total) / wall.count(),
             bad);
  bool is_closed = false;
  asio::co_spawn(io, provider->close(base::Deadline::after(std::chrono::seconds(5))),
                 [&](std::exception_ptr) { is_closed = true; });
  while (!is_closed) io.run_one();
  return us;
}

double run_h2load(const std::string& folder, const std::string& origin, const std::string& token,
                  std::size_t total, std::size_t window, std::size_t connections) {
  const apns_detail::Rules rules("com.example.app", "production");
  PushRequest request;
  const Job job = job_of(1);  // the fields point into it
  static_cast<void>(rules.build(job, false, request));
  std::ofstream(folder + "/body") << request.body;
  std::ofstream uris(folder + "/uris");
  for (std::size_t i = 0; i < window; ++i) {
    uris << origin << fmt::format("/3/device/{:064x}\n", i * 0x9E3779B97F4A7C15ULL);
  }
  uris.close();
  std::string headers = "-H 'authorization: " + token + "'";
  for (std::size_t i = 0; i < request.field_count; ++i) {
    headers += fmt::format(" -H '{}: {}'", request.fields[i].name, request.fields[i].value);
  }
  const double cpu = cpu_us(RUSAGE_CHILDREN);
  const std::string command =
      fmt::format("h2load -t1 -n{} -c{} -m{} -d {}/body -i {}/uris {} | grep -E 'requests:'", total,
                  connections, window / connections, folder, folder, headers);
  std::fflush(stdout);
  const int status = std::system(command.c_str());
  const double us = (cpu_us(RUSAGE_CHILDREN) - cpu) / static_cast<double>(total);
  fmt::print("h2load: {:.2f} us/message (status {})\n", us, status);
  return us;
}

void run_pure() {
  const apns_detail::Rules rules("com.example.app", "production");
  const Job job = job_of(1);
  PushRequest request;
  constexpr std::size_t kCount = 1'000'000;
  const net::Headers headers{{"apns-id", "01234567-89ab-8cde-af00-000000000000"}};
  const net::Http2Response response{200, {}, headers};
  std::size_t sum = 0;
  const double cpu = cpu_us(RUSAGE_THREAD);
  for (std::size_t i = 0; i < kCount; ++i) {
    request.clear();
    static_cast<void>(rules.build(job, false, request));
    sum += request.body.size() + rules.classify(response, Time{}).outcome.provider_id.size();
  }
  fmt::print("build + classify: {:.3f} us/message ({} bytes each)\n",
             (cpu_us(RUSAGE_THREAD) - cpu) / static_cast<double>(kCount), sum / kCount);
}

int run(std::size_t total, std::size_t window, std::size_t connections) {
  run_pure();
  char folder[] = "/tmp/carillon-apns-bench-XXXXXX";
  if (::mkdtemp(folder) == nullptr) return 1;
  sim::SimOptions options;
  options.use_any_ports();
  options.directory = folder;
  options.counters_only = true;
  options.quiet = true;
  options.apns_streams_at_first = 1000;  // h2load counts streams refused at first as failures
  auto sim = std::move(sim::Sim::open(options).value());
  base::JsonDocument document;
  const auto all = document.parse(sim->description());
  const auto apns = (*all)["apns"].value();
  const auto text = [](base::JsonElement e, std::string_view key) {
    return std::string(e[key].get_string().value());
  };
  apns_detail::Options credentials;
  credentials.team_id = text(apns, "team_id");
  credentials.key_id = text(apns, "key_id");
  credentials.private_key = base::Secret(read_file(text(apns, "key_file")));
  base::JsonWriter settings;
  settings.object().field("endpoint", text(apns, "endpoint")).field("ca_file", text(*all, "ca_file"));
  settings.field("team_id", credentials.team_id).field("key_id", credentials.key_id);
  settings.field("private_key", credentials.private_key.reveal());
  settings.field("connections", static_cast<std::int64_t>(connections))
      .field("max_in_flight", 100'000)
      .end_object();
  const std::string json = settings.str();
  const std::string token =
      *apns_detail::Token::shared(credentials)->value(base::SystemClock().now()).value();
  for (int round = 0; round < 3; ++round) {
    const double ours = run_provider(json, total, window);
    const double theirs = run_h2load(folder, text(apns, "endpoint"), token, total, window, connections);
    fmt::print("h2load / provider = {:.0f} %\n", 100.0 * theirs / ours);
  }
  sim.reset();
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace carillon::providers

int main(int argc, char** argv) {
  const auto argument = [&](int i, std::size_t otherwise) {
    return argc > i ? static_cast<std::size_t>(std::atoll(argv[i])) : otherwise;
  };
  return carillon::providers::run(argument(1, 200'000), argument(2, 200), argument(3, 1));
}
