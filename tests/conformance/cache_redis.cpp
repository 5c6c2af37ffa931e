// What only a cache on Redis has to live with: a server that stops, forgets, refuses and comes back.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <csignal>
#include <thread>

#include "base/crypto.h"
#include "cache/cache.h"
#include "net/tls_certificate_test.h"
#include "tests/conformance/eventually.h"
#include "tests/conformance/redis_server.h"

namespace carillon::cache {
namespace {

using conformance::RedisServer;
using namespace std::chrono_literals;

class RedisCache : public testing::Test {
 protected:
  // A server of this test alone, and a cache on it.
  void start(conformance::RedisSetup server = {}) {
    server_ = RedisServer::start(std::move(server));
    if (!server_) GTEST_SKIP() << conformance::kNoRedis;
    options_.url = server_->url();
    options_.timeout = 20s;  // a busy machine is no failure
  }
  void open() {
    auto opened = cache::open_redis(options_, metrics_);
    ASSERT_TRUE(opened) << opened.error().message;
    cache_ = std::move(*opened);
  }
  Error refused() {
    auto opened = cache::open(options_, metrics_);
    EXPECT_FALSE(opened);
    return opened ? Error{} : opened.error();
  }

  template <class T>
  T run(Task<T> task) {
    boost::asio::io_context context;
    auto future = boost::asio::co_spawn(context, std::move(task), boost::asio::use_future);
    context.run();
    return future.get();
  }
  Result<std::vector<Taken>> take(std::size_t count = 1, std::int64_t limit = 2) {
    std::vector<Take> takes;
    for (std::size_t i = 0; i < count; ++i) takes.push_back({std::to_string(i), 1, limit, Millis(60'000)});
    return run(cache_->take(std::move(takes), now_));
  }
  std::int64_t remaining() {
    const auto taken = take();
    return taken ? taken->front().remaining : -1;
  }
  // Asks until the cache answers again.
  void wait_back() {
    EXPECT_TRUE(conformance::eventually([&] { return take().has_value(); }));
  }
  // Asks until it does not, and then that it refuses without waiting.
  void wait_away() {
    EXPECT_TRUE(conformance::eventually([&] { return !take(); }));
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 200; ++i) EXPECT_EQ(take().error().code, Errc::Unavailable);
    EXPECT_LT(std::chrono::steady_clock::now() - began, options_.timeout);
  }
  std::uint64_t errors(const char* reason) {
    return metrics_.value("carillon_cache_errors_total", {{"reason", reason}});
  }

  base::Metrics metrics_;
  Options options_;
  std::unique_ptr<RedisServer> server_;
  std::unique_ptr<Cache> cache_;
  const Time now_ = from_ms(1'790'000'000'000);
};

#define START(...)                       \
  do {                                   \
    start(__VA_ARGS__);                  \
    if (IsSkipped() || !server_) return; \
  } while (false)

TEST_F(RedisCache, TakesAThousandBucketsWithFourCommands) {
  START();
  open();
  ASSERT_TRUE(take());  // the script is known now
  server_->ask({"CONFIG", "RESETSTAT"});
  ASSERT_TRUE(take(1'000));
  const std::string seen = server_->ask({"INFO", "commandstats"}).text;
  EXPECT_NE(seen.find("cmdstat_evalsha:calls=4,"), std::string::npos) << seen;
}

TEST_F(RedisCache, KeepsKeysUnderItsPrefixAndNoLongerThanTheyMeanSomething) {
  START();
  options_.prefix = "ours:";
  open();
  ASSERT_TRUE(take());
  ASSERT_TRUE(run(cache_->mark_sent({"7/0"}, 1h, now_)));
  EXPECT_EQ(server_->ask({"GET", "ours:r0"}).text, "1790000030000000000");
  EXPECT_LE(server_->ask({"PTTL", "ours:r0"}).integer, 90'000);
  EXPECT_GT(server_->ask({"PTTL", "ours:r0"}).integer, 30'000);
  EXPECT_LE(server_->ask({"PTTL", "ours:m7/0"}).integer, 3'660'000);
  EXPECT_EQ(server_->ask({"DBSIZE"}).integer, 2);
}

TEST_F(RedisCache, SharesWhatItKnowsWithOtherProcesses) {
  START();
  open();
  EXPECT_EQ(remaining(), 1);
  ASSERT_TRUE(run(cache_->mark_sent({"7/0"}, 1h, now_)));
  open();
  EXPECT_EQ(remaining(), 0);
  EXPECT_EQ(*run(cache_->were_sent({"7/0"}, now_)), std::vector<bool>{true});
}

TEST_F(RedisCache, BeginsAnewAfterEverythingWasFlushed) {
  START();
  open();
  EXPECT_EQ(remaining(), 1);
  ASSERT_TRUE(run(cache_->mark_sent({"7/0"}, 1h, now_)));
  server_->ask({"FLUSHALL"});
  server_->ask({"SCRIPT", "FLUSH"});
  EXPECT_EQ(remaining(), 1);
  EXPECT_EQ(*run(cache_->were_sent({"7/0"}, now_)), std::vector<bool>{false});
  server_->ask({"SCRIPT", "FLUSH"});
  EXPECT_TRUE(run(cache_->mark_sent({"7/0"}, 1h, now_)));
  EXPECT_EQ(*run(cache_->were_sent({"7/0"}, now_)), std::vector<bool>{true});
}

TEST_F(RedisCache, TakesARubbishValueForAFullBucketAndForNoMark) {
  START();
  options_.prefix = "p:";
  open();
  for (const auto* const value :
       {"", "x", "nannan", "infinf", "1790000000000", "-5", "999999999999999999999999"}) {
    server_->ask({"SET", "p:r0", value});
    const auto taken = take();
    ASSERT_TRUE(taken) << value << taken.error().message;
    EXPECT_TRUE((*taken)[0].remaining >= 0 && (*taken)[0].remaining <= 2) << value;
    server_->ask({"SET", "p:m7/0", value});
    EXPECT_TRUE(run(cache_->were_sent({"7/0"}, now_))) << value;
    EXPECT_TRUE(run(cache_->mark_sent({"7/0"}, 1h, now_))) << value;
  }
}

TEST_F(RedisCache, RefusesAtOnceWhileTheServerIsKilledAndGoesOnAfterItsRestart) {
  START();
  open();
  ASSERT_TRUE(take());
  EXPECT_EQ(cache_->trouble(), "");
  server_->kill();
  wait_away();
  EXPECT_TRUE(
      cache_->trouble().starts_with("Redis at 127.0.0.1:" + std::to_string(server_->port()) + " is away"))
      << cache_->trouble();
  EXPECT_TRUE(conformance::eventually([&] { return metrics_.value("carillon_cache_losses_total") >= 1; }));
  EXPECT_GE(errors("away"), 200U);
  server_->restart();
  wait_back();
  EXPECT_EQ(cache_->trouble(), "");
  EXPECT_EQ(remaining(), 0);
  EXPECT_GE(metrics_.value("carillon_cache_connects_total"), 2U);
}

TEST_F(RedisCache, LosesOneTimeoutOnAServerThatStopsAndNoMore) {
  START();
  options_.timeout = 50ms;
  options_.connections = 1;
  open();
  wait_back();
  server_->signal(SIGSTOP);
  EXPECT_EQ(take().error().code, Errc::Unavailable);
  const auto before = errors("timeout");
  EXPECT_GE(before, 1U);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(take().error().code, Errc::Unavailable);
  EXPECT_EQ(errors("timeout"), before);
  server_->signal(SIGCONT);
  wait_back();
  EXPECT_TRUE(take());
}

TEST_F(RedisCache, SpeaksTlsWithUserPasswordAndDatabase) {
  START({.has_tls = true,
         .arguments = {"--user", "ann", "on", ">se:cr@t", "~*", "+@all", "--user", "default", "off"}});
  options_.url = "rediss://ann@localhost:" + std::to_string(server_->port()) + "/5";
  options_.password = base::Secret("se:cr@t");
  options_.ca_file = net::TestCertificate::shared().certificate_file();
  open();
  EXPECT_EQ(remaining(), 1);
  options_.password = base::Secret();
  options_.url = "rediss://ann:se%3Acr%40t@127.0.0.1:" + std::to_string(server_->port()) + "/5";
  open();
  EXPECT_EQ(remaining(), 0);
  options_.url.back() = '6';
  open();
  EXPECT_EQ(remaining(), 1);
}

TEST_F(RedisCache, SaysWhichSettingIsWrongAndNoSecret) {
  START({.has_tls = false, .arguments = {"--requirepass", "hunter2"}});
  const std::string place = std::to_string(server_->port());
  EXPECT_EQ(refused().message,
            "cache.url: Redis at 127.0.0.1:" + place + ": Redis wants a password (NOAUTH)");
  options_.password = base::Secret("hunter3");
  const Error wrong = refused();
  EXPECT_EQ(wrong.code, Errc::FailedPrecondition);
  EXPECT_EQ(wrong.message, "cache.url: Redis at 127.0.0.1:" + place +
                               ": Redis refused the user or the password (WRONGPASS)");
  options_.password = base::Secret("hunter2");
  options_.url += "/99";
  EXPECT_NE(refused().message.find("does not have this database"), std::string::npos);
  options_.url = "rediss://127.0.0.1:" + place;
  EXPECT_EQ(refused().code, Errc::DeadlineExceeded);  // it waits for the rest of a line
  options_.password = base::Secret();
  options_.url = "redis://:hunter2@127.0.0.1:1";
  const Error nobody = refused();
  EXPECT_EQ(nobody.code, Errc::Unavailable);
  EXPECT_NE(nobody.message.find("cache.url: Redis at 127.0.0.1:1: connect failed"), std::string::npos);
  EXPECT_EQ(nobody.message.find("hunter2"), std::string::npos);
}

TEST_F(RedisCache, DoesNotTrustACertificateOfSomebodyElse) {
  START({.has_tls = true, .arguments = {}});
  const net::TestCertificate other;
  options_.ca_file = other.certificate_file();
  EXPECT_NE(refused().message.find("certificate"), std::string::npos);
}

TEST_F(RedisCache, TakesAReplicaForAServerThatIsAway) {
  START();
  open();
  ASSERT_TRUE(take());
  server_->ask({"REPLICAOF", "127.0.0.1", "1"});
  EXPECT_EQ(take().error().code, Errc::Unavailable);
  wait_away();
  server_->ask({"REPLICAOF", "NO", "ONE"});
  wait_back();
  EXPECT_TRUE(take());
}

TEST_F(RedisCache, IsUnavailableWhileTheServerHasNoMemoryLeft) {
  START();
  open();
  ASSERT_TRUE(take());
  server_->ask({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_EQ(take().error().code, Errc::Unavailable);
  EXPECT_GE(errors("refused"), 1U);
  server_->ask({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_TRUE(take());
  EXPECT_EQ(metrics_.value("carillon_cache_losses_total"), 0U);
}

TEST_F(RedisCache, AnswersManyCallersAtATime) {
  START();
  open();
  std::vector<std::thread> callers;
  std::atomic<int> allowed = 0, failed = 0;
  for (int t = 0; t < 8; ++t) {
    callers.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        const auto taken = take(1, 500);
        if (!taken)
          ++failed;
        else if (taken->front().allowed)
          ++allowed;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(allowed, 500);
}

TEST(RedisCacheSettings, RefusesWhatCannotBeMeant) {
  base::Metrics metrics;
  const auto said = [&](Options options) {
    const auto opened = open(options, metrics);
    EXPECT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::InvalidArgument);
    return opened.error().message;
  };
  const auto of_url = [&](const char* url) {
    Options options;
    options.url = url;
    return said(std::move(options));
  };
  for (const auto* const url : {"", "memory", "postgres://h", "redis://", "redis://a,b", "redis://h/x",
                                "redis://h/-1", "redis://h/0?x=1", "redis://h:0"}) {
    EXPECT_TRUE(of_url(url).starts_with("cache.url: ")) << of_url(url);
  }
  EXPECT_TRUE(of_url("redis://ann@h").starts_with("cache.password: "));
  Options options;
  options.url = "redis://:one@h";
  options.password = base::Secret("two");
  EXPECT_TRUE(said(options).starts_with("cache.password: "));
  options.url = "redis://h";
  options.ca_file = "/x.pem";
  EXPECT_TRUE(said(options).starts_with("cache.ca_file: "));
  options.url = "rediss://h";
  EXPECT_TRUE(said(options).starts_with("cache.ca_file: "));
}

}  // namespace
}  // namespace carillon::cache
