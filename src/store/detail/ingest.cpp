// Dead letters of kind "record", and those that wait to be tried again.
#include "store/ingest.h"

#include "base/ids.h"
#include "base/json.h"
#include "store/detail/insert.h"
#include "store/detail/letter_rows.h"
#include "store/detail/overwriting.h"
#include "store/detail/pieces.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {

RecordLetter read_record_letter(const Statement& s) {
  return RecordLetter{.id = s.integer(0),
                      .project = s.as<std::int32_t>(1),
                      .app = s.integer(2),
                      .topic = s.string(3),
                      .partition = s.as<std::int32_t>(4),
                      .offset = s.integer(5),
                      .reason = s.string(6),
                      .error = s.string(7),
                      .record = s.string(8),
                      .hash = s.hash(9),
                      .tries = s.integer(10),
                      .due_at = s.optional_time(11),
                      .at = s.time(12),
                      .is_closed = s.integer(13) != 0,
                      .ended = s.string(14),
                      .notification = s.integer(15)};
}

namespace {

Result<std::int64_t> insert_letter(Txn& txn, const RecordLetter& letter, Time now) {
  CARILLON_TRY(const std::int64_t id,
               insert_head(txn, kRecordLetters, letter.project, letter.reason, letter.error, now));
  Statement s = txn.db.statement(
      "INSERT INTO record_letter(letter, app, at, hash, topic, part, place, record, tries, due_at) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
  s.bind(1, id).bind(2, letter.app).bind(3, now).bind(4, letter.hash).bind(5, letter.topic);
  s.bind(6, std::int64_t{letter.partition}).bind(7, letter.offset).bind(8, letter.record);
  CARILLON_CHECK(s.bind(9, letter.tries).bind(10, letter.due_at).run());
  CARILLON_CHECK(write_named(txn, id, letter.named));
  return id;
}

Result<void> remove_letter(Txn& txn, std::int64_t id) {
  for (const char* sql : {"DELETE FROM named WHERE item = ?1", "DELETE FROM record_letter WHERE letter = ?1",
                          "DELETE FROM dead_letter WHERE id = ?1 AND kind = 'record'"}) {
    CARILLON_CHECK(txn.db.statement(sql).bind(1, id).run());
  }
  return {};
}

// It is dead from now on and not from when it came: it gets its place among the others anew.
Result<void> make_dead(Txn& txn, std::int32_t project, const RecordTry& tried, Time now) {
  CARILLON_TRY(const std::int64_t id,
               insert_head(txn, kRecordLetters, project, tried.reason, tried.error, now));
  for (const char* sql :
       {"UPDATE record_letter SET letter = ?2, tries = tries + 1, due_at = NULL WHERE letter = ?1",
        "UPDATE named SET item = ?2 WHERE item = ?1"}) {
    CARILLON_CHECK(txn.db.statement(sql).bind(1, tried.id).bind(2, id).run());
  }
  return txn.db.statement("DELETE FROM dead_letter WHERE id = ?1").bind(1, tried.id).run();
}

Result<void> settle_one(Txn& txn, const RecordTry& tried, Time now) {
  std::int32_t project = 0;
  {
    Statement s = txn.db.statement(
        "SELECT d.project FROM record_letter r JOIN dead_letter d ON d.id = r.letter WHERE r.letter = ?1 AND "
        "r.due_at IS NOT NULL AND d.is_closed = 0");
    CARILLON_TRY(const bool has_row, s.bind(1, tried.id).next());
    if (!has_row) return {};
    project = s.as<std::int32_t>(0);
  }
  switch (tried.kind) {
    case RecordTry::Kind::Taken: return remove_letter(txn, tried.id);
    case RecordTry::Kind::Dead: return make_dead(txn, project, tried, now);
    case RecordTry::Kind::Again: break;
  }
  Statement s = txn.db.statement("UPDATE record_letter SET tries = tries + 1, due_at = ?2 WHERE letter = ?1");
  CARILLON_CHECK(s.bind(1, tried.id).bind(2, tried.due_at).run());
  return write_reason(txn, tried.id, tried.reason, tried.error);
}

std::string_view action_of(std::string_view ended) noexcept {
  return ended == "republished" ? "record.republish" : "record.replay";
}

AuditEntry audit_of(const RecordEnd& end, const RecordLetter& letter, const Actor& actor, Time now) {
  base::JsonWriter detail;
  detail.object().field("topic", letter.topic).field("partition", std::int64_t{letter.partition});
  detail.field("offset", letter.offset).field("reason", letter.reason);
  tell_notification(detail, end.notification);
  AuditEntry audit;
  audit.project = letter.project;
  audit.at = now;
  audit.actor = actor;
  audit.action = action_of(end.ended);
  audit.object = base::id_text(base::kDeadLetterPrefix, end.id);
  audit.detail = detail.str();
  return audit;
}

Result<std::optional<RecordLetter>> find_by_id(Db& db, std::int64_t id) {
  Statement s =
      db.statement("SELECT " CARILLON_RECORD_LETTER_COLUMNS
                   " FROM record_letter r JOIN dead_letter d ON d.id = r.letter WHERE r.letter = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, id).next());
  if (!has_row) return std::nullopt;
  return read_record_letter(s);
}

}  // namespace

class SqlIngest final : public IngestStore {
 public:
  explicit SqlIngest(SqlStore& store) : store_(store) {}

  Task<Result<std::vector<KeptLetter>>> keep(std::vector<RecordLetter> letters, Time now) override {
    if (!store_.accepts_writes()) co_return fail(Errc::Unavailable, "the disk is nearly full");
    const std::size_t rows = letters.size() * 2;
    const auto call = [letters = std::move(letters), now](Txn& txn) -> Result<std::vector<KeptLetter>> {
      return keep_letters(
          txn, kRecordLetters, letters,
          [&](const RecordLetter& letter) { return insert_letter(txn, letter, now); },
          [&](std::int64_t id, const RecordLetter& letter) {
            return write_reason(txn, id, letter.reason, letter.error);
          });
    };
    co_return co_await store_.write(call, JobClass::Other, rows);
  }

  Task<Result<RecordLetter>> get(std::int64_t id) override {
    co_return co_await store_.look([id](Db& db) -> Result<RecordLetter> {
      CARILLON_TRY(auto found, find_by_id(db, id));
      if (!found) return fail(Errc::NotFound, "no such record among the dead letters");
      return std::move(*found);
    });
  }

  Task<Result<std::vector<RecordLetter>>> take_due(std::size_t limit, Millis lease, Time now) override {
    const auto call = [limit, lease, now](Txn& txn) -> Result<std::vector<RecordLetter>> {
      std::vector<std::int64_t> ids;
      {
        Statement s = txn.db.statement(
            "UPDATE record_letter SET due_at = ?2 WHERE letter IN (SELECT letter FROM record_letter WHERE "
            "due_at <= ?1 ORDER BY due_at LIMIT ?3) AND due_at <= ?1 RETURNING letter");
        s.bind(1, now).bind(2, now + lease).bind(3, static_cast<std::int64_t>(limit));
        CARILLON_TRY(ids, first_column(s));
      }
      std::vector<RecordLetter> letters;
      for (const std::int64_t id : ids) {
        CARILLON_TRY(auto found, find_by_id(txn.db, id));
        if (found) letters.push_back(std::move(*found));
      }
      return letters;
    };
    co_return co_await store_.write(call, JobClass::Other, limit);
  }

  Task<Result<void>> settle(std::vector<RecordTry> tries, Time now) override {
    const std::size_t rows = tries.size() * 4;
    const auto call = [tries = std::move(tries), now](Txn& txn) -> Result<void> {
      for (const RecordTry& tried : tries) CARILLON_CHECK(settle_one(txn, tried, now));
      return {};
    };
    co_return co_await store_.write(call, JobClass::Other, rows);
  }

  Task<Result<bool>> close(RecordEnd end, Actor actor, Time now) override {
    const auto call = [end = std::move(end), actor = std::move(actor), now](Txn& txn) -> Result<bool> {
      CARILLON_TRY(const auto letter, find_by_id(txn.db, end.id));
      if (!letter || letter->is_closed) return false;
      CARILLON_CHECK(close_head(txn, end.id, end.notification, end.ended, actor.name, now));
      Statement r = txn.db.statement(
          "UPDATE record_letter SET due_at = NULL, ended = ?2, record = CASE WHEN ?3 = 1 THEN '' ELSE record "
          "END WHERE letter = ?1");
      CARILLON_CHECK(r.bind(1, end.id).bind(2, end.ended).bind(3, std::int64_t{end.is_wiped}).run());
      if (end.is_wiped)
        CARILLON_CHECK(txn.db.statement("DELETE FROM named WHERE item = ?1").bind(1, end.id).run());
      CARILLON_CHECK(SqlStore::insert_audit(txn, audit_of(end, *letter, actor, now)));
      return true;
    };
    co_return co_await store_.write(call, JobClass::Other, 3);
  }

  Task<Result<void>> erase(std::int64_t id) override {
    const auto call = [id](Txn& txn) -> Result<void> {
      const Overwriting overwriting(txn.db);
      return remove_letter(txn, id);
    };
    co_return co_await store_.write(call, JobClass::Other, 3);
  }

 private:
  SqlStore& store_;
};

std::unique_ptr<IngestStore> SqlStore::make_ingest() { return std::make_unique<SqlIngest>(*this); }

Result<bool> drop_record_letters(Txn& txn, Time before) { return drop_letters(txn, kRecordLetters, before); }

}  // namespace carillon::store::detail
