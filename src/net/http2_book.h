// The book of all requests of one HTTP/2 client: who waits, who is under way, until when.
//
// A request costs no allocation once its entry exists: entries are pooled and sit in intrusive lists
// (waiting or one connection's active list, and one slot of the deadline wheel). Not thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "net/http2_client.h"

namespace carillon::net {

// A ring of entries; an empty one points to itself. `Tag` lets one entry be in two lists.
template <int Tag>
struct ListLink {
  ListLink* previous = this;
  ListLink* next = this;

  ListLink() = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  [[nodiscard]] bool empty() const noexcept { return next == this; }
  void unlink() noexcept {
    previous->next = next;
    next->previous = previous;
    previous = next = this;
  }
  void push_back(ListLink& entry) noexcept { entry.insert_between(*previous, *this); }
  void push_front(ListLink& entry) noexcept { entry.insert_between(*this, *next); }
  // Moves all entries of `from` behind ours.
  void take_all(ListLink& from) noexcept {
    if (from.empty()) return;
    from.next->previous = previous;
    previous->next = from.next;
    from.previous->next = this;
    previous = from.previous;
    from.previous = from.next = &from;
  }

 private:
  void insert_between(ListLink& before, ListLink& after) noexcept {
    previous = &before;
    next = &after;
    before.next = this;
    after.previous = this;
  }
};

class Http2Connection;

using QueueLink = ListLink<0>;
using WheelLink = ListLink<1>;

// One request and the response as far as it has come.
struct Http2Stream : QueueLink, WheelLink {
  // the request; views of the caller's memory
  std::string_view method, path, body;
  std::span<const Http2Request::Field> fields;
  std::uint64_t tag = 0;
  Http2Sink* sink = nullptr;
  std::uint64_t due_tick = 0;

  // on its connection; null while waiting
  Http2Connection* connection = nullptr;
  std::int32_t id = 0;
  std::size_t body_sent = 0;        // bytes given to the connection's output
  std::uint64_t end_offset = 0;     // connection output offset behind END_STREAM; 0: not yet there
  std::uint64_t end_frame = 0;      // offset of the DATA frame with END_STREAM; 0: none
  std::array<char, 20> length_text{};  // content-length

  // the response
  int status = 0;
  bool is_complete = false;
  std::size_t header_count = 0;     // used entries of `headers`; the rest keep their memory
  std::size_t header_bytes = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string response_body;

  static Http2Stream& of(QueueLink& link) noexcept { return static_cast<Http2Stream&>(link); }
  static Http2Stream& of(WheelLink& link) noexcept { return static_cast<Http2Stream&>(link); }
};

class Http2Book {
 public:
  static constexpr std::chrono::milliseconds kTick{100};  // resolution of deadlines

  Http2Book() : start_(std::chrono::steady_clock::now()) {}
  ~Http2Book();

  // Queues one request that ends at `due_tick` at the latest.
  void add(const Http2Request& request, Http2Sink& sink, std::uint64_t due_tick);
  // The first tick at which `deadline` has passed; never below the next tick.
  [[nodiscard]] std::uint64_t due_tick(base::Deadline deadline) const;

  // Takes the oldest waiting request out of the queue; null when none waits.
  Http2Stream* take_waiting() noexcept;
  // Puts a taken request back to the head of the queue.
  void give_back(Http2Stream& stream) noexcept;

  // Ends a request: calls its sink and recycles the entry.
  void respond(Http2Stream& stream);
  void fail(Http2Stream& stream, SendFailure failure, std::string_view detail);
  // Fails those waiting now as NotSent; what sinks submit meanwhile stays.
  void fail_waiting(std::string_view detail);

  // Calls `on_due` for every request whose deadline has passed at `now`; it must end the request.
  template <class F>
  void expire(SteadyTime now, F on_due) {
    WheelLink due;
    collect_due(now, due);
    while (!due.empty()) on_due(Http2Stream::of(*due.next));
  }

  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_count_; }
  // Waiting and under way.
  [[nodiscard]] std::size_t size() const noexcept { return count_; }

 private:
  static constexpr std::size_t kSlots = 256;  // 25.6 s; later deadlines pass by several times

  void detach(Http2Stream& stream) noexcept;
  void release(Http2Stream& stream) noexcept;
  void collect_due(SteadyTime now, WheelLink& due) noexcept;

  const SteadyTime start_;
  std::uint64_t last_tick_ = 0;
  std::array<WheelLink, kSlots> wheel_;
  QueueLink waiting_;
  QueueLink free_;
  std::deque<Http2Stream> entries_;  // owns all entries, used and free
  std::size_t waiting_count_ = 0;
  std::size_t count_ = 0;
};

}  // namespace carillon::net
