// Pieces of housekeeping that need nothing but the transaction; true when there may be more to drop.
#pragma once

#include <string_view>

#include "store/detail/txn.h"

namespace carillon::store::detail {

// Members of deleted groups (groups.cpp).
Result<bool> drop_deleted_groups(Txn& txn);
// Parts of expansions that are over; true when there were some (expansions.cpp).
Result<bool> drop_parts(Txn& txn);
// Tells other processes that there is another state of what they hold in memory: "records", "schedules",
// "webhooks" or "news" (records.cpp).
Result<void> note_change(Txn& txn, std::string_view what);
// Kept answers past `now` (records.cpp).
Result<bool> trim_answers(Txn& txn, Time now);
// The audit trail before `before` (audit.cpp).
Result<bool> trim_audit(Txn& txn, Time before);
// Alerts resolved before `before`, with their notices (alerts.cpp).
Result<bool> drop_alerts(Txn& txn, Time before);
// Jobs made before `before` that have ended, and their errors (jobs.cpp).
Result<bool> drop_jobs(Txn& txn, Time before);
// Whether nothing of a notification may be sent any more; true also when it is gone (privacy.cpp).
Result<bool> is_over(Txn& txn, std::int64_t notification);
// What is sealed of those that have ended, or are gone (privacy.cpp). `after`: the last id looked at.
Result<bool> wipe_sealed(Txn& txn, std::int64_t& after);
// The same of one notification, if it has ended; and of the delivery by which it may have.
Result<void> wipe_if_over(Txn& txn, std::int64_t notification);
Result<void> wipe_if_final(Txn& txn, const model::Delivery& delivery);
// Events that were kept as dead letters before `before` (event_letters.cpp).
Result<bool> drop_event_letters(Txn& txn, Time before);
// The same of records (ingest.cpp).
Result<bool> drop_record_letters(Txn& txn, Time before);
// What processes told of themselves that nobody asks for any more (telemetry.cpp).
Result<bool> drop_telemetry(Txn& txn, Time now);
// How a member signed in, where, and the invitation (sessions.cpp).
Result<void> forget_member(Txn& txn, std::string_view member);

}  // namespace carillon::store::detail
