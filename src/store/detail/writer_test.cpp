#include "store/detail/writer.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <latch>

#include "store/detail/sqlite.h"

namespace carillon::store::detail {
namespace {

// Commits of a writer, as the names of the jobs in each.
class Commits {
 public:
  explicit Commits(Writer::Fill fill = Writer::Fill{}) {
    std::filesystem::create_directories(folder_);
    auto db = std::move(*SqliteDb::open(folder_ + "/x.db", DbMode::Writer, 1 << 20));
    EXPECT_TRUE(db->exec("CREATE TABLE t(x)"));
    writer_ = std::make_unique<Writer>(std::move(db), words_, counters_, outbox_, nullptr,
                                       Writer::Hooks{[] { return false; }, [](bool, const Error*) {}}, fill);
  }
  ~Commits() {
    writer_.reset();
    std::filesystem::remove_all(folder_);
  }

  // What `push` pushes is waiting when the writer looks for work: it is held up by a job until then.
  template <class F>
  std::vector<std::vector<std::string>> of(F push) {
    std::latch is_held{1}, may_go{1};
    post("first", JobClass::Other, 1, [&] {
      is_held.count_down();
      may_go.wait();
    });
    is_held.wait();
    push();
    may_go.count_down();
    writer_->close();  // ends after the last job
    io_.restart();
    io_.run();
    return commits_;
  }

  void post(std::string name, JobClass job_class, std::size_t rows, std::function<void()> work = [] {}) {
    auto job = std::make_shared<Named>(*this, std::move(name), job_class, rows, std::move(work));
    ++open_;
    gate_.spawn(io_.get_executor(), "job", [this, job]() -> Task<void> {
      co_await writer_->run(job);
      --open_;
    });
    io_.restart();
    io_.poll();  // as far as the push
  }
  // Until all of them are committed.
  const std::vector<std::vector<std::string>>& all() {
    const auto work = boost::asio::make_work_guard(io_);
    io_.restart();
    while (open_ > 0) io_.run_one();
    return commits_;
  }

 private:
  class Named final : public Job {
   public:
    Named(Commits& owner, std::string name, JobClass job_class, std::size_t rows_in,
          std::function<void()> work)
        : Job(job_class, rows_in), owner_(owner), name_(std::move(name)), work_(std::move(work)) {}
    Result<void> run(Txn& txn) override {
      EXPECT_EQ(txn.db.in_transaction(), job_class != JobClass::Between);
      work_();
      if (owner_.is_committed_) owner_.commits_.emplace_back();
      owner_.is_committed_ = false;
      owner_.commits_.back().push_back(name_);
      return {};
    }
    [[nodiscard]] bool begins_sending() const noexcept override { return name_ != "held"; }
    void committed() override { owner_.is_committed_ = true; }
    void fail_with(const Error& error) override { ADD_FAILURE() << error.message; }

   private:
    Commits& owner_;
    const std::string name_;
    const std::function<void()> work_;
  };

  std::string folder_ =
      testing::TempDir() + "writer_" + testing::UnitTest::GetInstance()->current_test_info()->name();
  boost::asio::io_context io_;
  int open_ = 0;  // pushed, and not committed
  base::TaskGate gate_{"writer test"};
  Words words_;
  Counters counters_;
  Subscribers subscribers_;
  WebhookOutbox outbox_{subscribers_};
  std::vector<std::vector<std::string>> commits_;  // of the writer's thread until it ended
  bool is_committed_ = true;
  std::unique_ptr<Writer> writer_;
};

using Names = std::vector<std::string>;

TEST(Writer, CommitsTogetherWhatWaitsInTheOrderOfTheClasses) {
  Commits commits;
  const auto all = commits.of([&] {
    commits.post("other", JobClass::Other, 1);
    commits.post("expand", JobClass::Expand, 500);
    commits.post("accept", JobClass::Accept, 200);
    commits.post("claim", JobClass::Claim, 200);
    commits.post("record", JobClass::Record, 2000);
  });
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1], (Names{"record", "claim", "accept", "expand", "other"}));
}

// While something critical is about, the next of it never waits for more than a small commit.
TEST(Writer, KeepsCommitsSmallWhileSomethingCriticalIsAbout) {
  Commits commits;
  const auto all = commits.of([&] {
    for (int i = 0; i < 4; ++i) commits.post("record", JobClass::Record, 64);
    commits.post("expand", JobClass::Expand, 32);
    commits.post("critical", JobClass::AcceptCritical, 2);
    commits.post("critical result", JobClass::RecordCritical, 1);
  });
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[1], (Names{"critical result", "critical", "record", "expand"}));  // 128 rows at most
  EXPECT_EQ(all[2], (Names{"record", "record"}));
  EXPECT_EQ(all[3], (Names{"record"}));
}

// However much is critical, it goes at once, and the others still get their turn.
TEST(Writer, TakesAllThatIsCriticalAndOneOfTheOthers) {
  Commits commits;
  const auto all = commits.of([&] {
    for (int i = 0; i < 5; ++i) commits.post("critical", JobClass::AcceptCritical, 200);
    commits.post("record", JobClass::Record, 64);
    commits.post("other", JobClass::Other, 10);
  });
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[1], (Names{"critical", "critical", "critical", "critical", "critical", "other"}));
  EXPECT_EQ(all[2], (Names{"record"}));
}

TEST(Writer, DoesOnePieceBetweenTwoTransactions) {
  Commits commits;
  const auto all = commits.of([&] {
    commits.post("between", JobClass::Between, 0);
    commits.post("between", JobClass::Between, 0);
    commits.post("accept", JobClass::Accept, 2);
    commits.post("other", JobClass::Other, 1);
  });
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[1], (Names{"accept", "other"}));
  EXPECT_EQ(all[2], (Names{"between", "between"}));
}

constexpr Writer::Fill kUntilFull{
    .wait = std::chrono::minutes(10), .enough_rows = 32, .needs_results = false};

TEST(Writer, SendsWaitForEachOtherAfterACommitOfMany) {
  Commits commits(kUntilFull);
  commits.post("many", JobClass::Accept, 16);
  commits.all();
  commits.post("one", JobClass::Accept, 8);
  commits.post("two", JobClass::Accept, 24);
  EXPECT_EQ(commits.all(), (std::vector<Names>{{"many"}, {"one", "two"}}));
}

// The commits of `first` and of a send after it, which would wait for ten minutes if it waited.
std::vector<Names> one_after(Writer::Fill fill, const std::string& first, std::size_t rows) {
  Commits commits(fill);
  commits.post(first, JobClass::Accept, rows);
  commits.all();
  commits.post("one", JobClass::Accept, 8);
  return commits.all();
}

TEST(Writer, SendsAfterACommitOfFewDoNotWait) {
  EXPECT_EQ(one_after(kUntilFull, "few", 8), (std::vector<Names>{{"few"}, {"one"}}));
}

TEST(Writer, SendsDoNotWaitWhereNothingIsSent) {
  EXPECT_EQ(one_after(kUntilFull, "held", 16), (std::vector<Names>{{"held"}, {"one"}}));
}

TEST(Writer, SendsWaitOnlyWhereThereAreResultsWhenThatIsAsked) {
  Writer::Fill fill = kUntilFull;
  fill.needs_results = true;
  EXPECT_EQ(one_after(fill, "many", 16), (std::vector<Names>{{"many"}, {"one"}}));
}

TEST(Writer, WhatIsCriticalEndsTheWaiting) {
  Commits commits(kUntilFull);
  commits.post("many", JobClass::Accept, 16);
  commits.all();
  commits.post("one", JobClass::Accept, 8);
  commits.post("critical", JobClass::AcceptCritical, 2);
  EXPECT_EQ(commits.all(), (std::vector<Names>{{"many"}, {"critical", "one"}}));
}

TEST(Writer, DoesWhatWasPushedBeforeItCloses) {
  Commits commits;
  const auto all = commits.of([&] {
    for (int i = 0; i < 3; ++i) commits.post("accept", JobClass::Accept, 2);
  });
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].size(), 3U);
}

}  // namespace
}  // namespace carillon::store::detail
