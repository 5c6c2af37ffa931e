// Counters of several processes: each adds to rows of its own, and readers sum.
#pragma once

#include <atomic>
#include <cstdint>

#include "store/detail/counters.h"

namespace carillon::store::detail {

class PgCounters final : public Counters {
 public:
  // Whose rows: twice the node, and one more for the writer of everything besides claims and results; above
  // all of those, by the node, for the writer of what is critical. Before the first transaction that counts.
  void count_as(std::int64_t node) noexcept { node_.store(node); }
  Result<void> write(Db& db, const CounterDeltas& deltas) const override;
  Result<void> write_of_notifications(Db& db, const NotificationDeltas& deltas) const override;
  Result<void> write_stats(Db& db, const StatDeltas& deltas) const override;
  void apply(const CounterDeltas&) override {}

 private:
  std::atomic<std::int64_t> node_{-1};
};

// The sums.
Result<std::vector<CounterRow>> read_counters(Db& db);

}  // namespace carillon::store::detail
