// The Store on SQLite: one writer thread, inline and pooled readers, exact caches.
//
// Two files, one writer (decision 0005): people.db holds profile, endpoint_owner, device_owner and
// preference_log, carillon.db everything else; the writer's connection sees both.
//
// Where to put a method: read a handful by key → `readers_->inline_read` (people: `people_readers_`); what
// scans → `co_await read(…)` (`read_people`); what writes → `co_await write(…)`, whose answer may be an error
// (Conflict, NotFound): only that call is rolled back. Changes of caches go into `txn.after_commit`.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "store/detail/backup.h"
#include "store/detail/claim_log.h"
#include "store/detail/counters.h"
#include "store/detail/dedup.h"
#include "store/detail/fresh_rows.h"
#include "store/detail/history.h"
#include "store/detail/notification_cache.h"
#include "store/detail/profile_cache.h"
#include "store/detail/profile_rows.h"
#include "store/detail/readers.h"
#include "store/detail/rows.h"
#include "store/detail/suppression_filter.h"
#include "store/detail/words.h"
#include "store/detail/writer.h"
#include "store/store.h"

namespace carillon::store::detail {

class SqliteStore final : public Store {
 public:
  static Result<std::unique_ptr<Store>> open(SqliteOptions options);
  ~SqliteStore() override;

  Task<Result<Registration>> register_process(std::string instance, Time now) override;
  Health health() const override;
  Task<Result<std::vector<Result<AcceptResult>>>> accept(std::vector<AcceptItem> items, Time now) override;
  Task<Result<void>> expand(ExpandItem item, Time now) override;
  Task<Result<std::vector<model::Delivery>>> claim(std::vector<ClaimRequest> requests, Owner owner,
                                                   Time now) override;
  using Store::record;
  Task<Result<std::vector<bool>>> record(RecordItems items, Owner owner, Time now) override;
  Task<Result<std::vector<OwnedDelivery>>> owned_before(Owner owner, std::int64_t after,
                                                        std::size_t limit) override;
  Task<Result<CancelResult>> cancel(std::int64_t notification, Actor actor, Time now) override;
  Task<Result<CancelChunk>> cancel_chunk(std::int64_t notification, std::int64_t from, std::size_t limit,
                                         Time now) override;
  Task<Result<bool>> rewrite(Rewrite change, Time now) override;
  Task<Result<Approval>> decide(ApprovalDecision decision, Time now) override;
  Task<Result<Approval>> approval(std::int32_t project, std::int64_t id) override;
  Task<Result<std::vector<Approval>>> list_approvals(ApprovalFilter filter, ListPage page) override;
  Task<Result<void>> pause(std::int64_t notification, Actor actor, Time now) override;
  Task<Result<void>> resume(std::int64_t notification, Actor actor, Time now) override;
  Task<Result<ResumeChunk>> resume_chunk(std::int64_t notification, std::int64_t from, std::size_t limit,
                                         Time now) override;
  Task<Result<std::vector<Hint>>> unhold(HoldFilter filter, std::size_t limit, Time now) override;
  Task<Result<std::vector<ReplayResult>>> replay(std::vector<ReplayItem> items, Actor actor,
                                                 Time now) override;
  Task<Result<std::vector<DueExpansion>>> due_expansions(std::size_t limit, Time now) override;
  Task<Result<bool>> housekeeping(const Retention& retention, Time now) override;
  Task<Result<std::vector<std::shared_ptr<const model::Profile>>>> profiles(
      std::vector<UserKey> keys) override;
  [[nodiscard]] std::uint64_t profile_stamp(std::int32_t project,
                                            std::string_view user_id) const noexcept override;
  Task<Result<PutProfileResult>> put_profile(model::Profile profile, ProfileChange change, Time now) override;
  Task<Result<void>> erase_user(UserKey key, Actor actor, Time now) override;
  Task<Result<void>> delete_profile(UserKey key, Actor actor, Time now) override;
  Task<Result<std::vector<std::shared_ptr<const model::Profile>>>> list_profiles(std::int32_t project,
                                                                                 ListPage page) override;
  Task<Result<TokenOwner>> find_device(std::int32_t project, std::string device_id) override;
  Task<Result<std::vector<PreferenceChange>>> preference_log(UserKey key, ListPage page) override;
  Task<Result<std::vector<std::optional<Suppression>>>> suppressed(std::int32_t project,
                                                                   std::vector<AddressKey> keys) override;
  Task<Result<void>> put_suppression(Suppression suppression, bool is_removed, Actor actor,
                                     Time now) override;
  Task<Result<std::vector<Suppression>>> list_suppressions(std::int32_t project, ListPage page) override;
  Task<Result<Group>> put_group(std::int32_t project, std::string key, std::string name, Actor actor,
                                Time now) override;
  Task<Result<void>> delete_group(std::int32_t project, std::string key, Actor actor, Time now) override;
  Task<Result<std::vector<Group>>> groups(std::int32_t project, std::vector<std::string> keys) override;
  Task<Result<std::vector<Group>>> groups_of(UserKey key) override;
  Task<Result<std::vector<Group>>> list_groups(std::int32_t project, ListPage page) override;
  Task<Result<MembershipChange>> change_members(std::int32_t project, std::string key,
                                                std::vector<std::string> user_ids, bool is_removal,
                                                Actor actor, Time now) override;
  Task<Result<std::vector<Member>>> members(MembersQuery query) override;
  JobStore& jobs() override { return *jobs_; }
  PrivacyStore& privacy() override { return *privacy_; }
  ObjectStore& objects() override { return *objects_; }
  WebhookStore& webhooks() override { return *webhooks_; }
  Task<Result<std::vector<std::shared_ptr<const model::Notification>>>> notifications(
      std::vector<std::int64_t> ids) override;
  Task<Result<std::vector<model::Delivery>>> deliveries_of(std::int64_t notification, ListPage page) override;
  Task<Result<DeliveryDetail>> delivery(std::int64_t id) override;
  Task<Result<StatusCounts>> status_counts(std::int64_t notification) override;
  Task<Result<std::optional<ExpansionProgress>>> expansion_progress(std::int64_t notification) override;
  Task<Result<NotificationPage>> list_notifications(HistoryFilter filter) override;
  Task<Result<DeliveryPage>> list_deliveries(HistoryFilter filter) override;
  Task<Result<DeadLetterPage>> list_dead_letters(std::int32_t project, ListPage page) override;
  Task<Result<std::vector<DeadLetter>>> list_outage_letters(OutageQuery query) override;
  Task<Result<std::vector<KeptLetter>>> put_event_letters(std::vector<EventLetter> letters,
                                                          Time now) override;
  Task<Result<EventLetter>> event_letter(std::int64_t id) override;
  Task<Result<bool>> close_event_letter(std::int64_t id, std::int64_t notification, std::string rest,
                                        Actor actor, Time now) override;
  Task<Result<std::vector<CounterRow>>> counters() override;
  Task<Result<std::vector<LaneDepth>>> lane_depths(Time now) override;
  Task<Result<std::vector<StatsRow>>> stats(StatsQuery query) override;
  Task<Result<std::vector<CounterRow>>> recount() override;
  AlertStore& alerts() override { return *alerts_; }
  ReceiptStore& receipts() override { return *receipts_; }
  SessionStore& sessions() override { return *sessions_; }
  Task<Result<Record>> get_record(RecordKey key) override;
  Task<Result<Record>> put_record(Record record, std::optional<std::int64_t> expected_version, Actor actor,
                                  Time now) override;
  Task<Result<void>> delete_record(RecordKey key, Actor actor, Time now) override;
  Task<Result<std::vector<Record>>> list_records(std::string kind, std::int32_t project,
                                                 ListPage page) override;
  Task<Result<AuditPage>> list_audit(AuditFilter filter, ListPage page) override;
  Task<Result<void>> put_audit(AuditEntry entry) override;
  Task<Result<void>> add_sandbox_messages(std::vector<SandboxMessage> messages) override;
  Task<Result<std::vector<SandboxMessage>>> list_sandbox_messages(std::int32_t project,
                                                                  ListPage page) override;
  Task<Result<std::optional<std::string>>> get_answer(std::string key, Time now) override;
  Task<Result<void>> put_answer(std::string key, std::string answer, Time expires, Time now) override;
  Task<Result<Time>> copy_to(std::string folder, const base::Clock& clock,
                             std::shared_ptr<CopyProgress> progress) override;
  void close() override;

 private:
  friend class AcceptJob;
  friend class ClaimJob;
  friend class RecordJob;
  friend class SqliteAlerts;
  friend class SqliteJobs;
  friend class SqliteObjects;
  friend class SqlitePrivacy;
  friend class SqliteReceipts;
  friend class SqliteWebhooks;
  friend class SqliteSessions;
  explicit SqliteStore(SqliteOptions options);

  // Runs `call` (Result<T>(Txn&)) in a transaction of the writer, alone in a savepoint. An error it
  // returns undoes what it did and is this call's answer. May run twice: it must not consume captures.
  // JobClass::Between: outside of transactions, once.
  template <class F>
  auto write(F call, JobClass job_class = JobClass::Other, std::size_t rows = 1) {
    return write_on(*writer_, std::move(call), job_class, rows);
  }
  // Runs `call` (Result<T>(Db&)) on a reader thread in one snapshot; of people.db: read_people().
  template <class F>
  auto read(F call) {
    return read_on(*readers_, std::move(call));
  }
  template <class F>
  auto read_people(F call) {
    return read_on(*people_readers_, std::move(call));
  }

  // ---- profiles.cpp
  // After the commit of a change to a user (null: deleted).
  void keep_written(const UserKey& key, std::shared_ptr<const model::Profile> profile);
  // Removes an endpoint (service, token) of a device from the profile, version + 1, when it was
  // registered at or before `invalid_since` (or any time when absent); also its endpoint_owner row.
  // The cache follows after the commit. True when something was removed. Not finding it is no error.
  Result<bool> forget_endpoint(Txn& txn, const UserKey& user, const std::string& device_id,
                               const DeadAddress& address, Time now);
  // Takes tokens away from a user to whom they no longer belong (put_profile.cpp), version + 1.
  Result<void> take_endpoints(Txn& txn, const UserKey& from, std::span<const base::Hash128> places, Time now);
  // The transaction of put_profile() (put_profile.cpp). Errors: Conflict · AlreadyExists.
  Result<PutProfileResult> put_prepared(Txn& txn, const PreparedProfile& prepared,
                                        const ProfileChange& change, Time now);
  // Removes an anonymous user whose device is somebody's now; false: there is none (put_profile.cpp).
  Result<bool> claim_anonymous(Txn& txn, const UserKey& who);
  // ---- groups.cpp
  // One piece of change_members(), its users in order. Errors: NotFound.
  static Result<MembershipChange> change_members_in(Txn& txn, std::int32_t project, const std::string& key,
                                                    std::span<const std::string> piece, bool is_removal,
                                                    const Actor& actor, Time now);
  // ---- suppressions.cpp
  // Inserts a suppression unless the address has one; true: it had none. Also used by record().
  Result<bool> insert_suppression(Txn& txn, const Suppression& suppression);
  // ---- fallback.cpp
  // `d` has become `to`, or `receipt` says something of it: those that wait for it go on or end.
  Result<void> advance_fallback(Txn& txn, const model::Delivery& d, model::DeliveryStatus to,
                                std::optional<model::ReceiptKind> receipt, Time now);
  // ---- audit.cpp
  static Result<void> insert_audit(Txn& txn, const AuditEntry& entry);  // id is given by the store
  // ---- the parts, each in its file
  std::unique_ptr<JobStore> make_jobs();
  std::unique_ptr<ObjectStore> make_objects();
  std::unique_ptr<ReceiptStore> make_receipts();
  std::unique_ptr<SessionStore> make_sessions();
  std::unique_ptr<PrivacyStore> make_privacy();
  std::unique_ptr<AlertStore> make_alerts();
  std::unique_ptr<WebhookStore> make_webhooks();
  // ---- process.cpp
  Result<void> lock_folder();
  Result<void> open_database();
  bool free_ballast();
  [[nodiscard]] bool accepts_writes() const;  // disk has room; refreshed every second
  // ---- maintain.cpp
  Task<Result<bool>> fold_history(Time now);
  Result<bool> drop_expired(Txn& txn, const Retention& retention, Time now);
  Result<bool> drop_deliveries(Txn& txn, std::int64_t below);
  Result<bool> drop_notifications(Txn& txn, std::int64_t below);
  Result<bool> complete_expanded(Txn& txn, Time now);
  Result<bool> drop_content(Txn& txn, Time before);   // content.cpp; true when there may be more
  Result<bool> expire_approvals(Txn& txn, Time now);  // approvals.cpp
  SqliteOptions options_;
  std::string path_, people_path_;
  int lock_fd_ = -1;
  bool is_new_ = false;
  Words words_;
  Counters counters_;
  ClaimLog claims_;  // writer thread
  FreshRows fresh_;  // writer thread
  WebhookOutbox outbox_;
  std::unique_ptr<Dedup> dedup_;
  std::unique_ptr<NotificationCache> notification_cache_;
  std::unique_ptr<ProfileCache> profile_cache_;
  std::unique_ptr<History> history_;
  SuppressionFilter suppression_filter_;
  std::unique_ptr<Readers> readers_, people_readers_;  // of people.db
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Backup> backup_;  // under way. Writer thread
  std::unique_ptr<AlertStore> alerts_ = make_alerts();
  std::unique_ptr<JobStore> jobs_ = make_jobs();
  std::unique_ptr<ObjectStore> objects_ = make_objects();
  std::unique_ptr<ReceiptStore> receipts_ = make_receipts();
  std::unique_ptr<SessionStore> sessions_ = make_sessions();
  std::unique_ptr<PrivacyStore> privacy_ = make_privacy();
  std::unique_ptr<WebhookStore> webhooks_ = make_webhooks();
  // Where scans of housekeeping stand: open rows are stepped over. Writer thread.
  std::int64_t dropped_deliveries_ = 0, dropped_notifications_ = 0, emptied_waiting_ = 0, wiped_sealed_ = 0;
  std::int64_t dropped_caps_ = INT64_MIN, sandbox_rows_ = -1;  // the last key looked at; -1: not counted yet
  // Disk state: written by the writer thread and by whoever refreshes it.
  mutable std::atomic<std::int64_t> disk_checked_ms_{0};
  mutable std::atomic<bool> has_room_{true};
  std::atomic<bool> is_failing_{false};
  mutable std::mutex why_mutex_;
  std::string why_;
};

}  // namespace carillon::store::detail
