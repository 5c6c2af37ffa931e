// Every provider of the catalogue against the simulator, over real sockets: the outcomes that decide what
// becomes of a message.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <map>
#include <thread>

#include "net/http_server.h"
#include "provider_cases.h"
#include "providers/catalog.h"
#include "sim/sim.h"

namespace carillon::conformance {
namespace {

using model::OutcomeKind;
using providers::Job;
using providers::Provider;

constexpr Millis kPatience{10'000};
constexpr std::int64_t kDelivery = 0x0123456789abcdef;
constexpr Millis kShort{700};  // deadline of requests nobody answers

class Box final : public providers::SandboxBox {
 public:
  Task<Result<void>> add(std::vector<providers::SandboxEntry> entries) override {
    for (auto& entry : entries) kept.push_back(std::move(entry));
    co_return Result<void>{};
  }
  std::vector<providers::SandboxEntry> kept;
};

class Ending final : public providers::JobSink {
 public:
  explicit Ending(boost::asio::any_io_executor executor) : done(std::move(executor)) {}
  void finished(Job&, model::Outcome result) override {
    ++count;
    outcome = std::move(result);
    done.set();
  }
  int count = 0;
  model::Outcome outcome;
  base::Signal done;
};

// One simulator for all tests of the process; its faults are cleared before each.
class Simulated {
 public:
  static Simulated& get() {
    static Simulated only;
    return only;
  }
  Simulated() {
    char path[] = "/tmp/carillon-providers-XXXXXX";
    folder_ = ::mkdtemp(path);
    sim::SimOptions options;
    options.use_any_ports();
    options.directory = folder_;
    options.slow = Millis(100);
    options.quiet = true;
    auto opened = sim::Sim::open(options);
    if (!opened) throw std::runtime_error(opened.error().message);
    sim_ = std::move(*opened);
    base::JsonDocument document;
    describe(*document.parse(sim_->description()));
  }
  ~Simulated() {
    sim_.reset();
    std::filesystem::remove_all(folder_);
  }
  Simulated(const Simulated&) = delete;
  Simulated& operator=(const Simulated&) = delete;

  std::map<std::string, ProviderCase> cases;
  std::string control;

 private:
  void describe(base::JsonElement all) {
    control = text_of(all, "control");
    for (const auto& [name, make] : provider_cases()) cases[name] = make(all);
  }

  std::string folder_;
  std::unique_ptr<sim::Sim> sim_;
};

class ProviderSuite : public testing::TestWithParam<const providers::ProviderType*> {
 protected:
  void SetUp() override {
    const auto found = Simulated::get().cases.find(std::string(GetParam()->name));
    ASSERT_NE(found, Simulated::get().cases.end())
        << GetParam()->name << " is in the catalogue, but nothing here says how to reach it";
    what_ = &found->second;
    http_ = net::HttpClient::open(io_.get_executor());
    faults("{}", "DELETE");
  }
  void TearDown() override {
    close();
    run(http_->close());
  }

  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    boost::asio::co_spawn(io_, std::move(task), [&](std::exception_ptr error, T value) {
      EXPECT_EQ(error, nullptr);
      result.emplace(std::move(value));
    });
    while (!result && io_.run_one_for(std::chrono::seconds(30)) > 0) {}
    return std::move(result.value());
  }
  void run(Task<void> task) {
    bool is_done = false;
    boost::asio::co_spawn(io_, std::move(task), [&](std::exception_ptr error) {
      EXPECT_EQ(error, nullptr);
      is_done = true;
    });
    while (!is_done && io_.run_one_for(std::chrono::seconds(30)) > 0) {}
    EXPECT_TRUE(is_done);
  }

  void faults(std::string json, std::string method = "PUT") {
    control(Simulated::get().control + "/faults", std::move(method), std::move(json));
  }
  void control(std::string url, std::string method, std::string json) {
    net::HttpCall call;
    call.url = std::move(url);
    call.request.method = std::move(method);
    call.request.body = std::move(json);
    const auto response = run(http_->call(std::move(call), base::Deadline::after(kPatience)));
    ASSERT_TRUE(response) << response.error().detail;
    ASSERT_LT(response->status, 300) << response->body;
  }
  void fault(const std::string& rates) { faults(fmt::format(R"({{"{}":{}}})", what_->vendor, rates)); }

  void open(const std::string& settings) {
    close();
    providers::Context context;
    context.executor = io_.get_executor();
    context.clock = &clock_;
    context.sandbox = &box_;
    context.integration = "test";
    context.hello_name = "mail.example.com";
    context.has_private_addresses = true;
    context.callback_url = callback_url_;
    base::JsonDocument document;
    base::Problems problems;
    auto opened = GetParam()->open(*document.parse(settings), problems, context, providers::CommonOptions{});
    ASSERT_TRUE(opened) << opened.error().message << (problems.empty() ? "" : problems[0].detail);
    provider_ = std::move(*opened);
  }
  void close() {
    if (provider_) run(provider_->close(base::Deadline::after(kPatience)));
    provider_.reset();
  }

  model::Outcome send(const providers::Target& target, Millis patience = kPatience) {
    Job job;
    job.delivery = kDelivery;
    job.notification = 0x0123456789abcdee;
    job.project = 1;
    job.target = target;
    job.now = clock_.now();
    job.expires_at = job.now + std::chrono::hours(1);
    auto message = std::make_shared<model::Message>();
    message->title = "주문이 도착했어요 \"now\"";
    message->subject = "주문 알림";
    message->body = "Line one\nLine two: 안녕하세요";
    message->html = "<p>안녕하세요</p>";
    message->data = R"({"order":"7","count":3})";
    job.message = std::move(message);
    Ending ending(io_.get_executor());
    Job* const jobs[] = {&job};
    provider_->send(jobs, ending, base::Deadline::after(patience));
    run([](Ending& e) -> Task<void> { static_cast<void>(co_await e.done.wait()); }(ending));
    EXPECT_EQ(ending.count, 1);
    return ending.outcome;
  }

  static std::string shown(const model::Outcome& o) {
    return fmt::format("{} {} {} {}", model::name(o.kind), o.status, o.code, o.detail);
  }

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  base::SystemClock clock_;
  Box box_;
  std::string callback_url_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<Provider> provider_;
  const ProviderCase* what_ = nullptr;
};

TEST_P(ProviderSuite, SendsAndHandsBackTheVendorsId) {
  open(what_->settings);
  const auto outcome = send(what_->good);
  EXPECT_EQ(outcome.kind, OutcomeKind::Sent) << shown(outcome);
  EXPECT_FALSE(outcome.provider_id.empty());
}

TEST_P(ProviderSuite, SendsManyAndTellsEachOnce) {
  open(what_->settings);
  constexpr std::size_t kCount = 200;
  struct Counter final : providers::JobSink {
    explicit Counter(boost::asio::any_io_executor e) : done(std::move(e)) {}
    void finished(Job& job, model::Outcome outcome) override {
      ++by_job[&job];
      sent += outcome.kind == OutcomeKind::Sent ? 1 : 0;
      if (++total >= kCount) done.set();
    }
    std::map<const Job*, int> by_job;
    std::size_t sent = 0, total = 0;
    base::Signal done;
  } sink(io_.get_executor());
  std::vector<Job> jobs(kCount);
  auto message = std::make_shared<model::Message>();
  message->title = message->subject = "Hello";
  message->body = "World";
  for (std::size_t i = 0; i < kCount; ++i) {
    jobs[i].delivery = static_cast<std::int64_t>(i) + 1;
    jobs[i].target = what_->good;
    jobs[i].message = message;
    jobs[i].now = clock_.now();
  }
  run([](Provider& provider, std::vector<Job>& all, Counter& counter) -> Task<void> {
    std::size_t begun = 0;
    while (begun < all.size()) {
      const std::size_t room = std::min(provider.free_slots(), all.size() - begun);
      std::vector<Job*> span;
      for (std::size_t i = 0; i < room; ++i) span.push_back(&all[begun + i]);
      provider.send(span, counter, base::Deadline::after(kPatience));
      begun += room;
      if (room == 0) static_cast<void>(co_await base::sleep_for(Millis(1)));
    }
    static_cast<void>(co_await counter.done.wait(base::Deadline::after(2 * kPatience)));
  }(*provider_, jobs, sink));
  EXPECT_EQ(sink.sent, kCount);
  EXPECT_EQ(sink.by_job.size(), kCount);
  EXPECT_EQ(sink.total, kCount);
}

TEST_P(ProviderSuite, KnowsARecipientThatIsGone) {
  open(what_->settings);
  const auto outcome = send(what_->invalid);
  EXPECT_EQ(outcome.kind, OutcomeKind::InvalidRecipient) << shown(outcome);
  EXPECT_FALSE(outcome.code.empty());
}

TEST_P(ProviderSuite, HeedsTheVendorsLimit) {
  if (what_->vendor.empty()) GTEST_SKIP() << "no vendor";
  open(what_->settings);
  fault(R"({"rate_429":1,"retry_after_s":7})");
  const auto outcome = send(what_->good);
  EXPECT_EQ(outcome.kind, what_->throttled) << shown(outcome);
  if (what_->has_retry_after) {
    ASSERT_TRUE(outcome.retry_after);
    EXPECT_EQ(*outcome.retry_after, Millis(7000));
  }
}

TEST_P(ProviderSuite, CallsAWrongCredentialMisconfigured) {
  if (what_->vendor.empty() || !what_->has_account) GTEST_SKIP() << "no account";
  open(what_->bad_settings.empty() ? what_->settings : what_->bad_settings);
  if (what_->bad_settings.empty()) fault(R"({"auth_failure":1})");
  const auto outcome = send(what_->good);
  EXPECT_EQ(outcome.kind, OutcomeKind::Misconfigured) << shown(outcome);
  const auto report = run(provider_->test(base::Deadline::after(kPatience)));
  EXPECT_FALSE(report.ok) << report.detail;
}

TEST_P(ProviderSuite, RetriesWhenTheServerFails) {
  if (what_->vendor.empty()) GTEST_SKIP() << "no vendor";
  open(what_->settings);
  fault(R"({"rate_5xx":1,"status_5xx":503})");
  const auto outcome = send(what_->good);
  EXPECT_EQ(outcome.kind, OutcomeKind::Temporary) << shown(outcome);
}

TEST_P(ProviderSuite, SaysSoWhenNobodyKnows) {
  if (what_->vendor.empty()) GTEST_SKIP() << "no vendor";
  open(what_->settings);
  EXPECT_EQ(send(what_->good).kind, OutcomeKind::Sent);
  fault(R"({"no_answer":1})");
  auto outcome = send(what_->good, kShort);
  EXPECT_EQ(outcome.kind, OutcomeKind::Ambiguous) << shown(outcome);
  fault(R"({"reset_after":1})");
  outcome = send(what_->good);
  EXPECT_EQ(outcome.kind, OutcomeKind::Ambiguous) << shown(outcome);
}

TEST_P(ProviderSuite, TestProvesTheCredentials) {
  open(what_->settings);
  const auto report = run(provider_->test(base::Deadline::after(kPatience)));
  EXPECT_TRUE(report.ok) << report.detail;
  EXPECT_FALSE(report.detail.empty());
}

TEST_P(ProviderSuite, DeclaresWhatItReads) {
  base::SettingsGroup group("settings");
  GetParam()->declare(group);
  EXPECT_FALSE(group.settings().empty());
  for (const auto& setting : group.settings()) EXPECT_TRUE(setting.help.ends_with('.')) << setting.name;
  base::JsonDocument document;
  base::Problems problems;
  providers::Context context;
  context.executor = io_.get_executor();
  context.clock = &clock_;
  context.sandbox = &box_;
  EXPECT_FALSE(GetParam()->open(*document.parse(R"({"no_such_setting":1})"), problems, context, {}));
  EXPECT_FALSE(problems.empty());
}

// Each token is an hour old for the vendor; ours to renew it is not due yet by our own clock.
TEST_P(ProviderSuite, RenewsACredentialTheVendorCallsExpired) {
  if (GetParam()->channel != model::Channel::Push || GetParam()->service.empty())
    GTEST_SKIP() << "no credential that expires";
  Simulated moved;  // its clock stays where it is put, so it is not shared
  const ProviderCase& there = moved.cases.at(std::string(GetParam()->name));
  open(there.settings);
  ASSERT_EQ(send(there.good).kind, OutcomeKind::Sent);
  control(moved.control + "/clock", "POST", R"({"advance":"65m"})");
  clock_.advance(std::chrono::minutes(40));
  const auto outcome = send(there.good);
  EXPECT_EQ(outcome.kind, OutcomeKind::Sent) << shown(outcome);
  close();
}

// Takes what a vendor calls back with, on a thread of its own, and hands it to the test's.
class CallbackTaker {
 public:
  explicit CallbackTaker(boost::asio::any_io_executor executor) : came_(executor) {
    net::HttpServerOptions options;
    options.host = "127.0.0.1";
    options.port = 0;
    auto take = [this, executor](net::HttpRequest request, net::HttpPeer) -> Task<net::HttpResponse> {
      boost::asio::post(executor, [this, request = std::move(request)]() mutable {
        kept.push_back(std::move(request));
        came_.set();
      });
      co_return net::HttpResponse{.status = 204, .headers = {}, .body = {}};
    };
    server_ = std::move(net::HttpServer::open({io_.get_executor()}, options, std::move(take)).value());
    thread_ = std::thread([this] { io_.run(); });
  }
  ~CallbackTaker() {
    server_->drain(base::Deadline::after(kPatience));
    work_.reset();
    thread_.join();
  }
  CallbackTaker(const CallbackTaker&) = delete;
  CallbackTaker& operator=(const CallbackTaker&) = delete;
  [[nodiscard]] std::string origin() const { return fmt::format("http://127.0.0.1:{}", server_->port()); }
  // True: there is one more to read.
  Task<bool> next(std::size_t seen) {
    const auto patience = base::Deadline::after(kPatience);
    while (kept.size() <= seen && !patience.passed()) static_cast<void>(co_await came_.wait(patience));
    co_return kept.size() > seen;
  }
  std::vector<net::HttpRequest> kept;

 private:
  base::Signal came_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  std::unique_ptr<net::HttpServer> server_;
  std::thread thread_;
};

// Until the vendor says that it was delivered; what was changed on the way or signed by nobody is refused.
TEST_P(ProviderSuite, ReadsWhatTheVendorTellsLaterAndRefusesForgeries) {
  if (!GetParam()->has_receipts || !what_->calls_back) GTEST_SKIP() << "no callbacks";
  CallbackTaker taker(io_.get_executor());
  const std::string path = fmt::format("/v1/callbacks/{}/test", GetParam()->name);
  callback_url_ = taker.origin() + path;
  control(Simulated::get().control + "/webhooks", "PUT",
          fmt::format(R"({{"{}":"{}"}})", what_->vendor, callback_url_));
  open(what_->settings);
  ASSERT_EQ(send(what_->good).kind, OutcomeKind::Sent);
  bool is_delivered = false;
  for (std::size_t seen = 0; !is_delivered && run(taker.next(seen)); ++seen) {
    const net::HttpRequest& came = taker.kept[seen];
    providers::CallbackRequest request{.method = came.method,
                                       .url = taker.origin() + came.target,
                                       .headers = came.headers,
                                       .body = came.body,
                                       .now = clock_.now()};
    const auto deadline = base::Deadline::after(kPatience);
    const auto reading = run(provider_->callback(request, deadline));
    ASSERT_TRUE(reading) << reading.error().message;
    EXPECT_EQ(reading->status / 100, 2);
    for (const auto& receipt : reading->receipts) {
      EXPECT_EQ(receipt.delivery, kDelivery);
      EXPECT_LE(receipt.at, clock_.now());
      is_delivered = is_delivered || receipt.kind == model::ReceiptKind::Delivered;
    }
    auto unsigned_one = request;
    std::erase_if(unsigned_one.headers, [](const auto& header) {
      return header.first != "content-type" && header.first != "Content-Type";
    });
    // Some sign inside the body.
    if (const auto sig = unsigned_one.body.find("&sig="); sig != std::string::npos)
      unsigned_one.body.resize(sig);
    EXPECT_FALSE(run(provider_->callback(unsigned_one, deadline))) << "taken without its signature";
    auto changed = request;
    if (!what_->covers_body) {
      for (auto& [name, value] : changed.headers) {
        if (name != "content-type" && name != "Content-Type") value.insert(value.size() / 2, "x");
      }
    }
    changed.body.insert(changed.body.size() / 2, "1");
    changed.url += "&x=1";
    const auto refused = run(provider_->callback(changed, deadline));
    ASSERT_FALSE(refused) << "taken though it was changed";
    EXPECT_EQ(refused.error().code, Errc::Unauthenticated);
  }
  EXPECT_TRUE(is_delivered) << taker.kept.size() << " callbacks came";
}

INSTANTIATE_TEST_SUITE_P(All, ProviderSuite,
                         testing::ValuesIn(providers::catalog().begin(), providers::catalog().end()),
                         [](const auto& info) { return std::string(info.param->name); });

}  // namespace
}  // namespace carillon::conformance
