#include "net/http_parser.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>

namespace carillon::net {
namespace {

struct Parsed {
  HttpHeadParser::State state = HttpHeadParser::State::More;
  int status = 0;
  std::size_t size = 0;
  HttpFraming framing;
  HttpRequest request;
};

Parsed parse_head(std::string_view text, std::size_t step = 1 << 20, HttpParserLimits limits = {}) {
  HttpHeadParser parser(limits);
  Parsed out;
  for (std::size_t n = std::min(step, text.size());; n = std::min(n + step, text.size())) {
    // A copy of exactly this much, so that reading past it is seen by the sanitizer.
    const std::string fed(text.substr(0, n));
    out.state = parser.parse(fed, out.request);
    if (out.state != HttpHeadParser::State::More || n == text.size()) break;
  }
  out.status = parser.fault().status;
  out.size = parser.size();
  out.framing = parser.framing();
  return out;
}

int status_of(std::string_view text) {
  const Parsed whole = parse_head(text);
  const Parsed bytewise = parse_head(text, 1);
  EXPECT_EQ(whole.status, bytewise.status) << text;
  EXPECT_EQ(whole.state, bytewise.state) << text;
  return whole.state == HttpHeadParser::State::Done ? 200 : whole.status;
}

int status_with(std::string_view fields) {
  return status_of("POST /a HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n");
}

TEST(HttpHeadParser, ReadsAHead) {
  const std::string_view text =
      "POST /v1/x?y=1 HTTP/1.1\r\nHost: h:80\r\nX-Empty:\r\nContent-Length:  12 \r\n\r\nrest";
  for (const std::size_t step : {1U, 2U, 7U, 1000U}) {
    const Parsed p = parse_head(text, step);
    ASSERT_EQ(p.state, HttpHeadParser::State::Done);
    EXPECT_EQ(p.size, text.size() - 4);
    EXPECT_EQ(p.request.method, "POST");
    EXPECT_EQ(p.request.target, "/v1/x?y=1");
    EXPECT_EQ(p.request.headers, (Headers{{"Host", "h:80"}, {"X-Empty", ""}, {"Content-Length", "12"}}));
    EXPECT_EQ(p.framing.content_length, 12U);
    EXPECT_TRUE(p.framing.keep_alive);
  }
}

TEST(HttpHeadParser, KeepsAliveAsTheVersionAndConnectionHeaderSay) {
  const auto keeps = [](std::string_view version, std::string_view field) {
    return parse_head("GET / " + std::string(version) + "\r\nHost: h\r\n" + std::string(field) + "\r\n")
        .framing.keep_alive;
  };
  EXPECT_TRUE(keeps("HTTP/1.1", ""));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: x, Close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", ""));
  EXPECT_TRUE(keeps("HTTP/1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", "Connection: keep-alive,close\r\n"));
}

TEST(HttpHeadParser, ReducesAnAbsoluteTargetAndReplacesHost) {
  const Parsed p = parse_head("GET HTTP://b:81?q HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_EQ(p.state, HttpHeadParser::State::Done);
  EXPECT_EQ(p.request.target, "/?q");
  EXPECT_EQ(p.request.header("host"), "b:81");
  EXPECT_EQ(status_of("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
}

TEST(HttpHeadParser, RefusesMalformedRequestLines) {
  for (const char* bad :
       {"GET /\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1 \r\n\r\n", " GET / HTTP/1.1\r\n\r\n",
        "GET / http/1.1\r\n\r\n", "G(T / HTTP/1.1\r\n\r\n", "GET x HTTP/1.1\r\n\r\n",
        "GET * HTTP/1.1\r\n\r\n", "GET /a#b HTTP/1.1\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n",
        "GET /\xc3\xa9 HTTP/1.1\r\n\r\n", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", "GET http:// HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "\n",
        "GET / HTTP/1.1\nHost: h\n\n", "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n"}) {
    EXPECT_EQ(status_of(bad), 400) << bad;
  }
}

TEST(HttpHeadParser, ForgivesOneEmptyLineBeforeTheRequest) {
  EXPECT_EQ(status_of("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
}

TEST(HttpHeadParser, RefusesOtherVersions) {
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 505);
  EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n\r\n"), 505) << "HTTP/2 with prior knowledge";
  EXPECT_EQ(status_of("GET / HTTP/0.9\r\n\r\n"), 505);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 200);
}

TEST(HttpHeadParser, RefusesWhatCouldSmuggleARequest) {
  for (const char* bad : {"Content-Length: 1\r\nContent-Length: 1\r\n",
                          "Content-Length: 1\r\nContent-Length: 2\r\n",
                          "Content-Length: 1, 1\r\n",
                          "Content-Length: +1\r\n",
                          "Content-Length: -1\r\n",
                          "Content-Length: 0x1\r\n",
                          "Content-Length:\r\n",
                          "Content-Length: 1 1\r\n",
                          "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
                          "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
                          "Transfer-Encoding: gzip, chunked\r\n",
                          "Transfer-Encoding: chunked, chunked\r\n",
                          "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                          "Transfer-Encoding: identity\r\n",
                          "Transfer-Encoding: xchunked\r\n",
                          "Transfer-Encoding : chunked\r\n",
                          "Content-Length : 1\r\n",
                          "A: b\r\n c\r\n",
                          "A: b\r\n\tc\r\n",
                          " A: b\r\n",
                          ": b\r\n",
                          "A\r\n",
                          "A: b\rc\r\n",
                          "A: b\nC: d\r\n",
                          "A: \x7f\r\n",
                          "A\x0b: b\r\n",
                          "Host: h\r\n"}) {
    EXPECT_EQ(status_with(bad), 400) << bad;
  }
  EXPECT_EQ(status_with(std::string_view("A: b\0c\r\n", 8)), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(status_with("Transfer-Encoding: Chunked\r\n"), 200);
  EXPECT_EQ(status_with("A: caf\xc3\xa9\t1\r\n"), 200);
}

TEST(HttpHeadParser, WantsExactlyOneHost) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), 200);
}

TEST(HttpHeadParser, HoldsItsLimits) {
  const std::string long_target = "GET /" + std::string(8 * 1024, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(status_of(long_target), 414);
  EXPECT_EQ(status_of("GET /" + std::string(20'000, 'a')), 414);
  EXPECT_EQ(status_with("A: " + std::string(20'000, 'a') + "\r\n"), 431);
  EXPECT_EQ(status_with("A: " + std::string(20'000, 'a')), 431);
  std::string fields;
  for (int i = 0; i < 99; ++i) fields += "A: b\r\n";
  EXPECT_EQ(status_with(fields), 200);
  EXPECT_EQ(status_with(fields + "A: b\r\n"), 431);
  EXPECT_EQ(status_with("Content-Length: 9999999999999999999999\r\n"), 413);
}

TEST(HttpHeadParser, CountsTheHeadToTheByte) {
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(parse_head(head, 1, {.header_max = head.size()}).state, HttpHeadParser::State::Done);
  EXPECT_EQ(parse_head(head, 1, {.header_max = head.size() - 1}).status, 431);
  EXPECT_EQ(parse_head(head, 1000, {.header_max = head.size() - 1}).status, 431);
}

TEST(HttpHeadParser, UnderstandsOnlyOneExpectation) {
  EXPECT_TRUE(
      parse_head("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n\r\n").framing.expects_continue);
  EXPECT_EQ(status_with("Expect: tea\r\n"), 417);
}

TEST(HttpHeadParser, IsReadyForTheNextRequestAfterReset) {
  HttpHeadParser parser;
  HttpRequest first;
  ASSERT_EQ(parser.parse("GET / HTTP/1.0\r\nContent-Length: 4\r\n\r\n", first), HttpHeadParser::State::Done);
  parser.reset();
  HttpRequest second;
  ASSERT_EQ(parser.parse("GET /b HTTP/1.1\r\nHost: h\r\n\r\n", second), HttpHeadParser::State::Done);
  EXPECT_EQ(parser.framing().content_length, 0U);
  EXPECT_FALSE(parser.framing().is_http_1_0);
}

struct Decoded {
  HttpChunkDecoder::State state = HttpChunkDecoder::State::More;
  int status = 0;
  std::string body;
  std::size_t left = 0;
};

Decoded decode(std::string_view text, std::size_t body_max = 100, std::size_t step = 1 << 20) {
  HttpChunkDecoder decoder(body_max, 64);
  Decoded out;
  std::size_t at = 0;
  while (at < text.size() && out.state == HttpChunkDecoder::State::More) {
    std::string_view piece = text.substr(at, step);
    const std::size_t before = piece.size();
    out.state = decoder.decode(piece, out.body);
    at += before - piece.size();
  }
  out.status = decoder.fault().status;
  out.left = text.size() - at;
  return out;
}

TEST(HttpChunkDecoder, JoinsChunksAndLeavesTheNextRequest) {
  for (const std::size_t step : {1U, 3U, 1000U}) {
    const Decoded d =
        decode("5\r\nhello\r\n00A;x=\"y\"\r\n, 12345678\r\n0\r\nTrailer: v\r\n\r\nGET /", 100, step);
    EXPECT_EQ(d.state, HttpChunkDecoder::State::Done);
    EXPECT_EQ(d.body, "hello, 12345678");
    EXPECT_EQ(d.left, 5U);
  }
}

TEST(HttpChunkDecoder, RefusesWhatIsNotWellFormed) {
  for (const char* bad : {"\r\n", "x\r\n", "-1\r\n", "0x5\r\nhello\r\n", ";a\r\n", "5\nhello", "5\r\nhelloX",
                          "5\r\nhello\n", "5\r\nhello\rX", "5;a\x01\r\n", "5\rX", "0\r\nbad\r\n",
                          "0\r\n: v\r\n", "0\r\nA: b\n", "0\r\n\rX", "0\r\n A: b\r\n", "5 \n"}) {
    EXPECT_EQ(decode(bad).status, 400) << bad;
    EXPECT_EQ(decode(bad, 100, 1).status, 400) << bad;
  }
}

TEST(HttpChunkDecoder, HoldsItsLimits) {
  EXPECT_EQ(decode("5\r\nhello\r\n0\r\n\r\n", 5).state, HttpChunkDecoder::State::Done);
  EXPECT_EQ(decode("5\r\nhello\r\n1\r\n", 5).status, 413);
  EXPECT_EQ(decode("FFFFFFFFFFFFFFFF\r\n", 5).status, 413);
  EXPECT_EQ(decode("5;" + std::string(100, 'a')).status, 431);
  EXPECT_EQ(decode("0\r\nA: " + std::string(100, 'a')).status, 431);
}

RC_GTEST_PROP(HttpHeadParser, DoesNotDependOnHowBytesWereCut, (const std::string& noise)) {
  const std::string base = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n";
  const auto at = *rc::gen::inRange<std::size_t>(0, base.size());
  const std::string text = base.substr(0, at) + noise + base.substr(at);
  const Parsed whole = parse_head(text);
  const Parsed cut = parse_head(text, *rc::gen::inRange<std::size_t>(1, 9));
  RC_ASSERT(whole.state == cut.state);
  RC_ASSERT(whole.status == cut.status);
  RC_ASSERT(whole.size == cut.size);
  if (whole.state == HttpHeadParser::State::Done) RC_ASSERT(whole.request.headers == cut.request.headers);
}

}  // namespace
}  // namespace carillon::net
