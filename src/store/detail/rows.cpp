#include "store/detail/rows.h"

#include "base/json.h"

namespace carillon::store::detail {

model::Delivery read_delivery(const Statement& s, const Words& words) {
  model::Delivery d;
  d.id = s.integer(0);
  d.notification = s.integer(1);
  d.project = s.as<std::int32_t>(2);
  const model::Lane lane = lane_at(s.integer(3));
  d.queue = lane.queue;
  d.priority = lane.priority;
  d.status = s.as<model::DeliveryStatus>(4);
  d.reason = s.as<model::Reason>(5);
  d.is_sandbox = (s.integer(6) & kFlagSandbox) != 0;
  d.is_counted = (s.integer(6) & kFlagCounted) != 0;
  d.is_fallback = (s.integer(6) & kFlagFallback) != 0;
  d.epoch = s.as<std::uint32_t>(7);
  d.attempts = s.as<std::uint16_t>(8);
  d.due_at = s.optional_time(9);
  d.expires_at = s.optional_time(10);
  d.to_index = s.as<std::uint16_t>(11);
  d.resent = s.as<std::uint16_t>(12);
  d.generation = s.as<std::uint16_t>(13);
  d.claims_lost = s.as<std::uint16_t>(14);
  d.integration = words.text(s.integer(15));
  d.user_id = s.text(16);
  d.device_id = s.text(17);
  d.note = s.text(18);
  if (s.is_text(20)) d.provider_id = s.text(20);  // a blob is room for one that is to come
  d.finished_at = s.optional_time(21);
  return d;
}

model::Notification read_notification(const Statement& s, const Words& words) {
  model::Notification n;
  n.id = s.integer(0);
  n.project = s.as<std::int32_t>(1);
  n.app = s.integer(2);
  n.status = s.as<model::NotificationStatus>(3);
  n.priority = s.as<model::Priority>(4);
  const std::int64_t flags = s.integer(5);
  n.is_sandbox = (flags & kFlagSandbox) != 0;
  n.is_cancelled = (flags & kFlagCancelled) != 0;
  n.is_sensitive = (flags & kFlagSensitive) != 0;
  n.is_erased = (flags & kFlagErased) != 0;
  n.category = words.text(s.integer(6));
  n.template_key = words.text(s.integer(7));
  n.template_version = s.as<int>(8);
  n.accepted_at = s.time(9);
  n.expires_at = s.optional_time(10);
  n.send_at = s.optional_time(11);
  n.first_delivery = s.integer(12);
  n.delivery_count = s.as<std::int32_t>(13);
  n.event_id = s.text(14);
  n.body = s.text(15);
  return n;
}

std::shared_ptr<const model::SendRequest> parse_request(const std::string& body) {
  thread_local base::JsonDocument document;
  const auto root = document.parse(body);
  if (!root) return nullptr;
  base::Problems problems;
  auto request =
      std::make_shared<const model::SendRequest>(model::read_send_request(*root, std::nullopt, "", problems));
  return problems.empty() ? std::move(request) : nullptr;
}

Result<void> derive_status(Db& db, model::Notification& n) {
  if (n.status != model::NotificationStatus::Sending) return {};
  if (n.first_delivery == 0) {
    // Expanded in chunks: housekeeping marks it a little later. One without any delivery has no row.
    Statement s = db.statement(
        "SELECT 1 FROM notification_count WHERE notification = ?1 AND status < 4 GROUP BY status HAVING "
        "sum(n) > 0 LIMIT 1");
    CARILLON_TRY(const bool is_open, s.bind(1, n.id).next());
    if (!is_open) n.status = model::NotificationStatus::Completed;
    return {};
  }
  Statement s = db.statement("SELECT 1 FROM delivery WHERE id >= ?1 AND id < ?2 AND status < 4 LIMIT 1");
  s.bind(1, n.first_delivery).bind(2, n.first_delivery + n.delivery_count);
  CARILLON_TRY(const bool is_open, s.next());
  if (!is_open) n.status = model::NotificationStatus::Completed;
  return {};
}

}  // namespace carillon::store::detail
