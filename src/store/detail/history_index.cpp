#include "store/detail/history_index.h"

#include <algorithm>

namespace carillon::store::detail {

std::int64_t HistoryIndex::key_of(const HistoryFilter& filter) const {
  if (!filter.event_id.empty()) return history_.event_key(filter.project, filter.event_id);
  if (!filter.user_id.empty()) return history_.user_key(filter.project, filter.user_id);
  return filter.address_key;
}

Result<void> HistoryIndex::note(Txn& txn, std::span<const model::Delivery> deliveries,
                                std::int64_t notification) {
  for (const model::Delivery& d : deliveries) {
    // The history index has passed this id already (the call waited long): it is added at once.
    if (d.id > history_.high() || d.user_id.empty()) continue;
    CARILLON_CHECK(history_.add_late(txn, history_.user_key(d.project, d.user_id), notification));
  }
  return {};
}

Result<Candidates> HistoryIndex::tail_of_user(Db& db, const HistoryFilter& filter, std::int64_t above,
                                              std::int64_t before, std::size_t budget) {
  Candidates c;
  // Deliveries of a notification accepted at once are below those of the next; only expanded ones have
  // deliveries beyond `before`. Looking for them may not use up what is needed to get on.
  const std::int64_t split = std::max(before, above + 1);
  CARILLON_TRY(const std::int64_t beyond, scan_user(db, filter, split - 1, INT64_MAX, before, budget / 2, c));
  static_cast<void>(beyond);
  CARILLON_TRY(c.complete_to,
               scan_user(db, filter, above, split, before, std::max<std::size_t>(budget, 2), c));
  return c;
}

Result<std::int64_t> HistoryIndex::scan_user(Db& db, const HistoryFilter& filter, std::int64_t above,
                                             std::int64_t end, std::int64_t before, std::size_t budget,
                                             Candidates& c) {
  Statement s = db.statement(
      "SELECT id, notification, project, user_id FROM delivery WHERE id > ?1 AND id < ?2 ORDER BY id DESC");
  s.bind(1, above).bind(2, end);
  while (c.examined < budget) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return 0;
    ++c.examined;
    const bool is_theirs = s.as<std::int32_t>(2) == filter.project && s.text(3) == filter.user_id;
    if (is_theirs && s.integer(1) < before) c.ids.push_back(s.integer(1));
    if (c.examined == budget) return s.integer(0);
  }
  return 0;
}

Result<Candidates> HistoryIndex::tail_of_notifications(Db& db, const HistoryFilter& filter,
                                                       std::int64_t above, std::int64_t before,
                                                       std::size_t budget) {
  Candidates c;
  if (filter.event_id.empty()) {
    Statement s = db.statement(
        "SELECT notification FROM history_address WHERE notification > ?1 "
        "AND notification < ?2 AND key = ?3 ORDER BY notification DESC LIMIT ?4");
    s.bind(1, above).bind(2, before).bind(3, filter.address_key).bind(4, static_cast<std::int64_t>(budget));
    CARILLON_TRY(c.ids, first_column(s));
    c.examined = c.ids.size();
    if (c.examined == budget) c.complete_to = c.ids.back();
    return c;
  }
  Statement s = db.statement(
      "SELECT id, project, event_id FROM notification WHERE id > ?1 AND id < ?2 ORDER BY id DESC");
  s.bind(1, above).bind(2, before);
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return c;
    const bool is_it = s.as<std::int32_t>(1) == filter.project && s.text(2) == filter.event_id;
    if (is_it) c.ids.push_back(s.integer(0));
    if (++c.examined < budget) continue;
    c.complete_to = s.integer(0);
    return c;
  }
}

Result<Candidates> HistoryIndex::find(Db& db, const HistoryFilter& filter, std::int64_t before,
                                      std::size_t budget) const {
  CARILLON_TRY(const std::int64_t indexed_to, History::indexed_to(db));
  const bool by_user = !filter.user_id.empty() && filter.event_id.empty();
  CARILLON_TRY(Candidates c, by_user ? tail_of_user(db, filter, indexed_to, before, budget)
                                     : tail_of_notifications(db, filter, indexed_to, before, budget));
  constexpr std::size_t kIndexed = kPageMax + 1;
  CARILLON_TRY(const std::vector<std::int64_t> indexed, History::find(db, key_of(filter), before, kIndexed));
  if (indexed.size() == kIndexed) c.complete_to = std::max(c.complete_to, indexed.back());
  c.ids.insert(c.ids.end(), indexed.begin(), indexed.end());
  std::ranges::sort(c.ids, std::greater{});
  c.ids.erase(std::unique(c.ids.begin(), c.ids.end()), c.ids.end());
  std::erase_if(c.ids, [&](std::int64_t id) { return id < c.complete_to; });
  return c;
}

}  // namespace carillon::store::detail
