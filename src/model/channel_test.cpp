#include "model/channel.h"

#include <gtest/gtest.h>

#include <set>

namespace carillon::model {
namespace {

template <class Enum, class Parse>
void expect_names_round_trip(std::size_t first, std::size_t count, Parse parse) {
  std::set<std::string_view> seen;
  for (std::size_t i = first; i < count; ++i) {
    const auto value = static_cast<Enum>(i);
    ASSERT_FALSE(name(value).empty()) << i;
    EXPECT_TRUE(seen.insert(name(value)).second) << name(value);
    EXPECT_EQ(parse(name(value)), value);
  }
  EXPECT_FALSE(parse(""));
  EXPECT_FALSE(parse("Push"));
}

TEST(Channel, EveryNameIsReadBack) {
  expect_names_round_trip<Channel>(0, kChannelCount, parse_channel);
  expect_names_round_trip<Platform>(1, kPlatformCount, parse_platform);
  expect_names_round_trip<Queue>(0, kQueueCount, parse_queue);
  expect_names_round_trip<Priority>(0, kPriorityCount, parse_priority);
  EXPECT_EQ(name(Platform::None), "");
  EXPECT_EQ(name(Queue::None), "");
}

TEST(Queue, KnowsItsChannelAndPlatform) {
  for (std::size_t i = 0; i < kQueueCount; ++i) {
    const auto queue = static_cast<Queue>(i);
    EXPECT_EQ(queue_of(channel_of(queue), platform_of(queue)), queue) << name(queue);
  }
  EXPECT_EQ(queue_of(Channel::Inbox, Platform::None), Queue::None);
  EXPECT_EQ(channel_of(Queue::None), Channel::Inbox);
  EXPECT_EQ(queue_of(Channel::Push, Platform::None), Queue::PushAny);
  EXPECT_EQ(channel_of(Queue::PushAny), Channel::Push);
}

TEST(Queue, PlatformMattersForPushOnly) {
  EXPECT_EQ(queue_of(Channel::Sms, Platform::Ios), Queue::Sms);
  EXPECT_EQ(queue_of(Channel::Push, Platform::Web), Queue::PushWeb);
}

TEST(Lane, IndexesEveryQueueAndPriorityOnce) {
  std::set<std::size_t> seen;
  for (std::size_t q = 0; q < kQueueCount; ++q) {
    for (std::size_t p = 0; p < kPriorityCount; ++p) {
      const Lane lane{static_cast<Queue>(q), static_cast<Priority>(p)};
      EXPECT_LT(lane.index(), kLaneCount);
      EXPECT_TRUE(seen.insert(lane.index()).second);
    }
  }
}

TEST(UnknownPolicy, ResendsOnlyWhereARepeatIsHarmless) {
  EXPECT_EQ(default_unknown_policy(Channel::Push), UnknownPolicy::Resend);
  EXPECT_EQ(default_unknown_policy(Channel::Email), UnknownPolicy::Resend);
  EXPECT_EQ(default_unknown_policy(Channel::Webhook), UnknownPolicy::Resend);
  EXPECT_EQ(default_unknown_policy(Channel::Sms), UnknownPolicy::Hold);
  EXPECT_EQ(default_unknown_policy(Channel::Voice), UnknownPolicy::Hold);
  EXPECT_EQ(default_unknown_policy(Channel::Chat), UnknownPolicy::Hold);
}

}  // namespace
}  // namespace carillon::model
