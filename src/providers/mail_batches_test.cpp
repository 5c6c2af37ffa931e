#include "providers/mail_batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <deque>
#include <map>

#include "providers/letter.h"

namespace carillon::providers {
namespace {

using model::Outcome;
using model::OutcomeKind;
using ::testing::ElementsAre;

class MailBatchesTest : public testing::Test, public JobSink {
 protected:
  void finished(Job& job, Outcome outcome) override {
    EXPECT_TRUE(ended_.emplace(&job, outcome.kind).second) << "told twice";
  }
  ~MailBatchesTest() override {
    answer_all();
    boost::asio::co_spawn(io_, batches_->close(), [](std::exception_ptr) {});
    settle();
    io_.run_for(std::chrono::seconds(5));
    EXPECT_EQ(ended_.size(), jobs_.size()) << "somebody was never told";
  }

  void open(MailBatches::Limits limits) {
    batches_ = std::make_unique<MailBatches>(
        io_.get_executor(), "test", limits,
        [](const model::Message& a, const model::Message& b) { return is_same_letter(a, b, true); },
        [](const MailBatch& batch, const Job& job) {
          return std::ranges::none_of(
              batch.jobs, [&](const Job* other) { return other->target.address == job.target.address; });
        },
        [this](MailBatch& batch) { return run(batch); });
  }
  Task<void> run(MailBatch& batch) {
    sizes_.push_back(batch.jobs.size());
    base::Signal answer(io_.get_executor());
    under_way_.push_back(&answer);
    static_cast<void>(co_await answer.wait());
    batches_->finish_all(batch, Outcome::sent("id"));
  }
  void answer_one() {
    under_way_.front()->set();
    under_way_.pop_front();
    settle();
  }
  void answer_all() {
    settle();
    while (!under_way_.empty()) answer_one();
  }
  void settle() {
    io_.restart();
    while (io_.poll() > 0) io_.restart();
  }
  // Adds `count` jobs of a notification that say `text`.
  void add(std::size_t count, std::int64_t notification, const std::string& text,
           model::Priority priority = model::Priority::Normal,
           base::Deadline deadline = base::Deadline::after(std::chrono::seconds(30))) {
    std::vector<Job*> span;
    for (std::size_t i = 0; i < count; ++i) {
      Job& job = jobs_.emplace_back();
      job.notification = notification;
      job.priority = priority;
      job.target.address = std::to_string(jobs_.size());
      auto message = std::make_shared<model::Message>();
      message->body = text;
      job.message = std::move(message);
      span.push_back(&job);
    }
    batches_->add(span, *this, deadline);
    settle();
  }

  boost::asio::io_context io_{1};
  std::deque<Job> jobs_;
  std::map<const Job*, OutcomeKind> ended_;
  std::vector<std::size_t> sizes_;
  std::deque<base::Signal*> under_way_;
  std::unique_ptr<MailBatches> batches_;
};

TEST_F(MailBatchesTest, SendsOneLetterToManyInOneRequest) {
  open({.batch_max = 100, .requests_max = 10, .jobs_max = 1000});
  add(250, 1, "x");
  EXPECT_THAT(sizes_, ElementsAre(100, 100));
  EXPECT_EQ(batches_->free_slots(), 750U);
  answer_one();
  EXPECT_EQ(sizes_.size(), 2U) << "another of the same letter is under way";
  answer_one();
  EXPECT_THAT(sizes_, ElementsAre(100, 100, 50));
  EXPECT_EQ(ended_.size(), 200U);
}

TEST_F(MailBatchesTest, GathersWhileTheSameLetterIsUnderWay) {
  open({.batch_max = 100, .requests_max = 10, .jobs_max = 1000});
  add(1, 1, "x");
  for (int i = 0; i < 30; ++i) add(1, 1, "x");
  EXPECT_THAT(sizes_, ElementsAre(1));
  answer_one();
  EXPECT_THAT(sizes_, ElementsAre(1, 30));
}

TEST_F(MailBatchesTest, NeverMixesLettersOrNotifications) {
  open({.batch_max = 100, .requests_max = 10, .jobs_max = 1000});
  add(2, 1, "x");
  add(3, 2, "x");
  add(1, 1, "y");
  add(1, 1, "z");
  EXPECT_THAT(sizes_, ElementsAre(2, 3, 1, 1)) << "letters of their own do not wait for each other";
}

TEST_F(MailBatchesTest, SplitsWhatDoesNotFit) {
  open({.batch_max = 100, .requests_max = 10, .jobs_max = 1000});
  auto message = std::make_shared<model::Message>();
  std::vector<Job*> span;
  for (const char* address : {"a", "b", "a"}) {
    Job& job = jobs_.emplace_back();
    job.target.address = address;
    job.message = message;
    span.push_back(&job);
  }
  batches_->add(span, *this, base::Deadline::after(std::chrono::seconds(30)));
  settle();
  EXPECT_THAT(sizes_, ElementsAre(2));
  answer_one();
  EXPECT_THAT(sizes_, ElementsAre(2, 1));
}

TEST_F(MailBatchesTest, ServesTheMostUrgentFirst) {
  open({.batch_max = 10, .requests_max = 1, .jobs_max = 1000});
  add(1, 1, "x");
  add(2, 2, "bulk", model::Priority::Bulk);
  add(3, 3, "critical", model::Priority::Critical);
  answer_one();
  answer_one();
  EXPECT_THAT(sizes_, ElementsAre(1, 3, 2));
}

TEST_F(MailBatchesTest, EndsWhatWaitedTooLongAndWhatWaitsAtTheEnd) {
  open({.batch_max = 10, .requests_max = 1, .jobs_max = 1000});
  add(1, 1, "x");
  add(1, 2, "late", model::Priority::Normal, base::Deadline(std::chrono::steady_clock::now()));
  answer_one();
  EXPECT_EQ(ended_.at(&jobs_[1]), OutcomeKind::NotSent);
  add(1, 3, "x");
  add(1, 4, "x");
  boost::asio::co_spawn(io_, batches_->close(), [](std::exception_ptr) {});
  settle();
  EXPECT_EQ(ended_.at(&jobs_[3]), OutcomeKind::NotSent);
  EXPECT_FALSE(ended_.contains(&jobs_[2])) << "what is under way may end";
  add(1, 5, "x");
  EXPECT_EQ(ended_.at(&jobs_[4]), OutcomeKind::NotSent);
}

}  // namespace
}  // namespace carillon::providers
