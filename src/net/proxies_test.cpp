#include "net/proxies.h"

#include <gtest/gtest.h>

namespace carillon::net {
namespace {

std::string client(const std::vector<std::string>& proxies, std::string_view peer, Headers headers) {
  const auto parsed = Proxies::parse(proxies);
  EXPECT_TRUE(parsed);
  return parsed->client_of(peer, headers);
}

TEST(Proxies, AreNotBelievedUnlessTheyAreKnown) {
  const Headers claim{{"x-forwarded-for", "203.0.113.9"}};
  EXPECT_EQ(client({}, "127.0.0.1", claim), "127.0.0.1");
  EXPECT_EQ(client({"10.0.0.7"}, "10.0.0.8", claim), "10.0.0.8");
  EXPECT_EQ(client({"10.0.0.7"}, "10.0.0.7", claim), "203.0.113.9");
  EXPECT_EQ(client({"10.0.0.7"}, "10.0.0.7", {}), "10.0.0.7");
}

TEST(Proxies, TellTheNearestAddressThatIsNoProxy) {
  const Headers chain{{"X-Forwarded-For", "198.51.100.1, 203.0.113.9"},
                      {"x-forwarded-for", "10.2.0.1 ,10.1.0.1"}};
  EXPECT_EQ(client({"10.0.0.0/8"}, "10.0.0.7", chain), "203.0.113.9")
      << "what is before it anybody may have written";
  EXPECT_EQ(client({"10.0.0.7", "10.1.0.1"}, "10.0.0.7", chain), "10.2.0.1");
}

TEST(Proxies, AreAddressesAndNetworksOfBothKinds) {
  const Headers claim{{"x-forwarded-for", "2001:db8::9"}};
  EXPECT_EQ(client({"fd00::/8"}, "fd12::7", claim), "2001:db8::9");
  EXPECT_EQ(client({"::1"}, "::1", claim), "2001:db8::9");
  EXPECT_EQ(client({"::1"}, "::2", claim), "::2");
  EXPECT_EQ(client({"127.0.0.1"}, "::ffff:127.0.0.1", claim), "2001:db8::9");
  EXPECT_EQ(client({"10.1.2.3/8"}, "10.200.0.1", claim), "2001:db8::9")
      << "the bits of the host do not count";
}

TEST(Proxies, SayNothingWhenTheySayNoAddress) {
  for (const char* text : {"unknown", "", "203.0.113.9:80", "1.2.3", "999.1.1.1", "_hidden"})
    EXPECT_EQ(client({"10.0.0.7"}, "10.0.0.7", {{"x-forwarded-for", text}}), "10.0.0.7") << text;
}

TEST(Proxies, MustBeAddresses) {
  for (const char* text : {"proxy.example.com", "10.0.0.0/33", "10.0.0", "fd00::/129", "", "10.0.0.1/"})
    EXPECT_FALSE(Proxies::parse({text})) << text;
}

}  // namespace
}  // namespace carillon::net
