// Fuzz target: the request parser must not misbehave on any bytes, and must not care how they were cut.
//
//   clang++-19 -std=c++23 -O1 -g -fsanitize=fuzzer,address,undefined -Isrc \
//     src/net/http_parser_fuzz.cpp src/net/http_parser.cpp src/net/http.cpp src/base/error.cpp -lfmt -o
//     http_parser_fuzz
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/http_parser.h"

namespace {

using carillon::net::HttpChunkDecoder;
using carillon::net::HttpHeadParser;
using carillon::net::HttpRequest;

constexpr std::size_t kBodyMax = 4096;

struct Outcome {
  int head_state = 0, body_state = 0, status = 0;
  std::size_t head_size = 0, used = 0;
  HttpRequest request;
  bool operator==(const Outcome& other) const {
    return head_state == other.head_state && body_state == other.body_state && status == other.status &&
           head_size == other.head_size && used == other.used && request.method == other.request.method &&
           request.target == other.request.target && request.headers == other.request.headers &&
           request.body == other.request.body;
  }
};

Outcome run(std::string_view bytes, std::size_t step) {
  Outcome out;
  HttpHeadParser parser({.header_max = 1024, .target_max = 256, .fields_max = 16});
  auto state = HttpHeadParser::State::More;
  for (std::size_t n = 0; state == HttpHeadParser::State::More && n < bytes.size();) {
    n = std::min(n + step, bytes.size());
    state = parser.parse(bytes.substr(0, n), out.request);
  }
  out.head_state = static_cast<int>(state);
  out.status = parser.fault().status;
  if (state != HttpHeadParser::State::Done) {
    out.request = {};  // unusable by contract
    return out;
  }
  out.head_size = parser.size();
  CARILLON_ASSERT(out.head_size <= bytes.size());
  HttpChunkDecoder decoder(kBodyMax, 256);
  auto body_state = HttpChunkDecoder::State::More;
  std::size_t at = out.head_size;
  while (parser.framing().is_chunked && body_state == HttpChunkDecoder::State::More && at < bytes.size()) {
    std::string_view piece = bytes.substr(at, step);
    const std::size_t before = piece.size();
    body_state = decoder.decode(piece, out.request.body);
    at += before - piece.size();
  }
  CARILLON_ASSERT(out.request.body.size() <= kBodyMax);
  out.body_state = static_cast<int>(body_state);
  out.status = decoder.fault().status;
  out.used = at;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Outcome whole = run(bytes, size == 0 ? 1 : size);
  CARILLON_ASSERT(whole == run(bytes, 1));
  CARILLON_ASSERT(whole == run(bytes, 7));
  return 0;
}
