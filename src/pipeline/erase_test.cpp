#include "pipeline/erase.h"

#include <gtest/gtest.h>

namespace carillon::pipeline {
namespace {

ErasedRequest erased(std::string_view body, std::vector<std::int32_t> entries = {},
                     const std::vector<model::Channel>& channels = {model::Channel::Email}) {
  base::JsonDocument document;
  base::Problems problems;
  const auto root = document.parse(body);
  EXPECT_TRUE(root);
  const auto request = model::read_send_request(*root, std::nullopt, "", problems);
  EXPECT_TRUE(problems.empty()) << problems.front().pointer;
  return erased_request(body, request, "ann", entries, channels);
}

TEST(Erase, WhatWasSaidToOneIsReplacedAndReadsBack) {
  const auto one = erased(
      R"({"to":[{"user_id":"ann","params":{"name":"Ann"}},{"user_id":"ann"}],"channels":["push","email"],)"
      R"("category":"news","template":"x","metadata":{"x":"y"},"event_id":"e"})");
  EXPECT_TRUE(one.is_alone);
  EXPECT_EQ(one.body,
            R"j({"to":[{"user_id":"ann"},{"user_id":"ann"}],"channels":["push","email"],"category":"news",)j"
            R"j("title":"(erased)","body":"(erased)"})j");
  EXPECT_EQ(erased(one.body).body, one.body) << "again is the same";
}

TEST(Erase, ATemplateGivesWayToTheChannelsItTook) {
  constexpr std::string_view kBody = R"({"to":[{"user_id":"ann"}],"template":"hi","params":{"name":"Ann"}})";
  EXPECT_EQ(erased(kBody).body, R"j({"to":[{"user_id":"ann"}],"channels":["email"],"category":"general",)j"
                                R"j("title":"(erased)","body":"(erased)"})j");
  EXPECT_EQ(erased(kBody, {}, {}).body,
            R"j({"to":[{"user_id":"ann"}],"category":"general","title":"(erased)","body":"(erased)"})j");
}

TEST(Erase, ADeviceOfTheUserIsTheUser) {
  constexpr std::string_view kBody =
      R"({"to":[{"device_id":"phone-1"},{"user_id":"ann"}],"channels":["push"],"title":"Dear Ann"})";
  const auto one = erased(kBody, {0, 1});
  EXPECT_TRUE(one.is_alone);
  EXPECT_EQ(one.body,
            R"j({"to":[{"user_id":"ann"},{"user_id":"ann"}],"channels":["push"],"category":"general",)j"
            R"j("title":"(erased)","body":"(erased)"})j");
  EXPECT_FALSE(erased(kBody, {1}).is_alone) << "somebody else's device";
}

TEST(Erase, OfWhatOthersWereToldTooOnlyTheirEntryGoes) {
  const auto two = erased(
      R"({"to":[{"user_id":"bob","params":{"n":"Bob"}},{"user_id":"ann","params":{"n":"Ann"},"locale":"ko"},)"
      R"({"device_id":"phone-1","params":{"n":"Ann"}},{"group":"ann"}],"template":"x","channels":["email"]})",
      {1, 2, 3});
  EXPECT_FALSE(two.is_alone);
  EXPECT_EQ(
      two.body,
      R"({"to":[{"user_id":"bob","params":{"n":"Bob"}},{"user_id":"ann"},{"user_id":"ann"},{"group":"ann"}],)"
      R"("template":"x","channels":["email"]})");
  EXPECT_EQ(erased(two.body, {1, 2, 3}).body, "") << "again there is nothing to do";
  EXPECT_EQ(erased(R"({"to":[{"user_id":"ann"},{"user_id":"bob"}],"channels":["sms"],"body":"x"})").body, "");
  EXPECT_EQ(erased(R"({"to":[{"group":"ann"}],"channels":["sms"],"body":"x"})", {0}).body, "");
  EXPECT_EQ(erased(R"({"to":[{"user_id":"bob"}],"channels":["sms"],"body":"x"})").body, "");
}

TEST(Erase, TheSpecReadsBack) {
  EXPECT_EQ(decode_erase_spec(encode_erase_spec("a\"b")).value(), "a\"b");
  EXPECT_EQ(decode_erase_spec("{}").error().code, Errc::Corruption);
}

}  // namespace
}  // namespace carillon::pipeline
