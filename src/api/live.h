// What changes by itself, told as it changes: GET /v1/stream (server-sent events, WHATWG HTML §9.2).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/call.h"
#include "model/alert.h"
#include "net/http.h"

namespace carillon::api {

// What a project looks like at a moment, made once for all who watch it.
struct LiveView {
  std::string counters;              // JSON: {"queues":[…],"accountability":{…}}
  std::vector<model::Alert> alerts;  // the newest
  // Whatever it takes to see that one of the newest is new or not as it was; nothing to be shown.
  std::string approvals, jobs;
};

// How often a stream looks, and says something even if there is nothing.
struct LivePace {
  Millis look{1'000};
  Millis ping{15'000};
};

// Thread-safe.
class Live {
 public:
  // Outlives its streams, as does `store`.
  Live(store::Store& store, LivePace pace = {}) : store_(store), pace_(pace) {}

  // Not older than pace.look. Errors: of the store.
  Task<Result<std::shared_ptr<const LiveView>>> view(std::int32_t project, Time now);
  // A place for one more stream, given back when it goes; null: there are `limit` already, or they end.
  [[nodiscard]] std::shared_ptr<void> enter(std::int64_t limit);
  // Every stream ends within pace.look, and there are no new ones.
  void end() noexcept { is_ending_.store(true); }
  [[nodiscard]] bool is_ending() const noexcept { return is_ending_.load(); }
  [[nodiscard]] LivePace pace() const noexcept { return pace_; }

 private:
  struct Kept {
    SteadyTime at{};
    std::uint64_t news = 0;  // Sharing::news() before it was made
    std::shared_ptr<const LiveView> view;
  };
  // What changes with that number.
  Task<Result<void>> look_at_news(std::int32_t project, LiveView& view);
  store::Store& store_;
  const LivePace pace_;
  std::atomic<bool> is_ending_{false};
  std::atomic<std::int64_t> count_{0};
  std::mutex mutex_;  // guards kept_
  std::map<std::int32_t, Kept> kept_;
};

// {"queues":[…],"accountability":{…}} of a project (numbers.cpp). Errors: of the store.
Task<Result<std::string>> live_counters(store::Store& store, std::int32_t project, Time now);

}  // namespace carillon::api
