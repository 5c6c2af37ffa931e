#include "net/http2_book.h"

#include <algorithm>

namespace carillon::net {

namespace {

constexpr std::uint64_t kNeverDue = ~std::uint64_t{0};
constexpr std::size_t kKeptBodyBytes = 4096;  // response buffers above this are not kept for reuse

}  // namespace

Http2Book::~Http2Book() {
  CARILLON_ASSERT(count_ == 0);
  while (!free_.empty()) free_.next->unlink();
}

std::uint64_t Http2Book::due_tick(base::Deadline deadline) const {
  if (deadline.at() == SteadyTime::max()) return kNeverDue;
  const auto after = deadline.at() - start_;
  const auto ticks = std::chrono::ceil<std::chrono::milliseconds>(after) / kTick + 1;
  const std::uint64_t tick = ticks < 0 ? 0 : static_cast<std::uint64_t>(ticks);
  return std::max(tick, last_tick_ + 1);
}

void Http2Book::add(const Http2Request& request, Http2Sink& sink, std::uint64_t due_tick) {
  if (free_.empty()) free_.push_back(entries_.emplace_back());
  Http2Stream& stream = Http2Stream::of(*free_.next);
  stream.QueueLink::unlink();
  stream.method = request.method;
  stream.path = request.path;
  stream.body = request.body;
  stream.fields = request.headers;
  stream.tag = request.tag;
  stream.sink = &sink;
  stream.due_tick = due_tick;
  stream.connection = nullptr;
  stream.id = 0;
  stream.body_sent = 0;
  stream.end_offset = 0;
  stream.end_frame = 0;
  stream.status = 0;
  stream.is_complete = false;
  stream.header_count = 0;
  stream.header_bytes = 0;
  stream.response_body.clear();
  waiting_.push_back(stream);
  if (due_tick != kNeverDue) wheel_[due_tick % kSlots].push_back(stream);
  ++waiting_count_;
  ++count_;
}

Http2Stream* Http2Book::take_waiting() noexcept {
  if (waiting_.empty()) return nullptr;
  Http2Stream& stream = Http2Stream::of(*waiting_.next);
  stream.QueueLink::unlink();
  --waiting_count_;
  return &stream;
}

void Http2Book::give_back(Http2Stream& stream) noexcept {
  stream.QueueLink::unlink();
  stream.connection = nullptr;
  stream.id = 0;
  waiting_.push_front(stream);
  ++waiting_count_;
}

// Out of all lists before the sink is called: it may submit, and must not find this request counted.
void Http2Book::detach(Http2Stream& stream) noexcept {
  if (stream.connection == nullptr && !stream.QueueLink::empty()) --waiting_count_;
  stream.QueueLink::unlink();
  stream.WheelLink::unlink();
  --count_;
}

void Http2Book::release(Http2Stream& stream) noexcept {
  stream.connection = nullptr;
  if (stream.response_body.capacity() > kKeptBodyBytes) std::string().swap(stream.response_body);
  free_.push_front(stream);
}

void Http2Book::respond(Http2Stream& stream) {
  Http2Response response;
  response.status = stream.status;
  response.body = stream.response_body;
  response.headers = std::span(stream.headers).first(stream.header_count);
  detach(stream);
  stream.sink->on_response(stream.tag, response);
  release(stream);
}

void Http2Book::fail(Http2Stream& stream, SendFailure failure, std::string_view detail) {
  detach(stream);
  stream.sink->on_failure(stream.tag, TransportError{failure, std::string(detail)});
  release(stream);
}

void Http2Book::fail_waiting(std::string_view detail) {
  const std::string text(detail);
  std::size_t left = waiting_count_;
  while (left-- > 0 && !waiting_.empty()) fail(Http2Stream::of(*waiting_.next), SendFailure::NotSent, text);
}

void Http2Book::collect_due(SteadyTime now, WheelLink& due) noexcept {
  const auto tick = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::floor<std::chrono::milliseconds>(now - start_) / kTick));
  const std::uint64_t first = last_tick_ + 1;
  if (tick < first) return;
  const std::uint64_t steps = std::min<std::uint64_t>(tick - first + 1, kSlots);
  for (std::uint64_t i = 0; i < steps; ++i) {
    WheelLink& slot = wheel_[(first + i) % kSlots];
    for (WheelLink* link = slot.next; link != &slot;) {
      WheelLink* const next = link->next;
      if (Http2Stream::of(*link).due_tick <= tick) {
        link->unlink();
        due.push_back(*link);
      }
      link = next;
    }
  }
  last_tick_ = tick;
}

}  // namespace carillon::net
