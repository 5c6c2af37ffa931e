// What the Store does in the same SQL on every engine (decision 0019); an engine derives from this and adds
// what it does in its own way: accepting, claiming, recording, who runs here, what is kept in memory.
//
// Where to put a method: a handful by key → `look(…)` (people: `look_people`); anything that scans →
// `read(…)` (`read_people`); anything that writes → `write(…)`, where an error rolls back that call alone and
// changes of caches go into `txn.after_commit`. Of a row that others may be at by a way of their own
// (deliveries, profiles, caps), read FOR UPDATE; the engine keeps the rest in order, whose writes are serial.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "store/detail/counters.h"
#include "store/detail/insert.h"
#include "store/detail/look_up.h"
#include "store/detail/notification_cache.h"
#include "store/detail/profile_cache.h"
#include "store/detail/profile_rows.h"
#include "store/detail/readers.h"
#include "store/detail/rows.h"
#include "store/detail/words.h"
#include "store/detail/writer.h"
#include "store/store.h"

namespace carillon::store::detail {

class SqlStore : public Store {
 public:
  using Store::record;
  Task<Result<CancelResult>> cancel(std::int64_t notification, Actor actor, Time now) override;
  Task<Result<CancelChunk>> cancel_chunk(std::int64_t notification, std::int64_t from, std::size_t limit,
                                         Time now) override;
  Task<Result<bool>> rewrite(Rewrite change, Time now) override;
  Task<Result<Approval>> decide(ApprovalDecision decision, Time now) override;
  Task<Result<Approval>> approval(std::int32_t project, std::int64_t id) override;
  Task<Result<std::vector<Approval>>> list_approvals(ApprovalFilter filter, ListPage page) override;
  Task<Result<std::int64_t>> hour_spent(ApprovalHour hour, Time now) override;
  Task<Result<void>> pause(std::int64_t notification, Actor actor, Time now) override;
  Task<Result<void>> resume(std::int64_t notification, Actor actor, Time now) override;
  Task<Result<ResumeChunk>> resume_chunk(std::int64_t notification, std::int64_t from, std::size_t limit,
                                         Time now) override;
  Task<Result<Unheld>> unhold(HoldFilter filter, std::size_t limit, Time now) override;
  Task<Result<std::vector<ReplayResult>>> replay(std::vector<ReplayItem> items, Actor actor,
                                                 Time now) override;
  Task<Result<bool>> housekeeping(const Retention& retention, Time now) override;
  Task<Result<PutProfileResult>> put_profile(model::Profile profile, ProfileChange change, Time now) override;
  Task<Result<void>> erase_user(UserKey key, Actor actor, Time now) override;
  Task<Result<void>> delete_profile(UserKey key, Actor actor, Time now) override;
  Task<Result<Profiles>> list_profiles(std::int32_t project, ListPage page) override;
  Task<Result<Profiles>> profiles_by_address(AddressQuery query) override;
  Task<Result<TokenOwner>> find_device(std::int32_t project, std::string device_id) override;
  Task<Result<std::vector<PreferenceChange>>> preference_log(UserKey key, ListPage page) override;
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
  ExpansionStore& expansions() override { return *expansions_; }
  JobStore& jobs() override { return *jobs_; }
  PrivacyStore& privacy() override { return *privacy_; }
  ObjectStore& objects() override { return *objects_; }
  IngestStore& ingest() override { return *ingest_; }
  Task<Result<std::vector<model::Delivery>>> deliveries_of(std::int64_t notification, ListPage page) override;
  Task<Result<DeliveryDetail>> delivery(std::int64_t id) override;
  Task<Result<StatusCounts>> status_counts(std::int64_t notification) override;
  Task<Result<NotificationPage>> list_notifications(HistoryFilter filter) override;
  Task<Result<DeliveryPage>> list_deliveries(HistoryFilter filter) override;
  Task<Result<std::vector<DeadLetter>>> list_outage_letters(OutageQuery query) override;
  Task<Result<std::vector<KeptLetter>>> put_event_letters(std::vector<EventLetter> letters,
                                                          Time now) override;
  Task<Result<EventLetter>> event_letter(std::int64_t id) override;
  Task<Result<bool>> close_event_letter(std::int64_t id, std::int64_t notification, std::string rest,
                                        Actor actor, Time now) override;
  Task<Result<std::vector<StatsRow>>> stats(StatsQuery query) override;
  [[nodiscard]] std::uint64_t news() const noexcept override { return news_.load(); }
  AlertStore& alerts() override { return *alerts_; }
  ReceiptStore& receipts() override { return *receipts_; }
  SessionStore& sessions() override { return *sessions_; }
  LetterStore& letters() override { return *letters_; }
  TelemetryStore& telemetry() override { return *telemetry_; }
  WebhookStore& webhooks() override { return *webhooks_; }
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

 protected:
  friend class SqlAlerts;
  friend class SqlIngest;
  friend class SqlExpansions;
  friend class SqlJobs;
  friend class SqlLetters;
  friend class SqlObjects;
  friend class SqlPrivacy;
  friend class SqlReceipts;
  friend class SqlSessions;
  friend class SqlTelemetry;
  friend class SqlWebhooks;
  SqlStore(const base::KeyRing& keys, std::unique_ptr<Words> words, std::unique_ptr<Counters> counters);

  // ---- what an engine does in its own way
  // False: nothing that takes room is taken.
  [[nodiscard]] virtual bool accepts_writes() const = 0;
  // Inserts the rows and counts them: counters, roll-ups of accepted and of those already final. With an
  // owner, those that are due are stored as claimed by it: processing, epoch 1.
  virtual Result<void> insert_deliveries(Txn& txn, std::span<const model::Delivery> deliveries,
                                         const Origin& origin, Time now,
                                         std::optional<Owner> owner = std::nullopt) = 0;
  // Inserts a suppression unless the address has one; true: it had none. Also used by record().
  virtual Result<bool> insert_suppression(Txn& txn, const Suppression& suppression) = 0;
  // Nobody is this process any more, or its lease is over: what it had is others' to take.
  virtual Result<bool> is_lost(Db& db, Owner owner) = 0;
  // Of housekeeping, what is the engine's: folding and forgetting; true: more to do. before_house() is
  // outside of a transaction; keep_house() begins one, and `others` are at it when it says so.
  virtual Task<Result<bool>> before_house(Time now) = 0;
  struct House {
    bool others = false, has_more = false, by_days = false;  // what days leave goes by rows a day later
  };
  virtual Result<House> keep_house(Txn& txn, Time now) = 0;
  virtual Result<void> drop_history(Txn& txn, std::int64_t below) = 0;
  // Messages of the sandbox came or went; beyond 100,000 the oldest go.
  virtual Result<void> sandbox_changed(Txn& txn, std::int64_t added) = 0;
  // The lowest id of a project's deliveries that are in processing; nullopt: none are.
  virtual Result<std::optional<std::int64_t>> oldest_processing(Db& db, std::int32_t project) = 0;

  // Runs `call` (Result<T>(Txn&)) in a transaction of the writer, alone in a savepoint. An error it
  // returns undoes what it did and is this call's answer. May run twice: it must not consume captures.
  // JobClass::Between: outside of transactions, once.
  template <class F>
  auto write(F call, JobClass job_class = JobClass::Other, std::size_t rows = 1) {
    return write_on(job_class == JobClass::Other ? *others_ : *writer_, std::move(call), job_class, rows);
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
  // The same here and now where the database is in this process.
  template <class F>
  auto look(F call) {
    return look_on(*readers_, std::move(call));
  }
  template <class F>
  auto look_people(F call) {
    return look_on(*people_readers_, std::move(call));
  }

  // After the commit of a change to a user (null: deleted); profiles.cpp.
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
  // One piece of change_members(), its users in order (groups.cpp). Errors: NotFound.
  static Result<MembershipChange> change_members_in(Txn& txn, std::int32_t project, const std::string& key,
                                                    std::span<const std::string> piece, bool is_removal,
                                                    const Actor& actor, Time now);
  // All that goes with `item` besides its row, which has been written (recorded.cpp).
  Result<void> recorded(Txn& txn, const RecordItem& item, Time now);
  // fallback.cpp: `d` has become `to`, or `receipt` says something of it: who waits for it goes on or ends.
  Result<void> advance_fallback(Txn& txn, const model::Delivery& d, model::DeliveryStatus to,
                                std::optional<model::ReceiptKind> receipt, Time now);
  static Result<void> insert_audit(Txn& txn, const AuditEntry& entry);  // audit.cpp; the store gives the id
  std::unique_ptr<ExpansionStore> make_expansions();
  std::unique_ptr<JobStore> make_jobs();
  std::unique_ptr<ObjectStore> make_objects();
  std::unique_ptr<IngestStore> make_ingest();
  std::unique_ptr<ReceiptStore> make_receipts();
  std::unique_ptr<PrivacyStore> make_privacy();
  std::unique_ptr<AlertStore> make_alerts();
  std::unique_ptr<LetterStore> make_letters();
  std::unique_ptr<SessionStore> make_sessions();
  std::unique_ptr<TelemetryStore> make_telemetry();
  std::unique_ptr<WebhookStore> make_webhooks();
  // ---- maintain.cpp
  Result<bool> drop_expired(Txn& txn, const Retention& retention, bool by_days, Time now);
  Result<bool> drop_deliveries(Txn& txn, std::int64_t below);
  Result<bool> drop_notifications(Txn& txn, std::int64_t below);
  Result<bool> complete_expanded(Txn& txn, Time now);
  Result<bool> drop_content(Txn& txn, Time before);   // content.cpp; true when there may be more
  Result<bool> expire_approvals(Txn& txn, Time now);  // approvals.cpp

  const base::KeyRing& keys_;
  const std::unique_ptr<Words> owned_words_;
  const std::unique_ptr<Counters> owned_counters_;
  Words& words_;
  Counters& counters_;
  Subscribers subscribers_;
  WebhookOutbox outbox_{subscribers_};  // of writer_
  std::unique_ptr<NotificationCache> notification_cache_;
  std::unique_ptr<ProfileCache> profile_cache_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<Readers> readers_;
  Readers* people_readers_ = nullptr;
  std::unique_ptr<Writer> writer_;
  Writer* others_ = nullptr;  // of JobClass::Other
  std::atomic<std::uint64_t> news_{1};

 private:
  std::unique_ptr<AlertStore> alerts_ = make_alerts();
  std::unique_ptr<IngestStore> ingest_ = make_ingest();
  std::unique_ptr<ExpansionStore> expansions_ = make_expansions();
  std::unique_ptr<JobStore> jobs_ = make_jobs();
  std::unique_ptr<ObjectStore> objects_ = make_objects();
  std::unique_ptr<ReceiptStore> receipts_ = make_receipts();
  std::unique_ptr<PrivacyStore> privacy_ = make_privacy();
  std::unique_ptr<LetterStore> letters_ = make_letters();
  std::unique_ptr<SessionStore> sessions_ = make_sessions();
  std::unique_ptr<TelemetryStore> telemetry_ = make_telemetry();
  std::unique_ptr<WebhookStore> webhooks_ = make_webhooks();
  // Where scans of housekeeping stand: open rows are stepped over. Writer thread.
  std::int64_t dropped_deliveries_ = 0, dropped_notifications_ = 0, emptied_waiting_ = 0, wiped_sealed_ = 0;
  std::int64_t dropped_caps_ = INT64_MIN;  // the last key looked at
};

}  // namespace carillon::store::detail
