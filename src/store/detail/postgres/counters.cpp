#include "store/detail/postgres/counters.h"

#include "store/detail/postgres/connection.h"
#include "store/detail/rows.h"

namespace carillon::store::detail {

Result<void> PgCounters::write(Db& db, const CounterDeltas& deltas) const {
  PgArray projects, lanes, sandboxes, statuses, counts;
  for (const auto& [key, delta] : deltas) {
    if (delta == 0) continue;
    projects.add(static_cast<std::int64_t>(static_cast<std::int32_t>(key >> 32)));
    lanes.add(static_cast<std::int64_t>(key >> 16 & 0xffff));
    sandboxes.add(static_cast<std::int64_t>(key >> 8 & 0xff));
    statuses.add(static_cast<std::int64_t>(key & 0xff) - 1);
    counts.add(delta);
  }
  if (counts.size() == 0) return {};
  PgStatement& s = static_cast<PgDb&>(db).with_arrays(
      "INSERT INTO counter(node, project, lane, sandbox, status, n) "
      "SELECT ?1, p, l, s, t, n FROM unnest(?2, ?3, ?4, ?5, ?6) AS i(p, l, s, t, n) ORDER BY 2, 3, 4, 5 "
      "ON CONFLICT(node, project, lane, sandbox, status) DO UPDATE SET n = counter.n + excluded.n");
  s.bind_integer(1, node_.load());
  s.bind_array(2, projects);
  s.bind_array(3, lanes);
  s.bind_array(4, sandboxes);
  s.bind_array(5, statuses);
  s.bind_array(6, counts);
  return s.run();
}

Result<void> PgCounters::write_of_notifications(Db& db, const NotificationDeltas& deltas) const {
  PgArray notifications, statuses, counts;
  for (const auto& [key, delta] : deltas) {
    if (delta == 0) continue;
    notifications.add(key.first);
    statuses.add(static_cast<std::int64_t>(key.second));
    counts.add(delta);
  }
  if (counts.size() == 0) return {};
  PgStatement& s = static_cast<PgDb&>(db).with_arrays(
      "INSERT INTO notification_count(node, notification, status, n) "
      "SELECT ?1, i.* FROM unnest(?2, ?3, ?4) AS i(notification, status, n) ORDER BY 2, 3 "
      "ON CONFLICT(notification, status, node) DO UPDATE SET n = notification_count.n + excluded.n");
  s.bind_integer(1, node_.load());
  s.bind_array(2, notifications);
  s.bind_array(3, statuses);
  s.bind_array(4, counts);
  return s.run();
}

Result<void> PgCounters::write_stats(Db& db, const StatDeltas& deltas) const {
  PgArray projects, hours, apps, categories, templates, channels, integrations, events, counts;
  for (const auto& [key, delta] : deltas) {
    if (delta == 0) continue;
    projects.add(std::int64_t{key.project});
    hours.add(key.hour);
    apps.add(key.app);
    categories.add(std::int64_t{key.category});
    templates.add(std::int64_t{key.template_key});
    channels.add(static_cast<std::int64_t>(key.channel));
    integrations.add(std::int64_t{key.integration});
    events.add(std::int64_t{key.event});
    counts.add(delta);
  }
  if (counts.size() == 0) return {};
  PgStatement& s = static_cast<PgDb&>(db).with_arrays(
      "INSERT INTO stats_hourly(node, project, hour, app, category, template, channel, integration, status, "
      "n) SELECT ?1, i.* FROM unnest(?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) AS i(p, h, a, c, t, ch, it, s, n) "
      "ORDER BY 2, 3, 4, 5, 6, 7, 8, 9 ON CONFLICT(project, hour, app, category, template, channel, "
      "integration, status, node) DO UPDATE SET n = stats_hourly.n + excluded.n");
  s.bind_integer(1, node_.load());
  int i = 2;
  for (PgArray* array :
       {&projects, &hours, &apps, &categories, &templates, &channels, &integrations, &events, &counts}) {
    s.bind_array(i++, *array);
  }
  return s.run();
}

Result<std::vector<CounterRow>> read_counters(Db& db) {
  std::vector<CounterRow> rows;
  Statement s = db.statement(
      "SELECT project, lane, sandbox, status, sum(n) FROM counter GROUP BY project, lane, sandbox, status "
      "HAVING sum(n) <> 0");
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return rows;
    const std::int64_t status = s.integer(3);
    rows.push_back(counter_row(
        counter_key(s.as<std::int32_t>(0), lane_at(s.integer(1)), s.integer(2) != 0,
                    status < 0 ? std::nullopt : std::optional(static_cast<model::DeliveryStatus>(status))),
        s.integer(4)));
  }
}

}  // namespace carillon::store::detail
