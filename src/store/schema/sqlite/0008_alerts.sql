R"sql(
-- What is wrong with the sending itself, for the developers who run it; at most one open alert of a problem.
CREATE TABLE alert(id INTEGER PRIMARY KEY AUTOINCREMENT, project INTEGER NOT NULL, kind INTEGER NOT NULL, subject TEXT NOT NULL,
  detail TEXT NOT NULL, n INTEGER NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, resolved_at INTEGER,
  acknowledged_at INTEGER, acknowledged_by TEXT);
CREATE UNIQUE INDEX alert_open ON alert(project, kind, subject) WHERE resolved_at IS NULL;
CREATE INDEX alert_project ON alert(project, id);
CREATE INDEX alert_resolved ON alert(resolved_at) WHERE resolved_at IS NOT NULL;
-- Who has to be told of it, and was. Those that go out as one message have the same `message`: the least of their ids.
CREATE TABLE alert_notice(id INTEGER PRIMARY KEY AUTOINCREMENT, alert INTEGER NOT NULL, project INTEGER NOT NULL,
  target INTEGER NOT NULL,            -- model::AlertTarget
  event INTEGER NOT NULL,             -- model::AlertEvent
  state INTEGER NOT NULL,             -- store::NoticeState
  tries INTEGER NOT NULL, made_at INTEGER NOT NULL, due_at INTEGER NOT NULL,
  message INTEGER, planned_at INTEGER, ended_at INTEGER, error TEXT);
CREATE INDEX alert_notice_waiting ON alert_notice(id) WHERE state = 0;
CREATE INDEX alert_notice_alert ON alert_notice(alert, id);
CREATE INDEX alert_notice_planned ON alert_notice(planned_at) WHERE planned_at IS NOT NULL;
-- How far the dead letters were looked at: not those from before there were alerts.
INSERT INTO meta(key, value) SELECT 'alert_letters', ifnull(max(id), 0) FROM dead_letter
)sql"
