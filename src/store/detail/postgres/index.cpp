#include "store/detail/postgres/index.h"

#include <algorithm>

namespace carillon::store::detail {

Result<Candidates> PgIndex::find(Db& db, const HistoryFilter& filter, std::int64_t before,
                                 std::size_t budget) const {
  const auto limit = static_cast<std::int64_t>(std::clamp<std::size_t>(budget, 1, kPageMax + 1));
  const bool by_event = !filter.event_id.empty(), by_user = !by_event && !filter.user_id.empty();
  Statement s =
      db.statement(by_event  ? "SELECT id FROM notification WHERE event_id = ?1 AND id < ?2 AND "
                               "project = ?4 ORDER BY id DESC LIMIT ?3"
                   : by_user ? "SELECT DISTINCT notification FROM history_user WHERE user_id = ?1 AND "
                               "notification < ?2 AND project = ?4 ORDER BY notification DESC LIMIT ?3"
                             : "SELECT notification FROM history_address WHERE key = ?1 AND "
                               "notification < ?2 ORDER BY notification DESC LIMIT ?3");
  if (by_event || by_user) {
    s.bind(1, by_event ? filter.event_id : filter.user_id).bind(4, std::int64_t{filter.project});
  } else {
    s.bind(1, filter.address_key);
  }
  s.bind(2, before == 0 ? INT64_MAX : before).bind(3, limit);
  Candidates c;
  CARILLON_TRY(c.ids, first_column(s));
  c.examined = c.ids.size();
  if (static_cast<std::int64_t>(c.ids.size()) == limit) c.complete_to = c.ids.back();
  return c;
}

}  // namespace carillon::store::detail
