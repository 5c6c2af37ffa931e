// Dead letters of kind "event": business events that a rule could not turn into a notification.
#include "base/ids.h"
#include "base/json.h"
#include "store/detail/insert.h"
#include "store/detail/lists.h"
#include "store/detail/pieces.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kDropRows = 500;  // per transaction; an event may have 256 KB

// The letter of that hash, if there is one: the open one, or one that was replayed.
Result<std::optional<KeptLetter>> find_letter(Txn& txn, const base::Hash128& hash) {
  Statement s = txn.db.statement(
      "SELECT e.letter, d.is_closed, d.notification FROM event_letter e JOIN dead_letter d ON d.id = "
      "e.letter WHERE e.hash = ?1 LIMIT 1");
  CARILLON_TRY(const bool has_row, s.bind(1, hash).next());
  if (!has_row) return std::nullopt;
  return KeptLetter{.id = s.integer(0), .was_replayed = s.integer(1) != 0, .notification = s.integer(2)};
}

Result<std::int64_t> insert_letter(Txn& txn, const EventLetter& letter, Time now) {
  Statement s = txn.db.statement(
      "INSERT INTO dead_letter(project, delivery, notification, queue, kind, reason, error, at, is_closed) "
      "VALUES(?1, 0, 0, ?2, 'event', ?3, ?4, ?5, 0)");
  s.bind(1, std::int64_t{letter.project}).bind(2, static_cast<std::int64_t>(model::Queue::None));
  s.bind(3, letter.reason).bind_or_null(4, letter.error).bind(5, now);
  CARILLON_CHECK(s.run());
  const std::int64_t id = txn.db.last_id();
  Statement e = txn.db.statement(
      "INSERT INTO event_letter(letter, app, is_test, at, rule, hash, event) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  e.bind(1, id).bind(2, letter.app).bind(3, std::int64_t{letter.is_test}).bind(4, now).bind(5, letter.rule);
  CARILLON_CHECK(e.bind(6, letter.hash).bind(7, letter.event).run());
  CARILLON_CHECK(write_named(txn, id, letter.named));
  return id;
}

// The letter stays where it is and keeps its time.
Result<void> refresh_letter(Txn& txn, std::int64_t id, const EventLetter& letter) {
  Statement s = txn.db.statement("UPDATE dead_letter SET reason = ?2, error = ?3 WHERE id = ?1");
  CARILLON_CHECK(s.bind(1, id).bind(2, letter.reason).bind_or_null(3, letter.error).run());
  Statement e = txn.db.statement("UPDATE event_letter SET event = ?2 WHERE letter = ?1");
  CARILLON_CHECK(e.bind(1, id).bind(2, letter.event).run());
  return write_named(txn, id, letter.named);
}

}  // namespace

Task<Result<std::vector<KeptLetter>>> SqlStore::put_event_letters(std::vector<EventLetter> letters,
                                                                  Time now) {
  if (!accepts_writes()) co_return fail(Errc::Unavailable, "the disk is nearly full");
  const std::size_t rows = letters.size() * 2;
  const auto call = [letters = std::move(letters), now](Txn& txn) -> Result<std::vector<KeptLetter>> {
    std::vector<KeptLetter> kept;
    kept.reserve(letters.size());
    for (const EventLetter& letter : letters) {
      CARILLON_TRY(const auto found, find_letter(txn, letter.hash));
      if (!found) {
        CARILLON_TRY(const std::int64_t id, insert_letter(txn, letter, now));
        kept.push_back(KeptLetter{.id = id});
        continue;
      }
      if (!found->was_replayed) CARILLON_CHECK(refresh_letter(txn, found->id, letter));
      kept.push_back(*found);
    }
    return kept;
  };
  co_return co_await write(call, JobClass::Other, rows);
}

Task<Result<EventLetter>> SqlStore::event_letter(std::int64_t id) {
  co_return co_await look([&](Db& db) -> Result<EventLetter> {
    Statement s = db.statement(
        "SELECT d.project, e.app, e.is_test, e.rule, d.reason, d.error, e.event, e.hash, d.at, d.is_closed, "
        "d.notification FROM event_letter e JOIN dead_letter d ON d.id = e.letter WHERE e.letter = ?1");
    CARILLON_TRY(const bool has_row, s.bind(1, id).next());
    if (!has_row) return fail(Errc::NotFound, "no such event among the dead letters");
    return EventLetter{.id = id,
                       .project = s.as<std::int32_t>(0),
                       .app = s.integer(1),
                       .is_test = s.integer(2) != 0,
                       .rule = s.string(3),
                       .reason = s.string(4),
                       .error = s.string(5),
                       .event = s.string(6),
                       .hash = s.hash(7),
                       .at = s.time(8),
                       .is_closed = s.integer(9) != 0,
                       .notification = s.integer(10)};
  });
}

Task<Result<bool>> SqlStore::close_event_letter(std::int64_t id, std::int64_t notification, std::string rest,
                                                Actor actor, Time now) {
  const auto call = [=, rest = std::move(rest), actor = std::move(actor)](Txn& txn) -> Result<bool> {
    Statement s = txn.db.statement(
        "SELECT d.project, e.rule FROM event_letter e JOIN dead_letter d ON d.id = e.letter "
        "WHERE e.letter = ?1 AND d.is_closed = 0");
    CARILLON_TRY(const bool has_row, s.bind(1, id).next());
    if (!has_row) return false;
    AuditEntry audit;
    audit.project = s.as<std::int32_t>(0);
    audit.at = now;
    audit.actor = actor;
    audit.action = "event.replay";
    audit.object = base::id_text(base::kDeadLetterPrefix, id);
    base::JsonWriter detail;
    detail.object().field("rule", s.text(1)).key("notification");
    if (notification != 0) {
      detail.value(base::id_text(base::kNotificationPrefix, notification));
    } else {
      detail.null();
    }
    detail.end_object();
    audit.detail = detail.str();
    Statement u = txn.db.statement("UPDATE dead_letter SET is_closed = 1, notification = ?2 WHERE id = ?1");
    CARILLON_CHECK(u.bind(1, id).bind(2, notification).run());
    Statement e = txn.db.statement("UPDATE event_letter SET event = ?2 WHERE letter = ?1");
    if (!rest.empty()) CARILLON_CHECK(e.bind(1, id).bind(2, rest).run());
    CARILLON_CHECK(insert_audit(txn, audit));
    return true;
  };
  co_return co_await write(call, JobClass::Other, 2);
}

Result<bool> drop_event_letters(Txn& txn, Time before) {
  Statement letters = txn.db.statement(
      "DELETE FROM dead_letter WHERE id IN (SELECT letter FROM event_letter WHERE at < ?1 ORDER BY at LIMIT "
      "?2)");
  CARILLON_CHECK(letters.bind(1, before).bind(2, kDropRows).run());
  Statement named = txn.db.statement(
      "DELETE FROM named WHERE item IN (SELECT letter FROM event_letter WHERE at < ?1 ORDER BY at LIMIT ?2)");
  CARILLON_CHECK(named.bind(1, before).bind(2, kDropRows).run());
  Statement events = txn.db.statement(
      "DELETE FROM event_letter WHERE letter IN (SELECT letter FROM event_letter WHERE at < ?1 ORDER BY at "
      "LIMIT ?2)");
  CARILLON_CHECK(events.bind(1, before).bind(2, kDropRows).run());
  return txn.db.changes() == kDropRows;
}

}  // namespace carillon::store::detail
