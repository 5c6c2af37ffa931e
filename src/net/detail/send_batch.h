// What many connections have to say, handed to the kernel with one system call.
//
// A commit answers dozens of requests at once. A send() for each wakes its client each time, and on a busy
// machine the client then takes the processor from the server that still has the other answers to send:
// over half a change of context for each request. Sent together, they cost one
// (docs/internals/decisions/0009).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace carillon::net::detail {

// All calls on its executor, which one thread runs; construction and destruction anywhere.
class SendBatch {
 public:
  // How: through io_uring, where the kernel lets us, or always by a call for each.
  enum class Way : std::uint8_t { Ring, Calls };
  explicit SendBatch(boost::asio::any_io_executor executor, Way way = Way::Ring);
  ~SendBatch();
  SendBatch(const SendBatch&) = delete;
  SendBatch& operator=(const SendBatch&) = delete;

  // Sends of `bytes` what the kernel takes without waiting, as soon as what is ready to run now has run.
  // The answer is (error, bytes sent) as of socket.write_some(): would_block when the kernel took none,
  // bad_descriptor when the socket was closed meanwhile. `socket` is in non-blocking mode; it and `bytes`
  // must stay until the answer. Not cancellable; destroyed with the executor's context, it never answers.
  template <class Token>
  auto send(boost::asio::ip::tcp::socket& socket, std::string_view bytes, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto handler, boost::asio::ip::tcp::socket* to, std::string_view what) {
          add(Item{.socket = to, .bytes = what, .done = std::move(handler)});
        },
        token, &socket, bytes);
  }

 private:
  struct Item {
    boost::asio::ip::tcp::socket* socket;
    std::string_view bytes;
    std::move_only_function<void(boost::system::error_code, std::size_t)> done;
    int result = 0;  // bytes, or an errno below 0
  };
  using Items = std::vector<Item>;
  class Ring;

  void add(Item item);
  void flush(Items& items);
  void send_all(Items& items);
  [[nodiscard]] Ring* ring();

  boost::asio::any_io_executor executor_;
  std::weak_ptr<Items> open_;  // owned by the flush that is posted: it goes with the context, and so do they
  std::unique_ptr<Ring> ring_;
  bool may_use_ring_;
};

}  // namespace carillon::net::detail
