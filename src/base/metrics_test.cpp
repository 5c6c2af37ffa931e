#include "base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <thread>

namespace carillon::base {
namespace {

TEST(Metrics, WritesTheTextFormat) {
  Metrics m;
  m.counter("sent_total", "Sent\nmessages.", {{"channel", "sms"}, {"app", "a\"b\\c\n"}}).add(3);
  m.counter("sent_total", "ignored", {{"channel", "email"}}).add();
  m.gauge("up", "Is it up.", {}, [] { return 0.5; });
  m.gauges("depth", "Depth.",
           [] { return Metrics::Series{{{{"queue", "sms"}}, 2}, {{{"queue", "push"}}, 1e9}}; });
  EXPECT_EQ(
      m.text(),
      "# HELP sent_total Sent\\nmessages.\n# TYPE sent_total counter\n"
      "sent_total{app=\"a\\\"b\\\\c\\n\",channel=\"sms\"} 3\nsent_total{channel=\"email\"} 1\n"
      "# HELP up Is it up.\n# TYPE up gauge\nup 0.5\n"
      "# HELP depth Depth.\n# TYPE depth gauge\ndepth{queue=\"sms\"} 2\ndepth{queue=\"push\"} 1000000000\n");
}

TEST(Metrics, HistogramsAreCumulative) {
  Metrics m;
  const Histogram h = m.histogram("size", "Size.", std::array{1.0, 2.5}, {{"k", "v"}});
  h.observe(1.0);
  h.observe(2.0, 3);
  h.observe(100);
  h.observe(-1);
  h.observe(std::nan(""));
  EXPECT_EQ(m.text(),
            "# HELP size Size.\n# TYPE size histogram\nsize_bucket{k=\"v\",le=\"1\"} 1\n"
            "size_bucket{k=\"v\",le=\"2.5\"} 4\nsize_bucket{k=\"v\",le=\"+Inf\"} 5\n"
            "size_sum{k=\"v\"} 107\nsize_count{k=\"v\"} 5\n");
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameSeries) {
  Metrics m;
  m.counter("a", "A.", {{"x", "1"}, {"y", "2"}}).add(1);
  m.counter("a", "A.", {{"y", "2"}, {"x", "1"}}).add(2);
  EXPECT_EQ(m.value("a", {{"y", "2"}, {"x", "1"}}), 3U);
  EXPECT_EQ(m.value("a"), 0U);
  EXPECT_EQ(m.value("b"), 0U);
}

TEST(Metrics, SumsThreadsThatRunAndThatEnded) {
  Metrics m;
  const Counter c = m.counter("a", "A.");
  for (int round = 0; round < 3; ++round) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([c] {
        for (int i = 0; i < 10'000; ++i) c.add();
      });
    }
    c.add(5);
    EXPECT_LE(m.value("a"), 120'015U);  // also reads while they write
    for (auto& thread : threads) thread.join();
  }
  EXPECT_EQ(m.value("a"), 120'015U);
}

TEST(Metrics, ThreadsSeeSeriesRegisteredAfterTheyStarted) {
  Metrics m;
  const Counter first = m.counter("a", "A.");
  first.add();
  std::vector<Counter> later;
  for (int i = 0; i < 2000; ++i) later.push_back(m.counter("b", "B.", {{"i", std::to_string(i)}}));
  later.back().add(7);
  EXPECT_EQ(m.value("b", {{"i", "1999"}}), 7U);
  EXPECT_EQ(m.value("a"), 1U);
}

TEST(Metrics, RegistriesDoNotMix) {
  const auto a = std::make_unique<Metrics>();
  const Counter in_a = a->counter("x", "X.");
  for (std::uint64_t i = 0; i < 50; ++i) {
    Metrics b;  // often at the address of the one before
    const Counter in_b = b.counter("x", "X.");
    in_a.add();
    in_b.add(2);
    in_a.add();
    EXPECT_EQ(b.value("x"), 2U);
    EXPECT_EQ(a->value("x"), 2 * (i + 1));
  }
}

TEST(Metrics, AThreadMayOutliveItsRegistry) {
  auto m = std::make_unique<Metrics>();
  const Counter c = m->counter("x", "X.");
  std::thread thread([&] {
    c.add();
    m.reset();
  });
  thread.join();
  EXPECT_EQ(m, nullptr);
}

TEST(Metrics, AGaugeMayCountWhileItIsRead) {
  Metrics m;
  const Counter c = m.counter("scrapes", "Scrapes.");
  m.gauge("g", "G.", {}, [c] {
    c.add();
    return std::numeric_limits<double>::infinity();
  });
  EXPECT_THAT(m.text(), testing::HasSubstr("g +Inf\n"));
  EXPECT_EQ(m.value("scrapes"), 1U);
}

TEST(Metrics, ADefaultSeriesCountsNothing) {
  Metrics m;
  const Counter c = m.counter("a", "A.");
  Counter().add();
  Histogram().observe(1);
  EXPECT_EQ(m.value("a"), 0U);
  c.add();
  EXPECT_EQ(m.value("a"), 1U);
}

TEST(MetricsDeathTest, RefusesTwoKindsOfOneName) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Metrics m;
  (void)m.counter("a", "A.");
  EXPECT_DEATH(m.gauge("a", "A.", {}, [] { return 0.0; }), "assertion failed");
  EXPECT_DEATH((void)m.counter("not a name", "A."), "assertion failed");
}

TEST(Process, KnowsItsMemoryAndTime) {
  EXPECT_GT(process_memory_bytes(), 1'000'000U);
  EXPECT_GT(process_cpu_seconds(), 0.0);
}

}  // namespace
}  // namespace carillon::base
