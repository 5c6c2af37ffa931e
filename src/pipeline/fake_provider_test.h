// A provider that sends nothing, for tests of who may ask it.
#pragma once

#include <span>

#include "providers/provider.h"

namespace carillon::pipeline {

// A provider with as many slots as the test says.
class FakeProvider final : public providers::Provider {
 public:
  explicit FakeProvider(std::size_t slots) : slots_(slots) {}
  void send(std::span<providers::Job* const>, providers::JobSink&, base::Deadline) override {}
  [[nodiscard]] std::size_t free_slots() const noexcept override { return slots_; }
  Task<providers::TestReport> test(base::Deadline) override { co_return providers::TestReport{}; }
  Task<void> close(base::Deadline) override { co_return; }
  std::size_t slots_;
};

}  // namespace carillon::pipeline
