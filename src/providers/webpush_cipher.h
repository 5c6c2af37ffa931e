// Encrypts push messages on threads of its own: 70 µs of curve arithmetic each would hold up the delivery
// thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "net/push_encryption.h"

namespace carillon::providers::webpush_detail {

// One message. Its owner leaves it alone between begin() and `done`.
struct CipherWork {
  net::PushKeys keys;
  std::string plain;
  std::string body;      // the result
  bool is_good = false;  // false: the keys are none
};

class CipherThreads;

// One user of the threads, which all users share. All calls on `executor`.
class PushCipher {
 public:
  using Done = std::function<void(std::span<CipherWork* const>)>;
  // Called on `executor`, with some that are ready; the cipher must not be destroyed before all are.
  PushCipher(boost::asio::any_io_executor executor, Done done);
  ~PushCipher();
  PushCipher(const PushCipher&) = delete;
  PushCipher& operator=(const PushCipher&) = delete;

  void begin(std::span<CipherWork* const> works);

 private:
  friend class CipherThreads;
  const boost::asio::any_io_executor executor_;
  const Done done_;
  std::shared_ptr<CipherThreads> threads_;
};

}  // namespace carillon::providers::webpush_detail
