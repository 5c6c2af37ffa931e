// Addresses never to contact again.
#include "base/crypto.h"
#include "store/detail/lists.h"
#include "store/detail/sql_store.h"
#include "store/detail/suppression_rows.h"

namespace carillon::store::detail {
namespace {

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

Task<Result<void>> SqlStore::put_suppression(Suppression suppression, bool is_removed, Actor actor,
                                             Time now) {
  if (suppression.at == Time{}) suppression.at = now;
  const auto call = [=, this, suppression = std::move(suppression)](Txn& txn) -> Result<void> {
    if (is_removed) {
      Statement s =
          txn.db.statement("DELETE FROM suppression WHERE project = ?1 AND channel = ?2 AND hash = ?3");
      CARILLON_CHECK(bind_suppression(s, suppression.project, suppression.channel, suppression.hash).run());
      if (txn.db.changes() == 0) return fail(Errc::NotFound, "this address is not suppressed");
      CARILLON_CHECK(tell_suppression(txn, suppression, true, now));
    } else {
      CARILLON_CHECK(insert_suppression(txn, suppression));
      // One that was there keeps its date; the reason is the latest.
      Statement s = txn.db.statement(
          "UPDATE suppression SET reason = ?4, hint = coalesce(?5, hint) "
          "WHERE project = ?1 AND channel = ?2 AND hash = ?3");
      bind_suppression(s, suppression.project, suppression.channel, suppression.hash);
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

Task<Result<std::vector<Suppression>>> SqlStore::list_suppressions(std::int32_t project, ListPage page) {
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
