#include "net/http.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace carillon::net {
namespace {

TEST(Headers, AreFoundWithoutRegardToCaseAndTheFirstWins) {
  const Headers headers{{"Content-Type", "a"}, {"content-type", "b"}};
  EXPECT_EQ(find_header(headers, "CONTENT-TYPE"), "a");
  EXPECT_EQ(find_header(headers, "content-typ"), "");
}

TEST(HttpRequest, SplitsItsTargetAtTheFirstQuestionMark) {
  HttpRequest request;
  request.target = "/a/b?x=1?y";
  EXPECT_EQ(request.path(), "/a/b");
  EXPECT_EQ(request.query(), "x=1?y");
  request.target = "/a";
  EXPECT_EQ(request.path(), "/a");
  EXPECT_EQ(request.query(), "");
}

TEST(Url, IsReadWithDefaults) {
  const auto url = parse_url("HTTPS://Api.Example.com");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "api.example.com");
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(url->path, "/");
  EXPECT_TRUE(url->is_tls());
  EXPECT_EQ(url->origin(), "https://api.example.com:443");
}

TEST(Url, KeepsPortPathAndQueryAndDropsTheFragment) {
  const auto url = parse_url("http://h:8080/a%20b?c=d#e");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->port, 8080);
  EXPECT_EQ(url->path, "/a%20b?c=d");
  EXPECT_FALSE(url->is_tls());
  EXPECT_EQ(parse_url("http://h?q")->path, "/?q");
}

TEST(Url, TakesAnIpv6AddressOutOfItsBracketsAndPutsItBack) {
  const auto url = parse_url("http://[::1]:81/x");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 81);
  EXPECT_EQ(url->origin(), "http://[::1]:81");
}

TEST(Url, RefusesWhatIsNotOne) {
  for (const char* bad :
       {"", "host", "://host", "http://", "http://:80", "http://h:0", "http://h:65536",
        "http://h:", "http://h:8x", "http://u:p@h/", "http://[::1", "http://[::1]x", "http://[abc]/",
        "http://h/a b", "http://h/\r\n", "ftp://h/", "1http://h/", "http://h/\xc3\xa9"}) {
    const auto url = parse_url(bad);
    ASSERT_FALSE(url) << bad;
    EXPECT_EQ(url.error().code, Errc::InvalidArgument) << bad;
  }
  EXPECT_FALSE(parse_url("http://h/" + std::string(9000, 'a')));
}

TEST(PercentCoding, KeepsOnlyTheUnreserved) {
  EXPECT_EQ(percent_encode("aZ09-._~ /+%\xff"), "aZ09-._~%20%2F%2B%25%FF");
  EXPECT_EQ(percent_decode("a%2fb%2Fc+").value(), "a/b/c+");
}

TEST(PercentCoding, RefusesBadEscapes) {
  for (const char* bad : {"%", "%1", "%zz", "a%2", "%-1"}) EXPECT_FALSE(percent_decode(bad)) << bad;
}

RC_GTEST_PROP(PercentCoding, DecodesWhatItEncoded, (const std::string& text)) {
  RC_ASSERT(percent_decode(percent_encode(text)).value() == text);
}

RC_GTEST_PROP(FormCoding, DecodesWhatItEncoded,
              (const std::vector<std::pair<std::string, std::string>>& fields)) {
  RC_ASSERT(form_decode(form_encode(fields)).value() == fields);
}

TEST(FormCoding, ReadsPlusAsSpaceAndFieldsWithoutValue) {
  using Fields = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(form_decode("a=b+c&&d&e=%26%3D&f==").value(),
            (Fields{{"a", "b c"}, {"d", ""}, {"e", "&="}, {"f", "="}}));
  EXPECT_EQ(form_encode({{"a b", "c&d"}}), "a+b=c%26d");
  EXPECT_FALSE(form_decode("a=%4"));
}

TEST(FormCoding, LimitsTheNumberOfFields) {
  std::string body;
  for (int i = 0; i < 1000; ++i) body += "a=1&";
  EXPECT_TRUE(form_decode(body));
  EXPECT_FALSE(form_decode(body + "a=1"));
}

TEST(RetryAfter, ReadsSecondsWithinADay) {
  EXPECT_EQ(parse_retry_after("120", 0), 120);
  EXPECT_EQ(parse_retry_after(" 0 ", 0), 0);
  EXPECT_EQ(parse_retry_after("86401", 0), 86'400);
  EXPECT_EQ(parse_retry_after("99999999999999999999999", 0), 86'400);
}

TEST(RetryAfter, ReadsAllThreeHttpDateForms) {
  constexpr std::int64_t kAt = 784'111'777;  // the example of RFC 9110 §5.6.7
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", kAt - 60), 60);
  EXPECT_EQ(parse_retry_after("Sunday, 06-Nov-94 08:49:37 GMT", kAt - 60), 60);
  EXPECT_EQ(parse_retry_after("Sun Nov  6 08:49:37 1994", kAt - 60), 60);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", kAt + 60), 0);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 0), 86'400);
}

TEST(RetryAfter, IsNothingWhenNeither) {
  for (const char* bad :
       {"", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT x"}) {
    EXPECT_EQ(parse_retry_after(bad, 0), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace carillon::net
