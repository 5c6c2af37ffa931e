#include "store/detail/profile_cache.h"

#include <gtest/gtest.h>

namespace carillon::store::detail {
namespace {

const UserKey kKim{1, "kim"};
constexpr std::int64_t kId = 77, kMebibyte = 1 << 20;

std::shared_ptr<const model::Profile> profile(std::string user_id, std::int64_t version = 1) {
  auto made = std::make_shared<model::Profile>();
  made->project = 1;
  made->user_id = std::move(user_id);
  made->version = version;
  return made;
}

TEST(ProfileCache, KeepsWhatIsReadASecondTimeNotWhatIsReadOnce) {
  ProfileCache cache(kMebibyte);
  cache.put_read(kId, profile("kim"), cache.get(kId, kKim).stamp);
  EXPECT_EQ(cache.get(kId, kKim).profile, nullptr);
  cache.put_read(kId, profile("kim"), cache.get(kId, kKim).stamp);
  EXPECT_NE(cache.get(kId, kKim).profile, nullptr);
}

TEST(ProfileCache, KeepsWhatIsWritten) {
  ProfileCache cache(kMebibyte);
  cache.put_written(kId, profile("kim", 4));
  ASSERT_NE(cache.get(kId, kKim).profile, nullptr);
  EXPECT_EQ(cache.get(kId, kKim).profile->version, 4);
  cache.put_written(kId, nullptr);
  EXPECT_EQ(cache.get(kId, kKim).profile, nullptr);
}

TEST(ProfileCache, DropsWhatWasReadBeforeAChange) {
  ProfileCache cache(kMebibyte);
  const auto before = cache.get(kId, kKim).stamp;
  cache.put_written(kId, nullptr);
  for (int i = 0; i < 3; ++i) cache.put_read(kId, profile("kim"), before);
  EXPECT_EQ(cache.get(kId, kKim).profile, nullptr);
  EXPECT_NE(cache.stamp(kId), before);
}

TEST(ProfileCache, NeverServesTheOtherUserOfAnId) {
  ProfileCache cache(kMebibyte);
  cache.put_written(kId, profile("kim"));
  EXPECT_EQ(cache.get(kId, UserKey{1, "lee"}).profile, nullptr);
  EXPECT_EQ(cache.get(kId, UserKey{2, "kim"}).profile, nullptr);
  cache.put_written(kId, profile("lee"));
  EXPECT_EQ(cache.get(kId, kKim).profile, nullptr);
  EXPECT_NE(cache.get(kId, UserKey{1, "lee"}).profile, nullptr);
}

TEST(ProfileCache, StaysWithinItsBytesAndKeepsWhatIsUsed) {
  ProfileCache cache(kMebibyte);
  const std::int64_t used = 16;  // the ids below meet it in its shard
  for (std::int64_t i = 1; i <= 2'000; ++i) {
    cache.put_written(i * 16, profile("user" + std::to_string(i)));
    static_cast<void>(cache.get(used, UserKey{1, "user1"}));
  }
  std::size_t kept = 0;
  for (std::int64_t i = 1; i <= 2'000; ++i) {
    kept += cache.get(i * 16, UserKey{1, "user" + std::to_string(i)}).profile != nullptr ? 1 : 0;
  }
  EXPECT_NE(cache.get(used, UserKey{1, "user1"}).profile, nullptr);
  EXPECT_GT(kept, 20U);
  EXPECT_LT(kept, 300U);  // a sixteenth of a MiB
}

}  // namespace
}  // namespace carillon::store::detail
