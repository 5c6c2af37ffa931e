// The recount: once a night, at a quiet hour, all deliveries are counted again and compared with the
// counters.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "pipeline/pipeline.h"

namespace carillon::pipeline {

inline constexpr std::string_view kKindRecount = "recount";  // one record per project: "recount"

// What the last one of a project came to.
struct Recounted {
  Time at{};
  std::int64_t difference = 0;  // by how much the counters were off, summed up; 0: not at all
};
// nullopt: there was none yet. Errors: Corruption · those of the store.
Task<Result<std::optional<Recounted>>> load_recount(store::Store& store, std::int32_t project);

// The first whole hour after `now` that is `hour` o'clock, UTC.
[[nodiscard]] Time next_recount(Time now, std::int64_t hour) noexcept;

// Delivery thread only.
class Recounter {
 public:
  // `hour`: of the day, UTC; negative: never.
  Recounter(const Pipeline::Deps& deps, std::int64_t hour)
      : deps_(deps), hour_(hour), due_(next_recount(deps.clock.now(), hour)) {}

  // Counts when it is time. Returns at once.
  void tick();
  // Of the projects whose counters were off at their last recount.
  [[nodiscard]] std::vector<std::pair<std::int32_t, std::int64_t>> differences() const;
  void stop() noexcept { is_stopping_ = true; }
  // Blocks the calling thread (not the delivery thread) until nothing is under way.
  void wait() { gate_.wait(base::Deadline::never()); }

 private:
  Task<void> load();
  Task<void> run();
  Task<Result<void>> count();

  const Pipeline::Deps& deps_;
  const std::int64_t hour_;
  Time due_;
  std::map<std::int32_t, Recounted> last_;
  bool is_busy_ = false, is_loaded_ = false, is_stopping_ = false;
  base::TaskGate gate_{"recount"};
};

}  // namespace carillon::pipeline
