#include "queue/hint.h"

#include <gtest/gtest.h>

#include <numeric>

namespace carillon::queue {
namespace {

TEST(Hint, ComesBackAsItWent) {
  std::vector<std::int64_t> ids(kHintIdsMax);
  std::iota(ids.begin(), ids.end(), 7'000'000'000'000'000'000);
  for (std::size_t count = 1; count <= ids.size(); ++count) {
    const std::span<const std::int64_t> some(ids.data(), count);
    EXPECT_EQ(decode_hint(encode_hint(some)), std::vector<std::int64_t>(some.begin(), some.end()));
  }
}

TEST(Hint, IsWrittenAsOtherVersionsWillReadIt) {
  const std::vector<std::int64_t> ids{1, 0x0102030405060708};
  EXPECT_EQ(encode_hint(ids), std::string("\1\0\0\0\0\0\0\0\1\1\2\3\4\5\6\7\x08", 17));
}

TEST(Hint, RefusesWhatIsNoneOfOurs) {
  const std::string good = encode_hint(std::vector<std::int64_t>{1, 2});
  EXPECT_FALSE(decode_hint(""));
  EXPECT_FALSE(decode_hint("\1"));
  EXPECT_FALSE(decode_hint(good.substr(0, good.size() - 1)));
  EXPECT_FALSE(decode_hint(good + "x"));
  EXPECT_FALSE(decode_hint("\2" + good.substr(1)));
  EXPECT_FALSE(decode_hint("{\"id\": 17}"));
  EXPECT_FALSE(decode_hint(std::string("\1\0\0\0\0\0\0\0\0", 9)));
  EXPECT_FALSE(decode_hint("\1\xff\xff\xff\xff\xff\xff\xff\xff"));
  std::string many(1, '\1');
  for (std::size_t i = 0; i <= kHintIdsMax; ++i) many += good.substr(1, 8);
  EXPECT_FALSE(decode_hint(many));
}

TEST(Hint, NamesTopicAndGroup) {
  EXPECT_EQ(topic_of("carillon.", {model::Queue::PushIos, model::Priority::Critical}),
            "carillon.delivery.push.ios.critical");
  EXPECT_EQ(group_of("carillon.", model::Queue::Sms), "carillon.delivery.sms");
}

}  // namespace
}  // namespace carillon::queue
