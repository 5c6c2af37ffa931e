// The Store on PostgreSQL: any number of processes on one database (decision 0017).
//
// Two writers: one commits sends, claims and results in groups, READ COMMITTED, naming the rows at which it
// may meet others; the other everything else, SERIALIZABLE, again when others were in between. Nothing is
// cached that another process may change, except what has a number that never changes (words).
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "store/detail/folder_lock.h"
#include "store/detail/postgres/connection.h"
#include "store/detail/postgres/counters.h"
#include "store/detail/sql_store.h"
#include "store/postgres.h"

namespace carillon::store::detail {

// Says to the database, on a connection of its own, that this process is alive.
class Lease {
 public:
  Lease(PgOptions connection, Millis length);
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  // From now on this registration is renewed, three times in the time it takes to run out.
  void hold(Owner owner);
  // False: half of it is over since the database last confirmed it, or somebody else has it.
  [[nodiscard]] bool is_held() const noexcept;
  // Gives it back. Blocks.
  void release();

 private:
  void loop();
  Result<bool> renew(Owner owner, bool is_last);
  const PgOptions options_;
  const Millis length_;
  std::unique_ptr<PgDb> db_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<Owner> owner_;
  bool is_closing_ = false;
  std::atomic<std::int64_t> confirmed_ms_{0};  // of the clock since boot
  std::thread thread_;
};

class PostgresStore final : public SqlStore {
 public:
  static Result<std::unique_ptr<Store>> open(PostgresOptions options);
  ~PostgresStore() override;

  Task<Result<Registration>> register_process(std::string instance, Time now) override;
  Health health() const override;
  Task<Result<std::vector<Result<AcceptResult>>>> accept(std::vector<AcceptItem> items, Time now) override;
  Task<Result<std::vector<model::Delivery>>> claim(std::vector<ClaimRequest> requests, Owner owner,
                                                   Time now) override;
  using Store::record;
  Task<Result<std::vector<bool>>> record(RecordItems items, Owner owner, Time now) override;
  Task<Result<std::vector<OwnedDelivery>>> owned_before(Owner owner, std::int64_t after,
                                                        std::size_t limit) override;
  Task<Result<std::vector<std::shared_ptr<const model::Profile>>>> profiles(
      std::vector<UserKey> keys) override;
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
  Result<void> insert_suppression(Txn& txn, const Suppression& suppression) override;
  Task<Result<bool>> before_house(Time now) override;
  Result<House> keep_house(Txn& txn, Time now) override;
  Result<void> drop_history(Txn& txn, std::int64_t below) override;
  Result<void> sandbox_changed(Txn& txn, std::int64_t added) override;

  Result<void> start(bool is_new);
  [[nodiscard]] PgOptions connection(Isolation isolation, std::string_view what) const;
  std::unique_ptr<Writer> make_writer(std::unique_ptr<PgDb> db, PgCounters& counters);

  PostgresOptions options_;
  FolderLock lock_;
  PgCounters other_counters_;
  std::unique_ptr<Lease> lease_;
  std::unique_ptr<Writer> own_others_;
  bool is_new_ = false;
  std::atomic<bool> is_recounting_{false};
  std::int64_t partitions_day_ = -1;            // made for it. Writer thread of the others
  std::int64_t sandbox_added_ = INT64_MAX / 2;  // since the last look; at first: look. Likewise
  std::atomic<bool> is_failing_{false};
  mutable std::mutex why_mutex_;
  std::string why_;
};

}  // namespace carillon::store::detail
