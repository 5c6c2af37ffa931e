// What is sensitive, and what was said to a user who is forgotten: kept apart, and taken out of the file.
#include <algorithm>

#include "store/detail/insert.h"
#include "store/detail/lists.h"
#include "store/detail/overwriting.h"
#include "store/detail/pieces.h"
#include "store/detail/rows.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kSealedPiece = 500;  // rows looked at in one transaction

Result<void> remove_sealed(Txn& txn, std::int64_t id) {
  const Overwriting overwriting(txn.db);
  return txn.db.statement("DELETE FROM sealed WHERE id = ?1").bind(1, id).run();
}

}  // namespace

Result<bool> is_over(Txn& txn, std::int64_t notification) {
  Db& db = txn.db;
  // What one with many deliveries counts is written with the commit.
  const auto is_its = [notification](const auto& delta) { return delta.first.first == notification; };
  if (std::ranges::any_of(txn.notification_counts, is_its)) return false;
  Statement s = db.statement("SELECT " CARILLON_NOTIFICATION_COLUMNS " FROM notification WHERE id = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, notification).next());
  if (!has_row) return true;
  const auto status = s.as<model::NotificationStatus>(3);
  const std::int64_t first = s.integer(12), count = s.integer(13);
  if (status < model::NotificationStatus::Sending || status == model::NotificationStatus::Paused)
    return false;
  // What was cancelled may have deliveries that are not turned yet.
  Statement open = db.statement(
      "SELECT EXISTS (SELECT 1 FROM delivery WHERE id >= ?2 AND id < ?2 + ?3 AND status < 4) OR EXISTS "
      "(SELECT 1 FROM notification_count WHERE notification = ?1 AND status < 4 GROUP BY status HAVING "
      "sum(n) > 0) OR EXISTS (SELECT 1 FROM expansion WHERE notification = ?1 AND is_done = 0)");
  CARILLON_TRY(const bool has_answer, open.bind(1, notification).bind(2, first).bind(3, count).next());
  return has_answer && open.integer(0) == 0;
}

Result<void> insert_sealed(Txn& txn, std::int64_t id, std::string_view sealed) {
  Statement s = txn.db.statement("INSERT INTO sealed(id, data) VALUES(?1, ?2)");
  return s.bind(1, id).bind(2, sealed).run();
}

Result<void> write_sealed(Txn& txn, std::int64_t id, std::string_view sealed) {
  CARILLON_CHECK(remove_sealed(txn, id));
  return sealed.empty() ? Result<void>{} : insert_sealed(txn, id, sealed);
}

Result<void> write_named(Txn& txn, std::int64_t item, std::span<const Naming> named) {
  CARILLON_CHECK(txn.db.statement("DELETE FROM named WHERE item = ?1").bind(1, item).run());
  for (const Naming& one : named) {
    Statement s =
        txn.db.statement("INSERT INTO named(item, key, entry) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING");
    CARILLON_CHECK(s.bind(1, item).bind(2, one.user_key).bind(3, std::int64_t{one.entry}).run());
  }
  return {};
}

Result<void> wipe_if_final(Txn& txn, const model::Delivery& d) {
  if (d.generation > 0) CARILLON_CHECK(remove_sealed(txn, d.id));
  if (d.is_counted) return {};  // wiped when housekeeping completes it
  return wipe_if_over(txn, d.notification);
}

Result<void> wipe_if_over(Txn& txn, std::int64_t notification) {
  {
    Statement s = txn.db.statement("SELECT 1 FROM sealed WHERE id = ?1");
    CARILLON_TRY(const bool is_sealed, s.bind(1, notification).next());
    if (!is_sealed) return {};
  }
  CARILLON_TRY(const bool is_final, is_over(txn, notification));
  return is_final ? remove_sealed(txn, notification) : Result<void>{};
}

Result<bool> wipe_sealed(Txn& txn, std::int64_t& after) {
  std::vector<std::int64_t> ids;
  {
    Statement s = txn.db.statement("SELECT id FROM sealed WHERE id > ?1 ORDER BY id LIMIT ?2");
    s.bind(1, after).bind(2, kSealedPiece);
    CARILLON_TRY(ids, first_column(s));
  }
  bool has_wiped = false;
  for (const std::int64_t id : ids) {
    bool is_final = false;
    Statement d = txn.db.statement("SELECT status FROM delivery WHERE id = ?1");
    CARILLON_TRY(const bool is_delivery, d.bind(1, id).next());
    if (is_delivery) {
      is_final = model::is_final(d.as<model::DeliveryStatus>(0));
    } else {
      CARILLON_TRY(is_final, is_over(txn, id));
    }
    if (!is_final) continue;
    CARILLON_CHECK(remove_sealed(txn, id));
    has_wiped = true;
  }
  // A piece each time, round and round: nearly all of them wait for their time, and those that end are wiped
  // where they end.
  const bool has_more = static_cast<std::int64_t>(ids.size()) == kSealedPiece;
  after = has_more ? ids.back() : 0;
  return has_more && has_wiped;
}

class SqlPrivacy final : public PrivacyStore {
 public:
  explicit SqlPrivacy(SqlStore& store) : store_(store) {}

  Task<Result<std::string>> sealed(std::int64_t id) override;
  Task<Result<std::vector<NamedItem>>> named(NamedQuery query) override;
  Task<Result<void>> wipe_notifications(std::vector<WipedNotification> wiped, Time now) override;
  Task<Result<void>> erase_event_letter(std::int64_t id, std::string rest) override;

 private:
  Result<void> replace_body(Txn& txn, const WipedNotification& one);
  Result<void> wipe_delivery(Txn& txn, std::int64_t id, const Origin& origin, Time now);

  SqlStore& store_;
};

std::unique_ptr<PrivacyStore> SqlStore::make_privacy() { return std::make_unique<SqlPrivacy>(*this); }

Task<Result<std::string>> SqlPrivacy::sealed(std::int64_t id) {
  co_return co_await store_.look([id](Db& db) -> Result<std::string> {
    Statement s = db.statement("SELECT data FROM sealed WHERE id = ?1");
    CARILLON_TRY(const bool has_row, s.bind(1, id).next());
    return has_row ? s.string(0) : std::string();
  });
}

Task<Result<std::vector<NamedItem>>> SqlPrivacy::named(NamedQuery query) {
  co_return co_await store_.read([query](Db& db) -> Result<std::vector<NamedItem>> {
    std::vector<NamedItem> items;
    Statement s = db.statement(
        "SELECT DISTINCT item FROM named WHERE key = ?1 AND item < ?2 ORDER BY item DESC LIMIT ?3");
    s.bind(1, query.user_key).bind(2, query.before).bind(3, static_cast<std::int64_t>(query.limit));
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return items;
      NamedItem& item = items.emplace_back();
      item.item = s.integer(0);
      Statement e = db.statement("SELECT entry FROM named WHERE item = ?1 AND key = ?2 ORDER BY entry");
      e.bind(1, item.item).bind(2, query.user_key);
      for (;;) {
        CARILLON_TRY(const bool has_entry, e.next());
        if (!has_entry) break;
        item.entries.push_back(e.as<std::int32_t>(0));
      }
    }
  });
}

Result<void> SqlPrivacy::replace_body(Txn& txn, const WipedNotification& one) {
  Statement n =
      txn.db.statement("UPDATE notification SET body = ?3, flags = flags | ?4 WHERE id = ?1 AND body = ?2");
  n.bind(1, one.id).bind(2, one.expected_body).bind(3, one.body).bind(4, one.is_erased ? kFlagErased : 0);
  CARILLON_CHECK(n.run());
  if (txn.db.changes() == 0) {
    // Gone or past its retention is as good.
    Statement s = txn.db.statement("SELECT 1 FROM notification WHERE id = ?1 AND body <> ''");
    CARILLON_TRY(const bool was_changed, s.bind(1, one.id).next());
    if (was_changed) return fail(Errc::Conflict, "a notification was changed meanwhile");
  }
  return write_sealed(txn, one.id, one.sealed);
}

Result<void> SqlPrivacy::wipe_delivery(Txn& txn, std::int64_t id, const Origin& origin, Time now) {
  std::optional<model::Delivery> open;
  {
    Statement s = txn.db.statement("SELECT " CARILLON_DELIVERY_COLUMNS " FROM delivery WHERE id = ?1");
    CARILLON_TRY(const bool has_row, s.bind(1, id).next());
    if (!has_row) return {};
    model::Delivery d = read_delivery(s, store_.words_);
    if (!model::is_final(d.status) && d.status != model::DeliveryStatus::Processing) open = std::move(d);
  }
  if (open) {
    const model::DeliveryStatus was = std::exchange(open->status, model::DeliveryStatus::Suppressed);
    open->reason = model::Reason::UserDeleted;
    CARILLON_CHECK(move_row(txn, *open, was, now));
    roll_up(txn, *open, origin, open->status, now);
  }
  // Of what a note tells, only the changes of a replay are the sender's words. One that is being sent is
  // somebody else's to write. A reason may go on with what a provider said: "bounced: 550 …".
  for (const char* sql : {"UPDATE delivery SET note = CASE WHEN note LIKE '%\"changes\"%' THEN NULL ELSE "
                          "note END, device_id = NULL "
                          "WHERE id = ?1 AND status <> 2",
                          "UPDATE attempt SET detail = NULL WHERE delivery = ?1 AND detail IS NOT NULL",
                          "UPDATE receipt SET detail = NULL WHERE delivery = ?1 AND detail IS NOT NULL",
                          "UPDATE dead_letter SET error = NULL, reason = CASE WHEN reason LIKE '%:%' THEN "
                          "substr(reason, 1, instr(reason, ':') - 1) ELSE reason END WHERE delivery = ?1"}) {
    CARILLON_CHECK(txn.db.statement(sql).bind(1, id).run());
  }
  CARILLON_CHECK(remove_sealed(txn, id));
  CARILLON_CHECK(txn.db.statement("DELETE FROM sandbox_message WHERE delivery = ?1").bind(1, id).run());
  const std::int64_t messages = txn.db.changes();
  return messages == 0 ? Result<void>{} : store_.sandbox_changed(txn, -messages);
}

Task<Result<void>> SqlPrivacy::wipe_notifications(std::vector<WipedNotification> wiped, Time now) {
  std::size_t rows = 0;
  for (const WipedNotification& one : wiped) rows += 1 + one.deliveries.size() * 4;
  const auto call = [this, &wiped, now](Txn& txn) -> Result<void> {
    const Overwriting overwriting(txn.db);
    for (const WipedNotification& one : wiped) {
      CARILLON_TRY(const Origin origin, load_origin(txn, one.id));
      if (!one.body.empty()) CARILLON_CHECK(replace_body(txn, one));
      for (const std::int64_t delivery : one.deliveries) {
        CARILLON_CHECK(wipe_delivery(txn, delivery, origin, now));
      }
      CARILLON_CHECK(wipe_if_over(txn, one.id));
      txn.after_commit([this, id = one.id] { store_.notification_cache_->erase(id); });
      if (one.user_key == 0) continue;
      Statement s = txn.db.statement("DELETE FROM named WHERE item = ?1 AND key = ?2");
      CARILLON_CHECK(s.bind(1, one.id).bind(2, one.user_key).run());
    }
    return {};
  };
  co_return co_await store_.write(call, JobClass::Other, rows);
}

Task<Result<void>> SqlPrivacy::erase_event_letter(std::int64_t id, std::string rest) {
  const auto call = [id, &rest](Txn& txn) -> Result<void> {
    const Overwriting overwriting(txn.db);
    for (const char* sql :
         {"UPDATE dead_letter SET error = NULL WHERE id = ?1 AND kind = 'event' AND is_closed = 1",
          "DELETE FROM dead_letter WHERE id = ?1 AND kind = 'event' AND is_closed = 0",
          "DELETE FROM event_letter WHERE letter = ?1 AND NOT EXISTS (SELECT 1 FROM dead_letter WHERE id = "
          "?1)",
          "DELETE FROM named WHERE item = ?1"}) {
      CARILLON_CHECK(txn.db.statement(sql).bind(1, id).run());
    }
    Statement s = txn.db.statement("UPDATE event_letter SET event = ?2 WHERE letter = ?1");
    return s.bind(1, id).bind(2, rest).run();
  };
  co_return co_await store_.write(call, JobClass::Other, 4);
}

}  // namespace carillon::store::detail
