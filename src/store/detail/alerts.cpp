// Alerts and their notices.
#include "base/ids.h"
#include "store/detail/lists.h"
#include "store/detail/pieces.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

using model::Alert;
using model::AlertKey;

constexpr std::int64_t kDropRows = 500;      // alerts dropped per transaction
constexpr std::size_t kNoticesShown = 100;   // of one alert
constexpr std::size_t kErrorMax = 500;       // bytes
constexpr std::size_t kLettersMax = 10'000;  // looked at together

#define CARILLON_ALERT_COLUMNS                                                                \
  "a.id, a.project, a.kind, a.subject, a.detail, a.n, a.first_at, a.last_at, a.resolved_at, " \
  "a.acknowledged_at, a.acknowledged_by"
constexpr int kAlertColumns = 11;
#define CARILLON_NOTICE_COLUMNS                                                                     \
  "n.id, n.alert, n.project, n.target, n.event, n.state, n.tries, n.made_at, n.due_at, n.message, " \
  "n.ended_at, n.error"

Alert read_alert(const Statement& s) {
  Alert alert;
  alert.id = s.integer(0);
  alert.key = AlertKey{s.as<std::int32_t>(1), s.as<model::AlertKind>(2), s.string(3)};
  alert.detail = s.string(4);
  alert.count = s.integer(5);
  alert.first_at = s.time(6);
  alert.last_at = s.time(7);
  alert.resolved_at = s.optional_time(8);
  alert.acknowledged_at = s.optional_time(9);
  alert.acknowledged_by = s.string(10);
  return alert;
}

// `from`: its first column.
AlertNotice read_notice(const Statement& s, int from) {
  AlertNotice notice;
  notice.id = s.integer(from);
  notice.alert = s.integer(from + 1);
  notice.project = s.as<std::int32_t>(from + 2);
  notice.target = s.as<model::AlertTarget>(from + 3);
  notice.event = s.as<model::AlertEvent>(from + 4);
  notice.state = s.as<NoticeState>(from + 5);
  notice.tries = s.integer(from + 6);
  notice.made_at = s.time(from + 7);
  notice.due_at = s.time(from + 8);
  notice.message = s.integer(from + 9);
  notice.ended_at = s.optional_time(from + 10);
  notice.error = s.string(from + 11);
  return notice;
}

Statement& bind_key(Statement& s, const AlertKey& key) {
  return s.bind(1, std::int64_t{key.project})
      .bind(2, static_cast<std::int64_t>(key.kind))
      .bind(3, key.subject);
}

// The open one of that key; 0: there is none.
Result<std::int64_t> find_open(Txn& txn, const AlertKey& key) {
  Statement s = txn.db.statement(
      "SELECT id FROM alert WHERE project = ?1 AND kind = ?2 AND subject = ?3 AND resolved_at IS NULL");
  CARILLON_TRY(const bool has_row, bind_key(s, key).next());
  return has_row ? s.integer(0) : 0;
}

Result<void> insert_alert(Txn& txn, const AlertChange& change, Time now) {
  txn.note_news();
  const std::string_view detail = base::first_characters(change.detail, model::kAlertDetailMax);
  Statement s = txn.db.statement(
      "INSERT INTO alert(project, kind, subject, detail, n, first_at, last_at) VALUES(?1, ?2, ?3, ?4, ?5, "
      "?6, ?6)");
  bind_key(s, change.key).bind(4, detail).bind(5, std::max<std::int64_t>(change.times, 1)).bind(6, now);
  CARILLON_CHECK(s.run());
  const std::int64_t alert = txn.db.last_id();
  for (const model::AlertTarget target : change.tell) {
    Statement n = txn.db.statement(
        "INSERT INTO alert_notice(alert, project, target, event, state, tries, made_at, due_at) "
        "VALUES(?1, ?2, ?3, 0, 0, 0, ?4, ?4)");
    n.bind(1, alert).bind(2, std::int64_t{change.key.project}).bind(3, static_cast<std::int64_t>(target));
    CARILLON_CHECK(n.bind(4, now).run());
  }
  return {};
}

Result<void> repeat_alert(Txn& txn, std::int64_t alert, const AlertChange& change, Time now) {
  txn.note_news();
  const std::string_view detail = base::first_characters(change.detail, model::kAlertDetailMax);
  Statement s = txn.db.statement(
      "UPDATE alert SET n = n + ?2, last_at = ?3, detail = CASE WHEN ?4 = '' THEN detail ELSE ?4 END WHERE "
      "id = ?1");
  return s.bind(1, alert).bind(2, change.times).bind(3, now).bind(4, detail).run();
}

Result<void> resolve_alert(Txn& txn, std::int64_t alert, Time now) {
  txn.note_news();
  CARILLON_CHECK(
      txn.db.statement("UPDATE alert SET resolved_at = ?2 WHERE id = ?1").bind(1, alert).bind(2, now).run());
  return txn.db
      .statement(
          "INSERT INTO alert_notice(alert, project, target, event, state, tries, made_at, due_at) "
          "SELECT alert, project, target, 1, 0, 0, ?2, ?2 FROM alert_notice WHERE alert = ?1 AND event = 0")
      .bind(1, alert)
      .bind(2, now)
      .run();
}

Result<void> apply(Txn& txn, const AlertChange& change, Time now) {
  CARILLON_TRY(const std::int64_t alert, find_open(txn, change.key));
  switch (change.kind) {
    case AlertChange::Kind::Open:
      return alert == 0 ? insert_alert(txn, change, now) : repeat_alert(txn, alert, change, now);
    case AlertChange::Kind::Repeat:
      if (alert != 0) return repeat_alert(txn, alert, change, now);
      break;
    case AlertChange::Kind::Resolve:
      if (alert != 0) return resolve_alert(txn, alert, now);
      break;
  }
  return {};
}

Result<Alert> load_alert(Db& db, std::int32_t project, std::int64_t id) {
  Statement s =
      db.statement("SELECT " CARILLON_ALERT_COLUMNS " FROM alert a WHERE a.id = ?1 AND a.project = ?2");
  CARILLON_TRY(const bool has_row, s.bind(1, id).bind(2, std::int64_t{project}).next());
  if (!has_row) return fail(Errc::NotFound, "no such alert");
  return read_alert(s);
}

Result<std::vector<Alert>> read_alerts(Statement& s) {
  std::vector<Alert> alerts;
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return alerts;
    alerts.push_back(read_alert(s));
  }
}

// Of letters after ?1 and up to ?2: project, queue, how many, reason and error of the last one, rule, topic.
constexpr const char* kDeliveryTallies =
    "SELECT g.project, g.queue, g.n, e.reason, e.error, '', '' FROM (SELECT l.project, l.queue, count(*) AS "
    "n, "
    "max(l.id) AS last FROM dead_letter l NOT INDEXED CROSS JOIN delivery d ON d.id = l.delivery "
    "WHERE l.id > ?1 AND l.id <= ?2 AND l.kind = 'delivery' AND d.flags & 1 = 0 "
    "AND l.reason NOT LIKE 'unknown_outcome%' GROUP BY l.project, l.queue) g "
    "JOIN dead_letter e ON e.id = g.last";
constexpr const char* kEventTallies =
    "SELECT g.project, d.queue, g.n, d.reason, d.error, g.rule, '' FROM (SELECT l.project, e.rule, count(*) "
    "AS n, "
    "max(l.id) AS last FROM dead_letter l NOT INDEXED CROSS JOIN event_letter e ON e.letter = l.id "
    "WHERE l.id > ?1 AND l.id <= ?2 AND l.kind = 'event' AND e.is_test = 0 GROUP BY l.project, e.rule) g "
    "JOIN dead_letter d ON d.id = g.last";
// Those that wait are not given up. Of the last one only the reason is told.
constexpr const char* kRecordTallies =
    "SELECT g.project, d.queue, g.n, d.reason, '', '', g.topic FROM (SELECT l.project, r.topic, count(*) AS "
    "n, "
    "max(l.id) AS last FROM dead_letter l NOT INDEXED CROSS JOIN record_letter r ON r.letter = l.id "
    "WHERE l.id > ?1 AND l.id <= ?2 AND l.kind = 'record' AND r.due_at IS NULL GROUP BY l.project, r.topic) "
    "g "
    "JOIN dead_letter d ON d.id = g.last";

Result<void> add_tallies(Db& db, const char* sql, std::int64_t after, std::int64_t last,
                         std::vector<LetterTally>& tallies) {
  Statement s = db.statement(sql);
  s.bind(1, after).bind(2, last);
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return {};
    tallies.push_back(LetterTally{.project = s.as<std::int32_t>(0),
                                  .queue = s.as<model::Queue>(1),
                                  .n = s.integer(2),
                                  .reason = s.string(3),
                                  .error = s.string(4),
                                  .rule = s.string(5),
                                  .topic = s.string(6)});
  }
}

}  // namespace

class SqlAlerts final : public AlertStore {
 public:
  explicit SqlAlerts(SqlStore& store) : store_(store) {}

  Task<Result<std::vector<Alert>>> open_ones() override {
    co_return co_await store_.read([](Db& db) -> Result<std::vector<Alert>> {
      Statement s = db.statement("SELECT " CARILLON_ALERT_COLUMNS
                                 " FROM alert a INDEXED BY alert_open WHERE a.resolved_at IS NULL LIMIT ?1");
      s.bind(1, static_cast<std::int64_t>(kOpenAlertsMax));
      return read_alerts(s);
    });
  }

  Task<Result<void>> change(std::vector<AlertChange> changes, std::optional<std::int64_t> letters_seen,
                            Time now) override {
    const std::size_t rows = changes.size() * 3 + 1;
    const auto call = [=, changes = std::move(changes)](Txn& txn) -> Result<void> {
      for (const AlertChange& change : changes) CARILLON_CHECK(apply(txn, change, now));
      if (!letters_seen) return {};
      return txn.db
          .statement(
              "INSERT INTO meta(key, value) VALUES('alert_letters', ?1) "
              "ON CONFLICT(key) DO UPDATE SET value = excluded.value")
          .bind(1, *letters_seen)
          .run();
    };
    co_return co_await store_.write(call, JobClass::Other, rows);
  }

  Task<Result<NewLetters>> new_letters(std::size_t limit) override;
  Task<Result<std::vector<Alert>>> list(AlertFilter filter, ListPage page) override;

  Task<Result<Alert>> get(std::int32_t project, std::int64_t id) override {
    co_return co_await store_.look([&](Db& db) { return load_alert(db, project, id); });
  }

  Task<Result<std::vector<AlertNotice>>> notices_of(std::int64_t alert) override;
  Task<Result<Alert>> acknowledge(std::int32_t project, std::int64_t id, Actor actor, Time now) override;
  Task<Result<NoticeBoard>> board(Time since) override;
  Task<Result<void>> plan(std::vector<std::vector<std::int64_t>> messages, Time now) override;
  Task<Result<void>> settle(std::vector<NoticeResult> results, Time now) override;
  Task<Result<void>> report(std::vector<AlertReport> reports) override;
  Task<Result<std::vector<AlertReport>>> take_reports() override;

 private:
  SqlStore& store_;
};

std::unique_ptr<AlertStore> SqlStore::make_alerts() { return std::make_unique<SqlAlerts>(*this); }

Task<Result<NewLetters>> SqlAlerts::new_letters(std::size_t limit) {
  const auto rows = static_cast<std::int64_t>(std::clamp<std::size_t>(limit, 1, kLettersMax));
  co_return co_await store_.read([rows](Db& db) -> Result<NewLetters> {
    NewLetters letters;
    CARILLON_TRY(const std::int64_t mark, db.scalar("SELECT value FROM meta WHERE key = 'alert_letters'"));
    CARILLON_TRY(const std::int64_t last, db.scalar("SELECT coalesce(max(id), 0) FROM dead_letter"));
    if (last <= mark) {
      // Retention has dropped the latest ones. What is left was counted; their ids are given out again.
      if (last < mark) letters.seen = last;
      return letters;
    }
    {
      Statement s = db.statement(
          "SELECT max(id), count(*) FROM (SELECT id FROM dead_letter WHERE id > ?1 ORDER BY id LIMIT ?2) "
          "AS l");
      CARILLON_TRY(const bool has_row, s.bind(1, mark).bind(2, rows).next());
      if (!has_row || s.is_null(0)) return letters;
      letters.seen = s.integer(0);
      letters.has_more = s.integer(1) == rows;
    }
    for (const char* sql : {kDeliveryTallies, kEventTallies, kRecordTallies})
      CARILLON_CHECK(add_tallies(db, sql, mark, *letters.seen, letters.tallies));
    return letters;
  });
}

Task<Result<std::vector<Alert>>> SqlAlerts::list(AlertFilter filter, ListPage page) {
  co_return co_await store_.read([=](Db& db) -> Result<std::vector<Alert>> {
    Statement s =
        db.statement("SELECT " CARILLON_ALERT_COLUMNS
                     " FROM alert a INDEXED BY alert_project WHERE a.project = ?1 AND a.id < ?2 "
                     "AND (?3 < 0 OR a.kind = ?3) AND (?4 < 0 OR (a.resolved_at IS NULL) = (?4 = 1)) "
                     "ORDER BY a.id DESC LIMIT ?5");
    s.bind(1, std::int64_t{filter.project}).bind(2, below(page)).bind(5, rows_of(page));
    s.bind(3, filter.kind ? static_cast<std::int64_t>(*filter.kind) : -1);
    s.bind(4, filter.is_open ? static_cast<std::int64_t>(*filter.is_open) : -1);
    return read_alerts(s);
  });
}

Task<Result<std::vector<AlertNotice>>> SqlAlerts::notices_of(std::int64_t alert) {
  co_return co_await store_.read([alert](Db& db) -> Result<std::vector<AlertNotice>> {
    std::vector<AlertNotice> notices;
    Statement s = db.statement("SELECT " CARILLON_NOTICE_COLUMNS
                               " FROM alert_notice n WHERE n.alert = ?1 ORDER BY n.id LIMIT ?2");
    s.bind(1, alert).bind(2, static_cast<std::int64_t>(kNoticesShown));
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return notices;
      notices.push_back(read_notice(s, 0));
    }
  });
}

Task<Result<Alert>> SqlAlerts::acknowledge(std::int32_t project, std::int64_t id, Actor actor, Time now) {
  const auto call = [=, actor = std::move(actor)](Txn& txn) -> Result<Alert> {
    CARILLON_TRY(Alert alert, load_alert(txn.db, project, id));
    if (alert.acknowledged_at) return alert;
    txn.note_news();
    CARILLON_CHECK(
        txn.db.statement("UPDATE alert SET acknowledged_at = ?2, acknowledged_by = ?3 WHERE id = ?1")
            .bind(1, id)
            .bind(2, now)
            .bind(3, actor.name)
            .run());
    CARILLON_CHECK(SqlStore::insert_audit(txn, AuditEntry{.project = project,
                                                          .at = now,
                                                          .actor = actor,
                                                          .action = "alert.acknowledge",
                                                          .object = base::id_text(base::kAlertPrefix, id),
                                                          .detail = {}}));
    alert.acknowledged_at = now;
    alert.acknowledged_by = actor.name;
    return alert;
  };
  co_return co_await store_.write(call, JobClass::Other, 2);
}

Task<Result<NoticeBoard>> SqlAlerts::board(Time since) {
  co_return co_await store_.read([since](Db& db) -> Result<NoticeBoard> {
    NoticeBoard board;
    {
      // Of each target by itself: one that cannot be reached holds up no other.
      Statement s = db.statement(
          "SELECT " CARILLON_ALERT_COLUMNS ", " CARILLON_NOTICE_COLUMNS
          " FROM (SELECT id, row_number() OVER (PARTITION BY project, target ORDER BY message IS NULL, id) "
          "AS place FROM alert_notice INDEXED BY alert_notice_waiting WHERE state = 0) w "
          "CROSS JOIN alert_notice n ON n.id = w.id CROSS JOIN alert a ON a.id = n.alert "
          "WHERE w.place <= ?1 ORDER BY n.id");
      s.bind(1, static_cast<std::int64_t>(kWaitingNoticesMax));
      for (;;) {
        CARILLON_TRY(const bool has_row, s.next());
        if (!has_row) break;
        board.waiting.push_back(WaitingNotice{read_notice(s, kAlertColumns), read_alert(s)});
      }
    }
    Statement s = db.statement(
        "SELECT project, target, count(DISTINCT message) FROM alert_notice WHERE planned_at > ?1 GROUP BY 1, "
        "2");
    s.bind(1, since);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return board;
      board.lately.push_back(MessageCount{s.as<std::int32_t>(0), s.as<model::AlertTarget>(1), s.integer(2)});
    }
  });
}

Task<Result<void>> SqlAlerts::plan(std::vector<std::vector<std::int64_t>> messages, Time now) {
  std::size_t rows = 1;
  for (const auto& ids : messages) rows += ids.size();
  const auto call = [messages = std::move(messages), now](Txn& txn) -> Result<void> {
    for (const auto& ids : messages) {
      for (const std::int64_t id : ids) {
        Statement s = txn.db.statement(
            "UPDATE alert_notice SET message = ?2, planned_at = ?3 WHERE id = ?1 AND message IS NULL");
        CARILLON_CHECK(s.bind(1, id).bind(2, ids.front()).bind(3, now).run());
      }
    }
    return {};
  };
  co_return co_await store_.write(call, JobClass::Other, rows);
}

Task<Result<void>> SqlAlerts::settle(std::vector<NoticeResult> results, Time now) {
  const auto call = [results = std::move(results), now](Txn& txn) -> Result<void> {
    for (const NoticeResult& result : results) {
      const std::string_view error = base::first_characters(result.error, kErrorMax);
      const bool is_waiting = result.state == NoticeState::Waiting;
      // A message's notices have ids from its own on.
      Statement s = txn.db.statement(
          "UPDATE alert_notice SET state = ?2, tries = tries + 1, due_at = CASE WHEN ?2 = 0 THEN ?3 ELSE "
          "due_at END, ended_at = ?4, error = ?5 WHERE state = 0 AND id >= ?1 AND message = ?1");
      s.bind(1, result.message).bind(2, static_cast<std::int64_t>(result.state)).bind(3, result.due_at);
      s.bind(4, is_waiting ? std::nullopt : std::optional(now)).bind_or_null(5, error);
      CARILLON_CHECK(s.run());
    }
    return {};
  };
  co_return co_await store_.write(call, JobClass::Other, 2);
}

Task<Result<void>> SqlAlerts::report(std::vector<AlertReport> reports) {
  const std::size_t rows = reports.size();
  const auto call = [reports = std::move(reports)](Txn& txn) -> Result<void> {
    for (const AlertReport& r : reports) {
      Statement s = txn.db.statement(
          "INSERT INTO alert_report(project, channel, subject, code, detail, n, at) VALUES(?1, ?2, ?3, ?4, "
          "?5, ?6, ?7)");
      s.bind(1, std::int64_t{r.project}).bind(2, r.no_route ? static_cast<std::int64_t>(*r.no_route) : -1);
      s.bind(3, r.subject).bind(4, r.code).bind(5, r.detail).bind(6, r.n).bind(7, r.at);
      CARILLON_CHECK(s.run());
    }
    return {};
  };
  co_return co_await store_.write(call, JobClass::Other, rows);
}

Task<Result<std::vector<AlertReport>>> SqlAlerts::take_reports() {
  const auto call = [](Txn& txn) -> Result<std::vector<AlertReport>> {
    std::vector<AlertReport> reports;
    Statement s = txn.db.statement(
        "DELETE FROM alert_report WHERE id IN (SELECT id FROM alert_report ORDER BY id LIMIT ?1) RETURNING "
        "project, channel, subject, code, detail, n, at");
    s.bind(1, static_cast<std::int64_t>(kReportsTaken));
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return reports;
      AlertReport& r = reports.emplace_back();
      r.project = s.as<std::int32_t>(0);
      if (s.integer(1) >= 0) r.no_route = s.as<model::Channel>(1);
      r.subject = s.string(2);
      r.code = s.string(3);
      r.detail = s.string(4);
      r.n = s.integer(5);
      r.at = s.time(6);
    }
  };
  co_return co_await store_.write(call, JobClass::Other, kReportsTaken);
}

Result<bool> drop_alerts(Txn& txn, Time before) {
  CARILLON_CHECK(
      txn.db
          .statement("DELETE FROM alert_notice WHERE alert IN (SELECT id FROM alert WHERE resolved_at "
                     "< ?1 ORDER BY resolved_at LIMIT ?2)")
          .bind(1, before)
          .bind(2, kDropRows)
          .run());
  CARILLON_CHECK(txn.db
                     .statement("DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE resolved_at < ?1 "
                                "ORDER BY resolved_at LIMIT ?2)")
                     .bind(1, before)
                     .bind(2, kDropRows)
                     .run());
  return txn.db.changes() == kDropRows;
}

}  // namespace carillon::store::detail
