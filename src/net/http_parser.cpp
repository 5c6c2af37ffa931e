#include "net/http_parser.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace carillon::net {
namespace {

constexpr std::size_t kMethodMax = 32;        // bytes
constexpr std::size_t kLengthDigitsMax = 18;  // stays below 2^63
constexpr unsigned kChunkDigitsMax = 15;      // hexadecimal, stays below 2^60

// RFC 9110 §5.6.2 tchar.
constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (const char c :
       std::string_view("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}
// Field values: visible characters, space, tab, obs-text (RFC 9110 §5.5).
constexpr std::array<bool, 256> make_value_table() {
  std::array<bool, 256> table{};
  for (std::size_t c = 0x20; c < 256; ++c) table[c] = c != 0x7f;
  table['\t'] = true;
  return table;
}
// Targets: visible ASCII without '#', which would begin a fragment.
constexpr std::array<bool, 256> make_target_table() {
  std::array<bool, 256> table{};
  for (std::size_t c = 0x21; c < 0x7f; ++c) table[c] = c != '#';
  return table;
}
constexpr auto kToken = make_token_table();
constexpr auto kValue = make_value_table();
constexpr auto kTarget = make_target_table();

bool consists_of(std::string_view text, const std::array<bool, 256>& table) noexcept {
  bool ok = true;
  for (const char c : text) ok &= table[static_cast<unsigned char>(c)];
  return ok;
}

constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// `lower` must be in lower case.
bool is_name(std::string_view text, std::string_view lower) noexcept {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (to_lower(text[i]) != lower[i]) return false;
  }
  return true;
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// host[:port] as far as a list of vhosts would need it: no user, path, list or space.
bool is_authority(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < '\x7f' && std::string_view("/?#@,\"<>\\^`{|}").find(c) == std::string_view::npos;
  });
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = to_lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

}  // namespace

void HttpHeadParser::reset() noexcept {
  framing_ = {};
  fault_ = {};
  line_ = scanned_ = 0;
  has_request_line_ = skipped_empty_line_ = has_content_length_ = has_host_ = false;
  asks_close_ = asks_keep_alive_ = false;
  authority_.clear();
}

HttpHeadParser::State HttpHeadParser::fail(int status, std::string_view code, std::string_view detail) {
  fault_ = {status, code, detail};
  return State::Failed;
}

HttpHeadParser::State HttpHeadParser::parse(std::string_view bytes, HttpRequest& request) {
  if (fault_) return State::Failed;
  const std::string_view head = bytes.substr(0, limits_.header_max);
  for (;;) {
    const void* end =
        scanned_ < head.size() ? std::memchr(head.data() + scanned_, '\n', head.size() - scanned_) : nullptr;
    if (end == nullptr) {
      scanned_ = head.size();
      if (bytes.size() < limits_.header_max) return State::More;
      return has_request_line_ ? fail(431, "header_too_large", "send fewer or shorter header fields")
                               : fail(414, "uri_too_long", "shorten the request target");
    }
    const auto newline = static_cast<std::size_t>(static_cast<const char*>(end) - head.data());
    if (newline == line_ || head[newline - 1] != '\r') return malformed("end every header line with CR LF");
    const std::string_view line = head.substr(line_, newline - 1 - line_);
    line_ = scanned_ = newline + 1;
    if (line.empty()) {
      if (has_request_line_) return finish(request);
      // RFC 9112 §2.2: one empty line before the request is forgiven.
      if (std::exchange(skipped_empty_line_, true)) return malformed("begin with a request line");
      continue;
    }
    const State state = has_request_line_ ? field(line, request) : request_line(line, request);
    if (state == State::Failed) return state;
    has_request_line_ = true;
  }
}

HttpHeadParser::State HttpHeadParser::request_line(std::string_view line, HttpRequest& request) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return malformed("write the request line as METHOD SP target SP HTTP/1.1");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (method.empty() || method.size() > kMethodMax || !consists_of(method, kToken)) {
    return malformed("the method is not a token");
  }
  if (target.size() > limits_.target_max) return fail(414, "uri_too_long", "shorten the request target");
  if (target.empty() || !consists_of(target, kTarget)) {
    return malformed("percent-encode the request target, without a fragment");
  }
  if (const State state = version(line.substr(last + 1)); state == State::Failed) return state;
  request.method.assign(method);
  return take_target(target, request);
}

HttpHeadParser::State HttpHeadParser::version(std::string_view text) {
  if (text == "HTTP/1.1") return State::More;
  if (text == "HTTP/1.0") {
    framing_.is_http_1_0 = true;
    return State::More;
  }
  const bool is_version = text.size() == 8 && text.starts_with("HTTP/") && text[5] >= '0' && text[5] <= '9' &&
                          text[6] == '.' && text[7] >= '0' && text[7] <= '9';
  if (is_version) return fail(505, "unsupported_http_version", "use HTTP/1.1");
  return malformed("end the request line with HTTP/1.1");
}

HttpHeadParser::State HttpHeadParser::take_target(std::string_view target, HttpRequest& request) {
  if (target.front() == '/') {
    request.target.assign(target);
    return State::More;
  }
  if (target == "*" && request.method == "OPTIONS") {
    request.target = "*";
    return State::More;
  }
  const auto scheme_end = target.find("://");
  const std::string_view scheme = target.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end);
  if (!is_name(scheme, "http") && !is_name(scheme, "https")) {
    return malformed("the request target must begin with '/'");
  }
  const std::string_view rest = target.substr(scheme_end + 3);
  const auto path_at = std::min(rest.find_first_of("/?"), rest.size());
  const std::string_view authority = rest.substr(0, path_at);
  if (authority.empty() || !is_authority(authority)) return malformed("the request target names no host");
  authority_.assign(authority);
  request.target.assign(rest.substr(path_at));
  if (!request.target.starts_with('/')) request.target.insert(0, 1, '/');
  return State::More;
}

HttpHeadParser::State HttpHeadParser::field(std::string_view line, HttpRequest& request) {
  if (request.headers.size() >= limits_.fields_max) {
    return fail(431, "header_too_large", "send fewer header fields");
  }
  const auto colon = line.find(':');
  // A folded line begins with a space, which is no token character either.
  if (colon == std::string_view::npos || colon == 0 || !consists_of(line.substr(0, colon), kToken)) {
    return malformed("a header line is not `name: value`");
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (!consists_of(value, kValue)) return malformed("a header value holds a control character");
  if (request.headers.capacity() == 0) request.headers.reserve(8);
  request.headers.emplace_back(name, value);
  return known_field(name, value);
}

HttpHeadParser::State HttpHeadParser::known_field(std::string_view name, std::string_view value) {
  switch (name.size()) {
    case 4:
      if (!is_name(name, "host")) return State::More;
      if (std::exchange(has_host_, true)) return malformed("send one Host header");
      return is_authority(value) ? State::More : malformed("the Host header is not a host");
    case 6:
      if (!is_name(name, "expect") || framing_.is_http_1_0) return State::More;
      if (!is_name(value, "100-continue")) {
        return fail(417, "expectation_failed", "only `Expect: 100-continue` is understood");
      }
      framing_.expects_continue = true;
      return State::More;
    case 10:
      if (!is_name(name, "connection")) return State::More;
      while (!value.empty()) {
        const std::string_view option = trim(value.substr(0, value.find(',')));
        value.remove_prefix(std::min(value.find(','), value.size() - 1) + 1);
        asks_close_ |= is_name(option, "close");
        asks_keep_alive_ |= is_name(option, "keep-alive");
      }
      return State::More;
    case 14:
      return is_name(name, "content-length") ? content_length(value) : State::More;
    case 17:
      if (!is_name(name, "transfer-encoding")) return State::More;
      if (framing_.is_chunked || framing_.is_http_1_0 || !is_name(value, "chunked")) {
        return malformed("only one `Transfer-Encoding: chunked` is understood");
      }
      framing_.is_chunked = true;
      return State::More;
    default:
      return State::More;
  }
}

HttpHeadParser::State HttpHeadParser::content_length(std::string_view value) {
  if (std::exchange(has_content_length_, true)) return malformed("send one Content-Length header");
  const bool is_number =
      !value.empty() && std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) return malformed("Content-Length must be a decimal number");
  if (value.size() > kLengthDigitsMax) return fail(413, "body_too_large", "send a smaller body");
  for (const char c : value) {
    framing_.content_length = framing_.content_length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return State::More;
}

HttpHeadParser::State HttpHeadParser::finish(HttpRequest& request) {
  if (framing_.is_chunked && has_content_length_) {
    return malformed("send either Content-Length or Transfer-Encoding, not both");
  }
  if (!has_host_ && !framing_.is_http_1_0) return malformed("send a Host header");
  framing_.keep_alive = framing_.is_http_1_0 ? asks_keep_alive_ && !asks_close_ : !asks_close_;
  if (!authority_.empty()) {
    const auto host =
        std::ranges::find_if(request.headers, [](const auto& h) { return is_name(h.first, "host"); });
    if (host != request.headers.end()) {
      host->second = authority_;
    } else {
      request.headers.emplace_back("Host", authority_);
    }
  }
  return State::Done;
}

HttpChunkDecoder::State HttpChunkDecoder::fail(int status, std::string_view code, std::string_view detail) {
  fault_ = {status, code, detail};
  return State::Failed;
}

HttpChunkDecoder::State HttpChunkDecoder::decode(std::string_view& bytes, std::string& body) {
  if (fault_) return State::Failed;
  while (place_ != Place::Done && !bytes.empty()) {
    if (place_ == Place::Data) {
      const std::size_t count = std::min<std::uint64_t>(left_, bytes.size());
      body.append(bytes.substr(0, count));
      bytes.remove_prefix(count);
      left_ -= count;
      if (left_ == 0) place_ = Place::DataEnd1;
      continue;
    }
    const char c = bytes.front();
    bytes.remove_prefix(1);
    if (step(c) == State::Failed) return State::Failed;
  }
  return place_ == Place::Done ? State::Done : State::More;
}

HttpChunkDecoder::State HttpChunkDecoder::step(char c) {
  constexpr std::string_view kDetail = "a chunk of the body is not well-formed";
  switch (place_) {
    case Place::Size:
    case Place::Extension:
    case Place::SizeEnd:
      return step_size(c);
    case Place::DataEnd1:
      if (c != '\r') return fail(400, "malformed_request", kDetail);
      place_ = Place::DataEnd2;
      return State::More;
    case Place::DataEnd2:
      if (c != '\n') return fail(400, "malformed_request", kDetail);
      place_ = Place::Size;
      return State::More;
    case Place::LineStart:
    case Place::TrailerName:
    case Place::TrailerValue:
    case Place::TrailerEnd:
    case Place::End:
      return step_trailer(c);
    case Place::Data:
    case Place::Done:
      break;
  }
  return fail(400, "malformed_request", kDetail);
}

HttpChunkDecoder::State HttpChunkDecoder::step_size(char c) {
  if (place_ == Place::SizeEnd) {
    if (c != '\n') return fail(400, "malformed_request", "end every chunk size with CR LF");
    return size_ended();
  }
  if (place_ == Place::Size) {
    if (const int digit = hex_value(c); digit >= 0) {
      if (++digits_ > kChunkDigitsMax) return fail(413, "body_too_large", "send a smaller body");
      left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
      return State::More;
    }
    const bool ends_size = digits_ > 0 && (c == '\r' || c == ';' || c == ' ' || c == '\t');
    if (!ends_size) return fail(400, "malformed_request", "begin every chunk with its size in hexadecimal");
    place_ = Place::Extension;
  }
  if (c == '\r') {
    place_ = Place::SizeEnd;
    return State::More;
  }
  if (!kValue[static_cast<unsigned char>(c)]) {
    return fail(400, "malformed_request", "a chunk extension holds a control character");
  }
  return overhead() ? fail(431, "header_too_large", "send fewer chunk extensions") : State::More;
}

HttpChunkDecoder::State HttpChunkDecoder::size_ended() {
  digits_ = 0;
  if (left_ == 0) {
    place_ = Place::LineStart;
    return State::More;
  }
  if (left_ > body_max_ - body_size_) return fail(413, "body_too_large", "send a smaller body");
  body_size_ += left_;
  place_ = Place::Data;
  return State::More;
}

HttpChunkDecoder::State HttpChunkDecoder::step_trailer(char c) {
  const auto bad = [this] { return fail(400, "malformed_request", "a trailer line is not `name: value`"); };
  if (place_ == Place::End || place_ == Place::TrailerEnd) {
    if (c != '\n') return bad();
    place_ = place_ == Place::End ? Place::Done : Place::LineStart;
    return State::More;
  }
  if (overhead()) return fail(431, "header_too_large", "send fewer or shorter trailers");
  const auto byte = static_cast<unsigned char>(c);
  if (place_ == Place::TrailerValue) {
    if (c == '\r') {
      place_ = Place::TrailerEnd;
      return State::More;
    }
    return kValue[byte] ? State::More : bad();
  }
  if (place_ == Place::LineStart && c == '\r') {
    place_ = Place::End;
    return State::More;
  }
  if (place_ == Place::TrailerName && c == ':') {
    place_ = Place::TrailerValue;
    return State::More;
  }
  if (!kToken[byte]) return bad();
  place_ = Place::TrailerName;
  return State::More;
}

}  // namespace carillon::net
