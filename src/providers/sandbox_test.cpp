#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <map>

#include "providers/catalog.h"
#include "providers/fixtures_test.h"

namespace carillon::providers {
namespace {

using model::OutcomeKind;

class Box final : public SandboxBox {
 public:
  explicit Box(boost::asio::any_io_executor executor) : go_on(std::move(executor)) {}
  Task<Result<void>> add(std::vector<SandboxEntry> entries) override {
    commits.push_back(entries.size());
    for (auto& entry : entries) kept.push_back(std::move(entry));
    if (is_held) static_cast<void>(co_await go_on.wait());
    if (is_broken) co_return fail(Errc::Unavailable, "disk full");
    co_return Result<void>{};
  }
  std::vector<std::size_t> commits;
  std::vector<SandboxEntry> kept;
  bool is_held = false, is_broken = false;
  base::Signal go_on;
};

class Sink final : public JobSink {
 public:
  void finished(Job& job, model::Outcome outcome) override {
    EXPECT_TRUE(outcomes.emplace(&job, std::move(outcome)).second);
  }
  std::map<const Job*, model::Outcome> outcomes;
};

class SandboxTest : public testing::Test {
 protected:
  SandboxTest() {
    Context context;
    context.executor = io.get_executor();
    context.clock = &clock;
    context.sandbox = &box;
    base::JsonDocument document;
    base::Problems problems;
    provider = std::move(sandbox_type().open(*document.parse("{}"), problems, context, {}).value());
  }
  ~SandboxTest() override {
    bool is_closed = false;
    boost::asio::co_spawn(io, provider->close(base::Deadline::after(Millis(10))),
                          [&](std::exception_ptr) { is_closed = true; });
    io.restart();
    io.run();
    EXPECT_TRUE(is_closed);
  }
  Job& add(std::string address) {
    jobs.push_back(testing_only::job_of(std::move(address)));
    jobs.back().message = testing_only::message_of("Hi", "there");
    return jobs.back();
  }
  void send(Job& job, base::Deadline deadline = base::Deadline::never()) {
    Job* const one[] = {&job};
    provider->send(one, sink, deadline);
  }
  void poll() {
    io.restart();
    io.poll();
  }

  boost::asio::io_context io{1};
  base::ManualClock clock;
  Box box{io.get_executor()};
  std::unique_ptr<Provider> provider;
  std::deque<Job> jobs;
  Sink sink;
};

TEST_F(SandboxTest, KeepsWhatItSendsBeforeItSaysSo) {
  box.is_held = true;
  Job& job = add("you@example.com");
  send(job);
  poll();
  EXPECT_EQ(box.kept.size(), 1U);
  EXPECT_TRUE(sink.outcomes.empty());
  box.go_on.set();
  poll();
  ASSERT_TRUE(sink.outcomes.contains(&job));
  EXPECT_EQ(sink.outcomes[&job].kind, OutcomeKind::Sent);
  EXPECT_TRUE(sink.outcomes[&job].provider_id.starts_with("sandbox-"));
  EXPECT_TRUE(box.kept[0].content.contains(R"("title":"Hi")"));
  EXPECT_EQ(box.kept[0].to, "you@example.com");
}

TEST_F(SandboxTest, GathersWhatComesDuringACommit) {
  box.is_held = true;
  send(add("1"));
  poll();
  for (int i = 0; i < 5; ++i) send(add("more"));
  EXPECT_EQ(provider->free_slots(), 4096U - 6);
  box.is_held = false;
  box.go_on.set();
  poll();
  EXPECT_EQ(box.commits, (std::vector<std::size_t>{1, 5}));
  EXPECT_EQ(sink.outcomes.size(), 6U);
  EXPECT_EQ(provider->free_slots(), 4096U);
}

TEST_F(SandboxTest, ActsOutTheReservedRecipients) {
  testing_only::for_each_fixture("sandbox", [&](auto answer, auto outcome, const std::string& file) {
    const base::JsonArray recipients = answer["recipients"].get_array().value();
    const base::JsonArray kinds = outcome["kinds"].get_array().value();
    ASSERT_EQ(recipients.size(), kinds.size()) << file;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
      Job& job = add(std::string(recipients.at(i).get_string().value()));
      send(job);
      poll();
      ASSERT_TRUE(sink.outcomes.contains(&job)) << job.target.address;
      EXPECT_EQ(model::name(sink.outcomes[&job].kind), kinds.at(i).get_string().value())
          << job.target.address;
    }
  });
}

TEST_F(SandboxTest, DoesNotKeepWhatIsRefused) {
  send(add("bounce@sandbox.carillon.test"));
  send(add("tempfail@sandbox.carillon.test"));
  poll();
  EXPECT_TRUE(box.kept.empty());
  EXPECT_EQ(sink.outcomes.size(), 2U);
}

TEST_F(SandboxTest, AnswersTheSlowOneLaterAndTheOthersAtOnce) {
  Job& slow = add("slow@sandbox.carillon.test");
  Job& quick = add("quick@example.com");
  send(slow, base::Deadline::after(Millis(50)));  // the deadline is earlier than two seconds
  send(quick);
  poll();
  EXPECT_TRUE(sink.outcomes.contains(&quick));
  EXPECT_FALSE(sink.outcomes.contains(&slow));
  io.restart();
  io.run();  // until nothing is left to do
  EXPECT_EQ(sink.outcomes[&slow].kind, OutcomeKind::Sent);
}

TEST_F(SandboxTest, SendsAgainWhatCouldNotBeKept) {
  box.is_broken = true;
  Job& job = add("you@example.com");
  send(job);
  poll();
  EXPECT_EQ(sink.outcomes[&job].kind, OutcomeKind::NotSent);
}

TEST(Catalog, EveryProviderIsFoundByItsName) {
  for (const ProviderType* type : catalog()) {
    EXPECT_EQ(find_provider(type->name), type);
    EXPECT_FALSE(type->title.empty());
    EXPECT_NE(type->open, nullptr);
    EXPECT_NE(type->declare, nullptr);
    EXPECT_GE(type->batch_max, 1U);
  }
  EXPECT_EQ(find_provider("pigeon"), nullptr);
  EXPECT_TRUE(sandbox_type().is_any_channel);
}

TEST(Job, HandleIsTheSameForEveryAttemptOfAGeneration) {
  Job job = testing_only::job_of("x");
  const std::string handle = job.handle();
  job.now += Millis(1000);
  EXPECT_EQ(job.handle(), handle);
  EXPECT_EQ(handle, job.delivery_text() + "-0");
  job.generation = 12;
  EXPECT_EQ(job.handle(), job.delivery_text() + "-12");
}

}  // namespace
}  // namespace carillon::providers
