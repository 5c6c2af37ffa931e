// The Store on SQLite: one writer thread, inline and pooled readers, exact caches.
//
// Two files, one writer (decision 0005): people.db holds profile, endpoint_owner, device_owner,
// preference_log, groups and jobs, carillon.db everything else; the writer's connection sees both.
// What is here is SQLite's own way; the rest is in sql_store.h.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "store/detail/backup.h"
#include "store/detail/claim_log.h"
#include "store/detail/dedup.h"
#include "store/detail/folder_lock.h"
#include "store/detail/fresh_rows.h"
#include "store/detail/history.h"
#include "store/detail/sql_store.h"
#include "store/detail/suppression_filter.h"
#include "store/sqlite.h"

namespace carillon::store::detail {

class SqliteStore final : public SqlStore {
 public:
  static Result<std::unique_ptr<Store>> open(SqliteOptions options);
  ~SqliteStore() override;

  Task<Result<Registration>> register_process(std::string instance, Time now) override;
  Health health() const override;
  Task<Result<std::vector<Result<AcceptResult>>>> accept(std::vector<AcceptItem> items, Time now) override;
  Task<Result<std::vector<model::Delivery>>> claim(std::vector<ClaimRequest> requests, Owner owner,
                                                   Time now) override;
  using Store::record;
  Task<Result<std::vector<bool>>> record(RecordItems items, Owner owner, Time now) override;
  Task<Result<std::vector<OwnedDelivery>>> owned_before(Owner owner, std::int64_t after,
                                                        std::size_t limit) override;
  Task<Result<Profiles>> profiles(std::vector<UserKey> keys) override;
  [[nodiscard]] std::uint64_t profile_stamp(std::int32_t project,
                                            std::string_view user_id) const noexcept override;
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
  friend class AcceptJob;
  friend class ClaimJob;
  friend class RecordJob;
  explicit SqliteStore(SqliteOptions options);

  [[nodiscard]] bool accepts_writes() const override;  // disk has room; refreshed every second
  Result<void> insert_deliveries(Txn& txn, std::span<const model::Delivery> deliveries, const Origin& origin,
                                 Time now, std::optional<Owner> owner) override;
  Result<bool> insert_suppression(Txn& txn, const Suppression& suppression) override;
  Result<bool> is_lost(Db& db, Owner owner) override;
  Task<Result<bool>> before_house(Time now) override;
  Result<House> keep_house(Txn& txn, Time now) override;
  Result<void> drop_history(Txn& txn, std::int64_t below) override;
  Result<void> sandbox_changed(Txn& txn, std::int64_t added) override;
  Result<std::optional<std::int64_t>> oldest_processing(Db& db, std::int32_t project) override;

  // ---- process.cpp
  Result<void> open_database();
  bool free_ballast();

  SqliteOptions options_;
  std::string path_, people_path_;
  FolderLock lock_;
  bool is_new_ = false;
  ClaimLog claims_;  // writer thread
  FreshRows fresh_;  // writer thread
  std::unique_ptr<Dedup> dedup_;
  std::unique_ptr<History> history_;
  SuppressionFilter suppression_filter_;
  std::unique_ptr<Readers> own_people_readers_;  // of people.db
  std::unique_ptr<Backup> backup_;               // under way. Writer thread
  std::int64_t sandbox_rows_ = -1;               // -1: not counted yet. Writer thread.
  // Disk state: written by the writer thread and by whoever refreshes it.
  mutable std::atomic<std::int64_t> disk_checked_ms_{0};
  mutable std::atomic<bool> has_room_{true};
  std::atomic<bool> is_failing_{false};
  mutable std::mutex why_mutex_;
  std::string why_;
};

}  // namespace carillon::store::detail
