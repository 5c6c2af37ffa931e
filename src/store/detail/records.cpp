// Records with their versions, and kept answers.
#include "store/detail/audit.h"
#include "store/detail/lists.h"
#include "store/detail/pieces.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kTrimRows = 2'000;  // per call
// Kinds of pipeline/directory.h that are more than a record here. What a schedule did changes with each run,
// and nobody holds it.
constexpr std::string_view kKindOfMembers = "member", kKindOfSchedules = "schedule",
                           kKindOfRuns = "schedule_state";
constexpr std::size_t kKeyMax = 512;        // bytes of kind and key each
constexpr std::size_t kDataMax = 4U << 20;  // bytes of one record

#define CARILLON_RECORD_COLUMNS "id, version, data, created_at, updated_at"

Record read_record(const Statement& s, RecordKey key) {
  return Record{.key = std::move(key),
                .id = s.integer(0),
                .version = s.integer(1),
                .data = s.string(2),
                .created_at = s.time(3),
                .updated_at = s.time(4)};
}

Result<std::optional<Record>> load_record(Db& db, const RecordKey& key) {
  Statement s = db.statement("SELECT " CARILLON_RECORD_COLUMNS
                             " FROM record WHERE kind = ?1 AND project = ?2 AND key = ?3");
  CARILLON_TRY(const bool has_row,
               s.bind(1, key.kind).bind(2, std::int64_t{key.project}).bind(3, key.key).next());
  if (!has_row) return std::nullopt;
  return read_record(s, key);
}

Result<void> write_record(Txn& txn, Record& record, bool is_new) {
  if (!is_new) {
    Statement s =
        txn.db.statement("UPDATE record SET version = ?2, data = ?3, updated_at = ?4 WHERE id = ?1");
    return s.bind(1, record.id).bind(2, record.version).bind(3, record.data).bind(4, record.updated_at).run();
  }
  Statement s = txn.db.statement(
      "INSERT INTO record(kind, project, key, version, data, created_at, updated_at) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  s.bind(1, record.key.kind).bind(2, std::int64_t{record.key.project}).bind(3, record.key.key);
  s.bind(4, record.version).bind(5, record.data).bind(6, record.created_at).bind(7, record.updated_at);
  CARILLON_CHECK(s.run());
  record.id = txn.db.last_id();
  return {};
}

// A version of a template or layout stays as it is and can be read: the trail need not repeat it.
bool tells(const RecordKey& key) { return !key.kind.ends_with("_version"); }

Result<void> note_change_of(Txn& txn, std::string_view kind) {
  if (kind == kKindOfRuns) return {};
  return note_change(txn, kind == kKindOfSchedules ? "schedules" : "records");
}

}  // namespace

Result<void> note_change(Txn& txn, std::string_view what) {
  if (!txn.db.is_server()) return {};
  return txn.db.statement("UPDATE meta SET value = value + 1 WHERE key = ?1").bind(1, what).run();
}

Task<Result<Record>> SqlStore::get_record(RecordKey key) {
  auto found = co_await look([&](Db& db) { return load_record(db, key); });
  if (!found) co_return std::unexpected(found.error());
  if (!*found) co_return fail(Errc::NotFound, fmt::format("no {} \"{}\"", key.kind, key.key));
  co_return std::move(**found);
}

Task<Result<Record>> SqlStore::put_record(Record record, std::optional<std::int64_t> expected_version,
                                          Actor actor, Time now) {
  if (record.key.kind.empty() || record.key.kind.size() > kKeyMax || record.key.key.size() > kKeyMax ||
      record.data.size() > kDataMax) {
    co_return fail(Errc::InvalidArgument,
                   "a record has a kind, a key of at most 512 bytes and at most 4 MiB of data");
  }
  const auto call = [=, record = std::move(record), actor = std::move(actor)](Txn& txn) -> Result<Record> {
    CARILLON_TRY(const auto stored, load_record(txn.db, record.key));
    const std::int64_t version = stored ? stored->version : 0;
    if (expected_version && *expected_version != version) {
      return fail(Errc::Conflict, version == 0 ? "it does not exist any more"
                                  : *expected_version == 0
                                      ? "it exists already"
                                      : "it was changed by somebody else: read it again");
    }
    Record next = record;
    next.id = stored ? stored->id : 0;
    next.version = version + 1;
    next.created_at = stored ? stored->created_at : now;
    next.updated_at = now;
    CARILLON_CHECK(write_record(txn, next, !stored));
    CARILLON_CHECK(note_change_of(txn, next.key.kind));
    if (actor.empty()) return next;
    CARILLON_CHECK(insert_audit(
        txn, AuditEntry{.project = next.key.project,
                        .at = now,
                        .actor = actor,
                        .action = next.key.kind + (stored ? ".update" : ".create"),
                        .object = next.key.key,
                        .detail = audit_detail(next.version, stored ? stored->data : std::string(), next.data,
                                               tells(next.key))}));
    return next;
  };
  co_return co_await write(call, JobClass::Other, 2);
}

Task<Result<void>> SqlStore::delete_record(RecordKey key, Actor actor, Time now) {
  const auto call = [=, key = std::move(key), actor = std::move(actor)](Txn& txn) -> Result<void> {
    CARILLON_TRY(const auto stored, load_record(txn.db, key));
    if (!stored) return fail(Errc::NotFound, fmt::format("no {} \"{}\"", key.kind, key.key));
    CARILLON_CHECK(txn.db.statement("DELETE FROM record WHERE id = ?1").bind(1, stored->id).run());
    CARILLON_CHECK(note_change_of(txn, key.kind));
    if (key.kind == kKindOfMembers) CARILLON_CHECK(forget_member(txn, key.key));
    if (actor.empty()) return {};
    return insert_audit(txn, AuditEntry{.project = key.project,
                                        .at = now,
                                        .actor = actor,
                                        .action = key.kind + ".delete",
                                        .object = key.key,
                                        .detail = audit_detail(0, stored->data, {}, tells(key))});
  };
  co_return co_await write(call, JobClass::Other, 2);
}

Task<Result<std::vector<Record>>> SqlStore::list_records(std::string kind, std::int32_t project,
                                                         ListPage page) {
  const auto call = [=, kind = std::move(kind),
                     page = std::move(page)](Db& db) -> Result<std::vector<Record>> {
    std::vector<Record> records;
    Statement s = db.statement("SELECT " CARILLON_RECORD_COLUMNS
                               ", key FROM record WHERE kind = ?1 AND project = ?2 "
                               "AND key > ?3 ORDER BY key LIMIT ?4");
    s.bind(1, kind).bind(2, std::int64_t{project}).bind(3, page.after_key).bind(4, rows_of(page));
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return records;
      records.push_back(read_record(s, RecordKey{kind, project, s.string(5)}));
    }
  };
  co_return co_await read(call);
}

Task<Result<std::optional<std::string>>> SqlStore::get_answer(std::string key, Time now) {
  co_return co_await look([&](Db& db) -> Result<std::optional<std::string>> {
    Statement s = db.statement("SELECT answer FROM answer WHERE key = ?1 AND expires_at > ?2");
    CARILLON_TRY(const bool has_row, s.bind(1, key).bind(2, now).next());
    return has_row ? std::optional(s.string(0)) : std::nullopt;
  });
}

Task<Result<void>> SqlStore::put_answer(std::string key, std::string answer, Time expires, Time now) {
  // The first answer stays until it expires: whoever came second is told what the first was told.
  const auto call = [=, key = std::move(key), answer = std::move(answer)](Txn& txn) -> Result<void> {
    Statement s = txn.db.statement(
        "INSERT INTO answer(key, expires_at, answer) VALUES(?1, ?2, ?3) ON CONFLICT(key) DO UPDATE "
        "SET expires_at = excluded.expires_at, answer = excluded.answer WHERE answer.expires_at <= ?4");
    return s.bind(1, key).bind(2, expires).bind(3, answer).bind(4, now).run();
  };
  co_return co_await write(call);
}

Result<bool> trim_answers(Txn& txn, Time now) {
  Statement answers = txn.db.statement(
      "DELETE FROM answer WHERE key IN (SELECT key FROM answer "
      "INDEXED BY answer_expires WHERE expires_at <= ?1 LIMIT ?2)");
  CARILLON_CHECK(answers.bind(1, now).bind(2, kTrimRows).run());
  return txn.db.changes() == kTrimRows;
}

}  // namespace carillon::store::detail
