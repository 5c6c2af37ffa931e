// carillon bench: how fast this machine, or a running server, is.
#include <fcntl.h>
#include <csignal>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "app/client.h"
#include "app/load.h"
#include "net/service_url.h"
#include "sim/sim.h"

extern char** environ;

namespace carillon::app {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::size_t kBatch = 100;
constexpr int kUsers = 200;
constexpr double kSteadyRate = 1'000;  // requests per second of the row of answer times
constexpr Millis kLookAgain{50};
constexpr Millis kStartLimit{30'000}, kEndLimit{120'000};
constexpr std::string_view kToUsers =
    R"("channels":["push"],"title":"Order A-1700","body":"It arrives today.")";
constexpr std::string_view kToSandbox =
    R"("channels":["email"],"title":"Order A-1700","body":"It arrives today.")";

struct BenchOptions {
  std::string url, key, secret, at = ".";
  double seconds = 5;
  std::size_t connections = 64;
};

struct Row {
  std::string name, what, unit;
  double value = 0;
};

// This binary as another process, its output in a file. Ended (SIGTERM) when this goes.
class Child {
 public:
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }

  Result<void> start(std::vector<std::string> words, const std::string& log) {
    words.insert(words.begin(), "carillon");
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                       0600);
    ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    const int error = ::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
      return fail(Errc::Internal, fmt::format("cannot start {}: {}", words[1], std::strerror(error)));
    return {};
  }

  // User and system time of all its threads, in seconds (proc(5), stat).
  [[nodiscard]] double cpu_seconds() const {
    std::ifstream file(fmt::format("/proc/{}/stat", pid_));
    std::string text((std::istreambuf_iterator<char>(file)), {});
    std::istringstream fields(text.substr(std::min(text.rfind(')') + 1, text.size())));
    std::string skipped;
    for (int i = 3; i < 14; ++i) fields >> skipped;  // the state is field 3; utime and stime are 14 and 15
    double user = 0, system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }

  [[nodiscard]] bool has_ended() const { return ::waitpid(pid_, nullptr, WNOHANG) == pid_; }

 private:
  pid_t pid_ = 0;
};

// A folder that goes with everything in it.
class TemporaryFolder {
 public:
  static Result<std::unique_ptr<TemporaryFolder>> make(const std::string& where) {
    std::string path = where + "/carillon-bench-XXXXXX";  // what mkdtemp fills in
    if (::mkdtemp(path.data()) == nullptr)
      return fail(Errc::InvalidArgument, fmt::format("cannot make a folder in {}: {}; name another with --at",
                                                     where, std::strerror(errno)));
    return std::make_unique<TemporaryFolder>(std::filesystem::absolute(path).string());
  }
  explicit TemporaryFolder(std::string path) : path(std::move(path)) {}
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  const std::string path;
};

// The JSON of a file that a child writes when it is ready.
Result<std::string> await_file(const std::string& path, const Child& child, const std::string& log) {
  const auto deadline = base::Deadline::after(kStartLimit);
  base::JsonDocument document;
  while (true) {
    std::ifstream file(path);
    std::string text((std::istreambuf_iterator<char>(file)), {});
    if (!text.empty() && document.parse(text)) return text;
    if (child.has_ended() || deadline.passed()) {
      std::ifstream said(log);
      return fail(Errc::Unavailable,
                  "it did not start: " + std::string((std::istreambuf_iterator<char>(said)), {}));
    }
    pause_before_next_look(kLookAgain);
  }
}

// What of the server's JSON is wanted: asks with GET and reads it with `read`.
template <class Read>
auto look(Client& client, const std::string& target, Read read) -> std::expected<decltype(read({})), int> {
  const auto answer = client.ask("GET", target);
  if (!answer) return std::unexpected(answer.error());
  base::JsonDocument document;
  const auto root = document.parse(answer->body);
  return read(root ? *root : base::JsonElement());
}

// A server in a process of its own, and the vendors' simulator in this one, in a temporary folder.
class Stage {
 public:
  Result<void> open(const std::string& where) {
    CARILLON_TRY(folder_, TemporaryFolder::make(where));
    sim::SimOptions vendors;
    vendors.directory = folder_->path + "/sim";
    vendors.quiet = vendors.counters_only = true;
    vendors.use_any_ports();
    CARILLON_TRY(sim_, sim::Sim::open(std::move(vendors)));
    const std::string data = folder_->path + "/data", log = folder_->path + "/server.log";
    CARILLON_CHECK(server_.start({"serve", "--data", data, "--listen", "127.0.0.1:0"}, log));
    CARILLON_TRY(const std::string secrets, await_file(data + "/first-run.json", server_, log));
    shell_.line.data = data;
    shell_.json = true;
    client_ = std::make_unique<Client>(shell_);
    base::JsonDocument document;
    CARILLON_TRY(const auto root, document.parse(secrets));
    load_.user = cell_at(root, "app_key");
    load_.password = cell_at(root, "app_secret");
    load_.extra = kToUsers;
    load_.users = kUsers;
    CARILLON_TRY(const auto url, net::parse_service_url(cell_at(root, "url"), kHttpPort));
    load_.host = url.hosts.front().name;
    load_.port = url.hosts.front().port;
    return {};
  }

  // The integration and the users. The error is an exit status; what went wrong has been printed.
  std::expected<void, int> furnish() {
    const auto integration = sim_->push_integration();
    if (!integration) return std::unexpected(report(integration.error()));
    if (const auto put = client_->ask("PUT", "/v1/integrations/bench", *integration); !put)
      return std::unexpected(put.error());
    for (int i = 0; i < kUsers; ++i) {
      const std::string user = fmt::format("/v1/users/u{}", i);
      if (const auto put = client_->ask("PUT", user, "{}"); !put) return std::unexpected(put.error());
      const std::string device = fmt::format("{}/devices/{:064x}", user, i);
      if (const auto put = client_->ask("PUT", device, R"({"platform":"ios"})"); !put)
        return std::unexpected(put.error());
    }
    return {};
  }

  // Waits until everything accepted is handed over. The error is an exit status.
  std::expected<void, int> await_idle() {
    const auto deadline = base::Deadline::after(kEndLimit);
    while (true) {
      const auto open = look(*client_, "/v1/accountability", [](base::JsonElement root) {
        return integer_at(root, "states.pending") + integer_at(root, "states.processing");
      });
      if (!open) return std::unexpected(open.error());
      if (*open == 0) return {};
      if (deadline.passed())
        return std::unexpected(
            report(Error{Errc::Unavailable, "not everything was sent within two minutes"}));
      pause_before_next_look(kLookAgain);
    }
  }

  Client& client() { return *client_; }
  [[nodiscard]] const Child& server() const { return server_; }
  [[nodiscard]] const LoadOptions& load() const { return load_; }

 private:
  std::unique_ptr<TemporaryFolder> folder_;
  std::unique_ptr<sim::Sim> sim_;
  Child server_;
  Shell shell_;
  std::unique_ptr<Client> client_;
  LoadOptions load_;
};

// One run of the generator. The error is an exit status: what was refused is a mistake, not a figure.
std::expected<LoadReport, int> run(LoadOptions load, const BenchOptions& o, std::size_t batch,
                                   double rate = 0) {
  load.seconds = o.seconds;
  load.connections = o.connections;
  load.batch = batch;
  load.rate = rate;
  const auto done = run_load(load);
  if (!done) return std::unexpected(report(done.error()));
  if (done->refused > 0 || done->errors > done->requests / 100 || done->accepted == 0) {
    return std::unexpected(
        report(Error{Errc::FailedPrecondition,
                     fmt::format("of {} requests {} failed and {} notifications were refused; "
                                 "the first answer that was: {}",
                                 done->requests, done->errors, done->refused, done->first_problem)}));
  }
  return *done;
}

double rate_of(const LoadReport& done) { return static_cast<double>(done.accepted) / done.seconds; }

// The rows that need nothing but an address and a key.
std::expected<void, int> measure_accept(const LoadOptions& load, const BenchOptions& o,
                                        const std::string& while_, std::vector<Row>& rows) {
  const auto single = run(load, o, 1);
  if (!single) return std::unexpected(single.error());
  rows.push_back({"accept_single", "accepted, one a request" + while_, "/s", rate_of(*single)});
  const auto batches = run(load, o, kBatch);
  if (!batches) return std::unexpected(batches.error());
  rows.push_back(
      {"accept_batch", fmt::format("accepted, {} a request{}", kBatch, while_), "/s", rate_of(*batches)});
  return {};
}

std::expected<void, int> measure_answers(const LoadOptions& load, const BenchOptions& o,
                                         std::vector<Row>& rows) {
  const auto steady = run(load, o, 1, kSteadyRate);
  if (!steady) return std::unexpected(steady.error());
  rows.push_back({"answer_p50",
                  fmt::format("answered within, at {:.0f} requests/s: half of them", kSteadyRate), "ms",
                  steady->latencies.quantile(0.5) * 1e3});
  rows.push_back({"answer_p99", "the same, 99 of 100", "ms", steady->latencies.quantile(0.99) * 1e3});
  return {};
}

std::expected<void, int> measure_end_to_end(Stage& stage, const BenchOptions& o, std::vector<Row>& rows) {
  const double cpu_before = stage.server().cpu_seconds();
  const auto began = std::chrono::steady_clock::now();
  const auto sent = run(stage.load(), o, kBatch);
  if (!sent) return std::unexpected(sent.error());
  if (const auto idle = stage.await_idle(); !idle) return idle;
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const auto n = static_cast<double>(sent->accepted);
  rows.push_back({"end_to_end", "accepted and pushed to a simulated vendor", "/s", n / took});
  rows.push_back({"cpu", "the server's CPU for each of them", "µs",
                  (stage.server().cpu_seconds() - cpu_before) / n * 1e6});
  return {};
}

std::expected<std::vector<Row>, int> measure_here(const BenchOptions& o) {
  ProgressBar bar("Measuring");
  constexpr int kSteps = 4;
  Stage stage;
  std::vector<Row> rows;
  bar.show(0, kSteps);
  if (const auto open = stage.open(o.at); !open) return std::unexpected(report(open.error()));
  if (const auto done = stage.furnish(); !done) return std::unexpected(done.error());
  bar.show(1, kSteps);
  if (const auto done = measure_end_to_end(stage, o, rows); !done) return std::unexpected(done.error());
  bar.show(2, kSteps);
  if (const auto done = measure_answers(stage.load(), o, rows); !done) return std::unexpected(done.error());
  if (const auto idle = stage.await_idle(); !idle) return std::unexpected(idle.error());
  bar.show(3, kSteps);
  const auto paused =
      stage.client().ask("POST", "/v1/pauses", R"({"scope":{"channel":"push"},"reason":"bench"})");
  if (!paused) return std::unexpected(paused.error());
  if (const auto done = measure_accept(stage.load(), o, ", sending paused", rows); !done)
    return std::unexpected(done.error());
  const auto exact = look(stage.client(), "/v1/accountability",
                          [](base::JsonElement root) { return cell_at(root, "exact") == "yes"; });
  if (!exact) return std::unexpected(exact.error());
  if (!*exact) return std::unexpected(report(Error{Errc::Internal, "accepted is not the sum of all states"}));
  return rows;
}

Result<LoadOptions> load_of_server(const BenchOptions& o) {
  CARILLON_TRY(const auto url, net::parse_service_url(o.url, kHttpPort));
  if (url.scheme != "http")
    return fail(Errc::InvalidArgument,
                "--url takes http://HOST:PORT: the listener itself, without TLS before it");
  if (!o.key.starts_with("ck_test_"))
    return fail(Errc::InvalidArgument,
                "--key takes a test key (ck_test_…): what it sends ends in the sandbox and reaches nobody");
  if (o.secret.empty())
    return fail(Errc::InvalidArgument, "--secret takes the secret of that key, as @file or @env:NAME");
  CARILLON_TRY(std::string secret, resolve_value(o.secret));
  LoadOptions load;
  load.host = url.hosts.front().name;
  load.port = url.hosts.front().port;
  load.user = o.key;
  load.password = std::move(secret);
  load.to = R"({"email":"ok@sandbox.carillon.test"})";
  load.extra = kToSandbox;
  return load;
}

std::expected<std::vector<Row>, int> measure_server(const BenchOptions& o) {
  const auto load = load_of_server(o);
  if (!load) return std::unexpected(report(load.error()));
  ProgressBar bar("Measuring");
  constexpr int kSteps = 2;
  std::vector<Row> rows;
  bar.show(0, kSteps);
  if (const auto done = measure_answers(*load, o, rows); !done) return std::unexpected(done.error());
  bar.show(1, kSteps);
  if (const auto done = measure_accept(*load, o, "", rows); !done) return std::unexpected(done.error());
  return rows;
}

std::string shown(double value) {
  return value >= 100 ? fmt::format("{:.0f}", value) : fmt::format("{:.2f}", value);
}

int bench(const BenchOptions& o, bool is_json) {
  const auto rows = o.url.empty() ? measure_here(o) : measure_server(o);
  if (!rows) return rows.error();
  if (is_json) {
    base::JsonWriter out;
    out.object().key("rows").array();
    for (const auto& row : *rows)
      out.object().field("name", row.name).field("value", row.value).field("unit", row.unit).end_object();
    out.end_array().field("seconds", o.seconds).field("connections", o.connections).end_object();
    print(out.str() + "\n");
    return kExitOk;
  }
  Table table({});
  for (const auto& row : *rows) table.add({row.what, shown(row.value) + " " + row.unit});
  print(table.text());
  return kExitOk;
}

}  // namespace

void add_bench(CLI::App& root, Shell& shell) {
  static BenchOptions o;
  auto* command =
      root.add_subcommand("bench", "Measure how fast this machine is, or a running server accepts");
  command->add_option("--seconds", o.seconds, "How long each of the runs sends (default 5)")
      ->check(CLI::Range(0.1, 600.0));
  command->add_option("--connections", o.connections, "Connections kept alive (default 64)")
      ->check(CLI::Range(1, 4096));
  command->add_option("--at", o.at, "Where its temporary folder is made: whose disk is measured (default .)");
  command->add_option("--url", o.url, "Measure this server instead, with a test key: http://HOST:PORT");
  command->add_option("--key", o.key, "The app's test key, ck_test_…");
  command->add_option("--secret", o.secret, "Its secret: @file, @env:NAME or @- (standard input)");
  command->add_flag("--json", shell.json, "Print one JSON document");
  command->footer(
      "Without --url a server with an empty store of its own and a simulated vendor are started on this "
      "machine and\n"
      "share its cores with what sends to them; every accept and every result is on the disk before it "
      "counts.\n"
      "Example: carillon bench --seconds 5 --at /var/lib");
  command->callback([&shell] { shell.run = [&shell] { return bench(o, shell.json); }; });
}

}  // namespace carillon::app
