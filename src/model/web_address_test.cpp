#include "model/web_address.h"

#include <gtest/gtest.h>

namespace carillon::model {
namespace {

TEST(WebOrigin, IsWhatBrowsersSend) {
  for (const char* good : {"https://shop.example.com", "https://shop.example.com:8443", "https://10.0.0.1",
                           "https://[2001:db8::1]:444", "http://localhost:3000", "http://127.0.0.1",
                           "https://xn--bcher-kva.example"}) {
    EXPECT_TRUE(is_web_origin(good)) << good;
  }
  for (const char* bad : {"*",
                          "null",
                          "https://*",
                          "https://*.example.com",
                          "https://shop.example.com/",
                          "https://shop.example.com/a",
                          "https://Shop.example.com",
                          "https://shop.example.com:443",
                          "https://shop.example.com:",
                          "https://:443",
                          "http://shop.example.com",
                          "https://a@b",
                          "https://",
                          "ftp://x",
                          "https://x:99999",
                          "https://x:080",
                          "",
                          "https://..",
                          "https://shop.example.com?x",
                          " https://x"}) {
    EXPECT_FALSE(is_web_origin(bad)) << bad;
  }
}

TEST(PublicUrl, IsHttpsWithoutTheLastSlash) {
  const auto url = [](std::string_view text) { return normalize_public_url(text).value_or("refused"); };
  EXPECT_EQ(url("https://notify.example.com"), "https://notify.example.com");
  EXPECT_EQ(url("https://Notify.Example.com/"), "https://notify.example.com");
  EXPECT_EQ(url("https://example.com:8443/bells/"), "https://example.com:8443/bells");
  EXPECT_EQ(url("http://localhost:8080"), "http://localhost:8080");
  for (const char* bad :
       {"http://notify.example.com", "notify.example.com", "https://", "https://a@b.example",
        "https://x.example/?a=b", "https://x.example/#a", "https://x.example//a", "https://x example",
        "javascript:alert(1)", "https://x.example/\"", ""}) {
    EXPECT_EQ(url(bad), "refused") << bad;
  }
}

}  // namespace
}  // namespace carillon::model
