// What is worth an alert: pure functions from what was observed to the alerts that open, repeat and resolve.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/alert.h"
#include "pipeline/alert_options.h"
#include "pipeline/alert_tally.h"
#include "pipeline/directory.h"
#include "store/alerts.h"
#include "store/store.h"

namespace carillon::pipeline {

// One thing that is wrong at a look.
struct AlertSign {
  model::AlertKey key;
  std::string detail;
  std::int64_t times = 0;  // how often it happened since the last look; 0: it goes on
  bool is_faint = false;   // keeps an alert open, but opens none
};

// What a look sees.
struct Observed {
  Time now{};
  std::shared_ptr<const Snapshot> snapshot;
  std::vector<store::CounterRow> counters;
  std::vector<store::LaneDepth> lanes;
  std::vector<std::pair<std::int32_t, std::int64_t>> recounted;  // projects, and by how much counters are off
  store::Health health;
  std::vector<store::LetterTally> letters;
  std::vector<AlertTally::NoRoute> no_route;
  std::vector<AlertTally::Failures> failures;
  std::vector<store::StoredWebhook> switched_off;  // webhooks
};

// Remembers which alerts are open, and turns signs into changes. One thread.
class AlertBook {
 public:
  explicit AlertBook(const AlertOptions& options) : options_(options) {}
  // In the place of all it knows: what the Store has open.
  void load(const std::vector<model::Alert>& open);
  // What changes by this look. The caller stores it and then calls done(); when it could not, the next look
  // gives it again. To whom an opening is told is the caller's to fill in.
  [[nodiscard]] std::vector<store::AlertChange> look(const Observed& seen);
  void done(const std::vector<store::AlertChange>& changes, Time now);
  [[nodiscard]] std::size_t open_count() const noexcept;

 private:
  struct Entry {
    bool is_open = false;
    bool is_going_on = false;  // seen by this look, and not faintly
    int seen = 0, missed = 0;  // looks in a row
    std::int64_t times = 0;    // not stored yet
    std::string detail;
    Time last_at{};                // when it last happened, as stored
    std::uint64_t generation = 0;  // no_route: of the configuration it was last met under
    int looks_since = 0;           // no_route: looks under a later configuration
  };
  [[nodiscard]] std::vector<AlertSign> signs(const Observed& seen);
  void add_paused(const Observed& seen, std::vector<AlertSign>& out) const;
  void add_lanes(const Observed& seen, std::vector<AlertSign>& out) const;
  void add_counters(const Observed& seen, std::vector<AlertSign>& out) const;
  void add_letters(const Observed& seen, std::vector<AlertSign>& out) const;
  void add_no_route(const Observed& seen, std::vector<AlertSign>& out);
  void add_failures(const Observed& seen, std::vector<AlertSign>& out) const;
  void add_webhooks(const Observed& seen, std::vector<AlertSign>& out) const;
  void add_disk(const Observed& seen, std::vector<AlertSign>& out) const;
  void note(AlertSign sign);

  const AlertOptions options_;
  std::map<model::AlertKey, Entry> entries_;
};

}  // namespace carillon::pipeline
