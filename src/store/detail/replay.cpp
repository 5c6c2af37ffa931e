// replay(): dead, failed and unknown deliveries go back to pending, audited.
#include "base/ids.h"
#include "base/json.h"
#include "model/address.h"
#include "store/detail/insert.h"
#include "store/detail/letters.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

// The note with this replay's time and what it changes:
// {"replayed_at":"…","changes":{"params":{…},"address":"…", "integration":"…"}}, with "sealed":true for
// parameters that are kept sealed; what it held before stays,
// earlier changes are replaced by new ones.
Result<std::string> changed_note(const std::string& note, const ReplayItem& item, Time now) {
  const bool has_changes =
      !item.params.empty() || !item.sealed.empty() || !item.address.empty() || !item.integration.empty();
  base::JsonWriter out;
  out.object().field("replayed_at", to_rfc3339(now));
  base::JsonDocument document;
  if (!note.empty()) {
    CARILLON_TRY(const base::JsonElement old, document.parse(note));
    if (old.is_object()) {
      for (const auto& [key, value] : base::JsonObject(old)) {
        if (key != "replayed_at" && (key != "changes" || !has_changes)) out.key(key).element(value);
      }
    }
  }
  if (!has_changes) {
    out.end_object();
    return out.str();
  }
  out.key("changes").object();
  if (!item.sealed.empty()) {
    out.field("sealed", true);
  } else if (!item.params.empty()) {
    out.key("params").raw(item.params);
  }
  out.field_if("address", item.address).field_if("integration", item.integration);
  out.end_object().end_object();
  return out.str();
}

bool is_replayable(model::DeliveryStatus status) noexcept {
  return status == model::DeliveryStatus::Dead || status == model::DeliveryStatus::Failed ||
         status == model::DeliveryStatus::Unknown;
}

// Empty: it can be sent again.
Result<std::string> why_not(Db& db, const model::Delivery& d, const ReplayItem& item) {
  Statement n = db.statement(
      "SELECT flags, body = '', template IS NOT NULL, EXISTS (SELECT 1 FROM sealed WHERE id = ?1) "
      "FROM notification WHERE id = ?1");
  CARILLON_TRY(const bool has_notification, n.bind(1, d.notification).next());
  if (!is_replayable(d.status)) return "not_replayable";
  if (!has_notification) return "not_found";
  const std::int64_t flags = n.integer(0);
  if ((flags & kFlagCancelled) != 0) return "cancelled";
  if (n.integer(1) != 0 || (flags & kFlagErased) != 0) return "content_gone";
  const bool is_wiped = (flags & kFlagSensitive) != 0 && n.integer(3) == 0;
  const bool can_be_given_anew = n.integer(2) != 0;  // parameters of a template, not what was said inline
  if (is_wiped && !(can_be_given_anew && (!item.params.empty() || !item.sealed.empty())))
    return "sensitive_wiped";
  return "";
}

// Normalises the address that is given instead; empty: the channel can reach it.
std::string why_not_there(model::Channel channel, std::string& address) {
  if (address.empty()) return "";
  const bool is_email = channel == model::Channel::Email;
  if (!is_email && channel != model::Channel::Sms && channel != model::Channel::Voice) return "";
  auto normal = is_email ? model::normalize_email(address) : model::normalize_phone(address);
  if (!normal) return is_email ? "invalid_email" : "invalid_phone";
  address = std::move(*normal);
  return "";
}

Result<void> write_row(Txn& txn, const model::Delivery& d, const Actor& actor, Time now) {
  Statement s = txn.db.statement(
      "UPDATE delivery SET status = 0, reason = 0, attempts = 0, due_at = ?2, finished_at = NULL, "
      "generation = ?3, claims_lost = NULL, note = ?4, integration = ?5, expires_at = ?6 WHERE id = ?1");
  s.bind(1, d.id).bind(2, d.due_at).bind(3, static_cast<std::int64_t>(d.generation)).bind_or_null(4, d.note);
  s.bind_or_null(5, txn.words.id(d.integration)).bind(6, d.expires_at);
  CARILLON_CHECK(s.run());
  CARILLON_CHECK(end_letters_of(txn, d.id, kReplayed, actor.name, now));
  if (d.is_counted) {
    CARILLON_CHECK(txn.db
                       .statement("INSERT INTO expansion(notification, is_done, moment, audience) "
                                  "VALUES(?1, 1, 0, ?2) ON CONFLICT DO NOTHING")
                       .bind(1, d.notification)
                       .bind_blob(2, {})
                       .run());
  }
  // Open again, whatever housekeeping had marked.
  return txn.db.statement("UPDATE notification SET status = 4 WHERE id = ?1 AND status = 6")
      .bind(1, d.notification)
      .run();
}

}  // namespace

Task<Result<std::vector<ReplayResult>>> SqlStore::replay(std::vector<ReplayItem> items, Actor actor,
                                                         Time now) {
  const std::size_t rows = items.size() * 3;
  const auto replay_one = [this, actor = std::move(actor), now](Txn& txn,
                                                                ReplayItem item) -> Result<ReplayResult> {
    ReplayResult result;
    result.delivery = item.delivery;
    Statement s = txn.db.statement("SELECT " CARILLON_DELIVERY_COLUMNS " FROM delivery WHERE id = ?1");
    CARILLON_TRY(const bool has_row, s.bind(1, item.delivery).next());
    if (!has_row) {
      result.why = "not_found";
      return result;
    }
    model::Delivery d = read_delivery(s, words_);
    CARILLON_TRY(result.why, why_not(txn.db, d, item));
    if (result.why.empty()) result.why = why_not_there(model::channel_of(d.queue), item.address);
    if (!result.why.empty()) return result;
    const model::DeliveryStatus from = std::exchange(d.status, model::DeliveryStatus::Pending);
    ++d.generation;
    d.due_at = now;
    // A person asked for it after its time had passed: it is not to expire at once.
    if (d.expires_at && *d.expires_at <= now) d.expires_at.reset();
    if (!item.integration.empty()) d.integration = item.integration;
    CARILLON_TRY(d.note, changed_note(d.note, item, now));
    CARILLON_CHECK(write_row(txn, d, actor, now));
    if (!item.sealed.empty()) CARILLON_CHECK(write_sealed(txn, d.id, item.sealed));
    txn.count_move(d, from, d.status);
    CARILLON_CHECK(tell_delivery(txn, d, model::WebhookEvent::DeliveryReplayed, now));
    txn.after_commit([this, id = d.notification] { notification_cache_->erase(id); });
    AuditEntry audit;
    audit.project = d.project;
    audit.at = now;
    audit.actor = actor;
    audit.action = "delivery.replay";
    audit.object = base::id_text(base::kDeliveryPrefix, d.id);
    CARILLON_CHECK(insert_audit(txn, audit));
    result.replayed = true;
    result.lane = d.lane();
    return result;
  };
  auto call = [items = std::move(items), replay_one](Txn& txn) -> Result<std::vector<ReplayResult>> {
    std::vector<ReplayResult> results;
    for (const ReplayItem& item : items) {
      CARILLON_TRY(ReplayResult result, replay_one(txn, item));
      results.push_back(std::move(result));
    }
    return results;
  };
  co_return co_await write(std::move(call), JobClass::Other, rows);
}

}  // namespace carillon::store::detail
