R"sql(
-- Servers of the projects' own that are told of events. data: model::encode(Webhook), its secrets sealed. state:
-- 1 enabled, 2 paused, 4 switched off by the system, 8 wants addresses, 16 wants the sandbox's.
CREATE TABLE webhook(id INTEGER PRIMARY KEY AUTOINCREMENT, project INTEGER NOT NULL, key TEXT NOT NULL,
  version INTEGER NOT NULL, events INTEGER NOT NULL, state INTEGER NOT NULL, data TEXT NOT NULL,
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  failing_since INTEGER,              -- of its latest tries none succeeded since then
  UNIQUE(project, key));
-- What happened, written with it, when a webhook wants to be told. id: of the store's making, by time; data: a JSON
-- object; address: whom it reached, for webhooks that ask for it.
CREATE TABLE webhook_event(id INTEGER PRIMARY KEY, project INTEGER NOT NULL, type INTEGER NOT NULL,
  at INTEGER NOT NULL, is_sandbox INTEGER NOT NULL, app INTEGER, user_id TEXT, address TEXT, data TEXT NOT NULL);
CREATE INDEX webhook_event_user ON webhook_event(project, user_id) WHERE user_id IS NOT NULL;
-- Which webhook is told of it, and what became of that. due_at: set while it waits.
CREATE TABLE webhook_delivery(webhook INTEGER NOT NULL, event INTEGER NOT NULL,
  state INTEGER NOT NULL,             -- store::WebhookState
  tries INTEGER NOT NULL, due_at INTEGER, at INTEGER, took_ms INTEGER, status INTEGER, error TEXT, answer TEXT,
  PRIMARY KEY(webhook, event)) WITHOUT ROWID;
CREATE INDEX webhook_delivery_due ON webhook_delivery(webhook, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_delivery_open ON webhook_delivery(webhook, state, event) WHERE state <> 1;
-- Tries that did not succeed.
CREATE TABLE webhook_attempt(webhook INTEGER NOT NULL, event INTEGER NOT NULL, seq INTEGER NOT NULL,
  at INTEGER NOT NULL, took_ms INTEGER NOT NULL, status INTEGER, error TEXT, answer TEXT,
  PRIMARY KEY(webhook, event, seq)) WITHOUT ROWID
)sql"
