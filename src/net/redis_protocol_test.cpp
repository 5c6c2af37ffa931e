#include "net/redis_protocol.h"

#include <gtest/gtest.h>

namespace carillon::net {
namespace {

using Kind = RedisReply::Kind;

std::vector<RedisReply> read_all(RedisReader& reader, std::string_view bytes) {
  std::vector<RedisReply> replies;
  reader.feed(bytes);
  while (true) {
    auto next = reader.next();
    EXPECT_TRUE(next) << next.error().message;
    if (!next || !*next) return replies;
    replies.push_back(std::move(**next));
  }
}

bool is_broken_by(std::string_view bytes) {
  RedisReader reader;
  reader.feed(bytes);
  while (true) {
    const auto next = reader.next();
    if (!next) return next.error().code == Errc::Corruption;
    if (!*next) return false;
  }
}

TEST(RedisCommands, WritesEveryByteAsItIs) {
  RedisCommands commands;
  commands.add({"SET", std::string_view("a\0\r\n", 4), ""});
  commands.begin(2);
  commands.argument("GET");
  commands.argument(-17);
  EXPECT_EQ(commands.count(), 2U);
  EXPECT_EQ(commands.bytes(), std::string_view("*3\r\n$3\r\nSET\r\n$4\r\na\0\r\n\r\n$0\r\n\r\n"
                                               "*2\r\n$3\r\nGET\r\n$3\r\n-17\r\n",
                                               51));
}

TEST(RedisReader, ReadsEveryKindOfReply) {
  RedisReader reader;
  const auto replies = read_all(
      reader, "+OK\r\n:-12\r\n$5\r\na\r\nbc\r\n$-1\r\n-ERR no\r\n*3\r\n:1\r\n*1\r\n$1\r\nx\r\n$-1\r\n*0\r\n");
  ASSERT_EQ(replies.size(), 7U);
  EXPECT_EQ(replies[0].text, "OK");
  EXPECT_EQ(replies[1].integer, -12);
  EXPECT_EQ(replies[2].text, "a\r\nbc");
  EXPECT_EQ(replies[3].kind, Kind::Nil);
  EXPECT_EQ(replies[4].kind, Kind::Error);
  ASSERT_EQ(replies[5].items.size(), 3U);
  EXPECT_EQ(replies[5].items[1].items.at(0).text, "x");
  EXPECT_EQ(replies[5].items[2].kind, Kind::Nil);
  EXPECT_TRUE(replies[6].kind == Kind::Array && replies[6].items.empty());
}

TEST(RedisReader, WaitsForTheRestOfAReply) {
  RedisReader reader;
  EXPECT_TRUE(read_all(reader, "*2\r\n$3\r\nab").empty());
  EXPECT_TRUE(read_all(reader, "c\r\n:7").empty());
  const auto replies = read_all(reader, "\r\n+A\r\n");
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[0].items.at(0).text, "abc");
  EXPECT_EQ(replies[0].items.at(1).integer, 7);
}

TEST(RedisReader, RefusesWhatIsNotRedis) {
  EXPECT_TRUE(is_broken_by("HTTP/1.1 400 Bad Request\r\n\r\n"));
  EXPECT_TRUE(is_broken_by("\x15\x03\x01\r\n"));
  EXPECT_TRUE(is_broken_by(":12x\r\n"));
  EXPECT_TRUE(is_broken_by("$-2\r\n"));
  EXPECT_TRUE(is_broken_by("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"));
}

TEST(RedisReader, KeepsNoReplyWithoutEnd) {
  EXPECT_TRUE(is_broken_by("$99999999\r\n" + std::string(RedisReader::kReplyBytesMax, 'x')));
  RedisReader reader;
  reader.feed("*2000000000\r\n");
  Result<std::optional<RedisReply>> next = reader.next();
  for (int i = 0; next && i < 1'000; ++i) {
    ASSERT_FALSE(*next);
    std::string many;
    for (int k = 0; k < 100; ++k) many += ":12345\r\n";
    reader.feed(many);
    next = reader.next();
  }
  EXPECT_FALSE(next);
}

TEST(RedisReader, BoundsEachReplyAndNotTheirSum) {
  RedisReader reader;
  const std::string large = "$100000\r\n" + std::string(100'000, 'x') + "\r\n";
  for (int i = 0; i < 10; ++i) EXPECT_EQ(read_all(reader, large).size(), 1U);
}

TEST(RedisReply, ShowsTheCodeOfAnErrorOnly) {
  const auto code = [](const char* text) {
    RedisReply reply;
    reply.kind = Kind::Error;
    reply.text = text;
    return std::string(reply.error_code());
  };
  EXPECT_EQ(code("NOSCRIPT No matching script."), "NOSCRIPT");
  EXPECT_EQ(code("LOADING"), "LOADING");
  EXPECT_EQ(code("ERR unknown command 'AUTH', with args beginning with: 'secret'"), "ERR");
  EXPECT_EQ(code("secret"), "ERR");
  EXPECT_EQ(code(""), "ERR");
}

}  // namespace
}  // namespace carillon::net
