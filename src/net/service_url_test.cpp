#include "net/service_url.h"

#include <gtest/gtest.h>

namespace carillon::net {
namespace {

TEST(ServiceUrl, ReadsEveryPart) {
  const auto url = parse_service_url(
      "KAFKA://ann%40corp:se%3Acret@one.example.com:9093,two,[::1]:7/a%20b?x=1&y=%26", 9092);
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->scheme, "kafka");
  EXPECT_EQ(url->user, "ann@corp");
  EXPECT_EQ(url->password.reveal(), "se:cret");
  ASSERT_EQ(url->hosts.size(), 3U);
  EXPECT_EQ(url->hosts[0].name, "one.example.com");
  EXPECT_EQ(url->hosts[0].port, 9093);
  EXPECT_EQ(url->hosts[1].port, 9092);
  EXPECT_EQ(url->hosts[2].name, "::1");
  EXPECT_EQ(url->shown_hosts(), "one.example.com:9093,two:9092,[::1]:7");
  EXPECT_EQ(url->path, "a b");
  ASSERT_EQ(url->query.size(), 2U);
  EXPECT_EQ(url->query[1].second, "&");
}

TEST(ServiceUrl, NeedsOnlySchemeAndHost) {
  const auto url = parse_service_url("redis://cache", 6379);
  ASSERT_TRUE(url);
  EXPECT_EQ(url->shown_hosts(), "cache:6379");
  EXPECT_TRUE(url->user.empty() && url->password.empty() && url->path.empty() && url->query.empty());
}

TEST(ServiceUrl, TakesAPasswordWithoutUserAndAnAtSignThatNobodyEncoded) {
  EXPECT_EQ(parse_service_url("redis://:secret@cache", 1)->password.reveal(), "secret");
  EXPECT_EQ(parse_service_url("redis://ann:p@ss@cache", 1)->password.reveal(), "p@ss");
}

TEST(ServiceUrl, RefusesWhatIsNoAddressAndNeverRepeatsIt) {
  for (const auto* const text :
       {"", "redis", "://hidden", "redis://", "redis://hidden:", "redis://hidden:0", "redis://hidden:65536",
        "redis://hidden:12x", "redis://a,,hidden", "redis://[::1", "redis://[hidden]:1",
        "redis://u:hid%2@host", "redis://hidden host", "redis://host/%zzhidden", "redis://host?hidden=%"}) {
    const auto url = parse_service_url(text, 1);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, Errc::InvalidArgument);
    EXPECT_EQ(url.error().message.find("hid"), std::string::npos) << url.error().message;
  }
}

}  // namespace
}  // namespace carillon::net
