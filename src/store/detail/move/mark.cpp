#include "store/detail/move/mark.h"

#include <fmt/format.h>

#include "store/detail/sqlite.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kCacheBytes = 1 << 20;

}  // namespace

Result<MoveMark> read_mark(Db& everything) {
  MoveMark mark;
  Statement s = everything.statement("SELECT key, value FROM meta WHERE key IN ('move', 'moved_at')");
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return mark;
    if (s.text(0) == "move") {
      mark.id = s.integer(1);
    } else {
      mark.moved_at = s.time(1);
    }
  }
}

Result<void> write_mark(const std::string& folder, const MoveMark& mark) {
  CARILLON_TRY(const auto db, SqliteDb::open(folder + "/carillon.db", DbMode::Writer, kCacheBytes));
  CARILLON_CHECK(db->begin());
  CARILLON_CHECK(db->statement("DELETE FROM meta WHERE key IN ('move', 'moved_at')").run());
  if (mark.id != 0) {
    CARILLON_CHECK(db->statement("INSERT INTO meta(key, value) VALUES('move', ?1)").bind(1, mark.id).run());
  }
  if (mark.moved_at) {
    CARILLON_CHECK(
        db->statement("INSERT INTO meta(key, value) VALUES('moved_at', ?1)").bind(1, *mark.moved_at).run());
  }
  return db->commit();
}

Result<void> refuse_marked(Db& everything, const std::string& folder) {
  CARILLON_TRY(const MoveMark mark, read_mark(everything));
  if (mark.moved_at) {
    return fail(
        Errc::FailedPrecondition,
        fmt::format("store.url: what {} held is in PostgreSQL since {} (carillon migrate), and would be "
                    "sent twice from here; set store.url, or CARILLON_STORE_URL, to that database",
                    folder, to_rfc3339(*mark.moved_at)));
  }
  if (mark.id == 0) return {};
  return fail(
      Errc::FailedPrecondition,
      fmt::format("{0} is being moved to PostgreSQL; run the same carillon migrate again, which goes on "
                  "where it was, or carillon migrate --from sqlite:{0} --undo to stay with the files",
                  folder));
}

}  // namespace carillon::store::detail
