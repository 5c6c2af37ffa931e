#include "api/session_cookie.h"

#include <gtest/gtest.h>

namespace carillon::api {
namespace {

class SessionCookie : public testing::Test {
 protected:
  static net::HttpRequest with(net::Headers headers) { return {"POST", "/v1/x", std::move(headers), {}}; }
  std::string found(const std::string& cookies, bool is_secure = false) const {
    return find_session_token(with({{"cookie", cookies}}), is_secure, keys_);
  }
  const base::KeyRing keys_ = base::KeyRing::derive(base::Secret(std::string(32, 'k'))).value();
  const base::KeyRing others_ = base::KeyRing::derive(base::Secret(std::string(32, 'o'))).value();
  const std::string token_ = make_session_token(keys_);
};

TEST_F(SessionCookie, IsKnownAsMadeHere) {
  EXPECT_TRUE(is_session_token(token_, keys_));
  EXPECT_FALSE(is_session_token(token_, others_));
  EXPECT_NE(make_session_token(keys_), token_);
  for (std::size_t i = 0; i < token_.size(); ++i) {
    std::string changed = token_;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(is_session_token(changed, keys_)) << i;
  }
  for (const std::string& wrong : {std::string(), token_.substr(1), token_ + "A"})
    EXPECT_FALSE(is_session_token(wrong, keys_));
}

TEST_F(SessionCookie, GivesATokenAgainstForgeryThatIsNotInIt) {
  const std::string csrf = csrf_token(token_, keys_);
  EXPECT_GE(csrf.size(), 32U);
  EXPECT_EQ(csrf, csrf_token(token_, keys_));
  EXPECT_NE(csrf, csrf_token(make_session_token(keys_), keys_));
  EXPECT_NE(csrf, csrf_token(token_, others_));
  EXPECT_FALSE(token_.contains(csrf.substr(0, 8)));
}

TEST_F(SessionCookie, IsFoundAmongOthers) {
  EXPECT_EQ(found("carillon_session=" + token_), token_);
  EXPECT_EQ(found("a=b; carillon_session=" + token_ + "; c=d"), token_);
  EXPECT_EQ(found("a=b;carillon_session=" + token_), token_);
  EXPECT_EQ(
      find_session_token(with({{"Cookie", "a=b"}, {"cookie", "carillon_session=" + token_}}), false, keys_),
      token_);
  EXPECT_EQ(found("carillon_session=planted; carillon_session=" + token_), token_)
      << "another page's is passed over";
  for (const std::string& cookies :
       {std::string(), std::string("carillon_session"), std::string("carillon_session="),
        "xcarillon_session=" + token_, "Carillon_Session=" + token_, "carillon_session=\"" + token_ + "\""})
    EXPECT_EQ(found(cookies), "") << cookies;
}

// One that plain http could have set is worth nothing over https.
TEST_F(SessionCookie, HasAnotherNameOverHttps) {
  EXPECT_EQ(found("carillon_session=" + token_, true), "");
  EXPECT_EQ(found("__Host-carillon=" + token_, true), token_);
  EXPECT_EQ(found("__Host-carillon=" + token_, false), "");
}

TEST_F(SessionCookie, IsForThisSiteAndNotForScripts) {
  EXPECT_EQ(session_cookie("t", 60, false),
            "carillon_session=t; Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
  EXPECT_EQ(session_cookie("t", 60, true),
            "__Host-carillon=t; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure");
  EXPECT_EQ(no_session_cookie(true),
            "__Host-carillon=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure");
}

TEST_F(SessionCookie, TellsPagesOfAnotherOrigin) {
  const auto is_other = [](net::Headers headers, std::string_view public_url = "") {
    return is_of_another_origin(with(std::move(headers)), public_url);
  };
  EXPECT_FALSE(is_other({}));
  EXPECT_FALSE(is_other({{"Sec-Fetch-Site", "same-origin"}}));
  EXPECT_TRUE(is_other({{"Sec-Fetch-Site", "same-site"}})) << "a neighbour";
  EXPECT_TRUE(is_other({{"Sec-Fetch-Site", "cross-site"}}));
  const auto origin = [&](const char* value, std::string_view public_url = "") {
    return is_other({{"Host", "notify.example.com:8080"}, {"Origin", value}}, public_url);
  };
  EXPECT_FALSE(origin("http://notify.example.com:8080"));
  EXPECT_FALSE(origin("http://NOTIFY.example.com:8080"));
  EXPECT_TRUE(origin("http://notify.example.com"));
  EXPECT_TRUE(origin("http://notify.example.com.evil.test:8080"));
  EXPECT_TRUE(origin("null"));
  EXPECT_TRUE(origin("https://public.example.com"));
  EXPECT_FALSE(origin("https://public.example.com", "https://public.example.com"));
  EXPECT_TRUE(is_other({{"Origin", "http://a.test"}})) << "no Host to compare with";
}

}  // namespace
}  // namespace carillon::api
