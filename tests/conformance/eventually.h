// Waiting for what a real server does in its own time, where nothing can tell of it.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>

#include "base/clock.h"
#include "base/task.h"

namespace carillon::conformance {

// Asks again and again; true as soon as it is so, false when `patience` is over.
template <class F>
bool eventually(F is_so, std::chrono::seconds patience = std::chrono::seconds(60)) {
  const auto ask = [](F* each, base::Deadline deadline) -> Task<bool> {
    while (!(*each)()) {
      if (deadline.passed()) co_return false;
      co_await base::sleep_for(std::chrono::milliseconds(5));
    }
    co_return true;
  };
  boost::asio::io_context context;
  auto task = ask(&is_so, base::Deadline::after(patience));
  auto answer = boost::asio::co_spawn(context, std::move(task), boost::asio::use_future);
  context.run();
  return answer.get();
}

}  // namespace carillon::conformance
