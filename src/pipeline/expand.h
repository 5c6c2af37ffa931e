// Expansion: stored requests that are due become deliveries, in resumable chunks.
//
// Serves scheduled sends and those with more than 256 endpoints. Each chunk is one transaction with its
// cursor, so a crash resumes and never repeats. Delivery thread only.
#pragma once

#include <functional>
#include <vector>

#include "pipeline/pipeline.h"
#include "pipeline/route.h"

namespace carillon::pipeline {

class Expander {
 public:
  using Publish = std::function<void(const std::vector<store::Hint>&)>;
  Expander(const Pipeline::Deps& deps, Publish publish) : deps_(deps), publish_(std::move(publish)) {}

  // Expands what is due, oldest first, until nothing is left or `stop()` was called. Calls while one
  // runs return at once.
  Task<void> run();
  void stop() noexcept { is_stopping_ = true; }

 private:
  Task<Result<void>> expand(std::shared_ptr<const model::Notification> notification, std::int64_t cursor);
  Task<std::expected<Routed, Refusal>> route_stored(const model::Notification& notification, Time now);
  Task<Result<void>> commit_chunks(const model::Notification& notification, Routed routed,
                                   std::int64_t cursor, Time now);

  const Pipeline::Deps& deps_;
  Publish publish_;
  bool is_running_ = false;
  bool is_stopping_ = false;
};

}  // namespace carillon::pipeline
