// Uploaded objects: their rows, what pins them, and what is left of them.
#include "store/objects.h"

#include "base/ids.h"
#include "store/detail/insert.h"
#include "store/detail/lists.h"
#include "store/detail/pieces.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kDropRows = 200;  // expired objects looked at per transaction
constexpr std::int64_t kPinsMax = 500;   // looked at per transaction
constexpr Millis kLookAgain{3'600'000};  // at one that is still needed

#define CARILLON_OBJECT_COLUMNS \
  "id, project, app, size, type, filename, sha256, created_by, created_at, expires_at"

StoredObject read_object(const Statement& s) {
  return StoredObject{.id = s.integer(0),
                      .project = s.as<std::int32_t>(1),
                      .app = s.integer(2),
                      .size = s.integer(3),
                      .type = s.string(4),
                      .filename = s.string(5),
                      .sha256 = s.string(6),
                      .created_by = s.string(7),
                      .created_at = s.time(8),
                      .expires_at = s.time(9)};
}

Result<std::optional<StoredObject>> find_object(Db& db, std::int64_t id) {
  Statement s = db.statement("SELECT " CARILLON_OBJECT_COLUMNS " FROM object WHERE id = ?1");
  CARILLON_TRY(const bool has_row, s.bind(1, id).next());
  if (!has_row) return std::nullopt;
  return read_object(s);
}

// A notification that needs the object; 0: none does, and the rows of those that did are gone. Looks at no
// more than `budget` of them, which it takes off; nullopt: there may be more.
Result<std::optional<std::int64_t>> pinned_by(Txn& txn, std::int64_t object, std::int64_t& budget) {
  std::vector<std::int64_t> pins;
  {
    Statement s = txn.db.statement("SELECT notification FROM object_pin WHERE object = ?1 LIMIT ?2");
    s.bind(1, object).bind(2, budget);
    CARILLON_TRY(pins, first_column(s));
  }
  budget -= static_cast<std::int64_t>(pins.size());
  for (const std::int64_t notification : pins) {
    CARILLON_TRY(const bool may_go, is_over(txn, notification));
    if (!may_go) return notification;
    CARILLON_CHECK(txn.db.statement("DELETE FROM object_pin WHERE object = ?1 AND notification = ?2")
                       .bind(1, object)
                       .bind(2, notification)
                       .run());
  }
  if (budget == 0) return std::nullopt;
  return 0;
}

// From now on its bytes are nobody's.
Result<void> drop(Txn& txn, std::int64_t id, Time now) {
  CARILLON_CHECK(txn.db.statement("DELETE FROM object WHERE id = ?1").bind(1, id).run());
  return txn.db
      .statement(
          "INSERT INTO object_abandoned(id, due_at) VALUES(?1, ?2) "
          "ON CONFLICT(id) DO UPDATE SET due_at = excluded.due_at")
      .bind(1, id)
      .bind(2, now)
      .run();
}

}  // namespace

Result<void> pin_objects(Txn& txn, std::int64_t notification, std::span<const std::int64_t> objects) {
  for (const std::int64_t object : objects) {
    // Changed, though it stays the same: whoever is removing it meanwhile has to look again.
    CARILLON_CHECK(
        txn.db.statement("UPDATE object SET look_at = look_at WHERE id = ?1").bind(1, object).run());
    if (txn.db.changes() == 0) return fail(Errc::Conflict, "an object was removed meanwhile; send it again");
    CARILLON_CHECK(txn.db
                       .statement("INSERT INTO object_pin(object, notification) VALUES(?1, ?2) "
                                  "ON CONFLICT DO NOTHING")
                       .bind(1, object)
                       .bind(2, notification)
                       .run());
  }
  return {};
}

class SqlObjects final : public ObjectStore {
 public:
  explicit SqlObjects(SqlStore& store) : store_(store) {}

  Task<Result<void>> begin(std::int64_t id, Time due) override {
    if (!store_.accepts_writes()) co_return fail(Errc::Unavailable, "the disk is nearly full");
    const auto call = [id, due](Txn& txn) -> Result<void> {
      return txn.db
          .statement(
              "INSERT INTO object_abandoned(id, due_at) VALUES(?1, ?2) "
              "ON CONFLICT(id) DO UPDATE SET due_at = excluded.due_at")
          .bind(1, id)
          .bind(2, due)
          .run();
    };
    co_return co_await store_.write(call);
  }

  Task<Result<void>> put(StoredObject object) override {
    const auto call = [&object](Txn& txn) -> Result<void> {
      CARILLON_CHECK(txn.db.statement("DELETE FROM object_abandoned WHERE id = ?1").bind(1, object.id).run());
      if (txn.db.changes() == 0) return fail(Errc::Conflict, "the upload took too long; send it again");
      Statement s = txn.db.statement("INSERT INTO object(" CARILLON_OBJECT_COLUMNS
                                     ", look_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)");
      s.bind(1, object.id).bind(2, std::int64_t{object.project}).bind(3, object.app).bind(4, object.size);
      s.bind(5, object.type).bind_or_null(6, object.filename).bind(7, object.sha256);
      return s.bind(8, object.created_by).bind(9, object.created_at).bind(10, object.expires_at).run();
    };
    co_return co_await store_.write(call, JobClass::Other, 2);
  }

  Task<Result<std::vector<std::optional<StoredObject>>>> get(std::vector<std::int64_t> ids) override {
    using Found = std::vector<std::optional<StoredObject>>;
    co_return co_await store_.look([&ids](Db& db) -> Result<Found> {
      Found found;
      found.reserve(ids.size());
      for (const std::int64_t id : ids) {
        CARILLON_TRY(auto object, find_object(db, id));
        found.push_back(std::move(object));
      }
      return found;
    });
  }

  Task<Result<std::vector<StoredObject>>> list(std::int32_t project, std::int64_t app,
                                               ListPage page) override {
    co_return co_await store_.read([project, app, page](Db& db) -> Result<std::vector<StoredObject>> {
      // Each by an index of its own.
      Statement s =
          app == 0 ? db.statement("SELECT " CARILLON_OBJECT_COLUMNS
                                  " FROM object WHERE project = ?2 AND id < ?1 ORDER BY id DESC LIMIT ?3")
                   : db.statement("SELECT " CARILLON_OBJECT_COLUMNS
                                  " FROM object WHERE app = ?4 AND id < ?1 AND project = ?2 "
                                  "ORDER BY id DESC LIMIT ?3");
      s.bind(1, below(page)).bind(2, std::int64_t{project}).bind(3, rows_of(page));
      if (app != 0) s.bind(4, app);
      std::vector<StoredObject> objects;
      for (;;) {
        CARILLON_TRY(const bool has_row, s.next());
        if (!has_row) return objects;
        objects.push_back(read_object(s));
      }
    });
  }

  Task<Result<void>> remove(std::int64_t id, Actor actor, Time now) override {
    // False: more notifications that are at their end had named it than are looked at in one transaction.
    const auto call = [id, &actor, now](Txn& txn) -> Result<bool> {
      CARILLON_TRY(const auto object, find_object(txn.db, id));
      if (!object) return fail(Errc::NotFound, "no such object");
      std::int64_t budget = kPinsMax;
      CARILLON_TRY(const auto by, pinned_by(txn, id, budget));
      if (!by) return false;
      if (*by != 0) {
        return fail(Errc::FailedPrecondition,
                    fmt::format("{} still needs it; cancel that, or wait for its end",
                                base::id_text(base::kNotificationPrefix, *by)));
      }
      CARILLON_CHECK(drop(txn, id, now));
      CARILLON_CHECK(SqlStore::insert_audit(txn, AuditEntry{.project = object->project,
                                                            .at = now,
                                                            .actor = actor,
                                                            .action = "object.delete",
                                                            .object = base::id_text(base::kObjectPrefix, id),
                                                            .detail = {}}));
      return true;
    };
    for (bool is_done = false; !is_done;) {
      CARILLON_CO_TRY(is_done,
                      co_await store_.write(call, JobClass::Other, static_cast<std::size_t>(kPinsMax)));
    }
    co_return Result<void>{};
  }

  Task<Result<bool>> drop_expired(Millis grace, Time now) override {
    const auto call = [grace, now](Txn& txn) -> Result<bool> {
      std::vector<std::int64_t> ids;
      {
        Statement s = txn.db.statement("SELECT id FROM object WHERE look_at <= ?1 ORDER BY look_at LIMIT ?2");
        s.bind(1, now - grace).bind(2, kDropRows);
        CARILLON_TRY(ids, first_column(s));
      }
      std::int64_t budget = kPinsMax;
      for (const std::int64_t id : ids) {
        CARILLON_TRY(const auto by, pinned_by(txn, id, budget));
        if (!by) return true;  // it is looked at first the next time
        if (*by == 0) {
          CARILLON_CHECK(drop(txn, id, now));
        } else {
          CARILLON_CHECK(txn.db.statement("UPDATE object SET look_at = ?2 WHERE id = ?1")
                             .bind(1, id)
                             .bind(2, now - grace + kLookAgain)
                             .run());
        }
      }
      return static_cast<std::int64_t>(ids.size()) == kDropRows;
    };
    co_return co_await store_.write(call, JobClass::Other, static_cast<std::size_t>(kDropRows));
  }

  Task<Result<std::vector<std::int64_t>>> abandoned(std::size_t limit, Time now) override {
    co_return co_await store_.read([limit, now](Db& db) -> Result<std::vector<std::int64_t>> {
      Statement s =
          db.statement("SELECT id FROM object_abandoned WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2");
      s.bind(1, now).bind(2, static_cast<std::int64_t>(limit));
      return first_column(s);
    });
  }

  Task<Result<void>> forget(std::vector<std::int64_t> ids) override {
    const auto call = [&ids](Txn& txn) -> Result<void> {
      for (const std::int64_t id : ids) {
        CARILLON_CHECK(txn.db.statement("DELETE FROM object_abandoned WHERE id = ?1").bind(1, id).run());
      }
      return {};
    };
    co_return co_await store_.write(call, JobClass::Other, ids.size());
  }

 private:
  SqlStore& store_;
};

std::unique_ptr<ObjectStore> SqlStore::make_objects() { return std::make_unique<SqlObjects>(*this); }

}  // namespace carillon::store::detail
