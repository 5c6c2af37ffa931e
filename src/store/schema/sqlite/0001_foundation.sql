R"sql(
-- Foundation: everything embedded mode stores. Read by detail/schema.cpp (the first and the last line make it
-- a C++ literal). Times are ms since 1970; enums are the numbers of model/; a NULL is the default value.

-- Small things by name: dedup_floor, history_high, counters_at, …
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
-- Who runs on this store: owner = node << 32 | epoch.
CREATE TABLE process(instance TEXT PRIMARY KEY, node INTEGER NOT NULL, epoch INTEGER NOT NULL,
  started_at INTEGER NOT NULL) WITHOUT ROWID;
-- Repeated texts (integration, category, template) as small integers; never deleted.
CREATE TABLE word(id INTEGER PRIMARY KEY, text TEXT NOT NULL);

-- ---- the hot tables: the id key and partial indexes, nothing else (PIPELINE §1)
CREATE TABLE notification(
  id INTEGER PRIMARY KEY, project INTEGER NOT NULL, app INTEGER NOT NULL, status INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  flags INTEGER NOT NULL,             -- 1 sandbox, 2 cancelled, 4 its deliveries are in `chunk`
  category INTEGER, template INTEGER, -- word
  template_version INTEGER, accepted_at INTEGER NOT NULL, expires_at INTEGER, send_at INTEGER,
  first_delivery INTEGER, delivery_count INTEGER,
  cursor INTEGER,                     -- of the expansion
  event_id TEXT, body TEXT NOT NULL);
-- Scheduled and expanding ones.
CREATE INDEX notification_waiting ON notification(ifnull(send_at, 0), id) WHERE status IN (2, 3);

CREATE TABLE delivery(
  id INTEGER PRIMARY KEY, notification INTEGER NOT NULL, project INTEGER NOT NULL,
  lane INTEGER NOT NULL,              -- model::Lane::index(), queue * 4 + priority
  status INTEGER NOT NULL, reason INTEGER NOT NULL,
  flags INTEGER NOT NULL,             -- 1 sandbox
  epoch INTEGER NOT NULL, attempts INTEGER NOT NULL,
  due_at INTEGER,                     -- set in pending, held (with a time) and retrying only
  owner INTEGER,                      -- set in processing only
  finished_at INTEGER,                -- set in final states only
  expires_at INTEGER, to_index INTEGER, resent INTEGER, generation INTEGER, claims_lost INTEGER,
  integration INTEGER,                -- word
  user_id TEXT, device_id TEXT, provider_id, note TEXT);
CREATE INDEX delivery_due ON delivery(lane, due_at) WHERE due_at IS NOT NULL;
-- Held, failed, dead, unknown: what people look for and sweepers release.
-- A query uses it only when it repeats `(status = 1 OR status BETWEEN 6 AND 8)` beside its own condition. Not written
-- as IN (…): SQLite would build a temporary table for that list at every insert and update (17 % of the writer's time).
CREATE INDEX delivery_trouble ON delivery(status, id) WHERE status = 1 OR status BETWEEN 6 AND 8;

-- What was claimed together (8 bytes per delivery id), until all of it is recorded: where a restart looks for
-- rows in processing. An index entry per delivery would cost more than the claim itself.
CREATE TABLE claim_run(seq INTEGER PRIMARY KEY, ids BLOB NOT NULL);
-- Deliveries of expanded notifications: runs of contiguous ids.
CREATE TABLE chunk(notification INTEGER NOT NULL, first INTEGER NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY(notification, first)) WITHOUT ROWID;
CREATE TABLE attempt(delivery INTEGER NOT NULL, seq INTEGER NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL,
  took_ms INTEGER NOT NULL, integration INTEGER, outcome TEXT NOT NULL, status INTEGER, code TEXT, detail TEXT,
  provider_id TEXT, PRIMARY KEY(delivery, seq)) WITHOUT ROWID;
CREATE TABLE dead_letter(id INTEGER PRIMARY KEY, project INTEGER NOT NULL, delivery INTEGER NOT NULL,
  notification INTEGER NOT NULL, queue INTEGER NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, error TEXT,
  at INTEGER NOT NULL, is_closed INTEGER NOT NULL);
CREATE INDEX dead_letter_delivery ON dead_letter(delivery);
CREATE INDEX dead_letter_project ON dead_letter(project, id);

-- Event ids seen (PIPELINE §1): append-only; the look-up structure is in memory.
CREATE TABLE dedup(ordinal INTEGER PRIMARY KEY, hash BLOB NOT NULL, notification INTEGER NOT NULL,
  fingerprint BLOB NOT NULL);
-- The part of it that did not fit into memory, as sorted runs.
CREATE TABLE dedup_run(run INTEGER NOT NULL, tag INTEGER NOT NULL, ordinal INTEGER NOT NULL,
  PRIMARY KEY(run, tag, ordinal)) WITHOUT ROWID;

-- One row per user × cap key × channel: when its tokens were taken (ms, 8 bytes each, ascending).
CREATE TABLE cap(key INTEGER PRIMARY KEY, expires_at INTEGER NOT NULL, times BLOB NOT NULL);

CREATE TABLE counter(project INTEGER NOT NULL, lane INTEGER NOT NULL, sandbox INTEGER NOT NULL,
  status INTEGER NOT NULL,            -- DeliveryStatus, or -1: accepted
  n INTEGER NOT NULL, PRIMARY KEY(project, lane, sandbox, status)) WITHOUT ROWID;
-- What happened in an hour (UTC hours since 1970). status 0 (pending): accepted in that hour.
CREATE TABLE stats_hourly(project INTEGER NOT NULL, hour INTEGER NOT NULL, app INTEGER NOT NULL,
  category INTEGER NOT NULL, template INTEGER NOT NULL, channel INTEGER NOT NULL, integration INTEGER NOT NULL,
  status INTEGER NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY(project, hour, app, category, template, channel, integration, status)) WITHOUT ROWID;

-- Look-ups of notifications by user, event id, address: (keyed hash, notification id), filled in sorted
-- batches a few seconds behind; the rest is an id-range scan above meta.history_high.
CREATE TABLE history(run INTEGER NOT NULL, key INTEGER NOT NULL, id INTEGER NOT NULL,
  PRIMARY KEY(run, key, id)) WITHOUT ROWID;
CREATE TABLE history_run(run INTEGER PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL, n INTEGER NOT NULL);
-- Raw addresses of notifications not yet folded into `history`.
CREATE TABLE history_address(notification INTEGER NOT NULL, key INTEGER NOT NULL,
  PRIMARY KEY(notification, key)) WITHOUT ROWID;

-- ---- people
CREATE TABLE profile(id INTEGER PRIMARY KEY, project INTEGER NOT NULL, user_id TEXT NOT NULL,
  version INTEGER NOT NULL, email TEXT, data TEXT NOT NULL, UNIQUE(project, user_id));
CREATE INDEX profile_email ON profile(project, email) WHERE email IS NOT NULL;
-- A token is unique per project × service × bundle; hash = address_hash(service, bundle, token).
CREATE TABLE endpoint_owner(project INTEGER NOT NULL, hash BLOB NOT NULL, user_id TEXT NOT NULL,
  device_id TEXT NOT NULL, PRIMARY KEY(project, hash)) WITHOUT ROWID;
CREATE TABLE device_owner(project INTEGER NOT NULL, device_id TEXT NOT NULL, user_id TEXT NOT NULL,
  PRIMARY KEY(project, device_id, user_id)) WITHOUT ROWID;
CREATE TABLE preference_log(id INTEGER PRIMARY KEY, project INTEGER NOT NULL, user_id TEXT NOT NULL,
  at INTEGER NOT NULL, actor TEXT NOT NULL, source TEXT NOT NULL, change TEXT NOT NULL);
CREATE INDEX preference_log_user ON preference_log(project, user_id, id);
CREATE TABLE suppression(id INTEGER PRIMARY KEY, project INTEGER NOT NULL, channel INTEGER NOT NULL,
  hash BLOB NOT NULL, hint TEXT, reason TEXT NOT NULL, at INTEGER NOT NULL, UNIQUE(project, channel, hash));
CREATE INDEX suppression_project ON suppression(project, id);

-- ---- records, audit, small durable state
CREATE TABLE record(id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, project INTEGER NOT NULL,
  key TEXT NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL, created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL, UNIQUE(kind, project, key));
CREATE TABLE audit(id INTEGER PRIMARY KEY, project INTEGER NOT NULL, at INTEGER NOT NULL, actor TEXT NOT NULL,
  action TEXT NOT NULL, object TEXT NOT NULL, detail TEXT);
CREATE INDEX audit_project ON audit(project, id);
CREATE TABLE sandbox_message(id INTEGER PRIMARY KEY, project INTEGER NOT NULL, delivery INTEGER NOT NULL,
  notification INTEGER NOT NULL, channel INTEGER NOT NULL, recipient TEXT NOT NULL, content TEXT NOT NULL,
  at INTEGER NOT NULL);
CREATE TABLE answer(key TEXT PRIMARY KEY, expires_at INTEGER NOT NULL, answer TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX answer_expires ON answer(expires_at);
)sql"
