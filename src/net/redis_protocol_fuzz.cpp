// Fuzz target: whatever a server answers, the reader must not misbehave, nor care how the bytes were cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/redis_protocol.h"

namespace {

using carillon::net::RedisReader;
using carillon::net::RedisReply;

void describe(const RedisReply& reply, std::string& out) {
  out +=
      std::to_string(static_cast<int>(reply.kind)) + ":" + std::to_string(reply.integer) + ":" + reply.text;
  out += reply.error_code();
  for (const RedisReply& item : reply.items) {
    out += '(';
    describe(item, out);
    out += ')';
  }
}

std::string run(std::string_view bytes, std::size_t step) {
  RedisReader reader;
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.feed(bytes.substr(at, step));
    while (true) {
      const auto reply = reader.next();
      if (!reply) return out + "broken";
      if (!*reply) break;
      describe(**reply, out);
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = run(bytes, std::max<std::size_t>(size, 1));
  CARILLON_ASSERT(run(bytes, 1) == whole);
  CARILLON_ASSERT(run(bytes, 7) == whole);
  return 0;
}
