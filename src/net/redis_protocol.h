// The language of Redis (RESP2): commands as they are written, replies as they are read.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

struct redisReader;

namespace carillon::net {

// One reply. A server decides what it holds: check `kind` before anything else.
struct RedisReply {
  enum class Kind : std::uint8_t { Nil, Integer, Text, Error, Array };
  Kind kind = Kind::Nil;
  std::int64_t integer = 0;
  std::string text;  // Text (a status too) and Error
  std::vector<RedisReply> items;

  // The first word of an Error, "NOSCRIPT"; "ERR" where it is none in capitals. The rest is never shown: a
  // server that does not know AUTH repeats its arguments.
  [[nodiscard]] std::string_view error_code() const noexcept;
};

// Commands to be sent in one go. Written here and not by hiredis, whose formatter allocates and copies each.
class RedisCommands {
 public:
  void add(std::initializer_list<std::string_view> arguments);
  // The same piece by piece: begin(n), then n arguments.
  void begin(std::size_t arguments);
  void argument(std::string_view text);
  template <std::integral T>
  void argument(T number) {
    argument(std::string_view(std::to_string(number)));
  }

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  std::string bytes_;
  std::size_t count_ = 0;
};

// Replies out of a stream of bytes (hiredis). Not thread-safe.
class RedisReader {
 public:
  // Bytes of one reply; a longer one is no answer to anything we ask.
  static constexpr std::size_t kReplyBytesMax = 256 * 1024;

  RedisReader();
  ~RedisReader();
  RedisReader(const RedisReader&) = delete;
  RedisReader& operator=(const RedisReader&) = delete;

  // Takes what has arrived; next() must be asked until it has no more before the next feed().
  void feed(std::string_view bytes);
  // Nullopt: more bytes are needed. Errors, after which nothing more can be read: Corruption (this is not
  // Redis, or a reply beyond kReplyBytesMax).
  Result<std::optional<RedisReply>> next();

 private:
  redisReader* reader_;
  std::size_t unanswered_bytes_ = 0;  // fed since the last whole reply
};

}  // namespace carillon::net
