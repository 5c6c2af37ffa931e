// Expansion: stored requests that are due become deliveries, in resumable chunks.
//
// Serves scheduled sends, those with more than 256 endpoints and those to large groups. Each chunk is one
// transaction with its cursor, so a crash resumes and never repeats. Large ones take turns. Delivery thread
// only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/urgency.h"
#include "pipeline/pipeline.h"
#include "pipeline/route.h"

namespace carillon::pipeline {

class Expander {
 public:
  using Publish = std::function<void(const std::vector<store::Hint>&)>;
  // Deliveries of a project were stored as held, because nothing carries their channel.
  using NoRoute = std::function<void(std::int32_t project, model::Channel channel, std::int64_t n)>;
  Expander(const Pipeline::Deps& deps, const base::Urgency& urgency, Publish publish, NoRoute no_route)
      : deps_(deps), urgency_(urgency), publish_(std::move(publish)), no_route_(std::move(no_route)) {}

  // Expands what is due, oldest first, until nothing is left or `stop()` was called. Calls while one
  // runs return at once.
  Task<void> run();
  void stop() noexcept { is_stopping_ = true; }

 private:
  // One notification on its way, and how far it has come.
  struct Progress {
    std::shared_ptr<const model::Notification> notification;
    store::DueExpansion at;
    [[nodiscard]] bool has_entries_left() const;  // of `to`, other than groups
  };
  // A page of the groups' members with what becomes of it.
  struct Page {
    Routed routed;
    std::string last;  // the last user of it
    bool is_last = false;
  };
  using RoutedOr = std::expected<Routed, Refusal>;

  Task<Result<void>> expand(Progress& progress, std::size_t pages);
  Task<Result<Page>> load_page(const Progress& progress, std::string after);
  Task<RoutedOr> route_stored(const model::Notification& notification, People people, bool only_members,
                              Time now);
  // Stores the rows in chunks that end where an entry ends, or a member; the last with `is_done`.
  Task<Result<void>> commit(Progress& progress, Routed routed, bool is_done, std::string last_user, Time now);

  const Pipeline::Deps& deps_;
  const base::Urgency& urgency_;
  Publish publish_;
  NoRoute no_route_;
  bool is_running_ = false;
  bool is_stopping_ = false;
};

}  // namespace carillon::pipeline
