// Dead letters of kind "event": business events that a rule could not turn into a notification.
#include "base/ids.h"
#include "base/json.h"
#include "store/detail/insert.h"
#include "store/detail/letter_rows.h"
#include "store/detail/lists.h"
#include "store/detail/pieces.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

Result<std::int64_t> insert_letter(Txn& txn, const EventLetter& letter, Time now) {
  CARILLON_TRY(const std::int64_t id,
               insert_head(txn, kEventLetters, letter.project, letter.reason, letter.error, now));
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
  CARILLON_CHECK(write_reason(txn, id, letter.reason, letter.error));
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
    return keep_letters(
        txn, kEventLetters, letters,
        [&](const EventLetter& letter) { return insert_letter(txn, letter, now); },
        [&](std::int64_t id, const EventLetter& letter) { return refresh_letter(txn, id, letter); });
  };
  co_return co_await write(call, JobClass::Other, rows);
}

EventLetter read_event_letter(const Statement& s) {
  return EventLetter{.id = s.integer(0),
                     .project = s.as<std::int32_t>(1),
                     .app = s.integer(2),
                     .is_test = s.integer(3) != 0,
                     .rule = s.string(4),
                     .reason = s.string(5),
                     .error = s.string(6),
                     .event = s.string(7),
                     .hash = s.hash(8),
                     .at = s.time(9),
                     .is_closed = s.integer(10) != 0,
                     .notification = s.integer(11)};
}

Task<Result<EventLetter>> SqlStore::event_letter(std::int64_t id) {
  co_return co_await look([&](Db& db) -> Result<EventLetter> {
    Statement s =
        db.statement("SELECT " CARILLON_EVENT_LETTER_COLUMNS
                     " FROM event_letter e JOIN dead_letter d ON d.id = e.letter WHERE e.letter = ?1");
    CARILLON_TRY(const bool has_row, s.bind(1, id).next());
    if (!has_row) return fail(Errc::NotFound, "no such event among the dead letters");
    return read_event_letter(s);
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
    detail.object().field("rule", s.text(1));
    tell_notification(detail, notification);
    audit.detail = detail.str();
    CARILLON_CHECK(close_head(txn, id, notification, kReplayed, actor.name, now));
    Statement e = txn.db.statement("UPDATE event_letter SET event = ?2 WHERE letter = ?1");
    if (!rest.empty()) CARILLON_CHECK(e.bind(1, id).bind(2, rest).run());
    CARILLON_CHECK(insert_audit(txn, audit));
    return true;
  };
  co_return co_await write(call, JobClass::Other, 2);
}

Result<bool> drop_event_letters(Txn& txn, Time before) { return drop_letters(txn, kEventLetters, before); }

}  // namespace carillon::store::detail
