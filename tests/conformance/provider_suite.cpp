// Every provider of the catalogue against the simulator, over real sockets: the outcomes that decide what
// becomes of a message.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "providers/catalog.h"
#include "sim/sim.h"

namespace carillon::conformance {
namespace {

using model::OutcomeKind;
using providers::Job;
using providers::Provider;

constexpr Millis kPatience{10'000};
constexpr Millis kShort{700};  // deadline of requests nobody answers

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

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

// What the suite has to know of one provider: its account at the simulator and whom it can reach.
struct Case {
  std::string settings;      // JSON
  std::string bad_settings;  // with a credential that is wrong; empty: the simulator is told to refuse it
  std::string vendor;        // its name in the simulator's control API; empty: no vendor
  providers::Target good, invalid;
  OutcomeKind throttled = OutcomeKind::Throttled;
  bool has_retry_after = true;
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
    options.apns_port = options.fcm_port = options.oauth_port = 0;
    options.twilio_port = options.smtp_port = options.control_port = 0;
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

  std::map<std::string, Case> cases;
  std::string control;

 private:
  static std::string text(base::JsonElement element, std::string_view key) {
    std::string_view out;
    return element[key].get(out) == simdjson::SUCCESS ? std::string(out) : std::string();
  }

  void describe(base::JsonElement all) {
    control = text(all, "control");
    const std::string ca_file = text(all, "ca_file");
    const auto push = [](const char* service, model::Platform platform, std::string token) {
      providers::Target target;
      target.platform = platform;
      target.service = service;
      target.address = std::move(token);
      return target;
    };
    const auto other = [](model::Channel channel, std::string address) {
      providers::Target target;
      target.channel = channel;
      target.address = std::move(address);
      return target;
    };
    const auto apns = all["apns"].value();
    const auto apns_settings = [&](const std::string& key_id) {
      base::JsonWriter out;
      out.object().field("endpoint", text(apns, "endpoint")).field("ca_file", ca_file);
      out.field("team_id", text(apns, "team_id")).field("key_id", key_id).field("topic", text(apns, "topic"));
      out.field("private_key", read_file(text(apns, "key_file"))).end_object();
      return out.str();
    };
    cases["apns"] = {apns_settings(text(apns, "key_id")),
                     apns_settings("WRONGKEYID"),
                     "apns",
                     push("apns", model::Platform::Ios, std::string(64, 'a')),
                     push("apns", model::Platform::Ios, "test-unregistered"),
                     OutcomeKind::Temporary,
                     true};
    const auto fcm = all["fcm"].value();
    base::JsonWriter out;
    out.object().field("endpoint", text(fcm, "endpoint")).field("ca_file", ca_file);
    out.field("service_account", read_file(text(fcm, "service_account_file"))).end_object();
    cases["fcm"] = {out.str(), "", "fcm", push("fcm", model::Platform::Android, "device-token-1"),
                    push("fcm", model::Platform::Android, "test-unregistered")};
    const auto twilio = all["twilio"].value();
    const auto twilio_settings = [&](const std::string& token) {
      base::JsonWriter w;
      w.object()
          .field("endpoint", text(twilio, "endpoint"))
          .field("account_sid", text(twilio, "account_sid"));
      w.field("auth_token", token).field("from", text(twilio, "from")).end_object();
      return w.str();
    };
    cases["twilio_sms"] = {twilio_settings(text(twilio, "auth_token")), twilio_settings("wrong"), "twilio",
                           other(model::Channel::Sms, "+821012345678"),
                           other(model::Channel::Sms, "+15005550009")};
    const auto smtp = all["smtp"].value();
    const auto smtp_settings = [&](const std::string& password) {
      base::JsonWriter w;
      w.object().field("endpoint", text(smtp, "url")).field("ca_file", ca_file);
      w.field("username", text(smtp, "user")).field("password", password);
      w.field("from_email", "shop@example.com").field("from_name", "가게").end_object();
      return w.str();
    };
    cases["smtp"] = {smtp_settings(text(smtp, "password")),
                     smtp_settings("wrong"),
                     "smtp",
                     other(model::Channel::Email, "someone@example.com"),
                     other(model::Channel::Email, "bounce@sandbox.carillon.test"),
                     OutcomeKind::Temporary,
                     false};
    cases["sandbox"] = {"{}", "{}", "", push("apns", model::Platform::Ios, "any"),
                        push("apns", model::Platform::Ios, "test-unregistered")};
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
    job.delivery = 0x0123456789abcdef;
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
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<Provider> provider_;
  const Case* what_ = nullptr;
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
  if (what_->vendor.empty()) GTEST_SKIP() << "no vendor";
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
  if (GetParam()->service.empty()) GTEST_SKIP() << "no credential that expires";
  Simulated moved;  // its clock stays where it is put, so it is not shared
  const Case& there = moved.cases.at(std::string(GetParam()->name));
  open(there.settings);
  ASSERT_EQ(send(there.good).kind, OutcomeKind::Sent);
  control(moved.control + "/clock", "POST", R"({"advance":"65m"})");
  clock_.advance(std::chrono::minutes(40));
  const auto outcome = send(there.good);
  EXPECT_EQ(outcome.kind, OutcomeKind::Sent) << shown(outcome);
  close();
}

INSTANTIATE_TEST_SUITE_P(All, ProviderSuite,
                         testing::ValuesIn(providers::catalog().begin(), providers::catalog().end()),
                         [](const auto& info) { return std::string(info.param->name); });

}  // namespace
}  // namespace carillon::conformance
