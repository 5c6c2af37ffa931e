// What is reported about deliveries after they were sent.
#include "base/crypto.h"
#include "store/detail/insert.h"
#include "store/detail/letters.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

using model::DeliveryEvent;
using model::DeliveryStatus;
using model::Reason;
using model::ReceiptKind;

constexpr std::int64_t kWaitingRows = 200;  // looked at per transaction

std::optional<DeliveryEvent> event_of(ReceiptKind kind) noexcept {
  switch (kind) {
    case ReceiptKind::Sent: return DeliveryEvent::EvidenceSent;
    case ReceiptKind::Delivered: return DeliveryEvent::ReceiptDelivered;
    case ReceiptKind::Undelivered:
    case ReceiptKind::Bounced: return DeliveryEvent::ReceiptFailed;
    case ReceiptKind::Complained:
    case ReceiptKind::Unsubscribed:
    case ReceiptKind::Resubscribed:
    case ReceiptKind::Opened:
    case ReceiptKind::Clicked:
    case ReceiptKind::Converted: return std::nullopt;
  }
  return std::nullopt;
}

Reason reason_of(ReceiptKind kind) noexcept {
  if (kind == ReceiptKind::Bounced) return Reason::Bounced;
  return kind == ReceiptKind::Undelivered ? Reason::Undelivered : Reason::None;
}

// Why the address is suppressed from then on; empty: it is not.
std::string_view suppression_of(ReceiptKind kind) noexcept {
  if (kind == ReceiptKind::Bounced) return "hard_bounce";
  if (kind == ReceiptKind::Complained) return "complaint";
  return kind == ReceiptKind::Unsubscribed ? "stop" : "";
}

// Vendors lengthen the id a send was answered with ("abc" → "abc.filter1"), so either may begin the other.
bool is_same_message(std::string_view a, std::string_view b) noexcept {
  return a.empty() || b.empty() || a.starts_with(b) || b.starts_with(a);
}

Result<std::optional<model::Delivery>> load_delivery(Txn& txn, std::int64_t id) {
  Statement s = txn.db.statement("SELECT " CARILLON_DELIVERY_COLUMNS " FROM delivery WHERE id = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, id).next());
  if (!has_row) return std::nullopt;
  return read_delivery(s, txn.words);
}

// True: the first of its kind.
Result<bool> insert_receipt(Txn& txn, const model::Delivery& d, const ReceiptItem& item, bool is_waiting) {
  const model::Receipt& r = item.receipt;
  Statement s = txn.db.statement(
      "INSERT INTO receipt(delivery, generation, kind, at, last_at, n, is_waiting, integration, "
      "provider_id, code, detail) VALUES(?1, ?2, ?3, ?4, ?4, 1, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING");
  s.bind(1, d.id).bind(2, std::int64_t{d.generation}).bind(3, static_cast<std::int64_t>(r.kind));
  s.bind(4, r.at).bind(5, std::int64_t{is_waiting}).bind_or_null(6, txn.words.id(item.integration));
  s.bind_or_null(7, r.provider_id).bind_or_null(8, r.code).bind_or_null(9, r.detail);
  CARILLON_CHECK(s.run());
  if (txn.db.changes() == 1) return true;
  // It happens once, however often it is told.
  if (!model::is_engagement(r.kind)) return false;
  // A vendor that repeats a report gives the same time; another opening has one of its own.
  Statement again = txn.db.statement(
      "UPDATE receipt SET n = n + 1, last_at = ?4 WHERE delivery = ?1 AND generation = ?2 AND kind = ?3 AND "
      "last_at < ?4");
  again.bind(1, d.id).bind(2, std::int64_t{d.generation}).bind(3, static_cast<std::int64_t>(r.kind));
  CARILLON_CHECK(again.bind(4, r.at).run());
  return false;
}

}  // namespace

class SqlReceipts final : public ReceiptStore {
 public:
  explicit SqlReceipts(SqlStore& store) : store_(store) {}

  Task<Result<std::vector<ReceiptResult>>> add(std::vector<ReceiptItem> items, Time now) override {
    const std::size_t rows = items.size() * 3;
    auto call = [this, items = std::move(items), now](Txn& txn) -> Result<std::vector<ReceiptResult>> {
      std::vector<ReceiptResult> results;
      results.reserve(items.size());
      for (const ReceiptItem& item : items) {
        CARILLON_TRY(ReceiptResult result, add_one(txn, item, now));
        results.push_back(result);
      }
      return results;
    };
    co_return co_await store_.write(std::move(call), JobClass::Other, rows);
  }

  Task<Result<bool>> apply_waiting(Time now) override {
    // Asked every few seconds, and most of the time there is none.
    const auto look = [](Db& db) {
      return db.scalar(
          "SELECT EXISTS(SELECT 1 FROM receipt INDEXED BY receipt_waiting WHERE is_waiting = 1)");
    };
    CARILLON_CO_TRY(const std::int64_t has_any, co_await store_.look(look));
    if (has_any == 0) co_return false;
    auto call = [this, now](Txn& txn) { return apply_piece(txn, now); };
    co_return co_await store_.write(std::move(call), JobClass::Other, static_cast<std::size_t>(kWaitingRows));
  }

 private:
  struct Waiting {
    std::int64_t delivery = 0;
    std::uint16_t generation = 0;
    ReceiptKind kind{};
    std::string provider_id;
  };

  Result<ReceiptResult> add_one(Txn& txn, const ReceiptItem& item, Time now) {
    ReceiptResult result;
    if (item.receipt.delivery == 0) {
      result.is_known = true;
      CARILLON_TRY(result.is_new, change_suppression(txn, item, now));
      return result;
    }
    CARILLON_TRY(const auto d, load_delivery(txn, item.receipt.delivery));
    if (!d || d->project != item.project) return result;
    result.is_known = true;
    const bool is_waiting = event_of(item.receipt.kind) && !model::is_final(d->status);
    CARILLON_TRY(result.is_new, insert_receipt(txn, *d, item, is_waiting));
    if (!result.is_new) return result;
    if (item.address) CARILLON_CHECK(change_suppression(txn, item, now));
    if (item.endpoint) {
      CARILLON_CHECK(
          store_.forget_endpoint(txn, UserKey{d->project, d->user_id}, d->device_id, *item.endpoint, now));
    }
    CARILLON_TRY(const Origin origin, load_origin(txn, d->notification));
    if (!event_of(item.receipt.kind)) {
      roll_up(txn, *d, origin, stat_event(item.receipt.kind), now);
      CARILLON_CHECK(tell_engagement(txn, *d, item.receipt.kind, item.receipt.at, now));
    } else if (!is_waiting) {
      CARILLON_TRY(result.to,
                   change_status(txn, *d, origin, item.receipt.kind, item.receipt.provider_id, now));
      if (result.to) result.from = d->status;
    }
    if (d->is_fallback) {
      const DeliveryStatus status = result.to.value_or(d->status);
      CARILLON_CHECK(store_.advance_fallback(txn, *d, status, item.receipt.kind, now));
    }
    return result;
  }

  // The status it has now; nullopt: as before.
  Result<std::optional<DeliveryStatus>> change_status(Txn& txn, model::Delivery d, const Origin& origin,
                                                      ReceiptKind kind, std::string_view provider_id,
                                                      Time now) {
    const auto event = event_of(kind);
    const auto to = event ? model::next(d.status, *event) : std::nullopt;
    const bool is_earlier_call =
        *event == DeliveryEvent::ReceiptFailed && !is_same_message(provider_id, d.provider_id);
    if (!to || is_earlier_call) return std::nullopt;
    const DeliveryStatus from = d.status;
    Statement s = txn.db.statement(
        "UPDATE delivery SET status = ?2, reason = ?3, finished_at = coalesce(finished_at, ?4) WHERE id = "
        "?1");
    s.bind(1, d.id).bind(2, static_cast<std::int64_t>(*to));
    CARILLON_CHECK(s.bind(3, static_cast<std::int64_t>(reason_of(kind))).bind(4, now).run());
    if (from == DeliveryStatus::Unknown) {
      CARILLON_CHECK(end_letters_of(txn, d.id, kSettled, "system", now));
    }
    txn.count_move(d, from, *to);
    roll_up(txn, d, origin, *to, now);
    d.status = *to;
    d.reason = reason_of(kind);
    CARILLON_CHECK(tell_status(txn, d, now));
    txn.after_commit([this, id = d.notification] { store_.notification_cache_->erase(id); });
    return to;
  }

  // True: something changed.
  Result<bool> change_suppression(Txn& txn, const ReceiptItem& item, Time now) {
    if (!item.address) return false;
    Suppression suppression{.project = item.project,
                            .channel = item.address->channel,
                            .hash = item.address->hash,
                            .hint = item.hint,
                            .reason = std::string(suppression_of(item.receipt.kind)),
                            .at = now};
    if (!suppression.reason.empty()) {
      CARILLON_TRY(const bool is_new, store_.insert_suppression(txn, suppression));
      if (!is_new) return false;
    } else if (item.receipt.kind == ReceiptKind::Resubscribed) {
      // What the recipient had asked for; an address that bounced stays where it is.
      Statement s = txn.db.statement(
          "DELETE FROM suppression WHERE project = ?1 AND channel = ?2 AND hash = ?3 AND reason = 'stop'");
      s.bind(1, std::int64_t{item.project}).bind(2, static_cast<std::int64_t>(item.address->channel));
      CARILLON_CHECK(s.bind(3, item.address->hash).run());
      if (txn.db.changes() == 0) return false;
      CARILLON_CHECK(tell_suppression(txn, suppression, true, now));
    } else {
      return false;
    }
    base::JsonWriter detail;
    detail.object().field_if("address", item.hint).field("reported", model::name(item.receipt.kind));
    detail.end_object();
    const std::string_view bytes(reinterpret_cast<const char*>(suppression.hash.data()),
                                 suppression.hash.size());
    CARILLON_CHECK(store_.insert_audit(
        txn, AuditEntry{.project = item.project,
                        .at = now,
                        .actor = "provider:" + item.integration,
                        .action = suppression.reason.empty() ? "suppression.remove" : "suppression.add",
                        .object = fmt::format("{}:{}", model::name(suppression.channel), base::hex(bytes)),
                        .detail = detail.str()}));
    return true;
  }

  Result<bool> apply_piece(Txn& txn, Time now) {
    std::vector<Waiting> rows;
    {
      Statement s = txn.db.statement(
          "SELECT delivery, generation, kind, provider_id FROM receipt INDEXED BY receipt_waiting WHERE "
          "is_waiting = 1 AND delivery > ?1 ORDER BY delivery LIMIT ?2");
      s.bind(1, looked_to_).bind(2, kWaitingRows);
      for (;;) {
        CARILLON_TRY(const bool has_row, s.next());
        if (!has_row) break;
        rows.push_back({s.integer(0), s.as<std::uint16_t>(1), s.as<ReceiptKind>(2), s.string(3)});
      }
    }
    const bool is_full = static_cast<std::int64_t>(rows.size()) == kWaitingRows;
    // Of one delivery there may be more than the piece had room for: they are met on the next round.
    looked_to_ = is_full ? rows.back().delivery - 1 : 0;
    if (is_full && rows.front().delivery == rows.back().delivery) looked_to_ = rows.back().delivery;
    bool has_applied = false;
    for (const Waiting& row : rows) {
      CARILLON_TRY(const bool is_applied, apply_row(txn, row, now));
      has_applied = has_applied || is_applied;
    }
    return is_full && has_applied;
  }

  Result<bool> apply_row(Txn& txn, const Waiting& row, Time now) {
    CARILLON_TRY(const auto d, load_delivery(txn, row.delivery));
    if (d && !model::is_final(d->status)) return false;
    Statement s = txn.db.statement(
        "UPDATE receipt SET is_waiting = 0 WHERE delivery = ?1 AND generation = ?2 AND kind = ?3");
    s.bind(1, row.delivery).bind(2, std::int64_t{row.generation});
    CARILLON_CHECK(s.bind(3, static_cast<std::int64_t>(row.kind)).run());
    if (!d) return true;
    CARILLON_TRY(const Origin origin, load_origin(txn, d->notification));
    CARILLON_TRY(const auto to, change_status(txn, *d, origin, row.kind, row.provider_id, now));
    if (d->is_fallback) {
      CARILLON_CHECK(store_.advance_fallback(txn, *d, to.value_or(d->status), row.kind, now));
    }
    return true;
  }

  SqlStore& store_;
  std::int64_t looked_to_ = 0;  // writer thread
};

std::unique_ptr<ReceiptStore> SqlStore::make_receipts() { return std::make_unique<SqlReceipts>(*this); }

}  // namespace carillon::store::detail
