// Addresses never to contact again.
#include "base/crypto.h"
#include "store/detail/lists.h"
#include "store/detail/sqlite_store.h"

namespace carillon::store::detail {
namespace {

#define CARILLON_SUPPRESSION_COLUMNS "id, project, channel, hash, hint, reason, at"

Suppression read_suppression(const Statement& s) {
  return Suppression{.id = s.integer(0),
                     .project = s.as<std::int32_t>(1),
                     .channel = s.as<model::Channel>(2),
                     .hash = s.hash(3),
                     .hint = s.string(4),
                     .reason = s.string(5),
                     .at = s.time(6)};
}

Statement& bind_key(Statement& s, std::int32_t project, model::Channel channel, const base::Hash128& hash) {
  return s.bind(1, std::int64_t{project}).bind(2, static_cast<std::int64_t>(channel)).bind(3, hash);
}

// The masked address is what people know it by; the hash in the object tells nothing to anybody.
std::string detail_of(const Suppression& s) {
  base::JsonWriter out;
  out.object().field_if("address", s.hint).field_if("reason", s.reason).end_object();
  return out.str();
}

std::string object_of(const Suppression& s) {
  const std::string_view bytes(reinterpret_cast<const char*>(s.hash.data()), s.hash.size());
  return fmt::format("{}:{}", model::name(s.channel), base::hex(bytes));
}

}  // namespace

Task<Result<std::vector<std::optional<Suppression>>>> SqliteStore::suppressed(std::int32_t project,
                                                                              std::vector<AddressKey> keys) {
  std::vector<std::optional<Suppression>> found(keys.size());
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (suppression_filter_.may_have(project, keys[i].channel, keys[i].hash)) candidates.push_back(i);
  }
  if (candidates.empty()) co_return found;
  const auto look = [&](Db& db) -> Result<void> {
    for (const std::size_t i : candidates) {
      Statement s = db.statement("SELECT " CARILLON_SUPPRESSION_COLUMNS
                                 " FROM suppression "
                                 "WHERE project = ?1 AND channel = ?2 AND hash = ?3");
      CARILLON_TRY(const bool has_row, bind_key(s, project, keys[i].channel, keys[i].hash).next());
      if (has_row) found[i] = read_suppression(s);
    }
    return {};
  };
  if (Result<void> done = readers_->inline_read(look); !done) co_return std::unexpected(done.error());
  co_return found;
}

Result<bool> SqliteStore::insert_suppression(Txn& txn, const Suppression& suppression) {
  suppression_filter_.add(suppression.project, suppression.channel, suppression.hash);
  Statement s = txn.db.statement(
      "INSERT OR IGNORE INTO suppression(project, channel, hash, hint, reason, at) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
  bind_key(s, suppression.project, suppression.channel, suppression.hash);
  CARILLON_CHECK(
      s.bind_or_null(4, suppression.hint).bind(5, suppression.reason).bind(6, suppression.at).run());
  if (txn.db.changes() == 0) return false;
  CARILLON_CHECK(tell_suppression(txn, suppression, false, suppression.at));
  return true;
}

Task<Result<void>> SqliteStore::put_suppression(Suppression suppression, bool is_removed, Actor actor,
                                                Time now) {
  if (suppression.at == Time{}) suppression.at = now;
  const auto call = [=, this, suppression = std::move(suppression)](Txn& txn) -> Result<void> {
    if (is_removed) {
      Statement s =
          txn.db.statement("DELETE FROM suppression WHERE project = ?1 AND channel = ?2 AND hash = ?3");
      CARILLON_CHECK(bind_key(s, suppression.project, suppression.channel, suppression.hash).run());
      if (txn.db.changes() == 0) return fail(Errc::NotFound, "this address is not suppressed");
      CARILLON_CHECK(tell_suppression(txn, suppression, true, now));
    } else {
      CARILLON_CHECK(insert_suppression(txn, suppression));
      // One that was there keeps its date; the reason is the latest.
      Statement s = txn.db.statement(
          "UPDATE suppression SET reason = ?4, hint = ifnull(?5, hint) "
          "WHERE project = ?1 AND channel = ?2 AND hash = ?3");
      bind_key(s, suppression.project, suppression.channel, suppression.hash);
      CARILLON_CHECK(s.bind(4, suppression.reason).bind_or_null(5, suppression.hint).run());
    }
    return insert_audit(txn, AuditEntry{.project = suppression.project,
                                        .at = now,
                                        .actor = actor,
                                        .action = is_removed ? "suppression.remove" : "suppression.add",
                                        .object = object_of(suppression),
                                        .detail = detail_of(suppression)});
  };
  co_return co_await write(call);
}

Task<Result<std::vector<Suppression>>> SqliteStore::list_suppressions(std::int32_t project, ListPage page) {
  co_return co_await read([project, page](Db& db) -> Result<std::vector<Suppression>> {
    std::vector<Suppression> rows;
    Statement s = db.statement("SELECT " CARILLON_SUPPRESSION_COLUMNS
                               " FROM suppression WHERE project = ?1 "
                               "AND id < ?2 ORDER BY id DESC LIMIT ?3");
    s.bind(1, std::int64_t{project}).bind(2, below(page)).bind(3, rows_of(page));
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return rows;
      rows.push_back(read_suppression(s));
    }
  });
}

}  // namespace carillon::store::detail
