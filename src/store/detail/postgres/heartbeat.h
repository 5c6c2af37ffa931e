// What a process says to the database again and again, and hears from it: that it is alive, whether it leads,
// what others changed (PIPELINE §1, "the lease belongs to the process").
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/shared_clock.h"
#include "store/detail/postgres/connection.h"
#include "store/sharing.h"
#include "store/store_types.h"

namespace carillon::store::detail {

// The server's clock, in ms since 1970: the same for all processes.
#define CARILLON_SERVER_NOW "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"

// What is wrong with a machine whose clock is `ahead_ms` ahead of the server's; empty: nothing.
[[nodiscard]] std::string clock_trouble(std::int64_t ahead_ms);

// On a thread and a connection of its own, so that nothing which takes long keeps it waiting.
class Heartbeat {
 public:
  struct Options {
    PgOptions connection;
    Millis lease{30'000};        // of the process: renewed six times in it
    Millis leader_lease{5'000};  // of who leads: renewed five times in it; that is how often this beats
    bool may_lead = true;
    // On the thread, at first and after each change of a webhook by any process.
    std::function<Result<void>(Db&)> webhooks_changed;
    base::SharedClock* clock = nullptr;  // follows the server's with each beat; may be null
  };
  explicit Heartbeat(Options options);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // From now on this registration is renewed.
  void hold(Owner owner);
  // False: half of the lease is over since the database last confirmed it, or somebody else has the node.
  [[nodiscard]] bool is_held() const noexcept;
  // How often others may have believed that this process is gone, because the lease was over.
  [[nodiscard]] std::uint64_t lapses() const noexcept { return lapses_.load(); }
  // For as long as a lease the database has answered in time, and its clock has gone as this machine's.
  [[nodiscard]] bool may_take_over() const noexcept;
  // Likewise of the leader's lease.
  [[nodiscard]] bool is_leader() const noexcept;
  // As of the latest beat.
  [[nodiscard]] Revision revision() const noexcept { return {records_.load(), schedules_.load()}; }
  [[nodiscard]] std::uint64_t news() const noexcept { return news_.load(); }
  // Why the database did not answer the latest beat; empty: it did.
  [[nodiscard]] std::string trouble() const;
  // Gives both leases back. Blocks.
  void release();

 private:
  void loop();
  [[nodiscard]] std::int64_t outage_min_ms() const noexcept;
  void beat(Owner owner, std::int64_t asked);
  void confirm(std::int64_t asked);
  void note_server_time(std::int64_t asked, std::int64_t answered, std::int64_t server_ms);
  Result<bool> renew(Owner owner, bool is_last);
  Result<bool> lead(Owner owner, bool is_last);
  Result<void> look();
  Result<bool> changed_one();

  const Options options_;
  std::unique_ptr<PgDb> db_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::string trouble_;
  std::optional<Owner> owner_;
  bool is_closing_ = false, is_failing_ = false, is_clock_wrong_ = false;
  std::int64_t renewed_ms_ = 0;  // of the clock since boot; likewise below
  std::int64_t server_offset_ms_ = 0;
  std::atomic<std::int64_t> confirmed_ms_{0}, led_ms_{INT64_MIN / 2};
  std::atomic<std::int64_t> answered_ms_{INT64_MIN / 2}, well_since_ms_{0};
  std::atomic<std::uint64_t> lapses_{0};
  std::atomic<std::uint64_t> records_{0}, schedules_{0}, news_{0};
  std::int64_t webhooks_ = -1;
  std::thread thread_;
};

}  // namespace carillon::store::detail
