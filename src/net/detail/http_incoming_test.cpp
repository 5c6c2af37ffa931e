#include "net/detail/http_incoming.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace carillon::net::detail {
namespace {

const BodyLimit kNoLimit;

// Feeds `text` in pieces of at most `step` bytes and collects the requests.
std::vector<IncomingRequest> feed(HttpIncoming& in, std::string_view text, std::size_t step = 1 << 20) {
  std::vector<IncomingRequest> out;
  while (!text.empty()) {
    const std::span<char> space = in.space();
    const std::size_t count = std::min({space.size(), text.size(), step});
    std::copy_n(text.begin(), count, space.begin());
    text.remove_prefix(count);
    in.received(count);
    while (in.advance() == HttpIncoming::State::Ready) out.push_back(in.take());
    if (in.fault()) break;
  }
  return out;
}

std::string request_text(std::size_t body_size, std::size_t field_size) {
  return "POST /a HTTP/1.1\r\nHost: h\r\nX: " + std::string(field_size, 'f') +
         "\r\nContent-Length: " + std::to_string(body_size) + "\r\n\r\n" + std::string(body_size, 'b');
}

RC_GTEST_PROP(HttpIncoming, GivesTheSameRequestsHoweverTheBytesWereCut, ()) {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>> sizes;
  const auto count = *rc::gen::inRange(1, 6);
  for (int i = 0; i < count; ++i) {
    sizes.emplace_back(*rc::gen::inRange<std::size_t>(0, 20'000), *rc::gen::inRange<std::size_t>(0, 12'000));
    text += request_text(sizes.back().first, sizes.back().second);
  }
  HttpIncoming in({}, kNoLimit);
  const auto requests = feed(in, text, *rc::gen::inRange<std::size_t>(1, 30'000));
  RC_ASSERT(requests.size() == sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    RC_ASSERT(requests[i].request.body == std::string(sizes[i].first, 'b'));
    RC_ASSERT(requests[i].request.header("x") == std::string(sizes[i].second, 'f'));
  }
  RC_ASSERT(in.phase() == HttpIncoming::Phase::Idle);
}

TEST(HttpIncoming, AlwaysHasRoomForAHeadWithinTheLimit) {
  IncomingLimits limits;
  limits.head.header_max = 200'000;
  HttpIncoming in(limits, kNoLimit);
  const auto requests = feed(in, request_text(3, 199'000) + request_text(3, 199'000), 10'007);
  EXPECT_EQ(requests.size(), 2U);
}

TEST(HttpIncoming, KnowsWhereInARequestItIs) {
  HttpIncoming in({}, kNoLimit);
  EXPECT_EQ(in.phase(), HttpIncoming::Phase::Idle);
  feed(in, "POST / HTTP/1.1\r\n");
  EXPECT_EQ(in.phase(), HttpIncoming::Phase::Head);
  feed(in, "Host: h\r\nContent-Length: 2\r\n\r\nx");
  EXPECT_EQ(in.phase(), HttpIncoming::Phase::Body);
  EXPECT_EQ(feed(in, "y").size(), 1U);
  EXPECT_EQ(in.phase(), HttpIncoming::Phase::Idle);
}

TEST(HttpIncoming, WantsContinueOnlyWhileTheBodyHasNotBegun) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  HttpIncoming waiting({}, kNoLimit);
  feed(waiting, head);
  EXPECT_TRUE(waiting.take_continue());
  EXPECT_FALSE(waiting.take_continue());
  HttpIncoming begun({}, kNoLimit);
  feed(begun, head + "x");
  EXPECT_FALSE(begun.take_continue());
}

TEST(HttpIncoming, LetsARouteLowerTheBodyLimitButNotRaiseIt) {
  const BodyLimit limit = [](std::string_view method, std::string_view path) -> std::size_t {
    return method == "POST" && path == "/a" ? 5 : 1000;
  };
  IncomingLimits limits;
  limits.body_max = 50;
  HttpIncoming low(limits, limit);
  feed(low, "POST /a?q HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n");
  EXPECT_EQ(low.fault().status, 413);
  HttpIncoming high(limits, limit);
  feed(high, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 51\r\n\r\n");
  EXPECT_EQ(high.fault().status, 413);
  HttpIncoming chunked(limits, limit);
  feed(chunked, "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\n");
  EXPECT_EQ(chunked.fault().status, 413);
}

}  // namespace
}  // namespace carillon::net::detail
