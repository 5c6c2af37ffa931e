// The values that go into and come out of the Store port.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/error.h"
#include "model/channel.h"
#include "model/notification.h"
#include "model/profile.h"
#include "model/status.h"
#include "store/store_views.h"

namespace carillon::store {

// Who claims: the node and how often it was started. Stored as node << 32 | epoch.
struct Owner {
  std::uint32_t node = 0, epoch = 0;
  friend bool operator==(const Owner&, const Owner&) = default;
};
struct Registration {
  Owner owner;
  std::int64_t highest_id = 0;  // floor for the id generator
  bool is_new_store = false;    // made by this open
};
struct Health {
  bool can_write = true;  // false: disk low or failing; `why` says which
  std::string why;
  std::string clock;  // why this machine's clock cannot be relied on; empty: it can
  std::int64_t disk_free_bytes = 0;
  std::int64_t disk_needed_bytes = 0;  // sends are refused while less is free
  std::int64_t file_bytes = 0;
};

// ---- accept
struct CapCharge {
  std::size_t delivery = 0;  // index into AcceptItem::deliveries; the first of its user × channel
  std::size_t count = 1;     // deliveries in a row that share this charge
  std::string cap_key;
  std::int64_t limit = 0;
  Millis per{0};
  bool drop = false;  // else held(frequency_cap) until a token frees
};
// A group that an entry of `to` names.
struct AudienceGroup {
  std::size_t entry = 0;   // index into `to`
  std::int64_t group = 0;  // Group::id
  friend bool operator==(const AudienceGroup&, const AudienceGroup&) = default;
};
// A send that waits for somebody's word.
enum class ApprovalStatus : std::uint8_t { Open = 0, Approved = 1, Rejected = 2, Expired = 3, Void = 4 };
struct Approval {
  std::int64_t id = 0, notification = 0;
  std::int32_t project = 0;
  ApprovalStatus status = ApprovalStatus::Open;  // Void: the send was changed or cancelled since
  std::int64_t audience = 0;                     // recipients, when it was submitted
  std::string submitted_by;                      // an actor, who may not decide
  Time submitted_at{}, expires_at{};
  std::string decided_by{}, reason{};
  std::optional<Time> decided_at{};
};
// What a send takes of the recipients that its app may reach in its category within an hour without asking.
struct ApprovalShare {
  std::int64_t recipients = 0, limit = 0;
};
struct AcceptItem {
  model::Notification notification;         // id set by the caller
  std::vector<model::Delivery> deliveries;  // ids contiguous from notification.first_delivery
  std::vector<CapCharge> caps;
  std::optional<base::Hash128> event;  // hash of (app, event_id); none: no dedup
  base::Hash128 fingerprint{};
  std::vector<std::int64_t> address_keys;  // history look-up keys (raw addresses)
  // Of a notification that is accepted as AwaitingApproval, Scheduled or Expanding: it reaches whom these
  // hold at the commit.
  std::vector<AudienceGroup> audience;
  std::int64_t recipients = 0;       // of such a one, as far as they are known; who is in two groups is two
  std::optional<Approval> approval;  // of one that is accepted as AwaitingApproval
  // Counted when it is accepted, by the minute; with what the last hour holds it must not be over the limit.
  std::optional<ApprovalShare> share{};
  std::string sealed;         // of one that is_sensitive: its request with all in it
  std::vector<Naming> named;  // of one without deliveries
  // Set: its deliveries that are pending and due are taken for this owner as they are stored, which saves the
  // claim. Not together with caps, which may still change them.
  std::optional<Owner> take_for;
  std::vector<std::int64_t> objects{};  // that it needs until it is at its end
};
// NeedsApproval: its share of the hour is spent, and nothing is written.
enum class Accepted : std::uint8_t { New, Duplicate, EventIdReused, NeedsApproval };
struct AcceptResult {
  Accepted kind = Accepted::New;
  std::int64_t notification = 0;  // the first one's id when it is a repeat
  std::optional<Time> dedup_until;
  std::vector<model::Delivery> changed;  // deliveries a cap held or suppressed
  std::vector<model::Delivery> taken;    // as claim() would have returned them
};
// ---- claim and record
struct ClaimRequest {
  model::Lane lane;
  std::vector<std::int64_t> ids;  // from hints; empty: scan the lane in due order
  std::size_t limit = 256;        // 1 to 4,096
};
struct OwnedDelivery {
  model::Delivery delivery;
  Owner owner;
};
struct Hint {
  std::int64_t id = 0;
  model::Lane lane;
};

struct DeadAddress {  // forget this endpoint of this device
  std::string service, token;
  std::optional<Time> invalid_since;  // only if registered at or before this
};
struct RecordItem {
  model::Delivery delivery;  // as claimed (epoch is the fence), with the new values set
  model::DeliveryStatus to = model::DeliveryStatus::Sent;
  std::optional<model::Attempt> attempt;  // absent for a first-try success
  std::optional<DeadAddress> dead_address;
  std::optional<std::pair<model::Channel, base::Hash128>> suppress;  // hard bounce and the like
  std::string suppress_reason;
  std::string dead_letter;             // reason text; written when `to` is Dead or Unknown
  std::string category, template_key;  // for the roll-ups
  std::int64_t app = 0;
  bool is_sensitive = false;  // of its notification
};
struct CancelResult {
  std::size_t cancelled = 0, in_flight = 0, already_sent = 0;
};
struct CancelChunk {
  std::size_t turned = 0;
  std::int64_t next = 0;  // where the next one begins; 0: there is no more
};
struct HoldFilter {
  std::int32_t project = 0;  // 0: all
  model::Reason reason = model::Reason::Paused;
  std::string integration;  // of that integration, or empty
  std::optional<model::Queue> queue;
  std::int64_t after = 0,
               until = 0;  // ids above the first, up to the second; 0: the highest that is held now
};
struct Unheld {
  std::vector<Hint> hints;
  std::int64_t until = 0;  // of the filter, or what it came to
};
struct ReplayItem {
  std::int64_t delivery = 0;
  std::string params;       // replaces to[i].params when not empty (JSON object)
  std::string sealed{};     // the same sealed, when something in them is sensitive
  std::string address;      // replaces a raw address when not empty
  std::string integration;  // asked first when not empty
};
struct ReplayResult {
  std::int64_t delivery = 0;
  bool replayed = false;
  std::string why;
  model::Lane lane;
};
// For how long each class of what is stored is kept. Nothing that is not final goes.
struct Retention {
  Millis content{30LL * 86'400'000};  // bodies of notifications, messages of the sandbox
  Millis events{30LL * 86'400'000};   // business events among the dead letters
  Millis webhooks{7LL * 86'400'000};  // what webhooks were told, and what waits for them
  Millis notifications{90LL * 86'400'000}, audit{400LL * 86'400'000}, stats{400LL * 86'400'000};
};

// ---- people
using Profiles = std::vector<std::shared_ptr<const model::Profile>>;
struct UserKey {
  std::int32_t project = 0;
  std::string user_id;
  friend bool operator==(const UserKey&, const UserKey&) = default;
};
struct Group {
  std::int64_t id = 0;
  std::int32_t project = 0;
  std::string key{}, name{};
  std::int64_t members = 0;
  Time created_at{}, updated_at{};
};
inline constexpr std::int64_t kNow = INT64_MAX;  // as a moment: what is so now
struct MembersQuery {
  std::vector<AudienceGroup> groups;  // at most 1,000
  std::int64_t moment = kNow;         // of DueExpansion
  std::string after;                  // user_id; empty: from the first
  std::string until{};                // the last one wanted; empty: to the end
  std::size_t limit = 200;            // 1 to 1,024
};
struct Member {
  std::string user_id;
  std::size_t entry = 0;  // the lowest of the groups that hold this user
  bool has_left = false;  // was in at that moment and is in none of the groups now
};
struct MembershipChange {
  std::int64_t changed = 0;  // users who were not (or were) in it before
  Group group;               // as it is afterwards
};
struct ProfileChange {
  Actor actor;         // for audit and preference log
  std::string source;  // "api" "client" "page" "unsubscribe" "cli" "callback" "import"
  bool is_preference_change = false;
  bool unique_email = false;
  // An anonymous user who stood for a device of this profile: removed in the same transaction, if there.
  std::string claims{};
  // False: what a phone says of itself, which is nobody's administering.
  bool is_audited = true;
};
struct PutProfileResult {
  std::int64_t version = 0;
  std::vector<std::string> moved_from;
};
struct TokenOwner {
  std::string user_id;
  model::Device device;
};
struct PreferenceChange {
  Time at{};
  std::string actor, source, change;
  std::int64_t id = 0;
};  // change: JSON
struct AddressKey {
  model::Channel channel = model::Channel::Email;
  base::Hash128 hash{};
};
struct Suppression {
  std::int64_t id = 0;
  std::int32_t project = 0;
  model::Channel channel = model::Channel::Email;
  base::Hash128 hash{};
  std::string hint;    // masked address for people: "a…@example.com"
  std::string reason;  // hard_bounce complaint stop manual
  Time at{};
};

}  // namespace carillon::store
