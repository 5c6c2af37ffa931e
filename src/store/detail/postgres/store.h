// The Store on PostgreSQL: any number of processes on one database (decision 0019).
//
// Three writers: one commits sends, claims and results in groups, READ COMMITTED, naming the rows at which it
// may meet others; one those of them that are critical, which so wait for nobody else's (decision 0030); the
// third everything else, SERIALIZABLE, again when others were in between. Nothing is cached that another
// process may change, except what has a number that never changes (words).
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/task.h"
#include "store/detail/folder_lock.h"
#include "store/detail/postgres/connection.h"
#include "store/detail/postgres/counters.h"
#include "store/detail/postgres/days.h"
#include "store/detail/postgres/heartbeat.h"
#include "store/detail/sql_store.h"
#include "store/postgres.h"

namespace carillon::store::detail {

class PostgresStore final : public SqlStore {
 public:
  static Result<std::unique_ptr<Store>> open(PostgresOptions options);
  ~PostgresStore() override;

  Task<Result<Registration>> register_process(std::string instance, Time now) override;
  Health health() const override;
  [[nodiscard]] bool is_shared() const noexcept override { return true; }
  [[nodiscard]] bool is_leader() const noexcept override { return heartbeat_->is_leader(); }
  [[nodiscard]] bool holds_lease() const noexcept override { return heartbeat_->is_held(); }
  [[nodiscard]] std::uint64_t lapses() const noexcept override { return heartbeat_->lapses(); }
  [[nodiscard]] bool may_take_over() const noexcept override { return heartbeat_->may_take_over(); }
  [[nodiscard]] Revision revision() const noexcept override { return heartbeat_->revision(); }
  [[nodiscard]] std::uint64_t news() const noexcept override { return SqlStore::news() + heartbeat_->news(); }
  Task<Result<std::vector<OwnedDelivery>>> owned_by_lost(std::int64_t after, std::size_t limit) override;
  Task<Result<std::vector<Result<AcceptResult>>>> accept(std::vector<AcceptItem> items, Time now) override;
  Task<Result<std::vector<model::Delivery>>> claim(std::vector<ClaimRequest> requests, Owner owner,
                                                   Time now) override;
  using Store::record;
  Task<Result<std::vector<bool>>> record(RecordItems items, Owner owner, Time now) override;
  Task<Result<std::vector<OwnedDelivery>>> owned_before(Owner owner, std::int64_t after,
                                                        std::size_t limit) override;
  Task<Result<Profiles>> profiles(std::vector<UserKey> keys) override;
  [[nodiscard]] std::uint64_t profile_stamp(std::int32_t, std::string_view) const noexcept override {
    return 0;
  }
  Task<Result<std::vector<std::optional<Suppression>>>> suppressed(std::int32_t project,
                                                                   std::vector<AddressKey> keys) override;
  Task<Result<std::vector<std::shared_ptr<const model::Notification>>>> notifications(
      std::vector<std::int64_t> ids) override;
  Task<Result<std::vector<CounterRow>>> counters() override;
  Task<Result<std::vector<LaneDepth>>> lane_depths(Time now) override;
  Task<Result<std::vector<CounterRow>>> recount() override;
  Task<Result<bool>> housekeeping(const Retention& retention, Time now) override;
  Task<Result<Time>> copy_to(std::string folder, const base::Clock& clock,
                             std::shared_ptr<CopyProgress> progress) override;
  void close() override;

 private:
  friend class PgAcceptJob;
  friend class PgClaimJob;
  friend class PgRecordJob;
  PostgresStore(PostgresOptions options, std::unique_ptr<PgDb> for_words);

  [[nodiscard]] bool accepts_writes() const override { return true; }
  Result<void> insert_deliveries(Txn& txn, std::span<const model::Delivery> deliveries, const Origin& origin,
                                 Time now, std::optional<Owner> owner) override;
  Result<bool> insert_suppression(Txn& txn, const Suppression& suppression) override;
  Result<bool> is_lost(Db& db, Owner owner) override;
  Task<Result<bool>> before_house(Time now) override;
  Result<House> keep_house(Txn& txn, Time now) override;
  Result<void> drop_history(Txn& txn, std::int64_t below) override;
  Result<void> sandbox_changed(Txn& txn, std::int64_t added) override;
  Result<std::optional<std::int64_t>> oldest_processing(Db& db, std::int32_t project) override;

  Result<void> start(bool is_new);
  Result<void> set_clock(Db& db);
  // ---- days.cpp. `before`: the first day that is not past its retention
  Task<Result<bool>> drop_days(std::int64_t before, Time now);
  Task<Result<bool>> can_go(DayOf what, Day day);
  using MoveDay = Result<bool> (*)(PgDb&, DayOf, const Day&);  // take_off, put_back
  Task<Result<bool>> move_day(DayOf what, Day day, MoveDay move);
  // False: something in it was open, and it is put back.
  Task<Result<bool>> clear_day(DayOf what, Day day);
  Task<Result<void>> number_events(std::int64_t node);
  enum class Fate : std::uint8_t { Open, Committed, Undone };
  // Errors: as of any read · InvalidArgument: this server has not begun such a transaction.
  Task<Result<Fate>> fate_of(std::int64_t transaction);
  // After a commit of which nobody knows whether it was carried out: if it was, these rows belong to this
  // process, which does not know them. Goes on in the background until it is known, or the store closed: then
  // the next run of this process finds them, which were never begun.
  Task<void> give_back(std::vector<model::Delivery> rows, Owner owner, Time now, std::int64_t transaction);
  [[nodiscard]] PgOptions connection(Isolation isolation, std::string_view what) const;
  [[nodiscard]] Writer& writer_of(bool is_critical) noexcept { return is_critical ? *critical_ : *writer_; }
  std::unique_ptr<Writer> make_writer(std::unique_ptr<PgDb> db, PgCounters& counters, WebhookOutbox& outbox);

  // How far the scan of a lane has come, by due time in ms (0: to its end), and when the next begins at the
  // beginning, in ms since the machine started.
  struct Scan {
    std::atomic<std::int64_t> to{0}, all_again_at{0};
  };
  std::array<Scan, model::kLaneCount> scans_{};
  // Due time of the oldest of each lane as last seen, in ms (0: none), and when all are looked for again.
  std::array<std::atomic<std::int64_t>, model::kLaneCount> oldest_{};
  std::atomic<std::int64_t> oldest_again_at_{0};

  PostgresOptions options_;
  FolderLock lock_;
  PgCounters other_counters_, critical_counters_;
  WebhookOutbox other_outbox_{subscribers_}, critical_outbox_{subscribers_, outbox_};
  std::unique_ptr<Heartbeat> heartbeat_;
  std::unique_ptr<Writer> critical_, own_others_;
  bool is_new_ = false;
  std::atomic<bool> is_recounting_{false};
  // ---- housekeeping's
  Time days_again_at_{};                          // before that no day is taken off
  std::map<std::string, std::int64_t> day_ends_;  // of days of notifications that wait: end_of_deliveries()
  std::set<std::string> kept_days_;               // by clear_day(), until the next start
  std::int64_t partitions_day_ = -1;              // made for it. Writer thread of the others
  std::int64_t sandbox_added_ = INT64_MAX / 2;    // since the last look; at first: look. Likewise
  std::atomic<bool> is_failing_{false}, is_closing_{false};
  mutable std::mutex why_mutex_;
  std::string why_;
  base::TaskGate gate_{"postgres"};
};

}  // namespace carillon::store::detail
