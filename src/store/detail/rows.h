// Rows of the hot tables as values, and back. Column lists and readers that belong together.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "model/notification.h"
#include "store/detail/db.h"
#include "store/detail/words.h"
#include "store/store_types.h"
#include "store/store_views.h"

namespace carillon::store::detail {

inline constexpr std::int64_t kFlagSandbox = 1;
inline constexpr std::int64_t kFlagCancelled = 2;
inline constexpr std::int64_t kFlagCounted = 2;   // of a delivery: its notification keeps counts
inline constexpr std::int64_t kFlagFallback = 4;  // of a delivery: one of several steps
inline constexpr std::int64_t kFlagChunked = 4;   // its deliveries are listed in `chunk`
inline constexpr std::int64_t kFlagSensitive = 8;
inline constexpr std::int64_t kFlagErased = 16;

[[nodiscard]] constexpr std::int64_t pack(Owner owner) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(owner.node) << 32 | owner.epoch);
}
[[nodiscard]] constexpr Owner unpack_owner(std::int64_t v) noexcept {
  return Owner{static_cast<std::uint32_t>(static_cast<std::uint64_t>(v) >> 32),
               static_cast<std::uint32_t>(v)};
}
[[nodiscard]] constexpr model::Lane lane_at(std::int64_t index) noexcept {
  return model::Lane{static_cast<model::Queue>(index / static_cast<std::int64_t>(model::kPriorityCount)),
                     static_cast<model::Priority>(index % static_cast<std::int64_t>(model::kPriorityCount))};
}

// "SELECT " CARILLON_DELIVERY_COLUMNS " FROM delivery …", read by read_delivery(statement, words).
// `owner` is column 19, for those who want it.
#define CARILLON_DELIVERY_COLUMNS                                                                 \
  "id, notification, project, lane, status, reason, flags, epoch, attempts, due_at, expires_at, " \
  "to_index, resent, generation, claims_lost, integration, user_id, device_id, note, owner, "     \
  "provider_id, finished_at"
inline constexpr int kDeliveryOwnerColumn = 19;
model::Delivery read_delivery(const Statement& s, const Words& words);

// "SELECT " CARILLON_NOTIFICATION_COLUMNS " FROM notification …". The status is the stored one: Sending
// stays stored until housekeeping or for ever; see derive_status().
#define CARILLON_NOTIFICATION_COLUMNS                                                              \
  "id, project, app, status, priority, flags, category, template, template_version, accepted_at, " \
  "expires_at, send_at, first_delivery, delivery_count, event_id, body"
model::Notification read_notification(const Statement& s, const Words& words);

// What was accepted reads the same again; null only if the stored bytes do not make sense any more.
[[nodiscard]] std::shared_ptr<const model::SendRequest> parse_request(const std::string& body);

// What a stored `Sending` (or cancelled) notification really is: Completed when none of its deliveries
// is open. Completion is derived on reading, because writing it would cost every notification another
// row change; only expanded ones (kFlagChunked) are marked by housekeeping. At most one short range
// scan that ends at the first open delivery. Sets n.status.
Result<void> derive_status(Db& db, model::Notification& n);

}  // namespace carillon::store::detail
