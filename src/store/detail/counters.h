// Counter rows and hourly roll-ups: deltas gathered per transaction, one UPSERT per changed row.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/channel.h"
#include "model/notification.h"
#include "model/receipt.h"
#include "model/status.h"
#include "store/store_types.h"
#include "store/store_views.h"

namespace carillon::store::detail {

class Db;

// project << 32 | lane << 16 | sandbox << 8 | status + 1 (0: accepted).
using CounterKey = std::uint64_t;
[[nodiscard]] constexpr CounterKey counter_key(std::int32_t project, model::Lane lane, bool is_sandbox,
                                               std::optional<model::DeliveryStatus> status) noexcept {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(project)) << 32 |
         static_cast<std::uint64_t>(lane.index()) << 16 | static_cast<std::uint64_t>(is_sandbox) << 8 |
         (status ? static_cast<std::uint64_t>(*status) + 1 : 0);
}

// What the roll-ups count: a status that was reached, or something that was reported. Stored.
inline constexpr std::uint8_t kStatReceipts = 100;
[[nodiscard]] constexpr std::uint8_t stat_event(model::DeliveryStatus status) noexcept {
  return static_cast<std::uint8_t>(status);
}
[[nodiscard]] constexpr std::uint8_t stat_event(model::ReceiptKind kind) noexcept {
  return static_cast<std::uint8_t>(kStatReceipts + static_cast<std::uint8_t>(kind));
}

struct StatKey {
  std::int64_t hour = 0, app = 0;  // hours since 1970
  std::int32_t project = 0;
  std::uint32_t category = 0, template_key = 0, integration = 0;  // words
  model::Channel channel = model::Channel::Push;
  std::uint8_t event = 0;  // stat_event()
  friend bool operator==(const StatKey&, const StatKey&) = default;
  friend std::size_t hash_value(const StatKey& k) noexcept;
};

using CounterDeltas = boost::unordered_flat_map<CounterKey, std::int64_t>;
// Notification and status; only of notifications that are expanded in chunks.
using NotificationDeltas =
    boost::unordered_flat_map<std::pair<std::int64_t, model::DeliveryStatus>, std::int64_t>;
using StatDeltas = boost::unordered_flat_map<StatKey, std::int64_t>;

// The counters as committed. Writer thread changes them, anybody reads.
class Counters {
 public:
  Counters() = default;
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;
  virtual ~Counters() = default;
  // Reads the table. Errors: of the store.
  Result<void> load(Db& db);
  // Writes absolute values of the changed rows; they count as committed only after apply().
  virtual Result<void> write(Db& db, const CounterDeltas& deltas) const;
  virtual Result<void> write_of_notifications(Db& db, const NotificationDeltas& deltas) const;
  virtual Result<void> write_stats(Db& db, const StatDeltas& deltas) const;
  virtual void apply(const CounterDeltas& deltas);
  [[nodiscard]] std::vector<CounterRow> rows() const;

  // ---- the recount: rows are counted piece by piece between transactions, and what transactions change of
  // those counted already is added. Writer thread.
  [[nodiscard]] bool is_recounted(std::int64_t delivery) const noexcept { return delivery <= recounted_to_; }
  void apply_recounted(const CounterDeltas& deltas);  // of deliveries that are
  // False: one is under way.
  [[nodiscard]] bool begin_recount() noexcept;
  // Counts the next `rows`; true: there are no more. Errors: of the store, and the recount has ended.
  Result<bool> recount_piece(Db& db, std::int64_t rows);
  // How much there is of each more than the counters say, or less (negative); those that agree are left out.
  [[nodiscard]] std::vector<CounterRow> end_recount();

 private:
  mutable std::mutex mutex_;
  CounterDeltas totals_;
  CounterDeltas recounted_;
  std::int64_t recounted_to_ = 0;  // the last delivery that was counted; 0: none, ids are above
  bool is_recounting_ = false;
};

CounterRow counter_row(CounterKey key, std::int64_t n);
// How many deliveries are where, by lane index, as counters say it; all lanes.
[[nodiscard]] std::vector<LaneDepth> depths_of(const std::vector<CounterRow>& rows);
[[nodiscard]] inline bool is_idle(const LaneDepth& d) noexcept {
  return d.ready + d.retrying + d.held + d.in_flight + d.dead == 0;
}

}  // namespace carillon::store::detail
