// Expansion: stored requests that are due become deliveries, in resumable chunks.
//
// Serves scheduled sends, those with more than 256 endpoints and those to large groups. Each chunk is one
// transaction with its cursor, so a crash resumes and never repeats. Large ones take turns. Of a store that
// others have open, too, this process takes what nobody else has; the members of a large group are cut into
// ranges, which the processes take one after the other (decision 0023). While something critical is about it
// makes as many as leave that as quick as it was (decision 0030). Delivery thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log_repeats.h"
#include "base/pace.h"
#include "base/urgency.h"
#include "pipeline/pipeline.h"
#include "pipeline/route.h"

namespace carillon::pipeline {

class Expander {
 public:
  using Publish = std::function<void(const std::vector<store::Hint>&)>;
  // Deliveries of a project were stored as held, because nothing carries their channel.
  using NoRoute = std::function<void(std::int32_t project, model::Channel channel, std::int64_t n)>;
  struct Hooks {
    Publish publish;
    NoRoute no_route;
    std::function<Task<void>()> look_around;  // for what is critical in other processes; every 200 ms or so
  };
  // `range`: members of a part of a large send.
  Expander(const Pipeline::Deps& deps, const base::Urgency& urgency, std::int64_t range, Hooks hooks);

  // Expands what is due, oldest first, until nothing is left or `stop()` was called. Calls while one
  // runs return at once.
  Task<void> run();
  void stop() noexcept { is_stopping_ = true; }

 private:
  // One notification on its way, and how far it has come.
  struct Progress {
    std::shared_ptr<const model::Notification> notification;
    store::DueExpansion at;
    bool has_moved = false;
    [[nodiscard]] bool has_entries_left() const;  // of `to`, other than groups
  };
  // A page of the groups' members with what becomes of it.
  struct Page {
    Routed routed;
    std::string last;  // the last user of it
    bool is_last = false;
  };
  using RoutedOr = std::expected<Routed, Refusal>;

  Task<Result<std::vector<store::DueExpansion>>> find_work();
  [[nodiscard]] bool is_worth_cutting(const Progress& progress) const;
  Task<Result<void>> cut(Progress& progress);
  Task<Result<void>> expand(Progress& progress, std::size_t pages);
  // While something critical is about: until `rows` more may be made.
  Task<void> give_way(std::size_t rows);
  [[nodiscard]] bool is_paced() const noexcept { return deps_.store.is_shared() && urgency_.is_near(); }
  Task<Result<Page>> load_page(const Progress& progress, std::string after);
  Task<RoutedOr> route_stored(const model::Notification& notification, People people, bool only_members,
                              Time now);
  // Stores the rows in chunks that end where an entry ends, or a member; the last with `is_done`.
  Task<Result<void>> commit(Progress& progress, Routed routed, bool is_done, std::string last_user, Time now);

  const Pipeline::Deps& deps_;
  const base::Urgency& urgency_;
  const std::int64_t range_;
  const Hooks hooks_;
  base::Pace pace_{1'000, 300};  // by how long its own chunks take
  base::Urgency::Clock::time_point looked_at_{};
  base::Counter expanded_;
  base::LogRepeats failures_;
  bool is_running_ = false;
  bool is_stopping_ = false;
};

}  // namespace carillon::pipeline
