#include "cache/cache.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>

namespace carillon::cache {
namespace {

template <class T>
T run(Task<T> task) {
  boost::asio::io_context context;
  auto result = boost::asio::co_spawn(context, std::move(task), boost::asio::use_future);
  context.run();
  return result.get();
}

// A server that comes and goes.
class Flickering final : public Cache {
 public:
  explicit Flickering(const bool& is_away) : is_away_(is_away) {}
  Task<Result<std::vector<Taken>>> take(std::vector<Take> takes, Time now) override {
    if (is_away_) co_return fail(Errc::Unavailable, "away");
    co_return co_await inner_->take(std::move(takes), now);
  }
  Task<Result<void>> mark_sent(std::vector<std::string> keys, Millis ttl, Time now) override {
    if (is_away_) co_return fail(Errc::Unavailable, "away");
    co_return co_await inner_->mark_sent(std::move(keys), ttl, now);
  }
  Task<Result<std::vector<bool>>> were_sent(std::vector<std::string> keys, Time now) override {
    if (is_away_) co_return fail(Errc::Unavailable, "away");
    co_return co_await inner_->were_sent(std::move(keys), now);
  }
  bool is_shared() const noexcept override { return true; }
  std::string trouble() const override { return is_away_ ? "away" : ""; }

 private:
  const bool& is_away_;
  const std::unique_ptr<Cache> inner_ = make_memory();
};

struct LocalLimits : testing::Test {
  bool is_away = false;
  const std::unique_ptr<Cache> cache = with_local_limits(std::make_unique<Flickering>(is_away));
  const Time now{std::chrono::milliseconds(1'700'000'000'000)};

  bool take() {
    const Take one{"guesses", 1, 3, std::chrono::hours(1)};
    const auto taken = run(cache->take({one}, now));
    return taken && taken->front().allowed;
  }
};

TEST_F(LocalLimits, CountWhileTheSharedCacheIsAway) {
  is_away = true;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(take());
  EXPECT_FALSE(take());
}

TEST_F(LocalLimits, AreLeftWhenItIsBack) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(take());
  EXPECT_FALSE(take());
  is_away = true;
  EXPECT_TRUE(take()) << "a bucket of its own, full at first";
  is_away = false;
  EXPECT_FALSE(take());
}

TEST_F(LocalLimits, LeaveMarksAlone) {
  EXPECT_TRUE(run(cache->mark_sent({"1:0"}, std::chrono::hours(1), now)));
  EXPECT_TRUE(run(cache->were_sent({"1:0"}, now))->front());
  is_away = true;
  EXPECT_EQ(run(cache->were_sent({"1:0"}, now)).error().code, Errc::Unavailable);
  EXPECT_EQ(run(cache->mark_sent({"2:0"}, std::chrono::hours(1), now)).error().code, Errc::Unavailable);
  EXPECT_TRUE(cache->is_shared());
  EXPECT_EQ(cache->trouble(), "away");
}

}  // namespace
}  // namespace carillon::cache
