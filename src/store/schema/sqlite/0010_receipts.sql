R"sql(
-- What providers, recipients and browsers report after the send: the first of each kind per generation, and how
-- often. One that came before its delivery was recorded waits.
CREATE TABLE receipt(delivery INTEGER NOT NULL, generation INTEGER NOT NULL, kind INTEGER NOT NULL,
  at INTEGER NOT NULL, last_at INTEGER NOT NULL, n INTEGER NOT NULL, is_waiting INTEGER NOT NULL,
  integration INTEGER,                -- word; NULL: no provider said it
  provider_id TEXT, code TEXT, detail TEXT,
  PRIMARY KEY(delivery, generation, kind)) WITHOUT ROWID;
CREATE INDEX receipt_waiting ON receipt(delivery) WHERE is_waiting = 1;
)sql"
