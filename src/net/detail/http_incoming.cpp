#include "net/detail/http_incoming.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "net/http_server.h"
#include "net/spool.h"

namespace carillon::net::detail {
namespace {

constexpr std::size_t kBufferMin = 4 * 1024;         // bytes; what an idle connection costs
constexpr std::size_t kBufferMax = 64 * 1024;        // bytes; for senders that fill every read
constexpr std::size_t kBodyReserveMax = 256 * 1024;  // bytes believed of a Content-Length before they came

constexpr HttpFault kStorageFull{503, "storage_full",
                                 "the server cannot keep the body now; send it again later"};

}  // namespace

void HttpIncoming::reallocate(std::size_t capacity) {
  auto grown = std::make_unique_for_overwrite<char[]>(capacity);
  if (end_ > begin_) std::memcpy(grown.get(), buffer_.get() + begin_, end_ - begin_);
  buffer_ = std::move(grown);
  capacity_ = capacity;
  end_ -= begin_;
  begin_ = 0;
}

std::span<char> HttpIncoming::space() {
  const std::size_t most = std::max(kBufferMax, limits_.head.header_max);
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_ == nullptr) {
    reallocate(kBufferMin);
  } else if (was_full_ && capacity_ < most) {
    reallocate(std::min(capacity_ * 2, most));
  } else if (end_ == capacity_ && begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  was_full_ = false;
  return {buffer_.get() + end_, capacity_ - end_};
}

void HttpIncoming::received(std::size_t count) noexcept {
  end_ += count;
  was_full_ = end_ == capacity_;
}

HttpIncoming::State HttpIncoming::fail(const HttpFault& fault) noexcept {
  fault_ = fault;
  return State::Failed;
}

HttpIncoming::Phase HttpIncoming::phase() const noexcept {
  if (in_body_) return Phase::Body;
  return begin_ == end_ && !is_ready_ ? Phase::Idle : Phase::Head;
}

HttpIncoming::State HttpIncoming::advance() {
  if (is_ready_) return State::Ready;
  if (fault_) return State::Failed;
  if (in_body_) return body();
  if (begin_ == end_) return State::More;
  switch (parser_.parse(view(), request_)) {
    case HttpHeadParser::State::More: return State::More;
    case HttpHeadParser::State::Failed: return fail(parser_.fault());
    case HttpHeadParser::State::Done: break;
  }
  begin_ += parser_.size();
  return head_done();
}

HttpIncoming::State HttpIncoming::head_done() {
  const HttpFraming& framing = parser_.framing();
  if (framing.content_length == 0 && !framing.is_chunked) return ready();
  std::size_t limit = limits_.body_max;
  if (body_limit_) limit = std::min(limit, body_limit_(request_.method, request_.path()));
  if (framing.content_length > limit) return fail({413, "body_too_large", "send a smaller body"});
  if (head_check_ && (framing.is_chunked ? limit : framing.content_length) > kHeadCheckAbove) {
    refusal_ = head_check_(request_);
    if (refusal_) return fail({refusal_->status, "refused", "what the head says is not allowed"});
  }
  in_body_ = true;
  is_spooled_ = spools_.wants != nullptr && (*spools_.wants)(request_.method, request_.path());
  left_ = framing.content_length;
  if (framing.is_chunked) decoder_ = HttpChunkDecoder(limit, limits_.head.header_max);
  request_.body.reserve(std::min<std::size_t>(left_, kBodyReserveMax));
  // RFC 9110 §10.1.1: not needed when the client has begun to send already.
  wants_continue_ = framing.expects_continue && begin_ == end_;
  return body();
}

HttpIncoming::State HttpIncoming::body() {
  std::string_view bytes = view();
  if (!parser_.framing().is_chunked) {
    const std::size_t count = std::min<std::uint64_t>(left_, bytes.size());
    request_.body.append(bytes.substr(0, count));
    begin_ += count;
    left_ -= count;
    if (is_spooled_ && !spool()) return fail(kStorageFull);
    return left_ == 0 ? ready() : State::More;
  }
  const auto state = decoder_.decode(bytes, request_.body);
  begin_ = end_ - bytes.size();
  if (is_spooled_ && !spool()) return fail(kStorageFull);
  switch (state) {
    case HttpChunkDecoder::State::More: return State::More;
    case HttpChunkDecoder::State::Failed: return fail(decoder_.fault());
    case HttpChunkDecoder::State::Done: break;
  }
  return ready();
}

bool HttpIncoming::spool() {
  if (request_.body.size() <= kHeadCheckAbove) return true;
  if (!request_.spooled) {
    auto made = SpooledBody::open(*spools_.folder);
    if (!made) base::log_error("{}", made.error().message);
    if (!made) return false;
    request_.spooled = std::move(*made);
  }
  const auto added = request_.spooled->add(request_.body);
  if (!added) base::log_error("{}", added.error().message);
  request_.body.clear();
  has_progress_ = true;
  return added.has_value();
}

HttpIncoming::State HttpIncoming::ready() {
  if (request_.spooled) {  // what is left goes where the rest is
    if (!request_.spooled->add(request_.body)) return fail(kStorageFull);
    request_.body = std::string();
    request_.spooled->finish();
  }
  in_body_ = false;
  wants_continue_ = false;
  is_ready_ = true;
  return State::Ready;
}

IncomingRequest HttpIncoming::take() {
  CARILLON_ASSERT(is_ready_);
  is_ready_ = false;
  IncomingRequest out;
  out.keep_alive = parser_.framing().keep_alive;
  out.is_http_1_0 = parser_.framing().is_http_1_0;
  out.is_head = request_.method == "HEAD";
  out.request = std::exchange(request_, HttpRequest());
  parser_.reset();
  return out;
}

}  // namespace carillon::net::detail
