// Watches for what is worth an alert: gathers what was observed, lets the rules judge it, stores what changes
// and has people told. Looks once a tick of the pipeline and costs a delivery nothing unless it fails.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "pipeline/alert_notices.h"
#include "pipeline/alert_rules.h"
#include "pipeline/alert_tally.h"
#include "pipeline/pipeline.h"

namespace carillon::pipeline {

// Delivery thread only, but for what says otherwise.
class Alerts {
 public:
  // `lanes`: the queues as they were at the last tick.
  using Lanes = std::function<std::vector<store::LaneDepth>()>;
  // `differences`: projects whose counters were off at the last recount, and by how much.
  using Differences = std::function<std::vector<std::pair<std::int32_t, std::int64_t>>()>;
  Alerts(const Pipeline::Deps& deps, const AlertOptions& options, AlertNotifier::Send send, Lanes lanes,
         Differences differences);

  // ---- what is met on the way; any thread
  // A result other than a first success was recorded.
  void recorded(const store::RecordItem& item);
  // Sends were accepted.
  void accepted(std::int32_t project, const std::vector<SendResult>& results);
  // Deliveries were stored as held for want of a route.
  void no_route(std::int32_t project, model::Channel channel, std::int64_t n) {
    tally_.no_route(project, channel, n);
  }

  // Looks, unless a look is under way. Returns at once.
  void tick();
  // See Pipeline::test_alerts(). Any executor.
  Task<Result<AlertTest>> test(std::int32_t project);
  // Begins nothing more and cuts off the webhook that is being called.
  Task<void> close();
  // Blocks the calling thread (not the delivery thread) until nothing is under way.
  void wait();

 private:
  Task<void> run();
  Task<Result<void>> look();
  // To the process that looks, and what that takes in from the others.
  Task<Result<void>> report();
  Task<Result<void>> take_reports();
  void count(const std::vector<store::AlertReport>& reports);
  Task<Result<Observed>> observe();
  // To whom an opening is told: as the project's settings say now.
  void address(std::vector<store::AlertChange>& changes, const Snapshot& snapshot) const;

  const Pipeline::Deps& deps_;
  const Lanes lanes_;
  const Differences differences_;
  AlertTally tally_;
  AlertBook book_;
  AlertNotifier notifier_;
  // The book has taken in new letters that the Store has not been told of, up to this one.
  bool has_letters_ = false;
  std::optional<std::int64_t> letters_seen_;
  std::vector<store::StoredWebhook> switched_off_;  // as of that generation of webhooks
  std::uint64_t webhooks_generation_ = 0;
  bool is_loaded_ = false, is_running_ = false, is_stopping_ = false;
  bool is_failing_ = false;  // the last look could not be stored
  base::Counter looks_;
  std::atomic<std::size_t> open_count_{0};
  base::TaskGate gate_{"alerts"};
};

}  // namespace carillon::pipeline
