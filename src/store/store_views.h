// What is read back out of the Store: pages of history, counters, records.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "model/channel.h"
#include "model/notification.h"
#include "model/receipt.h"
#include "model/status.h"
#include "store/actor.h"

namespace carillon::store {

// ---- looking
struct ListPage {
  std::int64_t after = 0;  // id of the last row seen; 0: from the newest
  std::size_t limit = 50;  // 1 to 200
  std::string after_key;   // for lists ordered by key
};
struct HistoryFilter {
  std::int32_t project = 0;
  std::int64_t app = 0;  // 0: any
  std::int64_t after = 0;
  std::size_t limit = 50;
  std::optional<Time> from, until;
  std::string event_id, user_id, category;
  std::int64_t address_key = 0;
  std::optional<model::Channel> channel;
  std::vector<model::DeliveryStatus> statuses;
  std::optional<model::NotificationStatus> notification_status;
};
// How far a notification is whose deliveries are made in chunks.
struct ExpansionProgress {
  std::int64_t expanded = 0;    // recipients whose deliveries are there
  std::int64_t recipients = 0;  // of AcceptItem; 0: not known
};
using StatusCounts = std::array<std::int64_t, model::kDeliveryStatusCount>;  // by status
struct NotificationPage {
  std::vector<model::Notification> rows;
  std::int64_t next = 0;
};  // next 0: the end
struct DeliveryPage {
  std::vector<model::Delivery> rows;
  std::int64_t next = 0;
};
// What was reported of a delivery: the first of its kind, and how often.
struct StoredReceipt {
  model::ReceiptKind kind = model::ReceiptKind::Delivered;
  std::uint16_t generation = 0;
  Time at{}, last_at{};
  std::int64_t n = 1;
  std::string integration, code, detail;
};
// How a dead letter was closed.
struct LetterEnd {
  std::string how{};  // "replayed" "republished" "discarded" "settled" (a receipt told); empty: it is open,
                      // or was closed by an earlier version
  std::string by{}, reason{};
  std::optional<Time> at{};
};
struct DeadLetter {
  std::int64_t id = 0, delivery = 0, notification = 0;
  model::Queue queue = model::Queue::None;
  // kind: "delivery" "event" "record"; only the first has delivery and queue
  std::string kind, reason, error;
  Time at{};
  bool is_closed = false;
  LetterEnd end{};
  std::int64_t app = 0;  // whose notification, event or record; 0: a management key's, or it is gone
};
struct DeliveryDetail {
  model::Delivery delivery;
  std::vector<model::Attempt> attempts;
  std::vector<StoredReceipt> receipts;  // in order of `at`
  std::optional<DeadLetter> letter{};   // the newest
};
// A user whom something names that has no deliveries by which it would be found.
struct Naming {
  std::int64_t user_key = 0;  // a hash of the user, of the caller's making
  std::int32_t entry = 0;     // of `to`
  friend auto operator<=>(const Naming&, const Naming&) = default;
};
// A dead letter of kind "event": what a rule could not turn into a notification.
struct EventLetter {
  std::int64_t id = 0;  // given by the store
  std::int32_t project = 0;
  std::int64_t app = 0;  // who posted it; 0: a management key
  bool is_test = false;  // with a test key
  std::string rule;
  std::string reason, error;  // the problem's code; its words
  std::string event;          // JSON, or sealed
  base::Hash128 hash{};       // of app, rule and event
  Time at{};
  bool is_closed = false;
  std::int64_t notification = 0;  // what it became when it was replayed; 0: nothing yet
  std::vector<Naming> named{};
};
struct KeptLetter {
  std::int64_t id = 0;
  bool was_replayed = false;      // this event is done: nothing was written
  std::int64_t notification = 0;  // what it became; 0: nothing
};
struct DeadLetterPage {
  std::vector<DeadLetter> rows;
  std::int64_t next = 0;
};
struct OutageQuery {
  std::int32_t project = 0;
  model::Queue queue = model::Queue::None;
  std::int64_t after = 0;   // id of the last letter seen; 0: from the oldest
  std::size_t limit = 256;  // 1 to 1,024
};
struct CounterRow {
  std::int32_t project = 0;
  model::Queue queue = model::Queue::None;
  model::Priority priority = model::Priority::Normal;
  bool is_sandbox = false;
  std::optional<model::DeliveryStatus> status;  // nullopt: accepted
  std::int64_t n = 0;
};
struct LaneDepth {
  model::Lane lane;
  std::int64_t ready = 0, retrying = 0, held = 0, in_flight = 0, dead = 0;
  std::optional<Time> oldest_due;
};
struct StatsQuery {
  std::int32_t project = 0;
  Time from{}, until{};
};
struct StatsRow {
  Time hour{};
  std::int64_t app = 0;
  std::string category, template_key, integration;
  model::Channel channel = model::Channel::Push;
  model::DeliveryStatus status = model::DeliveryStatus::Sent;
  std::optional<model::ReceiptKind> engagement{};  // set: what was reported, instead of a status
  std::int64_t n = 0;
};

// Users whose e-mail address, or else phone number, lies between two texts, by its bytes.
struct AddressQuery {
  std::int32_t project = 0;
  bool is_phone = false;
  std::string first, last;                // both included; as they are stored: normalised
  std::string after_address, after_user;  // of the last one seen; empty: from `first`
  std::size_t limit = 50;                 // 1 to 200
};

// ---- records
struct RecordKey {
  std::string kind;          // "app" "key" "category" "template" "template_version" "integration" …
  std::int32_t project = 0;  // 0: of the installation
  std::string key;
};
struct Record {
  RecordKey key;
  std::int64_t id = 0;  // ascending over all records
  std::int64_t version = 0;
  std::string data;  // JSON; secrets in it are sealed
  Time created_at{}, updated_at{};
};
struct AuditEntry {
  std::int64_t id = 0;
  std::int32_t project = 0;
  Time at{};
  Actor actor;
  std::string action, object;  // "app.update" of "shop"
  std::string detail;          // JSON object, or empty
};
struct AuditFilter {
  std::int32_t project = 0;                     // 0: of the installation
  std::string actor{}, object{}, request_id{};  // whole; empty: any
  std::string action{};                         // whole, or its noun: "app" for "app.update"
  std::optional<Time> from{}, until{};          // until: before
};
struct AuditPage {
  std::vector<AuditEntry> rows;
  std::int64_t next = 0;  // 0: the end
};
struct SandboxMessage {
  std::int64_t id = 0;
  std::int32_t project = 0;
  std::int64_t delivery = 0, notification = 0;
  model::Channel channel = model::Channel::Push;
  std::string to;       // the address as text
  std::string content;  // JSON
  Time at{};
};

}  // namespace carillon::store
