// What readers and writers of records promise, on a real broker.
#include "queue/records.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <set>

#include "base/crypto.h"
#include "tests/conformance/eventually.h"
#include "tests/conformance/kafka_server.h"

namespace carillon::queue {
namespace {

using conformance::eventually;
using conformance::KafkaServer;
using namespace std::chrono_literals;
using model::KafkaRecord;

class KafkaRecords : public testing::Test {
 protected:
  void SetUp() override {
    KafkaServer* const server = KafkaServer::shared();
    if (server == nullptr) GTEST_SKIP() << conformance::kNoKafka;
    options_.url = server->url();
    options_.partitions = 2;
    topics_ = {"in-" + base::random_text(10), "other-" + base::random_text(10)};
    group_ = "readers-" + base::random_text(10);
    writer_ = std::move(open_writer(options_, topics_, metrics_).value());
  }
  std::unique_ptr<RecordReader> open() {
    auto opened = open_reader(options_, {topics_, group_}, metrics_);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  OutRecord record(std::string value, std::size_t topic = 0, std::string key = "") {
    return {topics_[topic], std::move(key), std::move(value), {}};
  }
  Result<void> write(std::vector<OutRecord> records) {
    std::promise<Result<void>> done;
    auto written = done.get_future();
    writer_->write(std::move(records), [&done](Result<void> result) { done.set_value(std::move(result)); });
    EXPECT_EQ(written.wait_for(30s), std::future_status::ready);
    return written.get();
  }
  void write_numbers(int first, int last, std::size_t topic = 0) {
    std::vector<OutRecord> records;
    for (int i = first; i <= last; ++i) records.push_back(record(std::to_string(i), topic));
    ASSERT_TRUE(write(std::move(records)));
  }
  // Takes until `count` have come; what came is settled unless it is not to be.
  static std::vector<KafkaRecord> take(RecordReader& reader, std::size_t count, bool settles = true,
                                       std::size_t topic = 0) {
    std::vector<KafkaRecord> got;
    EXPECT_TRUE(eventually([&] {
      auto some = reader.take(topic);
      if (!some.empty() && settles) reader.settle(topic);
      std::ranges::move(some, std::back_inserter(got));
      return got.size() >= count;
    })) << got.size()
        << " of " << count;
    return got;
  }
  static std::set<std::string> values(const std::vector<KafkaRecord>& records) {
    std::set<std::string> all;
    for (const auto& one : records) all.insert(one.value.value_or("(none)"));
    return all;
  }

  base::Metrics metrics_;
  Options options_;
  std::vector<std::string> topics_;
  std::string group_;
  std::unique_ptr<RecordWriter> writer_;
};

TEST_F(KafkaRecords, ComeAsTheyWereWritten) {
  OutRecord whole = record(std::string("\0{}\xff", 4), 0, std::string("k\0", 2));
  whole.headers = {{"id", "\"1\""}, {"id", ""}, {"bytes", std::string("\0\1", 2)}};
  OutRecord tombstone{topics_[0], "k", std::nullopt, {}};
  const Time before = base::SystemClock().now() - 60s;
  ASSERT_TRUE(write({whole, tombstone}));
  auto reader = open();
  auto got = take(*reader, 2);
  std::ranges::sort(got, {}, [](const KafkaRecord& one) { return !one.value.has_value(); });
  EXPECT_EQ(got[0].topic, topics_[0]);
  EXPECT_EQ(got[0].value, whole.value);
  EXPECT_EQ(got[0].key, whole.key);
  EXPECT_EQ(got[0].headers, whole.headers);
  EXPECT_GT(got[0].at, before);
  EXPECT_FALSE(got[1].value);
  EXPECT_EQ(got[1].key, "k");
  EXPECT_EQ(reader->trouble(), "");
}

TEST_F(KafkaRecords, AreReadAgainUnlessTheyWereSettled) {
  write_numbers(1, 50);
  {
    auto reader = open();
    take(*reader, 50);
    write_numbers(51, 60);
    take(*reader, 10, false);
  }
  write_numbers(61, 70);
  auto reader = open();
  const auto got = values(take(*reader, 20));
  EXPECT_EQ(got.size(), 20U);
  EXPECT_TRUE(got.contains("51") && got.contains("70"));
  EXPECT_FALSE(got.contains("50"));
}

TEST_F(KafkaRecords, ATopicWhoseBatchIsOutHoldsUpNoOtherAndKeepsLittle) {
  auto reader = open();
  write_numbers(1, 3);
  const auto first = take(*reader, 1, false);
  write_numbers(4, 5'000);
  write_numbers(1, 20, 1);
  EXPECT_EQ(take(*reader, 20, true, 1).size(), 20U);
  EXPECT_TRUE(reader->take(0).empty()) << "one batch at a time";
  reader->settle(0);
  std::vector<KafkaRecord> batch;
  ASSERT_TRUE(eventually([&] { return !(batch = reader->take(0)).empty(); }));
  EXPECT_LE(batch.size(), RecordReader::kBatchRecords);
  reader->settle(0);
  auto rest = take(*reader, 5'000 - first.size() - batch.size());
  std::ranges::move(batch, std::back_inserter(rest));
  std::ranges::move(first, std::back_inserter(rest));
  EXPECT_EQ(values(rest).size(), 5'000U);
  // In order within each partition.
  EXPECT_EQ(rest.size(), 5'000U) << "none twice";
}

TEST_F(KafkaRecords, TwoReadersShareTheTopicAndOneTakesOverFromTheOther) {
  auto first = open();
  write_numbers(1, 100);
  take(*first, 100);
  auto second = open();
  // Until both have something.
  std::set<std::string> by_first, by_second;
  int next = 101;
  ASSERT_TRUE(eventually([&] {
    write_numbers(next, next + 9);
    next += 10;
    for (auto* reader : {first.get(), second.get()}) {
      const auto got = values(reader->take(0));
      if (!got.empty()) reader->settle(0);
      (reader == first.get() ? by_first : by_second).insert(got.begin(), got.end());
    }
    return !by_first.empty() && !by_second.empty();
  }));
  first.reset();
  write_numbers(next, next + 99);
  std::set<std::string> all = by_first;
  all.insert(by_second.begin(), by_second.end());
  EXPECT_TRUE(eventually([&] {
    const auto got = values(second->take(0));
    if (!got.empty()) second->settle(0);
    all.insert(got.begin(), got.end());
    return static_cast<int>(all.size()) == next + 99 - 100;
  })) << all.size();
}

TEST_F(KafkaRecords, WakesWhoWaits) {
  auto reader = open();
  std::atomic<int> woken{0};
  reader->on_ready([&](std::size_t topic) { woken += topic == 1 ? 1 : 0; });
  write_numbers(1, 1, 1);
  EXPECT_TRUE(eventually([&] { return woken > 0; }));
  reader->on_ready({});
  EXPECT_EQ(reader->take(1).size(), 1U);
}

TEST_F(KafkaRecords, AWriteThatCannotBeSaysSo) {
  OutRecord nowhere = record("x");
  nowhere.topic = "nowhere-" + base::random_text(8);
  EXPECT_EQ(write({record("y"), nowhere}).error().code, Errc::Unavailable);
  OutRecord large = record(std::string(3 << 20, 'x'));
  EXPECT_FALSE(write({large}));
  EXPECT_TRUE(write({}));
  EXPECT_TRUE(write({record("z")}));
}

TEST_F(KafkaRecords, AMissingTopicIsMadeOrWaitedFor) {
  topics_ = {"new-" + base::random_text(10)};
  options_.create_topics = false;
  auto waiting = open();
  EXPECT_TRUE(eventually([&] { return waiting->trouble().find(topics_[0]) != std::string::npos; }));
  options_.create_topics = true;
  group_ += "-2";
  auto made = open();
  ASSERT_TRUE(write({record("1")}));
  EXPECT_EQ(take(*made, 1)[0].value, "1");
  EXPECT_EQ(take(*waiting, 1)[0].value, "1");
  EXPECT_EQ(waiting->trouble(), "");
}

}  // namespace
}  // namespace carillon::queue
