// Background work of a provider: how many calls run, and how to wait for their end.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <string>
#include <utility>

#include "base/task.h"
#include "providers/provider.h"

namespace carillon::providers {

// Waits until `gate` is empty; closes it. Runs on the executor of the gate's tasks, so it looks every
// 2 ms instead of blocking. The tasks have to end by themselves.
Task<void> drain(base::TaskGate& gate);

// How many messages may be at the provider at once: what the settings say, else `otherwise`.
[[nodiscard]] inline std::size_t slots_of(const CommonOptions& common, std::size_t otherwise) noexcept {
  return common.max_in_flight > 0 ? static_cast<std::size_t>(common.max_in_flight) : otherwise;
}

// Counts calls that are one coroutine each. All on one executor; destroyed after close() only.
class Calls {
 public:
  Calls(boost::asio::any_io_executor executor, std::string owner, std::size_t max)
      : executor_(std::move(executor)), gate_(std::move(owner)), max_(max) {}

  // Runs `task` (callable → Task<void>). False: closed, nothing runs.
  template <class F>
  [[nodiscard]] bool begin(F task) {
    return gate_.spawn(executor_, "call", std::move(task));
  }
  [[nodiscard]] std::size_t free() const noexcept {
    const std::size_t used = gate_.count();
    return used < max_ ? max_ - used : 0;
  }
  Task<void> close() { return drain(gate_); }

 private:
  const boost::asio::any_io_executor executor_;
  base::TaskGate gate_;
  const std::size_t max_;
};

}  // namespace carillon::providers
