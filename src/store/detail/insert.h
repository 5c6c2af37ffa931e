// Inserting deliveries, with the caps that decide over them: shared by accept and expand.
#pragma once

#include <span>
#include <vector>

#include "base/crypto.h"
#include "model/notification.h"
#include "store/detail/rows.h"
#include "store/detail/txn.h"
#include "store/store_types.h"
#include "store/store_views.h"

namespace carillon::store::detail {

// What the roll-ups need to know of a notification.
struct Origin {
  std::int64_t app = 0;
  std::uint32_t category = 0, template_key = 0;  // words
};

// Of a stored one; without anything when it is gone.
Result<Origin> load_origin(Txn& txn, std::int64_t notification);

// Charges the caps in order and changes the deliveries that are over: held until a token frees (the
// token of that moment is reserved) or suppressed. `charged_at`: now. Returns the indices changed.
Result<std::vector<std::size_t>> charge_caps(Txn& txn, const base::KeyedHash& hash,
                                             std::span<const CapCharge> caps,
                                             std::vector<model::Delivery>& deliveries, Time now);

// Pending, and nothing to wait for.
[[nodiscard]] inline bool is_due(const model::Delivery& d, Time now) {
  return d.status == model::DeliveryStatus::Pending && d.due_at.value_or(now) <= now;
}

// Its deliveries are made later, in chunks.
[[nodiscard]] constexpr bool is_chunked(model::NotificationStatus status) noexcept {
  return status == model::NotificationStatus::AwaitingApproval ||
         status == model::NotificationStatus::Scheduled || status == model::NotificationStatus::Expanding;
}
// As stored.
[[nodiscard]] inline std::int64_t flags_of(const model::Notification& n) noexcept {
  return (n.is_sandbox ? kFlagSandbox : 0) | (n.is_cancelled ? kFlagCancelled : 0) |
         (is_chunked(n.status) ? kFlagChunked : 0) | (n.is_sensitive ? kFlagSensitive : 0);
}
[[nodiscard]] inline std::int64_t flags_of(const model::Delivery& d) noexcept {
  return (d.is_sandbox ? kFlagSandbox : 0) | (d.is_counted ? kFlagCounted : 0) |
         (d.is_fallback ? kFlagFallback : 0);
}
// Whom a chunked one reaches: the groups as they are at this commit.
Result<void> insert_expansion(Txn& txn, std::int64_t notification, std::span<const AudienceGroup> audience,
                              std::int64_t recipients);
Result<void> insert_approval(Txn& txn, const Approval& approval);
// Counts the send's recipients into its app's and category's hour; false: they do not fit, and are not
// counted.
Result<bool> take_share(Txn& txn, const model::Notification& notification, const ApprovalShare& share,
                        Time now);
// The one that is open, if one is.
Result<void> void_approval(Txn& txn, std::int64_t notification, std::string_view by, Time now);

// How many of its deliveries are in each state, of any notification.
Result<StatusCounts> counts_of(Db& db, std::int64_t notification);

// Moves an open, unclaimed row to another state. `d` is as read; status and reason are the new ones.
Result<void> move_row(Txn& txn, const model::Delivery& d, model::DeliveryStatus from, Time now);
// The request that holds what is sensitive. write_: in the place of another; empty: none.
Result<void> insert_sealed(Txn& txn, std::int64_t id, std::string_view sealed);
Result<void> write_sealed(Txn& txn, std::int64_t id, std::string_view sealed);
// Whom it names, in the place of others.
Result<void> write_named(Txn& txn, std::int64_t item, std::span<const Naming> named);
// The notification needs these objects (objects.cpp). Errors: Conflict (one of them is gone).
Result<void> pin_objects(Txn& txn, std::int64_t notification, std::span<const std::int64_t> objects);

// Adds one event to the hourly roll-up, unless it is a sandbox delivery.
void roll_up(Txn& txn, const model::Delivery& delivery, const Origin& origin, std::uint8_t event, Time now);
inline void roll_up(Txn& txn, const model::Delivery& delivery, const Origin& origin,
                    model::DeliveryStatus status, Time now) {
  roll_up(txn, delivery, origin, stat_event(status), now);
}

}  // namespace carillon::store::detail
