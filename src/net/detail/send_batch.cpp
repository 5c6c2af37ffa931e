#include "net/detail/send_batch.h"

#include <liburing.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <span>

#include "base/log.h"

namespace carillon::net::detail {
namespace {

constexpr unsigned kRingEntries = 128;
constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
constexpr int kNotSent = INT_MIN;  // no answer yet

int send_one(int socket, std::string_view bytes) noexcept {
  for (;;) {
    const ssize_t count = ::send(socket, bytes.data(), bytes.size(), kFlags);
    if (count >= 0) return static_cast<int>(count);
    if (errno != EINTR) return -errno;
  }
}

}  // namespace

// io_uring, used for one thing: many non-blocking sends in one call. Each of them ends within that call
// (MSG_DONTWAIT, io_uring_enter(2)), so nothing is ever under way between two calls.
class SendBatch::Ring {
 public:
  // nullptr: this kernel, or what confines the process, does not let us.
  static std::unique_ptr<Ring> open() {
    std::unique_ptr<Ring> ring(new Ring);
    // Linux 6.0 knows these flags; an older one is asked without.
    for (const unsigned flags : {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN, 0U}) {
      const int error = io_uring_queue_init(kRingEntries, &ring->ring_, flags);
      ring->is_open_ = error == 0;
      if (ring->is_open_) {
        io_uring_register_ring_fd(&ring->ring_);  // a little cheaper; does without on failure
        return ring;
      }
      if (error != -EINVAL) {
        base::log_debug("http: no io_uring ({}); answers are sent one by one", -error);
        break;
      }
    }
    return nullptr;
  }
  ~Ring() {
    if (is_open_) io_uring_queue_exit(&ring_);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // False: the ring is of no use any more; items without an answer have not been sent.
  bool send(std::span<Item> items) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      io_uring_sqe* entry = io_uring_get_sqe(&ring_);
      const Item& item = items[i];
      io_uring_prep_send(entry, item.socket->native_handle(), item.bytes.data(), item.bytes.size(), kFlags);
      io_uring_sqe_set_data64(entry, i);
    }
    for (auto left = static_cast<unsigned>(items.size()); left > 0;) {
      const int submitted = io_uring_submit_and_wait(&ring_, left);
      const unsigned answered = collect(items);
      left -= answered;
      if (submitted < 0 && submitted != -EINTR && answered == 0) return false;
    }
    return true;
  }

 private:
  Ring() = default;
  unsigned collect(std::span<Item> items) noexcept {
    unsigned head = 0, count = 0;
    io_uring_cqe* answer = nullptr;
    io_uring_for_each_cqe(&ring_, head, answer) {
      items[static_cast<std::size_t>(io_uring_cqe_get_data64(answer))].result = answer->res;
      ++count;
    }
    io_uring_cq_advance(&ring_, count);
    return count;
  }

  io_uring ring_{};
  bool is_open_ = false;
};

SendBatch::SendBatch(boost::asio::any_io_executor executor, Way way)
    : executor_(std::move(executor)), may_use_ring_(way == Way::Ring) {}

SendBatch::~SendBatch() = default;

void SendBatch::add(Item item) {
  std::shared_ptr<Items> items = open_.lock();
  if (!items) {
    items = std::make_shared<Items>();
    open_ = items;
    boost::asio::post(executor_, [this, items] { flush(*items); });
  }
  items->push_back(std::move(item));
}

void SendBatch::flush(Items& items) {
  open_.reset();  // those who are answered may have more to say
  send_all(items);
  for (Item& item : items) {
    boost::system::error_code error;
    if (item.result < 0) error.assign(-item.result, boost::system::system_category());
    std::move(item.done)(error, static_cast<std::size_t>(std::max(item.result, 0)));
  }
}

void SendBatch::send_all(Items& items) {
  for (Item& item : items) item.result = item.socket->is_open() ? kNotSent : -EBADF;
  const auto closed = std::ranges::partition(items, [](const Item& i) { return i.result == kNotSent; });
  std::span<Item> left(items.data(), items.size() - closed.size());
  while (left.size() > 1 && ring() != nullptr) {
    const std::span<Item> some = left.first(std::min<std::size_t>(left.size(), kRingEntries));
    if (!ring_->send(some)) {
      ring_.reset();
      may_use_ring_ = false;
      break;
    }
    left = left.subspan(some.size());
  }
  for (Item& item : left) {
    if (item.result == kNotSent) item.result = send_one(item.socket->native_handle(), item.bytes);
  }
}

SendBatch::Ring* SendBatch::ring() {
  if (!ring_ && may_use_ring_) {
    ring_ = Ring::open();
    may_use_ring_ = ring_ != nullptr;
  }
  return ring_.get();
}

}  // namespace carillon::net::detail
