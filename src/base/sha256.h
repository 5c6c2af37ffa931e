// SHA-256 of what comes in pieces; of what is there at once: sha256() of base/crypto.h.
#pragma once

#include <memory>
#include <string_view>

#include "base/crypto.h"

namespace carillon::base {

// One thread. Where OpenSSL itself fails it aborts by CARILLON_ASSERT, as all of base/crypto.h.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void add(std::string_view data);
  // The hash of all that was added (32 bytes), once.
  [[nodiscard]] Bytes finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace carillon::base
