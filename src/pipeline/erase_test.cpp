#include "pipeline/erase.h"

#include <gtest/gtest.h>

namespace carillon::pipeline {
namespace {

std::shared_ptr<const model::SendRequest> request_of(std::string_view body) {
  base::JsonDocument document;
  base::Problems problems;
  const auto root = document.parse(body);
  EXPECT_TRUE(root);
  return std::make_shared<const model::SendRequest>(
      model::read_send_request(*root, std::nullopt, "", problems));
}

std::string erased(std::string_view body, std::string_view user = "ann") {
  model::Notification n;
  n.request = request_of(body);
  return erased_request(n, user, {model::Channel::Email});
}

TEST(Erase, WhatWasSaidToOneIsReplacedAndReadsBack) {
  const std::string body = erased(
      R"({"to":[{"user_id":"ann","params":{"name":"Ann"}},{"user_id":"ann"}],"channels":["push","email"],)"
      R"("category":"news","title":"Dear Ann","metadata":{"x":"y"},"event_id":"e"})");
  EXPECT_EQ(body,
            R"j({"to":[{"user_id":"ann"},{"user_id":"ann"}],"channels":["push","email"],"category":"news",)j"
            R"j("title":"(erased)","body":"(erased)"})j");
  EXPECT_EQ(erased(body), body) << "again is the same";
}

TEST(Erase, ATemplateGivesWayToTheChannelsItTook) {
  EXPECT_EQ(erased(R"({"to":[{"user_id":"ann"}],"template":"hi","params":{"name":"Ann"}})"),
            R"j({"to":[{"user_id":"ann"}],"channels":["email"],"category":"general",)j"
            R"j("title":"(erased)","body":"(erased)"})j");
}

TEST(Erase, WhatOthersWereToldTooStays) {
  EXPECT_EQ(erased(R"({"to":[{"user_id":"ann"},{"user_id":"bob"}],"channels":["email"],"title":"x"})"), "");
  EXPECT_EQ(erased(R"({"to":[{"group":"ann"}],"channels":["email"],"title":"x"})"), "");
  EXPECT_EQ(erased(R"({"to":[{"user_id":"bob"}],"channels":["email"],"title":"x"})"), "");
  EXPECT_EQ(erased_request(model::Notification{}, "ann", {model::Channel::Email}), "");
}

TEST(Erase, TheSpecReadsBack) {
  EXPECT_EQ(decode_erase_spec(encode_erase_spec("a\"b")).value(), "a\"b");
  EXPECT_EQ(decode_erase_spec("{}").error().code, Errc::Corruption);
}

}  // namespace
}  // namespace carillon::pipeline
