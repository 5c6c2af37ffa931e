#include "app/mix.h"

#include <gtest/gtest.h>

#include <string>

namespace carillon::app {
namespace {

std::string said(const char* store, const char* queue, const char* cache) {
  const auto checked = check_mix(store, queue, cache);
  return checked ? "" : checked.error().message;
}

TEST(Mix, AllowsWhatOneProcessHasForItself) {
  EXPECT_EQ(said("", "embedded:", "memory:"), "");
  EXPECT_EQ(said("sqlite:/var/lib/carillon", "embedded:", "memory:"), "");
}

TEST(Mix, AllowsEveryQueueAndCacheWithAStoreThatProcessesShare) {
  for (const auto* const queue : {"embedded:", "kafka://h", "kafkas://u:p@h:9093,i:9093"}) {
    for (const auto* const cache : {"memory:", "redis://h", "rediss://:p@h/1"}) {
      EXPECT_EQ(said("postgres://h/db", queue, cache), "");
      EXPECT_EQ(said("postgresql://h/db", queue, cache), "");
    }
  }
}

TEST(Mix, NamesTheSettingOfWhatDoesNotGoTogetherAndRepeatsNoUrl) {
  EXPECT_TRUE(said("", "kafka://u:hunter2@h", "memory:").starts_with("queue.url: a store on SQLite"));
  EXPECT_TRUE(
      said("sqlite:x", "embedded:", "redis://:hunter2@h").starts_with("cache.url: a store on SQLite"));
  EXPECT_TRUE(said("mysql://u:hunter2@h", "embedded:", "memory:").starts_with("store.url: "));
  EXPECT_TRUE(said("", "amqp://u:hunter2@h", "memory:").starts_with("queue.url: "));
  EXPECT_TRUE(said("", "embedded:", "hunter2").starts_with("cache.url: "));
  EXPECT_TRUE(said("", "", "memory:").starts_with("queue.url: "));
  EXPECT_TRUE(said("postgres://h", "embedded:", "").starts_with("cache.url: "));
  for (const auto* const bad : {"kafka://u:hunter2@h", "amqp://u:hunter2@h"}) {
    EXPECT_EQ(said("", bad, "memory:").find("hunter2"), std::string::npos);
  }
}

}  // namespace
}  // namespace carillon::app
