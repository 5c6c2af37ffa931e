// Durable truth: every accepted notification, every delivery, every profile and setting.
//
// Each method is a whole business step and one transaction (PIPELINE §2); a caller never holds one
// open. Methods may be awaited from any executor and resume on it. `now` is the caller's clock.
// Common errors: Unavailable (store away or disk full: nothing was written, retry later) ·
// DeadlineExceeded (commit outcome unknown) · Corruption. A cancelled call may still commit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/task.h"
#include "model/notification.h"
#include "model/profile.h"
#include "store/alerts.h"
#include "store/expansion.h"
#include "store/ingest.h"
#include "store/jobs.h"
#include "store/letters.h"
#include "store/objects.h"
#include "store/privacy.h"
#include "store/receipts.h"
#include "store/sessions.h"
#include "store/sharing.h"
#include "store/sqlite.h"
#include "store/store_drafts.h"
#include "store/store_types.h"
#include "store/store_views.h"
#include "store/telemetry.h"
#include "store/webhooks.h"

namespace carillon::store {

struct CopyProgress;  // backup.h

class Store : public Sharing {
 public:
  // ---- process
  // Registers this process: a node id and an epoch above every earlier one of this store; rows of
  // earlier epochs of the same `instance` are this process's to recover at once.
  virtual Task<Result<Registration>> register_process(std::string instance, Time now) = 0;
  [[nodiscard]] virtual Health health() const = 0;

  // ---- the path of a notification
  // Group commit: stores each item that is not a repeat, with its deliveries, counters and dedup key.
  // One result per item, in order. Data errors hit only their item. Cap charges are decided here.
  virtual Task<Result<std::vector<Result<AcceptResult>>>> accept(std::vector<AcceptItem> items, Time now) = 0;
  // Takes due rows: by ids from hints, or the lane's oldest when `ids` is empty. Sets Processing,
  // owner and epoch + 1, committed before it returns. Rows that are not due, final or taken are left
  // out. Expired rows are returned too, marked by expires_at <= now: the caller records Expire.
  virtual Task<Result<std::vector<model::Delivery>>> claim(std::vector<ClaimRequest> requests, Owner owner,
                                                           Time now) = 0;
  // Writes what became of claimed rows, fenced by owner and epoch; one flag per item: false = stale,
  // nothing written for it. With it: attempt row, dead letter, dead address, counters, roll-ups,
  // completion of the notification.
  // The items stay the caller's: it gives them again when the store was away. They go before other work when
  // the first is critical.
  using RecordItems = std::shared_ptr<const std::vector<RecordItem>>;
  virtual Task<Result<std::vector<bool>>> record(RecordItems items, Owner owner, Time now) = 0;
  Task<Result<std::vector<bool>>> record(std::vector<RecordItem> items, Owner owner, Time now) {
    return record(std::make_shared<const std::vector<RecordItem>>(std::move(items)), owner, now);
  }
  // Rows still Processing under an owner older than `owner` (same instance), in id order above
  // `after`, at most `limit`. Their record() is fenced by the epoch they carry, with that old owner.
  virtual Task<Result<std::vector<OwnedDelivery>>> owned_before(Owner owner, std::int64_t after,
                                                                std::size_t limit) = 0;
  // Likewise those of processes whose lease is over; of a store that is not shared none.
  virtual Task<Result<std::vector<OwnedDelivery>>> owned_by_lost(std::int64_t after, std::size_t limit) {
    static_cast<void>(after), static_cast<void>(limit);
    co_return std::vector<OwnedDelivery>{};
  }

  // ---- acting on what is stored
  // Audited the first time.
  virtual Task<Result<CancelResult>> cancel(std::int64_t notification, Actor actor, Time now) = 0;
  // Looks at up to `limit` rows of a cancelled notification from `from` on (0: from the first) and turns
  // those that are open Cancelled.
  virtual Task<Result<CancelChunk>> cancel_chunk(std::int64_t notification, std::int64_t from,
                                                 std::size_t limit, Time now) = 0;
  // Voids the approval that is open, if one is, and opens another when there is to be one. Audited. False:
  // its share of the hour is spent, and nothing is written. Errors: Conflict (it has begun, ended, or was
  // changed since it was read).
  virtual Task<Result<bool>> rewrite(Rewrite change, Time now) = 0;
  // Errors: NotFound · Conflict (not open any more; the message says why).
  virtual Task<Result<Approval>> decide(ApprovalDecision decision, Time now) = 0;
  virtual Task<Result<Approval>> approval(std::int32_t project, std::int64_t id) = 0;  // Errors: NotFound
  // Newest first.
  virtual Task<Result<std::vector<Approval>>> list_approvals(ApprovalFilter filter, ListPage page) = 0;
  // What an app sent in a category within the hour before `now` that counts (ApprovalShare).
  virtual Task<Result<std::int64_t>> hour_spent(ApprovalHour hour, Time now) = 0;
  // Stops a notification: its expansion, and what is claimed from now on is held. Idempotent. Audited.
  // Errors: NotFound · Conflict (it has not begun, or has ended).
  virtual Task<Result<void>> pause(std::int64_t notification, Actor actor, Time now) = 0;
  // It goes on; what was held is given back by resume_chunk(). Errors: as of pause().
  virtual Task<Result<void>> resume(std::int64_t notification, Actor actor, Time now) = 0;
  // Looks at up to `limit` rows from `from` on (0: from the first) and makes those pending that the pause
  // held.
  virtual Task<Result<ResumeChunk>> resume_chunk(std::int64_t notification, std::int64_t from,
                                                 std::size_t limit, Time now) = 0;
  // Held rows (reason given) whose condition cleared become Pending, due now, at most `limit`, in order of
  // their ids; returns those and their lanes for hints. Who wants all that are held now gives the last id and
  // `until` back, or would meet again what is held anew meanwhile.
  virtual Task<Result<Unheld>> unhold(HoldFilter filter, std::size_t limit, Time now) = 0;
  // Dead letters and failed or unknown deliveries back to Pending, generation + 1, attempts 0, audited.
  // When it was, and what an item changes, is kept in the delivery's note: {"replayed_at":…,
  // "changes":{"params":…,"address":…,"integration":…}}; the worker applies it.
  virtual Task<Result<std::vector<ReplayResult>>> replay(std::vector<ReplayItem> items, Actor actor,
                                                         Time now) = 0;
  // Completes notifications, drops what retention has passed, folds the history index; bounded work,
  // returns true when there is more to do.
  virtual Task<Result<bool>> housekeeping(const Retention& retention, Time now) = 0;

  // ---- people
  // In order of `keys`; null for the unknown. Never older than the last committed change seen by this
  // process. Cheap for a handful (inline on the caller's thread), at most 1,024 keys.
  virtual Task<Result<Profiles>> profiles(std::vector<UserKey> keys) = 0;
  // Moves on with each change of that user, and now and then besides: what profiles() answered after it was
  // asked for is the present state as long as it stays the same. 0: this store cannot tell. No I/O, any
  // thread.
  [[nodiscard]] virtual std::uint64_t profile_stamp(std::int32_t project,
                                                    std::string_view user_id) const noexcept = 0;
  // Writes a profile if its stored version is `profile.version`; the version goes up by one. Tokens it
  // names move here from other users in the same transaction (device_moved). Errors: Conflict (reload
  // and redo) · AlreadyExists (users.unique_email).
  virtual Task<Result<PutProfileResult>> put_profile(model::Profile profile, ProfileChange change,
                                                     Time now) = 0;
  // Removes what is known of a user: profile, devices, preferences and their log, memberships, those of sends
  // on their way too. Suppressions and history stay. Not finding anything is no error.
  virtual Task<Result<void>> erase_user(UserKey key, Actor actor, Time now) = 0;
  // Removes user and devices; suppressions and history ids stay. Errors: NotFound.
  virtual Task<Result<void>> delete_profile(UserKey key, Actor actor, Time now) = 0;
  virtual Task<Result<Profiles>> list_profiles(std::int32_t project, ListPage page) = 0;
  // In order of address and user. Errors: Unavailable (numbers of an earlier version are not indexed yet).
  virtual Task<Result<Profiles>> profiles_by_address(AddressQuery query) = 0;
  // Who holds a push token or device id. Errors: NotFound.
  virtual Task<Result<TokenOwner>> find_device(std::int32_t project, std::string device_id) = 0;
  virtual Task<Result<std::vector<PreferenceChange>>> preference_log(UserKey key, ListPage page) = 0;
  // For each (channel, address hash) whether contacting it is forbidden, and since when.
  virtual Task<Result<std::vector<std::optional<Suppression>>>> suppressed(std::int32_t project,
                                                                           std::vector<AddressKey> keys) = 0;
  virtual Task<Result<void>> put_suppression(Suppression suppression, bool is_removed, Actor actor,
                                             Time now) = 0;
  virtual Task<Result<std::vector<Suppression>>> list_suppressions(std::int32_t project, ListPage page) = 0;

  // ---- groups
  // Makes the group or renames it.
  virtual Task<Result<Group>> put_group(std::int32_t project, std::string key, std::string name, Actor actor,
                                        Time now) = 0;
  // The key is free at once; sends accepted before still reach its members. Errors: NotFound.
  virtual Task<Result<void>> delete_group(std::int32_t project, std::string key, Actor actor, Time now) = 0;
  // In order of `keys`, at most 1,000; id 0 for the unknown. Cheap (inline on the caller's thread).
  virtual Task<Result<std::vector<Group>>> groups(std::int32_t project, std::vector<std::string> keys) = 0;
  virtual Task<Result<std::vector<Group>>> list_groups(std::int32_t project, ListPage page) = 0;
  // Those a user is in, by key, at most 10,000.
  virtual Task<Result<std::vector<Group>>> groups_of(UserKey key) = 0;
  // Adds users (or removes them); those who are in it (or not) stay so. Users need not be registered. At most
  // 10,000, in several commits: after an error some may be changed, and the call can be repeated. Errors:
  // NotFound.
  virtual Task<Result<MembershipChange>> change_members(std::int32_t project, std::string key,
                                                        std::vector<std::string> user_ids, bool is_removal,
                                                        Actor actor, Time now) = 0;
  // Who is in any of the groups, each once, ascending by user_id; less than `limit` only at the end.
  virtual Task<Result<std::vector<Member>>> members(MembersQuery query) = 0;

  [[nodiscard]] virtual ExpansionStore& expansions() = 0;  // lives as long as this
  [[nodiscard]] virtual IngestStore& ingest() = 0;         // likewise
  [[nodiscard]] virtual JobStore& jobs() = 0;              // likewise
  [[nodiscard]] virtual PrivacyStore& privacy() = 0;       // likewise
  [[nodiscard]] virtual ObjectStore& objects() = 0;        // likewise
  [[nodiscard]] virtual WebhookStore& webhooks() = 0;      // likewise
  [[nodiscard]] virtual SessionStore& sessions() = 0;      // likewise
  [[nodiscard]] virtual LetterStore& letters() = 0;        // likewise
  [[nodiscard]] virtual TelemetryStore& telemetry() = 0;   // likewise

  // ---- looking
  // Null for the unknown. `with_body` false leaves body and request empty.
  virtual Task<Result<std::vector<std::shared_ptr<const model::Notification>>>> notifications(
      std::vector<std::int64_t> ids) = 0;
  virtual Task<Result<std::vector<model::Delivery>>> deliveries_of(std::int64_t notification,
                                                                   ListPage page) = 0;
  virtual Task<Result<DeliveryDetail>> delivery(std::int64_t id) = 0;
  // How many deliveries of a notification that was expanded in chunks are in each state; all 0 for others.
  virtual Task<Result<StatusCounts>> status_counts(std::int64_t notification) = 0;
  // Newest first; examines at most 20,000 rows and may return a short page with `next` set.
  virtual Task<Result<NotificationPage>> list_notifications(HistoryFilter filter) = 0;
  virtual Task<Result<DeliveryPage>> list_deliveries(HistoryFilter filter) = 0;
  // Those of a queue that ended as dead(provider_down) and were not replayed since, oldest first.
  virtual Task<Result<std::vector<DeadLetter>>> list_outage_letters(OutageQuery query) = 0;
  // Keeps events as dead letters; what became of each, in order. While one with the same hash is open, that
  // one takes the new event and reason instead; once it was replayed, nothing is written.
  virtual Task<Result<std::vector<KeptLetter>>> put_event_letters(std::vector<EventLetter> letters,
                                                                  Time now) = 0;
  // Errors: NotFound (also for a dead letter of another kind).
  virtual Task<Result<EventLetter>> event_letter(std::int64_t id) = 0;
  // Closes one, audited as event.replay; `notification`: what it became, 0: nothing; `rest`: what stands for
  // its event from then on, empty: that stays. False: it was closed.
  virtual Task<Result<bool>> close_event_letter(std::int64_t id, std::int64_t notification, std::string rest,
                                                Actor actor, Time now) = 0;
  // Sums of the counter rows; never counts a table.
  virtual Task<Result<std::vector<CounterRow>>> counters() = 0;
  virtual Task<Result<std::vector<LaneDepth>>> lane_depths(Time now) = 0;
  virtual Task<Result<std::vector<StatsRow>>> stats(StatsQuery query) = 0;
  // Counts the deliveries again, a piece at a time while others go on, and compares: how much there is of
  // each more than counters() says. Empty: nothing differs. Errors: FailedPrecondition (one is under way).
  virtual Task<Result<std::vector<CounterRow>>> recount() = 0;

  // ---- records: apps, keys, categories, templates, integrations, routes, pauses, settings, …
  // Errors of get: NotFound. put: Conflict when `expected_version` is not the stored one (0: must not
  // exist; nullopt: whatever). Every change carries its audit entry in the same transaction, with what was
  // there before and is there now, secrets and addresses left out; without an actor it is bookkeeping of the
  // system, which is nobody's change and leaves none.
  virtual Task<Result<Record>> get_record(RecordKey key) = 0;
  virtual Task<Result<Record>> put_record(Record record, std::optional<std::int64_t> expected_version,
                                          Actor actor, Time now) = 0;
  virtual Task<Result<void>> delete_record(RecordKey key, Actor actor, Time now) = 0;
  virtual Task<Result<std::vector<Record>>> list_records(std::string kind, std::int32_t project,
                                                         ListPage page) = 0;
  // Newest first; examines at most 20,000 rows and may return a short page with `next` set.
  virtual Task<Result<AuditPage>> list_audit(AuditFilter filter, ListPage page) = 0;
  // What is worth an entry and changes nothing.
  virtual Task<Result<void>> put_audit(AuditEntry entry) = 0;

  [[nodiscard]] virtual ReceiptStore& receipts() = 0;  // lives as long as this
  [[nodiscard]] virtual AlertStore& alerts() = 0;      // likewise
  // ---- sandbox and small durable state
  // The newest 100,000 are kept. Ids must be ascending.
  virtual Task<Result<void>> add_sandbox_messages(std::vector<SandboxMessage> messages) = 0;
  virtual Task<Result<std::vector<SandboxMessage>>> list_sandbox_messages(std::int32_t project,
                                                                          ListPage page) = 0;
  // Answers kept for Idempotency-Key on creating POSTs: the stored answer, or nullopt.
  virtual Task<Result<std::optional<std::string>>> get_answer(std::string key, Time now) = 0;
  virtual Task<Result<void>> put_answer(std::string key, std::string answer, Time expires, Time now) = 0;

  // Copies everything into new files of `folder` (kStoreFiles of backup.h), as of the moment it returns, told
  // by `clock`: what was answered before is in it. Others go on reading and writing meanwhile. The files are
  // not synced. One at a time. Errors: FailedPrecondition (one is under way) · AlreadyExists (a file is
  // there) · Cancelled (progress->stop, or closed); what is in the folder is then worth nothing.
  virtual Task<Result<Time>> copy_to(std::string folder, const base::Clock& clock,
                                     std::shared_ptr<CopyProgress> progress) = 0;
  // Stops taking calls, finishes those under way, closes. Blocks.
  virtual void close() = 0;
};

}  // namespace carillon::store
